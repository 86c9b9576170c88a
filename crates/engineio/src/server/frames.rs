//! What goes over a WebSocket that is the transport.

use super::state::Transport;
use super::{Event, Server, Session};
use crate::open::OpenPacket;
use crate::packet::{Packet, PacketKind};
use crate::prepared::PreparedPacket;
use alloc::borrow::Cow;
use alloc::string::String;
use sansio_ws::CloseCode;

/// Something to send over a WebSocket.
#[derive(Debug, Clone)]
pub enum Frame {
    /// A text frame.
    Text(Cow<'static, str>),
    /// A message of the application.
    Message(PreparedPacket),
    /// A Close. The machine has forgotten the connection then.
    Close(CloseCode),
}

/// The answer to a probe (E22).
pub(super) const PROBE: &str = "3probe";

impl<N: Copy + Eq> Server<N> {
    /// The next frame for the WebSocket `from`, the transport of `session`. It is taken by this: ask only
    /// while the connection has room. Messages leave in the order in which they were queued, behind the
    /// open packet and pings.
    pub fn next_frame(&mut self, session: Session, from: N) -> Option<Frame> {
        let state = self.sessions.get_mut(session)?;
        if state.transport != Transport::WebSocket(from) {
            return None;
        }
        if core::mem::take(&mut state.owes_open) {
            return Some(Frame::Text(self.open_packet(session)?.into()));
        }
        // The probe and what follows it may have come at once.
        if core::mem::take(&mut state.owes_probe) {
            return Some(Frame::Text(Cow::Borrowed(PROBE)));
        }
        if core::mem::take(&mut state.owes_ping) {
            return Some(Frame::Text(Cow::Borrowed("2")));
        }
        if let Some(packet) = state.queue.pop() {
            self.note_room(session);
            return Some(Frame::Message(packet));
        }
        if state.is_closing {
            let code = state.close_code;
            self.forget(session);
            return Some(Frame::Close(code));
        }
        state.is_ready = false;
        None
    }

    /// Tells the application, and a POST that waits, when half of what was too much is gone.
    pub(super) fn note_room(&mut self, session: Session) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if state.wants_room && !state.queue.is_half_full(&self.config) {
            state.wants_room = false;
            self.events.push_back(Event::Drained(session));
        }
        if state.post_waits && !state.queue.has_many_answers(&self.config) {
            self.continue_post(session);
        }
    }

    /// The packet that begins a session, encoded (E10).
    pub(super) fn open_packet(&self, session: Session) -> Option<String> {
        let state = self.sessions.get(session)?;
        let config = &*self.config;
        let open = OpenPacket {
            session: state.id,
            may_upgrade: state.transport == Transport::Polling && config.transports.has_websocket(),
            ping_interval: config.ping_interval,
            ping_timeout: config.ping_timeout,
            max_payload: config.max_payload,
        };
        let mut encoded = String::new();
        Packet::text(PacketKind::Open, &open.data()).encode(&mut encoded);
        Some(encoded)
    }
}
