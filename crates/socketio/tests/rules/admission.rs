//! Who comes into a namespace (S9 to S12).

use crate::driver::{Admits, CLOSED, Driver, Got, event};
use sansio_engineio::CloseReason;
use sansio_socketio::{Close, Config, EmitError, Target};
use std::time::Duration;

fn driver(admits: Admits) -> Driver {
    let mut driver = Driver::new(Config::default());
    driver.admits = admits;
    driver
}

/// The sid that a client is told.
fn sid(text: &str, head: &str) -> String {
    let rest = text.strip_prefix(head).and_then(|rest| rest.strip_prefix("{\"sid\":\""));
    let sid = rest.and_then(|rest| rest.strip_suffix("\"}")).expect("a sid and nothing else");
    assert_eq!(sid.len(), 20);
    sid.into()
}

#[test]
fn s9_accepts_a_client_now_or_later() {
    let mut now = driver(Admits::Now);
    let session = now.open();
    now.say(session, "0");
    let socket = now.sockets[0];
    assert_eq!(now.got(), [Got::Admit { socket, namespace: "/".into(), auth: "{}".into() }]);
    let root = sid(&now.heard(session)[0], "0");
    assert_eq!(now.server.id(socket), root);
    assert_eq!(now.server.namespace(socket), "/");
    assert_eq!(now.server.session(socket), Some(session));
    assert_eq!(now.server.rooms(socket).collect::<Vec<_>>(), [&*root]);

    let mut later = driver(Admits::Later);
    let session = later.open();
    later.say(session, "0/b,{\"token\":\"x\"}");
    let socket = later.sockets[0];
    let auth = "{\"token\":\"x\"}".into();
    assert_eq!(later.got(), [Got::Admit { socket, namespace: "/b".into(), auth }]);
    assert!(later.heard(session).is_empty() && !later.server.is_open(socket));
    later.wait(Duration::from_secs(44));
    assert_eq!(later.admit(), Some(socket));
    later.emit(socket, &event("welcome", ("you",))).unwrap();
    let heard = later.heard(session);
    sid(&heard[0], "0/b,");
    assert_eq!(heard[1..], ["2/b,[\"welcome\",\"you\"]"]);
}

#[test]
fn s9_rejects_ids_that_were_used_and_sockets_before_admission() {
    let mut driver = driver(Admits::Now);
    let session = driver.open();
    let mut ids = vec![];
    for _ in 0..3 {
        driver.say(session, "0");
        ids.push(sid(&driver.heard(session)[0], "0"));
        driver.say(session, "1");
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    // Until it is let in it is no socket.
    driver.admits = Admits::Later;
    driver.say(session, "0");
    let socket = driver.sockets[3];
    let all = Target::all("/");
    assert!(driver.server.sockets(&all).is_empty());
    assert_eq!(driver.server.id(socket), "");
    assert_eq!(driver.server.find("/", ""), None);
    assert_eq!(driver.emit(socket, &event("a", ())), Err(EmitError::Gone));
    let asked = driver.ask(socket, Duration::from_secs(1), &event("a", ()));
    assert_eq!(asked, Err(EmitError::Gone));
    assert!(driver.enter(socket, "r").is_err());
    assert!(driver.emit_to(&all, &event("a", ())).is_empty());
    driver.disconnect(socket, Close::Namespace);
    assert!(driver.heard(session).is_empty());
    assert_eq!(driver.server.poll_timeout(), None, "it was in a namespace before");
    // Whoever wants to refuse has a ticket.
    assert_eq!(driver.admit(), Some(socket));
}

#[test]
fn s10_accepts_that_a_client_is_told_why() {
    let mut driver = driver(Admits::Later);
    let session = driver.open();
    for (message, data, answer) in [
        ("no", None, r#"4{"message":"no"}"#),
        ("\"\n", Some("[1]"), r#"4{"message":"\"\n","data":[1]}"#),
        ("no", Some("{\"code\":7}"), r#"4{"message":"no","data":{"code":7}}"#),
    ] {
        driver.say(session, "0");
        driver.refuse(message, data);
        assert_eq!(driver.heard(session), [answer]);
        assert_eq!(driver.server.namespaces().count(), 0);
    }
    assert!(!driver.is_closed(session));
    driver.say(session, "0");
    assert!(driver.admit().is_some());
    driver.finish();
}

#[test]
fn s10_rejects_a_client_that_has_gone() {
    // By itself.
    let mut driver = driver(Admits::Later);
    let session = driver.open();
    driver.say(session, "0");
    driver.say(session, "0/b,");
    driver.end(session, CloseReason::TransportClose);
    assert_eq!(driver.server.namespaces().count(), 0);
    assert_eq!(driver.admit(), None);
    driver.refuse("no", None);
    assert!(driver.wire.said.is_empty());
    // Because the server has closed it, of which the machine is not told yet.
    driver.tells_ends = false;
    for close in [true, false] {
        let session = driver.open();
        driver.admits = Admits::Now;
        let socket = driver.join(session, "/");
        driver.admits = Admits::Later;
        driver.say(session, "0/b,");
        match close {
            true => driver.disconnect(socket, Close::Transport),
            false => driver.close_all(),
        }
        assert!(!driver.server.is_waiting(&driver.tickets[0]));
        assert_eq!(driver.admit(), None);
    }
    // Because it has broken the rules.
    let session = driver.open();
    driver.say(session, "0");
    driver.say(session, "0");
    assert!(driver.is_closed(session));
    assert_eq!(driver.admit(), None);
    driver.got();
    driver.tell_ends();
    assert!(driver.got().is_empty(), "nobody has come, and nobody leaves");
    driver.finish();
}

#[test]
fn s10_rejects_a_client_that_cannot_be_told() {
    for admits in [Admits::Now, Admits::Never] {
        let mut driver = driver(admits);
        let session = driver.open();
        driver.wire.full.insert(session);
        driver.say(session, "0");
        assert!(driver.is_closed(session));
        assert_eq!(driver.got().len(), 1, "it has asked, and was never there");
        driver.finish();
    }
}

#[test]
fn s10_rejects_too_many_namespaces() {
    let mut driver = Driver::new(Config::default().max_namespaces(2));
    let (session, _) = driver.connect("/");
    driver.admits = Admits::Later;
    driver.say(session, "0/b,");
    driver.say(session, "0/c,");
    assert_eq!(driver.heard(session), ["4/c,{\"message\":\"too many namespaces\"}"]);
    assert_eq!(driver.tickets.len(), 1);
    assert!(!driver.is_closed(session));
    // Another may be in its place.
    driver.say(session, "1");
    driver.say(session, "0/c,");
    assert_eq!(driver.tickets.len(), 2);
    driver.finish();
}

#[test]
fn s10_rejects_a_namespace_with_a_long_name() {
    let mut driver = Driver::new(Config::default().max_namespace_bytes(3));
    driver.admits = Admits::Later;
    let session = driver.open();
    driver.say(session, "0/abc,");
    let refused = ["4/abc,{\"message\":\"the name of the namespace is too long\"}"];
    assert_eq!(driver.heard(session), refused);
    assert!(driver.tickets.is_empty() && !driver.is_closed(session));
    driver.say(session, "0/ab,");
    assert!(driver.admit().is_some());
    driver.finish();
}

#[test]
fn s11_accepts_any_name() {
    let mut driver = driver(Admits::Now);
    let session = driver.open();
    for name in ["/", "/a/b", "/a?b=c", "/\u{e4}", "/ ", "/42"] {
        driver.join(session, name);
    }
    assert_eq!(driver.server.namespaces().count(), 6);
    // Two that are alike in part are two.
    let (_, socket) = driver.connect("/a");
    assert_eq!(driver.server.sockets(&Target::all("/a")), [socket]);
}

#[test]
fn s11_rejects_namespaces_without_anybody() {
    let mut driver = driver(Admits::Now);
    let (session, socket) = driver.connect("/room/1");
    let (other, _) = driver.connect("/room/1");
    driver.enter(socket, "r").unwrap();
    driver.say(session, "1/room/1");
    assert_eq!(driver.server.namespaces().collect::<Vec<_>>(), [("/room/1", 1)]);
    driver.say(other, "1/room/1,");
    assert_eq!(driver.server.namespaces().count(), 0);
    assert_eq!(driver.server.all_rooms("/room/1").count(), 0);
    driver.admits = Admits::Later;
    driver.say(session, "0/room/2,");
    assert_eq!(driver.server.namespaces().count(), 0, "nobody is in it yet");
}

#[test]
fn s12_accepts_a_client_that_was_in_a_namespace() {
    let mut driver = driver(Admits::Later);
    let session = driver.open();
    driver.wait(Duration::from_millis(44_999));
    driver.say(session, "0");
    driver.admit();
    driver.say(session, "1");
    assert_eq!(driver.server.poll_timeout(), None);
    driver.wait(Duration::from_secs(1000));
    assert!(!driver.is_closed(session));
}

#[test]
fn s12_rejects_a_client_that_is_in_none_in_time() {
    for (admits, texts) in [
        (Admits::Now, &[][..]),
        (Admits::Never, &["0", "0/b,"]),
        // Its own slowness, or the application's.
        (Admits::Later, &["0"]),
    ] {
        let mut driver = driver(admits);
        let session = driver.open();
        for text in texts {
            driver.say(session, text);
        }
        driver.got();
        driver.wait(Duration::from_millis(44_999));
        assert!(!driver.is_closed(session));
        driver.wait(Duration::from_millis(1));
        assert!(driver.is_closed(session));
        assert!(driver.got().is_empty());
        if admits == Admits::Later {
            assert_eq!(driver.admit(), None);
        }
        driver.finish();
    }
    // Whoever is in one is told why it has to leave.
    let (mut driver, moment) = (driver(Admits::Now), Duration::from_secs(1));
    let (session, socket) = driver.connect("/");
    driver.wait(moment);
    driver.say(session, "");
    assert_eq!(driver.got().last(), Some(&Got::Disconnected { socket, reason: CLOSED }));
}
