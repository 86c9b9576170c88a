//! The same conversations, compressed.

use super::super::support::deflate::{agreement, deflate};
use super::super::support::frame::Frame;
use super::{Config, Conversation, REQUEST, RESPONSE, Said, conversation};
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
    let said = plain.said.into_iter().map(|said| Said {
        frame: encoded(&mut *peer, said.frame),
        answer: said.answer.into_iter().map(|frame| encoded(&mut *echo, frame)).collect(),
        ..said
    });
    let said: Vec<_> = said.collect();
    let marked = |frame: &Frame| frame.first & 0x40 != 0;
    assert!(said.iter().any(|said| marked(&said.frame)));
    assert!(said.iter().any(|said| said.answer.iter().any(marked)));
    Conversation { head, said, to_server, config: Config::default().extension(deflate) }
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
