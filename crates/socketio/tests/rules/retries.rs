//! Events that are sent until they are answered (C7).

use super::client::{INSTANT, SECOND, come_back, steady};
use super::client_driver::{ClientDriver, websocket};
use bytes::Bytes;
use sansio_socketio::EncodedArgs;
use sansio_socketio::client::{Config, EmitError, Socket};

/// Two more attempts, five seconds each.
fn retrying() -> Config {
    steady().retries(2).ack_timeout(SECOND * 5)
}

fn connected() -> (ClientDriver, Socket) {
    ClientDriver::connected(retrying())
}

#[test]
fn c7_accepts_one_event_at_a_time_in_order() {
    let (mut driver, root) = connected();
    for number in 1..=3 {
        driver.emit(root, "a", number).unwrap();
    }
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.say("430[]");
    assert_eq!(driver.heard(), [r#"421["a",2]"#]);
    driver.say(r#"431["whatever"]"#);
    assert_eq!(driver.heard(), [r#"422["a",3]"#]);
    driver.say("432[]");
    assert_eq!(driver.told(), [""; 0], "nobody has asked");
    driver.wait(SECOND * 40);
    assert_eq!(driver.heard(), [""; 0]);
}

#[test]
fn c7_accepts_more_attempts_until_an_answer_comes() {
    let (mut driver, root) = connected();
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.wait(SECOND * 5 - INSTANT);
    assert_eq!(driver.heard(), [""; 0]);
    driver.wait(INSTANT);
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.wait(SECOND * 5);
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.wait(SECOND * 5 - INSTANT);
    driver.say("430[]");
    assert_eq!(driver.heard(), [r#"421["a",2]"#]);
    // The time of the next one begins now.
    driver.wait(SECOND * 5 - INSTANT);
    assert_eq!((driver.heard(), driver.told()), (vec![], vec![]));
}

/// The server was slow, and has heard it: that is what counts.
#[test]
fn c7_accepts_a_late_answer_to_an_earlier_attempt() {
    let (mut driver, root) = connected();
    driver.ask(root, 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    driver.wait(SECOND);
    assert_eq!(driver.heard(), [r#"420["ask"]"#, r#"420["ask"]"#]);
    driver.say("430[1]");
    assert_eq!(driver.told(), ["answer / [1]"]);
    // So does the answer to the second attempt, which is nothing then.
    driver.say("430[2]");
    assert_eq!(driver.told(), [""; 0]);
    assert_eq!(driver.heard(), [r#"421["a",2]"#]);
}

#[test]
fn c7_rejects_more_attempts_than_allowed_and_says_so() {
    let (mut driver, root) = connected();
    driver.emit(root, "a", 1).unwrap();
    driver.ask(root, 1).unwrap();
    driver.emit(root, "a", 3).unwrap();
    driver.wait(SECOND * 15 - INSTANT);
    assert_eq!(driver.heard(), [r#"420["a",1]"#; 3]);
    assert_eq!(driver.told(), [""; 0]);
    driver.wait(INSTANT);
    assert_eq!(
        driver.told(),
        [r#"unacknowledged / ["a",1]: there was no answer in time"#],
        "what was lost comes back to whoever has sent it"
    );
    // A question has a time of its own.
    assert_eq!(driver.heard(), [r#"421["ask"]"#]);
    driver.wait(SECOND * 3);
    assert_eq!(driver.told(), ["unanswered / timeout"]);
    assert_eq!(driver.heard(), [r#"421["ask"]"#, r#"421["ask"]"#, r#"422["a",3]"#]);
    // Both are over.
    driver.say("430[]");
    driver.say("431[]");
    assert_eq!((driver.told(), driver.heard()), (vec![], vec![]));
}

#[test]
fn c7_accepts_another_attempt_when_the_connection_is_back() {
    let (mut driver, root) = connected();
    for number in 1..=2 {
        driver.emit(root, "a", number).unwrap();
    }
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.lose();
    // No time passes for it: it is not under way.
    for _ in 0..100 {
        driver.wait(SECOND * 5);
        driver.refuse();
    }
    driver.wait(SECOND * 5);
    driver.heard();
    driver.told();
    driver.open();
    assert_eq!(driver.heard(), ["40"]);
    driver.say(r#"40{"sid":"b"}"#);
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.told();
    driver.wait(SECOND * 5 - INSTANT);
    assert_eq!(driver.heard(), [""; 0]);
    driver.say("430[]");
    assert_eq!(driver.heard(), [r#"421["a",2]"#]);
    driver.say("431[]");
    assert_eq!(driver.told(), [""; 0]);
}

/// A server that ends whenever it hears an event does not hear it for ever.
#[test]
fn c7_rejects_more_connections_than_allowed_attempts() {
    let (mut driver, root) = connected();
    driver.emit(root, "a", 1).unwrap();
    driver.ask(root, 100).unwrap();
    driver.emit(root, "a", 3).unwrap();
    let mut round = |frame: &str, told: Option<&str>| {
        assert_eq!(driver.heard().last().map(String::as_str), Some(frame));
        driver.told();
        driver.lose();
        let what = driver.told();
        assert_eq!(what.get(1).filter(|_| what.len() > 2).map(String::as_str), told);
        driver.wait(SECOND);
        driver.open();
        driver.say(r#"40{"sid":"b"}"#);
    };
    round(r#"420["a",1]"#, None);
    round(r#"420["a",1]"#, None);
    let disconnected = "the socket was disconnected before the answer came";
    round(r#"420["a",1]"#, Some(&format!(r#"unacknowledged / ["a",1]: {disconnected}"#)));
    round(r#"421["ask"]"#, None);
    round(r#"421["ask"]"#, None);
    round(r#"421["ask"]"#, Some("unanswered / disconnected"));
    round(r#"422["a",3]"#, None);
}

/// Recovery is about what the server says: what the client says is sent again all the same.
#[test]
fn c7_accepts_another_attempt_of_a_socket_that_is_recovered() {
    let mut driver = ClientDriver::new(retrying());
    let root = driver.join("/");
    driver.open();
    driver.say(r#"40{"sid":"a","pid":"p"}"#);
    driver.emit(root, "a", 1).unwrap();
    driver.heard();
    come_back(&mut driver);
    driver.say(r#"42["missed","offset"]"#);
    driver.say(r#"40{"sid":"a","pid":"p"}"#);
    assert!(driver.client.is_recovered(root));
    assert_eq!(driver.heard(), [r#"40{"pid":"p"}"#, r#"420["a",1]"#]);
    driver.say("430[]");
    // Once.
    come_back(&mut driver);
    driver.say(r#"40{"sid":"a","pid":"p"}"#);
    assert_eq!(driver.heard(), [r#"40{"pid":"p","offset":"offset"}"#]);
}

#[test]
fn c7_accepts_what_waits_for_a_socket_that_comes_back_when_told_to() {
    let (mut driver, root) = connected();
    let other = driver.join("/other");
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    driver.say("41");
    assert_eq!(driver.told(), ["disconnect /: io server disconnect"]);
    driver.heard();
    driver.connect(root);
    driver.say(r#"40{"sid":"b"}"#);
    assert_eq!(driver.heard(), ["40", r#"420["a",1]"#]);
    driver.disconnect(root);
    assert_eq!(driver.client.waiting(root), 2);
    driver.connect(root);
    driver.say(r#"40{"sid":"c"}"#);
    assert_eq!(driver.heard(), ["41", "40", r#"420["a",1]"#]);
    driver.told();
    driver.disconnect(root);
    let disconnected = "the socket was disconnected before the answer came";
    assert_eq!(
        driver.told(),
        [
            "disconnect /: io client disconnect",
            &format!(r#"unacknowledged / ["a",1]: {disconnected}"#)
        ],
        "it was the third attempt"
    );
    driver.connect(root);
    driver.say(r#"40{"sid":"d"}"#);
    assert_eq!(driver.heard(), ["41", "40", r#"421["a",2]"#]);
    assert!(driver.client.is_active(other));
}

#[test]
fn c7_accepts_what_is_emitted_before_the_connection() {
    let mut driver = ClientDriver::new(retrying());
    let root = driver.client.socket("/").unwrap();
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    driver.wait(SECOND * 100);
    driver.connect(root);
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    assert_eq!(driver.heard(), ["40", r#"420["a",1]"#]);
    assert_eq!(driver.told(), ["open", "connect /"]);
}

/// Each namespace has its own order, and what needs no answer waits for none.
#[test]
fn c7_accepts_others_beside_what_is_under_way() {
    let (mut driver, root) = connected();
    let other = driver.join("/other");
    driver.say(r#"40/other,{"sid":"b"}"#);
    driver.heard();
    for number in 1..=2 {
        driver.emit(root, "a", number).unwrap();
        driver.emit(other, "b", number).unwrap();
    }
    driver.emit_volatile(root, 9).unwrap();
    driver.say(r#"427["question"]"#);
    let ack = driver.acks.pop().unwrap();
    driver.acknowledge(ack).unwrap();
    assert_eq!(
        driver.heard(),
        [r#"420["a",1]"#, r#"42/other,1["b",1]"#, r#"42["volatile",9]"#, r#"437["yes"]"#]
    );
    driver.say("43/other,1[]");
    assert_eq!(driver.heard(), [r#"42/other,3["b",2]"#]);
    // And is not sent again.
    driver.wait(SECOND * 5);
    assert_eq!(driver.heard(), [r#"420["a",1]"#, r#"42/other,3["b",2]"#]);
}

#[test]
fn c7_accepts_binary_again() {
    let (mut driver, root) = connected();
    let event = EncodedArgs::event("file", &(Bytes::from_static(&[1, 2]),)).unwrap();
    driver.client.emit(driver.now, root, &event).unwrap();
    driver.settle();
    driver.wait(SECOND * 5);
    let header = r#"451-0["file",{"_placeholder":true,"num":0}]"#;
    assert_eq!(driver.heard(), [header, "[1, 2]", header, "[1, 2]"]);
    driver.say("430[]");
    driver.wait(SECOND * 5);
    assert_eq!(driver.heard(), [""; 0]);
}

/// No attempt is made without room for it, and none is counted.
#[test]
fn c7_accepts_an_attempt_as_soon_as_there_is_room() {
    let mut driver = ClientDriver::with(retrying(), websocket().max_queued_packets(1), || 0);
    let root = driver.join("/");
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    driver.heard();
    driver.reads = false;
    driver.emit(root, "a", 1).unwrap();
    driver.wait(SECOND * 20);
    driver.say("2");
    driver.unblock();
    let heard = driver.heard();
    let events = heard.iter().filter(|frame| frame.starts_with("42")).count();
    assert_eq!(events, 2, "the first, and the second behind it: {heard:?}");
    driver.wait(SECOND * 5);
    assert_eq!(driver.heard(), [r#"420["a",1]"#]);
    driver.wait(SECOND * 5);
    assert_eq!(driver.told().last().unwrap().split(' ').next(), Some("unacknowledged"));
}

#[test]
fn c7_rejects_answers_to_what_was_not_sent() {
    let (mut driver, root) = connected();
    driver.join("/other");
    driver.say(r#"40/other,{"sid":"b"}"#);
    driver.heard();
    driver.told();
    driver.ask(root, 100).unwrap();
    driver.ask(root, 100).unwrap();
    // The second one, and one of another namespace.
    driver.say("431[]");
    driver.say("43/other,0[]");
    driver.say("432[]");
    assert_eq!(driver.told(), [""; 0]);
    assert_eq!(driver.heard(), [r#"420["ask"]"#]);
    driver.say("430[]");
    driver.say("431[]");
    assert_eq!(driver.told(), ["answer / []"; 2]);

    // The first one in its line, for which there is no room yet.
    let mut driver = ClientDriver::with(retrying(), websocket().max_queued_packets(1), || 0);
    let [root, other] = ["/", "/other"].map(|name| driver.join(name));
    driver.open();
    driver.say(r#"40{"sid":"a"}"#);
    driver.say(r#"40/other,{"sid":"b"}"#);
    driver.reads = false;
    driver.emit(other, "b", 1).unwrap();
    driver.ask(root, 100).unwrap();
    driver.told();
    driver.heard();
    driver.say("431[]");
    driver.unblock();
    assert_eq!(driver.heard(), [r#"42/other,0["b",1]"#, r#"421["ask"]"#]);
    driver.say("431[]");
    assert_eq!(driver.told(), ["answer / []"]);
}

#[test]
fn c7_rejects_more_than_may_wait() {
    let (mut driver, root) = ClientDriver::connected(retrying().max_waiting_packets(2));
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    assert_eq!(driver.emit(root, "a", 3), Err(EmitError::Full));
    assert_eq!(driver.ask(root, 1), Err(EmitError::Full));
    driver.say("430[]");
    assert_eq!(driver.told(), ["drain"]);
    driver.emit(root, "a", 3).unwrap();
    assert_eq!(driver.emit(root, "a", 4), Err(EmitError::Full));
    driver.wait(SECOND * 15);
    assert_eq!(driver.told().len(), 2, "given up, and room");

    let (mut driver, root) = ClientDriver::connected(retrying().max_waiting_bytes(10));
    driver.emit(root, "a-long-event", 1).unwrap();
    assert_eq!(driver.emit(root, "a", 2), Err(EmitError::Full));

    let (mut driver, root) = ClientDriver::connected(retrying().max_questions(2));
    driver.emit(root, "a", 1).unwrap();
    driver.ask(root, 1).unwrap();
    assert_eq!(driver.ask(root, 1), Err(EmitError::TooManyQuestions));
    assert_eq!(driver.emit(root, "a", 2), Err(EmitError::TooManyQuestions));
}

#[test]
fn c7_rejects_what_is_too_long_at_once() {
    let (mut driver, root) = connected();
    let long = EncodedArgs::event("long", &("x".repeat(2000),)).unwrap();
    driver.client.emit(driver.now, root, &long).unwrap();
    driver.emit(root, "a", 1).unwrap();
    driver.client.ask(driver.now, root, SECOND, &long).unwrap();
    driver.settle();
    let [told] = driver.told().try_into().unwrap();
    assert!(told.starts_with("not_sent / ") && told.ends_with("takes no event of this length"));
    assert_eq!(driver.heard(), [r#"421["a",1]"#]);
    driver.say("431[]");
    assert_eq!(driver.told(), ["unanswered / not sent"]);
}

#[test]
fn c7_accepts_events_without_retries_as_they_are() {
    let (mut driver, root) = ClientDriver::connected(steady().ack_timeout(SECOND));
    driver.emit(root, "a", 1).unwrap();
    driver.emit(root, "a", 2).unwrap();
    driver.wait(SECOND * 10);
    assert_eq!(driver.heard(), [r#"42["a",1]"#, r#"42["a",2]"#]);
}
