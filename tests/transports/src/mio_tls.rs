//! rustls over mio: a stream, and a listener that makes a `wss://` server of a
//! [`WebSockets`](sansio_ws::mio::server::websockets::WebSockets). The program is `examples/tls_server.rs`.
//!
//! ```text
//!  WebSocket ──write──▶ rustls ──records──▶ socket      write, flush: never read
//!            ◀──read───        ◀──records──             read: writes what the handshake has to say
//! ```

use mio::event::Source;
use mio::{Interest, Registry, Token};
use rustls::{ServerConfig, ServerConnection};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::Listener;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// Accepts what `listener` accepts, behind TLS.
pub struct TlsListener<L> {
    pub listener: L,
    pub config: Arc<ServerConfig>,
}

impl<L: Listener> Listener for TlsListener<L> {
    type Stream = TlsStream<L::Stream>;
    type Address = L::Address;

    /// Does not wait for the handshake of TLS: it goes on when the stream is read.
    fn accept(&self) -> io::Result<(TlsStream<L::Stream>, L::Address)> {
        let (socket, address) = self.listener.accept()?;
        let tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok((TlsStream::new(tls, socket), address))
    }
}

/// TLS over a socket that need not block. `rustls::StreamOwned` does not fit there: writing to it may read
/// from the socket, and a loop that relies on edges would wait for those bytes for ever. Here reading
/// reads, and writing only writes.
#[derive(Debug)]
pub struct TlsStream<T> {
    pub tls: rustls::Connection,
    pub socket: T,
}

impl<T> TlsStream<T> {
    pub fn new(tls: impl Into<rustls::Connection>, socket: T) -> Self {
        Self { tls: tls.into(), socket }
    }
}

impl<T: Read> TlsStream<T> {
    /// Reads once from the socket and looks at what has come; `false` at its end.
    pub fn receive(&mut self) -> io::Result<bool> {
        let n = self.tls.read_tls(&mut self.socket)?;
        let looked = self.tls.process_new_packets();
        looked.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(n > 0)
    }
}

impl<T: Write> TlsStream<T> {
    /// Writes all records that wait.
    pub fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

impl<T: Read + Write> Read for TlsStream<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            // 0 behind `close_notify`, `UnexpectedEof` if TCP has ended without one.
            match self.tls.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let received = self.receive();
            // The next flight of the handshake, or an alert. What fails here, writing will find.
            let _ = self.send();
            received?;
        }
    }
}

impl<T: Write> Write for TlsStream<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.send()?;
        let n = self.tls.writer().write(buf)?;
        if n == 0 && !buf.is_empty() {
            // Before the handshake is done rustls keeps only so much.
            return Err(ErrorKind::WouldBlock.into());
        }
        // These bytes are taken, whatever becomes of them: the next call tells.
        let _ = self.send();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        if self.tls.is_handshaking() {
            // What was written is kept until the peer's part of the handshake comes.
            return Err(ErrorKind::WouldBlock.into());
        }
        self.socket.flush()
    }
}

/// Records do not end where reads of the socket do, so `SHORT_READ_DRAINS` stays false.
impl<T: Stream> Stream for TlsStream<T> {
    /// rustls queues `close_notify` only once, however often this is called.
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.send()?;
        self.socket.shutdown_write()
    }

    /// Without `close_notify`: the peer is not to take this for an end.
    fn abort(&mut self) -> io::Result<()> {
        self.socket.abort()
    }
}

impl<T: Source> Source for TlsStream<T> {
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

impl<L: Source> Source for TlsListener<L> {
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
