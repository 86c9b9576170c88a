//! The namespaces of a client.

use super::auth::Payload;
use super::recovery::Recovery;
use super::retries::Line;
use super::{Auth, Client, ConnectError, DisconnectReason, Event, InvalidNamespace, Unanswered};
use crate::EncodedArgs;
use crate::packet::{Packet, PacketKind};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use sansio_engineio::PreparedPacket;
use sansio_engineio::client::SendError;
use sansio_ws::deadlines::Instant;
use serde_json::value::RawValue;

/// A namespace of a client, whether it is connected or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket(usize);

/// How far a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not to be connected.
    Idle,
    /// As soon as there is a session, or room in it.
    Wanted,
    /// The application is asked for the authentication.
    Asked,
    /// The server is asked.
    Connecting,
    /// It is, and not wanted any more. The server takes no word of that before its answer.
    Leaving,
    /// As before, and it is wanted again, but says something else of itself.
    Returning,
    Connected,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) name: Box<str>,
    pub(super) auth: Auth,
    /// It has not changed since the server was asked.
    pub(super) is_auth_said: bool,
    pub(super) stage: Stage,
    pub(super) id: Box<str>,
    /// How often it was connected. What belongs to an earlier time means nothing.
    pub(super) connection: u64,
    /// The server is to be told that it leaves, when there is room.
    pub(super) owes_disconnect: bool,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) waiting_bytes: usize,
    /// The events that are sent until they are answered.
    pub(super) line: Line,
    /// What the server has said before it has let the client in.
    pub(super) early: Vec<Event<'static>>,
    pub(super) early_bytes: usize,
    pub(super) recovery: Recovery,
}

/// A packet that waits for the connection, or for room in it.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) kind: PacketKind,
    pub(super) id: Option<u64>,
    pub(super) args: EncodedArgs,
}

impl State {
    /// Whether it is to be connected, now or when the session is back.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.stage, Stage::Idle | Stage::Leaving)
    }

    /// Whether a packet would have nothing in front of it here.
    pub(super) fn is_free(&self) -> bool {
        self.stage == Stage::Connected && self.waiting.is_empty()
    }

    /// What waits to be sent, or sent again: packets and bytes.
    pub(super) fn load(&self) -> (usize, usize) {
        let packets = self.waiting.len().saturating_add(self.line.len());
        (packets, self.waiting_bytes.saturating_add(self.line.bytes))
    }

    pub(super) fn take_early(&mut self) -> Vec<Event<'static>> {
        self.early_bytes = 0;
        core::mem::take(&mut self.early)
    }
}

impl Client {
    /// The socket of a namespace: the same one for the same name. Nothing is sent before it is told to
    /// [connect](Self::connect).
    ///
    /// # Errors
    ///
    /// [`InvalidNamespace`]: a name begins with `/`, which is the root namespace, and has neither a comma nor U+001E.
    pub fn socket(&mut self, namespace: &str) -> Result<Socket, InvalidNamespace> {
        if !namespace.starts_with('/') || namespace.contains([',', '\u{1e}']) {
            return Err(InvalidNamespace);
        }
        if let Some(socket) = self.find(namespace) {
            return Ok(socket);
        }
        self.sockets.push(State {
            name: namespace.into(),
            auth: Auth::none(),
            is_auth_said: false,
            stage: Stage::Idle,
            id: Box::default(),
            connection: 0,
            owes_disconnect: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            line: Line::default(),
            early: Vec::new(),
            early_bytes: 0,
            recovery: Recovery::default(),
        });
        Ok(Socket(self.sockets.len().saturating_sub(1)))
    }

    pub(super) fn find(&self, namespace: &str) -> Option<Socket> {
        self.sockets.iter().position(|state| *state.name == *namespace).map(Socket)
    }

    pub(super) fn state(&self, socket: Socket) -> Option<&State> {
        self.sockets.get(socket.0)
    }

    pub(super) fn state_mut(&mut self, socket: Socket) -> Option<&mut State> {
        self.sockets.get_mut(socket.0)
    }

    /// All of them, in the order in which they were made.
    pub fn sockets(&self) -> impl Iterator<Item = Socket> + use<> {
        (0..self.sockets.len()).map(Socket)
    }

    /// The name of its namespace.
    #[must_use]
    pub fn namespace(&self, socket: Socket) -> &str {
        self.state(socket).map_or("/", |state| &state.name)
    }

    /// Its id, which others may know, while it is connected. It is another one each time, unless it was
    /// [recovered](Self::is_recovered).
    #[must_use]
    pub fn id(&self, socket: Socket) -> Option<&str> {
        self.state(socket).filter(|state| state.stage == Stage::Connected).map(|state| &*state.id)
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self, socket: Socket) -> bool {
        self.state(socket).is_some_and(|state| state.stage == Stage::Connected)
    }

    /// Whether it is connected, or will be as soon as that is possible.
    #[must_use]
    pub fn is_active(&self, socket: Socket) -> bool {
        self.state(socket).is_some_and(State::is_active)
    }

    /// What it says of itself from the next connection on.
    pub fn set_auth(&mut self, socket: Socket, auth: Auth) {
        if let Some(state) = self.state_mut(socket) {
            state.is_auth_said &= state.auth == auth;
            state.auth = auth;
        }
    }

    /// Connects a socket, and opens a session if there is none. Nothing happens if it is active already.
    pub fn connect(&mut self, now: Instant, socket: Socket) {
        let Some(state) = self.state_mut(socket) else { return };
        match state.stage {
            Stage::Idle => state.stage = Stage::Wanted,
            // The answer is on its way.
            Stage::Leaving if state.is_auth_said => state.stage = Stage::Connecting,
            // That is to somebody else.
            Stage::Leaving => state.stage = Stage::Returning,
            _ => {}
        }
        self.seek_session(now);
        self.ask_for(now, socket);
        self.settle(now);
    }

    /// Answers [`Event::Authenticate`]: says what the socket says of itself this time. What is
    /// [asked](Auth::asked) for counts as nothing.
    pub fn authenticate(&mut self, now: Instant, socket: Socket, auth: &Auth) {
        if self.state(socket).is_some_and(|state| state.stage == Stage::Asked) {
            self.say_connect(now, socket, auth);
            self.settle(now);
        }
    }

    /// Asks the server, or the application before that, if a socket is wanted and there is a session.
    pub(super) fn ask_for(&mut self, now: Instant, socket: Socket) {
        if !self.is_open() {
            return;
        }
        // Otherwise the server would hear that it leaves behind that.
        self.say_disconnect(socket);
        let is_next = |state: &&mut State| state.stage == Stage::Wanted && !state.owes_disconnect;
        let Some(state) = self.state_mut(socket).filter(is_next) else { return };
        if state.auth.0 == Payload::Asked {
            state.stage = Stage::Asked;
            self.events.push_back(Event::Authenticate { socket });
        } else {
            let auth = state.auth.clone();
            self.say_connect(now, socket, &auth);
        }
    }

    fn say_connect(&mut self, now: Instant, socket: Socket, auth: &Auth) {
        let data = match &auth.0 {
            Payload::Object(object) => Some(&**object),
            Payload::None | Payload::Asked => None,
        };
        let data = self.state(socket).and_then(|state| state.recovery.add_to(data));
        let sent = self.say(socket, PacketKind::Connect, data.as_deref());
        let Some(state) = self.state_mut(socket) else { return };
        match sent {
            Ok(()) => {
                state.stage = Stage::Connecting;
                state.is_auth_said = true;
            }
            Err(SendError::TooLong) => {
                self.turned_away(now, socket, ConnectError::TooLong);
            }
            // When there is room.
            Err(_) => state.stage = Stage::Wanted,
        }
    }

    /// Sends a packet that is no event.
    fn say(
        &mut self,
        socket: Socket,
        kind: PacketKind,
        data: Option<&str>,
    ) -> Result<(), SendError> {
        let mut text = String::new();
        Packet { data, ..Packet::new(kind, self.namespace(socket)) }.encode(&mut text);
        self.engine.send(&PreparedPacket::text(&text))
    }

    /// Makes a socket leave; it stays away until it is told to connect again. When no other one is active
    /// the session is closed, behind what was sent. What waits to be sent is kept.
    pub fn disconnect(&mut self, now: Instant, socket: Socket) {
        let Some(state) = self.state_mut(socket) else { return };
        let was_connected = state.stage == Stage::Connected;
        state.take_early();
        state.recovery.forget();
        state.stage = match state.stage {
            Stage::Connecting | Stage::Leaving | Stage::Returning => Stage::Leaving,
            _ => Stage::Idle,
        };
        if was_connected {
            state.owes_disconnect = true;
            self.say_disconnect(socket);
        }
        self.abandon_unused(now);
        if was_connected {
            self.left(socket, DisconnectReason::Client);
        }
        self.settle(now);
    }

    pub(super) fn say_disconnect(&mut self, socket: Socket) {
        let owes = self.state(socket).is_some_and(|state| state.owes_disconnect);
        if owes
            && self.say(socket, PacketKind::Disconnect, None) != Err(SendError::Full)
            && let Some(state) = self.state_mut(socket)
        {
            state.owes_disconnect = false;
        }
    }

    /// Tells that a socket is not connected any more, and which answers will not come.
    pub(super) fn left(&mut self, socket: Socket, reason: DisconnectReason) {
        self.events.push_back(Event::Disconnected { socket, reason });
        self.give_up_answers(socket, Unanswered::Disconnected);
        self.attempt_failed(socket, Unanswered::Disconnected);
        self.give_up_acknowledgements(socket);
    }

    /// The server lets a socket in, and tells its id.
    pub(super) fn admitted(&mut self, now: Instant, socket: Socket, data: Option<&str>) {
        let Some(state) = self.state_mut(socket) else { return };
        match state.stage {
            Stage::Connecting => {}
            Stage::Leaving | Stage::Returning => {
                state.owes_disconnect = true;
                self.say_disconnect(socket);
                self.answered_too_late(now, socket);
                return;
            }
            _ => return,
        }
        let text = |name| {
            member(data, name).and_then(|text| serde_json::from_str::<String>(text.get()).ok())
        };
        let (id, pid) = (text("sid"), text("pid"));
        let Some(id) = id else {
            self.turned_away(now, socket, ConnectError::OldServer);
            return;
        };
        let Some(state) = self.state_mut(socket) else { return };
        state.id = id.into();
        state.stage = Stage::Connected;
        state.recovery.admitted(pid);
        state.connection = state.connection.wrapping_add(1);
        let early = state.take_early();
        // If the session had been lost before this, they would be missed once more.
        for event in &early {
            if let Event::Event { args, ack: None, .. } = event {
                state.recovery.note(args);
            }
        }
        self.events.push_back(Event::Connected { socket });
        self.events.extend(early);
        self.flush(socket);
        self.send_first(now, socket);
        self.note_room();
    }

    /// The server does not let a socket in.
    pub(super) fn refused(&mut self, now: Instant, socket: Socket, data: Option<&str>) {
        let text = |json: &RawValue| serde_json::from_str::<String>(json.get()).ok();
        let message = match data {
            // Of servers before 4.0.
            Some(data) if data.starts_with('"') => serde_json::from_str(data).ok(),
            data => member(data, "message").and_then(text),
        };
        let data = member(data, "data").map(|data| String::from(data.get()));
        let error = ConnectError::Refused { message: message.unwrap_or_default(), data };
        match self.state(socket).map(|state| state.stage) {
            Some(Stage::Connecting) => self.turned_away(now, socket, error),
            Some(Stage::Leaving | Stage::Returning) => self.answered_too_late(now, socket),
            _ => {}
        }
    }

    /// The server has answered a socket that was not wanted any more, and may be wanted again.
    fn answered_too_late(&mut self, now: Instant, socket: Socket) {
        let Some(state) = self.state_mut(socket) else { return };
        state.stage = if state.is_active() { Stage::Wanted } else { Stage::Idle };
        self.ask_for(now, socket);
    }

    fn turned_away(&mut self, now: Instant, socket: Socket, error: ConnectError) {
        self.set_idle(socket);
        self.abandon_unused(now);
        self.events.push_back(Event::ConnectError { socket, error });
    }

    pub(super) fn set_idle(&mut self, socket: Socket) {
        if let Some(state) = self.state_mut(socket) {
            state.stage = Stage::Idle;
            state.take_early();
            state.recovery.forget();
        }
    }

    /// Whether any socket is, or is to be, connected.
    pub(super) fn is_used(&self) -> bool {
        self.sockets.iter().any(State::is_active)
    }
}

/// A member of an object, or nothing if there is no such object.
fn member<'d>(object: Option<&'d str>, name: &str) -> Option<&'d RawValue> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object?).ok()?;
    members.get(name).copied()
}
