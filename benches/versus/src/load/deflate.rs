//! Agreeing on permessage-deflate, and frames that keep to it.

use crate::replies::{Compressed, Replies};
use crate::wire::Wire;
use sansio_ws::extension::Offer;
use std::io;
use versus::compressed::{Messages, WINDOW_BITS};
use versus::frame::{self, COMPRESSED_TEXT};
use versus::scenario::Deflate;

/// What a handshake agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    server_takeover: bool,
    client_takeover: bool,
    client_window_bits: u8,
}

/// The line of the request. Without context takeover, both sides are asked to do without.
pub(crate) fn offer(deflate: Deflate) -> String {
    let without = if deflate.takeover {
        ""
    } else {
        "; server_no_context_takeover; client_no_context_takeover"
    };
    format!("Sec-WebSocket-Extensions: permessage-deflate{without}; client_max_window_bits\r\n")
}

impl Agreed {
    /// What the head of a response says. Where it is not what the scenario is about, it fails.
    pub(crate) fn read(head: &[u8], deflate: Deflate) -> io::Result<Self> {
        let wrong = || {
            let head = String::from_utf8_lossy(head);
            io::Error::other(format!("compression was not agreed on as offered: {head}"))
        };
        let head = str::from_utf8(head).map_err(io::Error::other)?;
        let value = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("Sec-WebSocket-Extensions").then_some(value.trim())
        });
        let accepted = value.and_then(|value| Offer::parse(value.as_bytes()));
        let [accepted] = accepted.as_deref().ok_or_else(wrong)? else { return Err(wrong()) };
        if accepted.name() != "permessage-deflate" {
            return Err(wrong());
        }
        let mut agreed = Self {
            server_takeover: true,
            client_takeover: deflate.takeover,
            client_window_bits: WINDOW_BITS,
        };
        for (name, value) in accepted.parameters() {
            let bits = value.as_deref().and_then(|value| value.parse().ok());
            match (name, bits) {
                ("server_no_context_takeover", None) => agreed.server_takeover = false,
                ("client_no_context_takeover", None) => agreed.client_takeover = false,
                // Any such window is part of the largest.
                ("server_max_window_bits", Some(8..=WINDOW_BITS)) => {}
                // There is no deflater for 8.
                ("client_max_window_bits", Some(bits @ 9..=WINDOW_BITS)) => {
                    agreed.client_window_bits = bits;
                }
                _ => return Err(wrong()),
            }
        }
        if agreed == Self::as_offered(deflate) { Ok(agreed) } else { Err(wrong()) }
    }

    /// What the scenario is about, and what raw does: it gives back what it got.
    pub(crate) fn as_offered(deflate: Deflate) -> Self {
        Self {
            server_takeover: deflate.takeover,
            client_takeover: deflate.takeover,
            client_window_bits: WINDOW_BITS,
        }
    }
}

/// Messages that differ, and those of each connection from all others.
pub(crate) fn wire(agreed: &Agreed, connection: usize, size: usize) -> Wire {
    let messages =
        Messages::new(connection, size, agreed.client_takeover, agreed.client_window_bits);
    let frames = messages.compressed.iter().map(|compressed| {
        let mut message = Vec::new();
        frame::append(&mut message, COMPRESSED_TEXT, Some(frame::key(connection)), compressed);
        message
    });
    Wire {
        messages: frames.collect(),
        replies: Replies::Compressed(Box::new(Compressed::new(messages, agreed.server_takeover))),
    }
}
