//! The settings of a server.

use crate::{Cookie, Cors};
use alloc::string::String;
use core::time::Duration;
use sansio_ws::handshake::{HostPolicy, OriginPolicy};

/// The settings of a server. All limits have finite defaults.
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `path` | `/engine.io/` | the request is not ours |
/// | `transports` | both | code 0, `Transport unknown` |
/// | `ping_interval` | 25 s | a ping is sent |
/// | `ping_timeout` | 20 s | the session ends |
/// | `upgrade_timeout` | 10 s | the WebSocket is closed, the session goes on by polling |
/// | `close_timeout` | 30 s | what a session that was closed had to say is dropped |
/// | `max_payload` | 1,000,000 bytes | 413 for a body, close code 1009 for a message |
/// | `max_sessions` | 100,000 | code 4, `too many sessions` |
/// | `max_sessions_per_address` | none, since many may sit behind one proxy | the same |
/// | `max_queued_bytes` | 4 MiB | [`SendError::Full`](crate::SendError::Full) |
/// | `max_queued_packets` | 16,384 | [`SendError::Full`](crate::SendError::Full) |
/// | `max_response_packets` | 16 | the rest goes into the next response |
///
/// ```
/// use sansio_engineio::{Config, Transports};
/// use sansio_ws::handshake::{HostPolicy, OriginPolicy};
/// use std::time::Duration;
///
/// let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost)
///     .path("/live/")
///     .ping_interval(Duration::from_secs(10))
///     .transports(Transports::WebSocket);
/// assert_eq!(config.max_payload, 1_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The path of all requests (E6). Requests for other paths are the application's.
    pub path: String,
    /// The transports that clients may use.
    pub transports: Transports,
    /// From the first packet, and then from each pong, until the next ping (E18).
    pub ping_interval: Duration,
    /// From a ping until its pong (E18).
    pub ping_timeout: Duration,
    /// From the request for a WebSocket until it is the transport (E25).
    pub upgrade_timeout: Duration,
    /// How long a session that was [closed](crate::Server::close) waits for its client to take what is left
    /// (E28).
    pub close_timeout: Duration,
    /// Bytes of the body of a POST, and of a message over WebSocket.
    pub max_payload: u64,
    /// Sessions at once.
    pub max_sessions: usize,
    /// Sessions at once from one address, if the caller tells addresses.
    pub max_sessions_per_address: Option<u32>,
    /// Bytes of packets that wait for one client, from which on nothing more is taken, but for [answers]: of those
    /// only other answers count, and from half of this on nothing more is read. So at most this and one more
    /// packet wait, and besides, in a server that answers each message with one, half of it and one more.
    ///
    /// [answers]: crate::Server::answer
    pub max_queued_bytes: usize,
    /// Packets that wait for one client.
    pub max_queued_packets: usize,
    /// Packets in one response (E12); at least 1.
    pub max_response_packets: usize,
    /// Which pages of other origins may read responses (E30).
    pub cors: Option<Cors>,
    /// The cookie of a session (E31).
    pub cookie: Option<Cookie>,
    /// Which pages may open sessions (E32).
    pub origins: OriginPolicy<'static>,
    /// By which names the server is called (E32).
    pub hosts: HostPolicy,
}

/// Which transports a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transports {
    /// Long-polling, and the upgrade from it to WebSocket; or WebSocket from the beginning.
    #[default]
    Both,
    /// Long-polling only.
    Polling,
    /// WebSocket only.
    WebSocket,
}

impl Config {
    /// The defaults. Whose pages may connect, and by which names the server is called, depends on what
    /// it is for, so both have to be said: browsers do not apply CORS to WebSockets (E32).
    #[must_use]
    pub fn new(origins: OriginPolicy<'static>, hosts: HostPolicy) -> Self {
        Self {
            path: "/engine.io/".into(),
            transports: Transports::Both,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            max_payload: 1_000_000,
            max_sessions: 100_000,
            max_sessions_per_address: None,
            max_queued_bytes: 4 << 20,
            max_queued_packets: 16_384,
            max_response_packets: 16,
            cors: None,
            cookie: None,
            origins,
            hosts,
        }
    }

    /// The same with another path, which begins and ends with a slash.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same with other transports.
    #[must_use]
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    /// The same with another time between pings.
    #[must_use]
    pub fn ping_interval(mut self, time: Duration) -> Self {
        self.ping_interval = time;
        self
    }

    /// The same with another time for pongs.
    #[must_use]
    pub fn ping_timeout(mut self, time: Duration) -> Self {
        self.ping_timeout = time;
        self
    }

    /// The same with another time for upgrades.
    #[must_use]
    pub fn upgrade_timeout(mut self, time: Duration) -> Self {
        self.upgrade_timeout = time;
        self
    }

    /// The same with another time for the last packets of a session that was closed.
    #[must_use]
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.close_timeout = time;
        self
    }

    /// The same with another bound on what a client sends at once.
    #[must_use]
    pub fn max_payload(mut self, bytes: u64) -> Self {
        self.max_payload = bytes;
        self
    }

    /// The same with another bound on the number of sessions.
    #[must_use]
    pub fn max_sessions(mut self, number: usize) -> Self {
        self.max_sessions = number;
        self
    }

    /// The same with another bound on the number of sessions from one address.
    #[must_use]
    pub fn max_sessions_per_address(mut self, number: impl Into<Option<u32>>) -> Self {
        self.max_sessions_per_address = number.into();
        self
    }

    /// The same with another bound on the bytes that wait for one client.
    #[must_use]
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// The same with another bound on the packets that wait for one client.
    #[must_use]
    pub fn max_queued_packets(mut self, number: usize) -> Self {
        self.max_queued_packets = number;
        self
    }

    /// The same with another number of packets in one response.
    #[must_use]
    pub fn max_response_packets(mut self, number: usize) -> Self {
        self.max_response_packets = number;
        self
    }

    /// The same with CORS, or without.
    #[must_use]
    pub fn cors(mut self, cors: impl Into<Option<Cors>>) -> Self {
        self.cors = cors.into();
        self
    }

    /// The same with a cookie, or without.
    #[must_use]
    pub fn cookie(mut self, cookie: impl Into<Option<Cookie>>) -> Self {
        self.cookie = cookie.into();
        self
    }
}

impl Transports {
    pub(crate) const fn has_polling(self) -> bool {
        matches!(self, Self::Both | Self::Polling)
    }

    pub(crate) const fn has_websocket(self) -> bool {
        matches!(self, Self::Both | Self::WebSocket)
    }
}
