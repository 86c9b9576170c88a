//! A server's handshake: from the bytes of a browser's request to the answer in the sink, and a
//! connection that is dropped. Nothing is left over from the one before.

use crate::measure::{Scenario, Subject};
use crate::wire::{Output, Wire};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use core::convert::Infallible;
use core::hint::black_box;
use futures_util::FutureExt;
use futures_util::io::{BufReader, BufWriter};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Limits, RecvBuffer};
use sha1::{Digest, Sha1};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use versus::scenario::REQUEST;
use wtx::web_socket::WebSocketAcceptor;

const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(crate) fn scenarios() -> Vec<Scenario> {
    let config = Arc::new(Config::default());
    let shared = Arc::clone(&config);
    let mut buffer = RecvBuffer::new();
    let subjects = vec![
        subject("httparse, sha1, base64", limit),
        subject("ours", move |wire| ours(wire, &mut RecvBuffer::new(), &config)),
        subject("ours, one buffer for all", move |wire| ours(wire, &mut buffer, &shared)),
        subject("sockudo-ws", sockudo),
        subject("tokio-websockets", tokio_websockets),
        subject("wtx", wtx),
        subject("soketto", soketto),
        subject("tungstenite", |wire| drop(tungstenite::accept(wire).unwrap())),
        subject("fastwebsockets, hyper", |wire| {
            hyper(wire, |request| fastwebsockets::upgrade::upgrade(request).unwrap().0);
        }),
        subject("yawc, hyper", |wire| {
            hyper(wire, |request| yawc::WebSocket::upgrade(request).unwrap().0);
        }),
    ];
    vec![Scenario { group: "handshake, server", column: "browser".to_owned(), subjects }]
}

fn subject(name: &'static str, mut accept: impl FnMut(Wire) + 'static) -> Subject {
    let output = Output::default();
    let request: Arc<[u8]> = REQUEST.into();
    let answer = output.record(|| accept(Wire::once(Arc::clone(&request), output.clone())));
    let right = answer.windows(ACCEPT.len()).any(|window| window == ACCEPT)
        && (answer.starts_with(b"HTTP/1.1 101") || answer == ACCEPT)
        && (answer.ends_with(b"\r\n\r\n") || answer == ACCEPT);
    assert!(right, "{name} is wrong");
    Subject::new(name, move |times| {
        for _ in 0..times {
            accept(Wire::once(Arc::clone(black_box(&request)), output.clone()));
        }
    })
}

/// What nobody can do without.
fn limit(mut wire: Wire) {
    let mut bytes = [0; 2048];
    let n = std::io::Read::read(&mut wire, &mut bytes).unwrap();
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    assert!(request.parse(&bytes[..n]).unwrap().is_complete());
    let key = request.headers.iter().find(|header| header.name == "Sec-WebSocket-Key").unwrap();
    let guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let hash = Sha1::new().chain_update(key.value).chain_update(guid).finalize();
    let mut accept = [0; 28];
    STANDARD.encode_slice(hash, &mut accept).unwrap();
    std::io::Write::write_all(&mut wire, &accept).unwrap();
}

fn ours(mut wire: Wire, rx: &mut RecvBuffer, config: &Arc<Config>) {
    rx.read_from(&mut wire).unwrap();
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(rx).unwrap().unwrap();
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    let mut connection = upgrade.accept(&Acceptance::default(), Arc::clone(config)).unwrap();
    connection.outgoing().write_to(&mut wire).unwrap();
    black_box(&connection);
}

/// As in its example `simple_echo`.
fn sockudo(mut wire: Wire) {
    use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
    let mut bytes = BytesMut::with_capacity(4096);
    AsyncReadExt::read_buf(&mut wire, &mut bytes).now_or_never().unwrap().unwrap();
    let (request, _) = parse_request(&bytes).unwrap().unwrap();
    let accept = generate_accept_key(request.key);
    let response = build_response(&accept, None, None);
    wire.write_all(&response).now_or_never().unwrap().unwrap();
    let config = sockudo_ws::Config::default();
    black_box(sockudo_ws::protocol::Protocol::new(
        sockudo_ws::Role::Server,
        config.max_frame_size,
        config.max_message_size,
    ));
}

fn tokio_websockets(wire: Wire) {
    let builder = tokio_websockets::ServerBuilder::new();
    drop(builder.accept(wire).now_or_never().unwrap().unwrap());
}

fn wtx(wire: Wire) {
    let acceptor = WebSocketAcceptor::default().no_masking(false);
    drop(acceptor.accept(wire).now_or_never().unwrap().unwrap());
}

fn soketto(wire: Wire) {
    use soketto::handshake::{Server, server::Response};
    let accept = async {
        let mut server = Server::new(BufReader::new(BufWriter::new(wire)));
        let key = server.receive_request().await.unwrap().key();
        server.send_response(&Response::Accept { key, protocol: None }).await.unwrap();
        drop(server.into_builder().finish());
    };
    accept.now_or_never().unwrap();
}

/// For libraries that leave HTTP to hyper.
fn hyper(wire: Wire, upgrade: fn(&mut Request<Incoming>) -> Response<Empty<Bytes>>) {
    let service =
        service_fn(|mut request| async move { Ok::<_, Infallible>(upgrade(&mut request)) });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    connection.with_upgrades().now_or_never().unwrap().unwrap();
}
