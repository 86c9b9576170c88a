//! The buffer that received bytes are read into, and in which messages come together.
//!
//! ```text
//!         message.start  message.end    unread           filled         storage.len()
//!               │             │            │                │                │
//!  ┌────────────┼─────────────┼────────────┼────────────────┼────────────────┐
//!  │    dead    │ message so  │    dead    │    received,   │     spare      │
//!  │            │ far, clear  │            │   not looked   │                │
//!  │            │             │            │       at       │                │
//!  └────────────┴─────────────┴────────────┴────────────────┴────────────────┘
//!                             ▲            │
//!                             └────────────┘ payload of a further fragment moves down,
//!                                            unmasked on the way
//! ```
//!
//! It knows no frames: it holds bytes, and the one region that has been joined.
//!
//! When an extension encodes the message, what is joined there are its encoded bytes, each until it
//! is decoded, and the message comes together in an allocation of its own:
//!
//! ```text
//!                taken │ message so far │
//!  decoded     ┌───────┼────────────────┼────────┐
//!              └───────┴────────────────┴────────┘
//! ```

use crate::mask::Mask;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Size of the first allocation, in bytes.
const FIRST: usize = 4096;

/// A buffer for received bytes. It belongs to the caller, who reads into it and lends it to
/// [`Connection::next_event`](crate::Connection::next_event).
///
/// ```
/// # use std::io::Read;
/// # fn read(socket: &mut impl Read) -> std::io::Result<()> {
/// let mut rx = sansio_ws::RecvBuffer::new(); // allocates nothing yet
/// let n = socket.read(rx.spare())?;
/// rx.commit(n);
/// # Ok(()) }
/// ```
///
/// **Memory.** The first call of [`spare`](Self::spare) allocates 4 KiB, or what
/// [`with_capacity`](Self::with_capacity) was told. When that is full of bytes still in use it
/// grows by half, so it never holds more than twice what was in use plus 4 KiB, whatever lengths
/// a peer declares. The connection's limits bound what can be in use.
///
/// **Pairing.** While a message is incomplete its beginning lives here, so a connection must be
/// lent the same buffer until [`is_empty`](Self::is_empty). A wrong buffer gives wrong messages
/// or an error, never a panic.
pub struct RecvBuffer {
    /// Zeroed once when it grows, so that it can be lent to `Read`; its length is the capacity.
    storage: Vec<u8>,
    /// The message under way.
    message: Range<usize>,
    /// The first byte not yet consumed.
    unread: usize,
    /// The end of the received bytes.
    filled: usize,
    /// How much the first call of `spare` allocates, if not `FIRST`.
    first: usize,
    decoded: Decoded,
}

/// What an extension made of received bytes.
struct Decoded {
    bytes: Vec<u8>,
    /// The message under way. It ends where the bytes end.
    message: Range<usize>,
}

/// Where a message comes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Among the received bytes.
    Received,
    /// Where an extension decodes it to.
    Decoded,
}

impl RecvBuffer {
    /// An empty buffer that has allocated nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_capacity(FIRST)
    }

    /// An empty buffer whose first allocation, at the first call of [`spare`](Self::spare), has
    /// `bytes` bytes (at least 1). Large reads want 64 KiB or more.
    #[must_use]
    pub const fn with_capacity(bytes: usize) -> Self {
        let first = if bytes == 0 { 1 } else { bytes };
        let decoded = Decoded { bytes: Vec::new(), message: 0..0 };
        Self { storage: Vec::new(), message: 0..0, unread: 0, filled: 0, first, decoded }
    }

    /// Room to read into, never empty.
    ///
    /// Makes room first if there is none: by closing the gaps of consumed bytes, or by growing.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.clear();
        }
        if self.filled == self.storage.len() {
            self.make_room();
        }
        &mut self.storage[self.filled..]
    }

    /// Tells that `n` bytes were read into the front of [`spare`](Self::spare).
    ///
    /// # Panics
    ///
    /// When `n` is more than the room there was.
    pub fn commit(&mut self, n: usize) {
        assert!(n <= self.storage.len() - self.filled, "more bytes committed than there was room");
        self.filled += n;
    }

    /// Appends `bytes`, growing as needed. For bytes that arrived elsewhere, and for tests.
    pub fn extend_from_slice(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let spare = self.spare();
            let n = spare.len().min(bytes.len());
            let (now, later) = bytes.split_at(n);
            spare[..n].copy_from_slice(now);
            self.commit(n);
            bytes = later;
        }
    }

    /// Bytes that were received and not yet consumed, as they came from the wire.
    #[inline]
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.storage[self.unread..self.filled]
    }

    /// Whether nothing is pending here: no unread bytes and no part of a message. Only then may
    /// the buffer serve another connection, or be dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unread == self.filled && self.message.is_empty() && self.decoded.message.is_empty()
    }

    /// Bytes allocated at present.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.len() + self.decoded.bytes.capacity()
    }

    /// Forgets everything received; keeps the allocations.
    pub fn clear(&mut self) {
        self.message = 0..0;
        self.unread = 0;
        self.filled = 0;
        self.decoded.message = 0..0;
    }

    /// Gives the allocations back if they are larger than `bytes` and nothing is pending in them.
    pub fn shrink_to(&mut self, bytes: usize) {
        if self.is_empty() && self.capacity() > bytes {
            self.clear();
            self.storage = Vec::new();
            self.decoded.bytes = Vec::new();
        }
    }

    /// Moves what is pending out of this buffer into `parked`, which must be empty, in an
    /// allocation of just the right size, and leaves this one empty.
    ///
    /// Together with [`unpark`](Self::unpark) this lets one large buffer serve all connections
    /// of a thread: a connection keeps bytes of its own only while a frame or a message is
    /// incomplete.
    ///
    /// # Panics
    ///
    /// When `parked` is not empty.
    pub fn park(&mut self, parked: &mut Self) {
        assert!(parked.is_empty(), "only an empty buffer can take pending bytes");
        if parked.capacity() > 0 {
            // `unpark` had swapped the two.
            core::mem::swap(self, parked);
        } else if !self.is_empty() {
            self.move_pending(parked);
        }
        if parked.is_empty() {
            *parked = Self::new();
        }
        self.clear();
    }

    /// Takes back what was [parked](Self::park). Small remainders are copied to the front of this
    /// buffer; one that would fill more than a quarter of it keeps its allocation, and the two are
    /// swapped until the next `park`, so that a large message is not copied at every turn.
    ///
    /// # Panics
    ///
    /// When this buffer is not empty.
    pub fn unpark(&mut self, parked: &mut Self) {
        assert!(self.is_empty(), "only an empty buffer can take parked bytes");
        if parked.is_empty() {
            return;
        }
        parked.close_gaps();
        if parked.filled > self.storage.len() / 4 {
            core::mem::swap(self, parked);
        } else {
            parked.move_pending(self);
            *parked = Self::new();
        }
    }

    /// Copies what is pending into `other`, which is empty, and forgets it here. If `other` is too
    /// small it gets an allocation of just the right size.
    pub(crate) fn move_pending(&mut self, other: &mut Self) {
        self.close_gaps();
        let pending = &self.storage[..self.filled];
        match other.storage.get_mut(..pending.len()) {
            Some(room) => room.copy_from_slice(pending),
            None => other.storage = pending.to_vec(),
        }
        other.message = self.message.clone();
        other.unread = self.unread;
        other.filled = self.filled;
        if !self.decoded.message.is_empty() {
            core::mem::swap(&mut other.decoded, &mut self.decoded);
        }
        self.clear();
    }

    /// Received bytes pending: unread ones, and those of the message under way.
    pub(crate) fn pending(&self) -> usize {
        self.message.len() + (self.filled - self.unread)
    }

    /// Compacts if that wins at least a quarter, else grows by half, which is less than twice the
    /// three quarters in use. Either way the cost is paid for by the bytes received since the
    /// last time.
    fn make_room(&mut self) {
        let live = self.pending();
        // Rounded up, or a full buffer of one to three bytes would count as a quarter free.
        let quarter = self.storage.len().div_ceil(4);
        if live <= self.storage.len() - quarter && !self.storage.is_empty() {
            self.close_gaps();
        } else {
            let more = (self.storage.len() / 2).max(self.first);
            self.storage.reserve_exact(more);
            self.storage.resize(self.storage.len() + more, 0);
        }
    }

    fn close_gaps(&mut self) {
        let message = self.message.len();
        self.storage.copy_within(self.message.clone(), 0);
        self.storage.copy_within(self.unread..self.filled, message);
        self.filled = message + (self.filled - self.unread);
        self.unread = message;
        self.message = 0..message;
    }
}

/// What the machines do with the bytes. Ranges stay valid until the next call that takes
/// `&mut self` and may move bytes: `spare`, `park` or `unpark`.
impl RecvBuffer {
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.filled - self.unread);
        self.unread = self.filled.min(self.unread + n);
    }

    /// Consumes the `n` bytes of a head: the head, and the unread bytes behind it.
    pub(crate) fn take_head(&mut self, n: usize) -> (&[u8], &[u8]) {
        let start = self.unread;
        self.consume(n);
        (&self.storage[start..self.unread], &self.storage[self.unread..self.filled])
    }

    /// Starts a message with the next unread byte.
    #[inline]
    pub(crate) fn begin_message(&mut self) {
        self.message = self.unread..self.unread;
    }

    /// Consumes `n` bytes of payload, makes them part of the message and unmasks them: in place
    /// when they follow the message directly, else while moving them down to it. Returns where
    /// they are now.
    #[inline]
    pub(crate) fn extend_message(&mut self, n: usize, mask: Option<&mut Mask>) -> Range<usize> {
        debug_assert!(n <= self.filled - self.unread);
        if self.message.is_empty() {
            self.begin_message();
        }
        let from = self.unread..self.filled.min(self.unread + n);
        let to = self.message.end;
        match mask {
            Some(mask) if to == from.start => mask.apply(&mut self.storage[from.clone()]),
            Some(mask) => mask.move_down(&mut self.storage, from.clone(), to),
            None if to == from.start => {}
            None => self.storage.copy_within(from.clone(), to),
        }
        self.unread = from.end;
        self.message.end = to + from.len();
        to..self.message.end
    }

    /// Consumes a frame that is a whole message: header, and payload masked with `key`.
    #[inline]
    pub(crate) fn take_frame(
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

    /// Where the message so far is.
    pub(crate) fn message(&self, region: Region) -> Range<usize> {
        match region {
            Region::Received => self.message.clone(),
            Region::Decoded => self.decoded.message.clone(),
        }
    }

    /// Takes the first `n` bytes of the message out of it: they stay readable at the returned
    /// range, but are no longer kept.
    #[inline]
    pub(crate) fn take_message(&mut self, region: Region, n: usize) -> Range<usize> {
        let message = match region {
            Region::Received => &mut self.message,
            Region::Decoded => &mut self.decoded.message,
        };
        let start = message.start;
        message.start = message.end.min(start + n);
        start..message.start
    }

    /// Lets `decode` append to the decoded message what it makes of the encoded one, of which it
    /// returns how many bytes are used up. Returns where the new bytes are.
    pub(crate) fn decode(
        &mut self,
        decode: impl FnOnce(&[u8], &mut Vec<u8>) -> usize,
    ) -> Range<usize> {
        let Decoded { bytes, message } = &mut self.decoded;
        // What was handed out makes room: all of it, but for an unfinished code point at most.
        bytes.copy_within(message.clone(), 0);
        bytes.truncate(message.len());
        let start = bytes.len();
        *message = 0..start;
        let consumed = decode(&self.storage[self.message.clone()], bytes);
        *message = 0..bytes.len();
        self.take_message(Region::Received, consumed);
        start..self.decoded.bytes.len()
    }

    /// Consumes the whole payload of a control frame, unmasked in place.
    pub(crate) fn take_control(&mut self, n: usize, mask: Option<Mask>) -> Range<usize> {
        debug_assert!(n <= self.filled - self.unread);
        let range = self.unread..self.filled.min(self.unread + n);
        if let Some(mut mask) = mask {
            mask.apply(&mut self.storage[range.clone()]);
        }
        self.unread = range.end;
        range
    }

    #[inline]
    pub(crate) fn slice(&self, region: Region, range: Range<usize>) -> &[u8] {
        match region {
            Region::Received => &self.storage[range],
            Region::Decoded => &self.decoded.bytes[range],
        }
    }
}

impl Default for RecvBuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints sizes, never contents.
impl fmt::Debug for RecvBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBuffer")
            .field("message", &self.message.len())
            .field("unread", &(self.filled - self.unread))
            .field("decoded", &self.decoded.message.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_remainders_are_parked_in_just_their_size() {
        let mut rx = RecvBuffer::with_capacity(1000);
        let mut parked = RecvBuffer::new();
        rx.extend_from_slice(&[7; 300]);
        rx.consume(200);
        rx.park(&mut parked);
        assert!(rx.is_empty());
        assert_eq!((rx.capacity(), parked.capacity(), parked.unread()), (1000, 100, &[7; 100][..]));
        rx.unpark(&mut parked);
        assert_eq!((rx.capacity(), parked.capacity(), rx.unread()), (1000, 0, &[7; 100][..]));
        rx.consume(100);
        rx.park(&mut parked);
        assert_eq!((rx.capacity(), parked.capacity()), (1000, 0));
    }

    #[test]
    fn large_remainders_keep_their_allocation() {
        let mut rx = RecvBuffer::with_capacity(1000);
        let mut parked = RecvBuffer::new();
        rx.extend_from_slice(&[7; 300]);
        rx.park(&mut parked);
        rx.unpark(&mut parked);
        assert_eq!((rx.capacity(), parked.capacity()), (300, 1000), "swapped");
        rx.extend_from_slice(&[8; 2000]);
        rx.park(&mut parked);
        assert_eq!((rx.capacity(), parked.unread().len()), (1000, 2300), "swapped back");
        rx.unpark(&mut parked);
        rx.consume(2300);
        rx.park(&mut parked);
        assert_eq!((rx.capacity(), parked.capacity()), (1000, 0), "nothing left");
    }

    #[test]
    fn a_message_survives_parking_and_growing() {
        let mut rx = RecvBuffer::with_capacity(64);
        let mut parked = RecvBuffer::new();
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        rx.begin_message();
        for piece in bytes.chunks(13) {
            // One byte of header before each piece, so that pieces have to move down.
            rx.extend_from_slice(&[0xFF]);
            rx.consume(1);
            rx.extend_from_slice(piece);
            rx.extend_message(piece.len(), None);
            rx.park(&mut parked);
            rx.unpark(&mut parked);
        }
        assert_eq!(rx.slice(Region::Received, rx.message(Region::Received)), &bytes[..]);
    }
}
