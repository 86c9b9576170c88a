//! Room for output of which it is not known how long it gets.

use alloc::vec::Vec;

/// A vector that is appended to, by code that wants a slice to write to.
///
/// Safe code can only write to memory that was zeroed. So a little is zeroed at first, then more and more,
/// and when this is dropped, what was not written is cut off again. The capacity follows what was
/// written in the same way: it grows by half, and at least by 4 KiB.
#[derive(Debug)]
pub(super) struct Spare<'a> {
    output: &'a mut Vec<u8>,
    start: usize,
    filled: usize,
    most: usize,
    step: usize,
}

const LEAST_STEP: usize = 256;
const LARGEST_STEP: usize = 16 << 10;
const LEAST_GROWTH: usize = 4096;

impl<'a> Spare<'a> {
    /// At most `most` bytes behind `output`, of which perhaps `expected` will be needed.
    pub(super) fn new(output: &'a mut Vec<u8>, most: usize, expected: usize) -> Self {
        let start = output.len();
        let step = expected.clamp(LEAST_STEP, LARGEST_STEP);
        Self { output, start, filled: start, most, step }
    }

    /// The place to write to. Empty only if there is no room left.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        let left = self.left();
        if self.filled == self.output.len() && left > 0 {
            if self.output.capacity() == self.filled {
                self.output.reserve_exact(left.min(LEAST_GROWTH.max(self.filled / 2)));
            }
            let unused = self.output.capacity() - self.filled;
            self.output.resize(self.filled + left.min(unused).min(self.step), 0);
            self.step = LARGEST_STEP.min(self.step * 2);
        }
        self.output.get_mut(self.filled..).unwrap_or_default()
    }

    /// So much of the spare room was written. Says whether that was all of it.
    pub(super) fn written(&mut self, bytes: usize) -> bool {
        self.filled = self.output.len().min(self.filled + bytes);
        self.filled == self.output.len()
    }

    pub(super) fn left(&self) -> usize {
        self.most - (self.filled - self.start)
    }
}

impl Drop for Spare<'_> {
    fn drop(&mut self) {
        self.output.truncate(self.filled);
    }
}
