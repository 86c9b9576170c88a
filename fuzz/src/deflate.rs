//! Compressed messages there and back: a client and a server with any settings, joined in memory.

use super::stream::{counting_masks, write_all};
use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Extension, Offer};
use sansio_ws::{
    Config, Connection, ControlPayload, Delivery, Event, Limits, MessageKind, PreparedMessage,
    RecvBuffer, Role,
};
use std::collections::VecDeque;

/// More steps than this say nothing new.
const MAX_STEPS: usize = 40;

/// The longest payload that is sent.
const LONGEST: u16 = 5000;

#[derive(Debug, Arbitrary)]
struct Script {
    client: Setup,
    server: Setup,
    steps: Vec<(Side, Operation)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
struct Setup {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window: u8,
    client_window: u8,
    level: u8,
    mem_level: u8,
    min_bytes: u8,
    parts: bool,
    park: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Side {
    Client,
    Server,
}

#[derive(Debug, Arbitrary)]
enum Operation {
    Send { kind: Kind, shape: Shape, content: Content, len: u16 },
    Fragment { kind: Kind, content: Content, len: u16, last: bool },
    Ping { len: u8 },
    UseExtension { on: bool },
    Deliver { len: u16 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
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

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Content {
    /// One byte again and again.
    Run(u8),
    /// Bytes without an order.
    Noise(u8),
    /// Few different words.
    Words(u8),
}

/// Whatever is sent, in whatever way, arrives equal and in order.
pub fn deflate(data: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let (client, server) = (script.client.deflate(), script.server.deflate());
    let offer = client.offer();
    let offers = Offer::parse(offer.as_bytes()).expect("a well-formed offer");
    let mut peers = [
        Peer::new(Role::Client(counting_masks()), script.client, client.clone()),
        Peer::new(Role::Server, script.server, server.clone()),
    ];
    // They may not come together. Then nothing is compressed.
    if let Some(accepted) = server.accept(&offers) {
        let answer = Offer::parse(accepted.header.as_bytes()).expect("a well-formed answer");
        let confirmed = client.confirm(&answer[0]).expect("an answer to the offer");
        let [client, server] = peers;
        peers = [client.agreed(confirmed), server.agreed(accepted)];
    }
    for (side, operation) in script.steps.iter().take(MAX_STEPS) {
        let [client, server] = &mut peers;
        match side {
            Side::Client => client.step(server, operation),
            Side::Server => server.step(client, operation),
        }
    }
    let [client, server] = &mut peers;
    client.finish(server);
    server.finish(client);
}

impl Setup {
    fn deflate(self) -> Deflate {
        Deflate::default()
            .server_no_context_takeover(self.server_no_context_takeover)
            .client_no_context_takeover(self.client_no_context_takeover)
            .min_bytes(self.min_bytes.into())
            .server_max_window_bits(8 + self.server_window % 8)
            .and_then(|deflate| deflate.client_max_window_bits(8 + self.client_window % 8))
            .and_then(|deflate| deflate.level(1 + self.level % 9))
            .and_then(|deflate| deflate.mem_level(1 + self.mem_level % 9))
            .expect("settings in their ranges")
    }
}

impl Content {
    /// `len` bytes, or a few less: a text consists of whole code points.
    fn bytes(self, kind: Kind, len: u16) -> Vec<u8> {
        const WORDS: [&str; 8] = ["to ", "be ", "or ", "not ", "größer ", "\u{1f600} ", "1", "\n"];
        let len = usize::from(len.min(LONGEST));
        let mut random = match self {
            Self::Run(seed) | Self::Noise(seed) | Self::Words(seed) => u32::from(seed),
        };
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = (random >> 24) as u8;
            match (self, kind) {
                (Self::Run(seed), Kind::Binary) => bytes.push(seed),
                (Self::Run(seed), Kind::Text) => bytes.push(seed & 0x7f),
                (Self::Noise(_), Kind::Binary) => bytes.push(byte),
                (Self::Noise(_), Kind::Text) => bytes.push(byte & 0x7f),
                (Self::Words(_), _) => bytes.extend(WORDS[usize::from(byte % 8)].as_bytes()),
            }
        }
        bytes
    }
}

/// What was sent, in the order in which it must arrive.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
}

struct Peer {
    connection: Connection,
    deflate: Deflate,
    rx: RecvBuffer,
    parked: Option<RecvBuffer>,
    /// Written and not yet delivered to the other side.
    wire: VecDeque<u8>,
    sent: VecDeque<Sent>,
    /// The fragmented message that is being sent.
    begun: Option<(Kind, Vec<u8>)>,
    /// The message of which parts have arrived.
    arriving: Vec<u8>,
}

impl Peer {
    fn new(role: Role, setup: Setup, deflate: Deflate) -> Self {
        let delivery = if setup.parts { Delivery::Parts } else { Delivery::Messages };
        let limits = Limits::default().max_queued_bytes(usize::MAX);
        Self {
            connection: Connection::new(role, Config::default().delivery(delivery).limits(limits)),
            deflate,
            rx: RecvBuffer::new(),
            parked: setup.park.then(RecvBuffer::new),
            wire: VecDeque::new(),
            sent: VecDeque::new(),
            begun: None,
            arriving: Vec::new(),
        }
    }

    fn agreed(mut self, agreement: sansio_ws::extension::Agreement) -> Self {
        self.connection = self.connection.with_agreement(agreement);
        self
    }

    fn step(&mut self, other: &mut Self, operation: &Operation) {
        match *operation {
            Operation::Send { kind, shape, content, len } if self.begun.is_none() => {
                self.send(kind, shape, content.bytes(kind, len));
            }
            Operation::Send { kind, content, len, .. } => {
                self.fragment(kind, &content.bytes(kind, len), true);
            }
            Operation::Fragment { kind, content, len, last } => {
                self.fragment(kind, &content.bytes(kind, len), last);
            }
            Operation::Ping { len } => {
                let payload = vec![len; usize::from(len % 126)];
                let control = ControlPayload::new(&payload).expect("at most 125 bytes");
                self.connection.send_ping(control).expect("room");
                self.sent.push_back(Sent::Ping(payload));
            }
            Operation::UseExtension { on } => self.connection.use_extension(on),
            Operation::Deliver { len } => self.deliver(other, len.into()),
        }
        self.write();
    }

    fn send(&mut self, kind: Kind, shape: Shape, payload: Vec<u8>) {
        let connection = &mut self.connection;
        let text = || core::str::from_utf8(&payload).expect("whole code points");
        match (shape, kind) {
            (Shape::Borrowed, Kind::Text) => connection.send_text(text()).expect("room"),
            (Shape::Borrowed, Kind::Binary) => connection.send_binary(&payload).expect("room"),
            (Shape::Shared, _) => {
                let shared = Bytes::copy_from_slice(&payload);
                connection.send_bytes(kind.into(), shared).expect("room");
            }
            (Shape::Prepared, _) => {
                let prepared = match kind {
                    Kind::Text => PreparedMessage::text(text()),
                    Kind::Binary => PreparedMessage::binary(&payload),
                };
                connection.send_prepared(&prepared.encoded(&self.deflate)).expect("room");
            }
        }
        self.sent.push_back(Sent::Message(kind, payload));
    }

    /// A further one of the message that is under way, or the first of a new one.
    fn fragment(&mut self, kind: Kind, payload: &[u8], last: bool) {
        let (kind, mut message) = self.begun.take().unwrap_or((kind, Vec::new()));
        let payload = match kind {
            Kind::Text => core::str::from_utf8(payload).unwrap_or("?").as_bytes(),
            Kind::Binary => payload,
        };
        self.connection.send_fragment(kind.into(), payload, last).expect("room");
        message.extend_from_slice(payload);
        if last {
            self.sent.push_back(Sent::Message(kind, message));
        } else {
            self.begun = Some((kind, message));
        }
    }

    fn write(&mut self) {
        let mut output = Vec::new();
        write_all(self.connection.outgoing(), &mut output);
        self.wire.extend(output);
    }

    /// Delivers `len` bytes of what was written to the other side.
    fn deliver(&mut self, other: &mut Self, len: usize) {
        let bytes: Vec<u8> = self.wire.drain(..len.min(self.wire.len())).collect();
        if let Some(parked) = &mut other.parked {
            other.rx.unpark(parked);
        }
        other.rx.extend_from_slice(&bytes);
        while other.receive(&mut self.sent) {}
        if let Some(parked) = &mut other.parked {
            other.rx.park(parked);
        }
        other.write();
    }

    /// Whether there may be more.
    fn receive(&mut self, sent: &mut VecDeque<Sent>) -> bool {
        let event = self.connection.next_event(&mut self.rx).expect("both keep to the protocol");
        let (kind, bytes, last) = match event {
            Some(Event::Text(text)) => (Kind::Text, text.as_bytes(), true),
            Some(Event::Binary(bytes)) => (Kind::Binary, bytes, true),
            Some(Event::TextPart { text, first, last }) => {
                assert!(!first || self.arriving.is_empty());
                (Kind::Text, text.as_bytes(), last)
            }
            Some(Event::BinaryPart { bytes, first, last }) => {
                assert!(!first || self.arriving.is_empty());
                (Kind::Binary, bytes, last)
            }
            Some(Event::Ping(payload)) => {
                assert_eq!(sent.pop_front(), Some(Sent::Ping(payload.to_vec())));
                return true;
            }
            Some(Event::Pong(_) | Event::Yield) => return true,
            None => return false,
            Some(other) => panic!("nobody has sent that: {other:?}"),
        };
        self.arriving.extend_from_slice(bytes);
        if last {
            let message = Sent::Message(kind, core::mem::take(&mut self.arriving));
            assert!(sent.pop_front() == Some(message), "another message than was sent");
        }
        true
    }

    /// All that was sent arrives.
    fn finish(&mut self, other: &mut Self) {
        if let Some((kind, _)) = self.begun {
            self.fragment(kind, b"", true);
        }
        self.write();
        self.deliver(other, usize::MAX);
        assert!(self.sent.is_empty() && other.arriving.is_empty(), "not all has arrived");
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
