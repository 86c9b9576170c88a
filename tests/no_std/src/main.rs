//! A program without the standard library that uses the crate: it takes a handshake and a message
//! from an array, echoes the message, and compares what it would send. Exit code 0 means that all
//! was as expected, 1 that it was not, and an abort that something panicked.
//!
//! `tests/no_std/run` builds it, runs it, and looks whether it really is without `std`.

#![no_std]
#![no_main]

mod platform;

use bytes::Buf;
use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Connection, Event, Limits, Masks, RecvBuffer, Role};

/// The samples of RFC 6455, sections 1.2 and 1.3.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://server.example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

/// `Hello`, as in RFC 6455, section 5.7.
const MASKED: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
const UNMASKED: &[u8] = &[0x81, 0x05, b'H', b'e', b'l', b'l', b'o'];

fn run() -> Option<()> {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(REQUEST);
    rx.extend_from_slice(MASKED);

    let mut server = accept(&mut rx)?;
    expect_output(&mut server, RESPONSE)?;
    let Ok(Some(Event::Text(text))) = server.next_event(&mut rx) else { return None };
    server.send_text(text).ok()?;
    expect_output(&mut server, UNMASKED)?;

    let masks = Masks::new(|| [0x37, 0xfa, 0x21, 0x3d]);
    let mut client = Connection::new(Role::Client(masks), Config::default());
    client.send_text("Hello").ok()?;
    expect_output(&mut client, MASKED)
}

fn accept(rx: &mut RecvBuffer) -> Option<Connection> {
    let request = ServerHandshake::new(&Limits::default()).receive(rx).ok()??;
    let upgrade = request.upgrade(OriginPolicy::SameHost).ok()?;
    let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
    upgrade.accept(&reply, Config::default()).ok()
}

/// Takes all output, which must be `expected`.
fn expect_output(connection: &mut Connection, expected: &[u8]) -> Option<()> {
    let queue = connection.outgoing();
    let equal = queue.chunk() == expected;
    queue.advance(queue.remaining());
    equal.then_some(())
}
