//! The server: many sessions, each over several connections.
//!
//! ```text
//!  head of a request ──▶ request() ──▶ Verdict ──▶ respond, read the body, hold, or become a WebSocket
//!  body of a POST ─────▶ post() ─────▶ Post::next ─────┐
//!  WebSocket message ──▶ text(), binary() ─────────────┼──▶ Message, to the application
//!  end of a connection ▶ gone() ─────┐                 │
//!  time ───────────────▶ handle_timeout()              │
//!                                    └──▶ poll_event() ──▶ Event: opened, upgraded, has room, closed
//!
//!  the application ─▶ send(), answer(), close() ─▶ poll_output() ──▶ a response, or frames: next_frame()
//! ```
//!
//! Connections are called by names of the caller's choice: one name for each HTTP request that is under way and for
//! each WebSocket. A name must not be used again while the machine may know it; each of them is in the end
//! answered, closed, or [gone](Server::gone).
//!
//! After each call, and before the next one, take all events and all output. There is no clock: the
//! caller says what time it is.

mod admission;
mod deadlines;
mod ends;
mod frames;
mod heartbeat;
mod polling;
mod sessions;
mod state;
mod websocket;

pub use frames::Frame;
pub use polling::Post;
pub use sessions::Session;

use crate::config::Config;
use crate::prepared::PreparedPacket;
use crate::refusal::Refusal;
use crate::session_id::NoEntropy;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use deadlines::{Deadlines, Kind};
use frames::PROBE;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::Response;
use sessions::Sessions;
use state::Transport;

/// What is to be done with a request.
#[derive(Debug)]
pub enum Verdict {
    /// It is not for [`Config::path`]: the application responds.
    NotOurs,
    /// Respond with this.
    Respond(Response),
    /// Hold it: [`Server::poll_output`] will say what is next, perhaps at once: mostly a response. When its
    /// connection ends before, say [`gone`](Server::gone).
    Hold(Session),
    /// Read its body, then say [`post`](Server::post). A body of more than `max_bytes` is refused with
    /// 413, whatever was read of it; then, or when its connection ends before, say [`gone`](Server::gone).
    ReadBody {
        /// Whose packets it has.
        session: Session,
        /// How long the body may be.
        max_bytes: u64,
    },
    /// Accept the WebSocket and say [`opened`](Server::opened), or respond with an error and say
    /// [`gone`](Server::gone).
    Upgrade(Session),
}

/// A message from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'b> {
    /// Text.
    Text(&'b str),
    /// Bytes; owned if they came as base64.
    Binary(Cow<'b, [u8]>),
}

/// What has happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client is there. What is sent now reaches it together with the first packet.
    Opened(Session),
    /// Its transport is a WebSocket from now on.
    Upgraded(Session),
    /// A [`send`](Server::send) has failed because too much waited, and half of that is gone.
    Drained(Session),
    /// It has ended. Said once for each that was opened, and the last thing that is said of it.
    Closed(Session, CloseReason),
}

/// Why a session has ended (E29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client has closed it, or its WebSocket.
    TransportClose,
    /// The client, or its connection, has broken the rules or broken off.
    TransportError,
    /// No pong came in time.
    PingTimeout,
    /// What came was no packet.
    ParseError,
    /// The server has closed it.
    ForcedClose,
}

/// In the words of clients.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        })
    }
}

/// How a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// The client has closed it.
    Closed,
    /// It has failed, or was given up.
    Failed,
    /// The body of a POST was too long and has been refused, which is no fault of the session (E13).
    BodyTooLong,
}

/// Something for the caller to do.
#[derive(Debug)]
pub enum Output<N> {
    /// Respond to a request that waits.
    Respond {
        /// Which.
        to: N,
        /// With what.
        response: Response,
        /// Whether it may be compressed (E16).
        may_compress: bool,
    },
    /// Go on with a POST that waited for its client to take what is there for it: read its body, or
    /// [resume](Server::resume_post) it.
    Continue {
        /// Which.
        to: N,
        /// Whose.
        session: Session,
        /// How long the body may be.
        max_bytes: u64,
    },
    /// A WebSocket has frames to take: see [`Server::next_frame`]. Not said again before it has taken
    /// all of them.
    Frames {
        /// Which.
        to: N,
        /// Whose transport it is.
        session: Session,
    },
    /// Send this text over a WebSocket that is no session's transport yet.
    Probe {
        /// Which.
        to: N,
        /// What.
        text: &'static str,
    },
    /// Close a WebSocket, which the machine has forgotten.
    Close {
        /// Which.
        to: N,
        /// Why.
        code: CloseCode,
    },
}

/// Why a message is not sent. Recoverable: nothing of it was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The session has ended, or is ending.
    Gone,
    /// Too much waits already: [`Event::Drained`] will say when half of it is gone.
    Full,
    /// The client polls, and the text has a character that payloads cannot have (E3).
    Separator,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the session has ended",
            Self::Full => "too much waits for this client",
            Self::Separator => "a text with U+001E cannot be sent by polling",
        })
    }
}

impl core::error::Error for SendError {}

/// The server's side of all sessions. `N` is what the caller calls its connections by.
///
/// ```
/// use sansio_engineio::{Config, Event, Message, Output, PreparedPacket, Server, SessionId, Verdict};
/// use sansio_ws::deadlines::Instant;
/// use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
/// let mut server = Server::new(config, SessionId::from_os);
/// let now = Instant::default();
///
/// let target = "/engine.io/?EIO=4&transport=polling";
/// let request = Request::from_parts("GET", target, [("Host", b"example.com" as &[u8])])?;
/// let Verdict::Hold(_) = server.request(now, "request 1", &request, None, |_| Ok(())) else { panic!() };
/// let Some(Event::Opened(session)) = server.poll_event() else { panic!() };
/// server.send(session, &PreparedPacket::text("welcome"))?;
/// let Some(Output::Respond { to: "request 1", response, .. }) = server.poll_output() else { panic!() };
/// let body = String::from_utf8(response.into_body())?;
/// assert!(body.starts_with("0{") && body.ends_with("}\u{1e}4welcome"));
/// # Ok(()) }
/// ```
pub struct Server<N> {
    config: Arc<Config>,
    source: Box<dyn FnMut() -> Result<crate::SessionId, NoEntropy> + Send>,
    sessions: Sessions<N>,
    deadlines: Deadlines,
    events: VecDeque<Event>,
    ready: VecDeque<Ready<N>>,
}

/// What may have become output. It is made when it is asked for, so that all that waits goes along.
#[derive(Debug)]
enum Ready<N> {
    Answer(N, Answer),
    /// The session has something for its held GET or its WebSocket.
    Session(Session),
    Continue(Session, N),
    Probe(Session, N),
    Close(N, CloseCode),
    /// It was made when the session ended. Behind a pointer: it is rare, and larger than all others.
    Made(Box<Output<N>>),
}

/// Responses that have no packets waiting in them.
#[derive(Debug)]
enum Answer {
    /// The body of a POST was taken.
    Ok,
    /// A packet that ends a GET that is held.
    Packet(&'static str),
    Refused(Refusal),
}

impl<N: Copy + Eq> Server<N> {
    /// A server without sessions. `source` makes session ids that nobody can predict, such as
    /// [`SessionId::from_os`](crate::SessionId::from_os).
    pub fn new(
        config: impl Into<Arc<Config>>,
        source: impl FnMut() -> Result<crate::SessionId, NoEntropy> + Send + 'static,
    ) -> Self {
        Self {
            config: config.into(),
            source: Box::new(source),
            sessions: Sessions::new(),
            deadlines: Deadlines::default(),
            events: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// How many sessions there are, those included that are opening or closing.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.len() == 0
    }

    /// All sessions that are open.
    pub fn sessions(&self) -> impl Iterator<Item = Session> {
        self.sessions.iter().filter(|(_, state)| state.is_open()).map(|(session, _)| session)
    }

    /// Queues a message for a client, whole or not at all. Costs a reference count.
    ///
    /// It stops no reading, and so is for what the application says by itself, or to others than the one who
    /// has spoken. For all else there is [`answer`](Self::answer).
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send(&mut self, session: Session, packet: &PreparedPacket) -> Result<(), SendError> {
        self.send_unit(session, packet, &[])
    }

    /// Queues several messages for a client, all or none of them, with nothing in between. They count
    /// as one for the limits: none of them is refused once the first one was taken.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send_unit(
        &mut self,
        session: Session,
        first: &PreparedPacket,
        others: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.queue(session, first, others, false)
    }

    /// As [`send_unit`](Self::send_unit), for what a client has caused by what it has sent: who takes no answers is
    /// [not read from](Self::pauses_reading). Answers have room of their own, which nothing else takes away:
    /// who sends one message for each that comes never finds it refused.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn answer(
        &mut self,
        session: Session,
        first: &PreparedPacket,
        others: &[PreparedPacket],
    ) -> Result<(), SendError> {
        self.queue(session, first, others, true)
    }

    fn queue(
        &mut self,
        session: Session,
        first: &PreparedPacket,
        others: &[PreparedPacket],
        is_answer: bool,
    ) -> Result<(), SendError> {
        let state = self.sessions.get_mut(session).filter(|state| state.is_open());
        let state = state.ok_or(SendError::Gone)?;
        let mut packets = core::iter::once(first).chain(others);
        if state.transport == Transport::Polling && packets.any(PreparedPacket::is_websocket_only) {
            return Err(SendError::Separator);
        }
        if state.queue.is_full(&self.config, is_answer) {
            state.wants_room = true;
            return Err(SendError::Full);
        }
        for packet in core::iter::once(first).chain(others) {
            state.queue.push(packet.clone(), is_answer);
        }
        self.mark_ready(session);
        Ok(())
    }

    /// Whether a message sent now would leave at once: a GET is held, or nothing waits for the
    /// WebSocket, as far as [`is_busy`](Self::set_busy) is told. For messages that are worth nothing later.
    #[must_use]
    pub fn can_send_now(&self, session: Session) -> bool {
        let Some(state) = self.sessions.get(session) else { return false };
        state.is_open()
            && match state.transport {
                Transport::Polling => state.held.is_some(),
                Transport::WebSocket(_) => state.queue.is_empty() && !state.is_busy,
                Transport::Opening(_) => false,
            }
    }

    /// Whether so many messages, with so many bytes in all, would be taken now, all of them. It holds for
    /// [answers](Self::answer), too.
    #[must_use]
    pub fn has_room(&self, session: Session, messages: usize, bytes: usize) -> bool {
        let state = self.sessions.get(session);
        state.is_some_and(|state| {
            state.is_open() && state.queue.has_room(&self.config, messages, bytes)
        })
    }

    /// Whether the [answers](Self::answer) that wait for a client reach half of its limit. While they do, read
    /// nothing more from its WebSocket: there would be no room for the answers to what comes. Other messages that
    /// wait stop no reading, since the client's pongs, acknowledgements and last words have to be heard. A WebSocket that is
    /// to become the transport is read in any case: by it the client gets what waits.
    #[must_use]
    pub fn pauses_reading(&self, session: Session) -> bool {
        self.sessions.get(session).is_some_and(|state| {
            let is_settled = state.is_open() && state.candidate.is_none();
            is_settled && state.queue.has_many_answers(&self.config)
        })
    }

    /// Whether bytes wait in the connection of a session's WebSocket, which its client has not taken.
    pub fn set_busy(&mut self, session: Session, is_busy: bool) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.is_busy = is_busy;
        }
    }

    /// Whether the transport of a session is a WebSocket.
    #[must_use]
    pub fn is_websocket(&self, session: Session) -> bool {
        let state = self.sessions.get(session);
        state.is_some_and(|state| matches!(state.transport, Transport::WebSocket(_)))
    }

    /// What has happened next.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        give_back(&mut self.events);
        event
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output<N>> {
        while let Some(ready) = self.ready.pop_front() {
            let output = match ready {
                Ready::Answer(to, answer) => {
                    Some(Output::Respond { to, response: answer.response(), may_compress: false })
                }
                Ready::Session(session) => self.output_of(session),
                Ready::Continue(session, to) => {
                    let max_bytes = self.config.max_payload;
                    // The session may have ended, and has answered it then.
                    self.is_posting(session, to).then_some(Output::Continue {
                        to,
                        session,
                        max_bytes,
                    })
                }
                Ready::Probe(session, to) => self.probe_answer(session, to),
                Ready::Made(output) => Some(*output),
                Ready::Close(to, code) => Some(Output::Close { to, code }),
            };
            if output.is_some() {
                return output;
            }
        }
        give_back(&mut self.ready);
        None
    }

    /// Unless the WebSocket has become the transport meanwhile, and has it among its frames.
    fn probe_answer(&mut self, session: Session, to: N) -> Option<Output<N>> {
        let state = self.sessions.get_mut(session)?;
        let is_candidate = state.candidate.is_some_and(|candidate| candidate.name == to);
        (is_candidate && core::mem::take(&mut state.owes_probe))
            .then_some(Output::Probe { to, text: PROBE })
    }

    fn output_of(&mut self, session: Session) -> Option<Output<N>> {
        let state = self.sessions.get_mut(session)?;
        state.is_ready = false;
        match state.transport {
            Transport::Polling => self.respond_to_held(session),
            Transport::WebSocket(to) => state.has_output().then(|| {
                // Until all frames are taken it needs no other word.
                state.is_ready = true;
                Output::Frames { to, session }
            }),
            Transport::Opening(_) => None,
        }
    }

    /// The next moment at which something is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Does what is due: pings, and the ends of sessions and upgrades that took too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((session, kind)) = self.deadlines.pop(now) {
            self.pass_deadline(now, session, kind);
        }
    }

    fn pass_deadline(&mut self, now: Instant, session: Session, kind: Kind) {
        match kind {
            Kind::Heartbeat => self.beat(now, session),
            Kind::Upgrade => self.give_up_upgrade(session),
            Kind::Close => self.give_up_close(session),
        }
    }

    /// Does what is due of a session that polls and has come back: if its time is over it is gone, even if nobody has looked
    /// since. Nobody else is judged by that: what others have said may not have been read (see [`overdue`](Self::overdue)).
    fn pass_deadlines_of(&mut self, now: Instant, session: Session) {
        let Some(state) = self.sessions.get(session) else { return };
        if state.transport != Transport::Polling {
            return;
        }
        for (due, kind) in [
            (state.heartbeat_due, Kind::Heartbeat),
            (state.upgrade_due, Kind::Upgrade),
            (state.close_due, Kind::Close),
        ] {
            if due <= now && self.deadlines.remove(due, session, kind) {
                self.pass_deadline(now, session, kind);
            }
        }
    }

    /// The session may have something for its client.
    fn mark_ready(&mut self, session: Session) {
        if let Some(state) = self.sessions.get_mut(session)
            && !state.is_ready
        {
            state.is_ready = true;
            self.ready.push_back(Ready::Session(session));
        }
    }

    fn respond(&mut self, to: N, answer: Answer) {
        self.ready.push_back(Ready::Answer(to, answer));
    }
}

/// As many entries of a list are kept for the next time.
const KEPT: usize = 64;

/// When very many sessions have something to say at once, say their pings or their ends, a list gets long for that
/// moment only.
fn give_back<T>(list: &mut VecDeque<T>) {
    if list.is_empty() && list.capacity() > KEPT {
        *list = VecDeque::new();
    }
}

/// Prints no names of sessions, which are secrets.
impl<N> fmt::Debug for Server<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}
