//! What the machine needs of the sessions below it.

use sansio_engineio::{PreparedPacket, SendError, Server, Session};
use sansio_ws::deadlines::Instant;

/// The sessions of Engine.IO, as far as the machine has a use for them.
pub trait Sessions {
    /// Queues the packets of one event, all or none of them, with nothing in between (S2). They count as an
    /// [answer](Self::answer) to the session that is the speaker.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    fn send(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError>;

    /// The same for what the client has asked for, be it earlier: who takes no answers is [not read
    /// from](Server::pauses_reading).
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    fn answer(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError>;

    /// Whether what is sent now leaves at once (S18).
    fn can_send_now(&self, session: Session) -> bool;

    /// Whether that many packets, of so many bytes together, would all be queued (S22): events that were missed
    /// are sent again all or none of them.
    fn has_room(&self, session: Session, packets: usize, bytes: usize) -> bool;

    /// Closes a session, behind what was sent.
    fn close(&mut self, session: Session);
}

/// A server of Engine.IO, and what time it is.
#[derive(Debug)]
pub struct At<'s, N> {
    /// The server.
    pub server: &'s mut Server<N>,
    /// The time.
    pub now: Instant,
    /// The session whose message is handled, if one is: what it is sent meanwhile counts as an answer.
    pub speaker: Option<Session>,
}

impl<N: Copy + Eq> Sessions for At<'_, N> {
    fn send(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        if self.speaker == Some(session) {
            return self.answer(session, header, attachments);
        }
        self.server.send_unit(session, header, attachments)
    }

    fn answer(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.server.answer(session, header, attachments)
    }

    fn can_send_now(&self, session: Session) -> bool {
        self.server.can_send_now(session)
    }

    fn has_room(&self, session: Session, packets: usize, bytes: usize) -> bool {
        self.server.has_room(session, packets, bytes)
    }

    fn close(&mut self, session: Session) {
        self.server.close(self.now, session);
    }
}

#[cfg(feature = "mio")]
impl<T> Sessions for sansio_engineio::mio::Engine<'_, T> {
    fn send(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.send_unit(session, header, attachments)
    }

    fn answer(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        sansio_engineio::mio::Engine::answer(self, session, header, attachments)
    }

    fn can_send_now(&self, session: Session) -> bool {
        self.machine().can_send_now(session)
    }

    fn has_room(&self, session: Session, packets: usize, bytes: usize) -> bool {
        self.machine().has_room(session, packets, bytes)
    }

    fn close(&mut self, session: Session) {
        sansio_engineio::mio::Engine::close(self, session);
    }
}
