//! Events that are sent until they are answered, one at a time (C7).

use super::sending::len;
use super::{Client, EmitError, Event, Question, Socket, Unanswered};
use crate::EncodedArgs;
use crate::packet::PacketKind;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use sansio_engineio::client::SendError;
use sansio_ws::deadlines::Instant;

/// The events of a namespace that were not answered yet, in their order. Only the first one is under way.
#[derive(Debug, Default)]
pub(super) struct Line {
    events: VecDeque<Retried>,
    pub(super) bytes: usize,
    /// When the answer to the first one must have come, if that one is under way.
    due: Option<Instant>,
}

/// An event that is sent until it is answered.
#[derive(Debug)]
struct Retried {
    /// Each attempt has the same id, so that a late answer to one of them is an answer.
    question: Question,
    args: EncodedArgs,
    /// For each attempt.
    timeout: Duration,
    attempts: u32,
    /// The application wants the answer.
    is_asked: bool,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    fn pop(&mut self) -> Option<Retried> {
        let event = self.events.pop_front()?;
        self.bytes = self.bytes.saturating_sub(len(&event.args));
        self.due = None;
        Some(event)
    }
}

impl Client {
    /// Whether events are sent until they are answered.
    pub(crate) const fn retries(&self) -> bool {
        self.config.retries > 0
    }

    /// Has an event wait for its turn, which may have come.
    pub(super) fn line_up(
        &mut self,
        now: Instant,
        socket: Socket,
        timeout: Duration,
        args: &EncodedArgs,
        is_asked: bool,
    ) -> Result<Question, EmitError> {
        let awaited = self.sockets.iter().map(|state| state.line.len());
        if awaited.fold(0, usize::saturating_add) >= self.config.max_questions {
            return Err(EmitError::TooManyQuestions);
        }
        self.check_room(socket)?;
        let question = self.next_question();
        let event = Retried { question, args: args.clone(), timeout, attempts: 0, is_asked };
        if let Some(state) = self.state_mut(socket) {
            state.line.bytes = state.line.bytes.saturating_add(len(args));
            state.line.events.push_back(event);
        }
        self.send_first(now, socket);
        Ok(question)
    }

    /// Sends the first event in the line, unless it is under way. If there is no room for it, it goes when there is.
    pub(super) fn send_first(&mut self, now: Instant, socket: Socket) {
        while let Some(state) = self.state_mut(socket)
            && state.is_free()
            && state.line.due.is_none()
            && let Some(mut event) = state.line.events.pop_front()
        {
            let id = Some(event.question.0);
            let sent = self.send(socket, PacketKind::Event, id, &event.args);
            let Some(state) = self.state_mut(socket) else { return };
            if sent.is_ok() {
                event.attempts = event.attempts.saturating_add(1);
                state.line.due = Some(now + event.timeout);
            }
            state.line.events.push_front(event);
            match sent {
                Ok(()) | Err(SendError::Full) => return,
                Err(error) => {
                    self.give_up_first(socket, Unanswered::NotSent(EmitError::of(error)));
                }
            }
        }
    }

    /// An answer has come. Only what was sent can be answered, and that is the first event in the line. Returns the
    /// question if the application waits for the answer.
    pub(super) fn answered_first(
        &mut self,
        now: Instant,
        socket: Socket,
        to: Question,
    ) -> Option<Question> {
        let line = &mut self.state_mut(socket)?.line;
        line.events.front().filter(|first| first.question == to && first.attempts > 0)?;
        let event = line.pop()?;
        self.send_first(now, socket);
        self.note_room();
        event.is_asked.then_some(to)
    }

    /// The time for answers is over: what was not answered is sent again, or given up.
    pub(super) fn retry(&mut self, now: Instant) {
        let is_late = |socket: &Socket| {
            self.state(*socket).and_then(|state| state.line.due).is_some_and(|due| due <= now)
        };
        let late: Vec<_> = self.sockets().filter(is_late).collect();
        for socket in late {
            self.attempt_failed(socket, Unanswered::TimedOut);
            self.send_first(now, socket);
        }
    }

    /// The attempt that is under way, if one is, will not be answered. It may have been the last one.
    pub(super) fn attempt_failed(&mut self, socket: Socket, why: Unanswered) {
        let most = self.config.retries;
        let Some(line) = self.state_mut(socket).map(|state| &mut state.line) else { return };
        let was_last = line.events.front().is_some_and(|first| first.attempts > most);
        if line.due.take().is_some() && was_last {
            self.give_up_first(socket, why);
        }
    }

    fn give_up_first(&mut self, socket: Socket, why: Unanswered) {
        let Some(event) = self.state_mut(socket).and_then(|state| state.line.pop()) else { return };
        let Retried { question: to, args: event, is_asked, .. } = event;
        self.events.push_back(match (is_asked, why) {
            (true, why) => Event::Unanswered { to, socket, why },
            (false, Unanswered::NotSent(error)) => Event::NotSent { socket, event, error },
            (false, why) => Event::Unacknowledged { socket, event, why },
        });
        self.note_room();
    }

    /// When the next attempt has failed.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.sockets.iter().filter_map(|state| state.line.due).min()
    }
}
