//! Reading: from readiness to events.

use super::error::Error;
use super::{LastTurn, Look, Memory, Reply, State, Stream, WebSocket};
use crate::connection::{Connection, Event, LocatedEvent};
use crate::deadlines::Instant;
use crate::handshake::{Answer, Request, Response, ResponseHead};
use crate::io::{is_end, is_gone};
use alloc::vec::Vec;
use std::io::{self, ErrorKind};

/// How many bytes one turn reads before other connections get theirs. It also bounds a read, so that
/// its bytes are still in the cache when they are looked at.
const PORTION: usize = 256 * 1024;

/// How many portions a turn has when each was for the most part of a message that is not complete.
/// Leaving a message and coming back to it takes longer than reading the rest.
const PORTIONS: usize = 8;

/// A turn of one socket at the loop's buffer.
///
/// ```
/// use sansio_ws::deadlines::{Clock, Timeouts};
/// use sansio_ws::mio::{Memory, WebSocket};
/// use sansio_ws::{Config, Connection, Event, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = mio::net::TcpStream::connect(listener.local_addr()?)?;
/// # let connection = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// # let mut rx = RecvBuffer::new();
/// # rx.extend_from_slice(b"\x81\x02hi\x82\x03\x01\x02\x03");
/// let (clock, mut memory) = (Clock::new(), Memory::new());
/// let mut socket = WebSocket::from_parts(stream, rx, connection, Timeouts::default(), clock.now());
///
/// let (mut texts, mut bytes) = (Vec::new(), 0);
/// let mut turn = socket.turn(&mut memory, clock.now());
/// while let Some((_reply, event)) = turn.next()? {
///     match event {
///         Event::Text(text) => texts.push(text.to_owned()),
///         Event::Binary(payload) => bytes += payload.len(),
///         _ => {}
///     }
/// }
/// drop(turn);
/// assert_eq!((texts, bytes), (vec!["hi".to_owned()], 3));
/// assert!(!socket.wants_turn(), "nothing is left until `poll` reports more");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Turn<'t, S: Stream> {
    socket: &'t mut WebSocket<S>,
    memory: &'t mut Memory,
    now: Instant,
    /// Bytes it may still read.
    budget: usize,
    /// How often it may get more of them.
    portions: usize,
    /// Something may be left to hand out.
    interrupted: bool,
    /// It has asked the stream for bytes.
    has_read: bool,
}

impl<'t, S: Stream> Turn<'t, S> {
    pub(super) fn new(socket: &'t mut WebSocket<S>, memory: &'t mut Memory, now: Instant) -> Self {
        memory.begin_turn(now);
        if let Some(parked) = &mut socket.parked {
            memory.unpark(parked);
        }
        socket.last_turn = LastTurn::Begun;
        Self {
            socket,
            memory,
            now,
            budget: PORTION,
            portions: PORTIONS - 1,
            interrupted: true,
            has_read: false,
        }
    }

    /// Goes on with the opening handshake of a server: `true` when the connection is open. Asks
    /// `decide` what to do with the request: accept it with
    /// [`Upgrade::accept`](crate::handshake::Upgrade::accept), or answer it with a plain response.
    ///
    /// # Errors
    ///
    /// Fatal, see [`Error`].
    #[doc(alias("accept_hdr", "verifyClient", "Upgrader"))]
    pub fn accept(
        &mut self,
        decide: impl FnMut(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<bool, Error> {
        self.open(decide, |_| {})
    }

    /// Goes on with the opening handshake of a client: `true` when the connection is open. Lends
    /// `opened` the head of the answer that opens it.
    ///
    /// # Errors
    ///
    /// Fatal, see [`Error`]. After [`Error::Refused`] the stream and what was read behind the response
    /// can be had by [`into_parts`](WebSocket::into_parts), before [`settle`](WebSocket::settle) ends
    /// the stream.
    pub fn connect(&mut self, opened: impl FnMut(&ResponseHead<'_>)) -> Result<bool, Error> {
        self.open(|_| Err(Response::not_found()), opened)
    }

    fn open(
        &mut self,
        mut decide: impl FnMut(&Request<'_>) -> Result<Connection, Response>,
        mut opened: impl FnMut(&ResponseHead<'_>),
    ) -> Result<bool, Error> {
        loop {
            if let Some(response) = self.socket.state.take_refusal() {
                return Err(Error::Refused(response));
            }
            match &mut self.socket.state {
                State::Open(_) => return Ok(true),
                // What a client sends behind a request that was not accepted is discarded.
                State::Responding { .. } => self.memory.rx.clear(),
                State::Refused { .. } | State::Over(_) => return Ok(false),
                State::Accepting(handshake) => match handshake.receive(&mut self.memory.rx) {
                    Ok(None) => {}
                    Ok(Some(request)) => {
                        self.socket.state = match decide(&request) {
                            Ok(connection) => State::Open(connection),
                            Err(response) => {
                                State::respond(request.respond(&response.keep_alive(false)))
                            }
                        };
                        self.socket.deadlines.opened(self.now);
                        continue;
                    }
                    Err(error) => {
                        self.socket.state = State::respond(error.response().encode());
                        return Err(Error::Handshake(error));
                    }
                },
                State::Connecting(handshake) => match handshake.receive(&mut self.memory.rx) {
                    Ok(None) => {}
                    Ok(Some(Answer::Open(connection, head))) => {
                        opened(&head);
                        self.socket.state = State::Open(connection);
                        self.socket.deadlines.opened(self.now);
                        continue;
                    }
                    Ok(Some(Answer::Refused(response))) => {
                        self.socket.state = State::respond(Vec::new());
                        return Err(Error::Refused(response));
                    }
                    Err(error) => {
                        self.socket.state = State::respond(Vec::new());
                        return Err(Error::Handshake(error));
                    }
                },
            }
            let read = self.read();
            // What has come of a refusal counts more than how the stream ended.
            if !matches!(self.socket.state, State::Refused { .. }) && !read? {
                return Ok(false);
            }
        }
    }

    /// The next event, together with the machine to answer it. `None` ends the turn: nothing has
    /// arrived, it was enough for one turn, or [too many answers](Connection::pauses_reading) wait to be
    /// written: the peer has to read first. `None` also before the handshake is done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], or once [`Error::Protocol`].
    #[doc(alias = "read_message")]
    #[expect(clippy::should_implement_trait, reason = "lends what it returns")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<(Reply<'_, S>, Event<'_>)>, Error> {
        let Some(located) = self.find()? else { return Ok(None) };
        let WebSocket { state, link, .. } = &mut *self.socket;
        let State::Open(connection) = state else { return Ok(None) };
        connection.count_as_answers(true);
        let event = connection.lend_event(located, &self.memory.rx).map_err(Error::Protocol)?;
        Ok(Some((Reply { connection, link }, event)))
    }

    /// Looks for an event, and reads as long as there is none and the turn allows it.
    #[inline]
    fn find(&mut self) -> Result<Option<LocatedEvent>, Error> {
        loop {
            let State::Open(connection) = &mut self.socket.state else { return Ok(None) };
            if connection.pauses_reading() {
                return Ok(None);
            }
            let failed_before = connection.has_failed();
            match connection.find_event(&mut self.memory.rx) {
                Ok(Some(located)) if located.is_yield() => return Ok(None),
                Ok(Some(located)) => return Ok(Some(located)),
                Ok(None) => {}
                Err(_) if failed_before => {}
                Err(error) => return Err(Error::Protocol(error)),
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads once; `false` when there was nothing to read, or the turn is over.
    fn read(&mut self) -> Result<bool, Error> {
        if !self.socket.link.readable {
            self.interrupted = false;
        }
        if self.budget == 0 && self.portions > 0 && self.memory.rx.pending() > PORTION / 2 {
            self.budget = PORTION;
            self.portions -= 1;
        }
        if !self.socket.link.readable || self.budget == 0 || self.socket.state.ended().is_some() {
            return Ok(false);
        }
        self.has_read = true;
        match self.memory.rx.read_at_most(self.budget, &mut self.socket.link.stream) {
            Ok((0, _)) => self.socket.end_input(&self.memory.rx, self.now),
            Ok((n, full)) => {
                self.socket.link.readable =
                    full || self.socket.distrusts_short_reads || !S::SHORT_READ_DRAINS;
                self.socket.deadlines.received(self.now);
                self.budget -= n;
                return Ok(true);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.socket.link.readable = false;
                // Nothing hides any more. What comes from now on, `poll` reports.
                self.socket.distrusts_short_reads = false;
                self.interrupted = false;
            }
            Err(error) if is_end(&error) && self.socket.may_end() => {
                if is_gone(error.kind()) {
                    self.socket.link.gone = true;
                    self.socket.state.discard_output();
                }
                self.socket.end_input(&self.memory.rx, self.now);
            }
            Err(error) => {
                let opened = matches!(self.socket.state, State::Open(_));
                self.socket.fail();
                return Err(if opened { error } else { before_opening(error) }.into());
            }
        }
        Ok(false)
    }
}

/// What to say when an end is found before the handshake is done, which is an error.
fn before_opening(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            io::Error::new(error.kind(), "cut off before the handshake was done")
        }
        _ => error,
    }
}

impl<S: Stream> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        let Self { socket, memory, .. } = self;
        if let State::Open(connection) = &mut socket.state {
            socket.deadlines.observe_holding(connection, socket.link.holds(), self.now);
        }
        socket.last_turn =
            if self.interrupted { LastTurn::Interrupted } else { LastTurn::Finished };
        // Who left the turn early may not have seen all that was read.
        let looked = self.has_read && (!self.interrupted || self.budget == 0);
        if looked && socket.look == Look::Wanted {
            socket.look = Look::Done;
        }
        if socket.state.ended().is_some() {
            memory.rx.clear();
        }
        socket.parked = memory.park(socket.parked.take());
    }
}
