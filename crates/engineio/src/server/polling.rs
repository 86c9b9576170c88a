//! Long-polling: GETs that are held, and POSTs.

use super::state::Transport;
use super::{Answer, CloseReason, Message, Output, Ready, Server, Session};
use crate::packet::{Packet, PacketKind};
use crate::payload::{PayloadBuilder, SEPARATOR};
use crate::refusal::Refusal;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{Response, Status};

/// The packets of a POST, handed out one by one. They borrow the body and not the machine, so that what is
/// done with one may send and close.
#[derive(Debug)]
#[must_use = "the request is answered when all packets have been handed out"]
pub struct Post<'b, N> {
    now: Instant,
    session: Session,
    from: N,
    body: &'b [u8],
    /// How much of the body has been handed out, with the separator behind it. One more than its length at
    /// the end.
    position: usize,
}

impl<'b, N: Copy + Eq> Post<'b, N> {
    /// The next message. `None` behind the last one: then the answer is among the
    /// [output](Server::poll_output). `None` as well when too many answers wait for the client that sends
    /// all this: then [`Output::Continue`] follows when it has taken half of it.
    pub fn next(&mut self, server: &mut Server<N>) -> Option<Message<'b>> {
        loop {
            let state = server.sessions.get_mut(self.session)?;
            if state.post != Some(self.from) {
                return None;
            }
            // What a client says behind the end is taken and not listened to. The end may be what the
            // application makes of a message of this very body.
            let rest = self.body.get(self.position..).filter(|_| !state.is_closing);
            let Some(rest) = rest else {
                server.end_post(self.session, Answer::Ok);
                return None;
            };
            if state.makes_posts_wait(&server.config) {
                state.post_waits = true;
                return None;
            }
            let len = rest.iter().position(|byte| char::from(*byte) == SEPARATOR);
            let first = rest.get(..len.unwrap_or(rest.len())).unwrap_or_default();
            self.position = self.position.saturating_add(first.len()).saturating_add(1);
            // What is no text is no packet.
            let packet = core::str::from_utf8(first).ok().map(Packet::decode);
            if let Some(message) = server.posted(self.now, self.session, packet) {
                return Some(message);
            }
        }
    }

    /// Where to [resume](Server::resume_post).
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }
}

impl<N: Copy + Eq> Server<N> {
    /// The body of a POST is there. Take its messages: `next` until it returns `None`.
    pub fn post<'b>(
        &mut self,
        now: Instant,
        session: Session,
        from: N,
        body: &'b [u8],
    ) -> Post<'b, N> {
        self.resume_post(now, session, from, body, 0)
    }

    /// Goes on with a POST, of which some messages were taken: its body, and the
    /// [position](Post::position) in it.
    pub fn resume_post<'b>(
        &mut self,
        now: Instant,
        session: Session,
        from: N,
        body: &'b [u8],
        position: usize,
    ) -> Post<'b, N> {
        Post { now, session, from, body, position }
    }

    /// Goes on with a POST that waits.
    pub(super) fn continue_post(&mut self, session: Session) {
        if let Some(state) = self.sessions.get_mut(session)
            && core::mem::take(&mut state.post_waits)
            && let Some(post) = state.post
        {
            self.ready.push_back(Ready::Continue(session, post));
        }
    }

    pub(super) fn is_posting(&self, session: Session, from: N) -> bool {
        self.sessions.get(session).is_some_and(|state| state.post == Some(from))
    }

    pub(super) fn end_post(&mut self, session: Session, answer: Answer) {
        if let Some(state) = self.sessions.get_mut(session)
            && let Some(to) = state.post.take()
        {
            state.post_waits = false;
            self.respond(to, answer);
        }
    }

    fn posted<'b>(
        &mut self,
        now: Instant,
        session: Session,
        packet: Option<Result<Packet<'b>, crate::InvalidPacket>>,
    ) -> Option<Message<'b>> {
        let Some(Ok(packet)) = packet else {
            self.refuse_post(session, CloseReason::ParseError);
            return None;
        };
        self.touch(now, session);
        match packet {
            Packet::Binary(bytes) => Some(Message::Binary(bytes)),
            Packet::Text { kind: PacketKind::Message, data } => Some(Message::Text(data)),
            Packet::Text { kind: PacketKind::Pong, .. } => {
                self.pong(now, session);
                None
            }
            Packet::Text { kind: PacketKind::Close, .. } => {
                // E27
                self.end_post(session, Answer::Ok);
                self.end_with(session, CloseReason::TransportClose, "6");
                None
            }
            Packet::Text { kind: PacketKind::Ping, .. } => {
                // E20
                self.refuse_post(session, CloseReason::TransportError);
                None
            }
            Packet::Text { .. } => None,
        }
    }

    fn refuse_post(&mut self, session: Session, reason: CloseReason) {
        self.end_post(session, Answer::Refused(Refusal::BadRequest));
        self.end(session, reason);
    }

    /// Answers the GET that is held, if there is one and something for it (E12, E22, E28).
    pub(super) fn respond_to_held(&mut self, session: Session) -> Option<Output<N>> {
        let config = self.config.clone();
        let state = self.sessions.get_mut(session)?;
        let has_output = state.has_output();
        if state.transport != Transport::Polling || !(has_output || state.is_pausing()) {
            return None;
        }
        let to = state.held.take()?;
        if !has_output {
            let response = Answer::Packet("6").response();
            return Some(Output::Respond { to, response, may_compress: false });
        }
        let max_bytes = usize::try_from(config.max_payload).unwrap_or(usize::MAX);
        let mut builder = PayloadBuilder::new(max_bytes).max_packets(config.max_response_packets);
        let (owes_open, owes_ping) = (state.owes_open, state.owes_ping);
        let id = state.id;
        if owes_open {
            let open = self.open_packet(session)?;
            // It is the first one, and so fits.
            let _ = builder.push(&Packet::text(PacketKind::Open, open.get(1..)?));
        }
        let state = self.sessions.get_mut(session)?;
        state.owes_open = false;
        // Its pong may be in the POST that is not read before this was taken.
        if state.post_waits {
            state.heartbeat.note_taken();
        }
        if owes_ping {
            state.owes_ping = builder.push(&Packet::text(PacketKind::Ping, "")).is_err();
        }
        let mut may_compress = false;
        while let Some(packet) = state.queue.front() {
            if builder.push(&packet.packet()).is_err() {
                break;
            }
            may_compress |= packet.may_compress();
            state.queue.pop();
        }
        // By itself: clients close at once, and look at messages of the same response only after that.
        let is_last = state.is_closing
            && builder.is_empty()
            && builder.push(&Packet::text(PacketKind::Close, "")).is_ok();
        if is_last {
            self.end_post(session, Answer::Ok);
            self.give_up_upgrade(session);
            self.forget(session);
        } else {
            self.note_room(session);
        }
        let mut response = payload_response(builder.finish());
        if owes_open && let Some(cookie) = &config.cookie {
            response = cookie.set(&id, response);
        }
        Some(Output::Respond { to, response, may_compress })
    }
}

impl Answer {
    pub(super) fn response(self) -> Response {
        match self {
            Self::Ok => Response::new(Status::OK)
                .static_header("Content-Type", "text/html")
                .body("ok")
                .keep_alive(true),
            Self::Packet(packet) => payload_response(packet),
            Self::Refused(refusal) => refusal.response(),
        }
    }
}

fn payload_response(body: impl Into<alloc::vec::Vec<u8>>) -> Response {
    Response::new(Status::OK)
        .static_header("Content-Type", "text/plain; charset=UTF-8")
        .static_header("Cache-Control", "no-store")
        .body(body)
        .keep_alive(true)
}
