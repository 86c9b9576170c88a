//! The server on the event loop, over loopback: it runs on a thread of its own, and what is checked is what
//! comes in which order, never how long it takes.

#![cfg(all(unix, feature = "mio"))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod hostile;
mod pages;
mod sessions;

use mio::net::TcpListener;
use sansio_engineio::mio::{Engine, EngineIo, Handler, Settings};
use sansio_engineio::{
    CloseReason, Config, Message, PreparedPacket, Query, Refusal, SendError, Session,
};
use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, HostPolicy, OriginPolicy, Request, Response, Status};
use sansio_ws::mio::server::{Handle, Server};
use sansio_ws::{Event, Limits};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A test that waits for what does not come fails after this time. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(600);

/// What has happened, as the application sees it.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened(Session),
    Upgraded(Session),
    Drained(Session),
    Closed(Session, CloseReason),
    NotSent(Session, SendError),
}

/// Sends every message back. Says what it sees.
struct Echo {
    seen: Sender<Seen>,
}

impl Handler for Echo {
    type Command = Command;
    type Timer = ();

    fn admit(&mut self, _: &Request<'_>, query: &Query<'_>) -> Result<(), Refusal> {
        match query.get("name") {
            Some("nobody") => Err(Refusal::Forbidden("not you".into())),
            _ => Ok(()),
        }
    }

    fn address(&mut self, request: &Request<'_>, address: &SocketAddr) -> Option<IpAddr> {
        let told = request.headers().get("x-forwarded-for");
        told.map_or(Some(address.ip()), |told| told.parse().ok())
    }

    fn opened(&mut self, session: Session, engine: &mut Engine<'_, ()>) {
        self.say(Seen::Opened(session));
        engine.send(session, &PreparedPacket::text("welcome")).unwrap();
    }

    fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, ()>) {
        let packet = match message {
            Message::Text("bye") => return engine.close(session),
            Message::Text(text) => PreparedPacket::text(text),
            Message::Binary(bytes) => PreparedPacket::binary(&bytes),
        };
        if let Err(error) = engine.send(session, &packet) {
            self.say(Seen::NotSent(session, error));
        }
    }

    fn upgraded(&mut self, session: Session, _: &mut Engine<'_, ()>) {
        self.say(Seen::Upgraded(session));
    }

    fn drained(&mut self, session: Session, _: &mut Engine<'_, ()>) {
        self.say(Seen::Drained(session));
    }

    fn closed(&mut self, session: Session, reason: CloseReason, _: &mut Engine<'_, ()>) {
        self.say(Seen::Closed(session, reason));
    }

    fn page(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/" => Response::html("<p>hello").keep_alive(true),
            _ => Response::not_found().keep_alive(true),
        }
    }

    fn command(&mut self, command: Command, engine: &mut Engine<'_, ()>) {
        match command {
            Command::Send(session, packet) => {
                if let Err(error) = engine.send(session, &packet) {
                    self.say(Seen::NotSent(session, error));
                }
            }
            Command::Fill(session, packet) => {
                let error =
                    core::iter::repeat_with(|| engine.send(session, &packet)).find_map(Result::err);
                self.say(Seen::NotSent(session, error.unwrap()));
            }
            Command::FillWithAnswers(session, packet) => {
                let error = core::iter::repeat_with(|| engine.answer(session, &packet, &[]))
                    .find_map(Result::err);
                self.say(Seen::NotSent(session, error.unwrap()));
            }
        }
    }
}

impl Echo {
    fn say(&self, seen: Seen) {
        // Fails only if the test is over.
        let _ = self.seen.send(seen);
    }
}

enum Command {
    Send(Session, PreparedPacket),
    /// Send until no more is taken.
    Fill(Session, PreparedPacket),
    /// The same, as something that was asked for.
    FillWithAnswers(Session, PreparedPacket),
}

/// Deadlines that are there, and further away than [`PATIENCE`].
fn config() -> Config {
    let far = Duration::from_secs(3600);
    Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost)
        .ping_interval(far)
        .ping_timeout(far)
        .upgrade_timeout(far)
        .close_timeout(far)
}

fn settings(config: Config) -> Settings {
    let far = Duration::from_secs(3600);
    Settings::new(config).idle(far).request(far).write(far)
}

/// A server on a thread.
struct Running {
    address: SocketAddr,
    handle: Handle<Command>,
    seen: Receiver<Seen>,
    thread: JoinHandle<usize>,
}

fn start(config: Config) -> Running {
    start_with(settings(config))
}

fn start_with(settings: Settings) -> Running {
    let (say, seen) = channel();
    let service = EngineIo::new(Echo { seen: say }, settings);
    let mut server = Server::new(service).unwrap().shutdown_time(Some(PATIENCE));
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(listener).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().unwrap().1);
    Running { address, handle, seen, thread }
}

impl Running {
    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream }
    }

    #[track_caller]
    fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).unwrap()
    }

    /// A session by polling: its id, and what the application calls it.
    #[track_caller]
    fn open(&self, client: &mut Client) -> (String, Session) {
        client.get("transport=polling");
        let body = client.read().body();
        let (open, welcome) = body.split_once('\u{1e}').unwrap();
        assert_eq!(welcome, "4welcome");
        let Seen::Opened(session) = self.next() else { panic!("not opened") };
        (id(open), session)
    }

    /// A WebSocket: a session of its own, or a candidate if the query has `sid`.
    fn websocket(&self, query: &str) -> WebSocket<TcpStream> {
        let url = format!("ws://{}/engine.io/?EIO=4&transport=websocket{query}", self.address);
        let request = ClientRequest::new(&url).unwrap();
        let timeouts = Timeouts::default().keep_alive(None).opening(Some(PATIENCE));
        let limits = Limits::default().max_queued_bytes(usize::MAX);
        WebSocket::open(&request, sansio_ws::Config::default().limits(limits), timeouts).unwrap()
    }

    fn send(&self, session: Session, text: &str) {
        let packet = PreparedPacket::text(text);
        assert!(self.handle.send(Command::Send(session, packet)).is_ok());
    }

    /// Shuts it down, and returns how many connections were left.
    fn end(self) -> usize {
        self.handle.shut_down();
        self.thread.join().unwrap()
    }
}

fn id(open: &str) -> String {
    let (_, rest) = open.split_once("\"sid\":\"").unwrap();
    rest.split('"').next().unwrap().into()
}

/// The client's side of a connection, byte for byte.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn get(&mut self, query: &str) {
        self.get_with(query, "");
    }

    fn get_with(&mut self, query: &str, headers: &str) {
        let head =
            format!("GET /engine.io/?EIO=4&{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.write(head.as_bytes());
    }

    fn poll(&mut self, id: &str) {
        self.get(&format!("transport=polling&sid={id}"));
    }

    fn post(&mut self, id: &str, body: &str) {
        self.begin_post(id, body.len());
        self.write(body.as_bytes());
    }

    fn begin_post(&mut self, id: &str, length: usize) {
        let head = format!(
            "POST /engine.io/?EIO=4&transport=polling&sid={id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        );
        self.write(head.as_bytes());
    }

    /// The next response.
    #[track_caller]
    fn read(&mut self) -> Received {
        let (mut head, mut byte) = (vec![], [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let mut content = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut content).unwrap();
        Received { head, content }
    }

    /// Whether the server has ended its direction, with nothing before it.
    fn is_at_end(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(n) => n == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[derive(Debug)]
struct Received {
    head: String,
    content: Vec<u8>,
}

impl Received {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn body(self) -> String {
        String::from_utf8(self.content).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    fn assert(self, status: Status, body: &str) {
        assert_eq!((self.status(), self.body().as_str()), (status.code(), body));
    }
}

/// The next text of a WebSocket.
#[track_caller]
fn text(socket: &mut WebSocket<TcpStream>) -> String {
    match socket.read() {
        Ok(Some(Event::Text(text))) => text.into(),
        other => panic!("{other:?}"),
    }
}
