//! Many connections of several sessions, in any order: within the limits, each answered once, nothing lost or
//! said twice, and nothing left when time has passed.

#[path = "../../tests/support/driver.rs"]
mod driver;

use driver::{Asked, Client, Driver, Fate, Said, config};
use sansio_engineio::{Departure, SendError, Session, Transports};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What bodies and texts are put together of, beside bytes of the input's own.
const WORDS: [&str; 16] = [
    "4a", "2probe", "5", "3", "1", "2", "6", "0{}", "bAQID", "b?", "", "4", "4bc", "7", "3probe",
    "4\u{1e}",
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
        Duration::from_millis(500) * u32::from(self.byte() % 64)
    }

    fn text(&mut self) -> String {
        match self.byte() {
            at @ 0..64 => WORDS[usize::from(at) % WORDS.len()].into(),
            len => {
                let (text, rest) = self.0.split_at(usize::from(len % 8).min(self.0.len()));
                self.0 = rest;
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let mut body = self.text().into_bytes();
        for _ in 0..self.below(5) {
            body.push(0x1e);
            body.extend(self.text().bytes());
        }
        if self.byte() == 1 {
            body.push(0xff);
        }
        body
    }
}

/// What there is beside the driver.
struct Run {
    driver: Driver,
    clients: Vec<Client>,
    /// What was queued for a session and has not come to its client.
    waiting: BTreeMap<Session, VecDeque<String>>,
    sent: u32,
}

/// Six bytes are settings, and the others what happens.
pub fn server(data: &[u8]) {
    let mut input = Input(data);
    let transports = match input.byte() {
        255 => Transports::Polling,
        254 => Transports::WebSocket,
        _ => Transports::Both,
    };
    let seconds = |input: &mut Input<'_>| Duration::from_secs(1 + input.below(8) as u64);
    let config = config()
        .transports(transports)
        .max_sessions(1 + input.below(4))
        .max_queued_packets(1 + input.below(6))
        .max_queued_bytes(20 + input.below(40))
        .max_response_packets(1 + input.below(4))
        .max_payload(30)
        .ping_interval(seconds(&mut input))
        .ping_timeout(seconds(&mut input))
        .upgrade_timeout(seconds(&mut input))
        .close_timeout(seconds(&mut input));
    let mut driver = Driver::new(config);
    driver.echoes = input.byte() & 1 == 0;
    let mut run = Run { driver, clients: vec![], waiting: BTreeMap::new(), sent: 0 };
    while !input.0.is_empty() {
        run.act(&mut input);
        run.check();
    }
    run.driver.unblock();
    run.driver.finish();
    run.check();
}

impl Run {
    fn act(&mut self, input: &mut Input<'_>) {
        let driver = &mut self.driver;
        let act = input.below(16);
        match act {
            0 => {
                let crowd = driver.server.len();
                let asked = driver.ask("GET", "/engine.io/?EIO=4&transport=polling", &[]);
                refused_if_full(driver, crowd, &asked);
            }
            1 => {
                let crowd = driver.server.len();
                let asked = driver.ask_websocket();
                refused_if_full(driver, crowd, &asked);
            }
            2..=4 => {
                let Some(client) = input.one(&self.clients) else { return };
                match act {
                    2 => driver.get(&client),
                    3 => driver.begin_post(&client),
                    _ => driver.upgrade(&client),
                };
            }
            5 => {
                if let Some(name) = input.one(&names(driver, &[Fate::Posting])) {
                    driver.body(name, input.body());
                }
            }
            6 => {
                if let Some(name) = input.one(&names(driver, &[Fate::Opening])) {
                    driver.opened(name);
                }
            }
            7 | 8 => {
                // What a WebSocket says may arrive when the machine has closed it.
                let names = names(driver, &[Fate::Socket, Fate::Closed]);
                let Some(name) = input.one(&names) else { return };
                match input.byte() {
                    255 => driver.say_bytes(name, b"bytes"),
                    _ => driver.say(name, &input.text()),
                }
            }
            9 => {
                let departure = [Departure::Closed, Departure::Failed][input.below(2)];
                let any = [Fate::Held, Fate::Posting, Fate::Waiting, Fate::Opening, Fate::Socket];
                if let Some(name) = input.one(&names(driver, &any)) {
                    driver.gone(name, departure);
                }
            }
            10 => {
                if let Some(name) = input.one(&names(driver, &[Fate::Posting])) {
                    driver.gone(name, Departure::BodyTooLong);
                }
            }
            11 => {
                let Some(client) = input.one(&self.clients) else { return };
                self.sent += 1;
                let text = format!("{}{}", self.sent, "x".repeat(input.below(12)));
                let is_open = driver.ended(client.session).is_none();
                match driver.send(client.session, &text) {
                    Ok(()) => assert!(is_open),
                    Err(error) => assert_eq!(error == SendError::Gone, !is_open),
                }
            }
            12 => {
                let Some(client) = input.one(&self.clients) else { return };
                match input.byte() {
                    255 => driver.server.close_all(driver.now),
                    _ => driver.server.close(driver.now, client.session),
                }
                driver.settle();
                assert_ne!(driver.ended(client.session), None);
            }
            13 => driver.wait(input.time()),
            14 => driver.wait_late(input.time()),
            _ => match driver.reads {
                true => driver.reads = false,
                false => driver.unblock(),
            },
        }
    }

    fn check(&mut self) {
        let driver = &mut self.driver;
        let config = driver.server.config().clone();
        assert!(driver.server.len() <= config.max_sessions);
        for (session, text) in driver.accepted.drain(..) {
            self.waiting.entry(session).or_default().push_back(format!("4{text}"));
        }
        for said in std::mem::take(&mut driver.said) {
            let (name, text) = match said {
                Said::Frame(name, text) => (name, text),
                Said::Respond(name, 200, body) => (name, body),
                _ => continue,
            };
            let Some((session, _)) = driver.fates.get(&name) else { continue };
            if let Some((_, behind)) = text.split_once(r#""sid":""#) {
                let sid = behind.split('"').next().unwrap_or_default().into();
                self.clients.push(Client { session: *session, sid });
            }
            let packets: Vec<_> = match driver.was_socket(name) {
                true => vec![&*text],
                false => text.split('\u{1e}').collect(),
            };
            assert!(packets.len() <= config.max_response_packets);
            for packet in packets.into_iter().filter(|packet| packet.starts_with('4')) {
                let next = self.waiting.get_mut(session).and_then(VecDeque::pop_front);
                assert_eq!(next.as_deref(), Some(packet), "each once, and in order");
            }
        }
        let held: Vec<_> = names(driver, &[Fate::Held]).iter().map(|n| driver.fates[n].0).collect();
        for (session, waiting) in &self.waiting {
            let is_read = driver.reads && driver.server.is_websocket(*session);
            assert!(waiting.is_empty() || !(is_read || held.contains(session)), "it can leave");
            if driver.server.sessions().any(|open| open == *session) {
                // Answers have room of their own.
                assert!(waiting.len() <= 2 * config.max_queued_packets);
                let lengths = || waiting.iter().map(String::len);
                let most = config.max_queued_bytes + lengths().max().unwrap_or(0);
                assert!(lengths().sum::<usize>() <= 2 * most, "at most one more than the limit");
            }
        }
        let open = driver.sessions.values().filter(|ended| ended.is_none()).count();
        assert_eq!(driver.server.sessions().count(), open, "those that were not said to be closed");
        // Beside those that are opening, or have something to say before they are gone.
        let opening = names(driver, &[Fate::Opening]).len();
        let ended = driver.sessions.len() - open;
        assert!(driver.server.len() <= open + opening + ended, "no other is kept");
    }
}

fn names(driver: &Driver, fates: &[Fate]) -> Vec<u32> {
    let names = driver.fates.iter().filter(|(_, (_, fate))| fates.contains(fate));
    names.map(|(name, _)| *name).collect()
}

fn refused_if_full(driver: &Driver, crowd: usize, asked: &Asked) {
    if let Asked::Response(response) = asked {
        let is_known = response.content().starts_with(b"{\"code\":0")
            || response.content() == b"Transport unknown";
        // Those whose time was over have made room.
        assert!(is_known || crowd >= driver.server.config().max_sessions);
    }
}
