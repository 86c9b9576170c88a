//! Clients that mean no good: what they cost is bounded, and the others are served.

use super::*;

/// A good client is served at this moment.
#[track_caller]
fn assert_serves(server: &Running) {
    let mut client = server.connect();
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read().assert(Status::OK, "<p>hello");
}

#[test]
fn who_does_not_read_is_not_read_from() {
    let server = start(config());
    let mut socket = server.websocket("");
    assert_eq!([text(&mut socket), text(&mut socket)][1], "4welcome");
    let Seen::Opened(session) = server.next() else { panic!() };
    let message = |number: u32| format!("4{number:04}{}", "x".repeat(900_000));
    let (mut reader, writer) = socket.split().unwrap();
    let sender = thread::spawn(move || {
        for number in 0..40 {
            writer.send_text(&message(number)).unwrap();
        }
        writer
    });
    assert_serves(&server);
    for number in 0..40 {
        let Ok(Some(Event::Text(text))) = reader.read() else { panic!("message {number}") };
        assert!(text == message(number), "{number}: {}", &text[..5]);
    }
    drop((reader, sender.join().unwrap()));
    let Seen::Closed(closed, _) = server.next() else { panic!("something was not sent") };
    assert_eq!(closed, session);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_post_waits_while_its_client_does_not_poll() {
    // Room for ten packets: half of them stop the POST.
    let server = start(config().max_queued_packets(10));
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    let body: Vec<_> = (0..1000).map(|number| format!("4{number}")).collect();
    client.post(&id, &body.join("\u{1e}"));
    assert_serves(&server);
    let mut poller = server.connect();
    let mut heard = vec![];
    while heard.len() < 1000 {
        poller.poll(&id);
        let received = poller.read().body();
        heard.extend(received.split('\u{1e}').map(String::from));
    }
    assert!(heard == body, "each once, and in order");
    client.read().assert(Status::OK, "ok");
    // The same if the POST comes when too much waits already: its body is not even read.
    let fill = Command::FillWithAnswers(session, PreparedPacket::text("full"));
    assert!(server.handle.send(fill).is_ok());
    assert_eq!(server.next(), Seen::NotSent(session, SendError::Full));
    client.post(&id, "4behind");
    assert_serves(&server);
    poller.poll(&id);
    assert_eq!(
        poller.read().body().split('\u{1e}').filter(|packet| *packet == "4full").count(),
        10
    );
    assert_eq!(server.next(), Seen::Drained(session));
    client.read().assert(Status::OK, "ok");
    poller.poll(&id);
    poller.read().assert(Status::OK, "4behind");
    assert_eq!(server.end(), 0);
}

/// It may be waiting for that before it reads, its pong may be among it, and its last words.
#[test]
fn who_does_not_take_what_all_are_told_is_heard() {
    let server = start(config());
    let mut socket = server.websocket("");
    assert_eq!([text(&mut socket), text(&mut socket)][1], "4welcome");
    let Seen::Opened(session) = server.next() else { panic!() };
    let long = PreparedPacket::text(&"x".repeat(100_000));
    let fill = || assert!(server.handle.send(Command::Fill(session, long.clone())).is_ok());
    // Until the buffers of both ends are full as well.
    let mut rounds = 0;
    while rounds < 3 {
        fill();
        match server.next() {
            Seen::NotSent(..) => rounds += 1,
            Seen::Drained(_) => rounds = 0,
            other => panic!("{other:?}"),
        }
    }
    socket.send_text("4bye").unwrap();
    let seen = std::iter::repeat_with(|| server.next());
    let mut seen = seen.skip_while(|seen| matches!(seen, Seen::NotSent(..) | Seen::Drained(_)));
    assert_eq!(seen.next(), Some(Seen::Closed(session, CloseReason::ForcedClose)));
    drop(socket);
    // The same by polling: its POST is read.
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    assert!(server.handle.send(Command::Fill(session, long.clone())).is_ok());
    assert_eq!(server.next(), Seen::NotSent(session, SendError::Full));
    client.post(&id, "4bye");
    client.read().assert(Status::OK, "ok");
    assert_eq!(server.next(), Seen::Closed(session, CloseReason::ForcedClose));
    client.poll(&id);
    assert!(client.read().body().contains("xxx"), "nothing that was taken is lost");
    drop(client);
    server.handle.shut_down();
    server.thread.join().unwrap();
}

#[test]
fn slow_requests_are_given_up() {
    let far = Duration::from_secs(3600);
    let soon = Duration::from_millis(50);
    let server = start_with(Settings::new(config()).idle(far).write(far).request(soon));
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    client.begin_post(&id, 100);
    client.write(b"4slow");
    assert!(client.is_at_end());
    assert_eq!(server.next(), Seen::Closed(session, CloseReason::TransportError));
    let mut client = server.connect();
    client.write(b"GET / HT");
    assert!(client.is_at_end());
    assert_serves(&server);
    assert_eq!(server.end(), 0);

    let server = start_with(Settings::new(config()).idle(soon).write(far).request(far));
    assert!(server.connect().is_at_end(), "a connection without a request");
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    client.poll(&id);
    // A GET that is held is no idle connection.
    assert!(server.connect().is_at_end());
    server.send(session, "x");
    client.read().assert(Status::OK, "4x");
    assert!(client.is_at_end());
    assert_eq!(server.end(), 0);
}

#[test]
fn who_takes_no_response_is_given_up() {
    let far = Duration::from_secs(3600);
    let settings = Settings::new(config().max_queued_bytes(usize::MAX).max_payload(1 << 30))
        .idle(far)
        .request(far)
        .write(Duration::from_millis(200));
    let server = start_with(settings);
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    // More than the buffers of both ends hold.
    let long = PreparedPacket::binary(&vec![0; 64 << 20]);
    assert!(server.handle.send(Command::Send(session, long)).is_ok());
    client.poll(&id);
    // Nothing is read here, so the end shows only in what is written: blank lines, which no request begins with.
    let is_gone = |_: &u32| {
        thread::sleep(Duration::from_millis(10));
        client.stream.write_all(b"\r\n").is_err()
    };
    assert!((0..60_000).find(is_gone).is_some(), "it is still there");
    // Others have been served meanwhile, and are now.
    let mut other = server.connect();
    let (_, second) = server.open(&mut other);
    assert_ne!(second, session);
    assert_serves(&server);
    assert_eq!(server.end(), 0);
}

#[test]
fn abandoned_sessions_leave_nothing_behind() {
    let config = config()
        .ping_interval(Duration::from_millis(100))
        .ping_timeout(Duration::from_millis(100))
        .max_sessions(500);
    let server = start(config);
    let (mut opened, mut closed, mut refused) = (0, 0, 0);
    for _ in 0..1000 {
        let mut client = server.connect();
        client.get("transport=polling");
        let received = client.read();
        match received.status() {
            200 => opened += 1,
            _ => {
                received
                    .assert(Status::FORBIDDEN, "{\"code\":4,\"message\":\"too many sessions\"}");
                refused += 1;
            }
        }
    }
    assert_eq!(opened + refused, 1000);
    while closed < opened {
        match server.next() {
            Seen::Opened(_) => {}
            Seen::Closed(_, CloseReason::PingTimeout) => closed += 1,
            other => panic!("{other:?}"),
        }
    }
    // There is room again.
    server.open(&mut server.connect());
    assert_eq!(server.end(), 0);
}

#[test]
fn sessions_are_counted_by_address() {
    let server = start(config().max_sessions_per_address(2));
    let status = |headers: &str| {
        let mut client = server.connect();
        client.get_with("transport=polling", headers);
        client.read().status()
    };
    let far_away = "X-Forwarded-For: 192.0.2.1\r\n";
    assert_eq!([status(""), status(""), status("")], [200, 200, 403]);
    assert_eq!([status(far_away), status(far_away), status(far_away)], [200, 200, 403]);
    assert_eq!(status("X-Forwarded-For: 192.0.2.2\r\n"), 200);
    assert_eq!(server.end(), 0);
}

#[test]
fn requests_that_can_be_read_in_two_ways_end_the_connection() {
    let server = start(config());
    // All are open before the first one breaks, since a bad body ends its session.
    let opened = core::array::from_fn::<_, 5, _>(|_| {
        let mut client = server.connect();
        let (id, _) = server.open(&mut client);
        (client, id)
    });
    let lines = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\n4hello",
        "Content-Length: -5\r\n\r\n4hello",
        "Transfer-Encoding: chunked\r\n\r\n-5\r\n4hello",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ];
    for ((mut client, id), lines) in opened.into_iter().zip(lines) {
        let head = format!("POST /engine.io/?EIO=4&transport=polling&sid={id} HTTP/1.1");
        client.write(format!("{head}\r\nHost: a\r\n{lines}").as_bytes());
        let status = client.read().status();
        assert!(matches!(status, 400 | 501), "{status} for {lines:?}");
        assert!(client.is_at_end(), "{lines:?}");
    }
    assert_serves(&server);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_body_may_come_in_any_pieces() {
    let server = start(config());
    let mut client = server.connect();
    let (id, _) = server.open(&mut client);
    let head = format!(
        "POST /engine.io/?EIO=4&transport=polling&sid={id} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let body = "4;a=b\r\n4héé\r\n2\r\n\u{1e}".to_owned() + "4\r\n0\r\n\r\n";
    let body = body.replace("4héé", "4h\u{e9}");
    for cut in 0..body.len() {
        client.write(head.as_bytes());
        let (first, second) = body.as_bytes().split_at(cut);
        client.write(first);
        client.write(second);
        client.read().assert(Status::OK, "ok");
        client.poll(&id);
        client.read().assert(Status::OK, "4h\u{e9}\u{1e}4");
    }
    assert_eq!(server.end(), 0);
}

/// What waits for it goes on as soon as it reads, though nothing else happens.
#[test]
fn who_reads_again_gets_all_that_waits() {
    let server = start(config().max_queued_bytes(64 << 20));
    let mut socket = server.websocket("");
    assert_eq!([text(&mut socket), text(&mut socket)][1], "4welcome");
    let Seen::Opened(session) = server.next() else { panic!() };
    // More than the buffers of both ends hold.
    let message = |number: u32| format!("{number:04}{}", "x".repeat(64 << 10));
    for number in 0..200 {
        server.send(session, &message(number));
    }
    // All of it has been queued when this comes.
    let mut other = server.websocket("");
    assert_eq!([text(&mut other), text(&mut other)][1], "4welcome");
    for number in 0..200 {
        assert!(text(&mut socket) == format!("4{}", message(number)), "message {number}");
    }
    drop((socket, other));
    assert_eq!(server.end(), 0);
}
