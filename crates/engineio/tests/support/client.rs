//! The client machine with all its connections in memory, under virtual time. Everything it says is taken after
//! each call and written down. What no caller may ever see is asserted here, so every test checks it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use sansio_engineio::PreparedPacket;
use sansio_engineio::client::{
    Client, Config, Connect, Event, Exchange, Frame, Link, Message, Method, Output, Request,
    SendError,
};
use sansio_ws::MessageKind;
use sansio_ws::deadlines::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// What has become of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Opening,
    Open,
    /// The client has closed it, with this code.
    Closed(u16),
    /// The server has, or it has failed.
    Gone,
}

/// The packet that a server begins with.
pub const OPEN: &str = r#"0{"sid":"s/1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

pub struct ClientDriver {
    pub client: Client,
    pub now: Instant,
    /// What is under way, by name.
    pub requests: BTreeMap<Exchange, Request>,
    pub aborted: Vec<Exchange>,
    pub connects: BTreeMap<Link, Connect>,
    pub links: BTreeMap<Link, Fate>,
    /// The frames that were taken. Binary messages are written as lists of numbers.
    pub frames: Vec<(Link, String)>,
    /// What was said since this was taken.
    pub events: Vec<Event>,
    /// What the application got; bytes are written as lists of numbers.
    pub got: Vec<String>,
    /// Whether the server reads from WebSockets.
    pub reads: bool,
    /// What the application does with a message.
    pub act: fn(&mut Client, Instant, &str),
    blocked: Vec<Link>,
}

impl ClientDriver {
    pub fn new(config: Config) -> Self {
        Self {
            client: Client::new(config),
            now: Instant::new(Duration::from_secs(1000)),
            requests: BTreeMap::new(),
            aborted: vec![],
            connects: BTreeMap::new(),
            links: BTreeMap::new(),
            frames: vec![],
            events: vec![],
            got: vec![],
            reads: true,
            act: |_, _, _| {},
            blocked: vec![],
        }
    }

    pub fn open(&mut self) {
        self.client.open(self.now);
        self.settle();
    }

    /// A session by polling. If it may be upgraded its WebSocket is being opened.
    pub fn polling(config: Config) -> Self {
        let mut driver = Self::new(config);
        driver.open();
        driver.answer_get(OPEN);
        assert!(driver.client.is_open());
        driver.events.clear();
        driver
    }

    pub fn close(&mut self) {
        self.client.close(self.now);
        self.settle();
    }

    pub fn send(&mut self, text: &str) -> Result<(), SendError> {
        self.send_packet(&PreparedPacket::text(text))
    }

    pub fn send_packet(&mut self, packet: &PreparedPacket) -> Result<(), SendError> {
        let sent = self.client.send(packet);
        self.settle();
        sent
    }

    fn under_way(&self, method: Method) -> Option<Exchange> {
        let mut of = self.requests.iter().filter(|(_, request)| request.method == method);
        of.next().map(|(name, _)| *name)
    }

    pub fn get(&self) -> Option<Exchange> {
        self.under_way(Method::Get)
    }

    pub fn post(&self) -> Option<Exchange> {
        self.under_way(Method::Post)
    }

    /// The body of the POST that is under way.
    #[track_caller]
    pub fn body(&self) -> &str {
        let post = self.post().expect("a POST");
        self.requests[&post].body.as_deref().expect("a body")
    }

    #[track_caller]
    pub fn answer_get(&mut self, body: &str) {
        let get = self.get().expect("a GET");
        self.answer(get, 200, body.as_bytes());
    }

    #[track_caller]
    pub fn answer_post(&mut self) {
        let post = self.post().expect("a POST");
        self.answer(post, 200, b"ok");
    }

    /// A response comes; it may be one that nobody wants any more.
    pub fn answer(&mut self, to: Exchange, status: u16, body: &[u8]) {
        self.requests.remove(&to);
        let mut received = self.client.response(self.now, to, status, body);
        while let Some(message) = received.next(&mut self.client) {
            // What was said before is known before the message is.
            while let Some(event) = self.client.poll_event() {
                self.happened(event);
            }
            self.receive(&message);
        }
        assert_eq!(received.next(&mut self.client), None);
        self.settle();
    }

    pub fn fail(&mut self, exchange: Exchange) {
        self.requests.remove(&exchange);
        self.client.request_failed(self.now, exchange, "reset");
        self.settle();
    }

    /// The WebSocket that is not closed.
    pub fn link(&self) -> Option<Link> {
        let mut alive =
            self.links.iter().filter(|(_, fate)| matches!(fate, Fate::Opening | Fate::Open));
        alive.next().map(|(link, _)| *link)
    }

    pub fn link_opened(&mut self) -> Link {
        let link = self.link().expect("a WebSocket");
        self.opened(link);
        link
    }

    pub fn opened(&mut self, link: Link) {
        if self.links[&link] == Fate::Opening {
            self.links.insert(link, Fate::Open);
        }
        self.client.link_opened(link);
        self.settle();
    }

    /// The server says a text; the machine may have closed the WebSocket already.
    pub fn say(&mut self, link: Link, text: &str) {
        if let Some(message) = self.client.text(self.now, link, text) {
            self.receive(&message);
        }
        self.settle();
    }

    pub fn say_bytes(&mut self, link: Link, bytes: &[u8]) {
        if let Some(message) = self.client.binary(self.now, link, bytes) {
            self.receive(&message);
        }
        self.settle();
    }

    pub fn link_closed(&mut self, link: Link) {
        self.links.insert(link, Fate::Gone);
        self.client.link_closed(self.now, link);
        self.settle();
    }

    pub fn link_failed(&mut self, link: Link) {
        self.links.insert(link, Fate::Gone);
        self.client.link_failed(self.now, link, "refused");
        self.settle();
    }

    fn receive(&mut self, message: &Message<'_>) {
        let text = match message {
            Message::Text(text) => (*text).to_owned(),
            Message::Binary(bytes) => format!("{bytes:?}"),
        };
        (self.act)(&mut self.client, self.now, &text);
        self.got.push(text);
    }

    /// Time passes, and everything is done when it is due.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            assert!(due > self.now, "what was due has been done");
            self.wait_late(due.saturating_since(self.now));
        }
        self.now = end;
    }

    /// Time passes, and everything that became due is done at its end.
    pub fn wait_late(&mut self, time: Duration) {
        self.now = self.now + time;
        self.client.handle_timeout(self.now);
        assert!(self.client.poll_timeout().is_none_or(|due| due > self.now));
        self.settle();
    }

    /// The server reads again.
    pub fn unblock(&mut self) {
        self.reads = true;
        for link in std::mem::take(&mut self.blocked) {
            self.read(link);
        }
        self.settle();
    }

    /// All that the machine has said goes to where it belongs.
    pub fn settle(&mut self) {
        loop {
            while let Some(event) = self.client.poll_event() {
                self.happened(event);
            }
            let Some(output) = self.client.poll_output() else { break };
            match output {
                Output::Request(request) => {
                    assert_eq!(self.under_way(request.method), None, "one at a time");
                    assert_eq!(request.body.is_some(), request.method == Method::Post);
                    assert!(request.due > self.now);
                    self.requests.insert(request.exchange, request);
                }
                Output::Abort(exchange) => {
                    assert!(self.requests.remove(&exchange).is_some(), "it is under way");
                    self.aborted.push(exchange);
                }
                Output::Connect(connect) => {
                    assert_eq!(self.link(), None, "one at a time");
                    assert!(connect.due > self.now);
                    self.links.insert(connect.link, Fate::Opening);
                    self.connects.insert(connect.link, connect);
                }
                Output::Frames(link) if self.reads => self.read(link),
                Output::Frames(link) => {
                    assert!(!self.blocked.contains(&link), "said once");
                    self.blocked.push(link);
                }
                Output::Close { link, code } => {
                    let fate = self.links[&link];
                    assert!(matches!(fate, Fate::Opening | Fate::Open), "{fate:?}");
                    self.links.insert(link, Fate::Closed(code.get()));
                    self.blocked.retain(|blocked| *blocked != link);
                }
            }
        }
        assert_eq!(self.client.poll_event(), None);
        if self.client.is_closed() {
            assert_eq!(self.client.poll_timeout(), None);
            assert!(self.requests.is_empty() && self.link().is_none(), "nothing is left");
        }
    }

    fn read(&mut self, link: Link) {
        while let Some(frame) = self.client.next_frame(self.now, link) {
            assert_eq!(self.links[&link], Fate::Open, "nothing leaves before or behind");
            let text = match frame {
                Frame::Text(text) => text.into_owned(),
                Frame::Message(packet) => {
                    let payload = packet.message().payload();
                    match packet.message().kind() {
                        MessageKind::Text => String::from_utf8_lossy(payload).into_owned(),
                        MessageKind::Binary => format!("{payload:?}"),
                    }
                }
                Frame::Close(code) => {
                    self.links.insert(link, Fate::Closed(code.get()));
                    break;
                }
            };
            // C1
            assert!(text != "5" || self.requests.is_empty(), "polling is at rest");
            self.frames.push((link, text));
        }
    }

    fn happened(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The frames of all WebSockets.
    pub fn texts(&self) -> Vec<&str> {
        self.frames.iter().map(|(_, text)| &**text).collect()
    }

    /// The events since the last time.
    pub fn happenings(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
