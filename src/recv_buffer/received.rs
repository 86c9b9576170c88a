//! Received bytes.
//!
//! ```text
//!         message.start  message.end    unread           filled         storage.len()
//!               │             │            │                │                │
//!  ┌────────────┼─────────────┼────────────┼────────────────┼────────────────┐
//!  │    dead    │ message so  │    dead    │    received,   │     spare      │
//!  │            │ far, clear  │            │    not read    │                │
//!  └────────────┴─────────────┴────────────┴────────────────┴────────────────┘
//!                             ▲            │
//!                             └────────────┘ payload of a further fragment moves down,
//!                                            unmasked on the way
//! ```

use super::transfer::{copy, count, move_down};
use crate::mask::Mask;
use alloc::vec::Vec;
use core::ops::Range;

pub(super) struct ReceivedBytes {
    /// Zeroed once when it grows, so that it can be lent to `Read`; its length is the capacity.
    pub(super) storage: Vec<u8>,
    /// The message under way.
    pub(super) message: Range<usize>,
    /// The first byte not yet consumed.
    pub(super) unread: usize,
    /// The end of the received bytes.
    pub(super) filled: usize,
    /// How much the first call of `spare` allocates.
    pub(super) first: usize,
}

impl ReceivedBytes {
    pub(super) const fn new(first: usize) -> Self {
        Self { storage: Vec::new(), message: 0..0, unread: 0, filled: 0, first }
    }

    #[inline]
    pub(super) fn unread(&self) -> &[u8] {
        &self.storage[self.unread..self.filled]
    }

    /// Bytes that are still needed: unread ones, and those of the message under way.
    pub(super) fn pending(&self) -> usize {
        self.message.len() + (self.filled - self.unread)
    }

    pub(super) fn clear(&mut self) {
        self.message = 0..0;
        self.unread = 0;
        self.filled = 0;
    }

    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.filled == self.storage.len() {
            self.make_room();
        }
        &mut self.storage[self.filled..]
    }

    /// Compacts if that wins at least a quarter, else grows by half, which is less than twice the
    /// three quarters in use. Either way the cost is paid for by the bytes received since the
    /// last time.
    fn make_room(&mut self) {
        // Rounded up, or a full buffer of one to three bytes would count as a quarter free.
        let quarter = self.storage.len().div_ceil(4);
        if self.pending() <= self.storage.len() - quarter && !self.storage.is_empty() {
            self.close_gaps();
        } else {
            let more = (self.storage.len() / 2).max(self.first);
            self.storage.reserve_exact(more);
            self.storage.resize(self.storage.len() + more, 0);
        }
    }

    fn close_gaps(&mut self) {
        let message = self.message.len();
        move_down(&mut self.storage, self.message.clone(), 0);
        move_down(&mut self.storage, self.unread..self.filled, message);
        self.filled = message + (self.filled - self.unread);
        self.unread = message;
        self.message = 0..message;
    }

    /// Moves what is pending to `other`, which is empty, and closes the gaps on the way. If there is
    /// too little room it gets an allocation of just the right size.
    fn move_to(&mut self, other: &mut Self) {
        let (message, pending) = (self.message.len(), self.pending());
        if other.storage.len() < pending {
            other.storage = alloc::vec![0; pending];
        }
        copy(&self.storage[self.message.clone()], &mut other.storage);
        copy(self.unread(), &mut other.storage[message..]);
        other.message = 0..message;
        other.unread = message;
        other.filled = pending;
        self.clear();
    }

    /// How many bytes are too many to be copied at every turn.
    pub(super) fn copy_limit(&self) -> usize {
        self.first / 4
    }

    /// See [`RecvBuffer::park`](super::RecvBuffer::park).
    pub(super) fn park(
        &mut self,
        parked: &mut Self,
        copy_limit: usize,
        storages: &mut impl Storages,
    ) {
        if !parked.storage.is_empty() {
            core::mem::swap(self, parked);
            if parked.is_well_filled() {
                return self.clear();
            }
            // What is left would fill too little of this allocation.
            let mut exact = Self::new(parked.first);
            parked.move_to(&mut exact);
            storages.put(core::mem::replace(parked, exact).storage);
        } else if self.pending() > 0 {
            if self.pending() > copy_limit {
                parked.storage = storages.take(self.pending());
            }
            self.move_to(parked);
        }
        self.clear();
    }

    /// See [`RecvBuffer::unpark`](super::RecvBuffer::unpark).
    pub(super) fn unpark(&mut self, parked: &mut Self, copy_limit: usize) {
        if parked.pending() > copy_limit {
            core::mem::swap(self, parked);
            if parked.storage.is_empty() {
                // There is nothing to be swapped back.
                core::mem::swap(&mut self.first, &mut parked.first);
            }
        } else if parked.pending() > 0 {
            if self.storage.is_empty() {
                self.make_room();
            }
            parked.move_to(self);
            parked.storage = Vec::new();
        }
    }

    fn is_well_filled(&self) -> bool {
        super::is_well_filled(self.pending(), self.storage.len())
    }
}

/// What the machines do with the bytes.
impl ReceivedBytes {
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        self.unread += n.min(self.filled - self.unread);
    }

    #[inline]
    pub(super) fn begin_message(&mut self) {
        self.message = self.unread..self.unread;
    }

    #[inline]
    pub(super) fn extend_message(&mut self, n: usize, mask: Option<&mut Mask>) -> Range<usize> {
        debug_assert!(n <= self.filled - self.unread);
        if self.message.is_empty() {
            self.begin_message();
        }
        let from = self.unread..self.filled.min(self.unread + n);
        let to = self.message.end;
        match mask {
            Some(mask) if to == from.start => mask.apply(&mut self.storage[from.clone()]),
            Some(mask) => {
                count(from.len());
                mask.move_down(&mut self.storage, from.clone(), to);
            }
            None => move_down(&mut self.storage, from.clone(), to),
        }
        self.unread = from.end;
        self.message.end = to + from.len();
        to..self.message.end
    }

    #[inline]
    pub(super) fn take_frame(
        &mut self,
        header_len: usize,
        n: usize,
        key: Option<[u8; 4]>,
    ) -> Range<usize> {
        debug_assert!(header_len + n <= self.filled - self.unread);
        let start = self.unread + header_len;
        let range = start..self.filled.min(start + n);
        self.unread = range.end;
        self.message = range.end..range.end;
        if let Some(key) = key {
            Mask::new(key).apply(&mut self.storage[range.clone()]);
        }
        range
    }

    pub(super) fn take_control(&mut self, n: usize, mask: Option<Mask>) -> Range<usize> {
        debug_assert!(n <= self.filled - self.unread);
        let range = self.unread..self.filled.min(self.unread + n);
        if let Some(mut mask) = mask {
            mask.apply(&mut self.storage[range.clone()]);
        }
        self.unread = range.end;
        range
    }
}

/// Where the allocations come from into which much is parked. Each is zeroed to its capacity.
pub(crate) trait Storages {
    /// An allocation that `pending` bytes fill well, or an empty vector.
    fn take(&mut self, pending: usize) -> Vec<u8>;
    /// Gives back an allocation that is no longer needed.
    fn put(&mut self, storage: Vec<u8>);
}

/// Has no allocations, so that a new one is made each time.
pub(super) struct NewStorages;

impl Storages for NewStorages {
    fn take(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn put(&mut self, _: Vec<u8>) {}
}
