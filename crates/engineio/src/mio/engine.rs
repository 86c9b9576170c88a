//! What an application may do from within a handler.

use crate::{PreparedPacket, SendError, Server, Session};
use core::time::Duration;
use sansio_ws::deadlines::Instant;
use sansio_ws::mio::server::{Key, Tasks, TimerKey};

/// All sessions, and the loop, for the application to act on.
///
/// What a client is sent while its own message is handled counts as an [answer](Server::answer): who takes no
/// answers is not read from. What is sent otherwise stops no reading.
#[derive(Debug)]
pub struct Engine<'c, T> {
    pub(super) machine: &'c mut Server<Key>,
    pub(super) tasks: &'c mut Tasks<Timer<T>>,
    pub(super) now: Instant,
    /// The one whose message it is.
    pub(super) speaker: Option<Session>,
}

/// What the deadlines of the loop are called by: one is the machine's, the others are the application's.
#[derive(Debug, Clone)]
pub struct Timer<T>(pub(super) Option<T>);

impl<T> Engine<'_, T> {
    /// The same for a shorter time: to keep it in a value of one's own while something is called.
    #[must_use]
    pub fn reborrow(&mut self) -> Engine<'_, T> {
        let Self { now, speaker, .. } = *self;
        Engine { machine: self.machine, tasks: self.tasks, now, speaker }
    }

    /// Queues a message for a client, whole or not at all.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send(&mut self, session: Session, packet: &PreparedPacket) -> Result<(), SendError> {
        self.send_unit(session, packet, &[])
    }

    /// Queues several messages for a client, all or none of them, with nothing in between.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send_unit(
        &mut self,
        session: Session,
        first: &PreparedPacket,
        others: &[PreparedPacket],
    ) -> Result<(), SendError> {
        if self.speaker == Some(session) {
            return self.answer(session, first, others);
        }
        self.machine.send_unit(session, first, others)
    }

    /// Queues messages for a client that has asked for them earlier: what another thread has found out, for
    /// example. As what is sent while its message is handled, they make the server
    /// [read nothing more](Server::pauses_reading) from a client that takes no answers.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn answer(
        &mut self,
        session: Session,
        first: &PreparedPacket,
        others: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.machine.answer(session, first, others)
    }

    /// Queues a message for all clients but some, and returns how many could not take it.
    pub fn send_to_all(
        &mut self,
        packet: &PreparedPacket,
        mut is_meant: impl FnMut(Session) -> bool,
    ) -> usize {
        let sessions: alloc::vec::Vec<_> = self.machine.sessions().collect();
        let mut missed = 0;
        for session in sessions {
            if is_meant(session) && self.send(session, packet).is_err() {
                missed += 1;
            }
        }
        missed
    }

    /// Closes a session, behind what was sent. [`Handler::closed`](super::Handler::closed) follows.
    pub fn close(&mut self, session: Session) {
        self.machine.close(self.now, session);
    }

    /// Closes all sessions.
    pub fn close_all(&mut self) {
        self.machine.close_all(self.now);
    }

    /// The machine, to ask it questions.
    #[must_use]
    pub fn machine(&self) -> &Server<Key> {
        self.machine
    }

    /// The moment at which this round of the loop began.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Has [`Handler::timer`](super::Handler::timer) called once, after `time`.
    pub fn after(&mut self, time: Duration, timer: T) -> TimerKey {
        self.tasks.after(time, Timer(Some(timer)))
    }

    /// Has [`Handler::timer`](super::Handler::timer) called again and again.
    pub fn every(&mut self, time: Duration, timer: T) -> TimerKey {
        self.tasks.every(time, Timer(Some(timer)))
    }

    /// Takes a deadline back. `None` if it has passed and does not repeat.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.tasks.cancel(key)?.0
    }

    /// Has the server close all sessions and connections, and end.
    pub fn shut_down(&mut self) {
        // A session between two polls has no connection that could tell. Those that change over may do so.
        let sessions: alloc::vec::Vec<_> = self.machine.sessions().collect();
        for session in sessions {
            self.close(session);
        }
        self.tasks.shut_down();
    }
}
