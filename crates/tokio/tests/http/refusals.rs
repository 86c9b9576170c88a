//! What is no handshake, or one of somebody else, is refused with the right status over both versions.

use super::http2;
use super::servers::{Served, axum_server, hyper_server};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::ext::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HANDSHAKE: [(&str, &str); 5] = [
    ("Host", "127.0.0.1"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// The answer to a handshake of HTTP/1.1 with some headers changed or added.
async fn ask_http1(port: u16, method: &str, changed: &[(&str, &str)]) -> String {
    let mut head = format!("{method} /ws?room=1 HTTP/1.1\r\n");
    for (name, value) in HANDSHAKE {
        if !changed.iter().any(|(other, _)| *other == name) {
            head += &format!("{name}: {value}\r\n");
        }
    }
    for (name, value) in changed {
        head += &format!("{name}: {value}\r\n");
    }
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    let mut answer = vec![];
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.unwrap());
    }
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

/// That to an extended CONNECT, and its body.
async fn ask_http2(
    port: u16,
    method: Method,
    authority: &str,
    protocol: Option<&'static str>,
    headers: &[(&str, &str)],
) -> (http::Response<()>, String) {
    let mut sender = http2(port).await;
    let mut head = Request::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(format!("http://{authority}/ws?room=1"));
    if let Some(protocol) = protocol {
        head = head.extension(Protocol::from_static(protocol));
    }
    for (name, value) in headers {
        head = head.header(*name, *value);
    }
    let request = head.body(Empty::<Bytes>::new()).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (http::Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn over_http1() {
    for Served { port, .. } in [axum_server().await, hyper_server().await] {
        for (method, changed, status) in [
            ("GET", ("Origin", "http://127.0.0.1"), "101"),
            ("GET", ("Origin", "http://evil.example"), "403"),
            ("GET", ("Host", "evil.example"), "421"),
            ("GET", ("Sec-WebSocket-Version", "8"), "426"),
            ("GET", ("Upgrade", "h2c"), "426"),
            ("GET", ("Sec-WebSocket-Key", "short"), "400"),
            ("POST", ("Content-Length", "0"), "405"),
        ] {
            let answer = ask_http1(port, method, &[changed]).await;
            assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{changed:?}: {answer}");
            match status {
                "405" => assert!(answer.contains("\r\nallow: get\r\n"), "{answer}"),
                "426" if changed.0 != "Upgrade" => {
                    assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
                }
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn over_http2() {
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");

    for Served { port, .. } in [axum_server().await, hyper_server().await] {
        let own = format!("127.0.0.1:{port}");
        for (authority, protocol, headers, status) in [
            (&*own, Some("websocket"), &[VERSION, ("origin", "http://evil.example")][..], 403),
            ("evil.example", Some("websocket"), &[VERSION], 421),
            (&own, Some("websocket"), &[("sec-websocket-version", "8")], 426),
            (&own, Some("websocket"), &[], 426),
            (&own, Some("connect-udp"), &[VERSION], 501),
        ] {
            let (answer, body) =
                ask_http2(port, Method::CONNECT, authority, protocol, headers).await;
            assert_eq!(answer.status().as_u16(), status, "{authority} {protocol:?} {headers:?}");
            assert!(!body.is_empty(), "a text for a person");
            if status == 426 {
                assert_eq!(answer.headers()["sec-websocket-version"], "13");
            }
        }
        let (answer, _) = ask_http2(port, Method::GET, &own, None, &[VERSION]).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
