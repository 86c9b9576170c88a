//! What a connection allocates: nothing per message, and never more than the bytes received
//! justify, whatever a peer declares.
//!
//! Run with `cargo test --test memory`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

#[path = "support/heap.rs"]
mod heap;
mod support;

use bytes::Buf;
use heap::{Heap, allocations};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Event, Limits, Masks, MessageKind, RecvBuffer,
    Role,
};
use std::sync::Arc;
use support::frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, wire};
use support::{SIDES, with};

/// Limits that nothing reaches.
const UNLIMITED: Limits =
    Limits::new().max_message_bytes(u64::MAX).max_frame_bytes(u64::MAX).max_fragments(u32::MAX);

/// Reads as a socket would, without an allocation of its own.
fn read(rx: &mut RecvBuffer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = bytes.len().min(rx.spare().len());
        rx.spare()[..n].copy_from_slice(&bytes[..n]);
        rx.commit(n);
        bytes = &bytes[n..];
    }
}

/// Sends back each message as it came. Returns how many.
fn echo(connection: &mut Connection, rx: &mut RecvBuffer) -> usize {
    let mut messages = 0;
    while let Some(event) = connection.next_event(rx).unwrap() {
        match event {
            Event::Text(text) => connection.send_text(text).unwrap(),
            Event::Binary(bytes) => connection.send_binary(bytes).unwrap(),
            _ => continue,
        }
        messages += 1;
    }
    messages
}

/// Writes all output, a piece at a time.
fn write(connection: &mut Connection) -> usize {
    let mut written = 0;
    while connection.wants_write() {
        let queue = connection.outgoing();
        let n = queue.chunk().len().min(1000);
        queue.advance(n);
        written += n;
    }
    written
}

#[test]
fn an_echoed_message_allocates_nothing_in_steady_state() {
    for side in SIDES {
        let binary = [0x5A; 700];
        let to_peer = wire(
            side().is_server(),
            [
                Frame::text("Grüße, in one frame"),
                Frame::binary(binary),
                Frame::text("in ").more(),
                Frame::ping("between"),
                Frame::continuation("two"),
                Frame::binary(vec![7; 5000]),
                Frame::binary("").more(),
                Frame::continuation(binary).more(),
                Frame::continuation(""),
                Frame::pong("unasked"),
            ],
        );
        for step in [usize::MAX, 1448, 100, 7] {
            let (mut connection, mut rx) = (side(), RecvBuffer::new());
            let mut turn = |connection: &mut Connection| {
                let mut messages = 0;
                for piece in to_peer.chunks(step.min(to_peer.len())) {
                    read(&mut rx, piece);
                    messages += echo(connection, &mut rx);
                    write(connection);
                }
                assert_eq!(messages, 5);
            };
            for _ in 0..5 {
                turn(&mut connection);
            }
            let made = allocations(|| (0..200).for_each(|_| turn(&mut connection)));
            assert_eq!(made, 0, "in reads of {step} bytes");
        }
    }
}

#[test]
fn sending_in_pieces_and_pinging_allocates_nothing_in_steady_state() {
    for side in SIDES {
        let mut connection = side();
        let mut turn = || {
            connection.send_fragment(MessageKind::Text, "ü".as_bytes(), false).unwrap();
            connection.send_ping(ControlPayload::new(b"are you there?").unwrap()).unwrap();
            connection.send_fragment(MessageKind::Text, &[b'x'; 3000], true).unwrap();
            write(&mut connection)
        };
        let len = turn();
        let made = allocations(|| (0..200).for_each(|_| assert_eq!(turn(), len)));
        assert_eq!(made, 0);
    }
}

const DECLARED: [u64; 13] = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 53,
    (1 << 63) - 1,
];

/// The heap's growth, now and at its peak, after a header and `k` bytes behind it.
fn growth_after(side: fn() -> Connection, header: &[u8], k: usize) -> (usize, usize) {
    let mut connection = with(Config::default().limits(UNLIMITED), side)();
    let payload = vec![0; 1000];
    let heap = Heap::now();
    let mut rx = RecvBuffer::new();
    read(&mut rx, header);
    let mut left = k;
    loop {
        // Whatever comes of it: events, errors, a Close in the queue.
        while let Ok(Some(_)) = connection.next_event(&mut rx) {}
        let n = left.min(payload.len());
        if n == 0 {
            return (heap.growth(), heap.peak());
        }
        read(&mut rx, &payload[..n]);
        left -= n;
    }
}

#[test]
fn the_heap_grows_by_what_was_received_and_not_by_what_was_declared() {
    for side in SIDES {
        for opcode in [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] {
            for k in [0, 1, 100, 1000, 4000, 4081, 4082, 4083, 4096] {
                let mut waiting = vec![];
                for declared in DECLARED {
                    let frame = Frame::new(opcode, "").declaring(declared);
                    let header = wire(side().is_server(), [frame]);
                    let received = header.len() + k;
                    let (growth, peak) = growth_after(side, &header, k);
                    let what = format!("opcode {opcode}, {declared} declared, {k} received");
                    // What is refused adds one Close to a queue that had no memory yet.
                    let bound = received + 4096 + 131 + 96;
                    assert!(growth <= bound, "{what}: {growth}");
                    assert!(peak <= bound, "{what}: {peak} at its peak");
                    // A frame that is not complete waits, and waits alike whatever it declares.
                    if opcode == BINARY && declared > k as u64 {
                        // Headers differ in length, by which the border of the buffer moves.
                        if !(4080..4096).contains(&k) {
                            assert!(peak <= received + 4096, "{what}: {peak} at its peak");
                            waiting.push(growth);
                        }
                    }
                }
                assert!(waiting.windows(2).all(|w| w[0] == w[1]), "{waiting:?} after {k} bytes");
            }
        }
    }
}

#[test]
fn the_heap_never_exceeds_twice_the_bytes_received_and_4_kib() {
    for side in SIDES {
        for declared in [1 << 20, 1 << 32, (1 << 63) - 1] {
            let header = wire(side().is_server(), [Frame::binary("").declaring(declared)]);
            for k in [4097, 6000, 8192, 10_000, 65_536, 100_000, 500_000, 1 << 20] {
                let (growth, peak) = growth_after(side, &header, k);
                let bound = 2 * (header.len() + k) + 4096;
                assert!(growth <= bound, "{declared} declared, {k} received: {growth}");
                assert!(peak <= bound, "{declared} declared, {k} received: {peak} at its peak");
            }
        }
    }
}

#[test]
fn a_million_empty_fragments_cost_no_memory_and_yield_in_between() {
    const FRAGMENTS: usize = 1_000_000;
    for side in SIDES {
        let mut connection = with(Config::default().limits(UNLIMITED), side)();
        let per_call = UNLIMITED.max_frames_per_call as usize;
        let to_server = connection.is_server();
        let first = wire(to_server, [Frame::text("").more()]);
        let fragment = wire(to_server, [Frame::continuation("").more()]);
        let many = fragment.repeat(1000);
        let mut rx = RecvBuffer::with_capacity(16 << 10);
        read(&mut rx, &first);
        assert_eq!(connection.next_event(&mut rx), Ok(None));
        let heap = Heap::now();
        for _ in 0..FRAGMENTS / 1000 {
            read(&mut rx, &many);
            let mut calls = 0;
            loop {
                let before = rx.unread().len();
                let event = connection.next_event(&mut rx).unwrap();
                let yields = matches!(event, Some(Event::Yield));
                assert!(yields || event.is_none(), "{event:?}");
                let frames = (before - rx.unread().len()) / fragment.len();
                assert!(frames <= per_call, "{frames} frames in one call");
                if !yields {
                    break;
                }
                assert_eq!(frames, per_call, "yielded too early");
                calls += 1;
            }
            assert_eq!(calls, 1000 / per_call);
        }
        assert_eq!((heap.growth(), heap.peak()), (0, 0));
        // The message is still there, and still empty.
        read(&mut rx, &wire(to_server, [Frame::continuation("")]));
        assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Text(""))));
    }
}

#[test]
fn fragments_of_one_byte_cost_at_most_twice_their_payload() {
    const FRAGMENTS: usize = 100_000;
    for side in SIDES {
        let mut connection = with(Config::default().limits(UNLIMITED), side)();
        let to_server = connection.is_server();
        let first = wire(to_server, [Frame::binary("x").more()]);
        let fragment = wire(to_server, [Frame::continuation("x").more()]);
        let heap = Heap::now();
        let mut rx = RecvBuffer::new();
        read(&mut rx, &first);
        for payload in 1..FRAGMENTS {
            assert_eq!(connection.next_event(&mut rx), Ok(None));
            // All the time, and not only in the end.
            assert!(heap.peak() <= 2 * payload + 4096, "{} for {payload}", heap.peak());
            read(&mut rx, &fragment);
        }
        read(&mut rx, &wire(to_server, [Frame::continuation("")]));
        match connection.next_event(&mut rx).unwrap() {
            Some(Event::Binary(bytes)) => assert_eq!(bytes, [b'x'; FRAGMENTS]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_million_pings_behind_a_blocked_writer_keep_16_pongs_and_one_more() {
    const PINGS: u32 = 1_000_000;
    const UNSENT: usize = 16;
    for side in SIDES {
        let (mut connection, mut rx) = (side(), RecvBuffer::new());
        let to_server = connection.is_server();
        let payload = |n: u32| format!("{n:0>125}");
        let flood = wire(to_server, (0..100).map(|n| Frame::ping(payload(PINGS - 99 + n))));
        let first = wire(to_server, (1..=100).map(|n| Frame::ping(payload(n))));
        let mut turn = |pings| {
            read(&mut rx, pings);
            while let Some(event) = connection.next_event(&mut rx).unwrap() {
                assert!(matches!(event, Event::Ping(_)));
            }
            // Asking for the output frees nothing as long as it is not written.
            let queue = connection.outgoing();
            assert_eq!(queue.frames(), UNSENT);
            assert!(queue.remaining() <= UNSENT * 131);
        };
        turn(&first);
        let heap = Heap::now();
        (1..PINGS / 100).for_each(|_| turn(&flood));
        assert_eq!(heap.growth(), 0);
        assert!(heap.peak() <= 256, "{} at its peak", heap.peak());
        // The oldest are on their way already, and the newest stands for all others.
        let mut output = vec![];
        support::drain(&mut connection, 1, &mut output);
        let answered = (1..=UNSENT as u32).chain([PINGS]);
        assert_eq!(output, wire(!to_server, answered.map(|n| Frame::pong(payload(n)))));
    }
}

#[test]
fn an_idle_connection_and_an_empty_buffer_hold_nothing_but_shared_settings() {
    let settings = Arc::new(Config::default());
    let heap = Heap::now();
    let server = Connection::new(Role::Server, Arc::clone(&settings));
    let rx = RecvBuffer::new();
    assert_eq!(heap.growth(), 0);
    drop((server, rx));
    // A client has its source of masks.
    let masks = Masks::new(|| [1, 2, 3, 4]);
    let client = Connection::new(Role::Client(masks), Arc::clone(&settings));
    assert!(heap.growth() <= 64);
    drop(client);
    assert_eq!(heap.growth(), 0);
}

#[test]
fn nothing_is_left_when_a_connection_ends() {
    for side in SIDES {
        let heap = Heap::now();
        {
            let (mut connection, mut rx) = (side(), RecvBuffer::new());
            let frames = [Frame::ping("1"), Frame::ping("2"), Frame::text("half").more()];
            read(&mut rx, &wire(connection.is_server(), frames));
            while connection.next_event(&mut rx).unwrap().is_some() {}
            connection.send_binary(&vec![0; 100_000]).unwrap();
            connection.close(CloseCode::NORMAL, "").unwrap();
            assert!(heap.growth() > 100_000);
        }
        assert_eq!(heap.growth(), 0);
    }
}
