//! The client: namespaces over one session, which comes back when it is lost.
//!
//! ```text
//!  responses, messages ─▶ response(), text(), binary() ──▶ Event: an event, an answer ──▶ the application
//!  connections come, go ▶ link_opened(), link_closed() ─┐
//!  time ────────────────▶ handle_timeout() ─────────────┴▶ poll_event() ──▶ Event: connected, disconnected …
//!
//!  the application ─────▶ connect(), emit(), ask() … ───▶ poll_output() ──▶ requests, WebSockets, frames: next_frame()
//! ```
//!
//! The session below is the [client of Engine.IO](sansio_engineio::client), which says what [`Output`] is for. After each
//! call, and before the next one, take all events and all output; what a call returns comes behind the events. There is
//! no clock: the caller says what time it is.

mod auth;
mod config;
mod error;
mod receiving;
mod recovery;
mod retries;
mod sending;
mod session;
mod sockets;

pub use auth::Auth;
pub use config::{Config, Reconnection};
pub use error::{ConnectError, DisconnectReason, EmitError, InvalidNamespace, Unanswered};
pub use receiving::Received;
pub use sending::{AckId, Question};
pub use sockets::Socket;

pub use sansio_engineio::client::{self as engine, Output, Transport};

use crate::{Args, EncodedArgs};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use engine::{Frame, Link};
use receiving::Partial;
use sansio_ws::deadlines::Instant;
use sending::Asked;
use session::Manager;
use sockets::State;

/// What has happened. Those of the session come in the order that npm's client has (C6); its names for them
/// stand in brackets.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// There is a session (`open`).
    Opened,
    /// It has gone over to a WebSocket (`upgrade`).
    Upgraded,
    /// There is no WebSocket for it; it goes on by polling (`upgradeError`).
    UpgradeFailed(engine::Error),
    /// The session has ended (`close`). All its sockets were disconnected before, unless the last one has
    /// ended it.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What was wrong, if something was.
        error: Option<engine::Error>,
    },
    /// There is no session to be had (`error`).
    Failed(ConnectError),
    /// It is tried again (`reconnect_attempt`).
    Reconnecting {
        /// Counted from 1.
        attempt: u32,
    },
    /// There is a session again (`reconnect`).
    Reconnected {
        /// At which attempt.
        attempt: u32,
    },
    /// An attempt has failed (`reconnect_error`).
    ReconnectError(ConnectError),
    /// That was the last attempt (`reconnect_failed`).
    ReconnectFailed,
    /// [Say](Client::authenticate) what the socket says of itself this time, now or later.
    Authenticate {
        /// Which.
        socket: Socket,
    },
    /// A socket is connected (`connect`). What waited for that has been sent.
    Connected {
        /// Which.
        socket: Socket,
    },
    /// A socket is not connected (`connect_error`).
    ConnectError {
        /// Which.
        socket: Socket,
        /// Why.
        error: ConnectError,
    },
    /// A socket is not connected any more (`disconnect`).
    Disconnected {
        /// Which.
        socket: Socket,
        /// Why.
        reason: DisconnectReason,
    },
    /// The server has sent an event.
    Event {
        /// To which socket.
        socket: Socket,
        /// Its name.
        name: Cow<'b, str>,
        /// Its arguments.
        args: Args<'b>,
        /// How to [acknowledge](Client::acknowledge) it, if the server asks for that.
        ack: Option<AckId>,
    },
    /// The server has answered.
    Answer {
        /// What was asked.
        to: Question,
        /// By which socket.
        socket: Socket,
        /// The answer.
        args: Args<'b>,
    },
    /// There will be no answer.
    Unanswered {
        /// What was asked.
        to: Question,
        /// By which socket.
        socket: Socket,
        /// Why.
        why: Unanswered,
    },
    /// An event, or an answer, that was taken while it had to wait could not be sent.
    NotSent {
        /// By which socket.
        socket: Socket,
        /// The event.
        event: EncodedArgs,
        /// Why.
        error: EmitError,
    },
    /// An event was sent as often as [`Config::retries`] allows, and never answered.
    Unacknowledged {
        /// By which socket.
        socket: Socket,
        /// The event. Nobody knows whether the server has got it.
        event: EncodedArgs,
        /// Why there was no answer to the last attempt.
        why: Unanswered,
    },
    /// There is room again, after [`EmitError::Full`].
    Drained,
}

/// The client's side of any number of namespaces.
///
/// ```
/// use sansio_socketio::EncodedArgs;
/// use sansio_socketio::client::{Client, Config, Event, Output, Transport, engine};
/// use sansio_ws::deadlines::Instant;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = engine::Config::new().path("/socket.io/").transports([Transport::WebSocket]);
/// let mut client = Client::new(Config::new(), sessions, || 0);
/// let now = Instant::default();
/// let socket = client.socket("/")?;
/// client.connect(now, socket);
/// client.emit(now, socket, &EncodedArgs::event("hello", &("world",))?)?; // it waits
///
/// // Whatever opens WebSockets opens this one, and brings what comes.
/// let Some(Output::Connect(connect)) = client.poll_output(now) else { panic!() };
/// client.link_opened(now, connect.link);
/// client.text(now, connect.link, r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#);
/// client.text(now, connect.link, r#"40{"sid":"b"}"#);
/// assert!(matches!(client.poll_event(), Some(Event::Opened)));
/// assert!(matches!(client.poll_event(), Some(Event::Connected { .. })));
///
/// let Some(Output::Frames(link)) = client.poll_output(now) else { panic!() };
/// let frames: Vec<_> = std::iter::from_fn(|| client.next_frame(now, link)).collect();
/// assert_eq!(frames.len(), 2, "40, and the event");
/// # Ok(()) }
/// ```
pub struct Client {
    config: Config,
    engine: engine::Client,
    random: Box<dyn FnMut() -> u32 + Send>,
    manager: Manager,
    /// The session is being closed because of what the server has said.
    is_broken: bool,
    sockets: Vec<State>,
    partial: Option<Box<Partial>>,
    questions: BTreeMap<Question, Asked>,
    next_question: u64,
    deadlines: BTreeSet<(Instant, Question)>,
    wants_room: bool,
    /// The session has refused something for lack of room, and has not told of room since.
    is_session_full: bool,
    events: VecDeque<Event<'static>>,
}

impl Client {
    /// A client without namespaces. `random` is for the jitter of reconnections: it need not be a secret, but
    /// should not be the same in all clients. The path of the sessions is mostly `/socket.io/`.
    #[must_use]
    pub fn new(
        config: Config,
        sessions: engine::Config,
        random: impl FnMut() -> u32 + Send + 'static,
    ) -> Self {
        Self {
            config,
            engine: engine::Client::new(sessions),
            random: Box::new(random),
            manager: Manager::Idle,
            is_broken: false,
            sockets: Vec::new(),
            partial: None,
            questions: BTreeMap::new(),
            next_question: 0,
            deadlines: BTreeSet::new(),
            wants_room: false,
            is_session_full: false,
            events: VecDeque::new(),
        }
    }

    /// The session below.
    #[must_use]
    pub const fn session(&self) -> &engine::Client {
        &self.engine
    }

    /// Whether nothing is under way and nothing will be by itself: what was said last has left, too.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.manager == Manager::Idle && self.engine.is_closed()
    }

    /// Makes all sockets leave, and closes the session behind what was sent.
    pub fn close(&mut self, now: Instant) {
        for socket in self.sockets() {
            self.disconnect(now, socket);
        }
    }

    /// Whether bytes wait in the connection of the WebSocket, which the server has not taken.
    pub fn set_busy(&mut self, is_busy: bool) {
        self.engine.set_busy(is_busy);
    }

    /// What has happened next.
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        self.events.pop_front()
    }

    /// What is to be done next. All that waits by then goes into one POST, which may make room.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let output = self.engine.poll_output();
        self.settle(now);
        output
    }

    /// The next frame for a WebSocket: see [`engine::Client::next_frame`].
    pub fn next_frame(&mut self, now: Instant, link: Link) -> Option<Frame> {
        let frame = self.engine.next_frame(now, link);
        self.settle(now);
        frame
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let attempt = match self.manager {
            Manager::Waiting { due, .. } => Some(due),
            _ => None,
        };
        let answer = self.deadlines.first().map(|(due, _)| *due);
        let others = [answer, self.next_retry(), self.engine.poll_timeout()];
        attempt.into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.give_up_questions(now);
        self.retry(now);
        self.engine.handle_timeout(now);
        self.settle(now);
        self.try_again(now);
        self.settle(now);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("manager", &self.manager)
            .field("session", &self.engine)
            .finish_non_exhaustive()
    }
}
