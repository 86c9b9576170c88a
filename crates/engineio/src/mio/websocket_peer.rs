//! A connection that is a WebSocket: the transport of a session, or a candidate for that.

use super::http_peer::Upgrade;
use super::settings::FRAMES_AHEAD;
use super::{EngineIo, Handler, Settings, Timer};
use crate::{Departure, Frame, Session};
use alloc::sync::Arc;
use log::debug;
use mio::event::Event as Readiness;
use sansio_ws::deadlines::Instant;
use sansio_ws::mio::server::{Context, Key, Listener};
use sansio_ws::mio::{Memory, Stream, WebSocket};
use sansio_ws::{CloseCode, Connection, Ended, Event};
use std::io;

pub(super) struct WebSocketPeer<S> {
    socket: WebSocket<S>,
    session: Session,
    /// It is not read from until its client has taken more of its answers.
    waits: bool,
    /// The stream has refused bytes that still wait.
    is_refused: bool,
}

impl<S: Stream> WebSocketPeer<S> {
    pub(super) fn new(stream: S, upgrade: Upgrade, settings: &Settings, now: Instant) -> Self {
        let Upgrade { session, connection, rx } = upgrade;
        let timeouts = Arc::clone(&settings.timeouts);
        let mut socket = WebSocket::from_parts(stream, rx, connection, timeouts, now);
        socket.assume_ready();
        Self { socket, session, waits: false, is_refused: false }
    }

    pub(super) fn session(&self) -> Session {
        self.session
    }

    pub(super) fn ready(&mut self, event: &Readiness) {
        self.socket.ready(event);
    }

    /// Has it read and write although `poll` has not reported that it can.
    pub(super) fn assume_ready(&mut self) {
        self.socket.assume_ready();
    }

    pub(super) fn wants_turn(&self) -> bool {
        self.socket.wants_turn() && !self.waits
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.socket.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(due) = self.socket.handle_timeout(now) {
            debug!("session {}: {due}", self.session);
        }
    }

    pub(super) fn send(&mut self, text: &str, memory: &mut Memory) {
        if let Some(connection) = self.socket.connection_mut(memory) {
            // Fails if the client has closed it meanwhile, of which the machine hears.
            let _ = connection.send_text(text);
        }
    }

    pub(super) fn close(&mut self, code: CloseCode, memory: &mut Memory) {
        if let Some(connection) = self.socket.connection_mut(memory) {
            // Fails if it is closing already.
            let _ = connection.close(code, "");
        }
    }

    pub(super) fn turn<H, L>(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        let Self { socket, session, waits, .. } = self;
        let session = *session;
        let Context { memory, now, tasks, .. } = context;
        let mut turn = socket.turn(memory, *now);
        loop {
            *waits = service.machine.pauses_reading(session);
            if *waits {
                return;
            }
            let machine = &mut service.machine;
            let message = match turn.next() {
                Ok(Some((_, Event::Text(text)))) => machine.text(*now, session, key, text),
                Ok(Some((_, Event::Binary(bytes)))) => machine.binary(*now, session, key, bytes),
                Ok(Some((_, Event::Close(_)))) => {
                    machine.gone(session, key, Departure::Closed);
                    None
                }
                Ok(Some(_)) => None,
                Ok(None) => return,
                Err(error) => {
                    // `settle` hears of the stream, too.
                    debug!("session {session}: {error}");
                    machine.gone(session, key, Departure::Failed);
                    service.hand_out_events(tasks, *now);
                    return;
                }
            };
            match message {
                Some(message) => service.hand_out_message(session, message, tasks, *now),
                None => service.hand_out_events(tasks, *now),
            }
        }
    }

    /// Writes the frames that the machine has for it. Whether it has ended.
    pub(super) fn settle<H, L>(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> bool
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        let session = self.session;
        let Context { memory, now, tasks, .. } = context;
        let ended = loop {
            let mut is_taken = false;
            while !is_taken && self.has_room() {
                match service.machine.next_frame(session, key) {
                    Some(frame) => self.put(&frame, memory),
                    None => is_taken = true,
                }
            }
            let before = self.queued();
            let ended = self.socket.settle(memory, *now).transpose();
            if self.is_refused && self.queued() < before {
                service.machine.note_taken(session);
            }
            // What fills it may be written in a moment, and nothing else tells then that there is room.
            if ended.is_some() || is_taken || !self.has_room() {
                break ended;
            }
        };
        if let Some(ended) = &ended {
            service.machine.gone(session, key, departure(ended));
        } else {
            self.is_refused = self.queued() > 0;
            service.machine.set_busy(session, self.is_refused);
            self.waits = self.waits && service.machine.pauses_reading(session);
        }
        service.hand_out_events(tasks, *now);
        ended.is_some()
    }

    fn put(&mut self, frame: &Frame, memory: &mut Memory) {
        let Some(connection) = self.socket.connection_mut(memory) else { return };
        let result = match frame {
            Frame::Text(text) => connection.send_text(text),
            Frame::Message(packet) => connection.send_prepared(packet.message()),
            Frame::Close(code) => connection.close(*code, ""),
        };
        // There was room and the connection is open, so nothing is left to fail.
        if let Err(error) = result {
            debug!("session {}: {error}", self.session);
        }
    }

    /// Bytes that the stream has not taken.
    fn queued(&self) -> usize {
        self.socket.connection().map_or(0, Connection::queued)
    }

    fn has_room(&self) -> bool {
        let connection = self.socket.connection();
        connection
            .is_some_and(|connection| connection.is_open() && connection.queued() < FRAMES_AHEAD)
    }
}

fn departure(ended: &io::Result<Ended>) -> Departure {
    match ended {
        Ok(Ended::Clean { .. } | Ended::Eof { mid_frame: false, mid_message: false, .. }) => {
            Departure::Closed
        }
        _ => Departure::Failed,
    }
}
