//! Sending: from a payload that is there to frames in the sink.

use crate::measure::{Scenario, Subject};
use crate::payload;
use crate::peers;
use crate::wire::{Output, Wire};
use bytes::{Bytes, BytesMut};
use core::hint::black_box;
use futures_util::io::{BufReader, BufWriter};
use futures_util::{FutureExt, SinkExt};
use sansio_ws::frame::{Header, MAX_HEADER_LEN, Opcode};
use sansio_ws::{Config, Connection, Masks, MessageKind};
use soketto::connection::{Builder, Mode};

/// Messages that go into the sink together, unless they are too large.
const BATCH: usize = 64;

/// Bytes that go into the sink together, if they are several messages.
const BATCH_BYTES: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// Turns messages into frames.
pub(crate) trait Encode {
    /// What the caller has, in the form that the library is quickest with.
    type Message;

    fn new(side: Side, output: Output) -> Self;

    fn message(payload: &Bytes) -> Self::Message;

    /// Queues a message, or writes it if the library can't queue.
    fn send(&mut self, message: &Self::Message);

    /// Hands everything to the sink.
    fn flush(&mut self);
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (group, side, batch) in [
        ("encode, server", Side::Server, BATCH),
        ("encode, server, flush after each", Side::Server, 1),
        ("encode, client", Side::Client, BATCH),
        ("encode, client, flush after each", Side::Client, 1),
    ] {
        let sizes = [16, 1 << 10, 16 << 10];
        scenarios.extend(sizes.map(|size| scenario(group, side, size, batch)));
    }
    scenarios
}

fn scenario(group: &'static str, side: Side, size: usize, batch: usize) -> Scenario {
    let payload = payload::mid_page(size);
    let batch = batch.min(BATCH_BYTES / size);
    let mut subjects = vec![
        memcpy(&payload),
        subject::<Ours>("ours", side, &payload, batch),
        subject::<OursShared>("ours, `Bytes`", side, &payload, batch),
        subject::<Sockudo>("sockudo-ws", side, &payload, batch),
        subject::<TokioWebsockets>("tokio-websockets", side, &payload, batch),
        subject::<Fastwebsockets>("fastwebsockets", side, &payload, batch),
        subject::<Yawc>("yawc", side, &payload, batch),
        match side {
            Side::Server => subject::<Wtx<false>>("wtx", side, &payload, batch),
            Side::Client => subject::<Wtx<true>>("wtx", side, &payload, batch),
        },
        subject::<Tungstenite>("tungstenite", side, &payload, batch),
        subject::<Soketto>("soketto", side, &payload, batch),
    ];
    if side == Side::Client {
        // It has to copy, as the other one.
        subjects.retain(|subject| subject.name != "ours, `Bytes`");
    }
    Scenario { group, column: payload::name(size), subjects }
}

fn subject<E: Encode + 'static>(
    name: &'static str,
    side: Side,
    payload: &Bytes,
    batch: usize,
) -> Subject {
    let output = Output::default();
    let mut encoder = E::new(side, output.clone());
    let message = E::message(payload);
    let written = output.record(|| {
        encoder.send(&message);
        encoder.send(&message);
        encoder.flush();
    });
    verify(&written, side, payload, 2).unwrap_or_else(|| panic!("{name} is wrong"));
    let mut unflushed = 0;
    Subject::new(name, move |times| {
        for _ in 0..times {
            encoder.send(black_box(&message));
            unflushed += 1;
            if unflushed == batch {
                encoder.flush();
                unflushed = 0;
            }
        }
    })
}

/// Looks whether `written` is the frames of so many equal messages.
pub(crate) fn verify(written: &[u8], side: Side, payload: &[u8], messages: usize) -> Option<()> {
    let mut rest = written;
    for _ in 0..messages {
        let (header, len) = Header::parse(rest).ok()??;
        let frame = rest.get(len..len + payload.len())?;
        rest = &rest[len + payload.len()..];
        let mut bytes = frame.to_vec();
        if let Some(key) = header.mask() {
            bytes.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        let right = header.is_fin()
            && header.opcode() == Opcode::Binary
            && header.mask().is_some() == (side == Side::Client)
            && bytes == payload;
        right.then_some(())?;
    }
    rest.is_empty().then_some(())
}

/// The limit: payload and room for a header are copied, and nothing else.
fn memcpy(payload: &Bytes) -> Subject {
    let payload = payload.clone();
    let mut out = Vec::new();
    Subject::new("memcpy", move |times| {
        for _ in 0..times {
            if out.len() > BATCH_BYTES {
                out.clear();
            }
            out.extend_from_slice(&black_box([0; MAX_HEADER_LEN])[..4]);
            out.extend_from_slice(black_box(&payload));
        }
        black_box(&out);
    })
}

/// A slice, which is copied.
pub(crate) struct Ours(Connection, Wire);

impl Encode for Ours {
    type Message = Bytes;

    fn new(side: Side, output: Output) -> Self {
        let role = match side {
            Side::Server => sansio_ws::Role::Server,
            Side::Client => sansio_ws::Role::Client(Masks::from_os().unwrap()),
        };
        Self(Connection::new(role, Config::default()), Wire::sink(output))
    }

    fn message(payload: &Bytes) -> Bytes {
        payload.clone()
    }

    fn send(&mut self, message: &Bytes) {
        self.0.send_binary(message).unwrap();
    }

    fn flush(&mut self) {
        while self.0.wants_write() {
            self.0.outgoing().write_to(&mut self.1).unwrap();
        }
    }
}

/// Shared bytes, which are not copied if there are many.
struct OursShared(Ours);

impl Encode for OursShared {
    type Message = Bytes;

    fn new(side: Side, output: Output) -> Self {
        Self(Ours::new(side, output))
    }

    fn message(payload: &Bytes) -> Bytes {
        payload.clone()
    }

    fn send(&mut self, message: &Bytes) {
        self.0.0.send_bytes(MessageKind::Binary, message.clone()).unwrap();
    }

    fn flush(&mut self) {
        self.0.flush();
    }
}

/// Its machine, and a buffer that is emptied into the sink.
pub(crate) struct Sockudo(sockudo_ws::protocol::Protocol, BytesMut, Output);

impl Encode for Sockudo {
    type Message = sockudo_ws::Message;

    fn new(side: Side, output: Output) -> Self {
        let role = match side {
            Side::Server => sockudo_ws::Role::Server,
            Side::Client => sockudo_ws::Role::Client,
        };
        let protocol = sockudo_ws::protocol::Protocol::new(role, 16 << 20, 64 << 20);
        Self(protocol, BytesMut::new(), output)
    }

    fn message(payload: &Bytes) -> Self::Message {
        sockudo_ws::Message::Binary(payload.clone())
    }

    fn send(&mut self, message: &Self::Message) {
        self.0.encode_message(message, &mut self.1).unwrap();
    }

    fn flush(&mut self) {
        self.2.take(&self.1);
        self.1.clear();
    }
}

/// As its server is configured here, see `servers/tokio_websockets.rs`.
pub(crate) struct TokioWebsockets(tokio_websockets::WebSocketStream<Wire>);

impl Encode for TokioWebsockets {
    type Message = tokio_websockets::Message;

    fn new(side: Side, output: Output) -> Self {
        use tokio_websockets::{ClientBuilder, Config, ServerBuilder};
        let config = Config::default().frame_size(usize::MAX).flush_threshold(BATCH_BYTES);
        let wire = Wire::sink(output);
        Self(match side {
            Side::Server => ServerBuilder::new().config(config).serve(wire),
            Side::Client => ClientBuilder::new().config(config).take_over(wire),
        })
    }

    fn message(payload: &Bytes) -> Self::Message {
        tokio_websockets::Message::binary(payload.clone())
    }

    fn send(&mut self, message: &Self::Message) {
        self.0.feed(message.clone()).now_or_never().unwrap().unwrap();
    }

    fn flush(&mut self) {
        SinkExt::flush(&mut self.0).now_or_never().unwrap().unwrap();
    }
}

/// It writes each message at once.
pub(crate) struct Fastwebsockets(fastwebsockets::WebSocket<Wire>);

impl Encode for Fastwebsockets {
    type Message = Bytes;

    fn new(side: Side, output: Output) -> Self {
        let role = match side {
            Side::Server => fastwebsockets::Role::Server,
            Side::Client => fastwebsockets::Role::Client,
        };
        Self(fastwebsockets::WebSocket::after_handshake(Wire::sink(output), role))
    }

    fn message(payload: &Bytes) -> Bytes {
        payload.clone()
    }

    fn send(&mut self, message: &Bytes) {
        let frame = fastwebsockets::Frame::binary(fastwebsockets::Payload::Borrowed(message));
        self.0.write_frame(frame).now_or_never().unwrap().unwrap();
    }

    fn flush(&mut self) {}
}

pub(crate) struct Yawc(yawc::WebSocket<Wire>);

impl Encode for Yawc {
    type Message = yawc::Frame;

    fn new(side: Side, output: Output) -> Self {
        let role = match side {
            Side::Server => yawc::Role::Server,
            Side::Client => yawc::Role::Client,
        };
        let wire = Wire::sink(output);
        Self(yawc::WebSocket::from_stream(wire, role, peers::yawc_options()).unwrap())
    }

    fn message(payload: &Bytes) -> Self::Message {
        yawc::Frame::binary(payload.clone())
    }

    fn send(&mut self, message: &Self::Message) {
        self.0.feed(message.clone()).now_or_never().unwrap().unwrap();
    }

    fn flush(&mut self) {
        SinkExt::flush(&mut self.0).now_or_never().unwrap().unwrap();
    }
}

/// It writes each message at once, and masks a client's in place: so that payload is copied first.
pub(crate) struct Wtx<const IS_CLIENT: bool>(peers::Wtx<IS_CLIENT>, Vec<u8>);

impl<const IS_CLIENT: bool> Encode for Wtx<IS_CLIENT> {
    type Message = Bytes;

    fn new(_: Side, output: Output) -> Self {
        Self(peers::wtx(Wire::sink(output)), Vec::new())
    }

    fn message(payload: &Bytes) -> Bytes {
        payload.clone()
    }

    fn send(&mut self, message: &Bytes) {
        self.1.clear();
        self.1.extend_from_slice(message);
        let payload = self.1.as_mut_slice();
        let mut frame = wtx::web_socket::Frame::new_fin(wtx::web_socket::OpCode::Binary, payload);
        self.0.write_frame(&mut frame).now_or_never().unwrap().unwrap();
    }

    fn flush(&mut self) {}
}

pub(crate) struct Tungstenite(tungstenite::WebSocket<Wire>);

impl Encode for Tungstenite {
    type Message = tungstenite::Message;

    fn new(side: Side, output: Output) -> Self {
        let role = match side {
            Side::Server => tungstenite::protocol::Role::Server,
            Side::Client => tungstenite::protocol::Role::Client,
        };
        Self(tungstenite::WebSocket::from_raw_socket(Wire::sink(output), role, None))
    }

    fn message(payload: &Bytes) -> Self::Message {
        tungstenite::Message::Binary(payload.clone())
    }

    fn send(&mut self, message: &Self::Message) {
        self.0.write(message.clone()).unwrap();
    }

    fn flush(&mut self) {
        self.0.flush().unwrap();
    }
}

/// With the buffer around the socket that its examples have.
pub(crate) struct Soketto(soketto::Sender<BufReader<BufWriter<Wire>>>);

impl Encode for Soketto {
    type Message = Bytes;

    fn new(side: Side, output: Output) -> Self {
        let mode = match side {
            Side::Server => Mode::Server,
            Side::Client => Mode::Client,
        };
        let socket = BufReader::new(BufWriter::new(Wire::sink(output)));
        Self(Builder::new(socket, mode).finish().0)
    }

    fn message(payload: &Bytes) -> Bytes {
        payload.clone()
    }

    fn send(&mut self, message: &Bytes) {
        self.0.send_binary(message).now_or_never().unwrap().unwrap();
    }

    fn flush(&mut self) {
        self.0.flush().now_or_never().unwrap().unwrap();
    }
}
