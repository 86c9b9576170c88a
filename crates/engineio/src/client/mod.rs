//! The client: one session after the other, each over several connections.
//!
//! ```text
//!  response to a request ─▶ response() ─▶ Received::next ─┐
//!  WebSocket message ─────▶ text(), binary() ─────────────┼──▶ Message, to the application
//!  connections come, go ──▶ link_opened(), link_closed() ─┤
//!  time ──────────────────▶ handle_timeout() ─────────────┴──▶ poll_event() ──▶ Event: opened, upgraded, closed
//!
//!  the application ───────▶ open(), send(), close() ──▶ poll_output() ──▶ a request, a WebSocket, frames: next_frame()
//! ```
//!
//! The machine names what it wants: each request is an [`Exchange`], each WebSocket a [`Link`]. Names are never used
//! again, so what comes too late has no effect. There is at most one GET, one POST and one WebSocket at a time.
//!
//! After each call, and before the next one, take all events and all output. There is no clock: the
//! caller says what time it is.

mod config;
mod ends;
mod error;
mod polling;
mod session;
mod websocket;

pub use config::{Config, Transport};
pub use error::{CloseReason, Error, SendError};
pub use polling::{Method, Received, Request};
pub use websocket::{Connect, Link};

pub use crate::server::{Frame, Message};

use crate::prepared::PreparedPacket;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;
use session::{Queue, Session};
use websocket::{Step, WebSocket};

/// A request of polling, as the machine calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange(u64);

/// What has happened to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It has begun: messages can be sent.
    Opened,
    /// Its transport is a WebSocket from now on.
    Upgraded,
    /// There is no WebSocket for it. It goes on by polling.
    UpgradeFailed(Error),
    /// A [`send`](Client::send) has failed because too much waited, and half of that is gone.
    Drained,
    /// It has ended, or was never opened. Said once for each [`open`](Client::open).
    Closed {
        /// Why.
        reason: CloseReason,
        /// What was wrong, if something was.
        error: Option<Error>,
    },
}

/// Something for the caller to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Make this request, and say [`response`](Client::response) or [`request_failed`](Client::request_failed).
    Request(Request),
    /// The response to a request is not wanted any more. It need not be told of.
    Abort(Exchange),
    /// Open a WebSocket, and say [`link_opened`](Client::link_opened) or [`link_failed`](Client::link_failed).
    Connect(Connect),
    /// A WebSocket has frames to take: see [`Client::next_frame`]. Not said again before it has taken
    /// all of them.
    Frames(Link),
    /// Close a WebSocket, or stop opening it. The machine has forgotten it.
    Close {
        /// Which.
        link: Link,
        /// Why.
        code: CloseCode,
    },
}

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    /// The open packet is awaited.
    Opening,
    Open,
    /// To the application it is closed. What was sent before leaves.
    Closing,
}

/// The client's side of a session.
///
/// ```
/// use sansio_engineio::PreparedPacket;
/// use sansio_engineio::client::{Client, Config, Event, Message, Output};
/// use sansio_ws::deadlines::Instant;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::new(Config::new());
/// let now = Instant::default();
/// client.open(now);
/// let Some(Output::Request(request)) = client.poll_output() else { panic!() };
/// assert_eq!(request.target, "/engine.io/?EIO=4&transport=polling");
///
/// // Whatever makes requests has got a response.
/// let body = br#"0{"sid":"Zx8","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
/// let mut received = client.response(now, request.exchange, 200, body);
/// assert_eq!(received.next(&mut client), None);
/// assert_eq!(client.poll_event(), Some(Event::Opened));
///
/// client.send(&PreparedPacket::text("hello"))?;
/// let Some(Output::Request(post)) = client.poll_output() else { panic!() };
/// assert_eq!(post.body.as_deref(), Some("4hello"));
/// let Some(Output::Request(get)) = client.poll_output() else { panic!() };
/// let mut received = client.response(now, get.exchange, 200, b"4welcome");
/// assert_eq!(received.next(&mut client), Some(Message::Text("welcome")));
/// # Ok(()) }
/// ```
pub struct Client {
    config: Arc<Config>,
    stage: Stage,
    /// How many of the transports have been tried.
    tried: usize,
    session: Option<Session>,
    get: Option<Exchange>,
    /// Its response is being read.
    is_reading: bool,
    post: Option<Exchange>,
    /// Why the server took no POST: nothing more is asked for until the GET has its response.
    refusal: Option<Error>,
    /// The POST is the close packet.
    is_last_post: bool,
    websocket: Option<WebSocket>,
    queue: Queue,
    owes_probe: bool,
    owes_upgrade: bool,
    owes_pong: bool,
    /// That there are frames was said.
    is_told: bool,
    wants_room: bool,
    is_busy: bool,
    /// To be opened again when the rest has left.
    reopens: bool,
    is_cut_off: bool,
    /// The open packet, the next ping, or the end of closing: whichever the stage waits for.
    stage_due: Option<Instant>,
    upgrade_due: Option<Instant>,
    events: VecDeque<Event>,
    outputs: VecDeque<Output>,
    names: u64,
}

impl Client {
    /// A client without a session.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        Self {
            config: config.into(),
            stage: Stage::Closed,
            tried: 0,
            session: None,
            get: None,
            is_reading: false,
            post: None,
            refusal: None,
            is_last_post: false,
            websocket: None,
            queue: Queue::default(),
            owes_probe: false,
            owes_upgrade: false,
            owes_pong: false,
            is_told: false,
            wants_room: false,
            is_busy: false,
            reopens: false,
            is_cut_off: false,
            stage_due: None,
            upgrade_due: None,
            events: VecDeque::new(),
            outputs: VecDeque::new(),
            names: 0,
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether nothing is under way: no session, and nothing left of the last one.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// Whether the last session was closed and then ended before all that was sent had left: the server did not take it
    /// in time, the transport has failed, or the server has ended the session.
    #[must_use]
    pub const fn was_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// How the session is carried, if there is one.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.session.as_ref()?;
        Some(if self.is_polling() { Transport::Polling } else { Transport::WebSocket })
    }

    /// Opens a session, unless there is one. What the last one has left to say leaves first.
    pub fn open(&mut self, now: Instant) {
        match self.stage {
            Stage::Closed => self.begin(now),
            Stage::Closing => self.reopens = true,
            Stage::Opening | Stage::Open => {}
        }
    }

    fn begin(&mut self, now: Instant) {
        self.stage = Stage::Opening;
        self.is_cut_off = false;
        self.tried = 0;
        self.stage_due = Some(now + self.config.open_timeout);
        self.try_next(now, Error::NoTransport);
    }

    /// Tries the next transport. There may be none left.
    fn try_next(&mut self, now: Instant, error: Error) {
        let transport = self.config.transports.get(self.tried).copied();
        self.tried = self.tried.saturating_add(1);
        match transport {
            Some(Transport::Polling) => self.make_get(),
            Some(Transport::WebSocket) => self.make_link(),
            None => self.end(now, CloseReason::TransportError, Some(error)),
        }
    }

    /// The open packet has come.
    fn opened(&mut self, now: Instant, session: Session) {
        self.stage = Stage::Open;
        let may_upgrade = session.may_upgrade && self.get.is_some();
        self.stage_due = Some(now + session.patience);
        self.session = Some(session);
        self.events.push_back(Event::Opened);
        if may_upgrade && self.config.upgrades() {
            self.upgrade_due = Some(now + self.config.upgrade_timeout);
            self.make_link();
        }
    }

    /// A ping has come: the next one is due later, and this one is answered (C3).
    fn pinged(&mut self, now: Instant) {
        let patience = self.session.as_ref().map(|session| session.patience);
        self.stage_due = patience.map(|patience| now + patience);
        self.owes_pong = true;
        self.tell();
    }

    /// Queues a message, whole or not at all. Costs a reference count.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send(&mut self, packet: &PreparedPacket) -> Result<(), SendError> {
        self.send_unit(packet, &[])
    }

    /// Queues several messages, all or none of them, with nothing in between. They count as one for the
    /// limits: none of them is refused once the first one was taken.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send_unit(
        &mut self,
        first: &PreparedPacket,
        others: &[PreparedPacket],
    ) -> Result<(), SendError> {
        let session = self.session.as_ref().filter(|_| self.stage == Stage::Open);
        let most = session.ok_or(SendError::NotOpen)?.max_payload;
        let is_polling = self.is_polling();
        let packets = || core::iter::once(first).chain(others);
        for packet in packets() {
            if is_polling && packet.is_websocket_only() {
                return Err(SendError::Separator);
            }
            let len = if is_polling { packet.packet().encoded_len() } else { packet.len() };
            if u64::try_from(len).is_ok_and(|len| len > most) {
                return Err(SendError::TooLong);
            }
        }
        if self.queue.is_full(&self.config) {
            self.wants_room = true;
            return Err(SendError::Full);
        }
        for packet in packets() {
            self.queue.push(packet.clone());
        }
        self.tell();
        Ok(())
    }

    /// Whether a message sent now would leave at once, as far as [`is_busy`](Self::set_busy) is told. For
    /// messages that are worth nothing later.
    #[must_use]
    pub fn can_send_now(&self) -> bool {
        let is_free = if self.is_polling() {
            self.post.is_none() && !self.is_pausing()
        } else {
            !self.is_busy
        };
        self.stage == Stage::Open && self.queue.is_empty() && is_free
    }

    /// Whether bytes wait in the connection of the WebSocket, which the server has not taken.
    pub fn set_busy(&mut self, is_busy: bool) {
        self.is_busy = is_busy;
    }

    /// What has happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is to be done next. All that waits by then goes into one POST.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if !self.is_polling() || self.is_pausing() || self.refusal.is_some() {
            return None;
        }
        if self.post.is_none()
            && let Some(request) = self.make_post()
        {
            return Some(Output::Request(request));
        }
        if self.get.is_none() && self.takes_answers() {
            self.make_get();
        }
        self.outputs.pop_front()
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.stage_due.into_iter().chain(self.upgrade_due).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.upgrade_due.is_some_and(|due| due <= now) {
            self.drop_candidate(Error::TimedOut);
        }
        if self.stage_due.is_some_and(|due| due <= now) {
            match self.stage {
                Stage::Opening => {
                    self.end(now, CloseReason::TransportError, Some(Error::TimedOut));
                }
                Stage::Open | Stage::Closing => self.end(now, CloseReason::PingTimeout, None),
                Stage::Closed => self.stage_due = None,
            }
        }
    }

    /// Whether the session is carried by requests.
    fn is_polling(&self) -> bool {
        let is_transport = |socket: WebSocket| socket.step == Step::Transport;
        self.session.is_some() && !self.websocket.is_some_and(is_transport)
    }

    /// Whether there is to be a GET: also while a session that was closed has something to say, since a server may take no more
    /// before its answers are taken.
    fn takes_answers(&self) -> bool {
        match self.stage {
            Stage::Open => true,
            Stage::Closing => !self.is_last_post,
            Stage::Opening | Stage::Closed => false,
        }
    }

    /// Whether polling comes to rest, so that no request may begin (C1).
    fn is_pausing(&self) -> bool {
        self.websocket.is_some_and(|socket| socket.step == Step::Pausing)
    }

    /// Tells of frames, if the WebSocket has some and they were not told of.
    fn tell(&mut self) {
        if self.has_frames()
            && !self.is_told
            && let Some(socket) = self.websocket
        {
            self.is_told = true;
            self.outputs.push_back(Output::Frames(socket.name));
        }
    }

    /// Tells the application when half of what was too much is gone.
    fn note_room(&mut self) {
        if self.wants_room && !self.queue.is_half_full(&self.config) {
            self.wants_room = false;
            self.events.push_back(Event::Drained);
        }
    }

    fn next_name(&mut self) -> u64 {
        self.names = self.names.wrapping_add(1);
        self.names
    }
}

/// Without what was said, and without the secret.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("stage", &self.stage)
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}
