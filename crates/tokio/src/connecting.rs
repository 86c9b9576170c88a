//! From a URL to an open connection.
//!
//! ```text
//!  ┌▶ addresses, raced ─▶ [CONNECT to the proxy] ─▶ [TLS] ─▶ handshake ─▶ open, or refused
//!  └───────────────────────────── redirect ◀──────────────────┘
//! ```

use crate::race::connect_first;
use crate::tcp_or_tls::TcpOrTls;
use crate::{Answer, ConnectError, Connector, Error, Unopened, WebSocket};
use bytes::Buf;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, ConnectStep, HandshakeError, Proxy, ProxyAnswer};
use sansio_ws::tls::TlsError;
use sansio_ws::{Config, Limits, RecvBuffer};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// Connects to a `ws` or `wss` URL: as [`connect_with`], with the defaults of everything.
///
/// ```no_run
/// use sansio_ws::CloseCode;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut socket = sansio_ws_tokio::connect("wss://example.com/chat").await?;
/// socket.send_text("hello").await?;
/// println!("{:?}", socket.read().await?);
/// socket.close(CloseCode::NORMAL, "").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As for [`connect_with`], and [`ConnectStep::Url`].
#[doc(alias("connect_async", "open", "client", "wss", "tls"))]
pub async fn connect(url: &str) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let request = ClientRequest::new(url)?;
    connect_with(&request, Config::default(), Timeouts::default(), &Connector::new()).await
}

/// Connects to the server of `request`, by TLS if its URL says so, and opens a connection.
///
/// The addresses of the host are raced (RFC 8305). [`Timeouts::opening`] bounds all of it together: looking up names,
/// addresses, proxy, TLS, redirects and handshakes.
///
/// # Errors
///
/// [`ConnectError`], which says what was under way. Everything is closed.
#[doc(alias("proxy", "redirect", "happy eyeballs"))]
pub async fn connect_with(
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let (answer, asked) = ask(request, config.into(), timeouts, connector).await?;
    answer.into_socket().map_err(|error| connector.failed(ConnectStep::Handshake, &asked, error))
}

/// As [`connect_with`], and hands out the answer of the server: with the connection its head, with a refusal its body.
///
/// # Errors
///
/// [`ConnectError`]: there is no answer, or it is no acceptable handshake.
pub async fn handshake_with(
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<Answer<TcpOrTls>, ConnectError> {
    Ok(ask(request, config.into(), timeouts, connector).await?.0)
}

/// Connects as [`connect_with`] does, and sends no handshake: for HTTP requests to the same server, or to shake hands with
/// [`WebSocket::handshake`] later.
///
/// Of `limits` those for handshakes apply to the answer of a proxy. [`Timeouts::opening`] bounds all of it together.
///
/// # Errors
///
/// [`ConnectError`], which says what was under way. Everything is closed.
#[doc(alias("dial", "proxy", "tls", "tunnel"))]
pub async fn connect_stream(
    request: &ClientRequest,
    limits: &Limits,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<TcpOrTls, ConnectError> {
    stream_to(request, limits, &Deadline::new(timeouts), connector)
        .await
        .map_err(|(step, error)| connector.failed(step, request, error))
}

/// The final answer, and the request that it answers.
async fn ask(
    request: &ClientRequest,
    config: Arc<Config>,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<(Answer<TcpOrTls>, ClientRequest), ConnectError> {
    let mut request = request.clone();
    let mut redirects = connector.redirects();
    let attempt = Attempt { connector, config, timeouts, deadline: Deadline::new(timeouts) };
    loop {
        let failed = |(step, error)| connector.failed(step, &request, error);
        let answer = attempt.ask(&request).await.map_err(failed)?;
        let Answer::Refused { response, .. } = &answer else { return Ok((answer, request)) };
        match redirects.follow(&request, response) {
            Ok(Some(next)) => request = next,
            Ok(None) => return Ok((answer, request)),
            Err(error) => return Err(failed((ConnectStep::Redirect, error.into()))),
        }
    }
}

/// What every server on the way is asked with.
struct Attempt<'a> {
    connector: &'a Connector,
    config: Arc<Config>,
    timeouts: Timeouts,
    deadline: Deadline,
}

impl Attempt<'_> {
    async fn ask(&self, request: &ClientRequest) -> Result<Answer<TcpOrTls>, (ConnectStep, Error)> {
        let Self { connector, config, deadline, .. } = self;
        let stream = stream_to(request, &config.limits, deadline, connector).await?;
        let timeouts = self.timeouts.opening(deadline.remaining());
        WebSocket::handshake(stream, request, Arc::clone(config), timeouts)
            .await
            .map_err(|error| (ConnectStep::Handshake, error.of_tls()))
    }
}

/// The stream that the URL leads to.
async fn stream_to(
    request: &ClientRequest,
    limits: &Limits,
    deadline: &Deadline,
    connector: &Connector,
) -> Result<TcpOrTls, (ConnectStep, Error)> {
    let at = |step| move |error| (step, error);
    let (host, port) = (request.dial_host(), request.port());
    let socket = match connector.proxy_to_use() {
        Some(proxy) => {
            let socket = deadline.bound(through(proxy, request, limits)).await;
            socket.map_err(at(ConnectStep::Proxy))?
        }
        None => deadline.bound(dial(host, port)).await.map_err(at(ConnectStep::Address))?,
    };
    if !request.is_secure() {
        return Ok(TcpOrTls::Tcp(socket));
    }
    let stream = deadline.bound(shake_hands(socket, host, connector)).await;
    Ok(TcpOrTls::Tls(stream.map_err(at(ConnectStep::Tls))?))
}

/// When everything must be open.
struct Deadline(Option<Instant>);

impl Deadline {
    fn new(timeouts: Timeouts) -> Self {
        Self(timeouts.opening.and_then(|time| Instant::now().checked_add(time)))
    }

    async fn bound<T>(&self, step: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.0 {
            None => step.await,
            Some(at) => {
                timeout_at(at, step).await.unwrap_or(Err(Error::Unopened(Unopened::TimedOut)))
            }
        }
    }

    fn remaining(&self) -> Option<core::time::Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, Error> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    let socket = connect_first(&addresses, TcpStream::connect).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Connects to a proxy, and has it connect to the server.
async fn through(
    proxy: &Proxy,
    request: &ClientRequest,
    limits: &Limits,
) -> Result<TcpStream, Error> {
    let mut socket = dial(proxy.dial_host(), proxy.port()).await?;
    let mut connect = proxy.connect(request, limits);
    while connect.outgoing().has_remaining() {
        socket.write_buf(connect.outgoing()).await?;
    }
    let mut rx = RecvBuffer::new();
    loop {
        match connect.receive(&mut rx)? {
            Some(ProxyAnswer::Connected) => return Ok(socket),
            Some(ProxyAnswer::Refused(response)) => return Err(Error::Refused(response)),
            None => {}
        }
        let was_empty = rx.is_empty();
        let (refusal, error) = match socket.read(rx.spare()).await {
            Ok(n @ 1..) => {
                rx.commit(n);
                continue;
            }
            Ok(_) if was_empty => (connect.receive_eof(), Error::Unopened(Unopened::Ended)),
            Ok(_) => (connect.receive_eof(), Error::Unopened(Unopened::TruncatedHead)),
            Err(error) => (connect.cut(), error.into()),
        };
        return Err(refusal.map_or(error, Error::Refused));
    }
}

/// TLS with a server that must have a certificate for `host`.
async fn shake_hands(
    socket: TcpStream,
    host: &str,
    connector: &Connector,
) -> Result<Box<tokio_rustls::client::TlsStream<TcpStream>>, Error> {
    let name = host.to_owned().try_into().map_err(|_| TlsError::Host)?;
    let stream = TlsConnector::from(connector.tls_config()?).connect(name, socket).await;
    let mut stream = stream.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Unopened(Unopened::CutOff),
        _ => Error::from(error).of_tls(),
    })?;
    let state = stream.get_mut().1.process_new_packets().map_err(TlsError::from)?;
    // It has not been asked for anything yet.
    if state.plaintext_bytes_to_read() > 0 {
        return Err(HandshakeError::PrematureAnswer.into());
    }
    Ok(Box::new(stream))
}
