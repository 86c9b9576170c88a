//! Timers as data: no clock is read here, and nothing sleeps.
//!
//! ```text
//!  opened ───────────────▶ traffic … ──────────────▶ Close written ──▶
//!  └── opening ──┘└ keep_alive ─┘ ping └── pong ──┘  └──── close ────┘
//!                 └───────────── idle ────────────┘
//!                        └─ message ─┘
//! ```
//!
//! The caller tells what happened and when; the machine answers with the next moment at which
//! something is due, and what.
//!
//! **Life** is any byte received, and bytes that the transport takes after it has refused some and
//! before everything is written: only the peer can have made that room. Bytes that the transport
//! takes at once prove nothing, since the operating system of a peer that hangs takes megabytes.
//!
//! **A look before a verdict.** [`Deadlines::due`] tells what is due and changes nothing. Before
//! [`Due::Pong`], [`Due::Idle`], [`Due::Message`] or [`Due::Close`] is acted on, the caller reads
//! once more what the transport has: bytes that have arrived count although nobody has read them
//! yet. The adapters of this crate do so.

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
    /// From the start until the handshake is done, in all (default: 10 s). When a client connects
    /// as well, the start is the first attempt to connect.
    pub opening: Option<Duration>,
    /// Without any message received, arriving or sent (default: none). Pings and pongs do not
    /// count. Each byte of a message does, so a peer that sends one byte at a time stays for ever:
    /// [`message`](Self::message) bounds that.
    pub idle: Option<Duration>,
    /// From the first byte of a message to its last (default: none). Meant together with
    /// [`idle`](Self::idle): one bounds the time without messages, the other that of each.
    pub message: Option<Duration>,
    /// From the last sign of life until a ping is sent (default: 20 s).
    pub keep_alive: Option<Duration>,
    /// From that ping until the next sign of life (default: 20 s).
    pub pong: Option<Duration>,
    /// From the moment at which the transport has taken our Close until it has ended (default:
    /// 5 s). Until then the peer has to show signs of life as at any time. Behind the end of the
    /// peer's stream, from the last byte of the rest that the transport has taken.
    pub close: Option<Duration>,
}

impl Timeouts {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        opening: Some(Duration::from_secs(10)),
        idle: None,
        message: None,
        keep_alive: Some(Duration::from_secs(20)),
        pong: Some(Duration::from_secs(20)),
        close: Some(Duration::from_secs(5)),
    };

    /// No deadlines at all.
    pub const NONE: Self = Self {
        opening: None,
        idle: None,
        message: None,
        keep_alive: None,
        pong: None,
        close: None,
    };

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

    /// The same with another time for each message that is received.
    #[must_use]
    pub const fn message(mut self, time: Option<Duration>) -> Self {
        self.message = time;
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
#[non_exhaustive]
#[must_use]
pub enum Due {
    /// Send a ping; the wait for a sign of life has begun.
    Ping,
    /// The handshake took too long: close the transport.
    Opening,
    /// No message for too long: start the closing handshake, code 1001 or 1000.
    Idle,
    /// One message takes too long: start the closing handshake, code 1008.
    Message,
    /// No sign of life after a ping: the peer is gone, close the transport.
    Pong,
    /// The closing handshake took too long: close the transport.
    Close,
}

impl Due {
    /// Whether the peer may already have done what it is given up for, so that the caller has to
    /// read once more before it acts.
    #[must_use]
    pub const fn needs_look(self) -> bool {
        matches!(self, Self::Idle | Self::Message | Self::Pong | Self::Close)
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping => "a ping is due",
            Self::Opening => "the handshake took too long",
            Self::Idle => "no message for too long",
            Self::Message => "one message took too long",
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
/// assert_eq!(deadlines.due(second(41)), Some(Due::Pong));
/// deadlines.received(second(41)); // one more look has found bytes
/// assert_eq!(deadlines.due(second(41)), None);
/// ```
#[derive(Debug, Clone)]
pub struct Deadlines {
    timeouts: Arc<Timeouts>,
    phase: Phase,
    /// While open: the last sign of life, or the ping since then. Else: what the phase counts from.
    since: Instant,
    /// The last sign of a message, or `NEVER` when idleness has been reported.
    active: Instant,
    /// When the message under way began, or `NEVER`.
    message: Instant,
    /// `since` is the moment of a ping.
    pinged: bool,
    /// The transport has refused bytes that still wait.
    refused: bool,
}

/// Instead of a moment, which would be 584 years after the epoch.
const NEVER: Instant = Instant { nanoseconds: u64::MAX };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    /// Our Close has been written. The time for the rest is bounded in all.
    Closing,
    /// Nothing more can be received. What is left to write has to go on.
    Draining,
    /// The last deadline was reported.
    Over,
}

impl Deadlines {
    /// Starts with the opening handshake. A server with many connections shares one
    /// `Arc<Timeouts>`.
    #[must_use]
    pub fn new(timeouts: impl Into<Arc<Timeouts>>, now: Instant) -> Self {
        Self {
            timeouts: timeouts.into(),
            phase: Phase::Opening,
            since: now,
            active: NEVER,
            message: NEVER,
            pinged: false,
            refused: false,
        }
    }

    /// The handshake is done.
    pub fn opened(&mut self, now: Instant) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.active = now;
            self.live(now);
        }
    }

    /// Bytes have arrived, of whatever kind: the peer is alive.
    pub fn received(&mut self, now: Instant) {
        if self.phase == Phase::Open {
            self.live(now);
        }
    }

    /// Bytes of a message have arrived, and it is not complete.
    pub fn message_arriving(&mut self, now: Instant) {
        if self.message == NEVER {
            self.message = now;
        }
        self.use_at(now);
    }

    /// A message is complete.
    pub fn message_received(&mut self, now: Instant) {
        self.message = NEVER;
        self.use_at(now);
    }

    /// A message, or a part of one, has been queued.
    pub fn message_sent(&mut self, now: Instant) {
        self.use_at(now);
    }

    /// The transport was offered bytes and took `taken` of them; `refused` if that was less than
    /// all. What it takes after it has refused some is a sign of life, and of use as well.
    pub fn written(&mut self, taken: usize, refused: bool, now: Instant) {
        if taken > 0 && self.refused {
            match self.phase {
                Phase::Open => self.live(now),
                Phase::Draining => self.since = now,
                Phase::Opening | Phase::Closing | Phase::Over => {}
            }
            self.use_at(now);
        }
        self.refused |= refused;
    }

    /// Everything queued has been written.
    pub fn drained(&mut self) {
        self.refused = false;
    }

    /// Whether the transport has refused bytes that still wait.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// The transport has taken our Close. Only the first call counts.
    pub fn closing(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.phase = Phase::Closing;
            self.since = now;
        }
    }

    /// Nothing more can be received, and what is queued may still be written: the peer may have
    /// ended only its own direction. Only the first call counts.
    pub fn input_ended(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.phase = Phase::Draining;
            self.since = now;
        }
    }

    /// The next moment at which [`handle_timeout`](Self::handle_timeout) has something to say,
    /// or `None` if it never will.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    /// What is due at `now`, without reporting it, for the look before a verdict (see the
    /// [module](self)).
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Due> {
        self.next().filter(|(at, _)| *at <= now).map(|(_, due)| due)
    }

    /// What is due at `now`, if anything. Each deadline is reported once.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let due = self.due(now)?;
        match due {
            Due::Ping => {
                self.since = now;
                self.pinged = true;
            }
            Due::Idle => self.active = NEVER,
            Due::Message => self.message = NEVER,
            Due::Opening | Due::Pong | Due::Close => self.phase = Phase::Over,
        }
        Some(due)
    }

    fn live(&mut self, now: Instant) {
        self.since = now;
        self.pinged = false;
    }

    fn use_at(&mut self, now: Instant) {
        if self.active != NEVER {
            self.active = now;
        }
    }

    /// The earliest deadline; of two at the same moment the more serious one.
    fn next(&self) -> Option<(Instant, Due)> {
        let timeouts = &self.timeouts;
        let after = |since: Instant, time: Option<Duration>, due| time.map(|t| (since + t, due));
        match self.phase {
            Phase::Opening => after(self.since, timeouts.opening, Due::Opening),
            Phase::Closing | Phase::Draining => after(self.since, timeouts.close, Due::Close),
            Phase::Over => None,
            Phase::Open => {
                let life = match self.pinged {
                    false => after(self.since, timeouts.keep_alive, Due::Ping),
                    true => after(self.since, timeouts.pong, Due::Pong),
                };
                let uses = [
                    (self.message, timeouts.message, Due::Message),
                    (self.active, timeouts.idle, Due::Idle),
                ];
                let uses = uses.into_iter().filter(|(since, ..)| *since != NEVER);
                let uses = uses.filter_map(|(since, time, due)| after(since, time, due));
                uses.chain(life).min_by_key(|(at, _)| *at)
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
    fn bytes_that_are_taken_at_once_prove_nothing() {
        let mut deadlines = open(Timeouts::DEFAULT);
        for at in 1..20 {
            deadlines.written(1000, false, second(at));
            deadlines.drained();
        }
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        // A part was refused: that alone proves nothing either.
        deadlines.written(500, true, second(25));
        assert_eq!(deadlines.poll_timeout(), Some(second(40)));
    }

    #[test]
    fn bytes_that_are_taken_after_some_were_refused_are_a_sign_of_life() {
        let mut deadlines = open(Timeouts::DEFAULT);
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        deadlines.written(0, true, second(25));
        deadlines.written(0, true, second(30));
        assert_eq!(deadlines.due(second(40)), Some(Due::Pong), "nothing was taken");
        deadlines.written(1, true, second(40));
        assert_eq!(deadlines.poll_timeout(), Some(second(60)));
        deadlines.written(5, false, second(41));
        deadlines.drained();
        deadlines.written(5, false, second(50));
        assert_eq!(deadlines.poll_timeout(), Some(second(61)), "the queue was empty in between");
    }

    #[test]
    fn looking_reports_nothing() {
        let mut deadlines = open(Timeouts::DEFAULT);
        assert_eq!(deadlines.due(second(19)), None);
        assert_eq!(deadlines.due(second(20)), Some(Due::Ping));
        assert_eq!(deadlines.due(second(20)), Some(Due::Ping));
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        let looks = [Due::Idle, Due::Message, Due::Pong, Due::Close];
        assert!(looks.into_iter().all(Due::needs_look));
        assert!(![Due::Ping, Due::Opening].into_iter().any(Due::needs_look));
    }

    #[test]
    fn pongs_do_not_keep_an_idle_connection_open() {
        let mut deadlines = open(IDLE);
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        deadlines.received(second(21));
        assert_eq!(deadlines.handle_timeout(second(30)), Some(Due::Idle));
        deadlines.message_sent(second(31));
        assert_eq!(deadlines.poll_timeout(), Some(second(41)), "idleness is reported once");
        deadlines.closing(second(32));
        assert_eq!(deadlines.poll_timeout(), Some(second(37)), "closing is bounded as well");
        assert_eq!(deadlines.handle_timeout(second(37)), Some(Due::Close));
    }

    #[test]
    fn messages_do_received_arriving_or_sent() {
        let uses: [fn(&mut Deadlines); 4] = [
            |deadlines| deadlines.message_received(second(29)),
            |deadlines| deadlines.message_arriving(second(29)),
            |deadlines| deadlines.message_sent(second(29)),
            |deadlines| {
                deadlines.written(0, true, second(28));
                deadlines.written(1, true, second(29));
            },
        ];
        for used in uses {
            let mut deadlines = open(IDLE);
            deadlines.received(second(29));
            used(&mut deadlines);
            assert_eq!(deadlines.handle_timeout(second(30)), None);
            assert_eq!(deadlines.handle_timeout(second(49)), Some(Due::Ping));
            assert_eq!(deadlines.handle_timeout(second(59)), Some(Due::Idle));
        }
    }

    #[test]
    fn a_message_is_bounded_from_its_first_byte_to_its_last() {
        let ten = Some(Duration::from_secs(10));
        let mut deadlines = open(Timeouts::NONE.idle(ten).message(ten));
        deadlines.message_arriving(second(1));
        deadlines.message_received(second(9));
        for at in 10..20 {
            deadlines.message_arriving(second(at));
            assert_eq!(deadlines.due(second(at)), None);
        }
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Message));
        assert_eq!(deadlines.poll_timeout(), Some(second(29)), "reported once");
    }

    #[test]
    fn behind_the_last_deadline_nothing_is_due_any_more() {
        let opening = |_: &mut Deadlines| Due::Opening;
        let pong = |deadlines: &mut Deadlines| {
            deadlines.opened(second(0));
            assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
            Due::Pong
        };
        let close = |deadlines: &mut Deadlines| {
            deadlines.closing(second(0));
            Due::Close
        };
        let drain = |deadlines: &mut Deadlines| {
            deadlines.input_ended(second(0));
            Due::Close
        };
        for act in [opening, pong, close, drain] {
            let mut deadlines = Deadlines::new(Timeouts::DEFAULT, second(0));
            let due = act(&mut deadlines);
            let now = second(40);
            assert_eq!(deadlines.handle_timeout(now), Some(due));
            // What still happens changes nothing.
            deadlines.opened(now);
            deadlines.received(now);
            deadlines.message_arriving(now);
            deadlines.message_received(now);
            deadlines.message_sent(now);
            deadlines.written(0, true, now);
            deadlines.written(1, false, now);
            deadlines.drained();
            deadlines.closing(now);
            deadlines.input_ended(now);
            assert_eq!(deadlines.poll_timeout(), None, "{due}");
            assert_eq!(deadlines.handle_timeout(second(1000)), None, "{due}");
        }
    }

    #[test]
    fn closing_counts_from_its_first_call() {
        let mut deadlines = open(IDLE);
        deadlines.closing(second(1));
        deadlines.closing(second(4));
        deadlines.received(second(5));
        deadlines.input_ended(second(5));
        assert_eq!(deadlines.handle_timeout(second(6)), Some(Due::Close));
    }

    #[test]
    fn behind_the_end_of_input_the_rest_has_to_go_on() {
        let mut deadlines = open(Timeouts::DEFAULT);
        deadlines.written(0, true, second(0));
        deadlines.input_ended(second(1));
        for at in (2..30).step_by(4) {
            assert_eq!(deadlines.due(second(at)), None);
            deadlines.written(1, true, second(at));
        }
        assert_eq!(deadlines.handle_timeout(second(35)), Some(Due::Close));
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
