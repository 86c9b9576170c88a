//! A server that says anything, in any order, and an application that does: the limits, the order of what is told, and
//! that nothing is left in the end. With retries nothing is lost silently: in the end a server answers whatever it hears.

#[path = "../../tests/support/client.rs"]
mod driver;

use driver::{ClientDriver, OPEN, websocket};
use sansio_socketio::client::{AckId, Auth, Config, EmitError, Reconnection, Socket};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NAMES: [&str; 3] = ["/", "/a", "/b"];

/// What the server says beside what is put together below: much of it is wrong.
const WORDS: [&str; 28] = [
    "40{\"sid\":\"x\"}",
    "40/a,{\"sid\":\"y\"}",
    "40/b,{\"sid\":\"z\"}",
    "40",
    "40/a,{\"sid\":1}",
    "41",
    "41/a,",
    "41/b,",
    "42[\"e\",1]",
    "42/a,[\"e\"]",
    "42/b,7[\"e\"]",
    "42[1]",
    "42",
    "430[]",
    "43/a,1[\"x\"]",
    "432[]",
    "43/b,3[]",
    "44{\"message\":\"no\"}",
    "44/a,{\"message\":1,\"data\":[]}",
    "44/b,\"no\"",
    "4",
    "2",
    "1",
    "451-[\"b\",{\"_placeholder\":true,\"num\":0}]",
    "452-/a,3[\"b\",{\"_placeholder\":true,\"num\":1}]",
    "451-[\"b\",{\"_placeholder\":true,\"num\":1}]",
    "461-0[{\"_placeholder\":true,\"num\":0}]",
    "42[\"connect\"]",
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

    fn text(&mut self) -> String {
        match self.byte() {
            at @ 0..200 => WORDS[usize::from(at) % WORDS.len()].into(),
            len => {
                let (text, rest) = self.0.split_at(usize::from(len % 8).min(self.0.len()));
                self.0 = rest;
                format!("4{}", String::from_utf8_lossy(text))
            }
        }
    }
}

/// What the application knows of its sockets.
#[derive(Default)]
struct Known {
    connected: BTreeMap<String, bool>,
    is_open: bool,
    questions: usize,
    answers: usize,
    acks: Vec<AckId>,
    retries: Retries,
}

/// Events that are sent until they are answered.
#[derive(Default)]
struct Retries {
    most: u32,
    /// Those that were taken, and neither heard nor given back: their ids, by their numbers.
    owed: BTreeMap<i32, u64>,
    last_number: i32,
    /// Each event that is taken has the next one.
    next_id: u64,
    /// What the server has said to be an answer, whatever it had heard.
    answered: BTreeSet<u64>,
    /// Of each namespace, the id that was heard last, and how often.
    last: BTreeMap<String, (u64, u32)>,
}

impl Retries {
    /// A frame that the server hears. Returns the namespace and the id of an event that wants an answer.
    fn hear(&mut self, frame: &str) -> Option<(String, u64)> {
        let rest = frame.strip_prefix("42")?;
        let (name, rest) = match rest.strip_prefix('/').and_then(|rest| rest.split_once(',')) {
            Some((name, rest)) => (format!("/{name},"), rest),
            None => (String::new(), rest),
        };
        let (id, args) = rest.split_once('[').unwrap();
        if self.most == 0 {
            return None;
        }
        let Ok(id) = id.parse::<u64>() else {
            assert!(args.starts_with("\"volatile\""), "{frame}");
            return None;
        };
        let (last, times) = self.last.get(&name).copied().unwrap_or((id, 0));
        assert!(id >= last, "{frame} behind {last}");
        let times = if id == last { times + 1 } else { 1 };
        assert!(times <= self.most + 1, "{frame} once more");
        self.last.insert(name.clone(), (id, times));
        self.settle(args);
        Some((name, id))
    }

    /// All that could be ids in an answer.
    fn say(&mut self, text: &str) {
        if text.starts_with("43") || text.starts_with("46") {
            let numbers = text[2..].split(|it: char| !it.is_ascii_digit());
            self.answered.extend(numbers.filter_map(|number| number.parse::<u64>().ok()));
        }
    }

    /// An event was heard, or given back: `"e",7]`.
    fn settle(&mut self, args: &str) {
        if let Some(number) = args.strip_prefix("\"e\",") {
            self.owed.remove(&number.trim_end_matches(']').parse().unwrap());
        }
    }
}

/// A server that lets everybody in and answers each event.
fn hear_all(driver: &mut ClientDriver, sockets: [Socket; 3], known: &mut Known) {
    driver.unblock();
    if driver.link.is_some() {
        driver.lose();
    }
    // It may be its last attempt that fails meanwhile.
    while driver.link.is_none() {
        for socket in sockets {
            driver.connect(socket);
        }
        if driver.link.is_none() {
            driver.wait(Duration::from_secs(5));
        }
    }
    for socket in sockets {
        driver.connect(socket);
    }
    driver.open();
    for socket in sockets {
        driver.authenticate(socket, &Auth::none());
    }
    // What was told of the old session is not heard by this one.
    check(driver, known);
    for text in &WORDS[..3] {
        driver.say(text);
    }
    loop {
        let frames = driver.heard();
        let events: Vec<_> = frames.iter().filter_map(|frame| known.retries.hear(frame)).collect();
        if events.is_empty() {
            break;
        }
        for (name, id) in events {
            driver.say(&format!("43{name}{id}[]"));
        }
    }
    check(driver, known);
    assert!(sockets.iter().all(|socket| driver.client.is_connected(*socket)));
    let Retries { owed, answered, .. } = &known.retries;
    assert!(owed.values().all(|id| answered.contains(id)), "{owed:?}");
    assert_eq!(known.questions, known.answers, "each question is done once");
}

/// Three bytes are settings, and the others what happens.
pub fn client(data: &[u8]) {
    let mut input = Input(data);
    let first = usize::from(input.byte());
    let (attempts, retries) = (first % 4, u32::try_from(first / 4 % 4).unwrap());
    let most = 1 + input.below(4);
    let delay = Duration::from_millis(100 + 100 * input.below(30) as u64);
    let reconnection = Reconnection::new().delay(delay).attempts(u32::try_from(attempts).ok());
    let config = Config::new()
        .reconnection((attempts > 0).then_some(reconnection))
        .retries(retries)
        .ack_timeout(delay * 3)
        .max_waiting_packets(most)
        .max_questions(5)
        .max_attachment_bytes(100);
    let mut seed = 1_u32;
    let random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed
    };
    let sessions = websocket().max_queued_packets(4);
    let mut driver = ClientDriver::with(config, sessions, random);
    let sockets = NAMES.map(|name| driver.client.socket(name).unwrap());
    driver.client.set_auth(sockets[1], Auth::from_json("{}").unwrap());
    driver.client.set_auth(sockets[2], Auth::asked());
    let mut known = Known::default();
    known.retries.most = retries;
    while !input.0.is_empty() {
        act(&mut driver, &mut input, sockets, &mut known, most);
        check(&mut driver, &mut known);
    }
    if retries > 0 {
        hear_all(&mut driver, sockets, &mut known);
    }
    driver.client.close(driver.now);
    driver.unblock();
    driver.wait(Duration::from_secs(100));
    check(&mut driver, &mut known);
    assert!(driver.client.is_idle(), "{:?}", driver.client);
    assert_eq!(driver.client.poll_timeout(), None);
    assert!(!known.is_open && known.connected.values().all(|is_connected| !is_connected));
    assert_eq!(known.questions, known.answers, "each question is done once");
}

fn act(
    driver: &mut ClientDriver,
    input: &mut Input<'_>,
    sockets: [Socket; 3],
    known: &mut Known,
    most: usize,
) {
    let socket = sockets[input.below(sockets.len())];
    match input.below(16) {
        0 | 1 => driver.connect(socket),
        2 => driver.disconnect(socket),
        3 => {
            if let Some(link) = driver.link {
                driver.client.link_opened(driver.now, link);
                driver.settle();
                driver.say(OPEN);
            }
        }
        4 => {
            if driver.link.is_some() {
                match input.byte() % 2 {
                    0 => driver.refuse(),
                    _ => driver.lose(),
                }
            }
        }
        5..=9 => {
            let text = input.text();
            known.retries.say(&text);
            driver.say(&text);
        }
        10 => {
            let len = input.below(80);
            driver.say_bytes(&vec![7; len]);
        }
        11 => {
            let mut taken = 0;
            for _ in 0..=input.below(12) {
                let retries = &mut known.retries;
                retries.last_number += 1;
                let is_taken = driver.emit(socket, "e", retries.last_number).is_ok();
                taken += usize::from(is_taken);
                if is_taken && retries.most > 0 {
                    retries.owed.insert(retries.last_number, retries.next_id);
                    retries.next_id += 1;
                }
            }
            let leaves =
                driver.client.is_connected(socket) && driver.reads && known.retries.most == 0;
            // What waits here, and in the session.
            assert!(leaves || taken <= most + 4, "{taken}");
            let dropped = driver.emit_volatile(socket, 1);
            assert!(driver.client.is_connected(socket) || dropped == Err(EmitError::Dropped));
        }
        12 => {
            let asked = driver.ask(socket, 1 + input.below(20) as u64);
            known.questions += usize::from(asked.is_ok());
            known.retries.next_id += u64::from(asked.is_ok());
        }
        13 => driver.wait(Duration::from_millis(500) * u32::from(input.byte() % 64)),
        14 => match driver.reads {
            true => driver.reads = false,
            false => driver.unblock(),
        },
        _ => {
            if let Some(ack) = known.acks.pop() {
                let _ = driver.acknowledge(ack);
            }
            driver.authenticate(socket, &Auth::none());
        }
    }
}

/// Nothing is told twice, and nothing of a socket that is not connected.
fn check(driver: &mut ClientDriver, known: &mut Known) {
    known.acks.append(&mut driver.acks);
    known.acks.truncate(5);
    for told in driver.told() {
        let (what, rest) = told.split_once([' ', ':']).unwrap_or((&told, ""));
        let name = rest.split([':', ' ']).next().unwrap_or_default().to_owned();
        match what {
            "open" => {
                assert!(!known.is_open);
                known.is_open = true;
            }
            "close" => known.is_open = false,
            "connect" => {
                assert!(known.is_open, "{told}");
                assert!(!known.connected.insert(name, true).unwrap_or_default(), "{told}");
            }
            "disconnect" => {
                assert_eq!(known.connected.insert(name, false), Some(true), "{told}");
            }
            "answer" | "unanswered" => known.answers += 1,
            "unacknowledged" => {
                assert!(known.retries.most > 0, "{told}");
                let (_, args) = rest.split_once('[').unwrap();
                known.retries.settle(args.split_once(']').unwrap().0);
            }
            _ => {
                // An event.
                let is_known = known.connected.get(what).copied().unwrap_or_default();
                assert!(!what.starts_with('/') || is_known, "{told}");
            }
        }
    }
    for frame in driver.heard() {
        known.retries.hear(&frame);
    }
}
