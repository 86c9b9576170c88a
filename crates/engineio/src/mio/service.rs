//! The service: what the connections have in common.

use super::peer::EnginePeer;
use super::{Engine, Settings, Timer};
use crate::{CloseReason, Event, Message, NoEntropy, Output, Query, Refusal, Server, Session};
use crate::{SessionId, mio::http_peer::HttpPeer};
use core::fmt;
use core::marker::PhantomData;
use core::net::IpAddr;
use log::{debug, info};
use mio::net::TcpListener;
use sansio_ws::RecvBuffer;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{Request, Response};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::{Context, Key, Listener, Peers, Service, Tasks, TimerKey};

/// What an application does with sessions. Every method has an [`Engine`], by which it acts on any of them.
pub trait Handler<L: Listener = TcpListener>: Sized {
    /// What [handles](sansio_ws::mio::server::Handle) send; `()` if nothing.
    type Command;
    /// What deadlines are called by; `()` if there are none.
    type Timer: Clone;

    /// A request has come, whatever becomes of it: for logs and counters.
    fn request(&mut self, _request: &Request<'_>) {}

    /// Whether a session may begin, when all that the settings demand is checked.
    ///
    /// # Errors
    ///
    /// [`Refusal::Forbidden`] with what the client is told.
    fn admit(&mut self, _request: &Request<'_>, _query: &Query<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    /// The address that a request counts for, if sessions are [limited by
    /// address](crate::Config::max_sessions_per_address): that of the connection, or what a proxy says.
    fn address(&mut self, _request: &Request<'_>, _address: &L::Address) -> Option<IpAddr> {
        None
    }

    /// A session has begun. What is sent to it now comes with the first packet.
    fn opened(&mut self, _session: Session, _engine: &mut Engine<'_, Self::Timer>) {}

    /// A message has come.
    fn message(
        &mut self,
        _session: Session,
        _message: Message<'_>,
        _engine: &mut Engine<'_, Self::Timer>,
    ) {
    }

    /// The transport of a session has become a WebSocket.
    fn upgraded(&mut self, _session: Session, _engine: &mut Engine<'_, Self::Timer>) {}

    /// Too much has waited for a client, so that something was not sent, and half of that is gone.
    fn drained(&mut self, _session: Session, _engine: &mut Engine<'_, Self::Timer>) {}

    /// A session has ended.
    fn closed(
        &mut self,
        _session: Session,
        _reason: CloseReason,
        _engine: &mut Engine<'_, Self::Timer>,
    ) {
    }

    /// Answers a GET or HEAD for another path than that of Engine.IO.
    fn page(&mut self, _request: &Request<'_>) -> Response {
        Response::not_found()
    }

    /// A handle has sent this.
    fn command(&mut self, _command: Self::Command, _engine: &mut Engine<'_, Self::Timer>) {}

    /// A deadline has passed that was set by [`Engine::after`] or [`Engine::every`].
    fn timer(&mut self, _timer: Self::Timer, _engine: &mut Engine<'_, Self::Timer>) {}
}

/// The [service](Service) of a server of Engine.IO.
pub struct EngineIo<H, L = TcpListener> {
    pub(super) handler: H,
    pub(super) machine: Server<Key>,
    pub(super) settings: Settings,
    /// What plain HTTP is read into, by one connection after the other.
    pub(super) rx: RecvBuffer,
    /// The deadline of the loop that stands for those of the machine. It may be an early one.
    armed: Option<(Instant, TimerKey)>,
    listener: PhantomData<fn() -> L>,
}

impl<H, L> fmt::Debug for EngineIo<H, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineIo").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl<L: Listener, H: Handler<L>> EngineIo<H, L> {
    /// A server without sessions, whose ids come from the operating system.
    pub fn new(handler: H, settings: Settings) -> Self {
        Self::with_ids(handler, settings, SessionId::from_os)
    }

    /// The same with another source of session ids, which nobody can predict.
    pub fn with_ids(
        handler: H,
        settings: Settings,
        source: impl FnMut() -> Result<SessionId, NoEntropy> + Send + 'static,
    ) -> Self {
        Self {
            handler,
            machine: Server::new(settings.config.clone(), source),
            settings,
            rx: RecvBuffer::with_capacity(READ_BYTES),
            armed: None,
            listener: PhantomData,
        }
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// The handler, at the end.
    #[must_use]
    pub fn into_handler(self) -> H {
        self.handler
    }

    /// Tells the handler what has happened to sessions.
    pub(super) fn hand_out_events(&mut self, tasks: &mut Tasks<Timer<H::Timer>>, now: Instant) {
        let Self { handler, machine, .. } = self;
        while let Some(event) = machine.poll_event() {
            let (machine, tasks) = (&mut *machine, &mut *tasks);
            let mut engine = Engine { machine, tasks, now, speaker: None };
            match event {
                Event::Opened(session) => {
                    info!("session {session} opened");
                    handler.opened(session, &mut engine);
                }
                Event::Upgraded(session) => {
                    debug!("session {session} is over WebSocket now");
                    handler.upgraded(session, &mut engine);
                }
                Event::Drained(session) => handler.drained(session, &mut engine),
                Event::Closed(session, reason) => {
                    info!("session {session} closed: {reason}");
                    handler.closed(session, reason, &mut engine);
                }
            }
        }
    }

    /// Gives a message to the handler, and then what came of it.
    pub(super) fn hand_out_message(
        &mut self,
        session: Session,
        message: Message<'_>,
        tasks: &mut Tasks<Timer<H::Timer>>,
        now: Instant,
    ) {
        let Self { handler, machine, .. } = self;
        let tasks_again = &mut *tasks;
        let mut engine = Engine { machine, tasks: tasks_again, now, speaker: Some(session) };
        handler.message(session, message, &mut engine);
        self.hand_out_events(tasks, now);
    }

    /// Before somebody is given up: reads what has arrived, and writes. Nobody may have reported yet that there is something
    /// to read, nor that there is room, of which edges tell late.
    fn look(&mut self, peers: &mut Peers<Self>)
    where
        L: Listener<Stream: Stream>,
    {
        for (_, key) in self.machine.overdue(peers.context().now) {
            let Some((peer, context)) = peers.get_mut(key) else { continue };
            peer.look(key, self, context);
            peers.settle(self, key);
        }
    }

    /// Has the loop wake the machine when something is due.
    fn arm(&mut self, tasks: &mut Tasks<Timer<H::Timer>>, now: Instant) {
        let Some(due) = self.machine.poll_timeout() else { return };
        match self.armed {
            Some((at, _)) if at <= due => return,
            Some((_, key)) => _ = tasks.cancel(key),
            None => {}
        }
        self.armed = Some((due, tasks.after(due.saturating_since(now), Timer(None))));
    }
}

/// How much plain HTTP one turn reads.
pub(super) const READ_BYTES: usize = 64 * 1024;

impl<L, H> Service for EngineIo<H, L>
where
    L: Listener<Stream: Stream>,
    H: Handler<L>,
{
    type Listener = L;
    type Peer = EnginePeer<L::Stream, L::Address>;
    type Command = H::Command;
    type Timer = Timer<H::Timer>;

    fn accept(
        &mut self,
        _: Key,
        stream: L::Stream,
        address: L::Address,
        context: &mut Context<Self::Timer>,
    ) -> Option<Self::Peer> {
        let http = HttpPeer::new(stream, &self.settings, context.now);
        Some(EnginePeer::new(http, address))
    }

    fn command(&mut self, command: H::Command, peers: &mut Peers<Self>) {
        let context = peers.context();
        let (tasks, now) = (&mut context.tasks, context.now);
        let Self { handler, machine, .. } = self;
        handler.command(command, &mut Engine { machine, tasks, now, speaker: None });
    }

    fn timer(&mut self, timer: Self::Timer, peers: &mut Peers<Self>) {
        let Some(timer) = timer.0 else {
            self.armed = None;
            self.look(peers);
            self.machine.handle_timeout(peers.context().now);
            return;
        };
        let context = peers.context();
        let (tasks, now) = (&mut context.tasks, context.now);
        let Self { handler, machine, .. } = self;
        handler.timer(timer, &mut Engine { machine, tasks, now, speaker: None });
    }

    fn ended(&mut self, _: Key, peer: Self::Peer, (): (), _: &mut Context<Self::Timer>) {
        debug!("{}: connection ended", peer.address());
    }

    fn act(&mut self, peers: &mut Peers<Self>) {
        let now = peers.context().now;
        self.hand_out_events(&mut peers.context().tasks, now);
        while let Some(output) = self.machine.poll_output() {
            let to = match output {
                // It takes them when it settles.
                Output::Frames { to, .. } => {
                    peers.context().tasks.wake(to);
                    continue;
                }
                Output::Respond { to, .. }
                | Output::Continue { to, .. }
                | Output::Probe { to, .. }
                | Output::Close { to, .. } => to,
            };
            // Of those that are gone the machine has been told.
            let Some((peer, context)) = peers.get_mut(to) else { continue };
            peer.take(output, &self.settings, &mut context.memory);
            context.tasks.wake(to);
        }
        self.arm(&mut peers.context().tasks, now);
    }
}
