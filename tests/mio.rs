//! The mio adapter: over a scripted stream, where every call can go wrong, and over TCP. Time is
//! what the tests say, so nothing here sleeps.

#![cfg(feature = "mio")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "scripted/mod.rs"]
mod scripted;
mod support;

use mio::event::Event as Readiness;
use mio::{Events, Interest, Poll, Token};
use sansio_ws::deadlines::{Due, Instant, Timeouts};
use sansio_ws::handshake::{ClientRequest, HandshakeError, Request, Response};
use sansio_ws::mio::{Error, Memory, Stream, WebSocket};
use sansio_ws::{
    CloseCode, Config, Connection, Ended, Event, Limits, ProtocolError, SendError, Transport,
};
use scripted::{Call, Conversation, End, Fault, Outcome, REQUEST, RESPONSE, Script};
use scripted::{accept, bounded, conversation, echo};
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
    WebSocket::server(stream, &Limits::DEFAULT, Timeouts::DEFAULT, second(0))
}

fn client<S: Stream>(stream: S) -> WebSocket<S> {
    let (config, timeouts) = (Config::DEFAULT, Timeouts::DEFAULT);
    WebSocket::client(stream, &request(), config, timeouts, second(0)).unwrap()
}

fn tcp() -> (mio::net::TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    for socket in [&stream, &peer] {
        socket.set_nodelay(true).unwrap();
    }
    stream.set_nonblocking(true).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (mio::net::TcpStream::from_std(stream), peer)
}

// ---- Over a scripted stream ----

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
                poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
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

/// Has the conversation, from opening to the one end it has to have. The stream is reported ready
/// only after it has blocked, as mio does, and time passes only when nothing else happens.
fn converse(conversation: &Conversation, script: &Script, reports: &Reports) -> Outcome {
    let stream = script.clone();
    let mut socket = if conversation.to_server { server(stream) } else { client(stream) };
    let mut memory = Memory::with_read_bytes(64);
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    let mut now = second(0);
    socket.ready(&reports.both);
    for _ in 0..10_000 {
        let turned = turn(&mut socket, &mut memory, now, &mut outcome);
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
            assert!(socket.handle_timeout(now).is_some());
        }
    }
    panic!("it never ends");
}

fn turn<S: Stream>(
    socket: &mut WebSocket<S>,
    memory: &mut Memory,
    now: Instant,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let io = |error| match error {
        Error::Io(error) => error,
        error => panic!("{error}"),
    };
    let mut turn = socket.turn(memory, now);
    outcome.opened |= turn.open(accept).map_err(io)?;
    while let Some((connection, event)) = turn.next().map_err(io)? {
        echo(connection, event, &mut outcome.events);
    }
    Ok(())
}

/// Both roles, each with the outcome of the whole conversation, the number of calls it took, and
/// the bytes it made of it.
fn conversations(reports: &Reports) -> [(Conversation, Outcome, usize, Script); 2] {
    [true, false].map(|to_server| {
        let conversation = conversation(to_server);
        let script = conversation.script(usize::MAX, End::Eof);
        let outcome = converse(&conversation, &script, reports);
        assert_eq!(outcome.events, conversation.events());
        assert_eq!(outcome.end, Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) }));
        assert_eq!(unmasked(script.frames()), conversation.answers());
        let calls = script.state().calls;
        (conversation, outcome, calls, script)
    })
}

fn unmasked(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.iter_mut().for_each(|frame| frame.mask = None);
    frames
}

/// A server's bytes are always the same; a client's frames only after unmasking.
fn assert_same_output(script: &Script, model: &Script, to_server: bool, what: &str) {
    match to_server {
        true => assert_eq!(script.output(), model.output(), "{what}"),
        false => assert_eq!(unmasked(script.frames()), unmasked(model.frames()), "{what}"),
    }
}

#[test]
fn f2_every_offset_has_one_end_and_loses_nothing() {
    bounded(|| {
        let reports = Reports::new();
        for to_server in [true, false] {
            let conversation = conversation(to_server);
            for cut in 0..=conversation.len() {
                for end in [End::Eof, End::Reset, End::Stall] {
                    let script = conversation.script(cut, end);
                    let mut outcome = converse(&conversation, &script, &reports);
                    let what = format!("{end:?} behind {cut} bytes, to_server: {to_server}");
                    let mut expected = conversation.outcome(cut, end);
                    if !outcome.opened {
                        // What was no WebSocket has an end all the same.
                        expected.end = match end {
                            End::Eof => Ok(Ended::Eof {
                                mid_frame: false,
                                mid_message: false,
                                close_sent: false,
                            }),
                            End::Reset => Err(Some(ErrorKind::ConnectionReset)),
                            End::Stall => Ok(Ended::TimedOut),
                        };
                    }
                    let mut answered = match outcome.opened {
                        true => unmasked(script.frames()),
                        false => vec![],
                    };
                    if outcome.opened && outcome.end == Ok(Ended::TimedOut) {
                        assert_eq!(answered.pop(), Some(Frame::ping("")), "{what}");
                    }
                    outcome.answers = answered.len();
                    if end == End::Reset {
                        // Found before there was a chance to write.
                        expected.answers = outcome.answers;
                    }
                    assert_eq!(outcome, expected, "{what}");
                    assert_eq!(answered, conversation.answers()[..outcome.answers], "{what}");
                }
            }
        }
    });
}

#[test]
fn f3_f4_f5_no_call_that_has_to_be_repeated_changes_anything() {
    bounded(|| {
        let reports = Reports::new();
        let again = [
            Fault::Error(ErrorKind::WouldBlock),
            Fault::Error(ErrorKind::Interrupted),
            Fault::Short,
        ];
        for (conversation, outcome, calls, model) in conversations(&reports) {
            let check = |fault, what: String, at: Box<dyn Fn(usize) -> bool + Send>| {
                let script = conversation
                    .script(usize::MAX, End::Eof)
                    .faults(move |n, _| Some(fault).filter(|_| at(n)));
                assert_eq!(converse(&conversation, &script, &reports), outcome, "{what}");
                assert_same_output(&script, &model, conversation.to_server, &what);
            };
            for fault in again {
                for k in 0..calls {
                    check(fault, format!("{fault:?} at call {k}"), Box::new(move |n| n == k));
                }
                check(fault, format!("{fault:?} at every other call"), Box::new(|n| n % 2 == 0));
            }
            check(Fault::Short, "byte by byte".into(), Box::new(|_| true));
        }
    });
}

#[test]
fn f6_streams_that_lie_or_fail_are_errors() {
    bounded(|| {
        let reports = Reports::new();
        for (conversation, whole, calls, model) in conversations(&reports) {
            for k in 0..calls {
                for fault in [
                    Fault::Zero,
                    Fault::More,
                    Fault::Error(ErrorKind::Other),
                    Fault::Error(ErrorKind::ConnectionReset),
                    Fault::Error(ErrorKind::BrokenPipe),
                ] {
                    let what = format!("{fault:?} at call {k}");
                    let call = std::sync::Arc::new(std::sync::Mutex::new(None));
                    let seen = call.clone();
                    let script =
                        conversation.script(usize::MAX, End::Eof).faults(move |n, call| {
                            (n == k).then(|| *seen.lock().unwrap() = Some(call))?;
                            Some(fault)
                        });
                    let outcome = converse(&conversation, &script, &reports);
                    let call = call.lock().unwrap().unwrap();
                    assert!(whole.events.starts_with(&outcome.events), "{what}");
                    if conversation.to_server {
                        assert!(model.output().starts_with(&script.output()), "{what}");
                    }
                    let closed = outcome.events.len() == whole.events.len();
                    match (fault, call) {
                        (Fault::Zero | Fault::More, Call::Flush) => assert_eq!(outcome, whole),
                        (Fault::Zero, Call::Read) => {
                            assert_eq!(outcome.end.map(Ended::is_clean), Ok(closed), "{what}");
                        }
                        (Fault::Zero, Call::Write) => {
                            assert_eq!(outcome.end, Err(Some(ErrorKind::WriteZero)), "{what}");
                        }
                        (Fault::More, _) => {
                            assert_eq!(outcome.end, Err(Some(ErrorKind::InvalidData)), "{what}");
                        }
                        (Fault::Error(ErrorKind::Other), _) => {
                            assert_eq!(outcome.end, Err(Some(ErrorKind::Other)), "{what}");
                        }
                        // The peer is gone. Whether that matters depends on what it had said.
                        (Fault::Error(kind), Call::Read) if !closed => {
                            assert_eq!(outcome.end, Err(Some(kind)), "{what}");
                        }
                        (Fault::Error(_), _) if outcome.opened => {
                            assert_eq!(outcome, whole, "{what}");
                        }
                        // A client that could not send its request has no answer to wait for.
                        (Fault::Error(_), _) => assert!(outcome.end.is_ok(), "{what}"),
                        (Fault::Short, _) => unreachable!(),
                    }
                }
            }
        }
    });
}

#[test]
fn f3_interrupted_for_ever_is_given_up() {
    let reports = Reports::new();
    for (conversation, _, calls, _) in conversations(&reports) {
        for k in 0..calls {
            let script = conversation
                .script(usize::MAX, End::Eof)
                .faults(move |n, _| (n >= k).then_some(Fault::Error(ErrorKind::Interrupted)));
            let outcome = converse(&conversation, &script, &reports);
            assert_eq!(outcome.end, Err(Some(ErrorKind::Interrupted)), "from call {k} on");
            assert!(script.state().calls <= k + 101, "retries are bounded");
        }
    }
}

#[test]
fn f7_what_the_peer_said_is_handed_out_though_it_reads_no_more() {
    bounded(|| {
        let reports = Reports::new();
        for (conversation, whole, _, model) in conversations(&reports) {
            let head = scripted::head_len(&model.output());
            for until in head..model.output().len() {
                for end in [End::Eof, End::Reset] {
                    let script = conversation.script(usize::MAX, end).writes_until(until);
                    let outcome = converse(&conversation, &script, &reports);
                    assert_eq!(outcome, whole, "writing fails behind {until} bytes");
                }
            }
        }
    });
}

#[test]
fn f29_a_violation_is_reported_once_and_ends_everything() {
    let reports = Reports::new();
    for end in [End::Eof, End::Reset, End::Stall] {
        let frames = [Frame::text("good"), Frame::text(b"\xFF"), Frame::text("after")];
        let script = Script::new([REQUEST, &wire(true, frames)].concat(), end);
        let mut socket = server(script.clone());
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        let mut turn = socket.turn(&mut memory, second(0));
        assert!(turn.open(accept).unwrap());
        assert!(matches!(turn.next(), Ok(Some((_, Event::Text("good"))))));
        assert!(matches!(turn.next(), Err(Error::Protocol(ProtocolError::InvalidUtf8))));
        drop(turn);
        assert_eq!(
            socket.settle(&mut memory, second(0)).unwrap(),
            None,
            "not before the peer has read it"
        );
        assert_eq!(script.frames(), [Frame::close(1007, "invalid UTF-8")]);
        assert!(script.state().shut_down);
        assert!(socket.wants_turn());
        let mut turn = socket.turn(&mut memory, second(1));
        assert!(matches!(turn.next(), Ok(None)), "nothing is parsed after it");
        drop(turn);
        if end == End::Stall {
            assert_eq!(socket.settle(&mut memory, second(1)).unwrap(), None);
            assert_eq!(socket.poll_timeout(), Some(second(5)));
            assert_eq!(socket.handle_timeout(second(5)), Some(Due::Close));
        }
        let ended = Ended::Protocol(ProtocolError::InvalidUtf8);
        assert_eq!(socket.settle(&mut memory, second(5)).unwrap(), Some(ended));
    }
}

#[test]
fn who_leaves_after_an_answer_is_no_error() {
    let reports = Reports::new();
    let script = Script::new(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], End::Reset);
    let mut socket = server(script);
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert!(!socket.turn(&mut memory, second(0)).open(|_| Err(Response::not_found())).unwrap());
    let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), Some(ended));
}

// ---- Deadlines ----

/// An open server over a script that has no more to say.
fn opened(timeouts: Timeouts, reports: &Reports) -> (WebSocket<Script>, Script, Memory) {
    let script = Script::new(REQUEST, End::Stall);
    let mut socket = WebSocket::server(script.clone(), &Limits::DEFAULT, timeouts, second(0));
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert!(socket.turn(&mut memory, second(0)).open(accept).unwrap());
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    (socket, script, memory)
}

#[test]
fn f1_a_silent_peer_is_pinged_and_given_up() {
    let reports = Reports::new();
    let (mut socket, script, mut memory) = opened(Timeouts::DEFAULT, &reports);
    assert_eq!(socket.poll_timeout(), Some(second(20)));
    assert_eq!(socket.handle_timeout(second(19)), None);
    assert_eq!(socket.handle_timeout(second(20)), Some(Due::Ping));
    assert_eq!(socket.settle(&mut memory, second(20)).unwrap(), None);
    assert_eq!(script.frames(), [Frame::ping("")]);
    assert_eq!(socket.handle_timeout(second(40)), Some(Due::Pong));
    assert_eq!(socket.settle(&mut memory, second(40)).unwrap(), Some(Ended::TimedOut));
    assert_eq!((socket.poll_timeout(), socket.wants_turn()), (None, false));
}

#[test]
fn an_idle_connection_is_closed_and_the_closing_is_bounded() {
    let reports = Reports::new();
    let timeouts = Timeouts::DEFAULT.idle(Some(Duration::from_secs(10)));
    let (mut socket, script, mut memory) = opened(timeouts, &reports);
    assert_eq!(socket.handle_timeout(second(10)), Some(Due::Idle));
    assert_eq!(socket.settle(&mut memory, second(10)).unwrap(), None);
    assert_eq!(script.frames(), [Frame::close(1001, "idle for too long")]);
    assert_eq!(socket.handle_timeout(second(15)), Some(Due::Close));
    assert_eq!(socket.settle(&mut memory, second(15)).unwrap(), Some(Ended::TimedOut));
}

#[test]
fn f9_f11_opening_is_bounded_in_all() {
    let reports = Reports::new();
    for mut socket in [
        server(Script::new([], End::Stall)),
        server(Script::new(&REQUEST[..20], End::Stall)),
        client(Script::new(&RESPONSE[..20], End::Stall)),
    ] {
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        assert!(!socket.turn(&mut memory, second(9)).open(accept).unwrap());
        assert_eq!(socket.settle(&mut memory, second(9)).unwrap(), None);
        assert_eq!(socket.poll_timeout(), Some(second(10)), "whatever has arrived");
        assert_eq!(socket.handle_timeout(second(10)), Some(Due::Opening));
        assert_eq!(socket.settle(&mut memory, second(10)).unwrap(), Some(Ended::TimedOut));
    }
}

#[test]
fn what_is_left_to_write_at_the_end_of_input_does_not_wait_for_ever() {
    let reports = Reports::new();
    let input = [REQUEST, &wire(true, [Frame::text("last")])].concat();
    let blocked = |n: usize, call| {
        (call == Call::Write && n > 3).then_some(Fault::Error(ErrorKind::WouldBlock))
    };
    let script = Script::new(input, End::Eof).faults(blocked);
    let timeouts = Timeouts::NONE.close(Some(Duration::from_secs(5)));
    let mut socket = WebSocket::server(script, &Limits::DEFAULT, timeouts, second(0));
    let mut memory = Memory::with_read_bytes(64);
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    socket.ready(&reports.both);
    while socket.wants_turn() {
        turn(&mut socket, &mut memory, second(0), &mut outcome).unwrap();
        assert_eq!(
            socket.settle(&mut memory, second(0)).unwrap(),
            None,
            "it may only have half-closed"
        );
    }
    assert_eq!(outcome.events, [Seen::text("last")]);
    assert_eq!(socket.poll_timeout(), Some(second(5)));
    assert_eq!(socket.handle_timeout(second(5)), Some(Due::Close));
    let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(
        socket.settle(&mut memory, second(5)).unwrap(),
        Some(ended),
        "and not that time ran out"
    );
}

// ---- Over TCP ----

/// An event loop for tests: every socket echoes.
struct Loop {
    poll: Poll,
    memory: Memory,
    sockets: BTreeMap<usize, WebSocket<mio::net::TcpStream>>,
    seen: BTreeMap<usize, Vec<Seen>>,
    ended: BTreeMap<usize, Result<Ended, ErrorKind>>,
    refused: Vec<u16>,
}

impl Loop {
    fn new() -> Self {
        Self {
            poll: Poll::new().unwrap(),
            memory: Memory::new(),
            sockets: BTreeMap::new(),
            seen: BTreeMap::new(),
            ended: BTreeMap::new(),
            refused: vec![],
        }
    }

    fn add(&mut self, mut socket: WebSocket<mio::net::TcpStream>) {
        let token = self.sockets.len() + self.ended.len();
        socket.register(self.poll.registry(), Token(token)).unwrap();
        self.sockets.insert(token, socket);
        self.seen.insert(token, vec![]);
    }

    /// Polls once, and gives each that wants it a turn. No deadline passes: a loop that waits for
    /// one that does not come in time has lost something.
    fn step(&mut self, decide: fn(&Request<'_>) -> Result<Connection, Response>) {
        let mut events = Events::with_capacity(128);
        let more = self.sockets.values().any(WebSocket::wants_turn);
        let timeout = if more { Duration::ZERO } else { Duration::from_secs(4) };
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        assert!(more || !events.is_empty(), "a wake-up was lost");
        for event in &events {
            if let Some(socket) = self.sockets.get_mut(&event.token().0) {
                socket.ready(event);
            }
        }
        let Self { memory, sockets, seen, ended, refused, .. } = self;
        sockets.retain(|token, socket| {
            let seen = seen.get_mut(token).unwrap();
            if socket.wants_turn() {
                let turned = turn_or_refuse(socket, memory, seen, refused, decide);
                if let Err(error) = turned {
                    ended.insert(*token, Err(error.kind()));
                    return false;
                }
            }
            match socket.settle(memory, second(0)) {
                Ok(None) => return true,
                Ok(Some(end)) => ended.insert(*token, Ok(end)),
                Err(error) => ended.insert(*token, Err(error.kind())),
            };
            false
        });
    }

    /// Runs until all sockets have ended.
    fn run(&mut self) {
        while !self.sockets.is_empty() {
            self.step(accept);
        }
    }
}

fn turn_or_refuse(
    socket: &mut WebSocket<mio::net::TcpStream>,
    memory: &mut Memory,
    seen: &mut Vec<Seen>,
    refused: &mut Vec<u16>,
    decide: fn(&Request<'_>) -> Result<Connection, Response>,
) -> io::Result<()> {
    let mut turn = socket.turn(memory, second(0));
    let mut served = turn.open(decide).map(drop);
    while served.is_ok() {
        match turn.next() {
            Ok(Some((connection, event))) => echo(connection, event, seen),
            Ok(None) => break,
            Err(error) => served = Err(error),
        }
    }
    match served {
        Err(Error::Io(error)) => return Err(error),
        Err(Error::Handshake(error)) => refused.push(error.status()),
        Err(Error::Refused(status)) => refused.push(status),
        Ok(()) | Err(Error::Protocol(_)) => {}
        Err(error) => panic!("{error}"),
    }
    Ok(())
}

/// A blocking client that writes `pieces` and reads until the end, both at once.
fn talk(peer: &TcpStream, pieces: Vec<Vec<u8>>) -> thread::JoinHandle<Vec<u8>> {
    let (mut reading, mut writing) = (peer.try_clone().unwrap(), peer.try_clone().unwrap());
    thread::spawn(move || {
        let writer = thread::spawn(move || {
            for piece in pieces {
                writing.write_all(&piece).unwrap();
                thread::yield_now();
            }
        });
        let mut answer = vec![];
        reading.read_to_end(&mut answer).unwrap();
        writer.join().unwrap();
        reading.shutdown(Shutdown::Both).unwrap_or_default();
        answer
    })
}

fn pieces(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    bytes.chunks(size).map(<[u8]>::to_vec).collect()
}

#[test]
fn fifty_connections_echo_through_one_buffer() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let mut peers = vec![];
        for i in 0..50 {
            let (stream, peer) = tcp();
            event_loop.add(server(stream));
            // One of them sends a large message among the small ones, in small pieces.
            let large = if i == 7 { 2 << 20 } else { 3000 };
            let mut frames: Vec<_> =
                (0..30).map(|n| Frame::text("ä".repeat(n * (i + 1) % 400))).collect();
            frames.push(Frame::binary(vec![i as u8; large]));
            frames.push(Frame::text(&"ä".as_bytes()[..1]).more());
            frames.push(Frame::continuation(&"ä".as_bytes()[1..]));
            let mut expected = frames[..31].to_vec();
            expected.push(Frame::text("ä"));
            expected.push(Frame::close(1000, ""));
            frames.push(Frame::close(1000, ""));
            let bytes = [REQUEST, &wire(true, frames)].concat();
            // From a byte to a few thousand: cut in heads, headers and code points.
            let size = if i == 7 { 1500 } else { 1 + i * i };
            peers.push((talk(&peer, pieces(&bytes, size)), expected));
        }
        event_loop.run();
        let clean = Ok(Ended::Clean { code: Some(CloseCode::NORMAL) });
        assert!(event_loop.ended.values().all(|ended| *ended == clean));
        for (peer, expected) in peers {
            let answer = peer.join().unwrap();
            assert_eq!(&answer[..RESPONSE.len()], RESPONSE);
            assert!(frame::parse(&answer[RESPONSE.len()..]) == expected, "echoes");
        }
    });
}

#[test]
fn f16_a_turn_reads_no_more_than_256_kib() {
    let reports = Reports::new();
    let small = wire(true, [Frame::binary([7; 1000])]).repeat(2000);
    // A message that makes its buffer grow beyond what a turn may read.
    let large = wire(true, [Frame::binary(vec![7; 5 << 20])]);
    let input = [REQUEST, &small, &large, &small].concat();
    let len = input.len();
    for capacity in [64, 256 * 1024, 1 << 20] {
        let script = Script::new(&input[..], End::Stall);
        let mut socket = server(script.clone());
        let mut memory = Memory::with_read_bytes(capacity);
        let (mut turns, mut messages) = (0, 0);
        socket.ready(&reports.both);
        while socket.wants_turn() {
            let before = script.state().read;
            let mut turn = socket.turn(&mut memory, second(0));
            assert!(turn.open(accept).unwrap());
            while let Some((_, event)) = turn.next().unwrap() {
                messages += usize::from(matches!(event, Event::Binary([7, ..])));
            }
            drop(turn);
            assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
            let read = script.state().read - before;
            assert!(read <= 256 * 1024, "{read} bytes in one turn");
            turns += 1;
        }
        assert_eq!((messages, script.state().read), (4001, len));
        assert_eq!(turns, len.div_ceil(256 * 1024));
    }
}

#[test]
fn a_turn_may_be_left_at_any_event() {
    let reports = Reports::new();
    let conversation = conversation(true);
    let script = conversation.script(usize::MAX, End::Eof);
    let mut socket = server(script.clone());
    let mut memory = Memory::with_read_bytes(64);
    let mut seen = vec![];
    socket.ready(&reports.both);
    let ended = loop {
        assert!(socket.wants_turn(), "there is more");
        let mut turn = socket.turn(&mut memory, second(0));
        turn.open(accept).unwrap();
        if let Some((connection, event)) = turn.next().unwrap() {
            echo(connection, event, &mut seen);
        }
        drop(turn);
        if let Some(ended) = socket.settle(&mut memory, second(0)).unwrap() {
            break ended;
        }
    };
    assert_eq!(ended, Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
    assert_eq!(seen, conversation.events());
    assert_eq!(script.frames(), conversation.answers());
}

#[test]
fn f16_a_flood_does_not_starve_others() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let (stream, flooder) = tcp();
        event_loop.add(server(stream));
        let (stream, peer) = tcp();
        event_loop.add(server(stream));
        let flood = [REQUEST, &wire(true, [Frame::pong([7; 100])]).repeat(10_000)].concat();
        let mut writing = flooder.try_clone().unwrap();
        let flooding = thread::spawn(move || {
            let mut bytes = &flood[..];
            while writing.write_all(bytes).is_ok() {
                bytes = &flood[REQUEST.len()..];
            }
        });
        let frames = (0..20).map(|i| Frame::text(format!("{i}"))).chain([Frame::close_empty()]);
        let bytes = [REQUEST, &wire(true, frames)].concat();
        let other = talk(&peer, pieces(&bytes, 50));
        while event_loop.sockets.contains_key(&1) {
            event_loop.step(accept);
        }
        assert_eq!(event_loop.ended[&1], Ok(Ended::Clean { code: None }));
        assert_eq!(event_loop.seen[&1].len(), 21);
        assert!(!event_loop.seen[&0].is_empty());
        other.join().unwrap();
        flooder.shutdown(Shutdown::Both).unwrap();
        flooding.join().unwrap();
        event_loop.run();
    });
}

#[test]
fn frames_behind_the_request_and_a_half_close_are_answered() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let mut answers = vec![];
        let frames = [Frame::text("early"), Frame::ping("bird"), Frame::text("late")];
        let bytes = [REQUEST, &wire(true, frames)].concat();
        for until in [0, 10, REQUEST.len(), bytes.len() - 3, bytes.len()] {
            let (stream, mut peer) = tcp();
            event_loop.add(server(stream));
            peer.write_all(&bytes[..until]).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            answers.push(thread::spawn(move || {
                let mut answer = vec![];
                peer.read_to_end(&mut answer).expect("an end, not a reset");
                answer
            }));
        }
        event_loop.run();
        let eof = |mid| Ok(Ended::Eof { mid_frame: mid, mid_message: mid, close_sent: false });
        let ended: Vec<_> = event_loop.ended.into_values().collect();
        assert_eq!(ended, [eof(false), eof(false), eof(false), eof(true), eof(false)]);
        let answered = [Frame::text("early"), Frame::pong("bird"), Frame::text("late")];
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.join().unwrap()).collect();
        let all = [RESPONSE, &wire(false, answered.clone())].concat();
        let but_one = [RESPONSE, &wire(false, answered[..2].to_vec())].concat();
        assert_eq!(answers, [vec![], vec![], RESPONSE.to_vec(), but_one, all]);
    });
}

#[test]
fn f2_f7_a_reset_ends_it_after_what_was_said_before() {
    bounded(|| {
        for close in [true, false] {
            let mut event_loop = Loop::new();
            let (stream, mut peer) = tcp();
            event_loop.add(server(stream));
            peer.write_all(REQUEST).unwrap();
            peer.set_nonblocking(true).unwrap();
            while peer.peek(&mut [0; 1024]).unwrap_or(0) < RESPONSE.len() {
                event_loop.step(accept);
            }
            peer.set_nonblocking(false).unwrap();
            let mut frames: Vec<_> = (0..500).map(|i| Frame::text(format!("{i}"))).collect();
            frames.extend(close.then(|| Frame::close(1000, "")));
            peer.write_all(&wire(true, frames)).unwrap();
            // With unread input, this is a reset.
            drop(peer);
            // The socket has been written to in vain before anything is read.
            let Loop { sockets, memory, .. } = &mut event_loop;
            let socket = sockets.get_mut(&0).unwrap();
            for _ in 0..3 {
                socket.connection_mut(memory).unwrap().send_text("void").unwrap();
                assert_eq!(
                    socket.settle(memory, second(0)).unwrap(),
                    None,
                    "there is something to read"
                );
            }
            event_loop.run();
            assert_eq!(event_loop.seen[&0].len(), 500 + usize::from(close));
            let ended = event_loop.ended[&0];
            assert_eq!(ended.is_ok_and(Ended::is_clean), close, "{ended:?}");
        }
    });
}

#[test]
fn requests_that_are_no_handshake_get_a_page_or_an_error() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let requests: [&[u8]; 5] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01 a TLS hello \n",
            // Much behind a request does not destroy the answer.
            &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), vec![0; 300_000]].concat(),
        ];
        let mut peers = vec![];
        for request in requests {
            let (stream, peer) = tcp();
            event_loop.add(server(stream));
            peers.push(talk(&peer, vec![request.to_vec()]));
        }
        let page = |request: &Request<'_>| {
            Err(match request.path() {
                "/" => Response::html("<p>hello</p>"),
                _ => Response::not_found(),
            })
        };
        while !event_loop.sockets.is_empty() {
            event_loop.step(page);
        }
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert!(event_loop.ended.values().all(|end| *end == Ok(ended)));
        assert_eq!(event_loop.refused, [400]);
        let answers: Vec<_> = peers
            .into_iter()
            .map(|peer| String::from_utf8(peer.join().unwrap()).unwrap())
            .map(|answer| (answer[9..12].to_string(), answer.ends_with("<p>hello</p>")))
            .collect();
        let expected =
            [("200", true), ("200", false), ("404", false), ("400", false), ("200", true)];
        assert_eq!(answers, expected.map(|(status, page)| (status.to_string(), page)));
    });
}

#[test]
fn the_clients_role() {
    bounded(|| {
        use sansio_ws::blocking;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let (config, timeouts) = (Config::DEFAULT, Timeouts::DEFAULT);
            let mut socket =
                blocking::WebSocket::accept_with(stream, config, timeouts, accept).unwrap();
            for i in 0..1000 {
                socket.send_text(&format!("{i}")).unwrap();
                assert_eq!(socket.read().unwrap(), Some(Event::Text(&format!("{i}"))));
            }
            socket.close(CloseCode::NORMAL, "").unwrap();
            // The next one is refused, and there is no third.
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 503 Later\r\n\r\n").unwrap();
        });
        let mut event_loop = Loop::new();
        // Not connected yet: the request waits for that.
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.seen[&0].len(), 1001);
        let clean = Ok(Ended::Clean { code: Some(CloseCode::NORMAL) });
        assert_eq!(event_loop.ended[&0], clean);
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.refused, [503]);
        server.join().unwrap();
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.ended[&2], Err(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_clients_answer_is_checked() {
    let reports = Reports::new();
    let script = Script::new(RESPONSE, End::Eof);
    let mut socket = client(script.clone());
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    let mut turn = socket.turn(&mut memory, second(0));
    match turn.open(accept) {
        Err(Error::Handshake(error)) => assert_eq!(error, HandshakeError::InvalidAccept),
        opened => panic!("{opened:?}"),
    }
    drop(turn);
    assert!(socket.connection().is_none());
    assert_eq!(
        socket.settle(&mut memory, second(0)).unwrap(),
        None,
        "the server has yet to notice"
    );
    assert!(script.state().shut_down);
}

#[test]
fn parts_lose_nothing_in_either_direction() {
    let reports = Reports::new();
    let conversation = conversation(true);
    let bytes = conversation.frames();
    let last = bytes.len() - wire(true, [Frame::close(1001, "bye")]).len();
    for cut in 0..=last {
        let first = Script::new([REQUEST, &bytes[..cut]].concat(), End::Stall);
        let mut socket = server(first.clone());
        let mut memory = Memory::with_read_bytes(64);
        let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
        socket.ready(&reports.both);
        while socket.wants_turn() {
            turn(&mut socket, &mut memory, second(0), &mut outcome).unwrap();
        }
        // Nothing has been written so far.
        let (_, mut rx, connection) = socket.into_parts();
        let mut connection = connection.unwrap();
        connection.send_text("queued").unwrap();
        rx.extend_from_slice(&bytes[cut..]);
        while let Some(event) = connection.next_event(&mut rx).unwrap() {
            echo(&mut connection, event, &mut outcome.events);
        }
        assert_eq!(outcome.events, conversation.events(), "cut at {cut}");
        let mut output = first.output();
        support::drain(&mut connection, usize::MAX, &mut output);
        assert_eq!(&output[..RESPONSE.len()], RESPONSE);
        let mut frames = frame::parse(&output[RESPONSE.len()..]);
        let queued = frames.iter().position(|frame| *frame == Frame::text("queued")).unwrap();
        frames.remove(queued);
        assert_eq!(frames, conversation.answers(), "cut at {cut}");
        assert_eq!(connection.transport(), Transport::ShutdownWrite);
    }
}

#[test]
fn we_may_close_first() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let (stream, mut peer) = tcp();
        event_loop.add(server(stream));
        peer.write_all(REQUEST).unwrap();
        while event_loop.sockets.get_mut(&0).unwrap().connection().is_none() {
            event_loop.step(accept);
        }
        let Loop { sockets, memory, .. } = &mut event_loop;
        let socket = sockets.get_mut(&0).unwrap();
        socket.connection_mut(memory).unwrap().close(CloseCode::GOING_AWAY, "").unwrap();
        assert_eq!(socket.settle(memory, second(0)).unwrap(), None);
        peer.write_all(&wire(true, [Frame::text("on its way"), Frame::close(1001, "")])).unwrap();
        let peer = talk(&peer, vec![]);
        event_loop.run();
        assert_eq!(event_loop.seen[&0], [Seen::text("on its way"), Seen::close(1001, "")]);
        let clean = Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
        assert_eq!(event_loop.ended[&0], clean);
        let answer = peer.join().unwrap();
        assert_eq!(frame::parse(&answer[RESPONSE.len()..]), [Frame::close(1001, "")]);
    });
}
