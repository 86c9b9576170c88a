//! What is due when: at most one deadline of each kind for each session.

use super::Session;
use alloc::collections::BTreeSet;
use sansio_ws::deadlines::Instant;

/// What a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A ping, or the pong to it.
    Heartbeat,
    /// The WebSocket that is to become the transport.
    Upgrade,
    /// The last packets of a session that was closed.
    Close,
}

/// The deadlines in their order. Each is removed when it is not needed any more, so there are
/// never more than sessions, times three.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, Session, Kind)>);

impl Deadlines {
    /// Adds a deadline, and returns its moment, with which it is removed.
    pub(super) fn add(&mut self, due: Instant, session: Session, kind: Kind) -> Instant {
        self.0.insert((due, session, kind));
        due
    }

    /// Removes a deadline. Whether it was there.
    pub(super) fn remove(&mut self, due: Instant, session: Session, kind: Kind) -> bool {
        self.0.remove(&(due, session, kind))
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(due, ..)| *due)
    }

    /// Whose deadlines of this kind are due.
    pub(super) fn until(&self, now: Instant, kind: Kind) -> impl Iterator<Item = Session> {
        let due = self.0.iter().take_while(move |(due, ..)| *due <= now);
        due.filter(move |(.., of)| *of == kind).map(|(_, session, _)| *session)
    }

    pub(super) fn pop(&mut self, now: Instant) -> Option<(Session, Kind)> {
        let (_, session, kind) = self.0.first().filter(|(due, ..)| *due <= now).copied()?;
        self.0.pop_first();
        Some((session, kind))
    }
}
