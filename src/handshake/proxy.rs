//! The way through a proxy, before TLS and before the handshake (RFC 9110, section 9.3.6).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::client_request::ClientRequest;
use super::error::{HandshakeError, InvalidField, InvalidUrl};
use super::headers::check_value;
use super::received_response::{FinalAnswer, ReceivedResponse, ResponseReceiver};
use super::url::Url;
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::string::String;

/// An HTTP proxy: where it is, and what to show it.
///
/// ```
/// use sansio_ws::handshake::{ClientRequest, Proxy};
/// use sansio_ws::Limits;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::new("http://user:password@proxy.example:3128")?;
/// assert_eq!((proxy.dial_host(), proxy.port()), ("proxy.example", 3128));
/// // Connect there, and then:
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let mut connect = proxy.connect(&request, &Limits::default());
/// assert!(!connect.outgoing().is_empty());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Proxy {
    url: Url,
    authorization: Option<String>,
}

impl Proxy {
    /// The proxy of this URL: `http://[user:password@]host[:port]`. User name and password are
    /// percent-encoded there and sent as `Proxy-Authorization: Basic` (RFC 7617), readable by everybody
    /// between here and the proxy. Without a port it is 80.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`]: that of [`ClientRequest::new`], and [`InvalidUrl::Proxy`] for another scheme, a
    /// path or a query.
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let is_http = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
        if !is_http {
            return Err(InvalidUrl::Proxy);
        }
        let (url, authorization) = Url::parse(url)?;
        if url.resource != "/" {
            return Err(InvalidUrl::Proxy);
        }
        Ok(Self { url, authorization })
    }

    /// The host to look up or to connect to. An IPv6 address stands without its brackets.
    #[must_use]
    pub fn dial_host(&self) -> &str {
        self.url.dial_host()
    }

    /// The port to connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn authority(&self) -> String {
        self.url.host_header()
    }

    /// Asks it for the host and port of `request`. Of the limits, those for handshakes apply.
    #[must_use]
    pub fn connect(&self, request: &ClientRequest, limits: &Limits) -> ProxyConnect {
        ProxyConnect::with_checked(request, self.authorization.as_deref(), limits)
    }
}

/// Prints no user name and no password.
impl core::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Asks an HTTP proxy to connect to a server. When it has done that, all bytes go to the server: begin
/// the TLS handshake, or that of the WebSocket.
///
/// ```
/// use sansio_ws::handshake::{ClientRequest, ProxyAnswer, ProxyConnect, basic_authorization};
/// use sansio_ws::{Limits, RecvBuffer};
/// # use bytes::Buf;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let authorization = basic_authorization("user", "password")?;
/// let mut proxy = ProxyConnect::new(&request, Some(&authorization), &Limits::default())?;
/// let connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n";
/// assert!(proxy.outgoing().chunk().starts_with(connect));
/// # let n = proxy.outgoing().len();
/// # proxy.outgoing().advance(n);
///
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"HTTP/1.1 200 Connection established\r\n\r\n");
/// assert!(matches!(proxy.receive(&mut rx)?, Some(ProxyAnswer::Connected)));
/// # Ok(()) }
/// ```
#[doc(alias("proxy", "Proxy-Authorization"))]
#[doc(alias = "tunnel")]
#[derive(Debug)]
pub struct ProxyConnect {
    queue: SendQueue,
    responses: ResponseReceiver,
}

/// What a proxy answered.
#[derive(Debug)]
pub enum ProxyAnswer {
    /// The way to the server is open.
    Connected,
    /// It is not: 407 if the proxy wants a (better) `Proxy-Authorization`.
    Refused(Box<ReceivedResponse>),
}

impl ProxyConnect {
    /// Asks for the host and port of `request`. `authorization` is the value of `Proxy-Authorization`,
    /// see [`basic_authorization`](super::basic_authorization). Of the limits, those for handshakes
    /// apply.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Value`]: `authorization` has a control character.
    pub fn new(
        request: &ClientRequest,
        authorization: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, InvalidField> {
        authorization.map(check_value).transpose()?;
        Ok(Self::with_checked(request, authorization, limits))
    }

    fn with_checked(request: &ClientRequest, authorization: Option<&str>, limits: &Limits) -> Self {
        let (host, port) = (request.host(), request.port());
        let mut head = alloc::format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(authorization) = authorization {
            head.extend(["Proxy-Authorization: ", authorization, "\r\n"]);
        }
        head.push_str("\r\n");
        let queue = SendQueue::holding(head.into_bytes());
        let responses = ResponseReceiver::new(limits, |status| status.starts_with(b"2"));
        Self { queue, responses }
    }

    /// The bytes to write to the proxy, and nothing more until it has answered.
    pub fn outgoing(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    /// Looks at the bytes in `rx`. `None` means that more are needed; an answer is consumed. One that
    /// opens the way has no body, whatever its head says (RFC 9110, section 9.3.6); a refusal is
    /// returned with its body, as by [`ClientHandshake::receive`](super::ClientHandshake::receive).
    ///
    /// # Errors
    ///
    /// Fatal: the answer is no HTTP response, goes over a limit, or came before the whole request was
    /// written; [`HandshakeError::BytesBehindAnswer`]: whatever follows an answer that opens the way
    /// was not sent by the server, which has heard nothing yet.
    pub fn receive(&mut self, rx: &mut RecvBuffer) -> Result<Option<ProxyAnswer>, HandshakeError> {
        match self.responses.receive(rx)? {
            None => return Ok(None),
            Some(FinalAnswer::Refused(response)) => {
                return Ok(Some(ProxyAnswer::Refused(response)));
            }
            Some(FinalAnswer::Accepted(_)) => {}
        }
        if !self.queue.is_empty() {
            return Err(HandshakeError::PrematureAnswer);
        }
        if rx.is_empty() {
            Ok(Some(ProxyAnswer::Connected))
        } else {
            Err(HandshakeError::BytesBehindAnswer)
        }
    }

    /// The stream has ended. Returns a refusal whose head has arrived, with its body as far as that
    /// did.
    pub fn receive_eof(&mut self) -> Option<Box<ReceivedResponse>> {
        self.responses.receive_eof()
    }

    /// Time is up, or the stream was cut off. Returns a refusal whose head has arrived, with its body
    /// as far as that did, marked as cut.
    pub fn cut(&mut self) -> Option<Box<ReceivedResponse>> {
        self.responses.cut()
    }
}
