//! One test, at least, that accepts and one that rejects for every rule in `docs/RULES.md`; each
//! names its rules: `n53_n54_rejects_...`. `traceability.rs` holds the two together.
//!
//! Run with `cargo test --test rules`; one rule with `cargo test --test rules n53`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod bodies;
mod closing;
mod control;
#[cfg(feature = "deflate")]
mod deflate_messages;
#[cfg(feature = "deflate")]
mod deflate_negotiation;
#[cfg(feature = "deflate")]
mod deflate_sending;
mod fragmentation;
mod framing;
mod handshake_client;
mod handshake_server;
mod request_heads;
#[cfg(feature = "deflate")]
mod request_parts;
mod sending;
mod text;
mod traceability;
mod urls;
#[cfg(feature = "deflate")]
mod ways;

use sansio_ws::{Connection, ProtocolError};
use support::frame::{Frame, wire};
use support::{Seen, Trace, received};

/// Feeds frames of the peer in every way, each masked if `side` is a server.
fn receives(side: impl Fn() -> Connection, frames: impl IntoIterator<Item = Frame>) -> Trace {
    received(&side, &wire(side().is_server(), frames))
}

/// What a fresh connection does with frames that break no rule: these events, and this output.
#[track_caller]
fn accepts(
    side: impl Fn() -> Connection,
    frames: impl IntoIterator<Item = Frame>,
    events: &[Seen],
    output: impl IntoIterator<Item = Frame>,
) {
    let trace = receives(&side, frames);
    assert_eq!(trace.error, None);
    assert_eq!(trace.events, events);
    assert_eq!(trace.output, wire(!side().is_server(), output));
}

/// What a fresh connection does with bytes that break a rule: it hands out what came before,
/// fails with `error`, sends Close with `code` and nothing else, and ends the transport.
#[track_caller]
fn fails(
    side: impl Fn() -> Connection,
    bytes: &[u8],
    events: &[Seen],
    error: ProtocolError,
    code: u16,
) {
    let trace = received(&side, bytes);
    assert_eq!(trace.events, events);
    assert_eq!(trace.error, Some(error));
    assert_eq!(trace.output, wire(!side().is_server(), [Frame::close(code, error.description())]));
    assert_eq!(trace.transport, sansio_ws::Transport::ShutdownWrite);
    assert_eq!(trace.ended, sansio_ws::Ended::Protocol(error));
}

/// The same for frames, each masked if `side` is a server.
#[track_caller]
fn rejects(
    side: impl Fn() -> Connection,
    frames: impl IntoIterator<Item = Frame>,
    events: &[Seen],
    error: ProtocolError,
    code: u16,
) {
    let bytes = wire(side().is_server(), frames);
    fails(side, &bytes, events, error, code);
}
