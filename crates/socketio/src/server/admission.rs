//! Who may join a namespace (S9, S10).

use super::recovery::{Identity, connect_data};
use super::sending::control;
use super::sockets::Stage;
use super::{Event, Server, Socket};
use crate::sessions::Sessions;
use crate::{Packet, PacketKind};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use sansio_engineio::{NoEntropy, Session, SessionId};
use sansio_ws::deadlines::Instant;

/// A client that waits for admission. Answered once. If the client goes away meanwhile the answer
/// has no effect. If the ticket is dropped the client waits until it goes away.
#[derive(Debug, PartialEq, Eq)]
pub struct Ticket {
    socket: Socket,
    /// A socket that was there before may have gone, and wait again in another session.
    session: Session,
}

/// A client that waits for admission: the socket that it will have, and the session in which it waits.
#[cfg(feature = "mio")]
pub(crate) type Asker = (Socket, Session);

impl Ticket {
    /// The handle that the socket will have if the client is let in.
    #[must_use]
    pub const fn socket(&self) -> Socket {
        self.socket
    }

    /// Whom it is for. No other ticket has the same.
    #[cfg(feature = "mio")]
    pub(crate) const fn asker(&self) -> Asker {
        (self.socket, self.session)
    }
}

impl Server {
    /// A client asks to join a namespace.
    pub(super) fn ask_admission<'b>(
        &mut self,
        now: Instant,
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
        let auth = packet.data.unwrap_or("{}");
        if let Some(claim) = self.claim(now, packet.namespace, auth)
            && let Some(missed) = self.missed(sessions, session, claim)
        {
            self.take_back(session, claim)?;
            let socket = claim.socket;
            if self.keep.as_ref().is_some_and(|keep| keep.skips_admission()) {
                self.open_again(sessions, socket, &missed)?;
                return Some(Event::Recovered { socket, session, auth });
            }
            return Some(Event::Admit {
                ticket: Ticket { socket, session },
                session,
                namespace: packet.namespace,
                auth,
                comes_back: true,
            });
        }
        let socket = self.sockets.insert(session, packet.namespace)?;
        let client = self.clients.get_mut(session)?;
        // Most are in one.
        client.sockets.reserve_exact(usize::from(client.sockets.is_empty()));
        client.sockets.push(socket);
        Some(Event::Admit {
            ticket: Ticket { socket, session },
            session,
            namespace: packet.namespace,
            auth,
            comes_back: false,
        })
    }

    /// Lets a client in: it has a socket from now on, in the room of its id. `None` if the client has gone
    /// meanwhile, or cannot be told.
    pub fn admit(&mut self, sessions: &mut impl Sessions, ticket: Ticket) -> Option<Socket> {
        let Ticket { socket, session } = ticket;
        if !self.is_waiting(&ticket) {
            return None;
        }
        if self.comes_back(socket) {
            return self.readmit(sessions, socket);
        }
        let Ok((id, identity)) = self.new_id(socket) else {
            self.refuse(sessions, ticket, "no random bytes for an id", None);
            return None;
        };
        let data = connect_data(id.as_str(), identity.as_deref());
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
        state.identity = identity;
        self.has_joined(session);
        Some(socket)
    }

    /// The public id of a new socket, and what it takes to come back if it can.
    fn new_id(&mut self, socket: Socket) -> Result<NewId, NoEntropy> {
        let id = (self.source)()?;
        let keep = self.keep.as_mut();
        let identity = keep.map(|keep| keep.identity(socket, &mut self.source)).transpose()?;
        Ok((id, identity))
    }

    /// A client is in a namespace (S12).
    pub(super) fn has_joined(&mut self, session: Session) {
        if let Some(client) = self.clients.get(session) {
            let due = (client.connect_due, super::Deadline::Connect(session));
            self.deadlines.remove(&due);
        }
    }

    /// Does not let a client in, and says why: `data` is JSON of the application's.
    pub fn refuse(
        &mut self,
        sessions: &mut impl Sessions,
        ticket: Ticket,
        message: &str,
        data: Option<&str>,
    ) {
        if self.is_waiting(&ticket) {
            self.turn_away(sessions, ticket.socket, message, data);
        }
    }

    /// Nobody has the ticket of a client any more. Nothing happens if it does not wait.
    #[cfg(feature = "mio")]
    pub(crate) fn refuse_unanswered(
        &mut self,
        sessions: &mut impl Sessions,
        (socket, session): Asker,
    ) {
        let state = self.sockets.get(socket).filter(|state| state.session == session);
        if state.is_some_and(|state| state.stage == Stage::Asking) {
            self.turn_away(sessions, socket, "nobody has decided", None);
        }
    }

    pub(super) fn turn_away(
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
        self.session(ticket.socket) == Some(ticket.session)
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
        let is_sent = sessions.answer(session, &control(kind, namespace, data), &[]).is_ok();
        if !is_sent {
            sessions.close(session);
        }
        is_sent
    }
}

type NewId = (SessionId, Option<Box<Identity>>);

/// The data of a refusal.
fn error_data(message: &str, data: Option<&str>) -> String {
    let message = serde_json::Value::from(message);
    match data {
        Some(data) => format!("{{\"message\":{message},\"data\":{data}}}"),
        None => format!("{{\"message\":{message}}}"),
    }
}
