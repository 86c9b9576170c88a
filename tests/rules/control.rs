//! N71 to N80: Close, Ping and Pong (RFC 6455, section 5.5).

use crate::support::frame::{CLOSE, Frame, PING, PONG, wire};
use crate::support::{Feed, SIDES, Seen, client, sent, server, with};
use crate::{accepts, fails, receives, rejects};
use bytes::Buf;
use sansio_ws::frame::{FrameError, Header, Opcode};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Limits, MessageKind, ProtocolError, RecvBuffer,
    SendError, Transport,
};

fn closing(side: fn() -> Connection) -> impl Fn() -> Connection {
    move || {
        let mut connection = side();
        connection.close(CloseCode::GOING_AWAY, "").unwrap();
        connection
    }
}

#[test]
fn n71_accepts_control_frames_of_125_bytes() {
    let payload = "p".repeat(125);
    let reason = "r".repeat(123);
    for side in SIDES {
        let frames = [Frame::ping(&payload), Frame::pong(&payload), Frame::close(1000, &reason)];
        let events = [Seen::ping(&payload), Seen::pong(&payload), Seen::close(1000, &reason)];
        accepts(side, frames, &events, [Frame::pong(&payload), Frame::close(1000, &reason)]);
    }
}

#[test]
fn n71_rejects_longer_control_frames_by_their_second_byte() {
    let error = ProtocolError::Frame(FrameError::ControlTooLong);
    for side in SIDES {
        for opcode in [CLOSE, PING, PONG] {
            rejects(side, [Frame::new(opcode, [b'x'; 126])], &[], error, 1002);
            for len in [126, 127, 65_536, u64::MAX] {
                let header = Frame::new(opcode, "").declaring(len);
                let bytes = wire(side().is_server(), [header]);
                fails(side, &bytes[..2], &[], error, 1002);
            }
        }
    }
}

#[test]
fn n71_rejects_sending_longer_control_frames() {
    assert!(ControlPayload::new(&[0; 125]).is_ok());
    assert_eq!(ControlPayload::new(&[0; 126]), Err(FrameError::ControlTooLong));
    for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
        assert_eq!(Header::new(opcode, true, 126), Err(FrameError::ControlTooLong));
    }
}

#[test]
fn n72_accepts_close_bodies_of_0_2_and_more_bytes() {
    for side in SIDES {
        let empty = [Frame::close_empty()];
        accepts(side, empty, &[Seen::Close(None, String::new())], [Frame::close_empty()]);
        let code = [Frame::close(1000, "")];
        accepts(side, code, &[Seen::close(1000, "")], [Frame::close(1000, "")]);
        let reason = [Frame::close(1000, "x")];
        accepts(side, reason, &[Seen::close(1000, "x")], [Frame::close(1000, "x")]);
    }
}

#[test]
fn n72_rejects_a_close_body_of_one_byte_with_1002() {
    for side in SIDES {
        for byte in [0x03, 0x00, 0xFF] {
            let frame = Frame::new(CLOSE, [byte]);
            rejects(side, [frame], &[], ProtocolError::TruncatedCloseCode, 1002);
        }
    }
}

/// Two bytes tell it, so nobody waits for the others.
#[test]
fn n72_rejects_a_close_body_of_one_byte_before_it_has_come() {
    for (side, head) in [(server as fn() -> Connection, [0x88, 0x81]), (client, [0x88, 0x01])] {
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(&head);
        assert_eq!(side().next_event(&mut rx), Err(ProtocolError::TruncatedCloseCode));
    }
}

#[test]
fn n73_accepts_codes_in_network_byte_order() {
    for side in SIDES {
        let frame = Frame::new(CLOSE, [0x03, 0xE9]);
        accepts(side, [frame.clone()], &[Seen::close(1001, "")], [frame.clone()]);
        assert_eq!(sent(closing(side)), wire(!side().is_server(), [frame]));
    }
}

#[test]
fn n73_rejects_codes_in_the_other_order() {
    for side in SIDES {
        let frame = Frame::new(CLOSE, [0xE8, 0x03]);
        rejects(side, [frame], &[], ProtocolError::InvalidCloseCode(0xE803), 1002);
    }
}

#[test]
fn n74_accepts_reasons_in_utf8_up_to_123_bytes() {
    let longest = "€".repeat(41);
    assert_eq!(longest.len(), 123);
    for side in SIDES {
        for reason in ["", "Grüße", &longest] {
            let frames = [Frame::close(3000, reason)];
            accepts(side, frames, &[Seen::close(3000, reason)], [Frame::close(3000, reason)]);
            let bytes = sent(|| {
                let mut connection = side();
                connection.close(CloseCode::new(3000).unwrap(), reason).unwrap();
                connection
            });
            assert_eq!(bytes, wire(!side().is_server(), [Frame::close(3000, reason)]));
        }
    }
}

#[test]
fn n74_rejects_reasons_that_are_not_utf8_with_1007() {
    for side in SIDES {
        for reason in [&b"\xFF"[..], b"ok\xC3", b"\xED\xA0\x80", b"\xC0\xAF"] {
            let frame = Frame::close(1000, reason);
            rejects(side, [frame], &[], ProtocolError::InvalidUtf8, 1007);
        }
    }
}

#[test]
fn n74_rejects_sending_a_longer_reason() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            let reason = "€".repeat(41) + "x";
            let refused = connection.close(CloseCode::NORMAL, &reason);
            assert_eq!(refused, Err(SendError::ReasonTooLong));
            assert!(connection.is_open());
            connection
        });
        assert_eq!(bytes, b"");
    }
}

#[test]
fn n75_accepts_a_close_by_answering_with_its_code_and_reason() {
    for side in SIDES {
        for code in [1000, 1001, 1003, 1011, 3000, 4999] {
            let frames = [Frame::close(code, "why")];
            accepts(side, frames, &[Seen::close(code, "why")], [Frame::close(code, "why")]);
        }
    }
}

#[test]
fn n75_rejects_answering_twice_or_answering_the_answer() {
    for side in SIDES {
        // Ours went first: theirs is the answer.
        let trace = receives(closing(side), [Frame::close(1000, "")]);
        assert_eq!(trace.events, [Seen::close(1000, "")]);
        assert_eq!(trace.output, wire(!side().is_server(), [Frame::close(1001, "")]));
        // Theirs went first: a second one is ignored.
        let frames = [Frame::close(1000, ""), Frame::close(1001, "")];
        accepts(side, frames, &[Seen::close(1000, "")], [Frame::close(1000, "")]);
    }
}

#[test]
fn n76_accepts_what_was_queued_before_the_close() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_text("last").unwrap();
            connection.close(CloseCode::NORMAL, "bye").unwrap();
            connection
        });
        let frames = [Frame::text("last"), Frame::close(1000, "bye")];
        assert_eq!(bytes, wire(!side().is_server(), frames));
    }
}

/// Every call that would send, each refused.
fn refuses_to_send(connection: &mut Connection) {
    const CLOSED: Result<(), SendError> = Err(SendError::Closed);
    assert_eq!(connection.send_text("a"), CLOSED);
    assert_eq!(connection.send_binary(b"a"), CLOSED);
    let shared = connection.send_bytes(MessageKind::Binary, "a".into()).unwrap_err();
    assert_eq!((shared.error, &shared.message[..]), (SendError::Closed, &b"a"[..]));
    assert_eq!(connection.send_prepared(&sansio_ws::PreparedMessage::text("a")), CLOSED);
    assert_eq!(connection.send_fragment(MessageKind::Text, b"a", false), CLOSED);
    assert_eq!(connection.send_fragment(MessageKind::Text, b"a", true), CLOSED);
    assert_eq!(connection.send_ping(ControlPayload::EMPTY), CLOSED);
    assert_eq!(connection.send_pong(ControlPayload::EMPTY), CLOSED);
    assert_eq!(connection.close(CloseCode::NORMAL, ""), CLOSED);
    assert_eq!(connection.close_empty(), CLOSED);
}

#[test]
fn n76_rejects_sending_anything_after_a_close() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = closing(side)();
            refuses_to_send(&mut connection);
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::close(1001, "")]));
        // Nor a pong, though messages still come in.
        let trace = receives(closing(side), [Frame::ping("p"), Frame::text("a")]);
        assert_eq!(trace.events, [Seen::ping("p"), Seen::text("a")]);
        assert_eq!(trace.output, wire(!side().is_server(), [Frame::close(1001, "")]));
    }
}

#[test]
fn n76_rejects_a_waiting_pong_behind_the_close() {
    for side in SIDES {
        let mut feed = Feed::blocked(side());
        feed.read(&wire(side().is_server(), numbered(Frame::ping, 1..=20)));
        feed.connection.close(CloseCode::NORMAL, "").unwrap();
        feed.write = 1;
        feed.drain();
        let queued = numbered(Frame::pong, 1..=UNSENT_PONGS).chain([Frame::close(1000, "")]);
        assert_eq!(feed.output(), wire(!side().is_server(), queued));
    }
}

#[test]
fn n77_accepts_the_end_of_the_transport_once_close_went_both_ways() {
    let both = |side| {
        [
            receives(side, [Frame::close(1000, "")]),
            receives(closing(side), [Frame::close(1000, "")]),
        ]
    };
    // A server goes first.
    for trace in both(server) {
        assert_eq!(trace.transport, Transport::ShutdownWrite);
    }
    // A client waits for it, then closes.
    for trace in both(client) {
        assert_eq!(trace.transport, Transport::KeepOpen);
    }
    for side in SIDES {
        let mut feed = Feed::new(side());
        feed.read(&wire(side().is_server(), [Frame::close(1000, "")]));
        assert!(feed.connection.receive_eof(&feed.rx).is_clean());
        assert_eq!(feed.connection.transport(), Transport::Drop);
    }
}

#[test]
fn n77_rejects_ending_the_transport_before() {
    for side in SIDES {
        // Neither, or only one of the two.
        assert_eq!(side().transport(), Transport::KeepOpen);
        let mut feed = Feed::new(closing(side)());
        assert_eq!(feed.connection.transport(), Transport::KeepOpen);
        feed.drain();
        assert_eq!(feed.connection.transport(), Transport::KeepOpen);
        let mut feed = Feed::blocked(side());
        feed.read(&wire(side().is_server(), [Frame::close(1000, "")]));
        assert_eq!(feed.connection.transport(), Transport::KeepOpen, "the answer is not written");
    }
}

#[test]
fn n78_accepts_pings_by_answering_with_their_bytes() {
    for side in SIDES {
        for payload in ["", "Hello", "\0\u{7f}", &"x".repeat(125)] {
            accepts(side, [Frame::ping(payload)], &[Seen::ping(payload)], [Frame::pong(payload)]);
        }
        // As soon as it is parsed, before what follows.
        let frames = [Frame::ping("1"), Frame::text("a"), Frame::ping("2")];
        let events = [Seen::ping("1"), Seen::text("a"), Seen::ping("2")];
        accepts(side, frames, &events, [Frame::pong("1"), Frame::pong("2")]);
    }
}

#[test]
fn n78_rejects_answering_a_ping_after_the_close() {
    for side in SIDES {
        let frames = [Frame::close(1000, ""), Frame::ping("late")];
        accepts(side, frames, &[Seen::close(1000, "")], [Frame::close(1000, "")]);
    }
}

#[test]
fn n78_accepts_that_the_caller_answers() {
    for side in SIDES {
        let by_hand = with(Config::default().auto_pong(false), side);
        accepts(&by_hand, [Frame::ping("p")], &[Seen::ping("p")], []);
        let bytes = sent(|| {
            let mut connection = by_hand();
            connection.send_pong(ControlPayload::new(b"p").unwrap()).unwrap();
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::pong("p")]));
    }
}

/// This number of pings is answered one by one while nothing is written.
const UNSENT_PONGS: u32 = 16;

/// Frames that carry these numbers.
fn numbered(
    frame: fn(String) -> Frame,
    numbers: impl IntoIterator<Item = u32>,
) -> impl Iterator<Item = Frame> {
    numbers.into_iter().map(move |n| frame(n.to_string()))
}

#[test]
fn n79_accepts_answering_only_the_newest_of_many_pings() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(side());
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=30)));
        let pings: Vec<_> = (1..=30).map(|n| Seen::ping(&n.to_string())).collect();
        assert_eq!(feed.events(), pings);
        feed.write = 1;
        feed.drain();
        let answered = numbered(Frame::pong, (1..=UNSENT_PONGS).chain([30]));
        assert_eq!(feed.output(), wire(!to_server, answered));
    }
}

#[test]
fn n79_accepts_another_number_of_pongs_that_wait() {
    // At least one is answered at once.
    for (max, answered) in [(0, 1), (1, 1), (3, 3), (29, 29), (30, 30), (u8::MAX, 30)] {
        let limits = Limits::default().max_queued_pongs(max);
        for side in SIDES {
            let to_server = side().is_server();
            let mut feed = Feed::blocked(with(Config::default().limits(limits), side)());
            feed.read(&wire(to_server, numbered(Frame::ping, 1..=30)));
            feed.write = 1;
            feed.drain();
            let newest = (answered < 30).then_some(30);
            let pongs = numbered(Frame::pong, (1..=answered).chain(newest));
            assert_eq!(feed.output(), wire(!to_server, pongs), "at most {max}");
        }
    }
}

#[test]
fn n79_rejects_more_pongs_than_can_be_counted() {
    let limits = Limits::default().max_queued_pongs(u8::MAX);
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(with(Config::default().limits(limits), side)());
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=400)));
        feed.write = usize::MAX;
        feed.drain();
        assert_eq!(feed.output(), wire(!to_server, numbered(Frame::pong, (1..=255).chain([400]))));
    }
}

#[test]
fn n79_accepts_answering_each_ping_again_once_the_pongs_are_sent() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(side());
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=UNSENT_PONGS)));
        let pongs = feed.connection.queued();
        feed.connection.send_text("behind").unwrap();
        // The pongs go out, and nothing else.
        feed.connection.outgoing().advance(pongs);
        feed.read(&wire(to_server, numbered(Frame::ping, 17..=20)));
        feed.write = usize::MAX;
        feed.drain();
        let first = numbered(Frame::pong, 1..=UNSENT_PONGS).chain([Frame::text("behind")]);
        let output = wire(!to_server, first.chain(numbered(Frame::pong, 17..=20)));
        assert_eq!(feed.output(), &output[pongs..]);
    }
}

#[test]
fn n79_rejects_more_pongs_while_a_part_of_them_is_unsent() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(side());
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=UNSENT_PONGS)));
        feed.connection.outgoing().advance(1);
        let unsent = feed.connection.queued();
        feed.read(&wire(to_server, numbered(Frame::ping, 17..=20)));
        assert_eq!(feed.connection.queued(), unsent);
    }
}

#[test]
fn n79_rejects_leaving_out_the_newest_ping() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(side());
        feed.connection.send_text("first").unwrap();
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=20)));
        // Part of what is unsent goes out: the one that waits stays behind the others.
        feed.connection.outgoing().advance(1);
        feed.read(&wire(to_server, numbered(Frame::ping, 21..=22)));
        feed.write = usize::MAX;
        feed.drain();
        feed.read(&wire(to_server, numbered(Frame::ping, [23])));
        let pongs = numbered(Frame::pong, (1..=UNSENT_PONGS).chain([22, 23]));
        let output = wire(!to_server, [Frame::text("first")].into_iter().chain(pongs));
        assert_eq!(feed.output(), &output[1..]);
    }
}

#[test]
fn n79_rejects_a_pong_in_front_of_one_that_waits() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::blocked(side());
        feed.read(&wire(to_server, numbered(Frame::ping, 1..=17)));
        // All that was queued goes out at once, and the next ping comes before anybody asks for more.
        let pongs = feed.connection.queued();
        feed.connection.outgoing().advance(pongs);
        feed.read(&wire(to_server, numbered(Frame::ping, [18])));
        feed.write = usize::MAX;
        feed.drain();
        let output = wire(!to_server, numbered(Frame::pong, (1..=UNSENT_PONGS).chain([18])));
        assert_eq!(feed.output(), &output[pongs..]);
    }
}

#[test]
fn n80_accepts_pongs_that_nobody_asked_for() {
    for side in SIDES {
        let frames = [Frame::pong(""), Frame::pong("alive"), Frame::text("a")];
        accepts(side, frames, &[Seen::pong(""), Seen::pong("alive"), Seen::text("a")], []);
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_pong(ControlPayload::new(b"alive").unwrap()).unwrap();
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::pong("alive")]));
    }
}

#[test]
fn n80_rejects_answering_a_pong() {
    for side in SIDES {
        let mut feed = Feed::new(side());
        feed.connection.send_ping(ControlPayload::new(b"p").unwrap()).unwrap();
        feed.read(&wire(side().is_server(), [Frame::pong("p"), Frame::pong("p")]));
        feed.drain();
        assert_eq!(feed.events(), [Seen::pong("p"), Seen::pong("p")]);
        assert_eq!(feed.output(), wire(!side().is_server(), [Frame::ping("p")]));
    }
}
