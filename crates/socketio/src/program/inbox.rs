//! What waits for the program: events, and answers.

use super::error::Error;
use crate::client::{ConnectError, DisconnectReason, Event, Question, Socket, Unanswered};
use crate::{Args, Bytes, EncodedArgs};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem::{self, discriminant};
use core::task::{Context, Waker};

/// When this many events wait for the program, or bytes of them, nothing more is read.
const MAX_EVENTS: usize = 4096;
const MAX_EVENT_BYTES: usize = 16 << 20;

pub(super) type Answered = Result<Args<'static>, Unanswered>;

/// What the machine has said and nobody has taken.
#[derive(Default)]
pub(crate) struct Inbox {
    events: VecDeque<Event<'static>>,
    event_bytes: usize,
    /// Something was not sent because there is no room here, so it is told when there is.
    wants_room: bool,
    answers: BTreeMap<Question, Awaited>,
    /// What the last attempts to connect have come to.
    outcomes: BTreeMap<Socket, Result<(), ConnectError>>,
    /// How the last session has ended.
    closed: Option<DisconnectReason>,
    /// Sockets of which somebody has to say what they say of themselves, and who was asked for that last.
    wants_auth: VecDeque<Socket>,
    asked_for_auth: BTreeMap<Socket, u64>,
    last_asked: u64,
}

/// An answer for which somebody waits, or will.
#[derive(Default)]
struct Awaited {
    answer: Option<Answered>,
    task: Option<Waker>,
}

impl Inbox {
    /// Whether nothing more should be read before events were taken.
    pub(super) fn is_full(&self) -> bool {
        self.holds(MAX_EVENTS, MAX_EVENT_BYTES)
    }

    fn holds(&self, events: usize, bytes: usize) -> bool {
        self.events.len() >= events || self.event_bytes >= bytes
    }

    /// Has the program told when half of what may wait here is gone.
    pub(super) fn want_room(&mut self) {
        self.wants_room = true;
    }

    /// Takes an event, or hands it on: the task to wake is returned.
    pub(super) fn put(&mut self, event: Event<'static>) -> Option<Waker> {
        match &event {
            Event::ConnectError { socket, error } => {
                self.outcomes.insert(*socket, Err(error.clone()));
            }
            Event::Connected { socket } => _ = self.outcomes.insert(*socket, Ok(())),
            Event::Closed { reason, .. } => self.closed = Some(*reason),
            _ => {}
        }
        match event {
            Event::Authenticate { socket } => {
                self.asked_for_auth.remove(&socket);
                self.wants_auth.push_back(socket);
            }
            Event::Answer { to, args, .. } => return self.answer(to, Ok(args)),
            Event::Unanswered { to, why, .. } => return self.answer(to, Err(why)),
            event => {
                self.make_room_for(&event);
                self.event_bytes = self.event_bytes.saturating_add(len(&event));
                self.events.push_back(event);
            }
        }
        None
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Option<Event<'static>> {
        let event = self.events.pop_front()?;
        self.event_bytes = self.event_bytes.saturating_sub(len(&event));
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        if self.wants_room && !self.holds(MAX_EVENTS / 2, MAX_EVENT_BYTES / 2) {
            self.wants_room = false;
            self.events.push_back(Event::Drained);
        }
        Some(event)
    }

    /// The next socket whose authentication is to be asked for, and the number of that request.
    pub(super) fn next_auth(&mut self) -> Option<(Socket, u64)> {
        let socket = self.wants_auth.pop_front()?;
        self.last_asked = self.last_asked.wrapping_add(1);
        self.asked_for_auth.insert(socket, self.last_asked);
        Some((socket, self.last_asked))
    }

    /// Whether this is the request that counts, which it is once.
    pub(super) fn take_auth(&mut self, socket: Socket, number: u64) -> bool {
        let counts = self.asked_for_auth.get(&socket) == Some(&number);
        if counts {
            self.asked_for_auth.remove(&socket);
        }
        counts
    }

    /// Somebody will wait for the answer.
    pub(super) fn expect(&mut self, question: Question) {
        self.answers.insert(question, Awaited::default());
    }

    /// The answer, if it has come. If not, the task is woken when it does.
    pub(super) fn take_answer(
        &mut self,
        question: Question,
        cx: Option<&Context<'_>>,
    ) -> Option<Answered> {
        let awaited = self.answers.get_mut(&question)?;
        if awaited.answer.is_none() {
            awaited.task = cx.map(|cx| cx.waker().clone());
        }
        awaited.answer.take()
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget(&mut self, question: Question) {
        self.answers.remove(&question);
    }

    /// Who waits for an answer, to be told that none will come.
    pub(super) fn waiting_tasks(&mut self) -> Vec<Waker> {
        self.answers.values_mut().filter_map(|awaited| awaited.task.take()).collect()
    }

    /// Whether a socket was connected, if that is decided. It may have been lost again.
    pub(super) fn outcome_of(&self, socket: Socket) -> Option<Result<(), Error>> {
        match self.outcomes.get(&socket) {
            Some(outcome) => Some(outcome.clone().map_err(Error::Connect)),
            None => self.closed.map(|reason| Err(Error::Closed(reason))),
        }
    }

    fn answer(&mut self, to: Question, answer: Answered) -> Option<Waker> {
        let awaited = self.answers.get_mut(&to)?;
        awaited.answer = Some(answer);
        mem::take(&mut awaited.task)
    }

    /// Attempts to connect go on if the program takes no events, so what tells of the last one then takes the
    /// place of what told of one before.
    fn make_room_for(&mut self, event: &Event<'_>) {
        let is_state = !matches!(
            event,
            Event::Event { .. } | Event::NotSent { .. } | Event::Unacknowledged { .. }
        );
        if is_state && self.events.len() >= MAX_EVENTS {
            let tells_the_same = |other: &Event<'_>| {
                discriminant(other) == discriminant(event) && subject(other) == subject(event)
            };
            if let Some(at) = self.events.iter().rposition(tells_the_same) {
                self.events.remove(at);
            }
        }
    }
}

/// The socket whose connection an event tells of.
const fn subject(event: &Event<'_>) -> Option<Socket> {
    match event {
        Event::Connected { socket }
        | Event::ConnectError { socket, .. }
        | Event::Disconnected { socket, .. } => Some(*socket),
        _ => None,
    }
}

/// The bytes that an event keeps.
fn len(event: &Event<'_>) -> usize {
    let of = |event: &EncodedArgs| {
        event.attachments().iter().map(Bytes::len).fold(event.json().len(), usize::saturating_add)
    };
    match event {
        Event::Event { name, args, .. } => args.iter().fold(name.len(), |sum, raw| {
            let bytes =
                raw.attachments().map(Bytes::len).fold(raw.json().len(), usize::saturating_add);
            sum.saturating_add(bytes)
        }),
        Event::NotSent { event, .. } | Event::Unacknowledged { event, .. } => of(event),
        _ => 0,
    }
}
