//! The frame layer (RFC 6455, section 5): headers, opcodes and control payloads.
//!
//! Public because proxies, test tools and fuzzers want frames without a connection. It knows no
//! roles and no messages: whether a frame *fits* is decided by [`Connection`](crate::Connection).
//!
//! ```text
//!   0               1               2 .. 9                    then
//!  +-+-+-+-+-------+-+-------------+-------------------------+--------------+
//!  |F|R|R|R| opcode|M| length, or  | length, 16 bits if 126, | masking key, |
//!  |I|S|S|S|       |A| 126 or 127  |         64 bits if 127  | 4 bytes if M |
//!  |N|V|V|V|       |S|             | big-endian, minimal     |              |
//!  +-+-+-+-+-------+-+-------------+-------------------------+--------------+
//! ```
//!
//! ```
//! use sansio_ws::frame::{Header, Opcode};
//! use sansio_ws::mask::Mask;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What a proxy reads: the frame of a client.
//! let mut frame = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let (header, len) = Header::parse(&frame)?.ok_or("the header is not complete")?;
//! assert_eq!((header.opcode(), header.is_fin(), header.payload_len()), (Opcode::Text, true, 5));
//! let payload = &mut frame[len..];
//! if let Some(key) = header.mask() {
//!     Mask::new(key).apply(payload);
//! }
//! assert_eq!(payload, b"Hello");
//! # Ok(()) }
//! ```

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use bytes::BufMut;
use core::fmt;

/// The most bytes a header can have: 2, a 64-bit length, a masking key.
pub const MAX_HEADER_LEN: usize = 14;

/// The most payload bytes of a control frame (RFC 6455, section 5.5).
pub const MAX_CONTROL_LEN: usize = 125;

/// What a frame is (RFC 6455, section 5.2). Reserved opcodes cannot be expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message or its first fragment.
    Text = 0x1,
    /// A binary message or its first fragment.
    Binary = 0x2,
    /// Starts or answers the closing handshake.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping, or is sent unasked as a sign of life.
    Pong = 0xA,
}

impl Opcode {
    /// Whether frames of this kind are control frames (RFC 6455, section 5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 >= 0x8
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// A frame header that obeys RFC 6455, section 5.2. There are no others: every way to get one
/// checks it.
///
/// ```
/// use sansio_ws::frame::{FrameError, Header, MAX_HEADER_LEN, Opcode};
///
/// # fn main() -> Result<(), FrameError> {
/// let header = Header::new(Opcode::Binary, true, 300)?.masked([1, 2, 3, 4]);
/// let mut bytes = [0; MAX_HEADER_LEN];
/// let len = header.encode(&mut bytes);
/// assert_eq!(bytes[..len], [0x82, 0xfe, 1, 44, 1, 2, 3, 4]);
/// assert_eq!(Header::parse(&bytes[..len])?, Some((header, len)));
/// assert_eq!(Header::parse(&bytes[..5])?, None, "more bytes are needed");
/// assert_eq!(Header::new(Opcode::Ping, true, 126), Err(FrameError::ControlTooLong));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    prefix: Prefix,
    payload_len: u64,
    mask: Option<[u8; 4]>,
}

impl Header {
    /// A header for a payload of `payload_len` bytes, not masked, with reserved bits zero.
    ///
    /// # Errors
    ///
    /// [`FrameError::FragmentedControl`], [`FrameError::ControlTooLong`] or
    /// [`FrameError::LengthTopBit`] when no such frame may exist.
    pub const fn new(opcode: Opcode, fin: bool, payload_len: u64) -> Result<Self, FrameError> {
        if payload_len >> 63 != 0 {
            return Err(FrameError::LengthTopBit);
        }
        let header = Self::unchecked(opcode, fin, payload_len);
        match Prefix::parse([header.prefix.first, header.prefix.second]) {
            Ok(_) => Ok(header),
            Err(error) => Err(error),
        }
    }

    /// The header for a payload that is at hand, and so not too long for any length field. The
    /// caller takes care that control frames are whole and short.
    #[inline]
    pub(crate) const fn of(opcode: Opcode, fin: bool, payload: &[u8]) -> Self {
        debug_assert!(!opcode.is_control() || fin && payload.len() <= MAX_CONTROL_LEN);
        Self::unchecked(opcode, fin, payload.len() as u64)
    }

    pub(crate) const fn unchecked(opcode: Opcode, fin: bool, payload_len: u64) -> Self {
        let second = match payload_len {
            0..=125 => payload_len as u8,
            126..=0xFFFF => 126,
            _ => 127,
        };
        let first = (fin as u8) << 7 | opcode as u8;
        Self { prefix: Prefix { first, second, opcode }, payload_len, mask: None }
    }

    /// The same header with a masking key.
    #[must_use]
    pub const fn masked(mut self, key: [u8; 4]) -> Self {
        self.prefix.second |= 0x80;
        self.mask = Some(key);
        self
    }

    /// The same header with the three reserved bits set to the low bits of `bits`
    /// (RSV1 = 4, RSV2 = 2, RSV3 = 1).
    #[must_use]
    pub const fn with_reserved_bits(mut self, bits: u8) -> Self {
        self.prefix.first = self.prefix.first & 0x8F | (bits & 7) << 4;
        self
    }

    /// Parses a header from the front of `bytes`: the header and its length in bytes, or `None`
    /// when more bytes are needed.
    ///
    /// # Errors
    ///
    /// The violation, found as early as the bytes allow: everything that the first two bytes
    /// decide is decided before a length byte is read.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((first_two, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        Prefix::parse(*first_two)?.complete(rest)
    }

    /// Writes the header to the front of `out` and returns its length, 2 to 14 bytes.
    pub fn encode(&self, out: &mut [u8; MAX_HEADER_LEN]) -> usize {
        self.put(&mut out.as_mut_slice());
        self.encoded_len()
    }

    /// Appends the header to `out`, which has room for it.
    #[inline]
    pub(crate) fn put(&self, out: &mut impl BufMut) {
        let Prefix { first, second, .. } = self.prefix;
        // In pieces of a known length, which take an instruction or two; others take a call.
        match self.payload_len {
            0..=125 => out.put_slice(&[first, second]),
            126..=0xFFFF => {
                let [high, low] = (self.payload_len as u16).to_be_bytes();
                out.put_slice(&[first, second, high, low]);
            }
            length => {
                out.put_slice(&[first, second]);
                out.put_slice(&length.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.put_slice(&key);
        }
    }

    /// The length of this header on the wire, 2 to 14 bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.prefix.header_len()
    }

    /// What the frame is.
    #[must_use]
    pub const fn opcode(&self) -> Opcode {
        self.prefix.opcode
    }

    /// Whether this is the last (or only) frame of its message.
    #[must_use]
    pub const fn is_fin(&self) -> bool {
        self.prefix.is_fin()
    }

    /// The three reserved bits (RSV1 = 4, RSV2 = 2, RSV3 = 1), zero unless an extension gives
    /// them a meaning.
    #[must_use]
    pub const fn reserved_bits(&self) -> u8 {
        self.prefix.reserved_bits()
    }

    /// The length of the payload in bytes, below 2^63.
    #[must_use]
    pub const fn payload_len(&self) -> u64 {
        self.payload_len
    }

    /// The masking key, if the frame is masked.
    #[must_use]
    pub const fn mask(&self) -> Option<[u8; 4]> {
        self.mask
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("opcode", &self.opcode())
            .field("fin", &self.is_fin())
            .field("reserved_bits", &self.reserved_bits())
            .field("masked", &self.mask.is_some())
            .field("payload_len", &self.payload_len)
            .finish()
    }
}

/// The first two bytes of a header, checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    first: u8,
    second: u8,
    opcode: Opcode,
}

impl Prefix {
    pub(crate) const fn parse([first, second]: [u8; 2]) -> Result<Self, FrameError> {
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return Err(FrameError::ReservedOpcode(first & 0x0F));
        };
        let prefix = Self { first, second, opcode };
        if opcode.is_control() {
            if !prefix.is_fin() {
                return Err(FrameError::FragmentedControl);
            }
            if prefix.length() > 125 {
                return Err(FrameError::ControlTooLong);
            }
        }
        Ok(prefix)
    }

    /// Adds the length and the masking key from `rest`, the bytes behind the first two.
    #[inline]
    pub(crate) fn complete(self, rest: &[u8]) -> Result<Option<(Header, usize)>, FrameError> {
        let (payload_len, rest) = match self.length() {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let length = u16::from_be_bytes(*length);
                if length < 126 {
                    return Err(FrameError::NonMinimalLength);
                }
                (u64::from(length), rest)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let length = u64::from_be_bytes(*length);
                if length >> 63 != 0 {
                    return Err(FrameError::LengthTopBit);
                }
                if length <= 0xFFFF {
                    return Err(FrameError::NonMinimalLength);
                }
                (length, rest)
            }
            length => (u64::from(length), rest),
        };
        let mask = if self.is_masked() {
            let Some(key) = rest.first_chunk() else { return Ok(None) };
            Some(*key)
        } else {
            None
        };
        Ok(Some((Header { prefix: self, payload_len, mask }, self.header_len())))
    }

    pub(crate) const fn opcode(self) -> Opcode {
        self.opcode
    }

    pub(crate) const fn is_fin(self) -> bool {
        self.first & 0x80 != 0
    }

    pub(crate) const fn reserved_bits(self) -> u8 {
        self.first >> 4 & 7
    }

    pub(crate) const fn is_masked(self) -> bool {
        self.second & 0x80 != 0
    }

    /// The 7 bits of the length: up to 125 it is the length.
    pub(crate) const fn length(self) -> u8 {
        self.second & 0x7F
    }

    const fn header_len(self) -> usize {
        let length = match self.length() {
            126 => 2,
            127 => 8,
            _ => 0usize,
        };
        let key = if self.is_masked() { 4 } else { 0 };
        2usize.saturating_add(length).saturating_add(key)
    }
}

/// A frame header that RFC 6455 forbids, whatever the role and the state of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// One of the opcodes 3-7 and 11-15 (RFC 6455, section 5.2).
    ReservedOpcode(u8),
    /// A control frame without FIN (RFC 6455, section 5.5).
    FragmentedControl,
    /// A control frame with more than 125 payload bytes (RFC 6455, section 5.5).
    ControlTooLong,
    /// A length in more bytes than it needs (RFC 6455, section 5.2).
    NonMinimalLength,
    /// A 64-bit length with its highest bit set (RFC 6455, section 5.2).
    LengthTopBit,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedOpcode(opcode) => write!(f, "reserved opcode {opcode:#x}"),
            Self::FragmentedControl => f.write_str("fragmented control frame"),
            Self::ControlTooLong => f.write_str("control frame with more than 125 bytes"),
            Self::NonMinimalLength => f.write_str("payload length not in its shortest form"),
            Self::LengthTopBit => f.write_str("payload length with its highest bit set"),
        }
    }
}

impl core::error::Error for FrameError {}

/// The payload of a ping or pong: at most 125 bytes, by type.
///
/// ```
/// use sansio_ws::ControlPayload;
/// use sansio_ws::frame::FrameError;
///
/// # fn main() -> Result<(), FrameError> {
/// assert_eq!(ControlPayload::new(b"are you there?")?.as_ref(), b"are you there?");
/// assert_eq!(ControlPayload::new(&[0; 126]), Err(FrameError::ControlTooLong));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy)]
pub struct ControlPayload {
    len: u8,
    bytes: [u8; MAX_CONTROL_LEN],
}

impl ControlPayload {
    /// No bytes at all.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; MAX_CONTROL_LEN] };

    /// A copy of `payload`.
    ///
    /// # Errors
    ///
    /// [`FrameError::ControlTooLong`] when it is longer than 125 bytes.
    pub fn new(payload: &[u8]) -> Result<Self, FrameError> {
        let mut bytes = [0; MAX_CONTROL_LEN];
        let front = bytes.get_mut(..payload.len()).ok_or(FrameError::ControlTooLong)?;
        front.copy_from_slice(payload);
        Ok(Self { len: payload.len() as u8, bytes })
    }
}

impl AsRef<[u8]> for ControlPayload {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for ControlPayload {}

impl Default for ControlPayload {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Prints the length, not the bytes.
impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ControlPayload({} bytes)", self.len)
    }
}
