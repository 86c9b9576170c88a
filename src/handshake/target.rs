//! What a request asks for (RFC 9112, section 3.2).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::authority::Authority;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target<'b> {
    /// As it was sent, if it was.
    pub(super) authority: Option<Authority<'b>>,
    /// Without the query.
    pub(super) path: &'b str,
}

impl<'b> Target<'b> {
    /// Takes each of the four forms where it belongs, and refuses what is none.
    pub(super) fn parse(method: &str, target: &'b str) -> Option<Self> {
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return None;
        }
        if method == "CONNECT" {
            let authority = Authority::parse(target).filter(|authority| authority.port.is_some());
            return authority.map(|_| Self { authority, path: "" });
        }
        if target.starts_with('/') {
            return Some(Self { authority: None, path: without_query(target) });
        }
        if target == "*" {
            return (method == "OPTIONS").then_some(Self { authority: None, path: target });
        }
        let (scheme, rest) = target.split_once("://")?;
        if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return None;
        }
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if resource.starts_with('/') { without_query(resource) } else { "/" };
        Authority::parse(authority).map(|authority| Self { authority: Some(authority), path })
    }
}

fn without_query(resource: &str) -> &str {
    resource.split_once('?').map_or(resource, |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (method, target, authority, path) in [
            ("GET", "/", None, "/"),
            ("GET", "/a/b?c=/d?e", None, "/a/b"),
            ("GET", "//a/b", None, "//a/b"),
            ("GET", "/x://y/z", None, "/x://y/z"),
            ("POST", "http://a", Some("a"), "/"),
            ("GET", "http://a?x=/admin", Some("a"), "/"),
            ("GET", "HTTPS://a:443/b?c", Some("a:443"), "/b"),
            ("GET", "ws://[::1]:80/b", Some("[::1]:80"), "/b"),
            ("OPTIONS", "*", None, "*"),
            ("CONNECT", "a:443", Some("a:443"), ""),
        ] {
            let parsed = Target::parse(method, target).unwrap();
            assert_eq!(
                (parsed.authority.map(|a| a.text), parsed.path),
                (authority, path),
                "{target}"
            );
        }
        for (method, target) in [
            ("GET", ""),
            ("GET", "chat"),
            ("GET", "*"),
            ("OPTIONS", "**"),
            ("GET", "a:443"),
            ("CONNECT", "a"),
            ("CONNECT", "a:"),
            ("CONNECT", "/"),
            ("CONNECT", "http://a:443"),
            ("GET", "x?y=://z/q"),
            ("GET", "://h/admin"),
            ("GET", "ftp://a/"),
            ("GET", "http:///a"),
            ("GET", "http://u@a/"),
            ("GET", "http:/a"),
            ("GET", "/#a"),
            ("GET", "http://a/b#c"),
            ("GET", "/ä"),
            ("GET", "/\u{7f}"),
        ] {
            assert_eq!(Target::parse(method, target), None, "{method} {target}");
        }
    }
}
