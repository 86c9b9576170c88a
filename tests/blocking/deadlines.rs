//! Deadlines, over TCP.

use super::*;

#[test]
fn f9_opening_is_bounded_in_all() {
    bounded(|| {
        let timeouts = Timeouts::DEFAULT.opening(ms(150));
        // One byte at a time, for ever: each read succeeds.
        let (server, mut client) = tcp();
        let slow = thread::spawn(move || {
            for byte in REQUEST.iter().cycle() {
                if client.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let opened = takes(150, || {
            WebSocket::accept(server, OriginPolicy::SameHost, Config::DEFAULT, timeouts)
        });
        assert!(matches!(opened, Err(Error::Unopened)));
        slow.join().unwrap();

        // A server that says nothing; and a client that does not go after a page.
        let (server, client) = tcp();
        let opened =
            takes(150, || WebSocket::connect(client, &request(), Config::DEFAULT, timeouts));
        assert!(matches!(opened, Err(Error::Unopened)));
        drop(server);
        let (server, mut client) = tcp();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let opened = takes(150, || {
            WebSocket::accept(server, OriginPolicy::SameHost, Config::DEFAULT, timeouts)
        });
        assert!(matches!(opened, Err(Error::Responded(426))));
    });
}

#[test]
fn f1_a_silent_peer_is_pinged_and_given_up() {
    bounded(|| {
        let timeouts = Timeouts::NONE.keep_alive(ms(100)).pong(ms(100));
        let (mut server, mut client) = open_with(Config::DEFAULT, timeouts);
        takes(200, || assert_eq!(server.read().unwrap(), None));
        assert_eq!(server.ended(), Some(Ended::TimedOut));
        assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
        assert_eq!(client.read().unwrap(), Some(Event::Ping(b"")));
    });
}

#[test]
fn pings_that_are_answered_keep_it_open() {
    bounded(|| {
        // Pings of the client would be signs of life, and the server would have nothing to ask.
        let timeouts = Timeouts::NONE.keep_alive(ms(50)).pong(ms(5000));
        let (mut server, mut client) = open_each(Config::DEFAULT, timeouts, Timeouts::NONE);
        let client = thread::spawn(move || {
            let mut pings = 0;
            while let Some(event) = client.read().unwrap() {
                pings += usize::from(event == Event::Ping(b""));
            }
            pings
        });
        for _ in 0..4 {
            assert_eq!(server.read().unwrap(), Some(Event::Pong(b"")));
        }
        server.close(CloseCode::NORMAL, "").unwrap();
        assert!(client.join().unwrap() >= 4);
    });
}

#[test]
fn a_ping_without_a_deadline_for_its_answer_is_just_sent() {
    bounded(|| {
        let timeouts = Timeouts::NONE.keep_alive(ms(30));
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::text("late")])).unwrap();
            stream
        });
        assert_eq!(server.read().unwrap(), Some(Event::Text("late")), "no timeout before");
        drop(late.join().unwrap());
    });
}

#[test]
fn an_idle_connection_is_closed_though_its_peer_is_alive() {
    bounded(|| {
        let timeouts = Timeouts::DEFAULT.idle(ms(200)).keep_alive(ms(50));
        let (mut server, mut client) = open_with(Config::DEFAULT, timeouts);
        let client = thread::spawn(move || {
            while client.read().unwrap().is_some() {}
            client.ended()
        });
        takes(200, || while server.read().unwrap().is_some() {});
        let clean = Some(Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
        assert_eq!((server.ended(), client.join().unwrap()), (clean, clean));

        // Pings that the caller sends are no messages either.
        let timeouts = Timeouts::NONE.idle(ms(200)).close(ms(100));
        let script = Script::new([], End::Stall);
        let connection = Connection::new(Role::Server, Config::DEFAULT);
        let parts = Parts { stream: script.clone(), rx: RecvBuffer::new(), connection };
        let mut socket = WebSocket::from_parts(parts, timeouts);
        takes(200, || {
            while socket.send_ping(ControlPayload::EMPTY).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(script.frames().pop(), Some(Frame::close(1001, "idle for too long")));
        let (server, client) = open_with(Config::DEFAULT, timeouts);
        let (reader, writer) = server.split().unwrap();
        let pings = thread::spawn(move || {
            while writer.send_ping(ControlPayload::EMPTY).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let (_, ended) = takes(300, || read_all(reader));
        assert_eq!(ended, Some(Ended::TimedOut));
        pings.join().unwrap();
        drop(client);
    });
}

#[test]
fn f24_closing_is_bounded() {
    bounded(|| {
        let timeouts = Timeouts::NONE.close(ms(150));
        // A peer that does not answer, and one that goes on talking.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(client);

        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let mut stream = client.into_parts().stream;
        let text = wire(true, [Frame::text("and another thing")]).repeat(100);
        let talk = thread::spawn(move || while stream.write_all(&text).is_ok() {});
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(server);
        talk.join().unwrap();

        // One that does not read what is before the Close shows no sign of life.
        let (mut server, client) =
            open_with(Config::DEFAULT, Timeouts::NONE.keep_alive(ms(75)).pong(ms(75)));
        server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(client);

        // What is left to write when the peer has ended its direction, and reads nothing.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        client.stream().shutdown(Shutdown::Write).unwrap();
        server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
        let (events, ended) = takes(150, || read_all(server.split().unwrap().0));
        let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!((events, ended), (vec![], Some(eof)));
        drop(client);

        // After the peer's Close, though the peer does not end the transport.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let mut stream = client.into_parts().stream;
        stream.write_all(&wire(true, [Frame::close(4000, "")])).unwrap();
        takes(150, || while server.read().unwrap().is_some() {});
        assert_eq!(server.ended().map(Ended::code), Some(4000));
    });
}
