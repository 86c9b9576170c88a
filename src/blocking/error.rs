//! Errors of the blocking adapter: the machine's, and the stream's.

use crate::connection::{Ended, ProtocolError, SendError};
use crate::entropy::EntropyError;
use crate::handshake::{HandshakeError, InvalidField, InvalidUrl, ReceivedResponse, Status};
use alloc::boxed::Box;
use core::fmt;
use std::io;

/// What went wrong.
#[doc(alias = "ConnectionClosed")]
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed. Recoverable only for the kinds `WouldBlock` and `TimedOut`, from streams
    /// that time out by themselves; any other has ended the connection.
    Io(io::Error),
    /// The peer broke the protocol. Fatal; it has been told.
    Protocol(ProtocolError),
    /// The message can't be sent. Recoverable.
    Send(SendError),
    /// The connection ended before the stream had taken everything that was to be sent. Fatal.
    Ended(Ended),
    /// The peer's handshake is not acceptable. Fatal; a client has been told.
    Handshake(HandshakeError),
    /// The URL of the server is not one of a WebSocket. Nothing was connected.
    Url(InvalidUrl),
    /// Something may not stand in a handshake. Nothing was sent.
    Field(InvalidField),
    /// The server did not switch protocols.
    Refused(Box<ReceivedResponse>),
    /// This server answered the request with an HTTP response of this status instead of a
    /// connection.
    Responded(Status),
    /// The stream ended, or time ran out, before the handshake was done.
    Unopened(Unopened),
    /// A `wss` or `https` URL needs a TLS stream, which the caller has to bring.
    #[cfg_attr(feature = "rustls", doc = "[`connect`](super::connect) does.")]
    #[doc(alias("tls", "wss"))]
    Secure,
    /// TLS failed. Fatal; the server has been told.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// A redirect was not followed. Fatal for the attempt.
    #[cfg(feature = "rustls")]
    Redirect(crate::handshake::RedirectError),
    /// No random bytes.
    Entropy(EntropyError),
}

/// Why there is neither a connection nor a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unopened {
    /// The stream ended before the peer had sent anything. Browsers and scanners do that.
    Ended,
    /// The stream ended within the head of the peer's handshake.
    TruncatedHead,
    /// The stream was cut off: TLS without its `close_notify`.
    CutOff,
    /// [`Timeouts::opening`](crate::deadlines::Timeouts::opening) has passed.
    TimedOut,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the stream ended before the handshake",
            Self::TruncatedHead => "the stream ended within the head of the handshake",
            Self::CutOff => "the stream was cut off before the handshake was done",
            Self::TimedOut => "time ran out before the handshake was done",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Send(error) => error.fmt(f),
            Self::Ended(ended) => write!(f, "not everything was sent: {ended}"),
            Self::Handshake(error) => write!(f, "the handshake failed: {error}"),
            Self::Url(error) => error.fmt(f),
            Self::Field(error) => error.fmt(f),
            Self::Refused(response) => write!(f, "the server refused: {response}"),
            Self::Responded(status) => write!(f, "answered with HTTP status {status}"),
            Self::Unopened(why) => why.fmt(f),
            Self::Secure => f.write_str("wss needs a TLS stream: connect one, then upgrade it"),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.fmt(f),
            #[cfg(feature = "rustls")]
            Self::Redirect(error) => error.fmt(f),
            Self::Entropy(error) => error.fmt(f),
        }
    }
}

/// `Display` already says what the error inside says, so `source` is what lies behind that one.
impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Protocol(error) => error.source(),
            Self::Send(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::Entropy(error) => error.source(),
            Self::Url(error) => error.source(),
            Self::Field(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Redirect(error) => error.source(),
            Self::Ended(_)
            | Self::Refused(_)
            | Self::Responded(_)
            | Self::Unopened(_)
            | Self::Secure => None,
        }
    }
}

macro_rules! from {
    ($($error:ty => $variant:ident),+) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )+};
}

from! {
    io::Error => Io,
    ProtocolError => Protocol,
    SendError => Send,
    HandshakeError => Handshake,
    InvalidUrl => Url,
    InvalidField => Field,
    EntropyError => Entropy
}

#[cfg(feature = "rustls")]
impl Error {
    /// What TLS complains of comes through its stream, as an error of that. This tells them apart: it is the
    /// same error, as [`Tls`](Self::Tls) if it is one.
    #[must_use]
    pub fn of_tls(self) -> Self {
        match self {
            Self::Io(error) => crate::tls::TlsError::of(&error).map_or(Self::Io(error), Self::Tls),
            error => error,
        }
    }
}

#[cfg(feature = "rustls")]
from! {
    crate::tls::TlsError => Tls,
    crate::handshake::RedirectError => Redirect
}
