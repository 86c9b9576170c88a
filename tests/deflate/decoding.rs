//! Decoding against a second decoder: which messages are whole, and what they expand to.

use super::inflate::Inflate;
use super::{Bits, Random, TAKEOVER, WHOLE, decode, encode, encode_pieces, server, settings};
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Codec, DecodeError, Extension, Offer};
use sansio_ws::{Config, Connection, Event, Limits, ProtocolError, RecvBuffer, Role};
use std::sync::LazyLock;

/// A decoder and its oracle, which have seen the same messages.
struct Pair {
    takeover: bool,
    codec: Box<dyn Codec>,
    oracle: Inflate,
}

impl Pair {
    fn new(takeover: bool) -> Self {
        static SETTINGS: LazyLock<[Deflate; 2]> =
            LazyLock::new(|| TAKEOVER.map(|on| settings(on, 1)));
        let codec = server(&SETTINGS[usize::from(takeover)]);
        Self { takeover, codec, oracle: Inflate::default() }
    }

    fn expected(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if !self.takeover {
            self.oracle = Inflate::default();
        }
        self.oracle.message(message)
    }

    /// Whether both find it whole.
    fn agree(&mut self, message: &[u8]) -> bool {
        let expected = self.expected(message).ok_or(DecodeError::Corrupt);
        let found = decode(&mut *self.codec, message);
        assert_eq!(found, expected, "{message:02x?}");
        found.is_ok()
    }
}

/// A message, and then others that would notice if some of it was left.
fn check(message: &[u8]) -> bool {
    // The second refers to the byte before it.
    let others: [&[u8]; 3] = [&[0x00], &REFERENCE, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0]];
    let found = TAKEOVER.map(|takeover| {
        let mut pair = Pair::new(takeover);
        pair.agree(message) && {
            others.iter().all(|other| pair.agree(other));
            true
        }
    });
    assert_eq!(found[0], found[1], "{message:02x?}");
    found[0]
}

/// Messages of all kinds of blocks.
fn samples() -> Vec<Vec<u8>> {
    let mut random = Random(1);
    let texts = [random.json(40), random.json(120), random.bytes(20), vec![7; 400]];
    let mut samples = Vec::new();
    for text in &texts {
        for level in [1, 6] {
            let (a, b) = text.split_at(text.len() / 3);
            let mut codec = server(&settings(false, level));
            samples.push(encode_pieces(&mut *codec, &[a, b, b""]).concat());
            samples.extend(encode(&mut *codec, text));
        }
    }
    samples.push(vec![0x03, 0x00, 0x03, 0x00, 0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]);
    samples
        .push(vec![0x01, 0x01, 0x00, 0xfe, 0xff, 0x41, 0x00, 0x01, 0x00, 0xfe, 0xff, 0x42, 0x00]);
    samples
}

#[test]
fn n125_rejects_messages_cut_anywhere_unless_the_oracle_finds_them_whole() {
    let mut whole = 0;
    for sample in samples() {
        assert!(check(&sample), "{sample:02x?}");
        let bits = Bits::of(&sample);
        for len in 0..bits.0.len() {
            let cut = Bits(bits.0[..len].to_vec());
            whole += usize::from(check(&cut.bytes(false)));
            whole += usize::from(check(&cut.bytes(true)));
        }
    }
    assert!(whole > 0);
}

#[test]
fn a_message_with_more_behind_it_is_whole_or_corrupt_as_the_oracle_says() {
    for sample in samples() {
        for behind in 0..=255 {
            check(&[&sample[..], &[behind]].concat());
        }
        assert!(!check(&[&sample[..], &[0, 0, 0xff, 0xff]].concat()), "the tail is not sent");
    }
}

#[test]
fn messages_with_changed_bits_are_whole_or_corrupt_as_the_oracle_says() {
    let mut random = Random(2);
    let mut whole = 0;
    for sample in samples() {
        for _ in 0..300 {
            let mut changed = sample.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(changed.len());
                changed[at] ^= 1 << random.below(8);
            }
            whole += usize::from(check(&changed));
        }
    }
    assert!(whole > 100, "{whole}");
}

/// A dynamic block that stops in the lengths of its codes, which the tail goes on with: sixteen
/// zeros are as many unused distances, and eight ones are twelve more. Then comes the end of the
/// block, a code of `len` ones. It is the end of the tail too only if these are the other eight.
fn ends_in_the_tail(len: usize, literals: usize) -> Vec<u8> {
    // A block of literals of 9 bits, to come to any bit.
    let mut bits = Bits::default().number(1, 0).number(2, 1);
    for _ in 0..literals {
        bits = bits.word("111111111");
    }
    bits = bits.word("0000000");
    bits = bits.number(1, 0).number(2, 2).number(5, 0).number(5, 27).number(4, 15);
    // The code lengths: 0 is 0, `len` is 10, and 16, which repeats, is 11.
    for symbol in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15] {
        let is_used = symbol == 16 || symbol == len;
        bits = bits.number(3, if symbol == 0 { 1 } else { 2 * usize::from(is_used) });
    }
    for symbol in 0..=256 {
        let is_used = symbol == 256 || symbol < (1 << len) - 1;
        bits = bits.word(if is_used { "10" } else { "0" });
    }
    if bits.0.len() % 8 == 0 { bits.bytes(false) } else { ends_in_the_tail(len, literals + 1) }
}

#[test]
fn a_block_that_ends_inside_a_byte_of_the_tail_leaves_nothing_for_the_next_message() {
    for len in 1..=8 {
        let message = ends_in_the_tail(len, 0);
        assert_eq!(check(&message), len == 8, "{} bits left", 8 - len);
    }
}

#[test]
fn what_the_tail_would_expand_to_is_not_content() {
    // A stored block that lacks its last four bytes.
    assert!(!check(&[0x00, 0x06, 0x00, 0xf9, 0xff, b'a', b'b']));
    // All of it, but then no header for the tail.
    assert!(!check(&[0x00, 0x02, 0x00, 0xfd, 0xff, b'a', b'b']));
    assert!(check(&[0x00, 0x02, 0x00, 0xfd, 0xff, b'a', b'b', 0x00]));
    assert!(!check(b""), "an empty message is one byte");
    assert!(check(&[0x00]));
}

/// However the message is cut, and however little room there is at a time.
fn decode_in_steps(
    codec: &mut dyn Codec,
    message: &[u8],
    random: &mut Random,
    rooms: usize,
) -> Result<Vec<u8>, DecodeError> {
    let mut output = Vec::new();
    let mut rest = message;
    loop {
        let (mut piece, tail) = rest.split_at(random.below(rest.len().min(40) + 1));
        let last = tail.is_empty() && random.below(2) == 0;
        loop {
            let (room, before) = (random.below(rooms), output.len());
            let decoded = codec.decode(piece, last, &mut output, room)?;
            assert!(output.len() <= before + room);
            piece = &piece[decoded.consumed..];
            if !decoded.full {
                assert!(piece.is_empty());
                break;
            }
            assert_eq!(output.len(), before + room, "full, but there was room");
        }
        if last {
            return Ok(output);
        }
        rest = tail;
    }
}

#[test]
fn how_a_message_is_cut_and_how_much_room_there_is_does_not_matter() {
    let mut random = Random(3);
    for sample in samples() {
        for takeover in TAKEOVER {
            for rooms in [2, 300, 10_000] {
                let mut pair = Pair::new(takeover);
                let mut changed = sample.clone();
                for _ in 0..4 {
                    let expected = pair.expected(&changed).ok_or(DecodeError::Corrupt);
                    let found = decode_in_steps(&mut *pair.codec, &changed, &mut random, rooms);
                    assert_eq!(found, expected);
                    if found.is_err() {
                        break;
                    }
                    let at = random.below(changed.len());
                    changed[at] ^= 1 << random.below(8);
                }
            }
        }
    }
}

#[test]
fn n125_accepts_every_split_of_the_input() {
    for sample in samples() {
        for takeover in TAKEOVER {
            let mut codec = server(&settings(takeover, 1));
            let whole = decode(&mut *codec, &sample).unwrap();
            for at in 0..=sample.len() {
                let mut output = Vec::new();
                for (input, last) in [(&sample[..at], false), (&sample[at..], true)] {
                    let decoded = codec.decode(input, last, &mut output, usize::MAX).unwrap();
                    assert_eq!((decoded.consumed, decoded.full), (input.len(), false));
                }
                assert_eq!(output, whole);
            }
        }
    }
}

#[test]
fn a_message_of_just_the_room_is_not_full() {
    for takeover in TAKEOVER {
        for len in [1, 5, 300, 5000, 100_000] {
            let message = Random(4).json(len);
            let mut codec = server(&settings(takeover, 6));
            let encoded = encode_pieces(&mut *codec, &[&message, b""]).concat();
            let mut output = Vec::new();
            let decoded = codec.decode(&encoded, true, &mut output, len).unwrap();
            assert!(!decoded.full, "{len}");
            assert_eq!(output, message);
        }
    }
}

#[test]
fn max_ratio_counts_behind_the_first_32_kib() {
    const FREE: usize = 32 << 10;
    for takeover in TAKEOVER {
        for (len, ratio) in [(FREE, 1), (FREE + 1000, 100), (FREE + 100_000, 100), (1 << 20, 500)] {
            let mut plain = server(&settings(takeover, 9));
            let encoded = encode(&mut *plain, &vec![b' '; len]).unwrap();
            let fits = len <= FREE + ratio * encoded.len();
            for step in [1, 7, 31, 32, 33, 100, encoded.len()] {
                let mut codec = server(&settings(takeover, 9).max_ratio(Some(ratio as u32)));
                let mut output = Vec::new();
                let result = encoded.chunks(step).enumerate().try_for_each(|(i, piece)| {
                    let last = (i + 1) * step >= encoded.len();
                    codec.decode(piece, last, &mut output, usize::MAX).map(drop)
                });
                // What expands too much is noticed before all of it has arrived.
                assert_eq!(result, if fits { Ok(()) } else { Err(DecodeError::Expansion) });
                assert!(output.len() <= FREE + ratio * encoded.len() + (33 << 10));
            }
        }
    }
}

#[test]
fn max_ratio_is_reached_but_not_exceeded() {
    const FREE: usize = 32 << 10;
    let zeros = |len| encode(&mut *server(&settings(false, 9)), &vec![0; len]).unwrap();
    // The longest message of zeros that is allowed, to the byte. One zero more is encoded in as many bytes.
    let longest = |ratio: usize| {
        let mut lengths = (40..70).map(|encoded| (encoded, FREE + ratio * encoded));
        let fits = |(encoded, len): &(usize, usize)| {
            zeros(*len).len() == *encoded && zeros(*len + 1).len() == *encoded
        };
        lengths.find(fits).map(|(_, len)| (ratio, len))
    };
    let longest: Vec<_> = (100..).filter_map(longest).take(3).collect();
    for (ratio, len) in longest {
        for step in [1, usize::MAX] {
            let decoded = |len| {
                let mut codec = server(&settings(false, 9).max_ratio(Some(ratio as u32)));
                let (encoded, mut output) = (zeros(len), Vec::new());
                let pieces = encoded.chunks(step.min(encoded.len()));
                let last = pieces.len() - 1;
                for (i, piece) in pieces.enumerate() {
                    codec.decode(piece, i == last, &mut output, usize::MAX)?;
                }
                Ok(output.len())
            };
            assert_eq!(decoded(len), Ok(len));
            assert_eq!(decoded(len + 1), Err(DecodeError::Expansion));
        }
    }
}

/// Messages that expand much here and little there, around the ratio.
#[test]
fn max_ratio_does_not_depend_on_how_the_message_is_cut() {
    let mut random = Random(7);
    let mut verdicts = [0, 0];
    for _ in 0..60 {
        let mut message = vec![b' '; 30_000];
        for _ in 0..random.below(20) {
            let blanks = message.len() + random.below(3000);
            message.resize(blanks, b' ');
            message.extend(random.bytes(100));
        }
        let encoded = encode(&mut *server(&settings(false, 9)), &message).unwrap();
        let deflate = settings(false, 9).max_ratio(Some(10));
        let verdict = |step: usize, room: usize| {
            let mut codec = server(&deflate);
            let mut output = Vec::new();
            for (i, mut piece) in encoded.chunks(step).enumerate() {
                let last = (i + 1) * step >= encoded.len();
                loop {
                    match codec.decode(piece, last, &mut output, room) {
                        Ok(decoded) if decoded.full => piece = &piece[decoded.consumed..],
                        Ok(_) => break,
                        Err(error) => return Err((error, output)),
                    }
                }
            }
            Ok(output)
        };
        let whole = verdict(encoded.len(), usize::MAX);
        verdicts[usize::from(whole.is_ok())] += 1;
        for (step, room) in [(1, usize::MAX), (5, 1000), (31, 4096), (32, 33), (77, 1), (500, 4096)]
        {
            assert_eq!(verdict(step, room), whole, "pieces of {step}, room for {room}");
        }
    }
    assert!(verdicts[0] > 5 && verdicts[1] > 5, "{verdicts:?}");
}

#[test]
fn after_an_error_the_state_is_a_new_one() {
    for takeover in TAKEOVER {
        let mut codec = server(&settings(takeover, 1));
        let hello = encode(&mut *codec, b"hello, hello, hello, hello").unwrap();
        decode(&mut *codec, &hello).unwrap();
        assert_eq!(decode(&mut *codec, &[0x07]), Err(DecodeError::Corrupt));
        // A reference to what came before the error.
        assert_eq!(decode(&mut *codec, &REFERENCE), Err(DecodeError::Corrupt));
        decode(&mut *codec, &hello).unwrap();
    }
}

#[test]
fn an_unlimited_ratio_is_the_default() {
    let mut codec = server(&Deflate::default().level(9).unwrap());
    let mut encoded = Vec::new();
    assert!(codec.encode(&vec![0; 10 << 20], WHOLE, &mut encoded));
    assert!(encoded.len() < (10 << 20) / 1000);
    assert_eq!(decode(&mut *codec, &encoded).unwrap().len(), 10 << 20);
}

/// `A`, in a block of each kind; and three bytes more that refer to the byte before.
const LITERAL: [u8; 3] = [0x72, 0x04, 0x00];
const LAST_LITERAL: [u8; 3] = [0x73, 0x04, 0x00];
const STORED: [u8; 6] = [0x00, 0x01, 0x00, 0xfe, 0xff, b'A'];
const LAST_STORED: [u8; 6] = [0x01, 0x01, 0x00, 0xfe, 0xff, b'A'];
const REFERENCE: [u8; 4] = [0x02, 0x02, 0x00, 0x00];

#[test]
fn n126_accepts_stored_and_final_blocks_in_any_order() {
    let mut codec = server(&settings(false, 1));
    let blocks: [&[u8]; 4] = [&STORED, &LAST_STORED, &LAST_LITERAL, &STORED];
    for from in 0..blocks.len() {
        for to in from..=blocks.len() {
            let message = [&blocks[from..to].concat()[..], &[0]].concat();
            assert_eq!(decode(&mut *codec, &message).unwrap(), vec![b'A'; to - from]);
            assert!(check(&message));
        }
    }
    // Right behind a final block all is said.
    assert_eq!(decode(&mut *codec, &[STORED, LAST_STORED].concat()).unwrap(), b"AA");
    // One that is not final cannot end a message.
    assert_eq!(decode(&mut *codec, &STORED), Err(DecodeError::Corrupt));
}

#[test]
fn n126_rejects_references_across_a_final_block() {
    let mut codec = server(&settings(true, 1));
    assert_eq!(decode(&mut *codec, &[&STORED[..], &REFERENCE].concat()).unwrap(), b"AAAA");
    for last in [&LAST_STORED[..], &LAST_LITERAL] {
        let message = [last, &REFERENCE].concat();
        assert_eq!(decode(&mut *codec, &message), Err(DecodeError::Corrupt));
        assert!(!check(&message));
    }
}

#[test]
fn n127_accepts_references_to_earlier_messages_only_with_takeover() {
    for takeover in TAKEOVER {
        let mut codec = server(&settings(takeover, 1));
        assert_eq!(decode(&mut *codec, &LITERAL).unwrap(), b"A");
        let again = decode(&mut *codec, &REFERENCE);
        assert_eq!(again.ok().as_deref(), takeover.then_some(&b"AAA"[..]));
    }
}

/// A message that does not shrink is a little longer on the wire than its limit.
#[test]
fn the_largest_message_may_come_longer_than_it_is() {
    const LIMIT: u16 = 10_000;
    let limits = Limits::default().max_message_bytes(LIMIT.into()).max_frame_bytes(LIMIT.into());
    let receive = |payload: &[u8], expected: Result<Event<'_>, ProtocolError>| {
        let offers = Offer::parse(b"permessage-deflate").unwrap();
        let agreement = Deflate::default().accept(&offers).unwrap();
        let config = Config::default().limits(limits);
        let mut connection = Connection::new(Role::Server, config).with_agreement(agreement);
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(&[0xc2, 0xfe, len[0], len[1], 0, 0, 0, 0]);
        rx.extend_from_slice(payload);
        assert_eq!(connection.next_event(&mut rx).map(Option::unwrap), expected);
    };
    let stored = |len: u16| {
        let lengths = [len.to_le_bytes(), (!len).to_le_bytes()].concat();
        let data = vec![7; len.into()];
        ([&[0], &lengths[..], &data, &[0]].concat(), data)
    };
    let (largest, data) = stored(LIMIT);
    assert!(largest.len() > LIMIT.into());
    receive(&largest, Ok(Event::Binary(&data)));
    receive(&stored(LIMIT + 1).0, Err(ProtocolError::MessageTooBig));
    // What adds nothing to a message makes it longer only up to the limit.
    let empty = [0, 0, 0, 0xff, 0xff].repeat(3_000);
    receive(&empty, Err(ProtocolError::FrameTooBig));
}
