//! A walk over JSON that has been checked: where its values begin and end, without building them and without
//! recursion (S4).
//!
//! Text that has not been checked makes no panic, and no sense.

use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;
use memchr::memchr2;
use serde_json::value::RawValue;

/// The JSON value that `text` is, without the white space around it. It may be nested as deeply as it likes.
pub(crate) fn check(text: &str) -> serde_json::Result<&str> {
    serde_json::from_str::<&RawValue>(text).map(RawValue::get)
}

/// Where what follows white space begins.
#[inline]
pub(crate) fn skip_space(text: &str, mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.as_bytes().get(at) {
        at = at.saturating_add(1);
    }
    at
}

/// The end of the string whose opening quote is at `at`.
pub(crate) fn string_end(text: &str, at: usize) -> usize {
    let mut at = at.saturating_add(1);
    while let Some(rest) = text.as_bytes().get(at..)
        && let Some(len) = memchr2(b'"', b'\\', rest)
    {
        at = at.saturating_add(len).saturating_add(1);
        if rest.get(len) == Some(&b'"') {
            return at;
        }
        // What is escaped is not the end.
        at = at.saturating_add(1);
    }
    text.len()
}

/// The end of the value that begins at `at`.
pub(crate) fn value_end(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                at = at.saturating_add(1);
                continue;
            }
            b']' | b'}' if depth > 0 => {
                depth = depth.saturating_sub(1);
                at = at.saturating_add(1);
            }
            b'"' => at = string_end(text, at),
            // Behind a number or a literal.
            b']' | b'}' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {
                at = at.saturating_add(1);
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The next element of a list, if there is one. `at` is behind the opening bracket, or behind an element.
#[inline]
pub(crate) fn next_element(text: &str, at: usize) -> Option<Range<usize>> {
    let mut start = skip_space(text, at);
    if text.as_bytes().get(start) == Some(&b',') {
        start = skip_space(text, start.saturating_add(1));
    }
    let end = value_end(text, start);
    (start < end).then_some(start..end)
}

/// The value of a key in an object, the last one if there are several.
pub(crate) fn member<'t>(object: &'t str, key: &str) -> Option<&'t str> {
    let mut at = skip_space(object, 0).saturating_add(1);
    let mut found = None;
    while let Some(name) = next_element(object, at) {
        // Behind the colon.
        let colon = skip_space(object, name.end);
        let value = skip_space(object, colon.saturating_add(1));
        at = value_end(object, value);
        if unquote(slice(object, name)).is_some_and(|name| name == key) {
            found = Some(slice(object, value..at));
        }
    }
    found
}

#[inline]
pub(crate) fn slice(text: &str, range: Range<usize>) -> &str {
    text.get(range).unwrap_or_default()
}

/// What a string in its quotes says, if a Rust string can say it: a lone surrogate (S4) cannot be said.
pub(crate) fn unquote(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str::<String>(string).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}
