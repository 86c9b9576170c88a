//! The only two ways in which buffered bytes move. A test counts what they move, since a clock
//! cannot: some C libraries skip a move of bytes onto themselves, and others do not.

use alloc::vec::Vec;
use core::ops::Range;

/// Moves `from` down to begin at `to`, which is not behind it.
#[inline]
pub(super) fn move_down(bytes: &mut [u8], from: Range<usize>, to: usize) {
    if from.start != to && !from.is_empty() {
        count(from.len());
        bytes.copy_within(from, to);
    }
}

/// Copies `from` to the front of `to`.
pub(super) fn copy(from: &[u8], to: &mut [u8]) {
    count(from.len());
    to[..from.len()].copy_from_slice(from);
}

/// Appends a copy of `from` to `to`.
pub(super) fn append(from: &[u8], to: &mut Vec<u8>) {
    count(from.len());
    to.reserve_exact(from.len());
    to.extend_from_slice(from);
}

/// Tells of bytes that are moved elsewhere.
#[cfg(not(all(test, feature = "deflate")))]
#[inline(always)]
pub(super) fn count(_bytes: usize) {}

#[cfg(all(test, feature = "deflate"))]
pub(super) use counter::{count, counted};

#[cfg(all(test, feature = "deflate"))]
mod counter {
    use core::cell::Cell;

    std::thread_local! {
        static MOVED: Cell<usize> = const { Cell::new(0) };
    }

    pub(in super::super) fn count(bytes: usize) {
        MOVED.set(MOVED.get() + bytes);
    }

    /// How many bytes this thread moves in `act`.
    pub(in super::super) fn counted(act: impl FnOnce()) -> usize {
        MOVED.set(0);
        act();
        MOVED.get()
    }
}
