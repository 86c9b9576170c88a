//! One message to 500 connections of a server, per broadcast: framed once and shared
//! (`prepared`), or framed for each (`each`). Every connection's queue is drained as if written.
//!
//! `cargo bench --bench broadcast`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

mod common;

use common::{SIZES, binary, criterion, drain, server};
use core::hint::black_box;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansio_ws::PreparedMessage;

const CONNECTIONS: usize = 500;

fn broadcast(c: &mut Criterion) {
    let mut group = c.benchmark_group("broadcast");
    for size in SIZES {
        // Framed for each, this would be memory bandwidth and nothing else.
        let each_too = size <= 64 << 10;
        let payload = binary(size);
        let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| server()).collect();
        group.throughput(Throughput::Elements(CONNECTIONS as u64));
        group.bench_function(BenchmarkId::new("prepared", size), |b| {
            b.iter(|| {
                let message = PreparedMessage::binary(black_box(&payload));
                for connection in &mut connections {
                    connection.send_prepared(&message).unwrap();
                    drain(connection);
                }
            });
        });
        if each_too {
            group.bench_function(BenchmarkId::new("each", size), |b| {
                b.iter(|| {
                    for connection in &mut connections {
                        connection.send_binary(black_box(&payload)).unwrap();
                        drain(connection);
                    }
                });
            });
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = broadcast }
criterion_main!(benches);
