//! Large messages: what is written without a copy, read to the end, and allocated only once.

use super::*;
use core::cell::Cell;
use heap::allocations;
use mio::Registry;
use mio::event::Source;
use scripted::Exchange;
use std::rc::Rc;

/// More than the adapter copies.
const LARGE: usize = 70_000;

fn large(byte: u8) -> Vec<u8> {
    (0..LARGE).map(|i| (i / 251) as u8 ^ byte).collect()
}

/// Large messages between small frames, and behind each other.
fn conversation(to_server: bool) -> Conversation {
    let exchange =
        |frame: Frame, seen, answer| Exchange { frame, seen: Some(seen), answer, within: false };
    let echo = |frame: &Frame, seen| exchange(frame.clone(), seen, vec![frame.clone()]);
    let text = "ä".repeat(LARGE / 2);
    let exchanges = vec![
        echo(&Frame::text("small"), Seen::text("small")),
        exchange(Frame::ping("1"), Seen::ping("1"), vec![Frame::pong("1")]),
        echo(&Frame::binary(large(1)), Seen::binary(large(1))),
        echo(&Frame::text(&text), Seen::text(&text)),
        exchange(Frame::ping("2"), Seen::ping("2"), vec![Frame::pong("2")]),
        echo(&Frame::close(1001, "bye"), Seen::close(1001, "bye")),
    ];
    let head = if to_server { REQUEST } else { RESPONSE }.to_vec();
    Conversation { head, exchanges, to_server, config: Config::default() }
}

#[test]
fn f3_f4_f5_f7_every_call_may_block_or_be_short() {
    bounded(|| {
        let reports = Reports::new();
        for to_server in [true, false] {
            let conversation = conversation(to_server);
            let run = |at: usize, fault: Fault| {
                let script = conversation
                    .script(usize::MAX, End::Eof)
                    .faults(move |n, _| (n == at).then_some(fault));
                (converse(&conversation, &script, &reports), script)
            };
            let (whole, model) = run(usize::MAX, Fault::Short);
            assert_eq!(whole.events, conversation.events());
            assert_eq!(whole.end, Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) }));
            assert_eq!(unmasked(model.frames()), conversation.answers());
            let calls = model.state().calls;
            for k in 0..calls {
                for fault in [
                    Fault::Error(ErrorKind::WouldBlock),
                    Fault::Error(ErrorKind::Interrupted),
                    Fault::Short,
                ] {
                    let (outcome, script) = run(k, fault);
                    let what = format!("{fault:?} at call {k}");
                    assert_eq!(outcome, whole, "{what}");
                    assert_same_output(&script, &model, to_server, &what);
                }
            }
            let all = model.output().len();
            for until in (scripted::head_len(&model.output())..all).step_by(9973) {
                let script = conversation.script(usize::MAX, End::Eof).writes_until(until);
                assert_eq!(converse(&conversation, &script, &reports), whole, "{until}");
            }
        }
    });
}

/// A server that has opened, its stream, and a message that is there to be echoed.
fn opened(reports: &Reports) -> (WebSocket<Script>, Script, Memory) {
    let script =
        Script::new([REQUEST, &wire(true, [Frame::binary(large(1))])].concat(), End::Stall)
            .cut(REQUEST.len());
    let mut socket = server(script.clone());
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    let mut turn = socket.turn(&mut memory, second(0));
    assert!(turn.accept(accept).unwrap());
    assert!(turn.next().unwrap().is_none());
    drop(turn);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    script.clone().cut(usize::MAX);
    socket.ready(&reports.both);
    (socket, script, memory)
}

#[test]
fn a_large_answer_is_written_at_once_behind_what_was_queued() {
    let reports = Reports::new();
    let (mut socket, script, mut memory) = opened(&reports);
    socket.connection_mut(&mut memory).unwrap().send_text("queued").unwrap();
    let mut turn = socket.turn(&mut memory, second(0));
    let (mut reply, event) = turn.next().unwrap().unwrap();
    let Event::Binary(bytes) = event else { panic!("{event:?}") };
    let before = script.state().calls;
    reply.send_binary(bytes).unwrap();
    assert_eq!(script.state().calls, before + 1, "one write");
    assert_eq!(reply.queued(), 0);
    assert_eq!(script.frames(), [Frame::text("queued"), Frame::binary(large(1))]);
    drop(turn);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    assert!(!script.state().unflushed);
}

/// More chunks than one write gathers: the answer may not go before what is left of them.
#[test]
fn a_large_answer_waits_for_what_was_queued_in_many_chunks() {
    let reports = Reports::new();
    for chunks in [30, 31, 32, 100] {
        let (mut socket, script, mut memory) = opened(&reports);
        let connection = socket.connection_mut(&mut memory).unwrap();
        // A header and a payload each.
        for _ in 0..chunks {
            connection.send_bytes(MessageKind::Binary, vec![7; 3000].into()).unwrap();
        }
        let mut turn = socket.turn(&mut memory, second(0));
        let (mut reply, event) = turn.next().unwrap().unwrap();
        let Event::Binary(bytes) = event else { panic!("{event:?}") };
        reply.send_binary(bytes).unwrap();
        drop(turn);
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
        let mut expected = vec![Frame::binary([7; 3000]); chunks];
        expected.push(Frame::binary(large(1)));
        assert!(script.frames() == expected, "{chunks} messages in front");
    }
}

#[test]
fn a_small_answer_waits_for_others() {
    let reports = Reports::new();
    let (mut socket, script, mut memory) = opened(&reports);
    let mut turn = socket.turn(&mut memory, second(0));
    let (mut reply, event) = turn.next().unwrap().unwrap();
    let Event::Binary(bytes) = event else { panic!("{event:?}") };
    let before = script.state().calls;
    reply.send_binary(&bytes[..1000]).unwrap();
    reply.send_text("small").unwrap();
    assert_eq!(reply.queued(), 1004 + 7);
    assert_eq!(script.state().calls, before);
}

#[test]
fn f6_a_write_that_fails_within_a_turn_is_reported_behind_it() {
    let reports = Reports::new();
    for (fault, kind) in [
        (Fault::Error(ErrorKind::Other), ErrorKind::Other),
        (Fault::Zero, ErrorKind::WriteZero),
        (Fault::More, ErrorKind::InvalidData),
    ] {
        let (mut socket, script, mut memory) = opened(&reports);
        let script = script.faults(move |_, call| (call == Call::Write).then_some(fault));
        let mut turn = socket.turn(&mut memory, second(0));
        let (mut reply, event) = turn.next().unwrap().unwrap();
        let Event::Binary(bytes) = event else { panic!("{event:?}") };
        reply.send_binary(bytes).unwrap();
        let calls = script.state().calls;
        reply.send_binary(bytes).unwrap();
        assert_eq!(script.state().calls, calls, "what has failed is not tried again");
        drop(turn);
        let settled = socket.settle(&mut memory, second(0));
        assert_eq!(settled.unwrap_err().kind(), kind);
    }
}

#[test]
fn a_write_that_blocks_leaves_the_rest_to_settle() {
    let reports = Reports::new();
    let (mut socket, script, mut memory) = opened(&reports);
    let mut writes = 0;
    let script = script.faults(move |_, call| {
        writes += usize::from(call == Call::Write);
        (call == Call::Write && writes == 1).then_some(Fault::Error(ErrorKind::WouldBlock))
    });
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    turn(&mut socket, &mut memory, second(0), &Config::default(), &mut outcome).unwrap();
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    assert_eq!(script.frames(), [], "not before it is reported");
    assert_eq!(socket.connection().unwrap().queued(), 10 + LARGE);
    socket.ready(&reports.writable);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    assert_eq!(script.frames(), [Frame::binary(large(1))]);
}

/// A peer that sends the same message for ever, as much of it as it is told to, and reads everything.
pub(crate) struct Endless {
    pub(crate) head: &'static [u8],
    pub(crate) message: Vec<u8>,
    pub(crate) at: usize,
    pub(crate) allowed: Rc<Cell<usize>>,
    pub(crate) taken: Rc<Cell<usize>>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        let rest = &self.message[self.at..];
        let n = buffer.len().min(rest.len()).min(self.allowed.get());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[..n].copy_from_slice(&rest[..n]);
        self.allowed.set(self.allowed.get() - n);
        self.at = (self.at + n) % self.message.len();
        Ok(n)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.taken.set(self.taken.get() + bytes.len());
        Ok(bytes.len())
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.write(slice)).sum()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Endless {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Endless {
    const WRITES_VECTORED: bool = true;

    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn large_messages_of_several_connections_allocate_no_buffers_in_steady_state() {
    let reports = Reports::new();
    let message = wire(true, [Frame::binary(vec![7; 1 << 20])]);
    // Whole, and cut where what waits for the rest fills a good part of what the last one has needed.
    let pieces = [message.len(), 400_000, 400_000, message.len() - 800_000];
    let mut memory = Memory::new();
    let (allowed, taken) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let mut sockets: Vec<_> = (0..4)
        .map(|_| {
            let (allowed, taken) = (allowed.clone(), taken.clone());
            server(Endless { head: REQUEST, message: message.clone(), at: 0, allowed, taken })
        })
        .collect();
    let sockets_len = sockets.len();
    let mut turn = |socket: &mut WebSocket<Endless>| {
        socket.ready(&reports.both);
        let mut turn = socket.turn(&mut memory, second(0));
        assert!(turn.accept(accept).unwrap());
        while let Some((mut reply, event)) = turn.next().unwrap() {
            let Event::Binary(bytes) = event else { panic!("{event:?}") };
            reply.send_binary(bytes).unwrap();
        }
        drop(turn);
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    };
    let mut round = || {
        for piece in &pieces {
            for socket in &mut sockets {
                allowed.set(*piece);
                turn(socket);
                assert_eq!(allowed.get(), 0, "all is read in one turn");
            }
        }
    };
    (0..3).for_each(|_| round());
    taken.set(0);
    let parked = 10 * sockets_len;
    assert_eq!(allocations(|| (0..10).for_each(|_| round())), parked, "the place of what waits");
    assert_eq!(taken.get(), 80 * (10 + (1 << 20)));
}

#[test]
fn a_little_behind_a_large_message_keeps_no_large_buffer() {
    let reports = Reports::new();
    let input = wire(true, [Frame::binary(vec![7; 3 << 20]), Frame::text("more")]);
    let input = [REQUEST, &input[..input.len() - 1]].concat();
    let script = Script::new(&input[..], End::Stall).cut(REQUEST.len() + (1 << 20));
    let mut socket = server(script.clone());
    let mut memory = Memory::new();
    let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
    while outcome.events.is_empty() {
        socket.ready(&reports.both);
        turn(&mut socket, &mut memory, second(0), &Config::default(), &mut outcome).unwrap();
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
        script.clone().cut(usize::MAX);
    }
    assert_eq!(outcome.events.len(), 1);
    let (_, rx, _) = socket.into_parts();
    assert!(!rx.is_empty());
    assert!(rx.capacity() < 100, "{rx:?}");
}
