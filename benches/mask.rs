//! Masking, per payload: in place, and fused with a copy. `memcpy` is the limit: it moves the same
//! bytes and does nothing to them.
//!
//! `cargo bench --bench mask`

#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so and stop")]

mod common;

use common::{SIZES, binary, criterion};
use core::hint::black_box;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sansio_ws::mask::Mask;

fn mask(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for size in SIZES {
        let payload = binary(size);
        let mut out = Vec::with_capacity(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("memcpy", size), |b| {
            b.iter(|| {
                out.clear();
                out.extend_from_slice(black_box(&payload));
                black_box(out.as_slice());
            });
        });
        group.bench_function(BenchmarkId::new("append", size), |b| {
            b.iter(|| {
                out.clear();
                Mask::new(black_box([1, 2, 3, 4])).append(black_box(&payload), &mut out);
                black_box(out.as_slice());
            });
        });
        group.bench_function(BenchmarkId::new("apply", size), |b| {
            let mut payload = payload.clone();
            b.iter(|| Mask::new(black_box([1, 2, 3, 4])).apply(black_box(&mut payload)));
        });
    }
    group.finish();
}

criterion_group! { name = benches; config = criterion(); targets = mask }
criterion_main!(benches);
