//! Messages framed once for many connections.

use super::MessageKind;
use crate::extension::{Codec, Extension, Prepared, RSV1};
use crate::frame::Header;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// A message that is framed once and queued on any number of connections with
/// [`Connection::send_prepared`](crate::Connection::send_prepared): the broadcast of a server.
///
/// Cloning is cheap, and so is queuing: servers share the bytes by reference count. Those of a frame up to
/// 2 KiB are copied, which takes less time than to share them.
///
/// ```
/// use sansio_ws::{CloseCode, Config, Connection, PreparedMessage, Role, SendError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let open = |_| Connection::new(Role::Server, Config::default());
/// let mut members: Vec<Connection> = (0..3).map(open).collect();
/// let news = PreparedMessage::text("alice comes in"); // framed once
/// for member in &mut members {
///     match member.send_prepared(&news) {
///         Err(SendError::QueueFull) => member.close(CloseCode::TRY_AGAIN_LATER, "too slow")?,
///         result => result?,
///     }
/// }
/// assert!(members.iter().all(|member| member.queued() == 2 + news.payload().len()));
/// # Ok(()) }
/// ```
#[doc(alias("broadcast", "NewPreparedMessage"))]
#[derive(Debug, Clone)]
pub struct PreparedMessage {
    kind: MessageKind,
    plain: Frame,
    /// For connections with an extension that can decode it.
    encoded: Option<Arc<EncodedFrame>>,
}

#[derive(Debug, Clone)]
pub(super) struct Frame {
    header: Header,
    /// Header and payload, not masked.
    bytes: Bytes,
}

#[derive(Debug)]
struct EncodedFrame {
    /// What it demands of the peer.
    demand: u32,
    frame: Frame,
}

impl PreparedMessage {
    /// Frames a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::text_of([text])
    }

    /// Frames a text message that stands in several pieces. They are put together in the frame, and nowhere
    /// else.
    ///
    /// ```
    /// let message = sansio_ws::PreparedMessage::text_of(["alice", " comes in"]);
    /// assert_eq!(message.payload(), b"alice comes in");
    /// ```
    ///
    /// # Panics
    ///
    /// When a clone of the iterator yields other pieces, of another length.
    #[must_use]
    pub fn text_of<'p>(pieces: impl IntoIterator<Item = &'p str, IntoIter: Clone>) -> Self {
        Self::new(MessageKind::Text, pieces.into_iter().map(str::as_bytes))
    }

    /// Frames a binary message.
    #[must_use]
    pub fn binary(payload: &[u8]) -> Self {
        Self::new(MessageKind::Binary, [payload].into_iter())
    }

    fn new<'p>(kind: MessageKind, pieces: impl Iterator<Item = &'p [u8]> + Clone) -> Self {
        let len: usize = pieces.clone().map(<[u8]>::len).sum();
        let header = Header::unchecked(kind.opcode(), true, len as u64);
        Self { kind, plain: Frame::new(header, len, pieces), encoded: None }
    }

    /// The same message, encoded once by an extension for all connections that agreed on it with
    /// parameters that allow to share; the others get the message as it is.
    ///
    /// permessage-deflate allows it if messages are sent without context takeover.
    #[must_use]
    pub fn encoded(mut self, extension: &dyn Extension) -> Self {
        self.encoded = extension.prepare(self.payload()).map(|Prepared { demand, payload }| {
            let header = Header::of(self.kind.opcode(), true, &payload).with_reserved_bits(RSV1);
            Arc::new(EncodedFrame {
                demand,
                frame: Frame::new(header, payload.len(), [&*payload].into_iter()),
            })
        });
        self
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The payload, without header.
    #[must_use]
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.plain.payload()
    }

    /// The frame for a connection with this codec.
    pub(super) fn frame(&self, codec: Option<&dyn Codec>) -> &Frame {
        match (&self.encoded, codec) {
            (Some(encoded), Some(codec)) if codec.takes(encoded.demand) => &encoded.frame,
            _ => &self.plain,
        }
    }
}

impl Frame {
    fn new<'p>(header: Header, len: usize, pieces: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut bytes = Vec::with_capacity(header.encoded_len() + len);
        header.put(&mut bytes);
        pieces.for_each(|piece| bytes.extend_from_slice(piece));
        assert_eq!(bytes.len(), header.encoded_len() + len, "a clone of the pieces has others");
        Self { header, bytes: bytes.into() }
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    /// Header and payload, not masked.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    #[inline]
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.header.encoded_len()..]
    }
}
