//! The same conversations, compressed.

use super::super::support::deflate::{agreement, deflate};
use super::super::support::frame::Frame;
use super::{Config, Conversation, Exchange, REQUEST, RESPONSE, conversation};
use sansio_ws::extension::{Codec, Extension, Piece};

/// What both sides say goes through permessage-deflate, where that makes it smaller or has to be.
pub fn compressed(to_server: bool) -> Conversation {
    let deflate = deflate(false);
    let plain = conversation(to_server);
    let agreed = agreement(&deflate, true);
    let header = if to_server { deflate.offer() } else { agreed.header };
    let head = if to_server { REQUEST } else { RESPONSE };
    let line = format!("Sec-WebSocket-Extensions: {header}\r\n\r\n");
    let head = [&head[..head.len() - 2], line.as_bytes()].concat();
    let (mut peer, mut echo) = (agreed.codec, agreement(&deflate, true).codec);
    let exchanges = plain.exchanges.into_iter().map(|exchange| Exchange {
        frame: encoded(&mut *peer, exchange.frame),
        answer: exchange.answer.into_iter().map(|frame| encoded(&mut *echo, frame)).collect(),
        ..exchange
    });
    let exchanges: Vec<_> = exchanges.collect();
    let marked = |frame: &Frame| frame.first & 0x40 != 0;
    assert!(exchanges.iter().any(|exchange| marked(&exchange.frame)));
    assert!(exchanges.iter().any(|exchange| exchange.answer.iter().any(marked)));
    Conversation { head, exchanges, to_server, config: Config::default().extension(deflate) }
}

/// A frame of a message; others are left as they are.
fn encoded(codec: &mut dyn Codec, frame: Frame) -> Frame {
    let opcode = frame.first & 0x0f;
    if opcode >= 8 {
        return frame;
    }
    let piece = Piece { first: opcode != 0, last: frame.first & 0x80 != 0 };
    let mut payload = vec![];
    if !codec.encode(&frame.payload, piece, &mut payload) {
        return frame;
    }
    let frame = Frame { payload, ..frame };
    if piece.first { frame.reserved(4) } else { frame }
}
