//! The application as a handler of sessions: events of the machine reach the handlers of namespaces.

use super::app::{Job, Parts};
use super::io::{Core, Io, Sent};
use super::namespace::{Admission, Namespace, PendingAdmission};
use super::set_aside::LOOK;
use super::socket_ref::SocketRef;
use super::timers::{Timer, TimerTask};
use crate::server::{Event, Socket};
use crate::{Args, WrongArgument};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::fmt;
use log::{debug, info};
use sansio_engineio::mio::{Engine, Handler};
use sansio_engineio::{CloseReason, Envelope, Message, Query, Refusal, Session};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{Request, Response};
use sansio_ws::mio::server::{Listener, TimerKey};

/// An [`App`](super::App) that runs.
pub struct AppHandler<S> {
    state: S,
    core: Core<S>,
    parts: Parts<S>,
    /// The query of the session that is about to begin.
    query: Option<Box<str>>,
    /// The deadline of the loop that stands for those of the machine.
    armed: Option<(Instant, TimerKey)>,
    /// The namespace of the socket that is disconnecting.
    leaving: Option<Box<str>>,
}

/// The deadline of the machine. Those of the application count from 1, and [`LOOK`] is beyond them.
const MACHINE: u64 = 0;

impl<S> fmt::Debug for AppHandler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppHandler").field("machine", &self.core.machine).finish_non_exhaustive()
    }
}

impl<S: 'static> AppHandler<S> {
    pub(super) fn new(state: S, mut core: Core<S>, parts: Parts<S>) -> Self {
        let patterns = parts.patterns.iter().map(|(_, (_, namespace))| namespace);
        let mut namespaces = parts.namespaces.values().chain(patterns);
        if namespaces.any(|namespace| !namespace.sent.is_empty()) {
            core.sent = Some(VecDeque::new());
        }
        Self { state, core, parts, query: None, armed: None, leaving: None }
    }

    /// The state, at the end.
    #[must_use]
    pub fn into_state(self) -> S {
        self.state
    }

    /// Calls the handlers for an event, and for all that comes of it.
    fn hand_out(&mut self, event: Option<Event<'_>>, engine: &mut Engine<'_, u64>) {
        if let Some(event) = event {
            self.hand_out_one(event, engine);
        }
        self.settle(engine);
    }

    /// Hands out what handlers have caused, until nothing more comes of it.
    fn settle(&mut self, engine: &mut Engine<'_, u64>) {
        loop {
            if let Some(socket) = self.core.connected.pop_front() {
                self.with_socket(socket, engine, |namespace, state, socket| {
                    if let Some(handler) = &mut namespace.connect {
                        handler(state, socket);
                    }
                });
            } else if let Some(sent) = self.core.sent.as_mut().and_then(VecDeque::pop_front) {
                self.hear_sent(&sent, engine);
            } else if let Some(event) = self.core.machine.poll_event() {
                self.hand_out_one(event, engine);
            } else {
                break;
            }
        }
        self.arm(engine);
    }

    fn hand_out_one(&mut self, event: Event<'_>, engine: &mut Engine<'_, u64>) {
        match event {
            Event::Admit { ticket, session, namespace, auth, comes_back } => {
                let Self { state, core, parts, .. } = self;
                let mut io = Io { core, engine: engine.reborrow() };
                let asker = ticket.asker();
                let pending = PendingAdmission { ticket, answer: None };
                let Some(handlers) = find(parts, namespace) else {
                    io.refuse(pending, "Invalid namespace");
                    return;
                };
                match &mut handlers.admit {
                    Some(admit) => {
                        let admission =
                            Admission { io, pending, namespace, auth, session, comes_back };
                        admit(state, admission);
                        if !self.core.set_aside.contains(asker) {
                            self.core.machine.refuse_unanswered(engine, asker);
                        }
                    }
                    None => io.accept(pending),
                }
            }
            Event::Recovered { socket, .. } => self.core.connected.push_back(socket),
            Event::Event { socket, name, args, ack } => {
                let ack = &mut Some(ack);
                self.with_socket(socket, engine, |namespace, state, socket| {
                    socket.ack = ack.take().flatten();
                    hear(namespace, state, socket, &name, &args);
                });
            }
            Event::Answer { to, socket, args } => {
                // Taken out, so that the one who is told can ask again.
                let Some(mut answers) = self.core.questions.remove(&to) else { return };
                let mut io = Io { core: &mut self.core, engine: engine.reborrow() };
                answers.answer(&mut self.state, &mut io, socket, &args);
                self.core.questions.insert(to, answers);
            }
            Event::Done { to, missing } => {
                let Some(answers) = self.core.questions.remove(&to) else { return };
                let mut io = Io { core: &mut self.core, engine: engine.reborrow() };
                answers.done(&mut self.state, &mut io, missing);
            }
            Event::Disconnecting { socket, reason } => {
                self.with_socket(socket, engine, |namespace, state, socket| {
                    if let Some(handler) = &mut namespace.disconnecting {
                        handler(state, socket, reason);
                    }
                });
                // Its namespace is known for the last time.
                let name = self.core.machine.namespace(socket);
                self.leaving = Some(name.into());
            }
            Event::Disconnected { socket, reason, is_kept } => {
                let name = self.leaving.take();
                let Self { state, core, parts, .. } = self;
                if let Some(namespace) = name.and_then(|name| find(parts, &name)) {
                    let io = Io { core, engine: engine.reborrow() };
                    if let Some(handler) = &mut namespace.disconnect {
                        handler(state, &mut SocketRef { io, socket, ack: None }, reason);
                    }
                    if let (Some(handler), false) = (&mut namespace.forget, is_kept) {
                        handler(state, socket);
                    }
                }
                // Those as well that were set just now.
                for timer in self.core.timers.remove_all(socket) {
                    engine.cancel(timer.key);
                }
            }
            Event::Forgotten { socket, namespace } => {
                let namespace = find(&mut self.parts, &namespace);
                if let Some(handler) = namespace.and_then(|namespace| namespace.forget.as_mut()) {
                    handler(&mut self.state, socket);
                }
            }
        }
    }

    /// Calls something with a socket and the handlers of its namespace.
    fn with_socket(
        &mut self,
        socket: Socket,
        engine: &mut Engine<'_, u64>,
        call: impl FnOnce(&mut Namespace<S>, &mut S, &mut SocketRef<'_, S>),
    ) {
        let Self { state, core, parts, .. } = self;
        let Some(namespace) = find(parts, core.machine.namespace(socket)) else { return };
        let io = Io { core, engine: engine.reborrow() };
        call(namespace, state, &mut SocketRef { io, socket, ack: None });
    }

    fn hear_sent(&mut self, sent: &Sent, engine: &mut Engine<'_, u64>) {
        let event = &sent.event;
        let Ok((Some(name), _)) = Args::event(event.json(), event.attachments().to_vec()) else {
            return;
        };
        self.with_socket(sent.socket, engine, |namespace, state, socket| {
            for handler in &mut namespace.sent {
                handler(state, socket, &name);
            }
        });
    }

    fn arm(&mut self, engine: &mut Engine<'_, u64>) {
        let Some(due) = self.core.machine.poll_timeout() else { return };
        match self.armed {
            Some((at, _)) if at <= due => return,
            Some((_, key)) => _ = engine.cancel(key),
            None => {}
        }
        let time = due.saturating_since(engine.now());
        self.armed = Some((due, engine.after(time, MACHINE)));
    }

    fn pass_deadline(&mut self, number: u64, engine: &mut Engine<'_, u64>) {
        let Some(timer) = self.core.timers.get_mut(number) else { return };
        if let TimerTask::Every(task) = &mut timer.task {
            let (socket, Some(mut task)) = (timer.socket, task.take()) else { return };
            let mut io = Io { core: &mut self.core, engine: engine.reborrow() };
            let goes_on = task(&mut self.state, &mut io);
            let is_there = |socket| io.core.machine.is_open(socket);
            if !goes_on || !socket.is_none_or(is_there) {
                io.cancel(number);
            }
            if let Some(timer) = self.core.timers.get_mut(number) {
                timer.task = TimerTask::Every(Some(task));
            }
        } else if let Some(Timer { task: TimerTask::Once(task), .. }) =
            self.core.timers.remove(number)
        {
            task(&mut self.state, &mut Io { core: &mut self.core, engine: engine.reborrow() });
        }
    }
}

/// The handlers of a namespace: its own, or those of the first pattern that it matches.
fn find<'p, S>(parts: &'p mut Parts<S>, name: &str) -> Option<&'p mut Namespace<S>> {
    let Parts { namespaces, patterns, .. } = parts;
    if let Some(namespace) = namespaces.get_mut(name) {
        return Some(namespace);
    }
    patterns.iter_mut().find_map(|(_, (matches, namespace))| matches(name).then_some(namespace))
}

/// An event: all who listen to every one, the checks, its handler.
fn hear<S>(
    namespace: &mut Namespace<S>,
    state: &mut S,
    socket: &mut SocketRef<'_, S>,
    name: &str,
    args: &Args<'_>,
) {
    for handler in &mut namespace.any {
        handler(state, socket, name, args);
    }
    for check in &mut namespace.checks {
        if !check(state, socket, name, args) {
            return;
        }
    }
    // They may have made it leave. Otherwise it is there.
    let may_have_left = !namespace.any.is_empty() || !namespace.checks.is_empty();
    if may_have_left && !socket.io.core.machine.is_open(socket.socket) {
        return;
    }
    let Some(handler) = namespace.events.get_mut(name) else { return };
    let Err(error) = handler(state, socket, args) else { return };
    match &mut namespace.wrong {
        Some(wrong) => wrong(state, socket, name, &error),
        None => say_wrong(socket.socket, name, &error),
    }
}

fn say_wrong(socket: Socket, name: &str, error: &WrongArgument) {
    info!("socket {socket}: event {name:?}: {error}");
}

impl<S: 'static, L: Listener> Handler<L> for AppHandler<S> {
    type Command = Job<S>;
    type Timer = u64;

    fn admit(&mut self, request: &Request<'_>, _: &Query<'_>) -> Result<(), Refusal> {
        if let Some(session) = &mut self.parts.session {
            session(&mut self.state, request)?;
        }
        let (_, query) = request.target().split_once('?').unwrap_or_default();
        self.query = Some(query.into());
        Ok(())
    }

    fn opened(&mut self, session: Session, engine: &mut Engine<'_, u64>) {
        self.core.queries.insert(session, self.query.take().unwrap_or_default());
        self.core.machine.opened(engine.now(), session);
        self.arm(engine);
    }

    fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, u64>) {
        let event = self.core.machine.message(engine.now(), engine, session, message);
        self.hand_out(event, engine);
    }

    fn closed(&mut self, session: Session, reason: CloseReason, engine: &mut Engine<'_, u64>) {
        self.core.machine.closed(engine.now(), session, reason);
        self.settle(engine);
        self.core.queries.remove(session);
    }

    fn page(&mut self, request: &Request<'_>) -> Response {
        let Parts { engine, pages, fallback, client_files, .. } = &mut self.parts;
        if let Some(name) = request.path().strip_prefix(engine.path.as_str())
            && let Some(response) = client_files.respond(name, request)
        {
            return Envelope::new(engine, request).seal(engine, response, true);
        }
        if let Some(page) = pages.get(request.path()) {
            return Response::html(page).keep_alive(true);
        }
        match fallback {
            Some(fallback) => fallback(&mut self.state, request),
            None => Response::not_found().keep_alive(true),
        }
    }

    fn command(&mut self, job: Job<S>, engine: &mut Engine<'_, u64>) {
        let mut io = Io { core: &mut self.core, engine: engine.reborrow() };
        (job.0)(&mut self.state, &mut io);
        self.settle(engine);
    }

    fn timer(&mut self, timer: u64, engine: &mut Engine<'_, u64>) {
        match timer {
            MACHINE => {
                self.armed = None;
                debug!("a deadline has passed");
                self.core.machine.handle_timeout(engine.now(), engine);
            }
            LOOK => {
                for asker in self.core.set_aside.look(engine) {
                    self.core.machine.refuse_unanswered(engine, asker);
                }
            }
            timer => self.pass_deadline(timer, engine),
        }
        self.settle(engine);
    }
}
