//! N122, N125 to N129: compressed messages that arrive (RFC 7692, sections 6 and 7.2.2).

use crate::support::deflate::*;
use crate::support::frame::{Frame, PING, PONG, wire};
use crate::support::inflate::Inflate;
use crate::support::{Feed, SIDES, Seen, server};
use crate::{accepts, fails, rejects};
use sansio_ws::{Config, Connection, Delivery, Limits, ProtocolError};

const CORRUPT_MESSAGE: ProtocolError = ProtocolError::CorruptMessage;

/// Both roles.
fn both(takeover: bool) -> [impl Fn() -> Connection; 2] {
    SIDES.map(|side| agreed(Config::default(), deflate(takeover), side))
}

/// Both roles, with and without context takeover.
fn sides() -> impl Iterator<Item = impl Fn() -> Connection> {
    TAKEOVER.into_iter().flat_map(both)
}

fn limited(limits: Limits) -> [impl Fn() -> Connection; 2] {
    SIDES.map(|side| agreed(Config::default().limits(limits), deflate(false), side))
}

/// This and nothing else comes of a compressed text, and the connection goes on.
#[track_caller]
fn inflates(message: &[u8], to: &str) {
    for side in sides() {
        accepts(side, [text(message), text(HELLO)], &[Seen::text(to), Seen::text("Hello")], []);
    }
}

/// The connection fails with this message, and ignores what follows.
#[track_caller]
fn is_corrupt(message: &[u8]) {
    for side in sides() {
        let frames = [text(HELLO), text(message), text(HELLO), Frame::ping("")];
        rejects(side, frames, &[Seen::text("Hello")], CORRUPT_MESSAGE, 1007);
    }
}

#[test]
fn n122_accepts_rsv1_on_the_first_frame_of_a_message() {
    for side in sides() {
        let split = fragments(binary(HELLO), &[3]);
        let frames = [text(HELLO), binary(HELLO), Frame::ping("p")].into_iter().chain(split);
        let hello = Seen::binary("Hello");
        let events = [Seen::text("Hello"), hello.clone(), Seen::ping("p"), hello];
        accepts(side, frames, &events, [Frame::pong("p")]);
    }
}

/// CVE-2026-59881: a client inflated what was never agreed on.
#[test]
fn n122_rejects_rsv1_when_nothing_was_agreed_on() {
    for side in SIDES {
        for frame in [text(HELLO), binary(HELLO), text(HELLO).more(), binary("")] {
            rejects(side, [frame], &[], ProtocolError::ReservedBits, 1002);
        }
    }
}

#[test]
fn n122_rejects_rsv1_on_any_other_frame() {
    for side in sides() {
        for opcode in [PING, PONG, 8] {
            let frame = Frame::new(opcode, [0x03, 0xe8]).reserved(4);
            rejects(&side, [frame], &[], ProtocolError::ReservedBits, 1002);
        }
        for begun in [text(&HELLO[..3]).more(), Frame::text("Hel").more()] {
            let frames = [begun, Frame::continuation(&HELLO[3..]).reserved(4)];
            rejects(&side, frames, &[], ProtocolError::ReservedBits, 1002);
        }
    }
}

#[test]
fn n122_rejects_the_other_reserved_bits_all_the_same() {
    for side in sides() {
        for bits in [1, 2, 3, 5, 6, 7] {
            let frame = Frame::text(HELLO).reserved(bits);
            rejects(&side, [frame], &[], ProtocolError::ReservedBits, 1002);
        }
    }
}

#[test]
fn n123_accepts_messages_that_are_not_compressed() {
    // The window does not move by them: the reference is to the compressed message.
    let frames = [text(HELLO), Frame::text("World"), text(HELLO_AGAIN), Frame::binary(HELLO)];
    let hello = Seen::text("Hello");
    let events = [hello.clone(), Seen::text("World"), hello, Seen::binary(HELLO)];
    for side in both(true) {
        accepts(side, frames.clone(), &events, []);
    }
}

#[test]
fn n124_accepts_an_empty_message_of_one_byte() {
    inflates(EMPTY, "");
}

#[test]
fn n124_rejects_messages_with_their_tail_or_without_any_byte() {
    is_corrupt(&[HELLO, &[0x00, 0xff, 0xff]].concat());
    is_corrupt(&[HELLO, &[0x00, 0x00, 0xff, 0xff]].concat());
    is_corrupt(b"");
}

#[test]
fn n125_accepts_a_message_in_any_fragments() {
    let message = compress("Grüße, in many pieces, in many pieces".as_bytes());
    let event = Seen::text("Grüße, in many pieces, in many pieces");
    for side in sides() {
        for a in 0..=message.len() {
            let frames = fragments(text(&message), &[a]);
            accepts(&side, frames, core::slice::from_ref(&event), []);
        }
        let frames = fragments(text(&message), &vec![1; message.len()]);
        accepts(&side, frames, core::slice::from_ref(&event), []);
    }
}

#[test]
fn n125_rejects_messages_that_end_inside_a_block() {
    for message in [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_IN_TWO] {
        let mut whole = 0;
        for len in 0..message.len() {
            match Inflate::default().message(&message[..len]) {
                None => is_corrupt(&message[..len]),
                // Behind the first of two blocks, and before the byte of an empty one.
                Some(text) => {
                    inflates(&message[..len], core::str::from_utf8(&text).unwrap());
                    whole += 1;
                }
            }
        }
        assert!(whole <= 2);
    }
    is_corrupt(CORRUPT);
    let long = compress(&[b'a'; 1000]);
    is_corrupt(&long[..long.len() - 2]);
}

#[test]
fn n126_accepts_blocks_of_every_kind() {
    for message in [HELLO, HELLO_STORED, HELLO_FINAL, HELLO_IN_TWO, &HELLO_FINAL[..7]] {
        inflates(message, "Hello");
    }
    // Behind a final block a new stream begins, on the border of the next byte.
    inflates(&[&HELLO_FINAL[..7], HELLO].concat()[..], "HelloHello");
    inflates(&[&HELLO_FINAL[..7], &HELLO_FINAL[..7]].concat()[..], "HelloHello");
}

#[test]
fn n126_rejects_what_is_no_block() {
    is_corrupt(CORRUPT);
    // A stored block whose lengths do not fit, and one that lacks a byte.
    is_corrupt(&[0x00, 0x05, 0x00, 0xfb, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]);
    is_corrupt(&HELLO_STORED[..9]);
    // Garbage behind a final block.
    is_corrupt(&[&HELLO_FINAL[..7], &[0xff]].concat());
    is_corrupt(&[HELLO_FINAL, HELLO].concat());
    // A reference behind a final block, where there is nothing to refer to any more.
    is_corrupt(&[&HELLO_FINAL[..7], REFERENCE].concat());
}

#[test]
fn n127_accepts_references_to_earlier_messages_with_context_takeover() {
    let hello = Seen::text("Hello");
    for side in both(true) {
        let frames = [text(HELLO), text(HELLO_AGAIN), text(EMPTY), text(HELLO_AGAIN)];
        let events = [hello.clone(), hello.clone(), Seen::text(""), hello.clone()];
        accepts(side, frames, &events, []);
    }
}

#[test]
fn n127_rejects_references_to_earlier_messages_without() {
    for side in both(false) {
        let frames = [text(HELLO), text(HELLO_AGAIN)];
        rejects(side, frames, &[Seen::text("Hello")], CORRUPT_MESSAGE, 1007);
    }
}

/// CVE-2026-87022: by a length that did not fit, one message smuggled another. Whatever of a
/// message is accepted, the next one begins behind it: all of them together are what the stream
/// of their bytes inflates to, with the tail of each put back.
#[test]
fn n126_n127_accepts_no_message_that_would_complete_another() {
    const ODD: [&[u8]; 12] = [
        EMPTY,
        HELLO,
        HELLO_STORED,
        HELLO_FINAL,
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        HELLO_IN_TWO,
        HELLO_AGAIN,
        REFERENCE,
        &[0x00, 0x05, 0x00, 0xfa, 0xff],
        &[0x00, 0x01, 0x00, 0xfe, 0xff, 0x41, 0x00],
        &[0x03, 0x00],
        &[0x00, 0x00, 0x00, 0xff, 0xff, 0x00],
    ];
    for takeover in TAKEOVER {
        let side = agreed(Config::default(), deflate(takeover), server);
        for first in ODD {
            for second in ODD {
                let mut feed = Feed::new(side());
                let frames = [binary(first), binary(second), binary(HELLO)];
                feed.read(&wire(true, frames));
                let mut oracle = Inflate::default();
                let mut expected = vec![];
                for message in [first, second, HELLO] {
                    if !takeover {
                        oracle = Inflate::default();
                    }
                    match oracle.message(message) {
                        Some(bytes) => expected.push(Seen::binary(bytes)),
                        None => break,
                    }
                }
                assert_eq!(feed.events(), expected, "{first:x?}, {second:x?}");
                let failed = expected.len() < 3;
                assert_eq!(feed.error(), failed.then_some(CORRUPT_MESSAGE));
            }
        }
    }
}

#[test]
fn n128_accepts_text_that_is_utf8_when_inflated() {
    inflates(&store("ä".as_bytes()), "ä");
    // Cut inside the code point, by blocks and by fragments.
    let halves = [&store(&"ä".as_bytes()[..1])[..6], &store(&"ä".as_bytes()[1..])].concat();
    inflates(&halves, "ä");
    for side in sides() {
        let frames = fragments(text(&halves), &[6, 1]);
        accepts(side, frames, &[Seen::text("ä")], []);
    }
}

#[test]
fn n128_rejects_text_that_is_not_utf8_when_inflated() {
    for bad in [&b"\xff"[..], b"a\xc0\xaf", b"\xed\xa0\x80", b"ok\xf0\x9f\x98", b"\xc3"] {
        for message in [store(bad), compress(bad)] {
            for side in sides() {
                rejects(&side, [text(&message)], &[], ProtocolError::InvalidUtf8, 1007);
                accepts(&side, [binary(&message)], &[Seen::binary(bad)], []);
            }
        }
    }
}

#[test]
fn n128_rejects_at_the_first_impossible_byte_while_the_frame_still_arrives() {
    for side in sides() {
        let to_server = side().is_server();
        // All of it is stored, so what is inflated is known byte by byte.
        let message = store(&[&b"valid \xe2\x82"[..], b"\x28 and much that never comes"].concat());
        let header = if to_server { 6 } else { 2 };
        let bytes = wire(to_server, [text(&message)]);
        let impossible = header + 5 + 8;
        let mut feed = Feed::new(side());
        for byte in &bytes[..impossible] {
            assert_eq!(feed.read(&[*byte]).error(), None);
        }
        feed.read(&bytes[impossible..=impossible]);
        assert_eq!(feed.error(), Some(ProtocolError::InvalidUtf8));
    }
}

#[test]
fn n128_accepts_messages_of_just_the_limit() {
    for size in [0, 1, 2, 1000, 5000] {
        let event = Seen::binary(vec![b' '; size]);
        let message = compress(&vec![b' '; size]);
        let max = size.max(message.len()) as u64;
        for side in limited(Limits::default().max_message_bytes(max)) {
            accepts(&side, [binary(&message)], core::slice::from_ref(&event), []);
            accepts(&side, fragments(binary(&message), &[0, 1]), core::slice::from_ref(&event), []);
        }
    }
}

#[test]
fn n128_rejects_what_is_over_the_limit_when_inflated() {
    for size in [20, 1001, 5001, 20_000, 200_000] {
        let message = compress(&vec![b' '; size]);
        let limits = Limits::default().max_message_bytes(size as u64 - 1);
        for side in limited(limits) {
            let error = ProtocolError::MessageTooBig;
            rejects(&side, [binary(&message)], &[], error, 1009);
            let split = fragments(text(&message), &[1, 0, 1]);
            rejects(&side, split, &[], error, 1009);
        }
    }
}

/// What does not get smaller by being compressed gets a little larger, by an eighth and 64 bytes
/// at most. So much more may come than may come out.
#[test]
fn n128_rejects_what_is_over_the_limit_before_it_is_inflated() {
    let limits = Limits::default().max_message_bytes(1000).max_frame_bytes(600);
    for side in limited(limits) {
        let to_server = side().is_server();
        // Only headers: nobody waits for the payload.
        let first = |declared| wire(to_server, [binary("").declaring(declared)]);
        fails(&side, &first(740), &[], ProtocolError::FrameTooBig, 1009);
        assert_eq!(Feed::new(side()).read(&first(739)).error(), None);
        let begun = [&store(&[7; 590])[..595], &[0x00, 0x00, 0x00, 0xff, 0xff]].concat();
        let second = |declared| {
            let frames = [binary(&begun).more(), Frame::continuation("").declaring(declared)];
            wire(to_server, frames)
        };
        fails(&side, &second(590), &[], ProtocolError::MessageTooBig, 1009);
        assert_eq!(Feed::new(side()).read(&second(589)).error(), None);
    }
}

#[test]
fn n128_rejects_more_than_the_ratio_allows() {
    let message = compress(&[0; 200_000]);
    for side in SIDES {
        for (ratio, error) in [(100, Some(ProtocolError::Expansion)), (1000, None)] {
            let deflate = deflate(false).max_ratio(Some(ratio));
            let side = agreed(Config::default(), deflate, side);
            match error {
                Some(error) => rejects(side, [binary(&message)], &[], error, 1009),
                None => accepts(side, [binary(&message)], &[Seen::binary([0; 200_000])], []),
            }
        }
    }
}

#[test]
fn n129_accepts_empty_fragments_anywhere() {
    let empty = || Frame::continuation("").more();
    for side in sides() {
        for message in [HELLO, HELLO_STORED, HELLO_FINAL] {
            let [a, b, c] = [&message[..2], &message[2..4], &message[4..]];
            let frames = [
                text("").more(),
                empty(),
                Frame::continuation(a).more(),
                Frame::ping("1"),
                empty(),
                Frame::continuation(b).more(),
                empty(),
                Frame::pong("2"),
                Frame::continuation(c).more(),
                empty(),
                Frame::continuation(""),
                text(HELLO),
            ];
            let hello = Seen::text("Hello");
            let events = [Seen::ping("1"), Seen::pong("2"), hello.clone(), hello];
            accepts(&side, frames, &events, [Frame::pong("1")]);
        }
        // An empty message is one byte, in whichever fragment.
        let frames = [text("").more(), Frame::continuation(EMPTY).more(), Frame::continuation("")];
        accepts(&side, frames, &[Seen::text("")], []);
    }
}

#[test]
fn n129_rejects_a_message_of_nothing_but_empty_fragments() {
    for side in sides() {
        let frames = [text("").more(), Frame::continuation("").more(), Frame::continuation("")];
        rejects(side, frames, &[], CORRUPT_MESSAGE, 1007);
    }
}

/// Blocks up to the border of a byte. More may follow.
fn blocks(bytes: &[u8]) -> Vec<u8> {
    [&compress(bytes)[..], &[0x00, 0x00, 0xff, 0xff]].concat()
}

/// Which error of several is the first does not depend on the reads, nor does what is handed out
/// before it.
#[test]
fn n128_rejects_at_the_first_error_of_several() {
    use ProtocolError::{InvalidUtf8, MessageTooBig};
    let cases: [(&[&[u8]], usize, ProtocolError); 9] = [
        (&[&blocks(&[b'a'; 300]), &blocks(b"\xff"), CORRUPT], 300, InvalidUtf8),
        (&[&blocks(&[b'a'; 300]), CORRUPT, &blocks(b"\xff")], 300, CORRUPT_MESSAGE),
        (&[&blocks(&[b'a'; 300]), &blocks(b"\xff"), &blocks(&[b'a'; 300])], 300, InvalidUtf8),
        (&[&blocks(&[b'a'; 300]), &blocks(&[b'a'; 300]), CORRUPT], 400, MessageTooBig),
        (&[&blocks(&[b'a'; 400]), CORRUPT], 400, CORRUPT_MESSAGE),
        (&[&blocks(&[b'a'; 400]), &blocks(b"\xff")], 400, MessageTooBig),
        (&[&blocks(&[b'a'; 399]), &blocks(b"\xe2\x82"), CORRUPT], 399, MessageTooBig),
        (&[&blocks(&[b'a'; 398]), &blocks(b"\xe2\x82"), CORRUPT], 398, CORRUPT_MESSAGE),
        (&[&blocks(b"\xff"), &blocks(&[b'a'; 500]), CORRUPT], 0, InvalidUtf8),
    ];
    let limits = Limits::default().max_message_bytes(400);
    for (message, before, error) in cases {
        let message = message.concat();
        let code = error.close_code().get();
        let part = Seen::TextPart { text: "a".repeat(before), first: true, last: false };
        let parts: Vec<_> = Some(part).into_iter().filter(|_| before > 0).collect();
        for (delivery, events) in [(Delivery::Messages, vec![]), (Delivery::Parts, parts)] {
            for side in SIDES {
                let config = Config::default().limits(limits).delivery(delivery);
                let side = agreed(config, deflate(false), side);
                rejects(&side, [text(&message)], &events, error, code);
            }
        }
    }
}
