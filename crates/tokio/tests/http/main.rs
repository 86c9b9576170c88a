//! WebSockets within servers of hyper and axum, over HTTP/1.1 and HTTP/2 from one route.

#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod ends;
mod opening;
mod refusals;
mod servers;

use bytes::Bytes;
use http_body_util::Empty;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Event};
use sansio_ws_tokio::WebSocket;
use sansio_ws_tokio::http::{Answer, Upgraded, connect, open_http2};
use servers::{Served, axum_server, hyper_server};
use tokio::net::TcpStream;

type SendRequest = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

/// A client of HTTP/2 that has heard the settings of the server.
async fn http2(port: u16) -> SendRequest {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    open_http2(socket, Timeouts::default()).await.unwrap()
}

async fn by_http2(port: u16, config: Config) -> WebSocket<Upgraded> {
    let mut sender = http2(port).await;
    let request = request(port);
    match connect(&mut sender, &request, config, Timeouts::default()).await.unwrap() {
        Answer::Open(socket, _) => socket,
        Answer::Refused(response) => panic!("{response:?}"),
    }
}

async fn by_http1(port: u16, config: Config) -> WebSocket<TcpStream> {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    WebSocket::connect(socket, &request(port), config, Timeouts::default()).await.unwrap()
}

fn request(port: u16) -> ClientRequest {
    let request = ClientRequest::new(&format!("http://127.0.0.1:{port}/ws?room=1")).unwrap();
    request.subprotocol("chat.v2").unwrap().subprotocol("chat.v1").unwrap()
}

async fn exercise<S>(mut socket: WebSocket<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    assert_eq!(socket.subprotocol(), Some("chat.v1"));
    for len in [0, 1, 125, 70_000, 3 << 20] {
        let text = "x".repeat(len);
        socket.send_text(&text).await.unwrap();
        assert!(socket.read().await.unwrap() == Some(Event::Text(&text)), "{len}");
    }
    socket.send_text("close").await.unwrap();
    let Some(Event::Close(reason)) = socket.read().await.unwrap() else { panic!("no Close") };
    assert_eq!((reason.code, reason.reason), (CloseCode::new(3001), "enough"));
    assert!(socket.read().await.unwrap().is_none());
    assert!(socket.ended().unwrap().is_clean());
}

#[cfg(feature = "deflate")]
fn compressing() -> Config {
    Config::default().extension(sansio_ws::deflate::Deflate::default())
}

#[tokio::test]
async fn both_versions_of_http_lead_to_one_route() {
    for Served { port, ends, .. } in [axum_server().await, hyper_server().await] {
        exercise(by_http1(port, Config::default()).await).await;
        exercise(by_http2(port, Config::default()).await).await;
        #[cfg(feature = "deflate")]
        {
            let mut socket = by_http1(port, compressing()).await;
            assert!(socket.connection().extension().is_some());
            exercise(socket).await;
            let mut socket = by_http2(port, compressing()).await;
            assert!(socket.connection().extension().is_some());
            exercise(socket).await;
        }
        let count = if cfg!(feature = "deflate") { 4 } else { 2 };
        for _ in 0..count {
            assert!(ends.recv().await.unwrap().unwrap().is_clean());
        }
    }
}

/// Several WebSockets share one connection of HTTP/2.
#[tokio::test]
async fn many_on_one_connection() {
    let Served { port, .. } = axum_server().await;
    let mut sender = http2(port).await;
    let mut sockets = vec![];
    for number in 0..20 {
        let request = request(port);
        let opened = connect(&mut sender, &request, Config::default(), Timeouts::default()).await;
        let Answer::Open(mut socket, head) = opened.unwrap() else { panic!("refused") };
        assert_eq!(head.status(), 200);
        socket.send_text(&number.to_string()).await.unwrap();
        sockets.push(socket);
    }
    for (number, socket) in sockets.iter_mut().enumerate().rev() {
        assert_eq!(socket.read().await.unwrap(), Some(Event::Text(&number.to_string())));
    }
}
