//! A small HTTP server, made of heads, the body decoder and a queue of its own: one connection, requests
//! behind one another, and a WebSocket at the end of them. And the same WebSocket from the parts that
//! another HTTP library has parsed, over HTTP/1.1 and HTTP/2.

use bytes::Buf;
use sansio_ws::frame::Header;
use sansio_ws::handshake::{
    Acceptance, BodyDecoder, BodyError, ClientRequest, HandshakeError, OriginPolicy, Request,
    Responder, Response, ServerHandshake, Status,
};
use sansio_ws::{Config, Connection, Event, Limits, Masks, RecvBuffer, SendQueue};

/// The most that a body may have.
const MAX_BODY: u64 = 100;

/// One connection of the server, without its socket.
struct Server {
    rx: RecvBuffer,
    output: SendQueue,
    state: State,
}

enum State {
    Head(ServerHandshake),
    Body(Box<Post>),
    WebSocket(Box<Connection>),
    /// Everything that is to be written is queued. Behind that the transport ends.
    Closing,
}

/// A request whose body is coming. Its head is gone from the buffer.
struct Post {
    path: String,
    responder: Responder,
    decoder: BodyDecoder,
    body: Vec<u8>,
}

impl Server {
    fn new() -> Self {
        let state = State::Head(ServerHandshake::new(&Limits::default()));
        Self { rx: RecvBuffer::new(), output: SendQueue::new(), state }
    }

    /// Takes in bytes, and queues what is to be answered.
    fn receive(&mut self, bytes: &[u8]) {
        self.rx.extend_from_slice(bytes);
        while self.step() {}
    }

    /// Whether there may be more to do.
    fn step(&mut self) -> bool {
        match &mut self.state {
            State::Head(handshake) => match handshake.receive(&mut self.rx) {
                Ok(None) => false,
                Ok(Some(request)) => {
                    self.state = route(&request, &mut self.output);
                    true
                }
                Err(error) => self.fail(&error.response()),
            },
            State::Body(post) => match post.receive(&mut self.rx) {
                Ok(false) => false,
                Ok(true) => {
                    let response = post.answer();
                    self.output.push(&post.responder.respond(&response));
                    self.state = match post.responder.keeps_alive(&response) {
                        true => State::Head(ServerHandshake::new(&Limits::default())),
                        false => State::Closing,
                    };
                    true
                }
                Err(error) => self.fail(&error.response()),
            },
            State::WebSocket(connection) => {
                match connection.next_event(&mut self.rx).expect("a correct client") {
                    None => return false,
                    Some(Event::Text(text)) => connection.send_text(text).expect("room for it"),
                    Some(_) => {}
                }
                true
            }
            State::Closing => false,
        }
    }

    fn fail(&mut self, response: &Response) -> bool {
        self.output.push(&response.encode());
        self.state = State::Closing;
        false
    }

    /// All that is to be written, and is now.
    fn write(&mut self) -> Vec<u8> {
        let mut bytes = self.output.copy_to_bytes(self.output.remaining()).to_vec();
        if let State::WebSocket(connection) = &mut self.state {
            let queue = connection.outgoing();
            bytes.extend(queue.copy_to_bytes(queue.remaining()));
        }
        bytes
    }
}

/// What comes behind this head.
fn route(request: &Request<'_>, output: &mut SendQueue) -> State {
    if request.is_upgrade() {
        return match upgrade(request) {
            Ok(connection) => State::WebSocket(Box::new(connection)),
            Err(error) => {
                output.push(&request.respond(&error.response()));
                State::Closing
            }
        };
    }
    State::Body(Box::new(Post {
        path: request.path().into(),
        responder: request.responder(),
        decoder: BodyDecoder::new(request.body_framing(), MAX_BODY),
        body: vec![],
    }))
}

fn upgrade(request: &Request<'_>) -> Result<Connection, HandshakeError> {
    let upgrade = request.upgrade(OriginPolicy::SameHost)?;
    Ok(upgrade.accept(&Acceptance::default(), Config::default()).expect("nothing was added"))
}

impl Post {
    /// Whether all of it is there.
    fn receive(&mut self, rx: &mut RecvBuffer) -> Result<bool, BodyError> {
        while let Some(part) = self.decoder.next_part(rx)? {
            self.body.extend_from_slice(part);
        }
        Ok(self.decoder.is_finished())
    }

    fn answer(&self) -> Response {
        let response = match &*self.path {
            "/upper" => Response::new(Status::OK).body(self.body.to_ascii_uppercase()),
            _ => Response::not_found(),
        };
        response.keep_alive(true)
    }
}

const REQUESTS: &[u8] = b"HEAD /upper HTTP/1.1\r\nHost: a\r\n\r\n\
    POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
    POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nwor\r\n2;x\r\nld\r\n0\r\nTrailer: x\r\n\r\n\
    \r\nGET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\
    \x81\x82\0\0\0\0hi";

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn requests_behind_one_another_and_a_websocket_at_the_end() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let answers = [&ok(""), &ok("HELLO"), &ok("WORLD"), switching].concat();
    let expected = [answers.as_bytes(), b"\x81\x02hi"].concat();
    for at in 0..REQUESTS.len() {
        let (front, back) = REQUESTS.split_at(at);
        let mut server = Server::new();
        server.receive(front);
        let mut written = server.write();
        server.receive(back);
        written.extend(server.write());
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&expected), "{at}");
    }
}

#[test]
fn what_is_wrong_is_answered_and_ends_the_connection() {
    for (request, status) in [
        ("POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413),
        ("POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413),
        ("POST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n", 404),
        ("GET /x HTTP/1.0\r\n\r\n", 404),
        ("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426),
        ("nonsense\r\n\r\n", 400),
    ] {
        let mut server = Server::new();
        server.receive(request.as_bytes());
        let written = String::from_utf8(server.write()).expect("text");
        let is_closed = matches!(server.state, State::Closing);
        assert!(written.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {written}");
        assert!(is_closed && written.contains("\r\nConnection: close"), "{request}: {written}");
    }
}

/// What another HTTP library hands over, and sends.
type Headers = Vec<(String, String)>;

fn parts(headers: &Headers) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().map(|(name, value)| (&**name, value.as_bytes()))
}

/// Opens both sides from parts, and returns them: over HTTP/1.1, or by an extended CONNECT.
fn open_from_parts(is_extended: bool) -> [Connection; 2] {
    let client = ClientRequest::new("wss://example.com/chat?x").expect("a URL");
    let client = client.subprotocol("chat").expect("a token");
    let headers: Headers = if is_extended {
        client.connect_headers(&Config::default())
    } else {
        [
            ("host", "example.com"),
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "chat"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
    };
    let authority = client.authority();
    let request = if is_extended {
        Request::extended_connect(&authority, client.target(), parts(&headers))
    } else {
        Request::from_parts("GET", client.target(), parts(&headers))
    };
    let request = request.expect("a correct request");
    assert_eq!((request.path(), request.host()), ("/chat", Some("example.com")));
    let upgrade = request.upgrade(OriginPolicy::SameHost).expect("a correct handshake");
    let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
    let (head, server) = upgrade.accept_head(&reply, Config::default()).expect("a correct reply");
    assert_eq!(head.status(), if is_extended { 200 } else { 101 });
    let answer: Headers = head.headers().map(|(name, value)| (name.into(), value.into())).collect();
    // Over HTTP/1.1 a client needs no parts: it has `ClientHandshake`. The answer is the same otherwise.
    let client = client.opened(200, parts(&answer), Config::default(), Masks::new(|| [1, 2, 3, 4]));
    [server, client.expect("what was offered")]
}

#[test]
fn an_upgrade_through_parts_in_both_versions_of_http() {
    for is_extended in [false, true] {
        let [mut server, mut client] = open_from_parts(is_extended);
        assert_eq!((server.subprotocol(), client.subprotocol()), (Some("chat"), Some("chat")));
        assert!(!server.wants_write() && !client.wants_write(), "the heads are sent by others");
        client.send_text("hello").expect("it is open");
        let queue = client.outgoing();
        let frames = queue.copy_to_bytes(queue.remaining());
        let (header, _) = Header::parse(&frames).expect("a frame").expect("all of it");
        assert!(header.mask().is_some());
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(&frames);
        assert_eq!(server.next_event(&mut rx), Ok(Some(Event::Text("hello"))));
    }
}
