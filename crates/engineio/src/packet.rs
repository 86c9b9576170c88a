//! Packets, in the form that text frames and payloads have.

use alloc::borrow::Cow;
use alloc::string::String;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// What a packet is for (E1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// The server tells the session id and its settings.
    Open,
    /// The session ends.
    Close,
    /// The server asks whether the client is there; `probe` on a connection that may become the transport.
    Ping,
    /// The answer to a ping, with the same data.
    Pong,
    /// A message of the application.
    Message,
    /// The connection that was probed becomes the transport.
    Upgrade,
    /// Nothing: ends a GET that is held.
    Noop,
}

impl PacketKind {
    const ALL: [Self; 7] =
        [Self::Open, Self::Close, Self::Ping, Self::Pong, Self::Message, Self::Upgrade, Self::Noop];

    const fn digit(self) -> char {
        match self {
            Self::Open => '0',
            Self::Close => '1',
            Self::Ping => '2',
            Self::Pong => '3',
            Self::Message => '4',
            Self::Upgrade => '5',
            Self::Noop => '6',
        }
    }
}

/// One packet. What it says is borrowed, except base64 that has been decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A digit and text (E1). Only messages, pings, pongs and the open packet have a use for the text.
    Text {
        /// What it is for.
        kind: PacketKind,
        /// What stands behind the digit.
        data: &'a str,
    },
    /// A binary message: a binary frame of the bare bytes, or base64 (E2).
    Binary(Cow<'a, [u8]>),
}

impl<'a> Packet<'a> {
    /// A packet of text.
    #[must_use]
    pub const fn text(kind: PacketKind, data: &'a str) -> Self {
        Self::Text { kind, data }
    }

    /// A binary message.
    #[must_use]
    pub const fn binary(data: &'a [u8]) -> Self {
        Self::Binary(Cow::Borrowed(data))
    }

    /// The packet in a text frame, or between the separators of a payload. `b` and base64 are a binary
    /// message in both (E5).
    ///
    /// # Errors
    ///
    /// [`InvalidPacket`]: fatal for the session if it came over WebSocket, or in a payload (E4, E26).
    pub fn decode(encoded: &'a str) -> Result<Self, InvalidPacket> {
        let mut characters = encoded.chars();
        let first = characters.next().ok_or(InvalidPacket::Empty)?;
        let data = characters.as_str();
        if first == 'b' {
            let bytes = STANDARD.decode(data).map_err(|_| InvalidPacket::Base64)?;
            return Ok(Self::Binary(Cow::Owned(bytes)));
        }
        let kind = PacketKind::ALL.into_iter().find(|kind| kind.digit() == first);
        Ok(Self::Text { kind: kind.ok_or(InvalidPacket::Kind)?, data })
    }

    /// Appends the packet as a text frame or a payload has it. Over WebSocket a binary message is better
    /// sent as a binary frame.
    pub fn encode(&self, output: &mut String) {
        match self {
            Self::Text { kind, data } => {
                output.push(kind.digit());
                output.push_str(data);
            }
            Self::Binary(data) => {
                output.push('b');
                STANDARD.encode_string(data, output);
            }
        }
    }

    /// How many bytes [`encode`](Self::encode) appends.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Text { data, .. } => data.len().saturating_add(1),
            Self::Binary(data) => data.len().div_ceil(3).saturating_mul(4).saturating_add(1),
        }
    }

    /// Whether it can be sent by polling: the text must not have the separator of payloads (E3).
    #[must_use]
    pub fn fits_payload(&self) -> bool {
        match self {
            Self::Text { data, .. } => !data.contains(crate::payload::SEPARATOR),
            Self::Binary(_) => true,
        }
    }
}

/// What is no packet. Fatal for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPacket {
    /// It has not even a kind.
    Empty,
    /// It begins with something else than `0` to `6` and `b`.
    Kind,
    /// What follows `b` is not base64 with its padding.
    Base64,
}

impl fmt::Display for InvalidPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty packet",
            Self::Kind => "a packet of an unknown kind",
            Self::Base64 => "a binary packet that is not base64",
        })
    }
}

impl core::error::Error for InvalidPacket {}
