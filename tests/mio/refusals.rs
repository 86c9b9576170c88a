//! Refusals: head, body and stream reach the client.

use super::*;
use sansio_ws::handshake::ReceivedResponse;

const HEAD: &str = "HTTP/1.1 401 Unauthorized\r\nX-Why: x\r\n";

/// Gives the socket turns until it tells of a refusal.
fn refusal(
    socket: &mut WebSocket<Script>,
    memory: &mut Memory,
    script: &Script,
    reports: &Reports,
) -> ReceivedResponse {
    let mut now = second(0);
    socket.ready(&reports.both);
    for _ in 0..1000 {
        assert_eq!(socket.settle(memory, now).unwrap(), None, "it has not been told");
        let opened = socket.turn(memory, now).connect(|_| panic!("it is open"));
        match opened {
            Err(Error::Refused(response)) => return *response,
            opened => assert!(!opened.unwrap()),
        }
        if std::mem::take(&mut script.state().read_blocked) && !script.state().is_stalled() {
            socket.ready(&reports.both);
        }
        if !socket.wants_turn() {
            now = socket.poll_timeout().expect("a stall is bounded");
            assert_eq!(now, second(10), "opening");
            let due = socket.handle_timeout(now);
            assert!(due.is_none_or(|due| due == Due::Opening));
            assert!(socket.wants_turn());
        }
    }
    panic!("no refusal");
}

#[test]
fn a_body_comes_by_its_framing() {
    let reports = Reports::new();
    for (lines, sent, end, body, is_cut, unread) in [
        ("Content-Length: 4\r\n", "nonebehind", End::Stall, "none", false, "behind"),
        ("Content-Length: 0\r\n", "", End::Stall, "", false, ""),
        ("Content-Length: 4\r\n", "non", End::Stall, "non", true, ""),
        ("Content-Length: 4\r\n", "non", End::Eof, "non", true, ""),
        ("Transfer-Encoding: chunked\r\n", "2\r\nno\r\n0\r\n\r\nb", End::Stall, "no", false, "b"),
        ("Transfer-Encoding: chunked\r\n", "2\r\nno\r\n", End::Eof, "no", true, ""),
        ("", "none", End::Eof, "none", false, ""),
        ("", "none", End::Stall, "none", true, ""),
        ("", "none", End::Cut, "none", true, ""),
        ("Content-Length: 5\r\n", "none", End::Reset, "none", true, ""),
    ] {
        for is_slow in [true, false] {
            let answer = format!("{HEAD}{lines}\r\n{sent}");
            let few = move |_, call| (is_slow && call == Call::Read).then_some(Fault::Short);
            let script = Script::new(answer.as_bytes(), end).faults(few);
            let mut memory = Memory::new();
            let mut socket = client(script.clone());
            let response = refusal(&mut socket, &mut memory, &script, &reports);
            let label = format!("{lines:?} {sent:?} {is_slow}");
            assert_eq!(std::str::from_utf8(&response.body), Ok(body), "{label}");
            assert_eq!((response.status, response.is_cut), (401, is_cut), "{label}");
            assert_eq!(response.header("x-why"), Some("x"));
            assert!(socket.connection().is_none());
            let (_, rx, connection) = socket.into_parts();
            assert!(connection.is_none());
            // What has not been read is still in the stream.
            assert!(unread.as_bytes().starts_with(rx.unread()), "{label}");
            assert!(is_slow || rx.unread() == unread.as_bytes(), "{label}");
        }
    }
}

#[test]
fn a_refused_socket_ends() {
    let reports = Reports::new();
    let answer = format!("{HEAD}Content-Length: 2\r\n\r\nno");
    for end in [End::Eof, End::Stall] {
        let script = Script::new(answer.as_bytes(), end);
        let mut memory = Memory::new();
        let mut socket = client(script.clone());
        refusal(&mut socket, &mut memory, &script, &reports);
        let mut now = second(0);
        let ended = loop {
            if let Some(ended) = socket.settle(&mut memory, now).unwrap() {
                break ended;
            }
            if socket.wants_turn() {
                assert!(!socket.turn(&mut memory, now).connect(|_| {}).unwrap(), "told once");
            } else {
                now = socket.poll_timeout().expect("the end is bounded");
                socket.handle_timeout(now);
            }
        };
        assert!(script.state().shut_down);
        assert_eq!(ended == Ended::TimedOut, end == End::Stall, "{ended}");
    }
}

#[test]
fn the_head_of_an_opening_is_handed_out() {
    let reports = Reports::new();
    let (stream, mut peer) = tcp();
    let mut memory = Memory::new();
    let mut socket = client(stream);
    socket.ready(&reports.both);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    let mut request = [0; 1024];
    let n = peer.read(&mut request).unwrap();
    let mut rx = sansio_ws::RecvBuffer::new();
    rx.extend_from_slice(&request[..n]);
    let mut server = sansio_ws::handshake::ServerHandshake::new(&Limits::default());
    let request = server.receive(&mut rx).unwrap().unwrap();
    let mut connection = accept(&request).unwrap();
    connection.outgoing().write_to(&mut peer).unwrap();
    let mut seen = vec![];
    let open = |socket: &mut WebSocket<_>, memory: &mut Memory, seen: &mut Vec<u16>| {
        socket.turn(memory, second(0)).connect(|head| seen.push(head.status())).unwrap()
    };
    while !open(&mut socket, &mut memory, &mut seen) {
        thread::yield_now();
        socket.ready(&reports.both);
    }
    assert!(open(&mut socket, &mut memory, &mut seen));
    assert_eq!(seen, [101], "once");
}

#[test]
fn a_connection_from_elsewhere_goes_on() {
    let reports = Reports::new();
    let script = Script::new(&wire(true, [Frame::text("b")])[..], End::Eof);
    let connection = Connection::new(sansio_ws::Role::Server, Config::default());
    let mut rx = sansio_ws::RecvBuffer::new();
    rx.extend_from_slice(&wire(true, [Frame::text("a")]));
    let timeouts = Timeouts::default();
    let mut socket = WebSocket::from_parts(script.clone(), rx, connection, timeouts, second(5));
    assert!(socket.wants_turn(), "what was read before is handed out without being asked");
    assert_eq!(socket.poll_timeout(), Some(second(25)), "a ping, and no opening");
    let mut memory = Memory::new();
    let mut seen = vec![];
    for _ in 0..2 {
        let mut turn = socket.turn(&mut memory, second(5));
        assert!(turn.accept(|_| panic!("it is open")).unwrap());
        while let Some((mut reply, event)) = turn.next().unwrap() {
            answer(&mut reply, event, &mut seen);
        }
        drop(turn);
        socket.settle(&mut memory, second(5)).unwrap();
        socket.ready(&reports.both);
    }
    assert_eq!(seen, [Seen::Text("a".into()), Seen::Text("b".into())]);
}
