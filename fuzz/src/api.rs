//! A client and a server joined in memory, under virtual time, driven by operations that the
//! input decides.

use super::oracle;
use super::stream::{MAX_UNSENT_PONGS, counting_masks};
use arbitrary::{Arbitrary, Unstructured};
use bytes::{Buf, Bytes};
use core::time::Duration;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Delivery, Ended, Event, Limits, MessageKind,
    PreparedMessage, RecvBuffer, Role, SendError, Transport,
};
use std::collections::VecDeque;

/// Longest payload that is sent, beyond the size up to which payloads are copied.
const LONGEST: usize = 5000;

/// More steps than this say nothing new.
const MAX_STEPS: usize = 300;

/// Pings at once, more than are answered one by one.
const MAX_PINGS: u8 = 40;

/// What one side does, and when.
#[derive(Debug, Arbitrary)]
struct Script {
    client: Setup,
    server: Setup,
    steps: Vec<(Side, Operation)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
struct Setup {
    parts: bool,
    manual_pong: bool,
    few_bytes: bool,
    few_frames: bool,
    one_frame_per_call: bool,
    no_deadlines: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Side {
    Client,
    Server,
}

#[derive(Debug, Arbitrary)]
enum Operation {
    Send { kind: Kind, shape: Shape, len: u16 },
    Fragment { kind: Kind, len: u16, last: bool },
    Pings { len: u8, count: u8 },
    Pong { len: u8 },
    Close { code: u16, reason: u8 },
    Write { len: u16 },
    Deliver { len: u16 },
    Wait { millis: u16 },
    Die,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Kind {
    Text,
    Binary,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Shape {
    Borrowed,
    Shared,
    Prepared,
}

/// Whatever the two sides do, messages arrive equal and in order, neither breaks the protocol,
/// and when both are driven to the end, both end.
pub fn api(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut pair = Pair {
        client: Peer::new(Role::Client(counting_masks()), script.client),
        server: Peer::new(Role::Server, script.server),
        now: Instant::default(),
    };
    for (side, operation) in script.steps.iter().take(MAX_STEPS) {
        pair.step(*side, operation);
    }
    pair.finish();
}

struct Pair {
    client: Peer,
    server: Peer,
    now: Instant,
}

impl Pair {
    fn step(&mut self, side: Side, operation: &Operation) {
        let now = self.now;
        let (this, other) = match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        if this.over {
            return;
        }
        match *operation {
            Operation::Send { kind, shape, len } => this.send(kind.into(), shape, len, now),
            Operation::Fragment { kind, len, last } => this.fragment(kind.into(), len, last, now),
            Operation::Pings { len, count } => {
                for _ in 0..=count % MAX_PINGS {
                    this.ping(len);
                }
            }
            Operation::Pong { len } => this.pong(len),
            Operation::Close { code, reason } => this.close(code, reason, now),
            Operation::Write { len } => this.write(len.into()),
            Operation::Deliver { len } => this.deliver(other, len.into(), now),
            Operation::Die => this.die(),
            Operation::Wait { millis } => {
                self.now = now + Duration::from_millis(millis.into());
                self.client.handle_timeouts(self.now);
                self.server.handle_timeouts(self.now);
            }
        }
        self.client.settle();
        self.server.settle();
    }

    /// Writes and delivers everything until nothing is left to do.
    fn finish(mut self) {
        if self.client.connection.is_open() && self.server.connection.is_open() {
            self.step(Side::Client, &Operation::Close { code: 1000, reason: 3 });
        }
        for _ in 0..8 {
            for side in [Side::Client, Side::Server] {
                // A pong that waits for another to be sent needs a second turn.
                while self.peer(side).connection.wants_write() && !self.peer(side).over {
                    self.step(side, &Operation::Write { len: u16::MAX });
                }
            }
            for side in [Side::Client, Side::Server] {
                while !self.other(side).wire.is_empty() && !self.peer(side).over {
                    self.step(side, &Operation::Deliver { len: u16::MAX });
                }
                self.step(side, &Operation::Deliver { len: 0 });
            }
        }
        assert!(self.client.over && self.server.over, "still open");
        let is_clean = !self.client.died && !self.server.died;
        for (peer, other) in [(&self.client, &self.server), (&self.server, &self.client)] {
            peer.check_written(is_clean);
            if is_clean {
                assert!(other.sent.is_empty(), "lost: {:?}", other.sent);
                let sent = other.close.expect("a Close was queued");
                assert_eq!(peer.ended, Some(Ended::Clean { code: sent }));
            }
        }
    }

    fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn other(&self, side: Side) -> &Peer {
        match side {
            Side::Client => &self.server,
            Side::Server => &self.client,
        }
    }
}

/// What was sent, in the order in which it must arrive.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Message(MessageKind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// A connection, its half of the transport, and what must come true of it.
struct Peer {
    connection: Connection,
    rx: RecvBuffer,
    deadlines: Deadlines,
    /// Written and not yet delivered.
    wire: VecDeque<u8>,
    written: Vec<u8>,
    received: usize,
    /// Nothing more will be written: the other side sees the end behind `wire`.
    output_ended: bool,
    /// The transport is dropped.
    over: bool,
    /// … though the closing handshake had not ended.
    died: bool,
    ended: Option<Ended>,
    /// Completely queued and not yet arrived at the other side.
    sent: VecDeque<Sent>,
    /// The fragmented message that is being sent.
    begun: Option<(MessageKind, Vec<u8>)>,
    /// The message of which parts have arrived.
    arriving: Option<(MessageKind, Vec<u8>)>,
    /// Our Close.
    close: Option<Option<CloseCode>>,
    controls: u32,
    /// The last of our pings to be answered.
    answered: u32,
}

impl Peer {
    fn new(role: Role, setup: Setup) -> Self {
        let mut limits = Limits::default();
        if setup.few_bytes {
            limits = limits.max_queued_bytes(1000);
        }
        if setup.few_frames {
            limits = limits.max_queued_frames(3);
        }
        if setup.one_frame_per_call {
            limits = limits.max_frames_per_call(1);
        }
        let delivery = if setup.parts { Delivery::Parts } else { Delivery::Messages };
        let config =
            Config::default().limits(limits).delivery(delivery).auto_pong(!setup.manual_pong);
        let timeouts = match setup.no_deadlines {
            true => Timeouts::NONE,
            false => Timeouts::default().idle(Some(Duration::from_secs(50))),
        };
        let mut deadlines = Deadlines::new(timeouts, Instant::default());
        deadlines.opened(Instant::default());
        Self {
            connection: Connection::new(role, config),
            rx: RecvBuffer::new(),
            deadlines,
            wire: VecDeque::new(),
            written: Vec::new(),
            received: 0,
            output_ended: false,
            over: false,
            died: false,
            ended: None,
            sent: VecDeque::new(),
            begun: None,
            arriving: None,
            close: None,
            controls: 0,
            answered: 0,
        }
    }

    // What the caller does

    fn send(&mut self, kind: MessageKind, shape: Shape, len: u16, now: Instant) {
        let mut payload = content(kind, 0, len);
        let valid = match core::str::from_utf8(&payload) {
            Err(error) if kind == MessageKind::Text => error.valid_up_to(),
            _ => payload.len(),
        };
        let is_checked = matches!(shape, Shape::Shared);
        let expected = if is_checked && valid < payload.len() {
            Err(SendError::InvalidUtf8)
        } else {
            payload.truncate(valid);
            match (self.close, &self.begun) {
                (None, Some(_)) => Err(SendError::InterleavedMessage),
                _ => self.may_send(),
            }
        };
        let before = self.queue_state();
        let text = || core::str::from_utf8(&payload).expect("cut to what is valid");
        let connection = &mut self.connection;
        let result = match (shape, kind) {
            (Shape::Borrowed, MessageKind::Text) => connection.send_text(text()),
            (Shape::Borrowed, MessageKind::Binary) => connection.send_binary(&payload),
            (Shape::Shared, kind) => {
                let payload = Bytes::copy_from_slice(&payload);
                connection.send_bytes(kind, payload.clone()).map_err(|rejected| {
                    assert_eq!(rejected.message, payload);
                    rejected.error
                })
            }
            (Shape::Prepared, MessageKind::Text) => {
                connection.send_prepared(&PreparedMessage::text(text()))
            }
            (Shape::Prepared, MessageKind::Binary) => {
                connection.send_prepared(&PreparedMessage::binary(&payload))
            }
        };
        if self.check_result(result, expected, before) {
            self.sent.push_back(Sent::Message(kind, payload));
            self.deadlines.message_sent(now);
        }
    }

    fn fragment(&mut self, kind: MessageKind, len: u16, last: bool, now: Instant) {
        let (begun_kind, mut message) = self.begun.clone().unwrap_or((kind, Vec::new()));
        let payload = content(kind, message.len(), len);
        message.extend_from_slice(&payload);
        let expected = if self.close.is_some() {
            Err(SendError::Closed)
        } else if kind != begun_kind {
            Err(SendError::InterleavedMessage)
        } else if last && kind == MessageKind::Text && core::str::from_utf8(&message).is_err() {
            Err(SendError::InvalidUtf8)
        } else {
            self.may_send()
        };
        let before = self.queue_state();
        let result = self.connection.send_fragment(kind, &payload, last);
        if self.check_result(result, expected, before) {
            self.deadlines.message_sent(now);
            if last {
                self.begun = None;
                self.sent.push_back(Sent::Message(kind, message));
            } else {
                self.begun = Some((kind, message));
            }
        }
    }

    fn ping(&mut self, len: u8) {
        let (payload, bytes) = self.control(b'i', len);
        let expected = self.may_send();
        let before = self.queue_state();
        let result = self.connection.send_ping(payload);
        if self.check_result(result, expected, before) {
            self.sent.push_back(Sent::Ping(bytes));
        }
    }

    fn pong(&mut self, len: u8) {
        let (payload, bytes) = self.control(b'o', len);
        let expected = self.may_send();
        let before = self.queue_state();
        let result = self.connection.send_pong(payload);
        if self.check_result(result, expected, before) {
            self.sent.push_back(Sent::Pong(bytes));
        }
    }

    /// A payload that tells pings and pongs, and one from another.
    fn control(&mut self, tag: u8, len: u8) -> (ControlPayload, Vec<u8>) {
        self.controls += 1;
        let mut bytes = vec![tag; usize::from(len).clamp(5, 125)];
        bytes[1..5].copy_from_slice(&self.controls.to_be_bytes());
        (ControlPayload::new(&bytes).expect("at most 125 bytes"), bytes)
    }

    fn close(&mut self, code: u16, reason: u8, now: Instant) {
        let reason = "r".repeat(reason.into());
        let code = CloseCode::new(code);
        let expected = match code {
            Some(_) if reason.len() > 123 => Err(SendError::ReasonTooLong),
            Some(CloseCode::MANDATORY_EXTENSION) if self.connection.is_server() => {
                Err(SendError::ClientOnlyCode)
            }
            _ if self.close.is_some() || self.ended.is_some() => Err(SendError::Closed),
            _ => Ok(()),
        };
        let before = self.queue_state();
        let result = match code {
            Some(code) => self.connection.close(code, &reason),
            None => self.connection.close_empty(),
        };
        if self.check_result(result, expected, before) {
            self.close = Some(code);
            self.deadlines.closing(now);
        }
    }

    /// What the machine has to say to a further frame.
    fn may_send(&mut self) -> Result<(), SendError> {
        if self.close.is_some() || self.ended.is_some() {
            return Err(SendError::Closed);
        }
        let limits = self.connection.config().limits;
        let frames = self.connection.outgoing().frames();
        let queued = self.connection.queued();
        let room = frames < limits.max_queued_frames && queued < limits.max_queued_bytes;
        if room || queued == 0 { Ok(()) } else { Err(SendError::QueueFull) }
    }

    fn queue_state(&mut self) -> (usize, usize, Transport, bool) {
        let queue = self.connection.outgoing();
        let (bytes, frames) = (queue.len(), queue.frames());
        (bytes, frames, self.connection.transport(), self.connection.is_open())
    }

    /// Whether it was queued.
    fn check_result(
        &mut self,
        result: Result<(), SendError>,
        expected: Result<(), SendError>,
        before: (usize, usize, Transport, bool),
    ) -> bool {
        assert_eq!(result, expected);
        if result.is_err() {
            assert_eq!(self.queue_state(), before, "an error has changed something");
        }
        result.is_ok()
    }

    // What the transport does

    fn write(&mut self, mut len: usize) {
        let max_frames = self.connection.config().limits.max_queued_frames;
        let queue = self.connection.outgoing();
        assert!(queue.frames() <= max_frames + MAX_UNSENT_PONGS + 1);
        while len > 0 && queue.has_remaining() {
            let chunk = queue.chunk();
            let n = chunk.len().min(len);
            assert!(n > 0);
            self.wire.extend(&chunk[..n]);
            self.written.extend_from_slice(&chunk[..n]);
            queue.advance(n);
            len -= n;
        }
    }

    fn deliver(&mut self, from: &mut Self, len: usize, now: Instant) {
        let len = len.min(from.wire.len());
        let bytes: Vec<u8> = from.wire.drain(..len).collect();
        if len > 0 {
            self.deadlines.received(now);
        }
        self.received += len;
        self.rx.extend_from_slice(&bytes);
        assert!(self.rx.capacity() <= 2 * self.received + 4096, "memory: {:?}", self.rx);
        let mut rx = core::mem::take(&mut self.rx);
        let mut calls = 0;
        while let Some(event) = self.connection.next_event(&mut rx).expect("no error") {
            self.receive(event, from, now);
            calls += 1;
            assert!(calls <= self.received, "events without end");
        }
        self.rx = rx;
        if from.output_ended && from.wire.is_empty() && self.ended.is_none() {
            let ended = self.connection.receive_eof(&self.rx);
            assert!(from.died || ended.is_clean(), "{ended:?}");
            if let Ended::Eof { mid_message, close_sent, .. } = ended {
                assert_eq!(close_sent, self.close.is_some());
                assert!(mid_message || self.arriving.is_none());
            }
            self.ended = Some(ended);
        }
    }

    fn receive(&mut self, event: Event<'_>, from: &mut Self, now: Instant) {
        match event {
            Event::Text(text) => self.part(MessageKind::Text, text.as_bytes(), true, true, from),
            Event::Binary(bytes) => self.part(MessageKind::Binary, bytes, true, true, from),
            Event::TextPart { text, first, last } => {
                self.part(MessageKind::Text, text.as_bytes(), first, last, from);
            }
            Event::BinaryPart { bytes, first, last } => {
                self.part(MessageKind::Binary, bytes, first, last, from);
            }
            Event::Ping(payload) => {
                assert_eq!(from.sent.pop_front(), Some(Sent::Ping(payload.to_vec())));
                if !self.connection.config().auto_pong {
                    let payload = ControlPayload::new(payload).expect("from a control frame");
                    // A full queue or a Close may be in the way; the ping is then not answered.
                    let _ = self.connection.send_pong(payload);
                }
            }
            Event::Pong(payload) if payload[0] == b'i' => {
                let number = u32::from_be_bytes([payload[1], payload[2], payload[3], payload[4]]);
                assert!(self.answered < number && number <= self.controls, "an odd pong");
                self.answered = number;
            }
            Event::Pong(payload) => {
                assert_eq!(from.sent.pop_front(), Some(Sent::Pong(payload.to_vec())));
            }
            Event::Close(close) => {
                assert_eq!(from.close, Some(close.code), "another Close than was sent");
                let reply = match close.code {
                    // For clients only (RFC 6455, section 7.4.1).
                    Some(CloseCode::MANDATORY_EXTENSION) if self.connection.is_server() => {
                        Some(CloseCode::NORMAL)
                    }
                    code => code,
                };
                self.close.get_or_insert(reply);
                self.deadlines.closing(now);
            }
            Event::Yield => {}
            other => panic!("an event that is new to this harness: {other:?}"),
        }
        if self.arriving.is_some() {
            self.deadlines.message_arriving(now);
        } else if !matches!(event, Event::Ping(_) | Event::Pong(_) | Event::Yield) {
            self.deadlines.message_received(now);
        }
    }

    fn part(&mut self, kind: MessageKind, bytes: &[u8], first: bool, last: bool, from: &mut Self) {
        assert_eq!(first, self.arriving.is_none());
        let (began_as, message) = self.arriving.get_or_insert((kind, Vec::new()));
        assert_eq!(*began_as, kind);
        message.extend_from_slice(bytes);
        if last {
            let (kind, message) = self.arriving.take().expect("it was just put there");
            assert_eq!(from.sent.pop_front(), Some(Sent::Message(kind, message)));
        }
    }

    // Time, and the end

    fn handle_timeouts(&mut self, now: Instant) {
        while !self.over {
            let next = self.deadlines.poll_timeout();
            let Some(due) = self.deadlines.handle_timeout(now) else {
                assert!(next.is_none_or(|at| at > now), "it did not report what is due");
                return;
            };
            assert!(next.is_some_and(|at| at <= now), "{due:?} is too early");
            match due {
                Due::Ping => self.ping(0),
                Due::Idle => self.close(1001, 0, now),
                Due::Pong | Due::Close => {
                    self.ended.get_or_insert(self.connection.abandon());
                    assert_eq!(self.connection.transport(), Transport::Drop);
                    self.die();
                }
                due => panic!("{due:?}, but it is open and no message has a deadline"),
            }
        }
    }

    fn die(&mut self) {
        self.over = true;
        self.died = true;
        self.output_ended = true;
    }

    /// Does to the transport what the machine says, and looks at what must always hold.
    fn settle(&mut self) {
        if self.over {
            return;
        }
        match self.connection.transport() {
            Transport::KeepOpen => {
                assert!(!self.output_ended, "a transport that has ended cannot be kept open");
            }
            Transport::ShutdownWrite => self.output_ended = true,
            Transport::Drop => {
                assert!(self.ended.is_some(), "dropped before its end");
                self.output_ended = true;
                self.over = true;
                self.died |= !self.ended.is_some_and(Ended::is_clean);
            }
        }
        let limits = self.connection.config().limits;
        // Headers, some pongs and one Close are not counted against the limit.
        let beyond = (MAX_UNSENT_PONGS + 1) * 131;
        assert!(self.connection.queued() <= limits.max_queued_bytes + LONGEST + 14 + beyond);
        assert_eq!(self.connection.is_open(), self.close.is_none() && self.ended.is_none());
    }

    /// Frames that are correct and masked by the role, and Close once, at the end.
    fn check_written(&self, is_clean: bool) {
        let (frames, rest) = oracle::frames(&self.written);
        assert!(rest.is_empty() || !is_clean, "the last frame is cut off");
        for (frame, count) in frames.iter().zip(1_u32..) {
            let key = (!self.connection.is_server()).then(|| count.to_be_bytes());
            assert_eq!(frame.key, key);
        }
        let close = frames.iter().position(|frame| frame.opcode == 8);
        match close {
            Some(at) => assert_eq!(at + 1, frames.len(), "something behind Close"),
            None => assert!(!is_clean, "no Close"),
        }
    }
}

impl From<Kind> for MessageKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// Bytes `from ..` of an endless text, or of endless binary data.
fn content(kind: MessageKind, from: usize, len: u16) -> Vec<u8> {
    let endless: &[u8] = match kind {
        MessageKind::Text => "aß€😀".as_bytes(),
        MessageKind::Binary => &[0, 1, 0x80, 0xff, 2, 3, 5],
    };
    endless
        .iter()
        .copied()
        .cycle()
        .skip(from % endless.len())
        .take(usize::from(len) % LONGEST)
        .collect()
}
