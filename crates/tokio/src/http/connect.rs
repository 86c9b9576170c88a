//! The client's side of HTTP/2 (RFC 8441).

use super::Upgraded;
use crate::{Error, Parts, Unopened, WebSocket};
use ::http::{Method, Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Masks, RecvBuffer};
use std::io;
use std::sync::Arc;
use tokio::time::timeout;

/// What a server answered to an extended CONNECT.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the usual one is not boxed")]
pub enum Answer {
    /// The connection is open.
    Open(WebSocket<Upgraded>, Response<()>),
    /// The server did not accept. Its body has not been read.
    Refused(Response<Incoming>),
}

/// Opens a WebSocket on a connection of HTTP/2, beside whatever else it carries: an extended CONNECT (RFC 8441). The body `B` of the
/// connection's requests is empty here.
///
/// The connection goes on by itself: have a task poll what hyper returned beside `sender`. Its scheme, host and port are not
/// those of `request` but those that it was made with.
///
/// The server must have said that it knows extended CONNECT, or it ends the stream with an error: [`open_http2`](super::open_http2()) waits for that. Who
/// has a connection of hyper already asks its `is_extended_connect_protocol_enabled`.
///
/// ```no_run
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use sansio_ws::handshake::ClientRequest;
/// use sansio_ws::{Config, deadlines::Timeouts};
/// use sansio_ws_tokio::http::{Answer, connect, open_http2};
/// use tokio::net::TcpStream;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let timeouts = Timeouts::default();
/// let stream = TcpStream::connect("127.0.0.1:9003").await?; // or TLS over one, with h2 by ALPN
/// let mut sender = open_http2::<_, Empty<Bytes>>(stream, timeouts).await?;
///
/// let request = ClientRequest::new("ws://127.0.0.1:9003/chat")?;
/// match connect(&mut sender, &request, Config::default(), timeouts).await? {
///     Answer::Open(mut socket, _) => socket.send_text("hello").await?,
///     Answer::Refused(response) => println!("{}", response.status()),
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Handshake`]: the server chose what was not offered. [`Error::Unopened`]: [`Timeouts::opening`] has passed.
/// [`Error::Io`]: hyper has failed, or the server does not know extended CONNECT and has ended the stream.
#[doc(alias("HTTP/2", "h2", "RFC 8441"))]
pub async fn connect<B>(
    sender: &mut SendRequest<B>,
    request: &ClientRequest,
    config: impl Into<Arc<Config>>,
    timeouts: Timeouts,
) -> Result<Answer, Error>
where
    B: Body + Default + 'static,
{
    let config = config.into();
    let asked = head::<B>(request, &config)?;
    let sent = async { sender.send_request(asked).await.map_err(io::Error::other) };
    let mut response = match timeouts.opening {
        Some(time) => {
            timeout(time, sent).await.map_err(|_| Error::Unopened(Unopened::TimedOut))??
        }
        None => sent.await?,
    };
    if !response.status().is_success() {
        return Ok(Answer::Refused(response));
    }
    let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let connection =
        request.opened(response.status().as_u16(), headers, config, Masks::from_os()?)?;
    let upgraded = hyper::upgrade::on(&mut response).await.map_err(io::Error::other)?;
    let parts = Parts { stream: Upgraded::new(upgraded), rx: RecvBuffer::new(), connection };
    let socket = WebSocket::from_parts(parts, timeouts);
    socket.link.wire.trace.peer(request);
    Ok(Answer::Open(socket, response.map(drop)))
}

fn head<B: Default>(request: &ClientRequest, config: &Config) -> Result<Request<B>, Error> {
    let scheme = if request.is_secure() { "https" } else { "http" };
    let mut head = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{}{}", request.authority(), request.target()))
        .extension(Protocol::from_static("websocket"));
    for (name, value) in request.connect_headers(config) {
        head = head.header(name, value);
    }
    Ok(head.body(B::default()).map_err(io::Error::other)?)
}
