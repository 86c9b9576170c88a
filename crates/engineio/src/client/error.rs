//! What can go wrong, and how a session ends.

use crate::packet::InvalidPacket;
use alloc::string::{String, ToString};
use core::fmt;
use serde_json::Value;

/// Why there is no session, or none any more. A client may [open](super::Client::open) the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There was no open packet in time.
    TimedOut,
    /// A request got no response; the text is the caller's.
    Request(String),
    /// A WebSocket could not be opened, or has failed; the text is the caller's.
    WebSocket(String),
    /// The server answered a request with another status than 200.
    Status {
        /// The status.
        status: u16,
        /// Engine.IO's own number for it (E9), if the body has one.
        code: Option<u64>,
        /// What the server says of it, or nothing; at most 1,000 bytes.
        message: String,
    },
    /// What came first is no open packet (E10).
    Handshake,
    /// The WebSocket that was to become the transport did not answer the probe as it should (C2).
    Probe,
    /// What came is no packet (E4, E26).
    Packet(InvalidPacket),
    /// A response is no UTF-8 (E3).
    NotText,
    /// A response, or a message, is longer than [`max_received_bytes`](super::Config::max_received_bytes).
    TooLong,
    /// There is no transport in [`transports`](super::Config::transports).
    NoTransport,
}

/// The most bytes that are kept of what somebody else says of an error.
const MAX_MESSAGE: usize = 1000;

impl Error {
    pub(super) fn request(why: impl fmt::Display) -> Self {
        Self::Request(shortened(&why.to_string()))
    }

    pub(super) fn websocket(why: impl fmt::Display) -> Self {
        Self::WebSocket(shortened(&why.to_string()))
    }

    /// What a response says that is no success.
    pub(super) fn status(status: u16, body: &[u8]) -> Self {
        // What is longer is no refusal of Engine.IO.
        let short = body.get(..body.len().min(MAX_MESSAGE)).unwrap_or_default();
        let value: Option<Value> = serde_json::from_slice(short).ok();
        let member = |name| value.as_ref().and_then(|value| value.get(name));
        let code = member("code").and_then(Value::as_u64);
        let message = member("message").and_then(Value::as_str).map(String::from);
        Self::Status { status, code, message: message.unwrap_or_default() }
    }

    /// Whether the session has ended at the server.
    pub(super) const fn is_unknown_session(&self) -> bool {
        matches!(self, Self::Status { code: Some(1), .. })
    }

    /// Whether the server has no such transport, but may have another.
    pub(super) const fn is_unknown_transport(&self) -> bool {
        matches!(self, Self::Status { code: Some(0), .. })
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default().into()
}

impl From<InvalidPacket> for Error {
    fn from(error: InvalidPacket) -> Self {
        Self::Packet(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("the server did not open a session in time"),
            Self::Request(why) => write!(f, "a request failed: {why}"),
            Self::WebSocket(why) => write!(f, "the WebSocket failed: {why}"),
            Self::Status { status, message, .. } if message.is_empty() => {
                write!(f, "the server answered with status {status}")
            }
            Self::Status { status, message, .. } => {
                write!(f, "the server answered with status {status}: {message}")
            }
            Self::Handshake => f.write_str("what the server said first opens no session"),
            Self::Probe => f.write_str("the server did not answer the probe of the WebSocket"),
            Self::Packet(error) => write!(f, "the server sent {error}"),
            Self::NotText => f.write_str("the server sent a payload that is no UTF-8"),
            Self::TooLong => f.write_str("the server sent more at once than is allowed"),
            Self::NoTransport => f.write_str("no transport may be used"),
        }
    }
}

impl core::error::Error for Error {}

/// Why a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The server has closed it, or its WebSocket.
    TransportClose,
    /// A connection has failed, the server has broken the rules, or there never was a session.
    TransportError,
    /// No ping came in time (C3).
    PingTimeout,
    /// [`Client::close`](super::Client::close).
    ForcedClose,
}

/// In the words of npm's client.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ForcedClose => "forced close",
        })
    }
}

/// Why a message is not sent. Recoverable: nothing of it was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// There is no session, or it is ending.
    NotOpen,
    /// Too much waits already: [`Event::Drained`](super::Event::Drained) will say when half of it is gone.
    Full,
    /// The server takes no message of this length: it said how much it takes when the session was opened.
    TooLong,
    /// The session polls, and the text has a character that payloads cannot have (E3).
    Separator,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOpen => "there is no session",
            Self::Full => "too much waits to be sent",
            Self::TooLong => "the server takes no message of this length",
            Self::Separator => "a text with U+001E cannot be sent by polling",
        })
    }
}

impl core::error::Error for SendError {}
