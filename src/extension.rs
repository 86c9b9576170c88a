//! Extensions (RFC 6455, section 9): the hook for them, and the grammar of their header.
//!
//! ```text
//!   settings, shared          handshake                     one connection
//!   Extension ──offer()─────▶ Sec-WebSocket-Extensions
//!             ◀─accept()───── what the client offers  ──▶ Agreement { header, codec }
//!             ◀─confirm()──── what the server accepts ──▶ Agreement { header, codec }
//!                                                                          │
//!   payload of a message ──▶ Codec::encode ──▶ RSV1, frames ──▶ Codec::decode ──▶ payload
//! ```
//!
//! The hook is for extensions that transform whole messages and mark them with RSV1, as
//! permessage-deflate does. Everything else about frames stays with the connection: headers,
//! masks, fragments, limits, UTF-8.
//!
//! ```
//! use bytes::Buf;
//! use sansio_ws::extension::{Agreement, Codec, DecodeError, Decoded, Extension, Offer, Piece, Prepared};
//! use sansio_ws::{Config, Connection, Role};
//!
//! /// Inverts every bit. It has no parameters.
//! #[derive(Debug)]
//! struct Invert;
//!
//! impl Extension for Invert {
//!     fn offer(&self) -> String {
//!         "x-invert".into()
//!     }
//!     fn accept(&self, offers: &[Offer<'_>]) -> Option<Agreement> {
//!         offers.iter().find_map(|offer| self.confirm(offer).ok())
//!     }
//!     fn confirm(&self, answer: &Offer<'_>) -> Result<Agreement, &'static str> {
//!         let agreement = Agreement { header: self.offer(), codec: Box::new(Self) };
//!         if answer.name() == "x-invert" { Ok(agreement) } else { Err("another extension") }
//!     }
//!     fn prepare(&self, _: &[u8]) -> Option<Prepared> {
//!         None // broadcasts go as they are
//!     }
//! }
//!
//! impl Codec for Invert {
//!     fn encode(&mut self, payload: &[u8], _: Piece, output: &mut Vec<u8>) -> bool {
//!         output.extend(payload.iter().map(|byte| !byte));
//!         true
//!     }
//!     fn decode(
//!         &mut self,
//!         input: &[u8],
//!         _: bool,
//!         output: &mut Vec<u8>,
//!         room: usize,
//!     ) -> Result<Decoded, DecodeError> {
//!         let consumed = input.len().min(room);
//!         output.extend(input.iter().take(consumed).map(|byte| !byte));
//!         Ok(Decoded { consumed, full: consumed < input.len() })
//!     }
//!     fn takes(&self, _: u32) -> bool {
//!         false
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let offers = Offer::parse(b"x-invert").ok_or("not well-formed")?; // done by a handshake
//! let agreement = Invert.accept(&offers).ok_or("not accepted")?;
//! let mut server = Connection::new(Role::Server, Config::default()).with_agreement(agreement);
//! server.send_text("hi")?;
//! assert_eq!(server.outgoing().chunk(), [0xc1, 2, !b'h', !b'i'], "0x40 is RSV1");
//! # Ok(()) }
//! ```

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

/// The bit that marks a message as encoded, as in
/// [`Header::reserved_bits`](crate::frame::Header::reserved_bits).
pub(crate) const RSV1: u8 = 4;

/// An extension that a client offers and a server accepts: its settings, shared by any number of
/// connections. Put it into [`Config::extension`](crate::Config::extension).
pub trait Extension: fmt::Debug + Send + Sync {
    /// What a client offers: a value for `Sec-WebSocket-Extensions`, one offer or more, the
    /// preferred one first. Nothing is offered if it is not well-formed, for example empty.
    fn offer(&self) -> String;

    /// Decides for a server about the offers of a client, in the client's order of preference:
    /// accepts one, or none.
    fn accept(&self, offers: &[Offer<'_>]) -> Option<Agreement>;

    /// Decides for a client about what the server accepted.
    ///
    /// # Errors
    ///
    /// Why it does not fit the offer, in words for people, and which settings would open if there are
    /// some. The handshake fails with
    /// [`HandshakeError::ExtensionParameters`](crate::handshake::HandshakeError::ExtensionParameters).
    fn confirm(&self, answer: &Offer<'_>) -> Result<Agreement, &'static str>;

    /// Encodes a message for any number of connections, see
    /// [`PreparedMessage::encoded`](crate::PreparedMessage::encoded). `None` if that is not
    /// possible or not worth it.
    fn prepare(&self, payload: &[u8]) -> Option<Prepared>;
}

/// What a handshake agreed on.
#[derive(Debug)]
pub struct Agreement {
    /// The extension with its parameters, as in the server's `Sec-WebSocket-Extensions`. A
    /// server accepts nothing if it is not well-formed.
    pub header: String,
    /// Its state on the new connection.
    pub codec: Box<dyn Codec>,
}

/// A connection whose codec has panicked has failed, in the direction in which it was used, before anybody
/// can look at it again: see [`Codec`].
impl UnwindSafe for Agreement {}
impl RefUnwindSafe for Agreement {}

/// The state of an extension on one connection.
///
/// One side of the codec transforms messages that are sent, the other those that arrive.
///
/// Nothing more goes through a codec that has panicked. If it was
/// [encoding](Self::encode), what is queued is thrown away and sends say
/// [`Closed`](crate::SendError::Closed); if it was [decoding](Self::decode), the connection fails with
/// close code 1007.
pub trait Codec: fmt::Debug + Send + Sync {
    /// Encodes a piece of a message, and appends it to `output`.
    ///
    /// For the first piece of a message it may return `false`: the message then goes out as it is,
    /// and the codec must be as if it had not seen it. What it may have appended is dropped. Only
    /// a message in a single piece is sure to be whole at that time.
    fn encode(&mut self, payload: &[u8], piece: Piece, output: &mut Vec<u8>) -> bool;

    /// Decodes from the front of `input`, which is a piece of a message that was marked with
    /// RSV1, and appends at most `room` bytes to `output`.
    ///
    /// `last` says that the message ends with `input`. When [`Decoded::full`] comes back, the
    /// same message goes on with the rest of the input, which may be empty, and more room.
    ///
    /// # Errors
    ///
    /// Fatal for the connection. What could be decoded before the error is appended all the same.
    fn decode(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
        room: usize,
    ) -> Result<Decoded, DecodeError>;

    /// Whether the peer can decode what [`Extension::prepare`] made, with this
    /// [demand](Prepared::demand).
    fn takes(&self, demand: u32) -> bool;
}

/// Which part of its message a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// It begins the message.
    pub first: bool,
    /// It ends the message.
    pub last: bool,
}

/// How far [`Codec::decode`] got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are used up. All of them, unless `full`.
    pub consumed: usize,
    /// It stopped because the room was used up, and there may be more.
    pub full: bool,
}

/// Why a message cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not what the extension's encoder makes. Ends the connection with close code 1007.
    Corrupt,
    /// It expands more than the settings of the extension allow. Ends the connection with close
    /// code 1009.
    Expansion,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the encoded message is corrupt",
            Self::Expansion => "the encoded message expands too much",
        })
    }
}

impl core::error::Error for DecodeError {}

/// A message encoded independently of what was sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// What it demands of the peer, in terms of the extension.
    pub demand: u32,
    /// The encoded payload.
    pub payload: Vec<u8>,
}

/// An element of `Sec-WebSocket-Extensions`: what a client offers, or a server accepts.
///
/// ```
/// use sansio_ws::extension::Offer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let value = b"permessage-deflate; client_max_window_bits, b; c=\"1\"";
/// let offers = Offer::parse(value).ok_or("not well-formed")?;
/// assert_eq!(offers[0].name(), "permessage-deflate");
/// assert_eq!(offers[0].parameters().next(), Some(("client_max_window_bits", None)));
/// assert_eq!(offers[1].parameters().next(), Some(("c", Some("1".into()))));
/// assert!(Offer::parse(b"a; =").is_none());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a>(&'a str);

impl<'a> Offer<'a> {
    /// The elements of a header's value, or `None` if it is not well-formed (RFC 6455, section
    /// 9.1). A header in several lines is the same as one with all of their elements.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Vec<Self>> {
        if !is_well_formed(value) {
            return None;
        }
        // In what is well-formed, separators occur only as such: quoted values are tokens.
        let elements = core::str::from_utf8(value).ok()?.split(',').map(trim);
        Some(elements.filter(|element| !element.is_empty()).map(Self).collect())
    }

    /// The name of the extension. Names compare exactly.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.0.split(';').next().map(trim).unwrap_or_default()
    }

    /// Its parameters in their order, with values unquoted. Names may repeat; most extensions
    /// refuse that.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a str, Option<Cow<'a, str>>)> {
        self.0.split(';').skip(1).map(|parameter| match parameter.split_once('=') {
            Some((name, value)) => (trim(name), Some(unquoted(trim(value)))),
            None => (trim(parameter), None),
        })
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn unquoted(value: &str) -> Cow<'_, str> {
    match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
        Some(quoted) if quoted.contains('\\') => Cow::Owned(quoted.replace('\\', "")),
        Some(quoted) => Cow::Borrowed(quoted),
        None => Cow::Borrowed(value),
    }
}

/// Whether a `Sec-WebSocket-Extensions` value is well-formed (RFC 6455, section 9.1): a list of
/// tokens with parameters, whose values are tokens, or quoted strings that are tokens once
/// unquoted. Each byte is read once.
pub(crate) fn is_well_formed(value: &[u8]) -> bool {
    has_elements(value) == Some(true)
}

/// Whether it is that, or a list with no element.
pub(crate) fn is_list(value: &[u8]) -> bool {
    has_elements(value).is_some()
}

/// Whether a list has elements; `None` if it is malformed.
fn has_elements(value: &[u8]) -> Option<bool> {
    let mut rest = value;
    let mut any = false;
    loop {
        skip_blanks(&mut rest);
        // Elements of a list may be empty (RFC 9110, section 5.6.1).
        if rest.first().is_some_and(|&byte| byte != b',') {
            any = true;
            if !extension(&mut rest) {
                return None;
            }
        }
        match rest.split_first() {
            Some((b',', tail)) => rest = tail,
            Some(_) => return None,
            None => return Some(any),
        }
    }
}

fn extension(rest: &mut &[u8]) -> bool {
    if !token(rest) {
        return false;
    }
    loop {
        skip_blanks(rest);
        let Some((b';', tail)) = rest.split_first() else { return true };
        *rest = tail;
        skip_blanks(rest);
        if !token(rest) {
            return false;
        }
        skip_blanks(rest);
        if let Some((b'=', tail)) = rest.split_first() {
            *rest = tail;
            skip_blanks(rest);
            let ok = if rest.first() == Some(&b'"') { quoted_token(rest) } else { token(rest) };
            if !ok {
                return false;
            }
        }
    }
}

fn token(rest: &mut &[u8]) -> bool {
    let len = rest.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(rest.len());
    let Some((_, tail)) = rest.split_at_checked(len) else { return false };
    *rest = tail;
    len > 0
}

fn quoted_token(rest: &mut &[u8]) -> bool {
    let mut bytes = rest.iter().enumerate().skip(1);
    let mut empty = true;
    while let Some((i, &byte)) = bytes.next() {
        let byte = match byte {
            b'"' => {
                *rest = rest.get(i..).and_then(|tail| tail.get(1..)).unwrap_or_default();
                return !empty;
            }
            b'\\' => match bytes.next() {
                Some((_, &escaped)) => escaped,
                None => return false,
            },
            byte => byte,
        };
        empty = false;
        if !is_token_byte(byte) {
            return false;
        }
    }
    false
}

fn skip_blanks(rest: &mut &[u8]) {
    while let Some((b' ' | b'\t', tail)) = rest.split_first() {
        *rest = tail;
    }
}

/// A byte of a token (RFC 9110, section 5.6.2).
#[expect(clippy::indexing_slicing, reason = "no byte is outside a table of 256")]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    // A table takes half the instructions of comparing.
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            table[byte as usize] = matches!(byte,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#'..=b'\'' | b'*' | b'+'
                | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
            byte += 1;
        }
        table
    };
    TABLE[byte as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "a;b=\"c\" , d ;\te = f,,g",
            ", a",
            "a; b=\"\\c\\d\"",
            "constructor; __proto__=1",
        ] {
            assert!(is_well_formed(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            " , ",
            ";",
            "a;",
            "a; =b",
            "a; b=",
            "a; b=\"\"",
            "a; b=\"c",
            "a; b=\"c d\"",
            "a; b=\"c\\",
            "a b",
            "a; b c",
            "a; b=c d",
            "a=b",
            "a; b=\"c\"d",
            "ä",
            "a;b=ä",
        ] {
            assert!(!is_well_formed(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn elements() {
        let offers = Offer::parse(b" ,a , b;\tc; d = e;f=\"\\g\\h\",b;c;c").unwrap();
        let names: Vec<_> = offers.iter().map(Offer::name).collect();
        assert_eq!(names, ["a", "b", "b"]);
        let parameters: Vec<Vec<_>> = offers.iter().map(|o| o.parameters().collect()).collect();
        let [a, b, repeated] = &parameters[..] else { panic!("three elements") };
        assert!(a.is_empty());
        assert_eq!(b[..], [("c", None), ("d", Some("e".into())), ("f", Some("gh".into()))]);
        assert_eq!(repeated[..], [("c", None), ("c", None)]);
    }
}
