//! Deadlines that a service has set.

use super::key::{Generation, Key};
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

#[derive(Debug)]
struct Timer<T> {
    what: T,
    every: Option<Duration>,
    key: TimerKey,
}

#[derive(Debug)]
pub(super) struct Timers<T> {
    heap: BinaryHeap<Reverse<(Instant, TimerKey)>>,
    timers: Slab<Timer<T>>,
    /// How many there were so far.
    added: usize,
}

impl<T> Timers<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), timers: Slab::new(), added: 0 }
    }

    pub(super) fn add(&mut self, at: Instant, every: Option<Duration>, what: T) -> TimerKey {
        let every = every.map(|every| every.max(SHORTEST));
        let place = self.timers.vacant_entry();
        let key = TimerKey(Key::new(place.key(), Generation::of(self.added)));
        self.added = self.added.wrapping_add(1);
        place.insert(Timer { what, every, key });
        self.heap.push(Reverse((at, key)));
        key
    }

    pub(super) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        find(&self.timers, key)?;
        let timer = self.timers.remove(key.0.index());
        self.compact();
        Some(timer.what)
    }

    pub(super) fn len(&self) -> usize {
        self.timers.len()
    }

    /// When the next one may pass: it may have been cancelled.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Throws away what was cancelled if that is more than the others.
    fn compact(&mut self) {
        const FEW: usize = 64;
        if self.heap.len() > 2 * self.timers.len() + FEW {
            let timers = &self.timers;
            self.heap.retain(|Reverse((_, key))| find(timers, *key).is_some());
            self.heap.shrink_to(self.heap.len() * 2);
        }
    }
}

impl<T: Clone> Timers<T> {
    /// The next one that has passed.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        while let Some(&Reverse((at, key))) = self.heap.peek().filter(|Reverse((at, _))| *at <= now)
        {
            self.heap.pop();
            match find(&self.timers, key) {
                None => {}
                Some(Timer { every: None, .. }) => {
                    return Some(self.timers.remove(key.0.index()).what);
                }
                Some(Timer { every: Some(every), what, .. }) => {
                    // What was missed while the loop was busy is not made up for.
                    let next = if at + *every > now { at + *every } else { now + *every };
                    self.heap.push(Reverse((next, key)));
                    return Some(what.clone());
                }
            }
        }
        None
    }
}

fn find<T>(timers: &Slab<Timer<T>>, key: TimerKey) -> Option<&Timer<T>> {
    timers.get(key.0.index()).filter(|timer| timer.key == key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    const fn second(seconds: u64) -> Instant {
        Instant::new(Duration::from_secs(seconds))
    }

    fn due(timers: &mut Timers<&'static str>, now: u64) -> Vec<&'static str> {
        core::iter::from_fn(|| timers.pop(second(now))).collect()
    }

    #[test]
    fn they_come_in_their_order_and_once() {
        let mut timers = Timers::new();
        timers.add(second(3), None, "third");
        let cancelled = timers.add(second(2), None, "never");
        timers.add(second(2), None, "second");
        timers.add(second(1), None, "first");
        assert_eq!(timers.next(), Some(second(1)));
        assert_eq!(timers.cancel(cancelled), Some("never"));
        assert_eq!(timers.cancel(cancelled), None);
        assert_eq!(due(&mut timers, 0), [""; 0]);
        assert_eq!(due(&mut timers, 2), ["first", "second"]);
        let reused = timers.add(second(9), None, "another, in the place of one that is over");
        assert_ne!(reused, cancelled);
        assert_eq!(timers.cancel(cancelled), None);
        assert_eq!(due(&mut timers, 8), ["third"]);
        assert!(timers.cancel(reused).is_some());
        assert_eq!((due(&mut timers, 99), timers.next()), (vec![], None));
    }

    #[test]
    fn what_repeats_does_not_make_up_for_what_was_missed() {
        let mut timers = Timers::new();
        let every = timers.add(second(1), Some(Duration::from_secs(1)), "tick");
        assert_eq!(due(&mut timers, 1), ["tick"]);
        assert_eq!(due(&mut timers, 9), ["tick"]);
        assert_eq!(timers.next(), Some(second(10)));
        assert_eq!(timers.cancel(every), Some("tick"));
        assert_eq!(due(&mut timers, 99), [""; 0]);
    }

    #[test]
    fn what_was_cancelled_is_bounded() {
        let mut timers = Timers::new();
        timers.add(second(1), None, "kept");
        for i in 0..10_000 {
            let timer = timers.add(second(i), None, "cancelled");
            timers.cancel(timer);
            assert!(timers.heap.len() <= 70, "{}", timers.heap.len());
        }
        assert_eq!(due(&mut timers, 99_999), ["kept"]);
    }
}
