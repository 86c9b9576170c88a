//! The clock of the machine, over that of whoever drives it.

use core::time::Duration;
use sansio_ws::deadlines::Instant;
use std::time;

/// Counts from the moment at which it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: time::Instant,
    read: fn() -> time::Instant,
}

impl Clock {
    /// `read` tells the time: that of a runtime may stand still.
    pub(super) fn new(read: fn() -> time::Instant) -> Self {
        Self { epoch: read(), read }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::new((self.read)().saturating_duration_since(self.epoch))
    }

    /// How long it is until `at`; zero if that has passed.
    pub(crate) fn until(self, at: Instant) -> Duration {
        at.saturating_since(self.now())
    }
}
