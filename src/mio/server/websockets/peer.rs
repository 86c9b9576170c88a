//! One client.

use super::outbox::{Delivery, What};
use super::{Client, Handler, Outbox, SlowConsumers, WebSockets};
use crate::close::CloseCode;
use crate::connection::{Connection, Ended, Event};
use crate::deadlines::{Due, Instant};
use crate::mio::server::{Context, Key, Listener, Peer};
use crate::mio::{Error, Memory, Stream, WebSocket};
use core::fmt;
use core::num::NonZeroU64;
use log::{debug, info};
use mio::{Registry, Token};
use std::io;

/// A connection of a [`WebSockets`] server: a handshake, a WebSocket, or a page on its way.
#[derive(Debug)]
pub struct WebSocketPeer<S, A> {
    socket: WebSocket<S>,
    address: A,
    /// Only what is a WebSocket has a number.
    number: Option<NonZeroU64>,
    /// Messages that it was too slow for: this number of them at least.
    missed: u32,
    /// More waited than should, and the handler has not been told that it has drained.
    is_congested: bool,
    /// The server shuts down, and does not wait for the handshake.
    is_given_up: bool,
}

impl<S: Stream, A: fmt::Display> WebSocketPeer<S, A> {
    pub(super) fn new(socket: WebSocket<S>, address: A) -> Self {
        Self { socket, address, number: None, missed: 0, is_congested: false, is_given_up: false }
    }

    /// Where it comes from.
    #[must_use]
    pub fn address(&self) -> &A {
        &self.address
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &WebSocket<S> {
        &self.socket
    }

    /// How many messages it has missed; it counts no further than the largest number.
    #[must_use]
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// The client, if it is a WebSocket.
    pub(super) fn client(&self, key: Key) -> Option<Client> {
        self.number.map(|number| Client { key, number })
    }

    fn take_turn<H, L>(
        &mut self,
        key: Key,
        service: &mut WebSockets<H, L>,
        context: &mut Context<H::Timer>,
    ) -> Result<(), Error>
    where
        L: Listener<Stream = S, Address = A>,
        H: Handler<S>,
    {
        let Self { socket, address, number, .. } = self;
        let WebSockets { handler, settings, deliveries, next_number, .. } = service;
        let Context { memory, now, tasks } = context;
        let mut turn = socket.turn(memory, *now);
        let open = turn.accept(|request| {
            debug!("{address}: {} {}", request.method(), request.target());
            handler.request(request, settings)
        })?;
        if !open {
            return Ok(());
        }
        let mut outbox = Outbox { deliveries, tasks, now: *now, speaker: Some(key) };
        let client = match *number {
            Some(number) => Client { key, number },
            None => {
                let client = Client { key, number: *next_number };
                *number = Some(client.number);
                *next_number = next_number.saturating_add(1);
                info!("{client} {address} connected");
                handler.opened(client, &mut outbox);
                client
            }
        };
        while let Some((mut reply, event)) = turn.next()? {
            match event {
                // Who has been told to go is not listened to any more.
                Event::Text(text) if reply.is_open() => {
                    handler.text(client, &mut reply, text, &mut outbox);
                }
                Event::Binary(bytes) if reply.is_open() => {
                    handler.binary(client, &mut reply, bytes, &mut outbox);
                }
                Event::Close(reason) => debug!("{client} {address}: close frame: {reason}"),
                _ => {}
            }
            if outbox.deliveries.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Queues what others have said, or what it has asked for.
    pub(super) fn take(
        &mut self,
        key: Key,
        delivery: &Delivery,
        policy: SlowConsumers,
        memory: &mut Memory,
    ) {
        let Some(client) = self.client(key) else { return };
        let Some(connection) = self.socket.connection_mut(memory) else { return };
        connection.count_as_answers(delivery.asked_by == Some(key));
        let message = match &delivery.what {
            What::Message(message) => message,
            What::Close(code, reason) => {
                // Fails if it is closing already; else the reason is too long.
                if connection.close(*code, reason).is_err() && connection.is_open() {
                    let _ = connection.close(*code, "");
                }
                return;
            }
        };
        if !connection.is_open() || connection.send_prepared(message).is_ok() {
            return;
        }
        self.is_congested = true;
        match policy {
            SlowConsumers::MissMessages => {
                if self.missed == 0 {
                    info!("{client} {} reads too slowly and misses messages", self.address);
                }
                self.missed = self.missed.saturating_add(1);
            }
            SlowConsumers::Disconnect => {
                info!("{client} {} reads too slowly and is disconnected", self.address);
                let _ = connection.close(CloseCode::TRY_AGAIN_LATER, "reading too slowly");
            }
        }
    }

    fn is_congested_now(&self) -> bool {
        self.socket.connection().is_some_and(Connection::is_congested)
    }

    /// How it is called in the log.
    fn name(&self, key: Key) -> impl fmt::Display + '_ {
        Name { client: self.client(key), address: &self.address }
    }

    pub(super) fn say_farewell(&self, key: Key, end: &io::Result<Ended>) {
        let name = self.name(key);
        let how: &dyn fmt::Display = match end {
            Ok(ended) => ended,
            Err(error) => error,
        };
        match (self.number, self.missed) {
            (None, _) => debug!("{name}: {how}"),
            (_, 0) => info!("{name} left: {how}"),
            (_, missed) => info!("{name} left: {how}; it missed {missed} messages"),
        }
    }
}

struct Name<'a, A> {
    client: Option<Client>,
    address: &'a A,
}

impl<A: fmt::Display> fmt::Display for Name<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.client {
            Some(client) => write!(f, "{client} {}", self.address),
            None => self.address.fmt(f),
        }
    }
}

impl<H, L> Peer<WebSockets<H, L>> for WebSocketPeer<L::Stream, L::Address>
where
    L: Listener<Stream: Stream>,
    H: Handler<L::Stream>,
{
    type End = io::Result<Ended>;

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.register(registry, token)
    }

    fn ready(&mut self, event: &mio::event::Event) {
        self.socket.ready(event);
    }

    fn wants_turn(&self) -> bool {
        self.socket.wants_turn()
    }

    fn turn(&mut self, key: Key, service: &mut WebSockets<H, L>, context: &mut Context<H::Timer>) {
        // What it says of the stream, `settle` says again.
        if let Err(error) = self.take_turn(key, service, context) {
            debug!("{}: {error}", self.name(key));
        }
    }

    fn settle(
        &mut self,
        key: Key,
        service: &mut WebSockets<H, L>,
        context: &mut Context<H::Timer>,
    ) -> Option<io::Result<Ended>> {
        if self.is_given_up {
            return Some(Ok(Ended::TimedOut));
        }
        let was_congested = self.is_congested || self.is_congested_now();
        let end = self.socket.settle(&mut context.memory, context.now).transpose();
        self.is_congested = was_congested && self.is_congested_now();
        if was_congested
            && !self.is_congested
            && end.is_none()
            && let Some(client) = self.client(key)
        {
            let (handler, mut outbox) = service.outbox(context);
            handler.drained(client, &mut outbox);
        }
        end
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.socket.poll_timeout()
    }

    fn handle_timeout(
        &mut self,
        key: Key,
        _: &mut WebSockets<H, L>,
        context: &mut Context<H::Timer>,
    ) {
        match self.socket.handle_timeout(context.now) {
            None | Some(Due::Ping) => {}
            Some(due) => debug!("{}: {due}", self.name(key)),
        }
    }

    fn close(&mut self, _: Key, _: &mut WebSockets<H, L>, context: &mut Context<H::Timer>) {
        match self.socket.connection_mut(&mut context.memory) {
            // Fails only if the connection is closing already.
            Some(connection) => {
                let _ = connection.close(CloseCode::GOING_AWAY, "the server shuts down");
            }
            None => self.is_given_up = true,
        }
    }
}
