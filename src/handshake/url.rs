//! WebSocket URLs (RFC 6455, section 3).

use super::InvalidUrl;
use super::credentials::decode_user_info;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// The parts of a URL that a handshake needs. It holds no user information, so that it can be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) secure: bool,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) resource: String,
}

impl Url {
    /// The URL, and what its user information says in an `Authorization` header.
    pub(super) fn parse(url: &str) -> Result<(Self, Option<String>), InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl::Scheme)?;
        // N1, N140
        let secure = match scheme {
            s if is_one_of(s, ["ws", "http"]) => false,
            s if is_one_of(s, ["wss", "https"]) => true,
            _ => return Err(InvalidUrl::Scheme),
        };
        // N2
        if rest.contains('#') {
            return Err(InvalidUrl::Fragment);
        }
        if rest.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(InvalidUrl::Character);
        }
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // N143. An at sign that is not encoded is a fault of the user information, and not of the host.
        let (authorization, authority) = match authority.rsplit_once('@') {
            Some((user_info, authority)) => {
                (Some(decode_user_info(user_info).ok_or(InvalidUrl::UserInfo)?), authority)
            }
            None => (None, authority),
        };
        let (host, port) = split_port(authority);
        // N144
        if host.starts_with('[') && host.contains('%') {
            return Err(InvalidUrl::Zone);
        }
        if !host.is_ascii() {
            return Err(InvalidUrl::NotAscii);
        }
        if !is_host(host) {
            return Err(InvalidUrl::Host);
        }
        // N141
        let port = match port {
            None | Some("") if secure => 443,
            None | Some("") => 80,
            Some(digits) => parse_port(digits).ok_or(InvalidUrl::Port)?,
        };
        // N3, N142
        let mut path = String::from(if resource.starts_with('/') { "" } else { "/" });
        for character in resource.chars() {
            if character.is_ascii() {
                path.push(character);
            } else {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    // A string takes everything.
                    let _ = write!(path, "%{byte:02X}");
                }
            }
        }
        Ok((Self { secure, host: host.into(), port, resource: path }, authorization))
    }

    /// The host without the brackets of an IPv6 address.
    pub(super) fn dial_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The value of the `Host` header: the port is left out if it is the scheme's default.
    pub(super) fn host_header(&self) -> String {
        let default = if self.secure { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            alloc::format!("{}:{}", self.host, self.port)
        }
    }
}

/// Redirects.
impl Url {
    /// The absolute form of `location`, which may be relative to this URL (RFC 3986, section 5.2).
    pub(super) fn resolve(&self, location: &str) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        if has_scheme(location) {
            return location.into();
        }
        if location.starts_with("//") {
            return alloc::format!("{scheme}:{location}");
        }
        let (path, query) = location.split_at(location.find('?').unwrap_or(location.len()));
        let (own_path, _) = self.resource.split_once('?').unwrap_or((&self.resource, ""));
        let resource = match path {
            "" if query.is_empty() => self.resource.clone(),
            "" => alloc::format!("{own_path}{query}"),
            _ if path.starts_with('/') => remove_dots(path) + query,
            _ => {
                let folder = own_path.rsplit_once('/').map_or("", |(folder, _)| folder);
                remove_dots(&alloc::format!("{folder}/{path}")) + query
            }
        };
        alloc::format!("{scheme}://{}:{}{resource}", self.host, self.port)
    }

    /// Whether both lead to the same server, by the same scheme.
    pub(super) fn has_origin_of(&self, other: &Self) -> bool {
        self.secure == other.secure
            && self.port == other.port
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// RFC 3986, section 3.1.
fn has_scheme(location: &str) -> bool {
    location.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// An absolute path without its segments `.` and `..` (RFC 3986, section 5.2.4).
fn remove_dots(path: &str) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            _ => kept.push(segment),
        }
    }
    let names_folder = path.ends_with("/.") || path.ends_with("/..");
    let end = if names_folder && !kept.is_empty() { "/" } else { "" };
    alloc::format!("/{}{end}", kept.join("/"))
}

fn is_one_of(scheme: &str, known: [&str; 2]) -> bool {
    known.iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Host and port of `host[:port]`. The colons of an IPv6 address stand in brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A port as it is usually written: decimal digits, no leading zero, 1 to 65535.
pub(super) fn parse_port(digits: &str) -> Option<u16> {
    let plain = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

/// Whether this can be a host: an IPv6 address in brackets, or characters that names and IPv4
/// addresses are made of.
pub(super) fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(address)) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        Some(None) => false,
        None => {
            let name = |byte: u8| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'!' | b'$'..=b'.' | b';' | b'=' | b'_' | b'~')
            };
            !host.is_empty() && host.bytes().all(name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (url, secure, host, port, resource, header) in [
            ("ws://example.com", false, "example.com", 80, "/", "example.com"),
            ("WSS://example.com/chat?a=b", true, "example.com", 443, "/chat?a=b", "example.com"),
            ("ws://example.com:443/", false, "example.com", 443, "/", "example.com:443"),
            ("wss://example.com:443?x", true, "example.com", 443, "/?x", "example.com"),
            ("ws://[::1]:9001/a%23b", false, "[::1]", 9001, "/a%23b", "[::1]:9001"),
            ("ws://h/p:1/@", false, "h", 80, "/p:1/@", "h"),
            ("http://h:/", false, "h", 80, "/", "h"),
            ("HTTPS://h:", true, "h", 443, "/", "h"),
            ("ws://h/caf\u{e9}?\u{1f600}=%41", false, "h", 80, "/caf%C3%A9?%F0%9F%98%80=%41", "h"),
        ] {
            let (parsed, authorization) = Url::parse(url).unwrap();
            assert_eq!(authorization, None);
            assert_eq!(parsed.host_header(), header, "{url}");
            let expected = Url { secure, host: host.into(), port, resource: resource.into() };
            assert_eq!(parsed, expected, "{url}");
        }
    }

    #[test]
    fn resolved() {
        let (base, _) = Url::parse("ws://a:81/b/c/d;p?q").unwrap();
        // RFC 3986, section 5.4.
        for (location, expected) in [
            ("wss://g/h", "wss://g/h"),
            ("g:h", "g:h"),
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/./h", "/b/c/g/h"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("/", "/"),
            ("./x:y", "/b/c/x:y"),
        ] {
            let expected = match expected.strip_prefix('/') {
                Some(path) => alloc::format!("ws://a:81/{path}"),
                None => expected.into(),
            };
            assert_eq!(base.resolve(location), expected, "{location}");
        }
        assert_eq!(base.resolve("//g:5/h"), "ws://g:5/h");
        let (root, _) = Url::parse("wss://[::1]?q").unwrap();
        assert_eq!(root.resolve("g"), "wss://[::1]:443/g");
    }

    #[test]
    fn refused() {
        for (url, error) in [
            ("ftp://example.com", InvalidUrl::Scheme),
            ("example.com", InvalidUrl::Scheme),
            ("ws:/example.com", InvalidUrl::Scheme),
            ("ws://example.com/#top", InvalidUrl::Fragment),
            ("ws://example.com#", InvalidUrl::Fragment),
            ("ws://@example.com", InvalidUrl::UserInfo),
            ("ws://a@b@example.com", InvalidUrl::UserInfo),
            ("ws://a:b@c:d@example.com", InvalidUrl::UserInfo),
            ("ws://", InvalidUrl::Host),
            ("ws:///path", InvalidUrl::Host),
            ("ws://:80", InvalidUrl::Host),
            ("ws://[::1", InvalidUrl::Host),
            ("ws://[g::1]", InvalidUrl::Host),
            ("ws://a[::1]", InvalidUrl::Host),
            ("ws://h:0", InvalidUrl::Port),
            ("ws://h:65536", InvalidUrl::Port),
            ("ws://h:+80", InvalidUrl::Port),
            ("ws://h/a b", InvalidUrl::Character),
            ("ws://h/\r\nX: y", InvalidUrl::Character),
            ("ws://ü/", InvalidUrl::NotAscii),
            ("ws://[fe80::1%25eth0]/", InvalidUrl::Zone),
        ] {
            assert_eq!(Url::parse(url), Err(error), "{url}");
        }
    }
}
