//! N92 to N103: closing, failing, codes (RFC 6455, section 7).

use crate::support::frame::{CLOSE, Frame, wire};
use crate::support::pair::Pair;
use crate::support::{Feed, SIDES, Seen, client, key, received, sent, server, with};
use crate::{accepts, fails, receives, rejects};
use bytes::Buf;
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Ended, Limits, ProtocolError, SendError,
    Transport,
};

fn code(number: u16) -> CloseCode {
    CloseCode::new(number).unwrap()
}

fn clean(number: u16) -> Ended {
    Ended::Clean { code: Some(code(number)) }
}

const NORMAL_END: [&str; 4] =
    ["server shuts down", "client shuts down", "client drops", "server drops"];

/// What happens to the transport, whoever says Close first, and in whatever steps it carries.
fn ends(act: impl Fn(&mut Pair)) -> Vec<(Vec<&'static str>, Option<Ended>, Option<Ended>)> {
    [1, 2, 3, 7, usize::MAX]
        .into_iter()
        .map(|step| {
            let mut pair = Pair::new(client(), server());
            pair.step = step;
            act(&mut pair);
            pair.run();
            (pair.log, pair.client.ended, pair.server.ended)
        })
        .collect()
}

#[test]
fn n92_n93_accepts_the_server_ending_the_transport_first() {
    let closed_by_client = ends(|pair| pair.client.feed.connection.close(code(1001), "").unwrap());
    let closed_by_server = ends(|pair| pair.server.feed.connection.close(code(1001), "").unwrap());
    for (log, client, server) in [closed_by_client, closed_by_server].concat() {
        assert_eq!(log[0], NORMAL_END[0]);
        assert_eq!((client, server), (Some(clean(1001)), Some(clean(1001))));
        let mut log = log;
        log.sort_unstable();
        let mut all = NORMAL_END;
        all.sort_unstable();
        assert_eq!(log, all);
    }
    for (log, client, server) in ends(|pair| {
        pair.client.feed.connection.close(code(3000), "").unwrap();
        pair.server.feed.connection.close(code(4000), "").unwrap();
    }) {
        assert_eq!(log[0], NORMAL_END[0]);
        assert_eq!((client, server), (Some(clean(4000)), Some(clean(3000))));
    }
}

#[test]
fn n92_rejects_a_client_ending_the_transport_before_the_server() {
    let mut feed = Feed::new(client());
    feed.connection.close(code(1000), "").unwrap();
    feed.read(&Frame::close(1000, "").bytes());
    assert_eq!(feed.connection.transport(), Transport::KeepOpen);
    // Only the server's end, or a deadline, moves it.
    assert_eq!(feed.connection.receive_eof(&feed.rx), clean(1000));
    assert_eq!(feed.connection.transport(), Transport::Drop);
}

#[test]
fn n93_rejects_dropping_the_transport_before_the_peers_end() {
    let mut feed = Feed::blocked(server());
    feed.read(&Frame::close(1000, "").masked(key(1)).bytes());
    assert_eq!(feed.connection.transport(), Transport::KeepOpen, "there is output");
    feed.write = 1;
    feed.drain();
    assert_eq!(feed.connection.transport(), Transport::ShutdownWrite);
    feed.read(b"still something, to be thrown away");
    assert_eq!(feed.connection.transport(), Transport::ShutdownWrite);
    assert!(feed.rx.is_empty());
    assert_eq!(feed.connection.receive_eof(&feed.rx), clean(1000));
    assert_eq!(feed.connection.transport(), Transport::Drop);
}

#[test]
fn n93_accepts_writing_to_the_end_after_the_peers_end() {
    for side in SIDES {
        let mut feed = Feed::blocked(side());
        feed.connection.send_text("last").unwrap();
        let _: Ended = feed.connection.receive_eof(&feed.rx);
        assert_eq!(feed.connection.transport(), Transport::KeepOpen);
        feed.write = 1;
        feed.drain();
        assert_eq!(feed.output(), wire(!side().is_server(), [Frame::text("last")]));
        assert_eq!(feed.connection.transport(), Transport::Drop);
    }
}

#[test]
fn n94_accepts_closing_when_close_is_sent_or_received() {
    for side in SIDES {
        let mut sent = side();
        assert!(sent.is_open() && !sent.is_closing());
        sent.close(code(1000), "").unwrap();
        assert!(!sent.is_open() && sent.is_closing());
        let mut feed = Feed::new(side());
        feed.read(&wire(side().is_server(), [Frame::close(1000, "")]));
        assert!(!feed.connection.is_open() && feed.connection.is_closing());
        // Between ours and theirs, messages still arrive.
        let mut feed = Feed::new(sent);
        feed.read(&wire(side().is_server(), [Frame::text("a"), Frame::close(1000, "")]));
        assert_eq!(feed.events(), [Seen::text("a"), Seen::close(1000, "")]);
    }
}

#[test]
fn n94_rejects_going_on_once_the_transport_is_gone() {
    for side in SIDES {
        let mut connection = side();
        let _: Ended = connection.receive_eof(&sansio_ws::RecvBuffer::new());
        assert!(!connection.is_open());
        assert_eq!(connection.transport(), Transport::Drop);
        assert_eq!(connection.send_ping(ControlPayload::EMPTY), Err(SendError::Closed));
        assert_eq!(connection.close(code(1000), ""), Err(SendError::Closed));
        assert!(!connection.wants_write());
    }
}

#[test]
fn n95_accepts_the_peers_code_as_the_one_to_report() {
    for side in SIDES {
        for number in [1000, 1001, 1011, 3000, 4999] {
            let trace = receives(side, [Frame::close(number, "why")]);
            assert_eq!((trace.ended, trace.ended.code()), (clean(number), number));
            assert!(trace.ended.is_clean());
        }
        // The peer's, also if ours went first and has another.
        let closing = || {
            let mut connection = side();
            connection.close(code(4000), "").unwrap();
            connection
        };
        assert_eq!(receives(closing, [Frame::close(4001, "")]).ended.code(), 4001);
        let trace = receives(side, [Frame::close_empty()]);
        assert_eq!((trace.ended, trace.ended.code()), (Ended::Clean { code: None }, 1005));
    }
}

#[test]
fn n95_n100_rejects_calling_an_end_without_close_clean() {
    let cut_off = |mid_frame, mid_message| Ended::Eof { mid_frame, mid_message, close_sent: false };
    for side in SIDES {
        for (frames, drop, ended) in [
            (vec![], 0, cut_off(false, false)),
            (vec![Frame::text("a")], 0, cut_off(false, false)),
            (vec![Frame::text("a").more()], 0, cut_off(false, true)),
            (vec![Frame::text("a")], 1, cut_off(true, true)),
            (vec![Frame::text("")], 1, cut_off(true, false)),
            (vec![Frame::text("a").more(), Frame::ping("abc")], 1, cut_off(true, true)),
            (vec![Frame::close(1000, "")], 1, cut_off(true, false)),
        ] {
            let bytes = wire(side().is_server(), frames);
            let trace = received(side, &bytes[..bytes.len() - drop]);
            assert_eq!((trace.ended, trace.error), (ended, None));
            assert_eq!((trace.ended.code(), trace.ended.is_clean()), (1006, false));
        }
    }
}

#[test]
fn n100_accepts_an_end_after_close_as_clean() {
    for side in SIDES {
        let trace = receives(side, [Frame::close(1000, "")]);
        assert_eq!((trace.ended, trace.ended.code()), (clean(1000), 1000));
        // Ours alone is not enough.
        let closing = || {
            let mut connection = side();
            connection.close_empty().unwrap();
            connection
        };
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: true };
        assert_eq!(received(closing, b"").ended, ended);
        assert_eq!(ended.code(), 1006);
    }
}

#[test]
fn n96_accepts_no_code_as_an_empty_close() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            connection.close_empty().unwrap();
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::close_empty()]));
        accepts(
            side,
            [Frame::close_empty()],
            &[Seen::Close(None, String::new())],
            [Frame::close_empty()],
        );
    }
}

#[test]
fn n96_rejects_1005_1006_and_1015_on_the_wire() {
    for number in [1005, 1006, 1015] {
        assert_eq!(CloseCode::new(number), None);
        for side in SIDES {
            let error = ProtocolError::InvalidCloseCode(number);
            rejects(side, [Frame::close(number, "")], &[], error, 1002);
        }
    }
}

/// RFC 6455, section 7.4, and the registry it founded, as a list of its own.
fn is_assigned(code: u16) -> bool {
    const REGISTERED: [u16; 12] =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    REGISTERED.contains(&code) || (3000..5000).contains(&code)
}

#[test]
fn n97_accepts_every_assigned_code_and_those_of_applications() {
    for side in SIDES {
        for number in (0..=u16::MAX).filter(|&code| is_assigned(code)) {
            let reply = if number == 1010 && side().is_server() { 1000 } else { number };
            let frames = [Frame::close(number, "")];
            accepts(side, frames, &[Seen::close(number, "")], [Frame::close(reply, "")]);
        }
    }
}

#[test]
fn n97_rejects_every_other_code_with_1002() {
    for number in (0..=u16::MAX).filter(|&code| !is_assigned(code)) {
        let error = ProtocolError::InvalidCloseCode(number);
        // All of them in one read, and those at the borders cut everywhere.
        let mut feed = Feed::new(server());
        feed.read(&Frame::close(number, "").masked(key(1)).bytes());
        assert_eq!((feed.events(), feed.error()), (&[][..], Some(error)));
        let reply = Frame::close(1002, "close code that may not be sent").bytes();
        assert_eq!(feed.output(), reply);
        let near_a_border = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
        if near_a_border.contains(&number) || number % 997 == 0 {
            for side in SIDES {
                rejects(side, [Frame::close(number, "why")], &[], error, 1002);
            }
        }
    }
}

#[test]
fn n98_accepts_1010_from_a_client() {
    let bytes = sent(|| {
        let mut client = client();
        client.close(code(1010), "an-extension").unwrap();
        client
    });
    assert_eq!(bytes, Frame::close(1010, "an-extension").masked(key(1)).bytes());
    assert_eq!(received(server, &bytes).events, [Seen::close(1010, "an-extension")]);
}

#[test]
fn n98_rejects_1010_from_a_server() {
    let bytes = sent(|| {
        let mut server = server();
        assert_eq!(server.close(code(1010), ""), Err(SendError::ClientOnlyCode));
        assert!(server.is_open());
        server
    });
    assert_eq!(bytes, b"");
    // Nor as an echo.
    accepts(server, [Frame::close(1010, "")], &[Seen::close(1010, "")], [Frame::close(1000, "")]);
}

#[test]
fn n99_accepts_no_second_failure_and_no_second_close() {
    for side in SIDES {
        // Ours went before the failure.
        let to_server = side().is_server();
        let mut feed = Feed::new(side());
        feed.connection.close(code(1001), "").unwrap();
        feed.read(&wire(to_server, [Frame::new(3, "")]));
        assert!(feed.error().is_some());
        assert_eq!(feed.output(), wire(!to_server, [Frame::close(1001, "")]));
        assert_eq!(feed.connection.transport(), Transport::ShutdownWrite);
    }
}

#[test]
fn n99_rejects_looking_at_bytes_behind_a_violation() {
    for side in SIDES {
        let to_server = side().is_server();
        let error = ProtocolError::UnexpectedContinuation;
        let bad = wire(to_server, [Frame::text("a"), Frame::continuation("b")]);
        let another = wire(to_server, [Frame::new(0xF, "")]);
        for behind in [
            wire(to_server, [Frame::text("c"), Frame::ping("d"), Frame::close(1000, "")]),
            another,
            vec![0x55; 300],
        ] {
            fails(side, &[&bad[..], &behind].concat(), &[Seen::text("a")], error, 1002);
        }
        let mut feed = Feed::new(side());
        feed.read(&bad).read(&[0x55; 100_000]);
        assert!(feed.rx.is_empty());
        assert_eq!(feed.connection.next_event(&mut feed.rx), Err(error));
    }
}

#[test]
fn n102_accepts_a_slow_peer_until_the_deadline() {
    for side in SIDES {
        let mut feed = Feed::blocked(side());
        feed.connection.send_text("unread").unwrap();
        feed.connection.close(code(1001), "").unwrap();
        assert_eq!(feed.connection.transport(), Transport::KeepOpen);
    }
}

#[test]
fn n102_rejects_waiting_for_a_peer_that_was_given_up() {
    for side in SIDES {
        let mut feed = Feed::blocked(side());
        feed.read(&wire(side().is_server(), [Frame::ping("1"), Frame::ping("2")]));
        feed.connection.send_binary(&[0; 3000]).unwrap();
        feed.connection.close(code(1001), "").unwrap();
        feed.connection.outgoing().advance(1);
        assert_eq!(feed.connection.abandon(), Ended::TimedOut);
        assert!(!feed.connection.wants_write());
        assert_eq!(feed.connection.transport(), Transport::Drop);
        assert_eq!(Ended::TimedOut.code(), 1006);
        // A closing handshake that took place stays a clean end.
        let mut feed = Feed::blocked(side());
        feed.read(&wire(side().is_server(), [Frame::close(1000, "")]));
        assert_eq!(feed.connection.abandon(), clean(1000));
        assert_eq!(feed.connection.transport(), Transport::Drop);
    }
}

#[test]
fn n103_accepts_the_codes_of_an_application() {
    for (number, constant) in [
        (1003, CloseCode::UNSUPPORTED_DATA),
        (1008, CloseCode::POLICY_VIOLATION),
        (1009, CloseCode::MESSAGE_TOO_BIG),
        (1011, CloseCode::INTERNAL_ERROR),
    ] {
        for side in SIDES {
            let bytes = sent(|| {
                let mut connection = side();
                connection.close(constant, "").unwrap();
                connection
            });
            assert_eq!(bytes, wire(!side().is_server(), [Frame::close(number, "")]));
        }
    }
}

#[test]
fn n103_rejects_each_kind_of_violation_with_its_code() {
    let limits = Limits::default().max_message_bytes(4).max_fragments(1);
    for side in SIDES {
        let to_server = side().is_server();
        let limited = with(Config::default().limits(limits), side);
        let bytes = |frame: Frame| wire(to_server, [frame]);
        let text = bytes(Frame::text(b"\xFF"));
        fails(&limited, &text, &[], ProtocolError::InvalidUtf8, 1007);
        let big = bytes(Frame::binary("12345"));
        fails(&limited, &big, &[], ProtocolError::MessageTooBig, 1009);
        let many = wire(to_server, [Frame::binary("").more(), Frame::continuation("")]);
        fails(&limited, &many, &[], ProtocolError::TooManyFragments, 1008);
        let truncated = bytes(Frame::new(CLOSE, "x"));
        fails(&limited, &truncated, &[], ProtocolError::TruncatedCloseCode, 1002);
    }
}

#[test]
fn n99_accepts_writing_what_was_queued_before_the_failure() {
    let close = Frame::close(1002, "reserved bits set");
    for side in SIDES {
        let queued = || {
            let mut connection: Connection = side();
            connection.send_text("before").unwrap();
            connection
        };
        let trace = receives(queued, [Frame::text("").reserved(4)]);
        let frames = [Frame::text("before"), close.clone()];
        assert_eq!(trace.output, wire(!side().is_server(), frames));
    }
}
