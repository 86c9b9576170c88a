//! Between the client machine and the server machine: requests, responses and frames on their way. Each connection
//! keeps its order, and they overtake each other as the caller likes.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use super::client::{ClientDriver, Fate};
use super::driver::{Asked, Driver};
use sansio_engineio::client::{self, Exchange, Link, Method};
use sansio_engineio::{Config, Departure, Session};
use std::collections::BTreeMap;

/// Something that can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A request arrives, and the body of a POST behind it.
    Request(Exchange),
    Body(Exchange),
    Response(Exchange),
    /// The connection of a request that the client has aborted ends.
    Abort(Exchange),
    /// The request for a WebSocket arrives; the 101 does.
    Connect(Link),
    Opened(Link),
    /// The next frame arrives, or the Close behind the last one.
    ToServer(Link),
    ToClient(Link),
}

/// A request that has arrived.
#[derive(Debug)]
enum Request {
    /// Of a POST, whose body has not.
    Begun(u32, String),
    Waiting(u32),
    Refused(u16, String),
}

/// A WebSocket whose request has arrived, and how many frames have arrived of those of each direction.
#[derive(Debug)]
struct Socket {
    name: Option<u32>,
    is_opened: bool,
    to_server: usize,
    to_client: usize,
    ended_at_server: bool,
    ended_at_client: bool,
}

pub struct Network {
    pub server: Driver,
    pub client: ClientDriver,
    requests: BTreeMap<Exchange, Request>,
    sockets: BTreeMap<Link, Socket>,
    /// The steps so far, for those who have to see why something failed.
    pub way: Vec<Step>,
}

impl Network {
    pub fn new(server: Config, client: client::Config) -> Self {
        let (server, client) = (Driver::new(server), ClientDriver::new(client));
        let (requests, sockets) = (BTreeMap::new(), BTreeMap::new());
        Self { server, client, requests, sockets, way: vec![] }
    }

    /// All that can happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = vec![];
        for exchange in self.client.requests.keys() {
            match self.requests.get(exchange) {
                None => steps.push(Step::Request(*exchange)),
                Some(Request::Begun(..)) => steps.push(Step::Body(*exchange)),
                Some(Request::Refused(..)) => steps.push(Step::Response(*exchange)),
                Some(Request::Waiting(name)) => {
                    if self.server.responses.contains_key(name) {
                        steps.push(Step::Response(*exchange));
                    }
                }
            }
        }
        let gone = self.requests.keys().filter(|name| !self.client.requests.contains_key(name));
        steps.extend(gone.map(|name| Step::Abort(*name)));
        for (link, fate) in &self.client.links {
            let Some(socket) = self.sockets.get(link) else {
                steps.extend((*fate == Fate::Opening).then_some(Step::Connect(*link)));
                continue;
            };
            let is_opening = matches!(fate, Fate::Opening) && !socket.is_opened;
            steps.extend(is_opening.then_some(Step::Opened(*link)));
            let Some(name) = socket.name else { continue };
            let from_client = self.client.frames.iter().filter(|(of, _)| of == link).count();
            let has_closed = matches!(fate, Fate::Closed(_) | Fate::Gone);
            if from_client > socket.to_server || has_closed && !socket.ended_at_server {
                steps.push(Step::ToServer(*link));
            }
            let has_closed = self.server.close_code(name).is_some();
            let has_frames = self.server.frames(name).len() + self.probes(name) > socket.to_client;
            if *fate == Fate::Open && (has_frames || has_closed && !socket.ended_at_client) {
                steps.push(Step::ToClient(*link));
            }
        }
        steps
    }

    fn probes(&self, name: u32) -> usize {
        let is_probe = |said: &&super::driver::Said| **said == super::driver::Said::Probe(name);
        self.server.said.iter().filter(is_probe).count()
    }

    pub fn step(&mut self, step: Step) {
        self.way.push(step);
        match step {
            Step::Request(exchange) => {
                let request = self.client.requests[&exchange].clone();
                let method = request.method.as_str();
                let request_here = match self.server.ask(method, &request.target, &[]) {
                    Asked::Response(response) => {
                        let text = super::driver::text_of(&response);
                        Request::Refused(response.status().code(), text)
                    }
                    Asked::Body(name) => Request::Begun(name, request.body.unwrap_or_default()),
                    Asked::Held(name) if request.method == Method::Post => {
                        Request::Begun(name, request.body.unwrap_or_default())
                    }
                    asked => Request::Waiting(asked.name()),
                };
                self.requests.insert(exchange, request_here);
            }
            Step::Body(exchange) => {
                if let Some(Request::Begun(name, body)) = self.requests.remove(&exchange) {
                    if !self.server.responses.contains_key(&name) {
                        self.server.body(name, body);
                    }
                    self.requests.insert(exchange, Request::Waiting(name));
                }
            }
            Step::Response(exchange) => match self.requests.remove(&exchange) {
                Some(Request::Refused(status, text)) => {
                    self.client.answer(exchange, status, text.as_bytes());
                }
                Some(Request::Waiting(name) | Request::Begun(name, _)) => {
                    let (status, text) = (self.server.status(name), self.server.response(name));
                    self.client.answer(exchange, status, text.as_bytes());
                }
                None => panic!("there is no response"),
            },
            Step::Abort(exchange) => {
                if let Some(Request::Waiting(name) | Request::Begun(name, _)) =
                    self.requests.remove(&exchange)
                    && !self.server.responses.contains_key(&name)
                {
                    self.server.gone(name, Departure::Failed);
                }
            }
            Step::Connect(link) => {
                let target = self.client.connects[&link].target.clone();
                let asked = self.server.ask("GET", &target, &[("Upgrade", "websocket")]);
                let name = match asked {
                    Asked::Upgrade(name) => {
                        self.server.opened(name);
                        Some(name)
                    }
                    Asked::Response(_) => None,
                    other => panic!("{other:?}"),
                };
                let socket = Socket {
                    name,
                    is_opened: false,
                    to_server: 0,
                    to_client: 0,
                    ended_at_server: false,
                    ended_at_client: false,
                };
                self.sockets.insert(link, socket);
            }
            Step::Opened(link) => {
                let socket = self.sockets.get_mut(&link).expect("it is connected");
                socket.is_opened = true;
                match socket.name {
                    Some(_) => self.client.opened(link),
                    None => self.client.link_failed(link),
                }
            }
            Step::ToServer(link) => self.frame_to_server(link),
            Step::ToClient(link) => self.frame_to_client(link),
        }
    }

    fn frame_to_server(&mut self, link: Link) {
        let socket = self.sockets.get_mut(&link).expect("it is connected");
        let name = socket.name.expect("it is open");
        let mut frames = self.client.frames.iter().filter(|(of, _)| *of == link);
        let frame = frames.nth(socket.to_server).map(|(_, text)| text.clone());
        match frame {
            Some(text) => {
                socket.to_server += 1;
                self.server.say(name, &text);
            }
            None => {
                socket.ended_at_server = true;
                if self.server.is_socket(name) {
                    self.server.gone(name, Departure::Closed);
                }
            }
        }
    }

    fn frame_to_client(&mut self, link: Link) {
        let probed = self.probes(self.sockets[&link].name.expect("it is open"));
        let socket = self.sockets.get_mut(&link).expect("it is connected");
        let name = socket.name.expect("it is open");
        let at = socket.to_client;
        socket.to_client += 1;
        if at < probed {
            return self.client.say(link, "3probe");
        }
        match self.server.frames(name).get(at - probed) {
            Some(text) => self.client.say(link, text),
            None => {
                socket.ended_at_client = true;
                self.client.link_closed(link);
            }
        }
    }

    /// Everything that is on its way arrives.
    pub fn drain(&mut self) {
        while let Some(step) = self.steps().first().copied() {
            self.step(step);
        }
    }

    /// The session at the server.
    pub fn session(&self) -> Option<Session> {
        self.server.sessions.keys().next().copied()
    }
}
