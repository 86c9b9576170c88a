//! A server that says anything, in any order, and an application that does: what the driver asserts of every call, the
//! limits, and that nothing is left in the end.

#[path = "../../tests/support/client.rs"]
mod driver;

use driver::{ClientDriver, Fate};
use sansio_engineio::client::{Config, Event, SendError, Transport};
use std::time::Duration;

/// What bodies and texts are put together of, beside bytes of the input's own.
const WORDS: [&str; 20] = [
    r#"0{"sid":"a","upgrades":["websocket"],"pingInterval":2000,"pingTimeout":1000,"maxPayload":20}"#,
    r#"0{"sid":"b","upgrades":[],"pingInterval":1,"pingTimeout":0,"maxPayload":0}"#,
    r#"0{"sid":"c","upgrades":["x"],"pingInterval":18446744073709551615,"pingTimeout":18446744073709551615}"#,
    r#"0{"sid":1}"#,
    "0",
    "1",
    "2",
    "2probe",
    "3",
    "3probe",
    "3probe",
    "3probe",
    "4a",
    "4",
    "5",
    "6",
    "6",
    "7",
    "",
    "bAQID",
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
                String::from_utf8_lossy(text).into_owned()
            }
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let mut body = self.text().into_bytes();
        for _ in 0..self.below(4) {
            body.push(0x1e);
            body.extend(self.text().bytes());
        }
        if self.byte() == 255 {
            body.push(0xff);
        }
        body
    }
}

/// Two bytes are settings, and the others what happens.
pub fn client(data: &[u8]) {
    let mut input = Input(data);
    let lists: [&[Transport]; 5] = [
        &[Transport::Polling, Transport::WebSocket],
        &[Transport::Polling],
        &[Transport::WebSocket],
        &[Transport::WebSocket, Transport::Polling],
        &[],
    ];
    let transports = lists[input.below(lists.len())];
    let most = 1 + input.below(6);
    let config = Config::new()
        .transports(transports.iter().copied())
        .max_queued_packets(most)
        .max_queued_bytes(60)
        .max_post_packets(3)
        .max_received_bytes(400);
    let mut driver = ClientDriver::new(config);
    let (mut opened, mut ended) = (0, 0);
    while !input.0.is_empty() {
        let was_closed = driver.client.is_closed();
        let is_opening = act(&mut driver, &mut input, most);
        opened += usize::from(is_opening && was_closed);
        check(&mut driver, transports, &mut ended);
    }
    // Silence ends everything.
    driver.close();
    driver.unblock();
    driver.wait(Duration::from_secs(60));
    check(&mut driver, transports, &mut ended);
    assert!(driver.client.is_closed());
    assert!(ended >= opened, "each opening ends");
}

/// Returns whether the application has opened a session.
fn act(driver: &mut ClientDriver, input: &mut Input<'_>, most: usize) -> bool {
    match input.below(14) {
        0 => {
            driver.open();
            return true;
        }
        1 | 2 => {
            let body = input.body();
            let status = if input.byte() > 240 { 400 } else { 200 };
            if let Some(get) = driver.get() {
                driver.answer(get, status, &body);
            }
        }
        3 => {
            let body = input.text();
            let status = if input.byte() > 240 { 400 } else { 200 };
            if let Some(post) = driver.post() {
                driver.answer(post, status, body.as_bytes());
            }
        }
        4 => {
            let under_way = driver.get().or(driver.post());
            if let Some(exchange) = under_way {
                driver.fail(exchange);
            }
        }
        5 | 6 => {
            if let Some(link) = driver.link().filter(|link| driver.links[link] == Fate::Opening) {
                driver.opened(link);
            }
        }
        7 | 8 => {
            let text = input.text();
            // What a WebSocket says may arrive when the machine has closed it.
            let last = driver.links.keys().next_back().copied();
            if let Some(link) = last.filter(|link| driver.links[link] != Fate::Opening) {
                match input.byte() {
                    255 => driver.say_bytes(link, text.as_bytes()),
                    _ => driver.say(link, &text),
                }
            }
        }
        9 => {
            if let Some(link) = driver.link() {
                match input.byte() % 2 {
                    0 => driver.link_closed(link),
                    _ => driver.link_failed(link),
                }
            }
        }
        10 => {
            let is_open = driver.client.is_open();
            let mut taken = 0;
            for _ in 0..=input.below(12) {
                match driver.send(&"x".repeat(input.below(24))) {
                    Ok(()) => taken += 1,
                    Err(error) => assert_eq!(error == SendError::NotOpen, !is_open),
                }
            }
            assert!(is_open || taken == 0);
            let leaves = driver.link().is_some() && driver.reads;
            assert!(leaves || taken <= most + 3, "one POST, and what waits");
        }
        11 => driver.close(),
        12 => driver.wait(Duration::from_millis(500) * u32::from(input.byte() % 64)),
        _ => match driver.reads {
            true => driver.reads = false,
            false => driver.unblock(),
        },
    }
    false
}

fn check(driver: &mut ClientDriver, transports: &[Transport], ended: &mut usize) {
    for event in driver.happenings() {
        *ended += usize::from(matches!(event, Event::Closed { .. }));
    }
    let polls = transports.contains(&Transport::Polling);
    assert!(polls || driver.requests.is_empty());
    assert!(transports.contains(&Transport::WebSocket) || driver.links.is_empty());
    let longest = driver.requests.values().filter_map(|request| request.body.as_ref());
    assert!(longest.map(String::len).max().unwrap_or(0) <= 120, "packets of at most 25 bytes");
}
