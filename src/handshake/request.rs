//! The head of a request, read strictly: two programs that read one in two ways are how requests get
//! smuggled.

#![warn(clippy::indexing_slicing)]

use super::authority::Authority;
use super::body::BodyFraming;
use super::error::HandshakeError;
use super::headers::{Headers, Name, lists};
use super::origin::OriginPolicy;
use super::response::Response;
use super::target::Target;
use alloc::vec::Vec;

/// The head of an HTTP request (RFC 9112, section 3). One that a
/// [`ServerHandshake`](super::ServerHandshake) receives is bounded by
/// [`Limits::max_handshake_bytes`](crate::Limits::max_handshake_bytes) and
/// [`Limits::max_headers`](crate::Limits::max_headers).
///
/// ```
/// use sansio_ws::handshake::{HandshakeError, Request, ServerHandshake};
/// use sansio_ws::{Limits, RecvBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"GET /rooms/1?user=me HTTP/1.1\r\nHost: localhost:8080\r\nCookie: a=b\r\n\r\n");
/// let mut handshake = ServerHandshake::new(&Limits::default());
/// let request = handshake.receive(&mut rx)?.ok_or("more bytes are needed")?;
/// assert_eq!((request.method(), request.path()), ("GET", "/rooms/1"));
/// assert_eq!(request.headers().get("cookie"), Some("a=b"));
/// assert!(!request.is_upgrade(), "a page is asked for");
/// request.check_host(&["localhost", "127.0.0.1", "[::1]"])?;
/// assert_eq!(request.check_host(&["example.com"]), Err(HandshakeError::ForeignHost));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Request<'b> {
    method: &'b str,
    target: &'b str,
    path: &'b str,
    authority: Option<Authority<'b>>,
    version: Version,
    headers: Headers<'b>,
    framing: BodyFraming,
}

/// The version of HTTP, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http10,
    Http11,
    /// HTTP/2 or HTTP/3, where an extended CONNECT takes the place of the upgrade.
    Http2,
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
        let version = if minor_version == 0 { Version::Http10 } else { Version::Http11 };
        Self::check(method, target, version, Headers::new(lines))
    }

    /// A request that something else has parsed, for example hyper or axum: one of HTTP/1.1. It is checked as
    /// strictly as one that a [`ServerHandshake`](super::ServerHandshake) receives.
    ///
    /// [`upgrade`](Self::upgrade) it, send the head that
    /// [`Upgrade::accept_head`](super::Upgrade::accept_head) returns as the response, and give the bytes of
    /// the upgraded stream to the connection: see the example of [`Upgrade`](super::Upgrade), and
    /// [`Connection::find_event`](crate::Connection::find_event) for the loop in async code.
    ///
    /// # Errors
    ///
    /// Fatal, as for [`ServerHandshake::receive`](super::ServerHandshake::receive).
    #[doc(alias("hyper", "axum", "tokio", "async", "noServer", "handleUpgrade"))]
    pub fn from_parts(
        method: &'b str,
        target: &'b str,
        headers: impl IntoIterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<Self, HandshakeError> {
        Self::check(method, target, Version::Http11, Headers::from_parts(headers)?)
    }

    /// A request for a WebSocket over HTTP/2 or HTTP/3: an extended CONNECT whose `:protocol` is
    /// `websocket` (RFC 8441, section 4; RFC 9220, section 3). `authority` and `path` are the
    /// pseudo-headers, the path with its query.
    ///
    /// # Errors
    ///
    /// Fatal, as for [`ServerHandshake::receive`](super::ServerHandshake::receive).
    #[doc(alias("HTTP/2", "HTTP/3", "h2"))]
    pub fn extended_connect(
        authority: &'b str,
        path: &'b str,
        headers: impl IntoIterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<Self, HandshakeError> {
        let headers = Headers::from_parts(headers)?;
        if !path.starts_with('/') {
            return Err(HandshakeError::Target);
        }
        let host = Authority::parse(authority).ok_or(HandshakeError::InvalidHost)?;
        let mut request = Self::check("GET", path, Version::Http2, headers)?;
        (request.method, request.authority) = ("CONNECT", Some(host));
        Ok(request)
    }

    /// What every request has to keep to, whatever it asks for.
    #[inline]
    fn check(
        method: &'b str,
        target: &'b str,
        version: Version,
        headers: Headers<'b>,
    ) -> Result<Self, HandshakeError> {
        // N131
        let parsed = Target::parse(method, target).ok_or(HandshakeError::Target)?;
        // N132, N133
        let host = match headers.single(Name::Host)? {
            Some(host) => Some(parse_host(host).ok_or(HandshakeError::InvalidHost)?),
            None if version == Version::Http11 => return Err(HandshakeError::MissingHost),
            None => None,
        };
        let framing = Self::frame_body(version, &headers)?;
        // N134
        let authority = parsed.authority.or(host);
        Ok(Self { method, target, path: parsed.path, authority, version, headers, framing })
    }

    /// How a body would end. What two programs may understand in two ways is refused.
    fn frame_body(version: Version, headers: &Headers<'_>) -> Result<BodyFraming, HandshakeError> {
        // N135
        let length = headers.content_length()?;
        let mut encodings = headers.values(Name::TransferEncoding);
        match (encodings.next(), length) {
            (None, None) => Ok(BodyFraming::None),
            (None, Some(length)) => Ok(BodyFraming::Length(length)),
            // N149
            (Some(_), Some(_)) => Err(HandshakeError::AmbiguousBody),
            (Some(_), None) if version == Version::Http10 => Err(HandshakeError::AmbiguousBody),
            (Some(encoding), None)
                if version == Version::Http11
                    && encoding.eq_ignore_ascii_case(b"chunked")
                    && encodings.next().is_none() =>
            {
                Ok(BodyFraming::Chunked)
            }
            (Some(_), None) => Err(HandshakeError::TransferEncoding),
        }
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
    #[doc(alias = "dns rebinding")]
    pub fn check_host(&self, hosts: &[impl AsRef<str>]) -> Result<(), HandshakeError> {
        match &self.authority {
            Some(named) if !hosts.iter().any(|listed| named.is_listed_as(listed.as_ref())) => {
                Err(HandshakeError::ForeignHost)
            }
            _ => Ok(()),
        }
    }

    /// Checks which page asks, for requests that [`upgrade`](Self::upgrade) does not check: say polling beside
    /// a WebSocket, or a POST with an effect.
    ///
    /// # Errors
    ///
    /// Fatal: [`HandshakeError::Origin`], or that the header is there twice.
    #[doc(alias("CSRF"))]
    pub fn check_origin(&self, policy: OriginPolicy<'_>) -> Result<(), HandshakeError> {
        // N35, N138
        policy.check(self.headers.single(Name::Origin)?, self.authority())
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers<'b> {
        &self.headers
    }

    /// Whether the client asks for a WebSocket, well or badly: `Upgrade` names websocket, or it is an
    /// [extended CONNECT](Self::extended_connect).
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.version == Version::Http2 || lists(self.headers.values(Name::Upgrade), "websocket")
    }

    /// What ends the body that follows this head: give it to a [`BodyDecoder`](super::BodyDecoder).
    #[must_use]
    pub fn body_framing(&self) -> BodyFraming {
        self.framing
    }

    /// Whether the client waits for a `100 Continue` before it sends the body (RFC 9110, section 10.1.1).
    /// Clients of HTTP/1.0 cannot read one.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        let mut expectations = self.headers.all("expect");
        self.version == Version::Http11
            && self.framing != BodyFraming::None
            && expectations.any(|value| value.eq_ignore_ascii_case(b"100-continue"))
    }

    /// The bytes of a plain response to this request; without the body if the method is HEAD.
    /// Write them, then close the transport unless [`keeps_alive`](Self::keeps_alive) says otherwise.
    #[must_use]
    pub fn respond(&self, response: &Response) -> Vec<u8> {
        self.responder().respond(response)
    }

    /// Whether another request may follow on the same connection, once this response is sent and the
    /// body of this request has been read to its end: both sides have to want it, and speak HTTP/1.1
    /// (RFC 9112, section 9.3).
    #[doc(alias = "keep-alive")]
    #[must_use]
    pub fn keeps_alive(&self, response: &Response) -> bool {
        self.responder().keeps_alive(response)
    }

    /// What is needed to respond when the head has left the buffer, since a body was to be read.
    #[must_use]
    pub fn responder(&self) -> Responder {
        Responder {
            is_head: self.method == "HEAD",
            may_keep_alive: self.version == Version::Http11
                && self.method != "CONNECT"
                && !lists(self.headers.values(Name::Connection), "close"),
        }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn authority(&self) -> Option<&Authority<'b>> {
        self.authority.as_ref()
    }
}

/// How to respond to a request whose head is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Responder {
    is_head: bool,
    may_keep_alive: bool,
}

impl Responder {
    /// The same for a connection that ends behind the response, whatever both sides want: for example
    /// since the body of the request was not read.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.may_keep_alive = false;
        self
    }

    /// The bytes of a response, as by [`Request::respond`].
    #[must_use]
    pub fn respond(self, response: &Response) -> Vec<u8> {
        response.encode_as(!self.is_head, self.keeps_alive(response))
    }

    /// Whether another request may follow, as by [`Request::keeps_alive`].
    #[must_use]
    pub const fn keeps_alive(self, response: &Response) -> bool {
        self.may_keep_alive && response.is_keep_alive()
    }
}

fn parse_host(host: &[u8]) -> Option<Authority<'_>> {
    core::str::from_utf8(host).ok().and_then(Authority::parse)
}
