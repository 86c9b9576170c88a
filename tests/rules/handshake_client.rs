//! N1 to N26: the client's side of the opening handshake (RFC 6455, sections 3 and 4.1).

use crate::support::frame::{Frame, wire};
use crate::support::{Feed, Seen, every_cut, masks};
use bytes::Buf;
use sansio_ws::handshake::{
    Answer, ClientHandshake, ClientRequest, HandshakeError, InvalidField, InvalidUrl,
    ReceivedResponse,
};
use sansio_ws::{Config, Limits, RecvBuffer};
use std::collections::HashSet;

/// The nonce, the key and the accept of RFC 6455, section 1.3.
const NONCE: &[u8; 16] = b"the sample nonce";

const GOOD: [&str; 3] = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

fn request(url: &str) -> ClientRequest {
    ClientRequest::new(url).unwrap()
}

fn start(request: &ClientRequest) -> ClientHandshake {
    ClientHandshake::with_entropy(request, Config::default(), *NONCE, masks())
}

/// What the client writes, in steps of every length.
fn written(request: &ClientRequest) -> String {
    let mut whole = start(request);
    let len = whole.outgoing().remaining();
    let bytes = whole.outgoing().copy_to_bytes(len);
    for step in 1..=len {
        let (mut handshake, mut output) = (start(request), vec![]);
        while handshake.outgoing().has_remaining() {
            let n = handshake.outgoing().chunk().len().min(step);
            output.extend_from_slice(&handshake.outgoing().copy_to_bytes(n));
        }
        assert_eq!(output, bytes);
    }
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn head(first: &str, lines: &[&str]) -> Vec<u8> {
    [&[first], lines, &["", ""]].concat().join("\r\n").into_bytes()
}

/// A good answer with `lines` in place of those of `name`.
fn with_lines(name: &str, lines: &[&str]) -> Vec<u8> {
    let others = GOOD.iter().filter(|line| !line.starts_with(name)).copied();
    let all: Vec<&str> = others.chain(lines.iter().copied()).collect();
    head("HTTP/1.1 101 Switching Protocols", &all)
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Open, with this subprotocol; and what the connection sees in the bytes behind the answer.
    Open(Option<String>, Vec<Seen>),
    Refused(u16, Vec<(String, String)>),
    Failed(HandshakeError),
    Waiting,
}

/// What comes of an answer, however it was cut.
fn outcome(request: &ClientRequest, answer: &[u8]) -> Outcome {
    every_cut(answer, |pieces| {
        let mut handshake = start(request);
        let request_len = handshake.outgoing().remaining();
        handshake.outgoing().advance(request_len);
        let mut rx = RecvBuffer::new();
        let mut pieces = pieces.iter();
        while let Some(piece) = pieces.next() {
            rx.extend_from_slice(piece);
            let (connection, subprotocol) = match handshake.receive(&mut rx) {
                Ok(None) => continue,
                Ok(Some(Answer::Open(connection, head))) => {
                    (connection, head.subprotocol().map(Into::into))
                }
                Ok(Some(Answer::Refused(refusal))) => {
                    return refused(*refusal);
                }
                Err(error) => {
                    // For good, and without output.
                    assert!(handshake.receive(&mut rx).is_err());
                    assert!(!handshake.outgoing().has_remaining());
                    return Outcome::Failed(error);
                }
            };
            let mut feed = Feed::new(connection);
            feed.rx = rx;
            feed.read(b"");
            pieces.for_each(|piece| _ = feed.read(piece));
            return Outcome::Open(subprotocol, feed.events().to_vec());
        }
        handshake.receive_eof().map_or(Outcome::Waiting, |refusal| refused(*refusal))
    })
}

fn refused(response: ReceivedResponse) -> Outcome {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let headers = response.headers.into_iter().map(|(name, value)| (name, text(value)));
    Outcome::Refused(response.status, headers.collect())
}

const URL: &str = "ws://example.com/chat";

#[track_caller]
fn accepts(answer: &[u8]) {
    assert_eq!(outcome(&request(URL), answer), Outcome::Open(None, vec![]));
}

#[track_caller]
fn rejects(answer: &[u8], error: HandshakeError) {
    assert_eq!(outcome(&request(URL), answer), Outcome::Failed(error));
}

#[test]
fn n1_accepts_ws_and_wss_with_their_default_ports() {
    for (url, secure, port) in [
        ("ws://example.com", false, 80),
        ("wss://example.com", true, 443),
        ("WSS://example.com/", true, 443),
        ("ws://example.com:9001/", false, 9001),
        ("wss://[::1]:1", true, 1),
    ] {
        let request = request(url);
        assert_eq!((request.is_secure(), request.port()), (secure, port), "{url}");
    }
}

#[test]
fn n1_n4_rejects_other_schemes() {
    for url in ["ftp://example.com", "wsss://a", "//a", "a", "", "ws:/a", "ws"] {
        assert_eq!(ClientRequest::new(url).unwrap_err(), InvalidUrl::Scheme, "{url}");
    }
}

#[test]
fn n2_accepts_an_escaped_number_sign() {
    let head = written(&request("ws://example.com/a%23b?c%23d"));
    assert!(head.starts_with("GET /a%23b?c%23d HTTP/1.1\r\n"));
}

#[test]
fn n2_n4_rejects_fragments() {
    for url in ["ws://a/#b", "ws://a#", "ws://a/?b#c", "ws://a/b#%23"] {
        assert_eq!(ClientRequest::new(url).unwrap_err(), InvalidUrl::Fragment, "{url}");
    }
}

#[test]
fn n3_n8_accepts_path_and_query_as_the_resource() {
    for (url, line) in [
        ("ws://a", "GET / HTTP/1.1"),
        ("ws://a/", "GET / HTTP/1.1"),
        ("ws://a/b/c", "GET /b/c HTTP/1.1"),
        ("ws://a?b=c", "GET /?b=c HTTP/1.1"),
        ("ws://a/b?c=d&e", "GET /b?c=d&e HTTP/1.1"),
    ] {
        assert_eq!(written(&request(url)).lines().next(), Some(line), "{url}");
    }
}

#[test]
fn n3_n8_rejects_what_would_break_the_request_line() {
    for url in ["ws://a/b c", "ws://a/\r\nX: y", "ws://a/\t", "ws://a/?\0"] {
        assert_eq!(ClientRequest::new(url).unwrap_err(), InvalidUrl::Character, "{url:?}");
    }
}

#[test]
fn n4_accepts_the_parts_of_a_url() {
    for (url, host) in [
        ("ws://example.com:80/", "example.com"),
        ("ws://127.0.0.1:9001", "127.0.0.1"),
        ("ws://[2001:db8::1]/", "[2001:db8::1]"),
        ("ws://a_b-c.d", "a_b-c.d"),
    ] {
        assert_eq!(request(url).host(), host);
    }
}

#[test]
fn n4_rejects_bad_hosts_ports_and_user_names() {
    for (url, error) in [
        ("ws://", InvalidUrl::Host),
        ("ws:///path", InvalidUrl::Host),
        ("ws://a[b]", InvalidUrl::Host),
        ("ws://[::1", InvalidUrl::Host),
        ("ws://[::g]", InvalidUrl::Host),
        ("ws://a:0", InvalidUrl::Port),
        ("ws://a:65536", InvalidUrl::Port),
        ("ws://a:8x", InvalidUrl::Port),
        ("ws://user%:secret@a", InvalidUrl::UserInfo),
    ] {
        assert_eq!(ClientRequest::new(url).unwrap_err(), error, "{url}");
    }
}

#[test]
fn n8_n9_n10_n11_n12_n13_accepts_the_request_of_the_rfc() {
    let request = request("ws://server.example.com/chat")
        .subprotocol("chat")
        .and_then(|request| request.subprotocol("superchat"))
        .and_then(|request| request.origin("http://example.com"))
        .unwrap();
    let expected = "GET /chat HTTP/1.1\r\n\
                    Host: server.example.com\r\n\
                    Upgrade: websocket\r\n\
                    Connection: Upgrade\r\n\
                    Sec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    Sec-WebSocket-Protocol: chat, superchat\r\n\
                    Origin: http://example.com\r\n\r\n";
    assert_eq!(written(&request), expected);
}

#[test]
fn n9_accepts_the_port_in_host_unless_it_is_the_default() {
    for (url, line) in [
        ("ws://a:80", "Host: a"),
        ("wss://a:443", "Host: a"),
        ("ws://a:443", "Host: a:443"),
        ("wss://a:80", "Host: a:80"),
        ("ws://[::1]:9001", "Host: [::1]:9001"),
    ] {
        assert_eq!(written(&request(url)).lines().nth(1), Some(line), "{url}");
    }
}

#[test]
fn n9_n10_n11_n12_n13_rejects_headers_that_the_handshake_writes_itself() {
    for name in [
        "Host",
        "upgrade",
        "CONNECTION",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Origin",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let refused = request(URL).header(name, "x").unwrap_err();
        assert_eq!(refused, InvalidField::Reserved, "{name}");
    }
    for (name, value, error) in [
        ("X", "a\r\nHost: b", InvalidField::Value),
        ("X", "a\rb", InvalidField::Value),
        ("X", "a\nb", InvalidField::Value),
        ("X", "a\0b", InvalidField::Value),
        ("X\r\nHost", "b", InvalidField::Name),
        ("X ", "b", InvalidField::Name),
        ("", "b", InvalidField::Name),
    ] {
        assert_eq!(request(URL).header(name, value).unwrap_err(), error);
    }
}

#[test]
fn n12_rejects_using_a_key_twice() {
    const HANDSHAKES: usize = 1000;
    let request = request(URL);
    let keys: HashSet<String> = (0..HANDSHAKES)
        .map(|_| {
            let mut handshake = ClientHandshake::new(&request, Config::default()).unwrap();
            let len = handshake.outgoing().remaining();
            let bytes = handshake.outgoing().copy_to_bytes(len).to_vec();
            let head = String::from_utf8(bytes).unwrap();
            let mut keys = head.lines().filter_map(|l| l.strip_prefix("Sec-WebSocket-Key: "));
            let key = keys.next().unwrap();
            assert_eq!(keys.next(), None);
            assert!(key.len() == 24 && key.ends_with("=="), "16 bytes in base64: {key}");
            key.into()
        })
        .collect();
    assert_eq!(keys.len(), HANDSHAKES);
}

#[test]
fn n14_accepts_an_origin_or_none() {
    assert!(!written(&request(URL)).contains("Origin"));
    let with = request(URL).origin("https://example.com").unwrap();
    assert_eq!(written(&with).matches("\r\nOrigin: https://example.com\r\n").count(), 1);
    // The last one counts.
    let other = with.origin("null").unwrap();
    assert_eq!(written(&other).matches("\r\nOrigin: null\r\n").count(), 1);
    assert_eq!(written(&other).matches("Origin").count(), 1);
}

#[test]
fn n14_rejects_an_origin_that_breaks_out_of_its_line() {
    for origin in ["a\r\nX: y", "a\n", "\0"] {
        assert_eq!(request(URL).origin(origin).unwrap_err(), InvalidField::Value);
    }
}

#[test]
fn n15_accepts_different_tokens_as_subprotocols() {
    let names = ["chat", "Chat", "v1.chat", "!#$%&'*+-.^_`|~"];
    let offer = names.iter().try_fold(request(URL), |request, name| request.subprotocol(name));
    let line = format!("\r\nSec-WebSocket-Protocol: {}\r\n", names.join(", "));
    assert!(written(&offer.unwrap()).contains(&line));
}

#[test]
fn n15_rejects_empty_malformed_and_repeated_subprotocols() {
    for name in ["", "a b", "a,b", "a/b", "a\r\n", "\u{e4}", "a\"", "(a)", "a\x7F"] {
        let refused = request(URL).subprotocol(name).unwrap_err();
        assert_eq!(refused, InvalidField::Subprotocol, "{name:?}");
    }
    let twice = request(URL).subprotocol("a").and_then(|request| request.subprotocol("a"));
    assert_eq!(twice.unwrap_err(), InvalidField::DuplicateSubprotocol);
}

#[test]
fn n16_accepts_a_request_without_extensions() {
    assert!(!written(&request(URL)).contains("Extensions"));
}

#[test]
fn n16_rejects_offering_extensions_by_hand() {
    for value in ["permessage-deflate", "a; b=\"c d\""] {
        let refused = request(URL).header("Sec-WebSocket-Extensions", value).unwrap_err();
        assert_eq!(refused, InvalidField::Reserved);
    }
}

#[test]
fn n17_accepts_nothing_to_write_until_the_answer() {
    let mut handshake = start(&request(URL));
    let len = handshake.outgoing().remaining();
    handshake.outgoing().advance(len);
    let mut rx = RecvBuffer::new();
    for byte in with_lines("-", &[]) {
        assert!(!handshake.outgoing().has_remaining());
        rx.extend_from_slice(&[byte]);
        if let Some(answer) = handshake.receive(&mut rx).unwrap() {
            let Answer::Open(connection, _) = answer else { panic!("refused") };
            assert!(!connection.wants_write());
            return;
        }
    }
    panic!("the answer is whole");
}

#[test]
fn n17_rejects_an_answer_to_half_a_request() {
    let mut handshake = start(&request(URL));
    handshake.outgoing().advance(10);
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&with_lines("-", &[]));
    assert_eq!(handshake.receive(&mut rx).unwrap_err(), HandshakeError::PrematureAnswer);
}

#[test]
fn n18_n26_accepts_other_statuses_as_http() {
    for (first, status) in [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.1 301 Moved Permanently", 301),
        ("HTTP/1.1 401 Unauthorized", 401),
        ("HTTP/1.1 426 Upgrade Required", 426),
        ("HTTP/1.0 503 Service Unavailable", 503),
    ] {
        let lines = ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8, 7", "X: y"];
        let headers = [("Version", "13"), ("Version", "8, 7")]
            .map(|(name, value)| (format!("Sec-WebSocket-{name}"), value.to_owned()));
        let headers = [&headers[..], &[("X".to_owned(), "y".to_owned())]].concat();
        let expected = Outcome::Refused(status, headers);
        assert_eq!(outcome(&request(URL), &head(first, &lines)), expected);
    }
}

#[test]
fn n18_n26_rejects_opening_with_any_status_but_101() {
    for status in (200..600).step_by(7).chain([200, 204, 304, 426]) {
        let answer = head(&format!("HTTP/1.1 {status} Switching Protocols"), &GOOD);
        let outcome = outcome(&request(URL), &answer);
        assert!(matches!(outcome, Outcome::Refused(s, _) if s == status), "{outcome:?}");
    }
}

#[test]
fn n18_accepts_interim_answers_before_the_last() {
    let answer = [head("HTTP/1.1 100 Continue", &[]), head("HTTP/1.1 103 Early Hints", &["X: y"])];
    accepts(&[&answer.concat()[..], &with_lines("-", &[])].concat());
    // Interim answers alone are no answer, and too many of them break the limit.
    assert_eq!(outcome(&request(URL), &answer.concat()), Outcome::Waiting);
    let storm = answer[0].repeat(Limits::default().max_handshake_bytes / answer[0].len() + 1);
    rejects(&storm, HandshakeError::HeadTooLong);
}

#[test]
fn n19_accepts_websocket_in_any_case() {
    for line in ["Upgrade: WebSocket", "upgrade: WEBSOCKET", "UPGRADE:websocket  "] {
        accepts(&with_lines("Upgrade", &[line]));
    }
}

#[test]
fn n19_rejects_a_missing_or_different_upgrade() {
    for lines in [&[][..], &["Upgrade: h2c"], &["Upgrade: websocket, h2c"], &["Upgrade: "]] {
        rejects(&with_lines("Upgrade", lines), HandshakeError::MissingUpgrade);
    }
}

#[test]
fn n20_accepts_upgrade_among_connection_tokens() {
    for lines in [
        &["Connection: upgrade"][..],
        &["connection: keep-alive, UPGRADE"],
        &["Connection: keep-alive", "Connection: Upgrade"],
    ] {
        accepts(&with_lines("Connection", lines));
    }
}

#[test]
fn n20_rejects_a_connection_without_upgrade() {
    for lines in [&[][..], &["Connection: close"], &["Connection: Upgraded"]] {
        rejects(&with_lines("Connection", lines), HandshakeError::MissingConnectionUpgrade);
    }
}

#[test]
fn n21_accepts_the_accept_of_the_key_with_blanks_around_it() {
    accepts(&with_lines("-", &[]));
    let blanks = "Sec-WebSocket-Accept: \t s3pPLMBiTxaQ9kYGzzhZRbK+xOo= \t ";
    accepts(&with_lines("Sec-WebSocket-Accept", &[blanks]));
}

#[test]
fn n21_rejects_a_missing_or_wrong_accept() {
    rejects(&with_lines("Sec-WebSocket-Accept", &[]), HandshakeError::InvalidAccept);
    for accept in [
        "",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo",
        "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo==",
        "\"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"",
        "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
        "dGhlIHNhbXBsZSBub25jZQ==",
    ] {
        let line = format!("Sec-WebSocket-Accept: {accept}");
        rejects(&with_lines("Sec-WebSocket-Accept", &[&line]), HandshakeError::InvalidAccept);
    }
}

#[test]
fn n22_accepts_an_answer_without_extensions() {
    accepts(&with_lines("-", &["X-Extensions: permessage-deflate"]));
}

#[test]
fn n22_rejects_extensions_that_were_not_offered() {
    for value in ["permessage-deflate", "", "x-unknown; a=b"] {
        let line = format!("Sec-WebSocket-Extensions: {value}");
        rejects(&with_lines("-", &[&line]), HandshakeError::UnofferedExtension);
    }
}

#[test]
fn n23_accepts_one_of_the_subprotocols_offered_or_none() {
    let offer = request(URL).subprotocol("a").and_then(|request| request.subprotocol("b"));
    let offer = offer.unwrap();
    for (lines, chosen) in [
        (&["Sec-WebSocket-Protocol: a"][..], Some("a")),
        (&["sec-websocket-protocol: b "], Some("b")),
        (&[], None),
    ] {
        let expected = Outcome::Open(chosen.map(Into::into), vec![]);
        assert_eq!(outcome(&offer, &with_lines("-", lines)), expected);
    }
}

#[test]
fn n23_rejects_any_other_subprotocol() {
    let offer = request(URL).subprotocol("a").and_then(|request| request.subprotocol("b"));
    let offer = offer.unwrap();
    for chosen in ["c", "A", "a, b", "", "ab"] {
        let answer = with_lines("-", &[&format!("Sec-WebSocket-Protocol: {chosen}")]);
        let expected = Outcome::Failed(HandshakeError::UnofferedSubprotocol);
        assert_eq!(outcome(&offer, &answer), expected);
    }
    rejects(&with_lines("-", &["Sec-WebSocket-Protocol: a"]), HandshakeError::UnofferedSubprotocol);
}

#[test]
fn n24_accepts_headers_of_others_and_frames_behind_the_answer() {
    accepts(&with_lines("-", &["Server: x", "Date: now", "Set-Cookie: a=b", "Content-Length: 0"]));
    accepts(&head("HTTP/1.1 101 ", &GOOD));
    let frames = wire(false, [Frame::text("welcome"), Frame::ping("p")]);
    let answer = [with_lines("-", &[]), frames].concat();
    let seen = vec![Seen::text("welcome"), Seen::ping("p")];
    assert_eq!(outcome(&request(URL), &answer), Outcome::Open(None, seen));
}

#[test]
fn n24_rejects_answers_that_are_not_http() {
    for (answer, error) in [
        (head("HTTP/1.0 101 Switching Protocols", &GOOD), HandshakeError::HttpVersion),
        (head("HTTP/2.0 101 Switching Protocols", &GOOD), HandshakeError::HttpVersion),
        (head("HTTP/1.1 1O1 Switching Protocols", &GOOD), HandshakeError::MalformedHead),
        (head("HTTP/1.1 1000 Continue", &GOOD), HandshakeError::MalformedHead),
        (head("NOT-HTTP 100 Continue", &GOOD), HandshakeError::HttpVersion),
        (head("ICY 200 OK", &GOOD), HandshakeError::HttpVersion),
        (with_lines("-", &["no colon"]), HandshakeError::MalformedHead),
        (with_lines("-", &["X : y"]), HandshakeError::MalformedHead),
        (with_lines("-", &["X: a\r\n b"]), HandshakeError::FoldedHeader),
        (with_lines("-", &["X: a\nY: b"]), HandshakeError::BareControlByte),
        (with_lines("-", &["X: a\0"]), HandshakeError::BareControlByte),
        (with_lines("-", &["X: y"; 98]), HandshakeError::TooManyHeaders),
        (b"\x15\x03\x03\x00\x02\x02\x28\r\n".to_vec(), HandshakeError::BareControlByte),
    ] {
        rejects(&answer, error);
    }
    let long =
        with_lines("-", &[&format!("X: {}", "x".repeat(Limits::default().max_handshake_bytes))]);
    rejects(&long, HandshakeError::HeadTooLong);
}

#[test]
fn n25_accepts_accept_and_protocol_once() {
    let offer = request(URL).subprotocol("a").unwrap();
    let expected = Outcome::Open(Some("a".into()), vec![]);
    assert_eq!(outcome(&offer, &with_lines("-", &["Sec-WebSocket-Protocol: a"])), expected);
}

#[test]
fn n25_rejects_accept_protocol_and_extensions_twice() {
    let offer = request(URL).subprotocol("a").unwrap();
    for (name, line) in [
        ("Sec-WebSocket-Accept", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: a"),
        ("Sec-WebSocket-Extensions", "Sec-WebSocket-Extensions: a"),
        ("Upgrade", "Upgrade: websocket"),
    ] {
        let expected = Outcome::Failed(HandshakeError::DuplicateHeader(name));
        assert_eq!(outcome(&offer, &with_lines(name, &[line, line])), expected);
    }
}
