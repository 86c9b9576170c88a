//! What is said to others than the one who has just spoken.

use crate::close::CloseCode;
use crate::connection::PreparedMessage;
use crate::deadlines::Instant;
use crate::mio::server::{Key, Tasks, TimerKey};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

/// Who gets what.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) to: Recipients,
    pub(super) what: What,
    /// The one who has asked for it, if somebody has.
    pub(super) asked_by: Option<Key>,
}

#[derive(Debug, Clone)]
pub(super) enum Recipients {
    One(Key),
    /// These among the keys of the list.
    Several(Range<usize>),
    All,
    /// All except this one.
    Others(Key),
}

#[derive(Debug)]
pub(super) enum What {
    Message(PreparedMessage),
    Close(CloseCode, String),
}

/// Deliveries that wait for the end of the round.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    pub(super) list: Vec<Delivery>,
    /// The keys of all several recipients.
    pub(super) keys: Vec<Key>,
}

/// Takes what a [`Handler`](super::Handler) says to clients, and delivers it at the end of the round: in
/// this order, and with one write to each client for all of it. A message is framed once, and
/// compressed once, for all who get it.
///
/// Who does not read what it is sent is dealt with as
/// [`SlowConsumers`](super::SlowConsumers) says. A key of a client that is gone does no harm.
///
/// What a client is sent because it has spoken itself, within its event or by [`answer`](Self::answer), counts as
/// an answer: who does not read its answers is not read from. What others say stops no reading.
#[derive(Debug)]
pub struct Outbox<'c, T> {
    pub(super) deliveries: &'c mut Deliveries,
    pub(super) tasks: &'c mut Tasks<T>,
    pub(super) now: Instant,
    /// The one whose event it is.
    pub(super) speaker: Option<Key>,
}

impl<T> Outbox<'_, T> {
    /// Sends a message to one client.
    pub fn send(&mut self, to: Key, message: PreparedMessage) {
        self.deliver(Recipients::One(to), What::Message(message));
    }

    /// Sends a message to a client who has asked for it earlier: what another thread has found out, for example.
    /// As a [`Reply`](crate::mio::Reply), it makes the server read nothing more from a client that takes no answers.
    pub fn answer(&mut self, to: Key, message: PreparedMessage) {
        let what = What::Message(message);
        self.deliveries.list.push(Delivery { to: Recipients::One(to), what, asked_by: Some(to) });
    }

    /// Sends a message to several clients, for example those of a room. The time is linear in their number.
    pub fn send_to_several(&mut self, to: impl IntoIterator<Item = Key>, message: PreparedMessage) {
        let start = self.deliveries.keys.len();
        self.deliveries.keys.extend(to);
        let recipients = Recipients::Several(start..self.deliveries.keys.len());
        self.deliver(recipients, What::Message(message));
    }

    /// Sends a message to all clients.
    pub fn send_to_all(&mut self, message: PreparedMessage) {
        self.deliver(Recipients::All, What::Message(message));
    }

    /// Sends a message to all clients except one.
    pub fn send_to_others(&mut self, except: Key, message: PreparedMessage) {
        self.deliver(Recipients::Others(except), What::Message(message));
    }

    /// Starts the closing handshake with a client, behind what was sent to it before. A reason that is too
    /// long for a Close is left out.
    pub fn close(&mut self, client: Key, code: CloseCode, reason: &str) {
        self.deliver(Recipients::One(client), What::Close(code, reason.into()));
    }

    fn deliver(&mut self, to: Recipients, what: What) {
        self.deliveries.list.push(Delivery { to, what, asked_by: self.speaker });
    }

    /// The moment at which this round of the loop began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Has the handler told of `timer` once, after `time` has passed.
    pub fn after(&mut self, time: Duration, timer: T) -> TimerKey {
        self.tasks.after(time, timer)
    }

    /// Has the handler told of `timer` again and again.
    pub fn every(&mut self, time: Duration, timer: T) -> TimerKey {
        self.tasks.every(time, timer)
    }

    /// Takes a deadline back. `None` if it has passed and does not repeat.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.tasks.cancel(key)
    }

    /// Closes all connections and ends the server.
    pub fn shut_down(&mut self) {
        self.tasks.shut_down();
    }
}
