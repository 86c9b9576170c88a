//! One connection of HTTP/1.1, the server's side: requests one after the other, each with its body in one piece.
//!
//! ```text
//!  rx ──▶ next_event() ──▶ Head ──▶ read_body() ──▶ next_event() ──▶ Body ──▶ respond() ──▶ outgoing() ──▶
//!                           │                                                  ▲
//!                           └──────────────── or at once, or later ────────────┘
//! ```
//!
//! The next request is read only when this one has its response (E17). So a held GET holds up what is behind
//! it, and those bytes stay in the caller's buffer.

use alloc::vec::Vec;
use core::fmt;
use sansio_ws::handshake::{
    BodyDecoder, BodyError, BodyFraming, HandshakeError, Request, Responder, Response,
    ServerHandshake,
};
use sansio_ws::{Limits, RecvBuffer, SendQueue};

/// What has come.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub enum HttpEvent<'b> {
    /// The head of a request. Now say what is to be done: [`Http::read_body`], or [`Http::respond`], at once or
    /// later.
    Head(Request<'b>),
    /// The body that was asked for is there, whole: [`Http::body`].
    Body,
}

/// What is wrong with a request. Fatal for the connection: [`Http::respond`] with [`response`](Self::response),
/// and it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpError {
    /// The head of a request is not acceptable.
    Head(HandshakeError),
    /// A body is not acceptable.
    Body(BodyError),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for HttpError {}

impl HttpError {
    /// What to respond.
    #[must_use]
    pub fn response(&self) -> Response {
        match self {
            Self::Head(error) => error.response(),
            Self::Body(error) => error.response(),
        }
    }
}

/// The server's side of one connection.
///
/// ```
/// use sansio_engineio::http::{Http, HttpEvent};
/// use sansio_ws::handshake::{Response, Status};
/// use sansio_ws::{Limits, RecvBuffer};
///
/// let (mut http, mut rx) = (Http::new(&Limits::default()), RecvBuffer::new());
/// rx.extend_from_slice(b"POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n");
/// let Some(HttpEvent::Head(request)) = http.next_event(&mut rx)? else { return Ok(()) };
/// assert_eq!(request.path(), "/upper");
/// http.read_body(1000);
/// let Some(HttpEvent::Body) = http.next_event(&mut rx)? else { return Ok(()) };
/// let response = Response::new(Status::OK).body(http.body().to_ascii_uppercase()).keep_alive(true);
/// http.respond(&response);
/// assert!(!http.outgoing().is_empty() && !http.is_closing());
/// # Ok::<(), sansio_engineio::http::HttpError>(())
/// ```
#[derive(Debug)]
pub struct Http {
    limits: HeadLimits,
    state: State,
    output: SendQueue,
    /// The body so far, while it comes in more than one piece.
    body: Vec<u8>,
}

/// Those of the limits that bound a head. All of them are as large as the rest of a connection that is at rest.
#[derive(Debug, Clone, Copy)]
struct HeadLimits {
    bytes: usize,
    headers: usize,
}

impl HeadLimits {
    fn handshake(self) -> ServerHandshake {
        let limits = Limits::default().max_handshake_bytes(self.bytes).max_headers(self.headers);
        ServerHandshake::new(&limits)
    }
}

#[derive(Debug)]
enum State {
    Head(ServerHandshake),
    /// The head was handed out. The body, if there is one, has not been asked for.
    Asked(Asked),
    Body(BodyDecoder, Responder),
    /// All of the request is there.
    Received(Responder),
    /// It was no request. The response to it is the last one.
    Failed,
    /// Behind what is queued the connection ends.
    Closing,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    framing: BodyFraming,
    expects_continue: bool,
    responder: Responder,
}

impl Http {
    /// A connection on which nothing has come. Of the limits, those for handshakes bound each head.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let limits = HeadLimits { bytes: limits.max_handshake_bytes, headers: limits.max_headers };
        Self {
            limits,
            state: State::Head(limits.handshake()),
            output: SendQueue::new(),
            body: Vec::new(),
        }
    }

    /// What has come next. `None` if more bytes are needed, if the request is to be responded to, or if the
    /// connection [is closing](Self::is_closing).
    ///
    /// # Errors
    ///
    /// Fatal, and told once: respond, and the connection is closing.
    pub fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<HttpEvent<'b>>, HttpError> {
        match &mut self.state {
            State::Head(handshake) => match handshake.receive(rx) {
                Ok(None) => Ok(None),
                Ok(Some(request)) => {
                    self.state = State::Asked(Asked {
                        framing: request.body_framing(),
                        expects_continue: request.expects_continue(),
                        responder: request.responder(),
                    });
                    Ok(Some(HttpEvent::Head(request)))
                }
                Err(error) => {
                    self.state = State::Failed;
                    Err(HttpError::Head(error))
                }
            },
            State::Body(decoder, responder) => {
                let responder = *responder;
                loop {
                    match decoder.next_part(rx) {
                        Ok(Some(part)) => self.body.extend_from_slice(part),
                        Ok(None) if decoder.is_finished() => break,
                        Ok(None) => return Ok(None),
                        Err(error) => {
                            self.state = State::Failed;
                            return Err(HttpError::Body(error));
                        }
                    }
                }
                self.state = State::Received(responder);
                Ok(Some(HttpEvent::Body))
            }
            State::Asked(_) | State::Received(_) | State::Failed | State::Closing => Ok(None),
        }
    }

    /// Asks for the body of the request whose head has come. It may have `max_bytes` bytes. A client that waits
    /// for `100 Continue` gets it.
    pub fn read_body(&mut self, max_bytes: u64) {
        let State::Asked(asked) = self.state else { return };
        if asked.expects_continue {
            self.output.push(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.body.clear();
        self.state = State::Body(BodyDecoder::new(asked.framing, max_bytes), asked.responder);
    }

    /// The body that was read, until the request is responded to.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        match self.state {
            State::Received(_) => &self.body,
            _ => &[],
        }
    }

    /// Responds to the request whose head has come. The connection then serves the next one, if the response
    /// and the request [allow it](Request::keeps_alive) and the body of this one was read to its end; else it is closing.
    ///
    /// Without a request nothing happens.
    pub fn respond(&mut self, response: &Response) {
        let (responder, is_read) = match &self.state {
            State::Asked(asked) => {
                let is_empty = matches!(asked.framing, BodyFraming::None | BodyFraming::Length(0));
                (asked.responder, is_empty)
            }
            State::Body(_, responder) => (*responder, false),
            State::Received(responder) => (*responder, true),
            State::Failed => {
                self.output.push(&response.clone().keep_alive(false).encode());
                self.body = Vec::new();
                self.state = State::Closing;
                return;
            }
            State::Head(_) | State::Closing => return,
        };
        // What was not read would be taken for the next request.
        let responder = if is_read { responder } else { responder.closing() };
        let keeps_alive = responder.keeps_alive(response);
        self.output.push_shared(responder.respond(response).into());
        // Large bodies are rare, and connections many.
        self.body = Vec::new();
        self.state = match keeps_alive {
            true => State::Head(self.limits.handshake()),
            false => State::Closing,
        };
    }

    /// The bytes to write.
    pub fn outgoing(&mut self) -> &mut SendQueue {
        &mut self.output
    }

    /// Whether there are bytes to write.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether the [body](Self::body) that was asked for is there.
    #[must_use]
    pub const fn has_body(&self) -> bool {
        matches!(self.state, State::Received(_))
    }

    /// Whether a request waits for its response.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        let state = &self.state;
        matches!(state, State::Asked(_) | State::Body(..) | State::Received(_) | State::Failed)
    }

    /// Whether a request is under way: its head or body has begun to come, or it waits for its response.
    #[must_use]
    pub fn is_under_way(&self, rx: &RecvBuffer) -> bool {
        self.is_asked() || (!rx.is_empty() && !self.is_closing())
    }

    /// Whether the connection ends behind what is queued: end the writing direction once it is written.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing)
    }
}
