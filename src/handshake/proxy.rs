//! The way through a proxy, before TLS and before the handshake (RFC 9110, section 9.3.6).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::client_request::ClientRequest;
use super::error::{HandshakeError, InvalidField};
use super::headers::check_value;
use super::received_response::{FinalAnswer, ReceivedResponse, ResponseReceiver};
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;

/// Asks an HTTP proxy to connect to a server. When it has done that, all bytes go to the server: begin
/// the TLS handshake, or that of the WebSocket.
///
/// ```
/// use sansio_ws::handshake::{ClientRequest, ProxyAnswer, ProxyConnect, basic_authorization};
/// use sansio_ws::{Limits, RecvBuffer};
/// # use bytes::Buf;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let authorization = basic_authorization("user", "password")?;
/// let mut proxy = ProxyConnect::new(&request, Some(&authorization), &Limits::default())?;
/// let connect = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n";
/// assert!(proxy.outgoing().chunk().starts_with(connect));
/// # let n = proxy.outgoing().len();
/// # proxy.outgoing().advance(n);
///
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"HTTP/1.1 200 Connection established\r\n\r\n");
/// assert!(matches!(proxy.receive(&mut rx)?, Some(ProxyAnswer::Connected)));
/// # Ok(()) }
/// ```
#[doc(alias("proxy", "Proxy-Authorization"))]
#[doc(alias = "tunnel")]
#[derive(Debug)]
pub struct ProxyConnect {
    queue: SendQueue,
    responses: ResponseReceiver,
}

/// What a proxy answered.
#[derive(Debug)]
pub enum ProxyAnswer {
    /// The way to the server is open.
    Connected,
    /// It is not: 407 if the proxy wants a (better) `Proxy-Authorization`.
    Refused(Box<ReceivedResponse>),
}

impl ProxyConnect {
    /// Asks for the host and port of `request`. `authorization` is the value of `Proxy-Authorization`,
    /// see [`basic_authorization`](super::basic_authorization). Of the limits, those for handshakes
    /// apply.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Value`]: `authorization` has a control character.
    pub fn new(
        request: &ClientRequest,
        authorization: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, InvalidField> {
        let (host, port) = (request.host(), request.port());
        let mut head = alloc::format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(authorization) = authorization {
            check_value(authorization)?;
            head.extend(["Proxy-Authorization: ", authorization, "\r\n"]);
        }
        head.push_str("\r\n");
        let queue = SendQueue::holding(head.into_bytes());
        let responses = ResponseReceiver::new(limits, |status| status.starts_with(b"2"));
        Ok(Self { queue, responses })
    }

    /// The bytes to write to the proxy, and nothing more until it has answered.
    pub fn outgoing(&mut self) -> &mut SendQueue {
        &mut self.queue
    }

    /// Looks at the bytes in `rx`. `None` means that more are needed; an answer is consumed. One that
    /// opens the way has no body, whatever its head says (RFC 9110, section 9.3.6); a refusal is
    /// returned with its body, as by [`ClientHandshake::receive`](super::ClientHandshake::receive).
    ///
    /// # Errors
    ///
    /// Fatal: the answer is no HTTP response, goes over a limit, or came before the whole request was
    /// written; [`HandshakeError::BytesBehindAnswer`]: whatever follows an answer that opens the way
    /// was not sent by the server, which has heard nothing yet.
    pub fn receive(&mut self, rx: &mut RecvBuffer) -> Result<Option<ProxyAnswer>, HandshakeError> {
        match self.responses.receive(rx)? {
            None => return Ok(None),
            Some(FinalAnswer::Refused(response)) => {
                return Ok(Some(ProxyAnswer::Refused(response)));
            }
            Some(FinalAnswer::Accepted(_)) => {}
        }
        if !self.queue.is_empty() {
            return Err(HandshakeError::PrematureAnswer);
        }
        if rx.is_empty() {
            Ok(Some(ProxyAnswer::Connected))
        } else {
            Err(HandshakeError::BytesBehindAnswer)
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
}
