//! What a connection tells.

use crate::close::CloseReason;
use crate::frame::Opcode;

/// Text or binary (RFC 6455, section 5.6).
///
/// ```
/// use bytes::Bytes;
/// use sansio_ws::{Config, Connection, MessageKind, Rejected, Role, SendError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut connection = Connection::new(Role::Server, Config::default());
/// let line = Bytes::from_static(b"caf\xe9"); // Latin-1, which is no UTF-8
/// let result = connection.send_bytes(MessageKind::Text, line);
/// assert!(matches!(result, Err(Rejected { error: SendError::InvalidUtf8, .. })));
/// if let Err(Rejected { message, .. }) = result {
///     connection.send_bytes(MessageKind::Binary, message)?;
/// }
/// assert_eq!(connection.queued(), 2 + 4, "a header of two bytes, and the payload");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Valid UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// What [`Connection::next_event`](crate::Connection::next_event) found in the buffer.
///
/// Payloads borrow the buffer, not the connection: it may send while the event is held.
///
/// ```
/// use bytes::Buf;
/// use sansio_ws::{CloseCode, Config, Connection, Event, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// client.send_text("hello")?;
/// client.close(CloseCode::NORMAL, "bye")?;
/// let mut wire = Vec::new();
/// while client.wants_write() {
///     client.outgoing().write_to(&mut wire)?;
/// }
///
/// let mut server = Connection::new(Role::Server, Config::default());
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(&wire);
/// while let Some(event) = server.next_event(&mut rx)? {
///     match event {
///         Event::Text(text) => server.send_text(&text.to_uppercase())?,
///         Event::Binary(_) => server.close(CloseCode::UNSUPPORTED_DATA, "text only")?,
///         Event::Close(reason) => assert_eq!(reason.reason, "bye"),
///         _ => {} // pings are answered already
///     }
/// }
/// assert!(server.outgoing().chunk().starts_with(b"\x81\x05HELLO")); // and then a Close, as an answer
/// # Ok(()) }
/// ```
#[doc(alias("Message", "OwnedMessage"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A whole text message.
    #[doc(alias = "Utf8Bytes")]
    Text(&'b str),
    /// A whole binary message.
    Binary(&'b [u8]),
    /// A part of a text message, with [`Delivery::Parts`](crate::Delivery::Parts).
    TextPart {
        /// Whole code points; empty only when `last`.
        text: &'b str,
        /// Whether this begins a message.
        first: bool,
        /// Whether this ends the message.
        last: bool,
    },
    /// A part of a binary message, with [`Delivery::Parts`](crate::Delivery::Parts).
    BinaryPart {
        /// The bytes; empty only when `last`.
        bytes: &'b [u8],
        /// Whether this begins a message.
        first: bool,
        /// Whether this ends the message.
        last: bool,
    },
    /// A ping. The pong is queued already, unless
    /// [`Config::auto_pong`](crate::Config::auto_pong) is off.
    Ping(&'b [u8]),
    /// A pong, asked for or not. Nothing has to be done about it.
    Pong(&'b [u8]),
    /// The peer has sent Close and will send nothing more. The reply is queued already, unless
    /// our own Close went first. What the transport should do is told by
    /// [`Connection::transport`](crate::Connection::transport).
    Close(CloseReason<'b>),
    /// The call has done as much work as
    /// [`Limits::max_frames_per_call`](crate::Limits::max_frames_per_call) allows. Nothing is
    /// wrong: call again, after serving other connections if there are any.
    Yield,
}

impl Event<'_> {
    /// Whether a message is complete with this.
    #[must_use]
    pub const fn ends_message(&self) -> bool {
        matches!(
            self,
            Self::Text(_)
                | Self::Binary(_)
                | Self::TextPart { last: true, .. }
                | Self::BinaryPart { last: true, .. }
        )
    }
}
