//! The connections of polling, which are made as those of WebSockets are: one way through proxies and TLS for both.

use crate::program::Route;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use sansio_ws::Limits;
use sansio_ws::blocking::{Stream, TcpOrTls, connect_stream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};
use ureq::{Error, Timeout};

/// Connects to the server, whatever the URL of a request says.
#[derive(Debug)]
pub(super) struct ToServer(pub(super) Route);

impl Connector for ToServer {
    type Out = ServerTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let Route { request, connector, timeouts } = &self.0;
        let timeouts = timeouts.opening(time_to_connect(details.timeout, timeouts.opening));
        let stream = connect_stream(request, &Limits::default(), timeouts, connector)
            .map_err(|error| Error::Other(Box::new(error)))?;
        let socket = Arc::new(stream.socket().try_clone()?);
        let handle = Arc::downgrade(&socket);
        (details.register_shutdown)(handle as alloc::sync::Weak<dyn ShutdownHandle>)?;
        let (input, output) =
            (details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(ServerTransport { buffers: LazyBuffers::new(input, output), stream, socket }))
    }
}

/// Leaves names to [`ToServer`]: it may be that only a proxy knows them.
#[derive(Debug)]
pub(super) struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        Ok(self.empty())
    }
}

/// A connection to the server.
pub(super) struct ServerTransport {
    buffers: LazyBuffers,
    stream: TcpOrTls,
    /// The same socket, to be shut down by another thread.
    socket: Arc<TcpStream>,
}

impl Transport for ServerTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(time_left(timeout)?)?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        let written = self.stream.write_all(output).and_then(|()| self.stream.flush());
        written.map_err(|error| failed(error, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(time_left(timeout)?)?;
        let buffer = self.buffers.input_append_buf();
        let read = loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.map_err(|error| failed(error, timeout.reason))?,
            }
        };
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    /// Nobody has been asked for anything, so there is nothing to be read.
    fn is_open(&mut self) -> bool {
        let is_quiet = |socket: &TcpStream| {
            socket.set_nonblocking(true)?;
            let looked = socket.peek(&mut [0]);
            socket.set_nonblocking(false)?;
            Ok::<_, io::Error>(looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
        };
        is_quiet(&self.socket).unwrap_or(false)
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, TcpOrTls::Tls(_))
    }
}

/// How long connecting may take, which nobody can interrupt: no longer than an attempt may, and than the request.
fn time_to_connect(request: NextTimeout, attempt: Option<Duration>) -> Option<Duration> {
    request.not_zero().map(|time| *time).into_iter().chain(attempt).min()
}

/// How long a call may wait, if there is time left.
fn time_left(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    let has_passed = timeout.after.is_zero();
    if has_passed {
        Err(Error::Timeout(timeout.reason))
    } else {
        Ok(timeout.not_zero().map(|time| *time))
    }
}

fn failed(error: io::Error, reason: Timeout) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout(reason),
        _ => error.into(),
    }
}

impl fmt::Debug for ServerTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTransport").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::unversioned::transport::time::Duration as Time;

    /// What is told by a server, as the time of a request is, does not count for threads that cannot be woken.
    #[test]
    fn connecting_takes_no_longer_than_an_attempt_may() {
        let time = |request, attempt: Option<u64>| {
            let request = NextTimeout { after: request, ..NextTimeout::default() };
            time_to_connect(request, attempt.map(Duration::from_secs)).map(|time| time.as_secs())
        };
        assert_eq!(time(Time::from_secs(45), Some(20)), Some(20));
        assert_eq!(time(Time::NotHappening, Some(20)), Some(20));
        assert_eq!(time(Time::from_secs(7), Some(20)), Some(7));
        assert_eq!(time(Time::from_secs(7), None), Some(7));
        assert_eq!(time(Time::NotHappening, None), None);
    }
}
