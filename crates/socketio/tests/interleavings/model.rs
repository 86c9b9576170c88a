//! One client in two namespaces as the rules have it, written without regard to memory or speed: what is said to each
//! call, in full.

use std::collections::BTreeSet;
use std::time::Duration;

/// A namespace: the first or the second of [`NAMES`].
pub(super) type Place = usize;

pub(super) const NAMES: [&str; 2] = ["/", "/b"];

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);
pub(super) const ATTACHMENT_TIMEOUT: Duration = Duration::from_secs(20);
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admits {
    Now,
    Later,
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Nobody,
    Asking(usize),
    Open { socket: usize, rooms: Vec<&'static str> },
}

#[derive(Debug)]
struct Partial {
    place: Place,
    is_ack: bool,
    /// Which question an ack answers.
    question: usize,
    due: Duration,
}

#[derive(Debug)]
struct Question {
    due: Duration,
    awaited: BTreeSet<usize>,
    missing: usize,
    is_done: bool,
}

pub(super) struct Model {
    pub(super) now: Duration,
    pub(super) is_there: bool,
    admits: Admits,
    members: [Member; 2],
    /// What it left in this moment.
    left: [Option<Duration>; 2],
    has_joined: bool,
    began: Duration,
    partial: Option<Partial>,
    questions: Vec<Question>,
    /// Who waits for admission, gone or not.
    pub(super) tickets: Vec<(Place, usize)>,
    /// How many have asked for admission.
    asked: usize,
    /// In which order it went into the namespaces.
    order: Vec<Place>,
    pub(super) said: Vec<String>,
    /// What the application gets, and about whom: events of one are in order, and those of others are not.
    pub(super) got: Vec<(About, String)>,
    /// The last socket in each namespace.
    pub(super) last: [Option<usize>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Socket(usize),
    Question(usize),
}

impl Model {
    pub(super) fn new(now: Duration, admits: Admits) -> Self {
        Self {
            now,
            is_there: true,
            admits,
            members: [Member::Nobody, Member::Nobody],
            left: [None, None],
            has_joined: false,
            began: now,
            partial: None,
            questions: vec![],
            tickets: vec![],
            asked: 0,
            order: vec![],
            said: vec![],
            got: vec![],
            last: [None, None],
        }
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        let connect = (self.is_there && !self.has_joined).then_some(self.began + CONNECT_TIMEOUT);
        let partial = self.partial.as_ref().map(|partial| partial.due);
        let asked = self.questions.iter().filter(|question| !question.is_done);
        let answers = asked.map(|question| question.due).min();
        [connect, partial, answers].into_iter().flatten().min()
    }

    pub(super) fn is_open(&self, place: Place) -> bool {
        matches!(self.members[place], Member::Open { .. })
    }

    pub(super) fn last_question(&self) -> usize {
        self.questions.len().checked_sub(1).unwrap_or(99)
    }

    fn say(&mut self, kind: &str, place: Place, rest: &str) {
        self.said.push(match place {
            0 => format!("{kind}{rest}"),
            _ => format!("{kind}{},{rest}", NAMES[place]),
        });
    }

    fn tell(&mut self, socket: usize, what: String) {
        self.got.push((About::Socket(socket), what));
    }

    /// A text between a header and its attachment ends the session (S7).
    fn breaks_in(&mut self) -> bool {
        if self.partial.is_some() {
            self.end("forced close");
        }
        !self.is_there
    }

    /// S9
    pub(super) fn connect(&mut self, place: Place) {
        if self.breaks_in() {
            return;
        }
        if self.members[place] != Member::Nobody {
            self.end("forced close");
            return;
        }
        let socket = self.asked;
        self.asked += 1;
        self.tell(socket, format!("admit to {}", NAMES[place]));
        self.members[place] = Member::Asking(socket);
        self.last[place] = Some(socket);
        self.order.push(place);
        match self.admits {
            Admits::Now => self.let_in(place, socket),
            Admits::Never => self.turn_away(place, socket),
            Admits::Later => self.tickets.push((place, socket)),
        }
    }

    pub(super) fn admit(&mut self) -> bool {
        let (place, socket) = self.tickets.remove(0);
        let waits = self.members[place] == Member::Asking(socket);
        if waits {
            self.let_in(place, socket);
        }
        waits
    }

    pub(super) fn refuse(&mut self) {
        let (place, socket) = self.tickets.remove(0);
        if self.members[place] == Member::Asking(socket) {
            self.turn_away(place, socket);
        }
    }

    fn let_in(&mut self, place: Place, socket: usize) {
        self.say("0", place, r#"{"sid":"ID"}"#);
        self.members[place] = Member::Open { socket, rooms: vec!["own"] };
        self.has_joined = true;
    }

    /// S10
    fn turn_away(&mut self, place: Place, _: usize) {
        self.say("4", place, r#"{"message":"no"}"#);
        self.members[place] = Member::Nobody;
        self.order.retain(|other| *other != place);
    }

    /// Who is meant by what the client says in a namespace. If it is not in it, its session ends, unless it has
    /// left in this moment (S7).
    fn speaker(&mut self, place: Place) -> Option<usize> {
        match &self.members[place] {
            Member::Open { socket, .. } => Some(*socket),
            _ => {
                if self.left[place] != Some(self.now) {
                    self.end("forced close");
                }
                None
            }
        }
    }

    pub(super) fn event(&mut self, place: Place) {
        if self.breaks_in() {
            return;
        }
        if let Some(socket) = self.speaker(place) {
            self.tell(socket, r#"event e [1]"#.into());
        }
    }

    pub(super) fn leave(&mut self, place: Place) {
        if self.breaks_in() {
            return;
        }
        if self.speaker(place).is_some() {
            self.left[place] = Some(self.now);
            self.part(place, "client namespace disconnect");
        }
    }

    pub(super) fn answer(&mut self, place: Place, question: usize) {
        if self.breaks_in() {
            return;
        }
        if let Some(socket) = self.speaker(place) {
            self.answered(socket, question, "[1]");
        }
    }

    fn answered(&mut self, socket: usize, number: usize, args: &str) {
        let Some(question) = self.questions.get_mut(number) else { return };
        if question.awaited.remove(&socket) {
            self.got.push((About::Question(number), format!("answer of {socket} {args}")));
            self.check_done(number);
        }
    }

    fn check_done(&mut self, number: usize) {
        let question = &mut self.questions[number];
        if question.awaited.is_empty() && !question.is_done {
            question.is_done = true;
            let done = format!("done, {} missing", question.missing);
            self.got.push((About::Question(number), done));
        }
    }

    /// The header of an event or an ack with one attachment.
    pub(super) fn header(&mut self, place: Place, is_ack: bool, question: usize) {
        if self.breaks_in() {
            return;
        }
        let due = self.now + ATTACHMENT_TIMEOUT;
        self.partial = Some(Partial { place, is_ack, question, due });
    }

    pub(super) fn attachment(&mut self) {
        let Some(Partial { place, is_ack, question, .. }) = self.partial.take() else {
            self.end("forced close");
            return;
        };
        let args = r#"[{"_placeholder":true,"num":0}] + x"#;
        if let Some(socket) = self.speaker(place) {
            match is_ack {
                true => self.answered(socket, question, args),
                false => self.tell(socket, format!("event b {args}")),
            }
        }
    }

    pub(super) fn end(&mut self, reason: &str) {
        if !self.is_there {
            return;
        }
        self.is_there = false;
        self.partial = None;
        for place in self.order.clone() {
            self.part(place, reason);
        }
    }

    /// S14
    fn part(&mut self, place: Place, reason: &str) {
        self.order.retain(|other| *other != place);
        let member = std::mem::replace(&mut self.members[place], Member::Nobody);
        let Member::Open { socket, rooms } = member else { return };
        for number in 0..self.questions.len() {
            let question = &mut self.questions[number];
            if question.awaited.remove(&socket) {
                question.missing += 1;
                self.check_done(number);
            }
        }
        self.tell(socket, format!("disconnecting {reason} {rooms:?}"));
        self.tell(socket, format!("disconnected {reason}"));
    }

    pub(super) fn emit(&mut self, place: Place) -> bool {
        let is_open = self.is_open(place);
        if is_open {
            self.say("2", place, r#"["news"]"#);
        }
        is_open
    }

    /// S17. `one`: the socket in this place, else all that are in it.
    pub(super) fn ask(&mut self, place: Place, one: bool) {
        let number = self.questions.len();
        let mut awaited = BTreeSet::new();
        if let Member::Open { socket, .. } = &self.members[place] {
            awaited.insert(*socket);
            self.say("2", place, &format!("{number}[\"q\"]"));
        } else {
            assert!(!one);
        }
        let due = self.now + ANSWER_TIMEOUT;
        self.questions.push(Question { due, awaited, missing: 0, is_done: false });
        self.check_done(number);
    }

    pub(super) fn enter(&mut self, place: Place) -> bool {
        match &mut self.members[place] {
            Member::Open { rooms, .. } => {
                rooms.retain(|room| *room != "r");
                rooms.push("r");
                true
            }
            _ => false,
        }
    }

    /// S13
    pub(super) fn disconnect(&mut self, place: Place) {
        if self.is_open(place) {
            self.say("1", place, "");
            self.part(place, "server namespace disconnect");
        }
    }

    pub(super) fn disconnect_all(&mut self) {
        for place in self.order.clone() {
            self.disconnect(place);
        }
        self.end("forced close");
    }

    pub(super) fn close_all(&mut self) {
        for place in self.order.clone() {
            self.part(place, "server shutting down");
        }
        self.end("forced close");
    }

    /// All that is due at this moment.
    pub(super) fn tick(&mut self, now: Duration) {
        self.now = now;
        for number in 0..self.questions.len() {
            let question = &mut self.questions[number];
            if !question.is_done && question.due <= now {
                question.missing += std::mem::take(&mut question.awaited).len();
                self.check_done(number);
            }
        }
        if self.is_there {
            let is_late = !self.has_joined && self.began + CONNECT_TIMEOUT <= now;
            if is_late || self.partial.as_ref().is_some_and(|partial| partial.due <= now) {
                self.end("forced close");
            }
        }
    }
}
