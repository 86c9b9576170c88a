//! What the tests of the adapters share: a stream that does what a script says, conversations over
//! that stream, and the outcome that each must have.
//!
//! A [`Script`] holds all bytes that the peer will send, cut off where the test wants, and how
//! they end; and a [`Fault`] for each call of `read`, `write` or `flush` that shall not do what
//! was asked. The stream itself is given to the adapter, the script stays with the test.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

#[cfg(feature = "deflate")]
mod compressed;

use super::support::Seen;
use super::support::frame::{self, Frame, wire};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request, Response, ServerHandshake};
use sansio_ws::{Config, Connection, Ended, Event, Limits, RecvBuffer, SendError};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::{panic, thread};

/// A watchdog: a test that waits for something that never comes ends after this time. No machine is
/// slow enough to need it.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Deadlines that are there, and further away than [`PATIENCE`]: none passes because the machine is
/// slow. Tests of deadlines run in virtual time.
pub const FAR: Timeouts = {
    let far = Some(Duration::from_secs(3600));
    Timeouts::new().opening(far).keep_alive(far).pong(far).close(far)
};

pub const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub const RESPONSE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// How the peer's bytes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Eof,
    Reset,
    /// TLS ends without its close_notify.
    Cut,
    /// Nothing more comes, and nothing ends.
    Stall,
}

/// What a call does instead of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error(ErrorKind),
    /// Moves at most one byte.
    Short,
    /// Moves nothing, and says so without an error: the end, when reading.
    Zero,
    /// Claims to have moved one byte more than there was.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    Flush,
}

type Faults = Box<dyn FnMut(usize, Call) -> Option<Fault> + Send>;

/// Makes the peer's bytes out of what it has received.
type Peer = Box<dyn FnMut(&[u8]) -> Option<Vec<u8>> + Send>;

pub struct State {
    input: Vec<u8>,
    /// How much of the input may be read.
    cut: usize,
    end: End,
    pub read: usize,
    faults: Faults,
    peer: Option<Peer>,
    /// A write has failed.
    gone: bool,
    /// Writing fails behind this number of bytes: the peer is gone.
    writes_until: usize,
    /// How many bytes writing takes before it blocks.
    room: Option<Arc<AtomicUsize>>,
    /// Whether the stream can time out.
    timeouts: bool,
    pub output: Vec<u8>,
    pub calls: usize,
    pub shut_down: bool,
    pub aborted: bool,
    /// We ended our direction before the peer ended its own.
    pub shut_down_first: bool,
    end_read: bool,
    /// The last read, or the last write, would have blocked.
    pub read_blocked: bool,
    pub write_blocked: bool,
    pub unflushed: bool,
}

/// A script, and the stream that acts by it.
#[derive(Clone)]
pub struct Script(Arc<Mutex<State>>);

impl Script {
    pub fn new(input: impl Into<Vec<u8>>, end: End) -> Self {
        Self(Arc::new(Mutex::new(State {
            input: input.into(),
            cut: usize::MAX,
            end,
            read: 0,
            faults: Box::new(|_, _| None),
            peer: None,
            gone: false,
            writes_until: usize::MAX,
            room: None,
            timeouts: true,
            output: vec![],
            calls: 0,
            shut_down: false,
            aborted: false,
            shut_down_first: false,
            end_read: false,
            read_blocked: false,
            write_blocked: false,
            unflushed: false,
        })))
    }

    /// The peer of a client: answers its request, then sends `frames`.
    pub fn server(frames: impl Into<Vec<u8>>, end: End) -> Self {
        Self::server_with(Config::default(), frames, end)
    }

    /// The same with these settings.
    pub fn server_with(config: Config, frames: impl Into<Vec<u8>>, end: End) -> Self {
        let script = Self::new([], end);
        let frames = frames.into();
        script.state().peer = Some(Box::new(move |request| {
            let mut rx = RecvBuffer::new();
            rx.extend_from_slice(request);
            let mut handshake = ServerHandshake::new(&Limits::default());
            let request = handshake.receive(&mut rx).unwrap()?;
            let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
            let accepted = upgrade.accept(&Acceptance::default(), config.clone());
            let mut answer = vec![];
            super::support::drain(&mut accepted.unwrap(), usize::MAX, &mut answer);
            Some([&answer[..], &frames].concat())
        }));
        script
    }

    pub fn cut(self, at: usize) -> Self {
        self.state().cut = at;
        self
    }

    pub fn writes_until(self, at: usize) -> Self {
        self.state().writes_until = at;
        self
    }

    /// Writes take what there is room for, and then block.
    pub fn room(self, room: &Arc<AtomicUsize>) -> Self {
        self.state().room = Some(Arc::clone(room));
        self
    }

    pub fn without_timeouts(self) -> Self {
        self.state().timeouts = false;
        self
    }

    pub fn faults(self, faults: impl FnMut(usize, Call) -> Option<Fault> + Send + 'static) -> Self {
        self.state().faults = Box::new(faults);
        self
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// What was written, as frames, behind the head of the handshake if there is one.
    pub fn frames(&self) -> Vec<Frame> {
        frame::parse(&self.output()[head_len(&self.output())..])
    }

    pub fn output(&self) -> Vec<u8> {
        self.state().output.clone()
    }
}

pub fn head_len(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4)
}

impl State {
    fn fault(&mut self, call: Call) -> Option<Fault> {
        self.calls += 1;
        (self.faults)(self.calls - 1, call)
    }

    /// More arrives.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// What has arrived and nobody has read.
    pub fn unread(&self) -> usize {
        self.input.len() - self.read
    }

    /// Nothing arrives behind that.
    pub fn finish(&mut self, end: End) {
        self.end = end;
    }

    /// Whether nothing more will come.
    pub fn is_stalled(&self) -> bool {
        self.end == End::Stall && self.peer.is_none() && self.read == self.input.len().min(self.cut)
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        assert!(!buffer.is_empty(), "a read of nothing");
        if let Some(mut peer) = state.peer.take() {
            match peer(&state.output) {
                Some(input) => state.input = input,
                None if state.gone => {}
                None => state.peer = Some(peer),
            }
        }
        let left = state.input.len().min(state.cut) - state.read;
        let n = match state.fault(Call::Read) {
            Some(Fault::Error(kind)) => {
                state.read_blocked = kind == ErrorKind::WouldBlock;
                return Err(kind.into());
            }
            Some(Fault::Zero) => return Ok(0),
            Some(Fault::More) => return Ok(buffer.len() + 1),
            Some(Fault::Short) => 1.min(left),
            None => buffer.len().min(left),
        };
        if state.peer.is_some() {
            state.read_blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        if left == 0 {
            state.end_read = state.end != End::Stall;
            return match state.end {
                End::Eof => Ok(0),
                End::Reset => Err(ErrorKind::ConnectionReset.into()),
                End::Cut => Err(ErrorKind::UnexpectedEof.into()),
                End::Stall => {
                    state.read_blocked = true;
                    Err(ErrorKind::WouldBlock.into())
                }
            };
        }
        let from = state.read;
        buffer[..n].copy_from_slice(&state.input[from..from + n]);
        state.read += n;
        Ok(n)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        assert!(!bytes.is_empty(), "a write of nothing");
        assert!(!state.shut_down && !state.aborted, "a write behind the end");
        let n = match state.fault(Call::Write) {
            Some(Fault::Error(kind)) => {
                state.write_blocked = kind == ErrorKind::WouldBlock;
                state.gone |= matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
                return Err(kind.into());
            }
            Some(Fault::Zero) => return Ok(0),
            Some(Fault::More) => return Ok(bytes.len() + 1),
            Some(Fault::Short) => 1,
            None => bytes.len(),
        };
        let n = n.min(state.writes_until - state.output.len().min(state.writes_until));
        if n == 0 {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let n = match &state.room {
            None => n,
            Some(room) => {
                let taken = n.min(room.load(Ordering::Relaxed));
                room.fetch_sub(taken, Ordering::Relaxed);
                taken
            }
        };
        if n == 0 {
            state.write_blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        state.output.extend_from_slice(&bytes[..n]);
        state.unflushed = true;
        Ok(n)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<_> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.write(&bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.state();
        if let Some(Fault::Error(kind)) = state.fault(Call::Flush) {
            state.write_blocked = kind == ErrorKind::WouldBlock;
            return Err(kind.into());
        }
        state.unflushed = false;
        Ok(())
    }
}

impl sansio_ws::blocking::Stream for Script {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        assert_ne!(timeout, Some(Duration::ZERO), "a timeout of zero is an error for sockets");
        Ok(self.state().timeouts)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        assert_ne!(timeout, Some(Duration::ZERO), "a timeout of zero is an error for sockets");
        Ok(self.state().timeouts)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        let mut state = self.state();
        assert!(!state.unflushed, "shut down before it was flushed");
        state.shut_down_first |= !state.end_read;
        state.shut_down = true;
        Ok(true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.state().aborted = true;
        Ok(true)
    }
}

#[cfg(feature = "mio")]
mod for_mio {
    use super::{Script, io};
    use mio::event::Source;
    use mio::{Interest, Registry, Token};

    /// There is no event for it; the test says when it is ready.
    impl Source for Script {
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

    impl sansio_ws::mio::Stream for Script {
        const WRITES_VECTORED: bool = true;

        fn shutdown_write(&mut self) -> io::Result<()> {
            sansio_ws::blocking::Stream::shutdown_write(self).map(drop)
        }

        fn abort(&mut self) -> io::Result<()> {
            sansio_ws::blocking::Stream::abort(self).map(drop)
        }
    }
}

/// One frame of a conversation, and what follows from it.
pub struct Exchange {
    pub frame: Frame,
    pub seen: Option<Seen>,
    /// The frames of the answer, from an echo.
    pub answer: Vec<Frame>,
    /// A message is under way behind it.
    pub within: bool,
}

/// What one peer says. The other is an echo.
pub struct Conversation {
    pub head: Vec<u8>,
    pub exchanges: Vec<Exchange>,
    pub to_server: bool,
    /// Of both sides.
    pub config: Config,
}

/// To both roles, plain and compressed.
pub fn conversations() -> Vec<Conversation> {
    let mut all = vec![];
    for to_server in [true, false] {
        all.push(conversation(to_server));
        #[cfg(feature = "deflate")]
        all.push(compressed::compressed(to_server));
    }
    all
}

/// Gets smaller when it is compressed.
const HELLO: &str = "hello, hello, hello!";

/// Messages whole and in fragments, with pings in between, of lengths in all three forms, and the
/// closing handshake.
pub fn conversation(to_server: bool) -> Conversation {
    let exchange = |frame: Frame, seen, answer: &[Frame], within| Exchange {
        frame,
        seen: Some(seen),
        answer: answer.to_vec(),
        within,
    };
    let piece = |frame: Frame| Exchange { frame, seen: None, answer: vec![], within: true };
    let long: Vec<u8> = (0..=255).cycle().take(200).collect();
    let whole = [&long[..], b"end"].concat();
    let exchanges = vec![
        exchange(Frame::text(HELLO), Seen::text(HELLO), &[Frame::text(HELLO)], false),
        piece(Frame::binary(&long).more()),
        exchange(Frame::ping("1"), Seen::ping("1"), &[Frame::pong("1")], true),
        piece(Frame::continuation("").more()),
        exchange(
            Frame::continuation("end"),
            Seen::binary(&whole[..]),
            &[Frame::binary(&whole)],
            false,
        ),
        exchange(Frame::pong("nobody asked"), Seen::pong("nobody asked"), &[], false),
        piece(Frame::text(&"ä".as_bytes()[..1]).more()),
        exchange(Frame::ping(""), Seen::ping(""), &[Frame::pong("")], true),
        exchange(
            Frame::continuation(&"ä".as_bytes()[1..]),
            Seen::text("ä"),
            &[Frame::text("ä")],
            false,
        ),
        exchange(Frame::text(""), Seen::text(""), &[Frame::text("")], false),
        exchange(
            Frame::close(1001, "bye"),
            Seen::close(1001, "bye"),
            &[Frame::close(1001, "bye")],
            false,
        ),
    ];
    let head = if to_server { REQUEST } else { RESPONSE }.to_vec();
    Conversation { head, exchanges, to_server, config: Config::default() }
}

impl Conversation {
    /// All its frames as bytes.
    pub fn frames(&self) -> Vec<u8> {
        wire(self.to_server, self.exchanges.iter().map(|exchange| exchange.frame.clone()))
    }

    /// A script of the whole, cut off.
    pub fn script(&self, cut: usize, end: End) -> Script {
        let script = match self.to_server {
            true => Script::new([&self.head[..], &self.frames()].concat(), end),
            false => Script::server_with(self.config.clone(), self.frames(), end),
        };
        script.cut(cut)
    }

    pub fn len(&self) -> usize {
        self.head.len() + self.frames().len()
    }

    pub fn events(&self) -> Vec<Seen> {
        self.exchanges.iter().filter_map(|exchange| exchange.seen.clone()).collect()
    }

    /// What an echo answers.
    pub fn answers(&self) -> Vec<Frame> {
        self.exchanges.iter().flat_map(|exchange| exchange.answer.clone()).collect()
    }

    /// The outcome that it must have when the stream ends behind `cut` bytes.
    pub fn outcome(&self, cut: usize, end: End) -> Outcome {
        let mut outcome =
            Outcome { opened: cut >= self.head.len(), events: vec![], end: Err(None), answers: 0 };
        let Some(mut left) = cut.checked_sub(self.head.len()) else {
            return outcome;
        };
        let (mut mid_frame, mut mid_message) = (false, false);
        for exchange in &self.exchanges {
            let frame = wire(self.to_server, [exchange.frame.clone()]);
            if frame.len() > left {
                mid_frame = left > 0;
                let header = frame.len() - exchange.frame.payload.len();
                mid_message |= left >= header && exchange.frame.first & 8 == 0;
                break;
            }
            left -= frame.len();
            outcome.events.extend(exchange.seen.clone());
            outcome.answers += exchange.answer.len();
            mid_message = exchange.within;
            if let Some(Seen::Close(code, _)) = &exchange.seen {
                outcome.end = Ok(Ended::Clean { code: code.map(|c| c.try_into().unwrap()) });
                return outcome;
            }
        }
        outcome.end = match end {
            End::Eof | End::Reset | End::Cut => {
                Ok(Ended::Eof { mid_frame, mid_message, close_sent: false })
            }
            End::Stall => Ok(Ended::TimedOut),
        };
        outcome
    }
}

/// What came of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub opened: bool,
    pub events: Vec<Seen>,
    /// How the connection ended, or the error of the stream if it was one.
    pub end: Result<Ended, Option<ErrorKind>>,
    /// How many frames were answered.
    pub answers: usize,
}

/// Takes note of an event, and answers it.
pub fn echo(connection: &mut Connection, event: Event<'_>, events: &mut Vec<Seen>) {
    let answered = match event {
        Event::Text(text) => connection.send_text(text),
        Event::Binary(bytes) => connection.send_binary(bytes),
        _ => Ok(()),
    };
    assert!(matches!(answered, Ok(()) | Err(SendError::Closed)), "{answered:?}");
    events.extend(Seen::of(event));
}

/// Accepts, with room for a few echoes of some MiB.
pub fn accept(request: &Request<'_>) -> Result<Connection, Response> {
    accept_with(request, Config::default())
}

/// The same with other settings.
pub fn accept_with(request: &Request<'_>, config: Config) -> Result<Connection, Response> {
    let limits = Limits::default().max_queued_bytes(16 << 20);
    let upgrade = request.upgrade(OriginPolicy::SameHost)?;
    Ok(upgrade.accept(&Acceptance::default(), config.limits(limits))?)
}

/// Runs `test` and panics if it hangs. That can't be stopped, but shown.
pub fn bounded<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_string();
    let thread = thread::Builder::new().name(name).spawn(move || _ = done.send(test())).unwrap();
    match result.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

pub fn unmasked(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.iter_mut().for_each(|frame| frame.mask = None);
    frames
}

/// A server's bytes are always the same; a client's frames only after unmasking.
pub fn assert_same_output(script: &Script, model: &Script, to_server: bool, what: &str) {
    match to_server {
        true => assert_eq!(script.output(), model.output(), "{what}"),
        false => assert_eq!(unmasked(script.frames()), unmasked(model.frames()), "{what}"),
    }
}
