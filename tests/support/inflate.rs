//! Inflating once more (RFC 1951, RFC 7692), written for being obvious: whole messages, bit by
//! bit. Shares no code with the crate, and none with what the crate uses.

#![allow(dead_code, reason = "each test binary uses its own part")]

/// What a receiver knows of the messages before.
#[derive(Debug, Default, Clone)]
pub struct Inflate {
    /// All that the DEFLATE stream has expanded to, whatever the window.
    history: Vec<u8>,
    /// The farthest that anything has referred back.
    pub farthest: usize,
}

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
const WINDOW: usize = 32_768;

#[rustfmt::skip]
const LENGTHS: [(usize, u32); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1),
    (17, 1), (19, 2), (23, 2), (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3), (67, 4),
    (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5), (227, 5), (258, 0),
];

#[rustfmt::skip]
const DISTANCES: [(usize, u32); 30] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4),
    (49, 4), (65, 5), (97, 5), (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8),
    (1025, 9), (1537, 9), (2049, 10), (3073, 10), (4097, 11), (6145, 11), (8193, 12), (12_289, 12),
    (16_385, 13), (24_577, 13),
];

/// The order of the lengths of the code for code lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What became of a message, or of its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is whole, or so far right.
    Good,
    Corrupt,
    /// There is more than was asked for.
    TooLong,
}

impl Inflate {
    /// What a message expands to, or `None` if it is not whole or corrupt.
    ///
    /// A message is whole if, with the four bytes of RFC 7692, section 7.2.2, it is a number of
    /// blocks that end where these bytes end and expand to nothing behind their beginning; or if
    /// it ends right behind a final block.
    pub fn message(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let (output, verdict) = self.inflate(message, true, usize::MAX);
        (verdict == Verdict::Good).then_some(output)
    }

    /// What a message, or the beginning of one that is not the `last` of it, expands to before
    /// the first thing that is wrong, and before it is longer than `most`.
    pub fn inflate(&mut self, message: &[u8], last: bool, most: usize) -> (Vec<u8>, Verdict) {
        let bytes = if last { [message, &TAIL].concat() } else { message.to_vec() };
        let end = message.len() * 8;
        let mut bits = Bits { bytes, at: 0, end, most, used_up: false, too_long: false };
        let mut output = Vec::new();
        let verdict = match self.blocks(&mut bits, &mut output) {
            Some(()) => Verdict::Good,
            None if bits.too_long => Verdict::TooLong,
            None if bits.used_up && !last => Verdict::Good,
            None => Verdict::Corrupt,
        };
        (output, verdict)
    }

    fn blocks(&mut self, bits: &mut Bits, output: &mut Vec<u8>) -> Option<()> {
        loop {
            if self.block(bits, output)? {
                bits.at = bits.at.next_multiple_of(8);
                self.history.clear();
                if bits.at == bits.end {
                    return Some(());
                }
            } else if bits.at == bits.end + 32 {
                return Some(());
            }
        }
    }

    /// Whether it was a final one.
    fn block(&mut self, bits: &mut Bits, output: &mut Vec<u8>) -> Option<bool> {
        let last = bits.take(1)? == 1;
        let (literals, distances) = match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let len = bits.take(16)?;
                if bits.take(16)? != !len & 0xffff {
                    return None;
                }
                for _ in 0..len {
                    let byte = bits.take(8)? as u8;
                    self.push(bits, output, byte)?;
                }
                return Some(last);
            }
            1 => {
                let mut lengths = [8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                (Code::new(&lengths), Code::new(&[5; 30]))
            }
            2 => codes(bits)?,
            _ => return None,
        };
        loop {
            match literals.symbol(bits)? {
                byte @ 0..256 => self.push(bits, output, byte as u8)?,
                256 => return Some(last),
                symbol => {
                    let (base, extra) = *LENGTHS.get(symbol - 257)?;
                    let len = base + bits.take(extra)?;
                    let (base, extra) = DISTANCES[distances.symbol(bits)?];
                    let distance = base + bits.take(extra)?;
                    if distance > self.history.len().min(WINDOW) {
                        return None;
                    }
                    self.farthest = self.farthest.max(distance);
                    for _ in 0..len {
                        let byte = self.history[self.history.len() - distance];
                        self.push(bits, output, byte)?;
                    }
                }
            }
        }
    }

    fn push(&mut self, bits: &mut Bits, output: &mut Vec<u8>, byte: u8) -> Option<()> {
        // The tail holds no content.
        if bits.at > bits.end {
            return None;
        }
        bits.too_long = output.len() == bits.most;
        if bits.too_long {
            return None;
        }
        self.history.push(byte);
        output.push(byte);
        Some(())
    }
}

/// The codes at the beginning of a dynamic block.
fn codes(bits: &mut Bits) -> Option<(Code, Code)> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let count = bits.take(4)? + 4;
    if literals > 286 || distances > 30 {
        return None;
    }
    let mut lengths = [0; 19];
    for &symbol in &ORDER[..count] {
        lengths[symbol] = bits.take(3)?;
    }
    let code = Code::new(&lengths);
    if code.words.is_empty() {
        // Widespread decoders take each bit for a length of zero. No block ends with these, which
        // is found out behind the last one.
        for _ in 0..literals + distances {
            bits.take(1)?;
        }
        return None;
    }
    if code.left != 0 {
        return None;
    }
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, repeat) = match code.symbol(bits)? {
            16 => {
                let repeat = 3 + bits.take(2)?;
                (*lengths.last()?, repeat)
            }
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length, 1),
        };
        lengths.extend(vec![length; repeat]);
    }
    if lengths.len() > literals + distances || lengths[256] == 0 {
        return None;
    }
    let (literals, distances) = lengths.split_at(literals);
    let codes = (Code::new(literals), Code::new(distances));
    (codes.0.is_usable() && codes.1.is_usable()).then_some(codes)
}

/// A Huffman code (RFC 1951, section 3.2.2).
struct Code {
    /// Length, code and symbol.
    words: Vec<(u32, usize, usize)>,
    /// Codes of the greatest length that are not taken, of 2^15. Negative if there are too many.
    left: isize,
}

impl Code {
    fn new(lengths: &[usize]) -> Self {
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|&at| lengths[at] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        let (mut words, mut next, mut length) = (Vec::new(), 0, 0);
        for symbol in symbols {
            next <<= lengths[symbol] - length;
            length = lengths[symbol];
            words.push((length as u32, next, symbol));
            next += 1;
        }
        Self { words, left: (1 << 15) - (next << (15 - length)) as isize }
    }

    /// Complete, or nothing but a single code of one bit (section 3.2.7), or nothing at all.
    fn is_usable(&self) -> bool {
        let one = matches!(self.words[..], [] | [(1, ..)]);
        self.left == 0 || one
    }

    fn symbol(&self, bits: &mut Bits) -> Option<usize> {
        let (mut len, mut code) = (0, 0);
        for &(length, word, symbol) in &self.words {
            while len < length {
                code = code << 1 | bits.take(1)?;
                len += 1;
            }
            if code == word {
                return Some(symbol);
            }
        }
        if self.words.is_empty() {
            // Asked for all the same, and not found.
            bits.take(1)?;
        }
        None
    }
}

struct Bits {
    /// A message and the tail.
    bytes: Vec<u8>,
    at: usize,
    /// Of the message.
    end: usize,
    /// Bytes of output that are asked for.
    most: usize,
    /// More bits were asked for than there are.
    used_up: bool,
    too_long: bool,
}

impl Bits {
    /// A number, lowest bit first.
    fn take(&mut self, count: u32) -> Option<usize> {
        let mut number = 0;
        for i in 0..count {
            self.used_up = self.at / 8 == self.bytes.len();
            let byte = usize::from(*self.bytes.get(self.at / 8)?);
            number |= (byte >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Some(number)
    }
}
