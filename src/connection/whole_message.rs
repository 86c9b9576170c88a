//! The usual case: a frame that has arrived whole.
//!
//! The same as what `receive.rs` does with it, in fewer instructions; `benches/instructions` counts
//! them. Whatever is unusual or wrong is left to `receive.rs`, before anything has changed.

#![warn(clippy::indexing_slicing)]

use super::assembly::ArrivedPayload;
use super::receive::{EventRanges, Receiving};
use super::{Connection, Delivery, Event, MessageKind, ProtocolError};
use crate::frame::Opcode;
use crate::mask::Mask;
use crate::recv_buffer::{RecvBuffer, Region};
use core::ops::Range;

/// The first byte of a message in a single frame, not encoded by an extension.
const TEXT: u8 = 0x80 | Opcode::Text as u8;
const BINARY: u8 = 0x80 | Opcode::Binary as u8;

/// The first byte of a further fragment, and of the last one.
const FURTHER_FRAGMENT: u8 = Opcode::Continuation as u8;
const LAST_FRAGMENT: u8 = 0x80 | Opcode::Continuation as u8;

/// A message, and where it is in the buffer.
#[derive(Debug)]
pub(super) struct WholeMessage {
    kind: MessageKind,
    range: Range<usize>,
}

/// A frame that has arrived whole, and has the length and the mask that it should have.
struct Frame {
    first_byte: u8,
    header_len: usize,
    payload_len: u16,
    key: Option<[u8; 4]>,
}

impl Frame {
    #[inline]
    fn parse(unread: &[u8], masked: bool, max_len: u64) -> Option<Self> {
        let (first_two, rest) = unread.split_first_chunk()?;
        let [first_byte, second] = *first_two;
        let (payload_len, rest) = match second & 0x7F {
            127 => return None,
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len), rest)
            }
            len => (u16::from(len), rest),
        };
        let (key, rest) = if masked {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        let is_minimal = payload_len > 125 || second & 0x7F != 126;
        let usual = is_minimal
            && (second & 0x80 != 0) == masked
            && u64::from(payload_len) <= max_len
            && rest.len() >= usize::from(payload_len);
        let header_len = unread.len() - rest.len();
        usual.then_some(Self { first_byte, header_len, payload_len, key })
    }
}

impl Connection {
    /// Takes the message that is next in `rx`, if it is in one frame.
    #[inline]
    pub(super) fn find_whole_message(&self, rx: &mut RecvBuffer) -> Option<WholeMessage> {
        let (Receiving::Between, Delivery::Messages) = (&self.receiving, self.config.delivery)
        else {
            return None;
        };
        let limits = &self.config.limits;
        let frame = Frame::parse(rx.unread(), self.is_server(), limits.max_frame_bytes)?;
        let kind = match frame.first_byte {
            TEXT => MessageKind::Text,
            BINARY => MessageKind::Binary,
            _ => return None,
        };
        if u64::from(frame.payload_len) > limits.max_message_bytes {
            return None;
        }
        let range = rx.take_frame(frame.header_len, frame.payload_len.into(), frame.key);
        Some(WholeMessage { kind, range })
    }

    /// Takes in the further fragment that is next in `rx`.
    #[inline]
    pub(super) fn take_fragment(&mut self, rx: &mut RecvBuffer) -> Option<ArrivedPayload> {
        let masked = self.is_server();
        let limits = &self.config.limits;
        let Receiving::Within(incoming) = &mut self.receiving else { return None };
        if !incoming.awaits_fragment() {
            return None;
        }
        let frame = Frame::parse(rx.unread(), masked, limits.max_frame_bytes)?;
        let last = match frame.first_byte {
            FURTHER_FRAGMENT => false,
            LAST_FRAGMENT => true,
            _ => return None,
        };
        incoming
            .count_frame(frame.payload_len.into(), limits.max_message_bytes, limits.max_fragments)
            .ok()?;
        rx.consume(frame.header_len);
        let mut mask = frame.key.map(Mask::new);
        let range = rx.extend_message(frame.payload_len.into(), mask.as_mut());
        Some(ArrivedPayload { range, frame_ended: true, message_ended: last })
    }

    /// The event that it is, without a detour by [`EventRanges`], which would go through memory;
    /// DESIGN.md has the reason.
    #[inline]
    pub(super) fn lend_whole_message<'b>(
        &mut self,
        WholeMessage { kind, range }: WholeMessage,
        rx: &'b RecvBuffer,
    ) -> Result<Event<'b>, ProtocolError> {
        self.activity.message_received = true;
        let bytes = rx.slice(Region::Received, range);
        match kind {
            MessageKind::Binary => Ok(Event::Binary(bytes)),
            MessageKind::Text => self.check_text(bytes).map(Event::Text),
        }
    }
}

impl WholeMessage {
    #[inline]
    pub(super) fn into_ranges(self) -> EventRanges {
        EventRanges::Message { kind: self.kind, region: Region::Received, range: self.range }
    }
}
