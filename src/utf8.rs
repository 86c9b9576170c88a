//! UTF-8 checked as it arrives (RFC 6455, section 8.1).
//!
//! A text message may be cut anywhere, also inside a code point, by frames and by reads. The
//! [`Validator`] keeps the at most three bytes of an unfinished code point and refuses a text at
//! the first byte after which no continuation could make it valid.
//!
//! ```
//! use sansio_ws::utf8::Validator;
//!
//! /// Whether the fragments of a message are a text.
//! fn is_text(fragments: &[&[u8]]) -> bool {
//!     let mut text = Validator::new();
//!     fragments.iter().all(|fragment| text.push(fragment).is_ok()) && text.is_complete()
//! }
//! assert!(is_text(&[b"\xe2\x82", b"\xac 5"]), "a euro sign, cut in two");
//! assert!(!is_text(&[b"\xe2\x82"]), "it is not complete");
//! ```

/// The text is not UTF-8: no bytes that could follow would make it valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl core::fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("invalid UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}

/// Checks one text that comes in pieces.
///
/// ```
/// use sansio_ws::utf8::Validator;
///
/// let mut text = Validator::new();
/// assert!(text.push(b"gr\xc3").is_ok());
/// assert!(!text.is_complete(), "the text may not end here");
/// assert!(text.push(b"\xbc\xc3\x9fe").is_ok());
/// assert!(text.is_complete());
/// assert!(text.push(b"\xed\xa0").is_err(), "a surrogate, known by its second byte");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Validator {
    /// The first `len` bytes are a code point that has begun and may still become valid.
    pending: [u8; 3],
    len: u8,
}

impl Validator {
    /// A validator at the start of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { pending: [0; 3], len: 0 }
    }

    /// Checks the next piece.
    ///
    /// # Errors
    ///
    /// [`InvalidUtf8`] at the first impossible byte. The text is beyond repair; what the
    /// validator answers afterwards means nothing.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        // Finish the open code point byte by byte: at most three steps.
        while self.len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            let len = usize::from(self.len);
            let mut point = [self.pending[0], self.pending[1], self.pending[2], 0];
            point[len] = byte;
            match core::str::from_utf8(&point[..=len]) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_some() => return Err(InvalidUtf8),
                // Three bytes can be unfinished, four can't, so `len` is at most 2 here.
                Err(_) => {
                    self.pending[len] = byte;
                    self.len += 1;
                }
            }
        }
        let valid = Prefix::of(bytes);
        if valid.broken {
            return Err(InvalidUtf8);
        }
        let open = &bytes[valid.len..];
        self.pending[..open.len()].copy_from_slice(open);
        self.len = open.len() as u8;
        Ok(())
    }

    /// Whether the text may end here, that is, no code point is unfinished.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }
}

/// The valid beginning of some bytes, and whether what follows it is wrong or merely unfinished.
pub(crate) struct Prefix {
    pub(crate) len: usize,
    pub(crate) broken: bool,
}

impl Prefix {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => Self { len: bytes.len(), broken: false },
            Err(e) => Self { len: e.valid_up_to(), broken: e.error_len().is_some() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The index of the first byte at which `bytes` can no longer become valid, by the slow
    /// definition: the shortest prefix that `core` calls wrong rather than unfinished.
    fn first_impossible(bytes: &[u8]) -> Option<usize> {
        (0..bytes.len())
            .find(|&i| core::str::from_utf8(&bytes[..=i]).is_err_and(|e| e.error_len().is_some()))
    }

    fn byte_by_byte(bytes: &[u8]) -> (Option<usize>, bool) {
        let mut text = Validator::new();
        for (i, byte) in bytes.iter().enumerate() {
            if text.push(core::slice::from_ref(byte)).is_err() {
                return (Some(i), false);
            }
        }
        (None, text.is_complete())
    }

    /// Bytes at which the grammar of RFC 3629 changes its mind, and their neighbours.
    const EDGES: [u8; 26] = [
        0x00, 0x41, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2,
        0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5,
    ];

    #[test]
    fn every_string_of_edge_bytes_fails_where_core_says_and_nowhere_else() {
        let mut bytes = [0; 4];
        for n in 0..EDGES.len().pow(4) {
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = EDGES[n / EDGES.len().pow(i as u32) % EDGES.len()];
            }
            let (failed, complete) = byte_by_byte(&bytes);
            assert_eq!(failed, first_impossible(&bytes), "{bytes:02x?}");
            assert_eq!(complete, core::str::from_utf8(&bytes).is_ok(), "{bytes:02x?}");
            for cut in 0..=4 {
                let mut text = Validator::new();
                let ok = text.push(&bytes[..cut]).is_ok() && text.push(&bytes[cut..]).is_ok();
                assert_eq!(ok, failed.is_none(), "{bytes:02x?} cut at {cut}");
                assert_eq!(ok && text.is_complete(), complete, "{bytes:02x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn long_texts_pass_at_every_cut() {
        let text: Vec<u8> = "κόσμε – grüße 😀 plain ".repeat(9).into_bytes();
        for cut in 0..=text.len() {
            let mut validator = Validator::new();
            assert!(validator.push(&text[..cut]).is_ok());
            assert!(validator.push(&text[cut..]).is_ok());
            assert!(validator.is_complete());
        }
    }
}
