//! What can go wrong, and how sockets are lost.

use alloc::string::String;
use core::fmt;
use sansio_engineio::client::{CloseReason, Error, SendError};

/// Why a socket is not connected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no session. It is tried again, if [`Reconnection`](super::Reconnection) says so.
    Session(Error),
    /// The server does not let the client in. It stays away until it is told to
    /// [connect](super::Client::connect) again (C5).
    Refused {
        /// Why.
        message: String,
        /// More about that, JSON.
        data: Option<String>,
    },
    /// The server speaks an older protocol: Socket.IO 2 gives no id. The client stays away.
    OldServer,
    /// The server takes no packet as long as this authentication. The client stays away.
    TooLong,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(error) => error.fmt(f),
            Self::Refused { message, .. } => write!(f, "the server refuses: {message}"),
            Self::OldServer => f.write_str("the server speaks an older protocol, Socket.IO 2"),
            Self::TooLong => f.write_str("the authentication is longer than the server takes"),
        }
    }
}

impl core::error::Error for ConnectError {}

/// Why a socket is not connected any more, or the session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server has made it leave. It stays away until it is told to [connect](super::Client::connect) again.
    Server,
    /// [`Client::disconnect`](super::Client::disconnect).
    Client,
    /// The server has sent what is no packet. The session was ended for that, and comes back.
    ParseError,
    /// The session has ended, and comes back unless it was closed by the client.
    Session(CloseReason),
}

/// In the words of npm's client.
impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("io server disconnect"),
            Self::Client => f.write_str("io client disconnect"),
            Self::ParseError => f.write_str("parse error"),
            Self::Session(reason) => reason.fmt(f),
        }
    }
}

/// Why an event is not sent. Recoverable: nothing of it was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EmitError {
    /// Too much waits already: [`Event::Drained`](super::Event::Drained) will say when there is room.
    Full,
    /// The server takes nothing that is as long as this.
    TooLong,
    /// It would have to wait, and is worth nothing then.
    Dropped,
    /// Too many answers are awaited.
    TooManyQuestions,
    /// Who has asked for this answer has been disconnected meanwhile.
    Gone,
}

impl EmitError {
    pub(super) const fn of(error: SendError) -> Self {
        match error {
            SendError::Full => Self::Full,
            SendError::TooLong => Self::TooLong,
            // JSON has no separator in it, so that is not among them.
            _ => Self::Gone,
        }
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too much waits to be sent",
            Self::TooLong => "the server takes no event of this length",
            Self::Dropped => "the event would have to wait",
            Self::TooManyQuestions => "too many answers are awaited",
            Self::Gone => "who has asked for it is not connected any more",
        })
    }
}

impl core::error::Error for EmitError {}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unanswered {
    /// It did not come in time. If the event was still waiting for the connection it is not sent any more.
    TimedOut,
    /// The socket was disconnected. Nobody knows whether the server has got the event.
    Disconnected,
    /// The event could not be sent.
    NotSent(EmitError),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("there was no answer in time"),
            Self::Disconnected => f.write_str("the socket was disconnected before the answer came"),
            Self::NotSent(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Unanswered {}

/// A name that no namespace has: they begin with a slash, and have neither a comma nor U+001E, by which polling separates packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidNamespace;

impl fmt::Display for InvalidNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a namespace begins with a slash, and has neither a comma nor U+001E")
    }
}

impl core::error::Error for InvalidNamespace {}
