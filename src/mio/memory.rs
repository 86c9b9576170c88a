//! Memory that the connections of a loop use in turn.

use crate::deadlines::Instant;
use crate::recv_buffer::{RecvBuffer, Storages, is_well_filled};
use crate::send_queue::Backlog;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// How many bytes one read may return.
const READ_BYTES: usize = 256 * 1024;

/// How much memory of each kind a loop keeps for its next large messages.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How long it keeps it.
const KEPT_TIME: Duration = Duration::from_secs(1);

/// The memory that all connections of a loop use in turn: a buffer to read into, and room to
/// gather output in. A connection holds memory of its own only while something incomplete has
/// arrived, or something could not be written.
///
/// It grows to what large messages have needed. Once a second, a turn gives back what is larger
/// than a read; a loop that has nothing to do can call [`shrink`](Self::shrink).
///
/// ```
/// use sansio_ws::deadlines::{Clock, Timeouts};
/// use sansio_ws::mio::{Memory, WebSocket};
/// use sansio_ws::{CloseCode, Config, Connection, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = mio::net::TcpStream::connect(listener.local_addr()?)?;
/// # let connection = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// # let mut rx = RecvBuffer::new();
/// # rx.extend_from_slice(b"\x81\x02hi\x82\x03\x01\x02\x03");
/// let (clock, mut memory) = (Clock::new(), Memory::with_read_bytes(16 * 1024));
/// let mut socket = WebSocket::from_parts(stream, rx, connection, Timeouts::default(), clock.now());
///
/// if let Some(connection) = socket.connection_mut(&mut memory) {
///     connection.close(CloseCode::GOING_AWAY, "the server goes down")?;
/// }
/// socket.settle(&mut memory, clock.now())?;
/// assert!(socket.connection().is_some_and(Connection::is_closing));
/// memory.shrink(); // the loop has nothing to do
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Memory {
    pub(super) rx: RecvBuffer,
    read_bytes: usize,
    /// Allocations in which large messages were gathered.
    large: Pool<Vec<u8>>,
    output: Pool<Box<Backlog>>,
    shrunk_at: Option<Instant>,
}

impl Memory {
    /// Memory for reads of 256 KiB. It is allocated when it is used.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_read_bytes(READ_BYTES)
    }

    /// Memory for reads of `bytes` bytes, of which 256 KiB are used at most until a message needs
    /// more.
    #[must_use]
    pub const fn with_read_bytes(bytes: usize) -> Self {
        Self {
            rx: RecvBuffer::with_capacity(bytes),
            read_bytes: bytes,
            large: Pool::new(),
            output: Pool::new(),
            shrunk_at: None,
        }
    }

    /// Gives back all memory that large messages have needed. What connections still need is theirs
    /// and stays.
    pub fn shrink(&mut self) {
        self.rx.shrink_to(self.read_bytes);
        self.large.retain_small(0);
        self.output.retain_small(self.read_bytes);
    }

    /// Makes the common buffer ready for a turn, which leaves it empty, unless it was forgotten.
    pub(super) fn begin_turn(&mut self, now: Instant) {
        self.rx.clear();
        let shrunk_at = *self.shrunk_at.get_or_insert(now);
        // To grow again once a second costs next to nothing, so nobody counts what is still used.
        if now.saturating_since(shrunk_at) >= KEPT_TIME {
            self.shrunk_at = Some(now);
            self.shrink();
        }
    }

    /// Takes back what was parked.
    pub(super) fn unpark(&mut self, parked: &mut RecvBuffer) {
        self.rx.unpark(parked);
    }

    /// Moves what is pending out of the common buffer, into what was parked before or else into a
    /// new one.
    pub(super) fn park(&mut self, parked: Option<Box<RecvBuffer>>) -> Option<Box<RecvBuffer>> {
        if parked.is_none() && self.rx.is_empty() {
            return None;
        }
        let mut parked = parked.unwrap_or_default();
        self.rx.park_in(&mut parked, &mut self.large);
        Some(parked).filter(|parked| !parked.is_empty())
    }

    pub(super) fn lend_output(&mut self) -> Box<Backlog> {
        self.output.take(|_| true).unwrap_or_default()
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

impl<T: Allocation> Pool<T> {
    /// Takes the item that was put here last, of those that `fits` accepts.
    fn take(&mut self, fits: impl Fn(usize) -> bool) -> Option<T> {
        let at = self.items.iter().rposition(|item| fits(item.bytes()))?;
        let item = self.items.swap_remove(at);
        self.bytes -= item.bytes();
        Some(item)
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

    /// Drops what is larger than `bytes`.
    fn retain_small(&mut self, bytes: usize) {
        self.items.retain(|item| item.bytes() <= bytes);
        self.bytes = self.items.iter().map(T::bytes).sum();
    }
}

impl Storages for Pool<Vec<u8>> {
    fn take(&mut self, pending: usize) -> Vec<u8> {
        let fits = |capacity| pending <= capacity && is_well_filled(pending, capacity);
        self.take(fits).unwrap_or_default()
    }

    fn put(&mut self, storage: Vec<u8>) {
        self.put(storage);
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

impl Allocation for Vec<u8> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send_queue::SendQueue;

    #[test]
    fn a_pool_keeps_eight_mib_in_sixteen_items_at_most() {
        let mut pool = Pool::new();
        for _ in 0..9 {
            pool.put(alloc::vec![0_u8; 1 << 20]);
        }
        assert_eq!((pool.items.len(), pool.bytes), (8, 8 << 20), "the ninth is dropped");
        pool.put(alloc::vec![0]);
        assert_eq!(pool.bytes, 8 << 20, "not one byte more");
        assert!(pool.take(|bytes| bytes == 1 << 20).is_some());
        (1..=30).for_each(|bytes| pool.put(alloc::vec![0; bytes]));
        assert_eq!(pool.items.len(), 16);
        assert!((22..=30).all(|bytes| pool.take(|is| is == bytes).is_some()), "the small go first");
        assert_eq!(pool.bytes, 7 << 20);
        pool.retain_small(0);
        assert_eq!((pool.items.len(), pool.bytes), (0, 0));
    }

    #[test]
    fn large_memory_goes_to_those_who_fill_it() {
        let mut pool = Pool::new();
        pool.put(alloc::vec![0; 1000]);
        for too_few_or_many in [0, 249, 1001] {
            assert!(Storages::take(&mut pool, too_few_or_many).is_empty());
        }
        assert_eq!(Storages::take(&mut pool, 250).len(), 1000);
    }

    #[test]
    fn large_memory_is_given_back_once_a_second() {
        let mut memory = Memory::with_read_bytes(1000);
        let at = |millis| Instant::new(Duration::from_millis(millis));
        let grow = |memory: &mut Memory| {
            memory.rx.extend_from_slice(&[0; 5000]);
            memory.large.put(alloc::vec![0; 5000]);
            let mut queue = SendQueue::new();
            queue.staging().reserve(5000);
            memory.output.put(queue.return_memory().unwrap());
        };
        let sizes = |memory: &Memory| {
            [memory.rx.capacity(), memory.large.bytes, memory.output.bytes]
                .map(|bytes| bytes > 1000)
        };
        memory.begin_turn(at(500));
        grow(&mut memory);
        memory.begin_turn(at(1499));
        assert_eq!(sizes(&memory), [true; 3]);
        memory.begin_turn(at(1500));
        assert_eq!(sizes(&memory), [false; 3]);
        grow(&mut memory);
        memory.begin_turn(at(2499));
        assert_eq!(sizes(&memory), [true; 3]);
        memory.shrink();
        assert_eq!(sizes(&memory), [false; 3]);
    }
}
