//! Code of others panics in the middle of a call, and the panic is caught: what the connection is then.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Buf;
use sansio_ws::extension::{Agreement, Codec, DecodeError, Decoded, Piece};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Delivery, Event, Masks, MessageKind,
    ProtocolError, RecvBuffer, Role, SendError,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Appends a part of something, and panics.
#[derive(Debug)]
struct Panics;

impl Codec for Panics {
    fn encode(&mut self, _: &[u8], _: Piece, output: &mut Vec<u8>) -> bool {
        output.extend_from_slice(b"half of it");
        panic!("a codec panics")
    }

    fn decode(
        &mut self,
        _: &[u8],
        _: bool,
        output: &mut Vec<u8>,
        _: usize,
    ) -> Result<Decoded, DecodeError> {
        output.extend_from_slice(b"half of it");
        panic!("a codec panics")
    }

    fn takes(&self, _: u32) -> bool {
        true
    }
}

fn with_codec(config: Config) -> Connection {
    let agreement = Agreement { header: "panics".into(), codec: Box::new(Panics) };
    Connection::new(Role::Server, config).with_agreement(agreement)
}

fn panics(connection: &mut Connection, call: impl FnOnce(&mut Connection)) {
    assert!(catch_unwind(AssertUnwindSafe(|| call(connection))).is_err(), "it should panic");
}

fn output(connection: &mut Connection) -> Vec<u8> {
    let queue = connection.outgoing();
    queue.copy_to_bytes(queue.remaining()).to_vec()
}

/// It sends nothing more, and still receives.
fn sends_nothing_more(connection: &mut Connection) {
    assert!(!connection.wants_write() && !connection.is_open() && connection.is_closing());
    assert_eq!(connection.send_text("no"), Err(SendError::Closed));
    assert_eq!(connection.send_fragment(MessageKind::Text, b"", true), Err(SendError::Closed));
    assert_eq!(connection.close(CloseCode::NORMAL, ""), Err(SendError::Closed));
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(b"\x89\x80\0\0\0\0\x81\x81\0\0\0\0a\x88\x80\0\0\0\0");
    assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Ping(b""))));
    assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Text("a"))));
    assert!(matches!(connection.next_event(&mut rx), Ok(Some(Event::Close(_)))));
    assert!(output(connection).is_empty());
    assert!(connection.ended().is_some());
}

/// Pongs are queued, and one more waits.
fn busy(mut connection: Connection) -> Connection {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&b"\x89\x80\0\0\0\0".repeat(30));
    while let Ok(Some(_)) = connection.next_event(&mut rx) {}
    connection
}

#[test]
fn a_codec_that_panics_when_it_encodes_leaves_no_part_of_a_frame() {
    let calls: [fn(&mut Connection); 3] = [
        |connection| connection.send_text("text").unwrap(),
        |connection| connection.send_fragment(MessageKind::Binary, b"x", false).unwrap(),
        |connection| {
            connection.send_through(MessageKind::Binary, b"x", |_, _| unreachable!()).unwrap();
        },
    ];
    for call in calls {
        let mut connection = busy(with_codec(Config::default()));
        panics(&mut connection, call);
        sends_nothing_more(&mut connection);
    }
}

#[test]
fn a_codec_that_panics_when_it_decodes_fails_the_connection() {
    for delivery in [Delivery::Messages, Delivery::Parts] {
        for wire in [&b"\xC1\x81\0\0\0\0a"[..], b"\x41\x82\0\0\0\0a", b"\xC1\x80\0\0\0\0"] {
            let mut connection = with_codec(Config::default().delivery(delivery));
            let mut rx = RecvBuffer::new();
            rx.extend_from_slice(wire);
            panics(&mut connection, |connection| _ = connection.next_event(&mut rx));
            rx.extend_from_slice(b"more");
            for _ in 0..2 {
                let error = Err(ProtocolError::CorruptMessage);
                assert_eq!(connection.next_event(&mut rx), error);
            }
            assert!(connection.has_failed() && rx.is_empty());
            assert_eq!(output(&mut connection)[2..4], [0x03, 0xEF]);
        }
    }
}

#[test]
fn a_source_of_keys_that_panics_changes_nothing() {
    let calls: [fn(&mut Connection); 4] = [
        |connection| connection.send_text("text").unwrap(),
        |connection| connection.send_fragment(MessageKind::Binary, b"x", false).unwrap(),
        |connection| connection.send_ping(ControlPayload::EMPTY).unwrap(),
        |connection| connection.close(CloseCode::NORMAL, "").unwrap(),
    ];
    for call in calls {
        let new = |panics_at: u32| {
            let mut keys = 0;
            let masks = Masks::new(move || {
                keys += 1;
                assert!(keys != panics_at, "a source panics");
                [1, 2, 3, 4]
            });
            let mut connection = Connection::new(Role::Client(masks), Config::default());
            connection.send_text("in front").unwrap();
            connection
        };
        let (mut connection, mut model) = (new(2), new(0));
        panics(&mut connection, call);
        assert!(connection.is_open());
        call(&mut connection);
        call(&mut model);
        assert_eq!(output(&mut connection), output(&mut model));
    }
}

#[test]
fn of_a_transport_that_panics_nothing_is_known() {
    let mut connection = busy(Connection::new(Role::Server, Config::default()));
    panics(&mut connection, |connection| {
        connection.send_through(MessageKind::Binary, b"x", |_, _| panic!("it panics")).unwrap();
    });
    sends_nothing_more(&mut connection);
}
