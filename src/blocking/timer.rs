//! Deadlines on a clock, and how long a call may wait.

use crate::connection::{Connection, Transport};
use crate::deadlines::{self, Deadlines, Due, Instant, Timeouts};
use core::time::Duration;

#[cfg(test)]
use super::virtual_time::Time;

/// How long a wait is when there is something else to try behind it.
pub(super) const BRIEF_WAIT: Duration = Duration::from_millis(10);

/// The shortest timeout that is set: zero would be an error. A look takes this long.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How many bytes the look before a verdict reads.
const LOOK_BYTES: usize = 256 * 1024;

/// What tells the time.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    System(deadlines::Clock),
    #[cfg(test)]
    Virtual(Time),
}

impl Clock {
    /// The system's, or what a test has set for its thread.
    fn start() -> Self {
        #[cfg(test)]
        if let Some(time) = Time::of_thread() {
            return Self::Virtual(time);
        }
        Self::System(deadlines::Clock::new())
    }

    pub(super) fn now(&self) -> Instant {
        match self {
            Self::System(clock) => clock.now(),
            #[cfg(test)]
            Self::Virtual(time) => time.now(),
        }
    }
}

/// [`Deadlines`] on a clock.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    clock: Clock,
    deadlines: Deadlines,
    /// How long closing may take.
    close: Option<Duration>,
    /// The connection has several handles.
    shared: bool,
}

/// What the clock says to a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadPlan {
    /// Wait for bytes, for this time at most.
    Wait(Option<Duration>),
    /// Something is due. See first whether there are bytes.
    Look,
    /// Something is due, and whoever could look has done so.
    Enforce,
}

impl Timer {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        let clock = Clock::start();
        let now = clock.now();
        Self {
            clock,
            deadlines: Deadlines::new(timeouts, now),
            close: timeouts.close,
            shared: false,
        }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// From now on another thread may start closing while this one waits.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// No other thread does any more.
    pub(super) fn unshare(&mut self) {
        self.shared = false;
    }

    pub(super) fn opened(&mut self) {
        self.deadlines.opened(self.now());
    }

    pub(super) fn received(&mut self) {
        self.deadlines.received(self.now());
    }

    pub(super) fn input_ended(&mut self) {
        self.deadlines.input_ended(self.now());
    }

    /// The transport took `taken` bytes, and `refused` some.
    pub(super) fn written(&mut self, taken: usize, refused: bool) {
        // Nothing depends on the moment, and this is the usual case.
        if !refused && !self.is_refused() {
            return;
        }
        // Only a flush takes nothing and refuses nothing: what the stream held has left. How many
        // bytes the peer has made room for is not known.
        let taken = if refused { taken } else { taken.max(1) };
        self.deadlines.written(taken, refused, self.now());
    }

    /// Takes note of what the connection has done: call it when there are no more events, and around
    /// writing. `held` says whether the stream has still to pass on what it has taken.
    pub(super) fn observe(&mut self, connection: &mut Connection, held: bool) {
        self.deadlines.observe_holding(connection, held, self.now());
    }

    /// Whether the transport has refused bytes that still wait.
    pub(super) fn is_refused(&self) -> bool {
        self.deadlines.is_refused()
    }

    /// What is due.
    pub(super) fn due(&self) -> Option<Due> {
        self.deadlines.due(self.now())
    }

    /// The time until something is due.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.deadlines.poll_timeout().map(|at| at.saturating_since(self.now()))
    }

    /// What a read does: `looked` says how much has been read since something is due, `can_look`
    /// whether a read can be told not to wait.
    pub(super) fn plan_read(&self, looked: usize, can_look: impl FnOnce() -> bool) -> ReadPlan {
        let Some(due) = self.due() else {
            return ReadPlan::Wait(self.remaining().into_iter().chain(self.longest_wait()).min());
        };
        if !due.needs_look() || looked >= LOOK_BYTES {
            ReadPlan::Enforce
        } else if can_look() {
            ReadPlan::Look
        } else if due == Due::Close {
            // A total: it does not depend on what may still come.
            ReadPlan::Enforce
        } else {
            ReadPlan::Wait(None)
        }
    }

    /// Whether a send may look, with this number of unread bytes in front of it.
    pub(super) fn may_look_in_send(&self, unread: usize) -> bool {
        self.deadlines.may_look_in_send(unread, self.now())
    }

    /// What is due for a send.
    pub(super) fn due_in_send(&self, can_look: bool) -> Option<Due> {
        self.deadlines.due_in_send(can_look, self.now())
    }

    /// How long a write may wait. What the transport takes at once proves nothing, so the first
    /// wait is brief: what the transport refuses then, and takes later, is a sign of life.
    pub(super) fn wait_in_send(&self, can_look: bool) -> Option<Duration> {
        if !self.is_refused() {
            let bound = self.remaining().into_iter().chain(self.longest_wait()).min()?;
            return Some(BRIEF_WAIT.min(bound));
        }
        let now = self.now();
        let next = self.deadlines.poll_timeout_in_send(can_look, now);
        let next = next.map(|at| at.saturating_since(now));
        // A part may be taken while the rest waits. Another thread judges by that, so it has to be
        // known of before something is due.
        let next = next.map(|left| if can_look { left } else { (left / 2).max(BRIEF_WAIT) });
        next.into_iter().chain(self.longest_wait()).min()
    }

    /// The longest wait while another thread may start closing. Behind a wait that is no longer
    /// than closing may take, its deadline is still met.
    fn longest_wait(&self) -> Option<Duration> {
        self.close.filter(|_| self.shared)
    }

    /// Does what is due. The transport is to be aborted when the connection has ended with it.
    pub(super) fn enforce(&mut self, connection: &mut Connection) {
        self.deadlines.enforce(connection, self.now());
    }

    /// The same for a send. Whether anything was due.
    pub(super) fn enforce_in_send(&mut self, connection: &mut Connection, can_look: bool) -> bool {
        self.deadlines.enforce_in_send(connection, can_look, self.now()).is_some()
    }
}

/// Whether nothing is left to do with the transport.
pub(super) fn is_over(connection: &Connection) -> bool {
    connection.ended().is_some() && connection.transport() == Transport::Drop
}
