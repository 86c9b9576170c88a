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
        }
    }

    /// Goes on with the next head behind one of `bytes` bytes. Both count against one limit.
    pub(super) fn next_head(&mut self, bytes: usize) {
        self.max_bytes = self.max_bytes.saturating_sub(bytes);
        (self.scanned, self.line, self.lines) = (0, 0, 0);
    }

    /// Looks at the bytes behind those looked at before. `unread` begins with the head, always at
    /// the same place.
    pub(super) fn scan(&mut self, unread: &[u8]) -> Result<Option<HeadSize>, HandshakeError> {
        while let Some(&byte) = unread.get(self.scanned) {
            if self.scanned >= self.max_bytes {
                return Err(HandshakeError::HeadTooLong);
            }
            let before = self.scanned.checked_sub(1).and_then(|i| unread.get(i));
            let after_cr = before == Some(&b'\r');
            self.scanned = self.scanned.saturating_add(1);
            match byte {
                b'\n' if after_cr => {
                    let blank = self.scanned.saturating_sub(self.line) == 2;
                    if blank {
                        return match self.lines.checked_sub(1) {
                            Some(headers) => Ok(Some(HeadSize { bytes: self.scanned, headers })),
                            None => Err(HandshakeError::MalformedHead),
                        };
                    }
                    if self.lines > self.max_headers {
                        return Err(HandshakeError::TooManyHeaders);
                    }
                    self.lines = self.lines.saturating_add(1);
                    self.line = self.scanned;
                }
                _ if after_cr => return Err(HandshakeError::BareControlByte),
                b'\n' | 0 => return Err(HandshakeError::BareControlByte),
                b' ' | b'\t' if before == Some(&b'\n') => return Err(HandshakeError::FoldedHeader),
                _ => {}
            }
        }
        Ok(None)
    }
}
