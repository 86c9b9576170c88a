//! What an extension made of received bytes.
//!
//! ```text
//!                taken │ message so far │
//!  bytes       ┌───────┼────────────────┼────────┐
//!              └───────┴────────────────┴────────┘
//! ```

use super::transfer::{append, move_down};
use alloc::vec::Vec;
use core::ops::Range;

pub(super) struct DecodedBytes {
    pub(super) bytes: Vec<u8>,
    /// The message under way. It ends where the bytes end.
    pub(super) message: Range<usize>,
}

impl DecodedBytes {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), message: 0..0 }
    }

    /// Bytes of the message under way.
    pub(super) fn pending(&self) -> usize {
        self.message.len()
    }

    pub(super) fn clear(&mut self) {
        self.message = 0..0;
    }

    /// Lets `decode` append to the message. Returns what that returns, and where the new bytes are.
    pub(super) fn extend<T>(
        &mut self,
        decode: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> (T, Range<usize>) {
        let Self { bytes, message } = self;
        // What was taken makes room. That leaves an unfinished code point at most, or a message of
        // which nothing was taken.
        move_down(bytes, message.clone(), 0);
        bytes.truncate(message.len());
        let start = bytes.len();
        *message = 0..start;
        let result = decode(bytes);
        *message = 0..bytes.len();
        (result, start..bytes.len())
    }

    /// Moves the message to `other`, which is empty: into the room that is there if it is large
    /// enough, else into an allocation of just the right size.
    fn move_to(&mut self, other: &mut Self) {
        other.bytes.clear();
        append(&self.bytes[self.message.clone()], &mut other.bytes);
        other.message = 0..other.bytes.len();
        self.clear();
    }

    /// See [`RecvBuffer::park`](super::RecvBuffer::park).
    pub(super) fn park(&mut self, parked: &mut Self, copy_limit: usize) {
        let is_swapped = parked.bytes.capacity() > 0;
        if is_swapped || self.pending() > copy_limit && self.is_well_filled() {
            core::mem::swap(self, parked);
        } else if self.pending() > 0 {
            self.move_to(parked);
        }
        if !parked.is_well_filled() {
            let mut exact = Self::new();
            if parked.pending() > 0 {
                parked.move_to(&mut exact);
            }
            *parked = exact;
        }
        self.clear();
    }

    /// See [`RecvBuffer::unpark`](super::RecvBuffer::unpark).
    pub(super) fn unpark(&mut self, parked: &mut Self, copy_limit: usize) {
        if parked.pending() > copy_limit.min(self.bytes.capacity()) {
            core::mem::swap(self, parked);
        } else if parked.pending() > 0 {
            parked.move_to(self);
            *parked = Self::new();
        }
    }

    fn is_well_filled(&self) -> bool {
        super::is_well_filled(self.pending(), self.bytes.capacity())
    }
}
