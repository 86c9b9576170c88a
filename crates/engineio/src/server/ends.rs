//! How sessions and their connections end.

use super::deadlines::Kind;
use super::state::{Candidate, Stage, State, Transport};
use super::{Answer, CloseReason, Departure, Event, Ready, Server, Session};
use crate::refusal::Refusal;
use alloc::boxed::Box;
use alloc::vec::Vec;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;

impl<N: Copy + Eq> Server<N> {
    /// Closes a session. What was sent before still goes out, then a close packet, or the Close of the
    /// WebSocket (E28). To the application it is closed at once.
    pub fn close(&mut self, now: Instant, session: Session) {
        let Some(state) = self.sessions.get_mut(session).filter(|state| state.is_open()) else {
            return;
        };
        state.is_closing = true;
        state.owes_ping = false;
        state.wants_room = false;
        state.close_due = self.deadlines.add(now + self.config.close_timeout, session, Kind::Close);
        self.deadlines.remove(state.heartbeat_due, session, Kind::Heartbeat);
        self.continue_post(session);
        // One that was probed may be about to become the transport, by which its client expects the rest.
        if self.sessions.get(session).is_some_and(|state| !state.is_pausing()) {
            self.give_up_upgrade(session);
        }
        self.events.push_back(Event::Closed(session, CloseReason::ForcedClose));
        self.mark_ready(session);
    }

    /// Closes all sessions. Those that are opening never do.
    pub fn close_all(&mut self, now: Instant) {
        let sessions: Vec<_> = self.sessions.iter().map(|(session, _)| session).collect();
        for session in sessions {
            self.give_up_upgrade(session);
            self.close(now, session);
        }
    }

    /// A connection has ended, a request of which waited, or which was a WebSocket. Nothing happens if
    /// the machine has answered or closed it before.
    pub fn gone(&mut self, session: Session, from: N, departure: Departure) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let reason = match departure {
            Departure::Closed => CloseReason::TransportClose,
            Departure::Failed | Departure::BodyTooLong => CloseReason::TransportError,
        };
        if state.transport == Transport::WebSocket(from) {
            // What has gone need not be closed.
            state.transport = Transport::Polling;
            self.end(session, reason);
        } else if state.transport == Transport::Opening(from) {
            self.forget(session);
        } else if state.candidate.is_some_and(|candidate| candidate.name == from) {
            state.candidate = None;
            state.owes_probe = false;
            self.disarm_upgrade(session);
        } else if state.held == Some(from) {
            // E14
            state.held = None;
            self.end(session, CloseReason::TransportError);
        } else if state.post == Some(from) {
            state.post = None;
            if departure != Departure::BodyTooLong {
                self.end(session, CloseReason::TransportError);
            }
        }
    }

    pub(super) fn end(&mut self, session: Session, reason: CloseReason) {
        self.end_with(session, reason, "1");
    }

    /// Ends a session, and lets go of its connections. A GET that is held is answered with the packet
    /// `last`.
    pub(super) fn end_with(&mut self, session: Session, reason: CloseReason, last: &'static str) {
        // What was said before still goes out, where there is a way.
        if self.sessions.get(session).is_some_and(State::has_output)
            && let Some(output) = self.respond_to_held(session)
        {
            self.ready.push_back(Ready::Made(Box::new(output)));
        }
        if reason != CloseReason::PingTimeout && self.wind_down(session, reason) {
            return;
        }
        let Some(state) = self.forget(session) else { return };
        if let Some(held) = state.held {
            self.respond(held, Answer::Packet(last));
        }
        if let Some(post) = state.post {
            self.respond(post, Answer::Refused(Refusal::BadRequest));
        }
        // One whose 101 is not out yet is closed when it is.
        if let Some(Candidate { name, stage: Stage::Open | Stage::Probed }) = state.candidate {
            self.ready.push_back(Ready::Close(name, CloseCode::NORMAL));
        }
        if let Transport::WebSocket(name) = state.transport {
            self.ready.push_back(Ready::Close(name, close_code(reason)));
        }
        if state.is_open() {
            self.events.push_back(Event::Closed(session, reason));
        }
    }

    /// Has a WebSocket take what waits for it before its Close. Until the next heartbeat: a client that has
    /// broken the rules may not take it. `false` if there is nothing, or no WebSocket.
    fn wind_down(&mut self, session: Session, reason: CloseReason) -> bool {
        let Some(state) = self.sessions.get_mut(session) else { return false };
        let is_transport = matches!(state.transport, Transport::WebSocket(_));
        if !is_transport || !state.is_open() || !state.has_output() {
            return false;
        }
        state.is_closing = true;
        state.close_code = close_code(reason);
        state.owes_ping = false;
        state.wants_room = false;
        self.events.push_back(Event::Closed(session, reason));
        self.mark_ready(session);
        true
    }

    /// Removes a session and its deadlines.
    pub(super) fn forget(&mut self, session: Session) -> Option<State<N>> {
        let state = self.sessions.remove(session)?;
        self.deadlines.remove(state.heartbeat_due, session, Kind::Heartbeat);
        self.deadlines.remove(state.upgrade_due, session, Kind::Upgrade);
        self.deadlines.remove(state.close_due, session, Kind::Close);
        Some(state)
    }

    /// The WebSocket that is to become the transport, or is it from the beginning, takes too long (E25).
    pub(super) fn give_up_upgrade(&mut self, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if let Transport::Opening(_) = state.transport {
            self.forget(session);
            return;
        }
        let Some(candidate) = state.candidate.take() else { return };
        state.owes_probe = false;
        self.disarm_upgrade(session);
        if candidate.stage != Stage::Opening {
            self.ready.push_back(Ready::Close(candidate.name, CloseCode::NORMAL));
        }
    }

    /// Nobody has taken the last packets of a session that was closed.
    pub(super) fn give_up_close(&mut self, session: Session) {
        self.end(session, CloseReason::ForcedClose);
    }
}

fn close_code(reason: CloseReason) -> CloseCode {
    match reason {
        CloseReason::ParseError => CloseCode::PROTOCOL_ERROR,
        _ => CloseCode::NORMAL,
    }
}
