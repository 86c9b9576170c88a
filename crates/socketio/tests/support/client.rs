//! The client machine with its session by WebSocket in memory, under virtual time. Everything it says is taken after
//! each call and written down in the words of npm's client.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use sansio_engineio::client::{Exchange, Frame, Link, Method, Output, Request};
use sansio_socketio::EncodedArgs;
use sansio_socketio::client::{
    AckId, Auth, Client, Config, EmitError, Event, Question, Socket, Transport, Unanswered, engine,
};
use sansio_ws::MessageKind;
use sansio_ws::deadlines::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

pub const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;

pub struct ClientDriver {
    pub client: Client,
    pub now: Instant,
    /// The WebSocket that is there, or is to be.
    pub link: Option<Link>,
    /// The requests under way.
    pub requests: BTreeMap<Exchange, Request>,
    /// What was said since this was taken.
    pub said: Vec<String>,
    /// The frames that were taken; binary ones are written as lists of numbers.
    pub frames: Vec<String>,
    /// What the server asks for.
    pub acks: Vec<AckId>,
    /// Whether the server reads.
    pub reads: bool,
    blocked: bool,
}

pub fn websocket() -> engine::Config {
    engine::Config::new().path("/socket.io/").transports([Transport::WebSocket])
}

impl ClientDriver {
    pub fn new(config: Config) -> Self {
        Self::with(config, websocket(), || 0)
    }

    pub fn with(
        config: Config,
        sessions: engine::Config,
        random: impl FnMut() -> u32 + Send + 'static,
    ) -> Self {
        Self {
            client: Client::new(config, sessions, random),
            now: Instant::new(Duration::from_secs(1000)),
            link: None,
            requests: BTreeMap::new(),
            said: vec![],
            frames: vec![],
            acks: vec![],
            reads: true,
            blocked: false,
        }
    }

    /// A client that is connected to the root namespace.
    pub fn connected(config: Config) -> (Self, Socket) {
        let mut driver = Self::new(config);
        let socket = driver.join("/");
        driver.open();
        driver.say(r#"40{"sid":"a"}"#);
        assert_eq!(driver.told(), ["open", "connect /"]);
        assert_eq!(driver.heard(), ["40"]);
        (driver, socket)
    }

    /// The socket of a namespace, which is told to connect.
    pub fn join(&mut self, namespace: &str) -> Socket {
        let socket = self.client.socket(namespace).expect("a name of a namespace");
        self.connect(socket);
        socket
    }

    pub fn connect(&mut self, socket: Socket) {
        self.client.connect(self.now, socket);
        self.settle();
    }

    pub fn disconnect(&mut self, socket: Socket) {
        self.client.disconnect(self.now, socket);
        self.settle();
    }

    pub fn authenticate(&mut self, socket: Socket, auth: &Auth) {
        self.client.authenticate(self.now, socket, auth);
        self.settle();
    }

    /// The WebSocket opens, and the session with it.
    pub fn open(&mut self) {
        let link = self.link.expect("a WebSocket");
        self.client.link_opened(self.now, link);
        self.settle();
        self.say(OPEN);
    }

    /// The server cannot be reached.
    pub fn refuse(&mut self) {
        let link = self.link.take().expect("a WebSocket");
        self.client.link_failed(self.now, link, "refused");
        self.settle();
    }

    /// The server closes the WebSocket.
    pub fn lose(&mut self) {
        let link = self.link.take().expect("a WebSocket");
        self.client.link_closed(self.now, link);
        self.settle();
    }

    /// The server says a packet of Engine.IO.
    pub fn say(&mut self, text: &str) {
        let Some(link) = self.link else { return };
        let event = self.client.text(self.now, link, text);
        self.receive(event);
        self.settle();
    }

    pub fn say_bytes(&mut self, bytes: &[u8]) {
        let Some(link) = self.link else { return };
        let event = self.client.binary(self.now, link, bytes);
        self.receive(event);
        self.settle();
    }

    /// The response to the request that is under way.
    #[track_caller]
    pub fn answer(&mut self, method: Method, status: u16, body: &str) {
        let mut of = self.requests.values().filter(|request| request.method == method);
        let exchange = of.next().expect("a request").exchange;
        self.requests.remove(&exchange);
        let mut received = self.client.response(self.now, exchange, status, body.as_bytes());
        let mut events = vec![];
        loop {
            let event = received.next(&mut self.client);
            while let Some(event) = self.client.poll_event() {
                events.push(event);
            }
            let Some(event) = event else { break };
            events.push(event);
        }
        for event in events {
            self.write_down(event);
        }
        self.settle();
    }

    fn receive(&mut self, event: Option<Event<'_>>) {
        // What was said before is known before the event is.
        while let Some(event) = self.client.poll_event() {
            self.write_down(event);
        }
        if let Some(event) = event {
            self.write_down(event);
        }
    }

    pub fn emit(&mut self, socket: Socket, name: &str, number: i32) -> Result<(), EmitError> {
        let event = EncodedArgs::event(name, &(number,)).expect("an event");
        let sent = self.client.emit(self.now, socket, &event);
        self.settle();
        sent
    }

    pub fn emit_volatile(&mut self, socket: Socket, number: i32) -> Result<(), EmitError> {
        let event = EncodedArgs::event("volatile", &(number,)).expect("an event");
        let sent = self.client.emit_volatile(socket, &event);
        self.settle();
        sent
    }

    pub fn ask(&mut self, socket: Socket, seconds: u64) -> Result<Question, EmitError> {
        let event = EncodedArgs::event("ask", &()).expect("an event");
        let asked = self.client.ask(self.now, socket, Duration::from_secs(seconds), &event);
        self.settle();
        asked
    }

    pub fn acknowledge(&mut self, ack: AckId) -> Result<(), EmitError> {
        let args = EncodedArgs::new(&("yes",)).expect("a list");
        let sent = self.client.acknowledge(ack, &args);
        self.settle();
        sent
    }

    /// Time passes, and everything is done when it is due.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            assert!(due > self.now, "what was due has been done");
            self.now = due;
            self.client.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub fn unblock(&mut self) {
        self.reads = true;
        if std::mem::take(&mut self.blocked) {
            self.read();
        }
        self.settle();
    }

    pub fn settle(&mut self) {
        loop {
            while let Some(event) = self.client.poll_event() {
                self.write_down(event);
            }
            let Some(output) = self.client.poll_output(self.now) else { break };
            match output {
                Output::Connect(connect) => assert_eq!(self.link.replace(connect.link), None),
                Output::Frames(_) if self.reads => self.read(),
                Output::Frames(_) => self.blocked = true,
                Output::Close { link, code } => {
                    assert_eq!(self.link.take(), Some(link));
                    self.frames.push(format!("close {}", code.get()));
                }
                Output::Request(request) => _ = self.requests.insert(request.exchange, request),
                Output::Abort(exchange) => {
                    _ = self.requests.remove(&exchange).expect("it is there")
                }
            }
        }
        if self.client.is_idle() {
            assert!(self.link.is_none() && self.requests.is_empty(), "nothing is left");
        }
    }

    fn read(&mut self) {
        // It may have been closed since.
        let Some(link) = self.link else { return };
        while let Some(frame) = self.client.next_frame(self.now, link) {
            match frame {
                Frame::Text(text) => self.frames.push(text.into_owned()),
                Frame::Message(packet) => {
                    let payload = packet.message().payload();
                    self.frames.push(match packet.message().kind() {
                        MessageKind::Text => String::from_utf8_lossy(payload).into_owned(),
                        MessageKind::Binary => format!("{payload:?}"),
                    });
                }
                Frame::Close(code) => {
                    self.link = None;
                    self.frames.push(format!("close {}", code.get()));
                    break;
                }
            }
        }
    }

    fn write_down(&mut self, event: Event<'_>) {
        let name = |socket| self.client.namespace(socket).to_owned();
        let text = match event {
            Event::Opened => "open".into(),
            Event::Upgraded => "upgrade".into(),
            Event::UpgradeFailed(error) => format!("upgrade_error: {error}"),
            Event::Closed { reason, .. } => format!("close: {reason}"),
            Event::Failed(error) => format!("error: {error}"),
            Event::Reconnecting { attempt } => format!("reconnect_attempt {attempt}"),
            Event::Reconnected { attempt } => format!("reconnect {attempt}"),
            Event::ReconnectError(_) => "reconnect_error".into(),
            Event::ReconnectFailed => "reconnect_failed".into(),
            Event::Authenticate { socket } => format!("authenticate {}", name(socket)),
            Event::Connected { socket } => format!("connect {}", name(socket)),
            Event::ConnectError { socket, error } => {
                format!("connect_error {}: {error}", name(socket))
            }
            Event::Disconnected { socket, reason } => {
                format!("disconnect {}: {reason}", name(socket))
            }
            Event::Event { socket, name: event, args, ack } => {
                let args: Vec<_> = args.iter().map(|raw| raw.json().to_owned()).collect();
                let text = format!("{} {event} [{}]", name(socket), args.join(","));
                let asks = ack.is_some();
                self.acks.extend(ack);
                if asks { format!("{text}?") } else { text }
            }
            Event::Answer { socket, args, .. } => {
                let args: Vec<_> = args.iter().map(|raw| raw.json().to_owned()).collect();
                format!("answer {} [{}]", name(socket), args.join(","))
            }
            Event::Unanswered { socket, why, .. } => {
                let why = match why {
                    Unanswered::TimedOut => "timeout",
                    Unanswered::Disconnected => "disconnected",
                    _ => "not sent",
                };
                format!("unanswered {} {why}", name(socket))
            }
            Event::NotSent { socket, event, error } => {
                format!("not_sent {} {}: {error}", name(socket), event.json())
            }
            Event::Unacknowledged { socket, event, why } => {
                format!("unacknowledged {} {}: {why}", name(socket), event.json())
            }
            Event::Drained => "drain".into(),
            other => panic!("{other:?}"),
        };
        self.said.push(text);
    }

    /// The events since the last time.
    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }

    /// The frames since the last time.
    pub fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.frames)
    }
}
