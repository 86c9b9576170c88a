//! Where connections come from.

use alloc::string::String;
use core::net::SocketAddr;
use mio::event::Source;
use std::io;

/// A listener that does not block. There are those of mio, for TCP and on Unix for Unix sockets; others
/// wrap one, for example to accept both.
pub trait Listener: Source {
    /// What it accepts.
    type Stream;
    /// Whom it accepts.
    type Address: core::fmt::Display;

    /// Accepts one connection.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nobody waits. `ConnectionAborted`, `ConnectionReset` and `Interrupted` when
    /// somebody else may wait. After any other the server tries again when a connection has ended, or a
    /// second later: descriptors or memory lack.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Address)>;
}

impl Listener for mio::net::TcpListener {
    type Stream = mio::net::TcpStream;
    type Address = SocketAddr;

    /// Small messages leave the accepted streams at once (`TCP_NODELAY`).
    fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, address) = Self::accept(self)?;
        // Fails only if the peer has gone already, which reading will find.
        let _ = stream.set_nodelay(true);
        Ok((stream, address))
    }
}

#[cfg(unix)]
impl Listener for mio::net::UnixListener {
    type Stream = mio::net::UnixStream;
    /// The path of the client's socket, or `unix`, since most have none.
    type Address = String;

    fn accept(&self) -> io::Result<(Self::Stream, String)> {
        let (stream, address) = Self::accept(self)?;
        let path = address.as_pathname().map(|path| path.display());
        Ok((stream, path.map_or_else(|| "unix".into(), |path| alloc::format!("{path}"))))
    }
}

/// What is known of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// Nobody waits; mio will tell.
    Idle,
    /// Somebody may wait.
    Ready,
    /// Somebody waits, and the system has no descriptors or no memory for them.
    Starved,
}
