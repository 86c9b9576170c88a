//! Long-polling: what responses hold, POSTs, and what may be compressed (E12 to E14, E16).

use super::support::driver::{Driver, Fate, Got, config};
use sansio_engineio::{CloseReason, Config, Departure, Event, PreparedPacket, SendError};
use std::time::Duration;

const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

#[test]
fn e12_accepts_all_that_waits_in_one_response() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for text in ["a", "b"] {
        driver.send(client.session, text).unwrap();
    }
    driver.server.send(client.session, &PreparedPacket::binary(&[1, 2, 3])).unwrap();
    let name = driver.get(&client).name();
    assert_eq!(driver.response(name), "4a\u{1e}4b\u{1e}bAQID");
    let headers: Vec<_> = driver.responses[&name].0.headers().collect();
    let expected = [("Content-Type", "text/plain; charset=UTF-8"), ("Cache-Control", "no-store")];
    assert_eq!(headers, expected);
    // One that is held gets the first packet that comes.
    let held = driver.get(&client).name();
    assert!(driver.is_held(held) && driver.server.can_send_now(client.session));
    driver.send(client.session, "c").unwrap();
    assert_eq!(driver.response(held), "4c");
    assert!(!driver.server.can_send_now(client.session));
}

#[test]
fn e12_rejects_a_17th_packet_and_more_bytes_than_clients_take() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for number in 0..20 {
        driver.send(client.session, &format!("{number:02}")).unwrap();
    }
    let first = driver.get(&client).name();
    let second = driver.get(&client).name();
    assert_eq!(driver.response(first).split('\u{1e}').count(), 16);
    assert_eq!(driver.response(second), "416\u{1e}417\u{1e}418\u{1e}419");
    // The open packet and pings count, too.
    let mut driver = Driver::new(config().max_response_packets(1).max_payload(10));
    let client = driver.connect();
    driver.send(client.session, "x").unwrap();
    driver.wait(Duration::from_secs(25));
    for body in ["2", "4x"] {
        let name = driver.get(&client).name();
        assert_eq!(driver.response(name), body);
    }
    let mut driver = Driver::new(config().max_payload(5));
    let client = driver.connect();
    for text in ["a", "b", "c", "more than five"] {
        driver.send(client.session, text).unwrap();
    }
    for body in ["4a\u{1e}4b", "4c", "4more than five"] {
        let name = driver.get(&client).name();
        assert_eq!(driver.response(name), body);
    }
}

#[test]
fn e3_rejects_text_with_a_separator_while_the_client_polls() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    assert_eq!(driver.send(client.session, "a\u{1e}b"), Err(SendError::Separator));
    let socket = driver.upgraded(&client);
    driver.send(client.session, "a\u{1e}b").unwrap();
    assert_eq!(driver.frames(socket), ["4a\u{1e}b"]);
}

/// An event with its attachments is there as a whole, or not at all.
#[test]
fn what_belongs_together_is_queued_together_or_not_at_all() {
    let mut driver = Driver::new(narrow());
    let client = driver.connect();
    let [head, one, two] = ["head", "1", "2"].map(PreparedPacket::text);
    let others = [one, two];
    assert_eq!(driver.server.send_unit(client.session, &head, &others), Ok(()));
    assert_eq!(driver.server.send_unit(client.session, &head, &others), Err(SendError::Full));
    let get = driver.get(&client).name();
    assert_eq!(driver.response(get), "4head\u{1e}41\u{1e}42");
    let strange = [PreparedPacket::text("\u{1e}")];
    let separator = Err(SendError::Separator);
    assert_eq!(driver.server.send_unit(client.session, &head, &strange), separator);
    assert_eq!(driver.server.send_unit(client.session, &strange[0], &others), separator);
    driver.close(client.session);
    assert_eq!(driver.server.send_unit(client.session, &head, &[]), Err(SendError::Gone));
    let get = driver.get(&client).name();
    assert_eq!(driver.response(get), "1", "nothing of them");
}

/// A server whose queues take two packets.
fn narrow() -> Config {
    config().max_queued_packets(2)
}

#[test]
fn what_waits_for_a_client_is_bounded_and_room_is_told() {
    for config in [narrow(), config().max_queued_bytes(4)] {
        let mut driver = Driver::new(config);
        let client = driver.connect();
        driver.send(client.session, "a").unwrap();
        driver.send(client.session, "b").unwrap();
        assert_eq!(driver.send(client.session, "c"), Err(SendError::Full));
        assert_eq!(driver.send(client.session, "d"), Err(SendError::Full));
        driver.said.clear();
        driver.get(&client).name();
        let drained = |driver: &Driver| {
            let is_drained = |said: &&_| format!("{said:?}").contains("Drained");
            driver.said.iter().filter(is_drained).count()
        };
        assert_eq!(drained(&driver), 1);
        driver.send(client.session, "e").unwrap();
        driver.get(&client).name();
        assert_eq!(drained(&driver), 1, "nothing was refused");
    }
}

/// Who takes slowly what is said to all is heard all the same, and who does not take its answers is not.
#[test]
fn only_answers_pause_reading() {
    for config in [config().max_queued_packets(4), config().max_queued_bytes(8)] {
        let mut driver = Driver::new(config);
        let client = driver.connect();
        let full = |driver: &mut Driver| driver.send(client.session, "n") == Err(SendError::Full);
        while !full(&mut driver) {}
        assert!(!driver.server.pauses_reading(client.session));
        assert_eq!(driver.post(&client, "4a"), (200, "ok".into()), "it is read");
        // Answers have room of their own.
        for pauses in [false, true, true, true] {
            driver.answer(client.session, "r").unwrap();
            assert_eq!(driver.server.pauses_reading(client.session), pauses);
        }
        assert_eq!(driver.answer(client.session, "r"), Err(SendError::Full));
        assert!(full(&mut driver));
        let post = driver.begin_post(&client).name();
        assert!(driver.is_waiting(post));
        let get = driver.get(&client).name();
        assert_eq!(
            driver.response(get),
            ["4n", "4r"].map(|t| [t; 4].join("\u{1e}")).join("\u{1e}")
        );
        driver.body(post, "4b");
        assert_eq!((driver.status(post), driver.texts()), (200, vec!["a", "b"]));
    }
}

#[test]
fn e13_accepts_packets_before_it_answers() {
    let mut driver = Driver::new(config());
    // The application answers each message: that is queued before the request is answered.
    driver.act = |server, _, session, _| {
        server.send(session, &PreparedPacket::text("re")).unwrap();
    };
    let client = driver.connect();
    let post = driver.begin_post(&client).name();
    assert_eq!(driver.fates[&post].1, Fate::Posting);
    driver.body(post, "4a\u{1e}bAQID\u{1e}6\u{1e}0{}\u{1e}5\u{1e}3\u{1e}4");
    let got: Vec<_> = driver.got.iter().map(|(_, got)| got.clone()).collect();
    let binary = Got::Binary(vec![1, 2, 3]);
    assert_eq!(got, [Got::Text("a".into()), binary, Got::Text(String::new())]);
    assert_eq!((driver.status(post), &*driver.response(post)), (200, "ok"));
    let headers: Vec<_> = driver.responses[&post].0.headers().collect();
    assert_eq!(headers, [("Content-Type", "text/html")]);
    let get = driver.get(&client).name();
    assert_eq!(driver.response(get), "4re\u{1e}4re\u{1e}4re");
}

#[test]
fn e4_e13_rejects_what_is_no_packet_and_all_behind_it() {
    for (bad, texts) in [
        (&b"4a\x1e7\x1e4b"[..], &["a"][..]),
        (b"4a\x1e\x1e4b", &["a"]),
        (b"4a\x1e4\xff\x1e4b", &["a"]),
        (b"4a\x1eb?\x1e4b", &["a"]),
        (b"4a\x1e", &["a"]),
        (b"", &[]),
    ] {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        let held = driver.get(&client).name();
        assert_eq!(driver.post(&client, bad), (400, BAD_REQUEST.into()));
        assert_eq!(driver.texts(), texts);
        assert_eq!(driver.ended(client.session), Some(CloseReason::ParseError));
        assert_eq!(driver.response(held), "1");
        assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
    }
}

#[test]
fn e13_rejects_octets() {
    for content_type in ["application/octet-stream", "Application/Octet-Stream ; x=y"] {
        let mut driver = Driver::new(config());
        let client = driver.connect();
        let target = format!("/engine.io/?EIO=4&transport=polling&sid={}", client.sid);
        let asked = driver.ask("POST", &target, &[("Content-Type", content_type)]);
        assert_eq!(asked.refusal(), (400, BAD_REQUEST.into()));
        assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
    }
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let target = format!("/engine.io/?EIO=4&transport=polling&sid={}", client.sid);
    driver.ask("POST", &target, &[("Content-Type", "text/octet-stream")]).name();
}

#[test]
fn e13_accepts_that_a_body_was_too_long() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let post = driver.begin_post(&client).name();
    driver.gone(post, Departure::BodyTooLong);
    assert_eq!(driver.ended(client.session), None);
    assert_eq!(driver.post(&client, "4a"), (200, "ok".into()));
}

/// A client that sends more than it takes answers to is made to wait, with nothing lost.
#[test]
fn e13_accepts_a_post_that_waits_for_room() {
    let mut driver = Driver::new(narrow().max_queued_packets(4).max_response_packets(1));
    driver.echoes = true;
    let client = driver.connect();
    let post = driver.begin_post(&client).name();
    driver.body(post, "4a\u{1e}4b\u{1e}4c\u{1e}4d");
    assert_eq!(driver.texts(), ["a", "b"]);
    assert!(driver.is_waiting(post));
    let mut bodies = vec![];
    for _ in 0..4 {
        let get = driver.get(&client).name();
        bodies.push(driver.response(get));
    }
    assert_eq!(bodies, ["4a", "4b", "4c", "4d"]);
    assert_eq!(driver.response(post), "ok");
    // The next one is not even read before there is room.
    for text in ["x", "y"] {
        driver.answer(client.session, text).unwrap();
    }
    let post = driver.begin_post(&client).name();
    assert!(driver.is_waiting(post));
    driver.get(&client).name();
    assert_eq!(driver.fates[&post].1, Fate::Posting);
    driver.body(post, "4z");
    assert_eq!(driver.response(post), "ok");
    driver.get(&client).name();
    driver.finish();
}

#[test]
fn e13_rejects_what_comes_behind_a_close() {
    let mut driver = Driver::new(config());
    driver.act = |server, now, session, _| server.close(now, session);
    let client = driver.connect();
    driver.send(client.session, "kept").unwrap();
    // None of it is listened to: no message, no fault, no close of its own.
    for body in ["4a\u{1e}4b", "4a\u{1e}2", "4a\u{1e}1", "4a\u{1e}", "7"] {
        assert_eq!(driver.post(&client, body), (200, "ok".into()));
    }
    assert_eq!(driver.texts(), ["a"]);
    assert_eq!(driver.ended(client.session), Some(CloseReason::ForcedClose));
    for last in ["4kept", "1"] {
        let get = driver.get(&client).name();
        assert_eq!(driver.response(get), last);
    }
}

#[test]
fn e14_accepts_one_get_and_one_post_at_a_time() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for _ in 0..3 {
        let held = driver.get(&client).name();
        let post = driver.begin_post(&client).name();
        driver.body(post, "4a");
        assert_eq!(driver.response(post), "ok");
        assert!(driver.is_held(held));
        driver.send(client.session, "x").unwrap();
        assert_eq!(driver.response(held), "4x");
    }
    assert_eq!(driver.ended(client.session), None);
}

#[test]
fn e14_rejects_a_second_get() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let held = driver.get(&client).name();
    let post = driver.begin_post(&client).name();
    let candidate = driver.candidate(&client);
    let asked = driver.get(&client);
    assert_eq!(asked.refusal(), (400, BAD_REQUEST.into()));
    assert_eq!((driver.status(held), &*driver.response(held)), (200, "1"));
    assert_eq!(driver.status(post), 400);
    assert_eq!(driver.close_code(candidate), Some(1000));
    assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
    assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
}

#[test]
fn e14_rejects_a_second_post() {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    let held = driver.get(&client).name();
    let post = driver.begin_post(&client).name();
    assert_eq!(driver.begin_post(&client).refusal(), (400, BAD_REQUEST.into()));
    assert_eq!((driver.status(post), &*driver.response(held)), (400, "1"));
    assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
}

#[test]
fn e14_rejects_connections_that_end_early() {
    for departure in [Departure::Closed, Departure::Failed] {
        for is_get in [true, false] {
            let mut driver = Driver::new(config());
            let client = driver.connect();
            let held = driver.get(&client).name();
            let post = driver.begin_post(&client).name();
            driver.gone(if is_get { held } else { post }, departure);
            assert_eq!(driver.ended(client.session), Some(CloseReason::TransportError));
            match is_get {
                true => assert_eq!(driver.status(post), 400),
                false => assert_eq!(driver.response(held), "1"),
            }
            assert_eq!(driver.get(&client).refusal(), (400, UNKNOWN_SESSION.into()));
        }
    }
    // One that was answered may end.
    let mut driver = Driver::new(config());
    let client = driver.connect();
    driver.send(client.session, "x").unwrap();
    let answered = driver.get(&client).name();
    driver.gone(answered, Departure::Failed);
    assert_eq!(driver.ended(client.session), None);
}

/// Whether the response with these packets may be compressed.
fn may_compress(packets: &[PreparedPacket]) -> bool {
    let mut driver = Driver::new(config());
    let client = driver.connect();
    for packet in packets {
        driver.server.send(client.session, packet).unwrap();
    }
    driver.settle();
    let name = driver.get(&client).name();
    driver.responses[&name].1
}

#[test]
fn e16_accepts_compression_of_messages() {
    let (on, off) = (PreparedPacket::text("a"), PreparedPacket::text("a").compress(false));
    assert!(may_compress(&[off.clone(), on.clone()]));
    assert!(may_compress(&[on.clone(), off]) && may_compress(&[on]));
}

#[test]
fn e16_rejects_compression_if_nobody_wants_it() {
    let off = PreparedPacket::text("a").compress(false);
    assert!(!may_compress(&[off.clone(), off]));
    let mut driver = Driver::new(config());
    let client = driver.connect();
    assert!(driver.responses.values().all(|(_, may_compress)| !may_compress), "the open packet");
    driver.post(&client, "4a");
    assert!(driver.responses.values().all(|(_, may_compress)| !may_compress), "ok");
    let held = driver.get(&client).name();
    driver.wait(Duration::from_secs(25));
    assert_eq!((&*driver.response(held), driver.responses[&held].1), ("2", false));
}

#[cfg(feature = "gzip")]
mod sealed {
    use super::config;
    use sansio_engineio::Envelope;
    use sansio_ws::handshake::{Request, Response, Status};

    /// Whether a response of this length is compressed for a client that says what it takes.
    fn is_compressed(accepted: Option<&str>, len: usize, may: bool) -> bool {
        let mut headers = vec![("Host", b"a" as &[u8])];
        headers.extend(accepted.map(|accepted| ("Accept-Encoding", accepted.as_bytes())));
        let request = Request::from_parts("GET", "/", headers).unwrap();
        let response = Response::new(Status::OK).body(vec![b'a'; len]);
        let sealed = Envelope::new(&config(), &request).seal(&config(), response, may);
        let gzip = sealed.headers().any(|header| header == ("Content-Encoding", "gzip"));
        assert_eq!(gzip, sealed.content().len() < len, "smaller, and said so");
        gzip
    }

    #[test]
    fn e16_accepts_long_responses_for_clients_that_take_gzip() {
        for accepted in ["gzip", "deflate, gzip;q=0.5, br", "GZIP"] {
            assert!(is_compressed(Some(accepted), 1024, true), "{accepted}");
        }
    }

    #[test]
    fn e16_rejects_short_responses_and_clients_that_do_not() {
        assert!(!is_compressed(Some("gzip"), 1023, true));
        assert!(!is_compressed(Some("gzip"), 1024, false));
        for accepted in [None, Some("br"), Some("gzip;q=0"), Some("xgzip")] {
            assert!(!is_compressed(accepted, 1024, true), "{accepted:?}");
        }
    }
}

#[test]
fn e28_accepts_that_a_post_waits_when_its_session_is_closed() {
    let mut driver = Driver::new(narrow());
    let client = driver.connect();
    driver.answer(client.session, "x").unwrap();
    let post = driver.begin_post(&client).name();
    assert!(driver.is_waiting(post));
    driver.close(client.session);
    assert_eq!(driver.fates[&post].1, Fate::Posting, "it is read, and not listened to");
    driver.body(post, "4a");
    assert_eq!((&*driver.response(post), driver.texts()), ("ok", vec![]));
    let closed = driver.said.iter().filter(|said| format!("{said:?}").contains("Closed")).count();
    assert_eq!(closed, 1);
    assert_ne!(driver.ended(client.session), None);
    let event = Event::Closed(client.session, CloseReason::ForcedClose);
    assert!(driver.said.contains(&super::support::driver::Said::Event(event)));
    for last in ["4x", "1"] {
        let get = driver.get(&client).name();
        assert_eq!(driver.response(get), last);
    }
}

/// The caller is not told to go on with what it has said is gone.
#[test]
fn e28_rejects_going_on_with_a_post_that_is_gone() {
    let mut driver = Driver::new(narrow());
    let client = driver.connect();
    driver.answer(client.session, "x").unwrap();
    let post = driver.begin_post(&client).name();
    driver.server.close(driver.now, client.session);
    driver.gone(post, Departure::Failed);
    assert!(driver.server.is_empty());
}
