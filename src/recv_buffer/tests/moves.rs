//! Time does not tell what is moved onto itself, so these tests count it.

use crate::connection::{Config, Connection, Delivery, Event, Role};
use crate::deflate::Deflate;
use crate::extension::{Extension, Offer};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::recv_buffer::transfer::counted;
use alloc::vec::Vec;

const LIMITS: Limits = Limits::new().max_fragments(u32::MAX).max_message_bytes(16 << 20);

fn server(delivery: Delivery) -> Connection {
    let deflate = Deflate::default();
    let agreement = deflate.accept(&Offer::parse(b"permessage-deflate").unwrap()).unwrap();
    let config = Config::default().limits(LIMITS).delivery(delivery);
    Connection::new(Role::Server, config).with_agreement(agreement)
}

/// A frame whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = alloc::vec![first, 0xff];
    frame.extend((payload.len() as u64).to_be_bytes());
    if payload.len() < 126 {
        frame.truncate(1);
        frame.push(0x80 | payload.len() as u8);
    } else if payload.len() <= 0xffff {
        frame = alloc::vec![first, 0xfe];
        frame.extend((payload.len() as u16).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn deflated(message: &[u8]) -> Vec<u8> {
    Deflate::default().prepare(message).unwrap().payload
}

/// Frames of `piece` bytes each, with a ping behind every one.
fn fragments(first: u8, payload: &[u8], piece: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, part) in payload.chunks(piece).enumerate() {
        bytes.extend(frame(if i == 0 { first } else { 0 }, part));
        bytes.extend(frame(0x89, b"ping"));
    }
    bytes.extend(frame(0x80, b""));
    bytes
}

/// Words without order, which compress to a third or so.
fn prose(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        alloc::format!("{:x} ", state >> 44)
    };
    let mut text = Vec::with_capacity(len + 8);
    while text.len() < len {
        text.extend(word().bytes());
    }
    text
}

/// Receives `wire` in reads of `step` bytes, perhaps parked behind each. Returns how many bytes
/// came out.
fn receive(wire: &[u8], step: usize, delivery: Delivery, parks: bool) -> usize {
    let mut connection = server(delivery);
    let (mut rx, mut parked) = (RecvBuffer::with_capacity(4096), RecvBuffer::new());
    let mut expanded = 0;
    for bytes in wire.chunks(step) {
        rx.extend_from_slice(bytes);
        while let Some(event) = connection.next_event(&mut rx).unwrap() {
            expanded += match event {
                Event::Text(text) => text.len(),
                Event::Binary(bytes) | Event::BinaryPart { bytes, .. } => bytes.len(),
                _ => 0,
            };
        }
        if parks {
            rx.park(&mut parked);
            rx.unpark(&mut parked);
        }
    }
    assert!(rx.is_empty(), "a whole message");
    expanded
}

#[test]
fn are_at_most_twice_what_is_received_and_expanded() {
    let zeros = deflated(&alloc::vec![0; 4 << 20]);
    let text = deflated(&prose(256 << 10));
    let empty_continuations = [frame(0x42, &zeros), frame(0, b"").repeat(400)].concat();
    let transcripts: [(&str, Vec<u8>); 5] = [
        ("one frame", frame(0xc2, &text)),
        ("fragments", fragments(0x42, &text, 1000)),
        ("tiny fragments", fragments(0x42, &text[..], 3)),
        ("empty continuations", [&empty_continuations[..], &frame(0x80, b"")].concat()),
        ("not compressed", fragments(0x02, &prose(2 << 20), 60_000)),
    ];
    for (name, wire) in transcripts {
        for step in [usize::MAX, 1400] {
            for delivery in [Delivery::Messages, Delivery::Parts] {
                for parks in [false, true] {
                    let mut expanded = 0;
                    let moved = counted(|| expanded = receive(&wire, step, delivery, parks));
                    assert!(expanded >= 256 << 10, "{name}");
                    let bound = 2 * (wire.len() + expanded);
                    let what = alloc::format!("{name}, {step}, {delivery:?}, {parks}");
                    assert!(moved <= bound, "{what}: {moved} of {bound}");
                }
            }
        }
    }
}
