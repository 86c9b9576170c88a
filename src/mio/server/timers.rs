//! Deadlines of the whole server, found without a look at each connection.
//!
//! A heap holds one entry for each connection, which may be early: deadlines of connections move with every
//! byte, mostly to later, and an entry that comes too early is put back to where the deadline is by
//! then. So a message costs no change of the heap, only a comparison.

use super::Key;
use crate::deadlines::Instant;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::time::Duration;
use slab::Slab;

/// What repeats does so at most this often, so that it leaves time for something else.
const SHORTEST: Duration = Duration::from_millis(1);

/// A deadline that the service has set, to cancel it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey(Key);

/// Each connection has one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Peer(Key),
    Service(TimerKey),
}

#[derive(Debug)]
struct Timer<T> {
    what: T,
    every: Option<Duration>,
    key: TimerKey,
}

/// What has come due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due<T> {
    /// The entry of a connection, which has none now.
    Peer(Key),
    Service(T),
}

#[derive(Debug)]
pub(super) struct Timers<T> {
    heap: BinaryHeap<Reverse<(Instant, Of)>>,
    service: Slab<Timer<T>>,
    /// How many deadlines of the service there were so far.
    added: usize,
    /// Entries that nobody waits for any more, at the most.
    stale: usize,
}

impl<T> Timers<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), service: Slab::new(), added: 0, stale: 0 }
    }

    /// Adds an entry for a connection. `instead` is set if it has one already, which comes later and
    /// will be ignored then.
    pub(super) fn set_peer(&mut self, key: Key, at: Instant, instead: bool) {
        self.stale += usize::from(instead);
        self.heap.push(Reverse((at, Of::Peer(key))));
    }

    /// A connection is gone, and perhaps leaves its entry.
    pub(super) fn forget_peer(&mut self, had_entry: bool) {
        self.stale += usize::from(had_entry);
    }

    pub(super) fn add(&mut self, at: Instant, every: Option<Duration>, what: T) -> TimerKey {
        let every = every.map(|every| every.max(SHORTEST));
        let place = self.service.vacant_entry();
        let key = TimerKey(Key::new(place.key(), self.added));
        self.added = self.added.wrapping_add(1);
        place.insert(Timer { what, every, key });
        self.heap.push(Reverse((at, Of::Service(key))));
        key
    }

    pub(super) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.find(key)?;
        self.stale += 1;
        Some(self.service.remove(key.0.index()).what)
    }

    fn find(&self, key: TimerKey) -> Option<&Timer<T>> {
        self.service.get(key.0.index()).filter(|timer| timer.key == key)
    }

    pub(super) fn service_len(&self) -> usize {
        self.service.len()
    }

    /// When the next entry comes, which may be early or stale.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}

impl<T: Clone> Timers<T> {
    /// The next of what has come due. `is_current` tells whether a connection still waits for the entry
    /// at this moment.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        mut is_current: impl FnMut(Key, Instant) -> bool,
    ) -> Option<Due<T>> {
        while let Some(&Reverse((at, of))) = self.heap.peek().filter(|Reverse((at, _))| *at <= now)
        {
            self.heap.pop();
            match of {
                Of::Peer(key) if is_current(key, at) => return Some(Due::Peer(key)),
                Of::Service(key) => match self.find(key) {
                    Some(Timer { every: None, .. }) => {
                        return Some(Due::Service(self.service.remove(key.0.index()).what));
                    }
                    Some(Timer { every: Some(every), what, .. }) => {
                        let due = Due::Service(what.clone());
                        // What was missed while the loop was busy is not made up for.
                        let next = if at + *every > now { at + *every } else { now + *every };
                        self.heap.push(Reverse((next, of)));
                        return Some(due);
                    }
                    None => self.stale = self.stale.saturating_sub(1),
                },
                Of::Peer(_) => self.stale = self.stale.saturating_sub(1),
            }
        }
        None
    }

    /// Throws stale entries away if they are more than the others.
    pub(super) fn compact(&mut self, mut is_current: impl FnMut(Key, Instant) -> bool) {
        const FEW: usize = 64;
        if self.stale <= FEW || self.stale * 2 <= self.heap.len() {
            return;
        }
        let service = &self.service;
        self.heap.retain(|Reverse((at, of))| match *of {
            Of::Peer(key) => is_current(key, *at),
            Of::Service(key) => service.get(key.0.index()).is_some_and(|timer| timer.key == key),
        });
        self.heap.shrink_to(self.heap.len() * 2);
        self.stale = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const fn second(seconds: u64) -> Instant {
        Instant::new(Duration::from_secs(seconds))
    }

    fn due(timers: &mut Timers<&'static str>, now: u64) -> Vec<Due<&'static str>> {
        core::iter::from_fn(|| timers.pop(second(now), |_, _| true)).collect()
    }

    #[test]
    fn they_come_in_their_order_and_once() {
        let mut timers = Timers::new();
        timers.add(second(3), None, "third");
        timers.set_peer(Key::new(1, 1), second(2), false);
        let cancelled = timers.add(second(2), None, "never");
        timers.add(second(1), None, "first");
        assert_eq!(timers.next(), Some(second(1)));
        assert_eq!(timers.cancel(cancelled), Some("never"));
        assert_eq!(timers.cancel(cancelled), None);
        assert_eq!(due(&mut timers, 0), []);
        assert_eq!(due(&mut timers, 2), [Due::Service("first"), Due::Peer(Key::new(1, 1))]);
        let reused = timers.add(second(9), None, "another, in the place of one that is over");
        assert_ne!(reused, cancelled);
        assert_eq!(timers.cancel(cancelled), None);
        assert_eq!(due(&mut timers, 8), [Due::Service("third")]);
        assert!(timers.cancel(reused).is_some());
        assert_eq!((due(&mut timers, 99), timers.next()), (vec![], None));
    }

    #[test]
    fn what_repeats_does_not_make_up_for_what_was_missed() {
        let mut timers = Timers::new();
        let every = timers.add(second(1), Some(Duration::from_secs(1)), "tick");
        assert_eq!(timers.pop(second(1), |_, _| true), Some(Due::Service("tick")));
        assert_eq!(timers.pop(second(1), |_, _| true), None);
        assert_eq!(timers.pop(second(9), |_, _| true), Some(Due::Service("tick")));
        assert_eq!(timers.next(), Some(second(10)));
        assert_eq!(timers.cancel(every), Some("tick"));
        assert_eq!(timers.pop(second(99), |_, _| true), None);
    }

    #[test]
    fn stale_entries_are_bounded() {
        let mut timers = Timers::<()>::new();
        let key = Key::new(7, 1);
        let mut at = 1_000_000;
        for _ in 0..10_000 {
            at -= 1;
            timers.set_peer(key, second(at), true);
            timers.compact(|_, entry| entry == second(at));
            assert!(timers.heap.len() <= 200, "{}", timers.heap.len());
        }
        for i in 0..10_000 {
            let timer = timers.add(second(i), None, ());
            timers.cancel(timer);
            timers.compact(|_, entry| entry == second(at));
            assert!(timers.heap.len() <= 200, "{}", timers.heap.len());
        }
        assert_eq!(timers.pop(second(at), |_, entry| entry == second(at)), Some(Due::Peer(key)));
        assert_eq!(timers.pop(second(at), |_, entry| entry == second(at)), None);
    }
}
