//! The server's side of one connection, for loops of one's own: what is the same whatever moves the
//! bytes. It is an echo server. `docs/guide/embedding.md` explains it.

use bytes::Buf;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use sansio_ws::handshake::{Acceptance, OriginPolicy, Response, ServerHandshake};
use sansio_ws::{Config, Connection, Ended, Event, Limits, RecvBuffer, Transport};

#[derive(Debug)]
pub struct Session {
    rx: RecvBuffer,
    state: State,
    deadlines: Deadlines,
}

#[derive(Debug)]
enum State {
    Opening(ServerHandshake),
    Open(Box<Connection>),
    /// There was no WebSocket.
    Over,
}

impl Session {
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            rx: RecvBuffer::new(),
            state: State::Opening(ServerHandshake::new(&Limits::default())),
            deadlines: Deadlines::new(timeouts, now),
        }
    }

    /// Whether to read. While answers wait to be written there is no reason to.
    pub fn wants_input(&self) -> bool {
        match &self.state {
            State::Opening(_) => true,
            State::Open(connection) => !connection.pauses_reading() && connection.ended().is_none(),
            State::Over => false,
        }
    }

    /// These bytes have come.
    pub fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.rx.extend_from_slice(bytes);
        self.deadlines.received(now);
        self.hand_out(now);
    }

    /// Nothing more will come. To be told only to who wants input: it has handed out all that came.
    pub fn end_input(&mut self, now: Instant) {
        self.deadlines.input_ended(now);
        match &mut self.state {
            State::Open(connection) => _ = connection.receive_eof(&self.rx),
            _ => self.state = State::Over,
        }
    }

    /// The next bytes to write, if there are any.
    pub fn output(&mut self) -> &[u8] {
        match &mut self.state {
            State::Open(connection) => Buf::chunk(&*connection.outgoing()),
            _ => &[],
        }
    }

    /// So many bytes of the output were taken, and perhaps no more can be at the moment.
    pub fn written(&mut self, n: usize, refused: bool, now: Instant) {
        let State::Open(connection) = &mut self.state else { return };
        let queue = connection.outgoing();
        // Of a connection that was given up meanwhile nothing is left to write.
        queue.advance(n.min(queue.remaining()));
        self.deadlines.written(n, refused, now);
        // What had to wait until there was room.
        self.hand_out(now);
    }

    /// The peer takes nothing more.
    pub fn fail_output(&mut self) {
        if let State::Open(connection) = &mut self.state {
            connection.write_failed();
        }
    }

    /// What to do with the transport, when everything is written.
    pub fn transport(&self) -> Transport {
        match &self.state {
            State::Opening(_) => Transport::KeepOpen,
            State::Open(connection) => connection.transport(),
            State::Over => Transport::Drop,
        }
    }

    /// How it has ended; `None` also for what was no WebSocket.
    pub fn ended(&self) -> Option<Ended> {
        match &self.state {
            State::Open(connection) => connection.ended(),
            _ => None,
        }
    }

    /// Bytes that wait to be written.
    pub fn queued(&self) -> usize {
        match &self.state {
            State::Open(connection) => connection.queued(),
            _ => 0,
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.poll_timeout()
    }

    /// Does what is due. Read before: what has arrived counts.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if let State::Open(connection) = &mut self.state {
            return self.deadlines.enforce(connection, now);
        }
        let due = self.deadlines.handle_timeout(now)?;
        self.state = State::Over;
        Some(due)
    }

    /// Answers until nothing is left, or enough waits to be written.
    fn hand_out(&mut self, now: Instant) {
        if let State::Opening(handshake) = &mut self.state {
            match open(handshake, &mut self.rx) {
                Ok(None) => return,
                Ok(Some(connection)) => self.state = State::Open(Box::new(connection)),
                // The response would say why. Here nobody writes it.
                Err(_response) => self.state = State::Over,
            }
            self.deadlines.opened(now);
        }
        let State::Open(connection) = &mut self.state else { return };
        while !connection.pauses_reading() {
            // What can't be sent is behind our own Close.
            let _ = match connection.next_event(&mut self.rx) {
                Ok(Some(Event::Text(text))) => connection.send_text(text),
                Ok(Some(Event::Binary(bytes))) => connection.send_binary(bytes),
                Ok(Some(_)) => Ok(()),
                // An error has queued the Close that tells of it.
                Ok(None) | Err(_) => break,
            };
        }
        self.deadlines.observe(connection, now);
    }
}

/// Everything that may go wrong is a response.
fn open(
    handshake: &mut ServerHandshake,
    rx: &mut RecvBuffer,
) -> Result<Option<Connection>, Response> {
    let Some(request) = handshake.receive(rx)? else { return Ok(None) };
    let upgrade = request.upgrade(OriginPolicy::SameHost)?;
    Ok(Some(upgrade.accept(&Acceptance::default(), Config::default())?))
}
