//! However compressed messages are cut, they are the same messages.

use crate::noise;
use crate::support::deflate::{TAKEOVER, agreed, deflate};
use crate::support::{Feed, SIDES, Seen, client, drain, received, server};
use bytes::Bytes;
use sansio_ws::{Config, Connection, ControlPayload, Delivery, Event, MessageKind, RecvBuffer};

/// The longest part, and an unfinished code point before it.
const PART: usize = 16 * 1024 + 3;

/// Messages in all the ways to send them, and what has to arrive.
fn transcript(sender: &mut Connection) -> (Vec<u8>, Vec<Seen>) {
    let text = "Grüße 😀, and again Grüße 😀, and again";
    let long: Vec<u8> = text.bytes().cycle().take(3000).collect();
    let mut wire = vec![];
    for _ in 0..2 {
        sender.send_text(text).unwrap();
        for (i, piece) in text.as_bytes().chunks(9).enumerate() {
            let last = (i + 1) * 9 >= text.len();
            sender.send_fragment(MessageKind::Text, piece, last).unwrap();
            sender.send_ping(ControlPayload::new(b"between").unwrap()).unwrap();
        }
        sender.send_bytes(MessageKind::Binary, Bytes::from(long.clone())).unwrap();
        for last in [false, false, true] {
            sender.send_fragment(MessageKind::Binary, b"", last).unwrap();
        }
        for last in [false, true] {
            sender.send_fragment(MessageKind::Binary, &noise(100), last).unwrap();
        }
        sender.send_text("").unwrap();
        drain(sender, usize::MAX, &mut wire);
    }
    let pings = text.len().div_ceil(9);
    let mut once = vec![Seen::text(text)];
    once.extend((1..pings).map(|_| Seen::ping("between")));
    once.extend([Seen::text(text), Seen::ping("between"), Seen::binary(long)]);
    once.extend([Seen::binary(""), Seen::binary([noise(100), noise(100)].concat())]);
    once.push(Seen::text(""));
    (wire, [once.clone(), once].concat())
}

/// The parts of each message as one, in the place of the last.
fn joined(events: &[Seen]) -> Vec<Seen> {
    let (mut begun, mut bytes) = (false, vec![]);
    let mut whole = vec![];
    for event in events {
        let (is_text, part, first, last) = match event {
            Seen::TextPart { text, first, last } => (true, text.as_bytes(), *first, *last),
            Seen::BinaryPart { bytes, first, last } => (false, &bytes[..], *first, *last),
            event => {
                whole.push(event.clone());
                continue;
            }
        };
        assert_eq!(first, !begun);
        begun = !last;
        bytes.extend_from_slice(part);
        if last {
            let bytes = core::mem::take(&mut bytes);
            whole.push(match is_text {
                true => Seen::Text(String::from_utf8(bytes).unwrap()),
                false => Seen::Binary(bytes),
            });
        }
    }
    whole
}

#[test]
fn every_split_gives_the_same_messages_in_both_deliveries() {
    for takeover in TAKEOVER {
        for (from, to) in [(SIDES[0], SIDES[1]), (SIDES[1], SIDES[0])] {
            let mut sender = agreed(Config::default(), deflate(takeover), from)();
            let (wire, expected) = transcript(&mut sender);
            for delivery in [Delivery::Messages, Delivery::Parts] {
                let config = Config::default().delivery(delivery);
                let trace = received(agreed(config, deflate(takeover), to), &wire);
                assert_eq!(trace.error, None);
                assert_eq!(joined(&trace.events), expected, "{delivery:?}");
            }
        }
    }
}

/// A few bytes may stand for a lot; it is handed out bit by bit.
#[test]
fn parts_of_what_expands_much_are_short_and_together_the_message() {
    let text = "äöü".repeat(100_000);
    for takeover in TAKEOVER {
        let mut sender = agreed(Config::default(), deflate(takeover), client)();
        sender.send_text(&text).unwrap();
        let mut wire = vec![];
        drain(&mut sender, usize::MAX, &mut wire);
        for step in [1, 7, 100, wire.len()] {
            let config = Config::default().delivery(Delivery::Parts);
            let mut receiver = agreed(config, deflate(takeover), server)();
            let mut rx = RecvBuffer::new();
            let (mut whole, mut parts) = (String::new(), 0);
            for piece in wire.chunks(step) {
                rx.extend_from_slice(piece);
                while let Some(event) = receiver.next_event(&mut rx).unwrap() {
                    let Event::TextPart { text, .. } = event else { panic!("{event:?}") };
                    assert!(text.len() <= PART, "a part of {} bytes", text.len());
                    whole.push_str(text);
                    parts += 1;
                }
            }
            assert!(whole == text);
            assert!(parts >= text.len() / PART);
        }
    }
}

/// A buffer in which a message is half inflated may be parked and lent again.
#[test]
fn a_large_message_survives_parking() {
    let message: Vec<u8> = noise(3000).iter().flat_map(|byte| [*byte; 50]).collect();
    for takeover in TAKEOVER {
        let mut sender = agreed(Config::default(), deflate(takeover), server)();
        sender.send_binary(&message).unwrap();
        let mut wire = vec![];
        drain(&mut sender, usize::MAX, &mut wire);
        for delivery in [Delivery::Messages, Delivery::Parts] {
            let config = Config::default().delivery(delivery);
            let mut feed = Feed::new(agreed(config, deflate(takeover), client)());
            feed.parked = Some(RecvBuffer::new());
            wire.chunks(97).for_each(|piece| _ = feed.read(piece));
            assert!(joined(feed.events()) == [Seen::binary(&message[..])]);
        }
    }
}
