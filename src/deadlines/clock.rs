//! The clock of the system, for those who do not bring their own.

use super::Instant;
use core::time::Duration;

/// The clock of the system, which counts from the moment at which it was made. All clones show the
/// same time, and the connections of a loop share one.
///
/// ```
/// use sansio_ws::deadlines::{Clock, Deadlines, Timeouts};
///
/// let clock = Clock::new();
/// let deadlines = Deadlines::new(Timeouts::default(), clock.now());
/// let wait = deadlines.poll_timeout().map(|at| clock.until(at)); // for poll, or a socket's timeout
/// assert!(wait <= Timeouts::default().opening);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    /// A clock that begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::new(self.epoch.elapsed())
    }

    /// How long it is until `at`; zero if that has passed.
    #[must_use]
    pub fn until(&self, at: Instant) -> Duration {
        at.saturating_since(self.now())
    }

    /// The moment as the standard library has it, for timers that take one; `None` if it is too far
    /// away for that.
    #[must_use]
    pub fn at(&self, at: Instant) -> Option<std::time::Instant> {
        self.epoch.checked_add(at.since_epoch())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_standard_library() {
        let clock = Clock::new();
        let soon = clock.now() + Duration::from_secs(3600);
        let at = clock.at(soon).expect("an hour from now");
        assert_eq!(at.duration_since(clock.epoch), soon.since_epoch());
        assert!(clock.until(soon) <= Duration::from_secs(3600));
        assert_eq!(clock.until(Instant::new(Duration::ZERO)), Duration::ZERO);
    }
}
