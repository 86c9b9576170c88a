//! When connections are due, found without a look at each of them.
//!
//! Each connection stands in the list of one moment, which may be too early: deadlines move with every byte,
//! mostly to later, and one that is looked at too early is put where its deadline is by then. So a message
//! costs no change of the lists, only a comparison.

use crate::deadlines::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// A moment, in steps of 16 ms. Deadlines are rounded up to one, so that those of many connections share
/// a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

/// Nanoseconds in a step.
const STEP: u64 = 16_000_000;

impl Tick {
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// The first one that is not before `at`.
    pub(super) fn at(at: Instant) -> Self {
        // An instant has no more.
        let nanoseconds = u64::try_from(at.since_epoch().as_nanos()).unwrap_or(u64::MAX);
        Self(nanoseconds.div_ceil(STEP))
    }

    fn instant(self) -> Instant {
        Instant::new(Duration::from_nanos(self.0.saturating_mul(STEP)))
    }
}

/// The lists. Connections are known by their places in the slab; who has left its list, or the slab, is not
/// taken out, but passed over.
#[derive(Debug, Default)]
pub(super) struct PeerDeadlines {
    lists: BTreeMap<Tick, Vec<u32>>,
}

impl PeerDeadlines {
    pub(super) fn add(&mut self, tick: Tick, place: usize) {
        // A key has room for no more.
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.lists.entry(tick).or_default().push(place);
    }

    /// When somebody may be due next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.lists.keys().next().map(|tick| tick.instant())
    }

    /// Takes the next list whose moment has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Tick, Vec<u32>)> {
        let first = self.lists.first_entry().filter(|list| list.key().instant() <= now)?;
        Some(first.remove_entry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const fn ms(ms: u64) -> Instant {
        Instant::new(Duration::from_millis(ms))
    }

    #[test]
    fn deadlines_are_rounded_up_and_come_in_order() {
        let mut deadlines = PeerDeadlines::default();
        for (at, place) in [(33, 1), (16, 2), (48, 3), (1, 4), (0, 5)] {
            deadlines.add(Tick::at(ms(at)), place);
        }
        assert_eq!(deadlines.next(), Some(ms(0)));
        assert_eq!(deadlines.pop(ms(0)), Some((Tick(0), vec![5])));
        assert_eq!((deadlines.pop(ms(15)), deadlines.next()), (None, Some(ms(16))));
        assert_eq!(deadlines.pop(ms(16)), Some((Tick(1), vec![2, 4])));
        assert_eq!(deadlines.pop(ms(47)), None);
        assert_eq!(deadlines.pop(ms(1000)), Some((Tick(3), vec![1, 3])));
        assert_eq!((deadlines.pop(ms(1000)), deadlines.next()), (None, None));
    }

    #[test]
    fn what_never_comes_never_comes() {
        let mut deadlines = PeerDeadlines::default();
        deadlines.add(Tick::at(Instant::LAST), 1);
        deadlines.add(Tick::NEVER, 1);
        assert_eq!(deadlines.pop(ms(1 << 40)), None);
        assert!(Tick::at(Instant::LAST) < Tick::NEVER);
    }
}
