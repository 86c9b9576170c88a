//! Who waits for the output, and who writes it.
//!
//! A stream wakes only one task when it takes more: the one that polled it last. That one is the driver. It writes what
//! all have queued, and wakes those whose position it has passed. **While bytes wait and somebody waits for them, there is
//! a driver, or somebody has been woken who will be the driver when polled.** So whoever leaves hands over.

use core::task::{Context, Waker};
use std::collections::VecDeque;

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// That the stream has passed on all bytes up to this position.
    Position(u64),
    /// That another message can be queued.
    Room,
}

/// Whom the stream wakes when it takes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Driver {
    Nobody,
    Reader,
    Writer(Ticket),
}

/// A place among those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    goal: Goal,
    waker: Waker,
}

#[derive(Debug)]
pub(super) struct Waiters {
    list: VecDeque<Waiter>,
    tickets: u64,
    pub(super) driver: Driver,
    /// The reader, if it waits.
    reader: Option<Waker>,
    /// To be woken when nobody holds the lock any more: a waker runs code of others.
    woken: Vec<Waker>,
}

impl Waiters {
    pub(super) const fn new() -> Self {
        Self {
            list: VecDeque::new(),
            tickets: 0,
            driver: Driver::Nobody,
            reader: None,
            woken: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether this writer may write: no other one is the driver. From the reader it takes over, since nobody knows
    /// whether the reader will be polled. So while the reader is the driver, no writer waits.
    pub(super) fn may_drive(&self, ticket: Option<Ticket>) -> bool {
        match self.driver {
            Driver::Nobody | Driver::Reader => true,
            Driver::Writer(driver) => Some(driver) == ticket,
        }
    }

    /// Notes that a writer waits.
    pub(super) fn wait(
        &mut self,
        ticket: &mut Option<Ticket>,
        goal: Goal,
        cx: &Context<'_>,
    ) -> Ticket {
        let known = ticket.and_then(|ticket| self.list.iter_mut().find(|w| w.ticket == ticket));
        if let Some(waiter) = known {
            waiter.goal = goal;
            replace(&mut waiter.waker, cx, &mut self.woken);
            return waiter.ticket;
        }
        let new = Ticket(self.tickets);
        self.tickets += 1;
        self.list.push_back(Waiter { ticket: new, goal, waker: cx.waker().clone() });
        *ticket.insert(new)
    }

    /// Notes that a writer waits no more. If it was the driver, nobody is.
    pub(super) fn leave(&mut self, ticket: &mut Option<Ticket>) {
        let Some(ticket) = ticket.take() else { return };
        self.list.retain(|waiter| waiter.ticket != ticket);
        if self.driver == Driver::Writer(ticket) {
            self.driver = Driver::Nobody;
        }
    }

    /// Notes that the reader waits.
    pub(super) fn wait_reading(&mut self, cx: &Context<'_>) {
        match &mut self.reader {
            Some(waker) => replace(waker, cx, &mut self.woken),
            None => self.reader = Some(cx.waker().clone()),
        }
    }

    /// Somebody has to drive: the one who has waited longest, or else the reader.
    pub(super) fn wake_next(&mut self) {
        match self.list.front() {
            Some(waiter) => self.woken.push(waiter.waker.clone()),
            None => self.wake_reader(),
        }
    }

    pub(super) fn wake_reader(&mut self) {
        self.woken.extend(self.reader.take());
    }

    /// Wakes those who are where they want to be.
    pub(super) fn wake_those(&mut self, is_reached: impl Fn(Goal) -> bool) {
        let reached = self.list.iter().filter(|waiter| is_reached(waiter.goal));
        self.woken.extend(reached.map(|waiter| waiter.waker.clone()));
    }

    pub(super) fn take_woken(&mut self) -> Vec<Waker> {
        core::mem::take(&mut self.woken)
    }
}

/// Keeps the waker of a task that waits in the place of another one. That is not dropped here: it may be the last that holds
/// its task, and with it a send of this connection, which would want the lock.
fn replace(waker: &mut Waker, cx: &Context<'_>, woken: &mut Vec<Waker>) {
    if !waker.will_wake(cx.waker()) {
        woken.push(core::mem::replace(waker, cx.waker().clone()));
    }
}
