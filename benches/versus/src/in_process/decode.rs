//! A server's receiving: from masked bytes, in reads of at most 64 KiB, to messages.

use crate::measure::{Scenario, Subject};
use crate::payload::{self, Kind};
use crate::wire::{READ, Wire};
use bytes::{Buf, BytesMut};
use core::hint::black_box;
use fastwebsockets::{FragmentCollector, Role};
use futures_util::io::{BufReader, BufWriter};
use futures_util::{FutureExt, StreamExt};
use sansio_ws::{Config, Connection, Event, Limits, Masks, RecvBuffer};
use soketto::connection::{Builder, Mode};
use std::io::Read;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use wtx::web_socket::WebSocketPayloadOrigin;

/// How long a stream is; it has at least one message.
const STREAM: usize = 256 << 10;

/// Gets messages out of a [`Wire`].
trait Decode {
    /// Waits for nothing: the next message is there, or can be read.
    fn next(&mut self, got: impl FnOnce(Kind, &[u8]));
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for size in payload::SIZES {
        scenarios.push(scenario("decode, binary", Kind::Binary, payload::binary(size)));
    }
    for size in payload::TEXT_SIZES {
        let text = payload::ascii(size).into();
        scenarios.push(scenario("decode, text, ASCII", Kind::Text, text));
    }
    for size in payload::TEXT_SIZES {
        let text = payload::mixed(size).into();
        scenarios.push(scenario("decode, text, not ASCII", Kind::Text, text));
    }
    scenarios
}

fn scenario(group: &'static str, kind: Kind, payload: Vec<u8>) -> Scenario {
    let column = payload::name(payload.len());
    let messages = (STREAM / payload.len()).max(1);
    let input = stream(kind, &payload, messages);
    let wire = || Wire::endless(Arc::clone(&input));
    // Once through the stream, and over its end.
    let verified = messages + 2;
    let subjects = vec![
        limit(wire(), kind, payload.clone(), input.len() / messages),
        subject("ours", ours(wire()), kind, &payload, verified),
        subject("sockudo-ws", sockudo(wire()), kind, &payload, verified),
        subject("tokio-websockets", tokio_websockets(wire()), kind, &payload, verified),
        subject("fastwebsockets", fastwebsockets(wire()), kind, &payload, verified),
        subject("yawc", yawc(wire()), kind, &payload, verified),
        subject("wtx", wtx(wire()), kind, &payload, verified),
        subject("tungstenite", tungstenite(wire()), kind, &payload, verified),
        subject("soketto", soketto(wire()), kind, &payload, verified),
    ];
    Scenario { group, column, subjects }
}

/// The bytes of the same message, sent again and again by a client.
fn stream(kind: Kind, payload: &[u8], messages: usize) -> Arc<[u8]> {
    let limits = Limits::default().max_queued_bytes(usize::MAX).max_queued_frames(usize::MAX);
    let role = sansio_ws::Role::Client(Masks::from_os().unwrap());
    let mut client = Connection::new(role, Config::default().limits(limits));
    for _ in 0..messages {
        match kind {
            Kind::Binary => client.send_binary(payload).unwrap(),
            Kind::Text => client.send_text(str::from_utf8(payload).unwrap()).unwrap(),
        }
    }
    let queue = client.outgoing();
    queue.copy_to_bytes(queue.remaining()).to_vec().into()
}

fn subject(
    name: &'static str,
    mut decoder: impl Decode + 'static,
    kind: Kind,
    payload: &[u8],
    verified: usize,
) -> Subject {
    for _ in 0..verified {
        decoder.next(|got, bytes| assert!(got == kind && bytes == payload, "{name} is wrong"));
    }
    Subject::new(name, move |times| {
        for _ in 0..times {
            decoder.next(|kind, bytes| {
                black_box((kind, bytes));
            });
        }
    })
}

/// The bytes are copied and texts are checked; frames are neither parsed nor unmasked.
fn limit(mut wire: Wire, kind: Kind, payload: Vec<u8>, frame_len: usize) -> Subject {
    let mut buffer = vec![0; READ];
    let mut there = 0;
    let (name, check) = match kind {
        Kind::Binary => ("memcpy", false),
        Kind::Text => ("memcpy, simdutf8", true),
    };
    Subject::new(name, move |times| {
        for _ in 0..times {
            while there < frame_len {
                there += Read::read(&mut wire, &mut buffer).unwrap();
                black_box(&mut buffer);
            }
            there -= frame_len;
            if check {
                black_box(simdutf8::basic::from_utf8(black_box(&payload)).unwrap());
            }
        }
    })
}

fn ours(wire: Wire) -> impl Decode {
    struct Ours(Connection, RecvBuffer, Wire);

    impl Decode for Ours {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let Self(connection, rx, wire) = self;
            loop {
                match connection.next_event(rx).unwrap() {
                    Some(Event::Text(text)) => return got(Kind::Text, text.as_bytes()),
                    Some(Event::Binary(bytes)) => return got(Kind::Binary, bytes),
                    Some(event) => panic!("{event:?}"),
                    None => rx.read_from(wire).unwrap(),
                };
            }
        }
    }

    let connection = Connection::new(sansio_ws::Role::Server, Config::default());
    Ours(connection, RecvBuffer::with_capacity(READ), wire)
}

/// Its machine, fed as its stream does it.
fn sockudo(wire: Wire) -> impl Decode {
    use sockudo_ws::{Message, RECV_BUFFER_SIZE, Role, protocol::Protocol};

    struct Sockudo {
        protocol: Protocol,
        received: BytesMut,
        /// The last one comes first.
        messages: Vec<Message>,
        wire: Wire,
    }

    impl Decode for Sockudo {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            while self.messages.is_empty() {
                if self.received.capacity() - self.received.len() < 4096 {
                    self.received.reserve(RECV_BUFFER_SIZE);
                }
                let read = AsyncReadExt::read_buf(&mut self.wire, &mut self.received);
                read.now_or_never().unwrap().unwrap();
                self.protocol.process_into(&mut self.received, &mut self.messages).unwrap();
                self.messages.reverse();
            }
            match self.messages.pop() {
                Some(Message::Text(text)) => got(Kind::Text, &text),
                Some(Message::Binary(bytes)) => got(Kind::Binary, &bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    Sockudo {
        protocol: Protocol::new(Role::Server, 16 << 20, 64 << 20),
        received: BytesMut::with_capacity(RECV_BUFFER_SIZE),
        messages: Vec::new(),
        wire,
    }
}

fn tokio_websockets(wire: Wire) -> impl Decode {
    use tokio_websockets::{Limits, ServerBuilder, WebSocketStream};

    struct TokioWebsockets(WebSocketStream<Wire>);

    impl Decode for TokioWebsockets {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let message = self.0.next().now_or_never().flatten().unwrap().unwrap();
            match message.as_text() {
                Some(text) => got(Kind::Text, text.as_bytes()),
                None => got(Kind::Binary, message.as_payload()),
            }
        }
    }

    TokioWebsockets(ServerBuilder::new().limits(Limits::unlimited()).serve(wire))
}

fn fastwebsockets(wire: Wire) -> impl Decode {
    struct Fastwebsockets(FragmentCollector<Wire>);

    impl Decode for Fastwebsockets {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let frame = self.0.read_frame().now_or_never().unwrap().unwrap();
            match frame.opcode {
                fastwebsockets::OpCode::Text => got(Kind::Text, &frame.payload),
                _ => got(Kind::Binary, &frame.payload),
            }
        }
    }

    let socket = fastwebsockets::WebSocket::after_handshake(wire, Role::Server);
    Fastwebsockets(FragmentCollector::new(socket))
}

fn yawc(wire: Wire) -> impl Decode {
    use yawc::{OpCode, Role, WebSocket};

    struct Yawc(WebSocket<Wire>);

    impl Decode for Yawc {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let frame = self.0.next_frame().now_or_never().unwrap().unwrap();
            match frame.opcode() {
                OpCode::Text => got(Kind::Text, frame.payload()),
                _ => got(Kind::Binary, frame.payload()),
            }
        }
    }

    Yawc(WebSocket::from_stream(wire, Role::Server, crate::peers::yawc_options()).unwrap())
}

fn wtx(wire: Wire) -> impl Decode {
    use wtx::web_socket::OpCode;

    struct Wtx(crate::peers::Wtx<false>, wtx::collection::Vector<u8>);

    impl Decode for Wtx {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let Self(socket, buffer) = self;
            buffer.clear();
            let frame = socket.read_frame(buffer, WebSocketPayloadOrigin::Adaptive);
            let frame = frame.now_or_never().unwrap().unwrap();
            match frame.op_code() {
                OpCode::Text => got(Kind::Text, frame.payload()),
                _ => got(Kind::Binary, frame.payload()),
            }
        }
    }

    Wtx(crate::peers::wtx(wire), wtx::collection::Vector::new())
}

fn tungstenite(wire: Wire) -> impl Decode {
    use tungstenite::protocol::Role;
    use tungstenite::{Message, WebSocket};

    struct Tungstenite(WebSocket<Wire>);

    impl Decode for Tungstenite {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            match self.0.read().unwrap() {
                Message::Text(text) => got(Kind::Text, text.as_bytes()),
                Message::Binary(bytes) => got(Kind::Binary, &bytes),
                other => panic!("{other:?}"),
            }
        }
    }

    Tungstenite(WebSocket::from_raw_socket(wire, Role::Server, None))
}

/// Checking texts is left to the caller.
fn soketto(wire: Wire) -> impl Decode {
    struct Soketto(soketto::Receiver<BufReader<BufWriter<Wire>>>, Vec<u8>);

    impl Decode for Soketto {
        fn next(&mut self, got: impl FnOnce(Kind, &[u8])) {
            let Self(receiver, message) = self;
            message.clear();
            let data = receiver.receive_data(message).now_or_never().unwrap().unwrap();
            if data.is_text() {
                got(Kind::Text, str::from_utf8(message).unwrap().as_bytes());
            } else {
                got(Kind::Binary, message);
            }
        }
    }

    let (_, receiver) = Builder::new(BufReader::new(BufWriter::new(wire)), Mode::Server).finish();
    Soketto(receiver, Vec::new())
}
