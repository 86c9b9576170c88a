//! Frames, made before anything is measured.

use crate::replies::{Replies, Same};
use versus::frame;
use versus::scenario::Scenario;

/// What one connection sends, again and again, and what comes back for it.
pub(crate) struct Wire {
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) replies: Replies,
}

impl Wire {
    /// One message, different for each connection.
    pub(crate) fn new(scenario: &Scenario, connection: usize, raw: bool) -> Self {
        let payload = payload(scenario, connection);
        let opcode = if scenario.text { 1 } else { 2 };
        let mut message = Vec::new();
        let pieces = payload.chunks(payload.len().div_ceil(scenario.fragments));
        let last = pieces.len() - 1;
        for (i, piece) in pieces.enumerate() {
            let opcode = if i == 0 { opcode } else { 0 };
            let fin = if i == last { 0x80 } else { 0 };
            frame::append(&mut message, fin | opcode, Some(frame::key(connection)), piece);
        }
        let mut reply = Vec::new();
        if raw {
            reply.clone_from(&message);
        } else {
            frame::append(&mut reply, 0x80 | opcode, None, &payload);
        }
        Self { messages: vec![message], replies: Replies::Same(Same::new(reply)) }
    }
}

fn payload(scenario: &Scenario, connection: usize) -> Vec<u8> {
    if !scenario.text {
        return (0..scenario.payload).map(|i| (i * 7 + connection * 13) as u8).collect();
    }
    // Words with characters of one to four bytes, then what fills it up.
    let mut text = format!("{connection} ");
    let words = [
        "Ein schöner Gruß ",
        "и привет ",
        "ascii text, like most of it ",
        "日本語の文 ",
        "🦀 ",
        "naïve café ",
    ];
    for word in words.iter().cycle() {
        if text.len() + word.len() > scenario.payload {
            break;
        }
        text.push_str(word);
    }
    let mut bytes = text.into_bytes();
    bytes.resize(scenario.payload, b'.');
    bytes
}
