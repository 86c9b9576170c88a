//! From a stream to an open connection, in both roles.

use super::WebSocket;
use super::error::{Error, Refused};
use super::stream::Stream;
use super::timed::{Moved, Timed, is_timeout};
use super::timer::{SHORTEST, Timer};
use crate::connection::{Config, Connection};
use crate::deadlines::Timeouts;
use crate::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, OriginPolicy, Refusal, Request, Response,
    ServerHandshake,
};
use crate::io::before_opening;
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
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
        let mut timer = Timer::new(timeouts);
        let mut stream = Timed::new(stream, timer.clock().clone());
        let mut rx = RecvBuffer::new();
        let mut handshake = ServerHandshake::new(limits);
        let mut decide = Some(decide);
        let (decision, error) = loop {
            match handshake.receive(&mut rx) {
                Ok(None) => read(&mut stream, &mut rx, &timer)?,
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
                write(&mut stream, connection.outgoing(), &timer)?;
                timer.opened();
                Ok(Self::opened(stream, rx, connection, timer))
            }
            Err(response) => {
                let mut queue = SendQueue::new();
                queue.staging().extend_from_slice(&response);
                write(&mut stream, &mut queue, &timer)?;
                if stream.shutdown_write()? {
                    drain(&mut stream, &mut rx, &timer);
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
        Self::open_over(stream, request, config, Timer::new(timeouts))
    }

    fn open_over(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        mut timer: Timer,
    ) -> Result<Self, Error> {
        let mut stream = Timed::new(stream, timer.clock().clone());
        let mut rx = RecvBuffer::new();
        let mut handshake = ClientHandshake::new(request, config)?;
        write(&mut stream, handshake.outgoing(), &timer)?;
        let connection = loop {
            match handshake.receive(&mut rx)? {
                None => read(&mut stream, &mut rx, &timer)?,
                Some(Answer::Open(connection, _)) => break connection,
                Some(Answer::Refused(refusal)) => return Err(refused(&refusal)),
            }
        };
        timer.opened();
        Ok(Self::opened(stream, rx, connection, timer))
    }
}

impl WebSocket<TcpStream> {
    /// Connects to the host of a `ws` or `http` URL and opens a connection.
    ///
    /// [`Timeouts::opening`] bounds all of it from the first address on: each address gets the time
    /// that remains divided by the addresses left, and the handshake what they leave. To look the
    /// name up takes as long as the system takes, which cannot be interrupted.
    ///
    /// # Errors
    ///
    /// [`Error::Secure`] for a `wss` or `https` URL: connect a TLS stream and use
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
        let addresses: Vec<_> = (host, request.port()).to_socket_addrs()?.collect();
        let timer = Timer::new(timeouts);
        let stream = connect_any(&addresses, &timer, |address, wait| match wait {
            Some(wait) => TcpStream::connect_timeout(address, wait),
            None => TcpStream::connect(address),
        })?;
        stream.set_nodelay(true)?;
        Self::open_over(stream, request, config, timer)
    }
}

/// Connects to the first address that can be reached, or tells how the last one failed.
pub(super) fn connect_any<S>(
    addresses: &[SocketAddr],
    timer: &Timer,
    mut connect: impl FnMut(&SocketAddr, Option<Duration>) -> io::Result<S>,
) -> Result<S, Error> {
    let mut failure = Error::Unopened;
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        if timer.due().is_some() {
            return Err(failure);
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let wait = timer.remaining().map(|remaining| (remaining / left).max(SHORTEST));
        match connect(address, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

fn read<S: Stream>(stream: &mut Timed<S>, rx: &mut RecvBuffer, timer: &Timer) -> Result<(), Error> {
    if timer.due().is_some() {
        return Err(Error::Unopened);
    }
    match stream.read(rx, usize::MAX, timer.remaining()) {
        Ok(Moved::Bytes(0, _)) => Err(Error::Unopened),
        Ok(_) => Ok(()),
        result => check(result, timer),
    }
}

fn write<S: Stream>(
    stream: &mut Timed<S>,
    queue: &mut SendQueue,
    timer: &Timer,
) -> Result<(), Error> {
    while !queue.is_empty() || !stream.is_flushed() {
        if timer.due().is_some() {
            return Err(Error::Unopened);
        }
        check(stream.write(queue, timer.remaining()), timer)?;
    }
    Ok(())
}

fn check(result: io::Result<Moved>, timer: &Timer) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        // Time is up, whoever set the timeout.
        Err(error) if is_timeout(&error) && timer.due().is_some() => Ok(()),
        Err(error) => Err(before_opening(error).into()),
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

fn refused(refusal: &Refusal<'_>) -> Error {
    let headers = refusal.head.headers().iter();
    Error::Refused(Box::new(Refused {
        status: refusal.head.status(),
        reason: refusal.head.reason().into(),
        headers: headers.map(|(name, value)| (name.into(), Vec::from(value))).collect(),
        body: refusal.body.into(),
    }))
}
