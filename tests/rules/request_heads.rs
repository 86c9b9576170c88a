//! N131 to N139: heads of requests, plain ones and upgrades alike (RFC 9110, RFC 9112).

use crate::support::every_cut;
use sansio_ws::handshake::{HandshakeError, OriginPolicy, ServerHandshake};
use sansio_ws::{Limits, RecvBuffer};

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// What a server reads of a request, however it is cut.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    path: String,
    host: Option<String>,
    upgrade: Result<(), HandshakeError>,
}

fn read_within(
    limits: &Limits,
    origin: OriginPolicy<'_>,
    head: &str,
) -> Result<Read, HandshakeError> {
    every_cut(head.as_bytes(), |pieces| {
        let mut handshake = ServerHandshake::new(limits);
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            if let Some(request) = handshake.receive(&mut rx)? {
                let path = request.path().into();
                let host = request.host().map(String::from);
                return Ok(Read { path, host, upgrade: request.upgrade(origin).map(|_| ()) });
            }
        }
        panic!("neither a request nor an error: {head:?}");
    })
}

fn read(head: &str) -> Result<Read, HandshakeError> {
    read_within(&Limits::default(), OriginPolicy::SameHost, head)
}

/// Both a plain request and an upgrade have this path and host.
#[track_caller]
fn accepts(first: &str, lines: &str, path: &str, host: Option<&str>) {
    for (more, is_upgrade) in [("", false), (UPGRADE, true)] {
        let read = read(&format!("{first}\r\n{lines}{more}\r\n")).unwrap();
        assert_eq!((&*read.path, read.host.as_deref()), (path, host), "{first} {lines}");
        if is_upgrade && first.starts_with("GET") && first.ends_with("1.1") {
            assert_eq!(read.upgrade, Ok(()), "{first} {lines}");
        }
    }
}

/// Neither a plain request nor an upgrade is returned.
#[track_caller]
fn rejects(first: &str, lines: &str, error: HandshakeError) {
    for more in ["", UPGRADE] {
        let head = format!("{first}\r\n{lines}{more}\r\n");
        assert_eq!(read(&head), Err(error), "{first} {lines}");
    }
    let answer = String::from_utf8(error.response().encode()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn n131_accepts_each_form_of_target_where_it_belongs() {
    for (first, path, host) in [
        ("GET / HTTP/1.1", "/", "h"),
        ("GET /a?b=/c HTTP/1.1", "/a", "h"),
        ("GET //a HTTP/1.1", "//a", "h"),
        ("GET http://a?x=/admin HTTP/1.1", "/", "a"),
        ("GET https://a HTTP/1.1", "/", "a"),
        ("GET ws://a:80/b HTTP/1.1", "/b", "a:80"),
        ("GET WSS://a/b?c HTTP/1.1", "/b", "a"),
        ("OPTIONS * HTTP/1.1", "*", "h"),
        ("CONNECT a:443 HTTP/1.1", "", "a:443"),
    ] {
        accepts(first, "Host: h\r\n", path, Some(host));
    }
}

#[test]
fn n131_rejects_everything_else() {
    for target in [
        "*",
        "a",
        "a:443",
        "x?y=://z/q",
        "://h/admin",
        "ftp://a/",
        "http:///a",
        "http://u@a/",
        "/#",
        "/a#b",
        "http://a#b",
        "/\u{e4}",
        "http://\u{e4}/",
    ] {
        rejects(&format!("GET {target} HTTP/1.1"), "Host: h\r\n", HandshakeError::Target);
    }
    for target in ["/", "a", "http://a:443/"] {
        rejects(&format!("CONNECT {target} HTTP/1.1"), "Host: h\r\n", HandshakeError::Target);
    }
}

#[test]
fn n132_accepts_hosts_with_any_port() {
    for host in
        ["a", "a:", "a:0080", "a.b-c:9001", "127.0.0.1:80", "[::1]", "[fd00::1]:8081", "%41"]
    {
        accepts("GET / HTTP/1.1", &format!("Host: {host}\r\n"), "/", Some(host));
    }
}

#[test]
fn n132_rejects_what_is_no_host() {
    for host in [
        "",
        "a b",
        "a/b",
        "u@a",
        "a:b:c",
        "fd00::1:8081",
        "a,b",
        "a, a",
        "a:x",
        "a:65536",
        "[::1",
        "%4",
        "\u{e4}",
        "http://a",
    ] {
        let line = format!("Host: {host}\r\n");
        rejects("GET / HTTP/1.1", &line, HandshakeError::InvalidHost);
        rejects("GET / HTTP/1.0", &line, HandshakeError::InvalidHost);
        rejects("GET http://a/ HTTP/1.1", &line, HandshakeError::InvalidHost);
    }
}

#[test]
fn n133_accepts_no_host_in_http_1_0() {
    accepts("GET / HTTP/1.0", "", "/", None);
    accepts("GET / HTTP/1.0", "Host: a\r\n", "/", Some("a"));
}

#[test]
fn n133_rejects_no_host_or_two() {
    for first in ["GET / HTTP/1.1", "POST / HTTP/1.1", "GET http://a/ HTTP/1.1"] {
        rejects(first, "", HandshakeError::MissingHost);
    }
    for first in ["GET / HTTP/1.1", "GET / HTTP/1.0"] {
        for lines in ["Host: a\r\nHost: a\r\n", "Host: a\r\nX: y\r\nhost: b\r\n"] {
            rejects(first, lines, HandshakeError::DuplicateHeader("Host"));
        }
    }
}

/// An upgrade by a page of `http://a`.
fn from_a(target: &str, host: &str) -> Result<(), HandshakeError> {
    let head =
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://a\r\n{UPGRADE}\r\n");
    read(&head)?.upgrade
}

#[test]
fn n134_accepts_the_host_of_the_target_in_place_of_host() {
    for target in ["http://a/", "http://A:80/", "ws://a:?b", "http://a:0080"] {
        assert_eq!(from_a(target, "b"), Ok(()), "{target}");
    }
    for host in ["a", "A:80", "a:", "a:0080"] {
        assert_eq!(from_a("/", host), Ok(()), "{host}");
    }
}

#[test]
fn n134_rejects_a_page_of_host_when_the_target_names_another() {
    for target in ["http://b/", "http://a:81/", "ws://a.b/"] {
        assert_eq!(from_a(target, "a"), Err(HandshakeError::Origin), "{target}");
    }
}

#[test]
fn n135_accepts_one_length() {
    for lines in ["", "Content-Length: 0\r\n"] {
        accepts("GET / HTTP/1.1", &format!("Host: a\r\n{lines}"), "/", Some("a"));
    }
    for lines in [
        "Content-Length: 5\r\n",
        "Content-Length: 05\r\n",
        "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: 18446744073709551615\r\n",
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        assert!(read(&head).is_ok(), "{lines}");
        // An upgrade has no body at all.
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}{UPGRADE}\r\n");
        assert_eq!(read(&head).unwrap().upgrade, Err(HandshakeError::Body), "{lines}");
    }
}

#[test]
fn n135_rejects_other_lengths() {
    for lines in [
        "Content-Length:\r\n",
        "Content-Length: abc\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1 1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 1,\r\n",
        "Content-Length: 1, 2\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 18446744073709551616\r\n",
    ] {
        for first in ["GET / HTTP/1.1", "POST / HTTP/1.0"] {
            rejects(first, &format!("Host: a\r\n{lines}"), HandshakeError::ContentLength);
        }
    }
}

#[test]
fn n136_accepts_an_empty_line_before_the_request() {
    accepts("\r\nGET / HTTP/1.1", "Host: a\r\n", "/", Some("a"));
}

#[test]
fn n136_rejects_more_than_that() {
    for (before, error) in [
        ("\r\n\r\n", HandshakeError::MalformedHead),
        ("\n", HandshakeError::BareControlByte),
        ("\r", HandshakeError::BareControlByte),
        ("\r\n\n", HandshakeError::BareControlByte),
        (" \r\n", HandshakeError::MalformedHead),
    ] {
        rejects(&format!("{before}GET / HTTP/1.1"), "Host: a\r\n", error);
    }
}

#[test]
fn n136_rejects_a_head_that_is_too_long_with_the_empty_line() {
    let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = Limits::default().max_handshake_bytes(head.len());
    let read = |head: &str| read_within(&limits, OriginPolicy::AnyOrigin, head);
    assert!(read(head).is_ok());
    assert_eq!(read(&format!("\r\n{head}")), Err(HandshakeError::HeadTooLong));
}

const LISTS: [&str; 2] = ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"];

#[test]
fn n137_accepts_lists_with_empty_elements_or_none() {
    for name in LISTS {
        for lines in [&[""][..], &[" "], &[",", "\t, ,"], &[", a,,b ,"], &["", "a"], &["a", ","]] {
            let lines: String = lines.iter().map(|line| format!("{name}: {line}\r\n")).collect();
            accepts("GET / HTTP/1.1", &format!("Host: a\r\n{lines}"), "/", Some("a"));
        }
    }
}

#[test]
fn n137_rejects_lists_with_a_malformed_element() {
    let errors = [HandshakeError::MalformedSubprotocols, HandshakeError::MalformedExtensions];
    for (name, error) in LISTS.into_iter().zip(errors) {
        for list in [", a b", "a,,\u{e4}", ",;"] {
            let head =
                format!("GET / HTTP/1.1\r\nHost: a\r\n{name}:\r\n{name}: {list}\r\n{UPGRADE}\r\n");
            assert_eq!(read(&head).unwrap().upgrade, Err(error), "{list}");
        }
    }
}

fn from(origin: &str, listed: &[&str]) -> Result<(), HandshakeError> {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\n{UPGRADE}\r\n");
    read_within(&Limits::default(), OriginPolicy::Listed(listed), &head).unwrap().upgrade
}

#[test]
fn n138_accepts_origins_listed_byte_for_byte() {
    for origin in ["file://", "null", "http://localhost/", "capacitor://localhost"] {
        assert_eq!(from(origin, &["https://b", origin]), Ok(()), "{origin}");
    }
}

#[test]
fn n138_rejects_origins_that_only_look_like_one() {
    for (origin, listed) in [
        ("null", "file://"),
        ("Null", "null"),
        ("file:///", "file://"),
        ("http://localhost", "http://localhost/"),
        ("http://localhost//", "http://localhost/"),
    ] {
        assert_eq!(from(origin, &[listed]), Err(HandshakeError::Origin), "{origin}");
    }
}

/// What a server that goes by these names says to a plain request.
fn named(first: &str, host: &str, hosts: &[&str]) -> Result<(), HandshakeError> {
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(format!("{first}\r\n{host}\r\n").as_bytes());
    let mut handshake = ServerHandshake::new(&Limits::default());
    handshake.receive(&mut rx).unwrap().unwrap().check_host(hosts)
}

#[test]
fn n139_accepts_the_hosts_of_a_list() {
    let hosts = ["localhost", "[::1]", "127.0.0.1:9001"];
    for host in ["localhost", "LOCALHOST:9001", "[::1]:80", "127.0.0.1:9001", "127.0.0.1:09001"] {
        let line = format!("Host: {host}\r\n");
        assert_eq!(named("GET / HTTP/1.1", &line, &hosts), Ok(()), "{host}");
    }
    assert_eq!(named("GET http://localhost/ HTTP/1.1", "Host: evil\r\n", &hosts), Ok(()));
    assert_eq!(named("GET / HTTP/1.0", "", &hosts), Ok(()), "no browser");
}

#[test]
fn n139_rejects_all_others_with_421() {
    let hosts = ["localhost", "127.0.0.1:9001"];
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1", "127.0.0.1:80", "127.0.0.2:9001"]
    {
        let line = format!("Host: {host}\r\n");
        assert_eq!(
            named("GET / HTTP/1.1", &line, &hosts),
            Err(HandshakeError::ForeignHost),
            "{host}"
        );
    }
    let line = "Host: localhost\r\n";
    let evil = named("GET http://evil.example/ HTTP/1.1", line, &hosts);
    assert_eq!(evil, Err(HandshakeError::ForeignHost));
    assert_eq!(named("GET / HTTP/1.1", line, &[]), Err(HandshakeError::ForeignHost));
    assert_eq!(HandshakeError::ForeignHost.response().status().code(), 421);
}
