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

/// Bytes up to this number are copied even if they could be shared: one contiguous write is then cheaper
/// than two slices. `benches/send.rs` guards the choice.
pub(crate) const COALESCE_LIMIT: usize = 2048;

/// Bytes on their way out, as a [`bytes::Buf`]: the output of a connection, or of a handshake.
///
/// Write what [`chunk`](Buf::chunk) shows, or what `chunks_vectored` collects, and
/// [`advance`](Buf::advance) by as much as was written, at any byte. With feature `std` `write_to` does
/// it.
///
/// # A queue of your own
///
/// A program that speaks more than WebSocket, and answers other requests over HTTP, can write these
/// answers in the same way, from a queue that it fills itself:
///
/// ```
/// use bytes::Bytes;
/// use sansio_ws::SendQueue;
///
/// # fn main() -> std::io::Result<()> {
/// let page = Bytes::from_static(&[b' '; 4096]); // the same for everybody
/// let mut queue = SendQueue::new();
/// queue.push(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", page.len()).as_bytes());
/// queue.push_shared(page.clone());
/// let mut socket = Vec::new(); // or any other `Write`
/// while !queue.is_empty() {
///     queue.write_to(&mut socket)?;
/// }
/// assert!(socket.starts_with(b"HTTP/1.1 200 OK\r\n") && socket.ends_with(&page));
/// # Ok(()) }
/// ```
///
/// Only the program that fills such a queue can bound it: look at [`len`](Self::len) before pushing more.
///
/// The queue of a [`Connection`](crate::Connection) is for the connection alone to fill. What others push
/// to it stands between two frames, and the peer takes it for a frame.
#[derive(Default)]
pub struct SendQueue {
    /// Behind a pointer, since most connections have nothing to send most of the time: those of a
    /// loop take turns at one.
    backlog: Option<Box<Backlog>>,
}

/// What waits to be sent, and the memory for it.
#[derive(Default)]
pub(crate) struct Backlog {
    staging: Vec<u8>,
    /// How much of `staging` has been sent.
    staging_sent: usize,
    shared: VecDeque<SharedChunk>,
    shared_bytes: usize,
    /// Bytes sent since nothing waited here. All positions count from that moment.
    sent: u64,
    frames: FrameCount,
    replies: ReplyCount,
    byte_share: Share,
    frame_share: Share,
}

/// A chunk owned together with others.
struct SharedChunk {
    /// How many bytes of `staging` go before it.
    after: usize,
    bytes: Bytes,
}

/// Counts queued frames without remembering each: those up to `border` leave the count together,
/// once all of them have been sent.
#[derive(Default)]
struct FrameCount {
    older: usize,
    newer: usize,
    /// The position at which the older ones end.
    border: u64,
}

impl FrameCount {
    #[inline]
    fn all(&self) -> usize {
        self.older + self.newer
    }
}

/// Counts the replies among the frames: all leave the count together, once the last one has been
/// sent.
#[derive(Default)]
struct ReplyCount {
    count: u8,
    /// The position at which the last one ends.
    end: u64,
}

/// Of what waits in a row, what its owner has pushed, and what answers something.
///
/// An answer leaves as if it overtook what was pushed: that takes one number, and not one for each
/// answer. So there are never fewer answers than counted, and what was pushed is never more than
/// what has really been.
#[derive(Default)]
struct Share {
    /// Of these in front it is known.
    known: usize,
    /// Of the known ones.
    pushed: usize,
}

impl Share {
    /// Of all the `waiting` ones it is known now: those that were not yet known were `pushed`, or not.
    fn attribute(&mut self, waiting: usize, pushed: bool) {
        if pushed {
            self.pushed = (self.pushed + waiting - self.known).min(waiting);
        }
        self.known = waiting;
    }

    /// `n` have left, and this number waits.
    fn leave(&mut self, n: usize, waiting: usize) {
        self.known = self.known.saturating_sub(n);
        self.pushed = self.pushed.min(waiting);
    }

    /// How many are answers, if those that are not yet known are `pushed`, or not.
    #[inline]
    fn answers(&self, waiting: usize, pushed: bool) -> usize {
        if pushed { self.known.saturating_sub(self.pushed) } else { waiting - self.pushed }
    }
}

impl SendQueue {
    /// An empty queue that has allocated nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { backlog: None }
    }

    /// A queue of these bytes, which belong to no frame: the head of a handshake, a response.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        let mut queue = Self::new();
        *queue.staging() = bytes;
        queue
    }

    /// Appends a copy of `bytes`. It counts as one [frame](Self::frames), unless it is empty.
    ///
    /// For queues of the caller's own; not for that of a connection, see
    /// [above](Self#a-queue-of-your-own). There is no limit.
    pub fn push(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.staging().extend_from_slice(bytes);
            self.end_frame();
        }
    }

    /// Appends bytes that have other owners. More than 2 KiB are not copied, but kept by reference
    /// count until they are sent; fewer are copied, since one contiguous write costs less than two
    /// slices. They count as one [frame](Self::frames), unless there are none.
    ///
    /// For queues of the caller's own; not for that of a connection, see
    /// [above](Self#a-queue-of-your-own). There is no limit.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() <= COALESCE_LIMIT {
            self.push(&bytes);
        } else {
            self.share(bytes);
            self.end_frame();
        }
    }

    /// Bytes waiting to be sent.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.len())
    }

    /// Whether everything has been sent.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames waiting to be sent, at least in part. In a queue of the caller's own, what each push
    /// has appended.
    ///
    /// Frames are counted in two groups, an older and a newer one, and a group leaves the count
    /// when its last byte is sent. So the number is never too small, it is exact while nothing
    /// or everything has been sent, and it is too large by less than the older group otherwise.
    #[inline]
    #[must_use]
    pub fn frames(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.frames.all())
    }

    /// Tells whether what was appended since the last call was pushed, or answers something.
    pub(crate) fn attribute(&mut self, pushed: bool) {
        if let Some(backlog) = &mut self.backlog {
            backlog.byte_share.attribute(backlog.len(), pushed);
            backlog.frame_share.attribute(backlog.frames.all(), pushed);
        }
    }

    /// Bytes and frames of [answers](Share), if what was appended since the last `attribute` was
    /// `pushed`, or not.
    #[inline]
    pub(crate) fn answers(&self, pushed: bool) -> (usize, usize) {
        self.backlog.as_ref().map_or((0, 0), |backlog| {
            let bytes = backlog.byte_share.answers(backlog.len(), pushed);
            (bytes, backlog.frame_share.answers(backlog.frames.all(), pushed))
        })
    }

    /// Whether it has no memory, and would have to allocate some.
    #[cfg(feature = "mio")]
    pub(crate) fn lacks_memory(&self) -> bool {
        self.backlog.is_none()
    }

    /// Takes over memory in which nothing waits, when it lacks some.
    #[cfg(feature = "mio")]
    pub(crate) fn lend_memory(&mut self, memory: Box<Backlog>) {
        debug_assert!(self.lacks_memory() && memory.len() == 0);
        self.backlog = Some(memory);
    }

    /// Gives its memory away if nothing waits in it.
    #[cfg(feature = "mio")]
    pub(crate) fn return_memory(&mut self) -> Option<Box<Backlog>> {
        self.backlog.take_if(|backlog| backlog.len() == 0)
    }

    /// Whether nothing waits, in memory of more than a few KiB.
    #[cfg(feature = "std")]
    pub(crate) fn has_grown(&self) -> bool {
        const FEW: usize = 4096;
        self.is_empty() && self.capacity() > FEW
    }

    /// Bytes allocated at present.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.backlog.as_ref().map_or(0, |backlog| backlog.capacity())
    }

    /// Frees memory that is not in use.
    pub fn shrink_to_fit(&mut self) {
        if self.is_empty() {
            self.backlog = None;
        }
    }

    /// Frames that replied to something, since the last time that all of those had been sent.
    pub(crate) fn replies(&self) -> u8 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.replies.count)
    }

    /// The staging area, to append to.
    #[inline]
    pub(crate) fn staging(&mut self) -> &mut Vec<u8> {
        let backlog = self.backlog.get_or_insert_default();
        if backlog.staging_sent > 0 {
            backlog.reclaim();
        }
        &mut backlog.staging
    }

    /// Appends a chunk without copying it.
    pub(crate) fn share(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let backlog = self.backlog.get_or_insert_default();
            backlog.shared_bytes += bytes.len();
            backlog.shared.push_back(SharedChunk { after: backlog.staging.len(), bytes });
        }
    }

    /// Tells that what was appended since the last call was one frame.
    #[inline]
    pub(crate) fn end_frame(&mut self) {
        let backlog = self.backlog.get_or_insert_default();
        if backlog.frames.older == 0 {
            backlog.frames.older = 1;
            backlog.frames.border = backlog.end();
        } else {
            backlog.frames.newer += 1;
        }
    }

    /// Tells that the last frame was a reply to something.
    pub(crate) fn mark_reply(&mut self) {
        let backlog = self.backlog.get_or_insert_default();
        backlog.replies.count = backlog.replies.count.saturating_add(1);
        backlog.replies.end = backlog.end();
    }
}

impl Backlog {
    #[inline]
    fn len(&self) -> usize {
        self.staging.len() - self.staging_sent + self.shared_bytes
    }

    /// The position at which the next frame will begin.
    fn end(&self) -> u64 {
        self.sent + self.len() as u64
    }

    /// Bytes allocated for what may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.staging.capacity() + self.shared.capacity() * size_of::<SharedChunk>()
    }

    /// Reuses the room of sent bytes once they are half of the staging area, and only when an
    /// append would otherwise have to allocate soon.
    fn reclaim(&mut self) {
        if self.staging_sent >= self.staging.len() / 2 {
            self.staging.drain(..self.staging_sent);
            for shared in &mut self.shared {
                shared.after -= self.staging_sent;
            }
            self.staging_sent = 0;
        }
    }

    /// The staged bytes up to the next shared chunk.
    fn staged(&self) -> &[u8] {
        let end = self.shared.front().map_or(self.staging.len(), |shared| shared.after);
        &self.staging[self.staging_sent..end]
    }

    fn chunk(&self) -> &[u8] {
        match (self.staged(), self.shared.front()) {
            ([], Some(shared)) => &shared.bytes,
            (staged, _) => staged,
        }
    }

    /// Forgets `n` bytes, which is no more than there are.
    fn advance(&mut self, n: usize) {
        if n == self.len() {
            self.clear();
            return;
        }
        self.drop_front(n);
        self.sent += n as u64;
        self.byte_share.leave(n, self.len());
        if self.sent >= self.frames.border {
            let FrameCount { older, newer, .. } = self.frames;
            self.frame_share.leave(older, newer);
            self.frames = FrameCount { older: newer, newer: 0, border: self.end() };
        }
        if self.sent >= self.replies.end {
            self.replies = ReplyCount::default();
        }
    }

    /// Forgets everything, and keeps the memory.
    fn clear(&mut self) {
        self.staging.clear();
        self.staging_sent = 0;
        if self.shared_bytes > 0 {
            self.shared.clear();
            self.shared_bytes = 0;
        }
        self.sent = 0;
        self.frames = FrameCount::default();
        self.replies = ReplyCount::default();
        self.byte_share = Share::default();
        self.frame_share = Share::default();
    }

    fn drop_front(&mut self, mut n: usize) {
        loop {
            let staged = self.staged().len().min(n);
            self.staging_sent += staged;
            n -= staged;
            // Staged bytes are used up, so what is left of `n` lies in the shared chunk.
            let Some(shared) = self.shared.front_mut().filter(|_| n > 0) else { return };
            let part = shared.bytes.len().min(n);
            shared.bytes.advance(part);
            self.shared_bytes -= part;
            n -= part;
            if shared.bytes.is_empty() {
                self.shared.pop_front();
            }
        }
    }
}

impl Buf for SendQueue {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.backlog.as_ref().map_or(&[], |backlog| backlog.chunk())
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let Some(Backlog { staging, staging_sent, shared, .. }) = self.backlog.as_deref() else {
            return 0;
        };
        let mut from = *staging_sent;
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
        for shared in shared {
            if !put(&staging[from..shared.after]) || !put(&shared.bytes) {
                return count;
            }
            from = shared.after;
        }
        put(&staging[from..]);
        count
    }

    /// # Panics
    ///
    /// When `n` is more than [`remaining`](Buf::remaining).
    fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "advanced past the end of the queue");
        if let Some(backlog) = &mut self.backlog {
            backlog.advance(n);
        }
    }
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backlog").field("bytes", &self.len()).finish_non_exhaustive()
    }
}

/// Prints sizes, never contents.
impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendQueue")
            .field("bytes", &self.len())
            .field("frames", &self.frames())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one push after the other appends, copied and shared, small and large.
    fn pieces() -> [(bool, Vec<u8>); 7] {
        let piece = |len: usize, first: u8| -> Vec<u8> {
            (0..len).map(|i| first.wrapping_add(i as u8)).collect()
        };
        [
            (false, piece(10, 1)),
            (true, piece(COALESCE_LIMIT + 1, 2)),
            (true, piece(COALESCE_LIMIT, 3)),
            (false, piece(0, 4)),
            (true, piece(0, 5)),
            (true, piece(5000, 6)),
            (false, piece(3000, 7)),
        ]
    }

    fn filled() -> (SendQueue, Vec<u8>) {
        let (mut queue, mut expected) = (SendQueue::new(), Vec::new());
        for (shared, piece) in pieces() {
            expected.extend_from_slice(&piece);
            if shared { queue.push_shared(piece.into()) } else { queue.push(&piece) }
        }
        (queue, expected)
    }

    #[test]
    fn what_is_pushed_and_shared_goes_out_in_order_wherever_it_is_cut() {
        let (queue, expected) = filled();
        assert_eq!((queue.len(), queue.frames()), (expected.len(), 5), "empty ones are not there");
        for step in [1, 7, COALESCE_LIMIT, 4999, expected.len()] {
            let (mut queue, mut sent) = (filled().0, Vec::new());
            while queue.has_remaining() {
                let chunk = queue.chunk();
                let n = chunk.len().min(step);
                sent.extend_from_slice(&chunk[..n]);
                queue.advance(n);
                assert_eq!(sent.len() + queue.len(), expected.len());
            }
            assert!(sent == expected, "in steps of {step}");
            assert_eq!(queue.frames(), 0);
        }
    }

    #[test]
    fn pushing_goes_on_behind_a_part_that_was_sent() {
        let (mut queue, mut expected) = filled();
        queue.advance(COALESCE_LIMIT + 5);
        assert_eq!(queue.frames(), 4);
        queue.push(b"more");
        queue.push_shared(Bytes::from_static(&[8; 3000]));
        expected.extend_from_slice(b"more");
        expected.extend_from_slice(&[8; 3000]);
        assert!(queue.copy_to_bytes(queue.remaining()) == expected[COALESCE_LIMIT + 5..]);
        assert_eq!((queue.len(), queue.frames()), (0, 0));
    }

    #[test]
    fn only_large_bytes_are_shared() {
        let bytes = |len| Bytes::from(alloc::vec![9; len]);
        let (small, large) = (bytes(COALESCE_LIMIT), bytes(COALESCE_LIMIT + 1));
        let mut queue = SendQueue::new();
        queue.push_shared(small.clone());
        queue.push_shared(large.clone());
        assert_eq!((small.is_unique(), large.is_unique()), (true, false));
        queue.advance(queue.len());
        assert!(large.is_unique());
    }

    #[test]
    fn a_push_of_nothing_allocates_nothing() {
        let mut queue = SendQueue::new();
        queue.push(b"");
        queue.push_shared(Bytes::new());
        assert_eq!((queue.is_empty(), queue.frames(), queue.capacity()), (true, 0, 0));
    }

    fn append(queue: &mut SendQueue, len: usize) {
        queue.staging().extend(core::iter::repeat_n(7, len));
        queue.end_frame();
    }

    #[test]
    fn frames_leave_the_count_with_their_last_byte() {
        let mut queue = SendQueue::new();
        for (len, frames) in [(10, 1), (20, 2), (30, 3)] {
            append(&mut queue, len);
            assert_eq!(queue.frames(), frames);
        }
        // The first is the older group, the others are the newer one, and then the older.
        for (sent, frames) in [(9, 3), (1, 2), (49, 2), (1, 0)] {
            queue.advance(sent);
            assert_eq!(queue.frames(), frames, "{} bytes left", queue.len());
        }
        append(&mut queue, 1);
        append(&mut queue, 1);
        queue.advance(1);
        append(&mut queue, 1);
        assert_eq!(queue.frames(), 2);
    }

    #[test]
    fn replies_leave_the_count_with_the_last_byte_of_the_last_one() {
        let mut queue = SendQueue::new();
        for _ in 0..3 {
            append(&mut queue, 10);
            queue.mark_reply();
        }
        append(&mut queue, 10);
        for (sent, replies) in [(10, 3), (19, 3), (1, 0)] {
            queue.advance(sent);
            assert_eq!(queue.replies(), replies, "{} bytes left", queue.len());
        }
    }
}
