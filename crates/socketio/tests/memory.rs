//! What clients cost that say nothing, and that all of it is given back.
//!
//! Run with `cargo test --test memory`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

#[path = "support/driver.rs"]
mod driver;
#[path = "support/heap.rs"]
mod heap;

use driver::{event, ids, sessions};
use heap::Heap;
use sansio_engineio::{CloseReason, Message, PreparedPacket, SendError, Session};
use sansio_socketio::{Config, Event, Recovery, Server, Sessions, Socket, Target};
use sansio_ws::deadlines::Instant;
use std::borrow::Cow;
use std::time::Duration;

const CLIENTS: usize = 10_000;

/// Of the lists of events the machine keeps 64 entries each, of 16 bytes.
const TOLERANCE: usize = 4000;

/// Sessions that take everything, and keep nothing.
struct Nowhere;

impl Sessions for Nowhere {
    fn send(
        &mut self,
        _: Session,
        _: &PreparedPacket,
        _: &[PreparedPacket],
    ) -> Result<(), SendError> {
        Ok(())
    }

    fn answer(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.send(session, header, attachments)
    }

    fn can_send_now(&self, _: Session) -> bool {
        true
    }

    fn has_room(&self, _: Session, _: usize, _: usize) -> bool {
        true
    }

    fn close(&mut self, _: Session) {}
}

fn connect(server: &mut Server, now: Instant, session: Session, packet: &str) -> Socket {
    let event = server.message(now, &mut Nowhere, session, Message::Text(packet));
    let Some(Event::Admit { ticket, .. }) = event else { panic!("{event:?}") };
    server.admit(&mut Nowhere, ticket).expect("it is there")
}

fn end_all(server: &mut Server, now: Instant, sessions: &[Session]) {
    for session in sessions {
        server.closed(now, *session, CloseReason::TransportClose);
    }
}

fn take_events(server: &mut Server) -> usize {
    let mut events = 0;
    while server.poll_event().is_some() {
        events += 1;
    }
    events
}

#[test]
fn a_client_that_is_idle_costs_550_bytes_and_gives_them_back() {
    let sessions = sessions(CLIENTS);
    let heap = Heap::now();
    let mut server = Server::new(Config::default(), ids());
    let empty = heap.growth();
    for session in &sessions {
        server.opened(Instant::default(), *session);
    }
    let bare = (heap.growth() - empty) / CLIENTS;
    for session in &sessions {
        connect(&mut server, Instant::default(), *session, "0");
    }
    let each = (heap.growth() - empty) / CLIENTS;
    println!("{bare} bytes for a client without a namespace, {each} for one that is in one");
    assert!(each <= 550, "{each} bytes");
    assert!(bare <= 250, "{bare} bytes");
    assert_eq!(server.poll_timeout(), None);
    // All at once, and then their events.
    end_all(&mut server, Instant::default(), &sessions);
    assert_eq!(take_events(&mut server), 2 * CLIENTS);
    let rest = heap.growth() - empty;
    assert!(rest <= TOLERANCE, "{rest} bytes");
}

/// Rooms, questions, halves of binary events, clients that wait: all in many namespaces, several times.
#[test]
fn everything_is_given_back() {
    let sessions = sessions(CLIENTS);
    let heap = Heap::now();
    let mut server = Server::new(Config::default(), ids());
    let empty = heap.growth();
    let mut now = Instant::default();
    let question = event("q", ());
    for round in 0..3 {
        let mut tickets = vec![];
        for (at, session) in sessions.iter().enumerate() {
            server.opened(now, *session);
            let socket = connect(&mut server, now, *session, "0");
            let inner = connect(&mut server, now, *session, &format!("0/{},", at % 100));
            for room in 0..5 {
                server.join(inner, &format!("{}", (at + room) % 1000)).unwrap();
                server.join(socket, &format!("{at} {room}")).unwrap();
            }
            server.ask(now, &mut Nowhere, inner, Duration::from_secs(20), &question).unwrap();
            if at % 3 == 0 {
                let message = Message::Text("0/later,");
                let event = server.message(now, &mut Nowhere, *session, message);
                let Some(Event::Admit { ticket, .. }) = event else { panic!("{event:?}") };
                tickets.push(ticket);
            }
            if at % 2 == 0 {
                server.leave(inner, "7");
                let text = Message::Text("52-[\"a\"]");
                assert!(server.message(now, &mut Nowhere, *session, text).is_none());
                let bytes = Message::Binary(Cow::Borrowed(b"half of it"));
                assert!(server.message(now, &mut Nowhere, *session, bytes).is_none());
            } else {
                let text = Message::Text("1");
                assert!(server.message(now, &mut Nowhere, *session, text).is_none());
            }
        }
        server.ask_all(now, &mut Nowhere, &Target::all("/"), Duration::from_secs(60), &question);
        match round {
            // Their time is over, then they end.
            0 => {
                now = now + Duration::from_secs(100);
                server.handle_timeout(now, &mut Nowhere);
                end_all(&mut server, now, &sessions);
            }
            1 => {
                server.close_all(now, &mut Nowhere);
                end_all(&mut server, now, &sessions);
            }
            _ => end_all(&mut server, now, &sessions),
        }
        take_events(&mut server);
        assert_eq!((server.poll_timeout(), server.clients()), (None, 0));
        for ticket in tickets {
            assert_eq!(server.admit(&mut Nowhere, ticket), None);
        }
        let rest = heap.growth() - empty;
        assert!(rest <= TOLERANCE, "{rest} bytes");
    }
}

/// A client that comes and goes all the time leaves nothing behind while its session lives.
#[test]
fn coming_and_going_costs_nothing() {
    let sessions = sessions(1);
    let session = sessions[0];
    let heap = Heap::now();
    let mut server = Server::new(Config::default(), ids());
    server.opened(Instant::default(), session);
    let mut sizes = [0; 3];
    for (round, size) in (0..).zip(&mut sizes) {
        for number in 0..1000 {
            let (join, leave) = (format!("0/{number},"), format!("1/{number},"));
            // In the same moment.
            let now = Instant::new(Duration::from_secs(round));
            let socket = connect(&mut server, now, session, &join);
            let asked = server.ask(now, &mut Nowhere, socket, Duration::MAX, &event("q", ()));
            asked.unwrap();
            assert!(server.message(now, &mut Nowhere, session, Message::Text(&leave)).is_none());
            assert_eq!(take_events(&mut server), 3);
        }
        *size = heap.growth();
    }
    assert_eq!(sizes[0], sizes[2]);
    // The names of those that it has left in this moment, of as many as it could be in.
    assert!(sizes[0] < 10_000, "{} bytes", sizes[0]);
}

/// Clients that are lost, and events for them, of all sizes and in many namespaces: no more is kept than allowed, and
/// nothing when their time is over.
#[test]
fn what_is_kept_for_the_lost_is_bounded_and_given_back() {
    const TIME: Duration = Duration::from_secs(60);
    let sessions = sessions(CLIENTS);
    let heap = Heap::now();
    let recovery = Recovery::default()
        .time(TIME)
        .max_events(500)
        .max_bytes(500_000)
        .max_bytes_of_all(2_000_000)
        .max_sockets(5000)
        .max_socket_bytes(2_000_000);
    let mut server = Server::new(Config::default().recovery(Some(recovery)), ids());
    let empty = heap.growth();
    let mut now = Instant::default();
    for round in 0..3 {
        for session in &sessions {
            server.opened(now, *session);
            connect(&mut server, now, *session, "0");
        }
        if round == 0 {
            let each = (heap.growth() - empty) / CLIENTS;
            println!("{each} bytes for a client that could come back");
            assert!(each <= 700, "{each} bytes");
        }
        for (at, session) in sessions.iter().enumerate() {
            let inner = connect(&mut server, now, *session, &format!("0/{},", at % 100));
            for room in 0..at % 7 {
                server.join(inner, &format!("{at} {room} {}", "r".repeat(at % 100))).unwrap();
            }
            let size = if at % 50 == 0 { 100_000 } else { at % 1000 };
            let target = Target::all(format!("/{}", at % 100)).room("r").except("s");
            let news = event("news", ("x".repeat(size),));
            assert_eq!(server.emit_to(now, &mut Nowhere, &target, &news), []);
            server.emit(now, &mut Nowhere, inner, &news).unwrap();
            server.closed(now, *session, CloseReason::TransportClose);
            take_events(&mut server);
        }
        let kept = heap.growth() - empty;
        println!("{kept} bytes are kept");
        // The two bounds, and a list with places for as many sockets as there were at once.
        assert!(kept <= 4_000_000 + 100 * CLIENTS.next_power_of_two(), "{kept} bytes");
        now = now + TIME / 2;
        server.handle_timeout(now, &mut Nowhere);
        assert!(server.poll_timeout().is_some());
        now = now + TIME / 2;
        server.handle_timeout(now, &mut Nowhere);
        assert!(take_events(&mut server) > 1000);
        assert_eq!((server.poll_timeout(), server.clients()), (None, 0));
        let rest = heap.growth() - empty;
        assert!(rest <= TOLERANCE, "{rest} bytes");
    }
}
