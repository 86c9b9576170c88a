//! Time that tests move, and a socket that lives in it.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::Stream;
use crate::connection::Config;
use crate::deadlines::Instant;
use crate::frame::{Header, Opcode};
use crate::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Buf;
use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard};

/// What a client sends, masked with zeros.
pub(super) const PING: &[u8] = b"\x89\x80\0\0\0\0";
pub(super) const PONG: &[u8] = b"\x8A\x80\0\0\0\0";
pub(super) const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";
pub(super) const TEXT: &[u8] = b"\x81\x81\0\0\0\0a";

pub(super) const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

std::thread_local! {
    static TIME: RefCell<Option<Time>> = const { RefCell::new(None) };
}

std::thread_local! {
    static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Has `act` done when this thread next comes to the place where another may come between.
pub(super) fn do_meanwhile(act: impl FnOnce() + 'static) {
    MEANWHILE.set(Some(Box::new(act)));
}

/// The place where another may come between.
pub(super) fn meanwhile() {
    if let Some(act) = MEANWHILE.take() {
        act();
    }
}

/// A clock that stands still until somebody moves it. All clones show the same time.
#[derive(Debug, Clone, Default)]
pub(super) struct Time(Arc<AtomicU64>);

impl Time {
    /// A clock that the timers made by this thread run on from now on.
    pub(super) fn for_thread() -> Self {
        let time = Self::default();
        TIME.set(Some(time.clone()));
        time
    }

    pub(super) fn of_thread() -> Option<Self> {
        TIME.with_borrow(Clone::clone)
    }

    pub(super) fn now(&self) -> Instant {
        Instant::new(Duration::from_nanos(self.0.load(Ordering::SeqCst)))
    }

    /// Moves it to `at`, unless that has passed.
    pub(super) fn advance_to(&self, at: Instant) {
        let nanoseconds = u64::try_from(at.since_epoch().as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(nanoseconds, Ordering::SeqCst);
    }
}

/// How a peer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Eof,
    Error(ErrorKind),
}

/// A socket and its peer in virtual time. A call that waits moves the clock, to the moment at which
/// something happens or the timeout ends.
///
/// ```text
///   write ──▶ room of the operating systems ──▶ the peer reads, so much a second ──▶ pong, Close
///   read  ◀── what arrives, each at its moment ◀────────────────────────────────────────┘
/// ```
#[derive(Debug, Clone)]
pub(super) struct Socket(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct State {
    time: Time,
    arrivals: BTreeMap<(Instant, usize), Vec<u8>>,
    end: Option<(Instant, End)>,
    /// Bytes that fit between the two programs.
    pub(super) room: usize,
    /// Bytes that the peer reads in a second.
    pub(super) rate: u64,
    /// When it begins to read.
    pub(super) reads_from: Instant,
    /// Whether the peer answers pings and Close when it has read them.
    pub(super) answers: bool,
    /// The peer of a client: how many bytes it sends of its response and of what follows.
    pub(super) serves: Option<(usize, Vec<u8>)>,
    /// A signal interrupts each wait, once in this time.
    pub(super) signals: Option<Duration>,
    /// Whether there are timeouts.
    pub(super) times_out: bool,
    /// Each call fails so.
    pub(super) fault: Option<ErrorKind>,
    /// All bytes that were taken.
    pub(super) output: Vec<u8>,
    /// How many of them the peer has read, and until when.
    delivered: usize,
    read_until: Instant,
    /// Where the next frame begins that the peer has not read, or the head of the handshake.
    parsed: usize,
    pub(super) pings: usize,
    pub(super) timeouts: [Option<Duration>; 2],
    /// The longest timeout of a read, and of a write.
    pub(super) longest_read: Duration,
    pub(super) longest_write: Duration,
    pub(super) calls: usize,
    pub(super) shut_down: bool,
    pub(super) aborted: bool,
}

const READ: usize = 0;
const WRITE: usize = 1;

impl Socket {
    /// A peer that reads whatever comes, answers, and says nothing by itself.
    pub(super) fn new(time: &Time) -> Self {
        Self(Arc::new(Mutex::new(State {
            time: time.clone(),
            arrivals: BTreeMap::new(),
            end: None,
            room: 1 << 20,
            rate: u64::MAX,
            reads_from: time.now(),
            answers: true,
            serves: None,
            signals: None,
            times_out: true,
            fault: None,
            output: vec![],
            delivered: 0,
            read_until: time.now(),
            parsed: 0,
            pings: 0,
            timeouts: [None; 2],
            longest_read: Duration::ZERO,
            longest_write: Duration::ZERO,
            calls: 0,
            shut_down: false,
            aborted: false,
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The peer sends `bytes`, which arrive at `at`.
    pub(super) fn arrive(&self, at: Instant, bytes: impl Into<Vec<u8>>) {
        self.state().arrive(at, bytes.into());
    }

    pub(super) fn end(&self, at: Instant, end: End) {
        self.state().end = Some((at, end));
    }
}

impl State {
    fn arrive(&mut self, at: Instant, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let number = self.arrivals.len() + self.calls;
        let mut key = (at, number);
        while self.arrivals.contains_key(&key) {
            key.1 += 1;
        }
        self.arrivals.insert(key, bytes);
    }

    /// Nothing arrives behind what is due now.
    pub(super) fn arrivals_stop(&mut self) {
        let now = self.time.now();
        self.arrivals.retain(|(at, _), _| *at <= now);
    }

    /// Lets the peer read until now, and answer.
    pub(super) fn deliver(&mut self) {
        let now = self.time.now();
        if now < self.reads_from {
            return;
        }
        self.read_until = self.read_until.max(self.reads_from);
        let elapsed = now.saturating_since(self.read_until).as_nanos();
        let most = elapsed.saturating_mul(u128::from(self.rate)) / 1_000_000_000;
        let waiting = self.output.len() - self.delivered;
        let read = if self.rate == u64::MAX { waiting } else { waiting.min(most as usize) };
        self.delivered += read;
        if read > 0 || waiting == 0 {
            self.read_until = now;
        }
        self.pass_head();
        while let Some(end) = self.next_frame().filter(|end| *end <= self.delivered) {
            let opcode = self.output[self.parsed] & 0xF;
            self.pings += usize::from(opcode == 9);
            if self.answers && opcode == 9 {
                self.arrive(now, PONG.to_vec());
            }
            if self.answers && opcode == 8 {
                self.arrive(now, CLOSE.to_vec());
                self.end.get_or_insert((now, End::Eof));
            }
            self.parsed = end;
        }
    }

    /// What comes before the frames is a response, or a request, which is answered at once.
    fn pass_head(&mut self) {
        if self.parsed > 0 || !self.output.starts_with(b"HTTP") && !self.output.starts_with(b"GET")
        {
            return;
        }
        let head = self.output[..self.delivered].windows(4).position(|end| end == b"\r\n\r\n");
        let Some(head) = head else { return };
        self.parsed = head + 4;
        if let Some((most, frames)) = self.serves.take() {
            let mut response = respond(&self.output[..self.parsed]);
            response.extend_from_slice(&frames);
            response.truncate(most);
            self.arrive(self.time.now(), response);
        }
    }

    /// Where the frame ends that comes next.
    fn next_frame(&self) -> Option<usize> {
        let (header, header_len) = Header::parse(self.output.get(self.parsed..)?).ok()??;
        Some(self.parsed + header_len + header.payload_len() as usize)
    }

    /// All frames that were taken, without their masks.
    pub(super) fn frames(&mut self) -> Vec<(Opcode, Vec<u8>)> {
        self.deliver();
        let head = self.output.windows(4).position(|end| end == b"\r\n\r\n");
        let mut rest = &self.output[head.map_or(0, |head| head + 4)..];
        let mut frames = vec![];
        while let Some((header, header_len)) = Header::parse(rest).unwrap() {
            let (payload, behind) = rest[header_len..].split_at(header.payload_len() as usize);
            let key = header.mask().unwrap_or_default();
            let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
            frames.push((header.opcode(), payload.collect()));
            rest = behind;
        }
        frames
    }

    /// When the peer will have read `n` bytes, if it ever does.
    fn delivered_at(&self, n: usize) -> Option<Instant> {
        let missing = n.checked_sub(self.delivered)?;
        match self.rate {
            0 => None,
            u64::MAX => Some(self.time.now().max(self.reads_from)),
            rate => {
                let nanoseconds = (missing as u128 * 1_000_000_000).div_ceil(u128::from(rate));
                let from = self.read_until.max(self.reads_from);
                Some(from + Duration::from_nanos(nanoseconds as u64))
            }
        }
    }

    /// Waits for one of `moments`, or for as long as the timeout allows.
    fn wait(
        &mut self,
        direction: usize,
        deadline: Option<Instant>,
        moments: [Option<Instant>; 3],
    ) -> Result<(), ErrorKind> {
        let now = self.time.now();
        let deadline = deadline.filter(|_| self.times_out);
        let signal = self.signals.map(|period| {
            let periods = now.since_epoch().as_nanos() / period.as_nanos() + 1;
            Instant::new(period * u32::try_from(periods).unwrap())
        });
        let next = moments.into_iter().flatten().chain(deadline).chain(signal).min();
        let next = next.unwrap_or_else(|| panic!("it waits for ever in direction {direction}"));
        self.time.advance_to(next.max(now + Duration::from_nanos(1)));
        self.deliver();
        if deadline.is_some_and(|deadline| self.time.now() >= deadline) {
            Err(ErrorKind::WouldBlock)
        } else if signal == Some(next) {
            Err(ErrorKind::Interrupted)
        } else {
            Ok(())
        }
    }

    fn start(&mut self, direction: usize) -> io::Result<Option<Instant>> {
        self.calls += 1;
        assert!(self.calls < 1_000_000, "it goes on for ever");
        self.deliver();
        match self.fault {
            Some(kind) => Err(kind.into()),
            None => Ok(self.timeouts[direction].map(|timeout| self.time.now() + timeout)),
        }
    }
}

/// What a server answers.
pub(super) fn respond(request: &[u8]) -> Vec<u8> {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(request);
    let mut handshake = ServerHandshake::new(&Limits::default());
    let upgrade = handshake.receive(&mut rx).unwrap().unwrap();
    let upgrade = upgrade.upgrade(OriginPolicy::SameHost).unwrap();
    let mut connection = upgrade.accept(&Acceptance::default(), Config::default()).unwrap();
    let queue = connection.outgoing();
    queue.copy_to_bytes(queue.len()).to_vec()
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        let deadline = state.start(READ)?;
        let timeout = state.timeouts[READ].unwrap_or(Duration::MAX);
        state.longest_read = state.longest_read.max(timeout);
        loop {
            let now = state.time.now();
            let arrival = state.arrivals.keys().next().copied();
            if let Some(key) = arrival.filter(|(at, _)| *at <= now && !state.aborted) {
                let mut bytes = state.arrivals.remove(&key).unwrap();
                let n = bytes.len().min(buffer.len());
                buffer[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    state.arrivals.insert(key, bytes.split_off(n));
                }
                return Ok(n);
            }
            match state.end.filter(|(at, _)| *at <= now) {
                _ if state.aborted => return Ok(0),
                Some((_, End::Eof)) => return Ok(0),
                Some((_, End::Error(kind))) => return Err(kind.into()),
                None => {}
            }
            let frame = state.next_frame().and_then(|end| state.delivered_at(end));
            let moments = [arrival.map(|(at, _)| at), state.end.map(|(at, _)| at), frame];
            state.wait(READ, deadline, moments)?;
        }
    }
}

impl Write for Socket {
    /// Takes what there is room for, and waits for room for the rest, as a socket does.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        let deadline = state.start(WRITE)?;
        let timeout = state.timeouts[WRITE].unwrap_or(Duration::MAX);
        state.longest_write = state.longest_write.max(timeout);
        let mut taken = 0;
        loop {
            assert!(!state.shut_down && !state.aborted, "a write behind the end");
            let room = state.room - (state.output.len() - state.delivered).min(state.room);
            let n = room.min(bytes.len() - taken);
            state.output.extend_from_slice(&bytes[taken..taken + n]);
            taken += n;
            state.deliver();
            if taken == bytes.len() {
                return Ok(taken);
            }
            // Some of it becomes free when the peer has read a little.
            let needed = (state.output.len() + 4096.min(bytes.len() - taken))
                .saturating_sub(state.room)
                .max(state.delivered + 1);
            let freed = state.delivered_at(needed);
            match state.wait(WRITE, deadline, [freed, None, None]) {
                Ok(()) => {}
                Err(_) if taken > 0 => return Ok(taken),
                Err(kind) => return Err(kind.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Socket {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let mut state = self.state();
        state.timeouts[READ] = timeout;
        Ok(state.times_out)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let mut state = self.state();
        state.timeouts[WRITE] = timeout;
        Ok(state.times_out)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.state().shut_down = true;
        Ok(true)
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.state().aborted = true;
        Ok(true)
    }
}
