//! The settings of a server on an event loop.

use crate::Config;
use alloc::sync::Arc;
use core::time::Duration;
use sansio_ws::Limits;
use sansio_ws::deadlines::Timeouts;

/// How much of a WebSocket's output is handed to its connection at once. The rest waits in the machine, whose
/// limits are the ones that count.
pub(super) const FRAMES_AHEAD: usize = 32 * 1024;

/// The settings of a server on an event loop: those of the machine, and how long plain HTTP may take.
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `idle` | 75 s | a connection without a request is closed |
/// | `request` | 60 s | a request whose head and body are not there is dropped, and its session with it |
/// | `write` | 30 s | a client that takes no byte of a response is dropped |
///
/// A held GET has no deadline of its own: the session has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The settings of the machine.
    pub config: Arc<Config>,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// From the first byte of a request to its last.
    pub request: Duration,
    /// Without the client taking a byte of what is to be written.
    pub write: Duration,
    /// The limits of each head of a request.
    pub(super) limits: Arc<Limits>,
    /// The settings of each WebSocket.
    pub(super) websocket: Arc<sansio_ws::Config>,
    pub(super) timeouts: Arc<Timeouts>,
}

impl Settings {
    /// The defaults.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let limits = Limits::default()
            .max_message_bytes(config.max_payload)
            .max_frame_bytes(config.max_payload)
            .max_queued_bytes(FRAMES_AHEAD.saturating_mul(2));
        // The machine's heartbeat finds out who is gone. This one is for those whom it has given up
        // already, and who do not take the Close either.
        let silence = config.ping_interval.saturating_add(config.ping_timeout);
        Self {
            idle: Duration::from_secs(75),
            request: Duration::from_secs(60),
            write: Duration::from_secs(30),
            limits: Arc::new(limits),
            websocket: Arc::new(sansio_ws::Config::default().limits(limits)),
            timeouts: Arc::new(Timeouts::default().keep_alive(Some(silence))),
            config,
        }
    }

    /// The same with another time without a request.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// The same with another time for each request.
    #[must_use]
    pub fn request(mut self, time: Duration) -> Self {
        self.request = time;
        self
    }

    /// The same with another time without progress in writing.
    #[must_use]
    pub fn write(mut self, time: Duration) -> Self {
        self.write = time;
        self
    }

    /// The same with an extension for WebSockets, for example permessage-deflate.
    #[must_use]
    pub fn extension(mut self, extension: impl sansio_ws::extension::Extension + 'static) -> Self {
        let config = sansio_ws::Config::default().limits(*self.limits);
        self.websocket = Arc::new(config.extension(extension));
        self
    }
}
