//! How sockets leave (S13, S14).

use super::sending::control;
use super::sockets::Stage;
use super::{Close, Deadline, DisconnectReason, Server, Socket};
use crate::packet::PacketKind;
use crate::sessions::Sessions;
use alloc::vec::Vec;
use sansio_engineio::{CloseReason, Session};
use sansio_ws::deadlines::Instant;

impl Server {
    /// Makes a socket leave, or all sockets of its client together with the session. One that was cut off does not come
    /// back, and is refused if it waits for that.
    pub fn disconnect(&mut self, sessions: &mut impl Sessions, socket: Socket, what: Close) {
        let Some(session) = self.session(socket) else {
            self.forget_if_away(socket);
            return;
        };
        match what {
            Close::Namespace if self.comes_back(socket) => {
                self.turn_away(sessions, socket, "disconnected", None);
            }
            Close::Namespace => self.dismiss(sessions, socket),
            Close::Transport => {
                for socket in self.sockets_of(session) {
                    self.dismiss(sessions, socket);
                    // One that waits for admission is not let in any more (S10).
                    self.part(socket, DisconnectReason::ServerNamespaceDisconnect);
                    self.forget_if_away(socket);
                }
                sessions.close(session);
            }
        }
        self.forget_if_away(socket);
    }

    /// The sockets of a client, in the order in which it has asked for them.
    #[must_use]
    pub fn sockets_of(&self, session: Session) -> Vec<Socket> {
        self.clients.get(session).map_or_else(Vec::new, |client| client.sockets.clone())
    }

    /// Makes all sockets leave, and closes all sessions.
    pub fn close_all(&mut self, now: Instant, sessions: &mut impl Sessions) {
        let clients: Vec<_> = self.clients.sessions().collect();
        for session in clients {
            for socket in self.sockets_of(session) {
                self.lose(now, socket, DisconnectReason::ServerShuttingDown);
            }
            sessions.close(session);
        }
    }

    /// A session has ended, and with it all its sockets.
    pub fn closed(&mut self, now: Instant, session: Session, reason: CloseReason) {
        let Some(client) = self.clients.remove(session) else { return };
        self.deadlines.remove(&(client.connect_due, Deadline::Connect(session)));
        if let Some(partial) = client.partial {
            self.deadlines.remove(&(partial.due, Deadline::Attachments(session)));
        }
        for socket in client.sockets {
            self.lose(now, socket, DisconnectReason::Session(reason));
        }
    }

    fn dismiss(&mut self, sessions: &mut impl Sessions, socket: Socket) {
        if !self.is_open(socket) {
            return;
        }
        if let (Some(session), Some(namespace)) =
            (self.session(socket), self.sockets.namespace_of(socket))
            && sessions
                .send(session, &control(PacketKind::Disconnect, &namespace.name, None), &[])
                .is_err()
        {
            sessions.close(session);
        }
        self.part(socket, DisconnectReason::ServerNamespaceDisconnect);
    }

    /// A socket leaves: the application is told, and then it is forgotten. One that was not admitted is
    /// forgotten at once.
    pub(super) fn part(&mut self, socket: Socket, reason: DisconnectReason) {
        let Some(state) = self.sockets.get_mut(socket) else { return };
        match state.stage {
            Stage::Asking => _ = self.forget_socket(socket),
            Stage::Open => {
                state.stage = Stage::Leaving;
                self.leaving.push_back((socket, reason));
                self.give_up_answers(socket);
            }
            Stage::Leaving => {}
        }
    }

    /// Forgets a socket, or sets it aside if it may come back. Returns whether it may.
    pub(super) fn forget_socket(&mut self, socket: Socket) -> bool {
        let Some(state) = self.sockets.get(socket) else { return false };
        let (session, place) = (state.session, state.namespace);
        if let Some(client) = self.clients.get_mut(session) {
            client.sockets.retain(|other| *other != socket);
        }
        if self.set_aside(socket) {
            return true;
        }
        self.sockets.remove(socket);
        self.forget_log(place);
        false
    }
}
