//! Reading: from readiness to events.

use super::error::Error;
use super::{Memory, State, Stream, WebSocket};
use crate::connection::{Connection, Event, Found, ProtocolError};
use crate::deadlines::Instant;
use crate::handshake::{Answer, Request, Response};
use crate::io::is_gone;
use crate::recv_buffer::RecvBuffer;
use std::io::ErrorKind;

/// How many bytes one turn reads before other connections get theirs.
const TURN_BYTES: usize = 256 * 1024;

/// A turn of one socket at the loop's buffer.
#[derive(Debug)]
pub struct Turn<'t, S: Stream> {
    socket: &'t mut WebSocket<S>,
    memory: &'t mut Memory,
    /// The socket's own buffer is in the place of the loop's, and the other way round.
    swapped: bool,
    now: Instant,
    /// Bytes it may still read.
    budget: usize,
}

impl<'t, S: Stream> Turn<'t, S> {
    pub(super) fn new(socket: &'t mut WebSocket<S>, memory: &'t mut Memory, now: Instant) -> Self {
        debug_assert!(memory.rx.is_empty(), "each turn leaves the buffer empty for the next");
        let mut swapped = false;
        if let Some(parked) = &mut socket.parked {
            memory.rx.unpark(parked);
            swapped = parked.capacity() > 0;
        }
        if !swapped {
            socket.parked = None;
        }
        socket.interrupted = true;
        Self { socket, memory, swapped, now, budget: TURN_BYTES }
    }

    /// Goes on with the opening handshake: `true` when the connection is open. The server asks
    /// `decide` what to do with the request: accept it with
    /// [`Upgrade::accept`](crate::handshake::Upgrade::accept), or answer it with a plain response.
    ///
    /// # Errors
    ///
    /// Fatal, see [`Error`].
    pub fn open(
        &mut self,
        mut decide: impl FnMut(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<bool, Error> {
        loop {
            match &mut self.socket.state {
                State::Open(_) => return Ok(true),
                // What a client sends behind a request that was not accepted is discarded.
                State::Responding(_) => self.memory.rx.clear(),
                State::Accepting(handshake) => match handshake.receive(&mut self.memory.rx) {
                    Ok(None) => {}
                    Ok(Some(request)) => {
                        self.socket.state = match decide(&request) {
                            Ok(connection) => State::Open(connection),
                            Err(response) => State::respond(&request.respond(&response)),
                        };
                        self.socket.deadlines.opened(self.now);
                        continue;
                    }
                    Err(error) => {
                        self.socket.state = State::respond(&error.response().encode());
                        return Err(Error::Handshake(error));
                    }
                },
                State::Connecting(handshake) => match handshake.receive(&mut self.memory.rx) {
                    Ok(None) => {}
                    Ok(Some(Answer::Open(connection, _))) => {
                        self.socket.state = State::Open(connection);
                        self.socket.deadlines.opened(self.now);
                        continue;
                    }
                    Ok(Some(Answer::Refused(refusal))) => {
                        let status = refusal.head.status();
                        self.socket.state = State::respond(&[]);
                        return Err(Error::Refused(status));
                    }
                    Err(error) => {
                        self.socket.state = State::respond(&[]);
                        return Err(Error::Handshake(error));
                    }
                },
            }
            if !self.read()? {
                return Ok(false);
            }
        }
    }

    /// The next event, together with the machine to answer it. `None` ends the turn: nothing has
    /// arrived, or it was enough for one turn. `None` also before the handshake is done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or once [`Error::Protocol`].
    #[expect(clippy::should_implement_trait, reason = "lends what it returns")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(&mut Connection, Event<'_>)>, Error> {
        if let State::Open(connection) = &mut self.socket.state
            && let Some(whole) = connection.find_whole(&mut self.memory.rx)
        {
            return self.hand_out(|connection, rx| connection.hand_out_whole(whole, rx));
        }
        self.next_other()
    }

    #[inline(never)]
    fn next_other(&mut self) -> Result<Option<(&mut Connection, Event<'_>)>, Error> {
        let found = loop {
            let State::Open(connection) = &mut self.socket.state else { return Ok(None) };
            match connection.find(&mut self.memory.rx) {
                Ok(Some(Found::Yield)) => return Ok(None),
                Ok(Some(found)) => break found,
                Ok(None) => {}
                Err(_) if self.socket.failure_reported => {}
                Err(error) => {
                    self.socket.failure_reported = true;
                    return Err(Error::Protocol(error));
                }
            }
            if !self.read()? {
                return Ok(None);
            }
        };
        self.hand_out(|connection, rx| connection.hand_out(found, rx))
    }

    #[inline]
    fn hand_out<'b>(
        &'b mut self,
        lend: impl FnOnce(&mut Connection, &'b RecvBuffer) -> Result<Event<'b>, ProtocolError>,
    ) -> Result<Option<(&'b mut Connection, Event<'b>)>, Error> {
        let State::Open(connection) = &mut self.socket.state else { return Ok(None) };
        match lend(connection, &self.memory.rx) {
            Ok(event) => {
                if event.is_message() {
                    self.socket.deadlines.message(self.now);
                }
                Ok(Some((connection, event)))
            }
            Err(error) => {
                self.socket.failure_reported = true;
                Err(Error::Protocol(error))
            }
        }
    }

    /// Reads once; `false` when there was nothing to read, or the turn is over.
    fn read(&mut self) -> Result<bool, Error> {
        if !self.socket.readable {
            self.socket.interrupted = false;
        }
        if !self.socket.readable || self.budget == 0 || self.socket.ended.is_some() {
            return Ok(false);
        }
        let room = self.memory.rx.spare().len().min(self.budget);
        match self.memory.rx.read_at_most(self.budget, &mut self.socket.stream) {
            Ok(0) => {
                self.socket.end(&self.memory.rx, self.now);
                Ok(false)
            }
            Ok(n) => {
                self.socket.readable =
                    n == room || self.socket.read_closed || !S::SHORT_READ_DRAINS;
                self.socket.deadlines.received(self.now);
                self.budget -= n;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.socket.readable = false;
                self.socket.interrupted = false;
                Ok(false)
            }
            Err(error) if is_gone(&error) && self.socket.has_received_all() => {
                self.socket.end(&self.memory.rx, self.now);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: Stream> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let Self { socket, memory, .. } = self;
        if socket.ended.is_some() {
            memory.rx.clear();
        }
        if self.swapped {
            let Some(mut own) = socket.parked.take() else { return };
            core::mem::swap(&mut memory.rx, &mut *own);
            if own.is_empty() {
                memory.keep_large(own);
            } else {
                socket.parked = Some(own);
            }
        } else if !memory.rx.is_empty() {
            socket.parked = Some(memory.park());
        }
    }
}
