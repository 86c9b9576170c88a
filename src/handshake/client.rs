//! The client's side of the opening handshake (RFC 6455, section 4.1).

#![warn(clippy::indexing_slicing)]

use super::accept::Base64;
use super::client_request::ClientRequest;
use super::error::HandshakeError;
use super::headers::{Name, lists};
use super::offer::ClientOffer;
use super::received_response::{FinalAnswer, ReceivedResponse, ResponseReceiver};
use super::response_head::ResponseHead;
use crate::connection::{Config, Connection, Role};
use crate::entropy::Masks;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// Sends a request and receives the answer (RFC 6455, section 4.1), in whatever pieces it comes.
///
/// ```
/// use sansio_ws::handshake::{Answer, ClientHandshake, ClientRequest, basic_authorization};
/// use sansio_ws::{Config, RecvBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut request = ClientRequest::new("ws://example.com/chat")?;
/// let mut handshake = ClientHandshake::new(&request, Config::default())?;
/// let mut socket = Vec::new(); // or any other `Write`
/// while !handshake.outgoing().is_empty() {
///     handshake.outgoing().write_to(&mut socket)?;
/// }
/// assert!(socket.starts_with(b"GET /chat HTTP/1.1\r\n"));
///
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
/// match handshake.receive(&mut rx)? {
///     Some(Answer::Refused(response)) if response.status == 401 => {
///         let authorization = basic_authorization("user", "password")?;
///         request = request.header("Authorization", &authorization)?; // for another handshake
///     }
///     Some(Answer::Open(_connection, _head)) => {} // frames that came along are in `rx`
///     _ => return Err("refused, or not complete".into()),
/// }
/// # Ok(()) }
/// ```
#[doc(alias("client", "connect"))]
#[derive(Debug)]
pub struct ClientHandshake {
    queue: SendQueue,
    responses: ResponseReceiver,
    accept: Base64<28>,
    offer: ClientOffer,
    config: Arc<Config>,
    /// Taken by the connection.
    masks: Option<Masks>,
}

impl ClientHandshake {
    /// Starts a handshake: [`outgoing`](Self::outgoing) has the request. Nonce and masks come
    /// from the operating system.
    ///
    /// # Errors
    ///
    /// [`EntropyError`](crate::EntropyError) when it has no random bytes.
    #[cfg(feature = "std")]
    pub fn new(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
    ) -> Result<Self, crate::entropy::EntropyError> {
        let nonce = crate::entropy::nonce()?;
        Ok(Self::with_entropy(request, config, nonce, Masks::from_os()?))
    }

    /// Starts a handshake with entropy from elsewhere. `nonce` must be fresh random bytes for
    /// every handshake (RFC 6455, section 4.1, item 7).
    #[must_use]
    pub fn with_entropy(
        request: &ClientRequest,
        config: impl Into<Arc<Config>>,
        nonce: [u8; 16],
        masks: Masks,
    ) -> Self {
        let config = config.into();
        let key = Base64::key(nonce);
        let offer = ClientOffer::new(&request.subprotocols, &config);
        Self {
            queue: SendQueue::holding(request.encode(&key, &offer)),
            responses: ResponseReceiver::new(&config.limits, |status| status == b"101"),
            accept: key.answer(),
            offer,
            config,
            masks: Some(masks),
        }
    }

    /// The bytes to write to the transport: the request, and nothing until the answer has come
    /// (RFC 6455, section 4.1).
    pub fn outgoing(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    /// Looks at the bytes in `rx`. `None` means that more are needed; an answer is consumed and
    /// returned. Bytes behind it stay in `rx`: frames for the connection, or what follows a refusal.
    /// Interim answers (1xx) are passed over.
    ///
    /// A refusal is returned with its body, of which at most
    /// [`Limits::max_refusal_bytes`](crate::Limits::max_refusal_bytes) are kept. When the stream ends
    /// before, call [`receive_eof`](Self::receive_eof), when time is up [`cut`](Self::cut).
    ///
    /// # Errors
    ///
    /// Fatal: the answer is no HTTP response, goes over a limit, or switches protocols in a way
    /// that RFC 6455, section 4.1, forbids.
    pub fn receive<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Answer<'b>>, HandshakeError> {
        match self.responses.receive(rx)? {
            None => Ok(None),
            Some(FinalAnswer::Refused(response)) => Ok(Some(Answer::Refused(response))),
            Some(FinalAnswer::Accepted(head)) => {
                let connection = self.open(&head)?;
                Ok(Some(Answer::Open(connection, head)))
            }
        }
    }

    /// The stream has ended. Returns a refusal whose head has arrived, with its body as far as that
    /// did.
    pub fn receive_eof(&mut self) -> Option<Box<ReceivedResponse>> {
        self.responses.receive_eof()
    }

    /// Time is up, or the stream was cut off. Returns a refusal whose head has arrived, with its body
    /// as far as that did, marked as cut.
    pub fn cut(&mut self) -> Option<Box<ReceivedResponse>> {
        self.responses.cut()
    }

    /// RFC 6455, section 4.1, the checks of the server's answer. It ends with its head, whatever that
    /// says of a body (N145).
    fn open(&mut self, response: &ResponseHead<'_>) -> Result<Connection, HandshakeError> {
        let masks = self.masks.take().ok_or(HandshakeError::Finished)?;
        let headers = response.headers();
        // N17
        if !self.queue.is_empty() {
            return Err(HandshakeError::PrematureAnswer);
        }
        // N24
        if response.minor_version() != 1 {
            return Err(HandshakeError::HttpVersion);
        }
        // N19
        let upgrade = headers.single(Name::Upgrade)?.unwrap_or_default();
        if !upgrade.eq_ignore_ascii_case(b"websocket") {
            return Err(HandshakeError::MissingUpgrade);
        }
        // N20
        if !lists(headers.values(Name::Connection), "upgrade") {
            return Err(HandshakeError::MissingConnectionUpgrade);
        }
        // N21, N25
        if headers.single(Name::Accept)? != Some(self.accept.as_str().as_bytes()) {
            return Err(HandshakeError::InvalidAccept);
        }
        self.offer.open(headers, Role::Client(masks), Arc::clone(&self.config))
    }
}

/// What the server answered.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the usual one is not boxed")]
pub enum Answer<'b> {
    /// The connection is open.
    Open(Connection, ResponseHead<'b>),
    /// The server did not switch protocols.
    Refused(Box<ReceivedResponse>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    fn receive(answer: &[u8], piece: usize) -> Result<Option<u16>, HandshakeError> {
        let request = ClientRequest::new("ws://example.com/").unwrap();
        let masks = Masks::new(|| [0; 4]);
        let mut handshake =
            ClientHandshake::with_entropy(&request, Config::default(), *b"the sample nonce", masks);
        let sent = handshake.outgoing().remaining();
        handshake.outgoing().advance(sent);
        let mut rx = RecvBuffer::new();
        for piece in answer.chunks(piece) {
            rx.extend_from_slice(piece);
            match handshake.receive(&mut rx)? {
                Some(Answer::Open(_, head)) => return Ok(Some(head.status())),
                Some(Answer::Refused(refusal)) => return Ok(Some(refusal.status)),
                None => {}
            }
        }
        Ok(handshake.receive_eof().map(|refusal| refusal.status))
    }

    #[test]
    fn an_interim_answer_is_recognised_by_its_own_head_only() {
        for piece in [1, 1000] {
            // The bytes behind this head, at the place of a status, look like an interim one.
            let answer = b" \r\n\r\n1\xa9) 1\r\n11";
            assert_eq!(receive(answer, piece), Err(HandshakeError::HttpVersion));
            let answer = b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 404 \r\n\r\n";
            assert_eq!(receive(answer, piece), Ok(Some(404)));
        }
    }

    #[test]
    fn an_interim_answer_has_to_be_http() {
        for head in ["NO HTTP! 100", "HTTP/2.0 100", "HTTP/1.1 1xx", "HTTP/1.1 100\r\nno colon"] {
            let answer = alloc::format!("{head}\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n");
            assert!(receive(answer.as_bytes(), 1000).is_err(), "{head}");
        }
    }
}
