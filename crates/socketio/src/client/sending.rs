//! What the client says.

use super::sockets::Waiting;
use super::{Client, EmitError, Event, Socket, Unanswered};
use crate::packet::PacketKind;
use crate::{Bytes, EncodedArgs};
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use sansio_engineio::PreparedPacket;
use sansio_engineio::client::SendError;
use sansio_ws::deadlines::Instant;

/// A wish for an answer, as the server has expressed it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the server waits for the answer"]
pub struct AckId {
    pub(super) socket: Socket,
    /// At which time.
    pub(super) connection: u64,
    pub(super) id: u64,
}

impl AckId {
    /// By which socket it came.
    #[must_use]
    pub const fn socket(&self) -> Socket {
        self.socket
    }
}

/// An event that asks the server for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question(pub(super) u64);

/// An answer that is awaited.
#[derive(Debug)]
pub(super) struct Asked {
    socket: Socket,
    due: Instant,
}

impl Client {
    /// Sends an event, or has it wait for the connection, behind those that wait already (C4).
    ///
    /// That it was taken does not mean that it arrives: what is on its way when the session is lost may be lost
    /// with it. Who has to know [asks](Self::ask). With [`Config::retries`](super::Config::retries) it is sent until it is
    /// answered, and [`Event::Unacknowledged`] says if it never was.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn emit(
        &mut self,
        now: Instant,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        if self.retries() {
            return self.line_up(now, socket, self.config.ack_timeout, event, false).map(drop);
        }
        self.queue(socket, PacketKind::Event, None, event)
    }

    /// Sends an event, or not at all if it would have to wait: once, and before events that wait for their turn to be
    /// sent [again](super::Config::retries).
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn emit_volatile(&mut self, socket: Socket, event: &EncodedArgs) -> Result<(), EmitError> {
        let state = self.state(socket).ok_or(EmitError::Gone)?;
        if !state.is_free() || !self.engine.can_send_now() {
            return Err(EmitError::Dropped);
        }
        self.queue(socket, PacketKind::Event, None, event)
    }

    /// Sends an event as [`emit`](Self::emit) does, and asks for an answer: [`Event::Answer`] or
    /// [`Event::Unanswered`]. The time includes what the event waits for the connection.
    ///
    /// With [`Config::retries`](super::Config::retries) it is the time for each attempt instead, and begins when that is
    /// sent: as long as the socket is not connected nothing is given up.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued, and nothing will come.
    pub fn ask(
        &mut self,
        now: Instant,
        socket: Socket,
        timeout: Duration,
        event: &EncodedArgs,
    ) -> Result<Question, EmitError> {
        if self.retries() {
            return self.line_up(now, socket, timeout, event, true);
        }
        if self.questions.len() >= self.config.max_questions {
            return Err(EmitError::TooManyQuestions);
        }
        let question = self.next_question();
        self.queue(socket, PacketKind::Event, Some(question.0), event)?;
        let due = now + timeout;
        self.questions.insert(question, Asked { socket, due });
        self.deadlines.insert((due, question));
        Ok(question)
    }

    /// How many events and answers of a socket wait for its connection, or for room in it. With
    /// [`Config::retries`](super::Config::retries) the event that is under way counts until it is answered.
    #[must_use]
    pub fn waiting(&self, socket: Socket) -> usize {
        self.state(socket).map_or(0, |state| state.load().0)
    }

    /// Answers an event.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn acknowledge(&mut self, ack: AckId, args: &EncodedArgs) -> Result<(), EmitError> {
        let AckId { socket, connection, id } = ack;
        let state = self.state(socket).filter(|_| self.is_connected(socket));
        if state.is_none_or(|state| state.connection != connection) {
            return Err(EmitError::Gone);
        }
        self.queue(socket, PacketKind::Ack, Some(id), args)
    }

    fn queue(
        &mut self,
        socket: Socket,
        kind: PacketKind,
        id: Option<u64>,
        args: &EncodedArgs,
    ) -> Result<(), EmitError> {
        let state = self.state(socket).ok_or(EmitError::Gone)?;
        if state.is_free() {
            let sent = self.send(socket, kind, id, args).map_err(EmitError::of);
            self.wants_room |= sent == Err(EmitError::Full);
            return sent;
        }
        self.check_room(socket)?;
        if let Some(state) = self.state_mut(socket) {
            state.waiting_bytes = state.waiting_bytes.saturating_add(len(args));
            state.waiting.push_back(Waiting { kind, id, args: args.clone() });
        }
        Ok(())
    }

    /// Whether one more packet may wait.
    pub(super) fn check_room(&mut self, socket: Socket) -> Result<(), EmitError> {
        let (most, most_bytes) = (self.config.max_waiting_packets, self.config.max_waiting_bytes);
        let (packets, bytes) = self.state(socket).ok_or(EmitError::Gone)?.load();
        // Any one event is taken, however small the limits are.
        if packets > 0 && (packets >= most || bytes >= most_bytes) {
            self.wants_room = true;
            return Err(EmitError::Full);
        }
        Ok(())
    }

    pub(super) fn send(
        &mut self,
        socket: Socket,
        kind: PacketKind,
        id: Option<u64>,
        args: &EncodedArgs,
    ) -> Result<(), SendError> {
        let mut text = String::new();
        args.packet(kind, self.namespace(socket), id).encode(&mut text);
        let attachments: Vec<_> =
            args.attachments().iter().map(|bytes| PreparedPacket::binary(bytes)).collect();
        let sent = self.engine.send_unit(&PreparedPacket::text(&text), &attachments);
        self.is_session_full |= sent == Err(SendError::Full);
        sent
    }

    /// Sends what waits, as far as there is room (C4).
    pub(super) fn flush(&mut self, socket: Socket) {
        while self.is_connected(socket)
            && let Some(packet) = self.state_mut(socket).and_then(|state| state.waiting.pop_front())
        {
            let sent = self.send(socket, packet.kind, packet.id, &packet.args);
            let Some(state) = self.state_mut(socket) else { return };
            if sent == Err(SendError::Full) {
                state.waiting.push_front(packet);
                return;
            }
            state.waiting_bytes = state.waiting_bytes.saturating_sub(len(&packet.args));
            if let Err(error) = sent {
                self.not_sent(socket, packet, EmitError::of(error));
            }
        }
    }

    /// There is room in the session again.
    pub(super) fn drained(&mut self, now: Instant) {
        self.is_session_full = false;
        for socket in self.sockets() {
            self.say_disconnect(socket);
            self.ask_for(now, socket);
            self.flush(socket);
            self.send_first(now, socket);
        }
        self.note_room();
    }

    /// Tells the application when it may go on.
    pub(super) fn note_room(&mut self) {
        if !self.wants_room || self.is_session_full {
            return;
        }
        let (most, most_bytes) = (self.config.max_waiting_packets, self.config.max_waiting_bytes);
        let has_room = self.sockets.iter().all(|state| {
            let (packets, bytes) = state.load();
            packets <= most.div_euclid(2) && bytes <= most_bytes.div_euclid(2)
        });
        if has_room {
            self.wants_room = false;
            self.events.push_back(Event::Drained);
        }
    }

    fn not_sent(&mut self, socket: Socket, packet: Waiting, error: EmitError) {
        let question = packet.id.map(Question).filter(|_| packet.kind == PacketKind::Event);
        match question.filter(|question| self.end_question(*question)) {
            Some(to) => {
                let why = Unanswered::NotSent(error);
                self.events.push_back(Event::Unanswered { to, socket, why });
            }
            None => {
                let event = packet.args;
                self.events.push_back(Event::NotSent { socket, event, error });
            }
        }
    }

    /// An answer has come. To nothing, or a second one, is nothing.
    pub(super) fn answered(&mut self, now: Instant, socket: Socket, id: u64) -> Option<Question> {
        let to = Question(id);
        if self.retries() {
            return self.answered_first(now, socket, to);
        }
        self.questions.get(&to).filter(|asked| asked.socket == socket)?;
        self.end_question(to).then_some(to)
    }

    pub(super) const fn next_question(&mut self) -> Question {
        let question = Question(self.next_question);
        self.next_question = question.0.wrapping_add(1);
        question
    }

    fn end_question(&mut self, question: Question) -> bool {
        let Some(asked) = self.questions.remove(&question) else { return false };
        self.deadlines.remove(&(asked.due, question));
        true
    }

    /// The time for answers is over.
    pub(super) fn give_up_questions(&mut self, now: Instant) {
        while let Some((due, to)) = self.deadlines.first().copied()
            && due <= now
        {
            self.deadlines.pop_first();
            let Some(Asked { socket, .. }) = self.questions.remove(&to) else { continue };
            if let Some(state) = self.state_mut(socket) {
                let is_it =
                    |packet: &Waiting| packet.kind == PacketKind::Event && packet.id == Some(to.0);
                if let Some(at) = state.waiting.iter().position(is_it)
                    && let Some(packet) = state.waiting.remove(at)
                {
                    state.waiting_bytes = state.waiting_bytes.saturating_sub(len(&packet.args));
                }
            }
            self.events.push_back(Event::Unanswered { to, socket, why: Unanswered::TimedOut });
            self.note_room();
        }
    }

    /// The answers to what was sent will not come. What waits will be sent, and may be answered.
    pub(super) fn give_up_answers(&mut self, socket: Socket, why: Unanswered) {
        let Some(state) = self.state(socket) else { return };
        let waits = |packet: &Waiting| packet.id.filter(|_| packet.kind == PacketKind::Event);
        let waiting: BTreeSet<_> = state.waiting.iter().filter_map(waits).collect();
        let asked = self
            .questions
            .iter()
            .filter(|(question, asked)| asked.socket == socket && !waiting.contains(&question.0));
        let sent: Vec<_> = asked.map(|(question, _)| *question).collect();
        for to in sent {
            self.end_question(to);
            self.events.push_back(Event::Unanswered { to, socket, why });
        }
    }

    /// Answers of ours that wait for room, to who is not there any more.
    pub(super) fn give_up_acknowledgements(&mut self, socket: Socket) {
        let Some(state) = self.state_mut(socket) else { return };
        let (acks, events): (Vec<_>, Vec<_>) =
            state.waiting.drain(..).partition(|packet| packet.kind == PacketKind::Ack);
        state.waiting = events.into();
        for packet in acks {
            if let Some(state) = self.state_mut(socket) {
                state.waiting_bytes = state.waiting_bytes.saturating_sub(len(&packet.args));
            }
            self.not_sent(socket, packet, EmitError::Gone);
        }
    }
}

/// The bytes of an event.
pub(super) fn len(args: &EncodedArgs) -> usize {
    args.attachments().iter().map(Bytes::len).fold(args.json().len(), usize::saturating_add)
}
