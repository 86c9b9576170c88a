//! The client's side of the opening handshake (RFC 6455, section 4.1).

#![warn(clippy::indexing_slicing)]

use super::accept::Base64;
use super::error::{HandshakeError, InvalidField, InvalidUrl};
use super::head::{HeadScanner, HeadSize};
use super::headers::{Headers, Name, check_field, check_value, is_token, lists};
use super::url::Url;
use crate::connection::{Config, Connection, Role};
use crate::entropy::Masks;
use crate::extension::{self, Agreement, Offer};
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What to ask a server for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sansio_ws::handshake::ClientRequest;
///
/// let request = ClientRequest::new("wss://example.com/chat?room=1")?
///     .subprotocol("chat")?
///     .header("Authorization", "Bearer 1234")?;
/// assert_eq!((request.host(), request.port(), request.is_secure()), ("example.com", 443, true));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ClientRequest {
    url: Url,
    /// The value of `Authorization`, if the URL has a user name.
    authorization: Option<String>,
    origin: Option<String>,
    subprotocols: Vec<String>,
    /// Further header lines, each with its CR LF.
    lines: String,
}

impl ClientRequest {
    /// A request for a `ws` or `wss` URL. `http` and `https` mean the same.
    ///
    /// What is not ASCII in path and query is percent-encoded as UTF-8. A user name and password are
    /// sent as `Authorization: Basic` (RFC 7617) and shown nowhere else.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`]; nothing has been connected yet.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let (url, authorization) = Url::parse(url)?;
        let (origin, subprotocols, lines) = (None, Vec::new(), String::new());
        Ok(Self { url, authorization, origin, subprotocols, lines })
    }

    /// Offers a subprotocol, after those offered before.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Subprotocol`], [`InvalidField::DuplicateSubprotocol`].
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidField> {
        if !is_token(name.as_bytes()) {
            return Err(InvalidField::Subprotocol);
        }
        if self.subprotocols.iter().any(|offered| offered == name) {
            return Err(InvalidField::DuplicateSubprotocol);
        }
        self.subprotocols.push(name.into());
        Ok(self)
    }

    /// Adds a header.
    ///
    /// # Errors
    ///
    /// [`InvalidField`] when the name is no token, the value has a control character (CR, LF and
    /// NUL above all), or the header is one that the handshake writes itself:
    /// [`InvalidField::Authorization`] if the URL has a user name.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidField> {
        check_field(name, value)?;
        if self.authorization.is_some() && name.eq_ignore_ascii_case("authorization") {
            return Err(InvalidField::Authorization);
        }
        self.lines.extend([name, ": ", value, "\r\n"]);
        Ok(self)
    }

    /// Sends an `Origin`, as browsers do, in place of any set before.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Value`].
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidField> {
        check_value(origin)?;
        self.origin = Some(origin.into());
        Ok(self)
    }

    /// The host to connect to: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.url.host
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// Whether the URL is `wss` or `https`: the transport must be TLS, with the certificate checked.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.url.secure
    }

    fn encode(&self, key: &Base64<24>, extensions: Option<&str>) -> Vec<u8> {
        let mut head = alloc::format!(
            "GET {} HTTP/1.1\r\n\
             Host: {}\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n",
            self.url.resource,
            self.url.host_header(),
            key.as_str(),
        );
        if !self.subprotocols.is_empty() {
            head.extend(["Sec-WebSocket-Protocol: ", &self.subprotocols.join(", "), "\r\n"]);
        }
        if let Some(extensions) = extensions {
            head.extend(["Sec-WebSocket-Extensions: ", extensions, "\r\n"]);
        }
        for (name, value) in [("Origin", &self.origin), ("Authorization", &self.authorization)] {
            if let Some(value) = value {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        head.push_str(&self.lines);
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// Prints no headers: they may be secrets.
impl core::fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientRequest")
            .field("url", &self.url)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

/// Sends a request and receives the head of the answer, in whatever pieces it comes.
#[derive(Debug)]
pub struct ClientHandshake {
    queue: SendQueue,
    scanner: HeadScanner,
    accept: Base64<28>,
    subprotocols: Vec<String>,
    /// The extension of the settings was offered.
    offers_extension: bool,
    config: Arc<Config>,
    /// Taken by the connection.
    masks: Option<Masks>,
}

impl ClientHandshake {
    /// Starts a handshake: [`outgoing`](Self::outgoing) has the request. Nonce and masks come
    /// from the operating system.
    ///
    /// # Errors
    ///
    /// [`EntropyError`](crate::EntropyError) when it has no random bytes.
    #[cfg(feature = "std")]
    pub fn new(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
    ) -> Result<Self, crate::entropy::EntropyError> {
        let nonce = crate::entropy::nonce()?;
        Ok(Self::with_entropy(request, config, nonce, Masks::from_os()?))
    }

    /// Starts a handshake with entropy from elsewhere. `nonce` must be fresh random bytes for
    /// every handshake (RFC 6455, section 4.1, item 7).
    #[must_use]
    pub fn with_entropy(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        nonce: [u8; 16],
        masks: Masks,
    ) -> Self {
        let config = config.into();
        let key = Base64::key(nonce);
        // RFC 6455, section 4.1, item 11: what is offered keeps to the grammar.
        let offer = config.extension.as_ref().map(|extension| extension.offer());
        let offer = offer.filter(|offer| extension::is_well_formed(offer.as_bytes()));
        let mut queue = SendQueue::new();
        *queue.staging() = request.encode(&key, offer.as_deref());
        Self {
            queue,
            scanner: HeadScanner::new(&config.limits),
            accept: key.answer(),
            subprotocols: request.subprotocols.clone(),
            offers_extension: offer.is_some(),
            config,
            masks: Some(masks),
        }
    }

    /// The bytes to write to the transport: the request, and nothing until the answer has come
    /// (RFC 6455, section 4.1).
    pub fn outgoing(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    /// Looks at the bytes in `rx`. `None` means that more are needed; an answer is consumed and
    /// returned. Bytes behind it stay in `rx`: frames for the connection, or the body of a
    /// refusal. Interim answers (1xx) are passed over.
    ///
    /// # Errors
    ///
    /// Fatal: the answer is no HTTP response, goes over a limit, or switches protocols in a way
    /// that RFC 6455, section 4.1, forbids.
    pub fn receive<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Answer<'b>>, HandshakeError> {
        if self.masks.is_none() {
            return Err(HandshakeError::Finished);
        }
        let size = self.next_final_head(rx).inspect_err(|_| self.masks = None)?;
        let Some(size) = size else { return Ok(None) };
        let masks = self.masks.take().ok_or(HandshakeError::Finished)?;
        let (head, body) = rx.take_head(size.bytes);
        let response = ResponseHead::parse(head, size.headers)?;
        if response.status != 101 {
            return Ok(Some(Answer::Refused(Refusal { head: response, body })));
        }
        self.check(&response)?;
        let agreement = self.agreement(&response.headers)?;
        let mut connection = Connection::new(Role::Client(masks), Arc::clone(&self.config));
        if let Some(agreement) = agreement {
            connection = connection.with_agreement(agreement);
        }
        if let Some(chosen) = response.subprotocol() {
            connection = connection.with_subprotocol(chosen);
        }
        Ok(Some(Answer::Open(connection, response)))
    }

    /// The size of the first head that is no interim answer. Those before it are consumed.
    fn next_final_head(&mut self, rx: &mut RecvBuffer) -> Result<Option<HeadSize>, HandshakeError> {
        loop {
            let unread = rx.unread();
            let Some(size) = self.scanner.scan(unread)? else { return Ok(None) };
            let head = unread.get(..size.bytes).unwrap_or_default();
            // The status stands behind `HTTP/1.1 `. A final answer is parsed by the caller only.
            let may_be_interim = head.get(9) == Some(&b'1') && head.get(9..12) != Some(b"101");
            if !may_be_interim || !ResponseHead::parse(head, size.headers)?.is_interim() {
                return Ok(Some(size));
            }
            rx.consume(size.bytes);
            self.scanner.next_head(size.bytes);
        }
    }

    /// RFC 6455, section 4.1, the checks of the server's answer. It ends with its head, whatever that
    /// says of a body (N145).
    fn check(&self, response: &ResponseHead<'_>) -> Result<(), HandshakeError> {
        let headers = &response.headers;
        // N17
        if !self.queue.is_empty() {
            return Err(HandshakeError::PrematureAnswer);
        }
        // N24
        if response.minor_version != 1 {
            return Err(HandshakeError::HttpVersion);
        }
        // N19
        let upgrade = headers.single(Name::Upgrade)?.unwrap_or_default();
        if !upgrade.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::MissingUpgrade);
        }
        // N20
        if !lists(headers.values(Name::Connection), "upgrade") {
            return Err(HandshakeError::MissingConnectionUpgrade);
        }
        // N21, N25
        if headers.single(Name::Accept)? != Some(self.accept.as_str().as_bytes()) {
            return Err(HandshakeError::InvalidAccept);
        }
        // N23, N25
        match headers.single(Name::Protocol)? {
            Some(chosen) if !self.subprotocols.iter().any(|name| name.as_bytes() == chosen) => {
                Err(HandshakeError::UnofferedSubprotocol)
            }
            _ => Ok(()),
        }
    }

    /// What the server accepted of the extension on offer: nothing, or one offer in one line
    /// (RFC 6455, sections 4.1 and 11.3.2).
    fn agreement(&self, headers: &Headers<'_>) -> Result<Option<Agreement>, HandshakeError> {
        // N22, N25
        let Some(value) = headers.single(Name::Extensions)? else { return Ok(None) };
        let extension = self.config.extension.as_ref().filter(|_| self.offers_extension);
        let extension = extension.ok_or(HandshakeError::UnofferedExtension)?;
        let accepted = Offer::parse(value).ok_or(HandshakeError::MalformedExtensions)?;
        let [answer] = &accepted[..] else { return Err(HandshakeError::UnofferedExtension) };
        extension.confirm(answer).map(Some).map_err(HandshakeError::ExtensionParameters)
    }
}

/// What the server answered.
#[derive(Debug)]
pub enum Answer<'b> {
    /// The connection is open.
    Open(Connection, ResponseHead<'b>),
    /// The server did not switch protocols.
    Refused(Refusal<'b>),
}

/// An answer other than 101: a redirect, a demand for authentication, an error.
#[derive(Debug, Clone)]
pub struct Refusal<'b> {
    /// Status and headers.
    pub head: ResponseHead<'b>,
    /// The body as far as it has arrived. More can be read by the caller.
    pub body: &'b [u8],
}

/// The head of an HTTP response.
#[derive(Debug, Clone)]
pub struct ResponseHead<'b> {
    status: u16,
    reason: &'b str,
    minor_version: u8,
    headers: Headers<'b>,
}

impl<'b> ResponseHead<'b> {
    fn parse(head: &'b [u8], headers: usize) -> Result<Self, HandshakeError> {
        let mut list = Vec::new();
        list.resize(headers, httparse::EMPTY_HEADER);
        let mut parsed = httparse::Response::new(&mut list);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(n)) if n == head.len() => {}
            Ok(_) => return Err(HandshakeError::MalformedHead),
            Err(httparse::Error::Version) => return Err(HandshakeError::HttpVersion),
            Err(_) => return Err(HandshakeError::MalformedHead),
        }
        let (Some(status @ 100..=599), Some(minor_version)) = (parsed.code, parsed.version) else {
            return Err(HandshakeError::MalformedHead);
        };
        let reason = parsed.reason.unwrap_or_default();
        Ok(Self { status, reason, minor_version, headers: Headers::new(list) })
    }

    /// Whether another answer follows this one (RFC 9110, section 15.2).
    fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b str {
        self.reason
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers<'b> {
        &self.headers
    }

    /// The subprotocol the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'b str> {
        self.headers.get("sec-websocket-protocol")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    fn receive(answer: &[u8], piece: usize) -> Result<Option<u16>, HandshakeError> {
        let request = ClientRequest::new("ws://example.com/").unwrap();
        let masks = Masks::new(|| [0; 4]);
        let mut handshake =
            ClientHandshake::with_entropy(&request, Config::default(), *b"the sample nonce", masks);
        let sent = handshake.outgoing().remaining();
        handshake.outgoing().advance(sent);
        let mut rx = RecvBuffer::new();
        for piece in answer.chunks(piece) {
            rx.extend_from_slice(piece);
            match handshake.receive(&mut rx)? {
                Some(Answer::Open(_, head)) => return Ok(Some(head.status())),
                Some(Answer::Refused(refusal)) => return Ok(Some(refusal.head.status())),
                None => {}
            }
        }
        Ok(None)
    }

    #[test]
    fn an_interim_answer_is_recognised_by_its_own_head_only() {
        for piece in [1, 1000] {
            // The bytes behind this head, at the place of a status, look like an interim one.
            let answer = b" \r\n\r\n1\xa9) 1\r\n11";
            assert_eq!(receive(answer, piece), Err(HandshakeError::HttpVersion));
            let answer = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 404 \r\n\r\n";
            assert_eq!(receive(answer, piece), Ok(Some(404)));
        }
    }

    #[test]
    fn an_interim_answer_has_to_be_http() {
        for head in ["NO HTTP! 100", "HTTP/2.0 100", "HTTP/1.1 1xx", "HTTP/1.1 100\r\nno colon"] {
            let answer = alloc::format!("{head}\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
            assert!(receive(answer.as_bytes(), 1000).is_err(), "{head}");
        }
    }
}
