//! What comes over WebSockets: from transports, and from those that want to become one.

use super::state::{Stage, Transport};
use super::{Answer, CloseReason, Event, Message, Ready, Server, Session};
use crate::packet::{Packet, PacketKind};
use crate::refusal::Refusal;
use alloc::borrow::Cow;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;

impl<N: Copy + Eq> Server<N> {
    /// A text message has come over a WebSocket. What is left of it for the application is returned.
    pub fn text<'b>(
        &mut self,
        now: Instant,
        session: Session,
        from: N,
        text: &'b str,
    ) -> Option<Message<'b>> {
        let state = self.sessions.get(session)?;
        if state.transport != Transport::WebSocket(from) {
            self.candidate_text(session, from, text);
            return None;
        }
        if state.is_closing {
            return None;
        }
        let Ok(packet) = Packet::decode(text) else {
            // E26
            self.end(session, CloseReason::ParseError);
            return None;
        };
        self.touch(now, session);
        match packet {
            Packet::Binary(bytes) => return Some(Message::Binary(bytes)),
            Packet::Text { kind: PacketKind::Message, data } => return Some(Message::Text(data)),
            Packet::Text { kind: PacketKind::Pong, .. } => self.pong(now, session),
            // E27
            Packet::Text { kind: PacketKind::Close, .. } => {
                self.end(session, CloseReason::TransportClose);
            }
            // E20
            Packet::Text { kind: PacketKind::Ping, .. } => {
                self.end(session, CloseReason::TransportError);
            }
            Packet::Text { .. } => {}
        }
        None
    }

    /// A binary message has come over a WebSocket. What is left of it for the application is returned.
    pub fn binary<'b>(
        &mut self,
        now: Instant,
        session: Session,
        from: N,
        bytes: &'b [u8],
    ) -> Option<Message<'b>> {
        let state = self.sessions.get(session)?;
        if state.transport != Transport::WebSocket(from) {
            self.close_candidate(session, from);
            return None;
        }
        if state.is_closing {
            return None;
        }
        self.touch(now, session);
        Some(Message::Binary(Cow::Borrowed(bytes)))
    }

    /// E22, E23, E25
    fn candidate_text(&mut self, session: Session, from: N, text: &str) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let candidate = state.candidate.as_mut().filter(|candidate| candidate.name == from);
        let Some(candidate) = candidate else { return };
        match (candidate.stage, text) {
            (Stage::Open, "2probe") => {
                candidate.stage = Stage::Probed;
                state.owes_probe = true;
                self.ready.push_back(Ready::Probe(session, from));
                self.continue_post(session);
                self.mark_ready(session);
            }
            (Stage::Probed, "5") => self.upgrade(session, from),
            _ => self.close_candidate(session, from),
        }
    }

    fn upgrade(&mut self, session: Session, from: N) {
        self.disarm_upgrade(session);
        let Some(state) = self.sessions.get_mut(session) else { return };
        state.candidate = None;
        state.transport = Transport::WebSocket(from);
        let is_open = state.is_open();
        let (held, post) = (state.held.take(), state.post.take());
        if let Some(held) = held {
            self.respond(held, Answer::Packet("6"));
        }
        // Clients wait for their POST before they change over. What this one says would come out of order.
        if let Some(post) = post {
            self.respond(post, Answer::Refused(Refusal::BadRequest));
        }
        if is_open {
            self.events.push_back(Event::Upgraded(session));
        }
        self.mark_ready(session);
    }

    fn close_candidate(&mut self, session: Session, from: N) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if state.candidate.is_some_and(|candidate| candidate.name == from) {
            state.candidate = None;
            state.owes_probe = false;
            self.disarm_upgrade(session);
            self.ready.push_back(Ready::Close(from, CloseCode::NORMAL));
        }
    }
}
