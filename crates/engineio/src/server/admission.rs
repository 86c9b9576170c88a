//! Who may do what: the checks of a request in their order (E8).

use super::deadlines::Kind;
use super::state::{Candidate, Stage, State, Transport};
use super::{CloseReason, Event, Ready, Server, Session, Verdict};
use crate::cors::Cors;
use crate::query::Query;
use crate::refusal::Refusal;
use alloc::borrow::Cow;
use core::net::IpAddr;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{Request, Response};

/// Which transport a request names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Polling,
    WebSocket,
}

const VERSION: &str = "4";

impl<N: Copy + Eq> Server<N> {
    /// What is to be done with a request, of which the head has come. `from` names it from now on, unless the
    /// verdict is a response. `address` is where it comes from, in case sessions are limited by that.
    ///
    /// `admit` is asked before a session begins: refusing with [`Refusal::Forbidden`] is the
    /// application's way to say no.
    ///
    /// All headers that CORS asks for are the [`Envelope`](crate::Envelope)'s.
    pub fn request(
        &mut self,
        now: Instant,
        from: N,
        request: &Request<'_>,
        address: Option<IpAddr>,
        admit: impl FnOnce(&Query<'_>) -> Result<(), Refusal>,
    ) -> Verdict {
        if let Err(error) = self.config.hosts.check(request) {
            return Verdict::Respond(error.response());
        }
        if request.path() != self.config.path {
            return Verdict::NotOurs;
        }
        if request.method() == "OPTIONS" && self.config.cors.is_some() {
            return Verdict::Respond(Cors::preflight(request));
        }
        let (_, query) = request.target().split_once('?').unwrap_or_default();
        let query = Query::parse(query);
        let verdict = match &query.session {
            Some(id) => self.continue_session(now, from, request, &query, id),
            None => self.begin_session(now, from, request, &query, address, admit),
        };
        verdict.unwrap_or_else(|refusal| {
            Verdict::Respond(match request.is_upgrade() {
                true => refusal.upgrade_response(),
                false => refusal.response(),
            })
        })
    }

    fn begin_session(
        &mut self,
        now: Instant,
        from: N,
        request: &Request<'_>,
        query: &Query<'_>,
        address: Option<IpAddr>,
        admit: impl FnOnce(&Query<'_>) -> Result<(), Refusal>,
    ) -> Result<Verdict, Refusal> {
        let named = self.named_transport(query)?;
        check_origin_form(request)?;
        if !is_get(request) {
            return Err(Refusal::BadMethod);
        }
        if request.is_upgrade() != (named == Named::WebSocket) {
            return Err(Refusal::BadRequest);
        }
        self.check_origin(request)?;
        let address = address.filter(|_| self.config.max_sessions_per_address.is_some());
        self.check_room(address)?;
        admit(query)?;
        check_version(query)?;
        let Ok(id) = (self.source)() else {
            return Ok(Verdict::Respond(Response::internal_error()));
        };
        let transport = match named {
            Named::Polling => Transport::Polling,
            Named::WebSocket => Transport::Opening(from),
        };
        let Some(session) = self.sessions.insert(State::new(id, transport, address)) else {
            return Ok(Verdict::Respond(Response::internal_error()));
        };
        if named == Named::WebSocket {
            self.arm_upgrade(now, session);
            return Ok(Verdict::Upgrade(session));
        }
        if let Some(state) = self.sessions.get_mut(session) {
            state.held = Some(from);
        }
        self.open(now, session);
        Ok(Verdict::Hold(session))
    }

    fn continue_session(
        &mut self,
        now: Instant,
        from: N,
        request: &Request<'_>,
        query: &Query<'_>,
        id: &str,
    ) -> Result<Verdict, Refusal> {
        let named = self.named_transport(query)?;
        check_origin_form(request)?;
        let session = self.sessions.find(id).ok_or(Refusal::UnknownSession)?;
        self.pass_deadlines_of(now, session);
        let state = self.sessions.get(session).ok_or(Refusal::UnknownSession)?;
        let transport = state.transport;
        if matches!(transport, Transport::Opening(_)) {
            return Err(Refusal::UnknownSession);
        }
        // E24. To a session over WebSocket there is nothing to say by HTTP.
        let is_upgrade = request.is_upgrade();
        if transport != Transport::Polling || is_upgrade != (named == Named::WebSocket) {
            return Err(Refusal::BadRequest);
        }
        check_version(query).map_err(|_| Refusal::BadRequest)?;
        self.check_origin(request)?;
        match request.method() {
            _ if is_upgrade && is_get(request) => self.begin_upgrade(now, from, session),
            "GET" => self.hold(from, session),
            "POST" if !is_upgrade => {
                // It may have to wait, and so does the pong that it may hold.
                self.touch(now, session);
                self.begin_post(from, session, request)
            }
            // E15
            _ => Err(Refusal::BadRequest),
        }
    }

    /// E21
    fn begin_upgrade(
        &mut self,
        now: Instant,
        from: N,
        session: Session,
    ) -> Result<Verdict, Refusal> {
        let state = self.sessions.get_mut(session).ok_or(Refusal::UnknownSession)?;
        if state.candidate.is_some() || state.is_closing {
            return Err(Refusal::BadRequest);
        }
        state.candidate = Some(Candidate { name: from, stage: Stage::Opening });
        self.arm_upgrade(now, session);
        Ok(Verdict::Upgrade(session))
    }

    /// E14
    fn hold(&mut self, from: N, session: Session) -> Result<Verdict, Refusal> {
        let state = self.sessions.get_mut(session).ok_or(Refusal::UnknownSession)?;
        if state.held.is_some() {
            self.end(session, CloseReason::TransportError);
            return Err(Refusal::BadRequest);
        }
        state.held = Some(from);
        if state.has_output() || state.is_pausing() {
            self.mark_ready(session);
        }
        Ok(Verdict::Hold(session))
    }

    /// E13, E14
    fn begin_post(
        &mut self,
        from: N,
        session: Session,
        request: &Request<'_>,
    ) -> Result<Verdict, Refusal> {
        let state = self.sessions.get_mut(session).ok_or(Refusal::UnknownSession)?;
        let content_type = request.headers().get("content-type").unwrap_or_default();
        let (essence, _) = content_type.split_once(';').unwrap_or((content_type, ""));
        let is_binary = essence.trim().eq_ignore_ascii_case("application/octet-stream");
        if state.post.is_some() || is_binary {
            self.end(session, CloseReason::TransportError);
            return Err(Refusal::BadRequest);
        }
        state.post = Some(from);
        if state.makes_posts_wait(&self.config) {
            state.post_waits = true;
            return Ok(Verdict::Hold(session));
        }
        Ok(Verdict::ReadBody { session, max_bytes: self.config.max_payload })
    }

    /// A WebSocket is open: its 101 is out. If its session has ended meanwhile, it is closed.
    pub fn opened(&mut self, now: Instant, session: Session, from: N) {
        if let Some(state) = self.sessions.get_mut(session) {
            if state.transport == Transport::Opening(from) {
                state.transport = Transport::WebSocket(from);
                self.disarm_upgrade(session);
                self.open(now, session);
                return;
            }
            let opening = Candidate { name: from, stage: Stage::Opening };
            if let Some(candidate) = &mut state.candidate
                && *candidate == opening
            {
                candidate.stage = Stage::Open;
                return;
            }
        }
        self.ready.push_back(Ready::Close(from, CloseCode::NORMAL));
    }

    /// The session begins: its open packet leaves next.
    fn open(&mut self, now: Instant, session: Session) {
        self.events.push_back(Event::Opened(session));
        let due = now + self.config.ping_interval;
        if let Some(state) = self.sessions.get_mut(session) {
            state.heartbeat_due = self.deadlines.add(due, session, Kind::Heartbeat);
        }
        self.mark_ready(session);
    }

    fn arm_upgrade(&mut self, now: Instant, session: Session) {
        let due = now + self.config.upgrade_timeout;
        if let Some(state) = self.sessions.get_mut(session) {
            state.upgrade_due = self.deadlines.add(due, session, Kind::Upgrade);
        }
    }

    pub(super) fn disarm_upgrade(&mut self, session: Session) {
        if let Some(state) = self.sessions.get(session) {
            self.deadlines.remove(state.upgrade_due, session, Kind::Upgrade);
        }
    }

    fn named_transport(&self, query: &Query<'_>) -> Result<Named, Refusal> {
        let transports = self.config.transports;
        match query.transport.as_deref() {
            Some("polling") if transports.has_polling() => Ok(Named::Polling),
            Some("websocket") if transports.has_websocket() => Ok(Named::WebSocket),
            _ => Err(Refusal::UnknownTransport),
        }
    }

    /// E32
    fn check_origin(&self, request: &Request<'_>) -> Result<(), Refusal> {
        request
            .check_origin(self.config.origins)
            .map_err(|_| Refusal::Forbidden(Cow::Borrowed("origin not allowed")))
    }

    fn check_room(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        let limit = self.config.max_sessions_per_address;
        let is_crowded = address
            .zip(limit)
            .is_some_and(|(address, limit)| self.sessions.at_address(address) >= limit);
        if is_crowded || self.sessions.len() >= self.config.max_sessions {
            return Err(Refusal::Forbidden(Cow::Borrowed("too many sessions")));
        }
        Ok(())
    }
}

/// Whether it is a GET, or what takes its place for a WebSocket over HTTP/2 (RFC 8441, section 4).
fn is_get(request: &Request<'_>) -> bool {
    request.method() == "GET" || request.is_upgrade() && request.method() == "CONNECT"
}

/// One origin at most, of visible ASCII characters.
fn check_origin_form(request: &Request<'_>) -> Result<(), Refusal> {
    let mut origins = request.headers().all("origin");
    let first = origins.next().unwrap_or_default();
    if origins.next().is_some() || !first.iter().all(u8::is_ascii_graphic) {
        return Err(Refusal::BadRequest);
    }
    Ok(())
}

fn check_version(query: &Query<'_>) -> Result<(), Refusal> {
    match query.version.as_deref() {
        Some(VERSION) => Ok(()),
        _ => Err(Refusal::UnsupportedVersion),
    }
}
