//! Every order in which the connections of one session can act, its application, and time: one after the other,
//! all of them, each step compared with a model of the rules.
//!
//! A scenario is a number of acts. At each step each of those that are left and possible is tried, and also that
//! nothing more comes: then the session ends by itself, and nothing may be left.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod model;

use model::{Life, Model};
use sansio_engineio::{Departure, Message};
use support::driver::{Client, Driver, Fate, Said, config};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Get,
    BeginPost,
    /// The body of a POST.
    Body(&'static str),
    Upgrade,
    /// The 101 is out.
    Open,
    /// A text over a WebSocket.
    Say(&'static str),
    /// A connection fails, whichever.
    Fail,
    /// The client does not read from its WebSocket, or does again.
    Block,
    Unblock,
    /// The application sends the next number.
    Send,
    Close,
    /// Time passes until something is due.
    Wait,
}

use Act::{BeginPost, Block, Body, Close, Fail, Get, Open, Say, Send, Unblock, Upgrade, Wait};

struct Scenario<'a> {
    acts: &'a [Act],
    /// What happens first, always.
    begin: &'a [Act],
    /// The application sends a number behind each act.
    sends_always: bool,
    /// It sends back what comes, and no more than so many messages wait.
    echoes_within: Option<usize>,
}

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
    client: Client,
    sent: u32,
    /// All that the machine has said.
    log: Vec<Said>,
    history: Vec<String>,
}

impl Pair {
    fn new(scenario: &Scenario<'_>) -> Self {
        let mut config = config();
        if let Some(limit) = scenario.echoes_within {
            config = config.max_queued_packets(limit);
        }
        let mut driver = Driver::new(config.clone());
        driver.echoes = scenario.echoes_within.is_some();
        let client = driver.connect();
        driver.said.clear();
        let model = Model::new(config, client.session, driver.now, driver.echoes);
        Self { driver, model, client, sent: 0, log: vec![], history: vec![] }
    }

    /// Where an act is possible: the connections for it, or none in particular.
    fn places(&self, act: Act) -> Vec<Option<u32>> {
        let with = |fates: &[Fate]| {
            let names = self.driver.fates.iter().filter(|(_, (_, fate))| fates.contains(fate));
            names.map(|(name, _)| Some(*name)).collect::<Vec<_>>()
        };
        match act {
            Get | BeginPost | Upgrade => vec![None],
            Body(_) => self.model.reads().into_iter().map(Some).collect(),
            Open => with(&[Fate::Opening]),
            Say(_) => with(&[Fate::Socket]),
            Fail => with(&[Fate::Held, Fate::Posting, Fate::Waiting, Fate::Opening, Fate::Socket]),
            Send | Close if self.model.life == Life::Open => vec![None],
            Send | Close => vec![],
            Block if self.driver.reads => vec![None],
            Unblock if !self.driver.reads => vec![None],
            Block | Unblock => vec![],
            Wait => self.model.next_due().into_iter().map(|_| None).collect(),
        }
    }

    fn act(&mut self, act: Act, place: Option<u32>) {
        self.history.push(format!("{act:?} {place:?}"));
        let (driver, model) = (&mut self.driver, &mut self.model);
        match (act, place) {
            (Get, _) => {
                driver.get(&self.client);
                model.get(driver.last());
            }
            (BeginPost, _) => {
                driver.begin_post(&self.client);
                model.begin_post(driver.last());
            }
            (Upgrade, _) => {
                driver.upgrade(&self.client);
                model.upgrade(driver.last());
            }
            (Body(body), Some(name)) => {
                driver.body(name, body);
                model.body(name, body);
            }
            (Open, Some(name)) => {
                driver.opened(name);
                model.opened(name);
            }
            (Say(text), Some(name)) => {
                driver.say(name, text);
                model.say(name, text);
            }
            (Fail, Some(name)) => {
                driver.gone(name, Departure::Failed);
                model.gone(name);
            }
            (Block, _) => {
                driver.reads = false;
                model.read(false);
            }
            (Unblock, _) => {
                driver.unblock();
                model.read(true);
            }
            (Send, _) => {
                self.sent += 1;
                let text = self.sent.to_string();
                assert_eq!(driver.send(self.client.session, &text), model.send(&text));
            }
            (Close, _) => {
                driver.close(self.client.session);
                model.close();
            }
            (Wait, _) => {
                let due = driver.server.poll_timeout().expect("the model says so");
                driver.wait(due.saturating_since(driver.now));
                model.tick(due);
            }
            (act, place) => panic!("{act:?} {place:?}"),
        }
        self.compare();
    }

    fn compare(&mut self) {
        let (driver, model) = (&mut self.driver, &mut self.model);
        // What is said to one is in order; between two there is none.
        let mut said = std::mem::take(&mut driver.said);
        self.log.extend(said.iter().cloned());
        let mut expected = std::mem::take(&mut model.said);
        said.sort_by_key(recipient);
        expected.sort_by_key(recipient);
        assert_eq!(said, expected, "the machine, and the model");
        assert_eq!(driver.server.poll_timeout(), model.next_due(), "the next deadline");
        assert_eq!(driver.texts(), model.got);
        let session = self.client.session;
        let is_open = model.life == Life::Open;
        assert_eq!(driver.server.sessions().count(), usize::from(is_open));
        assert_eq!(driver.server.is_empty(), model.life == Life::Ended);
        assert_eq!(driver.server.is_websocket(session), model.transport.is_some());
        assert_eq!(driver.server.can_send_now(session), model.can_send_now());
    }

    /// The messages that have reached the client.
    fn delivered(&self) -> Vec<String> {
        let bodies = self.log.iter().filter_map(|said| match said {
            Said::Respond(_, 200, text) | Said::Frame(_, text) => Some(text.split('\u{1e}')),
            _ => None,
        });
        bodies.flatten().filter(|packet| packet.starts_with('4')).map(String::from).collect()
    }

    /// The client takes what there is, or time passes; then the session ends.
    fn end(&mut self, client_stays: bool) {
        if client_stays {
            if !self.driver.reads {
                self.act(Unblock, None);
            }
            // What was taken makes room for a POST, and that may give more to take.
            let mut taken = None;
            while self.model.life != Life::Ended
                && self.model.transport.is_none()
                && self.model.held.is_none()
                && taken != Some(self.delivered().len())
            {
                taken = Some(self.delivered().len());
                self.act(Get, None);
            }
            let (delivered, accepted) = (self.delivered(), &self.model.accepted);
            match self.model.life {
                // Each once and in order.
                Life::Ended => assert!(accepted.starts_with(&delivered), "{delivered:?}"),
                _ => assert_eq!(delivered, *accepted),
            }
        }
        while self.model.next_due().is_some() {
            self.act(Wait, None);
        }
        assert!(self.model.accepted.starts_with(&self.delivered()));
        self.act(Get, None);
        for name in self.places(Open) {
            self.act(Open, name);
        }
        // What nobody listens to any more.
        for name in self.driver.fates.keys().copied().collect::<Vec<_>>() {
            let (server, session) = (&mut self.driver.server, self.client.session);
            server.gone(session, name, Departure::Closed);
            assert_eq!(server.text(self.driver.now, session, name, "4late"), None::<Message<'_>>);
            assert!(server.next_frame(session, name).is_none());
        }
        self.compare();
        self.driver.finish();
    }
}

/// Whom something is said to: a connection, or the application.
fn recipient(said: &Said) -> u32 {
    match said {
        Said::Respond(name, ..) | Said::Probe(name) | Said::Close(name, _) => *name,
        Said::Frame(name, _) => *name,
        Said::Event(_) => 0,
    }
}

/// Shows what was done when a check fails.
struct OnPanic<'p>(&'p mut Pair);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:#?}", self.0.history);
        }
    }
}

/// Goes all ways.
#[track_caller]
fn explore(scenario: &Scenario<'_>) {
    let mut way = Way::default();
    let mut done = vec![];
    loop {
        let mut pair = Pair::new(scenario);
        let pair = OnPanic(&mut pair);
        for act in scenario.begin {
            let place = pair.0.places(*act)[0];
            pair.0.act(*act, place);
        }
        let mut left = scenario.acts.to_vec();
        loop {
            let mut options = vec![];
            if pair.0.model.life != Life::Ended {
                for (at, act) in left.iter().enumerate() {
                    // Of two alike it does not matter which is first.
                    if !left[..at].contains(act) {
                        options.extend(pair.0.places(*act).into_iter().map(|place| (at, place)));
                    }
                }
            }
            // The last ones: nothing more comes, with the client there or not.
            let choice = way.choose(options.len() + 2);
            let Some((at, place)) = options.get(choice) else {
                pair.0.end(choice == options.len());
                break;
            };
            let act = left.remove(*at);
            if !done.contains(&act) {
                done.push(act);
            }
            pair.0.act(act, *place);
            if scenario.sends_always && pair.0.model.life == Life::Open {
                pair.0.act(Send, None);
            }
        }
        drop(pair);
        if !way.advance() {
            break;
        }
    }
    for act in scenario.acts {
        assert!(done.contains(act), "{act:?} was never possible");
    }
}

#[track_caller]
fn explored(acts: &[Act]) {
    explore(&Scenario { acts, begin: &[], sends_always: false, echoes_within: None });
}

/// POSTs and GETs, while another connection becomes the transport.
#[test]
fn an_upgrade_among_messages() {
    explored(&[
        Get,
        Get,
        BeginPost,
        Body("4a"),
        Upgrade,
        Open,
        Say("2probe"),
        Say("5"),
        Say("4x"),
        Send,
    ]);
}

#[test]
fn an_upgrade_while_messages_are_sent_all_the_time() {
    let acts =
        &[Get, Get, BeginPost, Body("4a"), Upgrade, Open, Say("2probe"), Say("5"), Say("4x")];
    explore(&Scenario { acts, begin: &[], sends_always: true, echoes_within: None });
}

#[test]
fn connections_that_fail() {
    explored(&[
        Get,
        BeginPost,
        Body("4a"),
        Upgrade,
        Open,
        Say("2probe"),
        Say("5"),
        Send,
        Fail,
        Fail,
    ]);
}

#[test]
fn an_application_that_closes() {
    explored(&[Get, BeginPost, Body("4a"), Upgrade, Open, Say("2probe"), Say("5"), Send, Close]);
    explored(&[Get, BeginPost, Body("4a"), BeginPost, Body("1"), Close, Wait, Fail, Send]);
}

#[test]
fn time_that_passes() {
    explored(&[
        Get,
        BeginPost,
        Body("3"),
        Upgrade,
        Open,
        Say("2probe"),
        Say("5"),
        Say("3"),
        Wait,
        Wait,
    ]);
    explored(&[Get, Get, BeginPost, Body("4a"), BeginPost, Body("3"), Wait, Wait, Wait, Close]);
}

#[test]
fn three_connections_of_which_two_want_to_be_the_transport() {
    explored(&[
        Upgrade,
        Open,
        Say("2probe"),
        Say("5"),
        Upgrade,
        Open,
        Say("2probe"),
        Say("5"),
        Fail,
    ]);
    explored(&[Get, Get, Get, BeginPost, BeginPost, Body("4a"), Upgrade, Open, Send, Fail]);
}

#[test]
fn clients_that_end_or_break_the_rules() {
    for (body, text) in [
        ("4a\u{1e}1\u{1e}4b", "1"),
        ("2", "2"),
        ("4a\u{1e}\u{1e}4b", ""),
        ("7", "7"),
        ("6\u{1e}0\u{1e}3", "6"),
    ] {
        let acts = [Get, BeginPost, Body(body), Upgrade, Open, Say("2probe"), Say("5"), Say(text)];
        explored(&acts);
    }
}

/// A POST waits for room, which a GET makes, or an upgrade, or an end.
#[test]
fn a_client_that_sends_more_than_it_takes() {
    for (acts, limit) in [
        (
            &[Get, Get, BeginPost, Body("4a\u{1e}4b\u{1e}4c"), BeginPost, Body("4d"), Send, Close]
                [..],
            2,
        ),
        (&[Get, Get, BeginPost, Body("4a\u{1e}3\u{1e}4b"), Send, Send, Send, Wait, Fail], 2),
        (&[Get, BeginPost, Body("4a\u{1e}4b"), Upgrade, Open, Say("2probe"), Say("5"), Send], 2),
    ] {
        explore(&Scenario { acts, begin: &[], sends_always: false, echoes_within: Some(limit) });
    }
}

/// What waits for a client when its session ends leaves first, if there is a way.
#[test]
fn ends_while_something_waits() {
    let acts = [Block, Unblock, Send, Say("7"), Wait, Wait, Close, Fail];
    let begin = &[Upgrade, Open, Say("2probe"), Say("5")];
    explore(&Scenario { acts: &acts, begin, sends_always: false, echoes_within: None });
    let acts = [Block, Unblock, Say("4a"), Say("4b"), Say("1"), Say("3"), Wait, Wait];
    explore(&Scenario { acts: &acts, begin, sends_always: false, echoes_within: Some(2) });
    for body in ["4a\u{1e}4b\u{1e}7", "4a\u{1e}1", "4a\u{1e}2"] {
        let acts = [Get, Get, BeginPost, Body(body), Upgrade, Open, Say("2probe"), Send];
        explore(&Scenario { acts: &acts, begin: &[], sends_always: false, echoes_within: Some(8) });
    }
}
