//! Header lists: received ones, and what may be sent.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{HandshakeError, InvalidField};
use crate::extension::is_token_byte;
use alloc::vec::Vec;
use core::fmt;

/// The headers of a received head, in their order. Names compare without regard to case.
#[derive(Clone)]
pub struct Headers<'b>(Vec<httparse::Header<'b>>);

impl<'b> Headers<'b> {
    pub(super) fn new(parsed: Vec<httparse::Header<'b>>) -> Self {
        Self(parsed)
    }

    /// All headers: name and value, which is usually but not necessarily text.
    pub fn iter(&self) -> impl Iterator<Item = (&'b str, &'b [u8])> {
        self.0.iter().map(|header| (header.name, header.value))
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

    /// The value of a header that may occur only once.
    pub(super) fn single(&self, name: &'static str) -> Result<Option<&'b [u8]>, HandshakeError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(HandshakeError::DuplicateHeader(name)),
            (value, None) => Ok(value),
        }
    }

    /// The elements of a list header, over all its lines; empty elements are left out
    /// (RFC 9110, section 5.6.1).
    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &'b [u8]> {
        self.all(name)
            .flat_map(|value| value.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|element| !element.is_empty())
    }

    /// Whether a list header has an element, without regard to case.
    pub(super) fn lists(&self, name: &str, element: &str) -> bool {
        self.list(name).any(|e| e.eq_ignore_ascii_case(element.as_bytes()))
    }

    /// Whether the message has a body, or might be taken to have one. Only the absence of both
    /// headers, or a single plain zero, says that it has none.
    pub(super) fn may_have_body(&self) -> bool {
        let mut lengths = self.all("content-length");
        let plain = match (lengths.next(), lengths.next()) {
            (None, _) => true,
            (Some(length), None) => length == b"0",
            (Some(_), Some(_)) => false,
        };
        !plain || self.all("transfer-encoding").next().is_some()
    }
}

/// Prints the names only: values may be secrets.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|header| header.name)).finish()
    }
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
