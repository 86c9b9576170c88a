//! What can go wrong.

use crate::client::{ConnectError, DisconnectReason, EmitError, InvalidNamespace, Unanswered};
use crate::{EncodeError, WrongArgument};
use core::fmt;
use sansio_ws::handshake::{InvalidField, InvalidUrl};
use sansio_ws::tls::TlsError;
use std::io;

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none of a server. Nothing was connected.
    Url(InvalidUrl),
    /// A header cannot be sent. Nothing was connected.
    Header(InvalidField),
    /// There are no authorities that the system trusts. Nothing was connected.
    Tls(TlsError),
    /// The system gives no threads. Nothing was connected.
    Io(io::Error),
    /// This is no name of a namespace.
    Namespace(InvalidNamespace),
    /// There is no connection.
    Connect(ConnectError),
    /// There was one, and it has ended before the server had let the client in.
    Closed(DisconnectReason),
    /// The arguments cannot be sent. Recoverable.
    Encode(EncodeError),
    /// The event was not sent. Recoverable.
    Emit(EmitError),
    /// The client is closed, but not all that was taken has left: there was no connection, or the server did not take it
    /// in time. What waits for the connection of a socket is sent when that connects again.
    Unsent,
    /// There is no answer. Recoverable.
    Unanswered(Unanswered),
    /// The answer is not what it should be. Recoverable.
    Answer(WrongArgument),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Header(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Namespace(error) => error.fmt(f),
            Self::Connect(error) => error.fmt(f),
            Self::Closed(reason) => {
                write!(f, "the session has ended before the server let the client in: {reason}")
            }
            Self::Encode(error) => error.fmt(f),
            Self::Emit(error) => error.fmt(f),
            Self::Unsent => f.write_str("not all that was to be sent has left"),
            Self::Unanswered(error) => error.fmt(f),
            Self::Answer(error) => write!(f, "the answer is another one: {error}"),
        }
    }
}

/// `Display` already says what the error inside says, so `source` is what lies behind that one.
impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Tls(error) => error.source(),
            Self::Io(error) => error.source(),
            Self::Encode(error) => error.source(),
            Self::Answer(error) => error.source(),
            _ => None,
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
    InvalidUrl => Url,
    InvalidField => Header,
    TlsError => Tls,
    io::Error => Io,
    InvalidNamespace => Namespace,
    ConnectError => Connect,
    EncodeError => Encode,
    EmitError => Emit,
    Unanswered => Unanswered,
    WrongArgument => Answer
}
