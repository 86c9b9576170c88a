//! The head of a response, as a client receives it.

#![warn(clippy::indexing_slicing)]

use super::body::BodyFraming;
use super::error::HandshakeError;
use super::headers::{Headers, Name};
use super::received_response::ReceivedResponse;
use alloc::vec::Vec;

/// The head of an HTTP response.
#[derive(Debug, Clone)]
pub struct ResponseHead<'b> {
    status: u16,
    reason: &'b str,
    minor_version: u8,
    headers: Headers<'b>,
}

impl<'b> ResponseHead<'b> {
    /// `head` is whole, and `headers` is the number of its lines behind the first.
    pub(super) fn parse(head: &'b [u8], headers: usize) -> Result<Self, HandshakeError> {
        let mut list = Vec::new();
        list.resize(headers, httparse::EMPTY_HEADER);
        let mut parsed = httparse::Response::new(&mut list);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(n)) if n == head.len() => {}
            Ok(_) => return Err(HandshakeError::MalformedHead),
            Err(httparse::Error::Version) => return Err(HandshakeError::HttpVersion),
            Err(_) => return Err(HandshakeError::MalformedHead),
        }
        let (Some(status @ 100..=599), Some(minor_version)) = (parsed.code, parsed.version) else {
            return Err(HandshakeError::MalformedHead);
        };
        let reason = parsed.reason.unwrap_or_default();
        Ok(Self { status, reason, minor_version, headers: Headers::new(list) })
    }

    /// Whether another answer follows this one (RFC 9110, section 15.2).
    pub(super) fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }

    pub(super) fn minor_version(&self) -> u8 {
        self.minor_version
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b str {
        self.reason
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &Headers<'b> {
        &self.headers
    }

    /// The subprotocol the server chose.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'b str> {
        self.headers.get("sec-websocket-protocol")
    }

    /// What ends the body that follows this head, the answer to a GET: give it to a
    /// [`BodyDecoder`](super::BodyDecoder). Servers are read as kindly as they can be without a guess:
    /// chunks count more than a length (RFC 9112, section 6.3).
    ///
    /// # Errors
    ///
    /// [`HandshakeError::ContentLength`]: nobody knows where the body ends.
    pub fn body_framing(&self) -> Result<BodyFraming, HandshakeError> {
        if matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(BodyFraming::None);
        }
        match self.headers.list(Name::TransferEncoding).last() {
            Some(last) if last.eq_ignore_ascii_case(b"chunked") => Ok(BodyFraming::Chunked),
            Some(_) => Ok(BodyFraming::UntilEnd),
            None => {
                let length = self.headers.content_length()?;
                Ok(length.map_or(BodyFraming::UntilEnd, BodyFraming::Length))
            }
        }
    }

    /// A copy that outlives the buffer, with an empty body.
    #[must_use]
    pub fn to_response(&self) -> ReceivedResponse {
        let headers = self.headers.iter();
        ReceivedResponse {
            status: self.status,
            reason: self.reason.into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).collect(),
            body: Vec::new(),
            is_cut: false,
        }
    }
}
