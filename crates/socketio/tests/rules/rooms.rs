//! Rooms, and messages to many (S15, S16, S18, S20).

use crate::driver::{Driver, Got, event};
use sansio_engineio::Session;
use sansio_socketio::{Close, Config, EmitError, JoinError, Socket, Target};
use std::collections::BTreeSet;

/// So many clients in the root namespace.
fn crowd(number: usize) -> (Driver, Vec<Session>, Vec<Socket>) {
    let mut driver = Driver::new(Config::default());
    let clients: Vec<_> = (0..number).map(|_| driver.connect("/")).collect();
    let (sessions, sockets) = clients.into_iter().unzip();
    (driver, sessions, sockets)
}

fn rooms(driver: &Driver, socket: Socket) -> Vec<&str> {
    driver.server.rooms(socket).collect()
}

/// Who is meant, as positions.
fn meant(driver: &Driver, sockets: &[Socket], target: &Target) -> Vec<usize> {
    let meant = driver.server.sockets(target);
    assert_eq!(meant.iter().collect::<BTreeSet<_>>().len(), meant.len(), "each once");
    (0..sockets.len()).filter(|at| meant.contains(&sockets[*at])).collect()
}

#[test]
fn s15_accepts_any_room_and_that_of_the_id() {
    let (mut driver, sessions, sockets) = crowd(2);
    let id = driver.server.id(sockets[0]).to_owned();
    for room in ["", "r", "\0", "/", "__proto__", "r"] {
        driver.enter(sockets[0], room).unwrap();
    }
    assert_eq!(rooms(&driver, sockets[0]), [&*id, "", "r", "\0", "/", "__proto__"]);
    // The room of an id is one like others.
    assert_eq!(meant(&driver, &sockets, &Target::all("/").room(&*id)), [0]);
    driver.enter(sockets[1], &id).unwrap();
    assert_eq!(meant(&driver, &sockets, &Target::all("/").room(&*id)), [0, 1]);
    driver.server.leave(sockets[0], &id);
    assert_eq!(meant(&driver, &sockets, &Target::all("/").room(&*id)), [1]);
    assert_eq!(driver.server.find("/", &id), Some(sockets[0]), "it is still the one with the id");
    driver.say(sessions[0], "1");
    assert_eq!(driver.server.find("/", &id), None);
}

#[test]
fn s15_rejects_rooms_without_members_and_too_many() {
    let (mut driver, sessions, sockets) = crowd(2);
    let b = driver.join(sessions[0], "/b");
    driver.enter(sockets[0], "r").unwrap();
    driver.enter(sockets[1], "r").unwrap();
    driver.enter(b, "s").unwrap();
    // Namespaces have rooms of their own.
    assert!(driver.server.sockets(&Target::all("/b").room("r")).is_empty());
    assert!(driver.server.sockets(&Target::all("/").room("s")).is_empty());
    let all = |driver: &Driver| driver.server.all_rooms("/").map(String::from).collect::<Vec<_>>();
    assert!(all(&driver).contains(&"r".into()));
    driver.server.leave(sockets[0], "r");
    driver.server.leave(sockets[0], "r");
    driver.server.leave(sockets[0], "never");
    assert_eq!(rooms(&driver, sockets[0]).len(), 1);
    assert!(all(&driver).contains(&"r".into()));
    // By leaving, in either way.
    driver.say(sessions[1], "1");
    assert_eq!(all(&driver), [driver.server.id(sockets[0])]);

    let mut driver = Driver::new(Config::default().max_rooms(3));
    let (_, socket) = driver.connect("/");
    assert_eq!(driver.enter(socket, "a"), Ok(()));
    assert_eq!(driver.enter(socket, "b"), Ok(()));
    assert_eq!(driver.enter(socket, "c"), Err(JoinError::TooMany));
    assert_eq!(driver.enter(socket, "b"), Ok(()), "it is in there");
    driver.server.leave(socket, "a");
    assert_eq!(driver.enter(socket, "c"), Ok(()));
    assert_eq!(rooms(&driver, socket)[1..], ["b", "c"]);
}

#[test]
fn s16_accepts_unions_without_some_each_once() {
    let (mut driver, sessions, sockets) = crowd(5);
    for (at, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "c"), (1, "c")] {
        driver.enter(sockets[at], room).unwrap();
    }
    driver.join(sessions[4], "/b");
    let all = Target::all("/");
    let id = driver.server.id(sockets[2]).to_owned();
    for (target, expected) in [
        (all.clone(), &[0, 1, 2, 3, 4][..]),
        (all.clone().room("a"), &[0, 1]),
        (all.clone().room("a").room("b"), &[0, 1, 2]),
        (all.clone().room("a").room("a"), &[0, 1]),
        (all.clone().room("none"), &[]),
        (all.clone().room("none").room("c"), &[1, 3]),
        (all.clone().except("a"), &[2, 3, 4]),
        (all.clone().except("none"), &[0, 1, 2, 3, 4]),
        (all.clone().except(&*id), &[0, 1, 3, 4]),
        (all.clone().room(&*id), &[2]),
        (all.clone().room("a").room("b").except("c"), &[0, 2]),
        (all.clone().room("a").without(sockets[0]), &[1]),
        (all.clone().without(sockets[0]).without(sockets[4]).except("b"), &[3]),
        (Target::all("/none"), &[]),
    ] {
        // Twice: it has no state.
        for _ in 0..2 {
            assert_eq!(meant(&driver, &sockets, &target), expected, "{target:?}");
            assert_eq!(driver.emit_to(&target, &event("a", (1,))), []);
            for (at, session) in sessions.iter().enumerate() {
                let heard = driver.heard(*session);
                assert_eq!(heard.len(), usize::from(expected.contains(&at)));
                assert!(heard.iter().all(|text| text == "2[\"a\",1]"));
            }
        }
    }
}

#[test]
fn s16_rejects_those_who_cannot_take_it_and_no_others() {
    let (mut driver, sessions, sockets) = crowd(3);
    let all = Target::all("/");
    driver.wire.full.insert(sessions[1]);
    assert_eq!(driver.emit_to(&all, &event("a", ())), [(sockets[1], EmitError::Full)]);
    assert_eq!(driver.wire.said.len(), 2);
    assert!(!driver.is_closed(sessions[1]), "that is for the application to decide");
    driver.wire.full.clear();
    // One that ends, of which the machine is not told yet.
    driver.tells_ends = false;
    driver.wire.said.clear();
    driver.wire.closed.insert(sessions[0]);
    assert_eq!(driver.emit_to(&all, &event("a", ())), [(sockets[0], EmitError::Gone)]);
    assert_eq!(driver.wire.said.len(), 2);
    assert_eq!(driver.emit(sockets[0], &event("a", ())), Err(EmitError::Gone));
    driver.wire.ending.push_back(sessions[0]);
    driver.tell_ends();
    assert!(driver.emit_to(&all, &event("a", ())).is_empty(), "it is not meant any more");
}

#[test]
fn s18_accepts_what_leaves_at_once_and_others_in_order() {
    let (mut driver, sessions, sockets) = crowd(2);
    let (server, wire) = (&mut driver.server, &mut driver.wire);
    assert_eq!(server.emit_volatile(wire, sockets[0], &event("v", ())), Ok(()));
    wire.slow.insert(sessions[0]);
    // One that is not volatile waits.
    assert_eq!(server.emit(driver.now, wire, sockets[0], &event("a", ())), Ok(()));
    let failed = server.emit_to(driver.now, wire, &Target::all("/").volatile(), &event("w", ()));
    assert_eq!(failed, [(sockets[0], EmitError::Dropped)]);
    wire.slow.clear();
    assert_eq!(server.emit_to(driver.now, wire, &Target::all("/").volatile(), &event("x", ())), []);
    assert_eq!(driver.heard(sessions[0]), ["2[\"v\"]", "2[\"a\"]", "2[\"x\"]"]);
    assert_eq!(driver.heard(sessions[1]), ["2[\"w\"]", "2[\"x\"]"]);
}

#[test]
fn s18_rejects_what_would_have_to_wait_as_a_whole() {
    let (mut driver, sessions, sockets) = crowd(1);
    driver.wire.slow.insert(sessions[0]);
    let binary = event("v", (sansio_socketio::Bytes::from_static(b"x"),));
    let (server, wire) = (&driver.server, &mut driver.wire);
    let dropped = Err(EmitError::Dropped);
    assert_eq!(server.emit_volatile(wire, sockets[0], &binary), dropped);
    assert!(wire.said.is_empty());
    let question = driver.ask_all(&Target::all("/").volatile(), core::time::Duration::MAX, &binary);
    assert_eq!(driver.got(), [Got::Done { to: question, missing: 1 }]);
    assert!(driver.wire.said.is_empty());
    driver.finish();
}

#[test]
fn s20_accepts_that_all_who_are_meant_join_leave_and_disconnect() {
    let (mut driver, sessions, sockets) = crowd(4);
    for at in [0, 2] {
        driver.enter(sockets[at], "even").unwrap();
    }
    let even = Target::all("/").room("even");
    for socket in driver.server.sockets(&even) {
        driver.enter(socket, "more").unwrap();
        driver.server.leave(socket, "even");
    }
    assert!(driver.server.sockets(&even).is_empty());
    let more = Target::all("/").room("more");
    assert_eq!(meant(&driver, &sockets, &more), [0, 2]);
    for socket in driver.server.sockets(&more) {
        let id = driver.server.id(socket).to_owned();
        assert_eq!(driver.server.find("/", &id), Some(socket));
        assert_eq!(rooms(&driver, socket), [&*id, "more"]);
        driver.disconnect(socket, Close::Namespace);
    }
    assert_eq!(meant(&driver, &sockets, &Target::all("/")), [1, 3]);
    driver.join(sessions[1], "/b");
    assert_eq!(driver.server.namespaces().collect::<Vec<_>>(), [("/", 2), ("/b", 1)]);
    assert_eq!(driver.server.clients(), 4);
    assert_eq!(driver.server.sockets_of(sessions[1]).len(), 2);
}

#[test]
fn s20_rejects_what_is_not_there() {
    let (mut driver, sessions, sockets) = crowd(1);
    let id = driver.server.id(sockets[0]).to_owned();
    driver.enter(sockets[0], "r").unwrap();
    for (namespace, id) in [("/", "r"), ("/", ""), ("/b", &*id), ("/", &id[1..])] {
        assert_eq!(driver.server.find(namespace, id), None);
    }
    driver.say(sessions[0], "1");
    assert_eq!(driver.server.find("/", &id), None);
    assert_eq!(driver.server.sockets_of(sessions[0]), []);
    driver.finish();
    assert_eq!(driver.server.sockets_of(sessions[0]), []);
}
