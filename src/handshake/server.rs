//! The server's side of the opening handshake (RFC 6455, section 4.2).

#![warn(clippy::indexing_slicing)]

use super::accept::Base64;
use super::error::{HandshakeError, InvalidField};
use super::head::HeadScanner;
use super::headers::{Name, check_field, fields, is_token, lists};
use super::origin::OriginPolicy;
use super::request::{Request, Version};
use crate::connection::{Config, Connection, Role};
use crate::extension::{self, Agreement, Extension, Offer};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Receives the head of one HTTP/1.1 request, in whatever pieces it comes.
///
/// ```
/// use sansio_ws::handshake::{Acceptance, OriginPolicy, Response, ServerHandshake};
/// use sansio_ws::{Config, Connection, RecvBuffer};
///
/// /// The connection, or an HTTP response to send before closing.
/// fn answer(rx: &mut RecvBuffer, handshake: &mut ServerHandshake) -> Option<Result<Connection, Vec<u8>>> {
///     let request = match handshake.receive(rx) {
///         Ok(Some(request)) => request,
///         Ok(None) => return None, // read more
///         Err(error) => return Some(Err(error.response().encode())),
///     };
///     if !request.is_upgrade() {
///         return Some(Err(request.respond(&Response::html("<p>hello</p>"))));
///     }
///     Some(match request.upgrade(OriginPolicy::SameHost) {
///         Ok(upgrade) => {
///             let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
///             upgrade.accept(&reply, Config::default()).map_err(|_| Vec::new())
///         }
///         Err(error) => Err(error.response().encode()),
///     })
/// }
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    scanner: HeadScanner,
    finished: bool,
}

impl ServerHandshake {
    /// A handshake of which nothing has arrived. Of the limits, those for handshakes apply.
    #[must_use]
    pub const fn new(limits: &Limits) -> Self {
        Self { scanner: HeadScanner::for_request(limits), finished: false }
    }

    /// Looks at the bytes in `rx`: a whole request head is consumed and returned; `None` means
    /// that more bytes are needed. Bytes behind the head stay in `rx`.
    ///
    /// Any HTTP/1.x request is returned, also one that asks for no upgrade: that is checked by
    /// [`Request::upgrade`]. One empty line before it is skipped.
    ///
    /// # Errors
    ///
    /// Fatal: the bytes are no HTTP request, or go over a limit. What tells where a request goes and
    /// where it ends is read once and strictly, for plain requests too: its target, `Host` and
    /// `Content-Length`.
    pub fn receive<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Request<'b>>, HandshakeError> {
        if self.finished {
            return Err(HandshakeError::Finished);
        }
        let head = match self.scanner.scan(rx.unread()) {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.finished = true;
                return Err(error);
            }
        };
        self.finished = true;
        let (bytes, _) = rx.take_head(head.bytes);
        Request::parse(bytes, head.headers).map(Some)
    }
}

/// The checks of RFC 6455, section 4.2.1.
impl Request<'_> {
    /// Checks the request as a WebSocket handshake (RFC 6455, section 4.2.1), and its origin.
    ///
    /// # Errors
    ///
    /// Fatal: the first requirement that is not met.
    #[doc(alias = "verifyClient")]
    pub fn upgrade(&self, origin: OriginPolicy<'_>) -> Result<Upgrade<'_>, HandshakeError> {
        let headers = self.headers();
        let is_extended = self.version() == Version::Http2;
        // N27
        if !is_extended && self.method() != "GET" {
            return Err(HandshakeError::Method);
        }
        if self.version() == Version::Http10 {
            return Err(HandshakeError::HttpVersion);
        }
        // N29
        if !is_extended && !lists(headers.values(Name::Upgrade), "websocket") {
            return Err(HandshakeError::MissingUpgrade);
        }
        // N30
        if !is_extended && !lists(headers.values(Name::Connection), "upgrade") {
            return Err(HandshakeError::MissingConnectionUpgrade);
        }
        // N32
        if headers.single(Name::Version)? != Some(b"13") {
            return Err(HandshakeError::WebSocketVersion);
        }
        // N31
        let accept = if is_extended {
            None
        } else {
            let key = headers.single(Name::Key)?.unwrap_or_default();
            Some(Base64::parse_key(key).ok_or(HandshakeError::InvalidKey)?.answer())
        };
        // N34
        if !is_extended && headers.may_have_body() {
            return Err(HandshakeError::Body);
        }
        // N41, N137: some clients send a list with nothing in it, which counts as none.
        if !headers.list(Name::Protocol).all(is_token) {
            return Err(HandshakeError::MalformedSubprotocols);
        }
        // N42, N137
        if !headers.values(Name::Extensions).all(extension::is_list) {
            return Err(HandshakeError::MalformedExtensions);
        }
        self.check_origin(origin)?;
        Ok(Upgrade { request: self, accept })
    }
}

/// A request that is a correct WebSocket handshake, to be accepted or
/// [answered](Request::respond) otherwise.
///
/// ```
/// use sansio_ws::Config;
/// use sansio_ws::handshake::{Acceptance, OriginPolicy, Request};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What an HTTP server has parsed.
/// let headers: [(&str, &[u8]); 6] = [
///     ("Host", b"example.com"),
///     ("Connection", b"Upgrade"),
///     ("Upgrade", b"websocket"),
///     ("Sec-WebSocket-Version", b"13"),
///     ("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
///     ("Sec-WebSocket-Protocol", b"chat.v2, chat.v1"),
/// ];
/// let request = Request::from_parts("GET", "/chat", headers)?;
/// let upgrade = request.upgrade(OriginPolicy::SameHost)?;
/// let subprotocol = upgrade.choose(&["chat.v1", "chat.v2"]);
/// assert_eq!(subprotocol, Some("chat.v2"), "the client's order counts");
/// let reply = Acceptance::default().subprotocol(subprotocol).headers(&[("Set-Cookie", "seen=1")]);
/// let (head, connection) = upgrade.accept_head(&reply, Config::default())?;
/// assert_eq!((head.status(), connection.is_open()), (101, true));
/// let accept = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert!(head.headers().any(|header| header == accept));
/// # Ok(()) }
/// ```
#[doc(alias("Upgrader", "handleUpgrade"))]
#[derive(Debug)]
pub struct Upgrade<'r> {
    request: &'r Request<'r>,
    /// What answers the key. An extended CONNECT has none.
    accept: Option<Base64<28>>,
}

impl<'r> Upgrade<'r> {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &'r Request<'r> {
        self.request
    }

    /// The subprotocols the client offers, in its order of preference.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'r str> {
        self.request
            .headers()
            .list(Name::Protocol)
            .filter_map(|name| core::str::from_utf8(name).ok())
    }

    /// The first subprotocol the client offers that is among `known`.
    #[doc(alias("subprotocol", "handleProtocols", "Sec-WebSocket-Protocol"))]
    #[must_use]
    pub fn choose(&self, known: &[&str]) -> Option<&'r str> {
        self.subprotocols().find(|offered| known.contains(offered))
    }

    /// What the extension of the server makes of the client's offers.
    fn agreement(&self, extension: &dyn Extension) -> Option<Agreement> {
        // The lines are one list (RFC 6455, section 11.3.2), and each is known to be well-formed.
        let lines = self.request.headers().values(Name::Extensions);
        let offers: Vec<_> = lines.filter_map(Offer::parse).flatten().collect();
        // Nothing may be accepted that was not offered (RFC 6455, section 9.1).
        let agreement = if offers.is_empty() { None } else { extension.accept(&offers) };
        agreement.filter(|agreement| extension::is_well_formed(agreement.header.as_bytes()))
    }

    /// Opens the connection. The response is queued as its first output. If the client offers an
    /// extension and [`Config::extension`] accepts, it is in use from the first frame on.
    ///
    /// # Errors
    ///
    /// Recoverable: `reply` is not allowed, see [`InvalidField`]. An extended CONNECT has no response
    /// of HTTP/1.1: [`InvalidField::ExtendedConnect`].
    #[doc(alias("handleUpgrade", "accept_hdr"))]
    pub fn accept(
        &self,
        reply: &Acceptance<'_>,
        config: impl Into<Arc<Config>>,
    ) -> Result<Connection, InvalidField> {
        if self.accept.is_none() {
            return Err(InvalidField::ExtendedConnect);
        }
        let mut head = String::with_capacity(USUAL_HEAD);
        head.push_str("HTTP/1.1 101 Switching Protocols\r\n");
        let mut connection = self.open(reply, config.into(), &mut head)?;
        head.push_str("\r\n");
        connection.queue_head(head.into_bytes());
        Ok(connection)
    }

    /// The same for a request that something else has parsed, and whose response something else
    /// sends: the head of that, and the connection, which has queued nothing. Its bytes are those of
    /// the upgraded stream, or of the stream that the CONNECT has opened.
    ///
    /// # Errors
    ///
    /// Recoverable: `reply` is not allowed, see [`InvalidField`].
    #[doc(alias("hyper", "axum"))]
    pub fn accept_head(
        &self,
        reply: &Acceptance<'_>,
        config: impl Into<Arc<Config>>,
    ) -> Result<(AcceptHead, Connection), InvalidField> {
        let mut lines = String::with_capacity(USUAL_HEAD);
        let connection = self.open(reply, config.into(), &mut lines)?;
        let status = if self.accept.is_some() { 101 } else { 200 };
        Ok((AcceptHead { status, lines }, connection))
    }

    /// Opens the connection, and appends the header lines that say so.
    #[inline]
    fn open(
        &self,
        reply: &Acceptance<'_>,
        config: Arc<Config>,
        lines: &mut String,
    ) -> Result<Connection, InvalidField> {
        if let Some(accept) = &self.accept {
            lines.push_str("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
            lines.extend([accept.as_str(), "\r\n"]);
        }
        if let Some(chosen) = reply.subprotocol {
            if !self.subprotocols().any(|offered| offered == chosen) {
                return Err(InvalidField::UnofferedSubprotocol);
            }
            lines.extend(["Sec-WebSocket-Protocol: ", chosen, "\r\n"]);
        }
        for (name, value) in reply.headers {
            check_field(name, value)?;
            lines.extend([name, ": ", value, "\r\n"]);
        }
        let agreement = config.extension.as_deref().and_then(|extension| self.agreement(extension));
        if let Some(Agreement { header, .. }) = &agreement {
            lines.extend(["Sec-WebSocket-Extensions: ", header, "\r\n"]);
        }
        let mut connection = Connection::new(Role::Server, config);
        if let Some(agreement) = agreement {
            connection = connection.with_agreement(agreement);
        }
        if let Some(chosen) = reply.subprotocol {
            connection = connection.with_subprotocol(chosen);
        }
        Ok(connection)
    }
}

/// Bytes that are enough for most acceptances.
const USUAL_HEAD: usize = 256;

/// The head of a response that opens a connection, for those who send it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptHead {
    status: u16,
    lines: String,
}

impl AcceptHead {
    /// 101, or 200 to an extended CONNECT.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers: name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        fields(&self.lines)
    }
}

/// What the server adds to its acceptance (RFC 6455, section 4.2.2). A subprotocol that the client does not
/// offer, and a header that the handshake writes itself, are errors of [`Upgrade::accept`]: recoverable.
///
/// ```
/// use sansio_ws::handshake::Acceptance;
///
/// let session = String::from("session=3f9a; Path=/; HttpOnly; SameSite=Strict");
/// let headers = [("Set-Cookie", &*session)];
/// let reply = Acceptance::default().headers(&headers);
/// assert_eq!(reply.subprotocol, None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Acceptance<'a> {
    /// The subprotocol chosen from those the client offers (default: none).
    pub subprotocol: Option<&'a str>,
    /// Further headers, for example `Set-Cookie`: name and value.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Acceptance<'a> {
    /// The same acceptance with another choice of a subprotocol, for example what
    /// [`Upgrade::choose`] found.
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = name.into();
        self
    }

    /// The same acceptance with other headers.
    #[must_use]
    pub const fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = headers;
        self
    }
}
