//! Acknowledgements, in both directions (S3, S17).

use crate::driver::{Driver, Got, event};
use sansio_socketio::{Bytes, Close, Config, EmitError, Target};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn s17_accepts_answers_to_clients_and_of_clients() {
    let mut driver = Driver::new(Config::default());
    let (session, socket) = driver.connect("/b");
    driver.say(session, "2/b,18446744073709551615[\"a\"]");
    driver.say(session, "2/b,0[\"a\"]");
    assert_eq!(driver.acknowledge((1, "x")), Ok(()));
    assert_eq!(driver.acknowledge((Bytes::from_static(b"y"),)), Ok(()));
    assert_eq!(
        driver.heard(session),
        ["3/b,18446744073709551615[1,\"x\"]", "61-/b,0[{\"_placeholder\":true,\"num\":0}] + y"]
    );
    driver.got();
    let to = driver.ask(socket, SECOND, &event("q", (2,))).unwrap();
    assert_eq!(driver.heard(session), ["2/b,0[\"q\",2]"]);
    driver.say(session, "3/b,0[3]");
    let args = "[3]".into();
    assert_eq!(driver.got(), [Got::Answer { to, socket, args }, Got::Done { to, missing: 0 }]);
    assert_eq!(driver.server.poll_timeout(), None);
    // Without arguments, and with attachments.
    let to = driver.ask(socket, SECOND, &event("q", (Bytes::from_static(b"z"),))).unwrap();
    assert_eq!(driver.heard(session), ["51-/b,1[\"q\",{\"_placeholder\":true,\"num\":0}] + z"]);
    driver.say(session, "3/b,1");
    let args = "[]".into();
    assert_eq!(driver.got(), [Got::Answer { to, socket, args }, Got::Done { to, missing: 0 }]);
    let to = driver.ask(socket, SECOND, &event("q", ())).unwrap();
    driver.say(session, "61-/b,2[{\"_placeholder\":true,\"num\":0}]");
    driver.say_bytes(session, "w");
    let args = "[{\"_placeholder\":true,\"num\":0}] + w".into();
    assert_eq!(driver.got(), [Got::Answer { to, socket, args }, Got::Done { to, missing: 0 }]);
}

#[test]
fn s17_accepts_fewer_answers_than_were_asked_for() {
    let mut driver = Driver::new(Config::default());
    let clients: Vec<_> = (0..5).map(|_| driver.connect("/")).collect();
    driver.wire.full.insert(clients[4].0);
    let all = Target::all("/");
    let to = driver.ask_all(&all, SECOND, &event("q", ()));
    for (session, _) in &clients[..4] {
        assert_eq!(driver.heard(*session), ["20[\"q\"]"], "encoded once");
    }
    driver.say(clients[0].0, "30[0]");
    driver.say(clients[1].0, "1");
    driver.disconnect(clients[2].1, Close::Transport);
    assert!(driver.got().iter().all(|got| !matches!(got, Got::Done { .. })));
    driver.wait(SECOND - Duration::from_nanos(1));
    assert!(driver.got().is_empty());
    driver.wait(Duration::from_nanos(1));
    assert_eq!(driver.got(), [Got::Done { to, missing: 4 }]);
    driver.say(clients[3].0, "30[3]");
    assert!(driver.got().is_empty() && !driver.is_closed(clients[3].0), "too late");
    // The last one leaves: nobody waits for the time to be over.
    let to = driver.ask_all(&all.clone().without(clients[4].1), SECOND, &event("q", ()));
    driver.say(clients[0].0, "31[]");
    driver.say(clients[3].0, "1");
    let done = Got::Done { to, missing: 1 };
    assert!(driver.got().contains(&done));
    assert_eq!(driver.server.poll_timeout(), None);
    driver.finish();
}

#[test]
fn s17_accepts_that_nobody_is_asked() {
    let mut driver = Driver::new(Config::default());
    for target in [Target::all("/"), Target::all("/none").room("r")] {
        let to = driver.ask_all(&target, SECOND, &event("q", ()));
        assert_eq!(driver.got(), [Got::Done { to, missing: 0 }]);
        assert_eq!(driver.server.poll_timeout(), None);
        driver.connect("/");
    }
}

#[test]
fn s17_rejects_second_answers_and_those_of_others() {
    let mut driver = Driver::new(Config::default());
    let (one, first) = driver.connect("/");
    let (two, _) = driver.connect("/");
    driver.join(one, "/b");
    let to = driver.ask(first, SECOND, &event("q", ())).unwrap();
    driver.say(two, "30[]");
    driver.say(one, "3/b,0[]");
    assert!(driver.got().is_empty());
    driver.say(one, "30[]");
    assert_eq!(driver.got().len(), 2);
    driver.say(one, "30[]");
    driver.say(one, "30[]");
    assert!(driver.got().is_empty());
    assert_eq!(driver.questions[&to].missing, Some(0));
    assert!(!driver.is_closed(one) && !driver.is_closed(two));
}

#[test]
fn s17_rejects_questions_to_those_who_owe_too_much_or_cannot_hear() {
    let mut driver = Driver::new(Config::default().max_questions(2));
    let (session, socket) = driver.connect("/");
    let (other, _) = driver.connect("/");
    for _ in 0..2 {
        driver.ask(socket, SECOND, &event("q", ())).unwrap();
    }
    driver.heard(session);
    let asked = driver.ask(socket, SECOND, &event("q", ()));
    assert_eq!(asked, Err(EmitError::TooManyQuestions));
    assert!(driver.heard(session).is_empty());
    // With others it is missing.
    let to = driver.ask_all(&Target::all("/"), SECOND, &event("q", ()));
    assert_eq!((driver.heard(session).len(), driver.heard(other).len()), (0, 1));
    driver.say(other, "33[]");
    assert_eq!(driver.got().last(), Some(&Got::Done { to, missing: 1 }));
    driver.say(session, "30[]");
    assert!(driver.ask(socket, SECOND, &event("q", ())).is_ok(), "it owes one less");
    // When the time is over it owes nothing.
    driver.wait(SECOND);
    assert_eq!(driver.server.poll_timeout(), None);
    for _ in 0..2 {
        driver.ask(socket, SECOND, &event("q", ())).unwrap();
    }
    driver.wait(SECOND);
    driver.got();
    driver.wire.full.insert(session);
    assert_eq!(driver.ask(socket, SECOND, &event("q", ())), Err(EmitError::Full));
    assert_eq!(driver.server.poll_timeout(), None, "nothing will come of it");
    assert!(driver.got().is_empty());
}

#[test]
fn s3_accepts_ids_that_count_up() {
    let mut driver = Driver::new(Config::default());
    let (session, socket) = driver.connect("/");
    for _ in 0..3 {
        driver.ask(socket, SECOND, &event("q", ())).unwrap();
    }
    assert_eq!(driver.heard(session), ["20[\"q\"]", "21[\"q\"]", "22[\"q\"]"]);
}

/// A client answers late, when it has left and come again: that is no answer to what it was asked since.
#[test]
fn s3_rejects_a_late_answer_for_another_question() {
    let mut driver = Driver::new(Config::default());
    let (session, socket) = driver.connect("/");
    driver.ask(socket, SECOND, &event("old", ())).unwrap();
    driver.say(session, "1");
    let socket = driver.join(session, "/");
    driver.ask(socket, SECOND, &event("new", ())).unwrap();
    driver.got();
    driver.say(session, "30[\"old\"]");
    assert!(driver.got().is_empty());
    let heard = driver.heard(session);
    assert_eq!(heard, ["21[\"new\"]"]);
}
