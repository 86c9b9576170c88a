//! What the benchmarks share.

#![allow(dead_code, reason = "no benchmark uses everything")]

use bytes::Buf;
use core::hint::black_box;
use core::time::Duration;
use criterion::{Bencher, Criterion};
use sansio_ws::{Config, Connection, Limits, Masks, Role};
use std::time::Instant;

/// Payload sizes: a chat line, the longest length in one byte, and powers up to what does not fit
/// into any but the last cache.
pub(crate) const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// Short enough that all benchmarks together take a few minutes.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .without_plots()
}

/// Reports the time of one of the `batch` equal things that each call of `routine` does.
pub(crate) fn iter_batch(bencher: &mut Bencher<'_>, batch: usize, mut routine: impl FnMut()) {
    bencher.iter_custom(|n| {
        let calls = n.div_ceil(batch as u64);
        let start = Instant::now();
        for _ in 0..calls {
            routine();
        }
        start.elapsed().mul_f64(n as f64 / (calls * batch as u64) as f64)
    });
}

pub(crate) fn server() -> Connection {
    Connection::new(Role::Server, config())
}

/// Draws its keys from the real generator: they are a part of what a client's frame costs.
pub(crate) fn client() -> Connection {
    Connection::new(Role::Client(Masks::from_os().unwrap()), config())
}

/// No limit on the queue, so that one connection can produce a whole stream.
fn config() -> Config {
    let limits = Limits::default().max_queued_bytes(usize::MAX).max_queued_frames(usize::MAX);
    Config::default().limits(limits)
}

/// Bytes that are neither equal nor compressible.
pub(crate) fn binary(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// Takes the queue for written, slice by slice.
pub(crate) fn drain(connection: &mut Connection) {
    let queue = connection.outgoing();
    while queue.has_remaining() {
        let written = black_box(queue.chunk()).len();
        queue.advance(written);
    }
}
