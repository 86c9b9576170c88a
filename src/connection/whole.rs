//! The usual case: a message in a single frame that has arrived whole.
//!
//! The same as what `receive.rs` does with it, in fewer instructions; `benches/instructions` counts
//! them. Whatever is unusual or wrong is left to `receive.rs`, before anything has changed.

#![warn(clippy::indexing_slicing)]

use super::receive::Receiving;
use super::{Config, Connection, Delivery, Event, MessageKind, ProtocolError};
use crate::frame::Opcode;
use crate::recv_buffer::{RecvBuffer, Region};
use core::ops::Range;

/// The first byte of a message in a single frame, not encoded by an extension.
const TEXT: u8 = 0x80 | Opcode::Text as u8;
const BINARY: u8 = 0x80 | Opcode::Binary as u8;

/// A message, and where it is in the buffer.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(super) kind: MessageKind,
    pub(super) range: Range<usize>,
}

impl Connection {
    /// Takes the message that is next in `rx`, if it is a usual one.
    #[inline]
    pub(crate) fn find_whole(&self, rx: &mut RecvBuffer) -> Option<Whole> {
        let Receiving::Between = self.receiving else { return None };
        let (first_two, rest) = rx.unread().split_first_chunk()?;
        let [first, second] = *first_two;
        let kind = match first {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        let (len, rest) = match second & 0x7F {
            127 => return None,
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len), rest)
            }
            len => (u16::from(len), rest),
        };
        let is_masked = second & 0x80 != 0;
        let (key, rest) = if is_masked {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        let Config { limits, delivery, .. } = &*self.config;
        let is_minimal = len > 125 || second & 0x7F != 126;
        let usual = is_minimal
            && is_masked == self.is_server()
            && *delivery == Delivery::Messages
            && u64::from(len) <= limits.max_frame_bytes
            && u64::from(len) <= limits.max_message_bytes;
        let len = usize::from(len);
        if !usual || rest.len() < len {
            return None;
        }
        let header_len = rx.unread().len() - rest.len();
        let range = rx.take_frame(header_len, len, key);
        Some(Whole { kind, range })
    }

    /// The event that it is. Not by way of [`Found`](super::receive::Found), since that is put
    /// together in memory, and to wait until it can be read again takes longer than parsing.
    #[inline]
    pub(crate) fn hand_out_whole<'b>(
        &mut self,
        Whole { kind, range }: Whole,
        rx: &'b RecvBuffer,
    ) -> Result<Event<'b>, ProtocolError> {
        let bytes = rx.slice(Region::Received, range);
        match kind {
            MessageKind::Binary => Ok(Event::Binary(bytes)),
            MessageKind::Text => match simdutf8::basic::from_utf8(bytes) {
                Ok(text) => Ok(Event::Text(text)),
                Err(_) => Err(self.fail(ProtocolError::InvalidUtf8)),
            },
        }
    }
}
