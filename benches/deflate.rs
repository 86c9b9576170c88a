//! What compression costs and what it saves, by level; and the dearest messages to decode.
//!
//! `cargo bench --features deflate --bench deflate`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

use core::hint::black_box;
use core::time::Duration;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, Extension, Offer, Piece};
use std::time::Instant;

const WHOLE: Piece = Piece { first: true, last: true };

fn main() {
    for takeover in [false, true] {
        for size in [64, 128, 256, 512, 1 << 10, 16 << 10] {
            levels(takeover, size);
        }
    }
    dear();
    idle();
}

fn server(deflate: &Deflate) -> Box<dyn Codec> {
    let offers = Offer::parse(b"permessage-deflate; client_max_window_bits").unwrap();
    deflate.accept(&offers).unwrap().codec
}

fn settings(takeover: bool, level: u8, mem_level: u8) -> Deflate {
    let deflate = Deflate::default().level(level).unwrap().mem_level(mem_level).unwrap();
    let deflate = deflate.server_no_context_takeover(!takeover);
    deflate.client_no_context_takeover(!takeover).min_bytes(0)
}

fn levels(takeover: bool, size: usize) {
    let context = if takeover { "with" } else { "without" };
    println!("\nJSON of {size} bytes, {context} context takeover");
    println!("level  mem_level  bytes    saved   encode µs  decode µs");
    // Far more than a window holds.
    let messages: Vec<_> = (0..(1 << 18) / size as u64).map(|i| json(i, size)).collect();
    for (level, mem_level) in (1..=9).map(|level| (level, 8)).chain([(1, 5), (6, 5)]) {
        let deflate = settings(takeover, level, mem_level);
        let mut codec = server(&deflate);
        let mut output = Vec::new();
        let encode = per_item(messages.len(), || {
            for message in &messages {
                output.clear();
                black_box(codec.encode(message, WHOLE, &mut output));
            }
        });
        let mut codec = server(&deflate);
        let mut sent = 0;
        let encoded: Vec<_> = messages
            .iter()
            .filter_map(|message| {
                let mut output = Vec::new();
                let compressed = codec.encode(message, WHOLE, &mut output);
                sent += if compressed { output.len() } else { message.len() };
                compressed.then_some(output)
            })
            .collect();
        let decode = per_item(encoded.len(), || {
            // What is decoded twice in a row refers to what was there before all the same.
            let mut codec = server(&deflate);
            for message in &encoded {
                output.clear();
                codec.decode(message, true, &mut output, usize::MAX).unwrap();
                black_box(&output);
            }
        });
        let bytes = sent as f64 / messages.len() as f64;
        let saved = 100.0 * (1.0 - bytes / size as f64);
        let (encode, decode) = (encode.as_secs_f64() * 1e6, decode.as_secs_f64() * 1e6);
        println!("{level:>5}{mem_level:>11}{bytes:>9.0}{saved:>7.0} %{encode:>12.1}{decode:>11.1}");
    }
}

/// Messages that cost more than their bytes let one expect, per byte that comes in or goes out.
fn dear() {
    println!("\nns per byte in and out   message");
    let shapes: [(&str, Vec<u8>); 5] = [
        ("empty final blocks, fixed codes", vec![0x03, 0x00]),
        ("empty final blocks, stored", vec![0x01, 0x00, 0x00, 0xff, 0xff]),
        ("empty final blocks, codes of 15 bits", dynamic()),
        ("empty blocks, stored", vec![0x00, 0x00, 0x00, 0xff, 0xff]),
        // Four of 10 bits.
        ("empty blocks, fixed codes", vec![0x02, 0x08, 0x20, 0x80, 0x00]),
    ];
    for (name, block) in shapes {
        let mut message = block.repeat(100_000 / block.len());
        if block.first().is_some_and(|header| header & 1 == 0) {
            message.push(0x00);
        }
        report(name, &message);
    }
    let zeros = {
        let mut output = Vec::new();
        server(&settings(false, 9, 8)).encode(&vec![0; 1 << 20], WHOLE, &mut output);
        output
    };
    report("a bomb", &zeros);
}

/// A final block without content whose codes have every length there is.
fn dynamic() -> Vec<u8> {
    // The header; all code lengths are used, with codes of four bits, but not 0, 16 and 17.
    let mut bits = String::from("1 01 00000 00000 1111 000 000 001");
    bits += "000 001 001 001 001 001 001 001 001 001 001 001 001 001 001 001 ";
    // Literals of 1 to 15 bits, 241 without a code, the end of the block, and one distance.
    bits += &(0..15).map(|length| format!("{length:04b}")).collect::<String>();
    bits += "1111 1111111 1111 0011101 1110 0000";
    bits += &"1".repeat(15);
    bits.retain(|bit| bit != ' ');
    let byte = |bits: &[u8]| (0..bits.len()).fold(0, |byte, i| byte | (bits[i] - b'0') << i);
    bits.as_bytes().chunks(8).map(byte).collect()
}

fn report(name: &str, message: &[u8]) {
    let mut codec = server(&settings(false, 1, 8));
    let mut output = Vec::new();
    let time = per_item(1, || {
        output.clear();
        codec.decode(message, true, &mut output, usize::MAX).unwrap();
    });
    let bytes = (message.len() + output.len()) as f64;
    println!("{:>23.1}   {name}", time.as_secs_f64() * 1e9 / bytes);
}

/// What the pool is good for.
fn idle() {
    let message = json(0, 1024);
    let mut output = Vec::new();
    let deflate = settings(true, 1, 8);
    let mut keep = server(&deflate);
    let kept = per_item(1, || {
        output.clear();
        keep.encode(&message, WHOLE, &mut output);
    });
    let pooled = per_item(1, || {
        output.clear();
        server(&deflate).encode(&message, WHOLE, &mut output);
    });
    let made = per_item(1, || {
        output.clear();
        server(&settings(true, 1, 8)).encode(&message, WHOLE, &mut output);
    });
    println!("\nµs for 1 KiB with a state that is kept, from the pool, new");
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("{:.2} {:.2} {:.2}", micros(kept), micros(pooled), micros(made));
}

/// The time of one of the `items` of each call.
fn per_item(items: usize, mut call: impl FnMut()) -> Duration {
    (0..3).for_each(|_| call());
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < Duration::from_millis(150) {
        call();
        calls += 1;
    }
    start.elapsed() / (calls * items.max(1) as u32)
}

/// A message as a program would send it, cut to its size.
fn json(number: u64, size: usize) -> Vec<u8> {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |end: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) % end
    };
    let mut text = String::new();
    while text.len() < size {
        let symbol = ["BTC-EUR", "ETH-EUR", "BTC-USD", "SOL-USD"][next(4) as usize];
        let side = ["buy", "sell"][next(2) as usize];
        text += &format!(
            "{{\"type\":\"trade\",\"symbol\":\"{symbol}\",\"id\":{},\"price\":\"{}.{:02}\",\
             \"size\":\"0.{:06}\",\"side\":\"{side}\",\"time\":\"2025-03-{:02}T{:02}:{:02}:{:02}Z\"}},",
            next(1_000_000_000),
            next(100_000),
            next(100),
            next(1_000_000),
            next(28) + 1,
            next(24),
            next(60),
            next(60),
        );
    }
    text.truncate(size);
    text.into_bytes()
}
