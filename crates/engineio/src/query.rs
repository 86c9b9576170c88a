//! The query of a request (E7).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// The parameters of a request that Engine.IO has a use for, and all others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query<'a> {
    /// `EIO`: the version of the protocol.
    pub version: Option<Cow<'a, str>>,
    /// `transport`: `polling` or `websocket`.
    pub transport: Option<Cow<'a, str>>,
    /// `sid`: the session, unless it is to begin.
    pub session: Option<Cow<'a, str>>,
    /// All others in their order, `t` excepted, which only keeps caches away.
    pub others: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Reads what follows the question mark of a target. Of a parameter that is there twice, the last one
    /// counts. Percent signs that encode nothing, and what is not UTF-8, stay as in a browser: `%` is
    /// itself, and bytes that are no text become U+FFFD.
    #[must_use]
    pub fn parse(query: &'a str) -> Self {
        let mut parsed = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (decode(name), decode(value));
            match &*name {
                "EIO" => parsed.version = Some(value),
                "transport" => parsed.transport = Some(value),
                "sid" => parsed.session = Some(value),
                "t" => {}
                _ => parsed.others.push((name, value)),
            }
        }
        parsed
    }

    /// The last value of another parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.others.iter().rfind(|(n, _)| n == name).map(|(_, value)| &**value)
    }
}

/// Without percent-encoding, and with spaces for plus signs.
fn decode(encoded: &str) -> Cow<'_, str> {
    if !encoded.contains(['%', '+']) {
        return Cow::Borrowed(encoded);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = behind;
                }
                _ => decoded.push(b'%'),
            },
            _ => decoded.push(*byte),
        }
    }
    Cow::Owned(match String::from_utf8(decoded) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
