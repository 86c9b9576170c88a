//! From a stream to an open connection, in both roles.

use super::WebSocket;
use super::error::{Error, Unopened};
use super::stream::Stream;
use super::timed::{CallResult, Timed, is_timeout};
use super::timer::{SHORTEST_WAIT, Timer};
use crate::connection::{Config, Connection};
use crate::deadlines::Timeouts;
use crate::handshake::{
    self, Acceptance, ClientHandshake, ClientRequest, HandshakeError, OriginPolicy,
    ReceivedResponse, Request, Response, ServerHandshake,
};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

impl<S: Stream> WebSocket<S> {
    /// Accepts a client: receives its request, checks it, and answers. Requests that are no
    /// handshake, or a bad one, get the fitting HTTP error.
    ///
    /// For subprotocols, further headers, or pages for browsers see
    /// [`accept_with`](Self::accept_with).
    ///
    /// # Errors
    ///
    /// Fatal: drop the stream. The client has been answered already.
    pub fn accept(
        stream: S,
        origin: OriginPolicy<'_>,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        let config = config.into();
        Self::accept_with(stream, &config.limits, timeouts, |request| {
            let upgrade = request.upgrade(origin)?;
            Ok(upgrade.accept(&Acceptance::default(), Arc::clone(&config))?)
        })
    }

    /// Accepts a client as `decide` says: with the connection made by
    /// [`Upgrade::accept`](crate::handshake::Upgrade::accept), or not, with a plain response.
    ///
    /// Of `limits`, those for handshakes apply.
    ///
    /// # Errors
    ///
    /// Fatal: drop the stream. [`Error::Responded`] when `decide` chose a plain response; it has
    /// been written.
    #[doc(alias("accept_hdr", "verifyClient", "Upgrader", "subprotocol"))]
    pub fn accept_with(
        stream: S,
        limits: &Limits,
        timeouts: Timeouts,
        decide: impl FnOnce(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<Self, Error> {
        let mut timer = Timer::new(timeouts);
        let mut stream = Timed::new(stream, timer.clock().clone());
        let mut rx = RecvBuffer::new();
        let mut handshake = ServerHandshake::new(limits);
        let mut decide = Some(decide);
        let decision = loop {
            match (handshake.receive(&mut rx), &mut decide) {
                (Ok(None), _) => read(&mut stream, &mut rx, &timer)?,
                (Ok(Some(request)), decide) => {
                    let decide = decide.take().ok_or(HandshakeError::Finished)?;
                    break decide(&request).map_err(|response| {
                        let error = Error::Responded(response.status());
                        (request.respond(&response.keep_alive(false)), error)
                    });
                }
                (Err(error), _) => break Err((error.response().encode(), error.into())),
            }
        };
        match decision {
            Ok(mut connection) => {
                write(&mut stream, connection.outgoing(), &timer)?;
                timer.opened();
                Ok(Self::opened(stream, rx, connection, timer))
            }
            Err((response, error)) => {
                let mut queue = SendQueue::holding(response);
                write(&mut stream, &mut queue, &timer)?;
                if stream.shutdown_write()? {
                    drain(&mut stream, &mut rx, &timer);
                }
                Err(error)
            }
        }
    }

    /// Opens a connection as a client over a stream that is connected already, for example a TLS
    /// stream.
    ///
    /// For a `wss` URL connect to [`dial_host`](ClientRequest::dial_host) and
    /// [`port`](ClientRequest::port), let a TLS library shake hands there and check the certificate, and
    /// wrap its stream as [`Stream`] shows. Through a proxy, before TLS:
    /// [`ProxyConnect`](crate::handshake::ProxyConnect).
    ///
    /// # Errors
    ///
    /// Fatal: drop the stream.
    #[doc(alias("tls", "rustls", "wss", "client", "proxy"))]
    pub fn connect(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        Self::handshake(stream, request, config, timeouts)?.into_socket()
    }

    /// Opens a connection as [`connect`](Self::connect) does, and hands out the answer of the server.
    /// With a refusal comes its body, and the stream.
    ///
    /// A refusal is awaited to the end of its body, within [`Timeouts::opening`]; of that at most
    /// [`Limits::max_refusal_bytes`] are kept.
    ///
    /// # Errors
    ///
    /// Fatal, and the stream is lost: there is no answer, or it is no acceptable handshake.
    pub fn handshake(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Answer<S>, Error> {
        Self::handshake_within(stream, request, config, Timer::new(timeouts))
    }

    pub(super) fn handshake_within(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        mut timer: Timer,
    ) -> Result<Answer<S>, Error> {
        let mut stream = Timed::new(stream, timer.clock().clone());
        let mut rx = RecvBuffer::new();
        let mut handshake = ClientHandshake::new(request, config)?;
        write(&mut stream, handshake.outgoing(), &timer)?;
        let response = loop {
            match handshake.receive(&mut rx)? {
                None => {}
                Some(handshake::Answer::Open(connection, head)) => {
                    let response = Box::new(head.to_response());
                    timer.opened();
                    let socket = Self::opened(stream, rx, connection, timer);
                    return Ok(Answer::Open(socket, response));
                }
                Some(handshake::Answer::Refused(response)) => break response,
            }
            if let Err(error) = read(&mut stream, &mut rx, &timer) {
                let refusal = match error {
                    Error::Unopened(Unopened::Ended | Unopened::TruncatedHead) => {
                        handshake.receive_eof()
                    }
                    _ => handshake.cut(),
                };
                break refusal.ok_or(error)?;
            }
        };
        Ok(Answer::Refused { response, stream: stream.into_inner(), rx })
    }
}

/// What a server answered to the request of a client.
///
/// ```
/// use sansio_ws::blocking::{Answer, WebSocket};
/// use sansio_ws::handshake::ClientRequest;
/// use sansio_ws::{Config, deadlines::Timeouts};
/// use std::io::Write;
/// use std::net::{TcpListener, TcpStream};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let stream = TcpStream::connect(listener.local_addr()?)?;
/// let (mut server, _) = listener.accept()?;
/// server.write_all(b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n")?;
///
/// let request = ClientRequest::new("ws://example.com/")?;
/// match WebSocket::handshake(stream, &request, Config::default(), Timeouts::default())? {
///     Answer::Open(mut socket, _head) => socket.send_text("hello")?,
///     Answer::Refused { response, .. } => {
///         assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the usual one is not boxed")]
pub enum Answer<S> {
    /// The connection is open. The head of the answer has no body.
    Open(WebSocket<S>, Box<ReceivedResponse>),
    /// The server did not switch protocols.
    Refused {
        /// What it said: a redirect, a demand for authentication, an error.
        response: Box<ReceivedResponse>,
        /// The stream. It may serve another request if the response
        /// [is not cut](ReceivedResponse::is_cut) and its `Connection` does not list `close`.
        stream: S,
        /// The bytes that were read behind the response.
        rx: RecvBuffer,
    },
}

impl<S> Answer<S> {
    /// The connection, if it is open.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`]; the stream is dropped.
    pub fn into_socket(self) -> Result<WebSocket<S>, Error> {
        match self {
            Self::Open(socket, _) => Ok(socket),
            Self::Refused { response, .. } => Err(Error::Refused(response)),
        }
    }
}

impl WebSocket<TcpStream> {
    /// Connects to the host of a `ws` or `http` URL and opens a connection.
    ///
    /// [`Timeouts::opening`] bounds all of it: to look up the name, which goes on in a thread of its own
    /// when time is up, since the system cannot be interrupted; then each address gets the time that
    /// remains divided by the addresses left, and the handshake what they leave.
    ///
    /// # Errors
    ///
    /// [`Error::Secure`] for a `wss` or `https` URL: that is for
    #[cfg_attr(feature = "rustls", doc = "[`blocking::connect`](super::connect),")]
    #[cfg_attr(not(feature = "rustls"), doc = "`blocking::connect` of the feature `rustls`,")]
    /// or connect a TLS stream of your own and use [`connect`](Self::connect). Otherwise as for
    /// [`connect`](Self::connect).
    #[doc(alias("connect", "client"))]
    pub fn open(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(Error::Secure);
        }
        let timer = Timer::new(timeouts);
        let stream = dial(request.dial_host(), request.port(), &timer)?;
        Self::handshake_within(stream, request, config, timer)?.into_socket()
    }
}

/// Looks up a name and connects to the first of its addresses that can be reached.
pub(super) fn dial(host: &str, port: u16, timer: &Timer) -> Result<TcpStream, Error> {
    let addresses = look_up(host, port, timer)?;
    let stream = connect_any(&addresses, timer, |address, wait| match wait {
        Some(wait) => TcpStream::connect_timeout(address, wait),
        None => TcpStream::connect(address),
    })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn look_up(host: &str, port: u16, timer: &Timer) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let host = String::from(host);
    let look_up = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
    let Some(wait) = timer.remaining() else { return look_up().map_err(Error::Io) };
    let (sender, receiver) = mpsc::channel();
    // Nobody listens any more when it comes too late.
    thread::Builder::new().spawn(move || drop(sender.send(look_up())))?;
    match receiver.recv_timeout(wait) {
        Ok(found) => found.map_err(Error::Io),
        Err(_) => Err(Error::Unopened(Unopened::TimedOut)),
    }
}

/// Connects to the first address that can be reached, or tells how the last one failed.
pub(super) fn connect_any<S>(
    addresses: &[SocketAddr],
    timer: &Timer,
    mut connect: impl FnMut(&SocketAddr, Option<Duration>) -> io::Result<S>,
) -> Result<S, Error> {
    let mut failure = None;
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        if timer.due().is_some() {
            return Err(failure.unwrap_or(Error::Unopened(Unopened::TimedOut)));
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let wait = timer.remaining().map(|remaining| (remaining / left).max(SHORTEST_WAIT));
        match connect(address, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = Some(error.into()),
        }
    }
    Err(failure.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "the host has no address").into()
    }))
}

pub(super) fn read<S: Stream>(
    stream: &mut Timed<S>,
    rx: &mut RecvBuffer,
    timer: &Timer,
) -> Result<(), Error> {
    if !stream.is_flushed() {
        write(stream, &mut SendQueue::new(), timer)?;
    }
    if timer.due().is_some() {
        return Err(Error::Unopened(Unopened::TimedOut));
    }
    match stream.read(rx, usize::MAX, timer.remaining()) {
        Ok(CallResult::Bytes(0, _)) if rx.is_empty() => Err(Error::Unopened(Unopened::Ended)),
        Ok(CallResult::Bytes(0, _)) => Err(Error::Unopened(Unopened::TruncatedHead)),
        Ok(_) => Ok(()),
        result => check(result, timer).inspect_err(|_| stream.say_why()),
    }
}

pub(super) fn write<S: Stream>(
    stream: &mut Timed<S>,
    queue: &mut SendQueue,
    timer: &Timer,
) -> Result<(), Error> {
    while !queue.is_empty() || !stream.is_flushed() {
        if timer.due().is_some() {
            return Err(Error::Unopened(Unopened::TimedOut));
        }
        check(stream.write(queue, timer.remaining()), timer)?;
    }
    Ok(())
}

fn check(result: io::Result<CallResult>, timer: &Timer) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        // Time is up, whoever set the timeout.
        Err(error) if is_timeout(&error) && timer.due().is_some() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Error::Unopened(Unopened::CutOff))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads until the client has got the response and ended its direction, or time is up: closing
/// with unread input could destroy the response on its way.
fn drain<S: Stream>(stream: &mut Timed<S>, rx: &mut RecvBuffer, timer: &Timer) {
    rx.clear();
    while read(stream, rx, timer).is_ok() {
        rx.clear();
    }
}
