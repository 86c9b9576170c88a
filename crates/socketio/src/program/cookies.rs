//! The cookies of a client (RFC 6265). It has one server, so what tells servers apart is checked when a cookie comes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use cookie::Cookie;
use core::net::IpAddr;
use core::time::Duration;
use sansio_ws::deadlines::Instant;
use std::time::SystemTime;

/// As many as browsers keep for a host, at least. The oldest go first.
const MAX_COOKIES: usize = 50;

/// Of all names and values. Servers take heads of 8 or 16 KiB, in which there is more. The oldest cookies go first.
const MAX_BYTES: usize = 4096;

/// What lasts longer lasts so long, as in browsers.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The cookies that the server has set, oldest first.
pub(super) struct Cookies {
    host: String,
    path: String,
    is_secure: bool,
    kept: Vec<Kept>,
}

struct Kept {
    name: String,
    value: String,
    /// When it is none any more.
    due: Option<Instant>,
}

impl Cookies {
    /// None yet. All requests have this path.
    pub(super) fn new(host: &str, path: &str, is_secure: bool) -> Self {
        Self { host: host.to_owned(), path: path.to_owned(), is_secure, kept: Vec::new() }
    }

    /// The value of a `Set-Cookie` has come. What is none, or is for others, is nothing. `date` is the same moment as `now`:
    /// some cookies last until a date.
    pub(super) fn set(&mut self, now: Instant, date: SystemTime, value: &[u8]) {
        let Some(value) = core::str::from_utf8(value).ok().filter(|value| is_printable(value))
        else {
            return;
        };
        let Ok(cookie) = Cookie::parse(value) else { return };
        let bytes = cookie.name().len().saturating_add(cookie.value().len());
        if !self.is_meant(&cookie) || bytes > MAX_BYTES {
            return;
        }
        self.kept.retain(|kept| kept.name != cookie.name());
        let due = age(&cookie, date).map(|age| now + age.min(MAX_AGE));
        if due.is_some_and(|due| due <= now) {
            return;
        }
        let (name, value) = (cookie.name().to_owned(), cookie.value().to_owned());
        self.kept.push(Kept { name, value, due });
        while self.kept.len() > MAX_COOKIES || self.bytes() > MAX_BYTES {
            self.kept.remove(0);
        }
    }

    /// The value of the header `Cookie`, if there are any.
    pub(super) fn header(&mut self, now: Instant) -> Option<String> {
        self.kept.retain(|kept| kept.due.is_none_or(|due| due > now));
        let pairs: Vec<_> =
            self.kept.iter().map(|kept| [&*kept.name, &*kept.value].join("=")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn bytes(&self) -> usize {
        let bytes = self.kept.iter().map(|kept| kept.name.len().saturating_add(kept.value.len()));
        bytes.fold(0, usize::saturating_add)
    }

    /// Whether the server may set it, and is to get it with the requests of this client.
    fn is_meant(&self, cookie: &Cookie<'_>) -> bool {
        let is_safe = self.is_secure || cookie.secure() != Some(true);
        is_safe
            && cookie.domain().is_none_or(|domain| self.is_in(domain))
            && cookie.path().is_none_or(|path| self.is_below(path))
    }

    /// Section 5.1.3.
    fn is_in(&self, domain: &str) -> bool {
        let host = self.host.to_ascii_lowercase();
        let domain = domain.to_ascii_lowercase();
        let rest = host.strip_suffix(&domain);
        rest.is_some_and(|rest| {
            rest.is_empty() || (rest.ends_with('.') && host.parse::<IpAddr>().is_err())
        })
    }

    /// Section 5.1.4. What is no path stands for that of the request.
    fn is_below(&self, path: &str) -> bool {
        let Some(rest) = self.path.strip_prefix(path) else { return !path.starts_with('/') };
        rest.is_empty() || path.is_empty() || path.ends_with('/') || rest.starts_with('/')
    }
}

/// How long it lasts, if that is limited (section 5.3): the age counts, and the date if there is none.
fn age(cookie: &Cookie<'_>, date: SystemTime) -> Option<Duration> {
    if let Some(age) = cookie.max_age() {
        return Some(Duration::from_secs(u64::try_from(age.whole_seconds()).unwrap_or_default()));
    }
    // What lies before 1970 has passed, too.
    let until = u64::try_from(cookie.expires_datetime()?.unix_timestamp()).unwrap_or_default();
    let since = date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Some(Duration::from_secs(until).saturating_sub(since))
}

/// Whether it can be sent back in any request.
fn is_printable(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const NOW: Instant = Instant::new(Duration::from_secs(1000));
    const SECOND: Duration = Duration::from_secs(1);

    /// 2026-11-28 00:00:00 GMT, a Saturday.
    fn date() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_824_000)
    }

    fn set(cookies: &mut Cookies, value: &str) -> Option<String> {
        cookies.set(NOW, date(), value.as_bytes());
        cookies.header(NOW)
    }

    /// Of a new client, which has been told this.
    fn told(value: &str) -> Option<String> {
        set(&mut Cookies::new("node.Example.com", "/socket.io/", false), value)
    }

    #[test]
    fn cookies_are_sent_back_in_their_order_and_replaced_by_name() {
        let mut cookies = Cookies::new("127.0.0.1", "/socket.io/", false);
        assert_eq!(cookies.header(NOW), None);
        assert_eq!(set(&mut cookies, "a=1; Path=/; HttpOnly; SameSite=Lax").unwrap(), "a=1");
        assert_eq!(set(&mut cookies, " b = \"x y\" ;x").unwrap(), "a=1; b=\"x y\"");
        assert_eq!(set(&mut cookies, "A=").unwrap(), "a=1; b=\"x y\"; A=");
        assert_eq!(set(&mut cookies, "a=2=3").unwrap(), "b=\"x y\"; A=; a=2=3");
    }

    #[test]
    fn cookies_end_when_they_are_said_to() {
        let until = |value: &str, age: Duration| {
            let mut cookies = Cookies::new("a", "/", false);
            cookies.set(NOW, date(), value.as_bytes());
            let last = Duration::from_nanos(1);
            assert!(cookies.header(NOW + age.saturating_sub(last)).is_some(), "{value}");
            assert_eq!(cookies.header(NOW + age), None, "{value}");
        };
        until("a=1; Max-Age=5", SECOND * 5);
        until("a=1; max-age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", SECOND * 5);
        until("a=1; Expires=Sat, 28 Nov 2026 00:00:07 GMT", SECOND * 7);
        until("a=1; Expires=Saturday, 28-Nov-26 00:00:07 GMT", SECOND * 7);
        until("a=1; Max-Age=99999999999999999999", MAX_AGE);
        until("a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", MAX_AGE);
        for over in ["Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
            let mut cookies = Cookies::new("a", "/", false);
            assert!(set(&mut cookies, "a=1").is_some());
            assert_eq!(set(&mut cookies, &format!("a=; {over}")), None, "{over}");
        }
        // What is no age and no date is none.
        for nothing in ["Max-Age=soon", "Expires=tomorrow", "Max-Age"] {
            assert!(told(&format!("a=1; {nothing}")).is_some(), "{nothing}");
        }
    }

    #[test]
    fn cookies_for_others_are_not_kept() {
        for own in ["node.example.com", ".EXAMPLE.com", "com", ""] {
            assert!(told(&format!("a=1; Domain={own}")).is_some(), "{own}");
        }
        for other in ["example.org", "ode.example.com", "x.node.example.com"] {
            assert_eq!(told(&format!("a=1; Domain={other}")), None, "{other}");
        }
        for own in ["/", "/socket.io", "/socket.io/", "", "relative"] {
            assert!(told(&format!("a=1; Path={own}")).is_some(), "{own}");
        }
        for other in ["/socket", "/socket.io/x", "/admin/"] {
            assert_eq!(told(&format!("a=1; Path={other}")), None, "{other}");
        }
        assert_eq!(told("a=1; Secure"), None);
        assert!(set(&mut Cookies::new("a", "/", true), "a=1; Secure").is_some());
        let mut address = Cookies::new("127.0.0.1", "/", false);
        assert_eq!(set(&mut address, "a=1; Domain=0.0.1"), None);
        assert!(set(&mut address, "a=1; Domain=127.0.0.1").is_some());
    }

    #[test]
    fn what_is_no_cookie_is_nothing() {
        for wrong in ["", "a", "=1", "; a=1", "a=1\t", "a=\u{7f}", "a=ü", "a=1\r\nX: y"] {
            assert_eq!(told(wrong), None, "{wrong:?}");
        }
        let mut cookies = Cookies::new("a", "/", false);
        cookies.set(NOW, date(), b"a=\xff");
        assert_eq!(cookies.header(NOW), None);
    }

    #[test]
    fn cookies_are_bounded_in_number_and_bytes_and_the_oldest_go() {
        let mut cookies = Cookies::new("a", "/", false);
        for number in 0..60 {
            set(&mut cookies, &format!("c{number}={number}"));
        }
        let header = cookies.header(NOW).unwrap();
        assert!(header.starts_with("c10=10; ") && header.ends_with("; c59=59"), "{header}");
        assert_eq!(header.split("; ").count(), 50);
        let half = "x".repeat(MAX_BYTES / 2);
        set(&mut cookies, &format!("a={half}"));
        let header = set(&mut cookies, &format!("b={half}")).unwrap();
        assert_eq!(header, format!("b={half}"), "both are too long by two bytes");
        assert_eq!(set(&mut cookies, &format!("c={half}{half}")).unwrap(), header, "too long");
    }
}
