mod sends;

use super::*;
use crate::connection::{Config, MessageKind, PreparedMessage, Role};
use crate::frame::ControlPayload;
use bytes::Bytes;

const fn second(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn open(timeouts: Timeouts) -> Deadlines {
    let mut deadlines = Deadlines::new(timeouts, second(0));
    deadlines.opened(second(0));
    deadlines
}

const IDLE: Timeouts = Timeouts::new().idle(Some(Duration::from_secs(30)));

#[test]
fn opening_is_bounded_in_all_whatever_arrives() {
    let mut deadlines = Deadlines::new(Timeouts::default(), second(0));
    deadlines.received(second(9));
    assert_eq!(deadlines.handle_timeout(second(10)), Some(Due::Opening));
    assert_eq!(deadlines.poll_timeout(), None);
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut deadlines = open(Timeouts::default());
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    assert_eq!(deadlines.handle_timeout(second(20)), None, "one ping is enough");
    deadlines.received(second(39));
    assert_eq!(deadlines.poll_timeout(), Some(second(59)));
    assert_eq!(deadlines.handle_timeout(second(59)), Some(Due::Ping));
    assert_eq!(deadlines.handle_timeout(second(79)), Some(Due::Pong));
    assert_eq!(deadlines.poll_timeout(), None);
}

#[test]
fn bytes_that_are_taken_at_once_prove_nothing() {
    let mut deadlines = open(Timeouts::default());
    for at in 1..20 {
        deadlines.written(1000, false, second(at));
        deadlines.drained();
    }
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    // A part was refused: that alone proves nothing either.
    deadlines.written(500, true, second(25));
    assert_eq!(deadlines.poll_timeout(), Some(second(40)));
}

#[test]
fn bytes_that_are_taken_after_some_were_refused_are_a_sign_of_life() {
    let mut deadlines = open(Timeouts::default());
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    deadlines.written(0, true, second(25));
    deadlines.written(0, true, second(30));
    assert_eq!(deadlines.due(second(40)), Some(Due::Pong), "nothing was taken");
    deadlines.written(1, true, second(40));
    assert_eq!(deadlines.poll_timeout(), Some(second(60)));
    deadlines.written(5, false, second(41));
    deadlines.drained();
    deadlines.written(5, false, second(50));
    assert_eq!(deadlines.poll_timeout(), Some(second(61)), "the queue was empty in between");
}

#[test]
fn looking_reports_nothing() {
    let mut deadlines = open(Timeouts::default());
    assert_eq!(deadlines.due(second(19)), None);
    assert_eq!(deadlines.due(second(20)), Some(Due::Ping));
    assert_eq!(deadlines.due(second(20)), Some(Due::Ping));
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    let looks = [Due::Idle, Due::Message, Due::Pong, Due::Close];
    assert!(looks.into_iter().all(Due::needs_look));
    assert!(![Due::Ping, Due::Opening].into_iter().any(Due::needs_look));
}

#[test]
fn pongs_do_not_keep_an_idle_connection_open() {
    let mut deadlines = open(IDLE);
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    deadlines.received(second(21));
    assert_eq!(deadlines.handle_timeout(second(30)), Some(Due::Idle));
    deadlines.message_sent(second(31));
    assert_eq!(deadlines.poll_timeout(), Some(second(41)), "idleness is reported once");
    deadlines.closing(second(32));
    assert_eq!(deadlines.poll_timeout(), Some(second(37)), "closing is bounded as well");
    assert_eq!(deadlines.handle_timeout(second(37)), Some(Due::Close));
}

#[test]
fn messages_do_received_arriving_or_sent() {
    let uses: [fn(&mut Deadlines); 4] = [
        |deadlines| deadlines.message_received(second(29)),
        |deadlines| deadlines.message_arriving(second(29)),
        |deadlines| deadlines.message_sent(second(29)),
        |deadlines| {
            deadlines.written(0, true, second(28));
            deadlines.written(1, true, second(29));
        },
    ];
    for used in uses {
        let mut deadlines = open(IDLE);
        deadlines.received(second(29));
        used(&mut deadlines);
        assert_eq!(deadlines.handle_timeout(second(30)), None);
        assert_eq!(deadlines.handle_timeout(second(49)), Some(Due::Ping));
        assert_eq!(deadlines.handle_timeout(second(59)), Some(Due::Idle));
    }
}

#[test]
fn a_message_is_bounded_from_its_first_byte_to_its_last() {
    let ten = Some(Duration::from_secs(10));
    let mut deadlines = open(Timeouts::NONE.idle(ten).message(ten));
    deadlines.message_arriving(second(1));
    deadlines.message_received(second(9));
    for at in 10..20 {
        deadlines.message_arriving(second(at));
        assert_eq!(deadlines.due(second(at)), None);
    }
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Message));
    assert_eq!(deadlines.poll_timeout(), Some(second(29)), "reported once");
}

#[test]
fn a_message_counts_however_it_is_sent() {
    let ways: [fn(&mut Connection); 4] = [
        |connection| connection.send_binary(b"x").unwrap(),
        |connection| connection.send_bytes(MessageKind::Text, Bytes::from_static(b"x")).unwrap(),
        |connection| connection.send_prepared(&PreparedMessage::text("x")).unwrap(),
        |connection| connection.send_fragment(MessageKind::Text, b"x", false).unwrap(),
    ];
    for send in ways {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut deadlines = open(Timeouts::NONE.idle(Some(Duration::from_secs(30))));
        connection.send_ping(ControlPayload::EMPTY).unwrap();
        deadlines.observe(&mut connection, second(10));
        assert_eq!(deadlines.poll_timeout(), Some(second(30)), "a ping is no message");
        send(&mut connection);
        deadlines.observe(&mut connection, second(20));
        assert_eq!(deadlines.poll_timeout(), Some(second(50)));
    }
}

#[test]
fn behind_the_last_deadline_nothing_is_due_any_more() {
    let opening = |_: &mut Deadlines| Due::Opening;
    let pong = |deadlines: &mut Deadlines| {
        deadlines.opened(second(0));
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        Due::Pong
    };
    let close = |deadlines: &mut Deadlines| {
        deadlines.closing(second(0));
        Due::Close
    };
    let drain = |deadlines: &mut Deadlines| {
        deadlines.input_ended(second(0));
        Due::Close
    };
    for act in [opening, pong, close, drain] {
        let mut deadlines = Deadlines::new(Timeouts::default(), second(0));
        let due = act(&mut deadlines);
        let now = second(40);
        assert_eq!(deadlines.handle_timeout(now), Some(due));
        // What still happens changes nothing.
        deadlines.opened(now);
        deadlines.received(now);
        deadlines.message_arriving(now);
        deadlines.message_received(now);
        deadlines.message_sent(now);
        deadlines.written(0, true, now);
        deadlines.written(1, false, now);
        deadlines.drained();
        deadlines.closing(now);
        deadlines.input_ended(now);
        assert_eq!(deadlines.poll_timeout(), None, "{due}");
        assert_eq!(deadlines.handle_timeout(second(1000)), None, "{due}");
    }
}

#[test]
fn closing_counts_from_its_first_call() {
    let mut deadlines = open(IDLE);
    deadlines.closing(second(1));
    deadlines.closing(second(4));
    deadlines.received(second(5));
    deadlines.input_ended(second(5));
    assert_eq!(deadlines.handle_timeout(second(6)), Some(Due::Close));
}

#[test]
fn behind_the_end_of_input_the_rest_has_to_go_on() {
    let mut deadlines = open(Timeouts::default());
    deadlines.written(0, true, second(0));
    deadlines.input_ended(second(1));
    for at in (2..30).step_by(4) {
        assert_eq!(deadlines.due(second(at)), None);
        deadlines.written(1, true, second(at));
    }
    assert_eq!(deadlines.handle_timeout(second(35)), Some(Due::Close));
}

#[test]
fn time_may_jump_and_overflow() {
    let end = Instant::new(Duration::MAX);
    let mut deadlines = Deadlines::new(Timeouts::default(), end);
    assert_eq!(deadlines.poll_timeout(), Some(end));
    deadlines.opened(second(7));
    assert_eq!(deadlines.handle_timeout(second(1)), None, "back in time");
    assert_eq!(deadlines.handle_timeout(end), Some(Due::Ping));
}
