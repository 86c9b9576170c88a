//! The blocking adapter: over a scripted stream, where every call can go wrong, and over TCP.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "scripted/mod.rs"]
mod scripted;
mod support;

use sansio_ws::blocking::{Error, Parts, Plain, Reader, WebSocket, Writer};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    Acceptance, ClientRequest, HandshakeError, OriginPolicy, Request, Response,
};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Ended, Event, Limits, MessageKind,
    ProtocolError, RecvBuffer, Role, SendError,
};
use scripted::{Call, Conversation, End, Fault, Outcome, REQUEST, RESPONSE, Script};
use scripted::{accept, bounded, conversation, echo};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::frame::{self, Frame, wire};
use support::{Seen, masks};

const fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

// ---- Over a scripted stream ----

fn request() -> ClientRequest {
    ClientRequest::new("ws://x/chat").unwrap()
}

/// Has the conversation, from opening to the one end it has to have.
fn converse(conversation: &Conversation, script: &Script, timeouts: Timeouts) -> Outcome {
    let (stream, config) = (script.clone(), Config::DEFAULT);
    let opened = match conversation.to_server {
        true => WebSocket::accept_with(stream, config, timeouts, accept),
        false => WebSocket::connect(stream, &request(), config, timeouts),
    };
    match opened {
        Ok(socket) => go_on(socket),
        Err(error) => {
            let end = match error {
                Error::Io(error) => Err(Some(error.kind())),
                Error::Unopened => Err(None),
                error => panic!("{error}"),
            };
            Outcome { opened: false, events: vec![], end, answers: 0 }
        }
    }
}

fn go_on(mut socket: WebSocket<Script>) -> Outcome {
    let mut events = vec![];
    let mut retries = 0;
    let end = loop {
        match socket.next() {
            Ok(Some((connection, event))) => echo(connection, event, &mut events),
            Ok(None) => {
                assert!(matches!(socket.next(), Ok(None)), "an end is for ever");
                assert_eq!(socket.connection().send_text("too late"), Err(SendError::Closed));
                break Ok(socket.ended().expect("it has ended"));
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                retries += 1;
                assert!(retries < 10_000, "blocked for ever");
            }
            Err(Error::Io(error)) => break Err(Some(error.kind())),
            Err(error) => panic!("{error}"),
        }
    };
    Outcome { opened: true, events, end, answers: 0 }
}

/// Both roles, each with the outcome of the whole conversation, the number of calls it took, and
/// the bytes it made of it.
fn conversations() -> [(Conversation, Outcome, usize, Script); 2] {
    [true, false].map(|to_server| {
        let conversation = conversation(to_server);
        let script = conversation.script(usize::MAX, End::Eof);
        let outcome = converse(&conversation, &script, Timeouts::DEFAULT);
        assert_eq!(outcome.events, conversation.events());
        assert_eq!(outcome.end, Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) }));
        assert_eq!(unmasked(script.frames()), conversation.answers());
        assert_eq!(script.state().shut_down_first, to_server, "the server ends first");
        assert!(script.state().shut_down);
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

/// One conversation cut off behind `cut` bytes.
fn cut_off(to_server: bool, cut: usize, end: End) {
    // A stall is waited for, so all these run at once.
    let timeouts = match end {
        End::Stall => Timeouts::NONE.opening(ms(300)).keep_alive(ms(200)).pong(ms(100)),
        End::Eof | End::Reset => Timeouts::DEFAULT,
    };
    let timeouts = timeouts.close(ms(300));
    let conversation = conversation(to_server);
    let script = conversation.script(cut, end);
    let mut outcome = converse(&conversation, &script, timeouts);
    let what = format!("{end:?} behind {cut} bytes, to_server: {to_server}");
    let mut answered = match outcome.opened {
        true => unmasked(script.frames()),
        false => vec![],
    };
    if end == End::Stall && outcome.end == Ok(Ended::TimedOut) {
        assert_eq!(answered.pop(), Some(Frame::ping("")), "{what}");
    }
    if !outcome.opened {
        outcome.end = Err(None);
    }
    outcome.answers = answered.len();
    let expected = conversation.outcome(cut, end);
    assert_eq!(outcome, expected, "{what}");
    assert_eq!(answered, conversation.answers()[..outcome.answers], "{what}");
}

#[test]
fn f2_every_offset_has_one_end_and_loses_nothing() {
    for to_server in [true, false] {
        for cut in 0..=conversation(to_server).len() {
            cut_off(to_server, cut, End::Eof);
            cut_off(to_server, cut, End::Reset);
        }
    }
}

#[test]
fn f2_a_stall_at_every_offset_ends_with_a_deadline() {
    let next = AtomicUsize::new(0);
    let lens = [true, false].map(|to_server| conversation(to_server).len() + 1);
    bounded(move || {
        thread::scope(|scope| {
            for _ in 0..128 {
                scope.spawn(|| {
                    loop {
                        let cut = next.fetch_add(1, Ordering::Relaxed);
                        match cut.checked_sub(lens[0]) {
                            None => cut_off(true, cut, End::Stall),
                            Some(cut) if cut < lens[1] => cut_off(false, cut, End::Stall),
                            Some(_) => return,
                        }
                    }
                });
            }
        });
    });
}

#[test]
fn f3_f4_f5_no_call_that_has_to_be_repeated_changes_anything() {
    let again = [
        Fault::Error(ErrorKind::WouldBlock),
        Fault::Error(ErrorKind::TimedOut),
        Fault::Error(ErrorKind::Interrupted),
        Fault::Short,
    ];
    for (conversation, outcome, calls, model) in conversations() {
        let check = |fault, what: String, at: Box<dyn Fn(usize) -> bool + Send>| {
            let script = conversation
                .script(usize::MAX, End::Eof)
                .faults(move |n, _| Some(fault).filter(|_| at(n)));
            assert_eq!(converse(&conversation, &script, Timeouts::DEFAULT), outcome, "{what}");
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
}

#[test]
fn f5_a_stream_that_does_not_block_is_asked_again_by_the_caller() {
    let again =
        [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted].map(Fault::Error);
    for to_server in [true, false] {
        let conversation = conversation(to_server);
        let run = |script: &Script| {
            let role = if to_server { Role::Server } else { Role::Client(masks()) };
            let connection = Connection::new(role, Config::DEFAULT);
            let stream = script.clone();
            let parts = Parts { stream, rx: RecvBuffer::new(), connection };
            let mut socket = WebSocket::from_parts(parts, Timeouts::DEFAULT);
            // A caller that retries a timeout is one that set it.
            let mut events = vec![];
            loop {
                match socket.next() {
                    Ok(Some((connection, event))) => echo(connection, event, &mut events),
                    Ok(None) => return (events, socket.ended()),
                    Err(Error::Io(error)) => {
                        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let script = || Script::new(conversation.frames(), End::Eof).without_timeouts();
        let model = script();
        let outcome = run(&model);
        assert_eq!(outcome.0, conversation.events());
        let calls = model.state().calls;
        for fault in again.into_iter().chain([Fault::Short]) {
            for k in 0..calls {
                let script = script().faults(move |n, _| Some(fault).filter(|_| n == k));
                assert_eq!(run(&script), outcome, "{fault:?} at call {k}");
                assert_eq!(script.output(), model.output(), "{fault:?} at call {k}");
            }
        }
    }
}

#[test]
fn f6_streams_that_lie_or_fail_are_errors() {
    for (conversation, whole, calls, model) in conversations() {
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
                let script = conversation.script(usize::MAX, End::Eof).faults(move |n, call| {
                    (n == k).then(|| *seen.lock().unwrap() = Some(call))?;
                    Some(fault)
                });
                let outcome = converse(&conversation, &script, Timeouts::DEFAULT);
                let call = call.lock().unwrap().unwrap();
                assert!(whole.events.starts_with(&outcome.events), "{what}");
                if conversation.to_server {
                    assert!(model.output().starts_with(&script.output()), "{what}");
                }
                let closed = outcome.events.len() == whole.events.len();
                match (fault, call) {
                    (Fault::Zero | Fault::More, Call::Flush) => assert_eq!(outcome, whole),
                    (Fault::Zero, Call::Read) => match outcome.end {
                        Ok(ended) => assert_eq!(ended.is_clean(), closed, "{what}"),
                        end => assert_eq!((end, outcome.opened), (Err(None), false), "{what}"),
                    },
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
                    (Fault::Error(kind), _) if !outcome.opened => {
                        assert_eq!(outcome.end, Err(Some(kind)), "{what}");
                    }
                    (Fault::Error(_), _) => assert_eq!(outcome, whole, "{what}"),
                    (Fault::Short, _) => unreachable!(),
                }
            }
        }
    }
}

#[test]
fn f3_interrupted_for_ever_is_given_up() {
    for (conversation, _, calls, _) in conversations() {
        for k in 0..calls {
            let script = conversation
                .script(usize::MAX, End::Eof)
                .faults(move |n, _| (n >= k).then_some(Fault::Error(ErrorKind::Interrupted)));
            let outcome = converse(&conversation, &script, Timeouts::DEFAULT);
            assert_eq!(outcome.end, Err(Some(ErrorKind::Interrupted)), "from call {k} on");
            assert!(script.state().calls <= k + 101, "retries are bounded");
        }
    }
}

#[test]
fn f7_what_the_peer_said_is_handed_out_though_it_reads_no_more() {
    for (conversation, whole, _, model) in conversations() {
        let head = scripted::head_len(&model.output());
        for until in head..model.output().len() {
            for end in [End::Eof, End::Reset] {
                let script = conversation.script(usize::MAX, end).writes_until(until);
                let outcome = converse(&conversation, &script, Timeouts::DEFAULT);
                assert_eq!(outcome, whole, "writing fails behind {until} bytes");
            }
        }
    }
}

#[test]
fn f7_the_end_that_reading_finds_is_reported() {
    let text = wire(true, [Frame::text("last words")]);
    for (end, expected) in [
        (End::Eof, Ok(Ended::Eof { mid_frame: false, mid_message: false, close_sent: false })),
        (End::Reset, Err(Some(ErrorKind::ConnectionReset))),
    ] {
        let script = Script::new([REQUEST, &text].concat(), end).writes_until(RESPONSE.len());
        let socket =
            WebSocket::accept_with(script.clone(), Config::DEFAULT, Timeouts::DEFAULT, accept);
        let mut socket = socket.unwrap();
        let kind = match socket.send_text("into the void") {
            Err(Error::Io(error)) => error.kind(),
            sent => panic!("{sent:?}"),
        };
        assert_eq!(kind, ErrorKind::BrokenPipe, "who sends is told at once");
        let outcome = go_on(socket);
        assert_eq!((outcome.events, outcome.end), (vec![Seen::text("last words")], expected));
    }
}

#[test]
fn close_finds_the_close_of_a_peer_that_is_gone() {
    let input = [REQUEST, &wire(true, [Frame::text("a"), Frame::close(4000, "")])].concat();
    let script = Script::new(input, End::Reset).writes_until(RESPONSE.len());
    let mut socket =
        WebSocket::accept_with(script, Config::DEFAULT, Timeouts::DEFAULT, accept).unwrap();
    let ended = socket.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(ended.code(), 4000);
}

#[test]
fn f29_a_violation_is_told_to_peer_and_caller_and_ends_everything() {
    let bad = [
        (Frame::text(b"\xFF"), ProtocolError::InvalidUtf8, 1007),
        (Frame::close(1000, b"\xFF"), ProtocolError::InvalidUtf8, 1007),
        (Frame::close(1005, ""), ProtocolError::InvalidCloseCode(1005), 1002),
        (Frame::continuation(""), ProtocolError::UnexpectedContinuation, 1002),
    ];
    for (frame, violation, code) in bad {
        for (end, gone) in [(End::Eof, false), (End::Reset, false), (End::Eof, true)] {
            let frames = [Frame::text("before"), frame.clone(), Frame::text("after")];
            let script = Script::new([REQUEST, &wire(true, frames)].concat(), end);
            let script = if gone { script.writes_until(RESPONSE.len()) } else { script };
            let (config, timeouts) = (Config::DEFAULT, Timeouts::DEFAULT);
            let mut socket =
                WebSocket::accept_with(script.clone(), config, timeouts, accept).unwrap();
            assert_eq!(socket.read().unwrap(), Some(Event::Text("before")));
            match socket.read() {
                Err(Error::Protocol(error)) => assert_eq!(error, violation),
                read => panic!("{:?}", read),
            }
            let close = Frame::close(code, violation.description());
            let told = if gone { vec![] } else { vec![close] };
            assert_eq!(script.frames(), told, "told before the caller could drop the stream");
            assert_eq!(socket.read().unwrap(), None, "nothing is parsed after it");
            assert_eq!(socket.ended(), Some(Ended::Protocol(violation)));
            assert_eq!(script.state().shut_down, !gone);
        }
    }
}

#[test]
fn a_stream_that_is_only_read_and_write_will_do() {
    struct Pipe(std::io::Cursor<Vec<u8>>, Vec<u8>);
    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => panic!("a server would wait here for a client that waits for it"),
                n => Ok(n),
            }
        }
    }
    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let pipe = |input: &[u8]| Plain(Pipe(std::io::Cursor::new(input.into()), vec![]));
    let frames = wire(true, [Frame::text("hello"), Frame::close_empty()]);
    let stream = pipe(&[REQUEST, &frames].concat());
    let mut socket =
        WebSocket::accept_with(stream, Config::DEFAULT, Timeouts::DEFAULT, accept).unwrap();
    let mut events = vec![];
    while let Some((connection, event)) = socket.next().unwrap() {
        echo(connection, event, &mut events);
    }
    assert_eq!(events, [Seen::text("hello"), Seen::Close(None, String::new())]);
    assert_eq!(socket.ended(), Some(Ended::Clean { code: None }));
    let Plain(Pipe(_, output)) = socket.into_parts().stream;
    let answers = wire(false, [Frame::text("hello"), Frame::close_empty()]);
    assert_eq!(output, [RESPONSE, &answers].concat());

    let page = |request: &Request<'_>| -> Result<Connection, Response> {
        assert_eq!(request.path(), "/");
        Err(Response::html("<p>hello</p>"))
    };
    let stream = pipe(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let opened = WebSocket::accept_with(stream, Config::DEFAULT, Timeouts::DEFAULT, page);
    assert!(matches!(opened, Err(Error::Responded(200))));
}

#[test]
fn parts_lose_nothing_in_either_direction() {
    let conversation = conversation(true);
    let bytes = conversation.frames();
    // A Close ends it for good, and would be answered before a further call.
    let last = bytes.len() - wire(true, [Frame::close(1001, "bye")]).len();
    for cut in 0..=last {
        let connection = Connection::new(Role::Server, Config::DEFAULT);
        let first = Script::new(&bytes[..cut], End::Stall).without_timeouts();
        let parts = Parts { stream: first.clone(), rx: RecvBuffer::new(), connection };
        let mut socket = WebSocket::from_parts(parts, Timeouts::NONE);
        let mut events = vec![];
        let mut blocked = false;
        while !blocked {
            match socket.next() {
                Ok(Some((connection, event))) => echo(connection, event, &mut events),
                Err(Error::Io(error)) => blocked = error.kind() == ErrorKind::WouldBlock,
                next => panic!("{:?}", next.map(drop)),
            }
        }
        socket.connection().send_text("queued").unwrap();
        let Parts { rx, connection, .. } = socket.into_parts();
        let second = Script::new(&bytes[cut..], End::Eof);
        let parts = Parts { stream: second.clone(), rx, connection };
        let outcome = go_on(WebSocket::from_parts(parts, Timeouts::NONE));
        events.extend(outcome.events);
        assert_eq!(events, conversation.events(), "cut at {cut}");
        let mut frames = frame::parse(&[first.output(), second.output()].concat());
        let queued = frames.iter().position(|frame| *frame == Frame::text("queued")).unwrap();
        frames.remove(queued);
        assert_eq!(frames, conversation.answers(), "cut at {cut}");
    }
}

#[test]
fn a_full_queue_is_written_and_not_an_error() {
    let limits = Limits { max_queued_bytes: 100, max_queued_frames: 1, ..Limits::DEFAULT };
    let connection = Connection::new(Role::Server, Config::DEFAULT.limits(limits));
    let script = Script::new([], End::Stall);
    let parts = Parts { stream: script.clone(), rx: RecvBuffer::new(), connection };
    let mut socket = WebSocket::from_parts(parts, Timeouts::NONE);
    socket.connection().send_text("queued").unwrap();
    socket.send_binary(&[7; 1000]).unwrap();
    socket.connection().send_text("queued").unwrap();
    socket.send_fragment(MessageKind::Text, b"a", false).unwrap();
    socket.send_ping(ControlPayload::EMPTY).unwrap();
    socket.send_fragment(MessageKind::Text, b"b", true).unwrap();
    socket.send_bytes(MessageKind::Binary, &vec![8; 5000].into()).unwrap();
    let expected = [
        Frame::text("queued"),
        Frame::binary([7; 1000]),
        Frame::text("queued"),
        Frame::text("a").more(),
        Frame::ping(""),
        Frame::continuation("b"),
        Frame::binary([8; 5000]),
    ];
    assert_eq!(script.frames(), expected);
}

// ---- Opening, over TCP ----

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    (server, client)
}

/// An open connection over TCP: a server's end, and a client's.
fn open_with(config: Config, timeouts: Timeouts) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (server, client) = tcp();
    let server = thread::spawn(move || {
        WebSocket::accept(server, OriginPolicy::SameHost, config, timeouts).unwrap()
    });
    let client = WebSocket::connect(client, &request(), config, timeouts).unwrap();
    (server.join().unwrap(), client)
}

fn open() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    open_with(Config::DEFAULT, Timeouts::DEFAULT)
}

/// What a client that sends `request`, and reads until the end, gets to read, and what the server
/// reports.
fn exchange(
    request: &[u8],
    decide: fn(&Request<'_>) -> Result<Connection, Response>,
) -> (String, Error) {
    let (server, mut client) = tcp();
    client.write_all(request).unwrap();
    let server = thread::spawn(move || {
        WebSocket::accept_with(server, Config::DEFAULT, Timeouts::DEFAULT, decide).unwrap_err()
    });
    client.set_read_timeout(ms(10_000)).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the answer arrives, and no reset");
    drop(client);
    (answer, server.join().unwrap())
}

#[test]
fn requests_that_are_no_handshake_are_answered() {
    bounded(|| {
        let status = |answer: &str| answer[9..12].parse::<u16>().unwrap();
        let get = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
        let (answer, error) = exchange(get, |request| {
            Err(match request.path() {
                "/page" => Response::html("<p>hello</p>"),
                _ => Response::not_found(),
            })
        });
        assert!(matches!(error, Error::Responded(200)));
        assert_eq!(status(&answer), 200);
        assert!(answer.ends_with("\r\n\r\n<p>hello</p>"));

        let (answer, error) = exchange(get, |_| Err(Response::not_found()));
        assert!(matches!(error, Error::Responded(404)));
        assert_eq!(status(&answer), 404);

        let (answer, error) = exchange(get, accept);
        assert!(matches!(error, Error::Responded(426)));
        assert_eq!(status(&answer), 426);

        let old = String::from_utf8_lossy(REQUEST).replace("Version: 13", "Version: 8");
        let (answer, _) = exchange(old.as_bytes(), accept);
        assert_eq!(status(&answer), 426);
        assert!(answer.contains("Sec-WebSocket-Version: 13\r\n"));

        let (answer, error) = exchange(b"\x16\x03\x01 a TLS hello \n", accept);
        assert!(matches!(error, Error::Handshake(HandshakeError::BareControlByte)));
        assert_eq!(status(&answer), 400);

        let long = [b"GET / HTTP/1.1\r\nA: ", &[b'a'; 100_000][..]].concat();
        let (answer, error) = exchange(&long, accept);
        assert!(matches!(error, Error::Handshake(HandshakeError::HeadTooLong)));
        assert_eq!(status(&answer), 431);

        // Much behind a request that is refused does not destroy the answer.
        let (answer, _) = exchange(&[&get[..], &[0; 200_000]].concat(), accept);
        assert_eq!(status(&answer), 426);
    });
}

#[test]
fn bytes_behind_the_handshake_are_kept() {
    bounded(|| {
        let (server, mut client) = tcp();
        let frames = wire(true, [Frame::text("early"), Frame::text("bird")]);
        client.write_all(&[REQUEST, &frames].concat()).unwrap();
        let mut server =
            WebSocket::accept(server, OriginPolicy::SameHost, Config::DEFAULT, Timeouts::DEFAULT)
                .unwrap();
        assert_eq!(server.read().unwrap(), Some(Event::Text("early")));
        assert_eq!(server.read().unwrap(), Some(Event::Text("bird")));

        let script = Script::server(wire(false, [Frame::text("early")]), End::Eof);
        let client =
            WebSocket::connect(script, &request(), Config::DEFAULT, Timeouts::DEFAULT).unwrap();
        assert_eq!(go_on(client).events, [Seen::text("early")]);
    });
}

#[test]
fn a_client_is_told_how_it_was_refused() {
    bounded(|| {
        let answer =
            b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 403 Go away\r\nX-Why: \xFF\r\n\r\nno";
        let script = Script::new(&answer[..], End::Eof);
        match WebSocket::connect(script, &request(), Config::DEFAULT, Timeouts::DEFAULT) {
            Err(Error::Refused(refused)) => {
                assert_eq!((refused.status, &refused.reason[..]), (403, "Go away"));
                assert_eq!(refused.headers, [("X-Why".into(), b"\xFF".to_vec())]);
                assert_eq!(refused.body, b"no");
            }
            connected => panic!("{:?}", connected.map(drop)),
        }
        let script = Script::new(RESPONSE, End::Eof);
        match WebSocket::connect(script, &request(), Config::DEFAULT, Timeouts::DEFAULT) {
            Err(Error::Handshake(error)) => assert_eq!(error, HandshakeError::InvalidAccept),
            connected => panic!("{:?}", connected.map(drop)),
        }
    });
}

#[test]
fn a_subprotocol_is_agreed_on() {
    bounded(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            WebSocket::accept_with(stream, Config::DEFAULT, Timeouts::DEFAULT, |request| {
                let upgrade = request.upgrade(OriginPolicy::SameHost)?;
                let subprotocol = upgrade.choose(&["two"]);
                let reply = Acceptance { subprotocol, headers: &[("X-A", "b")] };
                Ok(upgrade.accept(&reply, Config::DEFAULT)?)
            })
            .unwrap()
        });
        let request = ClientRequest::new(&url).unwrap();
        let request = request.subprotocol("one").unwrap().subprotocol("two").unwrap();
        let client = WebSocket::open(&request, Config::DEFAULT, Timeouts::DEFAULT).unwrap();
        assert_eq!(client.subprotocol(), Some("two"));
        server.join().unwrap();
    });
}

#[test]
fn what_can_not_be_connected_is_an_error() {
    bounded(|| {
        let open = |url: &str| {
            let request = ClientRequest::new(url).unwrap();
            WebSocket::open(&request, Config::DEFAULT, Timeouts::DEFAULT).unwrap_err()
        };
        assert!(matches!(open("wss://127.0.0.1:1/"), Error::Secure));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        drop(listener);
        match open(&url) {
            Error::Io(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
            error => panic!("{error}"),
        }
    });
}

// ---- Deadlines, over TCP ----

/// Runs something that has to take about so long.
fn takes<T>(least: u64, action: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = action();
    let taken = start.elapsed();
    assert!(taken >= Duration::from_millis(least), "after {taken:?}, too early");
    // Machines that run tests are busy.
    assert!(taken < Duration::from_millis(least + 3000), "after {taken:?}, too late");
    result
}

#[test]
fn f9_opening_is_bounded_in_all() {
    bounded(|| {
        let timeouts = Timeouts::DEFAULT.opening(ms(150));
        // One byte at a time, for ever: each read succeeds.
        let (server, mut client) = tcp();
        let slow = thread::spawn(move || {
            for byte in REQUEST.iter().cycle() {
                if client.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        let opened = takes(150, || {
            WebSocket::accept(server, OriginPolicy::SameHost, Config::DEFAULT, timeouts)
        });
        assert!(matches!(opened, Err(Error::Unopened)));
        slow.join().unwrap();

        // A server that says nothing; and a client that does not go after a page.
        let (server, client) = tcp();
        let opened =
            takes(150, || WebSocket::connect(client, &request(), Config::DEFAULT, timeouts));
        assert!(matches!(opened, Err(Error::Unopened)));
        drop(server);
        let (server, mut client) = tcp();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let opened = takes(150, || {
            WebSocket::accept(server, OriginPolicy::SameHost, Config::DEFAULT, timeouts)
        });
        assert!(matches!(opened, Err(Error::Responded(426))));
    });
}

#[test]
fn f1_a_silent_peer_is_pinged_and_given_up() {
    bounded(|| {
        let timeouts = Timeouts::NONE.keep_alive(ms(100)).pong(ms(100));
        let (mut server, mut client) = open_with(Config::DEFAULT, timeouts);
        takes(200, || assert_eq!(server.read().unwrap(), None));
        assert_eq!(server.ended(), Some(Ended::TimedOut));
        assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
        assert_eq!(client.read().unwrap(), Some(Event::Ping(b"")));
    });
}

#[test]
fn pings_that_are_answered_keep_it_open() {
    bounded(|| {
        let timeouts = Timeouts::NONE.keep_alive(ms(50)).pong(ms(5000));
        let (mut server, mut client) = open_with(Config::DEFAULT, timeouts);
        let client = thread::spawn(move || {
            let mut pings = 0;
            while let Some(event) = client.read().unwrap() {
                pings += usize::from(event == Event::Ping(b""));
            }
            pings
        });
        for _ in 0..4 {
            assert!(matches!(server.read().unwrap(), Some(Event::Pong(b"") | Event::Ping(b""))));
        }
        server.close(CloseCode::NORMAL, "").unwrap();
        assert!(client.join().unwrap() >= 1);
    });
}

#[test]
fn a_ping_without_a_deadline_for_its_answer_is_just_sent() {
    bounded(|| {
        let timeouts = Timeouts::NONE.keep_alive(ms(30));
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::text("late")])).unwrap();
            stream
        });
        assert_eq!(server.read().unwrap(), Some(Event::Text("late")), "no timeout before");
        drop(late.join().unwrap());
    });
}

#[test]
fn an_idle_connection_is_closed_though_its_peer_is_alive() {
    bounded(|| {
        let timeouts = Timeouts::DEFAULT.idle(ms(200)).keep_alive(ms(50));
        let (mut server, mut client) = open_with(Config::DEFAULT, timeouts);
        let client = thread::spawn(move || {
            while client.read().unwrap().is_some() {}
            client.ended()
        });
        takes(200, || while server.read().unwrap().is_some() {});
        let clean = Some(Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
        assert_eq!((server.ended(), client.join().unwrap()), (clean, clean));

        // Pings that the caller sends are no messages either.
        let timeouts = Timeouts::NONE.idle(ms(200)).close(ms(100));
        let script = Script::new([], End::Stall);
        let connection = Connection::new(Role::Server, Config::DEFAULT);
        let parts = Parts { stream: script.clone(), rx: RecvBuffer::new(), connection };
        let mut socket = WebSocket::from_parts(parts, timeouts);
        takes(200, || {
            while socket.send_ping(ControlPayload::EMPTY).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        assert_eq!(script.frames().pop(), Some(Frame::close(1001, "idle for too long")));
        let (server, client) = open_with(Config::DEFAULT, timeouts);
        let (reader, writer) = server.split().unwrap();
        let pings = thread::spawn(move || {
            while writer.send_ping(ControlPayload::EMPTY).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let (_, ended) = takes(300, || read_all(reader));
        assert_eq!(ended, Some(Ended::TimedOut));
        pings.join().unwrap();
        drop(client);
    });
}

#[test]
fn f24_closing_is_bounded() {
    bounded(|| {
        let timeouts = Timeouts::NONE.close(ms(150));
        // A peer that does not answer; one that goes on talking; and one that does not read what is
        // before the Close.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(client);

        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let mut stream = client.into_parts().stream;
        let text = wire(true, [Frame::text("and another thing")]).repeat(100);
        let talk = thread::spawn(move || while stream.write_all(&text).is_ok() {});
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(server);
        talk.join().unwrap();

        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
        let ended = takes(150, || server.close(CloseCode::NORMAL, "").unwrap());
        assert_eq!(ended, Ended::TimedOut);
        drop(client);

        // What is left to write when the peer has ended its direction, and reads nothing.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        client.stream().shutdown(Shutdown::Write).unwrap();
        server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
        let (events, ended) = takes(150, || read_all(server.split().unwrap().0));
        let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!((events, ended), (vec![], Some(eof)));
        drop(client);

        // After the peer's Close, though the peer does not end the transport.
        let (mut server, client) = open_with(Config::DEFAULT, timeouts);
        let mut stream = client.into_parts().stream;
        stream.write_all(&wire(true, [Frame::close(4000, "")])).unwrap();
        takes(150, || while server.read().unwrap().is_some() {});
        assert_eq!(server.ended().map(Ended::code), Some(4000));
    });
}

// ---- Closing, over TCP ----

#[test]
fn both_roles_close() {
    bounded(|| {
        for server_first in [true, false] {
            let (server, client) = open();
            let (mut one, mut other) =
                if server_first { (server, client) } else { (client, server) };
            for i in 0..10 {
                other.send_text(&format!("on its way {i}")).unwrap();
            }
            let other = thread::spawn(move || {
                let event = other.read().unwrap();
                assert_eq!(event.and_then(Seen::of), Some(Seen::close(1000, "done")));
                assert_eq!(other.read().unwrap(), None);
                other.ended()
            });
            let ended = one.close(CloseCode::NORMAL, "done").unwrap();
            assert_eq!(ended, Ended::Clean { code: Some(CloseCode::NORMAL) });
            assert_eq!(other.join().unwrap(), Some(ended));
            assert_eq!(one.close(CloseCode::NORMAL, "again").unwrap(), ended);
        }
    });
}

#[test]
fn messages_on_their_way_arrive_after_start_close() {
    bounded(|| {
        let (mut server, mut client) = open();
        client.send_text("on its way").unwrap();
        server.start_close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(server.read().unwrap(), Some(Event::Text("on its way")));
        assert!(matches!(server.send_text("no"), Err(Error::Send(SendError::Closed))));
        let client =
            thread::spawn(move || client.close(CloseCode::GOING_AWAY, "both at once").unwrap());
        assert!(matches!(server.read().unwrap(), Some(Event::Close(_))));
        assert_eq!(server.read().unwrap(), None);
        assert_eq!(server.ended().map(Ended::code), Some(1001));
        assert_eq!(client.join().unwrap().code(), 1000);
    });
}

#[test]
fn f26_a_half_closed_peer_gets_the_reply() {
    bounded(|| {
        let frames = wire(true, [Frame::text("last"), Frame::close(1000, "")]);
        for (frames, reply) in [
            (&frames[..], vec![Frame::text("last"), Frame::close(1000, "")]),
            (&wire(true, [Frame::text("last")])[..], vec![Frame::text("last")]),
        ] {
            let (server, mut client) = tcp();
            client.write_all(&[REQUEST, frames].concat()).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            let server = thread::spawn(move || {
                let mut server =
                    WebSocket::accept_with(server, Config::DEFAULT, Timeouts::DEFAULT, accept)
                        .unwrap();
                let mut events = vec![];
                while let Some((connection, event)) = server.next().unwrap() {
                    echo(connection, event, &mut events);
                }
                server.ended()
            });
            let mut answer = vec![];
            client.read_to_end(&mut answer).expect("an end, not a reset");
            assert_eq!(frame::parse(&answer[RESPONSE.len()..]), reply);
            let ended = server.join().unwrap().unwrap();
            assert_eq!(ended.is_clean(), reply.len() == 2);
        }
    });
}

#[test]
fn a_peer_that_closes_and_is_gone_ended_clean() {
    bounded(|| {
        for _ in 0..20 {
            let (mut server, client) = open();
            // Unread input makes the stack of the client answer with a reset.
            server.send_text("never read").unwrap();
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
            drop(stream);
            thread::sleep(Duration::from_millis(5));
            while server.read().unwrap().is_some() {}
            assert_eq!(server.ended(), Some(Ended::Clean { code: Some(CloseCode::NORMAL) }));
        }
    });
}

#[test]
fn f7_messages_in_front_of_a_reset_arrive_over_tcp() {
    bounded(|| {
        for close in [true, false] {
            let (mut server, client) = open();
            server.send_text("never read").unwrap();
            let mut stream = client.into_parts().stream;
            let mut frames: Vec<_> = (0..500).map(|i| Frame::text(format!("{i}"))).collect();
            frames.extend(close.then(|| Frame::close(1000, "")));
            stream.write_all(&wire(true, frames)).unwrap();
            drop(stream);
            thread::sleep(Duration::from_millis(20));
            let mut events = vec![];
            let end = loop {
                match server.next() {
                    Ok(Some((connection, event))) => {
                        connection.send_binary(&[0; 100]).unwrap_or_default();
                        events.extend(Seen::of(event));
                    }
                    Ok(None) => break server.ended(),
                    Err(Error::Io(_)) => break None,
                    Err(error) => panic!("{error}"),
                }
            };
            assert_eq!(events.len(), 500 + usize::from(close));
            assert_eq!(end.is_some_and(Ended::is_clean), close);
        }
    });
}

#[test]
fn f27_dropping_does_not_block() {
    bounded(|| {
        let (mut server, mut client) = open();
        server.connection().send_text("queued").unwrap();
        takes(0, || drop(server));
        assert_eq!(client.read().unwrap(), None);
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(client.ended(), Some(ended));
    });
}

// ---- Two threads ----

/// Reads everything, and what came of it.
fn read_all(mut reader: Reader<TcpStream>) -> (Vec<Seen>, Option<Ended>) {
    let mut events = vec![];
    while let Some(event) = reader.read().unwrap() {
        events.extend(Seen::of(event));
    }
    (events, reader.ended())
}

#[test]
fn thousands_of_messages_both_ways_by_several_threads() {
    const EACH: usize = 3000;
    bounded(|| {
        let (server, client) = open();
        let sides = [server, client].map(|socket| {
            let (reader, writer) = socket.split().unwrap();
            let reader = thread::spawn(move || read_all(reader));
            let writers = [0, 1].map(|w| {
                let writer: Writer<_> = writer.clone();
                thread::spawn(move || {
                    for i in 0..EACH {
                        let text = format!("{w} {i} {}", "x".repeat(i % 700));
                        writer.send_text(&text).unwrap();
                        if i % 100 == 0 {
                            writer.send_ping(ControlPayload::new(b"?").unwrap()).unwrap();
                        }
                    }
                })
            });
            (reader, writers, writer)
        });
        let mut closers = vec![];
        let mut readers = vec![];
        for (reader, writers, writer) in sides {
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            closers.push(writer);
            readers.push(reader);
        }
        closers[1].close(CloseCode::NORMAL, "done").unwrap();
        for (side, reader) in readers.into_iter().enumerate() {
            let (events, ended) = reader.join().unwrap();
            assert_eq!(ended.map(Ended::code), Some(1000));
            let mut next = [0; 2];
            let (mut pings, mut pongs) = (0, 0);
            for event in events {
                match event {
                    Seen::Text(text) => {
                        let mut parts = text.split(' ');
                        let mut number = || parts.next().unwrap().parse::<usize>().unwrap();
                        let (writer, i) = (number(), number());
                        assert_eq!(i, next[writer], "in order");
                        assert_eq!(parts.next().unwrap().len(), i % 700);
                        next[writer] += 1;
                    }
                    Seen::Ping(_) => pings += 1,
                    Seen::Pong(_) => pongs += 1,
                    Seen::Close(..) => {}
                    event => panic!("{event:?}"),
                }
            }
            assert_eq!((next, pings), ([EACH; 2], 2 * EACH / 100), "side {side}");
            assert!(pongs > 0, "pings are answered while writers are busy");
        }
        for writer in closers {
            assert!(matches!(writer.send_text("no"), Err(Error::Send(SendError::Closed))));
            assert!(matches!(writer.close(CloseCode::NORMAL, ""), Err(Error::Send(_))));
        }
    });
}

#[test]
fn several_writers_of_messages_larger_than_the_queue() {
    bounded(|| {
        let limits = Limits { max_queued_bytes: 10_000, ..Limits::DEFAULT };
        let (server, mut client) = open_with(Config::DEFAULT.limits(limits), Timeouts::DEFAULT);
        let (reader, writer) = server.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let writer = writer.clone();
                thread::spawn(move || {
                    for _ in 0..200 {
                        writer.send_binary(&[1; 9000]).unwrap();
                        writer.send_bytes(MessageKind::Binary, &vec![2; 9000].into()).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..8 * 400 {
            assert!(matches!(client.read().unwrap(), Some(Event::Binary([1 | 2, ..]))));
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        client.close(CloseCode::NORMAL, "").unwrap();
        reader.join().unwrap();
    });
}

/// An echo in one thread reads nothing while it can't write. So the other side must read while it
/// can't write, whichever of its threads tries to.
#[test]
fn a_peer_that_does_not_read_does_not_hold_up_the_reader() {
    const EACH: usize = 400;
    bounded(|| {
        let (mut server, client) = open();
        let echo = thread::spawn(move || {
            let mut events = vec![];
            while let Some((connection, event)) = server.next().unwrap() {
                echo(connection, event, &mut vec![]);
                events.extend(Seen::of(event).filter(|seen| matches!(seen, Seen::Close(..))));
                // Also pings, so that the client's reader has something to write itself.
                if connection.is_open() {
                    connection.send_ping(ControlPayload::EMPTY).unwrap();
                }
            }
            events
        });
        let (reader, writer) = client.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let writers = [0, 1].map(|_| {
            let writer = writer.clone();
            thread::spawn(move || {
                for _ in 0..EACH {
                    writer.send_binary(&[7; 100_000]).unwrap();
                }
            })
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        writer.close(CloseCode::NORMAL, "").unwrap();
        let (events, ended) = reader.join().unwrap();
        let messages = events.iter().filter(|seen| matches!(seen, Seen::Binary(_))).count();
        assert_eq!(messages, 2 * EACH);
        assert_eq!(ended.map(Ended::code), Some(1000));
        assert_eq!(echo.join().unwrap().len(), 1);
    });
}

/// The reader's own pongs can't be written, and no writer is there to wait in its place.
#[test]
fn a_reader_that_can_not_write_reads_on() {
    bounded(|| {
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let reader = thread::spawn(move || read_all(reader));
        let mut stream = client.into_parts().stream;
        // The answers are more than the sockets hold.
        let pings = wire(true, [Frame::ping([7; 125])]).repeat(100);
        for _ in 0..2000 {
            stream.write_all(&pings).unwrap();
        }
        stream.write_all(&wire(true, [Frame::ping("last")])).unwrap();
        // When the peer reads again, the rest comes without anything that wakes the reader.
        thread::sleep(Duration::from_millis(300));
        let last = Frame::pong("last").bytes();
        let mut answer = vec![];
        let mut part = vec![0; 100_000];
        takes(0, || {
            while !answer.ends_with(&last) {
                let n = stream.read(&mut part).unwrap();
                answer.extend_from_slice(&part[..n]);
            }
        });
        stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
        stream.read_to_end(&mut vec![]).unwrap();
        drop(stream);
        let (events, ended) = reader.join().unwrap();
        assert_eq!(events.len(), 200_002);
        assert_eq!(ended.map(Ended::code), Some(1000));
        drop(writer);
    });
}

#[test]
fn the_reader_answers_pings_and_writes_on_while_the_peer_does_not_read() {
    bounded(|| {
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let mut stream = client.into_parts().stream;
        let reader = thread::spawn(move || read_all(reader));
        // More than the sockets hold.
        let writer = thread::spawn(move || {
            writer.send_binary(&vec![7; 30 << 20]).unwrap();
            writer
        });
        stream.peek(&mut [0]).unwrap();
        let pings = (0..100).map(|i| Frame::ping(format!("{i}")));
        stream.write_all(&wire(true, pings)).unwrap();
        stream.write_all(&wire(true, [Frame::close(1000, "")])).unwrap();
        thread::sleep(Duration::from_millis(50));
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        let frames = frame::parse(&answer);
        assert_eq!(frames[0].payload.len(), 30 << 20);
        assert!(frames.len() < 20, "few pongs wait, and the newest pings win");
        assert_eq!(frames.last(), Some(&Frame::close(1000, "")));
        drop(stream);
        let (events, ended) = reader.join().unwrap();
        assert_eq!(events.len(), 101);
        assert_eq!(ended.map(Ended::code), Some(1000));
        writer.join().unwrap();
    });
}

#[test]
fn deadlines_hold_for_both_halves() {
    bounded(|| {
        // A writer that is stuck, with a reader that hears nothing: both wake at the same time.
        let timeouts = Timeouts::NONE.keep_alive(ms(100)).pong(ms(100)).close(ms(100));
        for _ in 0..5 {
            let (server, client) = open_with(Config::DEFAULT, timeouts);
            let (reader, writer) = server.split().unwrap();
            let stuck = thread::spawn(move || {
                writer.send_binary(&vec![7; 30 << 20]).unwrap_or_default();
                writer.send_text("late")
            });
            let (events, ended) = takes(200, || read_all(reader));
            assert_eq!((events, ended), (vec![], Some(Ended::TimedOut)));
            let late = stuck.join().unwrap();
            assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
            drop(client);
        }

        // The reader waits already when the writer starts to close.
        let (server, client) = open_with(Config::DEFAULT, Timeouts::NONE.close(ms(150)));
        let (reader, writer) = server.split().unwrap();
        let reader = thread::spawn(move || read_all(reader).1);
        thread::sleep(Duration::from_millis(200));
        writer.close(CloseCode::NORMAL, "").unwrap();
        let ended = takes(140, || reader.join().unwrap());
        assert_eq!(ended, Some(Ended::TimedOut));
        drop(client);
    });
}

#[test]
fn f7_f26_halves_hand_out_everything_and_finish_their_sentence() {
    bounded(|| {
        // The peer reads no more, and has said much before.
        let (server, client) = open();
        let (mut reader, writer) = server.split().unwrap();
        writer.send_text("never read").unwrap();
        let mut stream = client.into_parts().stream;
        let said = (0..500).map(|i| Frame::text(format!("{i}"))).chain([Frame::close(1000, "")]);
        stream.write_all(&wire(true, said)).unwrap();
        drop(stream);
        thread::sleep(Duration::from_millis(20));
        while writer.send_text("void").is_ok() {}
        let mut events = 0;
        while reader.read().unwrap().is_some() {
            events += 1;
        }
        assert_eq!((events, reader.ended().map(Ended::code)), (501, Some(1000)));

        // The peer says no more, but reads: a message that a writer has begun arrives whole.
        let (server, client) = open();
        let (reader, writer) = server.split().unwrap();
        let mut stream = client.into_parts().stream;
        let writer = thread::spawn(move || writer.send_binary(&vec![7; 10 << 20]).unwrap());
        stream.peek(&mut [0]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let reader = thread::spawn(move || read_all(reader).1);
        thread::sleep(Duration::from_millis(50));
        let mut answer = vec![0; (10 << 20) + 10];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(frame::parse(&answer), [Frame::binary(vec![7; 10 << 20])]);
        writer.join().unwrap();
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(reader.join().unwrap(), Some(ended));
    });
}

#[test]
fn a_violation_is_told_by_the_reader() {
    bounded(|| {
        for bad in [Frame::text(b"\xFF"), Frame::close(1000, b"\xFF")] {
            let (server, client) = open();
            let (mut reader, writer) = server.split().unwrap();
            let mut stream = client.into_parts().stream;
            stream.write_all(&wire(true, [Frame::text("good"), bad])).unwrap();
            assert_eq!(reader.read().unwrap(), Some(Event::Text("good")));
            assert!(matches!(reader.read(), Err(Error::Protocol(ProtocolError::InvalidUtf8))));
            drop((reader, writer));
            let mut answer = vec![];
            stream.read_to_end(&mut answer).unwrap();
            assert_eq!(frame::parse(&answer), [Frame::close(1007, "invalid UTF-8")]);
        }
    });
}
