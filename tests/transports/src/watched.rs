//! A socket of mio, and a listener of such sockets, that tell a test what happens below TLS.

use mio::event::Source;
use mio::{Interest, Registry, Token};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::Listener;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Debug)]
pub struct Watched<T> {
    pub socket: T,
    /// Set as soon as a write had to wait.
    pub stalled: Arc<AtomicBool>,
    /// All that was read.
    pub read: Arc<Mutex<Vec<u8>>>,
}

impl<T> Watched<T> {
    pub fn new(socket: T) -> Self {
        Self { socket, stalled: Arc::default(), read: Arc::default() }
    }
}

impl<T: Read> Read for Watched<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.socket.read(buf)?;
        self.read.lock().unwrap().extend(&buf[..n]);
        Ok(n)
    }
}

impl<T: Write> Write for Watched<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.socket.write(buf);
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            self.stalled.store(true, Ordering::SeqCst);
        }
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl<T: Stream> Stream for Watched<T> {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.socket.shutdown_write()
    }

    fn abort(&mut self) -> io::Result<()> {
        self.socket.abort()
    }
}

impl<T: Source> Source for Watched<T> {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.socket.deregister(from)
    }
}

/// All its sockets report to the same place.
#[derive(Debug)]
pub struct WatchedListener {
    pub listener: mio::net::TcpListener,
    pub stalled: Arc<AtomicBool>,
    pub read: Arc<Mutex<Vec<u8>>>,
}

impl WatchedListener {
    pub fn new(listener: mio::net::TcpListener) -> Self {
        Self { listener, stalled: Arc::default(), read: Arc::default() }
    }
}

impl Listener for WatchedListener {
    type Stream = Watched<mio::net::TcpStream>;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let (socket, address) = Listener::accept(&self.listener)?;
        let (stalled, read) = (Arc::clone(&self.stalled), Arc::clone(&self.read));
        Ok((Watched { socket, stalled, read }, address))
    }
}

impl Source for WatchedListener {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.register(to, token, interests)
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.listener.reregister(to, token, interests)
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        self.listener.deregister(from)
    }
}
