//! Hostile bytes as compressed messages, against an inflater that works bit by bit.

use super::input::Input;
use super::stream::{Compression, check};
use sansio_ws::Limits;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Agreement, Extension, Offer};
use std::sync::LazyLock;

/// Bombs shall go off, and the inflater is slow.
const LIMITS: Limits = Limits::new().max_message_bytes(40_000);

/// A frame of the input: what it is, how long, and its payload.
const FIN: u8 = 1;
const TEXT: u8 = 2;
const PLAIN: u8 = 4;
const PING: u8 = 8;

/// Behind the settings of streams comes a byte that says which side receives, and whether with
/// context takeover; then frames, with heads of two bytes.
///
/// ```text
///  ┌──────────┬─────────────┬──────┬────────┬─────────┬──────┬────────┬───
///  │ settings │ compression │ what │ length │ payload │ what │ length │ …
///  └──────────┴─────────────┴──────┴────────┴─────────┴──────┴────────┴───
/// ```
pub fn inflate(data: &[u8]) {
    static WITHOUT_TAKEOVER: LazyLock<Deflate> = LazyLock::new(Deflate::default);
    static TAKEOVER: LazyLock<Deflate> = LazyLock::new(Deflate::context_takeover);
    let Some(input) = Input::new(data) else { return };
    let [compression, frames @ ..] = input.arrives else { return };
    let (is_server, takeover) = (compression & 1 == 0, compression & 2 != 0);
    let deflate = if takeover { &*TAKEOVER } else { &*WITHOUT_TAKEOVER };
    let agree = || agreement(deflate, is_server);
    let wire = wire(frames, is_server);
    check(input.arriving(&wire), is_server, LIMITS, Some(&Compression { takeover, agree: &agree }));
}

/// What two sides of the same settings agree on.
pub(super) fn agreement(deflate: &Deflate, is_server: bool) -> Agreement {
    let offer = deflate.offer();
    let offers = Offer::parse(offer.as_bytes()).expect("a well-formed offer");
    let accepted = deflate.accept(&offers).expect("an offer of its own");
    if is_server {
        return accepted;
    }
    let answer = Offer::parse(accepted.header.as_bytes()).expect("a well-formed answer");
    deflate.confirm(&answer[0]).expect("an answer of its own")
}

/// The frames in their order, the first of each message marked as compressed. The last may be cut
/// off.
fn wire(mut frames: &[u8], is_server: bool) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut wire = Vec::new();
    let mut within = false;
    while let [what, len, rest @ ..] = frames {
        let len = if what & PING == 0 { *len } else { len % 126 };
        let (payload, tail) = rest.split_at(rest.len().min(len.into()));
        frames = tail;
        wire.push(match (what & PING != 0, within) {
            (true, _) => 0x89,
            (false, true) => (what & FIN) << 7,
            (false, false) => {
                let opcode = if what & TEXT != 0 { 1 } else { 2 };
                let reserved = if what & PLAIN != 0 { 0 } else { 0x40 };
                (what & FIN) << 7 | reserved | opcode
            }
        });
        within = if what & PING != 0 { within } else { what & FIN == 0 };
        let mask = if is_server { 0x80 } else { 0 };
        match len {
            126.. => wire.extend([mask | 126, 0, len]),
            _ => wire.push(mask | len),
        }
        if is_server {
            wire.extend(KEY);
            wire.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
        } else {
            wire.extend(payload);
        }
    }
    wire
}
