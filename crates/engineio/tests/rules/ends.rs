//! How sessions end (E27 to E29).

use super::support::driver::{Driver, Said, config};
use sansio_engineio::{CloseReason, Departure, Event, PreparedPacket, SendError};
use std::time::Duration;

const INSTANT: Duration = Duration::from_nanos(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

#[test]
fn e27_accepts_a_close_packet_by_post() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let held = driver.get(&client).name();
    assert_eq!(driver.post(&client, "4bye\u{1e}1\u{1e}4late"), (200, "ok".into()));
    assert_eq!(driver.response(held), "6");
    assert_eq!(driver.texts(), ["bye"]);
    assert_eq!(driver.ended(client.session), Some(CloseReason::TransportClose));
    assert!(driver.server.is_empty());
}

#[test]
fn e27_accepts_a_close_packet_over_websocket() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.say(socket, "1");
    assert_eq!(driver.close_code(socket), Some(1000));
    assert_eq!(driver.ended(client.session), Some(CloseReason::TransportClose));
    assert!(driver.server.is_empty());
}

/// What was queued before a fault, in the same moment, is not lost with the session.
#[test]
fn e29_accepts_what_was_sent_before_a_fault() {
    for (fault, reason) in [
        ("9", CloseReason::ParseError),
        ("2", CloseReason::TransportError),
        ("1", CloseReason::TransportClose),
    ] {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        let held = driver.get(&client).name();
        driver.server.send(client.session, &PreparedPacket::text("a")).unwrap();
        driver.server.send(client.session, &PreparedPacket::text("b")).unwrap();
        driver.post(&client, fault);
        assert_eq!(driver.response(held), "4a\u{1e}4b");
        assert_eq!(driver.ended(client.session), Some(reason));

        let (client, socket) = driver.connect_websocket();
        driver.server.send(client.session, &PreparedPacket::text("a")).unwrap();
        driver.server.text(driver.now, client.session, socket, fault);
        assert_eq!(driver.send(client.session, "b"), Err(SendError::Gone));
        assert_eq!(driver.frames(socket)[1..], ["4a"]);
        assert!(driver.close_code(socket).is_some());
        assert_eq!(driver.ended(client.session), Some(reason));
        assert!(driver.server.is_empty());
    }
}

/// A client that has broken the rules and takes nothing is not waited for longer than for a heartbeat.
#[test]
fn e29_rejects_waiting_for_who_takes_nothing() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.server.send(client.session, &PreparedPacket::text("a")).unwrap();
    driver.server.text(driver.now, client.session, socket, "9");
    assert_eq!(driver.server.len(), 1);
    driver.now = driver.now + driver.server.config().ping_interval;
    driver.server.handle_timeout(driver.now);
    assert!(driver.server.is_empty());
    driver.settle();
    assert_eq!(driver.close_code(socket), Some(1000));
    assert_eq!(driver.ended(client.session), Some(CloseReason::ParseError));
}

#[test]
fn e27_rejects_everything_behind_it() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.post(&client, "1");
    assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
    assert_eq!(driver.begin_post(&client).refusal(), (400, UNKNOWN_SESSION.into()));
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Session ID unknown".into()));
    assert_eq!(driver.send(client.session, "a"), Err(SendError::Gone));
    // Another session has its place and is not taken for it.
    let (next, _) = driver.connect_websocket();
    assert_eq!(next.session.index(), client.session.index());
    assert_eq!(driver.send(client.session, "a"), Err(SendError::Gone));
    driver.close(client.session);
    let server = &driver.server;
    assert!(server.can_send_now(next.session) && !server.can_send_now(client.session));
    assert!(server.is_websocket(next.session) && !server.is_websocket(client.session));
    assert_eq!(driver.ended(next.session), None);
}

#[test]
fn e28_accepts_what_was_sent_before_a_close_by_polling() {
    for is_held in [true, false] {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        let mut name = is_held.then(|| driver.get(&client).name());
        driver.said.clear();
        if !is_held {
            driver.send(client.session, "last words").unwrap();
        }
        driver.close(client.session);
        let closed = Said::Event(Event::Closed(client.session, CloseReason::ForcedClose));
        assert_eq!(driver.said[0], closed, "to the application it is closed at once");
        driver.close(client.session);
        assert_eq!(driver.send(client.session, "a"), Err(SendError::Gone));
        assert_eq!(driver.server.sessions().count(), 0);
        if !is_held {
            assert_eq!(driver.post(&client, "4ignored"), (200, "ok".into()));
            driver.wait(CLOSE_TIMEOUT - INSTANT);
            name = Some(driver.get(&client).name());
        }
        if !is_held {
            assert_eq!(driver.response(name.unwrap()), "4last words");
            name = Some(driver.get(&client).name());
        }
        assert_eq!(driver.response(name.unwrap()), "1");
        assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
        assert!(driver.got.is_empty() && driver.server.is_empty());
        assert_eq!(driver.server.poll_timeout(), None);
    }
}

#[test]
fn e28_accepts_as_many_responses_as_it_takes() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for _ in 0..32 {
        driver.send(client.session, "a").unwrap();
    }
    driver.close(client.session);
    let mut bodies = vec![];
    for _ in 0..3 {
        let name = driver.get(&client).name();
        bodies.push(driver.response(name));
    }
    let full = ["4a"; 16].join("\u{1e}");
    assert_eq!(bodies, [&full, &full, "1"]);
    assert!(driver.server.is_empty());
}

/// Its request is taken, and what it says is not listened to.
#[test]
fn e28_accepts_a_post_that_was_under_way() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let post = driver.begin_post(&client).name();
    let held = driver.get(&client).name();
    driver.close(client.session);
    assert_eq!((driver.response(held), driver.response(post)), ("1".into(), "ok".into()));
    driver.finish();
    // Without a GET there is time to read it.
    let client = driver.connect();
    let post = driver.begin_post(&client).name();
    driver.close(client.session);
    driver.body(post, "4a\u{1e}1");
    assert_eq!((driver.response(post), driver.texts()), ("ok".into(), vec![]));
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "1");
}

#[test]
fn e28_accepts_what_was_sent_before_a_close_over_websocket() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.reads = false;
    driver.said.clear();
    driver.send(client.session, "a").unwrap();
    driver.close(client.session);
    driver.say(socket, "4ignored");
    driver.say_bytes(socket, b"ignored");
    driver.say(socket, "");
    driver.wait(CLOSE_TIMEOUT - INSTANT);
    driver.unblock();
    let closed = Said::Event(Event::Closed(client.session, CloseReason::ForcedClose));
    let expected = [closed, Said::Frame(socket, "4a".into()), Said::Close(socket, 1000)];
    assert_eq!(driver.said, expected);
    assert!(driver.got.is_empty() && driver.server.is_empty());
    assert_eq!(driver.server.poll_timeout(), None);
}

#[test]
fn e28_rejects_waiting_for_ever() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.send(client.session, "a").unwrap();
    driver.close(client.session);
    driver.wait(CLOSE_TIMEOUT);
    assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
    let (client, socket) = driver.connect_websocket();
    driver.reads = false;
    driver.send(client.session, "a").unwrap();
    driver.close(client.session);
    driver.wait(CLOSE_TIMEOUT);
    assert_eq!(driver.close_code(socket), Some(1000));
    driver.unblock();
    assert!(driver.server.is_empty());
    driver.finish();
}

/// What the client still says does not set the deadlines of a session that lives.
#[test]
fn e28_rejects_pings_for_a_session_that_was_closed() {
    // Between ping and pong, or before the ping.
    for passed in [26, 1] {
        for body in ["3", "4a", "3\u{1e}3"] {
            let mut driver = Driver::new(config());
            // Those that are too long to be answered at once are what keeps it.
            let client = driver.connect();
            driver.wait(Duration::from_secs(passed));
            for _ in 0..17 {
                driver.send(client.session, "a").unwrap();
            }
            let ping = driver.get(&client).name();
            assert_eq!(driver.response(ping).starts_with('2'), passed == 26);
            driver.send(client.session, "kept").unwrap();
            driver.close(client.session);
            driver.post(&client, body);
            driver.wait(CLOSE_TIMEOUT - INSTANT);
            let name = driver.get(&client).name();
            let response = driver.response(name);
            assert!(response.ends_with("4kept") && !response.contains('2'), "{response}");
            let name = driver.get(&client).name();
            assert_eq!(driver.response(name), "1");
        }
    }
}

#[test]
fn e28_rejects_what_comes_behind_a_close_in_one_body() {
    let mut driver = Driver::new(config());
    driver.act = |server, now, session, _| server.close(now, session);
    let client = driver.connect();
    let held = driver.get(&client).name();
    driver.wait(Duration::from_secs(25));
    assert_eq!(driver.response(held), "2");
    assert_eq!(driver.post(&client, "4a\u{1e}3\u{1e}4b"), (200, "ok".into()));
    assert_eq!(driver.texts(), ["a"]);
    driver.wait(CLOSE_TIMEOUT - INSTANT);
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "1", "and no ping");
}

#[test]
fn e28_accepts_that_all_sessions_are_closed() {
    let mut driver = Driver::new(config());
    let polling = driver.connect();
    let (_, socket) = driver.connect_websocket();
    let opening = driver.ask_websocket().name();
    driver.server.close_all(driver.now);
    driver.settle();
    assert_eq!(driver.close_code(socket), Some(1000));
    let name = driver.get(&polling).name();
    assert_eq!(driver.response(name), "1");
    // Of this one the application never hears.
    driver.opened(opening);
    assert_eq!(driver.close_code(opening), Some(1000));
    assert!(driver.server.is_empty());
    driver.finish();
}

#[test]
fn e29_accepts_each_reason() {
    let names = [
        (CloseReason::TransportClose, "transport close"),
        (CloseReason::TransportError, "transport error"),
        (CloseReason::PingTimeout, "ping timeout"),
        (CloseReason::ParseError, "parse error"),
        (CloseReason::ForcedClose, "forced close"),
    ];
    for (reason, text) in names {
        assert_eq!(reason.to_string(), text);
    }
    // A WebSocket that its client has closed, or that has failed, such as by a message that is too long.
    for (departure, reason) in [
        (Departure::Closed, CloseReason::TransportClose),
        (Departure::Failed, CloseReason::TransportError),
    ] {
        let mut driver = Driver::new(config());
        let (client, socket) = driver.connect_websocket();
        driver.gone(socket, departure);
        assert_eq!(driver.ended(client.session), Some(reason));
        driver.finish();
    }
}

#[test]
fn e29_rejects_a_second_end() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.reads = false;
    driver.send(client.session, "a").unwrap();
    driver.close(client.session);
    driver.gone(socket, Departure::Failed);
    driver.gone(socket, Departure::Closed);
    assert_eq!(driver.ended(client.session), Some(CloseReason::ForcedClose));
    let closed = driver.said.iter().filter(|said| matches!(said, Said::Event(Event::Closed(..))));
    assert_eq!(closed.count(), 1);
    assert!(driver.server.is_empty());
}
