//! One connection of HTTP/1.1 (E17), with all its bytes in one piece, in two, and one by one.

use bytes::Buf;
use sansio_engineio::http::{Http, HttpError, HttpEvent};
use sansio_ws::handshake::{BodyError, HandshakeError, Response, Status};
use sansio_ws::{Limits, RecvBuffer};

const MAX_BODY: u64 = 100;

/// Answers `/upper` with the body in capitals, `/unread` without reading, `/held` not at all.
struct Server {
    http: Http,
    rx: RecvBuffer,
    written: Vec<u8>,
    error: Option<HttpError>,
    held: usize,
}

impl Server {
    fn new() -> Self {
        let http = Http::new(&Limits::default());
        Self { http, rx: RecvBuffer::new(), written: vec![], error: None, held: 0 }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.rx.extend_from_slice(bytes);
        loop {
            match self.http.next_event(&mut self.rx) {
                Ok(Some(HttpEvent::Head(request))) => match request.path() {
                    "/unread" => self.http.respond(&kept("unread")),
                    "/held" => self.held += 1,
                    _ => self.http.read_body(MAX_BODY),
                },
                Ok(Some(HttpEvent::Body)) => {
                    let body = String::from_utf8(self.http.body().to_ascii_uppercase()).unwrap();
                    self.http.respond(&kept(&body));
                }
                Ok(None) => break,
                Err(error) => {
                    self.http.respond(&error.response());
                    assert_eq!(self.error.replace(error), None, "told once");
                }
            }
        }
        self.write();
    }

    fn write(&mut self) {
        let queue = self.http.outgoing();
        self.written.extend(queue.copy_to_bytes(queue.remaining()));
    }
}

fn kept(text: &str) -> Response {
    Response::new(Status::OK).body(text).keep_alive(true)
}

/// What the server writes, the same however the bytes are cut, and how it stands then.
fn answers(bytes: &[u8]) -> (String, Server) {
    let answered = |pieces: &[&[u8]]| {
        let mut server = Server::new();
        pieces.iter().for_each(|piece| server.receive(piece));
        server
    };
    let whole = answered(&[bytes]);
    for at in 0..bytes.len() {
        let (front, back) = bytes.split_at(at);
        assert_eq!(answered(&[front, back]).written, whole.written, "cut at {at}");
    }
    let each: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(answered(&each).written, whole.written);
    (String::from_utf8(whole.written.clone()).unwrap(), whole)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn e17_accepts_requests_in_their_order() {
    let (written, server) = answers(
        b"GET /upper HTTP/1.1\r\nHost: a\r\n\r\n\
          POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\
          \r\nPOST /upper HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
          3\r\nwor\r\n2\r\nld\r\n0\r\nTrailer: x\r\n\r\n\
          HEAD /upper HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(written, [&*ok(""), &ok("HELLO"), &ok("WORLD"), &ok("")].concat());
    assert!(!server.http.is_closing() && !server.http.is_asked());
    assert!(!server.http.is_under_way(&server.rx));
}

#[test]
fn e17_accepts_what_is_behind_a_held_request_later() {
    let mut server = Server::new();
    server.receive(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\nGET /upper HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((server.held, &*server.written), (1, &b""[..]));
    assert!(server.http.is_asked());
    server.http.respond(&kept("at last"));
    server.receive(b"");
    assert_eq!(String::from_utf8(server.written).unwrap(), [ok("at last"), ok("")].concat());
    // Nobody has asked anything.
    server.http.respond(&kept("x"));
    assert!(server.http.outgoing().is_empty());
}

#[test]
fn e17_rejects_a_second_request_unless_the_first_was_read_and_allows_it() {
    for request in [
        "GET /upper HTTP/1.0\r\n\r\n",
        "GET /upper HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /",
        "POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let behind = "GET /upper HTTP/1.1\r\nHost: a\r\n\r\n";
        let (written, server) = answers(format!("{request}{behind}").as_bytes());
        assert!(written.contains("\r\nConnection: close\r\n"), "{request}: {written}");
        assert_eq!(written.matches("HTTP/1.1 ").count(), 1, "{written}");
        assert!(server.http.is_closing() && server.error.is_none());
    }
    // Nothing is there to be read.
    for length in ["", "Content-Length: 0\r\n"] {
        let request = format!("GET /unread HTTP/1.1\r\nHost: a\r\n{length}\r\n");
        let behind = "GET /upper HTTP/1.1\r\nHost: a\r\n\r\n";
        let (written, _) = answers(format!("{request}{behind}").as_bytes());
        assert_eq!(written, [ok("unread"), ok("")].concat());
    }
}

#[test]
fn e17_accepts_who_waits_to_be_told_to_go_on() {
    let mut server = Server::new();
    server.receive(
        b"POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n",
    );
    assert_eq!(server.written, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.receive(b"ok");
    let expected = format!("HTTP/1.1 100 Continue\r\n\r\n{}", ok("OK"));
    assert_eq!(String::from_utf8(server.written).unwrap(), expected);
    // Who has nothing to send waits for nothing, and who is refused sends nothing.
    for request in [
        "GET /upper HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        "POST /upper HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx",
        "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let (written, _) = answers(request.as_bytes());
        assert!(written.starts_with("HTTP/1.1 200 OK\r\n"), "{written}");
    }
}

#[test]
fn e17_rejects_what_can_be_read_in_two_ways() {
    let head = "POST /upper HTTP/1.1\r\nHost: a\r\n";
    for (lines, status, error) in [
        ("Content-Length: 101\r\n\r\n", 413, HttpError::Body(BodyError::TooLong)),
        ("Transfer-Encoding: chunked\r\n\r\n65\r\n", 413, HttpError::Body(BodyError::TooLong)),
        ("Transfer-Encoding: chunked\r\n\r\n+1\r\n", 400, HttpError::Body(BodyError::Chunk)),
        ("Content-Length: -1\r\n\r\n", 400, HttpError::Head(HandshakeError::ContentLength)),
        ("Content-Length: 1, 2\r\n\r\n", 400, HttpError::Head(HandshakeError::ContentLength)),
        (
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            HttpError::Head(HandshakeError::AmbiguousBody),
        ),
        ("a b: c\r\n\r\n", 400, HttpError::Head(HandshakeError::MalformedHead)),
    ] {
        let (written, server) = answers(format!("{head}{lines}").as_bytes());
        assert!(written.starts_with(&format!("HTTP/1.1 {status} ")), "{lines}: {written}");
        assert!(written.contains("\r\nConnection: close\r\n"), "{written}");
        assert_eq!((server.error, server.http.is_closing()), (Some(error), true), "{lines}");
    }
}

#[test]
fn memory_follows_what_came_and_not_what_was_declared() {
    let mut server = Server::new();
    server
        .rx
        .extend_from_slice(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nabc");
    assert!(matches!(server.http.next_event(&mut server.rx), Ok(Some(HttpEvent::Head(_)))));
    server.http.read_body(u64::MAX);
    assert!(matches!(server.http.next_event(&mut server.rx), Ok(None)));
    assert!(server.rx.capacity() <= 4096 && server.rx.is_empty());
    assert!(server.http.is_under_way(&server.rx));
    assert_eq!(server.http.body(), b"", "not before it is whole");
}
