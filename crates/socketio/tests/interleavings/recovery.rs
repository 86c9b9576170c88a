//! A client that is cut off and comes back, in every order with what is said to it and to others: each event is heard
//! once, in order, or the client is told that it is new (S22, S24).

use crate::Way;
use crate::support::driver::{Driver, event};
use sansio_engineio::{CloseReason, Session};
use sansio_socketio::{Config, Recovery, Socket, Target};
use std::time::Duration;

const TIME: Duration = Duration::from_secs(100);

/// So few that some are forgotten.
const MAX_EVENTS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// An event for the client alone, for all, and for somebody else.
    One,
    All,
    Other,
    /// What was said to the client arrives.
    Hear,
    /// The connection ends, and what was under way is lost.
    Lose,
    /// The client comes back and says what it has heard last.
    Return,
    /// Half of the time passes.
    Wait,
}

use Act::{All, Hear, Lose, One, Other, Return, Wait};

struct Said {
    is_for_client: bool,
    at: Duration,
}

struct Pair {
    driver: Driver,
    session: Session,
    socket: Socket,
    pid: String,
    other: Socket,
    now: Duration,
    /// Every event since the server began: its number is its name.
    said: Vec<Said>,
    /// The first one that could be for the client.
    begin: usize,
    heard: Vec<usize>,
    offset: Option<String>,
    /// What it has heard when it came back was all before this one that was for it.
    from: usize,
    /// When it was cut off, and how many events there were then.
    lost: Option<(Duration, usize)>,
    history: Vec<Act>,
}

fn between<'t>(text: &'t str, head: &str) -> &'t str {
    text.split_once(head).expect("the head").1.split('"').next().expect("a text")
}

impl Pair {
    fn new() -> Self {
        let recovery = Recovery::default().time(TIME).max_events(MAX_EVENTS);
        let mut driver = Driver::new(Config::default().recovery(Some(recovery)));
        let (_, other) = driver.connect("/");
        let session = driver.open();
        driver.say(session, "0");
        let (socket, answer) = (driver.sockets[1], driver.heard(session).remove(0));
        Self {
            driver,
            session,
            socket,
            pid: between(&answer, "\"pid\":\"").into(),
            other,
            now: Duration::ZERO,
            said: vec![],
            begin: 0,
            heard: vec![],
            offset: None,
            from: 0,
            lost: None,
            history: vec![],
        }
    }

    fn act(&mut self, act: Act) {
        self.history.push(act);
        let news = event(&self.said.len().to_string(), ());
        match act {
            One => self.driver.emit(self.socket, &news).unwrap(),
            All => assert_eq!(self.driver.emit_to(&Target::all("/"), &news), []),
            Other => self.driver.emit(self.other, &news).unwrap(),
            Hear => self.hear(),
            Lose => {
                self.driver.heard(self.session);
                self.driver.end(self.session, CloseReason::TransportError);
                self.lost = Some((self.now, self.said.len()));
            }
            Return => self.come_back(),
            Wait => {
                self.driver.wait(TIME / 2);
                self.now += TIME / 2;
            }
        }
        if matches!(act, One | All | Other) {
            self.said.push(Said { is_for_client: act != Other, at: self.now });
        }
    }

    fn hear(&mut self) {
        for text in self.driver.heard(self.session) {
            // The answer to CONNECT is known already.
            if let Some(list) = text.strip_prefix("2[\"") {
                self.heard.push(list.split('"').next().unwrap().parse().expect("a number"));
                let offset = list.strip_suffix("\"]").and_then(|list| list.rsplit('"').next());
                self.offset = offset.map(String::from);
            }
        }
        self.check();
    }

    /// Whether the rules say that it is the same socket.
    fn is_known(&self) -> bool {
        let Some((at, said)) = self.lost else { return false };
        if self.now >= at + TIME {
            return false;
        }
        let is_over = |said: &Said| said.at + TIME <= self.now;
        let over = self.said.iter().take_while(|said| is_over(said)).count();
        let start = over.max(self.said.len().saturating_sub(MAX_EVENTS));
        self.first(said) >= start
    }

    /// The first event that it may have missed.
    fn first(&self, said: usize) -> usize {
        let heard = self.heard.last().map_or(self.begin, |last| last + 1);
        let before = &self.said[heard..said.max(heard)];
        let has_missed = before.iter().any(|said| said.is_for_client);
        heard.max(if has_missed { self.from } else { said })
    }

    fn come_back(&mut self) {
        let is_known = self.is_known();
        let offset = self.offset.as_ref().map(|offset| format!(",\"offset\":\"{offset}\""));
        let auth = format!("{{\"pid\":\"{}\"{}}}", self.pid, offset.unwrap_or_default());
        self.session = self.driver.open();
        self.driver.say(self.session, &format!("0{auth}"));
        let (session, answer) = self.driver.wire.said.last().expect("an answer");
        assert!(*session == self.session && answer.starts_with("0{"), "the last that is said");
        let pid = between(answer, "\"pid\":\"");
        assert_eq!(pid == self.pid, is_known, "whether it is the same");
        let lost = self.lost.take();
        // If it is, what it has missed may be lost on the way once more.
        if !is_known {
            self.pid = pid.into();
            assert_eq!(self.driver.heard(self.session).len(), 1, "nothing but the answer");
            self.socket = *self.driver.sockets.last().unwrap();
            (self.begin, self.heard, self.offset) = (self.said.len(), vec![], None);
        } else if let Some((_, said)) = lost {
            self.from = self.first(said);
        }
    }

    /// Each of those that were for it, once.
    fn check(&self) {
        let all = self.said.iter().enumerate().skip(self.begin);
        let all: Vec<_> = all.filter(|(_, said)| said.is_for_client).map(|(at, _)| at).collect();
        assert_eq!(self.heard, all);
    }

    fn is_possible(&self, act: Act) -> bool {
        match act {
            Hear | Lose => self.lost.is_none(),
            Return => self.lost.is_some(),
            // To one that is forgotten nothing is said.
            One => self.lost.is_none_or(|(at, _)| self.now < at + TIME),
            All | Other | Wait => true,
        }
    }
}

/// Shows what was done when a check fails.
impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:?}", self.history);
        }
    }
}

/// Goes all ways; in the end the client comes back once more.
fn explore(acts: &[Act]) {
    let mut way = Way::default();
    // How often it was the same, and another one.
    let mut known = [0, 0];
    loop {
        let mut pair = Pair::new();
        let mut left = acts.to_vec();
        loop {
            let options: Vec<_> = (0..left.len())
                .filter(|at| !left[..*at].contains(&left[*at]) && pair.is_possible(left[*at]))
                .collect();
            let Some(at) = options.get(way.choose(options.len() + 1)) else { break };
            pair.act(left.remove(*at));
        }
        if pair.lost.is_none() {
            pair.act(Lose);
        }
        known[usize::from(pair.is_known())] += 1;
        pair.act(Return);
        pair.act(Hear);
        pair.driver.finish();
        if !way.advance() {
            break;
        }
    }
    assert!(known.iter().all(|number| *number > 0), "{known:?}");
}

#[test]
fn a_client_that_comes_back_has_missed_nothing() {
    explore(&[One, All, Other, Hear, Lose, Return, One]);
    explore(&[One, Hear, Lose, Return, All, Lose, Return, All]);
}

#[test]
fn a_client_that_comes_back_late() {
    explore(&[One, Hear, Wait, Lose, All, Wait, Return]);
    explore(&[One, Hear, Wait, Wait, Lose, Other, Wait, Return]);
}
