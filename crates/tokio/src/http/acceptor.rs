//! The server's side: what becomes of a request.

#![expect(clippy::result_large_err, reason = "a refusal is sent, and not handed on and on")]

use super::Upgraded;
use crate::{Error, Parts, WebSocket};
use ::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    self, AcceptHead, Acceptance, HandshakeError, HostPolicy, OriginPolicy,
};
use sansio_ws::{Config, Connection, RecvBuffer};
use std::sync::Arc;

/// Whom a server accepts, and with which settings.
///
/// Which pages may connect, and by which names the server goes, has no default: see [`OriginPolicy`] and [`HostPolicy`].
///
/// ```
/// use sansio_ws::handshake::{HostPolicy, OriginPolicy};
/// use sansio_ws::{Config, Limits};
/// use sansio_ws_tokio::http::Acceptor;
///
/// let hosts = HostPolicy::Listed(vec!["chat.example".into()]);
/// let acceptor = Acceptor::new(OriginPolicy::SameHost, hosts)
///     .subprotocols(["chat.v2", "chat.v1"])
///     .config(Config::default().limits(Limits::default().max_message_bytes(64 * 1024)));
/// let request = http::Request::builder()
///     .uri("/chat")
///     .header("Host", "chat.example")
///     .header("Connection", "Upgrade")
///     .header("Upgrade", "websocket")
///     .header("Sec-WebSocket-Version", "13")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Origin", "https://evil.example")
///     .body(())?;
/// let refusal = acceptor.check(&request).unwrap_err();
/// assert_eq!(refusal.status(), 403);
/// # Ok::<(), http::Error>(())
/// ```
#[doc(alias("WebSocketUpgrade", "upgrade"))]
#[derive(Debug, Clone)]
pub struct Acceptor {
    origins: OriginPolicy<'static>,
    hosts: Arc<HostPolicy>,
    subprotocols: Arc<[String]>,
    config: Arc<Config>,
    timeouts: Arc<Timeouts>,
}

impl Acceptor {
    /// Accepts pages of these origins, and programs, which send none, if they call the server by one of these names.
    #[must_use]
    pub fn new(origins: OriginPolicy<'static>, hosts: HostPolicy) -> Self {
        Self {
            origins,
            hosts: Arc::new(hosts),
            subprotocols: Arc::new([]),
            config: Arc::default(),
            timeouts: Arc::default(),
        }
    }

    /// Speaks these subprotocols. Of those that a client offers the first one is chosen that is among them.
    #[must_use]
    pub fn subprotocols(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Limits, compression, delivery.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Deadlines. That of opening is the server's, which has received the request.
    #[must_use]
    pub fn timeouts(mut self, timeouts: impl Into<Arc<Timeouts>>) -> Self {
        self.timeouts = timeouts.into();
        self
    }

    /// Checks a request: what to answer, and the connection whose bytes are those of the upgraded stream, or of the stream
    /// of an extended CONNECT. Nothing but this depends on hyper's types.
    ///
    /// # Errors
    ///
    /// The response that says why not, with a text for a person.
    pub fn check<B>(
        &self,
        request: &Request<B>,
    ) -> Result<(Response<()>, Connection), Response<String>> {
        self.accept(request, &[])
    }

    /// As [`check`](Self::check), with further headers in the response, for example `Set-Cookie`.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check); 500 if a header is not allowed.
    pub fn accept<B>(
        &self,
        request: &Request<B>,
        headers: &[(&str, &str)],
    ) -> Result<(Response<()>, Connection), Response<String>> {
        let target = request.uri().to_string();
        let received = parts(request, &target)?;
        self.hosts.check(&received).map_err(refusal)?;
        let upgrade = received.upgrade(self.origins).map_err(refusal)?;
        let known: Vec<_> = self.subprotocols.iter().map(String::as_str).collect();
        let reply = Acceptance::default().subprotocol(upgrade.choose(&known)).headers(headers);
        let (head, connection) = upgrade
            .accept_head(&reply, Arc::clone(&self.config))
            .map_err(|fault| plain(StatusCode::INTERNAL_SERVER_ERROR, &fault.to_string()))?;
        Ok((accepted(&head)?, connection))
    }

    /// Checks a request that hyper has received: what to answer, and what becomes the WebSocket when that is sent.
    ///
    /// # Errors
    ///
    /// As for [`check`](Self::check); 500 if the server does not hand over its connections, see
    /// `serve_connection_with_upgrades`.
    pub fn upgrade<B>(
        &self,
        request: &mut Request<B>,
    ) -> Result<(Response<()>, Upgrade), Response<String>> {
        let on = request.extensions_mut().remove::<OnUpgrade>();
        self.hand_over(request, on, &[])
    }

    pub(crate) fn hand_over<B>(
        &self,
        request: &Request<B>,
        on: Option<OnUpgrade>,
        headers: &[(&str, &str)],
    ) -> Result<(Response<()>, Upgrade), Response<String>> {
        let (response, connection) = self.accept(request, headers)?;
        let Some(on) = on else {
            let fault = "the server does not hand over its connections";
            return Err(plain(StatusCode::INTERNAL_SERVER_ERROR, fault));
        };
        Ok((response, Upgrade { on, connection, timeouts: Arc::clone(&self.timeouts) }))
    }
}

/// A WebSocket that opens when the response that accepts it has been sent.
#[derive(Debug)]
pub struct Upgrade {
    on: OnUpgrade,
    connection: Connection,
    timeouts: Arc<Timeouts>,
}

impl Upgrade {
    /// Waits until the response has been sent. Have another task do it: the server sends it when its handler has
    /// returned.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: the connection has failed before, or the response was another one.
    pub async fn open(self) -> Result<WebSocket<Upgraded>, Error> {
        let Self { on, connection, timeouts } = self;
        let stream = Upgraded::new(on.await.map_err(std::io::Error::other)?);
        let parts = Parts { stream, rx: RecvBuffer::new(), connection };
        Ok(WebSocket::from_parts(parts, timeouts))
    }
}

/// The head of a request, to be checked.
fn parts<'r, B>(
    request: &'r Request<B>,
    target: &'r str,
) -> Result<handshake::Request<'r>, Response<String>> {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let received = match request.version() {
        Version::HTTP_11 => {
            handshake::Request::from_parts(request.method().as_str(), target, headers)
        }
        Version::HTTP_2 | Version::HTTP_3 => {
            let protocol = request.extensions().get::<Protocol>();
            match protocol.map(Protocol::as_str) {
                _ if request.method() != Method::CONNECT => {
                    return Err(refusal(HandshakeError::Method));
                }
                Some("websocket") => {}
                // RFC 9220, section 3.
                _ => {
                    let fault = "the :protocol of CONNECT must be websocket";
                    return Err(plain(StatusCode::NOT_IMPLEMENTED, fault));
                }
            }
            let authority = request.uri().authority().map_or("", |authority| authority.as_str());
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            handshake::Request::extended_connect(authority, path, headers)
        }
        _ => Err(HandshakeError::HttpVersion),
    };
    received.map_err(refusal)
}

fn accepted(head: &AcceptHead) -> Result<Response<()>, Response<String>> {
    let mut response = Response::builder().status(head.status());
    for (name, value) in head.headers() {
        response = response.header(name, value);
    }
    response.body(()).map_err(|fault| plain(StatusCode::INTERNAL_SERVER_ERROR, &fault.to_string()))
}

/// What the library answers itself.
fn refusal(error: HandshakeError) -> Response<String> {
    let said = error.response();
    let status = StatusCode::from_u16(said.status().code());
    let mut response = plain(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "");
    for (name, value) in said.headers() {
        // What frames the body is the server's to say, and HTTP/2 knows no `Connection`.
        let framing = ["content-length", "connection"];
        if framing.iter().any(|header| header.eq_ignore_ascii_case(name)) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    *response.body_mut() = String::from_utf8_lossy(&said.into_body()).into_owned();
    response
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    let mut response = Response::new(format!("{text}\n"));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(::http::header::CONTENT_TYPE, kind);
    response
}
