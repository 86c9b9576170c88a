//! Sending, per message: `queue` is the cost of queuing it and of advancing over it, without a
//! socket.
//!
//! `loopback` guards `COALESCE_LIMIT` in `src/send_queue.rs`: frames go to a TCP socket,
//! either `copied` behind their header into one slice, or as `two slices` in one vectored write.
//! The limit is right while copying is not slower below it, nor much faster above it. Another
//! thread reads, so both cores are needed, and differences of a few per cent mean nothing.
//!
//! `cargo bench --bench send`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

mod common;

use bytes::Bytes;
use common::{SIZES, binary, client, criterion, drain, server};
use core::hint::black_box;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansio_ws::frame::{Header, MAX_HEADER_LEN, Opcode};
use sansio_ws::{Connection, MessageKind};
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn queue(c: &mut Criterion) {
    let mut group = c.benchmark_group("send/queue");
    for size in SIZES {
        let payload = binary(size);
        let shared = Bytes::from(payload.clone());
        group.throughput(Throughput::Bytes(size as u64));
        let mut bench = |name, mut connection: Connection, send: &dyn Fn(&mut Connection)| {
            group.bench_function(BenchmarkId::new(name, size), |b| {
                b.iter(|| {
                    send(&mut connection);
                    drain(&mut connection);
                });
            });
        };
        bench("server/binary", server(), &|c| c.send_binary(black_box(&payload)).unwrap());
        bench("server/bytes", server(), &|c| {
            c.send_bytes(MessageKind::Binary, black_box(&shared).clone()).unwrap();
        });
        bench("client/binary", client(), &|c| c.send_binary(black_box(&payload)).unwrap());
    }
    group.finish();
}

fn loopback(c: &mut Criterion) {
    let mut group = c.benchmark_group("send/loopback");
    let (mut socket, reader) = connect();
    for size in [512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10] {
        let payload = binary(size);
        let mut header = [0; MAX_HEADER_LEN];
        let len = Header::new(Opcode::Binary, true, size as u64).unwrap().encode(&mut header);
        let header = &header[..len];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("copied", size), |b| {
            let mut frame = Vec::new();
            b.iter(|| {
                frame.clear();
                frame.extend_from_slice(header);
                frame.extend_from_slice(black_box(&payload));
                socket.write_all(&frame).unwrap();
            });
        });
        group.bench_function(BenchmarkId::new("two slices", size), |b| {
            b.iter(|| write_both(&mut socket, header, black_box(&payload)));
        });
    }
    group.finish();
    drop(socket);
    reader.join().unwrap();
}

/// One vectored write, unless the socket takes less.
fn write_both(socket: &mut TcpStream, header: &[u8], payload: &[u8]) {
    let mut written =
        socket.write_vectored(&[IoSlice::new(header), IoSlice::new(payload)]).unwrap();
    if written < header.len() {
        socket.write_all(&header[written..]).unwrap();
        written = header.len();
    }
    socket.write_all(&payload[written - header.len()..]).unwrap();
}

/// A socket, and the thread that reads its other end until it is closed.
fn connect() -> (TcpStream, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; 256 << 10];
        while peer.read(&mut buffer).unwrap() > 0 {}
    });
    (socket, reader)
}

criterion_group! { name = benches; config = criterion(); targets = queue, loopback }
criterion_main!(benches);
