//! What the codec allocates, and what each state costs.

use super::heap::{Heap, allocations};
use super::{Random, TAKEOVER, WHOLE, decode, encode, encode_pieces, server, settings};
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, DecodeError};

/// About 10:1 to 1032:1, as much as deflate can.
fn bombs(len: usize) -> Vec<Vec<u8>> {
    let mut random = Random(20);
    let mut bomb = |period: usize, level| {
        let noise = random.bytes(period / 50 + 1);
        let mut message = Vec::with_capacity(len);
        while message.len() < len {
            message.extend(&noise);
            message.resize(message.len() + period, 0);
        }
        encode(&mut *server(&settings(false, level)), &message).unwrap()
    };
    vec![bomb(10, 6), bomb(100, 6), bomb(1000, 9), bomb(len, 9)]
}

/// Decodes a message in pieces of `step` bytes with room for `limit` bytes in all, and one more,
/// as a connection does. Returns how many bytes came out.
fn decode_within(codec: &mut dyn Codec, message: &[u8], step: usize, limit: usize) -> usize {
    let mut output = Vec::new();
    for piece in message.chunks(step) {
        let room = limit + 1 - output.len();
        codec.decode(piece, false, &mut output, room).unwrap();
        assert!(output.capacity() <= limit + 1);
        if output.len() > limit {
            break;
        }
    }
    output.len()
}

#[test]
fn bombs_stop_at_the_limit_in_bounded_memory() {
    for bomb in bombs(8 << 20) {
        for step in [usize::MAX, 1000, 1] {
            for limit in [1, 1 << 10, 1 << 20] {
                for takeover in TAKEOVER {
                    let deflate = settings(takeover, 1);
                    let heap = Heap::now();
                    let mut codec = server(&deflate);
                    assert_eq!(decode_within(&mut *codec, &bomb, step, limit), limit + 1);
                    assert!(heap.peak() <= limit + (64 << 10), "{} for {limit}", heap.peak());
                }
            }
        }
    }
}

#[test]
fn memory_follows_what_was_produced() {
    let message = encode(&mut *server(&settings(false, 9)), &vec![0; 1 << 20]).unwrap();
    let mut codec = server(&settings(false, 9));
    let mut output = Vec::new();
    for piece in message.chunks(1) {
        codec.decode(piece, false, &mut output, usize::MAX).unwrap();
        assert!(output.capacity() <= output.len() / 2 * 3 + 4096, "{}", output.capacity());
    }
}

#[test]
fn no_allocation_per_message_in_steady_state() {
    let messages: Vec<_> = [1, 50, 500, 5000, 50_000].map(|len| Random(21).json(len)).into();
    for takeover in TAKEOVER {
        for level in [1, 6] {
            let deflate = settings(takeover, level);
            let mut codecs = [server(&deflate), server(&deflate), server(&deflate)];
            let (mut wire, mut output) = (Vec::new(), Vec::new());
            let mut round = || {
                for message in &messages {
                    for codec in &mut codecs {
                        wire.clear();
                        output.clear();
                        if codec.encode(message, WHOLE, &mut wire) {
                            codec.decode(&wire, true, &mut output, usize::MAX).unwrap();
                            assert_eq!(output, *message);
                        }
                    }
                }
            };
            round();
            assert_eq!(allocations(|| (0..10).for_each(|_| round())), 0);
        }
    }
}

#[test]
fn what_connections_no_longer_use_goes_to_the_next() {
    let deflate = settings(true, 1);
    let message = Random(22).json(500);
    let live = |codec: &mut dyn Codec| {
        let wire = encode(codec, &message).unwrap();
        decode(codec, &wire).unwrap();
    };
    live(&mut *server(&deflate));
    let heap = Heap::now();
    for _ in 0..10 {
        live(&mut *server(&deflate));
        // In the middle of a message, or with an error, it ends too.
        let mut codec = server(&deflate);
        codec.decode(&[0x02], false, &mut Vec::new(), 10).unwrap();
        drop(codec);
    }
    assert_eq!(heap.growth(), 0);
    // No state, only what went in and came out.
    assert!(heap.peak() < 10_000, "{}", heap.peak());
}

#[test]
fn idle_states_are_few() {
    let deflate = settings(true, 1);
    let message = Random(23).json(500);
    let heap = Heap::now();
    let mut codecs: Vec<_> = (0..40).map(|_| server(&deflate)).collect();
    for codec in &mut codecs {
        let wire = encode(&mut **codec, &message).unwrap();
        decode(&mut **codec, &wire).unwrap();
    }
    let busy = heap.growth();
    drop(codecs);
    assert!(heap.growth() <= busy * 16 / 40 + 4000, "{} of {busy}", heap.growth());
    drop(deflate);
    assert_eq!(heap.growth(), 0);
}

#[test]
fn a_state_that_met_an_error_is_not_used_again() {
    let deflate = settings(false, 1);
    let mut codec = server(&deflate);
    let heap = Heap::now();
    for _ in 0..3 {
        assert_eq!(decode(&mut *codec, &[0x07]), Err(DecodeError::Corrupt));
        assert_eq!(heap.growth(), 0);
    }
}

fn kib(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1024.0)
}

/// The table in the documentation of [`Deflate`]. To see it:
/// `cargo test --features deflate --test deflate bytes_per -- --nocapture`.
#[test]
fn bytes_per_connection() {
    let message = Random(24).json(500);
    let cost = |deflate: &Deflate, act: &dyn Fn(&mut dyn Codec)| {
        let mut codec = server(deflate);
        let heap = Heap::now();
        act(&mut *codec);
        heap.growth()
    };
    println!("KiB of a state for sending, by window bits (down) and mem_level (across)");
    println!("        {}", (1..=9).map(|i| format!("{i:>8}")).collect::<String>());
    for bits in 8..=15 {
        let mut line = format!("{bits:>8}");
        for mem_level in 1..=9 {
            let deflate = settings(true, 1).mem_level(mem_level).unwrap();
            let deflate = deflate.server_max_window_bits(bits).unwrap();
            let cost = cost(&deflate, &|codec| {
                encode_pieces(codec, &[&message, b""]);
            });
            line += &format!("{:>8}", kib(cost));
            let formula = (4 << bits.max(9)) + (7 << (mem_level + 6)) + (131 << 10);
            assert!(cost.abs_diff(formula) <= 1 << 10, "{cost}, and not {formula}");
        }
        println!("{line}");
    }
    let wire = encode(&mut *server(&settings(true, 1)), &message).unwrap();
    let receiving = cost(&settings(true, 1), &|codec| {
        decode(codec, &wire).unwrap();
    });
    println!("a state for receiving: {} KiB", kib(receiving));
    assert!(receiving.abs_diff(47 << 10) <= 1 << 10, "{receiving}");
    let deflate = settings(true, 1);
    let heap = Heap::now();
    let codec = server(&deflate);
    println!("a connection without either: {} bytes", heap.growth());
    assert!(heap.growth() <= 256, "{}", heap.growth());
    drop(codec);
}
