//! Errors of the mio adapter: the machine's, and the stream's.

use crate::connection::ProtocolError;
use crate::handshake::{HandshakeError, ReceivedResponse};
use alloc::boxed::Box;
use core::fmt;
use std::io;

/// What ended a turn. Fatal: [`settle`](super::WebSocket::settle) says when to drop the stream.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed, and with it the connection. Before it is open, the kind `UnexpectedEof`
    /// says that it was cut off.
    Io(io::Error),
    /// The peer broke the protocol. Its Close is queued.
    Protocol(ProtocolError),
    /// The peer's handshake is not acceptable. A client's answer is queued.
    Handshake(HandshakeError),
    /// The server did not switch protocols, but answered with this.
    Refused(Box<ReceivedResponse>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Protocol(error) => write!(f, "the peer broke the protocol: {error}"),
            Self::Handshake(error) => write!(f, "the handshake failed: {error}"),
            Self::Refused(response) => write!(f, "the server refused: {response}"),
        }
    }
}

/// `Display` already says what the error inside says, so `source` is what lies behind that one.
impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            Self::Protocol(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::Refused(_) => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
