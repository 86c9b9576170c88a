//! N154 to N158: other ways to a server: redirects, proxies, HTTP/2.

use crate::support::{every_cut, masks};
use bytes::Buf;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::{
    Answer, ClientHandshake, ClientRequest, HandshakeError, InvalidField, InvalidUrl, Proxy,
    ProxyAnswer, ProxyConnect, ReceivedResponse, RedirectError, Redirects, basic_authorization,
};
use sansio_ws::{Config, Limits, RecvBuffer};

fn head(request: &ClientRequest) -> String {
    let nonce = *b"the sample nonce";
    let mut handshake = ClientHandshake::with_entropy(request, Config::default(), nonce, masks());
    let len = handshake.outgoing().remaining();
    String::from_utf8(handshake.outgoing().copy_to_bytes(len).to_vec()).unwrap()
}

fn with_secrets() -> ClientRequest {
    let request = ClientRequest::new("wss://example.com/a/b?c").unwrap();
    let request = request.header("Authorization", "Bearer 1").unwrap();
    let request = request.header("cookie", "a=b").unwrap();
    request.header("X-Other", "stays").unwrap().subprotocol("chat").unwrap()
}

#[test]
fn n154_accepts_redirects_of_every_form() {
    for (location, authority, target) in [
        ("/x?y#z", "example.com", "/x?y"),
        ("x", "example.com", "/a/x"),
        ("../x/./y", "example.com", "/x/y"),
        ("?x", "example.com", "/a/b?x"),
        ("#x", "example.com", "/a/b?c"),
        ("https://EXAMPLE.com:443", "EXAMPLE.com", "/"),
    ] {
        let request = with_secrets().redirected(location).unwrap();
        assert_eq!((&*request.authority(), request.target()), (authority, target), "{location}");
        let head = head(&request);
        let kept = ["Authorization: Bearer 1\r\n", "cookie: a=b\r\n", "X-Other: stays\r\n"];
        assert!(kept.iter().all(|line| head.contains(line)), "{head}");
        assert!(head.contains("Sec-WebSocket-Protocol: chat\r\n"));
    }
    let request = ClientRequest::new("ws://u:p@a/").unwrap();
    let basic = "Authorization: Basic dTpw\r\n";
    assert!(head(&request.redirected("/b").unwrap()).contains(basic));
    let own = with_secrets().redirected("wss://u:p@example.com/").unwrap();
    assert!(head(&own).contains(basic) && !head(&own).contains("Bearer"));
}

#[test]
fn n154_rejects_credentials_for_others_and_the_way_out_of_tls() {
    for location in ["//other.example/", "wss://example.com:444/", "https://www.example.com/a"] {
        let request = with_secrets().redirected(location).unwrap();
        let head = head(&request);
        assert!(!head.contains("Bearer") && !head.contains("a=b"), "{head}");
        assert!(head.contains("X-Other: stays\r\n"));
    }
    for (from, location) in [("ws://u:p@a/", "ws://b/"), ("ws://u:p@a/", "wss://a/")] {
        let request = ClientRequest::new(from).unwrap().redirected(location).unwrap();
        assert!(!head(&request).contains("Authorization"), "{location}");
    }
    for (location, error) in [
        ("ws://example.com/", InvalidUrl::Downgrade),
        ("http://other/", InvalidUrl::Downgrade),
        ("ftp://example.com/", InvalidUrl::Scheme),
        ("mailto:a", InvalidUrl::Scheme),
        ("//", InvalidUrl::Host),
        ("/a b", InvalidUrl::Character),
    ] {
        assert_eq!(with_secrets().redirected(location).unwrap_err(), error, "{location}");
    }
}

/// The request to a proxy, and a machine that has sent it.
fn proxy(url: &str, authorization: Option<&str>) -> (String, ProxyConnect) {
    let request = ClientRequest::new(url).unwrap();
    let mut proxy = ProxyConnect::new(&request, authorization, &Limits::default()).unwrap();
    let len = proxy.outgoing().remaining();
    let sent = proxy.outgoing().copy_to_bytes(len);
    (String::from_utf8(sent.to_vec()).unwrap(), proxy)
}

#[derive(Debug, PartialEq)]
enum Proxied {
    Connected,
    Refused(u16, Vec<u8>, bool),
    Waiting,
    Failed(HandshakeError),
}

fn proxied(answer: &[u8]) -> Proxied {
    every_cut(answer, |pieces| {
        let (_, mut proxy) = proxy("ws://a/", None);
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            match proxy.receive(&mut rx) {
                Ok(None) => {}
                Ok(Some(ProxyAnswer::Connected)) => return Proxied::Connected,
                Ok(Some(ProxyAnswer::Refused(response))) => {
                    let response = *response;
                    return Proxied::Refused(response.status, response.body, response.is_cut);
                }
                Err(error) => {
                    assert!(matches!(proxy.receive(&mut rx), Err(HandshakeError::Finished)));
                    return Proxied::Failed(error);
                }
            }
        }
        match proxy.receive_eof() {
            Some(response) => Proxied::Refused(response.status, response.body, response.is_cut),
            None => Proxied::Waiting,
        }
    })
}

#[test]
fn n155_accepts_a_way_through_a_proxy() {
    let (sent, _) = proxy("wss://example.com/x", None);
    assert_eq!(sent, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    let basic = basic_authorization("Aladdin", "open sesame").unwrap();
    let (sent, _) = proxy("ws://[::1]:9001/", Some(&basic));
    assert_eq!(
        sent,
        "CONNECT [::1]:9001 HTTP/1.1\r\nHost: [::1]:9001\r\n\
         Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
    );
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204\r\n\r\n",
        // These mean nothing here.
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(proxied(answer.as_bytes()), Proxied::Connected, "{answer}");
    }
}

#[test]
fn n155_rejects_everything_else() {
    let refused = proxied(b"HTTP/1.1 407 Who?\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(refused, Proxied::Refused(407, b"no".to_vec(), false));
    let cut = proxied(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno");
    assert_eq!(cut, Proxied::Refused(502, b"no".to_vec(), true));
    let not_http = proxied(b"SSH-2.0-x\r\n\r\n");
    assert!(matches!(not_http, Proxied::Failed(_)), "{not_http:?}");
    assert_eq!(proxied(b"HTTP/1.1 200 OK\r\n"), Proxied::Waiting);

    // What is behind the answer may come with it, or before anybody has written anything.
    let (_, mut eager) = proxy("ws://a/", None);
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n");
    assert_eq!(eager.receive(&mut rx).unwrap_err(), HandshakeError::BytesBehindAnswer);
    let request = ClientRequest::new("ws://a/").unwrap();
    let mut unsent = ProxyConnect::new(&request, None, &Limits::default()).unwrap();
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(unsent.receive(&mut rx).unwrap_err(), HandshakeError::PrematureAnswer);

    let broken = ProxyConnect::new(&request, Some("a\r\nb: c"), &Limits::default());
    assert_eq!(broken.unwrap_err(), InvalidField::Value);
    for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "\0")] {
        let basic = basic_authorization(user, password);
        assert_eq!(basic.unwrap_err(), InvalidField::Authorization);
    }
}

fn config() -> Config {
    Config::default().extension(Deflate::default())
}

#[test]
fn n156_accepts_a_connection_over_http_2() {
    let request = ClientRequest::new("wss://u:p@example.com/chat?x").unwrap();
    let request = request.subprotocol("chat").unwrap().origin("https://a").unwrap();
    let request = request.header("X-Upper", "Y").unwrap();
    assert_eq!((&*request.authority(), request.target()), ("example.com", "/chat?x"));
    let headers = request.connect_headers(&config());
    let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let offer = headers.iter().find(|(name, _)| *name == "sec-websocket-extensions").unwrap().1;
    assert!(offer.starts_with("permessage-deflate"));
    let others: Vec<_> = headers.into_iter().filter(|(_, value)| *value != offer).collect();
    assert_eq!(
        others,
        [
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat"),
            ("origin", "https://a"),
            ("authorization", "Basic dTpw"),
            ("x-upper", "Y"),
        ]
    );
    for (status, fields) in [
        (200, vec![]),
        (204, vec![("sec-websocket-protocol", &b"chat"[..])]),
        (
            200,
            vec![(
                "sec-websocket-extensions",
                &b"permessage-deflate; server_no_context_takeover"[..],
            )],
        ),
    ] {
        let opened = request.opened(status, fields.clone(), config(), masks()).unwrap();
        assert!(!opened.is_server() && !opened.wants_write());
        assert_eq!(opened.subprotocol(), (status == 204).then_some("chat"));
        let has_deflate = fields.iter().any(|(name, _)| *name == "sec-websocket-extensions");
        assert_eq!(opened.extension().is_some(), has_deflate);
    }
}

#[test]
fn n156_rejects_what_does_not_open_one() {
    let request = ClientRequest::new("wss://example.com/").unwrap();
    for status in [101, 199, 300, 403, 501] {
        let opened = request.opened(status, [], Config::default(), masks());
        assert_eq!(opened.unwrap_err(), HandshakeError::Unaccepted(status));
    }
    for (name, value, error) in [
        ("sec-websocket-protocol", &b"chat"[..], HandshakeError::UnofferedSubprotocol),
        ("sec-websocket-extensions", b"permessage-deflate", HandshakeError::UnofferedExtension),
        ("a b", b"c", HandshakeError::MalformedHead),
    ] {
        let opened = request.opened(200, [(name, value)], Config::default(), masks());
        assert_eq!(opened.unwrap_err(), error, "{name}");
    }
}

/// What a client gets that is not let in.
fn refusal(request: &ClientRequest, answer: &str) -> Box<ReceivedResponse> {
    let nonce = *b"the sample nonce";
    let mut handshake = ClientHandshake::with_entropy(request, Config::default(), nonce, masks());
    let len = handshake.outgoing().remaining();
    handshake.outgoing().advance(len);
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(answer.as_bytes());
    match handshake.receive(&mut rx).unwrap() {
        Some(Answer::Refused(response)) => response,
        other => panic!("{other:?}"),
    }
}

#[test]
fn n157_accepts_a_number_of_redirects() {
    let mut redirects = Redirects::default();
    let mut request = with_secrets();
    for (number, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let answer =
            format!("HTTP/1.1 {status} \r\nLocation: {number}\r\nContent-Length: 0\r\n\r\n");
        let next = redirects.follow(&request, &refusal(&request, &answer)).unwrap();
        request = next.unwrap();
        assert_eq!(request.target(), format!("/a/{number}"));
    }
    // What is no redirect does not count.
    let answer = "HTTP/1.1 404 Not Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    assert!(redirects.follow(&request, &refusal(&request, answer)).unwrap().is_none());
}

#[test]
fn n157_rejects_one_too_many_and_what_leads_nowhere() {
    let request = with_secrets();
    let elsewhere = |location| {
        let head = format!("HTTP/1.1 302 \r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        refusal(&request, &head)
    };
    let mut redirects = Redirects::new(1);
    assert!(redirects.follow(&request, &elsewhere("/b")).unwrap().is_some());
    let error = redirects.follow(&request, &elsewhere("/a")).unwrap_err();
    assert_eq!(error, RedirectError::TooMany(1));
    let downgrade = "ws://user:secret@example.com/";
    let error = Redirects::new(1).follow(&request, &elsewhere(downgrade)).unwrap_err();
    let (location, fault) = (downgrade.into(), InvalidUrl::Downgrade);
    assert!(!format!("{error} {error:?}").contains("secret"));
    assert_eq!(error, RedirectError::Location { location, fault });
    // Nobody wants to follow, or there is no place to go to.
    assert!(Redirects::new(0).follow(&request, &elsewhere("/b")).unwrap().is_none());
    for status in [300, 302, 304, 305, 306] {
        let head = format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\n\r\n");
        assert!(Redirects::new(1).follow(&request, &refusal(&request, &head)).unwrap().is_none());
    }
}

#[test]
fn n158_accepts_proxies_by_url() {
    for (url, host, port, authorization) in [
        ("http://proxy.example:3128", "proxy.example", 3128, None),
        ("HTTP://proxy.example/", "proxy.example", 80, None),
        ("http://us%65r:p%40ss@[::1]:8080", "::1", 8080, Some("Basic dXNlcjpwQHNz")),
    ] {
        let proxy = Proxy::new(url).unwrap();
        assert_eq!((proxy.dial_host(), proxy.port()), (host, port));
        let mut connect = proxy.connect(&with_secrets(), &Limits::default());
        let len = connect.outgoing().remaining();
        let sent = String::from_utf8(connect.outgoing().copy_to_bytes(len).to_vec()).unwrap();
        let line = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n"));
        let expected = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n";
        assert_eq!(sent, format!("{expected}{}\r\n", line.unwrap_or_default()));
        assert!(!format!("{proxy:?} {}", proxy.authority()).contains("p@ss"));
    }
}

#[test]
fn n158_rejects_what_is_no_proxy() {
    for (url, error) in [
        ("https://proxy.example", InvalidUrl::Proxy),
        ("ws://proxy.example", InvalidUrl::Proxy),
        ("http://proxy.example/path", InvalidUrl::Proxy),
        ("http://proxy.example?query", InvalidUrl::Proxy),
        ("socks5://proxy.example", InvalidUrl::Proxy),
        ("proxy.example:3128", InvalidUrl::Proxy),
        ("http://:3128", InvalidUrl::Host),
        ("http://proxy.example:0", InvalidUrl::Port),
        ("http://a@b@proxy.example", InvalidUrl::UserInfo),
        ("http://a%3Ab:c@proxy.example", InvalidUrl::UserInfo),
    ] {
        assert_eq!(Proxy::new(url).unwrap_err(), error, "{url}");
    }
}
