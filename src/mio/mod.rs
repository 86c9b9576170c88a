//! The adapter for [`mio`] event loops: many connections, one thread, one receive buffer.
//!
//! ```text
//!   poll ──▶ socket.ready(event)
//!            socket.turn(&mut memory, now) ──▶ open(…), next() …   reads, hands out events
//!            socket.settle(&mut memory, now)                       writes, ends the transport
//! ```
//!
//! **Memory.** All connections of a loop share one buffer to read into and one to gather output in,
//! see [`Memory`]. An idle connection holds next to nothing.
//!
//! **Fairness.** A turn reads at most 256 KiB, or 2 MiB if they are for the most part of one message;
//! [`WebSocket::wants_turn`] tells that there is more.
//!
//! **Registration** happens once, for reading and writing: mio reports changes of readiness, not
//! readiness, so there is never a reason to register again.
//!
//! **Deadlines** are data here too: see [`WebSocket::poll_timeout`].

mod error;
mod link;
mod memory;
mod reply;
mod turn;

pub use error::Error;
pub use memory::Memory;
pub use reply::Reply;
pub use turn::Turn;

use crate::close::CloseCode;
use crate::connection::{Config, Connection, Ended, Transport};
use crate::deadlines::{Deadlines, Due, Instant, Timeouts};
use crate::entropy::EntropyError;
use crate::frame::ControlPayload;
use crate::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use link::Link;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// A non-blocking stream that can end its writing direction.
pub trait Stream: Read + Write + Source {
    /// Whether a read that returns fewer bytes than it was offered has drained the stream, so
    /// that mio will report the next ones, and the read that would return `WouldBlock` can be
    /// saved. True of sockets where mio uses epoll or kqueue; not true of streams that hand out
    /// records, such as TLS.
    const SHORT_READ_DRAINS: bool = false;

    /// Whether `write_vectored` takes more than its first slice. Then large answers to events are
    /// written without being copied, see [`Reply`]. True of sockets.
    const WRITES_VECTORED: bool = false;

    /// Ends the writing direction: the peer will read the end of the stream.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn shutdown_write(&mut self) -> io::Result<()>;
}

/// The systems on which mio uses epoll or kqueue.
const EDGES: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "illumos",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_vendor = "apple",
));

impl Stream for mio::net::TcpStream {
    const SHORT_READ_DRAINS: bool = EDGES;
    const WRITES_VECTORED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for mio::net::UnixStream {
    const SHORT_READ_DRAINS: bool = EDGES;
    const WRITES_VECTORED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A WebSocket connection over a non-blocking stream.
#[derive(Debug)]
pub struct WebSocket<S> {
    link: Link<S>,
    state: State,
    deadlines: Deadlines,
    /// Bytes of an incomplete frame or message, between turns. In a turn the loop's buffer, if they
    /// are in their own.
    parked: Option<Box<RecvBuffer>>,
    readable: bool,
    /// Something has come from the peer since the last `settle`, be it read or not.
    stirred: bool,
    /// The peer has ended its direction, so a short read does not mean that all is read.
    read_closed: bool,
    /// The last turn stopped before everything was handed out.
    interrupted: bool,
    failure_reported: bool,
    shut_down: bool,
    ended: Option<Ended>,
}

#[derive(Debug)]
enum State {
    Accepting(ServerHandshake),
    /// Behind a pointer, so that it does not make servers' sockets larger.
    Connecting(Box<ClientHandshake>),
    Open(Connection),
    /// A plain HTTP response is on its way; then the transport ends.
    Responding(SendQueue),
}

impl State {
    fn respond(bytes: &[u8]) -> Self {
        let mut queue = SendQueue::new();
        queue.staging().extend_from_slice(bytes);
        Self::Responding(queue)
    }

    fn output(&mut self) -> Option<&mut SendQueue> {
        match self {
            Self::Open(connection) => Some(connection.outgoing()),
            Self::Connecting(handshake) => Some(handshake.outgoing()),
            Self::Responding(queue) => Some(queue),
            Self::Accepting(_) => None,
        }
    }

    fn is_closing(&self) -> bool {
        match self {
            Self::Open(connection) => connection.is_closing(),
            Self::Responding(_) => true,
            Self::Accepting(_) | Self::Connecting(_) => false,
        }
    }
}

impl<S: Stream> WebSocket<S> {
    /// The server's side of an accepted stream. Of `limits`, those for handshakes apply.
    pub fn server(
        stream: S,
        limits: &Limits,
        timeouts: impl Into<Arc<Timeouts>>,
        now: Instant,
    ) -> Self {
        Self::new(stream, State::Accepting(ServerHandshake::new(limits)), timeouts, now)
    }

    /// The client's side of a stream that is connected or connecting.
    ///
    /// # Errors
    ///
    /// [`EntropyError`]; nothing has been sent.
    pub fn client(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: impl Into<Arc<Timeouts>>,
        now: Instant,
    ) -> Result<Self, EntropyError> {
        let handshake = ClientHandshake::new(request, config)?;
        Ok(Self::new(stream, State::Connecting(Box::new(handshake)), timeouts, now))
    }

    fn new(stream: S, state: State, timeouts: impl Into<Arc<Timeouts>>, now: Instant) -> Self {
        Self {
            link: Link::new(stream),
            state,
            deadlines: Deadlines::new(timeouts, now),
            parked: None,
            readable: false,
            stirred: false,
            read_closed: false,
            interrupted: false,
            failure_reported: false,
            shut_down: false,
            ended: None,
        }
    }

    /// Registers the stream, once for its whole life.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.link.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Takes note of what `poll` reported.
    pub fn ready(&mut self, event: &mio::event::Event) {
        // Bytes have arrived, or some of ours were acknowledged. Who is not read from at the
        // moment, because its output has to drain first, is not gone.
        self.stirred = true;
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.link.writable |= event.is_writable() || event.is_error();
        self.read_closed |= event.is_read_closed() || event.is_error();
    }

    /// Whether there is more to read or to hand out. mio will not report it again: give the
    /// socket another turn, after other sockets got theirs.
    pub fn wants_turn(&self) -> bool {
        self.ended.is_none() && (self.readable || self.interrupted)
    }

    /// Starts a turn of reading and handing out events.
    pub fn turn<'t>(&'t mut self, memory: &'t mut Memory, now: Instant) -> Turn<'t, S> {
        self.lend(memory);
        Turn::new(self, memory, now)
    }

    /// The machine, if the handshake is done, to ask it questions.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.state {
            State::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// The machine, if the handshake is done: to queue messages, for example of others. Call
    /// [`settle`](Self::settle) after that.
    pub fn connection_mut(&mut self, memory: &mut Memory) -> Option<&mut Connection> {
        self.lend(memory);
        match &mut self.state {
            State::Open(connection) => Some(connection),
            _ => None,
        }
    }

    fn lend(&mut self, memory: &mut Memory) {
        if let Some(queue) = self.state.output()
            && queue.lacks_memory()
        {
            queue.lend_memory(memory.lend_output());
        }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.link.stream
    }

    /// Takes the stream out of the loop and the adapter apart: the stream, the bytes of an
    /// incomplete frame or message, and the machine with the output not yet written, if the
    /// handshake was done.
    pub fn into_parts(self) -> (S, RecvBuffer, Option<Connection>) {
        let connection = match self.state {
            State::Open(connection) => Some(connection),
            _ => None,
        };
        (self.link.stream, self.parked.map_or_else(RecvBuffer::new, |parked| *parked), connection)
    }

    /// Writes what is queued, as far as the stream takes it, and does to the transport what the
    /// machine says. Returns how the connection ended when it is time to drop the socket; what
    /// was no WebSocket ends as `Ended::Eof`.
    ///
    /// Call it after each turn, after queuing messages, and after
    /// [`handle_timeout`](Self::handle_timeout).
    ///
    /// That the peer reads no more is no reason to drop it as long as it may have sent something
    /// before: the end comes when that has been read.
    ///
    /// # Errors
    ///
    /// The stream failed: drop it.
    pub fn settle(&mut self, memory: &mut Memory, now: Instant) -> io::Result<Option<Ended>> {
        if core::mem::take(&mut self.stirred) {
            self.deadlines.received(now);
        }
        if self.state.is_closing() {
            self.deadlines.closing(now);
        }
        if let Some(queue) = self.state.output() {
            self.link.write(queue)?;
            if let Some(returned) = queue.return_memory() {
                memory.keep_output(returned);
            }
            if self.link.muted {
                return Ok(self.ended);
            }
            if !queue.is_empty() || !self.link.flushed {
                return Ok(None);
            }
        }
        let verdict = match &self.state {
            State::Open(connection) => connection.transport(),
            _ if self.ended.is_some() => Transport::Drop,
            State::Responding(_) => Transport::ShutdownWrite,
            State::Accepting(_) | State::Connecting(_) => Transport::KeepOpen,
        };
        if verdict == Transport::ShutdownWrite && !self.shut_down {
            self.shut_down = true;
            match self.link.stream.shutdown_write() {
                // The peer was faster.
                Err(error) if error.kind() == ErrorKind::NotConnected => {}
                result => result?,
            }
        }
        Ok(self.ended.filter(|_| verdict == Transport::Drop))
    }

    /// The next moment at which something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    /// Does what is due at `now`: sends a ping, starts closing an idle connection, gives up one
    /// whose peer is gone. Call [`settle`](Self::settle) if it returns something.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let due = self.deadlines.handle_timeout(now)?;
        match (due, &mut self.state) {
            // A queue that is full, or closing, does not need a ping: something else is already
            // waiting for the peer.
            (Due::Ping, State::Open(connection)) => {
                let _ = connection.send_ping(ControlPayload::EMPTY);
            }
            (Due::Idle, State::Open(connection)) => {
                let _ = connection.close(CloseCode::GOING_AWAY, "idle for too long");
            }
            (_, State::Open(connection)) => {
                self.link.muted = true;
                // How the peer ended it says more, if it did.
                let ended = connection.abandon();
                self.ended.get_or_insert(ended);
            }
            _ => {
                self.link.muted = true;
                self.ended.get_or_insert(Ended::TimedOut);
            }
        }
        Some(due)
    }

    /// The stream delivers nothing more.
    fn end(&mut self, rx: &RecvBuffer, now: Instant) {
        self.readable = false;
        self.deadlines.closing(now);
        self.ended = Some(match &mut self.state {
            State::Open(connection) => connection.receive_eof(rx),
            _ => Ended::Eof { mid_frame: false, mid_message: false, close_sent: false },
        });
    }

    /// Whether nothing that may still arrive matters.
    fn has_received_all(&self) -> bool {
        match &self.state {
            State::Open(connection) => connection.has_received_all(),
            State::Responding(_) => true,
            State::Accepting(_) | State::Connecting(_) => false,
        }
    }
}
