//! Closing, over TCP.

use super::*;

#[test]
fn both_roles_close() {
    bounded(|| {
        for server_first in [true, false] {
            let (server, client) = open();
            let (mut one, mut other) =
                if server_first { (server, client) } else { (client, server) };
            for i in 0..10 {
                other.send_text(&format!("on its way {i}")).unwrap();
            }
            let other = thread::spawn(move || {
                let event = other.read().unwrap();
                assert_eq!(event.and_then(Seen::of), Some(Seen::close(1000, "done")));
                assert_eq!(other.read().unwrap(), None);
                other.ended()
            });
            let ended = one.close(CloseCode::NORMAL, "done").unwrap();
            assert_eq!(ended, Ended::Clean { code: Some(CloseCode::NORMAL) });
            assert_eq!(other.join().unwrap(), Some(ended));
            assert_eq!(one.close(CloseCode::NORMAL, "again").unwrap(), ended);
        }
    });
}

#[test]
fn messages_on_their_way_arrive_after_start_close() {
    bounded(|| {
        let (mut server, mut client) = open();
        client.send_text("on its way").unwrap();
        server.start_close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(server.read().unwrap(), Some(Event::Text("on its way")));
        assert!(matches!(server.send_text("no"), Err(Error::Send(SendError::Closed))));
        let client =
            thread::spawn(move || client.close(CloseCode::GOING_AWAY, "both at once").unwrap());
        assert!(matches!(server.read().unwrap(), Some(Event::Close(_))));
        assert_eq!(server.read().unwrap(), None);
        assert_eq!(server.ended().map(Ended::code), Some(1001));
        assert_eq!(client.join().unwrap().code(), 1000);
    });
}

#[test]
fn f26_a_half_closed_peer_gets_the_reply() {
    bounded(|| {
        let frames = wire(true, [Frame::text("last"), Frame::close(1000, "")]);
        for (frames, reply) in [
            (&frames[..], vec![Frame::text("last"), Frame::close(1000, "")]),
            (&wire(true, [Frame::text("last")])[..], vec![Frame::text("last")]),
        ] {
            let (server, mut client) = tcp();
            client.write_all(&[REQUEST, frames].concat()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let server = thread::spawn(move || {
                let mut server =
                    WebSocket::accept_with(server, &Limits::default(), FAR, accept).unwrap();
                let mut events = vec![];
                while let Some((connection, event)) = server.next().unwrap() {
                    echo(connection, event, &mut events);
                }
                server.ended()
            });
            let mut answer = vec![];
            client.read_to_end(&mut answer).expect("an end, not a reset");
            assert_eq!(frame::parse(&answer[RESPONSE.len()..]), reply);
            let ended = server.join().unwrap().unwrap();
            assert_eq!(ended.is_clean(), reply.len() == 2);
        }
    });
}

#[test]
fn a_peer_that_closes_and_is_gone_ended_clean() {
    bounded(|| {
        for _ in 0..20 {
            let (mut server, client) = open();
            // Unread input makes the stack of the client answer with a reset.
            server.send_text("never read").unwrap();
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
            drop(stream);
            thread::sleep(Duration::from_millis(5));
            while server.read().unwrap().is_some() {}
            assert_eq!(server.ended(), Some(Ended::Clean { code: Some(CloseCode::NORMAL) }));
        }
    });
}

#[test]
fn f7_messages_in_front_of_a_reset_arrive_over_tcp() {
    bounded(|| {
        for close in [true, false] {
            let (mut server, client) = open();
            server.send_text("never read").unwrap();
            let mut stream = client.into_parts().stream;
            let mut frames: Vec<_> = (0..500).map(|i| Frame::text(format!("{i}"))).collect();
            frames.extend(close.then(|| Frame::close(1000, "")));
            stream.write_all(&wire(true, frames)).unwrap();
            drop(stream);
            thread::sleep(Duration::from_millis(20));
            let mut events = vec![];
            let end = loop {
                match server.next() {
                    Ok(Some((connection, event))) => {
                        connection.send_binary(&[0; 100]).unwrap_or_default();
                        events.extend(Seen::of(event));
                    }
                    Ok(None) => break server.ended(),
                    Err(Error::Io(_)) => break None,
                    Err(error) => panic!("{error}"),
                }
            };
            assert_eq!(events.len(), 500 + usize::from(close));
            assert_eq!(end.is_some_and(Ended::is_clean), close);
        }
    });
}

#[test]
fn f27_dropping_does_not_block() {
    bounded(|| {
        let (mut server, mut client) = open();
        server.connection().send_text("queued").unwrap();
        drop(server);
        assert_eq!(client.read().unwrap(), None);
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(client.ended(), Some(ended));
    });
}
