//! Who may join a namespace (S9, S10).

use super::sending::control;
use super::sockets::Stage;
use super::{Event, Server, Socket};
use crate::sessions::Sessions;
use crate::{Packet, PacketKind};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use sansio_engineio::Session;

/// A client that waits for admission. Answered once. If the client goes away meanwhile the answer
/// has no effect. If the ticket is dropped the client waits until it goes away.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) Socket);

impl Ticket {
    /// The handle that the socket will have if the client is let in.
    #[must_use]
    pub const fn socket(&self) -> Socket {
        self.0
    }
}

impl Server {
    /// A client asks to join a namespace.
    pub(super) fn ask_admission<'b>(
        &mut self,
        sessions: &mut impl Sessions,
        session: Session,
        packet: &Packet<'b>,
    ) -> Option<Event<'b>> {
        let is_there = self.socket_in(session, packet.namespace).is_some();
        let client = self.clients.get(session)?;
        if is_there {
            // S7
            sessions.close(session);
            return None;
        }
        // They are kept while they wait, whether there is such a namespace or not.
        let refusal = if client.sockets.len() >= self.config.max_namespaces {
            Some("too many namespaces")
        } else if packet.namespace.len() > self.config.max_namespace_bytes {
            Some("the name of the namespace is too long")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let error = error_data(refusal, None);
            self.reply(sessions, session, PacketKind::ConnectError, packet.namespace, &error);
            return None;
        }
        let socket = self.sockets.insert(session, packet.namespace)?;
        let client = self.clients.get_mut(session)?;
        // Most are in one.
        client.sockets.reserve_exact(usize::from(client.sockets.is_empty()));
        client.sockets.push(socket);
        Some(Event::Admit {
            ticket: Ticket(socket),
            session,
            namespace: packet.namespace,
            auth: packet.data.unwrap_or("{}"),
        })
    }

    /// Lets a client in: it has a socket from now on, in the room of its id. `None` if the client has gone
    /// meanwhile, or cannot be told.
    pub fn admit(&mut self, sessions: &mut impl Sessions, ticket: Ticket) -> Option<Socket> {
        let Ticket(socket) = ticket;
        let session = self.session(socket)?;
        let Ok(id) = (self.source)() else {
            self.refuse(sessions, ticket, "no random bytes for an id", None);
            return None;
        };
        let data = format!("{{\"sid\":\"{}\"}}", id.as_str());
        let namespace = Arc::clone(&self.sockets.namespace_of(socket)?.name);
        if !self.reply(sessions, session, PacketKind::Connect, &namespace, &data) {
            // Its session ends, perhaps since before: nobody has come.
            self.forget_socket(socket);
            return None;
        }
        self.sockets.join(socket, id.as_str());
        let state = self.sockets.get_mut(socket)?;
        // One copy, which is the name of its room.
        state.id = Arc::clone(state.rooms.first()?);
        state.stage = Stage::Open;
        if let Some(client) = self.clients.get(session) {
            let due = (client.connect_due, super::Deadline::Connect(session));
            self.deadlines.remove(&due);
        }
        Some(socket)
    }

    /// Does not let a client in, and says why: `data` is JSON of the application's.
    pub fn refuse(
        &mut self,
        sessions: &mut impl Sessions,
        ticket: Ticket,
        message: &str,
        data: Option<&str>,
    ) {
        self.turn_away(sessions, ticket.0, message, data);
    }

    /// Nobody has the ticket of a client any more. Nothing happens if it does not wait.
    #[cfg(feature = "mio")]
    pub(crate) fn refuse_unanswered(&mut self, sessions: &mut impl Sessions, socket: Socket) {
        if self.sockets.get(socket).is_some_and(|state| state.stage == Stage::Asking) {
            self.turn_away(sessions, socket, "nobody has decided", None);
        }
    }

    fn turn_away(
        &mut self,
        sessions: &mut impl Sessions,
        socket: Socket,
        message: &str,
        data: Option<&str>,
    ) {
        let Some(namespace) = self.sockets.namespace_of(socket) else { return };
        let namespace = Arc::clone(&namespace.name);
        let Some(session) = self.session(socket) else { return };
        self.forget_socket(socket);
        let error = error_data(message, data);
        self.reply(sessions, session, PacketKind::ConnectError, &namespace, &error);
    }

    /// Whether the client of a ticket is still there.
    #[must_use]
    pub fn is_waiting(&self, ticket: &Ticket) -> bool {
        self.sockets.get(ticket.0).is_some()
    }

    /// Sends a packet that is no event. If there is no room for it the client is not told what it
    /// has to know, so its session ends. Returns whether it was sent.
    pub(super) fn reply(
        &self,
        sessions: &mut impl Sessions,
        session: Session,
        kind: PacketKind,
        namespace: &str,
        data: &str,
    ) -> bool {
        let data = (!data.is_empty()).then_some(data);
        let is_sent = sessions.send(session, &control(kind, namespace, data), &[]).is_ok();
        if !is_sent {
            sessions.close(session);
        }
        is_sent
    }
}

/// The data of a refusal.
fn error_data(message: &str, data: Option<&str>) -> String {
    let message = serde_json::Value::from(message);
    match data {
        Some(data) => format!("{{\"message\":{message},\"data\":{data}}}"),
        None => format!("{{\"message\":{message}}}"),
    }
}
