//! How clients come back, and the order in which they tell of it (C5, C6).

use super::client::{INSTANT, SECOND, come_back, steady};
use super::client_driver::{ClientDriver, OPEN};
use sansio_engineio::client::{Method, Transport};
use sansio_socketio::client::{Auth, Config, DisconnectReason, Reconnection, engine};
use std::time::Duration;

#[test]
fn c5_accepts_delays_that_grow_up_to_their_limit() {
    let delays = |reconnection: Reconnection, random| -> Vec<_> {
        (1..=6).map(|attempt| reconnection.delay_before(attempt, random).as_millis()).collect()
    };
    let plain = Reconnection::new().jitter(0);
    assert_eq!(delays(plain, u32::MAX), [1000, 2000, 4000, 5000, 5000, 5000]);
    assert_eq!(delays(Reconnection::new(), 0), [500, 1000, 2000, 4000, 5000, 5000]);
    assert_eq!(delays(Reconnection::new(), 1 << 31), [1000, 2000, 4000, 5000, 5000, 5000]);
    assert_eq!(delays(Reconnection::new(), u32::MAX), [1499, 2999, 5000, 5000, 5000, 5000]);
    let slow = Reconnection::new().delay(Duration::from_secs(10)).jitter(200);
    assert_eq!(delays(slow, u32::MAX), [5000; 6]);
    let far = Reconnection::new().delay(Duration::MAX).max_delay(Duration::MAX);
    assert!(far.delay_before(u32::MAX, 7) > SECOND);

    // The same with the machine.
    let mut driver = ClientDriver::new(steady());
    driver.join("/");
    for seconds in [1, 2, 4, 5, 5] {
        driver.refuse();
        driver.wait(SECOND * seconds - INSTANT);
        assert_eq!(driver.link, None);
        driver.wait(INSTANT);
    }
    // And from the beginning when there was a session.
    driver.open();
    come_back(&mut driver);
}

#[test]
fn c5_accepts_a_fresh_authentication_each_time() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.client.socket("/").unwrap();
    driver.client.set_auth(root, Auth::asked());
    driver.connect(root);
    driver.open();
    assert_eq!(
        (driver.told(), driver.heard()),
        (vec!["open".into(), "authenticate /".into()], vec![])
    );
    driver.authenticate(root, &Auth::from_json(r#"{"n":1}"#).unwrap());
    driver.authenticate(root, &Auth::none());
    assert_eq!(driver.heard(), [r#"40{"n":1}"#], "once");
    driver.say(r#"40{"sid":"a"}"#);
    driver.told();
    come_back(&mut driver);
    assert_eq!(driver.told().last().unwrap(), "authenticate /");
    driver.authenticate(root, &Auth::none());
    assert_eq!(driver.heard(), ["40"]);
}

#[test]
fn c5_accepts_a_server_that_says_nonsense_only_as_one_that_is_lost() {
    let nonsense = [
        "4",
        "47",
        "40[]",
        "42",
        r#"42["connect"]"#,
        r#"42[null]"#,
        "42[",
        "451-[\"a\",{\"_placeholder\":true,\"num\":3}]",
        "4511-[\"a\"]",
        "4x",
    ];
    for text in nonsense {
        let (mut driver, _) = ClientDriver::connected(steady());
        driver.say(text);
        if text == "42" {
            assert_eq!(driver.told(), [""; 0], "an event without a name");
            continue;
        }
        driver.say_bytes(&[0]);
        assert_eq!(driver.told(), ["disconnect /: parse error", "close: parse error"], "{text}");
        assert_eq!(driver.heard(), ["close 1000"]);
        driver.wait(SECOND);
        driver.open();
        assert_eq!(driver.told(), ["reconnect_attempt 1", "open", "reconnect 1"]);
    }
    // Attachments without a header, another text before the last of them, and too many bytes.
    for (first, bytes) in [(None, 1), (Some(r#"452-["a"]"#), 1), (Some(r#"452-["a"]"#), 200)] {
        let (mut driver, _) = ClientDriver::connected(steady().max_attachment_bytes(100));
        if let Some(first) = first {
            driver.say(first);
        }
        driver.say_bytes(&vec![0; bytes]);
        driver.say(r#"42["b"]"#);
        assert_eq!(driver.told(), ["disconnect /: parse error", "close: parse error"]);
    }
}

#[test]
fn c5_rejects_more_attempts_than_allowed() {
    let mut driver = ClientDriver::new(Config::new().reconnection(None));
    let root = driver.join("/");
    driver.refuse();
    driver.wait(SECOND * 1000);
    assert!(driver.client.is_idle());
    // Unless it is told to.
    driver.connect(root);
    driver.open();
    driver.told();
    driver.lose();
    driver.wait(SECOND * 1000);
    assert!(driver.client.is_idle() && driver.client.is_active(root));
}

#[test]
fn c5_rejects_reconnection_when_one_side_has_said_goodbye() {
    let (mut driver, root) = ClientDriver::connected(steady());
    driver.say("41");
    assert_eq!(driver.told(), ["close: forced close", "disconnect /: io server disconnect"]);
    driver.wait(SECOND * 1000);
    assert!(driver.client.is_idle() && !driver.client.is_active(root));
    driver.heard();
    // But by hand.
    driver.connect(root);
    driver.open();
    driver.say(r#"40{"sid":"b"}"#);
    assert_eq!(driver.told(), ["open", "connect /"]);
    driver.disconnect(root);
    assert_eq!(driver.told(), ["close: forced close", "disconnect /: io client disconnect"]);
    assert_eq!(driver.heard(), ["40", "41", "close 1000"]);
    driver.wait(SECOND * 1000);
    assert!(driver.client.is_idle());
    assert_eq!(DisconnectReason::Client.to_string(), "io client disconnect");
}

#[test]
fn c5_rejects_one_namespace_and_the_others_live() {
    let (mut driver, root) = ClientDriver::connected(steady());
    let admin = driver.join("/admin");
    let old = driver.join("/old");
    driver.say(r#"44/admin,{"message":"not authorized","data":{"code":401}}"#);
    driver.say(r#"44/old,"plain""#);
    assert_eq!(
        driver.told(),
        [
            "connect_error /admin: the server refuses: not authorized",
            "connect_error /old: the server refuses: plain"
        ]
    );
    assert!(driver.client.is_connected(root) && !driver.client.is_active(admin));
    driver.heard();
    come_back(&mut driver);
    assert_eq!(driver.heard(), ["40"], "only the one");
    driver.told();
    // One that is made to leave is alone with that, too.
    driver.say(r#"40{"sid":"b"}"#);
    driver.connect(old);
    driver.say(r#"40/old,{"sid":"c"}"#);
    driver.say("41/old,");
    assert_eq!(
        driver.told(),
        ["connect /", "connect /old", "disconnect /old: io server disconnect"]
    );
    // The last one that is not let in ends the session.
    driver.disconnect(root);
    driver.told();
    driver.connect(admin);
    driver.open();
    driver.say(r#"44/admin,{"message":"no"}"#);
    driver.say(r#"44/admin,{"message":"no"}"#);
    assert_eq!(
        driver.told(),
        ["open", "close: forced close", "connect_error /admin: the server refuses: no"]
    );
    assert!(driver.client.is_idle());
}

/// The server takes no word of a namespace that it has not let the client into.
#[test]
fn c5_accepts_a_change_of_mind() {
    let (mut driver, root) = ClientDriver::connected(steady());
    let admin = driver.join("/admin");
    driver.disconnect(admin);
    driver.connect(admin);
    driver.disconnect(admin);
    assert_eq!(driver.heard(), ["40/admin,"]);
    driver.say(r#"40/admin,{"sid":"b"}"#);
    assert_eq!((driver.heard(), driver.told()), (vec!["41/admin,".into()], vec![]));
    // What was on its way when it left, and an end that was, is nothing to the next time.
    driver.say(r#"42/admin,["late"]"#);
    driver.connect(admin);
    driver.say("41/admin,");
    driver.say(r#"40/admin,{"sid":"c"}"#);
    assert_eq!(driver.told(), ["connect /admin"]);
    // What the server says of namespaces that nobody has asked for is nothing, too.
    driver.say(r#"42/other,["x"]"#);
    driver.say(r#"40/other,{"sid":"c"}"#);
    driver.disconnect(root);
    driver.disconnect(admin);
    assert_eq!(
        driver.told(),
        [
            "disconnect /: io client disconnect",
            "close: forced close",
            "disconnect /admin: io client disconnect"
        ]
    );
}

#[test]
fn c5_rejects_a_server_without_an_id() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.join("/");
    driver.open();
    driver.say("40");
    assert_eq!(
        driver.told()[1..],
        [
            "close: forced close",
            "connect_error /: the server speaks an older protocol, Socket.IO 2"
        ]
    );
    assert!(!driver.client.is_active(root));
}

#[test]
fn c5_rejects_a_server_that_opens_no_session_in_time() {
    let mut driver = ClientDriver::new(steady());
    driver.join("/");
    driver.wait(SECOND * 20 - INSTANT);
    assert_eq!(driver.told(), [""; 0]);
    driver.wait(INSTANT);
    let error = "the server did not open a session in time";
    assert_eq!(driver.told(), [format!("connect_error /: {error}"), format!("error: {error}")]);
    driver.wait(SECOND);
    driver.open();
}

/// As measured with npm's client 4.8.
#[test]
fn c6_accepts_the_order_of_events() {
    let mut driver =
        ClientDriver::new(Config::new().reconnection(Reconnection::new().jitter(0).attempts(2)));
    let root = driver.join("/");
    let chat = driver.join("/chat");
    driver.emit(root, "a", 1).unwrap();
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    driver.say(r#"40/chat,{"sid":"b"}"#);
    assert_eq!(driver.told(), ["open", "connect /", "connect /chat"]);
    driver.heard();

    driver.lose();
    driver.emit(root, "waits", 1).unwrap();
    assert_eq!(
        driver.told(),
        [
            "disconnect /: transport close",
            "disconnect /chat: transport close",
            "close: transport close"
        ]
    );
    driver.wait(SECOND);
    driver.open();
    assert_eq!(driver.heard(), ["40", "40/chat,"]);
    driver.say(r#"40{"sid":"c"}"#);
    assert_eq!(driver.told(), ["reconnect_attempt 1", "open", "reconnect 1", "connect /"]);
    assert_eq!(driver.heard(), [r#"42["waits",1]"#]);
    driver.disconnect(chat);

    driver.wait(SECOND * 45);
    assert_eq!(driver.told(), ["disconnect /: ping timeout", "close: ping timeout"]);
    let failure = |last: &[&str]| {
        let error = "the WebSocket failed: refused";
        let first = [format!("connect_error /: {error}"), format!("error: {error}")];
        let last = last.iter().map(|&text| text.to_owned());
        first.into_iter().chain(last).collect::<Vec<_>>()
    };
    driver.wait(SECOND);
    assert_eq!(driver.told(), ["reconnect_attempt 1"]);
    driver.refuse();
    assert_eq!(driver.told(), failure(&["reconnect_error"]));
    driver.wait(SECOND * 2);
    assert_eq!(driver.told(), ["reconnect_attempt 2"]);
    driver.refuse();
    assert_eq!(driver.told(), failure(&["reconnect_failed", "reconnect_error"]));
    assert!(driver.client.is_idle() && driver.client.is_active(root));
}

#[test]
fn c6_accepts_a_first_attempt_that_fails() {
    let mut driver = ClientDriver::new(steady());
    driver.join("/");
    driver.refuse();
    let error = "the WebSocket failed: refused";
    assert_eq!(driver.told(), [format!("connect_error /: {error}"), format!("error: {error}")]);
    driver.wait(SECOND);
    driver.open();
    assert_eq!(driver.told(), ["reconnect_attempt 1", "open", "reconnect 1"]);
}

#[test]
fn c6_accepts_polling_and_what_comes_in_one_response() {
    let sessions = engine::Config::new().path("/socket.io/").transports([Transport::Polling]);
    let mut driver = ClientDriver::with(steady(), sessions, || 0);
    let root = driver.join("/");
    let target = driver.requests.values().next().unwrap().target.clone();
    assert_eq!(target, "/socket.io/?EIO=4&transport=polling");
    driver.answer(Method::Get, 200, OPEN);
    driver.emit(root, "a", 1).unwrap();
    let body = |driver: &ClientDriver| {
        driver.requests.values().find_map(|request| request.body.clone()).unwrap()
    };
    assert_eq!(body(&driver), "40");
    driver.answer(Method::Post, 200, "ok");
    driver.answer(Method::Get, 200, "40{\"sid\":\"a\"}\u{1e}42[\"x\"]\u{1e}41\u{1e}42[\"y\"]");
    assert_eq!(
        driver.told(),
        [
            "open",
            "connect /",
            "/ x []",
            "close: forced close",
            "disconnect /: io server disconnect"
        ]
    );
    assert_eq!(body(&driver), r#"42["a",1]"#);
    driver.answer(Method::Post, 200, "ok");
    assert_eq!(body(&driver), "1");
    driver.answer(Method::Post, 200, "ok");
    assert!(driver.client.is_idle());
}

/// Nothing is told twice, and nothing of a socket that is not connected.
#[test]
fn c6_rejects_what_comes_at_the_wrong_time() {
    let (mut driver, root) = ClientDriver::connected(steady());
    driver.say(r#"40{"sid":"z"}"#);
    driver.say(r#"44{"message":"no"}"#);
    assert_eq!((driver.told(), driver.client.id(root)), (vec![], Some("a")));
    driver.connect(root);
    driver.disconnect(root);
    driver.disconnect(root);
    assert_eq!(driver.told().len(), 2);
    assert_eq!(driver.client.id(root), None);
    // Before the first connection: nobody was there to be disconnected.
    let mut driver = ClientDriver::new(steady());
    let root = driver.join("/");
    driver.say(r#"42["x"]"#);
    driver.disconnect(root);
    assert_eq!(driver.told(), ["close: forced close"]);
    driver.connect(root);
    driver.refuse();
    driver.told();
    driver.disconnect(root);
    driver.wait(SECOND * 1000);
    assert_eq!(driver.told(), [""; 0]);
    assert!(driver.client.is_idle());
    // What was said in a session that is lost is not heard in the next one.
    let (mut driver, _) = ClientDriver::connected(steady());
    driver.say(r#"451-["a",{"_placeholder":true,"num":0}]"#);
    come_back(&mut driver);
    driver.say(r#"40{"sid":"b"}"#);
    driver.told();
    driver.say(r#"42["b"]"#);
    assert_eq!(driver.told(), ["/ b []"]);
}

/// When there is room for one packet only, the second word about a namespace does not go before the first one.
#[test]
fn c5_accepts_a_change_of_mind_without_room() {
    let sessions = super::client_driver::websocket().max_queued_packets(4);
    let mut driver = ClientDriver::with(steady(), sessions, || 0);
    let root = driver.join("/");
    let chat = driver.join("/chat");
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    driver.say(r#"40/chat,{"sid":"b"}"#);
    driver.heard();
    driver.reads = false;
    for number in 0..4 {
        driver.emit(root, "a", number).unwrap();
    }
    driver.disconnect(chat);
    let link = driver.link.unwrap();
    driver.client.next_frame(driver.now, link).unwrap();
    driver.connect(chat);
    driver.unblock();
    let heard = driver.heard();
    assert_eq!(heard[heard.len() - 2..], ["41/chat,", "40/chat,"], "{heard:?}");
    driver.say(r#"40/chat,{"sid":"c"}"#);
    assert!(driver.client.is_connected(chat));
}

/// Whoever comes back as somebody else before the server has answered is not let in as who it was.
#[test]
fn c5_accepts_another_authentication_while_the_server_decides() {
    let who = |name: &str| Auth::from_json(format!(r#"{{"user":"{name}"}}"#)).unwrap();
    for answer in [r#"40/chat,{"sid":"b"}"#, r#"44/chat,{"message":"no"}"#] {
        let (mut driver, _) = ClientDriver::connected(steady());
        let chat = driver.client.socket("/chat").unwrap();
        driver.client.set_auth(chat, who("alice"));
        driver.connect(chat);
        assert_eq!(driver.heard(), [r#"40/chat,{"user":"alice"}"#]);
        driver.disconnect(chat);
        driver.client.set_auth(chat, who("bob"));
        driver.connect(chat);
        driver.connect(chat);
        assert!(driver.client.is_active(chat));
        assert_eq!(driver.heard(), [""; 0], "the server takes no word before its answer");
        driver.say(answer);
        let as_bob = r#"40/chat,{"user":"bob"}"#;
        let left = answer.starts_with("40").then_some("41/chat,");
        assert_eq!(driver.heard(), left.into_iter().chain([as_bob]).collect::<Vec<_>>());
        assert_eq!((driver.told(), driver.client.is_connected(chat)), (vec![], false));
        driver.say(r#"40/chat,{"sid":"c"}"#);
        assert_eq!(driver.told(), ["connect /chat"]);
    }
    // It may leave once more, or lose the session.
    for loses in [false, true] {
        let (mut driver, _) = ClientDriver::connected(steady());
        let chat = driver.join("/chat");
        driver.disconnect(chat);
        driver.client.set_auth(chat, who("bob"));
        driver.connect(chat);
        driver.heard();
        if loses {
            come_back(&mut driver);
            assert_eq!(driver.heard(), ["40", r#"40/chat,{"user":"bob"}"#]);
        } else {
            driver.disconnect(chat);
            driver.say(r#"40/chat,{"sid":"b"}"#);
            assert_eq!(driver.heard(), ["41/chat,"]);
            assert!(!driver.client.is_active(chat));
        }
    }
}
