//! What the server says.

use super::log::Audience;
use super::sockets::Stage;
use super::{Server, Socket};
use crate::EncodedArgs;
use crate::sessions::Sessions;
use crate::{Packet, PacketKind};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use sansio_engineio::{PreparedPacket, SendError, Session};
use sansio_ws::deadlines::Instant;

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
        Self::of(&args.packet(kind, namespace, id), args, compress)
    }

    /// An event with one more argument (S21).
    pub(super) fn with_offset(
        namespace: &str,
        event: &EncodedArgs,
        offset: &str,
        compress: bool,
    ) -> Self {
        let list = event.json();
        let list = format!("{},\"{offset}\"]", list.strip_suffix(']').unwrap_or(list));
        let packet = event.packet(PacketKind::Event, namespace, None);
        Self::of(&Packet { data: Some(&list), ..packet }, event, compress)
    }

    fn of(packet: &Packet<'_>, args: &EncodedArgs, compress: bool) -> Self {
        let prepare =
            |packet: PreparedPacket| if compress { packet } else { packet.compress(false) };
        Self {
            header: prepare(encode(packet)),
            attachments: args
                .attachments()
                .iter()
                .map(|bytes| prepare(PreparedPacket::binary(bytes)))
                .collect(),
        }
    }

    pub(super) fn send(
        &self,
        sessions: &mut impl Sessions,
        session: Session,
    ) -> Result<(), SendError> {
        sessions.send(session, &self.header, &self.attachments)
    }

    /// The same for what the client has asked for.
    pub(super) fn answer(
        &self,
        sessions: &mut impl Sessions,
        session: Session,
    ) -> Result<(), SendError> {
        sessions.answer(session, &self.header, &self.attachments)
    }

    /// Its bytes, without the headers of frames.
    pub(super) fn len(&self) -> usize {
        let attachments = self.attachments.iter().map(PreparedPacket::len);
        attachments.fold(self.header.len(), usize::saturating_add)
    }

    pub(super) fn packets(&self) -> usize {
        self.attachments.len().saturating_add(1)
    }
}

fn encode(packet: &Packet<'_>) -> PreparedPacket {
    let (head, data) = (packet.head(), packet.data.unwrap_or_default());
    PreparedPacket::text_of([&head, data].iter().copied())
}

/// A packet that is no event.
pub(super) fn control(kind: PacketKind, namespace: &str, data: Option<&str>) -> PreparedPacket {
    encode(&Packet { data, ..Packet::new(kind, namespace) })
}

impl Server {
    /// Sends an event to one socket. One that was cut off and may come back gets it then.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent, and nothing will be.
    pub fn emit(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        if self.keep.is_some() {
            return self.emit_logged(now, sessions, socket, event);
        }
        let namespace = self.sockets.namespace_of(socket).ok_or(EmitError::Gone)?;
        let unit = Unit::new(PacketKind::Event, &namespace.name, None, event, true);
        self.deliver(sessions, socket, &unit, false)
    }

    fn emit_logged(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        let place = self.sockets.place_of(socket).ok_or(EmitError::Gone)?;
        let offset = self.next_offset();
        let name = self.sockets.name_of(place);
        let unit = Unit::with_offset(name, event, &offset, true);
        match self.deliver(sessions, socket, &unit, false) {
            Err(EmitError::Gone) if self.may_come_back(socket) => {}
            result => result?,
        }
        self.log(now, place, &[socket], Audience::One(socket), unit);
        Ok(())
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
        let namespace = self.sockets.namespace_of(socket).ok_or(EmitError::Gone)?;
        let unit = Unit::new(PacketKind::Event, &namespace.name, None, event, true);
        self.deliver(sessions, socket, &unit, true)
    }

    /// Sends an event to all that are meant, and returns those who did not get it, with the reason. It is
    /// encoded once. Those who were cut off and may come back get it then, unless it is volatile.
    pub fn emit_to(
        &mut self,
        now: Instant,
        sessions: &mut impl Sessions,
        target: &Target,
        event: &EncodedArgs,
    ) -> Vec<(Socket, EmitError)> {
        let Some(place) = self.sockets.place(&target.namespace) else { return Vec::new() };
        let (namespace, compress) = (&target.namespace, target.compress);
        let is_logged = self.keep.is_some() && !target.is_volatile;
        let unit = match is_logged {
            true => Unit::with_offset(namespace, event, &self.next_offset(), compress),
            false => Unit::new(PacketKind::Event, namespace, None, event, compress),
        };
        let meant = self.sockets(target);
        let results = meant.iter().map(|socket| {
            let result = self.deliver(sessions, *socket, &unit, target.is_volatile);
            result.err().map(|error| (*socket, error))
        });
        let failed = results.flatten().collect();
        if is_logged {
            self.log(now, place, &meant, Audience::of(target), unit);
        }
        failed
    }

    pub(super) fn deliver(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        unit: &Unit,
        is_volatile: bool,
    ) -> Result<(), EmitError> {
        let session = self.open_session(socket)?;
        if is_volatile && !sessions.can_send_now(session) {
            return Err(EmitError::Dropped);
        }
        unit.send(sessions, session).map_err(emit_error)
    }

    /// What the client has asked for, be it earlier.
    pub(super) fn deliver_answer(
        &self,
        sessions: &mut impl Sessions,
        socket: Socket,
        unit: &Unit,
    ) -> Result<(), EmitError> {
        unit.answer(sessions, self.open_session(socket)?).map_err(emit_error)
    }

    fn open_session(&self, socket: Socket) -> Result<Session, EmitError> {
        let state = self.sockets.get(socket).filter(|state| state.stage == Stage::Open);
        Ok(state.ok_or(EmitError::Gone)?.session)
    }
}

fn emit_error(error: SendError) -> EmitError {
    match error {
        SendError::Full => EmitError::Full,
        // JSON has no separator in it, so that is not among them.
        _ => EmitError::Gone,
    }
}
