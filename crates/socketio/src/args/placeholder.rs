//! Placeholders: objects of JSON in whose place an attachment stands (S1).

use crate::json::{self, skip_space, slice, string_end, value_end};
use crate::packet::InvalidPacket;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// A placeholder in a text, and the attachment that stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) bytes: Bytes,
}

impl Place {
    /// The same place in a text that begins at `start` of this one.
    pub(super) fn shifted(&self, start: usize) -> Self {
        let (from, to) = (self.start.saturating_sub(start), self.end.saturating_sub(start));
        Self { start: from, end: to, bytes: self.bytes.clone() }
    }
}

/// The placeholder for the attachment with this number, as clients write it.
pub(super) fn text(number: usize) -> String {
    format!("{{\"_placeholder\":true,\"num\":{number}}}")
}

/// Those of the places, which are in the order of the text, that are within a part of it.
#[inline]
pub(super) fn within<'a>(places: &'a [Place], range: &Range<usize>) -> &'a [Place] {
    let from = places.partition_point(|place| place.start < range.start);
    let to = places.partition_point(|place| place.start < range.end);
    places.get(from..to).unwrap_or_default()
}

/// The places for the attachments of a packet with this JSON. Without attachments there are no placeholders.
#[inline]
pub(super) fn put_in(text: &str, attachments: &[Bytes]) -> Result<Vec<Place>, InvalidPacket> {
    if attachments.is_empty() {
        return Ok(Vec::new());
    }
    let mut places = Vec::new();
    each(text, |range, number| {
        let bytes = attachments.get(number)?.clone();
        places.push(Place { start: range.start, end: range.end, bytes });
        Some(())
    })?;
    Ok(places)
}

/// Calls `found` with each placeholder and its number, in the order of the text. It is an error if that returns
/// `None`.
///
/// A placeholder is an object of strings, numbers and literals that has `_placeholder` with the value `true` and
/// `num` with a decimal number. A `"_placeholder": true` elsewhere, in an object with lists or objects, would be one for
/// some and none for others: an error as well. So each byte is looked at twice at most, whatever the nesting.
pub(super) fn each(
    text: &str,
    mut found: impl FnMut(Range<usize>, usize) -> Option<()>,
) -> Result<(), InvalidPacket> {
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'{' => match at_brace(text, at) {
                Some((end, number)) => {
                    number
                        .and_then(|number| found(at..end, number))
                        .ok_or(InvalidPacket::Placeholder)?;
                    at = end;
                }
                None => at = at.saturating_add(1),
            },
            b'"' => {
                let end = string_end(text, at);
                if is_key(slice(text, at..end), "_placeholder") && is_true(text, end) {
                    return Err(InvalidPacket::Placeholder);
                }
                at = end;
            }
            _ => at = at.saturating_add(1),
        }
    }
    Ok(())
}

/// If a placeholder begins here: its end, and its number if that is one.
fn at_brace(text: &str, start: usize) -> Option<(usize, Option<usize>)> {
    let bytes = text.as_bytes();
    let (mut is_placeholder, mut number) = (false, None);
    let mut at = start.saturating_add(1);
    loop {
        at = skip_space(text, at);
        match bytes.get(at)? {
            b'}' => return is_placeholder.then_some((at.saturating_add(1), number)),
            b',' => at = at.saturating_add(1),
            b'"' => {
                let key_end = string_end(text, at);
                let key = slice(text, at..key_end);
                let value = value_start(text, key_end);
                if matches!(bytes.get(value)?, b'{' | b'[') {
                    return None;
                }
                at = value_end(text, value);
                let value = slice(text, value..at);
                // Of two alike, the last one counts in JavaScript.
                if is_key(key, "_placeholder") {
                    is_placeholder = value == "true";
                } else if is_key(key, "num") {
                    number = value.parse().ok();
                }
            }
            _ => return None,
        }
    }
}

/// Where the value of the key that ends here begins.
fn value_start(text: &str, key_end: usize) -> usize {
    skip_space(text, skip_space(text, key_end).saturating_add(1))
}

/// Whether the string that ends here is the key of a `true`.
fn is_true(text: &str, end: usize) -> bool {
    let is_key = text.as_bytes().get(skip_space(text, end)) == Some(&b':');
    let value = value_start(text, end);
    is_key && slice(text, value..value_end(text, value)) == "true"
}

/// Whether a string in its quotes, perhaps with escapes, is this one.
fn is_key(string: &str, key: &str) -> bool {
    json::unquote(string).is_some_and(|string| string == key)
}
