//! N149 to N153: bodies, and what comes behind them (RFC 9112, sections 6 to 9).

use crate::support::every_cut;
use sansio_ws::handshake::{
    BodyDecoder, BodyError, BodyFraming, HandshakeError, Response, ServerHandshake, Status,
};
use sansio_ws::{Limits, RecvBuffer};

/// How the body of a request ends that has these header lines.
fn framing(version: &str, lines: &str) -> Result<BodyFraming, HandshakeError> {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(format!("POST / {version}\r\nHost: a\r\n{lines}\r\n").as_bytes());
    let mut server = ServerHandshake::new(&Limits::default());
    server.receive(&mut rx).map(|request| request.unwrap().body_framing())
}

#[test]
fn n149_accepts_chunked_alone() {
    for lines in ["Transfer-Encoding: chunked\r\n", "transfer-encoding: \t Chunked \r\n"] {
        assert_eq!(framing("HTTP/1.1", lines), Ok(BodyFraming::Chunked), "{lines}");
    }
}

#[test]
fn n149_rejects_what_two_programs_may_read_in_two_ways() {
    for lines in [
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding:\r\n",
    ] {
        assert_eq!(framing("HTTP/1.1", lines), Err(HandshakeError::TransferEncoding), "{lines}");
    }
    assert_eq!(HandshakeError::TransferEncoding.status(), Status::NOT_IMPLEMENTED);
    for (version, lines) in [
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("HTTP/1.1", "Content-Length: 0\r\nTransfer-Encoding: identity\r\n"),
        ("HTTP/1.0", "Transfer-Encoding: chunked\r\n"),
    ] {
        assert_eq!(framing(version, lines), Err(HandshakeError::AmbiguousBody), "{lines}");
    }
    assert_eq!(HandshakeError::AmbiguousBody.status(), Status::BAD_REQUEST);
}

#[test]
fn n150_accepts_each_way_a_body_ends() {
    assert_eq!(framing("HTTP/1.1", ""), Ok(BodyFraming::None));
    assert_eq!(framing("HTTP/1.1", "Content-Length: 17\r\n"), Ok(BodyFraming::Length(17)));
    assert_eq!(framing("HTTP/1.0", "Content-Length: 17\r\n"), Ok(BodyFraming::Length(17)));
}

#[test]
fn n150_rejects_lengths_that_are_none() {
    for length in ["-1", "+1", "1 2", "1, 2", "0x5", "", "18446744073709551616"] {
        let lines = format!("Content-Length: {length}\r\n");
        assert_eq!(framing("HTTP/1.1", &lines), Err(HandshakeError::ContentLength), "{length}");
    }
}

/// The body, and what is left behind it.
type Decoded = Result<(Vec<u8>, Vec<u8>), BodyError>;

fn decode(framing: BodyFraming, bytes: &[u8]) -> Decoded {
    every_cut(bytes, |pieces| {
        let (mut rx, mut decoder) = (RecvBuffer::new(), BodyDecoder::new(framing, 100));
        let mut body = vec![];
        for piece in pieces {
            rx.extend_from_slice(piece);
            while let Some(part) = decoder.next_part(&mut rx)? {
                body.extend_from_slice(part);
            }
        }
        decoder.receive_eof()?;
        Ok((body, rx.unread().to_vec()))
    })
}

#[test]
fn n151_accepts_chunks_of_every_form() {
    let bytes = b"1\r\na\r\n00a;x=\"y\"; z\r\n0123456789\r\n0 ;q\r\nTrailer: x\r\n\r\nbehind";
    let decoded = decode(BodyFraming::Chunked, bytes);
    assert_eq!(decoded, Ok((b"a0123456789".to_vec(), b"behind".to_vec())));
}

#[test]
fn n151_rejects_chunks_that_are_none() {
    for bytes in ["\r\n", "x\r\n", "1\na\n", "1\r\nab", "1 1\r\na", "1;\n\r\na", "-1\r\n"] {
        let decoded = decode(BodyFraming::Chunked, bytes.as_bytes());
        assert_eq!(decoded, Err(BodyError::Chunk), "{bytes:?}");
    }
    let trailers = decode(BodyFraming::Chunked, b"0\r\nx\r\n\r\n");
    assert_eq!(trailers, Err(BodyError::Trailers(HandshakeError::MalformedHead)));
    assert_eq!(decode(BodyFraming::Chunked, b"65\r\n"), Err(BodyError::TooLong));
    assert_eq!(decode(BodyFraming::Length(101), b""), Err(BodyError::TooLong));
    assert_eq!(BodyError::TooLong.response().status(), Status::CONTENT_TOO_LARGE);
    assert_eq!(BodyError::Chunk.response().status(), Status::BAD_REQUEST);
}

#[test]
fn n152_accepts_bodies_that_are_whole() {
    let whole = |framing, bytes: &[u8]| decode(framing, bytes).map(|(body, _)| body);
    assert_eq!(whole(BodyFraming::Length(3), b"abc"), Ok(b"abc".to_vec()));
    assert_eq!(whole(BodyFraming::UntilEnd, b"abc"), Ok(b"abc".to_vec()));
    assert_eq!(whole(BodyFraming::None, b""), Ok(vec![]));
}

#[test]
fn n152_rejects_bodies_that_are_cut_off() {
    assert_eq!(decode(BodyFraming::Length(4), b"abc"), Err(BodyError::Truncated));
    for bytes in ["", "3", "3\r\nab", "3\r\nabc", "3\r\nabc\r\n0\r\n"] {
        let decoded = decode(BodyFraming::Chunked, bytes.as_bytes());
        assert_eq!(decoded, Err(BodyError::Truncated), "{bytes:?}");
    }
}

/// Whether the connection is kept, and how the head of the response ends.
fn respond(request: &str, response: &Response) -> (bool, String) {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(request.as_bytes());
    let mut server = ServerHandshake::new(&Limits::default());
    let request = server.receive(&mut rx).unwrap().unwrap();
    let text = String::from_utf8(request.respond(response)).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    (request.keeps_alive(response), head.lines().last().unwrap().into())
}

#[test]
fn n153_accepts_another_request_if_both_want_it() {
    let response = Response::text(Status::OK, "ok").keep_alive(true);
    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        assert_eq!(respond(request, &response), (true, "Content-Length: 2".into()));
    }
    let upgrade = Response::new(Status::UPGRADE_REQUIRED).keep_alive(true);
    let kept = respond("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &upgrade);
    assert_eq!(kept, (true, "Connection: Upgrade".into()));
}

#[test]
fn n153_rejects_another_request_otherwise() {
    let response = Response::text(Status::OK, "ok").keep_alive(true);
    let closes = (false, "Connection: close".into());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(respond(request, &response), closes, "{request}");
    }
    let response = response.keep_alive(false);
    assert_eq!(respond("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &response), closes);
}
