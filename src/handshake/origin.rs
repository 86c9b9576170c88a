//! Which web pages may connect (RFC 6455, section 10.2).

use super::HandshakeError;
use super::authority::Authority;
use super::url::{is_host, parse_port, split_port};

/// Which origins a server accepts. The caller has to say: a browser lets *every* page open a
/// connection to *every* host, cookies included, and only the server can refuse.
///
/// Programs that are no browsers send no `Origin`, or any they like; a request without one is
/// accepted by every policy, since there is no page to protect from.
///
/// Origins are compared as scheme, host and port, in any case of letters; a missing port is the
/// scheme's default.
///
/// ```
/// use sansio_ws::handshake::{HandshakeError, OriginPolicy, Request, Status};
///
/// # fn main() -> Result<(), HandshakeError> {
/// let headers: [(&str, &[u8]); 6] = [
///     ("Host", b"api.example.com"),
///     ("Origin", b"https://example.com"), // the page that the user looks at
///     ("Connection", b"Upgrade"),
///     ("Upgrade", b"websocket"),
///     ("Sec-WebSocket-Version", b"13"),
///     ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
/// ];
/// let request = Request::from_parts("GET", "/chat", headers)?;
/// assert!(request.upgrade(OriginPolicy::Listed(&["https://example.com"])).is_ok());
/// let error = request.upgrade(OriginPolicy::SameHost).err();
/// assert_eq!(error, Some(HandshakeError::Origin));
/// assert_eq!(HandshakeError::Origin.status(), Status::FORBIDDEN);
/// # Ok(()) }
/// ```
#[doc(alias("CheckOrigin", "CSRF", "CSWSH"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy<'a> {
    /// Pages whose host and port are those that the request [names](super::Request::host).
    ///
    /// It does not protect a server on localhost, or in a private network, from a page whose own
    /// name is made to point there (DNS rebinding): that page names the same host, its own. Against
    /// that there is [`Request::check_host`](super::Request::check_host).
    SameHost,
    /// Pages of these origins, for example `https://example.com`.
    ///
    /// What is no `scheme://host[:port]` matches when it is listed byte for byte: `file://` and
    /// `http://localhost/`, which some devices and programs send, or `null`. That one lets in every
    /// page from a file and every sandboxed frame, which any page of the web can open.
    Listed(&'a [&'a str]),
    /// Every page of the web. For public services that need no protection, and for tests.
    AnyOrigin,
}

impl OriginPolicy<'_> {
    pub(super) fn check(
        &self,
        origin: Option<&[u8]>,
        host: Option<&Authority<'_>>,
    ) -> Result<(), HandshakeError> {
        let Some(sent) = origin else { return Ok(()) };
        let parsed = || core::str::from_utf8(sent).ok().and_then(Origin::parse);
        let allowed = match self {
            Self::AnyOrigin => true,
            Self::Listed(list) => {
                list.iter().any(|listed| listed.as_bytes() == sent)
                    || parsed().is_some_and(|origin| {
                        let mut origins = list.iter().filter_map(|listed| Origin::parse(listed));
                        origins.any(|listed| listed.matches(&origin))
                    })
            }
            Self::SameHost => {
                host.is_some_and(|host| parsed().is_some_and(|origin| origin.is_at(host)))
            }
        };
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
        let scheme_len = origin.as_bytes().windows(3).position(|bytes| bytes == b"://")?;
        let (scheme, authority) = (origin.get(..scheme_len)?, origin.get(scheme_len + 3..)?);
        let (host, port) = split_port(authority);
        let port = match port {
            Some(digits) => Some(parse_port(digits)?),
            None => default_port(scheme),
        };
        is_host(host).then_some(Self { scheme, authority, host, port })
    }

    /// Whether it is that of pages from `host`.
    fn is_at(&self, host: &Authority<'_>) -> bool {
        // Browsers write both in the same way, which spares the comparison of parts.
        self.authority == host.text
            || self.host.eq_ignore_ascii_case(host.host)
                && self.port == host.port.or(default_port(self.scheme))
    }

    fn matches(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        scheme if scheme.eq_ignore_ascii_case("http") => Some(80),
        scheme if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: OriginPolicy<'_>, origin: &str, host: &str) -> bool {
        policy.check(Some(origin.as_bytes()), Authority::parse(host).as_ref()).is_ok()
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
            ("http://example.com", "example.com:"),
            ("http://example.com:9001", "example.com:09001"),
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
        assert!(policy.check(None, None).is_ok(), "no browser, no origin");
    }

    #[test]
    fn listed_byte_for_byte() {
        for origin in ["file://", "null", "http://localhost/", "capacitor://localhost", "x"] {
            assert!(allows(OriginPolicy::Listed(&["a://b", origin]), origin, "x"), "{origin}");
            let others = ["file:///", "Null", "http://localhost//", "capacitor://localhos", "xx"];
            assert!(!allows(OriginPolicy::Listed(&others), origin, "x"), "{origin}");
        }
    }

    #[test]
    fn any() {
        assert!(allows(OriginPolicy::AnyOrigin, "null", "x"));
    }
}
