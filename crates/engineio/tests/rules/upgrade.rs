//! From polling to WebSocket, and what comes over it (E21 to E26).

use super::support::driver::{Client, Driver, Got, Said, config};
use sansio_engineio::{CloseReason, Departure, Event, PreparedPacket, SendError};
use std::time::Duration;

const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const INSTANT: Duration = Duration::from_nanos(1);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

fn connected() -> (Driver, Client) {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.said.clear();
    (driver, client)
}

#[track_caller]
fn lives_on_polling(driver: &mut Driver, client: &Client) {
    assert!(!driver.server.is_websocket(client.session));
    let held = driver.get(client).name();
    assert!(driver.is_held(held), "no response ends it any more");
    driver.send(client.session, "still here").unwrap();
    assert_eq!(driver.response(held), "4still here");
    assert_eq!(driver.post(client, "4a"), (200, "ok".into()));
}

#[test]
fn e21_accepts_a_candidate() {
    let (mut driver, client) = connected();
    let candidate = driver.candidate(&client);
    assert!(driver.is_socket(candidate) && driver.said.is_empty());
    assert!(!driver.server.is_websocket(client.session));
    lives_on_polling(&mut driver, &client);
}

/// By it the client gets what waits.
#[test]
fn e23_accepts_a_candidate_of_a_session_for_which_much_waits() {
    let mut driver = Driver::new(config().max_queued_packets(2));
    let client = driver.connect();
    let candidate = driver.candidate(&client);
    driver.answer(client.session, "a").unwrap();
    driver.answer(client.session, "b").unwrap();
    assert!(!driver.server.pauses_reading(client.session), "the candidate is read");
    driver.say(candidate, "2probe");
    driver.reads = false;
    driver.say(candidate, "5");
    assert!(driver.server.pauses_reading(client.session), "the transport is not");
    driver.unblock();
    assert_eq!(driver.frames(candidate), ["4a", "4b"]);
}

#[test]
fn e21_rejects_a_second_candidate_and_one_of_a_session_that_is_there_already() {
    let (mut driver, client) = connected();
    let opening = driver.upgrade(&client).name();
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
    driver.opened(opening);
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
    driver.say(opening, "2probe");
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
    driver.say(opening, "5");
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
    assert!(driver.server.is_websocket(client.session) && driver.is_socket(opening));
    let (client, _) = driver.connect_websocket();
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
    let client = driver.connect();
    driver.close(client.session);
    assert_eq!(driver.upgrade(&client).refusal(), (400, "Bad request".into()));
}

/// Nobody knows the id of a session that is opening; who guesses it finds nothing.
#[test]
fn e21_rejects_a_session_that_is_opening() {
    let mut driver = Driver::new(config());
    driver.ask_websocket().name();
    let session = driver.fates[&1].0;
    let mut twin = Driver::new(config());
    let sid = twin.connect().sid;
    let client = Client { session, sid };
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!(driver.get(&client).refusal(), (400, unknown.into()));
    assert_eq!(driver.send(session, "a"), Err(SendError::Gone));
    assert_eq!(driver.server.sessions().count(), 0);
}

#[test]
fn e22_accepts_a_probe_and_ends_what_is_held() {
    let (mut driver, client) = connected();
    let held = driver.get(&client).name();
    let candidate = driver.candidate(&client);
    assert!(driver.is_held(held));
    driver.say(candidate, "2probe");
    assert_eq!(driver.said, [Said::Probe(candidate), Said::Respond(held, 200, "6".into())]);
    // Each later one as well, unless packets wait.
    for _ in 0..2 {
        let name = driver.get(&client).name();
        assert_eq!(driver.response(name), "6");
    }
    driver.send(client.session, "a").unwrap();
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "4a");
}

#[test]
fn e22_rejects_a_second_probe_and_other_texts() {
    for text in ["2", "2prob", "2probe ", "3probe", "4a", "1", "", "5"] {
        let (mut driver, client) = connected();
        let candidate = driver.candidate(&client);
        driver.say(candidate, text);
        assert_eq!(driver.said, [Said::Close(candidate, 1000)], "{text:?}");
        lives_on_polling(&mut driver, &client);
    }
    let (mut driver, client) = connected();
    let candidate = driver.candidate(&client);
    driver.say(candidate, "2probe");
    driver.say(candidate, "2probe");
    assert_eq!(driver.said, [Said::Probe(candidate), Said::Close(candidate, 1000)]);
    lives_on_polling(&mut driver, &client);
}

#[test]
fn e23_accepts_the_change_with_what_waits_in_order() {
    let (mut driver, client) = connected();
    for text in ["1", "2"] {
        driver.send(client.session, text).unwrap();
    }
    driver.server.send(client.session, &PreparedPacket::binary(&[3])).unwrap();
    let socket = driver.upgraded(&client);
    let upgraded = Said::Event(Event::Upgraded(client.session));
    assert_eq!(driver.said[..2], [Said::Probe(socket), upgraded]);
    // What comes behind it, be it in the same read, is the session's.
    driver.say(socket, "4hello");
    driver.say_bytes(socket, &[1]);
    driver.send(client.session, "4").unwrap();
    assert_eq!(driver.frames(socket), ["41", "42", "[3]", "44"]);
    let session = client.session;
    let expected = [(session, Got::Text("hello".into())), (session, Got::Binary(vec![1]))];
    assert_eq!(driver.got, expected);
    assert!(driver.server.is_websocket(session));
    // The deadline of upgrades is over.
    driver.wait(UPGRADE_TIMEOUT);
    assert!(driver.is_socket(socket) && driver.ended(session).is_none());
}

/// A client that does not wait for its `6` gets it when it changes over.
#[test]
fn e23_accepts_it_while_a_get_is_held() {
    let (mut driver, client) = connected();
    let candidate = driver.candidate(&client);
    let session = client.session;
    let held = driver.get(&client).name();
    // Both texts in one read.
    driver.server.text(driver.now, session, candidate, "2probe");
    driver.server.text(driver.now, session, candidate, "5");
    driver.settle();
    assert_eq!(driver.response(held), "6");
    assert!(driver.server.is_websocket(session));
    assert_eq!(driver.frames(candidate), ["3probe"], "before anything else");
}

/// What a body says that is still being read would come out of order.
#[test]
fn e23_rejects_a_post_that_is_not_finished() {
    let (mut driver, client) = connected();
    let post = driver.begin_post(&client).name();
    let socket = driver.upgraded(&client);
    assert_eq!((driver.status(post), driver.response(post)), (400, BAD_REQUEST.into()));
    // Its body comes nevertheless, and nobody listens.
    assert!(
        driver
            .server
            .post(driver.now, client.session, post, b"4a")
            .next(&mut driver.server)
            .is_none()
    );
    driver.settle();
    assert!(driver.is_socket(socket) && driver.got.is_empty());
}

#[test]
fn e23_rejects_that_a_client_who_reads_slowly_gets_anything_twice() {
    let (mut driver, client) = connected();
    driver.reads = false;
    driver.send(client.session, "1").unwrap();
    let socket = driver.upgraded(&client);
    driver.send(client.session, "2").unwrap();
    assert_eq!(driver.blocked, [socket]);
    assert!(!driver.server.can_send_now(client.session));
    driver.unblock();
    assert_eq!(driver.frames(socket), ["41", "42"]);
    assert!(driver.server.can_send_now(client.session));
    driver.server.set_busy(client.session, true);
    assert!(!driver.server.can_send_now(client.session));
}

#[test]
fn e24_accepts_packets_by_polling_until_the_change() {
    let (mut driver, client) = connected();
    let candidate = driver.candidate(&client);
    driver.say(candidate, "2probe");
    driver.send(client.session, "1").unwrap();
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "41");
    driver.send(client.session, "2").unwrap();
    assert_eq!(driver.post(&client, "4a"), (200, "ok".into()));
    assert_eq!(driver.texts(), ["a"]);
    driver.say(candidate, "5");
    assert_eq!(driver.frames(candidate), ["42"]);
}

#[test]
fn e24_rejects_polling_behind_the_change() {
    let (mut driver, client) = connected();
    let socket = driver.upgraded(&client);
    assert_eq!(driver.get(&client).refusal(), (400, BAD_REQUEST.into()));
    assert_eq!(driver.begin_post(&client).refusal(), (400, BAD_REQUEST.into()));
    assert!(driver.is_socket(socket) && driver.ended(client.session).is_none());
}

/// A client that changes over does not poll any more, and waits for its POST first: so that may not wait for the
/// client to poll.
#[test]
fn e24_accepts_the_post_of_a_client_that_does_not_poll_any_more() {
    for is_probed_first in [true, false] {
        let mut driver = Driver::new(config().max_queued_packets(4));
        let client = driver.connect();
        let candidate = driver.candidate(&client);
        let fill = |driver: &mut Driver| {
            for text in ["1", "2"] {
                driver.answer(client.session, text).unwrap();
            }
        };
        if is_probed_first {
            driver.say(candidate, "2probe");
        }
        // The answers to what it says fill its queue half.
        driver.act = |server, _, session, _| {
            let _ = server.answer(session, &PreparedPacket::text("re"), &[]);
        };
        let post = driver.begin_post(&client).name();
        driver.body(post, "4a\u{1e}4b\u{1e}4c");
        if !is_probed_first {
            assert!(driver.is_waiting(post));
            driver.say(candidate, "2probe");
        }
        assert_eq!((driver.texts(), &*driver.response(post)), (vec!["a", "b", "c"], "ok"));
        let name = driver.get(&client).name();
        assert_eq!(driver.response(name), "4re\u{1e}4re\u{1e}4re");
        // One that has not begun is read as well.
        driver.act = |_, _, _, _| {};
        fill(&mut driver);
        assert_eq!(driver.post(&client, "4d"), (200, "ok".into()));
        driver.say(candidate, "5");
        assert_eq!(driver.frames(candidate), ["41", "42"]);
    }
}

#[test]
fn e25_accepts_another_try() {
    let (mut driver, client) = connected();
    let first = driver.candidate(&client);
    driver.say(first, "4what");
    assert_eq!(driver.close_code(first), Some(1000));
    let second = driver.candidate(&client);
    driver.say(second, "2probe");
    driver.gone(second, Departure::Failed);
    lives_on_polling(&mut driver, &client);
    driver.wait(UPGRADE_TIMEOUT - INSTANT);
    let third = driver.upgrade(&client).name();
    // The deadlines of the others are over.
    driver.wait(UPGRADE_TIMEOUT - INSTANT);
    driver.opened(third);
    driver.say(third, "2probe");
    driver.say(third, "5");
    assert!(driver.server.is_websocket(client.session));
}

#[test]
fn e25_rejects_a_candidate_that_says_something_else_or_nothing() {
    // It has got so far when its time is over.
    for stage in 0..3 {
        let (mut driver, client) = connected();
        let candidate = driver.upgrade(&client).name();
        if stage >= 1 {
            driver.opened(candidate);
        }
        if stage == 2 {
            driver.say(candidate, "2probe");
        }
        driver.wait(UPGRADE_TIMEOUT - INSTANT);
        assert_eq!(driver.close_code(candidate), None);
        driver.wait(INSTANT);
        if stage == 0 {
            // It cannot be closed before its 101 is out.
            driver.opened(candidate);
        }
        assert_eq!(driver.close_code(candidate), Some(1000), "{stage}");
        lives_on_polling(&mut driver, &client);
        driver.say(candidate, "5");
        assert!(!driver.server.is_websocket(client.session));
    }
    let (mut driver, client) = connected();
    let candidate = driver.candidate(&client);
    driver.say_bytes(candidate, b"2probe");
    assert_eq!(driver.said, [Said::Close(candidate, 1000)]);
    lives_on_polling(&mut driver, &client);
}

#[test]
fn e25_rejects_a_candidate_whose_session_has_ended() {
    for stage in 0..3 {
        for is_closed in [true, false] {
            let (mut driver, client) = connected();
            let candidate = driver.upgrade(&client).name();
            if stage >= 1 {
                driver.opened(candidate);
            }
            if stage == 2 {
                driver.say(candidate, "2probe");
            }
            match is_closed {
                true => driver.close(client.session),
                false => drop(driver.post(&client, "1")),
            }
            if stage == 0 {
                driver.opened(candidate);
            }
            if stage == 2 && is_closed {
                // It may be about to become the transport.
                assert!(driver.is_socket(candidate));
                driver.wait(UPGRADE_TIMEOUT);
            }
            assert_eq!(driver.close_code(candidate), Some(1000));
            driver.finish();
        }
    }
}

/// A WebSocket from the beginning whose 101 does not get out.
#[test]
fn e25_rejects_a_session_that_does_not_open() {
    let mut driver = Driver::new(config());
    let late = driver.ask_websocket().name();
    driver.wait(UPGRADE_TIMEOUT);
    assert!(driver.server.is_empty());
    driver.opened(late);
    assert_eq!(driver.close_code(late), Some(1000));
    let gone = driver.ask_websocket().name();
    driver.gone(gone, Departure::Failed);
    assert!(driver.server.is_empty() && driver.sessions.is_empty(), "nobody has heard of it");
    assert_eq!(driver.server.poll_timeout(), None);
}

#[test]
fn e26_accepts_stray_packets() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    for text in ["0", "0{}", "5", "6", "3", "3probe", "4a", "bAQID"] {
        driver.say(socket, text);
    }
    assert_eq!(driver.texts(), ["a"]);
    assert_eq!(driver.got[1].1, Got::Binary(vec![1, 2, 3]));
    assert!(driver.ended(client.session).is_none() && driver.is_socket(socket));
    // What others say in its name is nothing.
    let other = driver.connect_websocket().1;
    assert_eq!(driver.server.text(driver.now, client.session, other, "4a"), None);
    assert_eq!(driver.server.binary(driver.now, client.session, other, b"a"), None);
}

#[test]
fn e26_rejects_unknown_types_and_empty_texts() {
    for text in ["", "7", "x", "b?", "\u{e4}"] {
        let mut driver = Driver::new(config());
        let (client, socket) = driver.connect_websocket();
        driver.say(socket, text);
        assert_eq!(driver.ended(client.session), Some(CloseReason::ParseError), "{text:?}");
        assert_eq!(driver.close_code(socket), Some(1002));
        driver.say(socket, "4a");
        assert_eq!(driver.texts(), [""; 0]);
    }
}
