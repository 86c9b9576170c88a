//! Compressing messages (RFC 7692, section 7.2.1), no larger than they were.

use super::codec::{TAIL, append};
use super::pool::Pool;
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
        if payload.is_empty() {
            // The header of the empty stored block that ends a message (section 7.2.3.6). Pieces
            // end on the border of a byte, so it can begin here.
            output.extend(piece.last.then_some(0));
            return true;
        }
        let pool = &self.pool;
        let mut deflater = self.deflater.take().unwrap_or_else(|| pool.take_deflater(self.shape));
        let most = if whole { smaller_than(payload) } else { usize::MAX };
        let fits = deflater.deflate(payload, output, most);
        if fits && piece.last {
            remove_tail(output);
        }
        if fits && (self.direction.context_takeover || !piece.last) {
            self.deflater = Some(deflater);
        } else {
            // What was deflated in vain the peer never sees, so nothing may refer to it. That
            // costs the references to earlier messages too: a copy of the state to go back to
            // would cost more than they save.
            pool.give_deflater(deflater);
        }
        fits
    }

    pub(super) fn takes(&self, prepared: &Prepared) -> bool {
        // With context takeover, the peer's window would hold what the deflater does not know.
        !self.direction.context_takeover && prepared.demand <= u32::from(self.direction.window_bits)
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
    let fits = deflater.deflate(payload, &mut output, smaller_than(payload));
    pool.give_deflater(deflater);
    if !fits {
        return None;
    }
    remove_tail(&mut output);
    // References reach back to the first byte at most.
    let spanned = payload.len().next_power_of_two().trailing_zeros();
    let demand = spanned.clamp(8, u32::from(window_bits).max(8));
    Some(Prepared { demand, payload: output })
}

/// The room for a deflated message that, without its tail, is smaller than the message itself.
/// The deflater is done only when it leaves some of the room.
fn smaller_than(payload: &[u8]) -> usize {
    payload.len().saturating_add(TAIL.len())
}

/// Section 7.2.1, step 3.
fn remove_tail(output: &mut Vec<u8>) {
    debug_assert!(output.ends_with(&TAIL), "a sync flush ends with an empty stored block");
    output.truncate(output.len().saturating_sub(TAIL.len()));
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
            level: settings.level.min(9),
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
    /// border of a byte (section 7.2.1, steps 1 and 2). `false` if that takes `most` bytes or
    /// more: the output is of no use then, and the state has to be reset.
    fn deflate(&mut self, payload: &[u8], output: &mut Vec<u8>, most: usize) -> bool {
        let mut rest = payload;
        let mut room = most;
        while room > 0 {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let mut failed = false;
            let appended = append(output, room, |spare| {
                failed = self.state.compress(rest, spare, DeflateFlush::SyncFlush).is_err();
                (self.state.total_out() - before_out) as usize
            });
            if failed {
                return false;
            }
            let consumed = (self.state.total_in() - before_in) as usize;
            rest = rest.get(consumed..).unwrap_or_default();
            room = room.saturating_sub(appended.written);
            // A flush is complete when it leaves some room.
            if rest.is_empty() && !appended.all {
                return true;
            }
        }
        false
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deflater").field(&self.shape).finish()
    }
}
