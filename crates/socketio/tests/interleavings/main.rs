//! Every order in which one client in two namespaces can act, the application, and time: one after the other, all of
//! them, each step compared with a model of the rules.
//!
//! A scenario is a number of acts. At each step each of those that are left and possible is tried, and also that
//! nothing more comes: then the session ends, and nothing may be left.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod model;
mod recovery;

use model::{ANSWER_TIMEOUT, ATTACHMENT_TIMEOUT, About, CONNECT_TIMEOUT, Model, NAMES, Place};
use sansio_engineio::{CloseReason, Session};
use sansio_socketio::{Close, Config, EmitError, JoinError, Socket, Target};
use std::collections::BTreeMap;
use std::time::Duration;
use support::driver::{Admits, Driver, Got, event};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    // What the client does.
    Connect(Place),
    Event(Place),
    /// It answers the last question, or one that was never asked.
    Answer(Place),
    Leave(Place),
    Header(Place),
    /// The header of an ack.
    AckHeader(Place),
    Attachment,
    End,
    // What the application does.
    Admit,
    Refuse,
    Emit(Place),
    Ask(Place),
    AskAll(Place),
    Enter(Place),
    Disconnect(Place),
    DisconnectAll(Place),
    CloseAll,
    /// A moment passes.
    Tick,
    /// Time passes until something is due.
    Wait,
}

use Act::{
    AckHeader, Admit, Answer, Ask, AskAll, Attachment, CloseAll, Connect, Disconnect,
    DisconnectAll, Emit, End, Enter, Event, Header, Leave, Refuse, Tick, Wait,
};

/// One way through a tree of choices, and then the next one.
#[derive(Default)]
struct Way {
    /// What was chosen, and of how many.
    chosen: Vec<(usize, usize)>,
    at: usize,
}

impl Way {
    fn choose(&mut self, number: usize) -> usize {
        if self.at == self.chosen.len() {
            self.chosen.push((0, number));
        }
        let (choice, of) = self.chosen[self.at];
        assert_eq!(of, number, "the same choices lead to the same ones");
        self.at += 1;
        choice
    }

    /// Whether there is another one.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, of)) = self.chosen.pop() {
            if choice + 1 < of {
                self.chosen.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

/// The machine beside the model.
struct Pair {
    driver: Driver,
    model: Model,
    session: Session,
    history: Vec<Act>,
}

fn packet(kind: &str, place: Place, rest: &str) -> String {
    match place {
        0 => format!("{kind}{rest}"),
        _ => format!("{kind}{},{rest}", NAMES[place]),
    }
}

impl Pair {
    fn new(admits: Admits) -> Self {
        let config = Config::default()
            .connect_timeout(CONNECT_TIMEOUT)
            .attachment_timeout(ATTACHMENT_TIMEOUT);
        let mut driver = Driver::new(config);
        driver.admits = admits;
        let session = driver.open();
        let admits = match admits {
            Admits::Now => model::Admits::Now,
            Admits::Later => model::Admits::Later,
            Admits::Never => model::Admits::Never,
        };
        let model = Model::new(Duration::from_secs(1000), admits);
        Self { driver, model, session, history: vec![] }
    }

    fn is_possible(&self, act: Act) -> bool {
        match act {
            Connect(_) | Event(_) | Answer(_) | Leave(_) | Header(_) | AckHeader(_)
            | Attachment | End => self.model.is_there,
            Admit | Refuse => !self.model.tickets.is_empty(),
            Ask(place) => self.model.is_open(place),
            Emit(place) | Enter(place) | Disconnect(place) | DisconnectAll(place) => {
                self.model.last[place].is_some()
            }
            AskAll(_) | CloseAll | Tick => true,
            Wait => self.model.next_due().is_some(),
        }
    }

    /// The last socket of a namespace, there or not.
    fn socket(&self, place: Place) -> Socket {
        self.driver.sockets[self.model.last[place].expect("there was one")]
    }

    fn act(&mut self, act: Act) {
        self.history.push(act);
        let session = self.session;
        let question = self.model.last_question();
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        let socket = match act {
            Ask(place) | Emit(place) | Enter(place) | Disconnect(place) | DisconnectAll(place) => {
                Some(self.socket(place))
            }
            _ => None,
        };
        let (driver, model) = (&mut self.driver, &mut self.model);
        match (act, socket) {
            (Connect(place), _) => {
                driver.say(session, &packet("0", place, ""));
                model.connect(place);
            }
            (Event(place), _) => {
                driver.say(session, &packet("2", place, "[\"e\",1]"));
                model.event(place);
            }
            (Answer(place), _) => {
                driver.say(session, &packet("3", place, &format!("{question}[1]")));
                model.answer(place, question);
            }
            (Leave(place), _) => {
                driver.say(session, &packet("1", place, ""));
                model.leave(place);
            }
            (Header(place), _) => {
                driver.say(session, &packet("51-", place, &format!("[\"b\",{placeholder}]")));
                model.header(place, false, question);
            }
            (AckHeader(place), _) => {
                let rest = format!("{question}[{placeholder}]");
                driver.say(session, &packet("61-", place, &rest));
                model.header(place, true, question);
            }
            (Attachment, _) => {
                driver.say_bytes(session, "x");
                model.attachment();
            }
            (End, _) => {
                driver.end(session, CloseReason::TransportError);
                model.end("transport error");
            }
            (Admit, _) => assert_eq!(driver.admit().is_some(), model.admit()),
            (Refuse, _) => {
                driver.refuse("no", None);
                model.refuse();
            }
            (Emit(place), Some(socket)) => {
                let sent = driver.emit(socket, &event("news", ()));
                let is_open = model.emit(place);
                assert_eq!(sent, if is_open { Ok(()) } else { Err(EmitError::Gone) });
            }
            (Ask(place), Some(socket)) => {
                driver.ask(socket, ANSWER_TIMEOUT, &event("q", ())).unwrap();
                model.ask(place, true);
            }
            (AskAll(place), _) => {
                driver.ask_all(&Target::all(NAMES[place]), ANSWER_TIMEOUT, &event("q", ()));
                model.ask(place, false);
            }
            (Enter(place), Some(socket)) => {
                let entered = driver.enter(socket, "r");
                let is_open = model.enter(place);
                assert_eq!(entered, if is_open { Ok(()) } else { Err(JoinError::Gone) });
            }
            (Disconnect(place), Some(socket)) => {
                driver.disconnect(socket, Close::Namespace);
                model.disconnect(place);
            }
            (DisconnectAll(_), Some(socket)) => {
                let is_known = driver.server.session(socket).is_some();
                driver.disconnect(socket, Close::Transport);
                // The handle of one that has left is nobody's.
                if is_known {
                    model.disconnect_all();
                }
            }
            (CloseAll, _) => {
                driver.close_all();
                model.close_all();
            }
            (Tick, _) => {
                let now = model.now + Duration::from_millis(1);
                driver.wait(Duration::from_millis(1));
                model.tick(now);
            }
            (Wait, _) => {
                let due = driver.server.poll_timeout().expect("the model says so");
                let time = due.saturating_since(driver.now);
                driver.wait(time);
                let now = model.now + time;
                model.tick(now);
            }
            (act, None) => panic!("{act:?}"),
        }
        self.compare();
    }

    fn compare(&mut self) {
        let heard = self.driver.heard(self.session);
        let ids: Vec<_> = heard.iter().map(|text| without_id(text)).collect();
        assert_eq!(ids, std::mem::take(&mut self.model.said));
        assert!(self.driver.wire.said.is_empty(), "nothing is said to others");
        let mut got = self.got();
        got.sort_by_key(|(about, _)| *about);
        let mut expected = std::mem::take(&mut self.model.got);
        expected.sort_by_key(|(about, _)| *about);
        assert_eq!(got, expected, "the machine, and the model");
        assert_eq!(self.driver.is_closed(self.session), !self.model.is_there);
        let start = self.model.now;
        let due = self.model.next_due().map(|due| self.driver.now + (due - start));
        assert_eq!(self.driver.server.poll_timeout(), due, "the next deadline");
        for (place, name) in NAMES.into_iter().enumerate() {
            let crowd = self.driver.server.sockets(&Target::all(name));
            assert_eq!(crowd.len(), usize::from(self.model.is_open(place)));
        }
    }

    /// What the application got, in the words of the model.
    fn got(&mut self) -> Vec<(About, String)> {
        let sockets: BTreeMap<_, _> =
            self.driver.sockets.iter().enumerate().map(|(at, socket)| (*socket, at)).collect();
        let questions: BTreeMap<_, _> =
            self.driver.questions.keys().enumerate().map(|(at, asked)| (*asked, at)).collect();
        let said = |got| match got {
            Got::Admit { socket, namespace, auth } => {
                assert_eq!(auth, "{}");
                (About::Socket(sockets[&socket]), format!("admit to {namespace}"))
            }
            Got::Event { socket, name, args } => {
                (About::Socket(sockets[&socket]), format!("event {name} {args}"))
            }
            Got::Answer { to, socket, args } => {
                let about = About::Question(questions[&to]);
                (about, format!("answer of {} {args}", sockets[&socket]))
            }
            Got::Done { to, missing } => {
                (About::Question(questions[&to]), format!("done, {missing} missing"))
            }
            Got::Disconnecting { socket, reason, mut rooms } => {
                rooms[0] = "own".into();
                let about = About::Socket(sockets[&socket]);
                (about, format!("disconnecting {reason} {rooms:?}"))
            }
            Got::Disconnected { socket, reason } => {
                (About::Socket(sockets[&socket]), format!("disconnected {reason}"))
            }
            other => panic!("{other:?}"),
        };
        self.driver.got().into_iter().map(said).collect()
    }

    /// Time passes, or the client goes; then nothing may be left.
    fn end(&mut self, client_stays: bool) {
        if client_stays {
            while self.is_possible(Wait) {
                self.act(Wait);
            }
        }
        if self.model.is_there {
            self.act(End);
        }
        while self.is_possible(Wait) {
            self.act(Wait);
        }
        self.driver.finish();
    }
}

/// The sid of an answer to a CONNECT is another one each time.
fn without_id(text: &str) -> String {
    match text.split_once(r#"{"sid":""#) {
        Some((head, behind)) => {
            let (id, rest) = behind.split_once('"').expect("an id");
            assert_eq!(id.len(), 20);
            format!("{head}{{\"sid\":\"ID\"{rest}")
        }
        None => text.into(),
    }
}

/// Shows what was done when a check fails.
struct OnPanic<'p>(&'p mut Pair);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:?}", self.0.history);
        }
    }
}

/// Goes all ways: those that are left and possible at each step, behind those of `begin`.
#[track_caller]
fn explore(admits: Admits, begin: &[Act], acts: &[Act]) {
    let mut way = Way::default();
    let mut done = vec![];
    loop {
        let mut pair = Pair::new(admits);
        let pair = OnPanic(&mut pair);
        for act in begin {
            pair.0.act(*act);
        }
        let mut left = acts.to_vec();
        loop {
            // Of two alike it does not matter which is first.
            let is_first = |at: usize| !left[..at].contains(&left[at]);
            let options: Vec<_> = (0..left.len())
                .filter(|at| is_first(*at) && pair.0.is_possible(left[*at]))
                .collect();
            // The last ones: nothing more comes, with the client there or not.
            let choice = way.choose(options.len() + 2);
            let Some(at) = options.get(choice) else {
                pair.0.end(choice == options.len());
                break;
            };
            let act = left.remove(*at);
            if !done.contains(&act) {
                done.push(act);
            }
            pair.0.act(act);
        }
        drop(pair);
        if !way.advance() {
            break;
        }
    }
    for act in acts {
        assert!(done.contains(act), "{act:?} was never possible");
    }
}

const ALL: [Admits; 3] = [Admits::Now, Admits::Later, Admits::Never];

#[test]
fn a_client_that_comes_speaks_and_goes() {
    for admits in [Admits::Now, Admits::Never] {
        explore(admits, &[], &[Connect(0), Connect(1), Event(0), Event(1), Leave(0), Tick, End]);
    }
    let acts = [Connect(0), Connect(0), Event(0), Leave(0), Leave(0), Tick, Tick];
    explore(Admits::Now, &[], &acts);
}

#[test]
fn an_application_that_takes_its_time() {
    let acts = [Connect(0), Connect(1), Admit, Refuse, Event(0), Leave(0), End];
    explore(Admits::Later, &[], &acts);
    // The client has come again when its first ticket is answered.
    let acts = [Connect(0), Leave(0), Connect(0), Admit, Admit, Event(0), Tick];
    explore(Admits::Later, &[], &acts);
    let acts = [Connect(0), Connect(1), Admit, Admit, Wait, DisconnectAll(0), CloseAll];
    explore(Admits::Later, &[], &acts);
}

#[test]
fn binary_among_texts() {
    for admits in ALL {
        let acts = [Connect(0), Header(0), Attachment, Event(0), Leave(0), Tick];
        explore(admits, &[], &acts);
    }
    let begin = [Connect(0), Connect(1)];
    let acts = [Header(0), Attachment, Header(1), Attachment, Leave(0), Disconnect(0), Wait];
    explore(Admits::Now, &begin, &acts);
}

#[test]
fn questions_and_answers() {
    let begin = [Connect(0), Connect(1)];
    let acts = [Ask(0), Answer(0), Answer(0), AskAll(1), Answer(1), Wait, Leave(0)];
    explore(Admits::Now, &begin, &acts);
    let acts = [Ask(0), Ask(0), Answer(0), AckHeader(0), Attachment, Disconnect(0), End];
    explore(Admits::Now, &begin, &acts);
    let acts = [AskAll(0), Answer(1), Answer(0), Leave(0), Tick, CloseAll, Wait];
    explore(Admits::Now, &begin, &acts);
}

/// An answer to a question of before is none to another one, asked when the client has come again (S3).
#[test]
fn a_client_that_comes_again() {
    let acts = [Ask(0), Leave(0), Connect(0), Ask(0), Answer(0), Event(0), Tick];
    explore(Admits::Now, &[Connect(0)], &acts);
}

#[test]
fn an_application_that_ends_it() {
    let begin = [Connect(0), Connect(1)];
    let acts = [Emit(0), Emit(1), Enter(0), Disconnect(0), DisconnectAll(1), Event(1), Connect(0)];
    explore(Admits::Now, &begin, &acts);
    let acts = [Ask(0), Enter(0), Disconnect(0), Event(0), Connect(0), CloseAll, Emit(0)];
    explore(Admits::Now, &begin, &acts);
}

/// A bit of everything.
#[test]
fn all_at_once() {
    let acts =
        [Connect(1), Admit, Header(0), Attachment, Ask(0), Answer(0), Disconnect(0), Leave(0)];
    explore(Admits::Later, &[Connect(0), Admit], &acts);
    let acts = [Connect(0), Admit, Admit, Event(1), DisconnectAll(0), Emit(1), AskAll(0), End];
    explore(Admits::Later, &[Connect(1)], &acts);
}

#[test]
fn time_that_passes() {
    for admits in ALL {
        let acts = [Connect(0), Header(0), Attachment, Leave(0), Wait, Wait];
        explore(admits, &[], &acts);
    }
    let acts = [Connect(0), Admit, Connect(1), Refuse, Wait, Header(0), Attachment];
    explore(Admits::Later, &[], &acts);
    let acts = [Ask(0), Wait, Ask(0), Answer(0), Header(0), Wait, Wait];
    explore(Admits::Now, &[Connect(0)], &acts);
}
