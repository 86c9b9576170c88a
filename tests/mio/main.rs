//! The mio adapter: over a scripted stream, where every call can go wrong, and over TCP. Time is
//! what the tests say, so nothing here sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

mod deadlines;
mod ends;
#[path = "../support/heap.rs"]
mod heap;
#[cfg(feature = "deflate")]
mod idle;
mod large;
mod life;
mod over_script;
mod over_tcp;
mod pressure;
mod readiness;
mod refusals;
#[path = "../scripted/mod.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;

use mio::event::Event as Readiness;
use mio::{Events, Interest, Poll, Token};
use sansio_ws::deadlines::{Due, Instant, Timeouts};
use sansio_ws::handshake::{ClientRequest, HandshakeError, Request, Response};
use sansio_ws::mio::{Error, Memory, Reply, Stream, WebSocket};
use sansio_ws::{
    CloseCode, Config, Connection, Ended, Event, Limits, MessageKind, ProtocolError, SendError,
    Transport,
};
use scripted::{Call, Conversation, End, FAR, Fault, Outcome, PATIENCE, REQUEST, RESPONSE, Script};
use scripted::{accept, accept_with, assert_same_output, bounded, conversation, echo, unmasked};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use support::Seen;
use support::frame::{self, Frame, wire};

const fn second(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://x/chat").unwrap()
}

fn server<S: Stream>(stream: S) -> WebSocket<S> {
    WebSocket::server(stream, &Limits::default(), Timeouts::default(), second(0))
}

fn client<S: Stream>(stream: S) -> WebSocket<S> {
    client_with(stream, Config::default())
}

fn client_with<S: Stream>(stream: S, config: Config) -> WebSocket<S> {
    WebSocket::client(stream, &request(), config, Timeouts::default(), second(0)).unwrap()
}

fn tcp() -> (mio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    for socket in [&stream, &peer] {
        socket.set_nodelay(true).unwrap();
    }
    stream.set_nonblocking(true).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (mio::net::TcpStream::from_std(stream), peer)
}

/// What mio reports of a stream that can be written, and of one that can be read as well. Only mio
/// can make these.
struct Reports {
    writable: Readiness,
    both: Readiness,
}

impl Reports {
    fn new() -> Self {
        let (mut stream, mut peer) = tcp();
        let mut poll = Poll::new().unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(0), both).unwrap();
        let mut reported = |readable| {
            let mut events = Events::with_capacity(8);
            loop {
                poll.poll(&mut events, Some(PATIENCE)).unwrap();
                assert!(!events.is_empty(), "mio reports nothing");
                let fits =
                    |event: &&Readiness| event.is_writable() && event.is_readable() == readable;
                if let Some(event) = events.iter().find(fits) {
                    return event.clone();
                }
            }
        };
        let writable = reported(false);
        peer.write_all(b"!").unwrap();
        Self { writable, both: reported(true) }
    }
}

/// Has the conversation, from its opening to its only right end. The stream is reported ready
/// only after it has blocked, as mio does, and time passes only when nothing else happens.
fn converse(conversation: &Conversation, script: &Script, reports: &Reports) -> Outcome {
    let stream = script.clone();
    let mut socket = match conversation.to_server {
        true => server(stream),
        false => client_with(stream, conversation.config.clone()),
    };
    let mut memory = Memory::with_read_bytes(64);
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    let mut now = second(0);
    socket.ready(&reports.both);
    for _ in 0..10_000 {
        let turned = turn(&mut socket, &mut memory, now, &conversation.config, &mut outcome);
        let settled = turned.and_then(|()| socket.settle(&mut memory, now));
        match settled {
            Ok(None) => {}
            Ok(Some(ended)) => {
                assert!(!socket.wants_turn(), "an end is for ever");
                assert_eq!(socket.settle(&mut memory, now).unwrap(), Some(ended));
                if let Some(connection) = socket.connection_mut(&mut memory) {
                    assert_eq!(connection.send_text("too late"), Err(SendError::Closed));
                }
                outcome.end = Ok(ended);
                return outcome;
            }
            Err(error) => {
                assert!(!socket.wants_turn(), "an error is for ever");
                let ended = socket.settle(&mut memory, now).expect("it is told once");
                assert!(ended.is_some(), "and has ended it");
                outcome.end = Err(Some(error.kind()));
                return outcome;
            }
        }
        let mut state = script.state();
        let read_blocked = std::mem::take(&mut state.read_blocked);
        let write_blocked = std::mem::take(&mut state.write_blocked);
        let stalls = state.is_stalled();
        drop(state);
        if write_blocked {
            socket.ready(&reports.writable);
        }
        if read_blocked && !stalls {
            socket.ready(&reports.both);
        }
        if !socket.wants_turn() && !write_blocked {
            assert!(stalls, "a wake-up was lost");
            now = socket.poll_timeout().expect("a stall is bounded");
            assert!(socket.handle_timeout(now).is_some() || socket.wants_turn());
        }
    }
    panic!("it never ends");
}

fn turn<S: Stream>(
    socket: &mut WebSocket<S>,
    memory: &mut Memory,
    now: Instant,
    config: &Config,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let io = |error| match error {
        Error::Io(error) => error,
        error => panic!("{error}"),
    };
    let mut turn = socket.turn(memory, now);
    let accept = |request: &Request<'_>| accept_with(request, config.clone());
    outcome.opened |= turn.accept(accept).map_err(io)?;
    while let Some((mut connection, event)) = turn.next().map_err(io)? {
        answer(&mut connection, event, &mut outcome.events);
    }
    Ok(())
}

/// Lets a deadline pass: the socket has a turn if it wants to look first. What is received in it is
/// discarded.
fn expire<S: Stream>(socket: &mut WebSocket<S>, memory: &mut Memory, now: Instant) -> Option<Due> {
    if let Some(due) = socket.handle_timeout(now) {
        return Some(due);
    }
    if socket.wants_turn() {
        let mut turn = socket.turn(memory, now);
        while turn.next().unwrap().is_some() {}
        drop(turn);
        assert_eq!(socket.settle(memory, now).unwrap(), None);
    }
    socket.handle_timeout(now)
}

/// Takes note of an event, and answers it as an event of this adapter is.
fn answer<S: Stream>(reply: &mut Reply<'_, S>, event: Event<'_>, events: &mut Vec<Seen>) {
    let answered = match event {
        Event::Text(text) => reply.send_text(text),
        Event::Binary(bytes) => reply.send_binary(bytes),
        _ => Ok(()),
    };
    assert!(matches!(answered, Ok(()) | Err(SendError::Closed)), "{answered:?}");
    events.extend(Seen::of(event));
}

/// All of them, each with the outcome of the whole conversation, the number of calls it took, and
/// the bytes it made of it.
fn conversations(reports: &Reports) -> Vec<(Conversation, Outcome, usize, Script)> {
    let judged = scripted::conversations().into_iter().map(|conversation| {
        let script = conversation.script(usize::MAX, End::Eof);
        let outcome = converse(&conversation, &script, reports);
        assert_eq!(outcome.events, conversation.events());
        assert_eq!(outcome.end, Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) }));
        assert_eq!(unmasked(script.frames()), conversation.answers());
        let calls = script.state().calls;
        (conversation, outcome, calls, script)
    });
    judged.collect()
}
