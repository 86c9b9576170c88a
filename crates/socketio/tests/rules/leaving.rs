//! How sockets leave (S13, S14).

use crate::driver::{Admits, CLOSED, Driver, Got, event};
use sansio_engineio::{CloseReason, Message, Session};
use sansio_socketio::Event::{Admit, Disconnected, Disconnecting};
use sansio_socketio::{Close, Config, DisconnectReason, EmitError, JoinError, Socket, Target};
use std::time::Duration;

/// A client in the root namespace and in `/b`.
fn both() -> (Driver, Session, Socket, Socket) {
    let mut driver = Driver::new(Config::default());
    let (session, root) = driver.connect("/");
    let b = driver.join(session, "/b");
    (driver, session, root, b)
}

/// Who has left, and why, in this order.
fn left(driver: &mut Driver) -> Vec<(Socket, DisconnectReason)> {
    let left = driver.got().into_iter().filter_map(|got| match got {
        Got::Disconnected { socket, reason } => Some((socket, reason)),
        _ => None,
    });
    left.collect()
}

#[test]
fn s13_accepts_a_client_that_leaves() {
    let (mut driver, session, root, b) = both();
    driver.say(session, "1/b,");
    assert_eq!(left(&mut driver), [(b, DisconnectReason::ClientNamespaceDisconnect)]);
    assert!(driver.heard(session).is_empty() && !driver.is_closed(session));
    driver.say(session, "1");
    assert_eq!(left(&mut driver), [(root, DisconnectReason::ClientNamespaceDisconnect)]);
    assert!(driver.heard(session).is_empty() && !driver.is_closed(session));
    // And comes again.
    driver.join(session, "/b");
}

#[test]
fn s13_accepts_a_server_that_makes_it_leave() {
    let (mut driver, session, root, b) = both();
    driver.disconnect(b, Close::Namespace);
    assert_eq!(left(&mut driver), [(b, DisconnectReason::ServerNamespaceDisconnect)]);
    assert_eq!(driver.heard(session), ["1/b,"]);
    assert!(driver.server.is_open(root) && !driver.is_closed(session));

    let (mut driver, session, root, b) = both();
    let (other, _) = driver.connect("/");
    driver.disconnect(b, Close::Transport);
    let reason = DisconnectReason::ServerNamespaceDisconnect;
    assert_eq!(left(&mut driver), [(root, reason), (b, reason)]);
    assert_eq!(driver.heard(session), ["1", "1/b,"]);
    assert!(driver.is_closed(session) && !driver.is_closed(other));
}

#[test]
fn s13_accepts_a_server_that_ends() {
    let (mut driver, session, root, b) = both();
    let (other, third) = driver.connect("/");
    let bare = driver.open();
    driver.close_all();
    let reason = DisconnectReason::ServerShuttingDown;
    assert_eq!(left(&mut driver), [(root, reason), (b, reason), (third, reason)]);
    assert!(driver.heard(session).is_empty());
    assert!([session, other, bare].into_iter().all(|session| driver.is_closed(session)));
    assert_eq!((driver.server.clients(), driver.server.poll_timeout()), (0, None));
    driver.finish();
}

#[test]
fn s13_accepts_the_words_of_clients_for_the_reasons() {
    let reasons = [
        (DisconnectReason::Session(CloseReason::PingTimeout), "ping timeout"),
        (DisconnectReason::ClientNamespaceDisconnect, "client namespace disconnect"),
        (DisconnectReason::ServerNamespaceDisconnect, "server namespace disconnect"),
        (DisconnectReason::ServerShuttingDown, "server shutting down"),
    ];
    for (reason, text) in reasons {
        assert_eq!(reason.to_string(), text);
    }
    for reason in [CloseReason::TransportClose, CloseReason::PingTimeout] {
        let (mut driver, session, root, b) = both();
        driver.end(session, reason);
        let reason = DisconnectReason::Session(reason);
        assert_eq!(left(&mut driver), [(root, reason), (b, reason)]);
    }
}

#[test]
fn s13_rejects_a_client_that_cannot_be_told() {
    let (mut driver, session, root, b) = both();
    driver.wire.full.insert(session);
    driver.disconnect(root, Close::Namespace);
    assert!(driver.is_closed(session));
    let reason = DisconnectReason::ServerNamespaceDisconnect;
    assert_eq!(left(&mut driver), [(root, reason), (b, CLOSED)]);
}

#[test]
fn s13_rejects_leaving_twice() {
    let (mut driver, session, root, _) = both();
    driver.disconnect(root, Close::Namespace);
    driver.disconnect(root, Close::Namespace);
    driver.disconnect(root, Close::Transport);
    assert_eq!(driver.heard(session), ["1"]);
    assert_eq!(left(&mut driver).len(), 1);
    assert!(!driver.is_closed(session), "the handle of one that has left is nobody's");
    // Nor is it that of who comes in its place.
    let next = driver.join(session, "/");
    assert_eq!(next.index(), root.index());
    driver.disconnect(root, Close::Transport);
    assert!(driver.server.is_open(next) && !driver.server.is_open(root));
    assert_eq!(driver.emit(root, &event("a", ())), Err(EmitError::Gone));
    assert_eq!(driver.enter(root, "r"), Err(JoinError::Gone));
    driver.server.leave(root, driver.server.id(next).to_owned().as_str());
    assert_eq!(driver.server.rooms(next).count(), 1);
}

/// The machine itself: what is said to it between the two steps.
#[test]
fn s14_accepts_rooms_id_and_namespace_while_disconnecting() {
    let (mut driver, session, root, b) = both();
    driver.enter(b, "r").unwrap();
    let id = String::from(driver.server.id(b));
    driver.server.closed(driver.now, session, CloseReason::TransportError);
    let mut next = || driver.server.poll_event();
    let reason = DisconnectReason::Session(CloseReason::TransportError);
    let is_first = |event| matches!(event, Some(Disconnecting { socket, reason: why }) if socket == root && why == reason);
    assert!(is_first(next()));
    next();
    let event = next();
    let Some(Disconnecting { socket, .. }) = event else { panic!() };
    assert_eq!(socket, b);
    let server = &mut driver.server;
    assert_eq!(server.rooms(b).collect::<Vec<_>>(), [&*id, "r"]);
    assert_eq!((server.id(b), server.namespace(b)), (&*id, "/b"));
    assert_eq!(server.session(b), Some(session));
    let event = server.poll_event();
    assert!(matches!(event, Some(Disconnected { socket, .. }) if socket == b));
    assert_eq!(server.rooms(b).count(), 0);
    assert_eq!((server.id(b), server.namespace(b), server.session(b)), ("", "", None));
    assert_eq!(server.all_rooms("/b").count(), 0);
    assert!(server.poll_event().is_none());
}

#[test]
fn s14_rejects_everything_for_a_socket_that_leaves() {
    let (mut driver, session, root, b) = both();
    driver.enter(b, "r").unwrap();
    let server = &mut driver.server;
    let wire = &mut driver.wire;
    server.disconnect(wire, b, Close::Namespace);
    wire.said.clear();
    // Before the application is told, and between the two steps.
    for step in 0..2 {
        assert!(!server.is_open(b) && server.find("/b", server.id(b)).is_none());
        assert_eq!(server.emit(driver.now, wire, b, &event("a", ())), Err(EmitError::Gone));
        let asked = server.ask(driver.now, wire, b, Duration::from_secs(1), &event("a", ()));
        assert_eq!(asked, Err(EmitError::Gone));
        assert_eq!(server.join(b, "s"), Err(JoinError::Gone));
        assert!(server.emit_to(driver.now, wire, &Target::all("/b"), &event("a", ())).is_empty());
        assert!(server.sockets(&Target::all("/b").room("r")).is_empty());
        assert_eq!(server.namespaces().collect::<Vec<_>>(), [("/", 1)]);
        server.disconnect(wire, b, Close::Namespace);
        if step == 0 {
            let event = server.poll_event();
            assert!(matches!(event, Some(Disconnecting { .. })));
        }
    }
    assert!(wire.said.is_empty());
    assert!(matches!(
        server.poll_event(),
        Some(Disconnected { socket, .. }) if socket == b
    ));
    assert!(server.poll_event().is_none() && server.is_open(root));
    assert_eq!(server.poll_timeout(), None, "no question is left");
    assert_eq!(server.sockets_of(session), [root]);
}

/// A client that comes again is another one, also if the application has not been told yet that the first one
/// leaves.
#[test]
fn s14_accepts_a_client_that_comes_again_at_once() {
    let (mut driver, session, root, _) = both();
    let (server, wire, now) = (&mut driver.server, &mut driver.wire, driver.now);
    let mut say = |text| server.message(now, wire, session, Message::Text(text));
    assert!(say("1").is_none());
    let Some(Admit { ticket, .. }) = say("0") else { panic!("it has left") };
    assert!(say("2[\"a\"]").is_none(), "it was on its way");
    let socket = server.admit(wire, ticket).unwrap();
    assert!(!server.is_open(root) && server.is_open(socket) && !wire.closed.contains(&session));
    assert_eq!(server.sockets(&Target::all("/")), [socket]);
    let mut said = vec![];
    while let Some(event) = server.poll_event() {
        let (Disconnecting { socket, .. } | Disconnected { socket, .. }) = event else { panic!() };
        said.push(socket);
    }
    assert_eq!(said, [root, root]);
    assert_eq!(server.sockets(&Target::all("/")), [socket]);
    assert_eq!(server.rooms(socket).count(), 1);
}

/// What an event wanted to have acknowledged is not sent to whoever comes next.
#[test]
fn s14_rejects_answers_to_one_that_has_left() {
    let mut driver = Driver::new(Config::default());
    let (session, _) = driver.connect("/");
    driver.say(session, "25[\"a\"]");
    driver.say(session, "1");
    driver.join(session, "/");
    assert_eq!(driver.acknowledge((1,)), Err(EmitError::Gone));
    assert!(driver.heard(session).is_empty());
}

/// One that waits for admission does not disconnect, since it has not come.
#[test]
fn s14_rejects_events_for_one_that_was_never_let_in() {
    let mut driver = Driver::new(Config::default());
    driver.admits = Admits::Later;
    let session = driver.open();
    driver.say(session, "0");
    driver.got();
    driver.end(session, CloseReason::TransportClose);
    assert!(driver.got().is_empty());
    driver.finish();
}
