//! An event loop for many connections: one thread, one memory, any kind of connection.
//!
//! ```text
//!   poll ──▶ ready ──▶ line ──▶ turn ──▶ settle        one connection: reads, writes
//!    ▲                            │
//!    │                            ├─ wake(key) ──▶ settle    another connection, in this round
//!    │                            ▼
//!    │               commands, deadlines, act        the service: many connections
//!    │                            │
//!    └────────── accept ◀─────────┘                  those who wait come after those who are there
//! ```
//!
//! [`Server`] is the loop, a [`Peer`] one of its connections, and the [`Service`] what they have in common.
//! All are known when the program is compiled: there are no trait objects. For WebSockets both are
//! there already, see [`websockets`].
//!
//! **Fairness.** A connection that has more to read goes back to the end of the line, so a flood from
//! one does not keep others waiting. One that does not read its answers leaves the line until it has.
//! Whoever wants to connect waits until those who are there have had their turns.
//!
//! **Deadlines** cost nothing while they only move to later: no scan, no timer for each message.
//!
//! **More than one core**: one loop for each, on a thread of its own, and a [`Handle`] between them.

mod deadlines;
mod handle;
mod key;
mod listener;
mod peers;
mod timers;
pub mod websockets;

pub use handle::{Handle, Undelivered};
pub use key::Key;
pub use listener::Listener;
pub use peers::{Context, Peers, Tasks};
pub use timers::TimerKey;

use super::Memory;
use crate::deadlines::{Clock, Instant};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use handle::{Commands, handle};
use key::{reserved, reserved_number};
use listener::Readiness;
use log::{info, warn};
use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::io::{self, ErrorKind};

/// What the connections of a server have in common.
pub trait Service: Sized {
    /// Where connections come from.
    type Listener: Listener;
    /// One connection.
    type Peer: Peer<Self>;
    /// What [handles](Handle) send.
    type Command;
    /// What deadlines of the service are called by.
    type Timer: Clone;

    /// Somebody has connected: makes a connection of the stream, perhaps behind TLS. `None` drops it.
    fn accept(
        &mut self,
        key: Key,
        stream: <Self::Listener as Listener>::Stream,
        address: <Self::Listener as Listener>::Address,
        context: &mut Context<Self::Timer>,
    ) -> Option<Self::Peer>;

    /// A handle has sent this.
    fn command(&mut self, command: Self::Command, peers: &mut Peers<Self>);

    /// A deadline has passed that was set by [`Tasks::after`] or [`Tasks::every`].
    fn timer(&mut self, timer: Self::Timer, peers: &mut Peers<Self>);

    /// A connection has ended.
    fn ended(
        &mut self,
        key: Key,
        peer: Self::Peer,
        end: <Self::Peer as Peer<Self>>::End,
        context: &mut Context<Self::Timer>,
    );

    /// Acts on any connections, at the end of a round, when none has its turn. Called again if
    /// something came of it.
    fn act(&mut self, _peers: &mut Peers<Self>) {}

    /// Whether so much is to be done by [`act`](Self::act) that it should come before the next turn.
    fn is_full(&self) -> bool {
        false
    }
}

/// One connection of a server.
pub trait Peer<S: Service<Peer = Self>> {
    /// How it ends.
    type End;

    /// Registers the stream, once.
    ///
    /// # Errors
    ///
    /// What the operating system says. The connection is dropped.
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()>;

    /// Takes note of what `poll` reported.
    fn ready(&mut self, event: &Event);

    /// Whether there is something to read or to hand out, which `poll` will not report again.
    fn wants_turn(&self) -> bool;

    /// Reads a bounded amount, and hands out what came. [`settle`](Self::settle) follows.
    fn turn(&mut self, key: Key, service: &mut S, context: &mut Context<S::Timer>);

    /// Takes what the service has for it, and writes. Follows each turn, each deadline and each
    /// [`wake`](Tasks::wake), and is cheap if there is nothing to do. Returns how the connection has
    /// ended, if it has: then it is removed.
    fn settle(
        &mut self,
        key: Key,
        service: &mut S,
        context: &mut Context<S::Timer>,
    ) -> Option<Self::End>;

    /// The next moment at which something is due.
    fn next_deadline(&self) -> Option<Instant>;

    /// Does what is due now.
    fn handle_timeout(&mut self, key: Key, service: &mut S, context: &mut Context<S::Timer>);

    /// The server shuts down: begins to end. Whoever has not ended when the time for that is over is
    /// dropped.
    fn close(&mut self, key: Key, service: &mut S, context: &mut Context<S::Timer>);
}

/// How many connections one listener accepts in a round.
const MAX_ACCEPTS: usize = 64;

/// How many commands may wait, and how many are carried out in a round.
const WAITING_COMMANDS: usize = 1024;

/// How long to wait with another try to accept, if no connection ends before; and how long large memory
/// is kept that nobody uses.
const SECOND: Duration = Duration::from_secs(1);

/// The token of handles. Listeners have those that follow.
const WAKER: usize = 0;
const MAX_LISTENERS: usize = 64;

/// The event loop.
///
/// ```
/// use sansio_ws::handshake::OriginPolicy;
/// use sansio_ws::mio::server::Server;
/// use sansio_ws::mio::server::websockets::{Handler, HostPolicy, Settings, WebSockets};
///
/// /// Says nothing.
/// struct Silent;
///
/// impl Handler for Silent {
///     type Command = ();
///     type Timer = ();
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = Settings::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
/// let mut server = Server::new(WebSockets::new(Silent, settings))?.max_peers(10_000);
/// server.listen(mio::net::TcpListener::bind("127.0.0.1:0".parse()?)?)?;
/// let handle = server.handle(); // for a signal, or another thread
/// let thread = std::thread::spawn(|| server.run());
/// handle.shut_down();
/// let (_, left) = thread.join().map_err(|_| "the server has panicked")??;
/// assert_eq!(left, 0, "all connections have closed in time");
/// # Ok(()) }
/// ```
pub struct Server<S: Service> {
    poll: Poll,
    events: Events,
    clock: Clock,
    listeners: Vec<(S::Listener, Readiness)>,
    /// When to try again to accept.
    retry: Option<Instant>,
    max_peers: usize,
    peers: Peers<S>,
    commands: Commands<S::Command>,
    handle: Handle<S::Command>,
    /// More commands wait than a round takes.
    has_commands: bool,
    shutdown_time: Option<Duration>,
    shutdown: Shutdown,
    /// When a connection was served last, so that the memory of the loop may be large.
    served: Option<Instant>,
    service: S,
}

impl<S: Service> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("peers", &self.peers).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shutdown {
    No,
    /// It ends when all connections have ended, or at this moment.
    Until(Option<Instant>),
}

impl<S: Service> Server<S> {
    /// A server without listeners and connections.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn new(service: S) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), reserved(WAKER))?;
        let (handle, commands) = handle(waker, WAITING_COMMANDS);
        Ok(Self {
            peers: Peers::new(poll.registry().try_clone()?, Memory::new()),
            poll,
            events: Events::with_capacity(1024),
            clock: Clock::new(),
            listeners: Vec::new(),
            retry: None,
            max_peers: Key::MAX_PEERS,
            commands,
            handle,
            has_commands: false,
            shutdown_time: Some(Duration::from_secs(10)),
            shutdown: Shutdown::No,
            served: None,
            service,
        })
    }

    /// Accepts connections from this listener too.
    ///
    /// # Errors
    ///
    /// What the operating system says; or there are 64 listeners already.
    pub fn listen(&mut self, mut listener: S::Listener) -> io::Result<()> {
        let number = self.listeners.len() + 1;
        if number > MAX_LISTENERS {
            return Err(io::Error::other("too many listeners"));
        }
        self.poll.registry().register(&mut listener, reserved(number), Interest::READABLE)?;
        self.listeners.push((listener, Readiness::Idle));
        Ok(())
    }

    /// The same server with another bound on the number of connections (default: as many as there are
    /// descriptors). Others wait in the backlog of the listener.
    #[must_use]
    pub fn max_peers(mut self, number: usize) -> Self {
        self.max_peers = number.min(Key::MAX_PEERS);
        self
    }

    /// The same server with another time for connections to end when it shuts down, all together (default:
    /// ten seconds). `None` waits for the last one.
    #[must_use]
    pub fn shutdown_time(mut self, time: Option<Duration>) -> Self {
        self.shutdown_time = time;
        self
    }

    /// A way into the loop from other threads.
    #[must_use]
    pub fn handle(&self) -> Handle<S::Command> {
        self.handle.clone()
    }

    /// The listeners.
    pub fn listeners(&self) -> impl Iterator<Item = &S::Listener> {
        self.listeners.iter().map(|(listener, _)| listener)
    }

    /// The service, and its connections.
    pub fn parts_mut(&mut self) -> (&mut S, &mut Peers<S>) {
        (&mut self.service, &mut self.peers)
    }

    /// Runs until it is [shut down](Handle::shut_down). Returns the service, and how many connections have
    /// not ended in time.
    ///
    /// # Errors
    ///
    /// Fatal: `poll` has failed. Errors of connections end them and nothing else.
    pub fn run(mut self) -> io::Result<(S, usize)> {
        while self.step()? {}
        let left = self.peers.len();
        if left > 0 {
            warn!("{left} connections have not closed in time");
        }
        Ok((self.service, left))
    }

    /// Waits for something to do, and does it. `false` when the server has shut down.
    ///
    /// # Errors
    ///
    /// Fatal: `poll` has failed.
    pub fn step(&mut self) -> io::Result<bool> {
        let timeout = self.timeout();
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result?,
        }
        let now = self.clock.now();
        self.peers.begin_round(now);
        for event in &self.events {
            match reserved_number(event.token()) {
                None => self.peers.ready(event),
                Some(WAKER) => self.has_commands = true,
                Some(number) => {
                    if let Some((_, readiness)) = self.listeners.get_mut(number - 1) {
                        *readiness = Readiness::Ready;
                    }
                }
            }
        }
        if self.peers.has_line() {
            self.served = Some(now);
        }
        let peers_before = self.peers.len();
        self.take_commands();
        self.peers.serve(&mut self.service);
        self.peers.pass_deadlines(&mut self.service);
        self.peers.finish_round(&mut self.service);
        if self.peers.len() < peers_before || self.retry.is_some_and(|at| at <= now) {
            self.retry_to_accept();
        }
        self.accept(now);
        self.free_memory(now);
        if self.peers.context().tasks.shuts_down && self.shutdown == Shutdown::No {
            self.shut_down(now);
        }
        Ok(match self.shutdown {
            Shutdown::No => true,
            Shutdown::Until(end) => !self.peers.is_empty() && end.is_none_or(|end| now < end),
        })
    }

    /// How long to wait for events. The clock is read, since a round may have taken long.
    fn timeout(&self) -> Option<Duration> {
        let may_accept = self.peers.len() < self.max_peers
            && self.listeners.iter().any(|(_, readiness)| *readiness == Readiness::Ready);
        let is_busy = self.peers.has_line() || self.has_commands || may_accept;
        if is_busy {
            return Some(Duration::ZERO);
        }
        let end = match self.shutdown {
            Shutdown::Until(end) => end,
            Shutdown::No => None,
        };
        let shrink = self.served.map(|served| served + SECOND);
        let next =
            [self.peers.next_deadline(), self.retry, end, shrink].into_iter().flatten().min()?;
        Some(self.clock.until(next))
    }

    fn take_commands(&mut self) {
        if !self.has_commands {
            return;
        }
        self.commands.look();
        // Asked first, so that all commands that were sent before are among those that follow.
        let shuts_down = self.commands.shuts_down();
        for _ in 0..WAITING_COMMANDS {
            let Some(command) = self.commands.next() else {
                self.has_commands = false;
                break;
            };
            self.service.command(command, &mut self.peers);
        }
        if shuts_down {
            self.peers.context().tasks.shut_down();
        }
    }

    fn retry_to_accept(&mut self) {
        self.retry = None;
        for (_, readiness) in &mut self.listeners {
            if *readiness == Readiness::Starved {
                *readiness = Readiness::Ready;
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        let Self { listeners, peers, service, .. } = self;
        for (listener, readiness) in listeners.iter_mut() {
            let mut left = MAX_ACCEPTS;
            while *readiness == Readiness::Ready && left > 0 && peers.len() < self.max_peers {
                left -= 1;
                match listener.accept() {
                    Ok((stream, address)) => peers.accept(service, stream, address),
                    Err(error) => match error.kind() {
                        ErrorKind::WouldBlock => *readiness = Readiness::Idle,
                        // A signal, or somebody who has not waited.
                        ErrorKind::Interrupted
                        | ErrorKind::ConnectionAborted
                        | ErrorKind::ConnectionReset => {}
                        _ => {
                            warn!("nobody can be accepted at the moment: {error}");
                            *readiness = Readiness::Starved;
                            self.retry = Some(now + SECOND);
                        }
                    },
                }
            }
        }
    }

    /// Gives memory back that large messages have needed, when nothing has been read or written for a second.
    fn free_memory(&mut self, now: Instant) {
        if self.served.is_some_and(|served| served + SECOND <= now) {
            self.peers.context().memory.shrink();
            self.served = None;
        }
    }

    fn shut_down(&mut self, now: Instant) {
        info!("shutting down");
        self.listeners.clear();
        self.retry = None;
        self.shutdown = Shutdown::Until(self.shutdown_time.map(|time| now + time));
        self.peers.for_each(&mut self.service, |service, key, peer, context| {
            peer.close(key, service, context);
        });
        self.peers.finish_round(&mut self.service);
    }
}
