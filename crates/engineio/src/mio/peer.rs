//! One connection: plain HTTP first, and a WebSocket perhaps.

use super::http_peer::HttpPeer;
use super::websocket_peer::WebSocketPeer;
use super::{EngineIo, Handler, Settings, Timer};
use crate::Output;
use alloc::boxed::Box;
use core::fmt;
use mio::event::Event;
use mio::{Registry, Token};
use sansio_ws::deadlines::Instant;
use sansio_ws::mio::server::{Context, Key, Listener, Peer};
use sansio_ws::mio::{Memory, Stream};
use std::io;

/// A connection of an [`EngineIo`] server.
pub struct EnginePeer<S, A> {
    address: A,
    state: State<S>,
}

enum State<S> {
    // Both behind pointers: in place, each would take as much room as the larger of them.
    Http(Box<HttpPeer<S>>),
    WebSocket(Box<WebSocketPeer<S>>),
    /// It is being made from the one to the other, or has failed to.
    Moving,
}

impl<S, A: fmt::Display> fmt::Debug for EnginePeer<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EnginePeer").field(&format_args!("{}", self.address)).finish()
    }
}

impl<S: Stream, A> EnginePeer<S, A> {
    pub(super) fn new(http: HttpPeer<S>, address: A) -> Self {
        Self { address, state: State::Http(Box::new(http)) }
    }

    /// Where it comes from.
    #[must_use]
    pub fn address(&self) -> &A {
        &self.address
    }

    /// Reads what has arrived, if it is a WebSocket. It is to be settled then.
    pub(super) fn look<H, L>(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) where
        L: Listener<Stream = S, Address = A>,
        H: Handler<L>,
    {
        if let State::WebSocket(socket) = &mut self.state {
            socket.assume_ready();
            socket.turn(key, service, context);
        }
    }

    /// Takes what the machine has for it.
    pub(super) fn take(&mut self, output: Output<Key>, settings: &Settings, memory: &mut Memory) {
        match (&mut self.state, output) {
            (State::Http(http), Output::Respond { response, may_compress, .. }) => {
                http.respond(settings, response, may_compress);
            }
            (State::Http(http), Output::Continue { max_bytes, .. }) => http.go_on(max_bytes),
            (State::WebSocket(socket), Output::Probe { text, .. }) => socket.send(text, memory),
            (State::WebSocket(socket), Output::Close { code, .. }) => socket.close(code, memory),
            // The machine names no connection that is not what it takes it for.
            _ => {}
        }
    }
}

impl<H, L> Peer<EngineIo<H, L>> for EnginePeer<L::Stream, L::Address>
where
    L: Listener<Stream: Stream>,
    H: Handler<L>,
{
    type End = ();

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.state {
            State::Http(http) => http.register(registry, token),
            State::WebSocket(_) | State::Moving => Ok(()),
        }
    }

    fn ready(&mut self, event: &Event) {
        match &mut self.state {
            State::Http(http) => http.ready(event),
            State::WebSocket(socket) => socket.ready(event),
            State::Moving => {}
        }
    }

    fn wants_turn(&self) -> bool {
        match &self.state {
            State::Http(http) => http.wants_turn(),
            State::WebSocket(socket) => socket.wants_turn(),
            State::Moving => false,
        }
    }

    fn turn(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) {
        match &mut self.state {
            State::Http(http) => {
                let Some(upgrade) = http.turn(key, &self.address, service, context) else { return };
                let State::Http(http) = core::mem::replace(&mut self.state, State::Moving) else {
                    return;
                };
                let stream = http.into_stream();
                let settings = &service.settings;
                let session = upgrade.session;
                let socket = WebSocketPeer::new(stream, upgrade, settings, context.now);
                self.state = State::WebSocket(Box::new(socket));
                service.machine.opened(context.now, session, key);
                service.hand_out_events(&mut context.tasks, context.now);
            }
            State::WebSocket(socket) => socket.turn(key, service, context),
            State::Moving => {}
        }
    }

    fn settle(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> Option<()> {
        let ended = match &mut self.state {
            State::Http(http) => http.settle(key, service, context.now),
            State::WebSocket(socket) => socket.settle(key, service, context),
            State::Moving => true,
        };
        ended.then_some(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Http(http) => http.next_deadline(),
            State::WebSocket(socket) => socket.next_deadline(),
            State::Moving => None,
        }
    }

    fn handle_timeout(
        &mut self,
        _: Key,
        _: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) {
        match &mut self.state {
            State::Http(http) => http.handle_timeout(context.now),
            State::WebSocket(socket) => socket.handle_timeout(context.now),
            State::Moving => {}
        }
    }

    fn close(
        &mut self,
        _: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) {
        let session = match &mut self.state {
            State::Http(http) => http.close(),
            State::WebSocket(socket) => Some(socket.session()),
            State::Moving => None,
        };
        if let Some(session) = session {
            service.machine.close(context.now, session);
        }
    }
}
