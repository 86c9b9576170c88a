//! A message comes together: limits, fragments, decoding, UTF-8.
//!
//! ```text
//!   payload of a frame ──▶ joined in the buffer ──▶ decoded, if an extension encoded it
//!                                                        │
//!            whole message, or a part of it ◀── UTF-8 ◀──┘
//! ```

#![warn(clippy::indexing_slicing)]

use super::receive::EventRanges;
use super::{Config, Delivery, MessageKind, ProtocolError};
use crate::extension::Agreement;
use crate::mask::Mask;
use crate::recv_buffer::{RecvBuffer, Region};
use crate::utf8::{self, Validator};
use core::ops::Range;

/// Bytes of a part that an extension decoded, at most, when messages are handed out in parts.
const PART_BYTES: usize = 16 * 1024;

/// A message whose end has not come.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    kind: MessageKind,
    /// Where it comes together. In [`Region::Decoded`] if an extension has encoded it.
    pub(super) region: Region,
    /// No part of it has been handed out yet.
    first: bool,
    /// Payload bytes declared by its frames so far.
    declared: u64,
    /// Bytes decoded so far.
    decoded: u64,
    fragments: u32,
    utf8: Validator,
    /// What came before this error has been handed out.
    pub(super) failed: Option<ProtocolError>,
    /// The frame whose payload is not complete, if any.
    pub(super) frame: Option<IncomingFrame>,
}

#[derive(Debug)]
pub(super) struct IncomingFrame {
    pub(super) fin: bool,
    pub(super) mask: Option<Mask>,
    /// Payload bytes not yet consumed from the buffer.
    pub(super) missing: u64,
}

/// What has arrived of the payload of a frame.
pub(super) struct ArrivedPayload {
    /// Where it is now.
    pub(super) range: Range<usize>,
    pub(super) frame_ended: bool,
    /// The message has ended with it.
    pub(super) message_ended: bool,
}

impl ArrivedPayload {
    pub(super) const NOTHING: Self = Self { range: 0..0, frame_ended: false, message_ended: false };
}

impl IncomingMessage {
    pub(super) fn new(kind: MessageKind, region: Region) -> Self {
        Self {
            kind,
            region,
            first: true,
            declared: 0,
            decoded: 0,
            fragments: 0,
            utf8: Validator::new(),
            failed: None,
            frame: None,
        }
    }

    /// Whether a further fragment may come next, and come as it is.
    #[inline]
    pub(super) fn awaits_fragment(&self) -> bool {
        self.frame.is_none() && self.region == Region::Received && self.failed.is_none()
    }

    /// Counts one more frame, if the limits allow it.
    #[inline]
    pub(super) fn count_frame(
        &mut self,
        payload_len: u64,
        max_message_bytes: u64,
        max_fragments: u32,
    ) -> Result<(), ProtocolError> {
        let declared = self.declared.saturating_add(payload_len);
        if declared > max_message_bytes {
            return Err(ProtocolError::MessageTooBig);
        }
        let fragments = self.fragments.saturating_add(1);
        if fragments > max_fragments.max(1) {
            return Err(ProtocolError::TooManyFragments);
        }
        self.declared = declared;
        self.fragments = fragments;
        Ok(())
    }

    /// Takes in what has arrived of the payload of the open frame.
    #[inline]
    pub(super) fn receive(
        &mut self,
        rx: &mut RecvBuffer,
        config: &Config,
        agreement: Option<&mut Agreement>,
    ) -> ArrivedPayload {
        let Some(frame) = &mut self.frame else { return ArrivedPayload::NOTHING };
        let n = frame.missing.min(rx.unread().len() as u64);
        frame.missing -= n;
        let fin = frame.fin;
        let mut frame_ended = frame.missing == 0;
        let mut range = rx.extend_message(n as usize, frame.mask.as_mut());
        if let (Region::Decoded, Some(agreement)) = (self.region, agreement) {
            // Stays so if the codec panics.
            self.failed = Some(ProtocolError::CorruptMessage);
            let (decoded, full) = self.decode(rx, config, agreement, frame_ended && fin);
            range = decoded;
            // The frame stays open until there was room for all that it decodes to.
            frame_ended &= full == Ok(false);
            self.failed = full.err();
        }
        if frame_ended {
            self.frame = None;
        }
        ArrivedPayload { range, frame_ended, message_ended: frame_ended && fin }
    }

    /// Decodes what has arrived, as far as the limits allow, and for parts as far as one part
    /// goes. Returns where it is now, and whether there may be more.
    ///
    /// What was decoded before an error is returned all the same, and is then checked: it might
    /// have arrived on its own, and which error is the first must not depend on how the bytes were
    /// cut.
    fn decode(
        &mut self,
        rx: &mut RecvBuffer,
        config: &Config,
        agreement: &mut Agreement,
        last: bool,
    ) -> (Range<usize>, Result<bool, ProtocolError>) {
        let allowed = config.limits.max_message_bytes.saturating_sub(self.decoded);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        // One byte more than allowed, to see whether there is more than that.
        let mut room = allowed.saturating_add(1);
        if config.delivery == Delivery::Parts {
            room = room.min(PART_BYTES);
        }
        let mut full = Ok(false);
        let arrived = rx.decode(|input, output| {
            let most = output.len().saturating_add(allowed);
            let decoded = agreement.codec.decode(input, last, output, room);
            full = decoded.map(|decoded| decoded.full).map_err(ProtocolError::from);
            if output.len() > most {
                output.truncate(most);
                full = Err(ProtocolError::MessageTooBig);
            }
            decoded.map_or(0, |decoded| decoded.consumed)
        });
        self.decoded += arrived.len() as u64;
        (arrived, full)
    }

    /// Checks text as it arrives. One that arrives at once is not checked here, but when it is
    /// handed out.
    #[inline]
    pub(super) fn check(
        &mut self,
        rx: &RecvBuffer,
        arrived: Range<usize>,
        last: bool,
    ) -> Result<(), ProtocolError> {
        let at_once = last && arrived == rx.message(self.region);
        if self.kind == MessageKind::Text && !at_once {
            let text = rx.slice(self.region, arrived);
            self.utf8.push(text).map_err(|_| ProtocolError::InvalidUtf8)?;
            if last && !self.utf8.is_complete() {
                return Err(ProtocolError::InvalidUtf8);
            }
        }
        self.failed.map_or(Ok(()), Err)
    }

    /// Takes the whole message.
    pub(super) fn take_whole(&self, rx: &mut RecvBuffer) -> EventRanges {
        let Self { kind, region, .. } = *self;
        let range = rx.take_message(region, rx.message(region).len());
        EventRanges::Message { kind, region, range }
    }

    /// Takes what has arrived, without an unfinished code point at its end.
    pub(super) fn take_part(
        &mut self,
        rx: &mut RecvBuffer,
        last: bool,
    ) -> Result<Option<EventRanges>, ProtocolError> {
        let Self { kind, region, .. } = *self;
        let pending = rx.message(region);
        let mut len = pending.len();
        if kind == MessageKind::Text {
            let prefix = utf8::Prefix::of(rx.slice(region, pending));
            if prefix.broken || last && prefix.len < len {
                self.failed = Some(ProtocolError::InvalidUtf8);
            }
            len = prefix.len;
        }
        // What was valid is handed out before the rest is refused, so that the parts do not
        // depend on how the bytes were cut.
        if let Some(error) = self.failed
            && len == 0
        {
            return Err(error);
        }
        let last = last && self.failed.is_none();
        if len == 0 && !last {
            return Ok(None);
        }
        let first = core::mem::take(&mut self.first);
        let range = rx.take_message(region, len);
        Ok(Some(EventRanges::Part { kind, region, range, first, last }))
    }
}
