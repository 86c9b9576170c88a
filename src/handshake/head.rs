//! Finding the end of an HTTP head, whatever pieces it arrives in.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::HandshakeError;
use crate::limits::Limits;

/// Looks at each byte of a head once, and stops at the blank line.
///
/// Lines end with CR LF and nothing else: lenient parsers that disagree about where a line ends
/// are how requests get smuggled (RFC 9112, section 2.2).
#[derive(Debug)]
pub(super) struct HeadScanner {
    max_bytes: usize,
    max_headers: usize,
    /// Bytes looked at.
    scanned: usize,
    /// Where the current line begins.
    line: usize,
    /// Lines that have ended, the first one included.
    lines: usize,
    /// An empty line may come before the first one.
    skips_empty_line: bool,
}

/// A head that has arrived.
pub(super) struct HeadSize {
    pub(super) bytes: usize,
    /// Header lines, without the first line.
    pub(super) headers: usize,
}

impl HeadScanner {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self {
            max_bytes: limits.max_handshake_bytes,
            max_headers: limits.max_headers,
            scanned: 0,
            line: 0,
            lines: 0,
            skips_empty_line: false,
        }
    }

    /// For requests: some clients end the body of one with a CR LF too many, so one before the next
    /// is skipped (RFC 9112, section 2.2).
    pub(super) const fn for_request(limits: &Limits) -> Self {
        Self { skips_empty_line: true, ..Self::new(limits) }
    }

    /// For the lines behind the last chunk of a body, which have no first line of another kind.
    pub(super) const fn for_trailers(limits: &Limits) -> Self {
        Self { lines: 1, ..Self::new(limits) }
    }

    /// Goes on with the next head behind one of `bytes` bytes. Both count against one limit.
    pub(super) fn next_head(&mut self, bytes: usize) {
        self.max_bytes = self.max_bytes.saturating_sub(bytes);
        (self.scanned, self.line, self.lines) = (0, 0, 0);
    }

    /// Looks at the bytes behind those looked at before. `unread` begins with the head, always at
    /// the same place.
    pub(super) fn scan(&mut self, unread: &[u8]) -> Result<Option<HeadSize>, HandshakeError> {
        let within_limit = unread.get(..self.max_bytes).unwrap_or(unread);
        loop {
            let rest = within_limit.get(self.scanned..).unwrap_or_default();
            if let [b' ' | b'\t', ..] = rest
                && self.scanned == self.line
                && self.lines > 0
            {
                return Err(HandshakeError::FoldedHeader);
            }
            let (plain, rest) = rest.split_at(plain_len(rest));
            self.scanned = self.scanned.saturating_add(plain.len());
            match rest {
                [b'\r', b'\n', ..] if self.scanned == 0 && self.skips_empty_line => {
                    (self.scanned, self.line) = (2, 2);
                }
                [b'\r', b'\n', ..] if self.scanned == self.line => {
                    let bytes = self.scanned.saturating_add(2);
                    return match self.lines.checked_sub(1) {
                        Some(headers) => Ok(Some(HeadSize { bytes, headers })),
                        None => Err(HandshakeError::MalformedHead),
                    };
                }
                [b'\r', b'\n', ..] => {
                    if self.lines > self.max_headers {
                        return Err(HandshakeError::TooManyHeaders);
                    }
                    self.lines = self.lines.saturating_add(1);
                    self.scanned = self.scanned.saturating_add(2);
                    self.line = self.scanned;
                }
                [] | [b'\r'] if unread.len() > self.max_bytes => {
                    return Err(HandshakeError::HeadTooLong);
                }
                // What follows a CR is still to come.
                [] | [b'\r'] => return Ok(None),
                [b'\r' | b'\n' | 0, ..] => return Err(HandshakeError::BareControlByte),
                // Another control character.
                [_, ..] => self.scanned = self.scanned.saturating_add(1),
            }
        }
    }
}

/// How many bytes go by before one that might matter: any up to CR. Eight at a time, since most of
/// a head is plain.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let plain_words = words.iter().take_while(|word| low_bytes(word) == 0).count();
    let plain_bytes = match words.get(plain_words) {
        Some(word) => low_bytes(word).trailing_zeros() as usize / 8,
        None => rest.iter().take_while(|&&byte| byte > b'\r').count(),
    };
    plain_words.saturating_mul(8).saturating_add(plain_bytes)
}

/// Sets the top bit of each byte that is CR or less. The subtraction may borrow and set the top bit
/// of later bytes too, but only the first one counts.
fn low_bytes(word: &[u8; 8]) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let word = u64::from_le_bytes(*word);
    word.wrapping_sub(each(b'\r' + 1)) & !word & each(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nName: a longer value\r\nX: y\r\n\r\nbehind";

    /// The verdict, and the number of bytes it took if they came in pieces of `piece` bytes.
    fn scan(bytes: &[u8], limits: &Limits, piece: usize) -> Result<Option<usize>, HandshakeError> {
        let mut scanner = HeadScanner::new(limits);
        for len in (0..bytes.len()).step_by(piece).chain([bytes.len()]) {
            if let Some(head) = scanner.scan(bytes.get(..len).unwrap_or_default())? {
                return Ok(Some(head.bytes));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_verdict_does_not_depend_on_the_pieces() {
        assert_eq!(scan(HEAD, &Limits::default(), 1), Ok(Some(HEAD.len() - "behind".len())));
        for max_handshake_bytes in [30, 44, 45, 46, 1000] {
            let limits = Limits::default().max_handshake_bytes(max_handshake_bytes).max_headers(2);
            for at in 0..HEAD.len() {
                for byte in [0, b'\t', b'\n', 0x0b, b'\r', 0x0e, b' ', b'a', 0x80, 0x8d, 0xff] {
                    let mut bytes = HEAD.to_vec();
                    bytes.splice(at..=at, [byte]);
                    let verdict = scan(&bytes, &limits, 1);
                    for piece in 2..=bytes.len() {
                        assert_eq!(scan(&bytes, &limits, piece), verdict, "{byte:#x} at {at}");
                    }
                }
            }
        }
    }
}
