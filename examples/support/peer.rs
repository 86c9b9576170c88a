//! One connection of the server.

use super::{Everyone, Service, Settings, Slow};
use core::fmt;
use core::net::SocketAddr;
use core::num::NonZeroU64;
use log::{debug, info};
use mio::net::TcpStream;
use mio::{Registry, Token};
use sansio_ws::deadlines::{Due, Instant};
use sansio_ws::mio::{Error, Memory, WebSocket};
use sansio_ws::{CloseCode, Event, Limits, PreparedMessage};
use std::io;
use std::sync::Arc;

/// When this number of bytes waits for a peer, it gets no more messages that are for everyone.
pub(super) const FULL: usize = 1 << 20;

/// When more bytes than this wait for a peer, it is not read from, so that TCP slows it down: a
/// peer that sends faster than it reads the answers loses none. It is less than [`FULL`], and so
/// leaves room for what a turn may add.
const BUSY: usize = FULL / 2;

/// Messages for everyone that end a turn: each is work for all connections.
const MAX_FOR_EVERYONE: usize = 64;

pub(super) struct Peer {
    pub(super) token: Token,
    /// It is in line for a turn.
    pub(super) scheduled: bool,
    socket: WebSocket<TcpStream>,
    name: Name,
    missed: u64,
}

/// How it is called in the log: only what is a WebSocket has a number.
#[derive(Clone, Copy)]
struct Name {
    id: Option<NonZeroU64>,
    address: SocketAddr,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "#{id} {}", self.address),
            None => self.address.fmt(f),
        }
    }
}

/// What turns need and leave behind.
pub(super) struct Room<S> {
    pub(super) settings: Settings,
    pub(super) service: S,
    /// The number of the next connection that opens.
    pub(super) next_id: NonZeroU64,
    /// What is still to be delivered.
    pub(super) everyone: Everyone,
}

impl Peer {
    pub(super) fn new(
        stream: TcpStream,
        address: SocketAddr,
        token: Token,
        settings: &Settings,
        now: Instant,
    ) -> Self {
        // Small messages leave at once. Fails only if the peer has gone already.
        let _ = stream.set_nodelay(true);
        Self {
            token,
            scheduled: false,
            socket: WebSocket::server(
                stream,
                &Limits::default(),
                Arc::clone(&settings.timeouts),
                now,
            ),
            name: Name { id: None, address },
            missed: 0,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.register(registry, self.token)
    }

    pub(super) fn ready(&mut self, event: &mio::event::Event) {
        self.socket.ready(event);
    }

    pub(super) fn wants_turn(&self) -> bool {
        self.socket.wants_turn() && !self.is_busy()
    }

    /// Reads, and hands what came to the service. An error is one of the stream.
    pub(super) fn turn<S: Service>(
        &mut self,
        memory: &mut Memory,
        room: &mut Room<S>,
        now: Instant,
    ) -> io::Result<()> {
        if self.is_busy() {
            return Ok(());
        }
        match self.take_turn(memory, room, now) {
            Err(Error::Io(error)) => Err(error),
            Err(error) => {
                debug!("{}: {error}", self.name);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn take_turn<S: Service>(
        &mut self,
        memory: &mut Memory,
        room: &mut Room<S>,
        now: Instant,
    ) -> Result<(), Error> {
        let name = &mut self.name;
        let mut turn = self.socket.turn(memory, now);
        let open = turn.accept(|request| {
            debug!("{name}: {} {}", request.method(), request.target());
            room.settings.answer(request)
        })?;
        if !open {
            return Ok(());
        }
        let id = name.id.get_or_insert_with(|| {
            let id = room.next_id;
            room.next_id = id.saturating_add(1);
            info!("#{id} {} connected", name.address);
            room.service.opened(id.get(), &mut room.everyone);
            id
        });
        let id = id.get();
        while let Some((mut connection, event)) = turn.next()? {
            match event {
                // A peer that has been told to go is not listened to any more.
                Event::Text(text) if connection.is_open() => {
                    room.service.text(id, &mut connection, text, &mut room.everyone);
                }
                Event::Binary(bytes) if connection.is_open() => {
                    room.service.binary(id, &mut connection, bytes, &mut room.everyone);
                }
                Event::Close(reason) => debug!("{name}: close frame: {reason}"),
                _ => {}
            }
            if connection.queued() > BUSY || room.everyone.len() >= MAX_FOR_EVERYONE {
                break;
            }
        }
        Ok(())
    }

    /// Queues what is for everyone.
    pub(super) fn tell(&mut self, memory: &mut Memory, messages: &[PreparedMessage], slow: Slow) {
        let Some(connection) = self.socket.connection_mut(memory) else { return };
        for message in messages.iter() {
            if !connection.is_open() {
                return;
            }
            if connection.send_prepared(message).is_ok() {
                continue;
            }
            match slow {
                Slow::DropMessage => {
                    if self.missed == 0 {
                        info!("{} reads too slowly and misses messages", self.name);
                    }
                    self.missed += 1;
                }
                Slow::Disconnect => {
                    info!("{} reads too slowly and is disconnected", self.name);
                    let _ = connection.close(CloseCode::TRY_AGAIN_LATER, "reading too slowly");
                }
            }
        }
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, memory: &mut Memory) {
        if let Some(connection) = self.socket.connection_mut(memory) {
            // Fails only if the connection is closing already.
            let _ = connection.close(CloseCode::GOING_AWAY, "the server shuts down");
        }
    }

    /// Lets deadlines pass.
    pub(super) fn tick(&mut self, now: Instant) {
        match self.socket.handle_timeout(now) {
            None | Some(Due::Ping) => {}
            Some(due) => debug!("{}: {due}", self.name),
        }
    }

    /// Writes. If the connection has ended, tells how.
    pub(super) fn settle(&mut self, memory: &mut Memory, now: Instant) -> Option<String> {
        match self.socket.settle(memory, now) {
            Ok(None) => None,
            Ok(Some(ended)) => Some(ended.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The number it had, if it was a WebSocket.
    pub(super) fn farewell(self, how: &str) -> Option<u64> {
        match (self.name.id, self.missed) {
            (None, _) => debug!("{}: {how}", self.name),
            (_, 0) => info!("{} left: {how}", self.name),
            (_, missed) => info!("{} left: {how}; it missed {missed} messages", self.name),
        }
        self.name.id.map(NonZeroU64::get)
    }

    pub(super) fn is_websocket(&self) -> bool {
        self.name.id.is_some()
    }

    fn is_busy(&self) -> bool {
        self.socket.connection().is_some_and(|connection| connection.queued() > BUSY)
    }
}
