//! Messages made ready for both transports.

use crate::packet::{Packet, PacketKind};
use crate::payload::SEPARATOR;
use alloc::sync::Arc;
use sansio_ws::{MessageKind, PreparedMessage};

/// A message that is encoded once, and sent to any number of clients by either transport. A clone is a
/// reference count.
///
/// ```
/// use sansio_engineio::PreparedPacket;
///
/// let news = PreparedPacket::text("alice comes in");
/// assert_eq!(news.len(), 15, "with its digit");
/// assert!(PreparedPacket::text("a\u{1e}b").is_websocket_only()); // E3
/// ```
#[derive(Debug, Clone)]
pub struct PreparedPacket(Arc<Prepared>);

#[derive(Debug, Clone)]
struct Prepared {
    /// The frame as WebSockets have it.
    message: PreparedMessage,
    is_websocket_only: bool,
    may_compress: bool,
}

impl PreparedPacket {
    /// A message of text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::text_of([text])
    }

    /// A message of text that stands in several pieces, which are put together only once.
    #[must_use]
    pub fn text_of<'p>(pieces: impl IntoIterator<Item = &'p str, IntoIter: Clone>) -> Self {
        // The digit of messages is a piece like the others.
        let message = PreparedMessage::text_of(core::iter::once("4").chain(pieces));
        // Without an end before the last byte, so that many are looked at in one step.
        let has_separator = (message.payload().iter())
            .fold(false, |found, byte| found | (char::from(*byte) == SEPARATOR));
        Self::new(message, has_separator)
    }

    /// A message of bytes.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(PreparedMessage::binary(bytes), false)
    }

    #[inline]
    fn new(message: PreparedMessage, is_websocket_only: bool) -> Self {
        Self(Arc::new(Prepared { message, is_websocket_only, may_compress: true }))
    }

    /// The same message; a response that holds only such with `false` is not compressed (E16).
    #[must_use]
    pub fn compress(mut self, on: bool) -> Self {
        Arc::make_mut(&mut self.0).may_compress = on;
        self
    }

    /// Its bytes over WebSocket, without the header of the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.0.message.payload().len()
    }

    /// Whether it is an empty binary message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it cannot be sent by polling (E3).
    #[must_use]
    #[inline]
    pub fn is_websocket_only(&self) -> bool {
        self.0.is_websocket_only
    }

    /// The frame, for [`Connection::send_prepared`](sansio_ws::Connection::send_prepared).
    #[must_use]
    #[inline]
    pub fn message(&self) -> &PreparedMessage {
        &self.0.message
    }

    pub(crate) fn may_compress(&self) -> bool {
        self.0.may_compress
    }

    /// As payloads have it.
    pub(crate) fn packet(&self) -> Packet<'_> {
        let payload = self.0.message.payload();
        match self.0.message.kind() {
            MessageKind::Binary => Packet::binary(payload),
            MessageKind::Text => {
                // Made of text, behind a digit.
                let encoded = core::str::from_utf8(payload).unwrap_or_default();
                Packet::text(PacketKind::Message, encoded.get(1..).unwrap_or_default())
            }
        }
    }
}
