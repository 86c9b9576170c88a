//! Memory that the connections of a loop use in turn.

use crate::recv_buffer::RecvBuffer;
use crate::send_queue::Backlog;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many bytes one read may return.
const READ_BYTES: usize = 256 * 1024;

/// How much memory of each kind a loop keeps for its next large messages.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The memory that all connections of a loop use in turn: a buffer to read into, and room to
/// gather output in. A connection holds memory of its own only while something incomplete has
/// arrived, or something could not be written.
///
/// Compressed messages are decoded here too, into as much memory as the largest of them has needed.
#[derive(Debug)]
pub struct Memory {
    pub(super) rx: RecvBuffer,
    /// More bytes than these are not copied back and forth between turns.
    much: usize,
    /// Buffers in which large messages were gathered.
    large: Pool<Box<RecvBuffer>>,
    output: Pool<Box<Backlog>>,
}

impl Memory {
    /// Memory for reads of 256 KiB. It is allocated when it is used, and grows to what the largest
    /// message received in one turn has needed, a few MiB at most.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_read_bytes(READ_BYTES)
    }

    /// Memory for reads of so many bytes, of which 256 KiB are used at most until a message needs
    /// more.
    #[must_use]
    pub const fn with_read_bytes(bytes: usize) -> Self {
        Self {
            rx: RecvBuffer::with_capacity(bytes),
            much: bytes / 4,
            large: Pool::new(),
            output: Pool::new(),
        }
    }

    /// Moves what is pending out of the common buffer: a little into just its size, much into
    /// what a large message was gathered in before.
    pub(super) fn park(&mut self) -> Box<RecvBuffer> {
        let much = self.rx.pending() > self.much;
        let mut parked = if much { self.large.take() } else { Box::default() };
        self.rx.move_pending(&mut parked);
        parked
    }

    /// Takes back what was parked: a little is copied, much comes in its own buffer, which takes the
    /// place of the common one. Returns the common one then.
    pub(super) fn unpark(&mut self, mut parked: Box<RecvBuffer>) -> Option<Box<RecvBuffer>> {
        if parked.pending() > self.much {
            core::mem::swap(&mut self.rx, &mut *parked);
            Some(parked)
        } else {
            parked.move_pending(&mut self.rx);
            None
        }
    }

    /// Gives the common buffer back its place, and moves a little that is pending in `own` there, so
    /// that no large buffer is kept for it. Returns `own` if it is much.
    pub(super) fn restore(&mut self, mut common: Box<RecvBuffer>) -> Option<Box<RecvBuffer>> {
        core::mem::swap(&mut self.rx, &mut *common);
        let mut own = common;
        if own.pending() > self.much {
            return Some(own);
        }
        own.move_pending(&mut self.rx);
        self.large.put(own);
        None
    }

    pub(super) fn lend_output(&mut self) -> Box<Backlog> {
        self.output.take()
    }

    pub(super) fn keep_output(&mut self, memory: Box<Backlog>) {
        self.output.put(memory);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// How many allocations of each kind that may be.
const KEPT_ITEMS: usize = 16;

/// Allocations that nobody uses at the moment: a few, and of `KEPT_BYTES` in all at most.
#[derive(Debug)]
struct Pool<T> {
    items: Vec<T>,
    bytes: usize,
}

impl<T> Pool<T> {
    const fn new() -> Self {
        Self { items: Vec::new(), bytes: 0 }
    }
}

impl<T: Allocation + Default> Pool<T> {
    fn take(&mut self) -> T {
        let item = self.items.pop().unwrap_or_default();
        self.bytes -= item.bytes();
        item
    }

    fn put(&mut self, item: T) {
        if self.items.len() == KEPT_ITEMS {
            let smallest = (0..KEPT_ITEMS).min_by_key(|&i| self.items[i].bytes()).unwrap_or(0);
            let dropped = self.items.swap_remove(smallest);
            self.bytes -= dropped.bytes();
        }
        if self.bytes + item.bytes() <= KEPT_BYTES {
            self.bytes += item.bytes();
            self.items.push(item);
        }
    }
}

trait Allocation {
    fn bytes(&self) -> usize;
}

impl Allocation for Box<Backlog> {
    fn bytes(&self) -> usize {
        self.capacity()
    }
}

impl Allocation for Box<RecvBuffer> {
    fn bytes(&self) -> usize {
        self.capacity()
    }
}
