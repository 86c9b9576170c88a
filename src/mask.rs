//! Masking (RFC 6455, section 5.3): XOR with a four-byte key that repeats.
//!
//! A [`Mask`] knows its phase, that is, which key byte comes next, so a payload may be treated in
//! as many pieces as it arrives in. All loops are plain code, which the compiler turns into vector
//! instructions: those of every processor of the target, and with feature `simd` also wider ones,
//! for the processors that have them.
//!
//! ```
//! use sansio_ws::mask::Mask;
//!
//! let key = [0x37, 0xfa, 0x21, 0x3d];
//! let mut wire = Vec::new();
//! Mask::new(key).append(b"Hello", &mut wire); // a client sends
//! assert_eq!(wire, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
//! Mask::new(key).apply(&mut wire); // a server receives
//! assert_eq!(wire, b"Hello");
//! ```

use alloc::vec::Vec;
use core::ops::Range;

/// From this many bytes on it pays to make preparations for a payload. At least [`STEP`].
const LONG: usize = 512;

/// Bytes that are masked in place at once. A multiple of the key's length. Lanes are aligned to
/// their size; DESIGN.md has the reason.
const LANE: usize = 32;

/// The same for payloads that are not long.
const SHORT_LANE: usize = 16;

/// Bytes that are masked at once on their way to another place: what eight vectors hold. A multiple
/// of [`LANE`].
const STEP: usize = if cfg!(feature = "simd") { 256 } else { 128 };

/// The same for payloads that are not long.
const SHORT_STEP: usize = 64;

/// Does some work with the widest vectors that this processor has, except for calls in it that
/// are not inlined.
#[cfg(feature = "simd")]
macro_rules! widest {
    ($work:expr) => {
        fearless_simd::dispatch!(fearless_simd::Level::new(), _ => $work)
    };
}

#[cfg(not(feature = "simd"))]
macro_rules! widest {
    ($work:expr) => {
        $work
    };
}

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
    /// The key, rotated so that the next payload byte is XORed with `key[0]`. Bytes, since they may
    /// lie anywhere; all else is done with them as one little-endian number.
    key: [u8; 4],
}

impl Mask {
    /// A mask at the start of a payload: byte *i* of the payload is XORed with `key[i % 4]`.
    #[must_use]
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks (or unmasks) `payload` in place and moves the phase on by its length.
    #[inline]
    pub fn apply(&mut self, payload: &mut [u8]) {
        if payload.len() < LONG {
            self.apply_short(payload);
        } else {
            self.apply_long(payload);
        }
    }

    /// Appends `payload`, masked, to `out`.
    #[inline]
    pub fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.len() < LONG {
            self.append_short(payload, out);
        } else {
            self.append_long(payload, out);
        }
    }

    /// Moves `from` down to start at `to`, unmasking on the way; the two may overlap.
    ///
    /// `to` must not lie behind `from.start`, and `from` must lie within `bytes`.
    #[inline]
    pub(crate) fn move_down(&mut self, bytes: &mut [u8], from: Range<usize>, to: usize) {
        debug_assert!(to <= from.start && from.end <= bytes.len());
        if from.len() < LONG {
            self.move_down_by::<SHORT_STEP>(bytes, from, to);
        } else {
            self.move_down_long(bytes, from, to);
        }
    }

    /// The last bytes are masked together with some before them, unless there are too few.
    #[inline(always)]
    fn apply_short(&mut self, payload: &mut [u8]) {
        let len = payload.len();
        if let Some(last) = payload.last_chunk::<SHORT_LANE>() {
            let last = self.after(len - SHORT_LANE).masked(last);
            for lane in payload.as_chunks_mut::<SHORT_LANE>().0 {
                *lane = self.masked(lane);
            }
            payload[len - SHORT_LANE..].copy_from_slice(&last);
        } else {
            let (quads, rest) = payload.as_chunks_mut::<4>();
            for quad in quads {
                *quad = self.masked(quad);
            }
            for (byte, key) in rest.iter_mut().zip(self.key) {
                *byte ^= key;
            }
        }
        *self = self.after(len);
    }

    /// The lanes are aligned. What is before and behind them is masked together with some bytes of
    /// theirs, so that these two are lanes as well: read before all others, and written after them.
    ///
    /// Out of line, as the others for long payloads, so that short ones have nothing to do with it.
    #[inline(never)]
    fn apply_long(&mut self, payload: &mut [u8]) {
        widest!({
            let (Some(first), Some(last)) = (payload.first_chunk(), payload.last_chunk()) else {
                return self.apply_short(payload);
            };
            let end = payload.len() - LANE;
            let first: [u8; LANE] = self.masked(first);
            let last: [u8; LANE] = self.after(end).masked(last);
            let ahead = until_aligned(payload.as_ptr());
            let middle = self.after(ahead);
            for lane in payload[ahead..].as_chunks_mut::<LANE>().0 {
                *lane = middle.masked(lane);
            }
            payload[..LANE].copy_from_slice(&first);
            payload[end..].copy_from_slice(&last);
            *self = self.after(payload.len());
        });
    }

    #[inline(always)]
    fn append_short(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(payload);
        self.apply_short(&mut out[start..]);
    }

    /// The steps are aligned in `out`. They overlap a lane before them and a step behind them: some
    /// bytes are taken back and appended once more.
    #[inline(never)]
    fn append_long(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        widest!({
            let (Some(first), Some(last)) = (payload.first_chunk::<LANE>(), payload.last_chunk())
            else {
                return self.append_short(payload, out);
            };
            out.reserve(payload.len());
            let start = out.len();
            let ahead = until_aligned(out.spare_capacity_mut().as_ptr().cast());
            out.extend_from_slice(&self.masked(first));
            out.truncate(start + ahead);
            let middle = self.after(ahead);
            let (steps, rest) = payload[ahead..].as_chunks::<STEP>();
            for step in steps {
                out.extend_from_slice(&middle.masked(step));
            }
            if !rest.is_empty() {
                let end = payload.len() - STEP;
                let last: [u8; STEP] = self.after(end).masked(last);
                out.truncate(start + end);
                out.extend_from_slice(&last);
            }
            *self = self.after(payload.len());
        });
    }

    #[inline(never)]
    fn move_down_long(&mut self, bytes: &mut [u8], from: Range<usize>, to: usize) {
        widest!(self.move_down_by::<STEP>(bytes, from, to));
    }

    /// Every step is read before it is written, and writing never overtakes reading. The last one
    /// overlaps those before, so it is read before all of them.
    #[inline(always)]
    fn move_down_by<const STEP: usize>(
        &mut self,
        bytes: &mut [u8],
        mut from: Range<usize>,
        mut to: usize,
    ) {
        let end = to + from.len();
        let Some(last) = bytes[from.clone()].last_chunk::<STEP>() else {
            bytes.copy_within(from, to);
            return self.apply_short(&mut bytes[to..end]);
        };
        let after = self.after(from.len());
        let last = self.after(from.len() - STEP).masked(last);
        while let Some(step) = bytes[from.clone()].first_chunk::<STEP>() {
            let step = self.masked(step);
            bytes[to..to + STEP].copy_from_slice(&step);
            from.start += STEP;
            to += STEP;
        }
        bytes[end - STEP..end].copy_from_slice(&last);
        *self = after;
    }

    /// This mask with its phase moved on by `n` bytes.
    #[inline(always)]
    fn after(self, n: usize) -> Self {
        let key = u32::from_le_bytes(self.key).rotate_right(8 * (n % 4) as u32);
        Self { key: key.to_le_bytes() }
    }

    /// `bytes` masked. Their number is a multiple of the key's length, so the phase stays.
    #[inline(always)]
    fn masked<const N: usize>(self, bytes: &[u8; N]) -> [u8; N] {
        let key = u32::from_le_bytes(self.key);
        let mut bytes = *bytes;
        for quad in bytes.as_chunks_mut::<4>().0 {
            *quad = (u32::from_le_bytes(*quad) ^ key).to_le_bytes();
        }
        bytes
    }
}

/// Keys are secrets of the connection, so they are not printed.
impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Mask").finish_non_exhaustive()
    }
}

/// Bytes from `place` to the next that a lane may begin at.
#[inline(always)]
fn until_aligned(place: *const u8) -> usize {
    place.addr().wrapping_neg() % LANE
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// Several times what is treated at once.
    const LONGEST: usize = 2200;
    /// What lies around a payload and must stay.
    const AROUND: [u8; 64] = [0xaa; 64];

    /// A mask whose next byte is `phase`.
    fn at(phase: usize) -> Mask {
        let mut key = KEY;
        key.rotate_left(phase % 4);
        Mask::new(key)
    }

    fn naive(phase: usize, payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, b)| b ^ KEY[(phase + i) % 4]).collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
    }

    /// `check` is to mask payloads of all lengths at all places of a cache line, those that are
    /// not very long in all phases. It gets the mask, the place, and the payload plain and masked.
    fn everywhere(mut check: impl FnMut(&mut Mask, usize, &[u8], &[u8])) {
        let plain = sample(LONGEST);
        for phase in 0..4 {
            let masked = naive(phase, &plain);
            for place in 0..64 {
                for len in (0..=LONGEST).filter(|len| *len < 700 || (len + place) % 4 == phase) {
                    let mut mask = at(phase);
                    check(&mut mask, place, &plain[..len], &masked[..len]);
                    assert!(mask == at(phase + len), "phase {phase}, place {place}, length {len}");
                }
            }
        }
    }

    #[test]
    fn apply_agrees_with_the_byte_loop() {
        let mut bytes = vec![0; LONGEST + 128];
        everywhere(|mask, place, plain, masked| {
            let end = place + plain.len();
            bytes[..64].copy_from_slice(&AROUND);
            bytes[place..end].copy_from_slice(plain);
            bytes[end..end + 64].copy_from_slice(&AROUND);
            mask.apply(&mut bytes[place..end]);
            assert!(bytes[place..end] == *masked, "place {place}, length {}", plain.len());
            assert!(bytes[..place] == AROUND[..place] && bytes[end..end + 64] == AROUND);
        });
    }

    #[test]
    fn append_agrees_with_the_byte_loop() {
        let mut out = Vec::with_capacity(64 + LONGEST);
        everywhere(|mask, place, plain, masked| {
            out.clear();
            out.extend_from_slice(&AROUND[..place]);
            mask.append(plain, &mut out);
            assert!(out[place..] == *masked, "place {place}, length {}", plain.len());
            assert!(out[..place] == AROUND[..place]);
        });
    }

    #[test]
    fn move_down_agrees_with_the_byte_loop() {
        let mut bytes = vec![0; 64 + 300 + LONGEST + 64];
        everywhere(|mask, place, plain, masked| {
            let (end, gap) = (place + plain.len(), (plain.len() + 7 * place) % 300);
            bytes[..64].copy_from_slice(&AROUND);
            bytes[place + gap..end + gap].copy_from_slice(masked);
            bytes[end + gap..end + gap + 64].copy_from_slice(&AROUND);
            mask.move_down(&mut bytes, place + gap..end + gap, place);
            assert!(bytes[place..end] == *plain, "place {place}, gap {gap}, end {end}");
            assert!(bytes[..place] == AROUND[..place]);
            assert!(bytes[end + gap..end + gap + 64] == AROUND);
        });
    }

    #[test]
    fn every_gap_is_moved_over() {
        for gap in 0..300 {
            for len in (0..150).chain([LONG - 1, LONG, LONG + 1, LONGEST]) {
                let plain = sample(len);
                let mut bytes = sample(5 + gap);
                bytes.extend(naive(0, &plain));
                at(0).move_down(&mut bytes, 5 + gap..5 + gap + len, 5);
                assert!(bytes[5..5 + len] == plain[..], "gap {gap}, length {len}");
                assert_eq!(bytes[..5], sample(5)[..]);
            }
        }
    }

    #[test]
    fn pieces_continue_the_phase() {
        let plain = sample(LONGEST);
        let masked = naive(0, &plain);
        for cut in 0..=LONGEST {
            let mut mask = at(0);
            let mut out = Vec::new();
            mask.append(&plain[..cut], &mut out);
            mask.append(&plain[cut..], &mut out);
            assert!(out == masked, "cut at {cut}");
        }
    }
}
