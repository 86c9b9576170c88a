//! Acknowledgements, in both directions (S3, S17).

use super::sending::Unit;
use super::{Deadline, EmitError, Event, Server, Socket, Target};
use crate::packet::PacketKind;
use crate::sessions::Sessions;
use crate::{Args, EncodedArgs};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;
use sansio_engineio::Session;
use sansio_ws::deadlines::Instant;

/// What a client wants to be acknowledged. Used once, by value.
#[derive(Debug, PartialEq, Eq)]
pub struct AckId {
    pub(super) socket: Socket,
    /// A socket that has come back in another one is not owed it any more.
    pub(super) session: Session,
    pub(super) id: u64,
}

impl AckId {
    /// Who wants it.
    #[must_use]
    pub const fn socket(&self) -> Socket {
        self.socket
    }
}

/// An event that asks for answers. Its number is the id of the acknowledgement, too: so no two events that a client
/// is ever asked with have the same, also if it has left and come back in between (S3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question(u64);

#[derive(Debug)]
pub(super) struct Asked {
    due: Instant,
    /// Who has not answered yet.
    awaited: BTreeSet<Socket>,
    /// Who will not answer any more.
    missing: usize,
}

impl Server {
    /// Answers an event. Nothing happens if the client has gone.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn acknowledge(
        &self,
        sessions: &mut impl Sessions,
        ack: AckId,
        args: &EncodedArgs,
    ) -> Result<(), EmitError> {
        let AckId { socket, session, id } = ack;
        let namespace = self.sockets.namespace_of(socket).ok_or(EmitError::Gone)?;
        if self.session(socket) != Some(session) {
            return Err(EmitError::Gone);
        }
        let unit = Unit::new(PacketKind::Ack, &namespace.name, Some(id), args, true);
        self.deliver_answer(sessions, socket, &unit)
    }

    /// Sends an event to one socket and asks for an answer: [`Event::Answer`], if it comes in time, then
    /// [`Event::Done`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent, and nothing will come.
    pub fn ask(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        socket: Socket,
        timeout: Duration,
        event: &EncodedArgs,
    ) -> Result<Question, EmitError> {
        let namespace = self.sockets.namespace_of(socket).ok_or(EmitError::Gone)?.name.clone();
        let question = self.begin_question(now, timeout);
        let unit = Unit::new(PacketKind::Event, &namespace, Some(question.0), event, true);
        let result = self.ask_one(sessions, socket, question, &unit, false);
        if result.is_err() {
            self.end_question(question);
        }
        result.map(|()| question)
    }

    /// Sends an event to all that are meant and asks each for an answer. Those to whom it cannot be sent
    /// are missing at the end. If nobody is meant it is done at once.
    pub fn ask_all(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        target: &Target,
        timeout: Duration,
        event: &EncodedArgs,
    ) -> Question {
        self.ask_each(now, sessions, target, timeout, event).0
    }

    /// The same, and those who were not asked, with the reason.
    pub(crate) fn ask_each(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        target: &Target,
        timeout: Duration,
        event: &EncodedArgs,
    ) -> (Question, Vec<(Socket, EmitError)>) {
        let meant = self.sockets(target);
        let question = self.begin_question(now, timeout);
        let ack = Some(question.0);
        let compress = target.compress;
        let unit = Unit::new(PacketKind::Event, &target.namespace, ack, event, compress);
        let mut failed = Vec::new();
        for socket in meant {
            let asked = self.ask_one(sessions, socket, question, &unit, target.is_volatile);
            failed.extend(asked.err().map(|error| (socket, error)));
        }
        if let Some(asked) = self.questions.get_mut(&question) {
            asked.missing = failed.len();
        }
        self.check_done(question);
        (question, failed)
    }

    fn begin_question(&mut self, now: Instant, timeout: Duration) -> Question {
        let question = Question(self.next_question);
        self.next_question = self.next_question.wrapping_add(1);
        let due = now + timeout;
        self.deadlines.insert((due, Deadline::Answers(question)));
        let asked = Asked { due, awaited: BTreeSet::new(), missing: 0 };
        self.questions.insert(question, asked);
        question
    }

    fn ask_one(
        &mut self,
        sessions: &mut impl Sessions,
        socket: Socket,
        question: Question,
        unit: &Unit,
        is_volatile: bool,
    ) -> Result<(), EmitError> {
        let state = self.sockets.get(socket).ok_or(EmitError::Gone)?;
        if state.questions.len() >= self.config.max_questions {
            return Err(EmitError::TooManyQuestions);
        }
        self.deliver(sessions, socket, unit, is_volatile)?;
        if let Some(state) = self.sockets.get_mut(socket) {
            state.questions.insert(question);
        }
        if let Some(asked) = self.questions.get_mut(&question) {
            asked.awaited.insert(socket);
        }
        Ok(())
    }

    /// A client has answered. An answer to nothing, or a second one, is nothing (S7).
    pub(super) fn answered<'b>(
        &mut self,
        socket: Socket,
        id: u64,
        args: Args<'b>,
    ) -> Option<Event<'b>> {
        // One that leaves owes nothing any more.
        let state = self.sockets.get_mut(socket)?;
        let to = Question(id);
        if !state.questions.remove(&to) {
            return None;
        }
        let asked = self.questions.get_mut(&to)?;
        asked.awaited.remove(&socket);
        self.check_done(to);
        Some(Event::Answer { to, socket, args })
    }

    /// A socket leaves, and answers nothing any more.
    pub(super) fn give_up_answers(&mut self, socket: Socket) {
        let Some(state) = self.sockets.get_mut(socket) else { return };
        for question in core::mem::take(&mut state.questions) {
            if let Some(asked) = self.questions.get_mut(&question) {
                asked.awaited.remove(&socket);
                asked.missing = asked.missing.saturating_add(1);
            }
            self.check_done(question);
        }
    }

    /// The time for answers is over.
    pub(super) fn give_up_question(&mut self, question: Question) {
        let Some(asked) = self.questions.get_mut(&question) else { return };
        asked.missing = asked.missing.saturating_add(asked.awaited.len());
        for socket in core::mem::take(&mut asked.awaited) {
            if let Some(state) = self.sockets.get_mut(socket) {
                state.questions.remove(&question);
            }
        }
        self.check_done(question);
    }

    fn check_done(&mut self, question: Question) {
        let asked = self.questions.get(&question);
        if asked.is_some_and(|asked| asked.awaited.is_empty())
            && let Some(asked) = self.end_question(question)
        {
            self.done.push_back((question, asked.missing));
        }
    }

    fn end_question(&mut self, question: Question) -> Option<Asked> {
        let asked = self.questions.remove(&question)?;
        self.deadlines.remove(&(asked.due, Deadline::Answers(question)));
        Some(asked)
    }
}
