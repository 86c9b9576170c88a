//! Encoding: what is sent is smaller than the message, whole, and within the agreed window.

use super::inflate::Inflate;
use super::{Random, TAKEOVER, WHOLE, decode, encode, encode_pieces, server, settings};
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, Extension, Offer};

/// Both sides of an agreement on these windows.
fn pair(deflate: &Deflate, bits: u8) -> (Box<dyn Codec>, Box<dyn Codec>) {
    let deflate = deflate.clone().server_max_window_bits(bits).unwrap();
    let deflate = deflate.client_max_window_bits(bits).unwrap();
    let offer = deflate.offer();
    let agreement = deflate.accept(&Offer::parse(offer.as_bytes()).unwrap()).unwrap();
    let answer = Offer::parse(agreement.header.as_bytes()).unwrap();
    (agreement.codec, deflate.confirm(&answer[0]).unwrap().codec)
}

/// There and back, and to the oracle.
struct RoundTrip {
    takeover: bool,
    from: Box<dyn Codec>,
    to: Box<dyn Codec>,
    oracle: Inflate,
    farthest: usize,
}

impl RoundTrip {
    fn new(deflate: &Deflate, takeover: bool, bits: u8) -> Self {
        let (from, to) = pair(deflate, bits);
        Self { takeover, from, to, oracle: Inflate::default(), farthest: 0 }
    }

    /// Whether it was compressed.
    fn send(&mut self, message: &[u8]) -> bool {
        let Some(encoded) = encode(&mut *self.from, message) else { return false };
        assert!(encoded.len() < message.len());
        self.receive(&encoded, message);
        true
    }

    fn send_pieces(&mut self, pieces: &[&[u8]]) {
        let encoded = encode_pieces(&mut *self.from, pieces);
        for (i, piece) in encoded.iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
            let ends_here = i + 1 == encoded.len();
            assert_eq!(piece.ends_with(&[0, 0, 0xff, 0xff]), !ends_here, "{piece:02x?}");
        }
        // Each needs at most two headers, and one for each 64 KiB.
        let longest = |piece: &[u8]| piece.len() + 10 + piece.len() / 65_535 * 5;
        assert!(pieces.iter().zip(&encoded).all(|(piece, sent)| sent.len() <= longest(piece)));
        self.receive(&encoded.concat(), &pieces.concat());
    }

    fn receive(&mut self, encoded: &[u8], message: &[u8]) {
        assert!(decode(&mut *self.to, encoded).unwrap() == message, "another message came");
        if !self.takeover {
            self.oracle = Inflate::default();
        }
        if message.len() <= 10_000 {
            assert!(self.oracle.message(encoded).unwrap() == message);
            self.farthest = self.farthest.max(self.oracle.farthest);
        } else {
            // The oracle is slow; let it begin anew.
            self.takeover = false;
        }
    }
}

fn pieces<'a>(message: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let mut rest = message;
    let mut pieces = Vec::new();
    for _ in 0..=random.below(3) {
        let (piece, tail) = rest.split_at(random.below(rest.len() + 1));
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

#[test]
fn n124_accepts_messages_there_and_back_with_all_settings() {
    let mut random = Random(5);
    for takeover in TAKEOVER {
        for level in 1..=9 {
            for mem_level in [1, 5, 8, 9] {
                let deflate = settings(takeover, level).mem_level(mem_level).unwrap();
                for bits in 8..=15 {
                    let mut trip = RoundTrip::new(&deflate, takeover, bits);
                    for _ in 0..3 {
                        let len = 2000 >> random.below(10);
                        let json = random.json(len);
                        let compressed = trip.send(&json);
                        assert!(
                            compressed || len < 200 || level == 0,
                            "{len} bytes, level {level}"
                        );
                        let noise = random.bytes(len);
                        assert!(!trip.send(&noise));
                        trip.send_pieces(&pieces(&json, &mut random));
                        trip.send_pieces(&pieces(&noise, &mut random));
                    }
                }
            }
        }
    }
}

#[test]
fn large_messages() {
    let mut random = Random(6);
    for takeover in TAKEOVER {
        for (level, bits) in [(1, 15), (2, 9), (6, 8), (9, 15)] {
            let mut trip = RoundTrip::new(&settings(takeover, level), takeover, bits);
            for len in [10_001, 65_536, 200_000] {
                let json = random.json(len);
                assert!(trip.send(&json));
                assert!(!trip.send(&random.bytes(len)));
                trip.send_pieces(&pieces(&json, &mut random));
                let noise = random.bytes(len);
                trip.send_pieces(&pieces(&noise, &mut random));
            }
        }
    }
}

#[test]
fn n123_rejects_compressing_what_would_not_get_smaller() {
    let mut random = Random(7);
    for takeover in TAKEOVER {
        let mut trip = RoundTrip::new(&settings(takeover, 1), takeover, 15);
        for len in 0..1500 {
            assert!(!trip.send(&random.bytes(len)));
            let noise = random.bytes(len);
            trip.send_pieces(&[&noise, b""]);
        }
    }
}

/// A message that makes a compressor look as far back as it can: random words, each of which
/// comes again at all distances.
fn far_and_wide(random: &mut Random, len: usize) -> Vec<u8> {
    let words: Vec<_> = (0..300).map(|_| random.bytes(6)).collect();
    let mut message = Vec::new();
    while message.len() < len {
        message.extend(&words[random.below(words.len())]);
    }
    message
}

#[test]
fn n121_n130_rejects_referring_back_beyond_the_agreed_window() {
    let mut random = Random(8);
    for bits in 8..=15 {
        let mut farthest = 0;
        for level in 1..=9 {
            let mut trip = RoundTrip::new(&settings(true, level), true, bits);
            for _ in 0..6 {
                trip.send(&far_and_wide(&mut random, 9000));
                trip.send_pieces(&[&far_and_wide(&mut random, 300), b""]);
            }
            farthest = farthest.max(trip.farthest);
        }
        // A compressor keeps 262 bytes of its window for looking ahead, and for 8 bits there is
        // but the one for 9.
        let window = 1 << bits.max(9);
        assert!(farthest <= window - 262, "{farthest} with {bits} bits");
        assert!(farthest <= 1 << bits, "{farthest} with {bits} bits");
        assert!(farthest > window / 4, "only {farthest} with {bits} bits");
    }
}

#[test]
fn a_refused_message_leaves_no_trace() {
    let mut random = Random(9);
    for takeover in TAKEOVER {
        for level in 1..=9 {
            let mut trip = RoundTrip::new(&settings(takeover, level), takeover, 15);
            for _ in 0..10 {
                let text = random.json(500);
                let mut noise = random.bytes(5000);
                assert!(trip.send(&text));
                assert!(!trip.send(&noise));
                // References to the noise would be tempting now.
                noise.truncate(600);
                trip.send_pieces(&[&noise, b""]);
                assert!(trip.send(&text));
            }
        }
    }
}

#[test]
fn n127_rejects_referring_to_messages_that_were_sent_before() {
    for takeover in TAKEOVER {
        let mut codec = server(&settings(takeover, 1));
        let message = Random(10).json(1000);
        let first = encode(&mut *codec, &message).unwrap();
        let second = encode(&mut *codec, &message).unwrap();
        if takeover {
            assert!(second.len() < 50);
        } else {
            assert_eq!(second, first);
        }
    }
}

#[test]
fn n124_rejects_sending_nothing_for_an_empty_message() {
    for takeover in TAKEOVER {
        let mut codec = server(&settings(takeover, 1));
        for _ in 0..3 {
            assert_eq!(encode_pieces(&mut *codec, &[b"", b"", b""]), [&b""[..], b"", &[0]]);
            assert_eq!(encode(&mut *codec, b""), None, "nothing is smaller than nothing");
            encode_pieces(&mut *codec, &[b"abc", b""]);
        }
    }
}

#[test]
fn n123_accepts_short_messages_as_they_are() {
    let deflate = settings(false, 1).min_bytes(100);
    let mut codec = server(&deflate);
    assert_eq!(encode(&mut *codec, &[0; 99]), None);
    assert!(encode(&mut *codec, &[0; 100]).is_some());
    assert!(deflate.prepare(&[0; 99]).is_none());
    assert!(deflate.prepare(&[0; 100]).is_some());
}

#[test]
fn a_message_is_appended_and_what_was_there_stays() {
    let mut codec = server(&settings(false, 1));
    let mut output = b"before".to_vec();
    assert!(codec.encode(&[0; 10_000], WHOLE, &mut output));
    let encoded = output.split_off(6);
    assert_eq!(output, b"before");
    codec.decode(&encoded, true, &mut output, usize::MAX).unwrap();
    assert_eq!(output.split_off(6), [0; 10_000]);
    assert_eq!(output, b"before");
}

#[test]
fn who_takes_prepared_messages() {
    let message = Random(11).json(3000);
    for bits in 8..=15 {
        let deflate = settings(false, 6).server_max_window_bits(bits).unwrap();
        for len in [200, 256, 257, 1024, 3000] {
            let prepared = deflate.prepare(&message[..len]).unwrap();
            let spanned = (8..).find(|bits| len <= 1 << bits).unwrap();
            assert_eq!(prepared.demand, spanned.min(u32::from(bits)));
            let mut oracle = Inflate::default();
            assert_eq!(oracle.message(&prepared.payload).unwrap(), message[..len]);
            assert!(oracle.farthest <= 1 << prepared.demand);
        }
    }
    for bits in 8..=15 {
        let (server, client) = pair(&settings(false, 1), bits);
        for demand in 8..=15 {
            assert_eq!(server.takes(demand), demand <= u32::from(bits));
            assert_eq!(client.takes(demand), demand <= u32::from(bits));
        }
        let (server, client) = pair(&settings(true, 1), bits);
        assert!(!server.takes(8) && !client.takes(8));
    }
    assert_eq!(settings(false, 1).prepare(&Random(12).bytes(1000)), None, "not worth it");
}
