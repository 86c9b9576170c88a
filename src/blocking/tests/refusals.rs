//! Refusals: head, body and stream reach the client.

use super::*;
use crate::blocking::Answer;
use crate::handshake::{ClientRequest, ReceivedResponse};
use alloc::string::ToString;

/// The answer to a client whose server sends these pieces, one each second, and then ends or not; and
/// what is unread behind it.
fn answer(
    limits: Limits,
    pieces: &[&[u8]],
    end: Option<End>,
) -> Result<(ReceivedResponse, Vec<u8>), Error> {
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    let mut at = 0;
    for piece in pieces {
        at += 1;
        socket.arrive(second(at), *piece);
    }
    if let Some(end) = end {
        socket.end(second(at), end);
    }
    let request = ClientRequest::new("ws://x/chat").unwrap();
    let config = Config::default().limits(limits);
    match WebSocket::handshake(socket.clone(), &request, config, Timeouts::default())? {
        Answer::Open(_, response) => Ok((*response, vec![])),
        Answer::Refused { response, rx, .. } => {
            let is_late = time.now() == second(10);
            assert!(!is_late || end.is_none() && response.is_cut, "{response:?}");
            assert!(!socket.state().aborted && !socket.state().shut_down);
            Ok((*response, rx.unread().to_vec()))
        }
    }
}

const HEAD: &str = "HTTP/1.1 401 Unauthorized\r\nX-Why: x\r\n";

#[test]
fn a_body_comes_by_its_framing() {
    let eof = || Some(End::Eof);
    let cut_off = || Some(End::Error(ErrorKind::UnexpectedEof));
    let reset = || Some(End::Error(ErrorKind::ConnectionReset));
    for (lines, pieces, end, body, is_cut, unread) in [
        ("Content-Length: 4\r\n", &["no", "nebehind"][..], None, "none", false, "behind"),
        ("Content-Length: 0\r\n", &[], None, "", false, ""),
        ("Content-Length: 4\r\n", &["no", "n"], None, "non", true, ""),
        ("Content-Length: 4\r\n", &["no", "n"], eof(), "non", true, ""),
        ("Content-Length: 4\r\n", &["no"], reset(), "no", true, ""),
        ("Content-Length: 4\r\n", &["none"], reset(), "none", false, ""),
        ("Content-Length: x\r\n", &["none"], None, "", true, ""),
        ("Transfer-Encoding: chunked\r\n", &["2\r\nno\r", "\n0\r\n\r\nb"], None, "no", false, "b"),
        ("Transfer-Encoding: chunked\r\n", &["2\r\nnope"], None, "no", true, "pe"),
        ("Transfer-Encoding: chunked\r\n", &["2\r\nno\r\n"], eof(), "no", true, ""),
        ("", &["no", "ne"], eof(), "none", false, ""),
        ("", &["no", "ne"], cut_off(), "none", true, ""),
        ("", &["no", "ne"], None, "none", true, ""),
    ] {
        let head = alloc::format!("{HEAD}{lines}\r\n");
        let pieces: Vec<_> =
            [head.as_str()].iter().chain(pieces).map(|piece| piece.as_bytes()).collect();
        let (response, left) = answer(Limits::default(), &pieces, end).unwrap();
        let label = alloc::format!("{lines:?} {pieces:?}");
        assert_eq!(core::str::from_utf8(&response.body), Ok(body), "{label}");
        assert_eq!((response.status, response.is_cut), (401, is_cut), "{label}");
        assert_eq!(core::str::from_utf8(&left), Ok(unread), "{label}");
        assert_eq!(response.header("x-why"), Some("x"));
    }
}

#[test]
fn a_body_is_cut_at_the_limit() {
    let limits = |bytes| Limits::default().max_refusal_bytes(bytes);
    for (max, body, is_cut, unread) in
        [(6, "whole!", false, ""), (4, "whol", true, "e!"), (0, "", true, "whole!")]
    {
        for (lines, pieces) in
            [("Content-Length: 6\r\n", &[&b"whole!"[..]][..]), ("", &[b"whole!"])]
        {
            let head = alloc::format!("{HEAD}{lines}\r\n");
            let whole = [head.as_bytes(), pieces[0]].concat();
            let end = Some(End::Eof);
            let (response, left) = answer(limits(max), &[&whole], end).unwrap();
            assert_eq!((&*response.body, response.is_cut), (body.as_bytes(), is_cut), "{max}");
            assert_eq!(left, unread.as_bytes());
        }
    }
    // Nobody waits for what is not wanted.
    let (response, _) = answer(limits(0), &[HEAD.as_bytes(), b"\r\n"], Some(End::Eof)).unwrap();
    assert!(response.is_cut && response.body.is_empty());
}

#[test]
fn without_a_head_there_is_no_refusal() {
    let ended = answer(Limits::default(), &[HEAD.as_bytes()], Some(End::Eof));
    assert!(matches!(ended, Err(Error::Unopened(Unopened::TruncatedHead))));
    let ended = answer(Limits::default(), &[], Some(End::Eof));
    assert!(matches!(ended, Err(Error::Unopened(Unopened::Ended))));
    let stalled = answer(Limits::default(), &[HEAD.as_bytes()], None);
    assert!(matches!(stalled, Err(Error::Unopened(Unopened::TimedOut))));
}

#[test]
fn the_head_of_an_opening_is_handed_out() {
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    socket.state().serves = Some((usize::MAX, vec![]));
    let request = ClientRequest::new("ws://x/chat").unwrap();
    let answered = WebSocket::handshake(socket, &request, Config::default(), Timeouts::default());
    let Ok(Answer::Open(mut socket, response)) = answered else { panic!("{answered:?}") };
    assert_eq!((response.status, response.header("UPGRADE")), (101, Some("websocket")));
    assert_eq!(response.to_string(), "101 Switching Protocols");
    socket.send_text("it is open").unwrap();
}

#[test]
fn a_refusal_is_an_error_where_only_a_socket_helps() {
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    socket.arrive(
        second(1),
        &b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"[..],
    );
    let request = ClientRequest::new("ws://x/chat").unwrap();
    match WebSocket::connect(socket, &request, Config::default(), Timeouts::default()) {
        Err(error @ Error::Refused(_)) => {
            assert_eq!(error.to_string(), "the server refused: 302 Found");
            let Error::Refused(response) = error else { return };
            assert_eq!(response.redirect(), Some("/there"));
        }
        opened => panic!("{:?}", opened.map(drop)),
    }
}
