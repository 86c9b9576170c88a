//! Header lists: received ones, and what may be sent.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{HandshakeError, InvalidField};
use crate::extension::is_token_byte;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// A header that the handshake has rules for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Host,
    Origin,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
    Key,
    Accept,
    Version,
    Protocol,
    Extensions,
}

impl Name {
    const COUNT: usize = Self::Extensions as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::Origin => "Origin",
            Self::Upgrade => "Upgrade",
            Self::Connection => "Connection",
            Self::ContentLength => "Content-Length",
            Self::TransferEncoding => "Transfer-Encoding",
            Self::Key => "Sec-WebSocket-Key",
            Self::Accept => "Sec-WebSocket-Accept",
            Self::Version => "Sec-WebSocket-Version",
            Self::Protocol => "Sec-WebSocket-Protocol",
            Self::Extensions => "Sec-WebSocket-Extensions",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let name = name.as_bytes();
        Some(match name.len() {
            4 if equals_ignoring_case(name, b"host") => Self::Host,
            6 if equals_ignoring_case(name, b"origin") => Self::Origin,
            7 if equals_ignoring_case(name, b"upgrade") => Self::Upgrade,
            10 if equals_ignoring_case(name, b"connection") => Self::Connection,
            14 if equals_ignoring_case(name, b"content-length") => Self::ContentLength,
            17 if equals_ignoring_case(name, b"transfer-encoding") => Self::TransferEncoding,
            17 if equals_ignoring_case(name, b"sec-websocket-key") => Self::Key,
            20 if equals_ignoring_case(name, b"sec-websocket-accept") => Self::Accept,
            21 if equals_ignoring_case(name, b"sec-websocket-version") => Self::Version,
            22 if equals_ignoring_case(name, b"sec-websocket-protocol") => Self::Protocol,
            24 if equals_ignoring_case(name, b"sec-websocket-extensions") => Self::Extensions,
            _ => return None,
        })
    }
}

/// Whether `name` is `lower` in any case of letters. The length is known when this is compiled, so it takes a
/// few vector operations.
fn equals_ignoring_case<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    name.iter().zip(lower).fold(true, |same, (a, b)| same & (a.to_ascii_lowercase() == *b))
}

/// The headers of a received head, in their order. Names compare without regard to case.
#[derive(Clone)]
pub struct Headers<'b> {
    lines: Vec<httparse::Header<'b>>,
    /// Where the headers are that the handshake has rules for: of each name from its first line to
    /// its last one. It asks for nearly all of them, and one pass finds them all.
    ranges: [Range<u32>; Name::COUNT],
}

impl<'b> Headers<'b> {
    pub(super) fn new(lines: Vec<httparse::Header<'b>>) -> Self {
        let mut ranges = [const { 0..0 }; Name::COUNT];
        for (line, i) in lines.iter().zip(0_u32..) {
            let range = Name::of(line.name).and_then(|name| ranges.get_mut(name as usize));
            if let Some(range) = range {
                if range.end == 0 {
                    range.start = i;
                }
                range.end = i.saturating_add(1);
            }
        }
        Self { lines, ranges }
    }

    /// Headers that something else has parsed.
    pub(super) fn from_parts(
        headers: impl IntoIterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<Self, HandshakeError> {
        let lines: Vec<_> =
            headers.into_iter().map(|(name, value)| httparse::Header { name, value }).collect();
        let is_line = |line: &httparse::Header<'_>| {
            is_token(line.name.as_bytes())
                && !line.value.iter().any(|byte| b"\r\n\0".contains(byte))
        };
        if !lines.iter().all(is_line) {
            return Err(HandshakeError::MalformedHead);
        }
        Ok(Self::new(lines))
    }

    /// All headers: name and value, which is usually but not necessarily text.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> {
        self.lines.iter().map(|header| (header.name, header.value))
    }

    /// The values of all headers of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first header of this name, if it is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'b str> {
        self.all(name).next().and_then(|value| core::str::from_utf8(value).ok())
    }
}

/// The headers that the handshake has rules for.
impl<'b> Headers<'b> {
    /// The values of all headers of this name.
    pub(super) fn values<'h>(&'h self, name: Name) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b> {
        let range = self.ranges.get(name as usize).cloned().unwrap_or_default();
        let lines = self.lines.get(range.start as usize..range.end as usize).unwrap_or_default();
        let alone = lines.len() == 1;
        lines
            .iter()
            .filter(move |line| alone || Name::of(line.name) == Some(name))
            .map(|line| line.value)
    }

    /// The value of a header that may occur only once.
    pub(super) fn single(&self, name: Name) -> Result<Option<&'b [u8]>, HandshakeError> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(HandshakeError::DuplicateHeader(name.as_str())),
            (value, None) => Ok(value),
        }
    }

    /// The elements of a list header, over all its lines; empty elements are left out
    /// (RFC 9110, section 5.6.1).
    pub(super) fn list<'h>(&'h self, name: Name) -> impl Iterator<Item = &'b [u8]> + use<'h, 'b> {
        self.values(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// `Content-Length`, if there is one: digits, which may be said several times (RFC 9110, section
    /// 8.6).
    pub(super) fn content_length(&self) -> Result<Option<u64>, HandshakeError> {
        let lengths = self.values(Name::ContentLength).flat_map(|v| v.split(|&byte| byte == b','));
        let mut lengths = lengths.map(|length| parse_length(length.trim_ascii()));
        let Some(first) = lengths.next() else { return Ok(None) };
        let is_one = first.is_some() && lengths.all(|other| other == first);
        if is_one { Ok(first) } else { Err(HandshakeError::ContentLength) }
    }

    /// Whether the head speaks of a body. Only the absence of both headers, or a single plain zero,
    /// says that there is none.
    pub(super) fn may_have_body(&self) -> bool {
        let mut lengths = self.values(Name::ContentLength);
        let plain = match (lengths.next(), lengths.next()) {
            (None, _) => true,
            (Some(length), None) => length == b"0",
            (Some(_), Some(_)) => false,
        };
        !plain || self.values(Name::TransferEncoding).next().is_some()
    }
}

fn parse_length(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

/// Prints the names only: values may be secrets.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines.iter().map(|header| header.name)).finish()
    }
}

/// Whether a list header with these lines has an element, without regard to case.
pub(super) fn lists<'b>(mut lines: impl Iterator<Item = &'b [u8]>, element: &str) -> bool {
    let is_element = |part: &[u8]| part.trim_ascii().eq_ignore_ascii_case(element.as_bytes());
    // Most lists have one element.
    lines.any(|line| is_element(line) || line.split(|&byte| byte == b',').any(is_element))
}

/// The name and value of each of these lines.
pub(super) fn fields(lines: &str) -> impl Iterator<Item = (&str, &str)> {
    lines.split_terminator("\r\n").filter_map(|line| line.split_once(": "))
}

/// Whether `bytes` are a token (RFC 9110, section 5.6.2).
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Refuses what would break out of a header line, and headers that the handshake writes itself.
pub(super) fn check_field(name: &str, value: &str) -> Result<(), InvalidField> {
    const RESERVED: [&str; 6] =
        ["host", "connection", "upgrade", "content-length", "transfer-encoding", "origin"];
    if !is_token(name.as_bytes()) {
        return Err(InvalidField::Name);
    }
    let is_reserved = RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
        || name.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("sec-websocket-"));
    if is_reserved {
        return Err(InvalidField::Reserved);
    }
    check_value(value)
}

pub(super) fn check_value(value: &str) -> Result<(), InvalidField> {
    let bad = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    if value.bytes().any(bad) { Err(InvalidField::Value) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> Headers<'static> {
        let header =
            |&(name, value): &(_, &'static str)| httparse::Header { name, value: value.as_bytes() };
        Headers::new(lines.iter().map(header).collect())
    }

    #[test]
    fn a_name_is_found_in_every_case_and_only_whole() {
        use Name::*;
        for name in [
            Host,
            Origin,
            Upgrade,
            Connection,
            ContentLength,
            TransferEncoding,
            Key,
            Accept,
            Version,
            Protocol,
            Extensions,
        ] {
            let text = name.as_str();
            for spelt in [text.to_ascii_lowercase(), text.to_ascii_uppercase(), text.into()] {
                assert!(Name::of(&spelt) == Some(name), "{spelt}");
                for i in 0..spelt.len() {
                    // CR differs from a hyphen only in the bit that tells upper from lower case.
                    let mut other = spelt.clone();
                    other.replace_range(i..=i, "\r");
                    assert!(Name::of(&other).is_none(), "{other:?}");
                }
            }
        }
    }

    #[test]
    fn lines_of_one_name_may_stand_apart() {
        let headers = headers(&[
            ("UPGRADE", "a"),
            ("Host", "h"),
            ("x", "y"),
            ("Upgrade", "b, c"),
            ("Origin", "o"),
        ]);
        assert!(headers.values(Name::Upgrade).eq([&b"a"[..], b"b, c"]));
        assert!(headers.list(Name::Upgrade).eq([b"a", b"b", b"c"]));
        assert_eq!(headers.single(Name::Upgrade), Err(HandshakeError::DuplicateHeader("Upgrade")));
        assert_eq!(headers.single(Name::Host), Ok(Some(&b"h"[..])));
        assert_eq!(headers.single(Name::Key), Ok(None));
    }

    #[test]
    fn debug_output_has_no_values() {
        let headers = headers(&[("Host", "secret")]);
        assert_eq!(alloc::format!("{headers:?}"), "[\"Host\"]");
    }
}
