//! The settings of a client.

use core::time::Duration;

/// The settings of a client, beside those of its [sessions](sansio_engineio::client::Config). All limits have
/// finite defaults.
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `reconnection` | yes, see [`Reconnection`] | |
/// | `retries` | 0: each event is sent once | [`Event::Unacknowledged`](super::Event::Unacknowledged) |
/// | `ack_timeout` | 10 s | the next attempt |
/// | `max_waiting_bytes` | 4 MiB | [`EmitError::Full`](super::EmitError::Full) |
/// | `max_waiting_packets` | 16,384 | [`EmitError::Full`](super::EmitError::Full) |
/// | `max_questions` | 10,000 | [`EmitError::TooManyQuestions`](super::EmitError::TooManyQuestions) |
/// | `max_attachment_bytes` | 64 MiB | the session ends, as for what is no packet |
///
/// ```
/// use sansio_socketio::client::{Config, Reconnection};
/// use std::time::Duration;
///
/// let config = Config::new().reconnection(Reconnection::new().attempts(5).delay(Duration::from_millis(200)));
/// assert_eq!(config.max_questions, 10_000);
/// let once = Config::new().reconnection(None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// When to connect again, if ever.
    pub reconnection: Option<Reconnection>,
    /// How often an event is sent again if it is not answered (C7). With any number but 0, a namespace has one event under
    /// way, in their order, until the server has answered it: so it arrives at least once, and maybe more than once. All but
    /// volatile events are sent so, and a connection that is lost is a failed attempt.
    pub retries: u32,
    /// With `retries`, how long the answer to an event that [is emitted](super::Client::emit) may take, each time.
    pub ack_timeout: Duration,
    /// Bytes that wait in one namespace for the connection, or for an answer with `retries`, in either direction.
    pub max_waiting_bytes: usize,
    /// Events that wait in one namespace for the connection, or for an answer with `retries`, in either direction.
    pub max_waiting_packets: usize,
    /// Answers that are awaited: with `retries`, to all events that wait or are under way.
    pub max_questions: usize,
    /// Bytes of an event with attachments, its header included.
    pub max_attachment_bytes: usize,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reconnection: Some(Reconnection::new()),
            retries: 0,
            ack_timeout: Duration::from_secs(10),
            max_waiting_bytes: 4 << 20,
            max_waiting_packets: 16_384,
            max_questions: 10_000,
            max_attachment_bytes: 64 << 20,
        }
    }

    /// The same with another way to connect again, or none.
    #[must_use]
    pub fn reconnection(mut self, reconnection: impl Into<Option<Reconnection>>) -> Self {
        self.reconnection = reconnection.into();
        self
    }

    /// The same with another number of attempts behind the first one.
    ///
    /// ```
    /// use sansio_socketio::client::Config;
    /// use std::time::Duration;
    ///
    /// let config = Config::new().retries(3).ack_timeout(Duration::from_secs(5)); // 20 s at most, while it is connected
    /// assert_eq!(config.retries, 3);
    /// ```
    #[must_use]
    pub const fn retries(mut self, number: u32) -> Self {
        self.retries = number;
        self
    }

    /// The same with another time for each answer.
    #[must_use]
    pub const fn ack_timeout(mut self, time: Duration) -> Self {
        self.ack_timeout = time;
        self
    }

    /// The same with another bound on the bytes that wait.
    #[must_use]
    pub const fn max_waiting_bytes(mut self, bytes: usize) -> Self {
        self.max_waiting_bytes = bytes;
        self
    }

    /// The same with another bound on the events that wait.
    #[must_use]
    pub const fn max_waiting_packets(mut self, number: usize) -> Self {
        self.max_waiting_packets = number;
        self
    }

    /// The same with another bound on the answers that are awaited.
    #[must_use]
    pub const fn max_questions(mut self, number: usize) -> Self {
        self.max_questions = number;
        self
    }

    /// The same with another bound on events with attachments.
    #[must_use]
    pub const fn max_attachment_bytes(mut self, bytes: usize) -> Self {
        self.max_attachment_bytes = bytes;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// How a client that has lost its session comes back (C5): the n-th attempt comes `delay × 2^(n-1)` after the last
/// failure, up to a `jitter` part of that earlier or later, and at most `max_delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnection {
    /// How often to try (default: for ever).
    pub attempts: Option<u32>,
    /// Before the first attempt (default: 1 s).
    pub delay: Duration,
    /// Before any attempt at most (default: 5 s).
    pub max_delay: Duration,
    /// In percent (default: 50). Without, all clients of a server that has gone come back together.
    pub jitter: u8,
}

impl Reconnection {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            attempts: None,
            delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(5),
            jitter: 50,
        }
    }

    /// The same with a limit.
    #[must_use]
    pub fn attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.attempts = attempts.into();
        self
    }

    /// The same with another first delay.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same with another longest delay.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The same with another jitter, up to 100.
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.jitter = if percent < 100 { percent } else { 100 };
        self
    }

    /// The time before an attempt, the first of which is 1. All values of `random` are equally likely.
    #[must_use]
    pub fn delay_before(&self, attempt: u32, random: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        // What is longer than a year is shortened below, or meant to be for ever.
        let delay = self.delay.saturating_mul(factor).as_nanos().min(YEAR.as_nanos());
        let spread = delay.saturating_mul(u128::from(self.jitter.min(100))).checked_div(100);
        let spread = spread.unwrap_or_default();
        // From `delay - spread` to `delay + spread`.
        let shift = spread.saturating_mul(2).saturating_mul(u128::from(random)) >> 32;
        let nanoseconds = delay.saturating_sub(spread).saturating_add(shift);
        let delay = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        delay.min(self.max_delay)
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Default for Reconnection {
    fn default() -> Self {
        Self::new()
    }
}
