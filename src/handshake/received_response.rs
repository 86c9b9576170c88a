//! A response that a client has received, and how it is received.

#![warn(clippy::indexing_slicing)]

use super::body::{BodyDecoder, BodyFraming};
use super::error::HandshakeError;
use super::head::{HeadScanner, HeadSize};
use super::response_head::ResponseHead;
use crate::limits::Limits;
use crate::recv_buffer::RecvBuffer;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A server's or a proxy's answer: a redirect, a demand for authentication, an error.
///
/// ```
/// use sansio_ws::handshake::{Answer, ClientHandshake, ClientRequest};
/// use sansio_ws::{Config, RecvBuffer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let request = ClientRequest::new("wss://example.com/chat")?;
/// let mut handshake = ClientHandshake::new(&request, Config::default())?;
/// # handshake.outgoing().write_to(&mut Vec::new())?;
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"HTTP/1.1 308 Moved\r\nLocation: /rooms/1\r\nContent-Length: 4\r\n\r\nhere");
/// let Some(Answer::Refused(response)) = handshake.receive(&mut rx)? else {
///     return Err("no refusal, or not complete".into());
/// };
/// assert_eq!((response.status, response.body.as_slice()), (308, &b"here"[..]));
/// let location = response.redirect().ok_or("refused")?;
/// let next = request.redirected(location)?; // never from `wss` to `ws`
/// assert_eq!((next.host(), next.target()), ("example.com", "/rooms/1"));
/// # Ok(()) }
/// ```
#[doc(alias = "401")]
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedResponse {
    /// The HTTP status.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: String,
    /// The headers: name and value, which is usually but not necessarily text.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
    /// The body is longer than [`Limits::max_refusal_bytes`], malformed, or did not come to its end:
    /// there is only its beginning.
    pub is_cut: bool,
}

impl ReceivedResponse {
    /// The value of the first header of this name, if it is text. Names compare without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        core::str::from_utf8(value).ok()
    }

    /// Where a redirect leads, for [`ClientRequest::redirected`](super::ClientRequest::redirected)
    /// (RFC 9110, section 15.4). `None` if it is no redirect that a GET may follow by itself.
    #[must_use]
    pub fn redirect(&self) -> Option<&str> {
        match self.status {
            301 | 302 | 303 | 307 | 308 => self.header("location"),
            _ => None,
        }
    }
}

/// Prints names, but no values of headers, which may be secrets, and the size of the body.
impl fmt::Debug for ReceivedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("ReceivedResponse")
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("is_cut", &self.is_cut)
            .finish()
    }
}

impl fmt::Display for ReceivedResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.reason)
    }
}

/// Receives an answer: passes over interim ones, stops at the head of one that accepts, and takes in
/// the body of one that refuses.
#[derive(Debug)]
pub(super) struct ResponseReceiver {
    state: State,
    max_body: usize,
    /// Whether these three digits are a status that accepts.
    accepts: fn(&[u8]) -> bool,
}

#[derive(Debug)]
enum State {
    Head(HeadScanner),
    /// The head says no.
    Body(Box<ReceivedResponse>, BodyDecoder),
    Finished,
}

pub(super) enum FinalAnswer<'b> {
    Accepted(ResponseHead<'b>),
    Refused(Box<ReceivedResponse>),
}

impl ResponseReceiver {
    pub(super) fn new(limits: &Limits, accepts: fn(&[u8]) -> bool) -> Self {
        let state = State::Head(HeadScanner::new(limits));
        Self { state, max_body: limits.max_refusal_bytes, accepts }
    }

    pub(super) fn receive<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<FinalAnswer<'b>>, HandshakeError> {
        if let State::Head(scanner) = &mut self.state {
            let size =
                next_final_head(scanner, rx).inspect_err(|_| self.state = State::Finished)?;
            let Some(size) = size else { return Ok(None) };
            self.state = State::Finished;
            let head = rx.unread().get(..size.bytes).unwrap_or_default();
            if head.get(STATUS).is_some_and(self.accepts) {
                let (head, _) = rx.take_head(size.bytes);
                return ResponseHead::parse(head, size.headers)
                    .map(FinalAnswer::Accepted)
                    .map(Some);
            }
            let head = ResponseHead::parse(head, size.headers)?;
            let mut response = Box::new(head.to_response());
            let framing = head.body_framing().unwrap_or_else(|_| {
                response.is_cut = true;
                BodyFraming::None
            });
            rx.consume(size.bytes);
            self.state = State::Body(response, BodyDecoder::new(framing, u64::MAX));
        }
        self.receive_body(rx)
    }

    fn receive_body(
        &mut self,
        rx: &mut RecvBuffer,
    ) -> Result<Option<FinalAnswer<'static>>, HandshakeError> {
        let State::Body(response, decoder) = &mut self.state else {
            return Err(HandshakeError::Finished);
        };
        loop {
            let room = self.max_body.saturating_sub(response.body.len());
            let part = decoder.next_part_within(rx, room);
            match part.map(|part| part.map(|part| response.body.extend_from_slice(part))) {
                Ok(Some(())) => {}
                Ok(None) if decoder.is_finished() => break,
                Ok(None) if room > 0 || !(self.max_body == 0 || decoder.has_more(rx)) => {
                    return Ok(None);
                }
                Ok(None) | Err(_) => {
                    response.is_cut = true;
                    break;
                }
            }
        }
        Ok(self.take_response().map(FinalAnswer::Refused))
    }

    /// The stream has ended. Returns a refusal as far as it has come.
    pub(super) fn receive_eof(&mut self) -> Option<Box<ReceivedResponse>> {
        if let State::Body(response, decoder) = &mut self.state {
            response.is_cut |= decoder.receive_eof().is_err();
        }
        self.take_response()
    }

    /// Nobody waits any longer. Returns a refusal as far as it has come.
    pub(super) fn cut(&mut self) -> Option<Box<ReceivedResponse>> {
        if let State::Body(response, _) = &mut self.state {
            response.is_cut = true;
        }
        self.take_response()
    }

    fn take_response(&mut self) -> Option<Box<ReceivedResponse>> {
        match core::mem::replace(&mut self.state, State::Finished) {
            State::Body(response, _) => Some(response),
            State::Head(_) | State::Finished => None,
        }
    }
}

/// Where the status is in a head: behind `HTTP/1.1 `.
const STATUS: core::ops::Range<usize> = 9..12;

/// The size of the first head that is no interim answer. Those before it are consumed.
fn next_final_head(
    scanner: &mut HeadScanner,
    rx: &mut RecvBuffer,
) -> Result<Option<HeadSize>, HandshakeError> {
    loop {
        let unread = rx.unread();
        let Some(size) = scanner.scan(unread)? else { return Ok(None) };
        let head = unread.get(..size.bytes).unwrap_or_default();
        // A final answer is parsed by the caller only.
        let may_be_interim = head.get(9) == Some(&b'1') && head.get(STATUS) != Some(b"101");
        if !may_be_interim || !ResponseHead::parse(head, size.headers)?.is_interim() {
            return Ok(Some(size));
        }
        rx.consume(size.bytes);
        scanner.next_head(size.bytes);
    }
}
