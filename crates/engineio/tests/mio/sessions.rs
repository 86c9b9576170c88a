//! Sessions over real connections.

use super::*;

#[test]
fn a_session_over_websocket() {
    let server = start(config());
    let mut socket = server.websocket("");
    let open = text(&mut socket);
    assert!(open.starts_with("0{") && open.contains("\"upgrades\":[]"), "{open}");
    assert_eq!(text(&mut socket), "4welcome");
    let Seen::Opened(session) = server.next() else { panic!() };
    socket.send_text("4hello").unwrap();
    assert_eq!(text(&mut socket), "4hello");
    socket.send_binary(&[1, 2, 3]).unwrap();
    assert_eq!(socket.read().unwrap(), Some(Event::Binary(&[1, 2, 3])));
    socket.send_text("bAQID").unwrap();
    assert_eq!(socket.read().unwrap(), Some(Event::Binary(&[1, 2, 3])));
    socket.send_text("4bye").unwrap();
    let Ok(Some(Event::Close(_))) = socket.read() else { panic!() };
    assert_eq!(server.next(), Seen::Closed(session, CloseReason::ForcedClose));
    drop(socket);
    assert_eq!(server.end(), 0);
}

#[test]
fn an_upgrade_moves_what_waits() {
    let server = start(config());
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    client.poll(&id);
    let mut socket = server.websocket(&format!("&sid={id}"));
    socket.send_text("2probe").unwrap();
    assert_eq!(text(&mut socket), "3probe");
    client.read().assert(Status::OK, "6");
    for number in ["1", "2", "3"] {
        server.send(session, number);
    }
    // What stands behind the 5 in the same write is the session's.
    for packet in ["5", "4four", "4five"] {
        socket.send_text(packet).unwrap();
    }
    let heard: Vec<_> = (0..5).map(|_| text(&mut socket)).collect();
    assert_eq!(heard, ["41", "42", "43", "4four", "4five"]);
    assert_eq!(server.next(), Seen::Upgraded(session));
    client.poll(&id);
    client.read().assert(Status::BAD_REQUEST, "{\"code\":3,\"message\":\"Bad request\"}");
    drop(socket);
    let Seen::Closed(closed, _) = server.next() else { panic!() };
    assert_eq!(closed, session);
    client.poll(&id);
    client.read().assert(Status::BAD_REQUEST, "{\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_eq!(server.end(), 0);
}

/// A bad packet ends the session, but not what was said before it.
#[test]
fn what_was_queued_before_a_fault_still_goes_out() {
    let server = start(config());
    let mut socket = server.websocket("");
    for packet in ["4a", "4b", "9", "4c"] {
        socket.send_text(packet).unwrap();
    }
    let heard: Vec<_> = (0..4).map(|_| text(&mut socket)).skip(1).collect();
    assert_eq!(heard, ["4welcome", "4a", "4b"]);
    let Ok(Some(Event::Close(_))) = socket.read() else { panic!() };
    drop(socket);
    assert_eq!(server.end(), 0);
}

#[test]
fn who_goes_while_a_request_waits_has_left() {
    let server = start(config());
    for is_half in [false, true] {
        let mut client = server.connect();
        let (id, session) = server.open(&mut client);
        client.poll(&id);
        if is_half {
            client.stream.shutdown(std::net::Shutdown::Write).unwrap();
        } else {
            drop(client);
        }
        assert_eq!(server.next(), Seen::Closed(session, CloseReason::TransportError));
    }
    // The same in the middle of a body.
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    client.begin_post(&id, 10);
    client.write(b"4hel");
    drop(client);
    assert_eq!(server.next(), Seen::Closed(session, CloseReason::TransportError));
    // Not between requests.
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    drop(client);
    let mut client = server.connect();
    client.poll(&id);
    server.send(session, "still there");
    client.read().assert(Status::OK, "4still there");
    assert_eq!(server.end(), 0);
}

#[test]
fn heartbeats_come_and_end_a_session_without_them() {
    let config = config().ping_interval(Duration::from_millis(50));
    let server = start(config.clone());
    let mut socket = server.websocket("");
    let mut client = server.connect();
    let heard: Vec<_> = (0..3).map(|_| text(&mut socket)).collect();
    assert_eq!(heard[1..], ["4welcome", "2"]);
    let Seen::Opened(first) = server.next() else { panic!() };
    for _ in 0..3 {
        socket.send_text("3").unwrap();
        assert_eq!(text(&mut socket), "2");
    }
    let (id, _) = server.open(&mut client);
    for _ in 0..3 {
        client.poll(&id);
        client.read().assert(Status::OK, "2");
        client.post(&id, "3");
        client.read().assert(Status::OK, "ok");
    }
    drop(socket);
    let Seen::Closed(closed, _) = server.next() else { panic!() };
    assert_eq!(closed, first);
    assert_eq!(server.end(), 0);

    let server = start(config.ping_timeout(Duration::from_millis(50)));
    let mut socket = server.websocket("");
    let mut client = server.connect();
    client.get("transport=polling");
    client.read();
    let mut closed = 0;
    while closed < 2 {
        match server.next() {
            Seen::Opened(_) => {}
            Seen::Closed(_, CloseReason::PingTimeout) => closed += 1,
            other => panic!("{other:?}"),
        }
    }
    while !matches!(socket.read(), Ok(Some(Event::Close(_)))) {}
    drop(socket);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_shutdown_closes_sessions_in_good_order() {
    let server = start(config());
    let mut polling = server.connect();
    let (id, _) = server.open(&mut polling);
    polling.poll(&id);
    let mut idle = server.connect();
    server.open(&mut idle);
    let mut socket = server.websocket("");
    assert_eq!([text(&mut socket), text(&mut socket)][1], "4welcome");
    let Seen::Opened(_) = server.next() else { panic!() };
    let Running { handle, seen, thread, .. } = server;
    handle.shut_down();
    let received = polling.read();
    assert_eq!(received.header("Connection"), Some("close"));
    received.assert(Status::OK, "1");
    assert!(polling.is_at_end() && idle.is_at_end());
    let Ok(Some(Event::Close(_))) = socket.read() else { panic!() };
    drop((socket, polling, idle));
    assert_eq!(thread.join().unwrap(), 0, "all have closed");
    let reasons: Vec<_> = seen.iter().collect();
    let is_forced = |seen: &Seen| matches!(seen, Seen::Closed(_, CloseReason::ForcedClose));
    assert!(reasons.len() == 2 && reasons.iter().all(is_forced), "{reasons:?}");
}
