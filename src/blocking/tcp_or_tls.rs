//! The stream that a URL leads to.

use super::stream::Stream;
use super::tls_stream::TlsStream;
use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

/// TCP for `ws`, or TLS over it for `wss`.
#[doc(alias("MaybeTlsStream", "wss"))]
#[derive(Debug)]
pub enum TcpOrTls {
    /// In plain sight.
    Tcp(TcpStream),
    /// With the certificate of the server checked.
    Tls(TlsStream),
}

impl TcpOrTls {
    /// The socket, to be asked or set up.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(socket) => socket.try_clone().map(Self::Tcp),
            Self::Tls(stream) => stream.try_clone().map(Self::Tls),
        }
    }
}

/// Passes a call on to whichever it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Self::Tcp($stream) => $call,
            Self::Tls($stream) => $call,
        }
    };
}

impl Read for TcpOrTls {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(buf))
    }
}

impl Write for TcpOrTls {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

impl Stream for TcpOrTls {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        either!(self, stream => Stream::set_read_timeout(stream, timeout))
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        either!(self, stream => Stream::set_write_timeout(stream, timeout))
    }

    fn wants_flush(&self) -> bool {
        either!(self, stream => stream.wants_flush())
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        either!(self, stream => stream.shutdown_write())
    }

    fn abort(&mut self) -> io::Result<bool> {
        either!(self, stream => stream.abort())
    }
}
