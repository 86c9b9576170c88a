//! The opening handshake. `server`: from the bytes of a browser's request to the queued answer.
//! `client`: from the URL to the checked answer, with entropy given (`client`) and with two calls
//! to the operating system for it (`client/os entropy`).
//!
//! `cargo bench --bench handshake`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

mod common;

use bytes::Buf;
use common::criterion;
use core::hint::black_box;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sansio_ws::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, OriginPolicy, ServerHandshake,
};
use sansio_ws::{Config, Limits, Masks, RecvBuffer};

/// What Chromium sends for `new WebSocket("ws://127.0.0.1:9001/chat?room=1", "chat")`.
const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/131.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Protocol: chat\r\n\r\n";

const URL: &str = "ws://127.0.0.1:9001/chat?room=1";

fn handshake(c: &mut Criterion) {
    let mut group = c.benchmark_group("handshake");
    let mut rx = RecvBuffer::new();

    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("server", |b| b.iter(|| accept(&mut rx, black_box(REQUEST))));

    group.throughput(Throughput::Elements(1));
    group.bench_function("client", |b| {
        let entropy = || (*b"the sample nonce", Masks::new(|| [1, 2, 3, 4]));
        let start = |request: &ClientRequest| {
            let (nonce, masks) = entropy();
            ClientHandshake::with_entropy(request, Config::default(), nonce, masks)
        };
        // The nonce is always the same, and so is the answer.
        let request = ClientRequest::new(URL).unwrap();
        let answer = accept(&mut rx, start(&request).outgoing().chunk());
        b.iter(|| {
            let request = ClientRequest::new(black_box(URL)).unwrap();
            let mut handshake = start(&request);
            let queue = handshake.outgoing();
            queue.advance(black_box(queue.chunk()).len());
            rx.extend_from_slice(&answer);
            let Ok(Some(Answer::Open(connection, _))) = handshake.receive(&mut rx) else {
                panic!("a correct answer was refused");
            };
            connection
        });
    });
    group.bench_function("client/start with entropy from the system", |b| {
        let request = ClientRequest::new(URL).unwrap();
        b.iter(|| ClientHandshake::new(black_box(&request), Config::default()).unwrap());
    });
    group.finish();
}

/// What a server does with a request; returns its answer.
fn accept(rx: &mut RecvBuffer, request: &[u8]) -> Vec<u8> {
    rx.extend_from_slice(request);
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(rx).unwrap().unwrap();
    let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
    let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
    let mut connection = upgrade.accept(&reply, Config::default()).unwrap();
    connection.outgoing().chunk().to_vec()
}

criterion_group! { name = benches; config = criterion(); targets = handshake }
criterion_main!(benches);
