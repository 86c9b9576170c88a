//! The adapter for [`mio`] event loops: many connections, one thread, one receive buffer.
//!
//! ```text
//!   poll ──▶ socket.ready(event)
//!            socket.turn(&mut memory, now) ──▶ accept(…), next() … reads, hands out events
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
//!
//! **Names.** This module is called as the crate is that it adapts to. Behind `use sansio_ws::*`, `mio` is
//! this module, `mio::Poll` is not found, and an import of it is ambiguous (E0659). Import by name, or write
//! `::mio` for the crate, or say `use ::mio;` beside the glob.
//!
//! **A whole loop**, that of an echo server:
//!
//! ```no_run
//! use mio::{Events, Interest, Poll, Token, net::TcpListener, net::TcpStream};
//! use sansio_ws::deadlines::{Clock, Timeouts};
//! use sansio_ws::handshake::{Acceptance, OriginPolicy};
//! use sansio_ws::mio::{Error, Memory, Turn, WebSocket};
//! use sansio_ws::{CloseCode, Config, Event, SendError};
//! use std::{collections::HashMap, sync::Arc, time::Duration};
//!
//! fn serve(mut turn: Turn<'_, TcpStream>, config: &Arc<Config>) -> Result<(), Error> {
//!     turn.accept(|request| {
//!         let upgrade = request.upgrade(OriginPolicy::SameHost)?;
//!         Ok(upgrade.accept(&Acceptance::default(), Arc::clone(config))?)
//!     })?;
//!     while let Some((mut reply, event)) = turn.next()? {
//!         if let Event::Text(text) = event {
//!             if reply.send_text(text) == Err(SendError::QueueFull) {
//!                 let _ = reply.close(CloseCode::POLICY_VIOLATION, "reads too slowly");
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (config, timeouts) = (Arc::new(Config::default()), Arc::new(Timeouts::default()));
//! let (clock, mut memory) = (Clock::new(), Memory::new());
//! let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
//! let mut listener = TcpListener::bind("127.0.0.1:9001".parse()?)?;
//! poll.registry().register(&mut listener, Token(0), Interest::READABLE)?;
//! let mut sockets = HashMap::new();
//! let mut accepted = 0;
//! loop {
//!     let wait = match sockets.values().any(WebSocket::wants_turn) {
//!         true => Some(Duration::ZERO),
//!         false => sockets.values().filter_map(WebSocket::poll_timeout).min().map(|at| clock.until(at)),
//!     };
//!     poll.poll(&mut events, wait)?;
//!     let now = clock.now();
//!     for event in &events {
//!         if let Some(socket) = sockets.get_mut(&event.token()) {
//!             socket.ready(event);
//!             continue;
//!         }
//!         while let Ok((stream, _)) = listener.accept() {
//!             accepted += 1;
//!             let mut socket = WebSocket::server(stream, &config.limits, Arc::clone(&timeouts), now);
//!             socket.register(poll.registry(), Token(accepted))?;
//!             sockets.insert(Token(accepted), socket);
//!         }
//!     }
//!     sockets.retain(|_, socket| {
//!         let _ = socket.handle_timeout(now);
//!         if socket.wants_turn() && let Err(error) = serve(socket.turn(&mut memory, now), &config) {
//!             println!("{error}");
//!         }
//!         matches!(socket.settle(&mut memory, now), Ok(None))
//!     });
//! }
//! # }
//! ```

mod error;
mod link;
mod memory;
mod reply;
pub mod server;
mod state;
mod stream;
mod turn;

pub use error::Error;
pub use memory::Memory;
pub use reply::Reply;
pub use stream::Stream;
pub use turn::Turn;

use crate::connection::{Config, Connection, Ended, Transport};
use crate::deadlines::{Deadlines, Due, Instant, Timeouts};
use crate::entropy::EntropyError;
use crate::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use link::Link;
use mio::{Interest, Registry, Token};
use state::State;
use std::io;

/// What a stream is registered for. Urgent data are reported as a priority.
#[cfg(any(target_os = "linux", target_os = "android"))]
const INTERESTS: Interest = Interest::READABLE.add(Interest::WRITABLE).add(Interest::PRIORITY);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const INTERESTS: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// A WebSocket connection over a non-blocking stream.
///
/// ```
/// use sansio_ws::deadlines::{Clock, Timeouts};
/// use sansio_ws::handshake::ClientRequest;
/// use sansio_ws::{Config, mio::WebSocket};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let stream = mio::net::TcpStream::connect(listener.local_addr()?)?; // it may take its time
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let (config, timeouts) = (Config::default(), Timeouts::default());
/// let socket = WebSocket::client(stream, &request, config, timeouts, Clock::new().now())?;
/// assert!(socket.connection().is_none(), "the handshake comes first: `register` it, and give it turns");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    link: Link<S>,
    state: State,
    deadlines: Deadlines,
    /// Bytes of an incomplete frame or message, between turns. In a turn the loop's buffer, if they
    /// are in their own.
    parked: Option<Box<RecvBuffer>>,
    /// Bytes have come from the peer since the last `settle`, be they read or not.
    stirred: bool,
    /// The end of input, or urgent data, may hide behind a short read.
    distrusts_short_reads: bool,
    last_turn: LastTurn,
    look: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastTurn {
    /// Everything that had been read was handed out.
    Finished,
    /// It stopped before that.
    Interrupted,
    /// It has not ended. When the next call comes, it has been forgotten.
    Begun,
}

/// The look at what has arrived, before a deadline ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    NotDue,
    /// A turn has to read.
    Wanted,
    Done,
}

impl<S: Stream> WebSocket<S> {
    /// The server's side of an accepted stream. Of `limits`, those for handshakes apply.
    #[doc(alias = "accept")]
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
    #[doc(alias = "connect")]
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
            stirred: false,
            distrusts_short_reads: false,
            last_turn: LastTurn::Finished,
            look: Look::NotDue,
        }
    }

    /// Registers the stream, once for its whole life.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.link.stream, token, INTERESTS)
    }

    /// Takes note of what `poll` reported.
    pub fn ready(&mut self, event: &mio::event::Event) {
        // Who is not read from at the moment, because its output has to drain first, is not gone.
        self.stirred |= event.is_readable();
        self.link.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.link.writable |= event.is_writable() || event.is_error();
        // A handshake of TLS may have waited for room. It goes on in a read.
        self.link.readable |= event.is_writable()
            && !S::SHORT_READ_DRAINS
            && matches!(self.state, State::Accepting(_));
        self.distrusts_short_reads |=
            event.is_read_closed() || event.is_error() || event.is_priority();
    }

    /// Whether there is more to read or to hand out. mio will not report it again: give the
    /// socket another turn, after other sockets got theirs. Not while [too many
    /// answers](Connection::pauses_reading) wait to be written.
    pub fn wants_turn(&self) -> bool {
        let more = self.link.readable || self.last_turn == LastTurn::Interrupted;
        more && self.state.ended().is_none() && !self.pauses_reading()
    }

    fn pauses_reading(&self) -> bool {
        matches!(&self.state, State::Open(connection) if connection.pauses_reading())
    }

    /// Starts a turn of reading and handing out events.
    ///
    /// A turn that is forgotten, with [`core::mem::forget`] or the like, takes the bytes that it
    /// has read with it: the connection is given up then.
    pub fn turn<'t>(&'t mut self, memory: &'t mut Memory, now: Instant) -> Turn<'t, S> {
        self.check_last_turn();
        self.lend(memory);
        Turn::new(self, memory, now)
    }

    fn check_last_turn(&mut self) {
        if self.last_turn == LastTurn::Begun {
            self.last_turn = LastTurn::Finished;
            self.parked = None;
            self.state.abandon();
        }
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
    ///
    /// What is queued here [counts](Connection::count_as_answers) as pushed, so it stops no reading: ask
    /// [`is_congested`](Connection::is_congested) before pushing more.
    pub fn connection_mut(&mut self, memory: &mut Memory) -> Option<&mut Connection> {
        self.check_last_turn();
        self.lend(memory);
        match &mut self.state {
            State::Open(connection) => {
                connection.count_as_answers(false);
                Some(connection)
            }
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

    /// An open connection, in either role, that began elsewhere: the stream, bytes that were read and
    /// not handed out, and the machine. [`register`](Self::register) the stream, then give it a turn if
    /// it [wants one](Self::wants_turn).
    #[doc(alias("from_partially_read", "from_raw_socket"))]
    pub fn from_parts(
        stream: S,
        rx: RecvBuffer,
        connection: Connection,
        timeouts: impl Into<Arc<Timeouts>>,
        now: Instant,
    ) -> Self {
        let mut socket = Self::new(stream, State::Open(connection), timeouts, now);
        socket.deadlines.opened(now);
        if !rx.is_empty() {
            socket.parked = Some(Box::new(rx));
            socket.last_turn = LastTurn::Interrupted;
        }
        socket
    }

    /// Has it read and write without waiting for `poll`: for a stream that was registered before this
    /// socket was made of it, so that `poll` may have reported already what it will not report again.
    pub fn assume_ready(&mut self) {
        (self.link.readable, self.link.writable) = (true, true);
        self.distrusts_short_reads = true;
    }

    /// Takes the stream out of the loop and the adapter apart: the stream, the bytes of an
    /// incomplete frame or message, and the machine with the output not yet written, if the
    /// handshake was done.
    pub fn into_parts(mut self) -> (S, RecvBuffer, Option<Connection>) {
        self.check_last_turn();
        let connection = match self.state {
            State::Open(mut connection) => {
                connection.count_as_answers(true);
                Some(connection)
            }
            _ => None,
        };
        (self.link.stream, self.parked.map_or_else(RecvBuffer::new, |parked| *parked), connection)
    }

    /// Writes what is queued, as far as the stream takes it, and does to the transport what the
    /// machine says. Returns how the connection ended when it is time to drop the socket; what
    /// was no WebSocket ends as `Ended::Eof`, or as what made it end.
    ///
    /// Call it after each turn, whatever came of that, after queuing messages, and after
    /// [`handle_timeout`](Self::handle_timeout).
    ///
    /// That the peer reads no more is no reason to drop it as long as it may have sent something
    /// before: the end comes when that has been read, so it [wants a turn](Self::wants_turn).
    ///
    /// # Errors
    ///
    /// The stream failed, which is said once. The connection has ended with it.
    pub fn settle(&mut self, memory: &mut Memory, now: Instant) -> io::Result<Option<Ended>> {
        self.check_last_turn();
        self.write(now);
        if core::mem::take(&mut self.stirred) {
            self.deadlines.received(now);
        }
        self.note_life(now);
        if let Some(returned) = self.state.output().and_then(SendQueue::return_memory) {
            memory.keep_output(returned);
        }
        if let Some(kind) = self.link.take_failure() {
            if !self.link.gone {
                self.fail();
                return Err(kind.into());
            }
            // No event may come any more that says so.
            self.link.readable = true;
        }
        if self.link.gone {
            self.state.discard_output();
        }
        let unwritten = self.state.wants_write() || self.link.holds();
        if !unwritten && self.state.is_closing() {
            self.deadlines.closing(now);
        }
        let ended = self.state.ended();
        if ended.is_some() && self.has_given_up() {
            self.link.abort();
            return Ok(ended);
        }
        if unwritten {
            return Ok(None);
        }
        match self.state.transport() {
            Transport::KeepOpen => Ok(None),
            Transport::ShutdownWrite => match self.link.shutdown_write() {
                Ok(()) => Ok(None),
                Err(error) => {
                    self.fail();
                    Err(error)
                }
            },
            Transport::Drop => Ok(ended),
        }
    }

    /// Writes until the stream or the machine has had enough.
    fn write(&mut self, now: Instant) {
        while let Some(queue) = self.state.output() {
            self.link.write(queue);
            // A pong may have waited until those before it were written.
            if !self.link.may_write() || !self.state.wants_write() {
                break;
            }
        }
        let (taken, refused) = self.link.report();
        self.deadlines.written(usize::from(taken), refused, now);
        if let State::Open(connection) = &mut self.state {
            self.deadlines.observe_holding(connection, self.link.holds(), now);
        } else if !self.state.wants_write() {
            self.deadlines.drained();
        }
    }

    /// The next moment at which something is due. While a turn has to come first there is none, unless
    /// a send may be stuck by then.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.look {
            Look::Wanted => self.deadlines.stuck_at(),
            Look::NotDue | Look::Done => self.deadlines.poll_timeout(),
        }
    }

    /// Does what is due at `now`: sends a ping, starts closing a connection that is idle or whose
    /// message takes too long, gives up one whose peer is gone. Call [`settle`](Self::settle)
    /// after it.
    ///
    /// Before it ends a connection it looks at what has arrived: it returns `None` and
    /// [wants a turn](Self::wants_turn), and what is still due after that turn is done by the
    /// next call. A socket that gets no turns, since its answers have to drain first, is given up when
    /// its send is [stuck](crate::deadlines).
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        self.note_life(now);
        let due = self.deadlines.due(now)?;
        let has_looked = !due.needs_look() || self.state.ended().is_some() || self.look(now);
        let due = self.deadlines.due_in_send(has_looked, now)?;
        // The end of closing is no matter of silence, and has its look all the same.
        if !has_looked && due != Due::Pong {
            return None;
        }
        self.look = Look::NotDue;
        match &mut self.state {
            State::Open(connection) => {
                _ = self.deadlines.enforce_in_send(connection, has_looked, now);
            }
            state => {
                _ = self.deadlines.handle_timeout(now);
                if due.gives_up() {
                    state.abandon();
                }
                // Of a refusal that was cut the next turn tells.
                self.link.readable |= matches!(state, State::Refused { .. });
            }
        }
        if due.gives_up() {
            self.link.abort();
        }
        Some(due)
    }

    /// Whether a turn has read what had arrived, as the one that it asks for.
    fn look(&mut self, now: Instant) -> bool {
        if self.deadlines.is_refused() {
            // Edges come late: there may be room that mio has not reported.
            self.link.writable = true;
            self.write(now);
            if self.deadlines.due(now).is_none() {
                self.look = Look::NotDue;
                return false;
            }
        }
        if self.look == Look::NotDue {
            self.look = Look::Wanted;
            self.link.readable = true;
        }
        self.look == Look::Done
    }

    /// What was due is not due any more if the peer has given a sign of life.
    fn note_life(&mut self, now: Instant) {
        if self.look != Look::NotDue && self.deadlines.due(now).is_none() {
            self.look = Look::NotDue;
        }
    }

    /// The stream delivers nothing more.
    fn end_input(&mut self, rx: &RecvBuffer, now: Instant) {
        self.link.readable = false;
        self.deadlines.input_ended(now);
        self.state.receive_eof(rx);
    }

    /// Nothing can be done with the stream any more.
    fn fail(&mut self) {
        self.link.readable = false;
        self.link.gone = true;
        self.state.fail();
        self.link.abort();
    }

    /// Whether what was queued has been thrown away, or is not to be written any more.
    fn has_given_up(&self) -> bool {
        match &self.state {
            State::Open(connection) => connection.has_discarded_output(),
            state => matches!(state, State::Over(_)),
        }
    }

    /// Whether the end of the stream is no failure.
    fn may_end(&self) -> bool {
        matches!(self.state, State::Open(_) | State::Responding { .. })
    }
}
