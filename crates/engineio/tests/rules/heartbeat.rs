//! Pings and pongs (E18 to E20). With the defaults: 25 s, then 20 s for the pong.

use super::support::driver::{Client, Driver, config};
use sansio_engineio::CloseReason;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(20);
const INSTANT: Duration = Duration::from_nanos(1);

/// A session that waits for the pong to a ping, which it has got just now.
fn pinged() -> (Driver, Client) {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let held = driver.get(&client).name();
    driver.wait(INTERVAL);
    assert_eq!(driver.response(held), "2");
    (driver, client)
}

#[test]
fn e18_accepts_a_ping_each_interval_from_the_open_packet_and_from_each_pong() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for _ in 0..3 {
        let held = driver.get(&client).name();
        driver.wait(INTERVAL - INSTANT);
        assert!(driver.is_held(held), "never earlier");
        driver.wait(INSTANT);
        assert_eq!(driver.response(held), "2");
        driver.wait(TIMEOUT - INSTANT);
        assert_eq!(driver.post(&client, "3"), (200, "ok".into()));
    }
    assert_eq!(driver.ended(client.session), None);
}

#[test]
fn e18_accepts_pongs_over_websocket() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    for pings in 1..4 {
        driver.wait(INTERVAL - INSTANT);
        assert_eq!(driver.frames(socket).len(), pings, "the open packet, and pings so far");
        driver.wait(INSTANT);
        assert_eq!(driver.frames(socket)[1..], vec!["2"; pings]);
        driver.wait(TIMEOUT - INSTANT);
        driver.say(socket, "3");
    }
    assert_eq!(driver.ended(client.session), None);
}

/// The 101 may take its time: the session begins with its open packet.
#[test]
fn e18_accepts_that_time_runs_from_the_open_packet() {
    let mut driver = Driver::new(config());
    let socket = driver.ask_websocket().name();
    driver.wait(9 * SECOND);
    driver.opened(socket);
    assert_eq!(driver.server.poll_timeout(), Some(driver.now + INTERVAL), "and nothing before");
    driver.wait(INTERVAL - INSTANT);
    assert_eq!(driver.frames(socket).len(), 1);
    driver.wait(INSTANT);
    assert_eq!(driver.frames(socket).len(), 2);
}

#[test]
fn e18_rejects_a_late_pong() {
    let (mut driver, client) = pinged();
    driver.wait(TIMEOUT);
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
    assert_eq!(driver.begin_post(&client).refusal().0, 400);
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.wait(INTERVAL + TIMEOUT);
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
    assert_eq!(driver.close_code(socket), Some(1000));
}

/// Another packet proves that the client is there, once for each ping.
#[test]
fn e18_accepts_that_another_packet_moves_the_deadline_once() {
    let (mut driver, client) = pinged();
    driver.wait(TIMEOUT - INSTANT);
    driver.post(&client, "4a");
    driver.wait(TIMEOUT - INSTANT);
    assert_eq!(driver.ended(client.session), None);
    driver.post(&client, "4b");
    driver.wait(INSTANT);
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
    for is_binary in [true, false] {
        let mut driver = Driver::new(config());
        let (client, socket) = driver.connect_websocket();
        driver.wait(INTERVAL + TIMEOUT - INSTANT);
        for wait in [TIMEOUT - INSTANT, INSTANT] {
            assert_eq!(driver.ended(client.session), None);
            match is_binary {
                true => driver.say_bytes(socket, b"x"),
                false => driver.say(socket, "4x"),
            }
            driver.wait(wait);
        }
        assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
    }
}

/// What stands before a ping has to be taken first, and that is life. A client that hangs takes nothing more.
#[test]
fn e18_accepts_a_client_that_takes_slowly_what_waits_for_it() {
    let mut driver = Driver::new(config());
    let (client, socket) = driver.connect_websocket();
    driver.wait(INTERVAL);
    for _ in 0..10 {
        driver.wait(TIMEOUT - INSTANT);
        assert_eq!(driver.server.overdue(driver.now), []);
        assert_eq!(driver.server.overdue(driver.now + INSTANT), [(client.session, socket)]);
        driver.server.note_taken(client.session);
        assert_eq!(driver.server.overdue(driver.now + INSTANT), [], "it need not be looked at");
        driver.wait(INSTANT);
        assert_eq!(driver.ended(client.session), None);
    }
    driver.say(socket, "3");
    // What it has taken before it was asked counts for nothing.
    driver.server.note_taken(client.session);
    driver.wait(INTERVAL + TIMEOUT - INSTANT);
    assert_eq!(driver.ended(client.session), None);
    driver.wait(INSTANT);
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
}

/// Its pong waits with all that it posts, until it has taken enough of its answers.
#[test]
fn e18_accepts_a_client_that_polls_while_its_post_waits() {
    let mut driver = Driver::new(config().max_queued_packets(40).max_response_packets(2));
    let client = driver.connect();
    for _ in 0..40 {
        driver.answer(client.session, "r").unwrap();
    }
    driver.wait(INTERVAL);
    driver.get(&client).name();
    let post = driver.begin_post(&client).name();
    for _ in 0..9 {
        assert!(driver.is_waiting(post));
        driver.wait(TIMEOUT - INSTANT);
        let get = driver.get(&client).name();
        assert_eq!(driver.response(get), "4r\u{1e}4r");
        driver.wait(INSTANT);
        assert_eq!(driver.ended(client.session), None);
    }
    while driver.is_waiting(post) {
        driver.get(&client).name();
    }
    driver.body(post, "3");
    driver.wait(INTERVAL - INSTANT);
    assert_eq!(driver.ended(client.session), None, "it was heard");
}

/// Else a client could keep a session without ever taking a response.
#[test]
fn e18_rejects_pongs_that_answer_nothing() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    // Nobody has asked.
    driver.wait(INTERVAL - INSTANT);
    driver.post(&client, "3");
    let held = driver.get(&client).name();
    driver.wait(INSTANT);
    assert_eq!(driver.response(held), "2", "the interval has not begun again");
    driver.post(&client, "3");
    // The ping waits for a GET, and so was not seen.
    driver.wait(INTERVAL);
    for _ in 0..4 {
        driver.wait(5 * SECOND - INSTANT);
        driver.post(&client, "3");
    }
    driver.wait(TIMEOUT);
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
}

/// Behind a pong the deadline of the next ping can be moved again.
#[test]
fn e18_accepts_one_move_for_each_ping() {
    let (mut driver, client) = pinged();
    for _ in 0..2 {
        driver.post(&client, "4a");
        driver.post(&client, "3");
        let held = driver.get(&client).name();
        driver.wait(INTERVAL);
        assert_eq!(driver.response(held), "2");
        driver.wait(TIMEOUT - INSTANT);
        driver.post(&client, "4a");
        driver.wait(TIMEOUT - INSTANT);
        assert_eq!(driver.ended(client.session), None);
    }
}

#[test]
fn e19_accepts_that_a_client_comes_late_for_its_ping() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.send(client.session, "a").unwrap();
    driver.wait(INTERVAL + TIMEOUT - INSTANT);
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "2\u{1e}4a");
    driver.post(&client, "3");
    driver.wait(INTERVAL - INSTANT);
    assert_eq!(driver.ended(client.session), None);
}

#[test]
fn e19_rejects_abandoned_sessions() {
    // Whether a GET was ever held, is held, or the client has gone over.
    for way in 0..4 {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        match way {
            0 => {}
            1 => drop(driver.get(&client)),
            2 => drop(driver.upgraded(&client)),
            _ => {
                // Between ping and pong.
                driver.wait(INTERVAL + SECOND);
                driver.upgraded(&client);
            }
        }
        let passed = if way == 3 { INTERVAL + SECOND } else { Duration::ZERO };
        driver.wait(INTERVAL + TIMEOUT - INSTANT - passed);
        assert_eq!(driver.ended(client.session), None, "{way}");
        driver.wait(INSTANT);
        assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout), "{way}");
        assert!(driver.server.is_empty());
        driver.finish();
    }
}

/// A caller that comes late finds what is due, and gives each ping its time.
#[test]
fn e19_rejects_a_session_whose_time_is_over_though_nobody_looked() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.wait_late(100 * SECOND);
    assert_eq!(driver.ended(client.session), None, "it is asked first");
    driver.now = driver.now + 100 * SECOND;
    let (_, body) = driver.get(&client).refusal();
    assert!(body.contains("Session ID unknown"));
    assert_eq!(driver.ended(client.session), Some(CloseReason::PingTimeout));
}

#[test]
fn e20_accepts_a_ping_on_a_candidate() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let candidate = driver.candidate(&client);
    driver.say(candidate, "2probe");
    assert!(driver.said.contains(&super::support::driver::Said::Probe(candidate)));
    assert_eq!(driver.ended(client.session), None);
}

#[test]
fn e20_rejects_a_ping_of_a_client() {
    for ping in ["2", "2probe"] {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        assert_eq!(driver.post(&client, ping).0, 400);
        assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
        let (client, socket) = driver.connect_websocket();
        driver.say(socket, ping);
        assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
        assert_eq!(driver.close_code(socket), Some(1000));
    }
}
