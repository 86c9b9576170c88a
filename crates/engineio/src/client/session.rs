//! What the server has told about a session, and what waits to be sent in it.

use super::config::Config;
use crate::prepared::PreparedPacket;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;
use serde_json::Value;

/// What the open packet says (E10). Of a server of another make, so the id is any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// A secret (E11).
    pub(super) id: Box<str>,
    pub(super) may_upgrade: bool,
    /// How long to wait for the next ping (C3).
    pub(super) patience: Duration,
    /// How many bytes the server takes at once.
    pub(super) max_payload: u64,
}

impl Session {
    /// From the data of an open packet. Members that are not known are ignored; older servers do not tell
    /// `maxPayload`.
    pub(super) fn parse(data: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(data).ok()?;
        let id = value.get("sid")?.as_str().filter(|id| !id.is_empty())?;
        let time = |name| value.get(name)?.as_u64().map(Duration::from_millis);
        let (interval, timeout) = (time("pingInterval")?, time("pingTimeout")?);
        let upgrades = value.get("upgrades").and_then(Value::as_array);
        Some(Self {
            id: id.into(),
            may_upgrade: upgrades.is_some_and(|all| all.iter().any(|one| one == "websocket")),
            patience: interval.saturating_add(timeout),
            max_payload: value.get("maxPayload").and_then(Value::as_u64).unwrap_or(u64::MAX),
        })
    }
}

/// As many entries of an empty queue are kept for the next time.
const KEPT: usize = 64;

/// Messages that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Queue {
    packets: VecDeque<PreparedPacket>,
    bytes: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn push(&mut self, packet: PreparedPacket) {
        self.bytes = self.bytes.saturating_add(packet.len());
        self.packets.push_back(packet);
    }

    pub(super) fn front(&self) -> Option<&PreparedPacket> {
        self.packets.front()
    }

    pub(super) fn pop(&mut self) -> Option<PreparedPacket> {
        let packet = self.packets.pop_front()?;
        self.bytes = self.bytes.saturating_sub(packet.len());
        // A burst is no reason to keep its room.
        if self.packets.is_empty() && self.packets.capacity() > KEPT {
            self.packets = VecDeque::new();
        }
        Some(packet)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_full(&self, config: &Config) -> bool {
        self.holds(config.max_queued_bytes, config.max_queued_packets)
    }

    pub(super) fn is_half_full(&self, config: &Config) -> bool {
        self.holds(config.max_queued_bytes.div_ceil(2), config.max_queued_packets.div_ceil(2))
    }

    fn holds(&self, bytes: usize, packets: usize) -> bool {
        // Any one message is taken, however small the limits are.
        !self.is_empty() && (self.bytes >= bytes || self.packets.len() >= packets)
    }
}
