//! Small messages that inflate to large ones: they end with 1009 at the limit, at the cost of the
//! limit. What others were caught with is replayed by name.

use crate::heap::Heap;
use crate::support::deflate::{agreed, binary, compress, deflate, fragments};
use crate::support::frame::{Frame, wire};
use crate::support::{SIDES, client, server};
use crate::{noise, read};
use sansio_ws::{Config, Connection, Delivery, Event, Limits, ProtocolError, RecvBuffer};

/// Bytes that arrive at once.
const READ: usize = 4096;

/// What the buffer of received bytes may hold of them.
const ARRIVED: usize = 2 * READ + 4096;

/// What may be on the heap beside the message: the state of the inflater, and little else.
const STATE: usize = 64 << 10;

const FRAGMENTS: usize = 100_000;
const MIB: usize = 1 << 20;
const DELIVERIES: [Delivery; 2] = [Delivery::Messages, Delivery::Parts];

/// A message of `size` bytes that is about `ratio` times smaller when compressed.
fn bomb(ratio: usize, size: usize) -> Vec<u8> {
    let mut message = vec![0; size];
    if ratio < 1000 {
        // As much noise as comes to the ratio, and evenly, so that any part of it is like it.
        for (place, byte) in message.chunks_mut(1000).zip(noise(size).chunks(1000)) {
            let len = place.len() / ratio;
            place[..len].copy_from_slice(&byte[..len]);
        }
    }
    compress(&message)
}

/// The message in about `FRAGMENTS` fragments, if need be with empty ones in between.
fn spread(message: &[u8]) -> Vec<Frame> {
    let len = message.len().div_ceil(FRAGMENTS);
    let gap = FRAGMENTS / message.len().div_ceil(len);
    let mut cuts = vec![];
    for piece in message.chunks(len) {
        cuts.push(piece.len());
        cuts.extend((1..gap).map(|_| 0));
    }
    fragments(binary(message), &cuts)
}

/// What an attack came to.
#[derive(Debug, PartialEq, Eq)]
struct Damage {
    error: Option<ProtocolError>,
    /// Bytes handed out.
    handed_out: usize,
    /// Of the heap, at its peak.
    peak: usize,
    /// Bytes that had arrived when it ended.
    taken: usize,
}

fn attack(mut connection: Connection, bytes: &[u8]) -> Damage {
    let heap = Heap::now();
    let mut rx = RecvBuffer::new();
    let mut damage = Damage { error: None, handed_out: 0, peak: 0, taken: 0 };
    for piece in bytes.chunks(READ) {
        read(&mut rx, piece);
        damage.taken += piece.len();
        while damage.error.is_none() {
            match connection.next_event(&mut rx) {
                Ok(Some(Event::Binary(bytes) | Event::BinaryPart { bytes, .. })) => {
                    damage.handed_out += bytes.len();
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => damage.error = Some(error),
            }
        }
        if damage.error.is_some() {
            break;
        }
    }
    damage.peak = heap.peak();
    damage
}

/// A message of more than `max` bytes ends with 1009 there.
#[track_caller]
fn stops(side: fn() -> Connection, delivery: Delivery, max: usize, bytes: &[u8]) -> Damage {
    let limits = Limits::default()
        .max_message_bytes(max as u64)
        .max_frame_bytes(u64::MAX)
        .max_fragments(u32::MAX);
    let config = Config::default().limits(limits).delivery(delivery);
    let connection = agreed(config, deflate(false), side)();
    let damage = attack(connection, bytes);
    assert_eq!(damage.error, Some(ProtocolError::MessageTooBig));
    assert_eq!(ProtocolError::MessageTooBig.close_code().get(), 1009);
    assert!(damage.handed_out <= max, "{damage:?}");
    let most = if delivery == Delivery::Parts { max.min(16 << 10) } else { max };
    assert!(damage.peak <= most + STATE + ARRIVED, "{damage:?}, {max} allowed");
    damage
}

/// Whatever the fragments hold, and in whichever form they are handed out.
#[test]
fn a_flood_of_fragments_yields_in_between() {
    const FRAGMENTS: usize = 1000;
    let limits = Limits::default().max_frames_per_call(7);
    for side in SIDES {
        for delivery in DELIVERIES {
            let config = Config::default().limits(limits).delivery(delivery);
            let mut connection = agreed(config, deflate(false), side)();
            let to_server = connection.is_server();
            let fragment = wire(to_server, [Frame::continuation("").more()]);
            let mut rx = RecvBuffer::new();
            rx.extend_from_slice(&wire(to_server, [binary("").more()]));
            rx.extend_from_slice(&fragment.repeat(FRAGMENTS));
            let mut calls = 1;
            loop {
                let before = rx.unread().len();
                let event = connection.next_event(&mut rx).unwrap();
                let yields = event == Some(Event::Yield);
                assert!(yields || event.is_none(), "{event:?}");
                let frames = (before - rx.unread().len()) / fragment.len();
                assert!(frames <= 7, "{frames} frames in one call");
                if !yields {
                    break;
                }
                calls += 1;
            }
            assert_eq!(calls, (1 + FRAGMENTS).div_ceil(7));
        }
    }
}

/// T-DEF-1: ratios of 10 to 1,032, limits of 1 byte, 1 KiB and 1 MiB, whole and in 10^5 fragments.
#[test]
fn f22_bombs_end_at_the_limit() {
    for max in [1, 1 << 10, MIB] {
        for ratio in [10, 100, 1032] {
            // The limit counts compressed bytes too, so these have to be fewer.
            let size = max * ratio.min(40) / 2 + 30;
            let message = bomb(ratio, size);
            if max == MIB {
                assert!(message.len() < max, "{} bytes", message.len());
                let reached = size / message.len();
                assert!(
                    (ratio * 2 / 3..=ratio * 3 / 2).contains(&reached),
                    "{reached}, not {ratio}"
                );
            }
            let in_fragments = spread(&message);
            assert!((FRAGMENTS / 2..=2 * FRAGMENTS).contains(&in_fragments.len()));
            for side in SIDES {
                let to_server = side().is_server();
                let whole = wire(to_server, [binary(&message)]);
                let in_fragments = wire(to_server, in_fragments.iter().cloned());
                for delivery in DELIVERIES {
                    stops(side, delivery, max, &whole);
                    stops(side, delivery, max, &in_fragments);
                }
            }
        }
    }
}

/// A bomb that is eight times larger does not cost a byte or a read more.
#[test]
fn f22_what_a_bomb_costs_is_up_to_the_limit_and_not_to_its_size() {
    for delivery in DELIVERIES {
        let bombs = [8, 64].map(|times| bomb(1032, times * MIB));
        let [small, large] = bombs.each_ref().map(|message| {
            let whole = vec![binary(message).declaring(MIB as u64)];
            let pieces = fragments(binary(message), &vec![10; message.len() / 10]);
            [whole, pieces].map(|frames| stops(server, delivery, MIB, &wire(true, frames)))
        });
        assert_eq!(small, large);
        assert!(small[0].taken <= MIB / 1000 + READ, "{small:?}");
    }
}

/// At the largest ratio there is, 100 connections at once cost 100 times what one does.
#[test]
fn f22_a_hundred_connections_at_once() {
    const MAX: usize = 1 << 16;
    let limits = Limits::default().max_message_bytes(MAX as u64);
    let bytes = wire(true, [binary(bomb(1032, 64 * MAX))]);
    // Not all that is allowed, and then more.
    let (first, rest) = bytes.split_at(8 + MAX / 1100);
    let make = agreed(Config::default().limits(limits), deflate(false), server);
    let heap = Heap::now();
    let buffer = || RecvBuffer::with_capacity(bytes.len());
    let mut all: Vec<_> = (0..100).map(|_| (make(), buffer())).collect();
    for (connection, rx) in &mut all {
        read(rx, first);
        assert_eq!(connection.next_event(rx), Ok(None));
    }
    assert!(heap.growth() >= 100 * (MAX / 2), "they hold what they have inflated");
    for (connection, rx) in &mut all {
        read(rx, rest);
        assert_eq!(connection.next_event(rx), Err(ProtocolError::MessageTooBig));
    }
    let each = heap.peak() / 100;
    assert!(each <= MAX + STATE + bytes.len(), "{each} each");
}

/// What others were caught with: who receives, how much is allowed, what comes.
#[test]
fn f22_bombs_that_others_were_caught_with() {
    type Advisory = (&'static str, fn() -> Connection, usize, fn() -> Vec<Frame>);
    let whole = || vec![binary(bomb(1032, 16 * MIB))];
    let advisories: [Advisory; 8] = [
        ("CVE-2018-1000518, PYSEC-2018-79: no limit behind inflating", server, MIB, whole),
        ("CVE-2021-21419, PYSEC-2021-12, GHSA-9p9m-jm8w-94p2: giant frames", server, MIB, || {
            let begun = binary(bomb(1032, MIB / 2)).more();
            vec![begun, Frame::continuation("").declaring(1 << 62)]
        }),
        ("CVE-2026-1526: the same in a client", client, MIB, whole),
        ("CVE-2026-27571, CVE-2026-33219: limited behind inflating only", server, 4096, || {
            vec![binary(bomb(1032, 3 * MIB))]
        }),
        ("CVE-2026-39804: 6 MiB at 1024 to 1, inflated at once", server, 7 * MIB, || {
            // More than its beginning is not needed.
            vec![binary(bomb(1032, 16 * MIB)).declaring(6 << 20)]
        }),
        ("CVE-2026-5680: a buffer that doubles", server, MIB + MIB / 2, whole),
        (
            "CVE-2026-15709, WSA-2026-1, GHSA-x8v2-478q-2hvg, wireshark 21190: the same",
            client,
            MIB,
            || spread(&bomb(1032, 16 * MIB)),
        ),
        ("CVE-2026-54464, CVE-2026-54490: the limit of compressed bytes", server, MIB, || {
            vec![binary(bomb(1032, MIB + 1))]
        }),
    ];
    for (advisory, side, max, frames) in advisories {
        let bytes = wire(side().is_server(), frames());
        for delivery in DELIVERIES {
            println!("{advisory}");
            stops(side, delivery, max, &bytes);
        }
    }
}

/// Much comes in and nothing comes out. Nothing of it is kept.
#[test]
fn f23_blocks_without_content_take_no_memory() {
    // Empty blocks with fixed codes, of 10 bits each.
    let message = [0x02, 0x08, 0x20, 0x80, 0x00].repeat(200_000);
    let connection = agreed(Config::default(), deflate(false), server)();
    let damage = attack(connection, &wire(true, [binary(&message).more()]));
    assert_eq!((damage.error, damage.handed_out), (None, 0));
    assert!(damage.peak <= STATE + ARRIVED, "{damage:?}");
}
