//! A connection that speaks plain HTTP: requests of polling, and for pages.

use super::service::READ_BYTES;
use super::{EngineIo, Handler, Settings, Timer};
use crate::http::{Http, HttpError, HttpEvent};
use crate::{Config, Departure, Envelope, Session, Verdict};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;
use log::debug;
use mio::event::Event;
use mio::{Interest, Registry, Token};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{
    Acceptance, BodyError, HandshakeError, OriginPolicy, Request, Response,
};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::{Context, Key, Listener};
use sansio_ws::{Connection, RecvBuffer};
use std::io::{self, ErrorKind};

pub(super) struct HttpPeer<S> {
    stream: S,
    http: Http,
    /// The beginning of a request, or what stands behind one that waits.
    parked: Option<Box<RecvBuffer>>,
    /// The request that the machine is to answer.
    exchange: Exchange,
    envelope: Envelope,
    phase: Phase,
    /// When the phase has taken too long.
    due: Instant,
    /// When it is tried next whether there is room to write, though none was reported: before the session is judged.
    look: Instant,
    is_readable: bool,
    is_writable: bool,
    /// `poll` has reported the end of input. There may be something before it.
    has_read_closed: bool,
    input_ended: bool,
    /// The stream was told to pass on all that was written.
    is_flushed: bool,
    has_shut_down: bool,
    /// The client has taken bytes, which gives it time for the next.
    has_progress: bool,
    /// A request was answered, and what follows has time of its own.
    is_answered: bool,
    /// There may be a whole request in what is parked.
    is_interrupted: bool,
    /// The stream has failed, or it is given up.
    is_lost: bool,
    /// The server shuts down.
    is_last: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    None,
    /// A request of this session was answered, and the response may still be on its way.
    Answered(Session),
    /// A GET, or a POST whose body is not asked for yet.
    Held(Session),
    /// A POST: its body is being read, or was read, and handed out up to `position`.
    Post {
        session: Session,
        position: usize,
        /// Not before the client has taken what waits for it.
        waits: bool,
    },
}

/// What the connection is doing, each of which may take its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Receiving,
    /// The machine is to answer: no deadline, the session has its own.
    Waiting,
    Writing,
    /// All is written, and the client is to end its direction.
    Lingering,
}

/// How long a client has to end its direction after the last response.
const LINGER: Duration = Duration::from_secs(5);

/// What becomes of the connection: a WebSocket.
pub(super) struct Upgrade {
    pub(super) session: Session,
    pub(super) connection: Connection,
    /// What the client has sent behind the head.
    pub(super) rx: RecvBuffer,
}

/// What is next.
enum Step {
    /// Something was done, and there may be more to do.
    Again,
    /// More bytes are needed.
    Read,
    /// Nothing, until something else has happened.
    Wait,
    Upgrade(Session, Box<Connection>),
}

impl<S: Stream> HttpPeer<S> {
    pub(super) fn new(stream: S, settings: &Settings, now: Instant) -> Self {
        Self {
            stream,
            http: Http::new(&settings.limits),
            parked: None,
            exchange: Exchange::None,
            envelope: Envelope::default(),
            phase: Phase::Idle,
            due: now + settings.idle,
            look: now,
            is_readable: false,
            is_writable: false,
            has_read_closed: false,
            input_ended: false,
            is_flushed: true,
            has_shut_down: false,
            has_progress: false,
            is_answered: false,
            is_interrupted: false,
            is_lost: false,
            is_last: false,
        }
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    pub(super) fn ready(&mut self, event: &Event) {
        self.is_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.is_writable |= event.is_writable() || event.is_error();
        // A handshake of TLS may have waited for room. It goes on in a read.
        self.is_readable |= event.is_writable() && !S::SHORT_READ_DRAINS;
        self.has_read_closed |= event.is_read_closed() || event.is_error();
    }

    pub(super) fn wants_turn(&self) -> bool {
        if self.is_lost || self.input_ended {
            return false;
        }
        match self.exchange {
            // While it is held nothing is read: the end has to show otherwise.
            Exchange::Held(_) => self.has_read_closed,
            Exchange::Post { waits: true, .. } => false,
            Exchange::None | Exchange::Answered(_) | Exchange::Post { .. } => {
                let is_blocked = self.http.has_output() && !self.is_writable;
                (self.is_readable || self.is_interrupted) && !is_blocked
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting => None,
            Phase::Writing => Some(self.due.min(self.look)),
            _ => Some(self.due),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.next_deadline().is_none_or(|due| due > now) {
            return;
        }
        if self.phase == Phase::Writing {
            // There may be room that was not reported: edges come late.
            self.is_writable = true;
            self.write();
        }
        if self.due <= now && !self.has_progress {
            debug!("given up: {:?} has taken too long", self.phase);
            self.is_lost = true;
        }
    }

    /// The server shuts down: the session that is to be closed, if a request of one waits.
    pub(super) fn close(&mut self) -> Option<Session> {
        self.is_last = true;
        match self.exchange {
            Exchange::Held(session) | Exchange::Post { session, .. } => Some(session),
            Exchange::None | Exchange::Answered(_) => {
                self.is_lost |= !self.http.has_output();
                None
            }
        }
    }

    /// The machine's answer to the request that waits.
    pub(super) fn respond(&mut self, settings: &Settings, response: Response, may_compress: bool) {
        self.exchange = match self.exchange {
            Exchange::Held(session) | Exchange::Post { session, .. } => Exchange::Answered(session),
            other => other,
        };
        let envelope = core::mem::take(&mut self.envelope);
        self.put(envelope.seal(&settings.config, response, may_compress));
    }

    /// The POST that has waited goes on.
    pub(super) fn go_on(&mut self, max_bytes: u64) {
        match &mut self.exchange {
            Exchange::Held(session) => {
                let session = *session;
                self.exchange = Exchange::Post { session, position: 0, waits: false };
                self.http.read_body(max_bytes);
            }
            Exchange::Post { waits, .. } => *waits = false,
            Exchange::None | Exchange::Answered(_) => return,
        }
        self.is_interrupted = true;
    }

    fn put(&mut self, response: Response) {
        let keep_alive = response.is_keep_alive() && !self.is_last;
        self.http.respond(&response.keep_alive(keep_alive));
        self.is_answered = true;
        self.is_interrupted = true;
    }

    pub(super) fn turn<H, L>(
        &mut self,
        key: Key,
        address: &L::Address,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> Option<Upgrade>
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        let mut rx = core::mem::take(&mut service.rx);
        if let Some(parked) = &mut self.parked {
            rx.unpark(parked);
        }
        let upgrade = self.take_turn(&mut rx, key, address, service, context);
        let upgrade = upgrade.map(|(session, connection)| {
            let mut behind = RecvBuffer::new();
            rx.park(&mut behind);
            Upgrade { session, connection: *connection, rx: behind }
        });
        self.parked = match rx.is_empty() {
            true => None,
            false => {
                let mut parked = self.parked.take().unwrap_or_default();
                rx.park(&mut parked);
                Some(parked)
            }
        };
        service.rx = rx;
        upgrade
    }

    fn take_turn<H, L>(
        &mut self,
        rx: &mut RecvBuffer,
        key: Key,
        address: &L::Address,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> Option<(Session, Box<Connection>)>
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        if self.has_read_closed && matches!(self.exchange, Exchange::Held(_)) {
            // Whoever does not wait for the answer any more has gone (E14).
            self.is_lost = true;
            return None;
        }
        let mut budget = READ_BYTES;
        loop {
            match self.step(rx, key, address, service, context) {
                Step::Again => {}
                Step::Upgrade(session, connection) => return Some((session, connection)),
                Step::Wait => return None,
                Step::Read => {
                    self.is_interrupted = false;
                    if !self.is_readable || budget == 0 || self.is_lost || self.input_ended {
                        return None;
                    }
                    budget = budget.saturating_sub(self.read(rx));
                }
            }
        }
    }

    /// Reads once, and returns how much.
    fn read(&mut self, rx: &mut RecvBuffer) -> usize {
        let room = rx.spare().len();
        match rx.read_from(&mut self.stream) {
            Ok(0) => (self.is_readable, self.input_ended) = (false, true),
            Ok(n) => {
                // The end may hide behind a short read.
                self.is_readable = n == room || self.has_read_closed || !S::SHORT_READ_DRAINS;
                return n;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                (self.is_readable, self.input_ended) = (false, true);
            }
            Err(error) => {
                debug!("{error}");
                self.is_lost = true;
            }
        }
        0
    }

    fn step<H, L>(
        &mut self,
        rx: &mut RecvBuffer,
        key: Key,
        address: &L::Address,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> Step
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        if self.http.is_closing() {
            // What comes behind the last response is read, so that the response is not lost.
            rx.clear();
            return Step::Read;
        }
        // One response after the other: a client that takes none gets no further.
        self.write();
        if self.http.has_output() || self.is_lost {
            return Step::Wait;
        }
        match self.exchange {
            Exchange::Held(_) | Exchange::Post { waits: true, .. } => return Step::Wait,
            Exchange::Post { session, position, .. } if self.http.has_body() => {
                self.hand_out_post(session, position, key, service, context);
                return Step::Wait;
            }
            Exchange::None | Exchange::Answered(_) | Exchange::Post { .. } => {}
        }
        match self.http.next_event(rx) {
            Ok(None) => Step::Read,
            Ok(Some(HttpEvent::Body)) => Step::Again,
            Ok(Some(HttpEvent::Head(request))) => {
                self.route(&request, key, address, service, context)
            }
            Err(error) => {
                self.refuse(error, key, service, context);
                Step::Again
            }
        }
    }

    /// A request is malformed, or its body too long.
    fn refuse<H, L>(
        &mut self,
        error: HttpError,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        debug!("a bad request: {error}");
        if let Exchange::Post { session, .. } = self.exchange {
            let departure = match error {
                HttpError::Body(BodyError::TooLong) => Departure::BodyTooLong,
                _ => Departure::Failed,
            };
            service.machine.gone(session, key, departure);
            service.hand_out_events(&mut context.tasks, context.now);
        }
        self.respond(&service.settings, error.response(), false);
    }

    fn route<H, L>(
        &mut self,
        request: &Request<'_>,
        key: Key,
        address: &L::Address,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) -> Step
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        debug!("{address}: {} {}", request.method(), request.path());
        self.exchange = Exchange::None;
        let EngineIo { handler, machine, settings, .. } = service;
        handler.request(request);
        let config: &Config = &settings.config;
        let counted = match config.max_sessions_per_address {
            Some(_) => handler.address(request, address),
            None => None,
        };
        let verdict = machine
            .request(context.now, key, request, counted, |query| handler.admit(request, query));
        self.envelope = Envelope::new(config, request);
        match verdict {
            Verdict::NotOurs => {
                let response = match request.method() {
                    "GET" | "HEAD" if !request.is_upgrade() => handler.page(request),
                    "GET" | "HEAD" => Response::not_found(),
                    _ => HandshakeError::Method.response(),
                };
                self.put(response);
            }
            Verdict::Respond(response) => self.respond(settings, response, false),
            Verdict::Hold(session) => self.exchange = Exchange::Held(session),
            Verdict::ReadBody { session, max_bytes } => {
                self.exchange = Exchange::Post { session, position: 0, waits: false };
                self.http.read_body(max_bytes);
            }
            Verdict::Upgrade(session) => match accept(request, Arc::clone(&settings.websocket)) {
                Ok(connection) => return Step::Upgrade(session, Box::new(connection)),
                Err(response) => {
                    machine.gone(session, key, Departure::Failed);
                    self.respond(settings, response, false);
                }
            },
        }
        service.hand_out_events(&mut context.tasks, context.now);
        Step::Again
    }

    /// Gives the messages of a POST to the handler, as many as there is room for what comes of them.
    fn hand_out_post<H, L>(
        &mut self,
        session: Session,
        position: usize,
        key: Key,
        service: &mut EngineIo<H, L>,
        context: &mut Context<Timer<H::Timer>>,
    ) where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        let Context { now, tasks, .. } = context;
        let body = self.http.body();
        let mut post = service.machine.resume_post(*now, session, key, body, position);
        while let Some(message) = post.next(&mut service.machine) {
            service.hand_out_message(session, message, tasks, *now);
        }
        let position = post.position();
        self.exchange = Exchange::Post { session, position, waits: true };
        service.hand_out_events(tasks, *now);
    }

    fn write(&mut self) {
        let queue = self.http.outgoing();
        while self.is_writable && !(queue.is_empty() && self.is_flushed) {
            let written = match queue.is_empty() {
                false => {
                    self.is_flushed = false;
                    queue.write_to(&mut self.stream)
                }
                true => self.stream.flush().map(|()| {
                    self.is_flushed = true;
                    0
                }),
            };
            match written {
                Ok(n) => self.has_progress |= n > 0,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    debug!("{error}");
                    self.is_lost = true;
                    return;
                }
            }
        }
        if queue.is_empty() {
            queue.shrink_to_fit();
        }
    }

    /// Writes what is there. Whether the connection has ended.
    pub(super) fn settle<H, L>(
        &mut self,
        key: Key,
        service: &mut EngineIo<H, L>,
        now: Instant,
    ) -> bool
    where
        L: Listener<Stream = S>,
        H: Handler<L>,
    {
        if !self.is_lost {
            self.write();
        }
        if let (Phase::Writing, true, Exchange::Answered(session)) =
            (self.phase, self.has_progress, self.exchange)
        {
            service.machine.note_taken(session);
        }
        if self.is_lost || self.input_ended && !self.is_answering() {
            if let Exchange::Held(session) | Exchange::Post { session, .. } = self.exchange {
                self.exchange = Exchange::None;
                service.machine.gone(session, key, Departure::Failed);
            }
            // What was said before the end still goes out.
            if self.is_lost || self.is_written() {
                return true;
            }
        }
        let is_answered = matches!(self.exchange, Exchange::None | Exchange::Answered(_));
        if self.is_last && is_answered && self.is_written() {
            return true;
        }
        if self.http.is_closing() && self.is_written() && !self.has_shut_down {
            match self.stream.shutdown_write() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                // What has failed to end has ended.
                _ => self.has_shut_down = true,
            }
        }
        self.enter_phase(now, &service.settings);
        false
    }

    fn is_written(&self) -> bool {
        !self.http.has_output() && self.is_flushed
    }

    /// Whether the machine has a whole request that it can answer, though the client has ended its direction.
    fn is_answering(&self) -> bool {
        matches!(self.exchange, Exchange::Post { .. }) && self.http.has_body()
    }

    fn enter_phase(&mut self, now: Instant, settings: &Settings) {
        let phase = match self.exchange {
            _ if !self.is_written() => Phase::Writing,
            _ if self.http.is_closing() => Phase::Lingering,
            Exchange::Held(_) | Exchange::Post { waits: true, .. } => Phase::Waiting,
            _ if self.http.is_asked() || self.parked.is_some() => Phase::Receiving,
            _ => Phase::Idle,
        };
        let has_progress = core::mem::take(&mut self.has_progress);
        let is_answered = core::mem::take(&mut self.is_answered);
        if phase == Phase::Writing && (phase != self.phase || self.look <= now) {
            self.look = now + settings.config.ping_timeout / 2;
        }
        if phase != self.phase || is_answered || has_progress && phase == Phase::Writing {
            self.phase = phase;
            self.due = now
                + match phase {
                    Phase::Idle | Phase::Waiting => settings.idle,
                    Phase::Receiving => settings.request,
                    Phase::Writing => settings.write,
                    Phase::Lingering => LINGER,
                };
        }
    }
}

/// The WebSocket that the request asks for. The machine has checked its origin.
fn accept(request: &Request<'_>, config: Arc<sansio_ws::Config>) -> Result<Connection, Response> {
    let upgrade = request.upgrade(OriginPolicy::AnyOrigin)?;
    Ok(upgrade.accept(&Acceptance::default(), config)?)
}
