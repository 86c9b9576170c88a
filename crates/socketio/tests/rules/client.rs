//! What clients say and hear (C4).

use super::client_driver::ClientDriver;
use bytes::Bytes;
use sansio_socketio::client::{Auth, Config, EmitError, InvalidNamespace, Reconnection, Socket};
use sansio_socketio::{EncodedArgs, Raw};
use std::time::Duration;

pub(super) const INSTANT: Duration = Duration::from_nanos(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn steady() -> Config {
    Config::new().reconnection(Reconnection::new().jitter(0))
}

/// Loses the session, and has it opened again.
pub(super) fn come_back(driver: &mut ClientDriver) {
    driver.lose();
    driver.wait(SECOND);
    driver.open();
}

#[test]
fn c4_accepts_what_waits_for_the_connection_in_its_order() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.client.socket("/").unwrap();
    driver.emit(root, "early", 0).unwrap();
    driver.connect(root);
    let admin = driver.join("/admin");
    assert_eq!(driver.client.socket("/admin"), Ok(admin), "the same one");
    driver.client.set_auth(admin, Auth::new(&Raw::new(r#"{"a":1}"#).unwrap()).unwrap());
    driver.emit(root, "a", 1).unwrap();
    driver.emit(admin, "b", 2).unwrap();
    driver.ask(root, 10).unwrap();
    driver.open();
    assert_eq!(driver.heard(), ["40", r#"40/admin,{"a":1}"#]);
    driver.say(r#"40/admin,{"sid":"b"}"#);
    assert_eq!(driver.heard(), [r#"42/admin,["b",2]"#]);
    driver.emit(root, "c", 3).unwrap();
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(
        driver.heard(),
        [r#"42["early",0]"#, r#"42["a",1]"#, r#"420["ask"]"#, r#"42["c",3]"#]
    );
    assert_eq!(driver.told(), ["open", "connect /admin", "connect /"]);
    assert_eq!((driver.client.id(root), driver.client.id(admin)), (Some("a"), Some("b")));
    driver.say(r#"430["x",1]"#);
    assert_eq!(driver.told(), [r#"answer / ["x",1]"#]);
    // Once.
    driver.say(r#"430["x",1]"#);
    assert_eq!(driver.told(), [""; 0]);
}

#[test]
fn c4_accepts_binary_in_both_directions() {
    let (mut driver, root) = ClientDriver::connected(steady());
    let event = EncodedArgs::event("file", &("a", Bytes::from_static(&[1, 2]))).unwrap();
    driver.client.emit(driver.now, root, &event).unwrap();
    driver.settle();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(driver.heard(), [format!(r#"451-["file","a",{placeholder}]"#), "[1, 2]".into()]);
    driver.say(&format!(r#"451-7["got",{placeholder}]"#));
    assert_eq!(driver.told(), [""; 0], "not whole");
    driver.say_bytes(&[3]);
    assert_eq!(driver.told(), [format!("/ got [{placeholder}]?")]);
    let ack = driver.acks.pop().unwrap();
    assert_eq!(ack.socket(), root);
    driver.acknowledge(ack).unwrap();
    assert_eq!(driver.heard(), [r#"437["yes"]"#]);
}

#[test]
fn c4_accepts_answers_to_what_waits_when_the_connection_is_lost() {
    let (mut driver, root) = ClientDriver::connected(steady());
    driver.ask(root, 100).unwrap();
    driver.lose();
    let told = driver.told();
    assert_eq!(told[..2], ["disconnect /: transport close", "unanswered / disconnected"]);
    driver.heard();
    driver.ask(root, 100).unwrap();
    driver.wait(SECOND);
    driver.open();
    driver.say(r#"40{"sid":"b"}"#);
    assert_eq!(driver.heard(), ["40", r#"421["ask"]"#]);
    driver.told();
    // An answer to the first one, and by another namespace, is none.
    driver.say("430[]");
    driver.say("431[5]");
    assert_eq!(driver.told(), ["answer / [5]"]);
}

/// As python-socketio does.
#[test]
fn c4_accepts_events_that_come_before_the_server_lets_the_client_in() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.join("/");
    driver.open();
    driver.say(r#"42["first",1]"#);
    driver.say(r#"427["second"]"#);
    assert_eq!(driver.told(), ["open"]);
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(driver.told(), ["connect /", "/ first [1]", "/ second []?"]);
    let ack = driver.acks.pop().unwrap();
    driver.acknowledge(ack).unwrap();
    assert_eq!(driver.heard()[1..], [r#"437["yes"]"#]);
    // They are not heard if it is not let in.
    let chat = driver.join("/chat");
    driver.say(r#"42/chat,["x"]"#);
    driver.say(r#"44/chat,{"message":"no"}"#);
    driver.connect(chat);
    driver.say(r#"40/chat,{"sid":"b"}"#);
    assert_eq!(driver.told(), ["connect_error /chat: the server refuses: no", "connect /chat"]);
    assert!(driver.client.is_connected(root));
}

#[test]
fn c4_rejects_a_server_that_says_too_much_before_it_lets_the_client_in() {
    let mut driver = ClientDriver::new(steady().max_waiting_packets(2));
    driver.join("/");
    driver.open();
    for _ in 0..3 {
        driver.say(r#"42["x"]"#);
    }
    assert_eq!(driver.told(), ["open", "close: parse error"]);
}

#[test]
fn c4_accepts_room_again() {
    let config = steady().max_waiting_packets(2);
    let sessions = super::client_driver::websocket().max_queued_packets(2);
    let mut driver = ClientDriver::with(config, sessions, || 0);
    let root = driver.join("/");
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    assert_eq!(driver.emit(root, "a", 3), Err(EmitError::Full));
    driver.open();
    driver.reads = false;
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(driver.told(), ["open", "connect /", "drain"]);
    assert_eq!(driver.emit(root, "a", 3), Err(EmitError::Full), "two wait in the session");
    driver.heard();
    driver.unblock();
    assert_eq!(driver.heard(), [r#"42["a",1]"#, r#"42["a",2]"#]);
    assert_eq!(driver.told(), ["drain"]);
    driver.emit(root, "a", 3).unwrap();
}

/// Also if there is room because what waited is not to be sent any more.
#[test]
fn c4_accepts_room_again_without_a_connection() {
    let mut driver = ClientDriver::new(steady().max_waiting_packets(2));
    let root = driver.join("/");
    driver.ask(root, 5).unwrap();
    driver.ask(root, 5).unwrap();
    assert_eq!(driver.emit(root, "a", 1), Err(EmitError::Full));
    driver.wait(SECOND * 5);
    assert_eq!(driver.told(), ["unanswered / timeout", "drain", "unanswered / timeout"]);
    // And if the session that was full has gone.
    let sessions = super::client_driver::websocket().max_queued_packets(2);
    let mut driver = ClientDriver::with(steady(), sessions, || 0);
    let root = driver.join("/");
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    driver.reads = false;
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    assert_eq!(driver.emit(root, "a", 3), Err(EmitError::Full));
    driver.told();
    // What is no room for the session is none.
    let other = driver.client.socket("/x").unwrap();
    driver.ask(other, 1).unwrap();
    driver.wait(SECOND);
    assert_eq!(driver.told(), ["unanswered /x timeout"]);
    driver.lose();
    assert_eq!(driver.told(), ["disconnect /: transport close", "close: transport close", "drain"]);
    driver.emit(root, "a", 3).unwrap();
}

#[test]
fn c4_rejects_volatile_events_that_would_wait() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.join("/");
    assert_eq!(driver.emit_volatile(root, 1), Err(EmitError::Dropped));
    driver.open();
    assert_eq!(driver.emit_volatile(root, 2), Err(EmitError::Dropped));
    driver.say(r#"40{"sid":"a"}"#);
    driver.emit_volatile(root, 3).unwrap();
    driver.reads = false;
    driver.emit(root, "a", 4).unwrap();
    assert_eq!(driver.emit_volatile(root, 5), Err(EmitError::Dropped));
    driver.unblock();
    driver.client.set_busy(true);
    assert_eq!(driver.emit_volatile(root, 6), Err(EmitError::Dropped));
    assert_eq!(driver.heard(), ["40", r#"42["volatile",3]"#, r#"42["a",4]"#]);
}

#[test]
fn c4_rejects_answers_that_come_too_late_and_sends_no_question_whose_time_is_over() {
    let mut driver = ClientDriver::new(steady().max_questions(2));
    let root = driver.join("/");
    driver.ask(root, 5).unwrap();
    driver.ask(root, 30).unwrap();
    assert_eq!(driver.ask(root, 1), Err(EmitError::TooManyQuestions));
    driver.wait(SECOND * 5);
    assert_eq!(driver.told(), ["unanswered / timeout"]);
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(driver.heard(), ["40", r#"421["ask"]"#]);
    driver.told();
    driver.wait(SECOND * 25 - INSTANT);
    assert_eq!(driver.told(), [""; 0]);
    driver.wait(INSTANT);
    driver.say("431[]");
    assert_eq!(driver.told(), ["unanswered / timeout"]);
    // Whoever is asked in one connection is not answered in the next one.
    driver.say(r#"429["q"]"#);
    let ack = driver.acks.pop().unwrap();
    come_back(&mut driver);
    driver.say(r#"40{"sid":"b"}"#);
    assert_eq!(driver.acknowledge(ack), Err(EmitError::Gone));
}

#[test]
fn c4_rejects_what_the_server_does_not_take() {
    let mut driver = ClientDriver::new(steady());
    let root = driver.join("/");
    let long = EncodedArgs::event("long", &("x".repeat(1000),)).unwrap();
    driver.client.emit(driver.now, root, &long).unwrap();
    driver.client.ask(driver.now, root, SECOND, &long).unwrap();
    driver.emit(root, "a", 1).unwrap();
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(driver.heard(), ["40", r#"42["a",1]"#]);
    let told = driver.told();
    assert_eq!(told[..2], ["open", "connect /"]);
    assert!(told[2].starts_with(r#"not_sent / ["long","xx"#), "{told:?}");
    assert_eq!(told[3], "unanswered / not sent");
    assert_eq!(driver.client.emit(driver.now, root, &long), Err(EmitError::TooLong));
    // Nor an authentication of that length.
    let mut driver = ClientDriver::new(steady());
    let auth = format!(r#"{{"a":"{}"}}"#, "x".repeat(1000));
    let root = driver.client.socket("/").unwrap();
    driver.client.set_auth(root, Auth::from_json(auth).unwrap());
    driver.connect(root);
    driver.open();
    assert_eq!(
        driver.told()[1..],
        [
            "close: forced close",
            "connect_error /: the authentication is longer than the server takes"
        ]
    );
}

#[test]
fn c4_rejects_names_and_authentications_that_are_none() {
    let mut driver = ClientDriver::new(steady());
    for name in ["", "admin", "/a,b", "/a\u{1e}b"] {
        let socket: Result<_, InvalidNamespace> = driver.client.socket(name);
        assert!(socket.is_err());
    }
    for json in ["", "[]", "1", "{", "null", r#"{"a":}"#] {
        assert!(Auth::from_json(json).is_err(), "{json}");
    }
    assert!(!format!("{:?}", Auth::from_json(r#"{"token":"secret"}"#)).contains("secret"));
}

/// A socket of a server with recovery, which has heard an event, and its client that has lost the session and has another one.
fn lost_behind(event: &str) -> (ClientDriver, Socket, Vec<String>) {
    let mut driver = ClientDriver::new(steady());
    let root = driver.client.socket("/").unwrap();
    driver.client.set_auth(root, Auth::from_json(r#"{"token":1}"#).unwrap());
    driver.connect(root);
    driver.open();
    assert_eq!(driver.heard(), [r#"40{"token":1}"#]);
    driver.say(r#"40{"sid":"a","pid":"secret"}"#);
    driver.say(event);
    come_back(&mut driver);
    let heard = driver.heard();
    driver.told();
    (driver, root, heard)
}

#[test]
fn c5_accepts_coming_back_as_the_same_socket() {
    let (mut driver, root, heard) = lost_behind(r#"42["news",1,"offset-1"]"#);
    assert_eq!(heard, [r#"40{"pid":"secret","offset":"offset-1","token":1}"#]);
    assert!(!driver.client.is_recovered(root));
    // What it has missed comes before it is let in, and is heard behind that.
    driver.say(r#"42["news",2,"offset-2"]"#);
    driver.say(r#"40{"sid":"a","pid":"secret"}"#);
    assert_eq!(driver.told(), ["open", "connect /", r#"/ news [2,"offset-2"]"#][1..]);
    assert!(driver.client.is_recovered(root) && driver.client.id(root) == Some("a"));
    come_back(&mut driver);
    assert_eq!(driver.heard(), [r#"40{"pid":"secret","offset":"offset-2","token":1}"#]);
}

/// What came before the answer was not handed out, so it is still missed.
#[test]
fn c5_accepts_losing_the_session_while_coming_back() {
    let (mut driver, root, _) = lost_behind(r#"42["news",1,"offset-1"]"#);
    driver.say(r#"42["news",2,"offset-2"]"#);
    come_back(&mut driver);
    assert_eq!(driver.heard(), [r#"40{"pid":"secret","offset":"offset-1","token":1}"#]);
    driver.told();
    driver.say(r#"42["news",2,"offset-2"]"#);
    driver.say(r#"40{"sid":"a","pid":"secret"}"#);
    assert_eq!(driver.told(), ["connect /", r#"/ news [2,"offset-2"]"#]);
    assert!(driver.client.is_recovered(root));
}

#[test]
fn c5_accepts_coming_back_without_having_heard_anything() {
    let (_, _, heard) = lost_behind(r#"42["news",1]"#);
    assert_eq!(heard, [r#"40{"pid":"secret","token":1}"#]);
    // What asks for an answer has no offset.
    let (_, _, heard) = lost_behind(r#"420["news","text"]"#);
    assert_eq!(heard, [r#"40{"pid":"secret","token":1}"#]);
}

#[test]
fn c5_rejects_being_taken_for_the_socket_of_before() {
    let (mut driver, root, _) = lost_behind(r#"42["news",1,"offset-1"]"#);
    driver.say(r#"40{"sid":"b","pid":"another"}"#);
    assert!(!driver.client.is_recovered(root));
    come_back(&mut driver);
    assert_eq!(driver.heard(), [r#"40{"pid":"another","token":1}"#], "no offset of the other");
    // The server has no recovery any more.
    driver.say(r#"40{"sid":"c"}"#);
    driver.say(r#"42["news","offset-1"]"#);
    come_back(&mut driver);
    assert_eq!(driver.heard(), [r#"40{"token":1}"#]);
    assert!(!driver.client.is_recovered(root));
}

#[test]
fn c5_rejects_what_nobody_keeps() {
    // One that was made to leave, and one that has left, are other sockets when they come back.
    let (mut driver, root, _) = lost_behind(r#"42["news",1,"offset-1"]"#);
    driver.say(r#"40{"sid":"a","pid":"secret"}"#);
    driver.say("41");
    driver.connect(root);
    driver.open();
    assert_eq!(driver.heard().last().map(String::as_str), Some(r#"40{"token":1}"#));
    // An offset that is too long is none.
    let event = format!(r#"42["news","{}"]"#, "x".repeat(300));
    let (_, _, heard) = lost_behind(&event);
    assert_eq!(heard, [r#"40{"pid":"secret","token":1}"#]);
}

/// More than may wait for the answer would come each time, for as long as the server knows the socket.
#[test]
fn c5_rejects_more_than_can_be_missed_once() {
    let mut driver = ClientDriver::new(steady().max_waiting_packets(2));
    let root = driver.join("/");
    driver.open();
    driver.say(r#"40{"sid":"a","pid":"secret"}"#);
    driver.say(r#"42["news",1,"offset-1"]"#);
    come_back(&mut driver);
    driver.heard();
    driver.told();
    for number in 2..=4 {
        driver.say(&format!(r#"42["news",{number},"offset-{number}"]"#));
    }
    assert_eq!(driver.told(), ["close: parse error"]);
    driver.heard();
    driver.wait(SECOND);
    driver.open();
    assert_eq!(driver.heard(), ["40"], "as a new one");
    driver.say(r#"40{"sid":"b","pid":"another"}"#);
    assert!(driver.client.is_connected(root) && !driver.client.is_recovered(root));
}
