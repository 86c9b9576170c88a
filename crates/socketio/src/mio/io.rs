//! What handlers do with all sockets.

use super::namespace::PendingAdmission;
use super::set_aside::SetAside;
use super::timers::{Timer, TimerTask, Timers};
use crate::by_session::BySession;
use crate::server::{Close, EmitError, Question, Server, Socket, Target};
use crate::{Args, Config, EncodedArgs};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use log::{debug, error, info};
use sansio_engineio::mio::Engine;
use sansio_engineio::{Query, SessionId};
use serde::Serialize;

/// Something that was set aside to be done later.
pub(super) type Task<S> = Box<dyn FnOnce(&mut S, &mut Io<'_, S>) + Send>;

/// Something that is done again and again, as long as it returns `true`.
pub(super) type RepeatedTask<S> = Box<dyn FnMut(&mut S, &mut Io<'_, S>) -> bool + Send>;

/// What becomes of one answer after the other, and in the end of how many are missing.
pub(super) trait Answers<S>: Send {
    fn answer(&mut self, state: &mut S, io: &mut Io<'_, S>, socket: Socket, args: &Args<'_>);
    fn done(self: Box<Self>, state: &mut S, io: &mut Io<'_, S>, missing: usize);
}

/// An event that was sent, for those who listen to all of them.
pub(super) struct Sent {
    pub(super) socket: Socket,
    pub(super) event: Arc<EncodedArgs>,
}

/// What an application is made of, beside its state and its handlers.
pub(super) struct Core<S> {
    pub(super) machine: Server,
    pub(super) questions: BTreeMap<Question, Box<dyn Answers<S>>>,
    pub(super) timers: Timers<S>,
    /// The query with which each session has begun.
    pub(super) queries: BySession<Box<str>>,
    /// Who waits for admission beyond the handler.
    pub(super) set_aside: SetAside,
    /// Who was let in, and has not been told of.
    pub(super) connected: VecDeque<Socket>,
    /// What was sent, if anybody listens.
    pub(super) sent: Option<VecDeque<Sent>>,
}

impl<S> Core<S> {
    pub(super) fn new(config: Config) -> Self {
        Self {
            machine: Server::new(config, SessionId::from_os),
            questions: BTreeMap::new(),
            timers: Timers::new(),
            queries: BySession::new(),
            set_aside: SetAside::default(),
            connected: VecDeque::new(),
            sent: None,
        }
    }
}

/// All sockets, rooms and timers, for a handler to act on.
pub struct Io<'a, S> {
    pub(super) core: &'a mut Core<S>,
    pub(super) engine: Engine<'a, u64>,
}

impl<S> fmt::Debug for Io<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Io").field(&self.core.machine).finish()
    }
}

impl<S> Io<'_, S> {
    /// The machine, to ask it questions.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.core.machine
    }

    /// The sessions below, to ask questions.
    #[must_use]
    pub fn engine(&self) -> &Engine<'_, u64> {
        &self.engine
    }

    /// Everybody in a namespace; with [rooms](Broadcast::room) those in them.
    pub fn of(&mut self, namespace: impl Into<String>) -> Broadcast<'_, S> {
        self.target(Target::all(namespace))
    }

    /// Those that are meant.
    pub fn target(&mut self, target: Target) -> Broadcast<'_, S> {
        Broadcast { core: self.core, engine: self.engine.reborrow(), target }
    }

    /// Sends an event to one socket. If it cannot be taken, because too much waits for the client
    /// already, its session is closed: a client that has missed something does not know it. One that was cut off and
    /// may come back gets the event then.
    pub fn emit(&mut self, socket: Socket, name: &str, args: impl Serialize) {
        if let Some(event) = encode(name, &args) {
            let result = self.try_emit(socket, &event);
            if result == Err(EmitError::Full) {
                // It is closed, and gets the event if it comes back.
                self.core.machine.remember(self.engine.now(), socket, &event);
            }
            self.close_if_slow(socket, result);
        }
    }

    /// Sends an event to one socket, unless it would have to wait.
    pub fn emit_volatile(&mut self, socket: Socket, name: &str, args: impl Serialize) {
        let Some(event) = encode(name, &args) else { return };
        let sent = self.core.machine.emit_volatile(&mut self.engine, socket, &event);
        if sent.is_ok()
            && let Some(sent) = &mut self.core.sent
        {
            sent.push_back(Sent { socket, event: Arc::new(event) });
        }
    }

    /// Sends an event to one socket.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was sent.
    pub fn try_emit(&mut self, socket: Socket, event: &EncodedArgs) -> Result<(), EmitError> {
        let Core { machine, sent, .. } = &mut *self.core;
        machine.emit(self.engine.now(), &mut self.engine, socket, event)?;
        if let Some(sent) = sent
            // Otherwise it is kept.
            && machine.is_open(socket)
        {
            sent.push_back(Sent { socket, event: Arc::new(event.clone()) });
        }
        Ok(())
    }

    pub(super) fn close_if_slow(&mut self, socket: Socket, result: Result<(), EmitError>) {
        match result {
            Err(EmitError::Full) => close_slow(self.core, &mut self.engine, socket),
            Err(error) => debug!("socket {socket}: {error}"),
            Ok(()) => {}
        }
    }

    /// Asks one socket, and has `then` called once: with the answer, or with `None` if none comes in time, or nobody
    /// was asked.
    pub fn ask(
        &mut self,
        socket: Socket,
        timeout: Duration,
        name: &str,
        args: impl Serialize,
        then: impl FnOnce(&mut S, &mut Io<'_, S>, Option<&Args<'_>>) + Send + 'static,
    ) where
        S: 'static,
    {
        let answers: Box<dyn Answers<S>> = Box::new(One(Some(then)));
        let Some(event) = encode(name, &args) else {
            self.give_up(answers, 1);
            return;
        };
        let now = self.engine.now();
        let asked = self.core.machine.ask(now, &mut self.engine, socket, timeout, &event);
        match asked {
            Ok(question) => {
                self.core.questions.insert(question, answers);
                if let Some(sent) = &mut self.core.sent {
                    sent.push_back(Sent { socket, event: Arc::new(event) });
                }
            }
            Err(error) => {
                self.close_if_slow(socket, Err(error));
                self.give_up(answers, 1);
            }
        }
    }

    /// Nobody has been asked, and the one who waits is told in the same way as of silence.
    fn give_up(&mut self, answers: Box<dyn Answers<S>>, missing: usize)
    where
        S: 'static,
    {
        let task = Box::new(move |state: &mut S, io: &mut Io<'_, S>| {
            answers.done(state, io, missing);
        });
        self.later(Duration::ZERO, None, TimerTask::Once(task));
    }

    /// Makes a socket leave, or its client.
    pub fn disconnect(&mut self, socket: Socket, what: Close) {
        self.core.machine.disconnect(&mut self.engine, socket, what);
    }

    /// Closes the session of a socket, as if the connection had ended.
    pub fn kill(&mut self, socket: Socket) {
        if let Some(session) = self.core.machine.session(socket) {
            self.engine.close(session);
        }
    }

    /// The query with which the client has come.
    #[must_use]
    pub fn query(&self, socket: Socket) -> Option<Query<'_>> {
        let session = self.core.machine.session(socket)?;
        self.core.queries.get(session).map(|query| Query::parse(query))
    }

    /// Has `task` called once, after `time`.
    pub fn after(
        &mut self,
        time: Duration,
        task: impl FnOnce(&mut S, &mut Io<'_, S>) + Send + 'static,
    ) -> u64 {
        self.later(time, None, TimerTask::Once(Box::new(task)))
    }

    /// Has `task` called again and again, as long as it returns `true`.
    pub fn every(
        &mut self,
        time: Duration,
        task: impl FnMut(&mut S, &mut Io<'_, S>) -> bool + Send + 'static,
    ) -> u64 {
        self.later(time, None, TimerTask::Every(Some(Box::new(task))))
    }

    /// Takes back what [`after`](Self::after) or [`every`](Self::every) has set.
    pub fn cancel(&mut self, timer: u64) {
        if let Some(timer) = self.core.timers.remove(timer) {
            self.engine.cancel(timer.key);
        }
    }

    pub(super) fn later(
        &mut self,
        time: Duration,
        socket: Option<Socket>,
        task: TimerTask<S>,
    ) -> u64 {
        let number = self.core.timers.next_number();
        let key = match task {
            TimerTask::Once(_) => self.engine.after(time, number),
            TimerTask::Every(_) => self.engine.every(time, number),
        };
        self.core.timers.insert(number, Timer { key, socket, task });
        number
    }

    /// Lets a client in that was set aside. Nothing happens if it has gone meanwhile.
    pub fn accept(&mut self, pending: PendingAdmission) {
        self.core.set_aside.remove(pending.ticket.asker());
        if let Some(socket) = self.core.machine.admit(&mut self.engine, pending.ticket) {
            self.core.connected.push_back(socket);
        }
    }

    /// Whether a client that was set aside is still there.
    #[must_use]
    pub fn is_waiting(&self, pending: &PendingAdmission) -> bool {
        self.core.machine.is_waiting(&pending.ticket)
    }

    /// Does not let a client in that was set aside, and says why.
    pub fn refuse(&mut self, pending: PendingAdmission, message: &str) {
        self.refuse_with(pending, message, None::<()>);
    }

    /// The same with data of the application's.
    pub fn refuse_with(
        &mut self,
        pending: PendingAdmission,
        message: &str,
        data: Option<impl Serialize>,
    ) {
        self.core.set_aside.remove(pending.ticket.asker());
        let data = data.map(|data| serde_json::to_string(&data)).transpose();
        let data = data.unwrap_or_else(|error| {
            error!("the data of a refusal cannot be sent: {error}");
            None
        });
        self.core.machine.refuse(&mut self.engine, pending.ticket, message, data.as_deref());
    }

    /// Makes all sockets leave, closes all sessions, and ends the server when all is written.
    pub fn shut_down(&mut self) {
        self.core.machine.close_all(self.engine.now(), &mut self.engine);
        self.engine.shut_down();
    }
}

/// The event, or a line in the log: what cannot be sent is the program's fault.
pub(super) fn encode(name: &str, args: &impl Serialize) -> Option<EncodedArgs> {
    match EncodedArgs::event(name, args) {
        Ok(event) => Some(event),
        Err(error) => {
            error!("the event {name:?} cannot be sent: {error}");
            None
        }
    }
}

fn close_slow<S>(core: &mut Core<S>, engine: &mut Engine<'_, u64>, socket: Socket) {
    if let Some(session) = core.machine.session(socket) {
        info!("session {session} reads too slowly and is closed");
        engine.close(session);
    }
}

/// What is said to several sockets.
#[must_use = "it does nothing by itself"]
pub struct Broadcast<'a, S> {
    core: &'a mut Core<S>,
    engine: Engine<'a, u64>,
    target: Target,
}

impl<S> fmt::Debug for Broadcast<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.target).finish()
    }
}

impl<S> Broadcast<'_, S> {
    /// Those in this room, or in another one that is named: each once.
    pub fn room(mut self, room: impl Into<String>) -> Self {
        self.target = self.target.room(room);
        self
    }

    /// Not those in this room.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.target = self.target.except(room);
        self
    }

    /// Not this one.
    pub fn without(mut self, socket: Socket) -> Self {
        self.target = self.target.without(socket);
        self
    }

    /// Not those who would have to wait for it.
    pub fn volatile(mut self) -> Self {
        self.target = self.target.volatile();
        self
    }

    /// Whether it may be compressed.
    pub fn compress(mut self, on: bool) -> Self {
        self.target = self.target.compress(on);
        self
    }

    /// Sends an event to all of them. It is encoded once. A client for which too much waits is closed.
    pub fn emit(self, name: &str, args: impl Serialize) {
        if let Some(event) = encode(name, &args) {
            self.emit_encoded(&event);
        }
    }

    /// The same with an event that is ready.
    pub fn emit_encoded(mut self, event: &EncodedArgs) {
        let meant = self.listened_to();
        let (machine, engine) = (&mut self.core.machine, &mut self.engine);
        let failed = machine.emit_to(engine.now(), engine, &self.target, event);
        self.follow_up(event, meant, failed);
    }

    /// The sockets that are meant, if anybody listens to what is sent.
    fn listened_to(&self) -> Option<Vec<Socket>> {
        self.core.sent.is_some().then(|| self.sockets())
    }

    /// An event was sent to those that are meant, except those who could not take it: a client for which too much waits
    /// is closed.
    fn follow_up(
        &mut self,
        event: &EncodedArgs,
        meant: Option<Vec<Socket>>,
        failed: Vec<(Socket, EmitError)>,
    ) {
        if let (Some(sent), Some(heard)) = (&mut self.core.sent, meant) {
            let event = Arc::new(event.clone());
            let has_failed = |socket: &Socket| failed.iter().any(|(failed, _)| failed == socket);
            let heard = heard.into_iter().filter(|socket| !has_failed(socket));
            sent.extend(heard.map(|socket| Sent { socket, event: Arc::clone(&event) }));
        }
        for (socket, error) in failed {
            if error == EmitError::Full {
                close_slow(self.core, &mut self.engine, socket);
            }
        }
    }

    /// Asks all of them, and has `then` called once, with the answers that have come in time as their raw
    /// arguments, and with how many have not. A client for which too much waits is closed.
    pub fn ask(
        mut self,
        timeout: Duration,
        name: &str,
        args: impl Serialize,
        then: impl FnOnce(&mut S, &mut Io<'_, S>, Vec<(Socket, Args<'static>)>, usize) + Send + 'static,
    ) where
        S: 'static,
    {
        let answers = Box::new(Many { answers: Vec::new(), then });
        let Some(event) = encode(name, &args) else {
            let missing = self.sockets().len();
            Io { core: self.core, engine: self.engine }.give_up(answers, missing);
            return;
        };
        let meant = self.listened_to();
        let now = self.engine.now();
        let Self { core, engine, target } = &mut self;
        let (question, failed) = core.machine.ask_each(now, engine, target, timeout, &event);
        core.questions.insert(question, answers);
        self.follow_up(&event, meant, failed);
    }

    /// The sockets that are meant.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.core.machine.sockets(&self.target)
    }

    /// Puts all of them into a room.
    pub fn join(self, room: &str) {
        for socket in self.sockets() {
            if let Err(error) = self.core.machine.join(socket, room) {
                debug!("socket {socket}: {error}");
            }
        }
    }

    /// Takes all of them out of a room.
    pub fn leave(self, room: &str) {
        for socket in self.sockets() {
            self.core.machine.leave(socket, room);
        }
    }

    /// Makes all of them leave, or their clients.
    pub fn disconnect(mut self, what: Close) {
        for socket in self.sockets() {
            self.core.machine.disconnect(&mut self.engine, socket, what);
        }
    }
}

/// One answer.
struct One<F>(Option<F>);

impl<S, F> Answers<S> for One<F>
where
    F: FnOnce(&mut S, &mut Io<'_, S>, Option<&Args<'_>>) + Send,
{
    fn answer(&mut self, state: &mut S, io: &mut Io<'_, S>, _: Socket, args: &Args<'_>) {
        if let Some(then) = self.0.take() {
            then(state, io, Some(args));
        }
    }

    fn done(self: Box<Self>, state: &mut S, io: &mut Io<'_, S>, _: usize) {
        if let Some(then) = self.0 {
            then(state, io, None);
        }
    }
}

/// All answers at once.
struct Many<F> {
    answers: Vec<(Socket, Args<'static>)>,
    then: F,
}

impl<S, F> Answers<S> for Many<F>
where
    F: FnOnce(&mut S, &mut Io<'_, S>, Vec<(Socket, Args<'static>)>, usize) + Send,
{
    fn answer(&mut self, _: &mut S, _: &mut Io<'_, S>, socket: Socket, args: &Args<'_>) {
        self.answers.push((socket, args.clone().into_owned()));
    }

    fn done(self: Box<Self>, state: &mut S, io: &mut Io<'_, S>, missing: usize) {
        (self.then)(state, io, self.answers, missing);
    }
}
