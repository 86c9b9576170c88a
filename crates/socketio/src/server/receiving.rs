//! What clients say (S7).

use super::asking::AckId;
use super::sockets::{SocketState, Stage};
use super::{DisconnectReason, Event, Left, Partial, Server, Socket};
use crate::packet::EventName;
use crate::sessions::Sessions;
use crate::{Args, Bytes};
use crate::{Packet, PacketKind};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;
use sansio_engineio::{Message, Session};
use sansio_ws::deadlines::Instant;

impl Server {
    /// A message of a session has come. Whoever breaks the rules is closed (S8).
    pub fn message<'b>(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        session: Session,
        message: Message<'b>,
    ) -> Option<Event<'b>> {
        let client = self.clients.get_mut(session)?;
        client.left.take_if(|left| left.at != now);
        match (message, client.partial.is_some()) {
            (Message::Text(text), false) => {
                let Ok((packet, name)) = Packet::decode_with_name(text) else {
                    sessions.close(session);
                    return None;
                };
                if packet.attachments > 0 {
                    self.begin_attachments(now, sessions, session, text, &packet);
                    return None;
                }
                match packet.kind {
                    PacketKind::Connect => self.ask_admission(now, sessions, session, &packet),
                    PacketKind::ConnectError => {
                        // Only servers refuse.
                        sessions.close(session);
                        None
                    }
                    PacketKind::Disconnect => {
                        let socket = self.addressee(sessions, session, packet.namespace)?;
                        self.take_leave(now, session, socket);
                        None
                    }
                    PacketKind::Event | PacketKind::Ack => {
                        let list = Cow::Borrowed(packet.data.unwrap_or("[]"));
                        self.hear(sessions, session, &packet, name, list, Vec::new())
                    }
                }
            }
            (Message::Binary(bytes), true) => {
                let partial = self.attach(sessions, session, bytes.into_owned().into())?;
                let Partial { header, attachments, .. } = *partial;
                // It was one when its header came.
                let (packet, name) = Packet::decode_with_name(&header).ok()?;
                // The header goes, and what is heard stays.
                let name = name.map(EventName::into_owned);
                let list = Cow::Owned(packet.data.unwrap_or("[]").into());
                self.hear(sessions, session, &packet, name, list, attachments)
            }
            // Attachments without a header, or a packet between a header and its attachments.
            _ => {
                sessions.close(session);
                None
            }
        }
    }

    fn begin_attachments(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        session: Session,
        text: &str,
        packet: &Packet<'_>,
    ) {
        if text.len() > self.config.max_attachment_bytes {
            sessions.close(session);
            return;
        }
        let Some(client) = self.clients.get_mut(session) else { return };
        let due = now + self.config.attachment_timeout;
        self.deadlines.insert((due, super::Deadline::Attachments(session)));
        client.partial = Some(Box::new(Partial {
            header: text.into(),
            missing: packet.attachments,
            attachments: Vec::new(),
            bytes: text.len(),
            due,
        }));
    }

    /// Adds an attachment. Returns the event if it is whole.
    fn attach(
        &mut self,
        sessions: &mut impl Sessions,
        session: Session,
        bytes: Bytes,
    ) -> Option<Box<Partial>> {
        let client = self.clients.get_mut(session)?;
        let partial = client.partial.as_mut()?;
        partial.bytes = partial.bytes.saturating_add(bytes.len());
        if partial.bytes > self.config.max_attachment_bytes {
            sessions.close(session);
            return None;
        }
        partial.attachments.push(bytes);
        partial.missing = partial.missing.saturating_sub(1);
        if partial.missing > 0 {
            return None;
        }
        let due = partial.due;
        self.deadlines.remove(&(due, super::Deadline::Attachments(session)));
        client.partial.take()
    }

    /// An event or an acknowledgement is whole: the list of its arguments, and the attachments.
    fn hear<'b>(
        &mut self,
        sessions: &mut impl Sessions,
        session: Session,
        packet: &Packet<'_>,
        name: Option<EventName<'b>>,
        list: Cow<'b, str>,
        attachments: Vec<Bytes>,
    ) -> Option<Event<'b>> {
        let socket = self.addressee(sessions, session, packet.namespace)?;
        let Ok(args) = Args::new(list, attachments) else {
            sessions.close(session);
            return None;
        };
        if packet.kind == PacketKind::Ack {
            return self.answered(socket, packet.ack?, args);
        }
        // Without a name, or with a number for one, nobody handles it.
        let EventName { text: Some(name), end } = name? else { return None };
        let ack = packet.ack.map(|id| AckId { socket, session, id });
        Some(Event::Event { socket, name, args: args.behind(end), ack })
    }

    /// The socket for which a packet is. Whoever is not in its namespace is closed, unless the packet was on its way
    /// when it left.
    fn addressee(
        &self,
        sessions: &mut impl Sessions,
        session: Session,
        namespace: &str,
    ) -> Option<Socket> {
        let found = self.socket_in(session, namespace);
        let open = found.filter(|(_, state)| state.stage == Stage::Open).map(|(socket, _)| socket);
        if open.is_none() && !self.was_on_its_way(session, namespace) {
            sessions.close(session);
        }
        open
    }

    /// A client leaves a namespace.
    fn take_leave(&mut self, now: Instant, session: Session, socket: Socket) {
        let namespace = self.sockets.namespace_of(socket).map(|namespace| namespace.name.clone());
        if let (Some(client), Some(namespace)) = (self.clients.get_mut(session), namespace) {
            let left = client
                .left
                .get_or_insert_with(|| Box::new(Left { namespaces: Vec::new(), at: now }));
            // No more of them than it can be in, however often it comes and goes in this moment.
            left.namespaces.retain(|left| *left != namespace);
            left.namespaces.insert(0, namespace);
            left.namespaces.truncate(self.config.max_namespaces);
        }
        self.part(socket, DisconnectReason::ClientNamespaceDisconnect);
    }

    /// Whether the client has left this namespace in the same moment, so that what it says there was sent
    /// before.
    fn was_on_its_way(&self, session: Session, namespace: &str) -> bool {
        let client = self.clients.get(session);
        let left = client.and_then(|client| client.left.as_ref());
        left.is_some_and(|left| left.namespaces.iter().any(|left| **left == *namespace))
    }

    /// The socket of a client in a namespace, whether it is admitted or not. Not one that leaves.
    pub(super) fn socket_in(
        &self,
        session: Session,
        namespace: &str,
    ) -> Option<(Socket, &SocketState)> {
        self.clients.get(session)?.sockets.iter().find_map(|socket| {
            let state = self.sockets.get(*socket).filter(|state| state.stage != Stage::Leaving)?;
            (self.sockets.name_of(state.namespace) == namespace).then_some((*socket, state))
        })
    }
}
