//! From a URL to an open connection.
//!
//! ```text
//!  ┌▶ address ─▶ [CONNECT to the proxy] ─▶ [TLS] ─▶ handshake ─▶ open, or refused
//!  └───────────────────────── redirect ◀────────────────┘
//! ```

use super::connector::{ConnectError, Connector};
use super::error::Error;
use super::opening::{Answer, dial, read, write};
use super::tcp_or_tls::TcpOrTls;
use super::timed::Timed;
use super::timer::Timer;
use super::tls_stream::TlsStream;
use super::{Unopened, WebSocket};
use crate::connection::Config;
use crate::deadlines::Timeouts;
use crate::handshake::{ClientRequest, ConnectStep, HandshakeError, Proxy, ProxyAnswer};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::sync::Arc;
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
    let request = ClientRequest::new(url)?;
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
    let (answer, asked) = ask(request, &config.into(), &Timer::new(timeouts), connector)?;
    answer.into_socket().map_err(|error| connector.failed(ConnectStep::Handshake, &asked, error))
}

/// As [`connect_with`], and hands out the answer of the server: with the connection its head, with a refusal
/// its body.
///
/// # Errors
///
/// [`ConnectError`]: there is no answer, or it is no acceptable handshake.
pub fn handshake_with(
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<Answer<TcpOrTls>, ConnectError> {
    Ok(ask(request, &config.into(), &Timer::new(timeouts), connector)?.0)
}

/// Connects as [`connect_with`] does, and sends no handshake: for HTTP requests to the same server, or to shake hands with
/// [`WebSocket::handshake`] later.
///
/// Of `limits` those for handshakes apply to the answer of a proxy. [`Timeouts::opening`] bounds all of it together. No timeout
/// of the socket is left set.
///
/// # Errors
///
/// [`ConnectError`], which says what was under way. Everything is closed.
#[doc(alias("dial", "proxy", "tls", "tunnel"))]
pub fn connect_stream(
    request: &ClientRequest,
    limits: &Limits,
    timeouts: Timeouts,
    connector: &Connector,
) -> Result<TcpOrTls, ConnectError> {
    stream_to(request, limits, &Timer::new(timeouts), connector)
        .map_err(|(step, error)| connector.failed(step, request, error))
}

/// The final answer, and the request that it answers.
fn ask(
    request: &ClientRequest,
    config: &Arc<Config>,
    timer: &Timer,
    connector: &Connector,
) -> Result<(Answer<TcpOrTls>, ClientRequest), ConnectError> {
    let mut request = request.clone();
    let mut redirects = connector.redirects();
    loop {
        let failed = |(step, error)| connector.failed(step, &request, error);
        let answer = ask_once(&request, config, timer, connector).map_err(failed)?;
        let Answer::Refused { response, .. } = &answer else { return Ok((answer, request)) };
        match redirects.follow(&request, response) {
            Ok(Some(next)) => request = next,
            Ok(None) => return Ok((answer, request)),
            Err(error) => return Err(failed((ConnectStep::Redirect, error.into()))),
        }
    }
}

fn ask_once(
    request: &ClientRequest,
    config: &Arc<Config>,
    timer: &Timer,
    connector: &Connector,
) -> Result<Answer<TcpOrTls>, (ConnectStep, Error)> {
    let stream = stream_to(request, &config.limits, timer, connector)?;
    WebSocket::handshake_within(stream, request, Arc::clone(config), timer.clone())
        .map_err(|error| (ConnectStep::Handshake, error.of_tls()))
}

/// The stream that the URL leads to.
fn stream_to(
    request: &ClientRequest,
    limits: &Limits,
    timer: &Timer,
    connector: &Connector,
) -> Result<TcpOrTls, (ConnectStep, Error)> {
    let at = |step| move |error| (step, error);
    let socket = match connector.proxy_to_use() {
        Some(proxy) => through(proxy, request, limits, timer).map_err(at(ConnectStep::Proxy))?,
        None => {
            dial(request.dial_host(), request.port(), timer).map_err(at(ConnectStep::Address))?
        }
    };
    if !request.is_secure() {
        return Ok(TcpOrTls::Tcp(socket));
    }
    let stream = shake_hands(socket, request.dial_host(), timer, connector);
    Ok(TcpOrTls::Tls(stream.map_err(at(ConnectStep::Tls))?))
}

/// TLS with a server that must have a certificate for `host`.
fn shake_hands(
    socket: TcpStream,
    host: &str,
    timer: &Timer,
    connector: &Connector,
) -> Result<TlsStream, Error> {
    let stream = TlsStream::client(socket, connector.tls_config()?, host)?;
    let mut stream = Timed::new(stream, timer.clock().clone());
    let mut rx = RecvBuffer::new();
    while stream.get().is_handshaking() {
        read(&mut stream, &mut rx, timer).map_err(Error::of_tls)?;
    }
    write(&mut stream, &mut SendQueue::new(), timer)?;
    // It has not been asked for anything yet.
    if rx.is_empty() {
        Ok(stream.into_inner())
    } else {
        Err(HandshakeError::PrematureAnswer.into())
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
