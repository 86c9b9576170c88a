//! From a stream to an open connection, in both roles.

use super::WebSocket;
use super::error::{Error, Refused};
use super::stream::{Stream, Timed, Timer};
use crate::connection::{Config, Connection};
use crate::deadlines::Timeouts;
use crate::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, OriginPolicy, Refusal, Request, Response,
    ServerHandshake,
};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::net::{TcpStream, ToSocketAddrs};

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
    pub fn accept_with(
        stream: S,
        limits: &Limits,
        timeouts: Timeouts,
        decide: impl FnOnce(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<Self, Error> {
        let mut stream = Timed::new(stream);
        let mut rx = RecvBuffer::new();
        let mut timer = Timer::new(timeouts);
        let mut handshake = ServerHandshake::new(limits);
        let mut decide = Some(decide);
        let (decision, error) = loop {
            match handshake.receive(&mut rx) {
                Ok(None) => read(&mut stream, &mut rx, &mut timer)?,
                Ok(Some(request)) => {
                    let Some(decide) = decide.take() else { return Err(Error::Unopened) };
                    break match decide(&request) {
                        Ok(connection) => (Ok(connection), None),
                        Err(response) => {
                            let error = Error::Responded(response.status());
                            (Err(request.respond(&response)), Some(error))
                        }
                    };
                }
                Err(error) => break (Err(error.response().encode()), Some(error.into())),
            }
        };
        match decision {
            Ok(mut connection) => {
                write(&mut stream, connection.outgoing(), &mut timer)?;
                timer.opened();
                Ok(Self::opened(stream, rx, connection, timer))
            }
            Err(response) => {
                let mut queue = SendQueue::new();
                queue.staging().extend_from_slice(&response);
                write(&mut stream, &mut queue, &mut timer)?;
                if stream.shutdown_write()? {
                    drain(&mut stream, &mut rx, &mut timer);
                }
                Err(error.unwrap_or(Error::Unopened))
            }
        }
    }

    /// Opens a connection as a client over a stream that is connected already, for example a TLS
    /// stream.
    ///
    /// # Errors
    ///
    /// Fatal: drop the stream.
    pub fn connect(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        let mut stream = Timed::new(stream);
        let mut rx = RecvBuffer::new();
        let mut timer = Timer::new(timeouts);
        let mut handshake = ClientHandshake::new(request, config)?;
        write(&mut stream, handshake.outgoing(), &mut timer)?;
        let connection = loop {
            match handshake.receive(&mut rx)? {
                None => read(&mut stream, &mut rx, &mut timer)?,
                Some(Answer::Open(connection, _)) => break connection,
                Some(Answer::Refused(refusal)) => return Err(refused(&refusal)),
            }
        };
        timer.opened();
        Ok(Self::opened(stream, rx, connection, timer))
    }
}

impl WebSocket<TcpStream> {
    /// Connects to the host of a `ws` URL and opens a connection.
    ///
    /// # Errors
    ///
    /// [`Error::Secure`] for a `wss` URL: connect a TLS stream and use
    /// [`connect`](Self::connect). Otherwise as for [`connect`](Self::connect).
    pub fn open(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: Timeouts,
    ) -> Result<Self, Error> {
        if request.is_secure() {
            return Err(Error::Secure);
        }
        let host = request.host().trim_start_matches('[').trim_end_matches(']');
        let mut failure = Error::Unopened;
        for address in (host, request.port()).to_socket_addrs()? {
            let connected = match timeouts.opening {
                Some(timeout) => TcpStream::connect_timeout(&address, timeout),
                None => TcpStream::connect(address),
            };
            match connected {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Self::connect(stream, request, config, timeouts);
                }
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }
}

fn read<S: Stream>(
    stream: &mut Timed<S>,
    rx: &mut RecvBuffer,
    timer: &mut Timer,
) -> Result<(), Error> {
    match stream.read(rx, timer)? {
        Some(0) => Err(Error::Unopened),
        None if timer.opening_is_over() => Err(Error::Unopened),
        _ => Ok(()),
    }
}

fn write<S: Stream>(
    stream: &mut Timed<S>,
    queue: &mut SendQueue,
    timer: &mut Timer,
) -> Result<(), Error> {
    while !queue.is_empty() || !stream.is_flushed() {
        if stream.write(queue, timer)?.is_none() && timer.opening_is_over() {
            return Err(Error::Unopened);
        }
    }
    Ok(())
}

/// Reads until the client has got the response and ended its direction, or time is up: closing
/// with unread input could destroy the response on its way.
fn drain<S: Stream>(stream: &mut Timed<S>, rx: &mut RecvBuffer, timer: &mut Timer) {
    rx.clear();
    while read(stream, rx, timer).is_ok() {
        rx.clear();
    }
}

fn refused(refusal: &Refusal<'_>) -> Error {
    let headers = refusal.head.headers().iter();
    Error::Refused(Box::new(Refused {
        status: refusal.head.status(),
        reason: refusal.head.reason().into(),
        headers: headers.map(|(name, value)| (name.into(), Vec::from(value))).collect(),
        body: refusal.body.into(),
    }))
}
