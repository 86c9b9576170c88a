//! The handlers of a namespace.

use super::io::Io;
use super::socket_ref::SocketRef;
use crate::server::{DisconnectReason, Socket, Ticket};
use crate::{Args, WrongArgument};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use sansio_engineio::{Query, Session};
use serde::Serialize;
use serde::de::DeserializeOwned;

type OnEvent<S> =
    Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, &Args<'_>) -> Result<(), WrongArgument> + Send>;
type OnAny<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, &str, &Args<'_>) + Send>;
type OnSent<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, &str) + Send>;
type OnCheck<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, &str, &Args<'_>) -> bool + Send>;
type OnWrong<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, &str, &WrongArgument) + Send>;
type OnConnect<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>) + Send>;
type OnLeave<S> = Box<dyn FnMut(&mut S, &mut SocketRef<'_, S>, DisconnectReason) + Send>;
type OnForget<S> = Box<dyn FnMut(&mut S, Socket) + Send>;
type OnAdmission<S> = Box<dyn FnMut(&mut S, Admission<'_, S>) + Send>;

/// The handlers of a namespace, or of all that a pattern matches. Each setter replaces what was set before under
/// the same name.
pub struct Namespace<S> {
    pub(super) admit: Option<OnAdmission<S>>,
    pub(super) connect: Option<OnConnect<S>>,
    pub(super) disconnecting: Option<OnLeave<S>>,
    pub(super) disconnect: Option<OnLeave<S>>,
    pub(super) forget: Option<OnForget<S>>,
    pub(super) events: BTreeMap<String, OnEvent<S>>,
    pub(super) any: Vec<OnAny<S>>,
    pub(super) checks: Vec<OnCheck<S>>,
    pub(super) sent: Vec<OnSent<S>>,
    pub(super) wrong: Option<OnWrong<S>>,
}

impl<S> fmt::Debug for Namespace<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("events", &self.events.keys()).finish_non_exhaustive()
    }
}

impl<S> Namespace<S> {
    pub(super) fn new() -> Self {
        Self {
            admit: None,
            connect: None,
            disconnecting: None,
            disconnect: None,
            forget: None,
            events: BTreeMap::new(),
            any: Vec::new(),
            checks: Vec::new(),
            sent: Vec::new(),
            wrong: None,
        }
    }

    /// Who may join (default: everybody). The handler accepts the client, refuses it, or sets it aside.
    pub fn admit(
        &mut self,
        handler: impl FnMut(&mut S, Admission<'_, S>) + Send + 'static,
    ) -> &mut Self {
        self.admit = Some(Box::new(handler));
        self
    }

    /// A client has joined, or has come back and is the same socket as before:
    /// [`SocketRef::is_recovered`](SocketRef::is_recovered).
    pub fn on_connect(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>) + Send + 'static,
    ) -> &mut Self {
        self.connect = Some(Box::new(handler));
        self
    }

    /// A client leaves, and its rooms are still there.
    pub fn on_disconnecting(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, DisconnectReason) + Send + 'static,
    ) -> &mut Self {
        self.disconnecting = Some(Box::new(handler));
        self
    }

    /// A client has left. With [`Recovery`](crate::Recovery) it may come back.
    pub fn on_disconnect(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, DisconnectReason) + Send + 'static,
    ) -> &mut Self {
        self.disconnect = Some(Box::new(handler));
        self
    }

    /// A client has left and will not come back: forget what is kept of its [handle](SocketRef::handle). Without
    /// [`Recovery`](crate::Recovery) that is right behind [`on_disconnect`](Self::on_disconnect).
    pub fn on_forget(&mut self, handler: impl FnMut(&mut S, Socket) + Send + 'static) -> &mut Self {
        self.forget = Some(Box::new(handler));
        self
    }

    /// An event of this name has come. Its arguments are a tuple, of which each may be of any type that serde
    /// knows; `bytes::Bytes` are binary. More arguments than that are ignored. If one is missing or of
    /// another type the handler is not called, see [`on_wrong_argument`](Self::on_wrong_argument).
    pub fn on<T: DeserializeOwned>(
        &mut self,
        name: &str,
        mut handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, T) + Send + 'static,
    ) -> &mut Self {
        self.on_event(name, move |state, socket, args| {
            handler(state, socket, args.parse()?);
            Ok(())
        })
    }

    /// The same with arguments that are not made into anything.
    pub fn on_raw(
        &mut self,
        name: &str,
        mut handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, &Args<'_>) + Send + 'static,
    ) -> &mut Self {
        self.on_event(name, move |state, socket, args| {
            handler(state, socket, args);
            Ok(())
        })
    }

    fn on_event(
        &mut self,
        name: &str,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, &Args<'_>) -> Result<(), WrongArgument>
        + Send
        + 'static,
    ) -> &mut Self {
        self.events.insert(name.to_string(), Box::new(handler));
        self
    }

    /// Hears every event before its handler, and before the checks (S19).
    pub fn on_any(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, &str, &Args<'_>) + Send + 'static,
    ) -> &mut Self {
        self.any.push(Box::new(handler));
        self
    }

    /// Hears the name of every event that was sent to a socket, by itself or to many (S19).
    pub fn on_any_outgoing(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, &str) + Send + 'static,
    ) -> &mut Self {
        self.sent.push(Box::new(handler));
        self
    }

    /// Decides whether an event reaches its handler.
    pub fn check(
        &mut self,
        check: impl FnMut(&mut S, &mut SocketRef<'_, S>, &str, &Args<'_>) -> bool + Send + 'static,
    ) -> &mut Self {
        self.checks.push(Box::new(check));
        self
    }

    /// An event had other arguments than its handler takes (default: a line in the log).
    pub fn on_wrong_argument(
        &mut self,
        handler: impl FnMut(&mut S, &mut SocketRef<'_, S>, &str, &WrongArgument) + Send + 'static,
    ) -> &mut Self {
        self.wrong = Some(Box::new(handler));
        self
    }
}

/// A client that wants to join a namespace. If the handler says nothing about it, it is refused.
#[must_use = "the client waits for an answer"]
pub struct Admission<'a, S> {
    pub(super) io: Io<'a, S>,
    pub(super) pending: PendingAdmission,
    pub(super) namespace: &'a str,
    pub(super) auth: &'a str,
    pub(super) session: Session,
    pub(super) comes_back: bool,
}

impl<S> fmt::Debug for Admission<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// A client that was set aside: [`Io::accept`] or [`Io::refuse`] it later. It can be sent to another thread. If it is
/// dropped instead, the client is refused, though only after a time, which is
/// [`connect_timeout`](crate::Config::connect_timeout) at most.
#[derive(Debug)]
#[must_use = "the client waits for an answer"]
pub struct PendingAdmission {
    pub(super) ticket: Ticket,
    /// Dropped with it. Nothing while the handler has it.
    pub(super) answer: Option<Arc<()>>,
}

impl PendingAdmission {
    /// The handle that the socket will have.
    #[must_use]
    pub const fn handle(&self) -> Socket {
        self.ticket.socket()
    }
}

impl<S> Admission<'_, S> {
    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace
    }

    /// What the client says of itself, a JSON object.
    #[must_use]
    pub fn auth(&self) -> &str {
        self.auth
    }

    /// The query with which the client has come.
    #[must_use]
    pub fn query(&self) -> Query<'_> {
        let query = self.io.core.queries.get(self.session);
        query.map_or_else(Query::default, |query| Query::parse(query))
    }

    /// The handle that the socket will have, to keep something for it.
    #[must_use]
    pub fn handle(&self) -> Socket {
        self.pending.handle()
    }

    /// Whether the client was there before and was cut off: if it is let in it is the same socket again. Such clients are
    /// not asked about, unless [`Recovery::skips_admission`](crate::Recovery) is off.
    #[must_use]
    pub fn comes_back(&self) -> bool {
        self.comes_back
    }

    /// Lets the client in.
    pub fn accept(mut self) {
        self.io.accept(self.pending);
    }

    /// Does not let the client in, and says why.
    pub fn refuse(self, message: &str) {
        self.refuse_with(message, None::<()>);
    }

    /// The same with data of the application's.
    pub fn refuse_with(mut self, message: &str, data: Option<impl Serialize>) {
        self.io.refuse_with(self.pending, message, data);
    }

    /// Sets the client aside: it waits until it is accepted or refused, or goes away.
    pub fn later(mut self) -> PendingAdmission {
        self.io.set_aside(self.pending)
    }

    /// Sets the client aside, and has `then` called after `time`, to accept or refuse it.
    pub fn after(
        mut self,
        time: Duration,
        then: impl FnOnce(&mut S, &mut Io<'_, S>, PendingAdmission) + Send + 'static,
    ) {
        let pending = self.io.set_aside(self.pending);
        self.io.after(time, move |state, io| then(state, io, pending));
    }
}
