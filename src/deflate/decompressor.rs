//! Decompressing messages (RFC 7692, section 7.2.2), no larger than there is room for.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::codec::TAIL;
use super::pool::Pool;
use super::spare::Spare;
use super::{Direction, Settings};
use crate::extension::{DecodeError, Decoded};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use zlib_rs::{Inflate, InflateFlush, Status};

/// This number of bytes of a message does not count for [`Settings::max_ratio`]: with context takeover, a
/// message of that size may be a mere reference to the one before it.
const FREE_EXPANSION: u64 = 32 << 10;

/// The ratio is checked behind each multiple of this number of compressed bytes.
/// They expand to little more than the largest window.
const RATIO_STEP: u64 = 32;

/// Bytes that a byte may expand to: 258 for every two bits. The bits left over from the byte before
/// may add as much once.
const MAX_EXPANSION: u64 = 1032;

/// One direction of a connection: what it receives.
#[derive(Debug)]
pub(super) struct Decompressor {
    context_takeover: bool,
    max_ratio: Option<u32>,
    pool: Arc<Pool>,
    /// With context takeover, there from the first message on. Without it, only during a message.
    inflater: Option<Inflater>,
    /// The input so far ended right behind a final block.
    stream_ended: bool,
    /// Bytes of the message so far.
    received: u64,
    produced: u64,
    /// There was no room for all that these expand to.
    full: bool,
}

impl Decompressor {
    pub(super) fn new(settings: &Settings, pool: &Arc<Pool>, direction: Direction) -> Self {
        Self {
            context_takeover: direction.context_takeover,
            max_ratio: settings.max_ratio,
            pool: Arc::clone(pool),
            inflater: None,
            stream_ended: false,
            received: 0,
            produced: 0,
            full: false,
        }
    }

    pub(super) fn decode(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
        room: usize,
    ) -> Result<Decoded, DecodeError> {
        let pool = &self.pool;
        // On an error the state is dropped.
        let mut inflater = self.inflater.take().unwrap_or_else(|| pool.take_inflater());
        let most = output.len().saturating_add(room);
        let mut rest = input;
        let full = loop {
            let before = output.len();
            let piece = self.next_piece(rest);
            let ends = last && piece.len() == rest.len();
            let room = most.saturating_sub(before);
            let decoded = self.inflate(&mut inflater, piece, ends, output, room)?;
            rest = rest.get(decoded.consumed..).unwrap_or_default();
            self.received = self.received.saturating_add(decoded.consumed as u64);
            self.produced = self.produced.saturating_add(output.len().abs_diff(before) as u64);
            self.full = decoded.full;
            if decoded.full {
                break true;
            }
            self.check_ratio(ends)?;
            if rest.is_empty() {
                break false;
            }
        };
        let consumed = input.len().saturating_sub(rest.len());
        if last && !full {
            (self.stream_ended, self.received, self.produced) = (false, 0, 0);
            // Without context takeover, each message begins with an empty window (7.2.2).
            if !self.context_takeover {
                self.pool.give_inflater(inflater);
                return Ok(Decoded { consumed, full });
            }
        }
        self.inflater = Some(inflater);
        Ok(Decoded { consumed, full })
    }

    /// How much of the input to go on with: all of it, or for the sake of the ratio less.
    ///
    /// The ratio must hold behind every 32nd byte of a message, however it was cut. So it goes to
    /// the next of these places, or further if nothing could break the ratio on the way.
    fn next_piece<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        let Some(allowed) = self.allowed() else { return input };
        let left = allowed.saturating_sub(self.produced);
        let len = match self.received % RATIO_STEP {
            // First all that comes out of the input up to here.
            _ if self.full => 0,
            past => RATIO_STEP.saturating_sub(past).max((left / MAX_EXPANSION).saturating_sub(1)),
        };
        usize::try_from(len).ok().and_then(|len| input.get(..len)).unwrap_or(input)
    }

    /// To be asked when all has come out of the input so far.
    fn check_ratio(&self, ends: bool) -> Result<(), DecodeError> {
        let is_place = ends || self.received.is_multiple_of(RATIO_STEP);
        match self.allowed() {
            Some(allowed) if is_place && self.produced > allowed => Err(DecodeError::Expansion),
            _ => Ok(()),
        }
    }

    /// How many bytes may have come out of the input so far.
    fn allowed(&self) -> Option<u64> {
        let by_ratio = self.received.saturating_mul(u64::from(self.max_ratio?));
        Some(by_ratio.saturating_add(FREE_EXPANSION))
    }

    fn inflate(
        &mut self,
        inflater: &mut Inflater,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
        most: usize,
    ) -> Result<Decoded, DecodeError> {
        let mut rest = input;
        let mut room = Spare::new(output, most, input.len().saturating_mul(4));
        // Without input there may still be output that there was no room for.
        while !(rest.is_empty() && self.stream_ended) {
            // Once there is no room left, one more step takes input that expands to nothing.
            let is_last_step = room.left() == 0;
            let step = inflater.inflate(rest, room.spare(), InflateFlush::NoFlush);
            rest = rest.get(step.consumed..).unwrap_or_default();
            let all = room.written(step.produced);
            self.stream_ended = step.status? == Status::StreamEnd;
            if self.stream_ended {
                // A final block ends a DEFLATE stream, and what follows on the border of the
                // next byte is a new one (section 7.2.3.4).
                inflater.reset();
            } else if is_last_step || !all {
                break;
            }
        }
        let left = room.left();
        let consumed = input.len().saturating_sub(rest.len());
        let full = if !rest.is_empty() {
            true
        } else if self.stream_ended {
            // A message that ends here is whole, with or without the header of an empty block.
            false
        } else if last {
            !inflater.end_of_message(left)?
        } else {
            left == 0
        };
        Ok(Decoded { consumed, full })
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            self.pool.give_inflater(inflater);
        }
    }
}

pub(super) struct Inflater(Box<Inflate>);

#[derive(Debug, Clone, Copy)]
struct Step {
    consumed: usize,
    produced: usize,
    status: Result<Status, DecodeError>,
}

impl Inflater {
    pub(super) fn reset(&mut self) {
        self.0.reset(false);
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8], flush: InflateFlush) -> Step {
        let (total_in, total_out) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output, flush).map_err(|_| DecodeError::Corrupt);
        Step {
            consumed: self.0.total_in().saturating_sub(total_in) as usize,
            produced: self.0.total_out().saturating_sub(total_out) as usize,
            status,
        }
    }

    /// Appends what the sender removed (section 7.2.2, step 1), and proves that the message ends
    /// with it, so that no part of a block is left for the next message to complete. `false` if
    /// there is no room `left` for output that is still to come.
    fn end_of_message(&mut self, left: usize) -> Result<bool, DecodeError> {
        // `Block` stops behind a block. In a proper message that is behind the tail, before the
        // byte in excess.
        let [a, b, c, d] = TAIL;
        let tail = self.inflate(&[a, b, c, d, 0], &mut [], InflateFlush::Block);
        if tail.consumed == 0 && left == 0 {
            return Ok(false);
        }
        if tail.consumed != TAIL.len() || tail.status != Ok(Status::Ok) {
            return Err(DecodeError::Corrupt);
        }
        // Behind a block, yet perhaps with bits of the tail's last byte still unread. These are
        // ones, which would turn the header of another empty stored block into that of a final
        // or an impossible one.
        let empty = [0, a, b, c, d];
        let block = self.inflate(&empty, &mut [], InflateFlush::NoFlush);
        if block.consumed != empty.len() || block.status != Ok(Status::Ok) {
            return Err(DecodeError::Corrupt);
        }
        Ok(true)
    }
}

impl Default for Inflater {
    fn default() -> Self {
        // There is but one size of window, which suits all that may be agreed on.
        Self(Box::new(Inflate::new(false, 15)))
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}
