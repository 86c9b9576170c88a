//! Deadlines on the clock of tokio.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use sansio_ws::Connection;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use std::sync::Arc;
use tokio::time::Sleep;

/// [`Deadlines`] on the clock of tokio.
#[derive(Debug)]
pub(crate) struct Timer {
    epoch: tokio::time::Instant,
    deadlines: Deadlines,
    /// How long a send may be stuck where nobody can look: without a sign of life, a ping would have been due, and
    /// then its answer.
    patience: Option<Duration>,
    /// When the stream refused the first of the bytes that wait, or has last taken some.
    progress_at: Instant,
    alarm: Alarm,
}

impl Timer {
    pub(crate) fn new(timeouts: impl Into<Arc<Timeouts>>) -> Self {
        let timeouts = timeouts.into();
        let patience = timeouts.keep_alive.zip(timeouts.pong);
        let start = Instant::default();
        Self {
            epoch: tokio::time::Instant::now(),
            deadlines: Deadlines::new(timeouts, start),
            patience: patience.map(|(keep_alive, pong)| keep_alive.saturating_add(pong)),
            progress_at: start,
            alarm: Alarm::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::new(self.epoch.elapsed())
    }

    pub(crate) fn opened(&mut self) {
        self.deadlines.opened(self.now());
    }

    pub(crate) fn received(&mut self, now: Instant) {
        self.deadlines.received(now);
    }

    pub(crate) fn input_ended(&mut self) {
        self.deadlines.input_ended(self.now());
    }

    /// The stream took `taken` bytes, and `refused` some.
    pub(crate) fn written(&mut self, taken: usize, refused: bool) {
        // Nothing depends on the moment, and this is the usual case.
        if !refused && !self.deadlines.is_refused() {
            return;
        }
        let now = self.now();
        if taken > 0 || !self.deadlines.is_refused() {
            self.progress_at = now;
        }
        self.deadlines.written(taken, refused, now);
    }

    /// Takes note of what the connection has done: call it when there are no more events, and after writing. `held`
    /// says whether the stream still holds bytes that it could not pass on.
    pub(crate) fn observe(&mut self, connection: &mut Connection, held: bool) {
        let now = self.now();
        self.deadlines.observe(connection, now);
        if held && !self.deadlines.is_refused() {
            self.deadlines.written(0, true, now);
        }
    }

    /// What is due.
    pub(crate) fn due(&self) -> Option<Due> {
        self.due_at(self.now())
    }

    pub(crate) fn due_at(&self, now: Instant) -> Option<Due> {
        self.deadlines.due(now)
    }

    /// What is due for a send. Where nobody `can_look`, silence proves nothing, and only a send that is stuck is the
    /// peer's fault.
    pub(crate) fn due_in_send(&self, can_look: bool) -> Option<Due> {
        let now = self.now();
        match self.due_at(now)? {
            Due::Idle | Due::Pong | Due::Message if !can_look => {
                self.stuck_at().is_some_and(|at| at <= now).then_some(Due::Pong)
            }
            due => Some(due),
        }
    }

    /// When the bytes that wait will have done so for too long.
    fn stuck_at(&self) -> Option<Instant> {
        self.patience.filter(|_| self.deadlines.is_refused()).map(|time| self.progress_at + time)
    }

    /// Waits until something is due.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(self.epoch, self.deadlines.poll_timeout(), cx)
    }

    /// Waits until something is due for a send, by the same alarm.
    pub(crate) fn poll_due_in_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.alarm.poll(self.epoch, self.next_in_send(), cx)
    }

    /// The same, by an alarm of the caller's.
    pub(crate) fn poll_due_in_send_by(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<()> {
        alarm.poll(self.epoch, self.next_in_send(), cx)
    }

    fn next_in_send(&self) -> Option<Instant> {
        let next = self.deadlines.poll_timeout()?;
        // What has come, and was not acted on, will not come again.
        if next > self.now() { Some(next) } else { self.stuck_at() }
    }

    /// Whether something will be due before the alarm goes off.
    pub(crate) fn is_armed_too_late(&self) -> bool {
        let next = self.deadlines.poll_timeout();
        next.is_some_and(|at| self.alarm.armed_at(self.epoch).is_none_or(|armed| at < armed))
    }

    /// Does what is due. Whether the connection was given up with it.
    pub(crate) fn enforce(&mut self, connection: &mut Connection) -> bool {
        self.deadlines.enforce(connection, self.now()).is_some_and(Due::gives_up)
    }

    /// The same in a send: one that is stuck is given up.
    pub(crate) fn enforce_in_send(&mut self, connection: &mut Connection, due: Due) -> bool {
        if due == Due::Pong {
            connection.abandon();
            return true;
        }
        self.enforce(connection)
    }
}

/// One timer of tokio. It is armed again only for an earlier moment: deadlines move with every byte, mostly to later,
/// so one that goes off too early is cheaper than one that is always right.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Waits until `at`; for ever without it.
    fn poll(
        &mut self,
        epoch: tokio::time::Instant,
        at: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(at) = at.and_then(|at| epoch.checked_add(at.since_epoch())) else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }

    fn armed_at(&self, epoch: tokio::time::Instant) -> Option<Instant> {
        let sleep = self.sleep.as_ref()?;
        Some(Instant::new(sleep.deadline().saturating_duration_since(epoch)))
    }
}
