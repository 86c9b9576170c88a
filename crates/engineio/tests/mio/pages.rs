//! One port for sessions and an application's own pages.

use super::*;
use sansio_engineio::{Cookie, Cors};

#[test]
fn pages_and_sessions_share_a_connection() {
    let server = start(config());
    let mut client = server.connect();
    for _ in 0..2 {
        client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read().assert(Status::OK, "<p>hello");
        client.write(b"GET /engine.io/x HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read().assert(Status::NOT_FOUND, "not found\n");
    }
    let (id, session) = server.open(&mut client);
    client.post(&id, "4hello");
    client.read().assert(Status::OK, "ok");
    client.poll(&id);
    client.read().assert(Status::OK, "4hello");
    client.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.read().status(), 405);
    assert!(client.is_at_end(), "a body that nobody reads is no request");
    server.send(session, "later");
    let mut client = server.connect();
    client.poll(&id);
    client.read().assert(Status::OK, "4later");
    drop(client);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_held_request_holds_up_what_is_behind_it() {
    let server = start(config());
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    client.poll(&id);
    client.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.poll(&id);
    server.send(session, "first");
    client.read().assert(Status::OK, "4first");
    client.read().assert(Status::OK, "<p>hello");
    server.send(session, "second");
    client.read().assert(Status::OK, "4second");
    assert_eq!(server.end(), 0);
}

#[test]
fn every_response_says_who_may_read_it() {
    let cors = Cors::listed(["https://page.example"]).credentials(true);
    let config = Config::new(OriginPolicy::Listed(&["https://page.example"]), HostPolicy::AnyHost)
        .cors(cors)
        .cookie(Cookie::new("io").unwrap())
        .max_payload(100);
    let server = start(config);
    let mut client = server.connect();
    let origin = "Origin: https://page.example\r\n";
    let allowed = |received: &Received| {
        assert_eq!(
            received.header("Access-Control-Allow-Origin"),
            Some("https://page.example"),
            "{received:?}"
        );
        assert_eq!(received.header("Access-Control-Allow-Credentials"), Some("true"));
    };
    client.get_with("transport=polling", origin);
    let received = client.read();
    allowed(&received);
    let id = id(&String::from_utf8_lossy(&received.content));
    let cookie = format!("io={id}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(received.header("Set-Cookie"), Some(&*cookie));
    // A GET that is held keeps what it needs for its response.
    client.get_with(&format!("transport=polling&sid={id}"), origin);
    let Seen::Opened(session) = server.next() else { panic!() };
    server.send(session, "x");
    let received = client.read();
    allowed(&received);
    assert_eq!(received.header("Set-Cookie"), None, "once is enough");
    client.get_with("transport=telepathy", origin);
    allowed(&client.read());
    client.write(format!("OPTIONS /engine.io/ HTTP/1.1\r\nHost: a\r\n{origin}\r\n").as_bytes());
    let received = client.read();
    assert_eq!(received.status(), 204);
    allowed(&received);
    client.write(
        format!(
            "POST /engine.io/?EIO=4&transport=polling&sid={id} HTTP/1.1\r\nHost: a\r\n{origin}Content-Length: 101\r\n\r\n"
        )
        .as_bytes(),
    );
    let received = client.read();
    assert_eq!(received.status(), 413);
    allowed(&received);
    assert_eq!(server.end(), 0);
}

#[test]
fn a_foreign_page_gets_no_session() {
    let server = start(config());
    for headers in ["", "Connection: Upgrade\r\nUpgrade: websocket\r\n"] {
        let mut client = server.connect();
        let transport = if headers.is_empty() { "polling" } else { "websocket" };
        let headers = format!("Origin: http://evil.example\r\n{headers}");
        client.get_with(&format!("transport={transport}"), &headers);
        let received = client.read();
        match transport {
            "polling" => received
                .assert(Status::FORBIDDEN, "{\"code\":4,\"message\":\"origin not allowed\"}"),
            _ => received.assert(Status::BAD_REQUEST, "origin not allowed"),
        }
    }
    let mut client = server.connect();
    client.get("transport=polling&name=nobody");
    client.read().assert(Status::FORBIDDEN, "{\"code\":4,\"message\":\"not you\"}");
    assert_eq!(server.end(), 0);
    let server =
        start(Config::new(OriginPolicy::AnyOrigin, HostPolicy::Listed(vec!["localhost".into()])));
    let mut client = server.connect();
    client.write(b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
    assert_eq!(client.read().status(), 421, "pages, too");
    assert_eq!(server.end(), 0);
}

#[cfg(feature = "gzip")]
#[test]
fn long_responses_are_compressed_for_those_who_take_it() {
    use flate2::read::GzDecoder;

    let server = start(config());
    let mut client = server.connect();
    let (id, session) = server.open(&mut client);
    let long = "x".repeat(1023);
    let ask = |client: &mut Client, codings: &str| {
        let headers = format!("Accept-Encoding: {codings}\r\n");
        client.get_with(&format!("transport=polling&sid={id}"), &headers);
    };
    for codings in ["gzip", "deflate, GZIP;q=0.5, br"] {
        ask(&mut client, codings);
        server.send(session, &long);
        let received = client.read();
        assert_eq!(received.header("Content-Encoding"), Some("gzip"), "{codings}");
        assert!(received.content.len() < 100);
        let mut body = String::new();
        GzDecoder::new(&*received.content).read_to_string(&mut body).unwrap();
        assert!(body == format!("4{long}"));
    }
    for codings in ["", "deflate", "gzip;q=0", "gzip; q=0.000", "gzipped"] {
        ask(&mut client, codings);
        server.send(session, &long);
        let received = client.read();
        assert_eq!(received.header("Content-Encoding"), None, "{codings}");
        assert!(received.body() == format!("4{long}"));
    }
    ask(&mut client, "gzip");
    server.send(session, &long[1..]);
    assert_eq!(client.read().header("Content-Encoding"), None, "1023 bytes are short");
    ask(&mut client, "gzip");
    let packet = PreparedPacket::text(&long).compress(false);
    assert!(server.handle.send(Command::Send(session, packet)).is_ok());
    assert_eq!(client.read().header("Content-Encoding"), None, "the application said no");
    assert_eq!(server.end(), 0);
}
