//! The lock, and how threads and tasks wait for what it protects.

use super::address::Address;
use super::clock::Clock;
use super::state::State;
use crate::client::{Client, EmitError};
use core::fmt;
#[cfg(feature = "tokio")]
use core::future::poll_fn;
#[cfg(feature = "tokio")]
use core::task::{Context, Poll};
#[cfg(feature = "blocking")]
use core::time::Duration;
use sansio_ws::deadlines::Instant;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time;

/// A client for programs, as those who carry out what it wants, and all handles, share it.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) address: Address,
    state: Mutex<State>,
    /// There may be something to carry out, or room for events.
    work: Condvar,
    /// There may be something for the program.
    news: Condvar,
}

impl Shared {
    pub(super) fn new(address: Address, machine: Client, read: fn() -> time::Instant) -> Self {
        let (work, news) = (Condvar::new(), Condvar::new());
        let state = Mutex::new(State::new(machine));
        Self { clock: Clock::new(read), address, state, work, news }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at something, and changes nothing that concerns others.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes something, and hands out what the machine says to that.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        let result = act(&mut state, now);
        self.hand_out(state, now);
        result
    }

    /// As [`act`](Self::act), for the program, which may have a handle of a client that is gone.
    pub(super) fn call<T, E: From<EmitError>>(
        &self,
        call: impl FnOnce(&mut State, Instant) -> Result<T, E>,
    ) -> Result<T, E> {
        self.act(|state, now| match state.stops {
            true => Err(EmitError::Gone.into()),
            false => call(state, now),
        })
    }

    /// Hands out what the machine has to say, and wakes everybody whom it may concern.
    fn hand_out(&self, mut state: MutexGuard<'_, State>, now: Instant) {
        state.carry_out(now);
        let woken = state.take_woken();
        drop(state);
        self.work.notify_all();
        self.news.notify_all();
        for task in woken {
            task.wake();
        }
    }

    /// Ends whatever is under way, and tells everybody.
    pub(crate) fn stop(&self) {
        self.act(|state, _| state.stop());
    }
}

/// For threads.
#[cfg(feature = "blocking")]
impl Shared {
    /// Waits until there is something to carry out; `None` when the client is gone. `find` that finds nothing changes
    /// nothing.
    pub(crate) fn wait<T>(&self, find: impl FnMut(&mut State, Instant) -> Option<T>) -> Option<T> {
        self.wait_by(|_| None, find)
    }

    /// As [`wait`](Self::wait); `find` is asked as well when something is due.
    pub(crate) fn wait_timed<T>(
        &self,
        find: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Option<T> {
        self.wait_by(State::due, find)
    }

    /// As [`wait`](Self::wait); `find` is asked as well at this moment.
    pub(crate) fn wait_until<T>(
        &self,
        due: Option<Instant>,
        find: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Option<T> {
        self.wait_by(|_| due, find)
    }

    fn wait_by<T>(
        &self,
        due: impl Fn(&State) -> Option<Instant>,
        mut find: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.lock();
        while !state.stops {
            let now = self.clock.now();
            if let Some(found) = find(&mut state, now) {
                self.hand_out(state, now);
                return Some(found);
            }
            let time = due(&state).map(|due| due.saturating_since(now));
            state = sleep(&self.work, state, time);
        }
        None
    }

    /// Waits until there is something for the program, for this time at most.
    pub(crate) fn wait_for_news<T>(
        &self,
        time: Option<Duration>,
        mut find: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let due = time.map(|time| self.clock.now() + time);
        let mut state = self.lock();
        loop {
            let found = find(&mut state);
            let now = self.clock.now();
            if found.is_some() || due.is_some_and(|due| due <= now) {
                self.hand_out(state, now);
                return found;
            }
            state = sleep(&self.news, state, due.map(|due| due.saturating_since(now)));
        }
    }
}

#[cfg(feature = "blocking")]
fn sleep<'s>(
    signal: &Condvar,
    state: MutexGuard<'s, State>,
    time: Option<Duration>,
) -> MutexGuard<'s, State> {
    match time {
        None => signal.wait(state).unwrap_or_else(PoisonError::into_inner),
        Some(time) => signal.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0,
    }
}

/// For tasks.
#[cfg(feature = "tokio")]
impl Shared {
    /// Waits until there is something to carry out. `find` that finds nothing changes nothing. All that waits so is
    /// polled by one task.
    pub(crate) async fn until<T>(
        &self,
        mut find: impl FnMut(&mut State, Instant) -> Option<T>,
    ) -> T {
        poll_fn(|cx| {
            let mut state = self.lock();
            let now = self.clock.now();
            match find(&mut state, now) {
                Some(found) => {
                    self.hand_out(state, now);
                    Poll::Ready(found)
                }
                None => {
                    state.wait_for_work(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until there is something for the program. One task waits at a time.
    pub(crate) fn poll_news<T>(
        &self,
        cx: &Context<'_>,
        find: impl FnOnce(&mut State) -> Option<T>,
    ) -> Poll<T> {
        let mut state = self.lock();
        match find(&mut state) {
            Some(found) => {
                self.hand_out(state, self.clock.now());
                Poll::Ready(found)
            }
            None => {
                state.wait_for_news(cx);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
