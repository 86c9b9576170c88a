//! permessage-deflate, from the codec that a handshake gives: what it decodes against a second
//! decoder, what it encodes, and what both cost.
//!
//! Run with `cargo test --features deflate --test deflate`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]
#![allow(unreachable_pub, reason = "shared with other tests")]

#[path = "../support/heap.rs"]
mod heap;
#[path = "../support/inflate.rs"]
mod inflate;

mod decoding;
mod encoding;
mod memory;

use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, DecodeError, Decoded, Extension, Offer, Piece};

const WHOLE: Piece = Piece { first: true, last: true };

const TAKEOVER: [bool; 2] = [false, true];

/// A server that compresses messages of any size, with settings of its own choice.
fn settings(takeover: bool, level: u8) -> Deflate {
    let deflate = Deflate::default().min_bytes(0).level(level).unwrap();
    deflate.server_no_context_takeover(!takeover).client_no_context_takeover(!takeover)
}

fn server(deflate: &Deflate) -> Box<dyn Codec> {
    let offers = Offer::parse(b"permessage-deflate; client_max_window_bits").unwrap();
    deflate.accept(&offers).unwrap().codec
}

fn decode(codec: &mut dyn Codec, message: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut output = Vec::new();
    let decoded = codec.decode(message, true, &mut output, usize::MAX)?;
    assert_eq!(decoded, Decoded { consumed: message.len(), full: false });
    Ok(output)
}

fn encode(codec: &mut dyn Codec, message: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    codec.encode(message, WHOLE, &mut output).then_some(output)
}

/// A message in pieces, each with its output.
fn encode_pieces(codec: &mut dyn Codec, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let encode = |(i, piece): (usize, &&[u8])| {
        let mut output = Vec::new();
        let place = Piece { first: i == 0, last: i + 1 == pieces.len() };
        assert!(codec.encode(piece, place, &mut output), "piece {i} of {}", pieces.len());
        output
    };
    pieces.iter().enumerate().map(encode).collect()
}

/// Numbers without an order, the same in each run (xorshift64).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 11) as usize % end
    }

    /// Cannot be compressed.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| (self.next() >> 32) as u8).collect()
    }

    /// Looks like JSON.
    fn json(&mut self, len: usize) -> Vec<u8> {
        const WORDS: [&str; 12] = [
            "price",
            "volume",
            "symbol",
            "timestamp",
            "side",
            "user",
            "message",
            "room",
            "created",
            "likes",
            "status",
            "description",
        ];
        let mut text = String::from("[");
        while text.len() < len {
            let (key, value) = (WORDS[self.below(WORDS.len())], WORDS[self.below(WORDS.len())]);
            let (id, number) = (self.below(100_000), self.below(1000));
            text += &format!("{{\"id\":{id},\"{key}\":\"{value}\",\"{value}\":{number}.5}},");
        }
        text.truncate(len);
        text.into_bytes()
    }
}

/// Bits, the first one lowest in its byte.
#[derive(Debug, Default, Clone)]
struct Bits(Vec<bool>);

impl Bits {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)).collect())
    }

    /// A number, lowest bit first.
    fn number(mut self, count: usize, number: usize) -> Self {
        self.0.extend((0..count).map(|i| number >> i & 1 == 1));
        self
    }

    /// `0` and `1` in this order.
    fn word(mut self, word: &str) -> Self {
        self.0.extend(word.bytes().map(|byte| byte == b'1'));
        self
    }

    fn bytes(&self, padding: bool) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            (0..8).fold(0, |byte, i| byte | u8::from(*bits.get(i).unwrap_or(&padding)) << i)
        };
        self.0.chunks(8).map(byte).collect()
    }
}
