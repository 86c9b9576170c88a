//! Sessions in memory: what was said to them, and which of them are closed, full or slow.

use sansio_engineio::{PreparedPacket, SendError, Session};
use sansio_socketio::Sessions;
use sansio_ws::MessageKind;
use std::collections::{BTreeSet, VecDeque};

/// The sessions, as far as the machine sees them.
#[derive(Debug, Default)]
pub struct Wire {
    /// What was sent, one text for each unit: the header, and ` + bytes` for each attachment.
    pub said: Vec<(Session, String)>,
    /// Those that have ended, or end.
    pub closed: BTreeSet<Session>,
    /// Those that the machine has closed, and was not told that they are.
    pub ending: VecDeque<Session>,
    /// Those for which too much waits.
    pub full: BTreeSet<Session>,
    /// Those for which something waits.
    pub slow: BTreeSet<Session>,
    /// Who was sent something that it has asked for, once for each.
    pub answered: Vec<Session>,
    /// How many packets and bytes are taken at once, if not any number.
    pub room: Option<(usize, usize)>,
}

fn text_of(packet: &PreparedPacket) -> String {
    let payload = String::from_utf8_lossy(packet.message().payload()).into_owned();
    match packet.message().kind() {
        // Without the digit of Engine.IO.
        MessageKind::Text => payload.strip_prefix('4').expect("a message").into(),
        MessageKind::Binary => payload,
    }
}

impl Sessions for Wire {
    fn send(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        if self.closed.contains(&session) {
            return Err(SendError::Gone);
        }
        if self.full.contains(&session) {
            return Err(SendError::Full);
        }
        assert_eq!(header.message().kind(), MessageKind::Text);
        let mut unit = text_of(header);
        for attachment in attachments {
            assert_eq!(attachment.message().kind(), MessageKind::Binary);
            unit.push_str(" + ");
            unit.push_str(&text_of(attachment));
        }
        self.said.push((session, unit));
        Ok(())
    }

    fn answer(
        &mut self,
        session: Session,
        header: &PreparedPacket,
        attachments: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.answered.push(session);
        self.send(session, header, attachments)
    }

    fn can_send_now(&self, session: Session) -> bool {
        !self.closed.contains(&session) && !self.slow.contains(&session)
    }

    fn has_room(&self, session: Session, packets: usize, bytes: usize) -> bool {
        let is_there = !self.closed.contains(&session) && !self.full.contains(&session);
        is_there && self.room.is_none_or(|(most, size)| packets <= most && bytes <= size)
    }

    fn close(&mut self, session: Session) {
        if self.closed.insert(session) {
            self.ending.push_back(session);
        }
    }
}
