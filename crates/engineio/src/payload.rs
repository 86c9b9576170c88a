//! Payloads: packets as the bodies of polling have them.

use crate::packet::{InvalidPacket, Packet};
use alloc::string::String;
use core::fmt;

/// Stands between two packets (E3).
pub const SEPARATOR: char = '\u{1e}';

/// The packets of a body. Nothing comes behind the first bad one (E4): what was before it counts.
pub fn decode(body: &str) -> impl Iterator<Item = Result<Packet<'_>, InvalidPacket>> {
    let mut failed = false;
    body.split(SEPARATOR).map_while(move |encoded| {
        if failed {
            return None;
        }
        let packet = Packet::decode(encoded);
        failed = packet.is_err();
        Some(packet)
    })
}

/// Puts packets together to a body, within a limit.
#[derive(Debug, Clone)]
pub struct PayloadBuilder {
    body: String,
    packets: usize,
    max_bytes: usize,
    max_packets: usize,
}

/// How many packets a body has at most. Clients in Python drop a session whose response holds more (E12).
const MAX_PACKETS: usize = 16;

impl PayloadBuilder {
    /// An empty body, for at most `max_bytes` bytes and 16 packets. The first packet may be longer, since it
    /// could never be sent otherwise.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { body: String::new(), packets: 0, max_bytes, max_packets: MAX_PACKETS }
    }

    /// The same with another bound on the number of packets; at least 1.
    #[must_use]
    pub const fn max_packets(mut self, number: usize) -> Self {
        self.max_packets = number;
        self
    }

    /// Appends a packet.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was appended.
    pub fn push(&mut self, packet: &Packet<'_>) -> Result<(), Unfit> {
        if !packet.fits_payload() {
            return Err(Unfit::Separator);
        }
        let len = self.body.len().saturating_add(1).saturating_add(packet.encoded_len());
        if self.packets > 0 && (self.packets >= self.max_packets || len > self.max_bytes) {
            return Err(Unfit::Full);
        }
        if self.packets > 0 {
            self.body.push(SEPARATOR);
        }
        self.packets = self.packets.saturating_add(1);
        packet.encode(&mut self.body);
        Ok(())
    }

    /// Whether it has no packet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// The body.
    #[must_use]
    pub fn finish(self) -> String {
        self.body
    }
}

/// Why a packet is not in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// The body is full: it goes into the next one.
    Full,
    /// Its text has the separator, and can be sent over WebSocket only (E3).
    Separator,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the payload is full",
            Self::Separator => "a text with U+001E cannot be sent by polling",
        })
    }
}

impl core::error::Error for Unfit {}
