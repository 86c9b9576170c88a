//! Bytes on their way out.
//!
//! Frames are appended to a staging area; a large payload that is shared with other owners stays
//! where it is and only takes its place in the order:
//!
//! ```text
//!  staging   ┌──────┬───────────────┬────────┬─────────────────┬──────
//!            │ sent │ frame · frame │ header │ frame · frame · │ room
//!            └──────┴───────────────┴────────┴─────────────────┴──────
//!                                            ▲
//!  shared                        [ payload, reference counted ]
//! ```
//!
//! It knows no WebSocket. Sending part of it moves a cursor: nothing is copied, masked or framed
//! a second time.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use core::fmt;

/// The output of a connection, as a [`bytes::Buf`].
///
/// Write what [`chunk`](Buf::chunk) shows, or what `chunks_vectored` collects, and [`advance`](Buf::advance) by as much as was written, at any byte.
#[derive(Default)]
pub struct SendQueue {
    staging: Vec<u8>,
    /// How much of `staging` has been sent.
    staging_sent: usize,
    #[expect(clippy::box_collection, reason = "most have none, and idle ones should be small")]
    shared: Option<Box<VecDeque<Shared>>>,
    remaining: usize,
    /// Bytes ever sent.
    sent: u64,
    frames: FrameCount,
}

/// A chunk owned together with others.
struct Shared {
    /// How many bytes of `staging` go before it.
    after: usize,
    bytes: Bytes,
}

/// Counts queued frames without remembering each: those up to `border` leave the count together,
/// once all of them have been sent.
#[derive(Default)]
struct FrameCount {
    older: u32,
    newer: u32,
    /// Position in the stream of bytes at which the older ones end.
    border: u64,
}

impl SendQueue {
    pub(crate) const fn new() -> Self {
        Self {
            staging: Vec::new(),
            staging_sent: 0,
            shared: None,
            remaining: 0,
            sent: 0,
            frames: FrameCount { older: 0, newer: 0, border: 0 },
        }
    }

    /// Bytes waiting to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.remaining
    }

    /// Whether everything has been sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining == 0
    }

    /// Frames waiting to be sent, at least in part.
    ///
    /// Frames are counted in two groups, an older and a newer one, and a group leaves the count
    /// when its last byte is sent. So the number is never too small, it is exact while nothing
    /// or everything has been sent, and it is too large by less than the older group otherwise.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames.older.saturating_add(self.frames.newer) as usize
    }

    /// Whether it has no staging area, and would have to allocate one.
    #[cfg(feature = "mio")]
    pub(crate) fn lacks_memory(&self) -> bool {
        self.staging.capacity() == 0
    }

    /// Takes over `memory` as its staging area, when it lacks one.
    #[cfg(feature = "mio")]
    pub(crate) fn lend_memory(&mut self, memory: Vec<u8>) {
        debug_assert!(self.lacks_memory() && memory.is_empty());
        self.staging = memory;
    }

    /// Gives its staging area away if nothing is in it.
    #[cfg(feature = "mio")]
    pub(crate) fn return_memory(&mut self) -> Option<Vec<u8>> {
        let idle = self.is_empty() && !self.lacks_memory();
        idle.then(|| core::mem::take(&mut self.staging))
    }

    /// Frees memory that is not in use.
    pub fn shrink_to_fit(&mut self) {
        if self.is_empty() {
            self.staging = Vec::new();
            self.shared = None;
        }
    }

    /// Position in the stream of bytes up to which everything has been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Position in the stream of bytes at which the next frame will begin.
    pub(crate) fn end(&self) -> u64 {
        self.sent + self.remaining as u64
    }

    /// Appends what `write` appends to the staging area.
    #[inline]
    pub(crate) fn stage(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.staging_sent > 0 {
            self.reclaim();
        }
        let before = self.staging.len();
        write(&mut self.staging);
        self.remaining += self.staging.len() - before;
    }

    /// Appends a chunk without copying it.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.remaining += bytes.len();
            let shared = Shared { after: self.staging.len(), bytes };
            self.shared.get_or_insert_default().push_back(shared);
        }
    }

    /// Tells that what was appended since the last call was one frame.
    pub(crate) fn end_frame(&mut self) {
        if self.frames.older == 0 {
            self.frames.older = 1;
            self.frames.border = self.end();
        } else {
            self.frames.newer = self.frames.newer.saturating_add(1);
        }
    }

    /// Reuses the room of sent bytes once they are half of the staging area, and only when an
    /// append would otherwise have to allocate soon.
    fn reclaim(&mut self) {
        if self.staging_sent >= self.staging.len() / 2 {
            self.staging.drain(..self.staging_sent);
            for shared in self.shared.iter_mut().flat_map(|shared| shared.iter_mut()) {
                shared.after -= self.staging_sent;
            }
            self.staging_sent = 0;
        }
    }

    fn next_shared(&self) -> Option<&Shared> {
        self.shared.as_ref()?.front()
    }

    /// The staged bytes up to the next shared chunk.
    fn staged(&self) -> &[u8] {
        let end = self.next_shared().map_or(self.staging.len(), |shared| shared.after);
        &self.staging[self.staging_sent..end]
    }
}

impl Buf for SendQueue {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        match (self.staged(), self.next_shared()) {
            ([], Some(shared)) => &shared.bytes,
            (staged, _) => staged,
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut from = self.staging_sent;
        let mut slices = dst.iter_mut();
        let mut count = 0;
        let mut put = |bytes: &'a [u8]| {
            if bytes.is_empty() {
                return true;
            }
            let Some(slice) = slices.next() else { return false };
            *slice = std::io::IoSlice::new(bytes);
            count += 1;
            true
        };
        for shared in self.shared.iter().flat_map(|shared| shared.iter()) {
            if !put(&self.staging[from..shared.after]) || !put(&shared.bytes) {
                return count;
            }
            from = shared.after;
        }
        put(&self.staging[from..]);
        count
    }

    /// # Panics
    ///
    /// When `n` is more than [`remaining`](Buf::remaining).
    fn advance(&mut self, mut n: usize) {
        assert!(n <= self.remaining, "advanced past the end of the queue");
        self.remaining -= n;
        self.sent += n as u64;
        while n > 0 {
            let staged = self.staged().len().min(n);
            self.staging_sent += staged;
            n -= staged;
            if n == 0 {
                break;
            }
            // Staged bytes are used up, so what is left of `n` lies in the shared chunk.
            let Some(chunks) = &mut self.shared else { break };
            let Some(shared) = chunks.front_mut() else { break };
            let part = shared.bytes.len().min(n);
            shared.bytes.advance(part);
            n -= part;
            if shared.bytes.is_empty() {
                chunks.pop_front();
            }
        }
        if self.remaining == 0 {
            self.staging.clear();
            self.staging_sent = 0;
            self.frames = FrameCount::default();
        } else if self.sent >= self.frames.border {
            let end = self.end();
            self.frames = FrameCount { older: self.frames.newer, newer: 0, border: end };
        }
    }
}

/// Prints sizes, never contents.
impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue")
            .field("bytes", &self.remaining)
            .field("frames", &self.frames())
            .finish()
    }
}
