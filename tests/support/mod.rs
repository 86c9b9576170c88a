//! What every test of the wire uses: recorded traces, and the ways in which bytes can arrive and
//! leave. Each test binary takes it in with `mod support;` (or `#[path]`) and uses its own part.
//!
//! The one idea: *how the bytes were cut may not matter*. So a sample is never fed just once.
//! [`received`] feeds it whole, cut at every point and byte by byte, and demands one and the same
//! [`Trace`]; [`sent`] writes the output in steps of every length and demands the same bytes.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

#[cfg(feature = "deflate")]
pub mod deflate;
pub mod frame;
pub mod inflate;
pub mod pair;

use bytes::Buf;
use core::fmt::Debug;
use sansio_ws::{
    Config, Connection, Delivery, Ended, Event, Masks, ProtocolError, RecvBuffer, Role, Transport,
};
use std::io::IoSlice;

/// A server with default settings.
pub fn server() -> Connection {
    Connection::new(Role::Server, Config::default())
}

/// A client with default settings, masking with [`key`] 1, 2, 3 and so on.
pub fn client() -> Connection {
    Connection::new(Role::Client(masks()), Config::default())
}

/// Both sides, with a name for messages of failed assertions.
pub const SIDES: [fn() -> Connection; 2] = [server, client];

/// The same side with other settings.
pub fn with(config: Config, side: fn() -> Connection) -> impl Fn() -> Connection {
    move || match side().is_server() {
        true => Connection::new(Role::Server, config.clone()),
        false => Connection::new(Role::Client(masks()), config.clone()),
    }
}

/// The same side, handing out parts.
pub fn in_parts(side: fn() -> Connection) -> impl Fn() -> Connection {
    with(Config::default().delivery(Delivery::Parts), side)
}

/// Masks that a test can foresee.
pub fn masks() -> Masks {
    let mut n = 0;
    Masks::new(move || {
        n += 1;
        key(n)
    })
}

/// The n-th masking key of a test, no two of the first 2^32 alike.
pub fn key(n: u32) -> [u8; 4] {
    n.wrapping_mul(0x9E37_79B9).to_be_bytes()
}

/// An event with its own memory. [`Event::Yield`] has no place here: it tells of the caller's
/// budget, and not of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Text(String),
    Binary(Vec<u8>),
    TextPart { text: String, first: bool, last: bool },
    BinaryPart { bytes: Vec<u8>, first: bool, last: bool },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl Seen {
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub fn binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Binary(bytes.into())
    }

    pub fn ping(payload: &str) -> Self {
        Self::Ping(payload.into())
    }

    pub fn pong(payload: &str) -> Self {
        Self::Pong(payload.into())
    }

    pub fn close(code: u16, reason: &str) -> Self {
        Self::Close(Some(code), reason.into())
    }

    pub fn of(event: Event<'_>) -> Option<Self> {
        Some(match event {
            Event::Text(text) => Self::text(text),
            Event::Binary(bytes) => Self::binary(bytes),
            Event::TextPart { text, first, last } => {
                Self::TextPart { text: text.into(), first, last }
            }
            Event::BinaryPart { bytes, first, last } => {
                Self::BinaryPart { bytes: bytes.into(), first, last }
            }
            Event::Ping(payload) => Self::Ping(payload.into()),
            Event::Pong(payload) => Self::Pong(payload.into()),
            Event::Close(close) => Self::Close(close.code.map(u16::from), close.reason.into()),
            Event::Yield => return None,
            _ => panic!("an event this helper does not know: {event:?}"),
        })
    }

    /// Takes `next` in, if both are neighbouring parts of one message. Where parts are cut is up
    /// to the reads, so the normal form has none that touch.
    fn join(&mut self, next: &Self) -> bool {
        match (self, next) {
            (
                Self::TextPart { text, last: last @ false, .. },
                Self::TextPart { text: more, first: false, last: end },
            ) => {
                assert!(*end || !more.is_empty(), "only the last part may be empty");
                text.push_str(more);
                *last = *end;
                true
            }
            (
                Self::BinaryPart { bytes, last: last @ false, .. },
                Self::BinaryPart { bytes: more, first: false, last: end },
            ) => {
                assert!(*end || !more.is_empty(), "only the last part may be empty");
                bytes.extend_from_slice(more);
                *last = *end;
                true
            }
            _ => false,
        }
    }
}

/// All that a connection did with a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    pub events: Vec<Seen>,
    pub error: Option<ProtocolError>,
    /// Everything written, in order; written out after each event.
    pub output: Vec<u8>,
    /// What it wanted of the transport when the sample was used up and all output written.
    pub transport: Transport,
    /// What it called the end when the transport ended behind the sample.
    pub ended: Ended,
}

/// A connection with its buffer, fed by hand.
pub struct Feed {
    pub connection: Connection,
    pub rx: RecvBuffer,
    events: Vec<Seen>,
    error: Option<ProtocolError>,
    output: Vec<u8>,
    /// How many bytes one write takes; with 0 the output stays in the queue.
    pub write: usize,
    /// Where the buffer is parked between reads, if it is.
    pub parked: Option<RecvBuffer>,
}

impl Feed {
    pub fn new(connection: Connection) -> Self {
        Self {
            connection,
            rx: RecvBuffer::new(),
            events: vec![],
            error: None,
            output: vec![],
            write: usize::MAX,
            parked: None,
        }
    }

    /// The output stays in the queue, as if the transport took nothing.
    pub fn blocked(connection: Connection) -> Self {
        Self { write: 0, ..Self::new(connection) }
    }

    /// One read of all of `bytes`, and everything that follows from it.
    pub fn read(&mut self, bytes: &[u8]) -> &mut Self {
        self.drain();
        if let Some(parked) = &mut self.parked {
            self.rx.park(parked);
            self.rx.unpark(parked);
        }
        self.rx.extend_from_slice(bytes);
        loop {
            let event = self.connection.next_event(&mut self.rx);
            let seen = match (event, self.error) {
                (Ok(Some(event)), None) => Seen::of(event),
                (Ok(None), None) => break,
                (Err(error), None) => {
                    self.error = Some(error);
                    self.drain();
                    break;
                }
                // A connection that has failed stays failed.
                (event, Some(error)) => {
                    assert_eq!(event, Err(error));
                    let written = self.write == 0 || !self.connection.wants_write();
                    assert!(written, "output after the failure");
                    break;
                }
            };
            if let Some(seen) = seen
                && !self.events.last_mut().is_some_and(|last| last.join(&seen))
            {
                self.events.push(seen);
            }
            self.drain();
        }
        self
    }

    pub fn events(&self) -> &[Seen] {
        &self.events
    }

    pub fn error(&self) -> Option<ProtocolError> {
        self.error
    }

    pub fn output(&self) -> &[u8] {
        &self.output
    }

    pub fn drain(&mut self) {
        if self.write > 0 {
            drain(&mut self.connection, self.write, &mut self.output);
        }
    }

    /// Ends the transport behind what was fed.
    pub fn end(mut self) -> Trace {
        self.drain();
        let transport = self.connection.transport();
        let ended = self.connection.receive_eof(&self.rx);
        let Self { events, error, output, .. } = self;
        Trace { events, error, output, transport, ended }
    }
}

/// Samples up to this many bytes are cut at every point, longer ones at chosen points.
const EVERY_POINT: usize = 2048;

/// Feeds `wire` in every way to fresh connections, demands the same trace each time, and returns
/// it. `connection` may have done something before.
pub fn received(connection: impl Fn() -> Connection, wire: &[u8]) -> Trace {
    let trace = every_cut(wire, |pieces| {
        let mut feed = Feed::new(connection());
        // One byte per read is joined by one byte per write, and the smallest of buffers.
        if pieces.len() > 2 {
            feed.rx = RecvBuffer::with_capacity(1);
            feed.write = 1;
        }
        for piece in pieces {
            feed.read(piece);
        }
        feed.end()
    });
    // Parking copies all that is pending, for each byte.
    if wire.len() <= EVERY_POINT {
        let mut feed = Feed::new(connection());
        feed.parked = Some(RecvBuffer::new());
        wire.chunks(1).for_each(|byte| _ = feed.read(byte));
        assert_eq!(feed.end(), trace, "byte by byte, with the buffer parked in between");
    }
    trace
}

/// What `run` makes of `wire` whole, in two pieces cut at every point, and byte by byte: the same,
/// or this panics.
pub fn every_cut<T: PartialEq + Debug>(wire: &[u8], run: impl Fn(&[&[u8]]) -> T) -> T {
    let whole = run(&[wire]);
    for cut in cuts(wire.len()) {
        assert_eq!(run(&[&wire[..cut], &wire[cut..]]), whole, "cut at {cut}");
    }
    let bytes: Vec<_> = wire.chunks(1).collect();
    assert_eq!(run(&bytes), whole, "byte by byte");
    whole
}

/// Where to cut a sample in two.
pub fn cuts(len: usize) -> Vec<usize> {
    if len <= EVERY_POINT {
        return (0..=len).collect();
    }
    let ends = (0..40).chain(len - 40..=len);
    let between = (40..len - 40).step_by(len / 61 + 1);
    // Where sizes of buffers and of length fields might make a difference.
    let borders = [125, 126, 127, 4096, 8192, 65_535, 65_536].into_iter();
    let near = borders.flat_map(|at| at - 2..at + 16).filter(|&at| at <= len);
    ends.chain(between).chain(near).collect()
}

/// Writes everything out, in steps of `step` bytes and of all lengths below, and with vectored
/// writes; demands the same bytes each time, and returns them.
pub fn sent(connection: impl Fn() -> Connection) -> Vec<u8> {
    let mut whole = vec![];
    drain(&mut connection(), usize::MAX, &mut whole);
    let steps = cuts(whole.len()).into_iter().filter(|&step| step > 0);
    for step in steps {
        let mut output = vec![];
        drain(&mut connection(), step, &mut output);
        assert_eq!(output, whole, "written in steps of {step}");
    }
    for slices in [1, 2, 3, 64] {
        for step in [1, 2, 7, 13, usize::MAX] {
            let mut output = vec![];
            drain_vectored(&mut connection(), slices, step, &mut output);
            assert_eq!(output, whole, "written in steps of {step}, {slices} slices");
        }
    }
    whole
}

/// Writes everything to `output`, at most `step` bytes at a time.
pub fn drain(connection: &mut Connection, step: usize, output: &mut Vec<u8>) {
    while connection.wants_write() {
        let queue = connection.outgoing();
        let n = queue.chunk().len().min(step);
        assert!(n > 0, "it wants to write and has nothing");
        output.extend_from_slice(&queue.chunk()[..n]);
        queue.advance(n);
    }
    assert_eq!(connection.outgoing().chunk(), b"");
}

fn drain_vectored(connection: &mut Connection, slices: usize, step: usize, output: &mut Vec<u8>) {
    while connection.wants_write() {
        let queue = connection.outgoing();
        let mut vector = vec![IoSlice::new(&[]); slices];
        let used = queue.chunks_vectored(&mut vector);
        let before = output.len();
        output.extend(vector[..used].iter().flat_map(|slice| slice.iter()).take(step));
        let n = output.len() - before;
        assert!(n > 0, "it wants to write and has nothing");
        queue.advance(n);
    }
}
