//! What connections that compress hold, and what their messages allocate in the long run: nothing.

use crate::heap::{Heap, allocations};
use crate::support::deflate::{HELLO, TAKEOVER, agreed, agreement, deflate, fragments, text};
use crate::support::frame::{Frame, wire};
use crate::support::{SIDES, client, drain, server};
use crate::{noise, read, write};
use sansio_ws::deflate::Deflate;
use sansio_ws::{Config, Connection, Event, MessageKind, PreparedMessage, RecvBuffer, Role};
use std::sync::Arc;

fn make(deflate: &Deflate, side: fn() -> Connection) -> Connection {
    agreed(Config::default(), deflate.clone(), side)()
}

#[test]
fn messages_there_and_back_allocate_nothing_in_steady_state() {
    let text = "to be, or not to be, that is to be seen; ".repeat(60);
    let noise = noise(1500);
    for takeover in TAKEOVER {
        for (from, to) in [(SIDES[0], SIDES[1]), (SIDES[1], SIDES[0])] {
            let deflate = deflate(takeover);
            let (mut sender, mut receiver) = (make(&deflate, from), make(&deflate, to));
            let prepared = PreparedMessage::text(&text).encoded(&deflate);
            let mut rx = RecvBuffer::new();
            let mut bytes = Vec::with_capacity(100_000);
            let mut turn = || {
                // Whole, in fragments, incompressible, plain, prepared.
                sender.send_text(&text).unwrap();
                for piece in text.as_bytes().chunks(500) {
                    sender.send_fragment(MessageKind::Text, piece, false).unwrap();
                }
                sender.send_fragment(MessageKind::Text, b"", true).unwrap();
                sender.send_binary(&noise).unwrap();
                sender.use_extension(false);
                sender.send_text(&text).unwrap();
                sender.use_extension(true);
                sender.send_prepared(&prepared).unwrap();
                bytes.clear();
                drain(&mut sender, usize::MAX, &mut bytes);
                read(&mut rx, &bytes);
                let mut messages = 0;
                while let Some(event) = receiver.next_event(&mut rx).unwrap() {
                    match event {
                        Event::Text(text) => receiver.send_text(text).unwrap(),
                        Event::Binary(bytes) => receiver.send_binary(bytes).unwrap(),
                        event => panic!("{event:?}"),
                    }
                    messages += 1;
                }
                assert_eq!(messages, 5);
                write(&mut receiver);
            };
            (0..5).for_each(|_| turn());
            let made = allocations(|| (0..100).for_each(|_| turn()));
            assert_eq!(made, 0, "takeover: {takeover}");
        }
    }
}

/// Without context takeover, connections use the same states in turn.
#[test]
fn connections_share_what_they_use_in_turn() {
    let deflate = deflate(false);
    let message = "to be, or not to be, that is to be seen; ".repeat(60);
    let mut bytes = vec![];
    let mut sender = make(&deflate, client);
    sender.send_text(&message).unwrap();
    drain(&mut sender, usize::MAX, &mut bytes);
    let mut rx = RecvBuffer::new();
    let mut turn = |connection: &mut Connection| {
        connection.send_text(&message).unwrap();
        write(connection);
        read(&mut rx, &bytes);
        assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Text(&message))));
    };
    let mut all: Vec<_> = (0..100).map(|_| make(&deflate, server)).collect();
    turn(&mut all[0]);
    let heap = Heap::now();
    all.iter_mut().for_each(&mut turn);
    // Each has its own queue.
    assert!(heap.growth() <= 100 * 6000, "{} bytes", heap.growth());
}

/// What a connection that has agreed on compression and is idle takes more than another.
#[test]
fn an_idle_connection_holds_little_more_than_an_uncompressed_one() {
    const CONNECTIONS: usize = 10_000;
    for takeover in TAKEOVER {
        let deflate = deflate(takeover);
        let config = Arc::new(Config::default().extension(deflate.clone()));
        let mut all = Vec::with_capacity(CONNECTIONS);
        let heap = Heap::now();
        all.extend((0..CONNECTIONS).map(|_| {
            let connection = Connection::new(Role::Server, Arc::clone(&config));
            connection.with_agreement(agreement(&deflate, true))
        }));
        let each = heap.growth() / CONNECTIONS;
        println!("{each} bytes each, takeover: {takeover}");
        assert!(each <= 256, "{each} bytes each");
        drop(all);
        assert_eq!(heap.growth(), 0);
    }
}

/// A message under way keeps a state for its time, and gives it back.
#[test]
fn without_takeover_nothing_is_kept_between_messages() {
    let deflate = deflate(false);
    for side in SIDES {
        let mut connection = make(&deflate, side);
        let to_server = connection.is_server();
        let mut rx = RecvBuffer::new();
        let mut turn = |connection: &mut Connection| {
            let [first, last] = &fragments(text(HELLO), &[3])[..] else { panic!("two") };
            for frame in [first, &Frame::ping(""), last] {
                read(&mut rx, &wire(to_server, [frame.clone()]));
                connection.next_event(&mut rx).unwrap();
                write(connection);
            }
        };
        turn(&mut connection);
        let heap = Heap::now();
        // One state serves all of these.
        let mut others = [0; 3].map(|_| make(&deflate, side));
        others.iter_mut().for_each(&mut turn);
        // Queues and agreements.
        assert!(heap.growth() <= 3 * 6000, "{} bytes", heap.growth());
    }
}
