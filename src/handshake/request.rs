//! The head of a request, read strictly: two programs that read one in two ways are how requests get
//! smuggled.

#![warn(clippy::indexing_slicing)]

use super::authority::Authority;
use super::error::HandshakeError;
use super::headers::{Headers, Name, lists};
use super::response::Response;
use super::target::Target;
use alloc::vec::Vec;

/// The head of an HTTP request.
#[derive(Debug, Clone)]
pub struct Request<'b> {
    method: &'b str,
    target: &'b str,
    path: &'b str,
    authority: Option<Authority<'b>>,
    minor_version: u8,
    headers: Headers<'b>,
}

impl<'b> Request<'b> {
    /// `head` is whole, and `headers` is the number of its lines behind the first.
    pub(super) fn parse(head: &'b [u8], headers: usize) -> Result<Self, HandshakeError> {
        let mut lines = Vec::new();
        lines.resize(headers, httparse::EMPTY_HEADER);
        let mut parsed = httparse::Request::new(&mut lines);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(n)) if n == head.len() => {}
            Ok(_) => return Err(HandshakeError::MalformedHead),
            Err(httparse::Error::Version) => return Err(HandshakeError::HttpVersion),
            Err(_) => return Err(HandshakeError::MalformedHead),
        }
        let (Some(method), Some(target), Some(minor_version)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(HandshakeError::MalformedHead);
        };
        let headers = Headers::new(lines);
        // N131
        let parsed = Target::parse(method, target).ok_or(HandshakeError::Target)?;
        // N132, N133
        let host = match headers.single(Name::Host)? {
            Some(host) => Some(parse_host(host).ok_or(HandshakeError::InvalidHost)?),
            None if minor_version == 0 => None,
            None => return Err(HandshakeError::MissingHost),
        };
        // N135
        if !headers.has_one_length() {
            return Err(HandshakeError::ContentLength);
        }
        // N134
        let authority = parsed.authority.or(host);
        Ok(Self { method, target, path: parsed.path, authority, minor_version, headers })
    }

    /// The method, for example `GET`.
    #[must_use]
    pub fn method(&self) -> &'b str {
        self.method
    }

    /// The request target as sent: path and query, or a whole URL, `*` for OPTIONS, host and port for
    /// CONNECT (RFC 9112, section 3.2).
    #[must_use]
    pub fn target(&self) -> &'b str {
        self.target
    }

    /// The path of the target, without query. Still percent-encoded. `*` if that is the target, and
    /// empty for CONNECT.
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.path
    }

    /// What the client calls the server: a host, and its port unless that is the scheme's default,
    /// as sent. That is the one in the target if it is a whole URL, else `Host` (RFC 9112, section
    /// 3.2.2). `None` only if a request of HTTP/1.0 has neither.
    #[must_use]
    pub fn host(&self) -> Option<&'b str> {
        self.authority.map(|authority| authority.text)
    }

    /// Checks that the client means one of `hosts`: names, IPv4 addresses, IPv6 addresses in
    /// brackets. One with a port means that port, one without it any.
    ///
    /// A server that can be reached from a browser on the same machine, or in the same private
    /// network, needs this for its pages too: any page of the web may have its own name point there
    /// (DNS rebinding), and is then of the same origin. What it cannot do is to name another host.
    /// A request without a host is accepted: browsers always name one.
    ///
    /// # Errors
    ///
    /// Fatal: [`HandshakeError::ForeignHost`].
    pub fn check_host(&self, hosts: &[impl AsRef<str>]) -> Result<(), HandshakeError> {
        match &self.authority {
            Some(named) if !hosts.iter().any(|listed| named.is_listed_as(listed.as_ref())) => {
                Err(HandshakeError::ForeignHost)
            }
            _ => Ok(()),
        }
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers<'b> {
        &self.headers
    }

    /// Whether the client asks for a WebSocket, well or badly: `Upgrade` names websocket.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        lists(self.headers.values(Name::Upgrade), "websocket")
    }

    /// The bytes of a plain response to this request; without the body if the method is HEAD.
    /// Write them, then close the transport.
    #[must_use]
    pub fn respond(&self, response: &Response) -> Vec<u8> {
        if self.method == "HEAD" { response.encode_head() } else { response.encode() }
    }

    pub(super) fn minor_version(&self) -> u8 {
        self.minor_version
    }

    pub(super) fn authority(&self) -> Option<&Authority<'b>> {
        self.authority.as_ref()
    }
}

fn parse_host(host: &[u8]) -> Option<Authority<'_>> {
    core::str::from_utf8(host).ok().and_then(Authority::parse)
}
