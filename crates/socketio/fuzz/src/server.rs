//! Several sessions in several namespaces, and an application that does anything: what the driver asserts of every
//! call, the limits, and that nothing is left in the end.

#[path = "../../tests/support/driver.rs"]
mod driver;

use driver::{Admits, Driver, Life, event};
use sansio_engineio::{CloseReason, Session};
use sansio_socketio::{Bytes, Close, Config, EmitError, JoinError, Recovery, Socket, Target};
use std::time::Duration;

const NAMES: [&str; 4] = ["/", "/a", "/b", "/c"];
const ROOMS: [&str; 4] = ["r", "s", "", "t"];

/// What clients say beside what is put together below: much of it is wrong.
const WORDS: [&str; 24] = [
    "0",
    "0/a,",
    "0/b,{}",
    "0/c",
    "1",
    "1/a,",
    "1/b,",
    "2[\"e\",1]",
    "2/a,[\"e\"]",
    "2/b,7[\"e\"]",
    "25[\"e\"]",
    "2[1]",
    "2",
    "3/a,99[]",
    "4",
    "7",
    "",
    "51-[\"b\",{\"_placeholder\":true,\"num\":0}]",
    "52-/a,3[\"b\",{\"_placeholder\":true,\"num\":1}]",
    "51-[\"b\",{\"_placeholder\":true,\"num\":1}]",
    "61-0[{\"_placeholder\":true,\"num\":0}]",
    "52-/b,",
    "2[\"connect\"]",
    "0[]",
];

/// The input, byte by byte; zeros behind its end.
struct Input<'i>(&'i [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, number: usize) -> usize {
        usize::from(self.byte()) % number.max(1)
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let at = self.below(of.len());
        of.get(at).cloned()
    }

    fn time(&mut self) -> Duration {
        Duration::from_millis(500) * u32::from(self.byte() % 16)
    }

    /// Any text, as long as the input says.
    fn text(&mut self) -> String {
        let length = self.below(40).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

struct Run {
    driver: Driver,
    config: Config,
    /// The sessions, ended or not.
    sessions: Vec<Session>,
    /// How many questions there were, whatever became of them: the next one's id.
    asked: usize,
    /// The pids and the offsets that clients were told.
    pids: Vec<String>,
    offsets: Vec<String>,
}

/// Seven bytes are settings, and the others what happens.
pub fn server(data: &[u8]) {
    let mut input = Input(data);
    let first = input.byte();
    let config = Config::default()
        .recovery(recovery(first >> 2))
        .max_namespaces(1 + usize::from(first % 4))
        .max_rooms(1 + input.below(4))
        .max_questions(input.below(4))
        .max_attachment_bytes(30 + input.below(100))
        .connect_timeout(Duration::from_secs(1 + input.below(8) as u64))
        .attachment_timeout(Duration::from_secs(1 + input.below(8) as u64));
    let mut driver = Driver::new(config.clone());
    driver.admits = admits(&mut input);
    let (pids, offsets) = (vec![], vec![]);
    let mut run = Run { driver, config, sessions: vec![], asked: 0, pids, offsets };
    while !input.0.is_empty() {
        run.act(&mut input);
        run.check();
    }
    run.driver.finish();
}

fn admits(input: &mut Input<'_>) -> Admits {
    [Admits::Now, Admits::Now, Admits::Later, Admits::Never][input.below(4)]
}

/// Six bits: off in half of the cases, and with small limits in the others.
fn recovery(bits: u8) -> Option<Recovery> {
    let recovery = Recovery::default()
        .time(Duration::from_secs(5))
        .max_sockets(usize::from(bits >> 1 & 3))
        .max_events(1 + 4 * usize::from(bits >> 3 & 1))
        .max_bytes_of_all(if bits >> 4 & 1 == 0 { 1000 } else { 10_000 })
        .skips_admission(bits >> 5 & 1 == 0);
    (bits & 1 == 1).then_some(recovery)
}

impl Run {
    fn act(&mut self, input: &mut Input<'_>) {
        match input.below(24) {
            0 if self.driver.can_open() => {
                let session = self.driver.open();
                self.sessions.push(session);
            }
            0..=4 => self.say(input),
            5 | 6 => {
                if let Some(session) = input.one(&self.sessions) {
                    self.driver.say_bytes(session, &"x".repeat(input.below(50)));
                }
            }
            7 => {
                // What it says is an answer, perhaps to something.
                let Some(session) = input.one(&self.sessions) else { return };
                let (name, number) = (NAMES[input.below(4)], input.below(self.asked + 1));
                self.driver.say(session, &format!("3{name},{number}[]").replace("3/,", "3"));
            }
            8 => {
                let reasons = [
                    CloseReason::TransportClose,
                    CloseReason::PingTimeout,
                    CloseReason::ParseError,
                ];
                if let Some(session) = input.one(&self.sessions) {
                    self.driver.end(session, reasons[input.below(3)]);
                }
            }
            9 if !self.driver.tickets.is_empty() => {
                // The one who has waited longest, or another.
                let at = input.below(self.driver.tickets.len());
                self.driver.tickets.rotate_left(at);
                match input.byte() & 1 {
                    0 => _ = self.driver.admit(),
                    _ => self.driver.refuse("no", Some("{\"a\":1}")),
                }
            }
            10 if !self.driver.acks.is_empty() => {
                let at = input.below(self.driver.acks.len());
                self.driver.acks.rotate_left(at);
                let _ = self.driver.acknowledge((1, Bytes::from_static(b"y")));
            }
            11 => self.driver.admits = admits(input),
            12 => {
                let Some(session) = input.one(&self.sessions) else { return };
                let set = match input.byte() & 1 {
                    0 => &mut self.driver.wire.full,
                    _ => &mut self.driver.wire.slow,
                };
                if !set.remove(&session) {
                    set.insert(session);
                }
            }
            13 => self.emit(input),
            14 => self.ask(input),
            15 => {
                let (target, _) = self.target(input);
                self.asked += 1;
                self.driver.ask_all(&target, input.time(), &event("q", ()));
            }
            16 | 17 => {
                let Some(socket) = input.one(&self.driver.sockets) else { return };
                let room = ROOMS[input.below(4)];
                let is_in = self.driver.server.rooms(socket).any(|other| other == room);
                let number = self.driver.server.rooms(socket).count();
                match (self.driver.enter(socket, room), self.is_open(socket)) {
                    (Ok(()), true) => assert!(is_in || number < self.config.max_rooms),
                    (Err(JoinError::TooMany), true) => {
                        assert!(!is_in && number >= self.config.max_rooms);
                    }
                    (result, false) => assert_eq!(result, Err(JoinError::Gone)),
                    other => panic!("{other:?}"),
                }
            }
            18 => {
                if let Some(socket) = input.one(&self.driver.sockets) {
                    // Perhaps that of its id.
                    let room = match input.below(5) {
                        4 => self.driver.server.id(socket).to_owned(),
                        at => ROOMS[at].into(),
                    };
                    self.driver.server.leave(socket, &room);
                    assert!(self.driver.server.rooms(socket).all(|other| *other != room));
                }
            }
            19 => {
                if let Some(socket) = input.one(&self.driver.sockets) {
                    let what = [Close::Namespace, Close::Transport][input.below(2)];
                    self.driver.disconnect(socket, what);
                    assert!(!self.driver.server.is_open(socket));
                }
            }
            20 if input.byte() == 255 => self.driver.close_all(),
            20 => {
                self.driver.tells_ends = !self.driver.tells_ends;
                self.driver.settle();
            }
            21 if input.byte() & 1 == 0 => self.driver.wait_late(input.time()),
            21 => self.come_back(input),
            _ => self.driver.wait(input.time()),
        }
    }

    fn say(&mut self, input: &mut Input<'_>) {
        let Some(session) = input.one(&self.sessions) else { return };
        let text = match input.byte() {
            at @ 0..=230 => WORDS[usize::from(at) % WORDS.len()].into(),
            _ => input.text(),
        };
        self.driver.say(session, &text);
    }

    /// A client says that it was there before, and perhaps it was.
    fn come_back(&mut self, input: &mut Input<'_>) {
        let Some(pid) = input.one(&self.pids) else { return };
        let session = match input.byte() & 1 {
            0 if self.driver.can_open() => {
                let session = self.driver.open();
                self.sessions.push(session);
                session
            }
            _ => match input.one(&self.sessions) {
                Some(session) => session,
                None => return,
            },
        };
        let offset = match input.one(&self.offsets) {
            Some(offset) if input.byte() & 3 != 0 => format!(",\"offset\":\"{offset}\""),
            _ => String::new(),
        };
        let name = NAMES[input.below(4)];
        let text = format!("0{name},{{\"pid\":\"{pid}\"{offset}}}").replace("0/,", "0");
        self.driver.say(session, &text);
    }

    /// Who is meant, and whether it is worth nothing later.
    fn target(&mut self, input: &mut Input<'_>) -> (Target, bool) {
        let mut target = Target::all(NAMES[input.below(4)]);
        let bits = input.byte();
        for (at, room) in ROOMS.iter().enumerate() {
            target = match (bits >> (2 * at)) & 3 {
                1 => target.room(*room),
                2 => target.except(*room),
                _ => target,
            };
        }
        match input.below(4) {
            0 => (target.volatile(), true),
            1 => match input.one(&self.driver.sockets) {
                Some(socket) => (target.without(socket), false),
                None => (target, false),
            },
            _ => (target, false),
        }
    }

    fn is_open(&self, socket: Socket) -> bool {
        self.driver.known.get(&socket).is_some_and(|known| known.life == Life::Open)
    }

    /// Whether a socket that cannot be told anything now may come back and hear it then.
    fn may_come_back(&self, socket: Socket) -> bool {
        let server = &self.driver.server;
        let is_asking = server.session(socket).is_some() && !server.id(socket).is_empty();
        self.config.recovery.is_some() && (server.is_away(socket) || is_asking)
    }

    /// Whether something can be said to a socket.
    fn expected(&self, socket: Socket) -> Result<(), EmitError> {
        let wire = &self.driver.wire;
        let known = &self.driver.known[&socket];
        if !self.is_open(socket) || wire.closed.contains(&known.session) {
            Err(EmitError::Gone)
        } else if wire.full.contains(&known.session) {
            Err(EmitError::Full)
        } else {
            Ok(())
        }
    }

    fn emit(&mut self, input: &mut Input<'_>) {
        self.driver.wire.said.clear();
        if input.byte() & 1 == 0 {
            let Some(socket) = input.one(&self.driver.sockets) else { return };
            let expected = self.expected(socket);
            let is_kept = expected == Err(EmitError::Gone) && self.may_come_back(socket);
            let sent = self.driver.emit(socket, &event("a", (1,)));
            assert_eq!(sent, if is_kept { Ok(()) } else { expected });
            assert_eq!(self.driver.wire.said.len(), usize::from(expected.is_ok()));
            if expected == Err(EmitError::Full) {
                self.driver.server.remember(self.driver.now, socket, &event("a", (1,)));
            }
            return;
        }
        let (target, is_volatile) = self.target(input);
        let meant = self.driver.server.sockets(&target);
        let event = event("a", (Bytes::from_static(b"z"),));
        let failed = self.driver.emit_to(&target, &event);
        for (socket, error) in &failed {
            assert!(meant.contains(socket));
            // Or it was worth nothing later.
            let expected = self.expected(*socket);
            assert!(*error == EmitError::Dropped || expected == Err(*error));
        }
        assert_eq!(self.driver.wire.said.len() + failed.len(), meant.len());
        for (session, unit) in &self.driver.wire.said {
            assert!(unit.starts_with("51-") && unit.ends_with(" + z"));
            let has_offset = !unit.contains("\"num\":0}]");
            assert_eq!(has_offset, self.config.recovery.is_some() && !is_volatile);
            let is_meant = |socket| self.driver.server.session(socket) == Some(*session);
            assert!(meant.iter().any(|socket| is_meant(*socket)));
        }
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let Some(socket) = input.one(&self.driver.sockets) else { return };
        let expected = self.expected(socket);
        let is_known = self.driver.server.session(socket).is_some();
        // An id that was taken for it is never used again.
        self.asked += usize::from(is_known);
        match self.driver.ask(socket, input.time(), &event("q", ())) {
            Err(EmitError::TooManyQuestions) => {
                let question = |asked: &&driver::Asked| asked.missing.is_none();
                let owed = self.driver.questions.values().filter(question).count();
                assert!(owed >= self.config.max_questions);
            }
            result => assert_eq!(result.map(|_| ()), expected),
        }
    }

    fn check(&mut self) {
        let server = &self.driver.server;
        for session in &self.sessions {
            let sockets = server.sockets_of(*session);
            assert!(sockets.len() <= self.config.max_namespaces);
            for (at, socket) in sockets.iter().enumerate() {
                assert_eq!(server.session(*socket), Some(*session));
                let name = server.namespace(*socket);
                let mut others = sockets[..at].iter();
                assert!(others.all(|other| server.namespace(*other) != name), "once in each");
            }
        }
        for (socket, known) in &self.driver.known {
            assert!(server.rooms(*socket).count() <= self.config.max_rooms.max(1));
            for room in server.rooms(*socket) {
                if known.life == Life::Open {
                    let members = server.sockets(&Target::all(&*known.namespace).room(room));
                    assert!(members.contains(socket));
                }
            }
        }
        for (_, unit) in &self.driver.wire.said {
            let told = unit.split_once("\"pid\":\"").map(|(_, pid)| pid.trim_end_matches("\"}"));
            self.pids.extend(told.map(String::from));
            let list = unit.split(" + ").next().and_then(|list| list.strip_suffix("\"]"));
            let offset = list.and_then(|list| list.rsplit('"').next());
            self.offsets.extend(offset.map(String::from));
        }
        // Each is said once.
        self.driver.wire.said.clear();
        self.driver.got.clear();
    }
}
