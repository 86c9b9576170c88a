//! Over a scripted stream, where every call can go wrong.

use super::*;

/// Has the conversation, from its opening to its only right end.
fn converse(conversation: &Conversation, script: &Script) -> Outcome {
    let (stream, config) = (script.clone(), conversation.config.clone());
    let accept = |request: &Request<'_>| accept_with(request, conversation.config.clone());
    let opened = match conversation.to_server {
        true => WebSocket::accept_with(stream, &config.limits, FAR, accept),
        false => WebSocket::connect(stream, &request(), config, FAR),
    };
    match opened {
        Ok(socket) => go_on(socket),
        Err(error) => {
            let end = match error {
                Error::Io(error) => Err(Some(error.kind())),
                Error::Unopened(Unopened::CutOff) => Err(Some(ErrorKind::UnexpectedEof)),
                Error::Unopened(Unopened::Ended | Unopened::TruncatedHead) => Err(None),
                error => panic!("{error}"),
            };
            Outcome { opened: false, events: vec![], end, answers: 0 }
        }
    }
}

/// All of them, each with the outcome of the whole conversation, the number of calls it took, and
/// the bytes it made of it.
fn conversations() -> Vec<(Conversation, Outcome, usize, Script)> {
    let judged = scripted::conversations().into_iter().map(|conversation| {
        let to_server = conversation.to_server;
        let script = conversation.script(usize::MAX, End::Eof);
        let outcome = converse(&conversation, &script);
        assert_eq!(outcome.events, conversation.events());
        assert_eq!(outcome.end, Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) }));
        assert_eq!(unmasked(script.frames()), conversation.answers());
        assert_eq!(script.state().shut_down_first, to_server, "the server ends first");
        assert!(script.state().shut_down);
        let calls = script.state().calls;
        (conversation, outcome, calls, script)
    });
    judged.collect()
}

#[test]
fn f2_every_offset_has_one_end_and_loses_nothing() {
    for conversation in scripted::conversations() {
        for cut in 0..=conversation.len() {
            for end in [End::Eof, End::Reset, End::Cut] {
                let to_server = conversation.to_server;
                let script = conversation.script(cut, end);
                let mut outcome = converse(&conversation, &script);
                let what = format!("{end:?} behind {cut} bytes, to_server: {to_server}");
                let answered = match outcome.opened {
                    true => unmasked(script.frames()),
                    false => vec![],
                };
                if !outcome.opened {
                    outcome.end = Err(None);
                }
                outcome.answers = answered.len();
                let expected = conversation.outcome(cut, end);
                assert_eq!(outcome, expected, "{what}");
                assert_eq!(answered, conversation.answers()[..outcome.answers], "{what}");
            }
        }
    }
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
            assert_eq!(converse(&conversation, &script), outcome, "{what}");
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
            let connection = Connection::new(role, Config::default());
            let stream = script.clone();
            let parts = Parts { stream, rx: RecvBuffer::new(), connection };
            let mut socket = WebSocket::from_parts(parts, FAR);
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
                let call = Arc::new(std::sync::Mutex::new(None));
                let seen = call.clone();
                let script = conversation.script(usize::MAX, End::Eof).faults(move |n, call| {
                    (n == k).then(|| *seen.lock().unwrap() = Some(call))?;
                    Some(fault)
                });
                let outcome = converse(&conversation, &script);
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
                    (Fault::Error(kind), _) if !outcome.opened => {
                        assert_eq!(outcome.end, Err(Some(kind)), "{what}");
                    }
                    (Fault::Error(_), Call::Read) if !closed => {
                        assert!(matches!(outcome.end, Ok(Ended::Eof { .. })), "{what}");
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
            let outcome = converse(&conversation, &script);
            assert_eq!(outcome.end, Err(Some(ErrorKind::Interrupted)), "from call {k} on");
            assert!(script.state().calls > k + 100, "signals are harmless");
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
                let outcome = converse(&conversation, &script);
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
        (End::Reset, Ok(Ended::Eof { mid_frame: false, mid_message: false, close_sent: false })),
    ] {
        let script = Script::new([REQUEST, &text].concat(), end).writes_until(RESPONSE.len());
        let socket = WebSocket::accept_with(script.clone(), &Limits::default(), FAR, accept);
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
    let mut socket = WebSocket::accept_with(script, &Limits::default(), FAR, accept).unwrap();
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
            let mut socket =
                WebSocket::accept_with(script.clone(), &Limits::default(), FAR, accept).unwrap();
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
            let state = script.state();
            assert_eq!(state.shut_down, !gone);
            assert_eq!(state.aborted, gone || end == End::Reset);
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
    let mut socket = WebSocket::accept_with(stream, &Limits::default(), FAR, accept).unwrap();
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
    let opened = WebSocket::accept_with(stream, &Limits::default(), FAR, page);
    assert!(matches!(opened, Err(Error::Responded(Status::OK))));
}

#[test]
fn parts_lose_nothing_in_either_direction() {
    let conversation = conversation(true);
    let bytes = conversation.frames();
    // A Close ends it for good, and would be answered before a further call.
    let last = bytes.len() - wire(true, [Frame::close(1001, "bye")]).len();
    for cut in 0..=last {
        let connection = Connection::new(Role::Server, Config::default());
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
    let limits = Limits::default().max_queued_bytes(100).max_queued_frames(1);
    let connection = Connection::new(Role::Server, Config::default().limits(limits));
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
