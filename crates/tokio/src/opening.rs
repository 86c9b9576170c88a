//! From a stream to an open connection, in both roles.
//!
//! What connects a stream first, by a URL, is built upon [`Opening`]: one timer bounds all of it.

use crate::input::Input;
use crate::timer::Timer;
use crate::wire::Wire;
use crate::{Error, Unopened, WebSocket};
use core::future::poll_fn;
use core::task::Poll;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    self, Acceptance, ClientHandshake, ClientRequest, HandshakeError, OriginPolicy,
    ReceivedResponse, Request, Response, ServerHandshake,
};
use sansio_ws::{Config, Connection, Limits, RecvBuffer, SendQueue};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Accepts a client: receives its request, checks it, and answers. Requests that are no handshake, or a bad one, get
    /// the fitting HTTP error.
    ///
    /// For subprotocols, further headers, or pages for browsers see [`accept_with`](Self::accept_with).
    ///
    /// # Errors
    ///
    /// Fatal: the stream is dropped. The client has been answered already.
    #[doc(alias = "accept_async")]
    pub async fn accept(
        stream: S,
        origin: OriginPolicy<'_>,
        config: impl Into<Arc<Config>>,
        timeouts: impl Into<Arc<Timeouts>>,
    ) -> Result<Self, Error> {
        let config = config.into();
        let shared = Arc::clone(&config);
        let decide = move |request: &Request<'_>| -> Result<Connection, Response> {
            let upgrade = request.upgrade(origin)?;
            Ok(upgrade.accept(&Acceptance::default(), shared)?)
        };
        Box::pin(Opening::new(stream, timeouts.into()).accept(&config.limits, decide)).await
    }

    /// Accepts a client as `decide` says: with the connection made by
    /// [`Upgrade::accept`](sansio_ws::handshake::Upgrade::accept), or not, with a plain response.
    ///
    /// Of `limits`, those for handshakes apply.
    ///
    /// # Errors
    ///
    /// Fatal: the stream is dropped. [`Error::Responded`] when `decide` chose a plain response; it has been written.
    #[doc(alias("accept_hdr", "accept_hdr_async", "verifyClient", "Upgrader", "subprotocol"))]
    pub async fn accept_with(
        stream: S,
        limits: &Limits,
        timeouts: impl Into<Arc<Timeouts>>,
        decide: impl FnOnce(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<Self, Error> {
        Box::pin(Opening::new(stream, timeouts.into()).accept(limits, decide)).await
    }

    /// Opens a connection as a client over a stream that is connected already: TCP, TLS, or a tunnel through a
    /// [proxy](sansio_ws::handshake::ProxyConnect).
    ///
    /// For a `wss` URL connect to [`dial_host`](ClientRequest::dial_host) and [`port`](ClientRequest::port), and let a TLS
    /// library shake hands there and check the certificate.
    ///
    /// # Errors
    ///
    /// Fatal: the stream is dropped.
    #[doc(alias("tls", "rustls", "wss", "client", "client_async"))]
    pub async fn connect(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: impl Into<Arc<Timeouts>>,
    ) -> Result<Self, Error> {
        Self::handshake(stream, request, config, timeouts).await?.into_socket()
    }

    /// Opens a connection as [`connect`](Self::connect) does, and hands out the answer of the server. With a refusal comes its
    /// body, and the stream.
    ///
    /// A refusal is awaited to the end of its body, within [`Timeouts::opening`]; of that at most
    /// [`Limits::max_refusal_bytes`] are kept.
    ///
    /// # Errors
    ///
    /// Fatal, and the stream is lost: there is no answer, or it is no acceptable handshake.
    pub async fn handshake(
        stream: S,
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        timeouts: impl Into<Arc<Timeouts>>,
    ) -> Result<Answer<S>, Error> {
        let handshake = ClientHandshake::new(request, config)?;
        let answer = Box::pin(Opening::new(stream, timeouts.into()).connect(handshake)).await?;
        if let Answer::Open(socket, _) = &answer {
            socket.link.wire.trace.peer(request);
        }
        Ok(answer)
    }
}

/// What a server answered to the request of a client.
#[derive(Debug)]
pub enum Answer<S> {
    /// The connection is open. The head of the answer has no body.
    Open(WebSocket<S>, Box<ReceivedResponse>),
    /// The server did not switch protocols.
    Refused {
        /// What it said: a redirect, a demand for authentication, an error.
        response: Box<ReceivedResponse>,
        /// The stream. It may serve another request if the response [is not cut](ReceivedResponse::is_cut) and its
        /// `Connection` does not list `close`.
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

/// A stream on which a handshake is under way. Its futures are boxed: a task is as large as the largest state of its
/// future, and most of the time it is not this one.
struct Opening<S> {
    wire: Wire<S>,
    input: Input,
    timer: Timer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    fn new(stream: S, timeouts: Arc<Timeouts>) -> Self {
        Self { wire: Wire::new(stream), input: Input::default(), timer: Timer::new(timeouts) }
    }

    async fn accept(
        mut self,
        limits: &Limits,
        decide: impl FnOnce(&Request<'_>) -> Result<Connection, Response>,
    ) -> Result<WebSocket<S>, Error> {
        let mut handshake = ServerHandshake::new(limits);
        let mut decide = Some(decide);
        let decision = loop {
            match (handshake.receive(self.input.buffer()), &mut decide) {
                (Ok(None), _) => {}
                (Ok(Some(request)), decide) => {
                    let decide = decide.take().ok_or(HandshakeError::Finished)?;
                    break decide(&request).map_err(|response| {
                        let error = Error::Responded(response.status());
                        (request.respond(&response.keep_alive(false)), error)
                    });
                }
                (Err(error), _) => break Err((error.response().encode(), error.into())),
            }
            self.read().await?;
        };
        match decision {
            Ok(mut connection) => {
                self.write(connection.outgoing()).await?;
                Ok(self.opened(connection))
            }
            Err((response, error)) => {
                self.refuse(&response).await?;
                Err(error)
            }
        }
    }

    async fn connect(mut self, mut handshake: ClientHandshake) -> Result<Answer<S>, Error> {
        self.write(handshake.outgoing()).await?;
        let response = loop {
            match handshake.receive(self.input.buffer())? {
                None => {}
                Some(handshake::Answer::Open(connection, head)) => {
                    let response = Box::new(head.to_response());
                    return Ok(Answer::Open(self.opened(connection), response));
                }
                Some(handshake::Answer::Refused(response)) => break response,
            }
            if let Err(error) = self.read().await {
                let refusal = match error {
                    Error::Unopened(Unopened::Ended | Unopened::TruncatedHead) => {
                        handshake.receive_eof()
                    }
                    _ => handshake.cut(),
                };
                break refusal.ok_or(error)?;
            }
        };
        let Self { wire, input, .. } = self;
        Ok(Answer::Refused { response, stream: wire.into_stream(), rx: input.into_buffer() })
    }

    fn opened(mut self, connection: Connection) -> WebSocket<S> {
        self.timer.opened();
        let Self { wire, input, timer } = self;
        WebSocket::opened(wire, input, connection, timer)
    }

    /// Answers with a plain response, and waits until the client has got it: closing with unread input could destroy the
    /// response on its way.
    async fn refuse(&mut self, response: &[u8]) -> Result<(), Error> {
        let mut queue = SendQueue::new();
        queue.push(response);
        self.write(&mut queue).await?;
        poll_fn(|cx| {
            self.timer.begin_poll();
            match self.wire.poll_shutdown(cx) {
                Poll::Ready(result) => Poll::Ready(result.map_err(Error::from)),
                Poll::Pending => self.poll_timed_out(cx),
            }
        })
        .await?;
        self.input.buffer().clear();
        while self.read().await.is_ok() {
            self.input.buffer().clear();
        }
        Ok(())
    }

    /// Reads once.
    async fn read(&mut self) -> Result<(), Error> {
        let was_empty = self.input.held().is_none_or(RecvBuffer::is_empty);
        let read = poll_fn(|cx| {
            self.timer.begin_poll();
            if self.timer.due().is_some() {
                return Poll::Ready(Err(Error::Unopened(Unopened::TimedOut)));
            }
            self.input.resume();
            let read = self.wire.poll_read(self.input.buffer(), usize::MAX, cx);
            match read {
                Poll::Ready(read) => Poll::Ready(read.map_err(failed)),
                Poll::Pending => {
                    self.input.release(self.timer.tokio_now());
                    self.poll_timed_out(cx)
                }
            }
        })
        .await?;
        match read {
            0 if was_empty => Err(Error::Unopened(Unopened::Ended)),
            0 => Err(Error::Unopened(Unopened::TruncatedHead)),
            _ => Ok(()),
        }
    }

    /// Writes all of `queue`.
    async fn write(&mut self, queue: &mut SendQueue) -> Result<(), Error> {
        poll_fn(|cx| {
            self.timer.begin_poll();
            match self.wire.poll_write_queue(queue, &mut self.timer, cx) {
                Poll::Ready(written) => Poll::Ready(written.map_err(failed)),
                Poll::Pending => self.poll_timed_out(cx),
            }
        })
        .await
    }

    /// Time is up for the handshake.
    fn poll_timed_out<T>(&mut self, cx: &mut core::task::Context<'_>) -> Poll<Result<T, Error>> {
        self.timer.poll_due(cx).map(|()| Err(Error::Unopened(Unopened::TimedOut)))
    }
}

fn failed(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => Error::Unopened(Unopened::CutOff),
        _ => error.into(),
    }
}
