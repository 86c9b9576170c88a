//! What is decided here, without threads, tasks and connections.

use super::carrying::{Abort, Write};
use super::error::Error;
use super::state::State;
use crate::client::Event::{Disconnected, Drained, Unacknowledged};
use crate::client::engine::{Connect, Link, Method, Request};
use crate::client::{
    Client, Config, ConnectError, DisconnectReason, EmitError, Socket, Transport, engine,
};
use crate::{Bytes, EncodedArgs};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use sansio_ws::Event;
use sansio_ws::deadlines::Instant;

const NOW: Instant = Instant::new(Duration::ZERO);
const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// A client that begins to connect by one transport.
fn begun(transport: Transport) -> (State, Socket) {
    begun_with(Config::new(), transport)
}

fn begun_with(config: Config, transport: Transport) -> (State, Socket) {
    let sessions = engine::Config::new().path("/socket.io/").transports([transport]);
    let mut state = State::new(Client::new(config.reconnection(None), sessions, || 0));
    let socket = state.machine.socket("/").unwrap();
    state.machine.connect(NOW, socket);
    state.carry_out(NOW);
    (state, socket)
}

/// One that is connected by a WebSocket, and how often that was aborted.
fn connected() -> (State, Socket, Link, Arc<AtomicUsize>) {
    connected_with(Config::new())
}

fn connected_with(config: Config) -> (State, Socket, Link, Arc<AtomicUsize>) {
    let (mut state, socket) = begun_with(config, Transport::WebSocket);
    let Connect { link, .. } = state.take_connect().unwrap();
    let (abort, aborted) = counted();
    assert!(state.opened(NOW, link, abort));
    for text in [OPEN, r#"40{"sid":"a"}"#] {
        state.received(NOW, link, &Event::Text(text));
        state.carry_out(NOW);
        write_all(&mut state, link);
    }
    assert!(state.machine.is_connected(socket));
    (state, socket, link, aborted)
}

fn counted() -> (Abort, Arc<AtomicUsize>) {
    let aborted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&aborted);
    (Box::new(move || _ = counter.fetch_add(1, Ordering::Relaxed)), aborted)
}

fn write_all(state: &mut State, link: Link) {
    while let Some(Write::Frame(_)) = state.next_write(NOW, link) {
        state.written(NOW, link, Ok::<_, &str>(()));
    }
}

fn take(state: &mut State, method: Method) -> Option<Request> {
    state.take_request(method, || Box::new(|| {}))
}

#[test]
fn no_room_is_left_by_4096_events_or_by_16_mebibytes() {
    let (mut state, _, link, _) = connected();
    while state.next_event().is_some() {}
    let small = r#"42["event"]"#;
    for number in 0..4096 {
        assert!(state.has_room(), "after {number}");
        state.received(NOW, link, &Event::Text(small));
    }
    assert!(!state.has_room());
    state.next_event().unwrap();
    assert!(state.has_room());
    while state.next_event().is_some() {}

    let large = format!(r#"42["event","{}"]"#, "x".repeat(1 << 20));
    for number in 0..16 {
        assert!(state.has_room(), "after {number}");
        state.received(NOW, link, &Event::Text(&large));
    }
    assert!(!state.has_room());
    // Who closes takes no more events, and is not held up by them.
    state.close(NOW);
    assert!(state.has_room());
}

/// What tells of the connection is told once, of events one by one.
#[test]
fn events_that_were_given_up_are_told_one_by_one_even_without_room() {
    let (mut state, socket, link, _) = connected_with(Config::new().retries(1));
    while state.next_event().is_some() {}
    for _ in 0..4096 {
        state.received(NOW, link, &Event::Text(r#"42["event"]"#));
    }
    let event = |number| EncodedArgs::event("lost", &(number,)).unwrap();
    assert_eq!(state.emit(NOW, socket, &event(0)), Err(EmitError::Full));
    // Some may wait from before.
    for number in 0..3 {
        state.machine.emit(NOW, socket, &event(number)).unwrap();
    }
    let mut now = NOW;
    for _ in 0..6 {
        now = now + Duration::from_secs(5);
        state.received(now, link, &Event::Text("2"));
        now = now + Duration::from_secs(5);
        state.machine.handle_timeout(now);
        state.carry_out(now);
        write_all(&mut state, link);
    }
    let (mut lost, mut drained) = (alloc::vec![], alloc::vec![]);
    for taken in 1.. {
        match state.next_event() {
            Some(Unacknowledged { event, .. }) => lost.push(event.json().to_owned()),
            Some(Drained) => drained.push(taken),
            Some(_) => {}
            None => break,
        }
        assert_eq!(state.inbox.is_full(), taken <= 3, "after {taken}");
    }
    // Behind all that waited when there was room again, and once.
    assert_eq!(drained, [4096 + 3 + 1]);
    assert_eq!(lost, [0, 1, 2].map(|number| format!("[\"lost\",{number}]")));
}

/// A GET may have any answer, a POST has none.
#[test]
fn without_room_nothing_more_is_asked_for() {
    let (mut state, socket) = begun(Transport::Polling);
    let opening = take(&mut state, Method::Get).unwrap();
    state.requested(NOW, &opening, Ok::<_, &str>((200, OPEN)));
    state.carry_out(NOW);
    let connect = take(&mut state, Method::Post).unwrap();
    state.requested(NOW, &connect, Ok::<_, &str>((200, "ok")));
    state.carry_out(NOW);
    let answer = take(&mut state, Method::Get).unwrap();
    let mut body = alloc::string::String::from(r#"40{"sid":"a"}"#);
    (0..5000).for_each(|_| body.push_str("\u{1e}42[\"event\"]"));
    assert!(state.requested(NOW, &answer, Ok::<_, &str>((200, body))));
    state.machine.emit(NOW, socket, &EncodedArgs::event("event", &()).unwrap()).unwrap();
    state.carry_out(NOW);
    assert!(take(&mut state, Method::Get).is_none());
    assert!(take(&mut state, Method::Post).is_some());
    while state.next_event().is_some() {}
    assert!(take(&mut state, Method::Get).is_some());
}

/// Whoever has begun something that is not wanted any more is interrupted, and what it comes to is nothing.
#[test]
fn what_is_not_wanted_any_more_is_aborted() {
    let (mut state, socket) = begun(Transport::Polling);
    let (abort, aborted) = counted();
    let opening = state.take_request(Method::Get, || abort).unwrap();
    state.machine.disconnect(NOW, socket);
    state.carry_out(NOW);
    assert_eq!(aborted.load(Ordering::Relaxed), 1);
    assert!(!state.requested(NOW, &opening, Ok::<_, &str>((200, OPEN))));
    assert!(matches!(state.outcome_of_close(), Some(Ok(()))));

    // A WebSocket is closed in order, unless it is just being written to.
    for is_writing in [false, true] {
        let (mut state, socket, link, aborted) = connected();
        state.machine.emit(NOW, socket, &EncodedArgs::event("event", &()).unwrap()).unwrap();
        state.carry_out(NOW);
        if is_writing {
            assert!(matches!(state.next_write(NOW, link), Some(Write::Frame(_))));
        }
        state.machine.handle_timeout(NOW + Duration::from_secs(45));
        state.carry_out(NOW);
        assert_eq!(aborted.load(Ordering::Relaxed), usize::from(is_writing));
        let closes = matches!(state.next_write(NOW, link), Some(Write::Close(_)));
        assert_eq!(closes, !is_writing);
        assert!(state.outcome_of_close().is_none());
        state.ended(NOW, link, Ok::<_, &str>(()));
        assert!(matches!(state.outcome_of_close(), Some(Ok(()))));
        assert!(matches!(state.next_write(NOW, link), Some(Write::Over)));
    }
}

#[test]
fn a_websocket_that_comes_too_late_is_not_used() {
    let (mut state, socket) = begun(Transport::WebSocket);
    let Connect { link, .. } = state.take_connect().unwrap();
    assert!(state.wants(link));
    state.machine.disconnect(NOW, socket);
    state.carry_out(NOW);
    let (abort, aborted) = counted();
    assert!(!state.wants(link) && !state.opened(NOW, link, abort));
    assert_eq!(aborted.load(Ordering::Relaxed), 0);
}

#[test]
fn answers_are_kept_for_those_who_wait() {
    let (mut state, socket, link, _) = connected();
    let event = EncodedArgs::event("event", &(Bytes::new(),)).unwrap();
    let [first, second] = [(), ()].map(|()| {
        let question = state.machine.ask(NOW, socket, Duration::from_secs(1), &event).unwrap();
        state.inbox.expect(question);
        question
    });
    state.inbox.forget(second);
    for text in ["430[1]", "431[2]"] {
        state.received(NOW, link, &Event::Text(text));
    }
    assert_eq!(state.answer(first, None).unwrap().unwrap().get::<u8>(0).unwrap(), 1);
    assert!(state.answer(second, None).is_none());
    state.stop();
    assert!(state.answer(second, None).unwrap().is_err());
}

/// Who waits for the connection looks when all of a response has been read.
#[test]
fn whether_a_server_has_let_the_client_in_is_known_behind_that() {
    let outcome = |text: &str| {
        let (mut state, socket) = begun(Transport::Polling);
        let mut respond = |method, body: &str| {
            let request = take(&mut state, method).unwrap();
            state.requested(NOW, &request, Ok::<_, &str>((200, body)));
            state.carry_out(NOW);
        };
        respond(Method::Get, OPEN);
        respond(Method::Post, "ok");
        respond(Method::Get, text);
        state.outcome_of(socket)
    };
    assert!(outcome("6").is_none());
    assert!(matches!(outcome(r#"40{"sid":"a"}"#), Some(Ok(()))));
    // It has been in.
    assert!(matches!(outcome("40{\"sid\":\"a\"}\u{1e}41"), Some(Ok(()))));
    assert!(matches!(outcome("40{\"sid\":\"a\"}\u{1e}1"), Some(Ok(()))));
    let refused = outcome(r#"44{"message":"no"}"#);
    assert!(matches!(refused, Some(Err(Error::Connect(ConnectError::Refused { .. })))));
    // It will not be.
    let reason = DisconnectReason::Session(engine::CloseReason::TransportClose);
    let closed = outcome("1");
    assert!(matches!(closed, Some(Err(Error::Closed(why))) if why == reason), "{closed:?}");
}

/// What tells of one namespace does not take the place of what tells of another.
#[test]
fn without_room_each_namespace_is_told_of() {
    let (mut state, _, link, _) = connected();
    for name in ["/a", "/b"] {
        let socket = state.machine.socket(name).unwrap();
        state.machine.connect(NOW, socket);
        state.carry_out(NOW);
        write_all(&mut state, link);
        state.received(NOW, link, &Event::Text(&format!("40{name},{{\"sid\":\"x\"}}")));
        state.carry_out(NOW);
    }
    while state.next_event().is_some() {}
    for _ in 0..4096 {
        state.received(NOW, link, &Event::Text(r#"42["event"]"#));
    }
    state.ended(NOW, link, Ok::<_, &str>(()));
    state.carry_out(NOW);
    let mut lost = alloc::vec![];
    while let Some(event) = state.next_event() {
        if let Disconnected { socket, .. } = event {
            lost.push(state.machine.namespace(socket).to_owned());
        }
    }
    assert_eq!(lost, ["/", "/a", "/b"]);
}
