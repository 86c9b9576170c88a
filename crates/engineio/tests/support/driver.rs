//! The server machine with all its connections in memory, under virtual time. Everything it says is taken after
//! each call and written down. What no caller may ever see is asserted here, so every test checks it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use sansio_engineio::{
    CloseReason, Config, Departure, Event, Frame, Message, Output, PreparedPacket, SendError,
    Server, Session, SessionId, Verdict,
};
use sansio_ws::MessageKind;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request, Response};
use std::collections::BTreeMap;
use std::time::Duration;

/// Something the machine has said, or a verdict that is a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// To a request: status and body.
    Respond(u32, u16, String),
    Probe(u32),
    Close(u32, u16),
    /// Over a WebSocket. Binary messages are written as lists of numbers.
    Frame(u32, String),
    Event(Event),
}

/// What has become of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A GET that is held.
    Held,
    /// A POST whose body is to be read, or was read.
    Posting,
    /// A POST that waits for its client to take what is there for it.
    Waiting,
    /// A WebSocket whose 101 is not out.
    Opening,
    /// A WebSocket.
    Socket,
    Answered,
    Closed,
    Gone,
}

/// What comes of a request.
#[derive(Debug)]
pub enum Asked {
    NotOurs,
    Response(Response),
    Held(u32),
    Body(u32),
    Upgrade(u32),
}

impl Asked {
    /// The status of a response, and its body.
    #[track_caller]
    pub fn refusal(self) -> (u16, String) {
        match self {
            Self::Response(response) => (response.status().code(), text_of(&response)),
            other => panic!("{other:?}"),
        }
    }

    /// The name of a request or connection that the machine has taken.
    #[track_caller]
    pub fn name(self) -> u32 {
        match self {
            Self::Held(name) | Self::Body(name) | Self::Upgrade(name) => name,
            other => panic!("{other:?}"),
        }
    }
}

/// A client of a session, who knows its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    pub session: Session,
    pub sid: String,
}

/// A message that the application got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Text(String),
    Binary(Vec<u8>),
}

pub struct Driver {
    pub server: Server<u32>,
    pub now: Instant,
    /// Everything said since this was taken.
    pub said: Vec<Said>,
    /// The connections by name, and whose they are.
    pub fates: BTreeMap<u32, (Session, Fate)>,
    /// The sessions that were opened, and how they have ended.
    pub sessions: BTreeMap<Session, Option<CloseReason>>,
    /// The responses of requests that waited, and whether they may be compressed.
    pub responses: BTreeMap<u32, (Response, bool)>,
    /// What the application got.
    pub got: Vec<(Session, Got)>,
    /// The WebSockets whose clients do not read, which have said that there are frames.
    pub blocked: Vec<u32>,
    /// Whether the clients of WebSockets read.
    pub reads: bool,
    /// What the application does with a message.
    pub act: fn(&mut Server<u32>, Instant, Session, &Got),
    /// Whether it sends back texts.
    pub echoes: bool,
    /// The texts that were queued.
    pub accepted: Vec<(Session, String)>,
    /// The bodies of POSTs that are not answered, and how much of them was taken.
    bodies: BTreeMap<u32, (Vec<u8>, usize)>,
    names: u32,
}

pub fn config() -> Config {
    Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost)
}

pub fn text_of(response: &Response) -> String {
    String::from_utf8(response.content().to_vec()).expect("all responses are text")
}

impl Driver {
    pub fn new(config: Config) -> Self {
        let mut ids = 0_u64;
        // Halves of ids have to differ.
        let source = move || {
            ids += 1;
            let mut random = [0; 15];
            random[..8].copy_from_slice(&ids.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            Ok(SessionId::new(random))
        };
        Self {
            server: Server::new(config, source),
            now: Instant::new(Duration::from_secs(1000)),
            said: vec![],
            fates: BTreeMap::new(),
            sessions: BTreeMap::new(),
            responses: BTreeMap::new(),
            got: vec![],
            blocked: vec![],
            reads: true,
            act: |_, _, _, _| {},
            echoes: false,
            accepted: vec![],
            bodies: BTreeMap::new(),
            names: 0,
        }
    }

    /// A request. Its name is the next number, also if nobody ever knows it.
    pub fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Asked {
        let host = [("Host", "example.com")];
        let headers = host.iter().chain(headers).map(|(name, value)| (*name, value.as_bytes()));
        let request = Request::from_parts(method, target, headers).expect("a request of HTTP");
        self.names += 1;
        let name = self.names;
        let verdict = self.server.request(self.now, name, &request, None, |_| Ok(()));
        let asked = match verdict {
            Verdict::NotOurs => Asked::NotOurs,
            Verdict::Respond(response) => {
                let status = response.status().code();
                self.said.push(Said::Respond(name, status, text_of(&response)));
                Asked::Response(response)
            }
            Verdict::Hold(session) => {
                let fate = if method == "GET" { Fate::Held } else { Fate::Waiting };
                self.fates.insert(name, (session, fate));
                Asked::Held(name)
            }
            Verdict::ReadBody { session, max_bytes } => {
                assert_eq!(max_bytes, self.server.config().max_payload);
                self.fates.insert(name, (session, Fate::Posting));
                Asked::Body(name)
            }
            Verdict::Upgrade(session) => {
                self.fates.insert(name, (session, Fate::Opening));
                Asked::Upgrade(name)
            }
        };
        self.settle();
        asked
    }

    /// The name of the last request, whatever came of it.
    pub fn last(&self) -> u32 {
        self.names
    }

    fn target(&self, transport: &str, client: &Client) -> String {
        let path = &self.server.config().path;
        format!("{path}?EIO=4&transport={transport}&sid={}", client.sid)
    }

    /// A session by polling, whose open packet has been read.
    pub fn connect(&mut self) -> Client {
        let target = format!("{}?EIO=4&transport=polling", self.server.config().path);
        let name = self.ask("GET", &target, &[]).name();
        self.client(name, &self.response(name))
    }

    /// A session by WebSocket from the beginning, and the name of that.
    pub fn connect_websocket(&mut self) -> (Client, u32) {
        let name = self.ask_websocket().name();
        self.opened(name);
        let open = self.frames(name).pop().expect("the open packet");
        (self.client(name, &open), name)
    }

    pub fn ask_websocket(&mut self) -> Asked {
        let target = format!("{}?EIO=4&transport=websocket", self.server.config().path);
        self.ask("GET", &target, &[("Upgrade", "websocket")])
    }

    fn client(&self, name: u32, open: &str) -> Client {
        let (_, behind) = open.split_once(r#""sid":""#).expect("an open packet");
        let (sid, _) = behind.split_once('"').expect("an id");
        Client { session: self.fates[&name].0, sid: sid.into() }
    }

    pub fn get(&mut self, client: &Client) -> Asked {
        self.ask("GET", &self.target("polling", client), &[])
    }

    pub fn begin_post(&mut self, client: &Client) -> Asked {
        self.ask("POST", &self.target("polling", client), &[])
    }

    pub fn upgrade(&mut self, client: &Client) -> Asked {
        self.ask("GET", &self.target("websocket", client), &[("Upgrade", "websocket")])
    }

    /// A POST with its body. Returns status and body of the response.
    pub fn post(&mut self, client: &Client, body: impl AsRef<[u8]>) -> (u16, String) {
        let name = self.begin_post(client).name();
        self.body(name, body);
        (self.status(name), self.response(name))
    }

    /// The body of a POST is there.
    pub fn body(&mut self, name: u32, body: impl AsRef<[u8]>) {
        assert_eq!(*self.fate(name), Fate::Posting);
        self.bodies.insert(name, (body.as_ref().into(), 0));
        self.take(name);
        self.settle();
    }

    /// Takes the messages of a body, as far as possible.
    fn take(&mut self, name: u32) {
        let session = self.fates[&name].0;
        let (body, position) = self.bodies.remove(&name).expect("a body");
        let mut post = match position {
            0 => self.server.post(self.now, session, name, &body),
            _ => self.server.resume_post(self.now, session, name, &body, position),
        };
        while let Some(message) = post.next(&mut self.server) {
            // What was said before is known before the message is.
            while let Some(event) = self.server.poll_event() {
                self.happened(event);
            }
            self.receive(session, got(message));
        }
        let position = post.position();
        self.bodies.insert(name, (body, position));
        *self.fate(name) = Fate::Waiting;
    }

    pub fn opened(&mut self, name: u32) {
        let (session, fate) = self.fates.get_mut(&name).expect("a WebSocket");
        assert_eq!(*fate, Fate::Opening);
        *fate = Fate::Socket;
        self.server.opened(self.now, *session, name);
        self.settle();
    }

    /// A WebSocket that may become the transport.
    pub fn candidate(&mut self, client: &Client) -> u32 {
        let name = self.upgrade(client).name();
        self.opened(name);
        name
    }

    /// A WebSocket that has become the transport.
    pub fn upgraded(&mut self, client: &Client) -> u32 {
        let name = self.candidate(client);
        self.say(name, "2probe");
        self.say(name, "5");
        name
    }

    /// A WebSocket says a text.
    pub fn say(&mut self, name: u32, text: &str) {
        let session = self.fates[&name].0;
        if let Some(message) = self.server.text(self.now, session, name, text) {
            self.receive(session, got(message));
        }
        self.settle();
    }

    /// A WebSocket says bytes.
    pub fn say_bytes(&mut self, name: u32, bytes: &[u8]) {
        let session = self.fates[&name].0;
        if let Some(message) = self.server.binary(self.now, session, name, bytes) {
            self.receive(session, got(message));
        }
        self.settle();
    }

    fn receive(&mut self, session: Session, got: Got) {
        assert_eq!(self.sessions[&session], None, "nothing comes from a session that has ended");
        (self.act)(&mut self.server, self.now, session, &got);
        if let Got::Text(text) = &got
            && self.echoes
        {
            // If there is no room it is lost.
            let _ = self.queue_answer(session, text);
        }
        self.got.push((session, got));
    }

    pub fn gone(&mut self, name: u32, departure: Departure) {
        let (session, fate) = self.fates.get_mut(&name).expect("a name");
        *fate = Fate::Gone;
        self.bodies.remove(&name);
        self.blocked.retain(|blocked| *blocked != name);
        self.server.gone(*session, name, departure);
        self.settle();
    }

    pub fn send(&mut self, session: Session, text: &str) -> Result<(), SendError> {
        let sent = self.queue(session, text);
        self.settle();
        sent
    }

    fn queue(&mut self, session: Session, text: &str) -> Result<(), SendError> {
        self.server.send(session, &PreparedPacket::text(text))?;
        self.accepted.push((session, text.into()));
        Ok(())
    }

    /// The application says what the client has asked for.
    pub fn answer(&mut self, session: Session, text: &str) -> Result<(), SendError> {
        let sent = self.queue_answer(session, text);
        self.settle();
        sent
    }

    fn queue_answer(&mut self, session: Session, text: &str) -> Result<(), SendError> {
        self.server.answer(session, &PreparedPacket::text(text), &[])?;
        self.accepted.push((session, text.into()));
        Ok(())
    }

    pub fn close(&mut self, session: Session) {
        self.server.close(self.now, session);
        self.settle();
    }

    /// Time passes, and everything is done when it is due.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|due| *due <= end) {
            assert!(due > self.now, "what was due has been done");
            self.wait_late(due.saturating_since(self.now));
        }
        self.now = end;
    }

    /// Time passes, and everything that became due is done at its end.
    pub fn wait_late(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now);
        assert!(self.server.poll_timeout().is_none_or(|due| due > self.now));
        self.settle();
    }

    /// The clients read again.
    pub fn unblock(&mut self) {
        self.reads = true;
        for name in std::mem::take(&mut self.blocked) {
            self.read(name);
        }
        self.settle();
    }

    /// All that the machine has said goes to where it belongs.
    pub fn settle(&mut self) {
        loop {
            while let Some(event) = self.server.poll_event() {
                self.happened(event);
            }
            let Some(output) = self.server.poll_output() else { break };
            match output {
                Output::Respond { to, response, may_compress } => {
                    let fate = self.fate(to);
                    let waits = matches!(fate, Fate::Held | Fate::Posting | Fate::Waiting);
                    assert!(waits, "{to} is {fate:?}");
                    *fate = Fate::Answered;
                    self.bodies.remove(&to);
                    let status = response.status().code();
                    self.said.push(Said::Respond(to, status, text_of(&response)));
                    self.responses.insert(to, (response, may_compress));
                }
                Output::Continue { to, session, max_bytes } => {
                    assert_eq!(max_bytes, self.server.config().max_payload);
                    assert_eq!(self.fates[&to], (session, Fate::Waiting));
                    *self.fate(to) = Fate::Posting;
                    if self.bodies.contains_key(&to) {
                        self.take(to);
                    }
                }
                Output::Frames { to, session } => {
                    assert_eq!(self.fates[&to], (session, Fate::Socket));
                    match self.reads {
                        true => self.read(to),
                        false => {
                            assert!(!self.blocked.contains(&to), "said once");
                            self.blocked.push(to);
                        }
                    }
                }
                Output::Probe { to, text } => {
                    assert_eq!((self.fate(to).clone(), text), (Fate::Socket, "3probe"));
                    self.said.push(Said::Probe(to));
                }
                Output::Close { to, code } => {
                    assert_eq!(*self.fate(to), Fate::Socket);
                    self.closed(to, code.get());
                }
            }
        }
        // Nothing is left half said, nor due for nobody.
        assert_eq!(self.server.poll_event(), None);
        assert!(!self.server.is_empty() || self.server.poll_timeout().is_none());
    }

    fn closed(&mut self, name: u32, code: u16) {
        *self.fate(name) = Fate::Closed;
        self.blocked.retain(|blocked| *blocked != name);
        self.said.push(Said::Close(name, code));
    }

    fn read(&mut self, name: u32) {
        let session = self.fates[&name].0;
        while let Some(frame) = self.server.next_frame(session, name) {
            assert_eq!(*self.fate(name), Fate::Socket, "nothing comes behind a Close");
            match frame {
                Frame::Text(text) => self.said.push(Said::Frame(name, text.into_owned())),
                Frame::Message(packet) => {
                    let payload = packet.message().payload();
                    let text = match packet.message().kind() {
                        MessageKind::Text => String::from_utf8_lossy(payload).into_owned(),
                        MessageKind::Binary => format!("{payload:?}"),
                    };
                    self.said.push(Said::Frame(name, text));
                }
                Frame::Close(code) => self.closed(name, code.get()),
            }
        }
    }

    #[track_caller]
    fn fate(&mut self, name: u32) -> &mut Fate {
        &mut self.fates.get_mut(&name).expect("a name that the machine was told").1
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Opened(session) => {
                assert_eq!(self.sessions.insert(session, None), None, "opened once");
            }
            Event::Closed(session, reason) => {
                let ended = self.sessions.get_mut(&session).expect("it was opened");
                assert_eq!(ended.replace(reason), None, "closed once");
            }
            Event::Upgraded(session) | Event::Drained(session) => {
                assert_eq!(self.sessions[&session], None, "nothing is said of what has ended");
            }
            other => panic!("{other:?}"),
        }
        self.said.push(Said::Event(event));
    }

    /// The body with which a request was answered that had to wait.
    #[track_caller]
    pub fn response(&self, name: u32) -> String {
        text_of(&self.responses.get(&name).expect("it is answered").0)
    }

    /// The status with which a request was answered that had to wait.
    #[track_caller]
    pub fn status(&self, name: u32) -> u16 {
        self.responses.get(&name).expect("it is answered").0.status().code()
    }

    /// The frames of a WebSocket.
    pub fn frames(&self, name: u32) -> Vec<String> {
        let frame = |said: &Said| match said {
            Said::Frame(to, text) if *to == name => Some(text.clone()),
            _ => None,
        };
        self.said.iter().filter_map(frame).collect()
    }

    /// With which code a WebSocket was closed.
    pub fn close_code(&self, name: u32) -> Option<u16> {
        self.said.iter().find_map(|said| match said {
            Said::Close(to, code) if *to == name => Some(*code),
            _ => None,
        })
    }

    pub fn is_held(&self, name: u32) -> bool {
        self.fates[&name].1 == Fate::Held
    }

    /// Whether something is a WebSocket, or was one.
    pub fn was_socket(&self, name: u32) -> bool {
        !self.responses.contains_key(&name)
    }

    pub fn is_waiting(&self, name: u32) -> bool {
        self.fates[&name].1 == Fate::Waiting
    }

    /// Whether a WebSocket is open.
    pub fn is_socket(&self, name: u32) -> bool {
        self.fates[&name].1 == Fate::Socket
    }

    /// How a session has ended.
    pub fn ended(&self, session: Session) -> Option<CloseReason> {
        self.sessions[&session]
    }

    /// The texts that the application got.
    pub fn texts(&self) -> Vec<&str> {
        let texts = self.got.iter().filter_map(|(_, got)| match got {
            Got::Text(text) => Some(&**text),
            Got::Binary(_) => None,
        });
        texts.collect()
    }

    /// Time passes until everything has ended, and nothing may be left.
    pub fn finish(&mut self) {
        let config = self.server.config();
        let time = config.ping_interval
            + config.ping_timeout * 2
            + config.upgrade_timeout
            + config.close_timeout;
        self.wait(time);
        assert_eq!((self.server.len(), self.server.poll_timeout()), (0, None), "all is over");
        for name in self.fates.keys().copied().collect::<Vec<_>>() {
            if *self.fate(name) == Fate::Opening {
                self.opened(name);
            }
        }
        let waits = |fate: &Fate| !matches!(fate, Fate::Answered | Fate::Closed | Fate::Gone);
        let waiting = self.fates.iter().find(|(_, (_, fate))| waits(fate));
        assert_eq!(waiting, None, "each connection is answered, closed or gone");
        let open = self.sessions.iter().find(|(_, ended)| ended.is_none());
        assert_eq!(open, None, "each session has ended");
        assert_eq!(self.server.poll_event(), None);
        assert!(self.server.poll_output().is_none());
    }
}

fn got(message: Message<'_>) -> Got {
    match message {
        Message::Text(text) => Got::Text(text.into()),
        Message::Binary(bytes) => Got::Binary(bytes.into_owned()),
    }
}
