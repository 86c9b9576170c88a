//! What is kept for clients that were cut off, and how long (S24).

use crate::driver::{Admits, Got, event};
use crate::recovery::{Client, TIME, driver, names, to_all};
use sansio_engineio::CloseReason;
use sansio_socketio::{EmitError, Recovery, Target};
use std::time::Duration;

#[test]
fn s24_accepts_a_client_that_has_heard_nothing_any_number_of_times() {
    let mut driver = driver(|all| all);
    to_all(&mut driver, "to nobody");
    let early = Client::new(&mut driver, "/");
    to_all(&mut driver, "before it came");
    let mut client = Client::new(&mut driver, "/");
    to_all(&mut driver, "a");
    for _ in 0..3 {
        client.is_lost(&mut driver);
        assert_eq!(
            client.says(&mut driver, &format!("{{\"pid\":\"{}\"}}", client.pid)),
            names(&["a"])
        );
    }
    // Each time from where it was.
    for round in 0..10 {
        client.is_lost(&mut driver);
        let name = format!("{round}");
        to_all(&mut driver, &name);
        assert_eq!(client.returns(&mut driver), names(&[&name]));
        client.is_lost(&mut driver);
        assert_eq!(client.returns(&mut driver), names(&[]));
        to_all(&mut driver, "b");
        // It is under way when the connection ends.
        driver.heard(client.session);
        client.is_lost(&mut driver);
        assert_eq!(client.returns(&mut driver), names(&["b"]));
    }
    drop(early);
    driver.finish();
}

/// Time alone harms nobody who has heard all that was said to it.
#[test]
fn s24_accepts_an_old_offset_if_nothing_was_missed() {
    let mut driver = driver(|all| all.max_events(2));
    let mut client = Client::new(&mut driver, "/");
    let mut silent = Client::new(&mut driver, "/b");
    to_all(&mut driver, "a");
    client.hears(&mut driver);
    driver.wait(TIME * 10);
    let other = Client::new(&mut driver, "/");
    for _ in 0..10 {
        driver.emit(other.socket, &event("x", ())).unwrap();
    }
    client.is_lost(&mut driver);
    silent.is_lost(&mut driver);
    to_all(&mut driver, "b");
    assert_eq!(client.returns(&mut driver), names(&["b"]));
    assert_eq!(silent.returns(&mut driver), names(&[]));
    driver.finish();
}

/// Also if what it is told then is lost again, or it goes while it waits for the application.
#[test]
fn s24_accepts_an_old_offset_any_number_of_times() {
    let mut driver = driver(|all| all.max_events(2).skips_admission(false));
    let mut client = Client::new(&mut driver, "/");
    to_all(&mut driver, "a");
    client.hears(&mut driver);
    let other = Client::new(&mut driver, "/");
    for _ in 0..10 {
        driver.emit(other.socket, &event("x", ())).unwrap();
    }
    client.is_lost(&mut driver);
    driver.admits = Admits::Later;
    let session = driver.open();
    driver.say(session, &format!("0{}", client.auth()));
    driver.emit(client.socket, &event("b", ())).unwrap();
    driver.end(session, CloseReason::TransportClose);
    assert_eq!(driver.admit(), None);
    driver.got();
    for _ in 0..3 {
        let session = driver.open();
        driver.say(session, &format!("0{}", client.auth()));
        assert_eq!(driver.admit(), Some(client.socket));
        let heard = driver.heard(session);
        assert!(heard[0].starts_with("2[\"b\",") && heard.len() == 2, "{heard:?}");
        driver.end(session, CloseReason::TransportClose);
        driver.got();
    }
    driver.finish();
}

#[test]
fn s24_rejects_a_gap() {
    // By number, by bytes of one namespace and of all, by one event that is too large, and by time.
    type Change = fn(Recovery) -> Recovery;
    let changes: [(Change, usize); 6] = [
        (|all| all.max_events(2), 0),
        (|all| all.max_events(0), 0),
        (|all| all.max_bytes(600), 0),
        (|all| all.max_bytes_of_all(600), 0),
        (|all| all.max_bytes(10_000), 10_000),
        (|all| all.time(Duration::from_secs(1)), 0),
    ];
    for (change, size) in changes {
        let mut driver = driver(change);
        let mut client = Client::new(&mut driver, "/");
        let mut full = Client::new(&mut driver, "/");
        to_all(&mut driver, "heard");
        client.hears(&mut driver);
        full.hears(&mut driver);
        // These were under way.
        for _ in 0..3 {
            driver.emit_to(&Target::all("/"), &event("a", ("x".repeat(size),)));
        }
        driver.heard(client.session);
        full.hears(&mut driver);
        driver.wait(Duration::from_secs(2));
        client.is_lost(&mut driver);
        full.is_lost(&mut driver);
        assert_eq!(client.returns(&mut driver), None);
        assert_eq!(full.returns(&mut driver), names(&[]), "it has missed nothing");
        driver.finish();
    }
}

/// More than there is room for: nothing of it is sent.
#[test]
fn s24_rejects_what_the_session_cannot_take() {
    for (packets, bytes, fits) in [(5, 5000, true), (4, 5000, false), (5, 3000, false)] {
        let mut driver = driver(|all| all);
        let mut client = Client::new(&mut driver, "/");
        client.is_lost(&mut driver);
        for _ in 0..2 {
            let file = event("a", (bytes_of(1500),));
            driver.emit(client.socket, &file).unwrap();
        }
        driver.wire.room = Some((packets, bytes));
        let missed = client.returns(&mut driver);
        assert_eq!(missed, if fits { names(&["a", "a"]) } else { None });
        driver.wire.room = None;
        driver.finish();
    }
}

fn bytes_of(size: usize) -> sansio_socketio::Bytes {
    vec![b'x'; size].into()
}

/// One that was closed because too much waited for it: what it could not take is among what it has missed.
#[test]
fn s24_accepts_a_client_that_was_too_slow() {
    let mut driver = driver(|all| all);
    let mut client = Client::new(&mut driver, "/");
    driver.wire.full.insert(client.session);
    assert_eq!(driver.emit(client.socket, &event("LOST", ())), Err(EmitError::Full));
    assert_eq!(driver.emit_to(&Target::all("/"), &event("a", ())).len(), 1);
    driver.server.remember(driver.now, client.socket, &event("b", ()));
    // From here on its session ends, and the machine is not told yet.
    driver.tells_ends = false;
    sansio_socketio::Sessions::close(&mut driver.wire, client.session);
    driver.emit(client.socket, &event("c", ())).unwrap();
    driver.tell_ends();
    driver.tells_ends = true;
    driver.got();
    assert_eq!(client.returns(&mut driver), names(&["a", "b", "c"]));
    driver.finish();
}

#[test]
fn s24_rejects_more_sockets_than_are_kept() {
    type Change = fn(Recovery) -> Recovery;
    let changes: [(Change, usize); 4] = [
        (|all| all.max_sockets(2), 2),
        (|all| all.max_sockets(0), 0),
        (|all| all.max_socket_bytes(1000), 2),
        (|all| all.max_socket_bytes(10), 0),
    ];
    for (change, kept) in changes {
        let mut driver = driver(change);
        let mut clients: Vec<_> = (0..4).map(|_| Client::new(&mut driver, "/")).collect();
        for client in &clients {
            client.is_lost(&mut driver);
            driver.wait(Duration::from_secs(1));
        }
        for (at, client) in clients.iter_mut().enumerate() {
            // Those that were lost last.
            assert_eq!(client.returns(&mut driver).is_some(), at >= 4 - kept, "{at}");
        }
        driver.finish();
    }
    // One with very many rooms is as large as several.
    let mut driver = driver(|all| all.max_socket_bytes(2000));
    let (mut one, mut large) = (Client::new(&mut driver, "/"), Client::new(&mut driver, "/"));
    driver.enter(large.socket, &"r".repeat(1200)).unwrap();
    one.is_lost(&mut driver);
    driver.end(large.session, CloseReason::PingTimeout);
    assert!(driver.got().contains(&Got::Forgotten { socket: one.socket }));
    assert_eq!(one.returns(&mut driver), None);
    assert_eq!(large.returns(&mut driver), names(&[]));
}

/// A namespace with a flood of its own does not cost others what they have.
#[test]
fn s24_accepts_what_another_namespace_cannot_take_away() {
    let mut driver = driver(|all| all.max_events(5).max_bytes_of_all(5000));
    let mut client = Client::new(&mut driver, "/");
    let loud = Client::new(&mut driver, "/loud");
    client.is_lost(&mut driver);
    to_all(&mut driver, "a");
    for size in [0, 100, 4000, 10_000] {
        for _ in 0..10 {
            driver.emit(loud.socket, &event("x", ("x".repeat(size),))).unwrap();
        }
    }
    to_all(&mut driver, "b");
    assert_eq!(client.returns(&mut driver), names(&["a", "b"]));
    driver.finish();
}
