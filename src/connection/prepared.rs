//! Messages framed once for many connections.

use super::MessageKind;
use crate::frame::Header;
use alloc::vec::Vec;
use bytes::Bytes;

/// A message that is framed once and queued on any number of connections with
/// [`Connection::send_prepared`](crate::Connection::send_prepared): the broadcast of a server.
///
/// Cloning is cheap, and so is queuing: servers share the bytes by reference count.
#[derive(Debug, Clone)]
pub struct PreparedMessage {
    kind: MessageKind,
    /// Unmasked header and payload.
    frame: Bytes,
    header_len: u8,
}

impl PreparedMessage {
    /// Frames a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(MessageKind::Text, text.as_bytes())
    }

    /// Frames a binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::new(MessageKind::Binary, payload)
    }

    fn new(kind: MessageKind, payload: &[u8]) -> Self {
        let header = Header::of(kind.opcode(), true, payload);
        let mut frame = Vec::with_capacity(header.encoded_len() + payload.len());
        header.append(&mut frame);
        let header_len = frame.len() as u8;
        frame.extend_from_slice(payload);
        Self { kind, frame: frame.into(), header_len }
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The payload, without header.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.frame[usize::from(self.header_len)..]
    }

    pub(super) fn frame(&self) -> &Bytes {
        &self.frame
    }
}
