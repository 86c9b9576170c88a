//! How long things may take.

use core::time::Duration;

/// How long things may take. `None` means for ever.
///
/// ```
/// use sansio_ws::deadlines::Timeouts;
/// use std::time::Duration;
///
/// let timeouts = Timeouts::default().idle(Some(Duration::from_secs(60))).pong(None);
/// assert_eq!(timeouts.opening, Some(Duration::from_secs(10)));
/// ```
#[doc(alias("SetReadDeadline", "timeout"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the start until the handshake is done, in all (default: 10 s). When a client connects
    /// as well, the start is the first attempt to connect.
    #[doc(alias = "HandshakeTimeout")]
    pub opening: Option<Duration>,
    /// Without any message received, arriving or sent (default: none). Pings and pongs do not
    /// count. Each byte of a message does, so a peer that sends one byte at a time stays for ever:
    /// [`message`](Self::message) bounds that.
    pub idle: Option<Duration>,
    /// From the first byte of a message to its last (default: none). Meant together with
    /// [`idle`](Self::idle): one bounds the time without messages, the other that of each.
    pub message: Option<Duration>,
    /// From the last sign of life until a ping is sent (default: 20 s).
    #[doc(alias("isAlive", "heartbeat", "keep-alive"))]
    pub keep_alive: Option<Duration>,
    /// From that ping until the next sign of life (default: 20 s).
    pub pong: Option<Duration>,
    /// From the moment at which the transport has taken our Close until the transport has ended
    /// (default: 5 s). Before that moment the peer has to show signs of life as at any time. When
    /// the peer has ended its stream, the time counts from the last byte that the transport has
    /// taken.
    pub close: Option<Duration>,
}

impl Timeouts {
    /// The defaults, as [`default`](Self::default) has them, for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            opening: Some(Duration::from_secs(10)),
            idle: None,
            message: None,
            keep_alive: Some(Duration::from_secs(20)),
            pong: Some(Duration::from_secs(20)),
            close: Some(Duration::from_secs(5)),
        }
    }

    /// No deadlines at all: a beginning for those who want only some of them.
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
    #[doc(alias("isAlive", "heartbeat", "keep-alive"))]
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
        Self::new()
    }
}
