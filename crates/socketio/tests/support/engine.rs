//! A server of Engine.IO with its connections in memory, as far as these tests have a use for one.

use sansio_engineio::{
    CloseReason, Config, Event, Frame, Output, Server, Session, SessionId, Verdict,
};
use sansio_ws::MessageKind;
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Driver {
    pub(crate) server: Server<u32>,
    pub(crate) now: Instant,
    names: u32,
    held: BTreeMap<u32, Session>,
    /// With whether they may be compressed.
    responses: BTreeMap<u32, (String, bool)>,
    /// The WebSockets, and what has come over each.
    sockets: BTreeMap<u32, (Session, Vec<String>)>,
    opened: Vec<Session>,
    ended: BTreeMap<Session, CloseReason>,
}

/// A client by polling.
pub(crate) struct Client {
    sid: String,
    pub(crate) session: Session,
}

pub(crate) fn config() -> Config {
    Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost)
}

impl Driver {
    pub(crate) fn new(config: Config) -> Self {
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
            now: Instant::default(),
            names: 0,
            held: BTreeMap::new(),
            responses: BTreeMap::new(),
            sockets: BTreeMap::new(),
            opened: vec![],
            ended: BTreeMap::new(),
        }
    }

    fn ask(&mut self, query: &str, headers: &[(&str, &[u8])]) -> (u32, Verdict) {
        self.names += 1;
        let target = format!("/engine.io/?EIO=4&{query}");
        let headers = headers.iter().copied().chain([("Host", b"a" as &[u8])]);
        let request = Request::from_parts("GET", &target, headers).unwrap();
        let verdict = self.server.request(self.now, self.names, &request, None, |_| Ok(()));
        (self.names, verdict)
    }

    pub(crate) fn connect(&mut self) -> Client {
        let (name, Verdict::Hold(session)) = self.ask("transport=polling", &[]) else { panic!() };
        self.held.insert(name, session);
        self.settle();
        assert_eq!(self.opened.last(), Some(&session));
        let open = self.response(name);
        let (_, sid) = open.split_once("\"sid\":\"").unwrap();
        Client { sid: sid.split('"').next().unwrap().into(), session }
    }

    /// A GET, by its name.
    pub(crate) fn get(&mut self, client: &Client) -> u32 {
        let query = format!("transport=polling&sid={}", client.sid);
        let (name, Verdict::Hold(session)) = self.ask(&query, &[]) else { panic!() };
        self.held.insert(name, session);
        self.settle();
        name
    }

    pub(crate) fn is_held(&self, name: u32) -> bool {
        self.held.contains_key(&name)
    }

    #[track_caller]
    pub(crate) fn response(&self, name: u32) -> String {
        self.responses[&name].0.clone()
    }

    #[track_caller]
    pub(crate) fn may_compress(&self, name: u32) -> bool {
        self.responses[&name].1
    }

    /// A WebSocket that is to become the transport.
    pub(crate) fn candidate(&mut self, client: &Client) -> u32 {
        let query = format!("transport=websocket&sid={}", client.sid);
        let (name, Verdict::Upgrade(session)) = self.ask(&query, &[("Upgrade", b"websocket")])
        else {
            panic!()
        };
        self.sockets.insert(name, (session, vec![]));
        self.server.opened(self.now, session, name);
        self.settle();
        name
    }

    pub(crate) fn say(&mut self, name: u32, text: &str) {
        let (session, _) = self.sockets[&name];
        assert_eq!(self.server.text(self.now, session, name, text), None);
        self.settle();
    }

    /// What has come over a WebSocket since the probe, bytes as a list of numbers.
    pub(crate) fn frames(&self, name: u32) -> Vec<String> {
        self.sockets[&name].1.clone()
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.server.handle_timeout(self.now);
        self.settle();
    }

    pub(crate) fn ended(&self, session: Session) -> Option<CloseReason> {
        self.ended.get(&session).copied()
    }

    /// Takes all that the machine has.
    pub(crate) fn settle(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Opened(session) => self.opened.push(session),
                Event::Closed(session, reason) => _ = self.ended.insert(session, reason),
                _ => {}
            }
        }
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Respond { to, response, may_compress } => {
                    assert!(self.held.remove(&to).is_some(), "{to} waits for no response");
                    let body = String::from_utf8(response.into_body()).unwrap();
                    self.responses.insert(to, (body, may_compress));
                }
                Output::Frames { to, session } => self.read(to, session),
                Output::Probe { text, .. } => assert_eq!(text, "3probe"),
                Output::Continue { .. } | Output::Close { .. } => panic!("{output:?}"),
            }
        }
    }

    fn read(&mut self, name: u32, session: Session) {
        while let Some(frame) = self.server.next_frame(session, name) {
            let text = match frame {
                Frame::Text(text) => text.into_owned(),
                Frame::Message(packet) => match packet.message().kind() {
                    MessageKind::Text => {
                        String::from_utf8(packet.message().payload().to_vec()).unwrap()
                    }
                    MessageKind::Binary => format!("{:?}", packet.message().payload()),
                },
                Frame::Close(code) => panic!("closed with {code}"),
            };
            self.sockets.get_mut(&name).unwrap().1.push(text);
        }
    }
}
