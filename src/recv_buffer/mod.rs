//! The buffer that received bytes are read into, and in which messages come together.
//!
//! It knows no frames: it holds bytes, and the one region that has been joined. That is among the
//! received bytes as a rule. When an extension encodes the message, only its encoded bytes are joined
//! there, each until it is decoded, and the message comes together in an allocation of its own.

mod decoded;
mod received;
#[cfg(test)]
mod tests;
mod transfer;

pub(crate) use received::Storages;

use crate::mask::Mask;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use decoded::DecodedBytes;
use received::{NewStorages, ReceivedBytes};

/// Size of the first allocation, in bytes.
const FIRST: usize = 4096;

/// A buffer for received bytes. It belongs to the caller, who reads into it and lends it to
/// [`Connection::next_event`](crate::Connection::next_event).
///
/// ```
/// use sansio_ws::RecvBuffer;
/// use std::io::Read;
///
/// # fn main() -> std::io::Result<()> {
/// let mut socket = &b"\x89\x00"[..]; // or any other `Read`
/// let mut rx = RecvBuffer::new(); // allocates nothing yet
/// let n = socket.read(rx.spare())?;
/// rx.commit(n);
/// assert_eq!(rx.unread(), b"\x89\x00");
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
    received: ReceivedBytes,
    decoded: DecodedBytes,
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
        Self { received: ReceivedBytes::new(first), decoded: DecodedBytes::new() }
    }

    /// Room to read into, never empty.
    ///
    /// Makes room first if there is none: by closing the gaps of consumed bytes, or by growing.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.is_empty() {
            self.clear();
        }
        self.received.spare()
    }

    /// Tells that `n` bytes were read into the front of [`spare`](Self::spare).
    ///
    /// # Panics
    ///
    /// When `n` is more than the room there was.
    pub fn commit(&mut self, n: usize) {
        let ReceivedBytes { storage, filled, .. } = &mut self.received;
        assert!(n <= storage.len() - *filled, "more bytes committed than there was room");
        *filled += n;
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
        self.received.unread()
    }

    /// Takes the first `n` of the [unread](Self::unread) bytes away, or all of them if there are no more.
    ///
    /// For parsers of the caller's own that read something in front of the WebSocket from the same
    /// buffer. What a connection or a handshake is in the middle of is theirs to consume: bytes that
    /// are taken from under them are missing, and what they make of the rest is wrong, though nothing
    /// panics.
    ///
    /// ```
    /// use sansio_ws::RecvBuffer;
    ///
    /// /// The first line of the PROXY protocol, which a load balancer sends before anything else.
    /// fn proxy_line(rx: &mut RecvBuffer) -> Option<String> {
    ///     let line = rx.unread().split_inclusive(|&byte| byte == b'\n').next()?;
    ///     if line.last() != Some(&b'\n') {
    ///         return None; // more bytes are needed
    ///     }
    ///     let text = String::from_utf8_lossy(line).trim_end().to_owned();
    ///     rx.consume(line.len());
    ///     Some(text)
    /// }
    ///
    /// let mut rx = RecvBuffer::new();
    /// rx.extend_from_slice(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000");
    /// assert_eq!(proxy_line(&mut rx), None);
    /// rx.extend_from_slice(b"0 80\r\nGET / HTTP/1.1\r\n");
    /// let line = "PROXY TCP4 192.0.2.1 192.0.2.2 50000 80";
    /// assert_eq!(proxy_line(&mut rx).as_deref(), Some(line));
    /// assert_eq!(rx.unread(), b"GET / HTTP/1.1\r\n"); // for the handshake
    /// ```
    #[inline]
    pub fn consume(&mut self, n: usize) {
        self.received.consume(n);
    }

    /// Whether nothing is pending here: no unread bytes and no part of a message. Only then may
    /// the buffer serve another connection, or be dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending() == 0 && self.decoded.pending() == 0
    }

    /// Whether what is pending fills a quarter of the allocations at least. If not, a loop in which a connection keeps
    /// its buffer until the rest has come would hold much memory for few bytes: [`park`](Self::park) them.
    #[must_use]
    pub fn is_well_filled(&self) -> bool {
        is_well_filled(self.pending() + self.decoded.pending(), self.capacity())
    }

    /// Bytes allocated at present.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.received.storage.len() + self.decoded.bytes.capacity()
    }

    /// Forgets everything received; keeps the allocations.
    pub fn clear(&mut self) {
        self.received.clear();
        self.decoded.clear();
    }

    /// Gives the allocations back if they are larger than `bytes` and nothing is pending in them.
    pub fn shrink_to(&mut self, bytes: usize) {
        if self.is_empty() && self.capacity() > bytes {
            self.clear();
            self.received.storage = Vec::new();
            self.decoded.bytes = Vec::new();
        }
    }

    /// Whether nothing is pending, and the allocations are larger than the first one.
    #[cfg(feature = "std")]
    pub(crate) fn has_grown(&self) -> bool {
        self.is_empty() && self.capacity() > self.received.first
    }

    /// Gives the allocations back if they have grown.
    #[cfg(feature = "std")]
    pub(crate) fn shrink(&mut self) {
        self.shrink_to(self.received.first);
    }

    /// Moves what is pending out of this buffer into `parked`, which must be empty, in an
    /// allocation that it fills to a quarter at least, and leaves this one empty.
    ///
    /// Together with [`unpark`](Self::unpark) this lets one large buffer serve all connections
    /// of a thread: a connection keeps bytes of its own only while a frame or a message is
    /// incomplete.
    ///
    /// # Panics
    ///
    /// When `parked` is not empty.
    pub fn park(&mut self, parked: &mut Self) {
        self.park_in(parked, &mut NewStorages);
    }

    /// As [`park`](Self::park), with other sources of large allocations.
    pub(crate) fn park_in(&mut self, parked: &mut Self, storages: &mut impl Storages) {
        assert!(parked.is_empty(), "only an empty buffer can take pending bytes");
        // The two may be swapped.
        let common = if parked.received.storage.is_empty() { &*self } else { &*parked };
        let copy_limit = common.received.copy_limit();
        self.received.park(&mut parked.received, copy_limit, storages);
        self.decoded.park(&mut parked.decoded, copy_limit);
    }

    /// Takes back what was [parked](Self::park). A small remainder is copied to the front of this
    /// buffer. What is longer than a quarter of this buffer's first allocation keeps its own, and the
    /// two are swapped until the next `park`, so that a large message is not copied at every turn.
    ///
    /// # Panics
    ///
    /// When this buffer is not empty.
    pub fn unpark(&mut self, parked: &mut Self) {
        assert!(self.is_empty(), "only an empty buffer can take parked bytes");
        let copy_limit = self.received.copy_limit();
        self.received.unpark(&mut parked.received, copy_limit);
        self.decoded.unpark(&mut parked.decoded, copy_limit);
    }

    /// Received bytes pending: unread ones, and those of the message under way.
    pub(crate) fn pending(&self) -> usize {
        self.received.pending()
    }
}

/// Whether an allocation is not too large for what is left in it.
pub(crate) fn is_well_filled(pending: usize, capacity: usize) -> bool {
    pending >= capacity / 4
}

/// What the machines do with the bytes. Ranges stay valid until the next call that takes
/// `&mut self` and may move bytes: `spare`, `park` or `unpark`.
impl RecvBuffer {
    /// Consumes the `n` bytes of a head: the head, and the unread bytes behind it.
    pub(crate) fn take_head(&mut self, n: usize) -> (&[u8], &[u8]) {
        let start = self.received.unread;
        self.consume(n);
        let ReceivedBytes { storage, unread, filled, .. } = &self.received;
        (&storage[start..*unread], &storage[*unread..*filled])
    }

    /// Starts a message with the next unread byte.
    #[inline]
    pub(crate) fn begin_message(&mut self) {
        self.received.begin_message();
    }

    /// Consumes `n` bytes of payload, makes them part of the message and unmasks them: in place
    /// when they follow the message directly, else while moving them down to it. Returns where
    /// they are now.
    #[inline]
    pub(crate) fn extend_message(&mut self, n: usize, mask: Option<&mut Mask>) -> Range<usize> {
        self.received.extend_message(n, mask)
    }

    /// Consumes a frame that is a whole message: header, and payload masked with `key`.
    #[inline]
    pub(crate) fn take_frame(
        &mut self,
        header_len: usize,
        n: usize,
        key: Option<[u8; 4]>,
    ) -> Range<usize> {
        self.received.take_frame(header_len, n, key)
    }

    /// Where the message so far is.
    pub(crate) fn message(&self, region: Region) -> Range<usize> {
        match region {
            Region::Received => self.received.message.clone(),
            Region::Decoded => self.decoded.message.clone(),
        }
    }

    /// Takes the first `n` bytes of the message out of it: they stay readable at the returned
    /// range, but are no longer kept.
    #[inline]
    pub(crate) fn take_message(&mut self, region: Region, n: usize) -> Range<usize> {
        let message = match region {
            Region::Received => &mut self.received.message,
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
        let ReceivedBytes { storage, message, .. } = &self.received;
        let encoded = &storage[message.clone()];
        let (consumed, decoded) = self.decoded.extend(|decoded| decode(encoded, decoded));
        self.take_message(Region::Received, consumed);
        decoded
    }

    /// Consumes the whole payload of a control frame, unmasked in place.
    pub(crate) fn take_control(&mut self, n: usize, mask: Option<Mask>) -> Range<usize> {
        self.received.take_control(n, mask)
    }

    /// The bytes there, or none if this is not the buffer that the range is from.
    #[inline]
    pub(crate) fn slice(&self, region: Region, range: Range<usize>) -> &[u8] {
        let bytes = match region {
            Region::Received => &self.received.storage,
            Region::Decoded => &self.decoded.bytes,
        };
        bytes.get(range).unwrap_or_default()
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
            .field("message", &self.received.message.len())
            .field("unread", &self.unread().len())
            .field("decoded", &self.decoded.pending())
            .field("capacity", &self.capacity())
            .finish()
    }
}
