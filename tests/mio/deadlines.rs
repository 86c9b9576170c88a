//! Deadlines.

use super::*;

/// An open server over a script that has no more to say.
fn opened(timeouts: Timeouts, reports: &Reports) -> (WebSocket<Script>, Script, Memory) {
    let script = Script::new(REQUEST, End::Stall);
    let mut socket = WebSocket::server(script.clone(), &Limits::default(), timeouts, second(0));
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert!(socket.turn(&mut memory, second(0)).accept(accept).unwrap());
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    (socket, script, memory)
}

#[test]
fn f1_a_silent_peer_is_pinged_and_given_up() {
    let reports = Reports::new();
    let (mut socket, script, mut memory) = opened(Timeouts::default(), &reports);
    assert_eq!(socket.poll_timeout(), Some(second(20)));
    assert_eq!(expire(&mut socket, &mut memory, second(19)), None);
    assert_eq!(expire(&mut socket, &mut memory, second(20)), Some(Due::Ping));
    assert_eq!(socket.settle(&mut memory, second(20)).unwrap(), None);
    assert_eq!(script.frames(), [Frame::ping("")]);
    assert_eq!(expire(&mut socket, &mut memory, second(40)), Some(Due::Pong));
    assert_eq!(socket.settle(&mut memory, second(40)).unwrap(), Some(Ended::TimedOut));
    assert_eq!((socket.poll_timeout(), socket.wants_turn()), (None, false));
    assert_eq!(socket.handle_timeout(second(1000)), None, "reported once");
}

#[test]
fn an_idle_connection_is_closed_and_the_closing_is_bounded() {
    let reports = Reports::new();
    let timeouts = Timeouts::default().idle(Some(Duration::from_secs(10)));
    let (mut socket, script, mut memory) = opened(timeouts, &reports);
    assert_eq!(expire(&mut socket, &mut memory, second(10)), Some(Due::Idle));
    assert_eq!(socket.settle(&mut memory, second(10)).unwrap(), None);
    assert_eq!(script.frames(), [Frame::close(1001, "idle for too long")]);
    assert_eq!(expire(&mut socket, &mut memory, second(15)), Some(Due::Close));
    assert_eq!(socket.settle(&mut memory, second(15)).unwrap(), Some(Ended::TimedOut));
}

#[test]
fn f9_f11_opening_is_bounded_in_all() {
    let reports = Reports::new();
    for mut socket in [
        server(Script::new([], End::Stall)),
        server(Script::new(&REQUEST[..20], End::Stall)),
        client(Script::new(&RESPONSE[..20], End::Stall)),
    ] {
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        assert!(!socket.turn(&mut memory, second(9)).accept(accept).unwrap());
        assert_eq!(socket.settle(&mut memory, second(9)).unwrap(), None);
        assert_eq!(socket.poll_timeout(), Some(second(10)), "whatever has arrived");
        assert_eq!(expire(&mut socket, &mut memory, second(10)), Some(Due::Opening));
        assert_eq!(socket.settle(&mut memory, second(10)).unwrap(), Some(Ended::TimedOut));
    }
}

#[test]
fn what_is_left_to_write_at_the_end_of_input_does_not_wait_for_ever() {
    let reports = Reports::new();
    let input = [REQUEST, &wire(true, [Frame::text("last")])].concat();
    let blocked = |n: usize, call| {
        (call == Call::Write && n > 3).then_some(Fault::Error(ErrorKind::WouldBlock))
    };
    let script = Script::new(input, End::Eof).faults(blocked);
    let timeouts = Timeouts::NONE.close(Some(Duration::from_secs(5)));
    let mut socket = WebSocket::server(script, &Limits::default(), timeouts, second(0));
    let mut memory = Memory::with_read_bytes(64);
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    socket.ready(&reports.both);
    while socket.wants_turn() {
        turn(&mut socket, &mut memory, second(0), &Config::default(), &mut outcome).unwrap();
        assert_eq!(
            socket.settle(&mut memory, second(0)).unwrap(),
            None,
            "it may only have half-closed"
        );
    }
    assert_eq!(outcome.events, [Seen::text("last")]);
    assert_eq!(socket.poll_timeout(), Some(second(5)));
    assert_eq!(expire(&mut socket, &mut memory, second(5)), Some(Due::Close));
    let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(
        socket.settle(&mut memory, second(5)).unwrap(),
        Some(ended),
        "and not that time ran out"
    );
}
