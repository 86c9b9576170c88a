//! Frames written and read by hand, right or wrong. Nothing here asks the crate how a frame looks.

use super::key;

/// How the length is written (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Shortest,
    In16,
    In64,
}

/// A frame of any bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// FIN, RSV1-3 and the opcode.
    pub first: u8,
    pub mask: Option<[u8; 4]>,
    pub length: Length,
    /// The length to declare, if not that of the payload.
    pub declared: Option<u64>,
    /// Not masked.
    pub payload: Vec<u8>,
}

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;

impl Frame {
    /// A whole frame, not masked.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        Self {
            first: 0x80 | opcode,
            mask: None,
            length: Length::Shortest,
            declared: None,
            payload: payload.as_ref().into(),
        }
    }

    pub fn text(payload: impl AsRef<[u8]>) -> Self {
        Self::new(TEXT, payload)
    }

    pub fn binary(payload: impl AsRef<[u8]>) -> Self {
        Self::new(BINARY, payload)
    }

    pub fn continuation(payload: impl AsRef<[u8]>) -> Self {
        Self::new(CONTINUATION, payload)
    }

    pub fn ping(payload: impl AsRef<[u8]>) -> Self {
        Self::new(PING, payload)
    }

    pub fn pong(payload: impl AsRef<[u8]>) -> Self {
        Self::new(PONG, payload)
    }

    pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Self {
        Self::new(CLOSE, [&[(code >> 8) as u8, code as u8], reason.as_ref()].concat())
    }

    pub fn close_empty() -> Self {
        Self::new(CLOSE, b"")
    }

    /// FIN off: a further fragment follows.
    pub fn more(mut self) -> Self {
        self.first &= 0x7F;
        self
    }

    /// RSV1 = 4, RSV2 = 2, RSV3 = 1.
    pub fn reserved(mut self, bits: u8) -> Self {
        self.first |= bits << 4;
        self
    }

    pub fn masked(mut self, key: [u8; 4]) -> Self {
        self.mask = Some(key);
        self
    }

    pub fn length(mut self, length: Length) -> Self {
        self.length = length;
        self
    }

    /// Declares a length that the payload does not have.
    pub fn declaring(mut self, len: u64) -> Self {
        self.declared = Some(len);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let len = self.declared.unwrap_or(self.payload.len() as u64);
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        let byte = |i: u32| (len >> (8 * i)) as u8;
        match self.length {
            Length::Shortest if len < 126 => bytes.push(mask_bit | len as u8),
            Length::Shortest if len >= 65_536 => {
                bytes.push(mask_bit | 127);
                bytes.extend((0..8).rev().map(byte));
            }
            Length::In64 => {
                bytes.push(mask_bit | 127);
                bytes.extend((0..8).rev().map(byte));
            }
            Length::Shortest | Length::In16 => {
                bytes.push(mask_bit | 126);
                bytes.extend((0..2).rev().map(byte));
            }
        }
        bytes.extend(self.mask.iter().flatten());
        bytes.extend_from_slice(&xor(&self.payload, self.mask));
        bytes
    }

    /// Takes a frame off the front of `bytes`.
    fn take(bytes: &mut &[u8]) -> Self {
        let mut next = || {
            let (first, rest) = bytes.split_first().expect("a whole frame");
            *bytes = rest;
            *first
        };
        let (first, second) = (next(), next());
        let mut number = |n: u32| (0..n).fold(0u64, |sum, _| sum << 8 | u64::from(next()));
        let (len, length) = match second & 0x7F {
            126 => (number(2), Length::In16),
            127 => (number(8), Length::In64),
            len => (u64::from(len), Length::Shortest),
        };
        let mask = (second & 0x80 != 0).then(|| [next(), next(), next(), next()]);
        let (payload, rest) = bytes.split_at(len as usize);
        *bytes = rest;
        let length = match (length, len) {
            (Length::In16, 126..) | (Length::In64, 65_536..) => Length::Shortest,
            (length, _) => length,
        };
        Self { first, mask, length, declared: None, payload: xor(payload, mask) }
    }
}

/// RFC 6455, section 5.3, as it stands there.
fn xor(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    match mask {
        None => payload.to_vec(),
        Some(key) => payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect(),
    }
}

/// The frames in `bytes`, with payloads unmasked; a form of the length that is not the shortest
/// stays visible. Panics where the last one is cut off.
pub fn parse(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = vec![];
    while !bytes.is_empty() {
        frames.push(Frame::take(&mut bytes));
    }
    frames
}

/// The bytes of `frames` as the peer of a server, or of a client, would send them: to a server
/// each masked with the next key, to a client none.
pub fn wire(to_server: bool, frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    let mut bytes = vec![];
    for (n, frame) in (1..).zip(frames) {
        let frame = if to_server { frame.masked(key(n)) } else { frame };
        bytes.extend_from_slice(&frame.bytes());
    }
    bytes
}
