//! How peers are made, where decoding and encoding need the same.

use crate::wire::Wire;
use wtx::rng::Xorshift64;
use wtx::web_socket::{WebSocketBuffer, WebSocketOwned};
use yawc::Options;

/// As its server is configured here, see `servers/yawc.rs`.
pub(crate) fn yawc_options() -> Options {
    Options::default()
        .without_compression()
        .with_limits(16 << 20, 32 << 20)
        .with_read_buffer_capacity(128 * 1024)
        .with_backpressure_boundary(64 * 1024)
        .with_utf8()
}

pub(crate) type Wtx<const IS_CLIENT: bool> = WebSocketOwned<(), Xorshift64, Wire, IS_CLIENT>;

pub(crate) fn wtx<const IS_CLIENT: bool>(wire: Wire) -> Wtx<IS_CLIENT> {
    let random = Xorshift64::from(wtx::rng::simple_seed());
    Wtx::new((), false, random, wire, WebSocketBuffer::new())
}
