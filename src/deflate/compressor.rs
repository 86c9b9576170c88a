//! Compressing messages (RFC 7692, section 7.2.1), no larger than they were.

use super::codec::TAIL;
use super::pool::Pool;
use super::spare::Spare;
use super::{Direction, Settings};
use crate::extension::{Piece, Prepared};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

/// One direction of a connection: what it sends.
#[derive(Debug)]
pub(super) struct Compressor {
    direction: Direction,
    shape: Shape,
    min_bytes: usize,
    pool: Arc<Pool>,
    /// With context takeover, there from the first message on. Without it, only between the
    /// pieces of a message.
    deflater: Option<Deflater>,
}

impl Compressor {
    pub(super) fn new(settings: &Settings, pool: &Arc<Pool>, direction: Direction) -> Self {
        Self {
            direction,
            shape: Shape::new(settings, direction.window_bits),
            min_bytes: settings.min_bytes,
            pool: Arc::clone(pool),
            deflater: None,
        }
    }

    pub(super) fn encode(&mut self, payload: &[u8], piece: Piece, output: &mut Vec<u8>) -> bool {
        let whole = piece.first && piece.last;
        // Compressing messages is always optional (section 6).
        if whole && (payload.is_empty() || payload.len() < self.min_bytes) {
            return false;
        }
        let pool = &self.pool;
        let mut deflater = self.deflater.take().unwrap_or_else(|| pool.take_deflater(self.shape));
        let start = output.len();
        // If it fails, which it has no reason to, its state is dropped.
        if deflater.deflate(payload, output).is_none() {
            return false;
        }
        if !whole {
            store_if_smaller(payload, output, start);
        }
        if piece.last {
            end_message(payload, output);
        }
        let smaller = output.len() - start < payload.len();
        if whole && !smaller || piece.last && !self.direction.context_takeover {
            // What was deflated in vain the peer never sees, so nothing may refer to it. That
            // costs the references to earlier messages too: a copy of the state to go back to
            // would cost more than they save.
            pool.give_deflater(deflater);
        } else {
            self.deflater = Some(deflater);
        }
        smaller || !whole
    }

    pub(super) fn takes(&self, demand: u32) -> bool {
        // With context takeover, the peer's window would hold what the deflater does not know.
        !self.direction.context_takeover && demand <= u32::from(self.direction.window_bits)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        if let Some(deflater) = self.deflater.take() {
            self.pool.give_deflater(deflater);
        }
    }
}

/// Compresses a message on its own. It demands a window that holds all of it, or at most what
/// a server agrees to.
pub(super) fn prepare(settings: &Settings, pool: &Pool, payload: &[u8]) -> Option<Prepared> {
    if payload.is_empty() || payload.len() < settings.min_bytes {
        return None;
    }
    let window_bits = settings.server_max_window_bits;
    let mut deflater = pool.take_deflater(Shape::new(settings, window_bits));
    let mut output = Vec::new();
    deflater.deflate(payload, &mut output)?;
    pool.give_deflater(deflater);
    end_message(payload, &mut output);
    if output.len() >= payload.len() {
        return None;
    }
    // References reach back to the first byte at most.
    let spanned = payload.len().next_power_of_two().trailing_zeros();
    let demand = spanned.clamp(8, u32::from(window_bits).max(8));
    Some(Prepared { demand, payload: output })
}

/// Puts stored blocks in place of the blocks behind `start` if they are smaller. A piece of a
/// message cannot go as it is, but so it grows by a few bytes at most. Windows hold what blocks
/// expand to, so the deflater need not know.
fn store_if_smaller(payload: &[u8], output: &mut Vec<u8>, start: usize) {
    const EMPTY: [u8; 5] = [0x00, 0x00, 0x00, 0xff, 0xff];
    let blocks = payload.chunks(usize::from(u16::MAX));
    let stored_len = payload.len() + (blocks.len() + 1) * EMPTY.len();
    if output.len() - start <= stored_len {
        return;
    }
    output.truncate(start);
    for block in blocks {
        // The header and padding, the length and its complement (RFC 1951, section 3.2.4).
        let len = block.len() as u16;
        output.push(0);
        output.extend(len.to_le_bytes());
        output.extend((!len).to_le_bytes());
        output.extend(block);
    }
    output.extend(EMPTY);
}

/// Step 3 of section 7.2.1, or what section 7.2.3.6 has for a last piece without a payload: the
/// header of an empty stored block, which may begin here since every piece ends on the border of a
/// byte.
fn end_message(last_piece: &[u8], output: &mut Vec<u8>) {
    if last_piece.is_empty() {
        output.push(0);
    } else {
        debug_assert!(output.ends_with(&TAIL), "a sync flush ends with an empty stored block");
        output.truncate(output.len().saturating_sub(TAIL.len()));
    }
}

/// What a deflater is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    window_bits: u8,
    level: u8,
    mem_level: u8,
}

impl Shape {
    fn new(settings: &Settings, window_bits: u8) -> Self {
        // There is no deflater for 8 bits. The one for 9 keeps 262 of its 512 bytes for looking
        // ahead, so that it refers back 250 bytes at most, which a window of 8 bits holds.
        Self {
            window_bits: window_bits.clamp(9, 15),
            level: settings.level.clamp(1, 9),
            mem_level: settings.mem_level.clamp(1, 9),
        }
    }
}

pub(super) struct Deflater {
    shape: Shape,
    state: Box<Deflate>,
}

impl Deflater {
    pub(super) fn new(shape: Shape) -> Self {
        let config = DeflateConfig {
            level: i32::from(shape.level),
            // Negative: without the header and the checksum of zlib.
            window_bits: -i32::from(shape.window_bits),
            mem_level: i32::from(shape.mem_level),
            ..DeflateConfig::default()
        };
        Self { shape, state: Box::new(Deflate::new_with_config(config)) }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    pub(super) fn reset(&mut self) {
        self.state.reset();
    }

    /// Appends blocks that hold all of the payload, and an empty stored block that ends on the
    /// border of a byte (section 7.2.1, steps 1 and 2); nothing for nothing.
    ///
    /// Always to the end, however little it helps: zlib-rs 0.6.8 forgets to reset where in its
    /// buffer pending output is, so that a state with some must never be reset. The output is
    /// larger than the payload by an eighth at most.
    fn deflate(&mut self, payload: &[u8], output: &mut Vec<u8>) -> Option<()> {
        let mut rest = payload;
        let mut room = Spare::new(output, usize::MAX, payload.len() / 2);
        let mut complete = payload.is_empty();
        while !complete {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            self.state.compress(rest, room.spare(), DeflateFlush::SyncFlush).ok()?;
            rest = rest.get((self.state.total_in() - before_in) as usize..)?;
            let all = room.written((self.state.total_out() - before_out) as usize);
            // A flush is complete when it leaves some room.
            complete = rest.is_empty() && !all;
        }
        Some(())
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deflater").field(&self.shape).finish()
    }
}
