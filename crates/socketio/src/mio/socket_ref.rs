//! What a handler does with its socket.

use super::io::{Broadcast, Io};
use super::timers::TimerTask;
use crate::server::{AckId, Close, EmitError, Socket};
use crate::{Args, EncodedArgs, JoinError};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::time::Duration;
use log::error;
use sansio_engineio::Query;
use serde::Serialize;

/// The socket that a handler is called for, and by [`io`](Self::io) all others.
pub struct SocketRef<'a, S> {
    pub(super) io: Io<'a, S>,
    pub(super) socket: Socket,
    pub(super) ack: Option<AckId>,
}

impl<S> fmt::Debug for SocketRef<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SocketRef").field(&self.socket).finish()
    }
}

impl<'a, S> SocketRef<'a, S> {
    /// The handle, to keep: the key of what the application knows about this client. One that has come back has the
    /// same as before.
    #[must_use]
    pub fn handle(&self) -> Socket {
        self.socket
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.io.server().id(self.socket)
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.io.server().namespace(self.socket)
    }

    /// Everything else.
    pub fn io(&mut self) -> &mut Io<'a, S> {
        &mut self.io
    }

    /// Whether the client's transport is a WebSocket, and not long-polling.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        let session = self.io.server().session(self.socket);
        session.is_some_and(|session| self.io.engine().machine().is_websocket(session))
    }

    /// Whether the client was there before, was cut off, and has come back as the same socket: what the application
    /// keeps by its handle is as it was, and so are its rooms, and it has been sent what it had missed.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.io.server().is_recovered(self.socket)
    }

    /// The query with which the client has come.
    #[must_use]
    pub fn query(&self) -> Query<'_> {
        self.io.query(self.socket).unwrap_or_default()
    }

    /// Sends an event to this socket: see [`Io::emit`].
    pub fn emit(&mut self, name: &str, args: impl Serialize) {
        self.io.emit(self.socket, name, args);
    }

    /// The same, unless it would have to wait.
    pub fn emit_volatile(&mut self, name: &str, args: impl Serialize) {
        self.io.emit_volatile(self.socket, name, args);
    }

    /// Sends an event to this socket.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn try_emit(&mut self, event: &EncodedArgs) -> Result<(), EmitError> {
        self.io.try_emit(self.socket, event)
    }

    /// Asks this socket: see [`Io::ask`].
    pub fn ask(
        &mut self,
        timeout: Duration,
        name: &str,
        args: impl Serialize,
        then: impl FnOnce(&mut S, &mut Io<'_, S>, Option<&Args<'_>>) + Send + 'static,
    ) where
        S: 'static,
    {
        self.io.ask(self.socket, timeout, name, args, then);
    }

    /// Whether the client wants the event to be acknowledged, and that has not been done.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.ack.is_some()
    }

    /// Acknowledges the event, if the client asks for that. Once: what is said after that is not sent.
    pub fn ack(&mut self, args: impl Serialize) {
        if let Some(ack) = self.ack.take() {
            self.io.acknowledge(ack, args);
        }
    }

    /// The same with arguments that are ready.
    pub fn ack_encoded(&mut self, args: &EncodedArgs) {
        if let Some(ack) = self.ack.take() {
            self.io.acknowledge_encoded(ack, args);
        }
    }

    /// Takes the acknowledgement away, to give it later by [`Io::acknowledge`].
    pub fn take_ack(&mut self) -> Option<AckId> {
        self.ack.take()
    }

    /// The others in a room.
    pub fn to(&mut self, room: impl Into<String>) -> Broadcast<'_, S> {
        self.others().room(room)
    }

    /// Everybody in the namespace, this socket too.
    pub fn everyone(&mut self) -> Broadcast<'_, S> {
        let namespace = self.namespace().to_owned();
        self.io.of(namespace)
    }

    /// Everybody else in the namespace.
    pub fn others(&mut self) -> Broadcast<'_, S> {
        let socket = self.socket;
        self.everyone().without(socket)
    }

    /// Joins a room.
    ///
    /// # Errors
    ///
    /// Recoverable: it is in too many.
    pub fn try_join(&mut self, room: &str) -> Result<(), JoinError> {
        self.io.core.machine.join(self.socket, room)
    }

    /// Joins a room. If it is in too many of them the log says so, and nothing happens.
    pub fn join(&mut self, room: &str) {
        if let Err(error) = self.try_join(room) {
            error!("socket {}: {error}", self.socket);
        }
    }

    /// Leaves a room.
    pub fn leave(&mut self, room: &str) {
        self.io.core.machine.leave(self.socket, room);
    }

    /// Its rooms, the one of its id first.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.io.server().rooms(self.socket)
    }

    /// Leaves the namespace, or makes the client go.
    pub fn disconnect(&mut self, what: Close) {
        self.io.disconnect(self.socket, what);
    }

    /// Has `task` called once, after `time`, unless the socket has left by then.
    pub fn after(
        &mut self,
        time: Duration,
        task: impl FnOnce(&mut S, &mut SocketRef<'_, S>) + Send + 'static,
    ) -> u64 {
        let socket = self.socket;
        let task = Box::new(move |state: &mut S, io: &mut Io<'_, S>| {
            task(state, &mut SocketRef { io: io.reborrow(), socket, ack: None });
        });
        self.io.later(time, Some(socket), TimerTask::Once(task))
    }

    /// Has `task` called again and again, as long as it returns `true` and the socket has not left.
    pub fn every(
        &mut self,
        time: Duration,
        mut task: impl FnMut(&mut S, &mut SocketRef<'_, S>) -> bool + Send + 'static,
    ) -> u64 {
        let socket = self.socket;
        let task = Box::new(move |state: &mut S, io: &mut Io<'_, S>| {
            task(state, &mut SocketRef { io: io.reborrow(), socket, ack: None })
        });
        self.io.later(time, Some(socket), TimerTask::Every(Some(task)))
    }
}

impl<S> Io<'_, S> {
    /// The same for a shorter time.
    pub(super) fn reborrow(&mut self) -> Io<'_, S> {
        Io { core: self.core, engine: self.engine.reborrow() }
    }

    /// Acknowledges an event.
    pub fn acknowledge(&mut self, ack: AckId, args: impl Serialize) {
        match EncodedArgs::new(&args) {
            Ok(args) => self.acknowledge_encoded(ack, &args),
            Err(error) => error!("an acknowledgement cannot be sent: {error}"),
        }
    }

    /// The same with arguments that are ready.
    pub fn acknowledge_encoded(&mut self, ack: AckId, args: &EncodedArgs) {
        let socket = ack.socket();
        let result = self.core.machine.acknowledge(&mut self.engine, ack, args);
        self.close_if_slow(socket, result);
    }
}
