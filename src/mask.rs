//! Masking (RFC 6455, section 5.3): XOR with a four-byte key that repeats.
//!
//! A [`Mask`] knows its phase, that is, which key byte comes next, so a payload may be treated in
//! as many pieces as it arrives in. All loops are plain code over fixed-size arrays, which the
//! compiler turns into vector instructions.

use alloc::vec::Vec;
use core::ops::Range;

/// Bytes treated in one step of the inner loops. A multiple of the key's length, so that whole
/// steps leave the phase as it was.
const STEP: usize = 32;

/// Bytes that are copied and then masked while they are in the nearest cache, so that two passes
/// of the fastest kind cost less than one that does both. A multiple of the key's length.
const BLOCK: usize = 1024;

/// A masking key and the phase it has reached.
///
/// Masking and unmasking are the same operation. Each call goes on where the last one stopped:
///
/// ```
/// use sansio_ws::mask::Mask;
///
/// let mut payload = *b"Hello";
/// let mut mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
/// let (head, tail) = payload.split_at_mut(3);
/// mask.apply(head);
/// mask.apply(tail);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mask {
    /// The key, rotated so that the next payload byte is XORed with `key[0]`.
    key: [u8; 4],
}

impl Mask {
    /// A mask at the start of a payload: byte *i* of the payload is XORed with `key[i % 4]`.
    #[must_use]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks (or unmasks) `payload` in place and moves the phase on by its length.
    pub fn apply(&mut self, payload: &mut [u8]) {
        let wide = self.wide();
        let (steps, rest) = payload.as_chunks_mut::<STEP>();
        for step in steps {
            xor(step, &wide);
        }
        let (quads, rest) = rest.as_chunks_mut::<4>();
        for quad in quads {
            xor(quad, &self.key);
        }
        for (byte, key) in rest.iter_mut().zip(self.key) {
            *byte ^= key;
        }
        self.skip(rest.len());
    }

    /// Appends `payload`, masked, to `out`.
    pub fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        out.reserve(payload.len());
        for block in payload.chunks(BLOCK) {
            let start = out.len();
            out.extend_from_slice(block);
            self.apply(&mut out[start..]);
        }
    }

    /// Moves `from` down to start at `to`, unmasking on the way; the two may overlap.
    ///
    /// `to` must not lie behind `from.start`, and `from` must lie within `bytes`.
    pub(crate) fn move_down(&mut self, bytes: &mut [u8], from: Range<usize>, to: usize) {
        debug_assert!(to <= from.start && from.end <= bytes.len());
        let gap = from.start - to;
        // Every block is read before it is written, and writing never overtakes reading.
        for start in (to..from.end - gap).step_by(BLOCK) {
            let end = (start + BLOCK).min(from.end - gap);
            bytes.copy_within(start + gap..end + gap, start);
            self.apply(&mut bytes[start..end]);
        }
    }

    /// Moves the phase on by `n` bytes.
    fn skip(&mut self, n: usize) {
        // As one number, since rotating an array is a call.
        let key = u32::from_le_bytes(self.key);
        self.key = key.rotate_right(8 * (n % 4) as u32).to_le_bytes();
    }

    fn wide(self) -> [u8; STEP] {
        let mut wide = [0; STEP];
        for quad in wide.as_chunks_mut::<4>().0 {
            *quad = self.key;
        }
        wide
    }
}

/// Keys are secrets of the connection, so they are not printed.
impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

fn xor<const N: usize>(bytes: &mut [u8; N], key: &[u8; N]) {
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(key: [u8; 4], payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
    }

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn every_length_alignment_and_phase_agrees_with_the_byte_loop() {
        for len in (0..=200).chain([1023, 1024]) {
            let plain = sample(len + 16 + 4);
            for align in 0..16 {
                for phase in 0..4 {
                    let mut mask = Mask::new(KEY);
                    mask.apply(&mut sample(phase));
                    let mut bytes = plain[align..align + len].to_vec();
                    mask.apply(&mut bytes);
                    let mut key = KEY;
                    key.rotate_left(phase);
                    assert_eq!(bytes, naive(key, &plain[align..align + len]));
                }
            }
        }
    }

    #[test]
    fn pieces_continue_the_phase() {
        let plain = sample(300);
        for cut in 0..=300 {
            let mut mask = Mask::new(KEY);
            let mut out = Vec::new();
            mask.append(&plain[..cut], &mut out);
            mask.append(&plain[cut..], &mut out);
            assert_eq!(out, naive(KEY, &plain));
        }
    }

    #[test]
    fn moving_down_unmasks_even_when_the_regions_overlap() {
        for gap in 0..70 {
            for len in 0..150 {
                let plain = sample(len);
                let mut bytes = sample(5 + gap);
                bytes.extend(naive(KEY, &plain));
                Mask::new(KEY).move_down(&mut bytes, 5 + gap..5 + gap + len, 5);
                assert_eq!(bytes[5..5 + len], plain[..], "gap {gap}, length {len}");
                assert_eq!(bytes[..5], sample(5)[..]);
            }
        }
    }
}
