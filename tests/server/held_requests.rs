//! Connections that are more than WebSockets: a GET is held until a POST on another connection has
//! something for it, requests follow one another, and one becomes a WebSocket.

use super::*;
use mio::event::Event as Readiness;
use mio::{Registry, Token};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{
    Acceptance, BodyDecoder, Request, Responder, Response, ServerHandshake, Status,
};
use sansio_ws::mio::server::{Context, Key, Peer, Peers};
use sansio_ws::{Connection, Limits, RecvBuffer, SendQueue};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

/// What is to be said to who asks next, and who waits.
#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<Key>,
    mail: VecDeque<(Key, Vec<u8>)>,
    ended: usize,
}

struct HttpPeer {
    stream: mio::net::TcpStream,
    is_readable: bool,
    is_writable: bool,
    input_ended: bool,
    rx: RecvBuffer,
    output: SendQueue,
    state: State,
}

enum State {
    Head(ServerHandshake),
    Post(BodyDecoder, Vec<u8>, Responder),
    /// Its response waits for mail.
    Held(Responder),
    WebSocket(Box<Connection>),
}

fn head() -> State {
    State::Head(ServerHandshake::new(&Limits::default()))
}

fn kept(text: &str) -> Response {
    Response::text(Status::OK, text).keep_alive(true)
}

impl HttpPeer {
    fn route(request: &Request<'_>, key: Key, service: &mut Mailbox) -> State {
        let responder = request.responder();
        if request.is_upgrade() {
            let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
            let connection = upgrade.accept(&Acceptance::default(), Config::default()).unwrap();
            State::WebSocket(Box::new(connection))
        } else if request.method() == "POST" {
            State::Post(BodyDecoder::new(request.body_framing(), 100), vec![], responder)
        } else {
            service.waiting.push_back(key);
            State::Held(responder)
        }
    }

    /// Whether there may be more to do.
    fn step(&mut self, key: Key, service: &mut Mailbox, context: &mut Context<()>) -> bool {
        match &mut self.state {
            State::Head(handshake) => match handshake.receive(&mut self.rx).unwrap() {
                Some(request) => self.state = Self::route(&request, key, service),
                None => return false,
            },
            State::Post(decoder, body, responder) => {
                while let Some(part) = decoder.next_part(&mut self.rx).unwrap() {
                    body.extend_from_slice(part);
                }
                if !decoder.is_finished() {
                    return false;
                }
                let receiver = service.waiting.pop_front();
                let answer = if receiver.is_some() { "sent" } else { "nobody waits" };
                self.output.push(&responder.respond(&kept(answer)));
                if let Some(receiver) = receiver {
                    service.mail.push_back((receiver, core::mem::take(body)));
                    context.tasks.wake(receiver);
                }
                self.state = head();
            }
            State::Held(_) => return false,
            State::WebSocket(connection) => match connection.next_event(&mut self.rx).unwrap() {
                Some(Event::Text(text)) => connection.send_text(text).unwrap(),
                Some(_) => {}
                None => return false,
            },
        }
        true
    }

    fn write(&mut self) {
        loop {
            let queue = match &mut self.state {
                State::WebSocket(connection) if self.output.is_empty() => connection.outgoing(),
                _ => &mut self.output,
            };
            if queue.is_empty() || !self.is_writable {
                return;
            }
            match queue.write_to(&mut self.stream) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(_) => (self.is_writable, self.input_ended) = (false, true),
            }
        }
    }
}

impl Peer<Mailbox> for HttpPeer {
    type End = ();

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = mio::Interest::READABLE | mio::Interest::WRITABLE;
        registry.register(&mut self.stream, token, interests)
    }

    fn ready(&mut self, event: &Readiness) {
        self.is_readable |= event.is_readable() || event.is_read_closed();
        self.is_writable |= event.is_writable();
    }

    fn wants_turn(&self) -> bool {
        self.is_readable
    }

    fn turn(&mut self, key: Key, service: &mut Mailbox, context: &mut Context<()>) {
        match self.rx.read_from(&mut self.stream) {
            Ok(0) => (self.is_readable, self.input_ended) = (false, true),
            Ok(_) => {}
            Err(_) => self.is_readable = false,
        }
        while self.step(key, service, context) {}
    }

    fn settle(&mut self, key: Key, service: &mut Mailbox, context: &mut Context<()>) -> Option<()> {
        if let State::Held(responder) = &self.state
            && let Some(at) = service.mail.iter().position(|(receiver, _)| *receiver == key)
        {
            let (_, mail) = service.mail.remove(at).unwrap();
            let text = String::from_utf8(mail).unwrap();
            self.output.push(&responder.respond(&kept(&text)));
            self.state = head();
            // What came behind the request that was held.
            while self.step(key, service, context) {}
        }
        self.write();
        self.input_ended.then_some(())
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Key, _: &mut Mailbox, _: &mut Context<()>) {}

    fn close(&mut self, _: Key, _: &mut Mailbox, _: &mut Context<()>) {
        self.input_ended = true;
    }
}

impl Service for Mailbox {
    type Listener = TcpListener;
    type Peer = HttpPeer;
    type Command = ();
    type Timer = ();

    fn accept(
        &mut self,
        _: Key,
        stream: mio::net::TcpStream,
        _: SocketAddr,
        _: &mut Context<()>,
    ) -> Option<HttpPeer> {
        Some(HttpPeer {
            stream,
            is_readable: false,
            is_writable: false,
            input_ended: false,
            rx: RecvBuffer::new(),
            output: SendQueue::new(),
            state: head(),
        })
    }

    fn command(&mut self, (): (), _: &mut Peers<Self>) {}

    fn timer(&mut self, (): (), _: &mut Peers<Self>) {}

    fn ended(&mut self, key: Key, _: HttpPeer, (): (), _: &mut Context<()>) {
        self.waiting.retain(|waiting| *waiting != key);
        self.ended += 1;
    }
}

fn get(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
}

fn post(stream: &mut TcpStream, text: &str) {
    let len = text.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{text}").unwrap();
}

/// The body of the next response.
#[track_caller]
fn response(stream: &mut TcpStream) -> String {
    let (mut bytes, mut byte) = (vec![], [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.extend(byte);
    }
    let head = String::from_utf8(bytes).unwrap();
    let (_, length) = head.split_once("Content-Length: ").unwrap();
    let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn an_answer_on_one_connection_releases_another() {
    let server = start(Mailbox::default());
    let [mut speaker, mut first, mut second] = [(); 3].map(|()| server.connect());
    post(&mut speaker, "too early");
    assert_eq!(response(&mut speaker), "nobody waits");
    // Both wait when their requests have been read; a second request behind the first one waits too.
    for waiting in [&mut first, &mut second] {
        get(waiting);
        get(waiting);
    }
    for text in ["one", "two", "three", "four"] {
        loop {
            post(&mut speaker, text);
            if response(&mut speaker) == "sent" {
                break;
            }
        }
    }
    let mut heard =
        [&mut first, &mut second].map(|waiting| [response(waiting), response(waiting)]).concat();
    heard.sort();
    assert_eq!(heard, ["four", "one", "three", "two"]);

    // The same connection becomes a WebSocket.
    let request = ClientRequest::new("ws://a/").unwrap();
    let mut client = WebSocket::connect(speaker, &request, Config::default(), far()).unwrap();
    client.send_text("hello").unwrap();
    assert_eq!(text(&mut client), "hello");
    get(&mut second);
    drop((first, client));
    let (mailbox, left) = server.end();
    assert_eq!((mailbox.ended, left, mailbox.waiting.len()), (3, 0, 0));
}
