//! Who lives: pings, pongs, and what else counts.

use super::deadlines::Kind;
use super::state::{Heartbeat, Transport};
use super::{CloseReason, Server, Session};
use alloc::vec::Vec;
use sansio_ws::deadlines::Instant;

impl<N: Copy + Eq> Server<N> {
    /// The client of a session has taken bytes that its connection had refused before, so it lives: the deadline of its
    /// pong is moved, since that can be read only when what stands before the ping was taken.
    pub fn note_taken(&mut self, session: Session) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.heartbeat.note_taken();
        }
    }

    /// The WebSockets that are about to be given up since no pong has come by `now`. Before
    /// [`handle_timeout`](Self::handle_timeout) is called have each read what has arrived, and write: the pong
    /// may be among the one, and [that it takes bytes](Self::note_taken) shows by the other.
    #[must_use]
    pub fn overdue(&self, now: Instant) -> Vec<(Session, N)> {
        let sessions = self.deadlines.until(now, Kind::Heartbeat);
        let overdue = sessions.filter_map(|session| {
            let state = self.sessions.get(session)?;
            let Transport::WebSocket(name) = state.transport else { return None };
            let is_blamed = matches!(state.heartbeat, Heartbeat::Awaited | Heartbeat::Moved);
            (state.is_open() && is_blamed).then_some((session, name))
        });
        overdue.collect()
    }

    /// A ping is due, or a pong is overdue (E18, E19).
    pub(super) fn beat(&mut self, now: Instant, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        match state.heartbeat {
            Heartbeat::Idle if !state.is_closing => {
                state.heartbeat = Heartbeat::Awaited;
                state.owes_ping = true;
                let due = now + self.config.ping_timeout;
                state.heartbeat_due = self.deadlines.add(due, session, Kind::Heartbeat);
                self.mark_ready(session);
            }
            Heartbeat::Taking if !state.is_closing => {
                state.heartbeat = Heartbeat::Moved;
                let due = now + self.config.ping_timeout;
                state.heartbeat_due = self.deadlines.add(due, session, Kind::Heartbeat);
            }
            _ => self.end(session, CloseReason::PingTimeout),
        }
    }

    /// A packet has come. It proves that the client is there, though not for ever: the deadline of one
    /// ping is moved once.
    pub(super) fn touch(&mut self, now: Instant, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        // One that is closing has no heartbeat, but a deadline of its own.
        if state.is_open() && state.heartbeat == Heartbeat::Awaited {
            state.heartbeat = Heartbeat::Moved;
            self.arm_heartbeat(now + self.config.ping_timeout, session);
        }
    }

    /// A pong has come. It counts if the ping has left.
    pub(super) fn pong(&mut self, now: Instant, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if state.heartbeat != Heartbeat::Idle && !state.owes_ping {
            state.heartbeat = Heartbeat::Idle;
            self.arm_heartbeat(now + self.config.ping_interval, session);
        }
    }

    fn arm_heartbeat(&mut self, due: Instant, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        self.deadlines.remove(state.heartbeat_due, session, Kind::Heartbeat);
        state.heartbeat_due = self.deadlines.add(due, session, Kind::Heartbeat);
    }
}
