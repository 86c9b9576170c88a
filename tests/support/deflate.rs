//! Connections that compress, and compressed messages made by hand.

use super::frame::Frame;
use super::with;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Agreement, Extension, Offer, Piece};
use sansio_ws::{Config, Connection};

pub const TAKEOVER: [bool; 2] = [false, true];

/// `Hello` in a block with fixed codes (RFC 7692, section 7.2.3.1).
pub const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// The same in a stored block (section 7.2.3.3).
pub const HELLO_STORED: &[u8] = &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
/// The same in a final block (section 7.2.3.4).
pub const HELLO_FINAL: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
/// The same in two blocks (section 7.2.3.5).
pub const HELLO_IN_TWO: &[u8] =
    &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
/// The same as a mere reference to the five bytes before it (section 7.2.3.2).
pub const HELLO_AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
/// The byte before it once more, four times.
pub const REFERENCE: &[u8] = &[0x02, 0x13, 0x00];
/// Nothing (section 7.2.3.6).
pub const EMPTY: &[u8] = &[0x00];

/// A block with codes that there are not.
pub const CORRUPT: &[u8] = &[0x07];

/// Compresses whatever gets smaller, both ways.
pub fn deflate(takeover: bool) -> Deflate {
    let deflate = Deflate::default().min_bytes(0);
    deflate.server_no_context_takeover(!takeover).client_no_context_takeover(!takeover)
}

/// What a handshake between two that want the same comes to.
pub fn agreement(deflate: &Deflate, is_server: bool) -> Agreement {
    let offer = deflate.offer();
    let accepted = deflate.accept(&Offer::parse(offer.as_bytes()).unwrap()).unwrap();
    if is_server {
        return accepted;
    }
    let answer = Offer::parse(accepted.header.as_bytes()).unwrap();
    deflate.confirm(&answer[0]).unwrap()
}

/// The same side with other settings, and with an agreement.
pub fn agreed(
    config: Config,
    deflate: Deflate,
    side: fn() -> Connection,
) -> impl Fn() -> Connection {
    let plain = with(config, side);
    move || {
        let connection = plain();
        let agreement = agreement(&deflate, connection.is_server());
        connection.with_agreement(agreement)
    }
}

/// The payload of a compressed message, as small as it gets.
pub fn compress(message: &[u8]) -> Vec<u8> {
    let mut codec = agreement(&deflate(false).level(9).unwrap(), true).codec;
    let mut output = vec![];
    // In two pieces it cannot refuse.
    assert!(codec.encode(message, Piece { first: true, last: false }, &mut output));
    assert!(codec.encode(b"", Piece { first: false, last: true }, &mut output));
    output
}

/// The same without compressing, in stored blocks.
pub fn store(message: &[u8]) -> Vec<u8> {
    let mut output = vec![];
    for block in message.chunks(0xffff) {
        let len = block.len() as u16;
        output.push(0);
        output.extend(len.to_le_bytes());
        output.extend((!len).to_le_bytes());
        output.extend(block);
    }
    [&output[..], EMPTY].concat()
}

/// A message compressed, or the first fragment of one.
pub fn text(payload: impl AsRef<[u8]>) -> Frame {
    Frame::text(payload).reserved(4)
}

pub fn binary(payload: impl AsRef<[u8]>) -> Frame {
    Frame::binary(payload).reserved(4)
}

/// A compressed message as its frames, cut behind each of these many bytes.
pub fn fragments(first: Frame, cuts: &[usize]) -> Vec<Frame> {
    let mut rest = &first.payload[..];
    let mut frames = vec![];
    for &cut in cuts {
        let (piece, tail) = rest.split_at(cut);
        frames.push(Frame::continuation(piece).more());
        rest = tail;
    }
    frames.push(Frame::continuation(rest));
    frames[0].first |= first.first & 0x7f;
    frames
}
