//! Deadlines on the clock of tokio.

use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use sansio_ws::Connection;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use std::sync::Arc;
use tokio::task::coop::has_budget_remaining;
use tokio::time::Sleep;

/// [`Deadlines`] on the clock of tokio.
#[derive(Debug)]
pub(crate) struct Timer {
    epoch: tokio::time::Instant,
    deadlines: Deadlines,
    /// What the clock has shown in this poll, which is short. To ask it again each time would be a good part of what a
    /// small message costs.
    now: Option<Instant>,
    alarm: Alarm,
}

impl Timer {
    pub(crate) fn new(timeouts: impl Into<Arc<Timeouts>>) -> Self {
        Self {
            epoch: tokio::time::Instant::now(),
            deadlines: Deadlines::new(timeouts, Instant::default()),
            now: None,
            alarm: Alarm::default(),
        }
    }

    /// A poll begins: look at the clock again, once it matters.
    pub(crate) fn begin_poll(&mut self) {
        self.now = None;
    }

    fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(|| Instant::new(self.epoch.elapsed()))
    }

    /// The same moment, for those who do not have deadlines.
    pub(crate) fn tokio_now(&mut self) -> tokio::time::Instant {
        self.epoch + self.now().since_epoch()
    }

    pub(crate) fn opened(&mut self) {
        let now = self.now();
        self.deadlines.opened(now);
    }

    pub(crate) fn received(&mut self) {
        let now = self.now();
        self.deadlines.received(now);
    }

    pub(crate) fn input_ended(&mut self) {
        let now = self.now();
        self.deadlines.input_ended(now);
    }

    /// The stream took `taken` bytes, and `refused` some.
    pub(crate) fn written(&mut self, taken: usize, refused: bool) {
        // Nothing depends on the moment, and this is the usual case.
        if !refused && !self.deadlines.is_refused() {
            return;
        }
        let now = self.now();
        self.deadlines.written(taken, refused, now);
    }

    /// Takes note of what the connection has done: call it when there are no more events, and after writing. `held`
    /// says whether the stream still holds bytes that it could not pass on.
    pub(crate) fn observe(&mut self, connection: &mut Connection, held: bool) {
        let now = self.now();
        self.deadlines.observe_holding(connection, held, now);
        if held && !self.deadlines.is_refused() {
            self.deadlines.written(0, true, now);
        }
    }

    /// What is due.
    pub(crate) fn due(&mut self) -> Option<Due> {
        let now = self.now();
        self.deadlines.due(now)
    }

    /// Whether a send may look, with this number of unread bytes in front of it.
    pub(crate) fn may_look_in_send(&mut self, unread: usize) -> bool {
        let now = self.now();
        self.deadlines.may_look_in_send(unread, now)
    }

    /// What is due for a send.
    pub(crate) fn due_in_send(&mut self, can_look: bool) -> Option<Due> {
        let now = self.now();
        self.deadlines.due_in_send(can_look, now)
    }

    /// Waits until something is due.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.tokio_now();
        let at = self.to_tokio(self.deadlines.poll_timeout());
        ready!(self.alarm.poll(now, at, cx));
        self.begin_poll();
        Poll::Ready(())
    }

    /// Waits until something is due for a send, by the same alarm.
    pub(crate) fn poll_due_in_send(&mut self, can_look: bool, cx: &mut Context<'_>) -> Poll<()> {
        let (now, at) = (self.tokio_now(), self.next_in_send(can_look));
        ready!(self.alarm.poll(now, at, cx));
        self.begin_poll();
        Poll::Ready(())
    }

    /// The same for a send that can't look, by an alarm of the caller's.
    pub(crate) fn poll_due_in_send_by(
        &mut self,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        ready!(alarm.poll(self.tokio_now(), self.next_in_send(false), cx));
        self.begin_poll();
        Poll::Ready(())
    }

    fn next_in_send(&mut self, can_look: bool) -> Option<tokio::time::Instant> {
        let now = self.now();
        self.to_tokio(self.deadlines.poll_timeout_in_send(can_look, now))
    }

    /// What is too far away to be expressed never comes.
    fn to_tokio(&self, at: Option<Instant>) -> Option<tokio::time::Instant> {
        self.epoch.checked_add(at?.since_epoch())
    }

    /// Whether something will be due before the alarm goes off.
    pub(crate) fn is_armed_too_late(&self) -> bool {
        let next = self.to_tokio(self.deadlines.poll_timeout());
        next.is_some_and(|at| self.alarm.armed_at().is_none_or(|armed| at < armed))
    }

    /// Does what is due. Whether the connection was given up with it.
    pub(crate) fn enforce(&mut self, connection: &mut Connection) -> bool {
        let now = self.now();
        self.deadlines.enforce(connection, now).is_some_and(Due::gives_up)
    }

    /// The same for a send.
    pub(crate) fn enforce_in_send(&mut self, connection: &mut Connection, can_look: bool) -> bool {
        let now = self.now();
        self.deadlines.enforce_in_send(connection, can_look, now).is_some_and(Due::gives_up)
    }
}

/// One timer of tokio. It is armed again only for an earlier moment: deadlines move with every byte, mostly to later,
/// so one that goes off too early is cheaper than one that is always right.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Alarm {
    /// Waits until `at`; for ever without it.
    fn poll(
        &mut self,
        now: tokio::time::Instant,
        at: Option<tokio::time::Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        } else if now < sleep.deadline()
            && self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            // The usual case: it is armed already, and for whom it should be.
            return Poll::Pending;
        }
        loop {
            if sleep.as_mut().poll(cx).is_pending() {
                // A turn that is used up arms nothing, and wakes at once.
                self.waker = has_budget_remaining().then(|| cx.waker().clone());
                return Poll::Pending;
            }
            self.waker = None;
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }

    fn armed_at(&self) -> Option<tokio::time::Instant> {
        self.sleep.as_ref().map(|sleep| sleep.deadline())
    }
}
