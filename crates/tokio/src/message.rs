//! Owned messages, for those who expect a `Stream` and a `Sink`.

use bytes::Bytes;
use bytestring::ByteString;
use sansio_ws::{CloseCode, ControlPayload, Event, MessageKind};

/// A message that owns its bytes, or shares them with others: cloning is cheap.
///
/// ```
/// use sansio_ws_tokio::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message, Message::Text("hello".into()));
/// ```
#[doc(alias = "Utf8Bytes")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A whole text message.
    Text(ByteString),
    /// A whole binary message.
    Binary(Bytes),
    /// A part of a message: what comes with [`Delivery::Parts`](sansio_ws::Delivery::Parts), or a fragment to be sent.
    Part {
        /// Of which kind the message is. A part of a text that came begins and ends on borders of code points.
        kind: MessageKind,
        /// The bytes.
        payload: Bytes,
        /// Whether this ends the message.
        last: bool,
    },
    /// A ping. One that came is answered already, unless [`Config::auto_pong`](sansio_ws::Config::auto_pong) is off.
    Ping(ControlPayload),
    /// A pong.
    Pong(ControlPayload),
    /// The peer's Close, which is answered already; or ours, to be sent.
    Close(Option<Close>),
}

/// What a Close says.
#[doc(alias = "CloseFrame")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
    /// At most 123 bytes, for those who look into logs.
    pub reason: ByteString,
}

impl Message {
    /// What an event says; `None` for [`Event::Yield`], which says nothing.
    #[must_use]
    pub fn of(event: Event<'_>) -> Option<Self> {
        Some(match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(bytes) => Self::Binary(Bytes::copy_from_slice(bytes)),
            Event::TextPart { text, last, .. } => {
                let payload = Bytes::copy_from_slice(text.as_bytes());
                Self::Part { kind: MessageKind::Text, payload, last }
            }
            Event::BinaryPart { bytes, last, .. } => {
                let payload = Bytes::copy_from_slice(bytes);
                Self::Part { kind: MessageKind::Binary, payload, last }
            }
            // They are never longer.
            Event::Ping(payload) => Self::Ping(ControlPayload::new(payload).unwrap_or_default()),
            Event::Pong(payload) => Self::Pong(ControlPayload::new(payload).unwrap_or_default()),
            Event::Close(close) => {
                let reason = close.reason.into();
                Self::Close(close.code.map(|code| Close { code, reason }))
            }
            _ => return None,
        })
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
