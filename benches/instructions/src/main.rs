//! Does one operation a given number of times; `run` counts its instructions.
//!
//! ```sh
//! instructions echo 1024 1000
//! ```

use bytes::Buf;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Extension, Offer};
use sansio_ws::frame::{Header, Opcode};
use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Connection, Event, Limits, Masks, RecvBuffer, Role};
use std::hint::black_box;
use std::sync::Arc;

/// What a browser sends.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let operation = arguments.next().expect("an operation");
    let size: usize = arguments.next().expect("a size").parse().expect("a number");
    let count: usize = arguments.next().expect("a count").parse().expect("a number");
    match operation.as_str() {
        "receive" => receive(size, count),
        "send" => send(size, count),
        "echo" => echo(&frame(size), 1, count),
        "burst" => echo(&frame(size).repeat(32), 32, count),
        "fragments" => echo(&fragments(size).repeat(8), 8, count),
        "bomb" => bomb(size, count),
        "handshake" => handshake(count),
        other => panic!("unknown operation {other}"),
    }
}

/// A masked binary frame, as a server receives it.
fn frame(size: usize) -> Vec<u8> {
    let header = Header::new(Opcode::Binary, true, size as u64).expect("a valid header");
    let mut bytes = [0; 14];
    let len = header.masked([1, 2, 3, 4]).encode(&mut bytes);
    let mut frame = bytes[..len].to_vec();
    frame.resize(len + size, 0x5A);
    frame
}

fn drain(connection: &mut Connection) {
    let queue = connection.outgoing();
    while queue.has_remaining() {
        let n = black_box(queue.chunk()).len();
        queue.advance(n);
    }
}

fn receive(size: usize, count: usize) {
    let frame = frame(size);
    let mut connection = Connection::new(Role::Server, Config::default());
    let mut rx = RecvBuffer::with_capacity(256 * 1024);
    for _ in 0..count {
        rx.extend_from_slice(&frame);
        while let Some(event) = connection.next_event(&mut rx).expect("valid frames") {
            black_box(event);
        }
    }
}

fn send(size: usize, count: usize) {
    let payload = vec![0x5A; size];
    let mut connection = Connection::new(Role::Server, Config::default());
    for _ in 0..count {
        connection.send_binary(black_box(&payload)).expect("room");
        drain(&mut connection);
    }
}

/// The same message in four frames.
fn fragments(size: usize) -> Vec<u8> {
    let mut frames = Vec::new();
    for (opcode, fin) in [
        (Opcode::Binary, false),
        (Opcode::Continuation, false),
        (Opcode::Continuation, false),
        (Opcode::Continuation, true),
    ] {
        let header = Header::new(opcode, fin, size as u64 / 4).expect("a valid header");
        let mut bytes = [0; 14];
        let len = header.masked([1, 2, 3, 4]).encode(&mut bytes);
        frames.extend_from_slice(&bytes[..len]);
        frames.resize(frames.len() + size / 4, 0x5A);
    }
    frames
}

/// Messages that arrive together, one or several in a read, and are answered together.
fn echo(frames: &[u8], messages: usize, count: usize) {
    let mut connection = Connection::new(Role::Server, Config::default());
    let mut rx = RecvBuffer::with_capacity(256 * 1024);
    for _ in 0..count.div_ceil(messages) {
        rx.extend_from_slice(frames);
        while let Some(event) = connection.next_event(&mut rx).expect("valid frames") {
            if let Event::Binary(bytes) = event {
                connection.send_binary(bytes).expect("room");
            }
        }
        drain(&mut connection);
    }
}

/// A compressed message that is far larger than the limit of 64 KiB, however large it would get.
fn bomb(size: usize, count: usize) {
    let deflate = Deflate::default();
    let open = |role| {
        let limits = Limits::default().max_message_bytes(64 << 10).max_queued_bytes(size);
        let offers = Offer::parse(b"permessage-deflate").expect("an offer");
        let agreement = deflate.accept(&offers).expect("an acceptable one");
        Connection::new(role, Config::default().limits(limits)).with_agreement(agreement)
    };
    let mut attacker = open(Role::Client(Masks::new(|| [1, 2, 3, 4])));
    attacker.send_binary(&vec![0; size]).expect("room");
    let wire = attacker.outgoing().chunk().to_vec();
    let mut rx = RecvBuffer::with_capacity(256 * 1024);
    for _ in 0..count {
        let mut connection = open(Role::Server);
        let failed = wire.chunks(64).any(|piece| {
            rx.extend_from_slice(piece);
            connection.next_event(&mut rx).is_err()
        });
        assert!(failed, "too big");
        rx.clear();
    }
}

fn handshake(count: usize) {
    let config = Arc::new(Config::default());
    let mut rx = RecvBuffer::with_capacity(256 * 1024);
    for _ in 0..count {
        rx.extend_from_slice(REQUEST);
        let mut handshake = ServerHandshake::new(&Limits::default());
        let request = handshake.receive(&mut rx).expect("a request").expect("all of it");
        let upgrade = request.upgrade(OriginPolicy::SameHost).expect("a handshake");
        let connection = upgrade.accept(&Acceptance::default(), Arc::clone(&config));
        drain(&mut connection.expect("a valid reply"));
    }
}
