//! The packet that begins a session (E10).

use crate::SessionId;
use alloc::string::{String, ToString};
use core::time::Duration;
use serde_json::json;

/// What a server tells a client first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPacket {
    /// Who the client is from now on.
    pub session: SessionId,
    /// Whether a session by polling may go over to WebSocket.
    pub may_upgrade: bool,
    /// How long after the last pong the server sends the next ping.
    pub ping_interval: Duration,
    /// How long the client has for its pong, and waits for the next ping beyond the interval.
    pub ping_timeout: Duration,
    /// The most bytes that a body or a message of the client may have.
    pub max_payload: u64,
}

impl OpenPacket {
    /// The data of the packet, JSON.
    #[must_use]
    pub fn data(&self) -> String {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let upgrades: &[&str] = if self.may_upgrade { &["websocket"] } else { &[] };
        json!({
            "sid": self.session.as_str(),
            "upgrades": upgrades,
            "pingInterval": milliseconds(self.ping_interval),
            "pingTimeout": milliseconds(self.ping_timeout),
            "maxPayload": self.max_payload,
        })
        .to_string()
    }
}
