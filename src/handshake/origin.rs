//! Which web pages may connect (RFC 6455, section 10.2).

use super::HandshakeError;
use super::url::{is_host, parse_port, split_port};

/// Which origins a server accepts. The caller has to say: a browser lets *every* page open a
/// connection to *every* host, cookies included, and only the server can refuse.
///
/// Programs that are no browsers send no `Origin`, or any they like; a request without one is
/// accepted by every policy, since there is no page to protect from.
///
/// Origins are compared as scheme, host and port, exactly but for case; a missing port is the
/// scheme's default. `null` and whatever else is not `scheme://host[:port]` is accepted by
/// [`AnyOrigin`](Self::AnyOrigin) only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginPolicy<'a> {
    /// Pages whose host and port are those of the request's `Host`.
    SameHost,
    /// Pages of these origins, for example `https://example.com`.
    Listed(&'a [&'a str]),
    /// Every page of the web. For public services that need no protection, and for tests.
    AnyOrigin,
}

impl OriginPolicy<'_> {
    pub(super) fn check(&self, origin: Option<&[u8]>, host: &[u8]) -> Result<(), HandshakeError> {
        let (Some(origin), false) = (origin, matches!(self, Self::AnyOrigin)) else {
            return Ok(());
        };
        let origin = core::str::from_utf8(origin).ok().and_then(Origin::parse);
        let allowed = origin.is_some_and(|origin| match self {
            Self::AnyOrigin => true,
            Self::Listed(list) => {
                list.iter().filter_map(|listed| Origin::parse(listed)).any(|o| o.matches(&origin))
            }
            // Browsers write both in the same way, which spares the comparison of parts.
            Self::SameHost => origin.authority.as_bytes() == host || origin.is_at(host),
        });
        if allowed { Ok(()) } else { Err(HandshakeError::Origin) }
    }
}

/// A serialised origin (RFC 6454, section 6.2).
struct Origin<'a> {
    scheme: &'a str,
    /// Host and port as they were written.
    authority: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Origin<'a> {
    fn parse(origin: &'a str) -> Option<Self> {
        // Short enough that setting up a search for a pattern takes longer than this one.
        let scheme = origin.as_bytes().windows(3).position(|bytes| bytes == b"://")?;
        Self::from_parts(origin.get(..scheme)?, origin.get(scheme + 3..)?)
    }

    fn from_parts(scheme: &'a str, authority: &'a str) -> Option<Self> {
        let default_port = match scheme {
            s if s.eq_ignore_ascii_case("http") => Some(80),
            s if s.eq_ignore_ascii_case("https") => Some(443),
            _ => None,
        };
        let (host, port) = split_port(authority);
        let port = match port {
            Some(digits) => Some(parse_port(digits)?),
            None => default_port,
        };
        is_host(host).then_some(Self { scheme, authority, host, port })
    }

    /// Whether it is that of pages from `host`, the value of a `Host` header.
    fn is_at(&self, host: &[u8]) -> bool {
        core::str::from_utf8(host)
            .ok()
            .and_then(|host| Origin::from_parts(self.scheme, host))
            .is_some_and(|own| own.matches(self))
    }

    fn matches(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: OriginPolicy<'_>, origin: &str, host: &str) -> bool {
        policy.check(Some(origin.as_bytes()), host.as_bytes()).is_ok()
    }

    #[test]
    fn same_host() {
        for (origin, host) in [
            ("http://example.com", "example.com"),
            ("http://EXAMPLE.com", "example.COM:80"),
            ("https://example.com", "example.com"),
            ("https://example.com:443", "example.com"),
            ("http://127.0.0.1:9001", "127.0.0.1:9001"),
            ("http://[::1]:9001", "[::1]:9001"),
            ("http://[::1]", "[::1]"),
        ] {
            assert!(allows(OriginPolicy::SameHost, origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("null", "example.com"),
            ("", "example.com"),
            ("http://example.com:8080", "example.com"),
            ("http://evil-example.com", "example.com"),
            ("http://example.com.evil", "example.com"),
            ("http://example.com@evil", "example.com"),
            ("http://evil@example.com", "example.com"),
            ("http://example.com.", "example.com"),
            ("http://example.com/", "example.com"),
            ("http://example.com:", "example.com"),
            ("http://example.com:080", "example.com"),
            ("http://localhost", "127.0.0.1"),
            ("example.com", "example.com"),
        ] {
            assert!(!allows(OriginPolicy::SameHost, origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn listed() {
        let policy = OriginPolicy::Listed(&["https://example.com", "http://localhost:3000"]);
        assert!(allows(policy, "https://example.com", "x"));
        assert!(allows(policy, "https://Example.com:443", "x"));
        assert!(allows(policy, "http://localhost:3000", "x"));
        for other in ["http://example.com", "https://www.example.com", "http://localhost", "null"] {
            assert!(!allows(policy, other, "example.com"), "{other}");
        }
        assert!(policy.check(None, b"x").is_ok(), "no browser, no origin");
    }

    #[test]
    fn any() {
        assert!(allows(OriginPolicy::AnyOrigin, "null", "x"));
    }
}
