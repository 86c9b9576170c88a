//! The server machine with its sessions in memory, under virtual time. Everything it says is taken after each call
//! and written down. What no application may ever see is asserted here, so every test checks it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

#[path = "wire.rs"]
mod wire;

pub use wire::Wire;

use sansio_engineio::{
    CloseReason, Config as EngineConfig, Message, Server as Engine, Session, SessionId, Verdict,
};
use sansio_socketio::{
    AckId, Close, Config, DisconnectReason, EmitError, EncodedArgs, Event, JoinError, Question,
    Server, Socket, Target, Ticket,
};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;
use std::time::Duration;

/// Only a server of Engine.IO can make sessions, so all tests have theirs from one. What becomes of them is up to
/// [`Wire`].
static SESSIONS: LazyLock<Vec<Session>> = LazyLock::new(|| sessions(100));

pub fn sessions(number: usize) -> Vec<Session> {
    let config = EngineConfig::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost);
    let mut engine = Engine::new(config, ids());
    let target = "/engine.io/?EIO=4&transport=polling";
    let request = Request::from_parts("GET", target, [("Host", b"a" as &[u8])]).expect("HTTP");
    let mut session =
        |name| match engine.request(Instant::default(), name, &request, None, |_| Ok(())) {
            Verdict::Hold(session) => session,
            other => panic!("{other:?}"),
        };
    (0..number).map(&mut session).collect()
}

/// A source of ids, of which each is another one.
pub fn ids() -> impl FnMut() -> Result<SessionId, sansio_engineio::NoEntropy> + Send {
    let mut ids = 0_u64;
    move || {
        ids += 1;
        let mut random = [0; 15];
        random[..8].copy_from_slice(&ids.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Ok(SessionId::new(random))
    }
}

/// What the application does when a client wants to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    Now,
    /// The ticket is put aside.
    Later,
    Never,
}

/// An event, as far as it can be kept and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Admit {
        socket: Socket,
        namespace: String,
        auth: String,
    },
    /// The arguments as JSON with the attachments behind them, in the form of [`Wire::said`].
    Event {
        socket: Socket,
        name: String,
        args: String,
    },
    Answer {
        to: Question,
        socket: Socket,
        args: String,
    },
    Done {
        to: Question,
        missing: usize,
    },
    Disconnecting {
        socket: Socket,
        reason: DisconnectReason,
        rooms: Vec<String>,
    },
    Disconnected {
        socket: Socket,
        reason: DisconnectReason,
    },
    Recovered {
        socket: Socket,
        auth: String,
    },
    Forgotten {
        socket: Socket,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Asking,
    Open,
    Leaving,
    /// It was cut off, and may come back.
    Away,
    /// It has left, or was not let in.
    Over,
}

#[derive(Debug)]
pub struct Known {
    pub session: Session,
    pub namespace: String,
    pub life: Life,
    /// It waits, or has waited, to be let in again.
    pub comes_back: bool,
}

#[derive(Debug, Default)]
pub struct Asked {
    pub meant: usize,
    pub answered: BTreeSet<Socket>,
    pub missing: Option<usize>,
}

pub struct Driver {
    pub server: Server,
    pub wire: Wire,
    pub now: Instant,
    pub admits: Admits,
    /// Whether the machine is told at once that sessions have ended which it has closed. If not, that is for
    /// later: what clients say in between does not reach it.
    pub tells_ends: bool,
    /// What the application got since this was taken.
    pub got: Vec<Got>,
    pub tickets: VecDeque<Ticket>,
    pub acks: VecDeque<AckId>,
    /// All sockets that ever asked, in that order.
    pub sockets: Vec<Socket>,
    pub known: BTreeMap<Socket, Known>,
    pub questions: BTreeMap<Question, Asked>,
    pub open: BTreeSet<Session>,
    disconnecting: Option<(Socket, DisconnectReason)>,
    opened: usize,
}

pub fn event(name: &str, args: impl Serialize) -> EncodedArgs {
    EncodedArgs::event(name, &args).expect("it can be sent")
}

/// How the session of a client ends that breaks the rules (S8).
pub const CLOSED: DisconnectReason = DisconnectReason::Session(CloseReason::ForcedClose);

impl Driver {
    pub fn new(config: Config) -> Self {
        Self {
            server: Server::new(config, ids()),
            wire: Wire::default(),
            now: Instant::new(Duration::from_secs(1000)),
            admits: Admits::Now,
            tells_ends: true,
            got: vec![],
            tickets: VecDeque::new(),
            acks: VecDeque::new(),
            sockets: vec![],
            known: BTreeMap::new(),
            questions: BTreeMap::new(),
            open: BTreeSet::new(),
            disconnecting: None,
            opened: 0,
        }
    }

    pub fn can_open(&self) -> bool {
        self.opened < SESSIONS.len()
    }

    pub fn open(&mut self) -> Session {
        let session = SESSIONS[self.opened];
        self.opened += 1;
        self.open.insert(session);
        self.server.opened(self.now, session);
        self.settle();
        session
    }

    /// A client that is in a namespace. What was said until then is forgotten.
    pub fn connect(&mut self, namespace: &str) -> (Session, Socket) {
        let session = self.open();
        (session, self.join(session, namespace))
    }

    /// A client goes into another namespace.
    #[track_caller]
    pub fn join(&mut self, session: Session, namespace: &str) -> Socket {
        assert_eq!(self.admits, Admits::Now);
        self.say(session, &format!("0{namespace},").replace("/,", ""));
        let socket = *self.sockets.last().expect("a socket");
        assert!(self.server.is_open(socket));
        self.got.clear();
        self.wire.said.clear();
        socket
    }

    /// A client says a text.
    pub fn say(&mut self, session: Session, text: &str) {
        self.hear(session, Message::Text(text));
    }

    /// A client says bytes.
    pub fn say_bytes(&mut self, session: Session, bytes: &str) {
        self.hear(session, Message::Binary(Cow::Borrowed(bytes.as_bytes())));
    }

    fn hear(&mut self, session: Session, message: Message<'_>) {
        // Nothing comes from a session that ends.
        if !self.wire.closed.contains(&session) {
            let event = self.server.message(self.now, &mut self.wire, session, message);
            if let Some(event) = event {
                self.take(event);
            }
        }
        self.settle();
    }

    /// A session ends by itself.
    pub fn end(&mut self, session: Session, reason: CloseReason) {
        if self.wire.closed.insert(session) {
            self.open.remove(&session);
            self.server.closed(self.now, session, reason);
        }
        self.settle();
    }

    /// The machine is told that the sessions have ended which it has closed.
    pub fn tell_ends(&mut self) {
        while let Some(session) = self.wire.ending.pop_front() {
            self.open.remove(&session);
            self.server.closed(self.now, session, CloseReason::ForcedClose);
            self.take_events();
        }
    }

    /// The application lets in who has waited longest.
    pub fn admit(&mut self) -> Option<Socket> {
        let ticket = self.tickets.pop_front().expect("a ticket");
        let admitted = self.let_in(ticket);
        self.settle();
        admitted
    }

    pub fn refuse(&mut self, message: &str, data: Option<&str>) {
        let ticket = self.tickets.pop_front().expect("a ticket");
        self.turn_away(ticket, message, data);
        self.settle();
    }

    fn let_in(&mut self, ticket: Ticket) -> Option<Socket> {
        let (socket, is_waiting) = (ticket.socket(), self.server.is_waiting(&ticket));
        let session = self.known[&socket].session;
        let was_over = self.wire.closed.contains(&session);
        let admitted = self.server.admit(&mut self.wire, ticket);
        let known = self.known.get_mut(&socket).expect("it was asked for");
        let is_asking = known.life == Life::Asking && self.open.contains(&known.session);
        assert!(if was_over { !is_waiting || is_asking } else { is_waiting == is_asking });
        // Who cannot be told is not let in.
        let is_told = !was_over && !self.wire.full.contains(&known.session);
        // Nor who cannot be told any more what it has missed: its session ends, by which it is away again.
        let has_ended = known.comes_back && !was_over && self.wire.closed.contains(&session);
        assert_eq!(admitted, (is_waiting && is_told && !has_ended).then_some(socket));
        known.life = match admitted {
            Some(_) => Life::Open,
            None if self.server.is_away(socket) => Life::Away,
            None if has_ended && is_waiting => Life::Asking,
            None => Life::Over,
        };
        admitted
    }

    fn turn_away(&mut self, ticket: Ticket, message: &str, data: Option<&str>) {
        let socket = ticket.socket();
        self.server.refuse(&mut self.wire, ticket, message, data);
        let life = if self.server.is_away(socket) { Life::Away } else { Life::Over };
        self.known.get_mut(&socket).expect("it was asked for").life = life;
        assert!(self.server.session(socket).is_none());
    }

    pub fn emit(&mut self, socket: Socket, event: &EncodedArgs) -> Result<(), EmitError> {
        let sent = self.server.emit(self.now, &mut self.wire, socket, event);
        self.settle();
        sent
    }

    pub fn emit_to(&mut self, target: &Target, event: &EncodedArgs) -> Vec<(Socket, EmitError)> {
        let failed = self.server.emit_to(self.now, &mut self.wire, target, event);
        self.settle();
        failed
    }

    pub fn ask(
        &mut self,
        socket: Socket,
        timeout: Duration,
        event: &EncodedArgs,
    ) -> Result<Question, EmitError> {
        let asked = self.server.ask(self.now, &mut self.wire, socket, timeout, event);
        if let Ok(question) = asked {
            let asked = Asked { meant: 1, ..Asked::default() };
            assert!(self.questions.insert(question, asked).is_none());
        }
        self.settle();
        asked
    }

    pub fn ask_all(&mut self, target: &Target, timeout: Duration, event: &EncodedArgs) -> Question {
        let meant = self.server.sockets(target).len();
        let question = self.server.ask_all(self.now, &mut self.wire, target, timeout, event);
        let asked = Asked { meant, ..Asked::default() };
        assert!(self.questions.insert(question, asked).is_none());
        self.settle();
        question
    }

    /// Answers the event that has waited longest for it.
    pub fn acknowledge(&mut self, args: impl Serialize) -> Result<(), EmitError> {
        let ack = self.acks.pop_front().expect("an event that wants it");
        let args = EncodedArgs::new(&args).expect("it can be sent");
        let sent = self.server.acknowledge(&mut self.wire, ack, &args);
        self.settle();
        sent
    }

    pub fn enter(&mut self, socket: Socket, room: &str) -> Result<(), JoinError> {
        self.server.join(socket, room)
    }

    pub fn disconnect(&mut self, socket: Socket, what: Close) {
        let was_there = self.server.session(socket).is_some();
        self.server.disconnect(&mut self.wire, socket, what);
        // It has waited to be let in again.
        if let Some(known) = self.known.get_mut(&socket)
            && (known.life, what) == (Life::Asking, Close::Namespace)
            && (was_there && self.server.session(socket).is_none())
        {
            known.life = Life::Away;
        }
        self.settle();
    }

    pub fn close_all(&mut self) {
        self.server.close_all(self.now, &mut self.wire);
        self.settle();
    }

    /// Time passes, and everything is done when it is due.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= end) {
            // One that has waited to be let in again for longer than it is kept, and has gone, is due at once.
            let may_be_late = self.known.keys().any(|socket| self.server.is_away(*socket));
            assert!(due >= self.now || may_be_late, "what was due before has been done");
            self.wait_late(due.saturating_since(self.now));
        }
        self.now = end;
    }

    /// Time passes, and everything that became due is done at its end.
    pub fn wait_late(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now, &mut self.wire);
        assert!(self.server.poll_timeout().is_none_or(|due| due > self.now));
        self.settle();
    }

    /// What was said to a client since it was asked last.
    pub fn heard(&mut self, session: Session) -> Vec<String> {
        let (heard, others) =
            std::mem::take(&mut self.wire.said).into_iter().partition(|(to, _)| *to == session);
        self.wire.said = others;
        let heard: Vec<(Session, String)> = heard;
        heard.into_iter().map(|(_, text)| text).collect()
    }

    pub fn got(&mut self) -> Vec<Got> {
        std::mem::take(&mut self.got)
    }

    pub fn is_closed(&self, session: Session) -> bool {
        self.wire.closed.contains(&session)
    }

    /// All events go to where they belong.
    pub fn settle(&mut self) {
        self.take_events();
        if self.tells_ends {
            self.tell_ends();
        }
        self.check();
    }

    fn take_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            self.take(event);
        }
        assert_eq!(self.disconnecting, None, "who leaves has left");
    }

    fn take(&mut self, event: Event<'_>) {
        if !matches!(event, Event::Done { .. } | Event::Disconnected { .. }) {
            assert_eq!(self.disconnecting, None, "nothing comes between the two");
        }
        match event {
            Event::Admit { ticket, session, namespace, auth, comes_back } => {
                let (socket, namespace) = (ticket.socket(), String::from(namespace));
                assert!(self.open.contains(&session));
                assert!(!self.server.is_open(socket) && self.server.is_waiting(&ticket));
                self.got.push(Got::Admit {
                    socket,
                    namespace: namespace.clone(),
                    auth: auth.into(),
                });
                let known = Known { session, namespace, life: Life::Asking, comes_back };
                match self.known.insert(socket, known) {
                    Some(known) => {
                        // Or it has gone while it waited.
                        assert!(comes_back && matches!(known.life, Life::Away | Life::Asking));
                    }
                    None => {
                        assert!(!comes_back, "no handle is used again");
                        self.sockets.push(socket);
                    }
                }
                match self.admits {
                    Admits::Now => _ = self.let_in(ticket),
                    Admits::Later => self.tickets.push_back(ticket),
                    Admits::Never => self.turn_away(ticket, "no", None),
                }
            }
            Event::Recovered { socket, session, auth } => {
                assert!(self.open.contains(&session) && self.server.is_open(socket));
                assert_eq!(self.server.session(socket), Some(session));
                assert!(self.server.is_recovered(socket));
                let known = self.known.get_mut(&socket).expect("it was there before");
                assert_eq!(std::mem::replace(&mut known.life, Life::Open), Life::Away);
                assert_eq!(self.server.namespace(socket), known.namespace);
                known.session = session;
                self.got.push(Got::Recovered { socket, auth: auth.into() });
            }
            Event::Forgotten { socket, namespace } => {
                let known = self.known.get_mut(&socket).expect("it was there before");
                assert_eq!(*namespace, *known.namespace);
                // Or it has come back, and has gone again while it waited for admission.
                let has_gone = self.wire.closed.contains(&known.session);
                assert!(match std::mem::replace(&mut known.life, Life::Over) {
                    Life::Away => true,
                    Life::Asking => has_gone,
                    _ => false,
                });
                self.got.push(Got::Forgotten { socket });
            }
            Event::Event { socket, name, args, ack } => {
                assert_eq!(self.known[&socket].life, Life::Open);
                if let Some(ack) = ack {
                    assert_eq!(ack.socket(), socket);
                    self.acks.push_back(ack);
                }
                self.got.push(Got::Event { socket, name: name.into(), args: written(&args) });
            }
            Event::Answer { to, socket, args } => {
                assert_eq!(self.known[&socket].life, Life::Open);
                let asked = self.questions.get_mut(&to).expect("it was asked");
                assert_eq!(asked.missing, None, "nothing comes behind the end");
                assert!(asked.answered.insert(socket), "each answers once");
                self.got.push(Got::Answer { to, socket, args: written(&args) });
            }
            Event::Done { to, missing } => {
                self.got.push(Got::Done { to, missing });
                let asked = self.questions.get_mut(&to).expect("it was asked");
                assert_eq!(asked.missing.replace(missing), None, "done once");
                assert_eq!(asked.answered.len() + missing, asked.meant);
            }
            Event::Disconnecting { socket, reason } => {
                let known = self.known.get_mut(&socket).expect("it was admitted");
                assert_eq!(std::mem::replace(&mut known.life, Life::Leaving), Life::Open);
                assert!(!self.server.is_open(socket));
                assert_eq!(self.server.namespace(socket), known.namespace);
                assert_eq!(self.server.session(socket), Some(known.session));
                assert_ne!(self.server.id(socket), "");
                let rooms = self.server.rooms(socket).map(String::from).collect();
                self.got.push(Got::Disconnecting { socket, reason, rooms });
                self.disconnecting = Some((socket, reason));
            }
            Event::Disconnected { socket, reason, is_kept } => {
                assert_eq!(self.disconnecting.take(), Some((socket, reason)));
                let known = self.known.get_mut(&socket).expect("it was admitted");
                let life = if is_kept { Life::Away } else { Life::Over };
                assert_eq!(std::mem::replace(&mut known.life, life), Life::Leaving);
                assert_eq!(self.server.id(socket), "");
                assert_eq!(self.server.rooms(socket).count(), 0);
                assert_eq!(self.server.session(socket), None);
                self.got.push(Got::Disconnected { socket, reason });
            }
            other => panic!("{other:?}"),
        }
    }

    /// What holds between any two calls.
    fn check(&mut self) {
        assert_eq!(self.server.clients(), self.open.len());
        let mut crowds: BTreeMap<&str, BTreeSet<Socket>> = BTreeMap::new();
        for (socket, known) in &self.known {
            let is_there = matches!(known.life, Life::Open | Life::Asking);
            if known.life == Life::Open {
                crowds.entry(&known.namespace).or_default().insert(*socket);
                let id = self.server.id(*socket);
                assert_eq!(self.server.find(&known.namespace, id), Some(*socket));
            }
            assert_eq!(self.server.is_open(*socket), known.life == Life::Open);
            assert!(known.life != Life::Away || self.server.is_away(*socket));
            if self.tells_ends {
                // One whose client was closed waits for nothing.
                let is_over = self.wire.closed.contains(&known.session);
                assert!(!(known.life == Life::Open && is_over));
                assert_eq!(self.server.session(*socket).is_some(), is_there && !is_over);
            }
        }
        for (namespace, sockets) in &crowds {
            let found: BTreeSet<_> =
                self.server.sockets(&Target::all(*namespace)).into_iter().collect();
            assert_eq!(found, *sockets);
        }
        let expected: BTreeMap<_, _> =
            crowds.iter().map(|(namespace, sockets)| (*namespace, sockets.len())).collect();
        assert_eq!(self.server.namespaces().collect::<BTreeMap<_, _>>(), expected);
        let asks = self.questions.values().any(|asked| asked.missing.is_none());
        let keeps = self.server.config().recovery.is_some();
        assert!(!self.open.is_empty() || asks || keeps || self.server.poll_timeout().is_none());
    }

    /// All sessions end, and nothing may be left.
    pub fn finish(&mut self) {
        self.tells_ends = true;
        self.settle();
        for session in std::mem::take(&mut self.open) {
            self.wire.closed.insert(session);
            self.server.closed(self.now, session, CloseReason::TransportClose);
        }
        self.settle();
        for ticket in std::mem::take(&mut self.tickets) {
            assert_eq!(self.let_in(ticket), None);
        }
        if let Some(recovery) = self.server.config().recovery {
            // Who is away is forgotten, and the logs with them.
            self.wait_late(recovery.time);
        }
        for known in self.known.values_mut() {
            // The others were never let in.
            assert!(matches!(known.life, Life::Over | Life::Asking));
            assert_eq!(self.server.all_rooms(&known.namespace).count(), 0);
        }
        assert!(self.questions.values().all(|asked| asked.missing.is_some()), "all are done");
        assert_eq!((self.server.clients(), self.server.namespaces().count()), (0, 0));
        assert_eq!(self.server.poll_timeout(), None, "nothing is due for nobody");
        assert!(self.server.poll_event().is_none());
    }
}

fn written(args: &sansio_socketio::Args<'_>) -> String {
    let encoded = EncodedArgs::new(args).expect("it has come");
    let mut written = String::from(encoded.json());
    for attachment in encoded.attachments() {
        written.push_str(" + ");
        written.push_str(&String::from_utf8_lossy(attachment));
    }
    written
}
