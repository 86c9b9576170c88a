//! The machine behind one lock, and what its threads have to do.
//!
//! ```text
//!  application ─┐                                  ┌─▶ get, post ──────▶ threads that make requests (polling.rs)
//!  time ────────┼─▶ machine ─▶ carry_out() ────────┼─▶ connect, frames ▶ threads of the WebSocket (websocket.rs)
//!  threads ─────┘   (one lock, never held          └─▶ events, answers ▶ application
//!                    while somebody waits)
//! ```

use super::polling::Server;
use crate::Args;
use crate::client::engine::{Connect, Link, Method, Request};
use crate::client::{
    Auth, Client, ConnectError, EmitError, Event, Output, Question, Socket, Unanswered,
};
use crate::{Bytes, EncodedArgs};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::fmt;
use core::mem::discriminant;
use core::time::Duration;
use sansio_ws::CloseCode;
use sansio_ws::blocking::{TcpOrTls, Writer};
use sansio_ws::deadlines::{Clock, Instant};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use ureq::Agent;

/// So many events that the application has not taken, or so many bytes of them, and nothing more is read.
const MAX_EVENTS: usize = 4096;
const MAX_EVENT_BYTES: usize = 16 << 20;

/// What is asked for the authentication of a namespace.
pub(super) type AuthSource = alloc::boxed::Box<dyn FnMut(&str) -> Auth + Send>;

pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) server: Server,
    state: Mutex<State>,
    /// There is something to do for a thread, or room for events.
    work: Condvar,
    /// There is something for the application.
    news: Condvar,
}

pub(super) struct State {
    pub(super) machine: Client,
    pub(super) get: Option<Request>,
    pub(super) post: Option<Request>,
    pub(super) connect: Option<Connect>,
    /// The WebSocket that the machine wants, whether it is open or not.
    pub(super) link: Option<Link>,
    pub(super) agent: Agent,
    /// The WebSocket that is open.
    pub(super) open: Option<Open>,
    /// It has frames to take.
    pub(super) has_frames: bool,
    /// One that is to be closed.
    pub(super) closing: Option<(Open, CloseCode)>,
    /// The thread of the WebSocket has one that it reads.
    pub(super) is_reading: bool,
    /// Namespaces whose authentication is asked for.
    pub(super) wants_auth: VecDeque<Socket>,
    events: VecDeque<Event<'static>>,
    event_bytes: usize,
    asked: BTreeMap<Question, Option<Result<Args<'static>, Unanswered>>>,
    /// Why sockets are not connected that never were.
    errors: BTreeMap<Socket, ConnectError>,
    /// The threads that have not ended.
    pub(super) threads: usize,
    /// The application closes, and reads no more events before that is done.
    pub(super) is_closing: bool,
    /// All threads have to end.
    pub(super) stops: bool,
}

/// An open WebSocket, as writers see it.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) link: Link,
    pub(super) writer: Writer<TcpOrTls>,
    /// To end the waiting of whoever reads or writes.
    pub(super) socket: Arc<TcpStream>,
    pub(super) is_writing: bool,
}

impl Open {
    /// Ends it at once.
    pub(super) fn abort(&self) {
        // It may have ended already.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

impl Shared {
    pub(super) fn new(server: Server, machine: Client) -> Self {
        let state = State {
            machine,
            get: None,
            post: None,
            connect: None,
            link: None,
            agent: server.agent(),
            open: None,
            has_frames: false,
            closing: None,
            is_reading: false,
            wants_auth: VecDeque::new(),
            events: VecDeque::new(),
            event_bytes: 0,
            asked: BTreeMap::new(),
            errors: BTreeMap::new(),
            threads: 0,
            is_closing: false,
            stops: false,
        };
        let (work, news) = (Condvar::new(), Condvar::new());
        Self { clock: Clock::new(), server, state: Mutex::new(state), work, news }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there may be something to do.
    pub(super) fn wait_for_work<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_work_until<'s>(
        &self,
        state: MutexGuard<'s, State>,
        due: Option<Instant>,
    ) -> MutexGuard<'s, State> {
        match due {
            None => self.wait_for_work(state),
            Some(due) => {
                let time = self.clock.until(due);
                self.work.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Waits until there may be something new for the application.
    pub(super) fn wait_for_news<'s>(
        &self,
        state: MutexGuard<'s, State>,
        time: Option<Duration>,
    ) -> MutexGuard<'s, State> {
        match time {
            None => self.news.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(time) => {
                self.news.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Something of the application's.
    pub(super) fn act<T, E: From<EmitError>>(
        &self,
        act: impl FnOnce(&mut Client, Instant) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut state = self.state();
        if state.stops {
            return Err(EmitError::Gone.into());
        }
        let now = self.clock.now();
        let result = act(&mut state.machine, now);
        self.carry_out(&mut state, now);
        result
    }

    /// Hands out what the machine has to say, and wakes whoever it is for.
    pub(super) fn carry_out(&self, state: &mut State, now: Instant) {
        loop {
            while let Some(event) = state.machine.poll_event() {
                state.keep(event);
            }
            let Some(output) = state.machine.poll_output(now) else { break };
            self.put_out(state, output);
        }
        self.work.notify_all();
        self.news.notify_all();
    }

    /// An event that was returned; what is polled comes before it.
    pub(super) fn deliver(&self, state: &mut State, event: Event<'static>) {
        while let Some(before) = state.machine.poll_event() {
            state.keep(before);
        }
        state.keep(event);
    }

    fn put_out(&self, state: &mut State, output: Output) {
        match output {
            Output::Request(request) => match request.method {
                Method::Get => state.get = Some(request),
                Method::Post => state.post = Some(request),
            },
            Output::Abort(exchange) => {
                let is_it = |request: &mut Request| request.exchange == exchange;
                if state.get.take_if(is_it).or(state.post.take_if(is_it)).is_none() {
                    // Nothing else is under way that is wanted.
                    let agent = core::mem::replace(&mut state.agent, self.server.agent());
                    agent.shutdown();
                }
            }
            Output::Connect(connect) => {
                state.link = Some(connect.link);
                state.connect = Some(connect);
            }
            Output::Frames(_) => state.has_frames = true,
            Output::Close { link, code } => {
                state.link.take_if(|wanted| *wanted == link);
                state.connect.take_if(|connect| connect.link == link);
                if let Some(open) = state.open.take_if(|open| open.link == link) {
                    state.has_frames = false;
                    if open.is_writing {
                        // Whoever does not read would not read this.
                        open.abort();
                    } else {
                        state.closing = Some((open, code));
                    }
                }
            }
        }
    }

    /// The next event for the application. `None` when there is none, and will be none by itself.
    pub(super) fn next_event(&self, time: Option<Duration>) -> Option<Event<'static>> {
        let due = time.map(|time| self.clock.now() + time);
        let mut state = self.state();
        loop {
            if let Some(event) = state.events.pop_front() {
                state.event_bytes = state.event_bytes.saturating_sub(len(&event));
                if state.events.is_empty() {
                    state.events = VecDeque::new();
                }
                self.work.notify_all();
                return Some(event);
            }
            let time = due.map(|due| self.clock.until(due));
            if state.stops || state.machine.is_idle() || time == Some(Duration::ZERO) {
                return None;
            }
            state = self.wait_for_news(state, time);
        }
    }

    pub(super) fn wait_for_answer(&self, question: Question) -> Result<Args<'static>, Unanswered> {
        let mut state = self.state();
        // It may have come already; if not, it is known from now on that somebody waits for it.
        state.asked.entry(question).or_insert(None);
        loop {
            if let Some(answer) = state.asked.get_mut(&question).and_then(Option::take) {
                state.asked.remove(&question);
                return answer;
            }
            if state.stops {
                return Err(Unanswered::Disconnected);
            }
            state = self.wait_for_news(state, None);
        }
    }

    /// Has all threads end.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stops = true;
        state.agent.clone().shutdown();
        for open in state.open.iter().chain(state.closing.iter().map(|(open, _)| open)) {
            open.abort();
        }
        self.work.notify_all();
        self.news.notify_all();
    }

    pub(super) fn thread_ended(&self) {
        let mut state = self.state();
        state.threads = state.threads.saturating_sub(1);
        self.news.notify_all();
    }

    /// Waits until all threads have ended, or this time.
    pub(super) fn wait_for_threads(&self, time: Duration) {
        let due = self.clock.now() + time;
        let mut state = self.state();
        while state.threads > 0 {
            let time = self.clock.until(due);
            if time == Duration::ZERO {
                return;
            }
            state = self.wait_for_news(state, Some(time));
        }
    }

    /// Does what is due when it is due, and asks for authentications.
    pub(super) fn run_timer(&self, mut source: Option<AuthSource>) {
        let mut state = self.state();
        while !state.stops {
            if let Some(socket) = state.wants_auth.pop_front() {
                let namespace = alloc::string::String::from(state.machine.namespace(socket));
                drop(state);
                let auth = source.as_mut().map_or_else(Auth::none, |source| source(&namespace));
                state = self.state();
                let now = self.clock.now();
                state.machine.authenticate(now, socket, &auth);
                self.carry_out(&mut state, now);
                continue;
            }
            let due = state.machine.poll_timeout();
            let now = self.clock.now();
            if due.is_some_and(|due| due <= now) {
                state.machine.handle_timeout(now);
                self.carry_out(&mut state, now);
            } else {
                state = self.wait_for_work_until(state, due);
            }
        }
    }
}

impl State {
    /// Whether nothing more is read until the application has taken events.
    pub(super) fn is_full(&self) -> bool {
        let is_full = self.events.len() >= MAX_EVENTS || self.event_bytes >= MAX_EVENT_BYTES;
        is_full && !self.is_closing
    }

    /// Whether no thread has anything under way that is worth waiting for.
    pub(super) const fn is_at_rest(&self) -> bool {
        !self.is_reading && self.closing.is_none()
    }

    /// Why a socket is not connected.
    pub(super) fn error_of(&self, socket: Socket) -> Option<ConnectError> {
        self.errors.get(&socket).cloned()
    }

    fn keep(&mut self, event: Event<'static>) {
        match &event {
            Event::ConnectError { socket, error } => {
                self.errors.insert(*socket, error.clone());
            }
            Event::Connected { socket } => _ = self.errors.remove(socket),
            _ => {}
        }
        match event {
            Event::Authenticate { socket } => self.wants_auth.push_back(socket),
            Event::Answer { to, args, .. } => _ = self.asked.insert(to, Some(Ok(args))),
            Event::Unanswered { to, why, .. } => _ = self.asked.insert(to, Some(Err(why))),
            event => {
                self.make_room_for(&event);
                self.event_bytes = self.event_bytes.saturating_add(len(&event));
                self.events.push_back(event);
            }
        }
    }

    /// Attempts to connect go on if the application takes no events, so what tells of the last one then
    /// takes the place of what told of one before.
    fn make_room_for(&mut self, event: &Event<'_>) {
        let is_state = !matches!(event, Event::Event { .. } | Event::NotSent { .. });
        if is_state && self.events.len() >= MAX_EVENTS {
            let kind = discriminant(event);
            if let Some(at) = self.events.iter().rposition(|other| discriminant(other) == kind) {
                self.events.remove(at);
            }
        }
    }
}

/// The bytes that an event keeps.
fn len(event: &Event<'_>) -> usize {
    let of = |event: &EncodedArgs| {
        event.attachments().iter().map(Bytes::len).fold(event.json().len(), usize::saturating_add)
    };
    match event {
        Event::Event { name, args, .. } => args.iter().fold(name.len(), |sum, raw| {
            let bytes =
                raw.attachments().map(Bytes::len).fold(raw.json().len(), usize::saturating_add);
            sum.saturating_add(bytes)
        }),
        Event::NotSent { event, .. } => of(event),
        _ => 0,
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
