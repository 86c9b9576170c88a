//! Moments without a clock.

use core::ops::Add;
use core::time::Duration;

/// A moment, as the time since any epoch the caller likes. Only differences matter.
///
/// ```
/// use sansio_ws::deadlines::Instant;
/// use std::time::Duration;
///
/// let started = Instant::new(Duration::from_millis(1_500)); // of a counter that runs since power-on
/// let due = started + Duration::from_secs(10);
/// assert_eq!(due.since_epoch(), Duration::from_millis(11_500));
/// assert_eq!(due.saturating_since(started), Duration::from_secs(10));
/// assert_eq!(started.saturating_since(due), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    /// Enough for 584 years.
    nanoseconds: u64,
}

impl Instant {
    /// The last one that can be expressed.
    pub(crate) const LAST: Self = Self { nanoseconds: u64::MAX };

    /// The moment `since_epoch` after the epoch. What is more than 584 years away never comes.
    #[must_use]
    pub const fn new(since_epoch: Duration) -> Self {
        let nanoseconds = since_epoch.as_nanos();
        let nanoseconds =
            if nanoseconds > u64::MAX as u128 { u64::MAX } else { nanoseconds as u64 };
        Self { nanoseconds }
    }

    /// The time since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.nanoseconds)
    }

    /// The time from `earlier` until this moment, zero if `earlier` lies behind it.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }
}

/// Saturates: a moment too far away to be expressed never comes.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let later = Self::new(later).nanoseconds;
        Self { nanoseconds: self.nanoseconds.saturating_add(later) }
    }
}
