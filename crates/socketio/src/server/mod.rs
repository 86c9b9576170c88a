//! The server: namespaces, sockets, rooms, acknowledgements.
//!
//! ```text
//!  Message of a session ──▶ message() ──▶ Event: admit, event, answer ──▶ the application
//!  a session has ended ───▶ closed() ───┐
//!  time ──────────────────▶ handle_timeout() ──▶ poll_event() ──▶ Event: disconnecting, disconnected, done
//!
//!  the application ───────▶ admit(), emit(), ask(), join() … ──▶ Sessions: send(), close()
//! ```
//!
//! The machine does not own the sessions below it: each method that sends or closes gets them as
//! [`Sessions`]. After each call take all events, before the next message is handed in.

mod admission;
mod asking;
mod leaving;
mod log;
mod receiving;
mod recovery;
mod rooms;
mod sending;
mod sockets;

#[cfg(feature = "mio")]
pub(crate) use admission::Asker;
pub use admission::Ticket;
pub use asking::{AckId, Question};
pub use sending::{EmitError, Target};
pub use sockets::{JoinError, Socket};

use crate::by_session::BySession;
use crate::config::Config;
use crate::sessions::Sessions;
use crate::{Args, Bytes};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use asking::Asked;
use core::fmt;
use recovery::Keep;
use sansio_engineio::{CloseReason, NoEntropy, Session, SessionId};
use sansio_ws::deadlines::Instant;
use sockets::Sockets;

/// What has happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'b> {
    /// A client wants to join a namespace: [`Server::admit`] or [`Server::refuse`] it, now or later (S9).
    Admit {
        /// Which of the two is said with it.
        ticket: Ticket,
        /// Whose client it is.
        session: Session,
        /// The namespace, as the client has it: it need not exist.
        namespace: &'b str,
        /// What the client says of itself, a JSON object.
        auth: &'b str,
        /// Whether it was there before, was cut off, and is the same socket again if it is let in (S22). Only if
        /// [`Recovery::skips_admission`](crate::Recovery) is off.
        comes_back: bool,
    },
    /// A client that was cut off has come back, and has been let in as the same socket: with its handle, its id and its
    /// rooms. It has been sent what it had missed (S22).
    Recovered {
        /// Which.
        socket: Socket,
        /// Its session from now on.
        session: Session,
        /// What the client says of itself now, a JSON object.
        auth: &'b str,
    },
    /// A client has sent an event.
    Event {
        /// Which socket of which client.
        socket: Socket,
        /// Its name.
        name: Cow<'b, str>,
        /// Its arguments.
        args: Args<'b>,
        /// How to [acknowledge](Server::acknowledge) it, if the client asks for that.
        ack: Option<AckId>,
    },
    /// A client has answered.
    Answer {
        /// What was asked.
        to: Question,
        /// Who.
        socket: Socket,
        /// The answer.
        args: Args<'b>,
    },
    /// No answer will come any more (S17). Once for each question, behind its answers.
    Done {
        /// What was asked.
        to: Question,
        /// How many have not answered.
        missing: usize,
    },
    /// A socket leaves. Its rooms are still there until the next event is taken (S14).
    Disconnecting {
        /// Which.
        socket: Socket,
        /// Why.
        reason: DisconnectReason,
    },
    /// A socket has left. Nothing comes from it any more.
    Disconnected {
        /// Which: not found any more.
        socket: Socket,
        /// Why.
        reason: DisconnectReason,
        /// Whether it may come back: then it is [`Recovered`](Self::Recovered) or [`Forgotten`](Self::Forgotten) later.
        is_kept: bool,
    },
    /// A socket that was kept will not come back (S24).
    Forgotten {
        /// Which.
        socket: Socket,
        /// Its namespace.
        namespace: Arc<str>,
    },
}

/// Why a socket has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The session has ended.
    Session(CloseReason),
    /// The client has left the namespace.
    ClientNamespaceDisconnect,
    /// The server has made it leave.
    ServerNamespaceDisconnect,
    /// The server ends.
    ServerShuttingDown,
}

/// In the words of npm's server.
impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(reason) => reason.fmt(f),
            Self::ClientNamespaceDisconnect => f.write_str("client namespace disconnect"),
            Self::ServerNamespaceDisconnect => f.write_str("server namespace disconnect"),
            Self::ServerShuttingDown => f.write_str("server shutting down"),
        }
    }
}

/// What [`Server::disconnect`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The socket: the client stays away from this namespace.
    Namespace,
    /// All sockets of the client, and its session.
    Transport,
}

/// The server's side of all namespaces.
pub struct Server {
    config: Config,
    source: Box<dyn FnMut() -> Result<SessionId, NoEntropy> + Send>,
    /// The clients, whether they are in a namespace or not.
    clients: BySession<Client>,
    sockets: Sockets,
    /// Who is to be told of as leaving, and has been told of as disconnecting.
    leaving: VecDeque<(Socket, DisconnectReason)>,
    is_disconnecting: bool,
    questions: BTreeMap<Question, Asked>,
    next_question: u64,
    done: VecDeque<(Question, usize)>,
    deadlines: BTreeSet<(Instant, Deadline)>,
    /// If sockets can come back.
    keep: Option<Box<Keep>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deadline {
    /// It has to be in a namespace.
    Connect(Session),
    /// Its event has to be whole.
    Attachments(Session),
    Answers(Question),
}

/// One client: a session.
#[derive(Debug, Default)]
struct Client {
    /// Its sockets, those included that wait for admission.
    sockets: Vec<Socket>,
    connect_due: Instant,
    /// An event of which attachments are missing.
    partial: Option<Box<Partial>>,
    left: Option<Box<Left>>,
}

/// The namespaces that a client left in one moment: what it says there in the same moment was on its way.
#[derive(Debug)]
struct Left {
    namespaces: Vec<Arc<str>>,
    at: Instant,
}

#[derive(Debug)]
struct Partial {
    header: String,
    missing: usize,
    attachments: Vec<Bytes>,
    bytes: usize,
    due: Instant,
}

impl Server {
    /// A server without clients. `source` makes the ids of sockets.
    pub fn new(
        config: Config,
        source: impl FnMut() -> Result<SessionId, NoEntropy> + Send + 'static,
    ) -> Self {
        let keep = config.recovery.map(|settings| Box::new(Keep::new(settings)));
        Self {
            config,
            keep,
            source: Box::new(source),
            clients: BySession::new(),
            sockets: Sockets::default(),
            leaving: VecDeque::new(),
            is_disconnecting: false,
            questions: BTreeMap::new(),
            next_question: 0,
            done: VecDeque::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// The settings.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A session has begun.
    pub fn opened(&mut self, now: Instant, session: Session) {
        let connect_due = now + self.config.connect_timeout;
        self.deadlines.insert((connect_due, Deadline::Connect(session)));
        self.clients.insert(session, Client { connect_due, ..Client::default() });
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// What has happened next, beside messages.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event<'static>> {
        if let Some((to, missing)) = self.done.pop_front() {
            give_back(&mut self.done);
            return Some(Event::Done { to, missing });
        }
        let Some((socket, reason)) = self.leaving.front().copied() else {
            let (socket, namespace) = self.keep.as_mut()?.poll_forgotten()?;
            return Some(Event::Forgotten { socket, namespace });
        };
        if !self.is_disconnecting {
            self.is_disconnecting = true;
            return Some(Event::Disconnecting { socket, reason });
        }
        self.is_disconnecting = false;
        self.leaving.pop_front();
        give_back(&mut self.leaving);
        let is_kept = self.forget_socket(socket);
        Some(Event::Disconnected { socket, reason, is_kept })
    }

    /// The next moment at which something is due.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.deadlines.first().map(|(due, _)| *due);
        match self.keep.as_ref().and_then(|keep| keep.next_due()) {
            Some(other) => Some(due.map_or(other, |due| due.min(other))),
            None => due,
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, sessions: &mut impl Sessions) {
        while let Some((due, deadline)) = self.deadlines.first().copied()
            && due <= now
        {
            self.deadlines.pop_first();
            match deadline {
                // Its end comes as that of any session.
                Deadline::Connect(session) | Deadline::Attachments(session) => {
                    sessions.close(session);
                }
                Deadline::Answers(question) => self.give_up_question(question),
            }
        }
        self.forget_old(now);
    }
}

/// As many entries of a list are kept for the next time.
const KEPT: usize = 64;

/// When very many sockets leave at once, a list gets long for that moment only.
fn give_back<T>(list: &mut VecDeque<T>) {
    if list.is_empty() && list.capacity() > KEPT {
        *list = VecDeque::new();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("clients", &self.clients.len()).finish_non_exhaustive()
    }
}
