//! What the server says.

use super::sockets::Stage;
use super::{Server, Socket};
use crate::EncodedArgs;
use crate::sessions::Sessions;
use crate::{Packet, PacketKind};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use sansio_engineio::{PreparedPacket, SendError};

/// Whom a message is for: a plain value, which can be kept and used again (S16).
///
/// ```
/// use sansio_socketio::Target;
///
/// let others = Target::all("/").room("lobby").room("kitchen").except("muted").volatile();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Target {
    pub(super) namespace: String,
    pub(super) rooms: Vec<String>,
    pub(super) except: Vec<String>,
    pub(super) without: Vec<Socket>,
    pub(super) is_volatile: bool,
    pub(super) compress: bool,
}

impl Target {
    /// All sockets of a namespace.
    pub fn all(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            rooms: Vec::new(),
            except: Vec::new(),
            without: Vec::new(),
            is_volatile: false,
            compress: true,
        }
    }

    /// Those in this room; with several rooms those in any of them, each once. A socket's id is a room, too.
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// Not those in this room.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Not this one, say the one whose message it is.
    pub fn without(mut self, socket: Socket) -> Self {
        self.without.push(socket);
        self
    }

    /// Not those who would have to wait for it (S18).
    pub fn volatile(mut self) -> Self {
        self.is_volatile = true;
        self
    }

    /// Whether it may be compressed.
    pub fn compress(mut self, on: bool) -> Self {
        self.compress = on;
        self
    }
}

/// Why an event was not sent. Recoverable: nothing of it was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// The socket has left, or its session is ending.
    Gone,
    /// Too much waits for the client already.
    Full,
    /// The client would have to wait for it, and it is worth nothing then.
    Dropped,
    /// The socket owes as many answers as it may owe.
    TooManyQuestions,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the socket has left",
            Self::Full => "too much waits for this client",
            Self::Dropped => "the client would have to wait for it",
            Self::TooManyQuestions => "the client owes too many answers",
        })
    }
}

impl core::error::Error for EmitError {}

/// An event ready to be sent to any number of clients: encoded once.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    header: PreparedPacket,
    attachments: Vec<PreparedPacket>,
}

impl Unit {
    pub(super) fn new(
        kind: PacketKind,
        namespace: &str,
        id: Option<u64>,
        args: &EncodedArgs,
        compress: bool,
    ) -> Self {
        let packet = args.packet(kind, namespace, id);
        let prepare =
            |packet: PreparedPacket| if compress { packet } else { packet.compress(false) };
        Self {
            header: prepare(encode(&packet)),
            attachments: args
                .attachments()
                .iter()
                .map(|bytes| prepare(PreparedPacket::binary(bytes)))
                .collect(),
        }
    }
}

fn encode(packet: &Packet<'_>) -> PreparedPacket {
    packet.with_pieces(|pieces| PreparedPacket::text_of(pieces.iter().copied()))
}

/// A packet that is no event.
pub(super) fn control(kind: PacketKind, namespace: &str, data: Option<&str>) -> PreparedPacket {
    encode(&Packet { data, ..Packet::new(kind, namespace) })
}

impl Server {
    /// Sends an event to one socket.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn emit(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        self.emit_with(sessions, socket, event, false, true)
    }

    /// Sends an event to one socket, or not at all if it would have to wait.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn emit_volatile(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        self.emit_with(sessions, socket, event, true, true)
    }

    fn emit_with(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        event: &EncodedArgs,
        is_volatile: bool,
        compress: bool,
    ) -> Result<(), EmitError> {
        let namespace = self.sockets.namespace_of(socket).ok_or(EmitError::Gone)?;
        let unit = Unit::new(PacketKind::Event, &namespace.name, None, event, compress);
        self.deliver(sessions, socket, &unit, is_volatile)
    }

    /// Sends an event to all that are meant, and returns those who did not get it, with the reason. It is
    /// encoded once.
    pub fn emit_to(
        &self,
        sessions: &mut impl Sessions,
        target: &Target,
        event: &EncodedArgs,
    ) -> Vec<(Socket, EmitError)> {
        let compress = target.compress;
        let unit = Unit::new(PacketKind::Event, &target.namespace, None, event, compress);
        let meant = self.sockets(target).into_iter();
        meant
            .filter_map(|socket| {
                let result = self.deliver(sessions, socket, &unit, target.is_volatile);
                result.err().map(|error| (socket, error))
            })
            .collect()
    }

    pub(super) fn deliver(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        unit: &Unit,
        is_volatile: bool,
    ) -> Result<(), EmitError> {
        let state = self.sockets.get(socket).filter(|state| state.stage == Stage::Open);
        let session = state.ok_or(EmitError::Gone)?.session;
        if is_volatile && !sessions.can_send_now(session) {
            return Err(EmitError::Dropped);
        }
        sessions.send(session, &unit.header, &unit.attachments).map_err(|error| match error {
            SendError::Full => EmitError::Full,
            // JSON has no separator in it, so that is not among them.
            _ => EmitError::Gone,
        })
    }
}
