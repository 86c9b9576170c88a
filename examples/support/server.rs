//! The event loop: one thread, one receive buffer, many connections.
//!
//! ```text
//!   poll ──▶ ready ──▶ turns ──▶ turn       read, and hand messages to the service
//!                        ▲        │
//!                        │        ├───▶ deliver    queue what it says to everyone
//!                        │        ▼        │
//!                        └───── settle ◀───┘       write; remove what has ended
//! ```
//!
//! A connection that has more to read goes back to the end of the line, so a flood from one does
//! not keep others waiting. One that does not read its answers leaves the line until it has.

#![expect(clippy::std_instead_of_alloc, reason = "a program needs no `extern crate alloc`")]

use super::peer::{Peer, Room};
use super::{Service, Settings, deadlines};
use core::mem;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::num::NonZeroU64;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use log::{info, warn};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use sansio_ws::deadlines::Instant;
use sansio_ws::mio::Memory;
use slab::Slab;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;

const LISTENER: Token = Token(usize::MAX);
const SHUTDOWN: Token = Token(usize::MAX - 1);

/// How many connections are accepted before those there are get their turns.
const MAX_ACCEPTS: usize = 64;

pub(crate) struct Server<S> {
    poll: Poll,
    /// Gone when shutting down.
    listener: Option<TcpListener>,
    accepting: Accepting,
    peers: Slab<Peer>,
    /// Connections that were accepted so far.
    accepted: usize,
    /// The line of those with something to read or to write.
    turns: VecDeque<Token>,
    memory: Memory,
    room: Room<S>,
    start: std::time::Instant,
    /// How often deadlines are checked, if there are connections at all.
    tick: Duration,
    next_tick: Instant,
    /// A signal to shut down has come.
    interrupted: Arc<AtomicBool>,
    /// When whoever is left is dropped.
    shutdown_ends: Option<Instant>,
}

/// What is known of the listener.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accepting {
    /// Nobody waits; mio will tell.
    Idle,
    /// Somebody may wait.
    Ready,
    /// Somebody waits, but there are no descriptors or no memory: try again when a connection
    /// has ended, or at the next tick.
    Starved,
}

impl<S: Service> Server<S> {
    /// Starts to listen, and to wait for signals.
    pub(crate) fn bind(address: &str, settings: Settings, service: S) -> io::Result<Self> {
        // Unlike mio's, the listener of std has the longest backlog.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        handle_signals(Waker::new(poll.registry(), SHUTDOWN)?, Arc::clone(&interrupted))?;
        Ok(Self {
            poll,
            listener: Some(listener),
            accepting: Accepting::Idle,
            peers: Slab::new(),
            accepted: 0,
            turns: VecDeque::new(),
            memory: Memory::new(),
            tick: deadlines::tick(&settings.timeouts),
            room: Room { settings, service, next_id: NonZeroU64::MIN, everyone: Vec::new() },
            start: std::time::Instant::now(),
            next_tick: Instant::default(),
            interrupted,
            shutdown_ends: None,
        })
    }

    /// Where browsers find it, without the scheme.
    pub(crate) fn url(&self) -> String {
        let address = self.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let mut address = address.unwrap_or_else(|| SocketAddr::from(([0; 4], 0)));
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{address}/")
    }

    /// Runs until a signal has come and all connections have ended. An error is one of the loop;
    /// those of connections end them and nothing else.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut now = self.now();
        while self.listener.is_some() || !self.peers.is_empty() {
            match self.poll.poll(&mut events, self.timeout(now)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            now = self.now();
            for event in &events {
                match event.token() {
                    LISTENER => self.accepting = Accepting::Ready,
                    SHUTDOWN => {}
                    token => {
                        if let Some((_, peer)) = find(&mut self.peers, token) {
                            peer.ready(event);
                            schedule(&mut self.turns, peer);
                        }
                    }
                }
            }
            if self.interrupted.load(Ordering::Relaxed) && self.listener.is_some() {
                self.shut_down(now);
            }
            if self.accepting == Accepting::Ready {
                self.accept(now);
            }
            for _ in 0..self.turns.len() {
                self.serve_next(now);
            }
            if now >= self.next_tick {
                self.tick(now);
            }
            if self.shutdown_ends.is_some_and(|end| now >= end) && !self.peers.is_empty() {
                warn!("{} connections have not closed in time", self.peers.len());
                break;
            }
        }
        Ok(())
    }

    /// How long to wait for events, if it is `now`. That may be as long ago as the last ones: the
    /// tick then comes a little late, and the clock is read once for all of them.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.turns.is_empty() || self.accepting == Accepting::Ready {
            Some(Duration::ZERO)
        } else if self.peers.is_empty() && self.accepting == Accepting::Idle {
            None
        } else {
            Some(self.next_tick.saturating_since(now))
        }
    }

    fn accept(&mut self, now: Instant) {
        let Some(listener) = &self.listener else { return };
        for _ in 0..MAX_ACCEPTS {
            match listener.accept() {
                Ok((stream, address)) => {
                    let entry = self.peers.vacant_entry();
                    let token = token(entry.key(), self.accepted);
                    let mut peer = Peer::new(stream, address, token, &self.room.settings, now);
                    match peer.register(self.poll.registry()) {
                        Ok(()) => drop(entry.insert(peer)),
                        Err(error) => warn!("{address} is turned away: {error}"),
                    }
                    self.accepted = self.accepted.wrapping_add(1);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.accepting = Accepting::Idle;
                        return;
                    }
                    // A signal, or somebody who has not waited.
                    ErrorKind::Interrupted
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::ConnectionReset => {}
                    _ => {
                        warn!("nobody can be accepted at the moment: {error}");
                        self.accepting = Accepting::Starved;
                        return;
                    }
                },
            }
        }
    }

    /// Gives a turn to the first in line.
    fn serve_next(&mut self, now: Instant) {
        let Some(token) = self.turns.pop_front() else { return };
        let Some((key, peer)) = find(&mut self.peers, token) else { return };
        peer.scheduled = false;
        let ended = match peer.turn(&mut self.memory, &mut self.room, now) {
            Ok(()) => peer.settle(&mut self.memory, now),
            Err(error) => Some(error.to_string()),
        };
        match ended {
            Some(how) => self.remove(key, &how),
            None if peer.wants_turn() => schedule(&mut self.turns, peer),
            None => {}
        }
        self.deliver(now);
    }

    /// Tells everyone what is to be told; the end of connections may add to that.
    fn deliver(&mut self, now: Instant) {
        while !self.room.everyone.is_empty() {
            let mut messages = mem::take(&mut self.room.everyone);
            let Settings { slow, config, .. } = &self.room.settings;
            if let Some(extension) = &config.extension {
                // Compressed once for all of them.
                messages =
                    messages.into_iter().map(|message| message.encoded(&**extension)).collect();
            }
            let slow = *slow;
            self.for_each(now, |peer, memory| peer.tell(memory, &messages, slow));
        }
    }

    fn tick(&mut self, now: Instant) {
        self.next_tick = now + self.tick;
        if self.accepting == Accepting::Starved {
            self.accepting = Accepting::Ready;
        }
        self.for_each(now, |peer, _| peer.tick(now));
        self.deliver(now);
    }

    /// Accepts nobody any more, and closes all connections.
    fn shut_down(&mut self, now: Instant) {
        info!("shutting down");
        self.listener = None;
        self.accepting = Accepting::Idle;
        // A slow reader may be long in coming to its Close, where its own time for closing begins.
        self.shutdown_ends =
            self.room.settings.timeouts.close.map(|time| now + time.saturating_mul(2));
        // Who has not finished the handshake is not waited for.
        self.peers.retain(|_, peer| peer.is_websocket());
        self.for_each(now, Peer::close);
        self.deliver(now);
    }

    /// Does something to all connections, writes what came of it, and removes those that have
    /// ended.
    fn for_each(&mut self, now: Instant, mut act: impl FnMut(&mut Peer, &mut Memory)) {
        let mut gone = Vec::new();
        for (key, peer) in &mut self.peers {
            act(peer, &mut self.memory);
            match peer.settle(&mut self.memory, now) {
                Some(how) => gone.push((key, how)),
                None if peer.wants_turn() => schedule(&mut self.turns, peer),
                None => {}
            }
        }
        for (key, how) in gone {
            self.remove(key, &how);
        }
    }

    fn remove(&mut self, key: usize, how: &str) {
        let peer = self.peers.remove(key);
        if let Some(id) = peer.farewell(how) {
            self.room.service.ended(id, &mut self.room.everyone);
        }
        if self.accepting == Accepting::Starved {
            self.accepting = Accepting::Ready;
        }
    }

    fn now(&self) -> Instant {
        Instant::new(self.start.elapsed())
    }
}

/// The first signal is for the loop; the second ends the process, whatever the loop is doing.
fn handle_signals(waker: Waker, interrupted: Arc<AtomicBool>) -> io::Result<()> {
    ctrlc::set_handler(move || {
        if interrupted.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let _ = waker.wake();
    })
    .map_err(io::Error::other)
}

/// Half of a token is the key in the slab; the other half differs from that of the connection
/// that had the key before, so that events meant for one never reach the other.
fn token(key: usize, accepted: usize) -> Token {
    Token(key | accepted << (usize::BITS / 2))
}

fn find(peers: &mut Slab<Peer>, token: Token) -> Option<(usize, &mut Peer)> {
    let key = token.0 & (usize::MAX >> (usize::BITS / 2));
    let peer = peers.get_mut(key)?;
    (peer.token == token).then_some((key, peer))
}

fn schedule(turns: &mut VecDeque<Token>, peer: &mut Peer) {
    if !mem::replace(&mut peer.scheduled, true) {
        turns.push_back(peer.token);
    }
}
