//! Listeners that count what goes through their connections: every byte of HTTP and WebSocket, heads included.

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::Listener;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What one way of getting news has cost so far.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

impl Costs {
    pub(crate) fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }

    pub(crate) fn to_json(&self) -> String {
        let [connections, requests, received, sent] =
            [&self.connections, &self.requests, &self.received, &self.sent]
                .map(|counter| counter.load(Ordering::Relaxed));
        format!(
            "{{\"connections\":{connections},\"requests\":{requests},\"received\":{received},\"sent\":{sent}}}"
        )
    }
}

#[derive(Debug)]
pub(crate) struct CountedListener {
    pub(crate) listener: TcpListener,
    pub(crate) costs: Arc<Costs>,
}

#[derive(Debug)]
pub(crate) struct CountedStream {
    stream: TcpStream,
    costs: Arc<Costs>,
}

impl Listener for CountedListener {
    type Stream = CountedStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(CountedStream, SocketAddr)> {
        let (stream, address) = Listener::accept(&self.listener)?;
        Costs::add(&self.costs.connections, 1);
        Ok((CountedStream { stream, costs: Arc::clone(&self.costs) }, address))
    }
}

impl Read for CountedStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf).inspect(|n| Costs::add(&self.costs.received, *n))
    }
}

impl Write for CountedStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.stream.write(buf).inspect(|n| Costs::add(&self.costs.sent, *n))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.write_vectored(bufs).inspect(|n| Costs::add(&self.costs.sent, *n))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for CountedStream {
    const SHORT_READ_DRAINS: bool = TcpStream::SHORT_READ_DRAINS;
    const WRITES_VECTORED: bool = TcpStream::WRITES_VECTORED;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.stream.shutdown_write()
    }

    fn abort(&mut self) -> io::Result<()> {
        self.stream.abort()
    }
}

/// Passes everything on to what is wrapped.
macro_rules! source {
    ($($type:ident: $field:ident),*) => {$(
        impl Source for $type {
            fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
                self.$field.register(to, token, interests)
            }

            fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
                self.$field.reregister(to, token, interests)
            }

            fn deregister(&mut self, from: &Registry) -> io::Result<()> {
                self.$field.deregister(from)
            }
        }
    )*};
}

source!(CountedListener: listener, CountedStream: stream);
