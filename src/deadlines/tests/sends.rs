//! What is due for a send that waits, with a look and without one.

use super::*;
use crate::connection::Ended;

/// A connection whose ping of second 20 was not answered, so that `Due::Pong` is due from second 40 on.
fn pinged(timeouts: Timeouts) -> Deadlines {
    let mut deadlines = open(timeouts);
    assert_eq!(
        deadlines.due_in_send(false, second(20)),
        Some(Due::Ping),
        "whoever sends can do that"
    );
    assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
    deadlines
}

#[test]
fn silence_proves_nothing_to_a_send_that_cannot_look() {
    let deadlines = pinged(Timeouts::default());
    for at in [40, 41, 1000] {
        assert_eq!(deadlines.due_in_send(true, second(at)), Some(Due::Pong));
        assert_eq!(deadlines.due_in_send(false, second(at)), None);
        assert_eq!(deadlines.poll_timeout_in_send(true, second(at)), Some(second(40)));
        assert_eq!(deadlines.poll_timeout_in_send(false, second(at)), None, "nothing is refused");
    }
    // The message, or the rest of it, may be among what nobody has read.
    let ten = Some(Duration::from_secs(10));
    let mut deadlines = open(Timeouts::NONE.idle(ten).message(Some(Duration::from_secs(5))));
    deadlines.message_arriving(second(1));
    assert_eq!(deadlines.due_in_send(true, second(6)), Some(Due::Message));
    assert_eq!(deadlines.due_in_send(false, second(6)), None);
    assert_eq!(deadlines.handle_timeout(second(6)), Some(Due::Message));
    assert_eq!(deadlines.due_in_send(true, second(11)), Some(Due::Idle));
    assert_eq!(deadlines.due_in_send(false, second(11)), None);
}

#[test]
fn a_send_is_stuck_when_nothing_was_taken_for_both_times() {
    let mut deadlines = pinged(Timeouts::default());
    deadlines.written(500, true, second(30));
    deadlines.written(0, true, second(50));
    assert_eq!(deadlines.poll_timeout_in_send(false, second(30)), Some(second(40)));
    assert_eq!(deadlines.poll_timeout_in_send(false, second(40)), Some(second(70)));
    assert_eq!(deadlines.due_in_send(false, second(69)), None);
    assert_eq!(deadlines.due_in_send(false, second(70)), Some(Due::Pong));
}

#[test]
fn it_is_not_while_some_is_taken() {
    let mut deadlines = pinged(Timeouts::default());
    deadlines.written(0, true, second(30));
    for at in (60..300).step_by(30) {
        deadlines.written(1, true, second(at));
        assert_eq!(deadlines.due_in_send(false, second(at)), None, "at {at}");
        assert_eq!(deadlines.handle_timeout(second(at + 20)), Some(Due::Ping));
    }
    // The last was taken at second 270.
    assert_eq!(deadlines.due_in_send(false, second(309)), None);
    assert_eq!(deadlines.due_in_send(false, second(310)), Some(Due::Pong));
}

#[test]
fn it_counts_from_the_first_refusal_of_what_waits() {
    let mut deadlines = pinged(Timeouts::default());
    deadlines.written(0, true, second(25));
    deadlines.drained();
    assert_eq!(deadlines.due_in_send(false, second(100)), None, "nothing waits any more");
    deadlines.written(0, true, second(100));
    assert_eq!(deadlines.due_in_send(false, second(139)), None);
    assert_eq!(deadlines.due_in_send(false, second(140)), Some(Due::Pong));
}

#[test]
fn a_peer_that_sends_is_not_given_up_though_the_send_is_stuck() {
    let mut deadlines = open(Timeouts::default());
    deadlines.written(0, true, second(0));
    for at in 1..100 {
        deadlines.received(second(at));
        assert_eq!(deadlines.due_in_send(false, second(at)), None);
        assert_eq!(deadlines.poll_timeout_in_send(false, second(at)), Some(second(at + 20)));
    }
}

#[test]
fn without_both_times_nothing_is_stuck() {
    for timeouts in [Timeouts::default().keep_alive(None), Timeouts::default().pong(None)] {
        let mut deadlines = open(timeouts.idle(Some(Duration::from_secs(10))));
        deadlines.written(0, true, second(0));
        assert_eq!(deadlines.due(second(1000)), Some(Due::Idle));
        assert_eq!(deadlines.due_in_send(false, second(1000)), None);
        assert_eq!(deadlines.poll_timeout_in_send(false, second(10)), None);
    }
    let mut deadlines = pinged(Timeouts::default().pong(Some(Duration::MAX)));
    deadlines.written(0, true, second(30));
    assert_eq!(deadlines.due_in_send(false, second(1 << 30)), None, "it does not overflow");
}

#[test]
fn totals_hold_for_a_send_that_cannot_look() {
    let mut deadlines = Deadlines::new(Timeouts::default(), second(0));
    assert_eq!(deadlines.due_in_send(false, second(10)), Some(Due::Opening));
    deadlines.opened(second(1));
    deadlines.closing(second(2));
    assert_eq!(deadlines.due_in_send(false, second(6)), None);
    assert_eq!(deadlines.due_in_send(false, second(7)), Some(Due::Close));
    assert_eq!(deadlines.poll_timeout_in_send(false, second(7)), Some(second(7)));
}

#[test]
fn a_send_does_what_is_due_for_it() {
    let mut connection = Connection::new(Role::Server, Config::default());
    let mut deadlines = open(Timeouts::default());
    deadlines.written(0, true, second(5));
    let enforced = deadlines.enforce_in_send(&mut connection, false, second(20));
    assert_eq!((enforced, connection.wants_write()), (Some(Due::Ping), true));
    assert_eq!(deadlines.enforce_in_send(&mut connection, false, second(44)), None);
    assert_eq!(connection.ended(), None);
    assert_eq!(deadlines.enforce_in_send(&mut connection, false, second(45)), Some(Due::Pong));
    assert_eq!(connection.ended(), Some(Ended::TimedOut));
    assert_eq!(deadlines.poll_timeout(), None, "it was the last");

    // Idleness gives up what is stuck, and starts closing where somebody has looked.
    for (can_look, due, ended) in
        [(true, Due::Idle, None), (false, Due::Pong, Some(Ended::TimedOut))]
    {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut deadlines = open(IDLE);
        deadlines.written(0, true, second(0));
        assert_eq!(deadlines.handle_timeout(second(20)), Some(Due::Ping));
        let enforced = deadlines.enforce_in_send(&mut connection, can_look, second(40));
        assert_eq!((enforced, connection.ended()), (Some(due), ended));
        assert!(!connection.is_open());
    }
}

#[test]
fn what_the_transport_holds_waits_as_well() {
    let mut connection = Connection::new(Role::Server, Config::default());
    let mut deadlines = pinged(Timeouts::default());
    // That it holds something does not say that it has refused to pass it on.
    deadlines.observe_holding(&mut connection, true, second(25));
    assert!(!deadlines.is_refused());
    deadlines.written(0, true, second(30));
    for at in 31..70 {
        deadlines.observe_holding(&mut connection, true, second(at));
        assert_eq!(deadlines.due_in_send(false, second(at)), None);
    }
    assert_eq!(deadlines.due_in_send(false, second(70)), Some(Due::Pong));
    // It has passed it on: a sign of life, and nothing waits.
    deadlines.written(1, false, second(70));
    deadlines.observe_holding(&mut connection, false, second(70));
    assert!(!deadlines.is_refused());
    assert_eq!(deadlines.poll_timeout_in_send(false, second(70)), Some(second(90)));
}

#[test]
fn a_send_reads_no_more_than_the_caller_may_forget() {
    let deadlines = pinged(IDLE);
    for at in [25, 1000] {
        let due = deadlines.due(second(at));
        let is_idle = due == Some(Due::Idle);
        assert!(deadlines.may_look_in_send(0, second(at)));
        assert_eq!(deadlines.may_look_in_send(1, second(at)), !is_idle, "it may be of a message");
        assert_eq!(deadlines.may_look_in_send(MAX_UNREAD - 1, second(at)), !is_idle);
        assert!(!deadlines.may_look_in_send(MAX_UNREAD, second(at)));
    }
}
