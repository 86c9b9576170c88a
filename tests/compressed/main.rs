//! Compressed messages through whole connections: however they are cut, whatever they expand to,
//! and what they allocate.
//!
//! Run with `cargo test --features deflate --test compressed`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]
#![allow(unreachable_pub, reason = "shared with other tests")]

mod bombs;
#[path = "../support/heap.rs"]
mod heap;
mod splits;
mod steady;
#[path = "../support/mod.rs"]
mod support;

use bytes::Buf;
use sansio_ws::{Connection, RecvBuffer};

/// Reads as a socket would, without an allocation of its own.
fn read(rx: &mut RecvBuffer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = bytes.len().min(rx.spare().len());
        rx.spare()[..n].copy_from_slice(&bytes[..n]);
        rx.commit(n);
        bytes = &bytes[n..];
    }
}

/// Writes all output away.
fn write(connection: &mut Connection) {
    while connection.wants_write() {
        let queue = connection.outgoing();
        queue.advance(queue.chunk().len());
    }
}

/// Bytes without an order (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}
