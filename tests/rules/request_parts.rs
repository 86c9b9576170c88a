//! N148: requests that something else has parsed, over HTTP/1.1 and over HTTP/2 (RFC 8441).

use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::{
    Acceptance, HandshakeError, InvalidField, OriginPolicy, Request, Response, ServerHandshake,
    Status,
};
use sansio_ws::{Config, Limits, RecvBuffer};

type Fields<'a> = &'a [(&'a str, &'a str)];

const UPGRADE: Fields<'_> = &[
    ("host", "a"),
    ("upgrade", "websocket"),
    ("connection", "Upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

/// What a server has in an extended CONNECT.
const EXTENDED: Fields<'_> = &[("sec-websocket-version", "13"), ("origin", "https://a")];

fn bytes<'a>(fields: Fields<'a>) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    fields.iter().map(|(name, value)| (*name, value.as_bytes()))
}

/// Fields with one of them replaced, or left out.
fn with_field<'a>(
    fields: Fields<'a>,
    name: &'a str,
    value: Option<&'a str>,
) -> Vec<(&'a str, &'a str)> {
    let others = fields.iter().filter(|field| field.0 != name).copied();
    others.chain(value.map(|value| (name, value))).collect()
}

#[test]
fn n27_n131_n132_accepts_and_rejects_parts_as_it_does_bytes() {
    let mut verdicts = [0, 0];
    for method in ["GET", "POST", "CONNECT"] {
        for target in ["/chat?x", "http://b/", "*", "x", "/#", "/\u{e4}"] {
            for (name, value) in [
                ("x", Some("y")),
                ("host", None),
                ("host", Some("a b")),
                ("host", Some("b:80")),
                ("content-length", Some("abc")),
                ("content-length", Some("5")),
                ("upgrade", None),
                ("sec-websocket-key", Some("short")),
                ("origin", Some("http://a")),
                ("origin", Some("http://b")),
            ] {
                let fields = with_field(UPGRADE, name, value);
                let lines: String = fields.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
                let mut rx = RecvBuffer::new();
                rx.extend_from_slice(
                    format!("{method} {target} HTTP/1.1\r\n{lines}\r\n").as_bytes(),
                );
                let mut server = ServerHandshake::new(&Limits::default());
                let verdict = |request: Result<Request<'_>, HandshakeError>| {
                    let request = request.map_err(|error| error.status())?;
                    let upgrade = request.upgrade(OriginPolicy::SameHost).map(|_| ());
                    Ok::<_, Status>((
                        request.path().to_owned(),
                        request.host().map(str::to_owned),
                        upgrade,
                    ))
                };
                let parsed = verdict(server.receive(&mut rx).map(Option::unwrap));
                let parts = verdict(Request::from_parts(method, target, bytes(&fields)));
                assert_eq!(parts, parsed, "{method} {target} {name}: {value:?}");
                verdicts[usize::from(matches!(parts, Ok((_, _, Ok(())))))] += 1;
            }
        }
    }
    assert!(verdicts.iter().all(|count| *count >= 5), "{verdicts:?}");
    for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d"), ("a", "\0")] {
        let fields = with_field(UPGRADE, name, Some(value));
        let refused = Request::from_parts("GET", "/", bytes(&fields));
        assert_eq!(refused.unwrap_err(), HandshakeError::MalformedHead, "{name}: {value:?}");
    }
}

#[test]
fn n39_accepts_a_head_to_be_sent_by_somebody_else() {
    let fields = with_field(UPGRADE, "sec-websocket-protocol", Some("chat"));
    let request = Request::from_parts("GET", "/", bytes(&fields)).unwrap();
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    let reply = Acceptance::default().subprotocol(Some("chat")).headers(&[("X-Test", "a: b")]);
    let (head, mut connection) = upgrade.accept_head(&reply, Config::default()).unwrap();
    assert_eq!(head.status(), 101);
    let expected = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "chat"),
        ("X-Test", "a: b"),
    ];
    assert!(head.headers().eq(expected));
    assert_eq!((connection.queued(), connection.subprotocol()), (0, Some("chat")));
    connection.send_text("first").unwrap();
    assert_eq!(connection.queued(), 7, "nothing goes before it");
}

#[test]
fn n148_accepts_an_extended_connect_with_200() {
    let offer = ("sec-websocket-extensions", "permessage-deflate");
    let fields = [EXTENDED, &[offer, ("sec-websocket-protocol", "chat")]].concat();
    let request = Request::extended_connect("a", "/chat?x=1", bytes(&fields)).unwrap();
    assert!(request.is_upgrade());
    assert_eq!((request.method(), request.path(), request.host()), ("CONNECT", "/chat", Some("a")));
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
    let config = Config::default().extension(Deflate::default());
    let (head, connection) = upgrade.accept_head(&reply, config).unwrap();
    assert_eq!(head.status(), 200);
    let names: Vec<_> = head.headers().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"],
        "neither upgrade nor accept"
    );
    assert!(connection.is_server() && connection.queued() == 0);
    assert!(connection.extension().is_some());
}

#[test]
fn n148_rejects_what_a_handshake_must_not_be_over_http_2_either() {
    for (authority, path, error) in [
        ("a b", "/", HandshakeError::InvalidHost),
        ("", "/", HandshakeError::InvalidHost),
        ("a", "*", HandshakeError::Target),
        ("a", "http://a/", HandshakeError::Target),
        ("a", "/#", HandshakeError::Target),
    ] {
        let refused = Request::extended_connect(authority, path, bytes(EXTENDED));
        assert_eq!(refused.unwrap_err(), error, "{authority} {path}");
    }
    for (name, value, error) in [
        ("sec-websocket-version", Some("8"), HandshakeError::WebSocketVersion),
        ("sec-websocket-version", None, HandshakeError::WebSocketVersion),
        ("sec-websocket-protocol", Some("a b"), HandshakeError::MalformedSubprotocols),
        ("sec-websocket-extensions", Some(";"), HandshakeError::MalformedExtensions),
        ("origin", Some("https://b"), HandshakeError::Origin),
    ] {
        let fields = with_field(EXTENDED, name, value);
        let request = Request::extended_connect("a", "/", bytes(&fields)).unwrap();
        assert_eq!(request.upgrade(OriginPolicy::SameHost).unwrap_err(), error, "{name}");
    }
    let request = Request::extended_connect("a", "/", bytes(EXTENDED)).unwrap();
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    let refused = upgrade.accept(&Acceptance::default(), Config::default()).map(|_| ());
    assert_eq!(refused, Err(InvalidField::ExtendedConnect), "it has no response of HTTP/1.1");
}

#[test]
fn n32_accepts_reading_back_what_a_refusal_says() {
    let response = HandshakeError::WebSocketVersion.response();
    let fields: Vec<_> = response.headers().collect();
    assert!(fields.contains(&("Sec-WebSocket-Version", "13")), "{fields:?}");
    assert_eq!(response.into_body(), b"Sec-WebSocket-Version must be 13\n");
    assert_eq!(Response::not_found().headers().count(), 1);
}
