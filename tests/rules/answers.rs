//! N145 to N147: what an answer has and where it ends (RFC 9110, RFC 9112).

use crate::support::{every_cut, masks};
use bytes::Buf;
use sansio_ws::handshake::{
    Answer, ClientHandshake, ClientRequest, HandshakeError, Response, ServerHandshake, Status,
};
use sansio_ws::{Config, Limits, RecvBuffer};

/// Whether a client opens with this 101, and what is left behind its head.
fn open(lines: &str, behind: &str) -> Result<Vec<u8>, HandshakeError> {
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{lines}\r\n{behind}"
    );
    every_cut(answer.as_bytes(), |pieces| {
        let request = ClientRequest::new("ws://a/").unwrap();
        let nonce = *b"the sample nonce";
        let mut client = ClientHandshake::with_entropy(&request, Config::default(), nonce, masks());
        let sent = client.outgoing().remaining();
        client.outgoing().advance(sent);
        let mut rx = RecvBuffer::new();
        let mut opened = false;
        for piece in pieces {
            rx.extend_from_slice(piece);
            if !opened {
                opened = matches!(client.receive(&mut rx)?, Some(Answer::Open(..)));
            }
        }
        assert!(opened, "the answer is whole");
        Ok(rx.unread().to_vec())
    })
}

#[test]
fn n145_accepts_101_whatever_it_says_of_a_body() {
    for lines in [
        "",
        "Content-Length: 0\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        // Every byte behind the head belongs to a frame.
        assert_eq!(open(lines, "5\r\nhello").as_deref(), Ok(&b"5\r\nhello"[..]), "{lines}");
    }
}

#[test]
fn n145_rejects_empty_lists_in_101_and_requests_with_a_body() {
    let subprotocol = open("Sec-WebSocket-Protocol: \r\n", "");
    assert_eq!(subprotocol, Err(HandshakeError::UnofferedSubprotocol));
    let extensions = open("Sec-WebSocket-Extensions: \r\n", "");
    assert_eq!(extensions, Err(HandshakeError::UnofferedExtension));
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
          Transfer-Encoding: chunked\r\n\r\n",
    );
    let mut server = ServerHandshake::new(&Limits::default());
    let request = server.receive(&mut rx).unwrap().unwrap();
    let refused = request.upgrade(sansio_ws::handshake::OriginPolicy::AnyOrigin);
    assert_eq!(refused.unwrap_err(), HandshakeError::Body);
}

/// The head of a response without its first line, and the body; as for GET, and for HEAD.
fn sent(response: &Response) -> [(String, String); 2] {
    ["GET", "HEAD"].map(|method| {
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let mut server = ServerHandshake::new(&Limits::default());
        let bytes = server.receive(&mut rx).unwrap().unwrap().respond(response);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split_once("\r\n").unwrap().1.into(), body.into())
    })
}

#[test]
fn n146_accepts_426_with_upgrade_in_connection() {
    for response in [
        Response::new(Status::UPGRADE_REQUIRED),
        HandshakeError::MissingUpgrade.response(),
        HandshakeError::WebSocketVersion.response(),
    ] {
        assert_eq!(response.status(), Status::UPGRADE_REQUIRED);
        for (head, _) in sent(&response) {
            assert!(
                head.ends_with("\r\nUpgrade: websocket\r\nConnection: close, Upgrade"),
                "{head}"
            );
        }
    }
}

#[test]
fn n146_rejects_upgrade_in_any_other_answer() {
    for status in (200..=599).filter(|status| *status != 426) {
        let [(head, _), _] = sent(&Response::new(Status::new(status).unwrap()));
        assert!(head.ends_with("Connection: close") && !head.contains("Upgrade"), "{head}");
    }
}

#[test]
fn n147_accepts_a_body_and_its_length() {
    let [get, head] = sent(&Response::new(Status::OK).body("hello"));
    assert_eq!(get, ("Content-Length: 5\r\nConnection: close".into(), "hello".into()));
    assert_eq!(head, (get.0, String::new()), "HEAD");
    let [empty, _] = sent(&Response::new(Status::NOT_FOUND));
    assert_eq!(empty, ("Content-Length: 0\r\nConnection: close".into(), String::new()));
}

#[test]
fn n147_rejects_a_body_where_there_is_none() {
    for (status, length) in [(204, ""), (205, "Content-Length: 0\r\n"), (304, "")] {
        for answer in sent(&Response::new(Status::new(status).unwrap()).body("hello")) {
            assert_eq!(answer, (format!("{length}Connection: close"), String::new()), "{status}");
        }
    }
}
