//! N27 to N44: the server's side of the opening handshake (RFC 6455, section 4.2).

use crate::support::frame::{Frame, wire};
use crate::support::{Feed, Seen, drain, every_cut};
use sansio_ws::frame::FrameError;
use sansio_ws::handshake::{
    Acceptance, HandshakeError, InvalidField, OriginPolicy, Response, ServerHandshake, Status,
};
use sansio_ws::{Config, Limits, ProtocolError, RecvBuffer};

const GOOD: [&str; 5] = [
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

/// The answer to the key of RFC 6455, section 1.3.
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\n\
                        Upgrade: websocket\r\n\
                        Connection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn head(first: &str, lines: &[&str]) -> Vec<u8> {
    let lines = [&[first], lines, &["", ""]].concat();
    lines.join("\r\n").into_bytes()
}

/// A good request with `lines` in place of those of `name`.
fn with_lines(name: &str, lines: &[&str]) -> Vec<u8> {
    let others = GOOD.iter().filter(|line| !line.starts_with(name)).copied();
    let all: Vec<&str> = others.chain(lines.iter().copied()).collect();
    head("GET /chat HTTP/1.1", &all)
}

type Verdict = Result<Vec<u8>, HandshakeError>;

/// What the server answers, however the request was cut.
fn answer(origin: OriginPolicy<'_>, reply: &Acceptance<'_>, request: &[u8]) -> Verdict {
    every_cut(request, |pieces| {
        let mut handshake = ServerHandshake::new(&Limits::default());
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            if let Some(request) = handshake.receive(&mut rx)? {
                let upgrade = request.upgrade(origin)?;
                let mut connection = upgrade.accept(reply, Config::default()).unwrap();
                let mut output = vec![];
                drain(&mut connection, 1, &mut output);
                return Ok(output);
            }
        }
        panic!("neither accepted nor refused");
    })
}

#[track_caller]
fn accepts(request: &[u8]) {
    let answer = answer(OriginPolicy::AnyOrigin, &Acceptance::default(), request);
    assert_eq!(answer.as_deref().map(String::from_utf8_lossy), Ok(ACCEPTED.into()));
}

/// The request is refused with this error, and an HTTP answer of this status. Returns the answer.
#[track_caller]
fn rejects(request: &[u8], error: HandshakeError, status: u16) -> String {
    rejects_origin(OriginPolicy::AnyOrigin, request, error, status)
}

#[track_caller]
fn rejects_origin(
    policy: OriginPolicy<'_>,
    request: &[u8],
    error: HandshakeError,
    status: u16,
) -> String {
    let refused = answer(policy, &Acceptance::default(), request);
    assert_eq!(refused, Err(error));
    let answer = String::from_utf8(error.response().encode()).unwrap();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("\r\nConnection: close"), "{answer}");
    answer
}

#[test]
fn n27_accepts_get_over_http_1_1() {
    accepts(&head("GET /chat HTTP/1.1", &GOOD));
    accepts(&head("GET /chat?room=1 HTTP/1.1", &GOOD));
    accepts(&head("GET http://example.com/chat HTTP/1.1", &GOOD));
}

#[test]
fn n27_n34_rejects_other_methods_versions_and_targets() {
    for method in ["POST", "HEAD", "OPTIONS", "PUT", "get"] {
        let request = head(&format!("{method} / HTTP/1.1"), &GOOD);
        let answer = rejects(&request, HandshakeError::Method, 405);
        assert!(answer.contains("\r\nAllow: GET\r\n"));
    }
    for version in ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2"] {
        let request = head(&format!("GET / {version}"), &GOOD);
        rejects(&request, HandshakeError::HttpVersion, 505);
    }
    for target in ["*", "example.com:80", "chat"] {
        rejects(&head(&format!("GET {target} HTTP/1.1"), &GOOD), HandshakeError::Target, 400);
    }
}

#[test]
fn n28_accepts_any_one_host() {
    for host in ["Host: example.com", "host: [::1]:9001", "HOST:127.0.0.1"] {
        accepts(&with_lines("Host", &[host]));
    }
}

#[test]
fn n28_n34_rejects_a_missing_or_repeated_host() {
    rejects(&with_lines("Host", &[]), HandshakeError::MissingHost, 400);
    let twice = with_lines("Host", &["Host: a", "Host: a"]);
    rejects(&twice, HandshakeError::DuplicateHeader("Host"), 400);
}

#[test]
fn n29_accepts_websocket_among_upgrades_in_any_case() {
    for lines in [
        &["Upgrade: WebSocket"][..],
        &["upgrade: WEBSOCKET"],
        &["Upgrade: h2c, websocket"],
        &["Upgrade: h2c", "Upgrade: websocket"],
    ] {
        accepts(&with_lines("Upgrade", lines));
    }
}

#[test]
fn n29_n34_rejects_other_upgrades() {
    for lines in [&[][..], &["Upgrade: h2c"], &["Upgrade: websockets"], &["Upgrade: websocket/13"]]
    {
        let answer = rejects(&with_lines("Upgrade", lines), HandshakeError::MissingUpgrade, 426);
        assert!(answer.contains("\r\nUpgrade: websocket\r\n"));
    }
}

#[test]
fn n30_n41_accepts_upgrade_among_connection_tokens_and_lines() {
    for lines in [
        &["Connection: upgrade"][..],
        &["Connection: keep-alive, Upgrade"],
        &["Connection: keep-alive", "Connection: UPGRADE"],
        &["Connection: ,,Upgrade,"],
    ] {
        accepts(&with_lines("Connection", lines));
    }
}

#[test]
fn n30_n34_rejects_a_connection_without_upgrade() {
    let error = HandshakeError::MissingConnectionUpgrade;
    for lines in
        [&[][..], &["Connection: close"], &["Connection: Upgraded"], &["Connection: Up grade"]]
    {
        rejects(&with_lines("Connection", lines), error, 400);
    }
}

#[test]
fn n31_accepts_the_base64_of_16_bytes() {
    for (key, accept) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ("x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ] {
        let request = with_lines("Sec-WebSocket-Key", &[&format!("Sec-WebSocket-Key:\t {key} ")]);
        let answer = answer(OriginPolicy::AnyOrigin, &Acceptance::default(), &request).unwrap();
        assert!(String::from_utf8(answer).unwrap().contains(&format!("Accept: {accept}\r\n")));
    }
}

#[test]
fn n31_n34_rejects_every_other_key() {
    rejects(&with_lines("Sec-WebSocket-Key", &[]), HandshakeError::InvalidKey, 400);
    for key in [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZR==",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZSE=",
        "dGhlIHNhbXBsZSBub25jZSEh",
        "dGhlIHNhbXBsZSBub25j*Q==",
        "dGhlIHNhbXBs ZSBub25jZQ==",
    ] {
        let request = with_lines("Sec-WebSocket-Key", &[&format!("Sec-WebSocket-Key: {key}")]);
        rejects(&request, HandshakeError::InvalidKey, 400);
    }
    let twice = with_lines("Sec-WebSocket-Key", &[GOOD[3], GOOD[3]]);
    rejects(&twice, HandshakeError::DuplicateHeader("Sec-WebSocket-Key"), 400);
}

#[test]
fn n32_accepts_version_13() {
    accepts(&with_lines("Sec-WebSocket-Version", &["sec-websocket-version:13"]));
}

#[test]
fn n32_n34_rejects_other_versions_and_names_ours() {
    for lines in [
        &[][..],
        &["Sec-WebSocket-Version: 8"],
        &["Sec-WebSocket-Version: 14"],
        &["Sec-WebSocket-Version: 013"],
        &["Sec-WebSocket-Version: 13, 8"],
        &["Sec-WebSocket-Version: "],
    ] {
        let request = with_lines("Sec-WebSocket-Version", lines);
        let answer = rejects(&request, HandshakeError::WebSocketVersion, 426);
        assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"));
    }
    let twice = with_lines("Sec-WebSocket-Version", &["Sec-WebSocket-Version: 13"; 2]);
    let error = HandshakeError::DuplicateHeader("Sec-WebSocket-Version");
    assert!(rejects(&twice, error, 400).contains("\r\nSec-WebSocket-Version: 13\r\n"));
}

#[test]
fn n33_accepts_headers_in_any_order_and_case() {
    let mut lines = GOOD;
    lines.reverse();
    accepts(&head("GET / HTTP/1.1", &lines));
    let upper = ["HOST", "UPGRADE", "CONNECTION", "SEC-WEBSOCKET-KEY", "SEC-WEBSOCKET-VERSION"];
    let lines: Vec<String> =
        GOOD.iter().zip(upper).map(|(line, name)| name.to_owned() + &line[name.len()..]).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    accepts(&head("GET / HTTP/1.1", &lines));
    accepts(&with_lines("-", &["X-Unknown: anything", "Cookie: a=b"]));
}

#[test]
fn n33_n44_rejects_names_and_lines_that_are_not_http() {
    for (line, error) in [
        ("Host : example.com", HandshakeError::MalformedHead),
        (": nameless", HandshakeError::MalformedHead),
        ("N\u{e4}me: x", HandshakeError::MalformedHead),
        ("no colon", HandshakeError::MalformedHead),
        ("X: a\r\n folded", HandshakeError::FoldedHeader),
        ("X: a\nY: b", HandshakeError::BareControlByte),
        ("X: a\rY: b", HandshakeError::BareControlByte),
        ("X: a\0", HandshakeError::BareControlByte),
    ] {
        rejects(&with_lines("-", &[line]), error, 400);
    }
    rejects(b"\r\n\r\n", HandshakeError::MalformedHead, 400);
    rejects(b"\x16\x03\x01\x02\x00\r\n\r\n", HandshakeError::BareControlByte, 400);
}

#[test]
fn n34_n44_accepts_answering_a_request_that_asks_for_no_websocket() {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    assert!(!request.is_upgrade());
    let answer = request.respond(&Response::html("<p>hello</p>"));
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(answer.ends_with(b"\r\nConnection: close\r\n\r\n<p>hello</p>"));
}

#[test]
fn n44_rejects_heads_over_the_limits_with_431() {
    let limits = Limits::default();
    let filler = |len: usize| format!("X: {}", "x".repeat(len - 5));
    let base = with_lines("-", &[]).len();
    accepts(&with_lines("-", &[&filler(limits.max_handshake_bytes - base)]));
    let request = with_lines("-", &[&filler(limits.max_handshake_bytes - base + 1)]);
    rejects(&request, HandshakeError::HeadTooLong, 431);
    accepts(&with_lines("-", &["X: x"; 95]));
    rejects(&with_lines("-", &["X: x"; 96]), HandshakeError::TooManyHeaders, 431);
}

#[test]
fn n34_rejects_a_request_with_a_body() {
    for lines in [
        &["Content-Length: 5"][..],
        &["Content-Length: 00"],
        &["Content-Length: 05"],
        &["Content-Length: 0", "Content-Length: 0"],
        &["Transfer-Encoding: chunked"],
    ] {
        rejects(&with_lines("-", lines), HandshakeError::Body, 400);
    }
    let unclear = ["Transfer-Encoding: identity", "Content-Length: 0"];
    rejects(&with_lines("-", &unclear), HandshakeError::AmbiguousBody, 400);
    accepts(&with_lines("-", &["Content-Length: 0"]));
}

#[test]
fn n34_rejects_every_use_after_an_error() {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(b"\r\n\r\n");
    let mut handshake = ServerHandshake::new(&Limits::default());
    assert_eq!(handshake.receive(&mut rx).unwrap_err(), HandshakeError::MalformedHead);
    rx.clear();
    rx.extend_from_slice(&with_lines("-", &[]));
    assert_eq!(handshake.receive(&mut rx).unwrap_err(), HandshakeError::Finished);
}

#[test]
fn n35_accepts_allowed_origins_and_programs_without_one() {
    let reply = Acceptance::default();
    for (policy, line) in [
        (OriginPolicy::SameHost, "Origin: http://example.com"),
        (OriginPolicy::SameHost, "Origin: HTTPS://EXAMPLE.com:443"),
        (OriginPolicy::SameHost, "X: no origin"),
        (OriginPolicy::Listed(&["https://a.example"]), "Origin: https://a.example"),
        (OriginPolicy::AnyOrigin, "Origin: null"),
    ] {
        assert_eq!(answer(policy, &reply, &with_lines("-", &[line])).unwrap(), ACCEPTED.as_bytes());
    }
}

#[test]
fn n35_rejects_other_origins_with_403() {
    for (policy, origin) in [
        (OriginPolicy::SameHost, "http://evil.example"),
        (OriginPolicy::SameHost, "http://example.com.evil"),
        (OriginPolicy::SameHost, "http://evil-example.com"),
        (OriginPolicy::SameHost, "http://example.com:81"),
        (OriginPolicy::SameHost, "null"),
        (OriginPolicy::Listed(&["https://a.example"]), "http://a.example"),
        (OriginPolicy::Listed(&[]), "http://example.com"),
    ] {
        let request = with_lines("-", &[&format!("Origin: {origin}")]);
        rejects_origin(policy, &request, HandshakeError::Origin, 403);
    }
    let twice = with_lines("-", &["Origin: http://example.com", "Origin: http://example.com"]);
    let error = HandshakeError::DuplicateHeader("Origin");
    rejects_origin(OriginPolicy::SameHost, &twice, error, 400);
}

#[test]
fn n35_accepts_refusing_with_401_and_404_before_101() {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&with_lines("-", &[]));
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    assert_eq!(upgrade.request().path(), "/chat");
    let answer = upgrade.request().respond(&Response::not_found());
    assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    let response = Response::new(Status::UNAUTHORIZED).static_header("WWW-Authenticate", "Basic");
    let answer = upgrade.request().respond(&response);
    let expected = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\
                    Content-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&answer), expected);
    // 101 is for `accept` alone.
    assert_eq!(Status::new(101), Err(InvalidField::Status));
}

#[test]
fn n36_n39_accepts_with_the_accept_of_the_rfc() {
    accepts(&with_lines("-", &[]));
}

#[test]
fn n36_rejects_hashing_the_decoded_key() {
    // Of the nonce `the sample nonce` itself it would be another.
    let answer =
        answer(OriginPolicy::AnyOrigin, &Acceptance::default(), &with_lines("-", &[])).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let accept: Vec<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Accept: ")).collect();
    assert_eq!(accept, ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
}

/// The upgrade of a request with these further lines, and what `reply` makes of it.
fn reply(lines: &[&str], reply: &Acceptance<'_>) -> Result<String, InvalidField> {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&with_lines("-", lines));
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    let upgrade = request.upgrade(OriginPolicy::AnyOrigin).unwrap();
    let mut connection = upgrade.accept(reply, Config::default())?;
    let mut output = vec![];
    drain(&mut connection, 1, &mut output);
    Ok(String::from_utf8(output).unwrap())
}

#[test]
fn n37_n41_accepts_a_subprotocol_of_the_list() {
    for lines in [
        &["Sec-WebSocket-Protocol: chat, superchat"][..],
        &["Sec-WebSocket-Protocol: superchat", "Sec-WebSocket-Protocol: chat"],
    ] {
        let chosen = Acceptance::default().subprotocol(Some("superchat"));
        let answer = reply(lines, &chosen).unwrap();
        assert_eq!(answer.matches("Sec-WebSocket-Protocol").count(), 1);
        assert!(answer.contains("\r\nSec-WebSocket-Protocol: superchat\r\n"));
        // Or none: the header is left out.
        assert_eq!(reply(lines, &Acceptance::default()).unwrap(), ACCEPTED);
    }
}

#[test]
fn n41_accepts_lists_over_several_lines_in_the_clients_order() {
    let lines = ["Sec-WebSocket-Protocol: a, b", "sec-websocket-protocol: c"];
    every_cut(&with_lines("-", &lines), |pieces| {
        let mut handshake = ServerHandshake::new(&Limits::default());
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            let Some(request) = handshake.receive(&mut rx).unwrap() else { continue };
            let upgrade = request.upgrade(OriginPolicy::AnyOrigin).unwrap();
            assert_eq!(upgrade.subprotocols().collect::<Vec<_>>(), ["a", "b", "c"]);
            assert_eq!(upgrade.choose(&["c", "b"]), Some("b"));
            assert_eq!(upgrade.choose(&["d"]), None);
            return;
        }
        panic!("the request is whole");
    });
    accepts(&with_lines("-", &["Sec-WebSocket-Extensions: a; b=c", "Sec-WebSocket-Extensions: d"]));
}

#[test]
fn n37_rejects_any_other_subprotocol() {
    let lines = ["Sec-WebSocket-Protocol: chat"];
    for subprotocol in ["", "superchat", "Chat", "chat, x", "chat\r\nX: y"] {
        let chosen = Acceptance::default().subprotocol(Some(subprotocol));
        assert_eq!(reply(&lines, &chosen), Err(InvalidField::UnofferedSubprotocol));
        assert_eq!(reply(&[], &chosen), Err(InvalidField::UnofferedSubprotocol));
    }
}

#[test]
fn n37_n41_rejects_malformed_subprotocol_lists() {
    for list in ["a b", "a, b/c", "a\u{e4}", "\"a\""] {
        let request = with_lines("-", &[&format!("Sec-WebSocket-Protocol: {list}")]);
        rejects(&request, HandshakeError::MalformedSubprotocols, 400);
    }
    let split = with_lines("-", &["Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b c"]);
    rejects(&split, HandshakeError::MalformedSubprotocols, 400);
}

#[test]
fn n38_accepts_offers_of_extensions_by_answering_with_none() {
    accepts(&with_lines(
        "-",
        &["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"],
    ));
}

#[test]
fn n38_n39_rejects_headers_that_the_handshake_writes_itself() {
    for name in [
        "Sec-WebSocket-Extensions",
        "sec-websocket-accept",
        "Sec-WebSocket-Protocol",
        "Upgrade",
        "Connection",
    ] {
        let headers = [(name, "x")];
        let own = Acceptance::default().headers(&headers);
        assert_eq!(reply(&[], &own), Err(InvalidField::Reserved), "{name}");
    }
    for (name, value, error) in [
        ("X", "a\r\nSec-WebSocket-Extensions: x", InvalidField::Value),
        ("X", "a\nb", InvalidField::Value),
        ("X", "a\0", InvalidField::Value),
        ("X: a\r\nY", "b", InvalidField::Name),
        ("", "b", InvalidField::Name),
    ] {
        let headers = [(name, value)];
        let own = Acceptance::default().headers(&headers);
        assert_eq!(reply(&[], &own), Err(error));
    }
}

#[test]
fn n39_accepts_further_headers_behind_its_own() {
    let headers = [("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")];
    let own = Acceptance::default().headers(&headers);
    let expected = ACCEPTED.replace("\r\n\r\n", "\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n");
    assert_eq!(reply(&[], &own).unwrap(), expected);
}

/// A server that accepts as soon as it has the request, and then reads on. Nothing is written.
fn open(pieces: &[&[u8]]) -> Feed {
    let mut pieces = pieces.iter();
    let mut handshake = ServerHandshake::new(&Limits::default());
    let mut rx = RecvBuffer::new();
    let connection = loop {
        rx.extend_from_slice(pieces.next().unwrap());
        if let Some(request) = handshake.receive(&mut rx).unwrap() {
            let upgrade = request.upgrade(OriginPolicy::AnyOrigin).unwrap();
            break upgrade.accept(&Acceptance::default(), Config::default()).unwrap();
        }
    };
    let mut feed = Feed::blocked(connection);
    feed.rx = rx;
    feed.read(b"");
    pieces.for_each(|piece| _ = feed.read(piece));
    feed.write = 1;
    feed
}

#[test]
fn n40_accepts_frames_behind_the_request_and_sends_frames_behind_101() {
    let bytes =
        [with_lines("-", &[]), wire(true, [Frame::text("early"), Frame::ping("p")])].concat();
    every_cut(&bytes, |pieces| {
        let mut feed = open(pieces);
        assert!(feed.rx.is_empty());
        assert_eq!(feed.events(), [Seen::text("early"), Seen::ping("p")]);
        feed.connection.send_text("a").unwrap();
        feed.drain();
        let frames = wire(false, [Frame::pong("p"), Frame::text("a")]);
        assert_eq!(feed.output(), [ACCEPTED.as_bytes(), &frames].concat());
    });
}

#[test]
fn n40_rejects_anything_but_a_frame_behind_the_request() {
    let bytes = [&with_lines("-", &[])[..], b"GET / HTTP/1.1\r\n"].concat();
    every_cut(&bytes, |pieces| {
        let mut feed = open(pieces);
        // `G` would be a frame of opcode 7.
        let error = ProtocolError::Frame(FrameError::ReservedOpcode(7));
        assert_eq!((feed.events(), feed.error()), (&[][..], Some(error)));
        feed.drain();
        let close = Frame::close(1002, "reserved opcode").bytes();
        assert_eq!(feed.output(), [ACCEPTED.as_bytes(), &close].concat());
    });
}

#[test]
fn n42_n43_accepts_well_formed_extensions() {
    for value in ["a", "a; b; c=d", "a;b=\"c\"", "a; b=\"\\c\", d", "constructor; __proto__"] {
        accepts(&with_lines("-", &[&format!("Sec-WebSocket-Extensions: {value}")]));
    }
}

#[test]
fn n42_n43_rejects_malformed_extensions() {
    for value in [";", "a;", "a; =b", "a; b=", "a; b=\"c d\"", "a; b=\"c", "a b", "\u{e4}"] {
        let request = with_lines("-", &[&format!("Sec-WebSocket-Extensions: {value}")]);
        rejects(&request, HandshakeError::MalformedExtensions, 400);
    }
    let split = with_lines("-", &["Sec-WebSocket-Extensions: a", "Sec-WebSocket-Extensions: b;"]);
    rejects(&split, HandshakeError::MalformedExtensions, 400);
}

#[test]
fn n43_rejects_text_that_is_not_utf8_where_text_is_read() {
    let mut target = head("GET /x HTTP/1.1", &GOOD);
    target[5] = 0xFF;
    rejects(&target, HandshakeError::MalformedHead, 400);
    let mut opaque = with_lines("-", &["X: ~"]);
    *opaque.iter_mut().find(|byte| **byte == b'~').unwrap() = 0xFF;
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&opaque);
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    assert_eq!(request.headers().get("X"), None);
    assert_eq!(request.headers().all("X").collect::<Vec<_>>(), [b"\xFF"]);
}
