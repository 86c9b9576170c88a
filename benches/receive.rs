//! Receiving, per message: a stream in memory is copied into the buffer in reads of at most
//! 64 KiB, as if from a socket, and turned into events.
//!
//! `server` gets masked frames: binary, text that is ASCII, text that is not, and messages of four
//! fragments. `client` gets frames without mask.
//!
//! `cargo bench --bench receive`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

mod common;

use common::{SIZES, binary, client, criterion, iter_batch, server};
use core::hint::black_box;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansio_ws::{Connection, MessageKind, RecvBuffer};

/// The most that one read delivers.
const READ: usize = 64 << 10;

/// About how long a stream is; long messages are sent at least four times.
const STREAM: usize = 256 << 10;

fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("receive");
    for size in SIZES {
        let ascii = "The quick brown fox ".repeat(size.div_ceil(20));
        let ascii = &ascii[..size];
        // Characters of one to four bytes, and blanks where the last one does not fit.
        let mut mixed = String::new();
        for char in "Ünïcödé – κόσμε, 世界 😀 ".chars().cycle() {
            if mixed.len() + char.len_utf8() > size {
                break;
            }
            mixed.push(char);
        }
        mixed.extend(core::iter::repeat_n(' ', size - mixed.len()));
        let binary = binary(size);

        group.throughput(Throughput::Bytes(size as u64));
        let mut bench =
            |name, sender: Connection, receiver: fn() -> Connection, send: &Send<'_>| {
                let messages = (STREAM / size).max(4);
                let stream = stream(sender, messages, send);
                let mut receiver = receiver();
                let mut rx = RecvBuffer::with_capacity(READ);
                group.bench_function(BenchmarkId::new(name, size), |b| {
                    iter_batch(b, messages, || {
                        assert_eq!(read(&mut receiver, &mut rx, &stream), messages);
                    });
                });
            };
        bench("server/binary", client(), server, &|c| c.send_binary(&binary).unwrap());
        bench("server/ascii", client(), server, &|c| c.send_text(ascii).unwrap());
        bench("server/mixed", client(), server, &|c| c.send_text(&mixed).unwrap());
        bench("server/fragments", client(), server, &|c| {
            for (i, part) in binary.chunks(size.div_ceil(4)).enumerate() {
                c.send_fragment(MessageKind::Binary, part, i == 3).unwrap();
            }
        });
        bench("client/binary", server(), client, &|c| c.send_binary(&binary).unwrap());
    }
    group.finish();
}

type Send<'a> = dyn Fn(&mut Connection) + 'a;

/// The bytes of the same message, sent again and again.
fn stream(mut sender: Connection, messages: usize, send: &Send<'_>) -> Vec<u8> {
    use bytes::Buf;
    for _ in 0..messages {
        send(&mut sender);
    }
    let queue = sender.outgoing();
    queue.copy_to_bytes(queue.remaining()).into()
}

/// What the loop of a program does; returns the number of events.
fn read(connection: &mut Connection, rx: &mut RecvBuffer, mut stream: &[u8]) -> usize {
    let mut events = 0;
    while !stream.is_empty() {
        let spare = rx.spare();
        let n = spare.len().min(stream.len()).min(READ);
        let (now, later) = stream.split_at(n);
        spare[..n].copy_from_slice(now);
        rx.commit(n);
        stream = later;
        while let Some(event) = connection.next_event(rx).unwrap() {
            black_box(event);
            events += 1;
        }
    }
    events
}

criterion_group! { name = benches; config = criterion(); targets = receive }
criterion_main!(benches);
