//! The settings of a client.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A way to carry packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// A WebSocket.
    WebSocket,
}

/// The settings of a client. All limits have finite defaults.
///
/// | field | default | beyond it |
/// |---|---|---|
/// | `path` | `/engine.io/` | |
/// | `query`, `headers` | none | |
/// | `transports` | polling, then WebSocket | |
/// | `open_timeout` | 20 s | [`Error::TimedOut`](super::Error::TimedOut) |
/// | `upgrade_timeout` | 10 s | the WebSocket is closed, the session goes on by polling |
/// | `close_timeout` | 5 s | what a session that was closed had to say is dropped |
/// | `max_received_bytes` | 16 MiB | [`Error::TooLong`](super::Error::TooLong) |
/// | `max_queued_bytes` | 4 MiB | [`SendError::Full`](super::SendError::Full) |
/// | `max_queued_packets` | 16,384 | [`SendError::Full`](super::SendError::Full) |
/// | `max_post_packets` | 16 | the rest goes into the next POST |
///
/// ```
/// use sansio_engineio::client::{Config, Transport};
///
/// let config = Config::new().path("/live/").transports([Transport::WebSocket]).query("room", "a&b");
/// assert_eq!(config.max_queued_packets, 16_384);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The path of all requests, with its slash at the end (E6).
    pub path: String,
    /// Parameters of the application's own (E7). They are percent-encoded for the target.
    pub query: Vec<(String, String)>,
    /// Headers of the application's own, for all requests and WebSockets.
    pub headers: Vec<(String, String)>,
    /// By which of them a session opens, and which it may have: the first one is tried first. The next one is
    /// tried when there is no WebSocket to be had, or the server has no polling. If polling stands before
    /// WebSocket, the session goes over to a WebSocket when it is open (C1).
    pub transports: Vec<Transport>,
    /// From [`open`](super::Client::open) to the open packet, whatever is tried.
    pub open_timeout: Duration,
    /// From the request for a WebSocket until polling is at rest (C2).
    pub upgrade_timeout: Duration,
    /// How long what was sent before [`close`](super::Client::close) may take to leave.
    pub close_timeout: Duration,
    /// Bytes of the body of a response, and of a message over WebSocket.
    pub max_received_bytes: u64,
    /// Bytes of packets that wait to be sent, from which on nothing more is taken. So at most this and
    /// one more packet wait.
    pub max_queued_bytes: usize,
    /// Packets that wait to be sent.
    pub max_queued_packets: usize,
    /// Packets in one POST; at least 1. Servers in Python refuse more than 16.
    pub max_post_packets: usize,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            path: "/engine.io/".into(),
            query: Vec::new(),
            headers: Vec::new(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            open_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            max_received_bytes: 16 << 20,
            max_queued_bytes: 4 << 20,
            max_queued_packets: 16_384,
            max_post_packets: 16,
        }
    }

    /// The same with another path, which begins and ends with a slash.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with other transports, in this order.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// The same with another time for opening.
    #[must_use]
    pub fn open_timeout(mut self, time: Duration) -> Self {
        self.open_timeout = time;
        self
    }

    /// The same with another time for the upgrade.
    #[must_use]
    pub fn upgrade_timeout(mut self, time: Duration) -> Self {
        self.upgrade_timeout = time;
        self
    }

    /// The same with another time for the last packets.
    #[must_use]
    pub fn close_timeout(mut self, time: Duration) -> Self {
        self.close_timeout = time;
        self
    }

    /// The same with another bound on what the server sends at once.
    #[must_use]
    pub fn max_received_bytes(mut self, bytes: u64) -> Self {
        self.max_received_bytes = bytes;
        self
    }

    /// The same with another bound on the bytes that wait.
    #[must_use]
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// The same with another bound on the packets that wait.
    #[must_use]
    pub fn max_queued_packets(mut self, number: usize) -> Self {
        self.max_queued_packets = number;
        self
    }

    /// The same with another number of packets in one POST.
    #[must_use]
    pub fn max_post_packets(mut self, number: usize) -> Self {
        self.max_post_packets = number;
        self
    }

    /// Whether polling stands before WebSocket, so that a session changes over.
    pub(super) fn upgrades(&self) -> bool {
        let at = |wanted| self.transports.iter().position(|transport| *transport == wanted);
        matches!((at(Transport::Polling), at(Transport::WebSocket)), (Some(polling), Some(websocket)) if polling < websocket)
    }

    /// The target of requests: path and query, for a session if there is one.
    pub(super) fn target(&self, transport: Transport, session: Option<&str>) -> String {
        let mut target = self.path.clone();
        target.push_str("?EIO=4&transport=");
        target.push_str(match transport {
            Transport::Polling => "polling",
            Transport::WebSocket => "websocket",
        });
        if let Some(session) = session {
            target.push_str("&sid=");
            encode(session, &mut target);
        }
        for (name, value) in &self.query {
            target.push('&');
            encode(name, &mut target);
            target.push('=');
            encode(value, &mut target);
        }
        target
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends `text`, percent-encoded, except what means itself everywhere (RFC 3986, section 2.3).
fn encode(text: &str, output: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            output.push(char::from(byte));
        } else {
            output.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                output.push(digit.to_ascii_uppercase());
            }
        }
    }
}
