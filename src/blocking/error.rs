//! Errors of the blocking adapter: the machine's, and the stream's.

use crate::connection::{Ended, ProtocolError, SendError};
use crate::entropy::EntropyError;
use crate::handshake::HandshakeError;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use std::io;

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed. Recoverable only for the kinds `WouldBlock` and `TimedOut`, from streams
    /// that time out by themselves; any other has ended the connection. Before it is open, the kind
    /// `UnexpectedEof` says that it was cut off.
    Io(io::Error),
    /// The peer broke the protocol. Fatal; it has been told.
    Protocol(ProtocolError),
    /// The message can't be sent. Recoverable.
    Send(SendError),
    /// The connection ended before the stream had taken everything that was to be sent. Fatal.
    Ended(Ended),
    /// The peer's handshake is not acceptable. Fatal; a client has been told.
    Handshake(HandshakeError),
    /// The server did not switch protocols.
    Refused(Box<Refused>),
    /// This server answered the request with an HTTP response of this status instead of a
    /// connection.
    Responded(u16),
    /// The stream ended, or the deadline came, before the handshake was done.
    Unopened,
    /// A `wss` or `https` URL needs a TLS stream, which the caller has to bring.
    Secure,
    /// No random bytes.
    Entropy(EntropyError),
}

/// A server's answer other than 101.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body as far as it arrived together with the head.
    pub body: Vec<u8>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Send(error) => error.fmt(f),
            Self::Ended(ended) => write!(f, "not everything was sent: {ended}"),
            Self::Handshake(error) => write!(f, "the handshake failed: {error}"),
            Self::Refused(refused) => {
                write!(f, "the server refused: {} {}", refused.status, refused.reason)
            }
            Self::Responded(status) => write!(f, "answered with HTTP status {status}"),
            Self::Unopened => {
                f.write_str("the stream ended, or time ran out, before the handshake was done")
            }
            Self::Secure => f.write_str("wss needs a TLS stream: connect one, then upgrade it"),
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
            Self::Ended(_)
            | Self::Refused(_)
            | Self::Responded(_)
            | Self::Unopened
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
    EntropyError => Entropy
}
