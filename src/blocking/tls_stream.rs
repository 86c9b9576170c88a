//! TLS over TCP by rustls, for one thread or for two.
//!
//! ```text
//!   reading                                             writing
//!   socket ──▶ incoming ──▶ ┌─────────────────────┐ ◀── plaintext
//!                           │ tls: Mutex          │
//!   plaintext ◀──────────── │ never during a call │ ──▶ records: Mutex ──▶ socket
//!                           └─────────────────────┘     held while writing
//! ```
//!
//! Both handles own the socket. What TLS has to write because of what was read (its part of the
//! handshake, alerts) stays in it until somebody writes, or [`wants_flush`](Stream::wants_flush) has somebody
//! flush: reading never writes, so that it never waits for a peer that does not read. To new keys of the peer
//! rustls answers in front of the next data.

use super::stream::Stream;
use crate::recv_buffer::RecvBuffer;
use crate::tls::TlsError;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use rustls::{ClientConfig, ClientConnection, Connection, StreamOwned};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most plaintext that one write takes.
const MAX_WRITE: usize = 64 * 1024;

/// How many bytes one read takes at most: two full records.
const MAX_READ: usize = 2 * (16 * 1024 + 256 + 5);

/// Records of more memory give it back when they have left.
const KEPT: usize = 4096;

/// A TLS connection over TCP, of a client or a server. It shakes hands by itself while it is read and
/// written.
///
/// [`blocking::connect`](super::connect) makes those of clients. A server makes one for each connection
/// that it accepts:
///
/// ```
/// use sansio_ws::blocking::{TlsStream, WebSocket};
/// use sansio_ws::handshake::OriginPolicy;
/// use sansio_ws::{Config, deadlines::Timeouts};
/// use std::{net::TcpStream, sync::Arc};
///
/// /// Says hello to whoever has connected.
/// fn greet(
///     socket: TcpStream,
///     config: Arc<rustls::ServerConfig>,
/// ) -> Result<(), Box<dyn std::error::Error>> {
///     let stream = TlsStream::new(socket, rustls::ServerConnection::new(config)?);
///     let (origin, timeouts) = (OriginPolicy::SameHost, Timeouts::default());
///     let mut socket = WebSocket::accept(stream, origin, Config::default(), timeouts)?;
///     Ok(socket.send_text("hello")?)
/// }
/// ```
#[doc(alias("rustls", "wss", "StreamOwned"))]
pub struct TlsStream {
    socket: TcpStream,
    shared: Arc<Shared>,
    /// Records that were read and that TLS has not taken yet.
    incoming: RecvBuffer,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

struct Shared {
    /// Held for moments, and never during a system call.
    tls: Mutex<Connection>,
    /// Records to be written, in this order.
    records: Mutex<VecDeque<u8>>,
}

impl TlsStream {
    /// TLS over a connected socket; nothing is sent yet.
    pub fn new(socket: TcpStream, tls: impl Into<Connection>) -> Self {
        let mut tls = tls.into();
        tls.set_buffer_limit(Some(MAX_WRITE));
        let shared = Shared { tls: Mutex::new(tls), records: Mutex::default() };
        Self::with_shared(socket, Arc::new(shared))
    }

    fn with_shared(socket: TcpStream, shared: Arc<Shared>) -> Self {
        let incoming = RecvBuffer::with_capacity(MAX_READ);
        Self { socket, shared, incoming, read_timeout: None, write_timeout: None }
    }

    /// That of a client which expects a certificate for `host`: a name, or an address without brackets.
    pub(super) fn client(
        socket: TcpStream,
        config: Arc<ClientConfig>,
        host: &str,
    ) -> Result<Self, TlsError> {
        let name = String::from(host).try_into().map_err(|_| TlsError::Host)?;
        Ok(Self::new(socket, ClientConnection::new(config, name)?))
    }

    /// The socket, to be asked or set up. What is read from it or written to it is lost for TLS.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Calls `ask` with the state of TLS: to see certificates or ciphers, to have the keys renewed. Data
    /// goes through the stream only.
    pub fn with_tls<T>(&self, ask: impl FnOnce(&mut Connection) -> T) -> T {
        ask(&mut self.shared.tls())
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.shared.tls().is_handshaking()
    }

    /// A second handle: from then on one reads, and the other writes.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::with_shared(self.socket.try_clone()?, Arc::clone(&self.shared)))
    }

    /// Encrypts, with what `write` gives to TLS of at most so many bytes, and writes once. Returns how
    /// many bytes TLS took.
    ///
    /// While records wait it takes as much as the socket takes of these: so it holds a bounded number of
    /// them, and the caller sees that the peer reads.
    fn encrypt(
        &mut self,
        write: impl FnOnce(rustls::Writer<'_>, usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Self { socket, shared, .. } = self;
        let mut records = shared.records();
        let room =
            if records.is_empty() { MAX_WRITE } else { write_records(socket, &mut records)? };
        let waits = !records.is_empty();
        let taken = {
            let mut tls = shared.tls();
            let taken = write(tls.writer(), room)?;
            take_records(&mut tls, &mut records)?;
            taken
        };
        if !waits && !records.is_empty() {
            match write_records(socket, &mut records) {
                Err(error) if !is_temporary(&error) => return Err(error),
                _ => {}
            }
        }
        // It holds what was written before it has shaken hands, and no more of it.
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }
}

impl Shared {
    fn tls(&self) -> MutexGuard<'_, Connection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has TLS take the records that were read, until there is plaintext.
fn decrypt(incoming: &mut RecvBuffer, tls: &mut Connection) -> io::Result<()> {
    while !incoming.is_empty() {
        let mut unread = incoming.unread();
        let taken = tls.read_tls(&mut unread)?;
        incoming.consume(taken);
        let state = tls
            .process_new_packets()
            .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        // With more than a record of plaintext it would take no more.
        if state.plaintext_bytes_to_read() > 0 {
            break;
        }
    }
    Ok(())
}

/// Writes records once, and returns how many bytes the socket took.
fn write_records(socket: &mut TcpStream, records: &mut VecDeque<u8>) -> io::Result<usize> {
    let n = socket.write(records.as_slices().0)?;
    if n == 0 {
        return Err(ErrorKind::WriteZero.into());
    }
    records.drain(..n);
    if records.is_empty() && records.capacity() > KEPT {
        *records = VecDeque::new();
    }
    Ok(n)
}

fn take_records(tls: &mut Connection, records: &mut VecDeque<u8>) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(records)?;
    }
    Ok(())
}

/// Whether the records wait for the next call.
fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A peer that sends or takes its records byte by byte must not hold a call for longer than its timeout
/// says. The last of its system calls may take as long once more.
struct Patience {
    timeout: Option<Duration>,
    /// When the first system call began.
    start: Option<Instant>,
}

impl Patience {
    fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, start: None }
    }

    /// Call it before each system call. There is always one.
    fn check(&mut self) -> io::Result<()> {
        let Some(timeout) = self.timeout else { return Ok(()) };
        match self.start {
            Some(start) if start.elapsed() >= timeout => return Err(ErrorKind::WouldBlock.into()),
            Some(_) => {}
            None => self.start = Some(Instant::now()),
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// An end without TLS' own is [`ErrorKind::UnexpectedEof`]. [`ErrorKind::Interrupted`] means that
    /// there is something to flush, or that the hands are shaken; what TLS complains of is
    /// [`ErrorKind::InvalidData`], see [`TlsError::of`].
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut patience = Patience::new(self.read_timeout);
        let Self { socket, shared, incoming, .. } = self;
        loop {
            {
                let mut tls = shared.tls();
                let is_idle = |result: &io::Result<usize>| matches!(result, Err(error) if error.kind() == ErrorKind::WouldBlock);
                let before = (tls.wants_write(), tls.is_handshaking());
                let mut read = tls.reader().read(buf);
                if is_idle(&read) && !incoming.is_empty() {
                    decrypt(incoming, &mut tls)?;
                    read = tls.reader().read(buf);
                }
                if !is_idle(&read) {
                    return read;
                }
                if (tls.wants_write(), tls.is_handshaking()) != before {
                    return Err(ErrorKind::Interrupted.into());
                }
            }
            patience.check()?;
            let n = socket.read(incoming.spare())?;
            incoming.commit(n);
            if n == 0 {
                shared.tls().read_tls(&mut io::empty())?;
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.encrypt(|mut tls, room| tls.write(&buf[..buf.len().min(room)]))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(first) = bufs.iter().find(|buf| !buf.is_empty()) else { return Ok(0) };
        self.encrypt(|mut tls, room| {
            if room < MAX_WRITE {
                tls.write(&first[..first.len().min(room)])
            } else {
                tls.write_vectored(bufs)
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut patience = Patience::new(self.write_timeout);
        let Self { socket, shared, .. } = self;
        let mut records = shared.records();
        loop {
            if records.is_empty() {
                take_records(&mut shared.tls(), &mut records)?;
            }
            if records.is_empty() {
                return socket.flush();
            }
            patience.check()?;
            write_records(socket, &mut records)?;
        }
    }
}

impl Stream for TlsStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.read_timeout = timeout;
        self.socket.set_read_timeout(timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.write_timeout = timeout;
        self.socket.set_write_timeout(timeout).map(|()| true)
    }

    fn wants_flush(&self) -> bool {
        // Whoever has the records is writing.
        self.shared.records.try_lock().is_ok_and(|records| !records.is_empty())
            || self.shared.tls().wants_write()
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.shared.tls().send_close_notify();
        self.flush()?;
        self.socket.shutdown(Shutdown::Write).map(|()| true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.socket.shutdown(Shutdown::Both).map(|()| true)
    }
}

/// A stream of rustls as it is. It writes while it reads, so it is not for two threads, and a peer that sends
/// its records byte by byte can hold a read for longer than a timeout says. [`TlsStream`] has neither.
impl<C, S> Stream for StreamOwned<C, TcpStream>
where
    C: core::ops::DerefMut<Target = rustls::ConnectionCommon<S>>,
    S: rustls::SideData,
{
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.sock.set_read_timeout(timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.sock.set_write_timeout(timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.conn.send_close_notify();
        self.flush()?;
        self.sock.shutdown(Shutdown::Write).map(|()| true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.sock.shutdown(Shutdown::Both).map(|()| true)
    }
}

/// Prints no state of TLS.
impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}
