//! Over a scripted stream, where every call can go wrong.

use super::*;

#[test]
fn f2_every_offset_has_one_end_and_loses_nothing() {
    bounded(|| {
        let reports = Reports::new();
        for conversation in scripted::conversations() {
            let to_server = conversation.to_server;
            for cut in 0..=conversation.len() {
                for end in [End::Eof, End::Reset, End::Cut, End::Stall] {
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
                            End::Cut => Err(Some(ErrorKind::UnexpectedEof)),
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
                    if matches!(end, End::Reset | End::Cut) {
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
                        (Fault::Error(kind), Call::Read) if !outcome.opened => {
                            assert_eq!(outcome.end, Err(Some(kind)), "{what}");
                        }
                        (Fault::Error(_), Call::Read) if !closed => {
                            assert!(matches!(outcome.end, Ok(Ended::Eof { .. })), "{what}");
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
        assert!(turn.accept(accept).unwrap());
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
            assert_eq!(expire(&mut socket, &mut memory, second(5)), Some(Due::Close));
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
    assert!(!socket.turn(&mut memory, second(0)).accept(|_| Err(Response::not_found())).unwrap());
    let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), Some(ended));
}
