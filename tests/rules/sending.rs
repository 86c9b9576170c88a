//! N87 to N91: sending and receiving messages (RFC 6455, section 6).

use crate::support::frame::{Frame, parse, wire};
use crate::support::{Feed, SIDES, Seen, received, sent, server};
use crate::{accepts, receives};
use sansio_ws::{CloseCode, MessageKind, SendError};

#[test]
fn n87_accepts_messages_while_open() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            assert!(connection.is_open());
            connection.send_text("a").unwrap();
            connection.send_binary(b"b").unwrap();
            assert!(connection.is_open());
            connection
        });
        let frames = [Frame::text("a"), Frame::binary("b")];
        assert_eq!(bytes, wire(!side().is_server(), frames));
    }
}

#[test]
fn n87_rejects_messages_in_every_other_state() {
    const CLOSED: Result<(), SendError> = Err(SendError::Closed);
    for side in SIDES {
        let to_server = side().is_server();
        let closed_by_us = || {
            let mut feed = Feed::new(side());
            feed.connection.close(CloseCode::NORMAL, "").unwrap();
            feed
        };
        let closed_by_peer = || {
            let mut feed = Feed::new(side());
            feed.read(&wire(to_server, [Frame::close(1000, "")]));
            feed
        };
        let failed = || {
            let mut feed = Feed::new(side());
            feed.read(&wire(to_server, [Frame::new(3, "")]));
            feed
        };
        let ended = || {
            let mut feed = Feed::new(side());
            _ = feed.connection.receive_eof(&feed.rx);
            feed
        };
        let abandoned = || {
            let mut feed = Feed::new(side());
            _ = feed.connection.abandon();
            feed
        };
        let states: [&dyn Fn() -> Feed; 5] =
            [&closed_by_us, &closed_by_peer, &failed, &ended, &abandoned];
        for state in states {
            let mut feed = state();
            feed.drain();
            assert!(!feed.connection.is_open());
            assert_eq!(feed.connection.send_text("a"), CLOSED);
            assert_eq!(feed.connection.send_binary(b"a"), CLOSED);
            assert_eq!(feed.connection.send_fragment(MessageKind::Text, b"a", true), CLOSED);
            assert!(!feed.connection.wants_write());
        }
    }
}

#[test]
fn n87_rejects_the_rest_of_a_message_when_the_state_changes_midway() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::new(side());
        feed.connection.send_fragment(MessageKind::Text, b"a", false).unwrap();
        feed.read(&wire(to_server, [Frame::close(1001, "")]));
        let rest = feed.connection.send_fragment(MessageKind::Text, b"b", true);
        assert_eq!(rest, Err(SendError::Closed));
        feed.drain();
        let frames = [Frame::text("a").more(), Frame::close(1001, "")];
        assert_eq!(feed.output(), wire(!to_server, frames));
    }
}

#[test]
fn n88_accepts_the_opcode_of_each_kind_and_fin_on_the_last_frame() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_text("t").unwrap();
            connection.send_binary(b"b").unwrap();
            for kind in [MessageKind::Text, MessageKind::Binary] {
                connection.send_fragment(kind, b"1", false).unwrap();
                connection.send_fragment(kind, b"2", false).unwrap();
                connection.send_fragment(kind, b"3", true).unwrap();
            }
            connection
        });
        let first: Vec<u8> = parse(&bytes).iter().map(|frame| frame.first).collect();
        assert_eq!(first, [0x81, 0x82, 0x01, 0x00, 0x80, 0x02, 0x00, 0x80]);
    }
}

#[test]
fn n88_rejects_changing_the_kind_of_a_message_under_way() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_fragment(MessageKind::Text, b"a", false).unwrap();
            let other = connection.send_fragment(MessageKind::Binary, b"b", true);
            assert_eq!(other, Err(SendError::InterleavedMessage));
            connection.send_fragment(MessageKind::Text, b"", true).unwrap();
            connection
        });
        let frames = [Frame::text("a").more(), Frame::continuation("")];
        assert_eq!(bytes, wire(!side().is_server(), frames));
    }
}

#[test]
fn n89_accepts_every_masked_payload_in_clear() {
    let frames = [
        Frame::text("text").masked([1, 2, 3, 4]),
        Frame::binary("binary").masked([0xFF; 4]),
        Frame::ping("ping").masked([9, 8, 7, 6]),
        Frame::pong("pong").masked([0, 0, 0, 1]),
        Frame::close(1000, "close").masked([0x80, 0x40, 0x20, 0x10]),
    ];
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    let events = [
        Seen::text("text"),
        Seen::binary("binary"),
        Seen::ping("ping"),
        Seen::pong("pong"),
        Seen::close(1000, "close"),
    ];
    assert_eq!(received(server, &bytes).events, events);
}

#[test]
fn n90_accepts_what_came_before_the_close() {
    for side in SIDES {
        let frames = [Frame::text("a"), Frame::pong("b"), Frame::close(1000, "")];
        let events = [Seen::text("a"), Seen::pong("b"), Seen::close(1000, "")];
        accepts(side, frames, &events, [Frame::close(1000, "")]);
    }
}

#[test]
fn n90_rejects_looking_at_bytes_behind_a_close() {
    for side in SIDES {
        let to_server = side().is_server();
        let close = wire(to_server, [Frame::close(1000, "")]);
        let expected = receives(side, [Frame::close(1000, "")]);
        // Valid frames, violations, noise: all the same.
        let noise: Vec<u8> = (0..=255).rev().collect();
        for behind in [
            wire(to_server, [Frame::text("late"), Frame::ping("late")]),
            wire(!to_server, [Frame::text("wrong masks")]),
            wire(to_server, [Frame::new(0xF, "").reserved(7)]),
            vec![0x81],
            noise,
        ] {
            assert_eq!(received(side, &[&close[..], &behind].concat()), expected);
        }
        // And none of them stays in the buffer.
        let mut feed = Feed::new(side());
        feed.read(&close).read(&[0x55; 100_000]);
        assert!(feed.rx.is_empty());
        assert!(feed.rx.capacity() <= 4096 + 2 * 100_000);
    }
}
