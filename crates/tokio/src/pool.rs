//! Memory that the connections of a thread use in turn.
//!
//! A buffer is needed while a task is polled, and as a rule not any longer: what has arrived is handed out, and what
//! was queued is written. So a thread has a few, and a connection that waits for its peer has none.

use sansio_ws::{RecvBuffer, SendQueue};
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::Instant;

/// How many bytes a read may return before a message needs more.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// How many buffers of each kind a thread keeps.
const KEPT_ITEMS: usize = 4;

/// How many bytes of each kind it keeps.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How long it keeps what large messages have needed.
const KEPT_TIME: Duration = Duration::from_secs(1);

/// A queue with more room than this has grown.
const QUEUE_BYTES: usize = 256 * 1024;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

#[derive(Debug)]
struct Pool {
    #[expect(clippy::vec_box, reason = "they are handed on as they are")]
    buffers: Vec<Box<RecvBuffer>>,
    queues: Vec<SendQueue>,
    shrunk_at: Option<Instant>,
}

/// An empty buffer, with the room that it had.
pub(crate) fn take_buffer() -> Box<RecvBuffer> {
    let kept = POOL.try_with(|pool| pool.borrow_mut().buffers.pop());
    kept.ok().flatten().unwrap_or_else(|| Box::new(RecvBuffer::with_capacity(READ_BYTES)))
}

/// Takes back a buffer in which nothing is pending.
pub(crate) fn keep_buffer(buffer: Box<RecvBuffer>, now: Instant) {
    // When the thread ends, the buffer is dropped.
    let _ = POOL.try_with(|pool| pool.borrow_mut().keep_buffer(buffer, now));
}

/// Gives an empty queue room to grow into, if there is some.
pub(crate) fn lend_room(queue: &mut SendQueue) {
    if queue.capacity() == 0
        && let Ok(Some(kept)) = POOL.try_with(|pool| pool.borrow_mut().queues.pop())
    {
        *queue = kept;
    }
}

/// Takes the room of an empty queue back.
pub(crate) fn keep_room(queue: &mut SendQueue, now: Instant) {
    if queue.is_empty() && queue.capacity() > 0 {
        let queue = core::mem::take(queue);
        let _ = POOL.try_with(|pool| pool.borrow_mut().keep_queue(queue, now));
    }
}

impl Pool {
    const fn new() -> Self {
        Self { buffers: Vec::new(), queues: Vec::new(), shrunk_at: None }
    }

    fn keep_buffer(&mut self, buffer: Box<RecvBuffer>, now: Instant) {
        debug_assert!(buffer.is_empty(), "the next connection would find what is in it");
        self.shrink(now);
        let kept: usize = self.buffers.iter().map(|buffer| buffer.capacity()).sum();
        // A smaller one would only make for shorter reads.
        let fits = buffer.capacity() >= READ_BYTES && kept + buffer.capacity() <= KEPT_BYTES;
        if fits && self.buffers.len() < KEPT_ITEMS {
            self.buffers.push(buffer);
        }
    }

    fn keep_queue(&mut self, queue: SendQueue, now: Instant) {
        self.shrink(now);
        let kept: usize = self.queues.iter().map(SendQueue::capacity).sum();
        if kept + queue.capacity() <= KEPT_BYTES && self.queues.len() < KEPT_ITEMS {
            self.queues.push(queue);
        }
    }

    /// Once a second, gives back what has grown. To grow again once a second costs next to nothing, so nobody
    /// counts what is still used.
    fn shrink(&mut self, now: Instant) {
        let shrunk_at = *self.shrunk_at.get_or_insert(now);
        if now.saturating_duration_since(shrunk_at) >= KEPT_TIME {
            self.shrunk_at = Some(now);
            self.buffers.retain(|buffer| buffer.capacity() <= READ_BYTES);
            self.queues.retain(|queue| queue.capacity() <= QUEUE_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(bytes: usize) -> Box<RecvBuffer> {
        let mut buffer = Box::new(RecvBuffer::with_capacity(bytes));
        buffer.spare();
        buffer
    }

    #[test]
    fn it_keeps_a_few_buffers_and_a_few_bytes() {
        let (mut pool, now) = (Pool::new(), Instant::now());
        for _ in 0..10 {
            pool.keep_buffer(grown(READ_BYTES), now);
        }
        assert_eq!(pool.buffers.len(), KEPT_ITEMS);
        pool.buffers.clear();
        pool.keep_buffer(grown(KEPT_BYTES - READ_BYTES), now);
        pool.keep_buffer(grown(2 * READ_BYTES), now);
        assert_eq!(pool.buffers.len(), 1, "the second would be too much");
        pool.keep_buffer(grown(10), now);
        assert_eq!(pool.buffers.len(), 1, "too small");
    }

    #[test]
    fn what_has_grown_is_kept_for_a_second() {
        let (mut pool, now) = (Pool::new(), Instant::now());
        pool.keep_buffer(grown(1 << 20), now);
        pool.keep_buffer(grown(READ_BYTES), now + Duration::from_millis(999));
        assert_eq!(pool.buffers.len(), 2);
        pool.keep_buffer(grown(READ_BYTES), now + KEPT_TIME);
        assert!(pool.buffers.iter().all(|buffer| buffer.capacity() == READ_BYTES));
    }

    #[test]
    fn queues_get_room_that_others_have_left() {
        let (mut first, mut second, now) = (SendQueue::new(), SendQueue::new(), Instant::now());
        first.push(&[0; 1000]);
        keep_room(&mut first, now);
        assert_eq!(first.len(), 1000, "something waits in it");
        bytes::Buf::advance(&mut first, 1000);
        keep_room(&mut first, now);
        assert_eq!(first.capacity(), 0);
        lend_room(&mut second);
        assert!(second.is_empty() && second.capacity() >= 1000);
    }
}
