//! Requests, and what comes of them.

use super::session::Session;
use super::{Client, CloseReason, Error, Exchange, Message, Output, Stage, Transport};
use crate::packet::{Packet, PacketKind};
use crate::payload::{PayloadBuilder, SEPARATOR};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use sansio_ws::deadlines::Instant;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It may be held for as long as the server likes.
    Get,
    /// It has a body.
    Post,
}

impl Method {
    /// As HTTP writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request for the caller to make. A GET may be made while a POST is under way, so there are two connections.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name, for [`Client::response`] and [`Client::request_failed`].
    pub exchange: Exchange,
    /// GET or POST.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The headers of [`Config`](super::Config), and what the body is.
    pub headers: Vec<(String, String)>,
    /// The body of a POST.
    pub body: Option<String>,
    /// How long the body of the response may be. If it is longer, the request has failed.
    pub max_response_bytes: u64,
    /// After this moment nothing is made of the response any more: [`Output::Abort`] follows.
    pub due: Instant,
}

/// The target has the id of the session, and headers may have passwords.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("exchange", &self.exchange)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The packets of a response, handed out one by one. They borrow the body and not the machine, so that what is
/// done with one may send and close.
#[derive(Debug)]
#[must_use = "the next request is made when all packets have been handed out"]
pub struct Received<'b> {
    now: Instant,
    exchange: Exchange,
    body: &'b [u8],
    /// How much of the body has been handed out, with the separator behind it. One more than its length at
    /// the end.
    position: usize,
}

impl<'b> Received<'b> {
    /// The next message; `None` behind the last one, and from then on.
    pub fn next(&mut self, client: &mut Client) -> Option<Message<'b>> {
        while client.get == Some(self.exchange) {
            // What a session says that was closed is not listened to.
            let rest = self.body.get(self.position..).filter(|_| client.stage != Stage::Closing);
            let Some(rest) = rest else {
                client.get = None;
                client.is_reading = false;
                match client.refusal.take() {
                    Some(error) => client.fail(self.now, error),
                    None => client.rest(),
                }
                break;
            };
            let len = rest.iter().position(|byte| char::from(*byte) == SEPARATOR);
            let first = rest.get(..len.unwrap_or(rest.len())).unwrap_or_default();
            self.position = self.position.saturating_add(first.len()).saturating_add(1);
            let packet = core::str::from_utf8(first)
                .map_err(|_| Error::NotText)
                .and_then(|first| Ok(Packet::decode(first)?));
            match packet {
                Ok(packet) => {
                    if let Some(message) = client.polled(self.now, packet) {
                        return Some(message);
                    }
                }
                Err(error) => client.fail(self.now, error),
            }
        }
        None
    }
}

impl Client {
    /// There is a response. Take its messages: `next` until it returns `None`. A response that is not
    /// awaited any more has none.
    pub fn response<'b>(
        &mut self,
        now: Instant,
        to: Exchange,
        status: u16,
        body: &'b [u8],
    ) -> Received<'b> {
        let is_get = self.get == Some(to);
        if is_get || self.post == Some(to) {
            self.is_reading |= is_get;
            if status != 200 {
                self.refused(now, to, Error::status(status, body));
            } else if u64::try_from(body.len())
                .is_ok_and(|len| len > self.config.max_received_bytes)
            {
                self.fail(now, Error::TooLong);
            } else if !is_get {
                self.posted(now);
            }
        }
        Received { now, exchange: to, body, position: 0 }
    }

    /// There will be no response: no connection, no answer in time, or more of it than may be.
    pub fn request_failed(&mut self, now: Instant, exchange: Exchange, why: impl fmt::Display) {
        if self.get == Some(exchange) || self.post == Some(exchange) {
            // It need not be aborted.
            self.get = self.get.filter(|get| *get != exchange);
            self.post = self.post.filter(|post| *post != exchange);
            self.fail(now, Error::request(why));
        }
    }

    pub(super) fn make_get(&mut self) {
        let request = self.request(Method::Get, None);
        self.get = Some(request.exchange);
        self.outputs.push_back(Output::Request(request));
    }

    /// What waits, within the limits of the server (C1). When nothing is left of a session that was closed,
    /// the close packet, by itself (C2).
    pub(super) fn make_post(&mut self) -> Option<Request> {
        let most = self.session.as_ref()?.max_payload;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut builder = PayloadBuilder::new(most).max_packets(self.config.max_post_packets);
        if core::mem::take(&mut self.owes_pong) {
            // It is the first one, and so fits.
            let _ = builder.push(&Packet::text(PacketKind::Pong, ""));
        }
        while let Some(packet) = self.queue.front() {
            if builder.push(&packet.packet()).is_err() {
                break;
            }
            self.queue.pop();
        }
        if builder.is_empty() {
            if self.stage != Stage::Closing {
                return None;
            }
            self.is_last_post = true;
            let _ = builder.push(&Packet::text(PacketKind::Close, ""));
        }
        self.note_room();
        let request = self.request(Method::Post, Some(builder.finish()));
        self.post = Some(request.exchange);
        Some(request)
    }

    fn request(&mut self, method: Method, body: Option<String>) -> Request {
        let session = self.session.as_ref().map(|session| &*session.id);
        let target = self.config.target(Transport::Polling, session);
        let mut headers = self.config.headers.clone();
        if body.is_some() {
            headers.push(("Content-Type".into(), "text/plain;charset=UTF-8".into()));
        }
        Request {
            exchange: Exchange(self.next_name()),
            method,
            target,
            headers,
            body,
            max_response_bytes: self.config.max_received_bytes,
            due: self.stage_due.unwrap_or_default(),
        }
    }

    /// The server does not know the session of a POST any more: it has ended it, and the GET under way may
    /// bring its last words. Anything else is the end.
    fn refused(&mut self, now: Instant, to: Exchange, error: Error) {
        let was_post = self.post.take_if(|post| *post == to).is_some();
        if was_post && error.is_unknown_session() && self.get.is_some() && self.is_open() {
            self.refusal = Some(error);
        } else {
            self.fail(now, error);
        }
    }

    /// The server has taken a POST.
    fn posted(&mut self, now: Instant) {
        self.post = None;
        if self.is_last_post {
            self.end(now, CloseReason::ForcedClose, None);
        } else {
            self.rest();
        }
    }

    fn polled<'b>(&mut self, now: Instant, packet: Packet<'b>) -> Option<Message<'b>> {
        if self.stage == Stage::Opening {
            self.greeted(now, &packet);
            return None;
        }
        match packet {
            Packet::Binary(bytes) => return Some(Message::Binary(bytes)),
            Packet::Text { kind: PacketKind::Message, data } => return Some(Message::Text(data)),
            Packet::Text { kind: PacketKind::Ping, .. } => self.pinged(now),
            Packet::Text { kind: PacketKind::Close, .. } => {
                self.end(now, CloseReason::TransportClose, None);
            }
            Packet::Text { .. } => {}
        }
        None
    }

    /// The first packet.
    pub(super) fn greeted(&mut self, now: Instant, packet: &Packet<'_>) {
        let session = match packet {
            Packet::Text { kind: PacketKind::Open, data } => Session::parse(data),
            _ => None,
        };
        match session {
            Some(session) => self.opened(now, session),
            None => self.fail(now, Error::Handshake),
        }
    }
}
