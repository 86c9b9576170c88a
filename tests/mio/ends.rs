//! Every end is reached, reported once and rightly.

use super::*;
use sansio_ws::ControlPayload;

fn opened(script: &Script, reports: &Reports) -> (WebSocket<Script>, Memory) {
    let mut socket = server(script.clone());
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert!(socket.turn(&mut memory, second(0)).accept(accept).unwrap());
    (socket, memory)
}

/// All that the machine answers by itself is written in one go, with `Timeouts::NONE`.
#[test]
fn the_newest_pong_leaves_with_the_others() {
    for end in [End::Stall, End::Eof] {
        let reports = Reports::new();
        let pings = (0..17).map(|i| Frame::ping(format!("{i}")));
        let script = Script::new([REQUEST, &wire(true, pings)].concat(), end);
        let mut socket =
            WebSocket::server(script.clone(), &Limits::default(), Timeouts::NONE, second(0));
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        let mut turn = socket.turn(&mut memory, second(0));
        turn.accept(accept).unwrap();
        while turn.next().unwrap().is_some() {}
        drop(turn);
        let settled = socket.settle(&mut memory, second(0)).unwrap();
        let pongs: Vec<_> = (0..17).map(|i| Frame::pong(format!("{i}"))).collect();
        assert_eq!(script.frames(), pongs);
        assert_eq!(settled.is_some(), end == End::Eof);
    }
}

#[test]
fn behind_an_error_of_the_stream_everything_says_that_it_has_ended() {
    let reports = Reports::new();
    // While reading, and while writing.
    for call in [Call::Read, Call::Write] {
        let script = Script::new(REQUEST, End::Stall).faults(move |n, c| {
            (n > 1 && c == call).then_some(Fault::Error(ErrorKind::PermissionDenied))
        });
        let (mut socket, mut memory) = opened(&script, &reports);
        let first = socket.settle(&mut memory, second(0));
        let failed = match call {
            Call::Read => {
                assert!(matches!(first, Ok(None)));
                socket.ready(&reports.both);
                let mut turn = socket.turn(&mut memory, second(0));
                let failed = matches!(turn.next(), Err(Error::Io(_)));
                assert!(matches!(turn.next(), Ok(None)), "it is said once");
                failed
            }
            _ => {
                let connection = socket.connection_mut(&mut memory).unwrap();
                connection.send_text("a").unwrap();
                socket.settle(&mut memory, second(0)).is_err()
            }
        };
        assert!(failed && !socket.wants_turn());
        for _ in 0..2 {
            let settled = socket.settle(&mut memory, second(0)).unwrap();
            assert_eq!(settled, Some(Ended::TransportFailed));
        }
        assert!(script.state().aborted);
        let connection = socket.connection_mut(&mut memory).unwrap();
        assert_eq!(connection.send_text("late"), Err(SendError::Closed));
    }
}

#[test]
fn a_cut_before_opening_is_an_error_that_says_so() {
    let reports = Reports::new();
    let sockets = [
        server(Script::new(&REQUEST[..20], End::Cut)),
        client(Script::new(&RESPONSE[..20], End::Cut)),
    ];
    for mut socket in sockets {
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        match socket.turn(&mut memory, second(0)).accept(accept) {
            Err(Error::Io(error)) => {
                assert_eq!(error.to_string(), "cut off before the handshake was done");
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            }
            opened => panic!("{opened:?}"),
        }
        let settled = socket.settle(&mut memory, second(0)).unwrap();
        assert_eq!((settled, socket.wants_turn()), (Some(Ended::TransportFailed), false));
    }
}

#[test]
fn a_peer_that_is_gone_while_output_waits_has_ended_at_once() {
    let reports = Reports::new();
    for end in [End::Eof, End::Reset, End::Cut] {
        let blocked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let blocks = blocked.clone();
        let text = wire(true, [Frame::text("last words")]);
        let script = Script::new([REQUEST, &text].concat(), end).faults(move |n, call| {
            let kind = match blocks.load(std::sync::atomic::Ordering::Relaxed) {
                true => ErrorKind::WouldBlock,
                false => ErrorKind::BrokenPipe,
            };
            (n > 1 && call == Call::Write).then_some(Fault::Error(kind))
        });
        let (mut socket, mut memory) = opened(&script, &reports);
        socket.settle(&mut memory, second(0)).unwrap();
        let connection = socket.connection_mut(&mut memory).unwrap();
        connection.send_binary(&vec![7; 600_000]).unwrap();
        // The loop does not read on: its output has to drain first.
        assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), None);
        blocked.store(false, std::sync::atomic::Ordering::Relaxed);
        socket.ready(&reports.writable);
        assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), None);
        let connection = socket.connection().unwrap();
        assert_eq!(connection.queued(), 0, "nothing waits any more");
        assert!(socket.wants_turn(), "although no event says so");
        let mut seen = vec![];
        let mut turn = socket.turn(&mut memory, second(1));
        while let Some((_, event)) = turn.next().unwrap() {
            seen.extend(Seen::of(event));
        }
        drop(turn);
        let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), Some(eof));
        assert_eq!(seen, [Seen::text("last words")]);
    }
}

#[test]
fn who_reads_no_more_and_says_nothing_is_not_waited_for_long() {
    let reports = Reports::new();
    let script = Script::new(REQUEST, End::Stall).writes_until(RESPONSE.len());
    let (mut socket, mut memory) = opened(&script, &reports);
    socket.settle(&mut memory, second(0)).unwrap();
    socket.connection_mut(&mut memory).unwrap().send_text("into the void").unwrap();
    assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), None);
    assert_eq!(socket.poll_timeout(), Some(second(6)));
    assert_eq!(expire(&mut socket, &mut memory, second(6)), Some(Due::Close));
    assert_eq!(socket.settle(&mut memory, second(6)).unwrap(), Some(Ended::TimedOut));
}

#[test]
fn a_connection_that_the_caller_abandons_has_ended() {
    let reports = Reports::new();
    let script = Script::new(REQUEST, End::Stall);
    let (mut socket, mut memory) = opened(&script, &reports);
    let connection = socket.connection_mut(&mut memory).unwrap();
    connection.send_ping(ControlPayload::EMPTY).unwrap();
    assert_eq!(connection.abandon(), Ended::TimedOut);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), Some(Ended::TimedOut));
    assert!(!socket.wants_turn() && script.state().aborted);
}

#[test]
fn a_turn_that_is_forgotten_mixes_nothing() {
    let reports = Reports::new();
    for text in ["secret", &"secret ".repeat(100_000)] {
        let frames = wire(true, [Frame::text(text), Frame::text("more").more()]);
        let one = Script::new([REQUEST, &frames].concat(), End::Stall);
        let other = Script::new([REQUEST, &wire(true, [Frame::text("mine")])].concat(), End::Stall);
        let (mut one, mut memory) = opened(&one, &reports);
        let (mut other, _) = opened(&other, &reports);
        let mut turn = one.turn(&mut memory, second(0));
        assert!(turn.next().unwrap().is_some());
        std::mem::forget(turn);
        let mut turn = other.turn(&mut memory, second(0));
        assert!(matches!(turn.next(), Ok(Some((_, Event::Text("mine"))))));
        assert!(matches!(turn.next(), Ok(None)));
        drop(turn);
        assert_eq!(other.settle(&mut memory, second(0)).unwrap(), None);
        // What it had read is lost.
        assert!(matches!(one.turn(&mut memory, second(0)).next(), Ok(None)));
        assert_eq!(one.settle(&mut memory, second(0)).unwrap(), Some(Ended::TimedOut));
        let (_, rx, connection) = one.into_parts();
        assert_eq!(connection.unwrap().send_text("late"), Err(SendError::Closed));
        assert!(rx.is_empty());
    }
}

#[test]
fn the_parts_of_a_forgotten_turn_have_ended() {
    let reports = Reports::new();
    let frames = wire(true, [Frame::text("half of a message").more()]);
    let script = Script::new([REQUEST, &frames].concat(), End::Stall);
    let (mut socket, mut memory) = opened(&script, &reports);
    std::mem::forget(socket.turn(&mut memory, second(0)));
    let (_, rx, connection) = socket.into_parts();
    assert_eq!(connection.unwrap().send_text("late"), Err(SendError::Closed));
    assert!(rx.is_empty());
}

#[test]
fn what_waits_for_a_peer_that_was_reset_is_not_waited_for() {
    let reports = Reports::new();
    let script = Script::new(REQUEST, End::Reset).faults(|n, call| {
        (n > 1 && call == Call::Write).then_some(Fault::Error(ErrorKind::WouldBlock))
    });
    let (mut socket, mut memory) = opened(&script, &reports);
    socket.settle(&mut memory, second(0)).unwrap();
    socket.connection_mut(&mut memory).unwrap().send_binary(&[7; 600_000]).unwrap();
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    let mut turn = socket.turn(&mut memory, second(0));
    assert!(matches!(turn.next(), Ok(None)));
    drop(turn);
    let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), Some(eof));
}

#[test]
fn a_look_is_a_turn_that_reads_all() {
    let reports = Reports::new();
    let script = Script::new(REQUEST, End::Stall);
    let timeouts = Timeouts::NONE.idle(Some(Duration::from_secs(10)));
    let mut socket = WebSocket::server(script.clone(), &Limits::default(), timeouts, second(0));
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert!(socket.turn(&mut memory, second(0)).accept(accept).unwrap());
    socket.settle(&mut memory, second(0)).unwrap();
    script.state().push(&wire(true, [Frame::pong("a"), Frame::pong("b"), Frame::text("c")]));
    assert_eq!(socket.handle_timeout(second(60)), None);
    // Left early: the message comes later.
    assert!(socket.turn(&mut memory, second(60)).next().unwrap().is_some());
    assert_eq!(socket.handle_timeout(second(60)), None);
    assert!(socket.wants_turn());
    let mut turn = socket.turn(&mut memory, second(60));
    assert!(matches!(turn.next(), Ok(Some((_, Event::Pong(b"b"))))));
    assert!(matches!(turn.next(), Ok(Some((_, Event::Text("c"))))));
    drop(turn);
    assert_eq!(socket.handle_timeout(second(60)), None);
    assert_eq!(socket.poll_timeout(), Some(second(70)));
}

#[test]
fn errors_say_everything_once() {
    let error = Error::Protocol(ProtocolError::UnmaskedFrame);
    assert_eq!(error.to_string(), "the peer broke the protocol: unmasked frame from a client");
    assert!(std::error::Error::source(&error).is_none());
}

/// Reads of Unix sockets stop at descriptors that were sent along, so a short one proves nothing.
#[cfg(unix)]
#[test]
fn short_reads_of_unix_sockets_are_not_trusted() {
    const { assert!(!<mio::net::UnixStream as Stream>::SHORT_READ_DRAINS) };
}

/// The peer may have sent something before.
#[test]
fn a_ping_that_is_due_behind_a_write_that_failed_aborts_nothing() {
    let reports = Reports::new();
    let script = Script::new(REQUEST, End::Stall).faults(|n, call| {
        (n > 1 && call == Call::Write).then_some(Fault::Error(ErrorKind::BrokenPipe))
    });
    let (mut socket, mut memory) = opened(&script, &reports);
    socket.connection_mut(&mut memory).unwrap().send_text("nobody reads it").unwrap();
    assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), None);
    let at = socket.poll_timeout().unwrap();
    assert_eq!(socket.handle_timeout(at), Some(Due::Ping));
    assert!(!script.state().aborted);
}
