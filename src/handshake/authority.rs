//! What a client calls the server: a host, and perhaps a port (RFC 9110, section 7.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// `uri-host [":" *DIGIT]`, without user information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    /// As it was sent.
    pub(super) text: &'a str,
    pub(super) host: &'a str,
    /// None if it was left out, or empty.
    pub(super) port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Stricter than the grammar in one thing: a comma is not taken for part of a name, since it
    /// is what two merged lines look like. A host in brackets is an IPv6 address.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let host_len = match text.strip_prefix('[') {
            Some(rest) => bracketed_len(rest)?,
            None => name_len(text.as_bytes())?,
        };
        let (host, port) = text.split_at_checked(host_len)?;
        let port = match port.strip_prefix(':') {
            None | Some("") => None,
            Some(digits) => Some(parse_padded(digits)?),
        };
        Some(Self { text, host, port })
    }

    /// Whether a name in a list means it: the same host, and the same port if it has one.
    pub(super) fn is_listed_as(&self, listed: &str) -> bool {
        Authority::parse(listed).is_some_and(|listed| {
            listed.host.eq_ignore_ascii_case(self.host)
                && (listed.port.is_none() || listed.port == self.port)
        })
    }
}

/// A port with any number of leading zeros. It is compared as a number.
fn parse_padded(digits: &str) -> Option<u16> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// The length of a name or an IPv4 address, which goes to the end or to a colon.
fn name_len(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = match rest {
            [byte, tail @ ..] if is_name_byte(*byte) => tail,
            // RFC 3986, section 2.1.
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                tail
            }
            [] | [b':', ..] if rest.len() < text.len() => break,
            _ => return None,
        }
    }
    text.len().checked_sub(rest.len())
}

/// The length of an IPv6 address in brackets, of which `rest` lacks the first. What is behind it
/// goes to the end, or begins with a colon.
fn bracketed_len(rest: &str) -> Option<usize> {
    let (address, behind) = rest.split_once(']')?;
    let is_address = address.parse::<core::net::Ipv6Addr>().is_ok();
    let ends = behind.is_empty() || behind.starts_with(':');
    (is_address && ends).then(|| address.len().saturating_add(2))
}

/// Unreserved, or one of the delimiters that a name may have (RFC 3986, section 3.2.2), without the
/// comma.
#[expect(clippy::indexing_slicing, reason = "no byte is outside a table of 256")]
fn is_name_byte(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            table[byte as usize] = matches!(byte,
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'$' | b'&'..=b'+' | b'-' | b'.'
                | b';' | b'=' | b'_' | b'~');
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
        for (text, host, port) in [
            ("a", "a", None),
            ("a:", "a", None),
            ("a:0080", "a", Some(80)),
            ("a:00000000000000000000443", "a", Some(443)),
            ("A.b-c_d~e!$&'()*+;=%7eX", "A.b-c_d~e!$&'()*+;=%7eX", None),
            ("127.0.0.1:9001", "127.0.0.1", Some(9001)),
            ("[::1]:", "[::1]", None),
            ("[fd00::1]:8081", "[fd00::1]", Some(8081)),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { text, host, port }), "{text}");
        }
        for text in [
            "",
            ":80",
            "a b",
            "a/b",
            "u@a",
            "a:b:c",
            "a:-1",
            "a:65536",
            "a:+80",
            "fd00::1:8081",
            "a,b",
            "[::1",
            "[::1]a",
            "[fe80::1%25eth0]",
            "a%",
            "a%4",
            "a%4g",
            "ä",
            "a\t",
            "a#b",
            "a?b",
            "a\\b",
        ] {
            assert_eq!(Authority::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists() {
        let is_listed = |text, listed| Authority::parse(text).unwrap().is_listed_as(listed);
        assert!(is_listed("LocalHost:9001", "localhost"));
        assert!(is_listed("localhost:09001", "localhost:9001"));
        assert!(is_listed("[::1]:9001", "[::1]"));
        assert!(!is_listed("localhost:9001", "localhost:9002"));
        assert!(!is_listed("localhost", "localhost:80"));
        assert!(!is_listed("localhost.evil", "localhost"));
        assert!(!is_listed("localhost", "http://localhost"));
    }
}
