//! N123, N124, N127: compressed messages that are sent (RFC 7692, sections 6.1 and 7.2.1). N91.

use crate::support::deflate::*;
use crate::support::frame::{Frame, parse};
use crate::support::inflate::Inflate;
use crate::support::{Feed, SIDES, Seen, client, drain, sent, server};
use crate::{accepts, rejects};
use bytes::Bytes;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::Offer;
use sansio_ws::{
    Config, Connection, ControlPayload, Limits, MessageKind, PreparedMessage, ProtocolError,
};

const RSV1: u8 = 0x40;
const TEXT: &str = "to be, or not to be, that is to be seen";

fn agreed_on(deflate: Deflate, side: fn() -> Connection) -> impl Fn() -> Connection {
    agreed(Config::default(), deflate, side)
}

/// The frames that a fresh connection sends when told so, unmasked.
fn frames(side: impl Fn() -> Connection, act: impl Fn(&mut Connection)) -> Vec<Frame> {
    let bytes = sent(|| {
        let mut connection = side();
        act(&mut connection);
        connection
    });
    let to_server = !side().is_server();
    let mut frames = parse(&bytes);
    for frame in &mut frames {
        assert_eq!(frame.mask.take().is_some(), to_server);
    }
    frames
}

fn is_compressed(frame: &Frame) -> bool {
    frame.first & RSV1 != 0
}

/// Without an order (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn n91_accepts_one_extension_and_applies_it() {
    // Nothing is compressed twice, whatever stands in the answer.
    for side in SIDES {
        let side = agreed_on(deflate(false), side);
        let name = side().extension().unwrap().to_owned();
        assert_eq!(Offer::parse(name.as_bytes()).unwrap().len(), 1);
        let sent = frames(side, |connection| connection.send_text(TEXT).unwrap());
        let inflated = Inflate::default().message(&sent[0].payload);
        assert_eq!(inflated.as_deref(), Some(TEXT.as_bytes()));
    }
}

#[test]
fn n123_accepts_the_choice_of_the_sender() {
    for takeover in TAKEOVER {
        for side in SIDES {
            let side = agreed_on(deflate(takeover), side);
            let sent = frames(side, |connection| {
                connection.send_text(TEXT).unwrap();
                connection.use_extension(false);
                connection.send_text(TEXT).unwrap();
                connection.send_bytes(MessageKind::Text, Bytes::from(TEXT.repeat(100))).unwrap();
                connection.use_extension(true);
                connection.send_text(TEXT).unwrap();
                // Too short to get smaller.
                connection.send_text("a").unwrap();
                connection.send_text("").unwrap();
            });
            let compressed: Vec<bool> = sent.iter().map(is_compressed).collect();
            assert_eq!(compressed, [true, false, false, true, false, false]);
            let mut oracle = Inflate::default();
            for frame in sent.iter().filter(|frame| is_compressed(frame)) {
                if !takeover {
                    oracle = Inflate::default();
                }
                let inflated = oracle.message(&frame.payload);
                assert_eq!(inflated.as_deref(), Some(TEXT.as_bytes()));
            }
            assert_eq!(sent[1], Frame::text(TEXT));
            assert_eq!(sent[2], Frame::text(TEXT.repeat(100)));
            assert_eq!(sent[0].payload.len() > sent[3].payload.len(), takeover);
        }
    }
}

#[test]
fn n123_accepts_that_a_message_keeps_to_what_its_first_fragment_did() {
    for on in [true, false] {
        for side in SIDES {
            let sent = frames(agreed_on(deflate(true), side), |connection| {
                connection.use_extension(on);
                connection.send_fragment(MessageKind::Text, b"to be, ", false).unwrap();
                connection.use_extension(!on);
                connection.send_fragment(MessageKind::Text, b"or not to be", true).unwrap();
            });
            let payload = [&sent[0].payload[..], &sent[1].payload].concat();
            let message = match on {
                true => Inflate::default().message(&payload).unwrap(),
                false => payload,
            };
            assert_eq!(message, b"to be, or not to be");
            assert_eq!(sent.iter().map(is_compressed).collect::<Vec<_>>(), [on, false]);
        }
    }
}

#[test]
fn n123_rejects_plain_bytes_that_are_marked() {
    for side in SIDES {
        for takeover in TAKEOVER {
            let side = agreed_on(deflate(takeover), side);
            let error = ProtocolError::CorruptMessage;
            rejects(&side, [text("Hello")], &[], error, 1007);
            accepts(&side, [Frame::text("Hello")], &[Seen::text("Hello")], []);
        }
    }
}

/// Netty 6663: what was "compressed" grew beyond the frame limit of the peer, which then ended
/// the connection. Here nothing that was sent whole ever grows.
#[test]
fn n123_accepts_that_what_does_not_get_smaller_goes_as_it_is() {
    let sizes = (1..200).chain([1000, 4096, 16_384, 65_535, 65_536, 70_000]);
    let mut pairs = TAKEOVER.map(|takeover| {
        let sender = agreed_on(deflate(takeover), client)();
        (sender, Feed::new(agreed_on(deflate(takeover), server)()))
    });
    for size in sizes {
        let noise = noise(size);
        let limits = Limits::default().max_frame_bytes(size as u64);
        for (sender, receiver) in &mut pairs {
            let mut wire = vec![];
            for shape in 0..3 {
                match shape {
                    0 => sender.send_binary(&noise).unwrap(),
                    1 => sender
                        .send_bytes(MessageKind::Binary, Bytes::copy_from_slice(&noise))
                        .unwrap(),
                    _ => sender
                        .send_prepared(&PreparedMessage::binary(&noise).encoded(&deflate(false)))
                        .unwrap(),
                }
            }
            drain(sender, usize::MAX, &mut wire);
            for frame in parse(&wire) {
                assert!(!is_compressed(&frame) && frame.payload == noise, "{size} bytes");
            }
            let mut strict =
                Feed::new(agreed(Config::default().limits(limits), deflate(false), server)());
            assert_eq!(strict.read(&wire).error(), None, "{size} bytes");
            assert_eq!(receiver.read(&wire).error(), None);
            // Neither side has taken it into its window.
            let mut wire = vec![];
            sender.send_text(TEXT).unwrap();
            drain(sender, usize::MAX, &mut wire);
            assert!(is_compressed(&parse(&wire)[0]));
            receiver.read(&wire);
            assert_eq!(receiver.events().last(), Some(&Seen::text(TEXT)));
        }
    }
}

/// Once the first is out, fragments cannot go as they are. They grow by a header for each 64 KiB.
#[test]
fn n124_accepts_fragments_that_do_not_get_smaller() {
    for takeover in TAKEOVER {
        for size in [1, 2, 100, 1000, 65_535, 65_536, 70_000] {
            let noise = noise(size);
            let mut sender = agreed_on(deflate(takeover), client)();
            for last in [false, true] {
                sender.send_fragment(MessageKind::Binary, &noise, last).unwrap();
            }
            let mut bytes = vec![];
            drain(&mut sender, usize::MAX, &mut bytes);
            for frame in parse(&bytes) {
                assert!(frame.payload.len() <= size + 5 * (size / 65_535 + 2), "{size} bytes");
            }
            let mut receiver = Feed::new(agreed_on(deflate(takeover), server)());
            receiver.read(&bytes);
            assert!(receiver.events() == [Seen::binary([&noise[..], &noise].concat())]);
        }
    }
}

#[test]
fn n124_accepts_blocks_with_the_tail_removed() {
    let long = TEXT.repeat(200);
    for takeover in TAKEOVER {
        for side in SIDES {
            let sent = frames(agreed_on(deflate(takeover), side), |connection| {
                connection.send_text(TEXT).unwrap();
                connection.send_binary(TEXT.as_bytes()).unwrap();
                connection.send_bytes(MessageKind::Text, Bytes::from(long.clone())).unwrap();
            });
            assert_eq!([sent[0].first, sent[1].first, sent[2].first], [0xc1, 0xc2, 0xc1]);
            let mut oracle = Inflate::default();
            for (frame, message) in sent.iter().zip([TEXT, TEXT, &long]) {
                if !takeover {
                    oracle = Inflate::default();
                }
                assert!(!frame.payload.ends_with(&[0x00, 0x00, 0xff, 0xff]));
                assert!(frame.payload.len() < message.len());
                assert!(oracle.message(&frame.payload).unwrap() == message.as_bytes());
            }
        }
    }
}

#[test]
fn n124_n129_accepts_fragments_with_rsv1_on_the_first_only() {
    let ping = || ControlPayload::new(b"between").unwrap();
    for takeover in TAKEOVER {
        for side in SIDES {
            for pieces in [&["", "", ""][..], &[TEXT, "", TEXT], &["", TEXT, ""], &["a", "ä", ""]]
            {
                let sent = frames(agreed_on(deflate(takeover), side), |connection| {
                    for (i, piece) in pieces.iter().enumerate() {
                        let last = i + 1 == pieces.len();
                        let kind = MessageKind::Text;
                        connection.send_fragment(kind, piece.as_bytes(), last).unwrap();
                        connection.send_ping(ping()).unwrap();
                    }
                });
                let (pings, sent): (Vec<_>, Vec<_>) =
                    sent.into_iter().partition(|frame| frame.first == 0x89);
                assert_eq!(pings.len(), pieces.len());
                let firsts: Vec<u8> = sent.iter().map(|frame| frame.first).collect();
                assert_eq!(firsts, [0x41, 0x00, 0x80]);
                let payload: Vec<u8> = sent.into_iter().flat_map(|frame| frame.payload).collect();
                let text = pieces.concat();
                let inflated = Inflate::default().message(&payload).unwrap();
                assert_eq!(inflated, text.as_bytes());
                assert_eq!(text.is_empty(), payload == EMPTY, "an empty message is one byte");
            }
        }
    }
}

#[test]
fn n127_accepts_prepared_messages_where_nothing_refers_to_them() {
    let message = TEXT.repeat(200);
    let windows = |bits| deflate(false).server_max_window_bits(bits).unwrap();
    let prepared = PreparedMessage::text(&message).encoded(&windows(12));
    assert_eq!(prepared.payload(), message.as_bytes());
    let send = |side: &dyn Fn() -> Connection, on| {
        frames(side, |connection| {
            connection.use_extension(on);
            connection.send_prepared(&prepared).unwrap();
            // What comes next refers to what the peer knows.
            connection.use_extension(true);
            connection.send_text(TEXT).unwrap();
        })
    };
    for side in SIDES {
        for (deflate, on, compressed) in [
            (deflate(false), true, true),
            (windows(12).client_max_window_bits(12).unwrap(), true, true),
            (windows(11).client_max_window_bits(11).unwrap(), true, false),
            (deflate(true), true, false),
            (deflate(false), false, false),
        ] {
            let side = agreed_on(deflate, side);
            let header = side().extension().map(String::from);
            let sent = send(&side, on);
            assert_eq!(is_compressed(&sent[0]), compressed, "{header:?}");
            let first = match compressed {
                true => Inflate::default().message(&sent[0].payload).unwrap(),
                false => sent[0].payload.clone(),
            };
            assert!(first == message.as_bytes());
            let second = Inflate::default().message(&sent[1].payload).unwrap();
            assert_eq!(second, TEXT.as_bytes());
        }
        // And without an extension.
        assert_eq!(send(&side, true), [Frame::text(&message), Frame::text(TEXT)]);
    }
}

#[test]
fn n127_accepts_prepared_messages_that_servers_share() {
    let payload: Vec<u8> = noise(3000).iter().map(|byte| byte & 0x0f).collect();
    let prepared = PreparedMessage::binary(&payload).encoded(&deflate(false));
    let [one, other] = [0, 1].map(|_| {
        let mut connection = agreed_on(deflate(false), server)();
        connection.send_prepared(&prepared).unwrap();
        connection
    });
    let pointers = [one, other].map(|mut connection| {
        let queue = connection.outgoing();
        assert!(bytes::Buf::remaining(queue) < payload.len());
        bytes::Buf::chunk(queue).as_ptr()
    });
    assert_eq!(pointers[0], pointers[1], "the same bytes");
}
