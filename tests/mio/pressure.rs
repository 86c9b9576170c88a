//! Two sockets of this adapter, with little room between them: who waits for whom. They take turns, so
//! nothing depends on time; when neither has moved a byte, both wait for ever.

use super::*;
use mio::Registry;
use mio::event::Source;
use sansio_ws::handshake::{Acceptance, OriginPolicy};
use sansio_ws::{Masks, RecvBuffer, Role};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many bytes one direction holds.
const ROOM: usize = 1000;

const LIMIT: usize = 20_000;

/// A third of what has to wait before a socket is congested.
const SIZE: usize = LIMIT / 6;

/// One direction.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    moved: usize,
    /// Something has come since the reader was last told, or gone since the writer was.
    has_come: bool,
    has_gone: bool,
}

struct PipeEnd {
    input: Rc<RefCell<Pipe>>,
    output: Rc<RefCell<Pipe>>,
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.input.borrow_mut();
        if pipe.bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.has_gone = true;
        pipe.bytes.read(buffer)
    }
}

impl Write for PipeEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.output.borrow_mut();
        let n = bytes.len().min(ROOM - pipe.bytes.len());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.has_come = true;
        pipe.moved += n;
        pipe.bytes.write(&bytes[..n])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for PipeEnd {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        panic!("once is enough")
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for PipeEnd {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A program that pushes whenever there is room, and writes before it reads.
struct Pusher {
    socket: WebSocket<PipeEnd>,
    memory: Memory,
    /// Messages it has yet to push.
    left: usize,
    /// It answers each message whose number this divides.
    answers_each: Option<usize>,
    received: usize,
    answers: usize,
    /// The most that has waited to be written.
    most: usize,
}

const ANSWER: &str = "seen";

impl Pusher {
    fn pair(messages: usize, answers_each: Option<usize>) -> [Self; 2] {
        let pipes = [(); 2].map(|()| Rc::<RefCell<Pipe>>::default());
        [Role::Server, Role::Client(Masks::from_os().unwrap())].map(|role| {
            let way = |server_sends| Rc::clone(&pipes[usize::from(server_sends)]);
            let is_server = matches!(role, Role::Server);
            let stream = PipeEnd { input: way(!is_server), output: way(is_server) };
            let limits = Limits::default().max_queued_bytes(LIMIT);
            let connection = Connection::new(role, Config::default().limits(limits));
            let rx = RecvBuffer::new();
            let mut socket =
                WebSocket::from_parts(stream, rx, connection, Timeouts::NONE, second(0));
            socket.assume_ready();
            let memory = Memory::new();
            let (received, answers, most) = (0, 0, 0);
            Self { socket, memory, left: messages, answers_each, received, answers, most }
        })
    }

    /// One round of its loop. Edges are reported once, as mio does.
    fn step(&mut self, reports: &Reports) {
        let PipeEnd { input, output } = self.socket.stream();
        let has_come = std::mem::take(&mut input.borrow_mut().has_come);
        let has_gone = std::mem::take(&mut output.borrow_mut().has_gone);
        match (has_come, has_gone) {
            (true, _) => self.socket.ready(&reports.both),
            (false, true) => self.socket.ready(&reports.writable),
            (false, false) => {}
        }
        let connection = self.socket.connection_mut(&mut self.memory).unwrap();
        while self.left > 0 && !connection.is_congested() {
            connection.send_binary(&[self.left as u8; SIZE]).unwrap();
            self.left -= 1;
        }
        self.settle();
        let mut turns = 0;
        while self.socket.wants_turn() {
            turns += 1;
            assert!(turns < 10_000, "it wants turns for nothing");
            self.turn();
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.most = self.most.max(self.socket.connection().unwrap().queued());
        assert_eq!(self.socket.settle(&mut self.memory, second(0)).unwrap(), None);
    }

    fn turn(&mut self) {
        let mut turn = self.socket.turn(&mut self.memory, second(0));
        while let Some((mut reply, event)) = turn.next().unwrap() {
            match event {
                Event::Binary(bytes) => {
                    assert_eq!(bytes.len(), SIZE);
                    self.received += 1;
                    if self.answers_each.is_some_and(|each| self.received.is_multiple_of(each)) {
                        reply.send_text(ANSWER).unwrap();
                    }
                }
                Event::Text(ANSWER) => self.answers += 1,
                other => panic!("{other:?}"),
            }
        }
    }

    fn moved(&self) -> usize {
        self.socket.stream().output.borrow().moved
    }
}

/// Until nothing moves any more.
fn run(pair: &mut [Pusher; 2], reports: &Reports) {
    loop {
        let before = pair.each_ref().map(Pusher::moved);
        pair.iter_mut().for_each(|pusher| pusher.step(reports));
        if pair.each_ref().map(Pusher::moved) == before {
            return;
        }
    }
}

#[test]
fn two_peers_that_push_do_not_wait_for_each_other() {
    const MESSAGES: usize = 100;
    let reports = Reports::new();
    for answers_each in [None, Some(50), Some(7), Some(1)] {
        let mut pair = Pusher::pair(MESSAGES, answers_each);
        run(&mut pair, &reports);
        let answers = answers_each.map_or(0, |each| MESSAGES / each);
        for pusher in &pair {
            assert_eq!((pusher.left, pusher.received, pusher.answers), (0, MESSAGES, answers));
            assert!(pusher.most <= LIMIT, "{} bytes waited", pusher.most);
        }
    }
}

/// Nobody asks whether there is room for an answer, and none is lost, although so much is pushed that what waits is
/// full without them.
#[test]
fn who_does_not_read_its_answers_is_not_read_from_whatever_is_pushed() {
    const ASKED: usize = 1000;
    let reports = Reports::new();
    let requests = wire(true, vec![Frame::binary([7; 100]); ASKED]);
    for pushed in [0, LIMIT / 2, 2 * LIMIT] {
        let room = std::sync::Arc::default();
        let script = Script::new([REQUEST, &requests].concat(), End::Stall).room(&room);
        let (mut socket, mut memory) = (server(script.clone()), Memory::with_read_bytes(64));
        room.store(1000, std::sync::atomic::Ordering::Relaxed);
        let mut step = |push: usize| {
            socket.ready(&reports.both);
            let mut turn = socket.turn(&mut memory, second(0));
            let limits = Limits::default().max_queued_bytes(LIMIT);
            let config = Config::default().limits(limits);
            assert!(
                turn.accept(|request| {
                    let upgrade = request.upgrade(OriginPolicy::SameHost)?;
                    Ok(upgrade.accept(&Acceptance::default(), config.clone())?)
                })
                .unwrap()
            );
            while push == 0
                && let Some((mut reply, event)) = turn.next().unwrap()
            {
                let Event::Binary(bytes) = event else { panic!("{event:?}") };
                reply.send_binary(bytes).unwrap();
            }
            drop(turn);
            if push > 0 {
                let connection = socket.connection_mut(&mut memory).unwrap();
                connection.send_text(&"x".repeat(push)).unwrap();
            }
            let queued = socket.connection().unwrap().queued();
            assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
            queued
        };
        step(pushed);
        room.store(0, std::sync::atomic::Ordering::Relaxed);
        let most = (0..10).map(|_| step(0)).max().unwrap();
        assert!(most <= pushed + 1000 + LIMIT / 2 + 200, "{most} bytes wait behind {pushed}");
        assert!(script.state().unread() > requests.len() / 2, "it is read from");
        for _ in 0..requests.len() + pushed {
            room.store(500, std::sync::atomic::Ordering::Relaxed);
            if step(0) == 0 {
                break;
            }
        }
        let mut frames = script.frames();
        assert_eq!(frames.len(), ASKED + usize::from(pushed > 0));
        frames.retain(|frame| *frame == Frame::binary([7; 100]));
        assert_eq!(frames.len(), ASKED, "no answer is lost");
    }
}
