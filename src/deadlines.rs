//! Timers as data: no clock is read here, and nothing sleeps.
//!
//! ```text
//!  opened ───────────────▶ traffic … ──────────────▶ closing ────────▶
//!  └── opening ──┘└ keep_alive ─┘ ping └── pong ──┘  └── close ──┘
//!                 └───────────── idle ────────────┘
//! ```
//!
//! The caller tells what happened and when; the machine answers with the next moment at which
//! something is due, and what.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A moment, as the time since any epoch the caller likes. Only differences matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    /// Enough for 584 years.
    nanoseconds: u64,
}

impl Instant {
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

/// How long things may take. `None` means for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the start until the handshake is done, in all (default: 10 s).
    pub opening: Option<Duration>,
    /// From the last message, or the last part of one, until the connection is given up
    /// (default: none). Pings and pongs do not count.
    pub idle: Option<Duration>,
    /// From the last bytes received until a ping is sent (default: 20 s).
    pub keep_alive: Option<Duration>,
    /// From that ping until any bytes arrive (default: 20 s).
    pub pong: Option<Duration>,
    /// From Close until the transport has ended (default: 5 s).
    pub close: Option<Duration>,
}

impl Timeouts {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        opening: Some(Duration::from_secs(10)),
        idle: None,
        keep_alive: Some(Duration::from_secs(20)),
        pong: Some(Duration::from_secs(20)),
        close: Some(Duration::from_secs(5)),
    };

    /// No deadlines at all.
    pub const NONE: Self =
        Self { opening: None, idle: None, keep_alive: None, pong: None, close: None };

    /// The same with another time for opening.
    #[must_use]
    pub const fn opening(mut self, time: Option<Duration>) -> Self {
        self.opening = time;
        self
    }

    /// The same with another time without messages.
    #[must_use]
    pub const fn idle(mut self, time: Option<Duration>) -> Self {
        self.idle = time;
        self
    }

    /// The same with another time between pings.
    #[must_use]
    pub const fn keep_alive(mut self, time: Option<Duration>) -> Self {
        self.keep_alive = time;
        self
    }

    /// The same with another time to wait for a pong.
    #[must_use]
    pub const fn pong(mut self, time: Option<Duration>) -> Self {
        self.pong = time;
        self
    }

    /// The same with another time for closing.
    #[must_use]
    pub const fn close(mut self, time: Option<Duration>) -> Self {
        self.close = time;
        self
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Due {
    /// Send a ping; the wait for a sign of life has begun.
    Ping,
    /// The handshake took too long: close the transport.
    Opening,
    /// No message for too long: start the closing handshake, code 1001 or 1000. Its deadline runs
    /// from now.
    Idle,
    /// No sign of life after a ping: the peer is gone, close the transport.
    Pong,
    /// The closing handshake took too long: close the transport.
    Close,
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "a ping is due",
            Self::Opening => "the handshake took too long",
            Self::Idle => "no message for too long",
            Self::Pong => "no answer to a ping",
            Self::Close => "the closing handshake took too long",
        })
    }
}

/// The deadlines of one connection.
///
/// ```
/// use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
/// use std::time::Duration;
///
/// let second = |s| Instant::new(Duration::from_secs(s));
/// let mut deadlines = Deadlines::new(Timeouts::DEFAULT, second(0));
/// assert_eq!(deadlines.poll_timeout(), Some(second(10)), "the handshake is due");
/// deadlines.opened(second(1));
/// assert_eq!(deadlines.handle_timeout(second(20)), None, "nothing is due yet");
/// assert_eq!(deadlines.handle_timeout(second(21)), Some(Due::Ping));
/// assert_eq!(deadlines.handle_timeout(second(41)), Some(Due::Pong));
/// ```
#[derive(Debug, Clone)]
pub struct Deadlines {
    timeouts: Arc<Timeouts>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Opening {
        since: Instant,
    },
    Open {
        message: Instant,
        alive: Alive,
    },
    Closing {
        since: Instant,
    },
    /// The last deadline was reported.
    Over,
}

/// What is known of the peer's life.
#[derive(Debug, Clone, Copy)]
enum Alive {
    Received(Instant),
    PingSent(Instant),
}

impl Deadlines {
    /// Starts with the opening handshake. A server with many connections shares one
    /// `Arc<Timeouts>`.
    #[must_use]
    pub fn new(timeouts: impl Into<Arc<Timeouts>>, now: Instant) -> Self {
        Self { timeouts: timeouts.into(), phase: Phase::Opening { since: now } }
    }

    /// The handshake is done.
    pub fn opened(&mut self, now: Instant) {
        if let Phase::Opening { .. } = self.phase {
            self.phase = Phase::Open { message: now, alive: Alive::Received(now) };
        }
    }

    /// Bytes have arrived, of whatever kind: the peer is alive.
    pub fn received(&mut self, now: Instant) {
        if let Phase::Open { alive, .. } = &mut self.phase {
            *alive = Alive::Received(now);
        }
    }

    /// A message, or a part of one, has been received or sent: the connection is in use.
    pub fn message(&mut self, now: Instant) {
        if let Phase::Open { message, .. } = &mut self.phase {
            *message = now;
        }
    }

    /// A Close has been queued. Only the first call counts.
    pub fn closing(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Closing { .. } | Phase::Over) {
            self.phase = Phase::Closing { since: now };
        }
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to say,
    /// or `None` if it never will.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    /// What is due at `now`, if anything. Each deadline is reported once.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let (at, due) = self.next()?;
        if now < at {
            return None;
        }
        match (&mut self.phase, due) {
            (Phase::Open { alive, .. }, Due::Ping) => *alive = Alive::PingSent(now),
            (phase, Due::Idle) => *phase = Phase::Closing { since: now },
            (phase, _) => *phase = Phase::Over,
        }
        Some(due)
    }

    /// The earliest deadline; of two at the same moment the more serious one.
    fn next(&self) -> Option<(Instant, Due)> {
        let timeouts = &self.timeouts;
        let after = |since: Instant, time: Option<Duration>, due| time.map(|t| (since + t, due));
        match self.phase {
            Phase::Opening { since } => after(since, timeouts.opening, Due::Opening),
            Phase::Closing { since } => after(since, timeouts.close, Due::Close),
            Phase::Over => None,
            Phase::Open { message, alive } => {
                let idle = after(message, timeouts.idle, Due::Idle);
                let alive = match alive {
                    Alive::Received(since) => after(since, timeouts.keep_alive, Due::Ping),
                    Alive::PingSent(since) => after(since, timeouts.pong, Due::Pong),
                };
                match (idle, alive) {
                    (Some(idle), Some(alive)) if alive.0 < idle.0 => Some(alive),
                    (idle, alive) => idle.or(alive),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn second(seconds: u64) -> Instant {
        Instant::new(Duration::from_secs(seconds))
    }

    fn open(timeouts: Timeouts) -> Deadlines {
        let mut deadlines = Deadlines::new(timeouts, second(0));
        deadlines.opened(second(0));
        deadlines
    }

    const IDLE: Timeouts = Timeouts::DEFAULT.idle(Some(Duration::from_secs(30)));

    #[test]
    fn opening_is_bounded_in_all_whatever_arrives() {
        let mut deadlines = Deadlines::new(Timeouts::DEFAULT, second(0));
        deadlines.received(second(9));
        assert_eq!(deadlines.handle_timeout(second(10)), Some(Due::Opening));
        assert_eq!(deadlines.poll_timeout(), None);
    }

    #[test]
    fn any_byte_is_a_sign_of_life() {
        let mut deadlines = open(Timeouts::DEFAULT);
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        assert_eq!(deadlines.handle_timeout(second(20)), None, "one ping is enough");
        deadlines.received(second(39));
        assert_eq!(deadlines.poll_timeout(), Some(second(59)));
        assert_eq!(deadlines.handle_timeout(second(59)), Some(Due::Ping));
        assert_eq!(deadlines.handle_timeout(second(79)), Some(Due::Pong));
        assert_eq!(deadlines.poll_timeout(), None);
    }

    #[test]
    fn pongs_do_not_keep_an_idle_connection_open() {
        let mut deadlines = open(IDLE);
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        deadlines.received(second(21));
        assert_eq!(deadlines.handle_timeout(second(30)), Some(Due::Idle));
        assert_eq!(deadlines.poll_timeout(), Some(second(35)), "closing is bounded as well");
        assert_eq!(deadlines.handle_timeout(second(35)), Some(Due::Close));
    }

    #[test]
    fn messages_do() {
        let mut deadlines = open(IDLE);
        deadlines.received(second(29));
        deadlines.message(second(29));
        assert_eq!(deadlines.handle_timeout(second(30)), None);
        assert_eq!(deadlines.handle_timeout(second(49)), Some(Due::Ping));
    }

    #[test]
    fn closing_counts_from_its_first_call() {
        let mut deadlines = open(IDLE);
        deadlines.closing(second(1));
        deadlines.closing(second(4));
        deadlines.received(second(5));
        assert_eq!(deadlines.handle_timeout(second(6)), Some(Due::Close));
    }

    #[test]
    fn time_may_jump_and_overflow() {
        let end = Instant::new(Duration::MAX);
        let mut deadlines = Deadlines::new(Timeouts::DEFAULT, end);
        assert_eq!(deadlines.poll_timeout(), Some(end));
        deadlines.opened(second(7));
        assert_eq!(deadlines.handle_timeout(second(1)), None, "back in time");
        assert_eq!(deadlines.handle_timeout(end), Some(Due::Ping));
    }
}
