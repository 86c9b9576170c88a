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
//!
//! **A send that is stuck.** A send that waits can't always look: what it reads it has to keep, and
//! there may be another thread that reads. Where nobody looks silence proves nothing. Then only the
//! output tells: the peer is given up when the transport has refused bytes, and has taken none for
//! [`keep_alive`](Timeouts::keep_alive) and [`pong`](Timeouts::pong) together.
//! [`Deadlines::due_in_send`] and [`Deadlines::enforce_in_send`] go by that.
//!
//! ```
//! use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
//! use sansio_ws::{Config, Connection, Ended, Role};
//! use std::time::Duration;
//!
//! let second = |s| Instant::new(Duration::from_secs(s));
//! let mut deadlines = Deadlines::new(Timeouts::default(), second(0));
//! let mut connection = Connection::new(Role::Server, Config::default());
//! deadlines.opened(second(1));
//! // How long to wait for bytes. None come until then.
//! assert_eq!(deadlines.poll_timeout(), Some(second(21)));
//! assert_eq!(deadlines.enforce(&mut connection, second(21)), Some(Due::Ping));
//! assert!(connection.wants_write());
//! // A peer that is gone answers no ping.
//! assert_eq!(deadlines.poll_timeout(), Some(second(41)));
//! assert_eq!(deadlines.enforce(&mut connection, second(41)), Some(Due::Pong));
//! assert_eq!(connection.ended(), Some(Ended::TimedOut));
//! ```

#[cfg(feature = "std")]
mod clock;
mod instant;
#[cfg(test)]
mod tests;
mod timeouts;

#[cfg(feature = "std")]
pub use clock::Clock;
pub use instant::Instant;
pub use timeouts::Timeouts;

use crate::close::CloseCode;
use crate::connection::{Activity, Connection};
use crate::frame::ControlPayload;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub enum Due {
    /// Send a ping; the wait for a sign of life has begun.
    #[doc(alias("isAlive", "heartbeat"))]
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

    /// Whether it blames the peer for its silence, which proves nothing where nobody looks.
    const fn blames_silence(self) -> bool {
        matches!(self, Self::Idle | Self::Message | Self::Pong)
    }

    /// Whether the connection is abandoned with it, and the transport to be aborted.
    #[must_use]
    pub const fn gives_up(self) -> bool {
        matches!(self, Self::Opening | Self::Pong | Self::Close)
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
/// let mut deadlines = Deadlines::new(Timeouts::default(), second(0));
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
    /// When the transport refused the first of the bytes that wait, or has last taken some of them;
    /// or `NEVER` when it has refused none.
    progress: Instant,
    /// `since` is the moment of a ping.
    pinged: bool,
    /// Bytes have arrived that `observe` has not seen the end of.
    arrived: bool,
}

/// Instead of a moment, which would be 584 years after the epoch.
const NEVER: Instant = Instant::LAST;

/// A send reads no more when this number of bytes is unread: the caller has to read first.
pub(crate) const MAX_UNREAD: usize = 64 * 1024;

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
            progress: NEVER,
            pinged: false,
            arrived: false,
        }
    }

    /// The handshake is done.
    pub fn opened(&mut self, now: Instant) {
        if self.phase == Phase::Opening {
            self.phase = Phase::Open;
            self.active = now;
            self.note_life(now);
        }
    }

    /// Bytes have arrived, of whatever kind: the peer is alive.
    pub fn received(&mut self, now: Instant) {
        self.arrived = true;
        if self.phase == Phase::Open {
            self.note_life(now);
        }
    }

    /// Takes note of what `connection` has done since the last call: messages received and sent, one
    /// that is arriving, and whether everything is written. Call it when all events have been taken,
    /// and after writing. Whoever does not call it tells each of these by a call of its own.
    pub fn observe(&mut self, connection: &mut Connection, now: Instant) {
        self.observe_holding(connection, false, now);
    }

    /// As [`observe`](Self::observe), for a transport that takes bytes into a buffer of its own, as
    /// TLS does. `held` says that it has not passed all of them on: what it has refused still waits
    /// then, although everything queued is written.
    #[inline]
    pub fn observe_holding(&mut self, connection: &mut Connection, held: bool, now: Instant) {
        let Activity { message_received, message_sent } = connection.take_activity();
        if message_received {
            self.message_received(now);
        }
        if core::mem::take(&mut self.arrived) && connection.is_receiving_message() {
            self.message_arriving(now);
        }
        if message_sent {
            self.message_sent(now);
        }
        if !connection.wants_write() {
            if !held {
                self.drained();
            }
            if connection.is_closing() {
                self.closing(now);
            }
        }
    }

    /// Does to `connection` what is due at `now`, and says what: sends a ping, closes with 1001 when
    /// it is idle and with 1008 when a message takes too long, and abandons it when its time is
    /// over. In the last case [`Due::gives_up`] is true: abort the transport.
    ///
    /// Look before: see the [module](self).
    pub fn enforce(&mut self, connection: &mut Connection, now: Instant) -> Option<Due> {
        let due = self.due(now)?;
        self.act(connection, due, now);
        Some(due)
    }

    /// As [`enforce`](Self::enforce), for what [`due_in_send`](Self::due_in_send) says.
    pub fn enforce_in_send(
        &mut self,
        connection: &mut Connection,
        can_look: bool,
        now: Instant,
    ) -> Option<Due> {
        let due = self.due_in_send(can_look, now)?;
        self.act(connection, due, now);
        Some(due)
    }

    fn act(&mut self, connection: &mut Connection, due: Due, now: Instant) {
        self.note_reported(due, now);
        // What can't be queued was closed before, or something else already waits for the peer.
        let _ = match due {
            Due::Ping => connection.send_ping(ControlPayload::EMPTY),
            Due::Idle => connection.close(CloseCode::GOING_AWAY, "idle for too long"),
            Due::Message => connection.close(CloseCode::POLICY_VIOLATION, "message took too long"),
            Due::Opening | Due::Pong | Due::Close => {
                connection.abandon();
                Ok(())
            }
        };
    }

    /// Bytes of a message have arrived, and it is not complete.
    pub fn message_arriving(&mut self, now: Instant) {
        if self.message == NEVER {
            self.message = now;
        }
        self.note_use(now);
    }

    /// A message is complete.
    pub fn message_received(&mut self, now: Instant) {
        self.message = NEVER;
        self.note_use(now);
    }

    /// A message, or a part of one, has been queued.
    pub fn message_sent(&mut self, now: Instant) {
        self.note_use(now);
    }

    /// The transport was offered bytes and took `taken` of them; `refused` if that was less than
    /// all. What it takes after it has refused some is a sign of life, and of use as well.
    pub fn written(&mut self, taken: usize, refused: bool, now: Instant) {
        if !self.is_refused() {
            if refused {
                self.progress = now;
            }
        } else if taken > 0 {
            self.progress = now;
            match self.phase {
                Phase::Open => self.note_life(now),
                Phase::Draining => self.since = now,
                Phase::Opening | Phase::Closing | Phase::Over => {}
            }
            self.note_use(now);
        }
    }

    /// Everything queued has been written.
    pub fn drained(&mut self) {
        self.progress = NEVER;
    }

    /// Whether the transport has refused bytes that still wait.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.progress != NEVER
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
        self.note_reported(due, now);
        Some(due)
    }

    /// Whether a send may look, with this number of bytes in front of it that were read and that
    /// nobody has taken. What it reads it has to keep, and it can't tell whether that belongs to a
    /// message.
    #[must_use]
    pub fn may_look_in_send(&self, unread: usize, now: Instant) -> bool {
        match self.due(now) {
            Some(Due::Idle | Due::Message) => unread == 0,
            _ => unread < MAX_UNREAD,
        }
    }

    /// As [`due`](Self::due), for a send that waits. Where it can't look, it is [`Due::Pong`] when
    /// the send is stuck, and nothing for mere silence (see the [module](self)).
    #[must_use]
    pub fn due_in_send(&self, can_look: bool, now: Instant) -> Option<Due> {
        let due = self.due(now)?;
        if can_look || !due.blames_silence() {
            return Some(due);
        }
        self.stuck_at().is_some_and(|at| at <= now).then_some(Due::Pong)
    }

    /// The next moment at which [`due_in_send`](Self::due_in_send) may have something to say: ask
    /// again then, and when bytes were taken or refused. `None` if it never will.
    #[must_use]
    pub fn poll_timeout_in_send(&self, can_look: bool, now: Instant) -> Option<Instant> {
        let (next, due) = self.next()?;
        if next > now || can_look || !due.blames_silence() {
            return Some(next);
        }
        // What has come, and was not acted on, will not come again.
        self.stuck_at()
    }

    /// When the bytes that wait will have done so for too long: without a sign of life, a ping would
    /// have been due, and then its answer.
    pub(crate) fn stuck_at(&self) -> Option<Instant> {
        let Timeouts { keep_alive, pong, .. } = *self.timeouts;
        let patience = keep_alive?.saturating_add(pong?);
        self.is_refused().then(|| self.progress + patience)
    }

    fn note_reported(&mut self, due: Due, now: Instant) {
        match due {
            Due::Ping => {
                self.since = now;
                self.pinged = true;
            }
            Due::Idle => self.active = NEVER,
            Due::Message => self.message = NEVER,
            Due::Opening | Due::Pong | Due::Close => self.phase = Phase::Over,
        }
    }

    fn note_life(&mut self, now: Instant) {
        self.since = now;
        self.pinged = false;
    }

    fn note_use(&mut self, now: Instant) {
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
                // Most connections have neither, and this is asked behind each write.
                if timeouts.message.is_none() && timeouts.idle.is_none() {
                    return life;
                }
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
