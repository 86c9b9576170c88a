//! What clients do (C1 to C3).

use super::support::client::{ClientDriver, Fate, OPEN};
use sansio_engineio::client::{
    CloseReason, Config, Error, Event, Method, SendError, Transport, Transport::Polling,
    Transport::WebSocket,
};
use sansio_engineio::{InvalidPacket, PreparedPacket};
use std::time::Duration;

const INSTANT: Duration = Duration::from_nanos(1);
const PATIENCE: Duration = Duration::from_secs(45);

pub(crate) fn config(transports: &[Transport]) -> Config {
    Config::new().transports(transports.iter().copied())
}

pub(crate) fn closed(reason: CloseReason) -> Event {
    Event::Closed { reason, error: None }
}

pub(crate) fn failed(error: Error) -> Event {
    Event::Closed { reason: CloseReason::TransportError, error: Some(error) }
}

/// A session by polling whose WebSocket has answered the probe, with a GET under way.
fn pausing() -> ClientDriver {
    let mut driver = ClientDriver::polling(Config::new());
    let link = driver.link_opened();
    assert_eq!(driver.texts(), ["2probe"]);
    driver.say(link, "3probe");
    driver
}

/// A session that has gone over to a WebSocket.
pub(crate) fn upgraded() -> ClientDriver {
    let mut driver = pausing();
    driver.answer_get("6");
    assert_eq!(driver.happenings(), [Event::Upgraded]);
    assert_eq!(driver.texts(), ["2probe", "5"]);
    driver.frames.clear();
    driver
}

fn by_websocket() -> ClientDriver {
    let mut driver = ClientDriver::new(config(&[WebSocket]));
    driver.open();
    let link = driver.link_opened();
    driver.say(link, OPEN);
    assert_eq!(driver.happenings(), [Event::Opened]);
    driver
}

#[test]
fn c1_accepts_a_session_by_polling_that_goes_over_to_a_websocket() {
    let mut driver =
        ClientDriver::new(Config::new().path("/live/").query("a b", "ü&").header("X-A", "1"));
    driver.open();
    let get = driver.get().unwrap();
    let request = &driver.requests[&get];
    assert_eq!(request.target, "/live/?EIO=4&transport=polling&a%20b=%C3%BC%26");
    assert_eq!((request.method, request.method.as_str()), (Method::Get, "GET"));
    assert_eq!(request.headers, [("X-A".to_owned(), "1".to_owned())]);
    assert_eq!(driver.send("early"), Err(SendError::NotOpen));
    // What follows the open packet in the same payload is the session's.
    driver.answer_get(&format!("{OPEN}\u{1e}4first\u{1e}bAQID"));
    assert_eq!(driver.happenings(), [Event::Opened]);
    assert_eq!(driver.got, ["first", "[1, 2, 3]"]);
    assert_eq!(driver.client.transport(), Some(Polling));
    let get = driver.get().unwrap();
    let target = "/live/?EIO=4&transport=polling&sid=s%2F1&a%20b=%C3%BC%26";
    assert_eq!(driver.requests[&get].target, target);
    let link = driver.link().unwrap();
    assert_eq!(driver.connects[&link].target, target.replace("polling", "websocket"));
    assert_eq!(driver.connects[&link].headers, [("X-A".to_owned(), "1".to_owned())]);

    // Until the probe is answered what is sent goes by polling.
    driver.opened(link);
    driver.send("by polling").unwrap();
    assert_eq!(driver.body(), "4by polling");
    driver.say(link, "3probe");
    // From then on it waits, also for the POST.
    driver.send("waits").unwrap();
    driver.send_packet(&PreparedPacket::binary(&[7])).unwrap();
    driver.answer_get("4last\u{1e}6");
    assert_eq!(driver.get(), None, "no GET begins");
    assert_eq!(driver.texts(), ["2probe"]);
    assert_eq!(driver.happenings(), []);
    assert!(!driver.client.can_send_now());
    driver.answer_post();
    assert_eq!(driver.happenings(), [Event::Upgraded]);
    assert_eq!(driver.texts(), ["2probe", "5", "4waits", "[7]"]);
    assert_eq!(driver.client.transport(), Some(WebSocket));
    assert!(driver.requests.is_empty() && driver.client.can_send_now());
    driver.say(link, "4over it");
    driver.say_bytes(link, &[9]);
    driver.say(link, "bAQ==");
    assert_eq!(driver.got[2..], ["last", "over it", "[9]", "[1]"]);
}

#[test]
fn c1_accepts_the_next_transport_if_there_is_no_websocket_or_no_polling() {
    let mut driver = ClientDriver::new(config(&[WebSocket, Polling]));
    driver.open();
    let link = driver.link().unwrap();
    driver.link_failed(link);
    driver.answer_get(OPEN);
    assert_eq!(driver.happenings(), [Event::Opened]);
    assert_eq!(driver.link(), None, "the WebSocket stands before polling");

    // One that opens and says nothing sensible is none.
    let mut driver = ClientDriver::new(config(&[WebSocket, Polling]));
    driver.open();
    let link = driver.link_opened();
    driver.say(link, "hello");
    assert_eq!(driver.links[&link], Fate::Closed(1002));
    driver.answer_get(OPEN);
    assert_eq!(driver.happenings(), [Event::Opened]);

    let mut driver = ClientDriver::new(Config::new());
    driver.open();
    let get = driver.get().unwrap();
    driver.answer(get, 400, br#"{"code":0,"message":"Transport unknown"}"#);
    let link = driver.link_opened();
    driver.say(link, OPEN);
    assert_eq!(driver.happenings(), [Event::Opened]);
    assert_eq!(driver.client.transport(), Some(WebSocket));
}

#[test]
fn c1_accepts_posts_within_what_the_server_takes() {
    let mut driver = ClientDriver::polling(config(&[Polling]).max_post_packets(4));
    driver.send("first").unwrap();
    let text = "x".repeat(40);
    for _ in 0..3 {
        driver.send(&text).unwrap();
    }
    driver.answer_post();
    assert_eq!(driver.body(), format!("4{text}\u{1e}4{text}"), "100 bytes and no more");
    for _ in 0..5 {
        driver.send("y").unwrap();
    }
    driver.answer_post();
    assert_eq!(driver.body(), format!("4{text}\u{1e}4y\u{1e}4y\u{1e}4y"), "four and no more");
    driver.answer_post();
    assert_eq!(driver.body(), "4y\u{1e}4y");
    let post = driver.post().unwrap();
    let headers = &driver.requests[&post].headers;
    assert_eq!(headers[0], ("Content-Type".into(), "text/plain;charset=UTF-8".into()));
}

#[test]
fn c1_rejects_what_the_server_does_not_take_and_what_polling_cannot_carry() {
    let mut driver = ClientDriver::polling(config(&[Polling]));
    driver.send(&"x".repeat(99)).unwrap();
    assert_eq!(driver.send(&"x".repeat(100)), Err(SendError::TooLong));
    // As base64 it is longer.
    let bytes = |len| PreparedPacket::binary(&vec![0; len]);
    assert_eq!(driver.send_packet(&bytes(75)), Err(SendError::TooLong));
    driver.send_packet(&bytes(72)).unwrap();
    assert_eq!(driver.send("a\u{1e}b"), Err(SendError::Separator));
    let mut driver = upgraded();
    driver.send_packet(&bytes(100)).unwrap();
    assert_eq!(driver.send_packet(&bytes(101)), Err(SendError::TooLong));
    driver.send("a\u{1e}b").unwrap();
    assert_eq!(driver.texts().last(), Some(&"4a\u{1e}b"));
}

#[test]
fn c1_rejects_more_than_may_wait() {
    let mut driver = ClientDriver::polling(config(&[Polling]).max_queued_packets(4));
    driver.send("under way").unwrap();
    for _ in 0..4 {
        driver.send("waits").unwrap();
    }
    assert!(!driver.client.can_send_now());
    assert_eq!(driver.send("more"), Err(SendError::Full));
    driver.answer_post();
    assert_eq!(driver.happenings(), [Event::Drained]);
    driver.send("more").unwrap();
}

#[test]
fn c1_rejects_what_opens_no_session() {
    let texts = [
        ("4hello", Error::Handshake),
        ("0{}", Error::Handshake),
        (r#"0{"sid":"","pingInterval":1,"pingTimeout":1}"#, Error::Handshake),
        (r#"0{"sid":"a","pingInterval":-1,"pingTimeout":1}"#, Error::Handshake),
        (r#"0{"sid":"a","pingInterval":1}"#, Error::Handshake),
        ("0[", Error::Handshake),
        ("", Error::Packet(InvalidPacket::Empty)),
        ("7", Error::Packet(InvalidPacket::Kind)),
        ("b?", Error::Packet(InvalidPacket::Base64)),
    ];
    for (text, error) in texts {
        for transport in [Polling, WebSocket] {
            let mut driver = ClientDriver::new(config(&[transport]));
            driver.open();
            match transport {
                Polling => driver.answer_get(text),
                WebSocket => {
                    let link = driver.link_opened();
                    driver.say(link, text);
                }
            }
            assert_eq!(driver.happenings(), [failed(error.clone())], "{text}");
            assert!(driver.client.is_closed());
        }
    }
    let mut driver = ClientDriver::new(Config::new());
    driver.open();
    let get = driver.get().unwrap();
    driver.answer(get, 403, br#"{"code":4,"message":"no"}"#);
    let error = Error::Status { status: 403, code: Some(4), message: "no".into() };
    assert_eq!(driver.happenings(), [failed(error)], "a WebSocket would not be had either");
    driver.open();
    let get = driver.get().unwrap();
    driver.answer(get, 502, &[0xff; 5000]);
    let error = Error::Status { status: 502, code: None, message: String::new() };
    assert_eq!(driver.happenings(), [failed(error)]);
    driver.open();
    driver.fail(driver.get().unwrap());
    assert_eq!(driver.happenings(), [failed(Error::Request("reset".into()))]);
    let mut driver = ClientDriver::new(config(&[]));
    driver.open();
    assert_eq!(driver.happenings(), [failed(Error::NoTransport)]);
}

#[test]
fn c1_rejects_a_server_that_opens_no_session_in_time() {
    for transport in [Polling, WebSocket] {
        let mut driver = ClientDriver::new(config(&[transport]));
        driver.open();
        driver.wait(Duration::from_secs(20) - INSTANT);
        assert_eq!(driver.happenings(), []);
        driver.wait(INSTANT);
        assert_eq!(driver.happenings(), [failed(Error::TimedOut)]);
        // It may try again, and what comes of the last attempt is nothing to it.
        driver.open();
        assert!(!driver.client.is_closed());
    }
}

#[test]
fn c1_rejects_responses_that_are_too_long_or_no_text() {
    let mut driver = ClientDriver::polling(config(&[Polling]).max_received_bytes(1000));
    let get = driver.get().unwrap();
    driver.answer(get, 200, &[b'4'; 1001]);
    assert_eq!(driver.happenings(), [failed(Error::TooLong)]);
    let mut driver = ClientDriver::polling(config(&[Polling]));
    let get = driver.get().unwrap();
    driver.answer(get, 200, b"4a\x1e4\xff\x1e4b");
    assert_eq!((driver.got.len(), driver.happenings()), (1, vec![failed(Error::NotText)]));
    let mut driver = upgraded();
    let link = driver.link().unwrap();
    driver.say(link, "");
    assert_eq!(driver.happenings(), [failed(Error::Packet(InvalidPacket::Empty))]);
    assert_eq!(driver.links[&link], Fate::Closed(1002));
    let mut driver = upgraded();
    let link = driver.link().unwrap();
    driver.say_bytes(link, &vec![0; (16 << 20) + 1]);
    assert_eq!(driver.happenings(), [failed(Error::TooLong)]);
}

#[test]
fn c2_accepts_a_failed_probe_and_goes_on_by_polling() {
    type Fault = fn(&mut ClientDriver);
    let faults: [(Fault, Error); 6] = [
        (|driver| driver.link_failed(driver.link().unwrap()), Error::WebSocket("refused".into())),
        (|driver| driver.wait(Duration::from_secs(10)), Error::TimedOut),
        (
            |driver| {
                driver.link_opened();
                driver.wait(Duration::from_secs(10));
            },
            Error::TimedOut,
        ),
        (
            |driver| {
                let link = driver.link_opened();
                driver.say(link, "4hello");
            },
            Error::Probe,
        ),
        (
            |driver| {
                let link = driver.link_opened();
                driver.say_bytes(link, b"3probe");
            },
            Error::Probe,
        ),
        (
            |driver| {
                let link = driver.link_opened();
                driver.say(link, "3probe");
                driver.link_closed(link);
            },
            Error::WebSocket("the server has closed it".into()),
        ),
    ];
    for (fault, error) in faults {
        let mut driver = ClientDriver::polling(Config::new());
        driver.send("meanwhile").unwrap();
        fault(&mut driver);
        assert_eq!(driver.happenings(), [Event::UpgradeFailed(error)]);
        assert_eq!(driver.link(), None);
        driver.answer_post();
        driver.send("still here").unwrap();
        assert_eq!(driver.body(), "4still here");
        driver.answer_get("4too");
        assert_eq!((driver.got.len(), driver.get().is_some()), (1, true));
    }
}

/// The server has ended its GET for the upgrade, which does not come.
#[test]
fn c2_accepts_a_probe_that_fails_when_polling_is_at_rest_but_for_a_post() {
    let mut driver = ClientDriver::polling(Config::new());
    let link = driver.link_opened();
    driver.send("under way").unwrap();
    driver.say(link, "3probe");
    driver.answer_get("6");
    driver.send("waits").unwrap();
    assert_eq!((driver.get(), driver.texts()), (None, vec!["2probe"]));
    driver.wait(Duration::from_secs(10));
    assert_eq!(driver.happenings(), [Event::UpgradeFailed(Error::TimedOut)]);
    assert!(driver.get().is_some());
    driver.answer_post();
    assert_eq!(driver.body(), "4waits");
}

/// Whoever closes can find out whether what it has sent has left.
/// By then the server has taken all else. It may answer a GET that it holds, or a new one, before the close packet.
#[test]
fn c2_rejects_requests_where_there_is_only_a_websocket() {
    let mut driver = ClientDriver::new(config(&[WebSocket]));
    driver.open();
    driver.link_failed(driver.link().unwrap());
    assert_eq!(driver.happenings(), [failed(Error::WebSocket("refused".into()))]);
    assert!(driver.requests.is_empty());
    let mut driver = by_websocket();
    driver.send("a").unwrap();
    let link = driver.link().unwrap();
    assert!(driver.requests.is_empty());
    driver.close();
    assert_eq!((driver.texts(), driver.links[&link]), (vec!["4a"], Fate::Closed(1000)));
}

/// The server has ended the session, and the response that says so is overtaken.
/// However a session ends, it is told once, with its reason, and nothing comes behind it.
#[test]
fn c2_rejects_what_comes_behind_the_end() {
    type Ending = fn(&mut ClientDriver);
    let endings: [(Ending, Event); 4] = [
        (|driver| driver.answer_get("4a\u{1e}1\u{1e}4b"), closed(CloseReason::TransportClose)),
        (|driver| driver.fail(driver.get().unwrap()), failed(Error::Request("reset".into()))),
        (
            |driver| {
                driver.act = |client, now, _| client.close(now);
                driver.answer_get("4a\u{1e}4b");
                driver.answer_post();
            },
            closed(CloseReason::ForcedClose),
        ),
        (
            |driver| {
                driver.send("x").unwrap();
                let post = driver.post().unwrap();
                driver.answer_get("4a");
                driver.answer(post, 413, b"");
            },
            failed(Error::Status { status: 413, code: None, message: String::new() }),
        ),
    ];
    for (ending, event) in endings {
        let mut driver = ClientDriver::polling(config(&[Polling]));
        ending(&mut driver);
        assert_eq!(driver.happenings(), [event]);
        assert!(driver.got.len() <= 1 && driver.client.is_closed());
    }
    type Last = fn(&mut ClientDriver);
    let endings: [(Last, Event); 3] = [
        (|driver| driver.say(driver.link().unwrap(), "1"), closed(CloseReason::TransportClose)),
        (|driver| driver.link_closed(driver.link().unwrap()), closed(CloseReason::TransportClose)),
        (
            |driver| driver.link_failed(driver.link().unwrap()),
            failed(Error::WebSocket("refused".into())),
        ),
    ];
    for (ending, event) in endings {
        let mut driver = upgraded();
        let link = driver.link().unwrap();
        ending(&mut driver);
        driver.say(link, "4late");
        assert_eq!((driver.happenings(), driver.got.len()), (vec![event], 0));
    }
}

#[test]
fn c3_accepts_pings_and_answers_them() {
    let mut driver = ClientDriver::polling(config(&[Polling]));
    for _ in 0..3 {
        driver.wait(PATIENCE - INSTANT);
        driver.answer_get("2");
        assert_eq!(driver.body(), "3");
        driver.answer_post();
    }
    // One that comes while polling pauses is answered over the WebSocket.
    let mut driver = pausing();
    driver.answer_get("2\u{1e}6");
    assert_eq!(driver.texts(), ["2probe", "5", "3"]);
    let link = driver.link().unwrap();
    driver.send("x").unwrap();
    driver.say(link, "2");
    assert_eq!(driver.texts()[3..], ["4x", "3"]);
    driver.wait(PATIENCE - INSTANT);
    assert_eq!(driver.happenings(), [Event::Upgraded]);
}

#[test]
fn c3_rejects_silence() {
    for websocket in [false, true] {
        let mut driver =
            if websocket { upgraded() } else { ClientDriver::polling(config(&[Polling])) };
        driver.wait(PATIENCE - INSTANT);
        // Only pings count.
        match websocket {
            true => driver.say(driver.link().unwrap(), "4a"),
            false => driver.answer_get("4a"),
        }
        assert_eq!(driver.happenings(), []);
        driver.wait(INSTANT);
        assert_eq!(driver.happenings(), [closed(CloseReason::PingTimeout)]);
        assert!(driver.client.is_closed());
    }
}
