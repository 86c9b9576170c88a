//! From a URL to an open connection.
//!
//! ```text
//!  ┌▶ address ─▶ [CONNECT to the proxy] ─▶ [TLS] ─▶ handshake ─▶ open, or refused
//!  └───────────────────────── redirect ◀────────────────┘
//! ```

use super::error::Error;
use super::opening::{Answer, dial, read, write};
use super::tcp_or_tls::TcpOrTls;
use super::timed::Timed;
use super::timer::Timer;
use super::tls_stream::TlsStream;
use super::{Unopened, WebSocket};
use crate::connection::Config;
use crate::deadlines::Timeouts;
use crate::handshake::{ClientRequest, ConnectStep, HandshakeError, Proxy, ProxyAnswer, Redirects};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use crate::tls::{self, TlsError};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use rustls::ClientConfig;
use std::net::TcpStream;

/// Connects to a `ws` or `wss` URL: as [`connect_with`], with the defaults of everything.
///
/// ```no_run
/// use sansio_ws::{CloseCode, blocking};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = blocking::connect("wss://example.com/chat")?;
/// socket.send_text("hello")?;
/// println!("{:?}", socket.read()?);
/// socket.close(CloseCode::NORMAL, "")?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As for [`connect_with`], and [`ConnectStep::Url`].
#[doc(alias("open", "client", "wss", "tls"))]
pub fn connect(url: &str) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let request = ClientRequest::new(url).map_err(|error| ConnectError {
        step: ConnectStep::Url,
        authority: String::new(),
        error: error.into(),
    })?;
    connect_with(&request, Config::default(), Timeouts::default(), &Connector::new())
}

/// Connects to the server of `request`, by TLS if its URL says so, and opens a connection.
///
/// [`Timeouts::opening`] bounds all of it together: looking up names, addresses, proxy, TLS, redirects
/// and handshakes.
///
/// # Errors
///
/// [`ConnectError`], which says what was under way. Everything is closed.
#[doc(alias("proxy", "redirect"))]
pub fn connect_with(
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let (answer, asked) = connector.ask(request, &config.into(), &Timer::new(timeouts))?;
    answer.into_socket().map_err(|error| ConnectError {
        step: ConnectStep::Handshake,
        authority: asked.authority(),
        error,
    })
}

/// How a client gets to servers. Nothing of it comes from the environment.
///
/// ```no_run
/// use sansio_ws::blocking::{Connector, connect_with};
/// use sansio_ws::handshake::{ClientRequest, Proxy};
/// use sansio_ws::{Config, deadlines::Timeouts};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Proxy::new("http://user:password@proxy.example:3128")?;
/// let connector = Connector::new().proxy(proxy).max_redirects(0);
/// let request = ClientRequest::new("wss://example.com/chat")?.subprotocol("chat")?;
/// let socket = connect_with(&request, Config::default(), Timeouts::default(), &connector)?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Connector {
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
    redirects: Redirects,
}

impl Connector {
    /// Straight to the server, which must show a certificate of an authority that the system trusts; at
    /// most five redirects.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this configuration of TLS, in place of [`tls::system_config`]: other authorities, a
    /// certificate of the client, another provider. See [`tls::client_config`].
    #[doc(alias("rustls", "certificate", "danger_accept_invalid_certs"))]
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Through this proxy, by CONNECT, for `ws` and `wss` alike.
    #[doc(alias("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"))]
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Follows at most this number of redirects; never from TLS to no TLS, and without the credentials
    /// to another server: see [`ClientRequest::redirected`].
    #[doc(alias = "follow_redirects")]
    #[must_use]
    pub fn max_redirects(mut self, max: u8) -> Self {
        self.redirects = Redirects::new(max);
        self
    }

    /// As [`connect_with`], and hands out the answer of the server: with the connection its head, with a
    /// refusal its body.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]: there is no answer, or it is no acceptable handshake.
    pub fn handshake(
        &self,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Answer<TcpOrTls>, ConnectError> {
        Ok(self.ask(request, &config.into(), &Timer::new(timeouts))?.0)
    }

    /// The final answer, and the request that it answers.
    fn ask(
        &self,
        request: &ClientRequest,
        config: &Arc<Config>,
        timer: &Timer,
    ) -> Result<(Answer<TcpOrTls>, ClientRequest), ConnectError> {
        let mut request = request.clone();
        let mut redirects = self.redirects.clone();
        loop {
            let failed = |(step, error)| {
                let proxy = self.proxy.as_ref().filter(|_| step == ConnectStep::Proxy);
                let authority = proxy.map_or_else(|| request.authority(), Proxy::authority);
                ConnectError { step, authority, error }
            };
            let answer = self.ask_once(&request, config, timer).map_err(failed)?;
            let Answer::Refused { response, .. } = &answer else { return Ok((answer, request)) };
            match redirects.follow(&request, response) {
                Ok(Some(next)) => request = next,
                Ok(None) => return Ok((answer, request)),
                Err(error) => return Err(failed((ConnectStep::Redirect, error.into()))),
            }
        }
    }

    fn ask_once(
        &self,
        request: &ClientRequest,
        config: &Arc<Config>,
        timer: &Timer,
    ) -> Result<Answer<TcpOrTls>, (ConnectStep, Error)> {
        let socket = match &self.proxy {
            Some(proxy) => through(proxy, request, &config.limits, timer)
                .map_err(|error| (ConnectStep::Proxy, error))?,
            None => dial(request.dial_host(), request.port(), timer)
                .map_err(|error| (ConnectStep::Address, error))?,
        };
        let stream = if request.is_secure() {
            let stream = self.shake_hands(socket, request.dial_host(), timer);
            TcpOrTls::Tls(stream.map_err(|error| (ConnectStep::Tls, error))?)
        } else {
            TcpOrTls::Tcp(socket)
        };
        WebSocket::handshake_within(stream, request, Arc::clone(config), timer.clone())
            .map_err(|error| (ConnectStep::Handshake, of_tls(error)))
    }

    /// TLS with a server that must have a certificate for `host`.
    fn shake_hands(
        &self,
        socket: TcpStream,
        host: &str,
        timer: &Timer,
    ) -> Result<TlsStream, Error> {
        let config = self.tls.clone().map_or_else(tls::system_config, Ok)?;
        let mut stream =
            Timed::new(TlsStream::client(socket, config, host)?, timer.clock().clone());
        let mut rx = RecvBuffer::new();
        while stream.get().is_handshaking() {
            if let Err(error) = read(&mut stream, &mut rx, timer) {
                stream.say_why();
                return Err(of_tls(error));
            }
        }
        write(&mut stream, &mut SendQueue::new(), timer)?;
        // It has not been asked for anything yet.
        if rx.is_empty() {
            Ok(stream.into_inner())
        } else {
            Err(HandshakeError::PrematureAnswer.into())
        }
    }
}

/// Connects to a proxy, and has it connect to the server.
fn through(
    proxy: &Proxy,
    request: &ClientRequest,
    limits: &Limits,
    timer: &Timer,
) -> Result<TcpStream, Error> {
    let socket = dial(proxy.dial_host(), proxy.port(), timer)?;
    let mut stream = Timed::new(socket, timer.clock().clone());
    let mut rx = RecvBuffer::new();
    let mut connect = proxy.connect(request, limits);
    write(&mut stream, connect.outgoing(), timer)?;
    let refusal = loop {
        match connect.receive(&mut rx)? {
            Some(ProxyAnswer::Connected) => return Ok(stream.into_inner()),
            Some(ProxyAnswer::Refused(response)) => break response,
            None => {}
        }
        if let Err(error) = read(&mut stream, &mut rx, timer) {
            let refusal = match error {
                Error::Unopened(Unopened::Ended | Unopened::TruncatedHead) => connect.receive_eof(),
                _ => connect.cut(),
            };
            break refusal.ok_or(error)?;
        }
    };
    Err(Error::Refused(refusal))
}

/// What TLS complains of comes through the stream.
fn of_tls(error: Error) -> Error {
    match error {
        Error::Io(error) => TlsError::of(&error).map_or(Error::Io(error), Error::Tls),
        error => error,
    }
}

/// Why there is no connection, and what was under way.
#[derive(Debug)]
pub struct ConnectError {
    /// What was under way.
    pub step: ConnectStep,
    /// With whom: host, and port unless it is the scheme's default. After redirects that is the last
    /// server, of which the caller may not have heard.
    pub authority: String,
    /// What went wrong. [`Error::Refused`] is an answer: of the proxy in [`ConnectStep::Proxy`], of the
    /// server in [`ConnectStep::Handshake`].
    pub error: Error,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, authority, error } = self;
        match step {
            ConnectStep::Url => error.fmt(f),
            _ => write!(f, "{step} ({authority}): {error}"),
        }
    }
}

/// `Display` already says what the error inside says.
impl core::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
