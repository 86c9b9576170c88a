//! What a client calls the server: a host, and perhaps a port (RFC 9110, section 7.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::url::{is_host, split_port};

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
        let (host, port) = split_port(text);
        let port = match port {
            None | Some("") => None,
            Some(digits) => Some(parse_padded(digits)?),
        };
        let is_name = !host.contains(',') && is_percent_encoded(host);
        (is_name && is_host(host)).then_some(Self { text, host, port })
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

/// Whether each percent sign has its two digits (RFC 3986, section 2.1).
fn is_percent_encoded(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    text.split('%').skip(1).all(|behind| {
        let behind = behind.as_bytes();
        is_hex(behind.first()) && is_hex(behind.get(1))
    })
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
