//! What clients say, and what ends their sessions (S7, S8).

use crate::driver::{CLOSED, Driver, Got, event};
use sansio_socketio::{Config, DisconnectReason, Target};
use std::time::Duration;

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

fn driver() -> Driver {
    Driver::new(Config::default())
}

/// A client in the root namespace and in `/b` says something: `+` stands for an attachment.
#[track_caller]
fn said(texts: &[&str]) -> (Driver, bool) {
    let mut driver = driver();
    let (session, _) = driver.connect("/");
    driver.join(session, "/b");
    for text in texts {
        match *text {
            "+" => driver.say_bytes(session, "bytes"),
            text => driver.say(session, text),
        }
    }
    let is_closed = driver.is_closed(session);
    (driver, is_closed)
}

#[track_caller]
fn closes(texts: &[&str]) {
    let (mut driver, is_closed) = said(texts);
    assert!(is_closed, "{texts:?}");
    for got in driver.got() {
        let (Got::Disconnecting { reason, .. } | Got::Disconnected { reason, .. }) = got else {
            panic!("{got:?}");
        };
        // S8
        assert_eq!(reason, CLOSED);
    }
    assert_eq!(driver.server.namespaces().count(), 0);
    driver.finish();
}

#[track_caller]
fn ignores(texts: &[&str]) {
    let (mut driver, is_closed) = said(texts);
    assert!(!is_closed && driver.got().is_empty(), "{texts:?}");
    assert!(driver.wire.said.is_empty(), "nothing is answered");
    driver.finish();
}

#[test]
fn s7_rejects_what_is_said_where_the_client_is_not() {
    let (events, acks) = (["2/c,[\"a\"]", "2/c,7[\"a\"]"], ["3/c,1[]", "3/c,[]"]);
    for text in events.into_iter().chain(acks).chain(["1/c,", "1/c"]) {
        closes(&[text]);
        // Nor before the first namespace.
        let mut driver = driver();
        let session = driver.open();
        driver.say(session, &text.replace("/c,", "").replace("/c", ""));
        assert!(driver.is_closed(session) && driver.got().is_empty());
    }
    closes(&[&format!("51-/c,[\"a\",{PLACEHOLDER}]"), "+"]);
    closes(&[&format!("61-/c,0[{PLACEHOLDER}]"), "+"]);
    // A second one to where it is.
    closes(&["0"]);
    closes(&["0/b,{}"]);
}

#[test]
fn s7_rejects_what_is_said_before_admission() {
    for text in ["2[\"a\"]", "30[]", "1", "0", "0{}"] {
        let mut driver = driver();
        driver.admits = crate::driver::Admits::Later;
        let session = driver.open();
        driver.say(session, "0");
        driver.say(session, text);
        assert!(driver.is_closed(session), "{text}");
        assert_eq!(driver.admit(), None);
        driver.finish();
    }
}

#[test]
fn s7_accepts_what_was_on_its_way_when_the_client_left() {
    for texts in [
        &["1/b,", "2/b,[\"a\"]"][..],
        &["1/b,", "2/b,7[\"a\"]", "3/b,0[]", "1/b,", "2/b,[\"a\"]"],
        &["1", "1/b,", "2[\"a\"]", "2/b,[\"a\"]", "1"],
        &["1/b,", "51-/b,[\"a\",{\"_placeholder\":true,\"num\":0}]", "+", "2/b,[\"a\"]"],
    ] {
        let (mut driver, is_closed) = said(texts);
        let reason = DisconnectReason::ClientNamespaceDisconnect;
        assert!(!is_closed, "{texts:?}");
        let is_leaving = |got: &Got| match got {
            Got::Disconnecting { reason: why, .. } | Got::Disconnected { reason: why, .. } => {
                *why == reason
            }
            _ => false,
        };
        assert!(driver.got().iter().all(is_leaving));
    }
}

#[test]
fn s7_rejects_what_is_said_a_moment_after_leaving_or_elsewhere() {
    let mut driver = driver();
    let (session, _) = driver.connect("/");
    driver.say(session, "1");
    driver.wait(Duration::from_nanos(1));
    driver.say(session, "2[\"a\"]");
    assert!(driver.is_closed(session));
    for text in ["2/c,[\"a\"]", "0/b,", "4/b,{}", "4{}"] {
        let (_, is_closed) = said(&["1", text]);
        assert!(is_closed, "{text}");
    }
    // Where the server has made it leave it has not left by itself.
    let (session, socket) = driver.connect("/");
    driver.disconnect(socket, sansio_socketio::Close::Namespace);
    driver.say(session, "2[\"a\"]");
    assert!(driver.is_closed(session));
}

/// However often it comes and goes in one moment, no more is remembered than it could be in.
#[test]
fn s7_accepts_only_so_much_to_have_been_on_its_way() {
    let mut driver = Driver::new(Config::default().max_namespaces(2));
    let session = driver.open();
    for name in ["/1", "/2", "/3", "/3"] {
        driver.say(session, &format!("0{name},"));
        driver.say(session, &format!("1{name},"));
    }
    driver.say(session, "2/2,[\"a\"]");
    driver.say(session, "2/3,[\"a\"]");
    assert!(!driver.is_closed(session));
    driver.say(session, "2/1,[\"a\"]");
    assert!(driver.is_closed(session));
}

#[test]
fn s7_accepts_what_means_nothing() {
    for text in [
        "3999[]",
        "3[]",
        "3/b,999[1]",
        "3999",
        "3",
        "2[1]",
        "27[1]",
        "2",
        "25",
        "2/b,",
        "2/b,5",
        "2[\"\\ud83d\"]",
    ] {
        ignores(&[text]);
    }
    ignores(&[&format!("51-[1,{PLACEHOLDER}]"), "+"]);
    ignores(&["51-", "+"]);
    ignores(&[&format!("61-[{PLACEHOLDER}]"), "+"]);
    ignores(&[&format!("61-9[{PLACEHOLDER}]"), "+"]);
}

#[test]
fn s7_rejects_binary_without_a_header_and_texts_before_its_end() {
    let header = format!("52-[\"a\",{PLACEHOLDER}]");
    closes(&["+"]);
    closes(&[&header, "2[\"a\"]"]);
    closes(&[&header, "+", "2[\"a\"]"]);
    closes(&[&header, "+", "0/c,"]);
    closes(&[&header, &header]);
    let whole = said(&[&header, "+", "+", "+"]);
    assert!(whole.1);
    for num in ["1", "-1", "\"0\"", "0.5", "null"] {
        let element = format!("{{\"_placeholder\":true,\"num\":{num}}}");
        closes(&[&format!("51-[\"a\",{element}]"), "+"]);
        closes(&[&format!("61-0[{element}]"), "+"]);
    }
}

#[test]
fn s7_rejects_what_is_no_packet() {
    for text in [
        "",
        "50-[\"a\"]",
        "511-[\"a\"]",
        "5[\"a\"]",
        "51.5-[\"a\"]",
        "5-1-[\"a\"]",
        "5+1-[\"a\"]",
        "5-[\"a\"]",
        "0[]",
        "0\"s\"",
        "0{",
        "4{\"message\":\"a\"}",
        "4",
        "1{}",
        "2{}",
        "2[]",
        "2[null]",
        "2[{}]",
        "2[\"connect\"]",
        "2[\"disconnect\"]",
        "2abc[",
        "2[\"a\"]x",
        "31{}",
        "7",
        "8",
        "9",
        "a",
        "2b,[\"a\"]",
        "0b,",
    ] {
        closes(&[text]);
    }
}

#[test]
fn s7_accepts_events_and_answers_with_and_without_binary() {
    let (mut driver, is_closed) =
        said(&["2[\"a\",1]", "2/b,[\"b\"]", &format!("52-/b,[\"c\",[{PLACEHOLDER}]]"), "+", "+"]);
    assert!(!is_closed);
    let (root, b) = (driver.sockets[0], driver.sockets[1]);
    let expected = |socket, name: &str, args: &str| Got::Event {
        socket,
        name: name.into(),
        args: args.into(),
    };
    assert_eq!(
        driver.got(),
        [
            expected(root, "a", "[1]"),
            expected(b, "b", "[]"),
            expected(b, "c", "[[{\"_placeholder\":true,\"num\":0}]] + bytes"),
        ]
    );
}

#[test]
fn s7_accepts_a_refusal_beside_what_goes_on() {
    let mut driver = driver();
    let (session, socket) = driver.connect("/");
    driver.admits = crate::driver::Admits::Later;
    for name in ["/unknown", "/b?x=1"] {
        driver.say(session, &format!("0{name},"));
        driver.refuse("Invalid namespace", None);
        let answer = format!("4{name},{{\"message\":\"Invalid namespace\"}}");
        assert_eq!(driver.heard(session), [answer]);
    }
    driver.got();
    driver.say(session, "2[\"a\"]");
    let args = "[]".into();
    assert_eq!(driver.got(), [Got::Event { socket, name: "a".into(), args }]);
}

/// Half of a binary event is held neither for ever nor without bounds.
#[test]
fn s7_rejects_attachments_that_are_too_much_or_late() {
    let header = format!("52-[\"a\",{PLACEHOLDER}]");
    let config = Config::default()
        .max_attachment_bytes(header.len() + 10)
        .attachment_timeout(Duration::from_secs(3));
    for (pieces, closed_at) in [
        (&["12345", "12345"][..], None),
        (&["12345", "123456"], Some(2)),
        (&["12345678901"], Some(1)),
    ] {
        let mut driver = Driver::new(config.clone());
        let (session, _) = driver.connect("/");
        driver.say(session, &header);
        for (number, piece) in (1..).zip(pieces) {
            assert!(!driver.is_closed(session));
            driver.say_bytes(session, piece);
            assert_eq!(driver.is_closed(session), closed_at == Some(number));
        }
        assert_eq!(driver.server.poll_timeout(), None, "nobody waits any more");
    }
    let mut driver = Driver::new(config.clone());
    let (session, _) = driver.connect("/");
    driver.say(session, &header);
    driver.wait(Duration::from_secs(2));
    // The time is that of the whole event.
    driver.say_bytes(session, "1");
    driver.wait(Duration::from_millis(999));
    assert!(!driver.is_closed(session));
    driver.wait(Duration::from_millis(1));
    assert!(driver.is_closed(session));
    // A header counts, too: it is held as well.
    let mut driver = Driver::new(config);
    let (session, _) = driver.connect("/");
    driver.say(session, &format!("51-[\"a\",\"{}\",{PLACEHOLDER}]", "x".repeat(20)));
    assert!(driver.is_closed(session));
}

#[test]
fn s8_accepts_that_others_go_on() {
    let mut driver = driver();
    let (session, _) = driver.connect("/");
    let (other, there) = driver.connect("/");
    driver.say(session, "2{}");
    assert!(driver.is_closed(session) && !driver.is_closed(other));
    driver.got();
    driver.say(other, "2[\"a\"]");
    assert_eq!(driver.got().len(), 1);
    assert_eq!(driver.server.sockets(&Target::all("/")), [there]);
}

#[test]
fn s8_rejects_all_sockets_of_the_session() {
    let mut driver = driver();
    let (session, root) = driver.connect("/");
    let b = driver.join(session, "/b");
    driver.enter(b, "r").unwrap();
    driver.say(session, "9");
    let left = driver.got();
    assert_eq!(left.len(), 4);
    for (at, socket) in [root, b].into_iter().enumerate() {
        let Got::Disconnecting { socket: who, reason, .. } = &left[2 * at] else { panic!() };
        assert_eq!((*who, *reason), (socket, CLOSED));
        assert_eq!(left[2 * at + 1], Got::Disconnected { socket, reason: CLOSED });
    }
    assert_eq!(reason_of(&left[0]), "forced close");
    assert_eq!(driver.emit(root, &event("a", ())), Err(sansio_socketio::EmitError::Gone));
}

fn reason_of(got: &Got) -> String {
    match got {
        Got::Disconnecting { reason, .. } | Got::Disconnected { reason, .. } => reason.to_string(),
        other => panic!("{other:?}"),
    }
}
