//! Compression of messages: the extension permessage-deflate (RFC 7692).
//!
//! ```text
//!   Deflate ─── settings, and a pool of states that its connections use in turn
//!      │ offer, accept, confirm                    negotiation.rs
//!      ▼
//!   Parameters ── what was agreed on
//!      │
//!      ▼
//!   codec ── compressor.rs: deflate, no larger than the message was
//!         └─ decompressor.rs: inflate, no larger than there is room for
//! ```

mod codec;
mod compressor;
mod decompressor;
mod negotiation;
mod pool;

use crate::extension::{Agreement, Extension, Offer, Prepared};
use alloc::string::String;
use alloc::sync::Arc;
use pool::Pool;

/// The extension permessage-deflate: what to offer, what to accept, and how to compress.
///
/// The names of the parameters are those of RFC 7692, section 7.1, and mean the same for both
/// roles: `server_…` is about what the server sends, `client_…` about what the client sends.
#[derive(Debug, Clone)]
pub struct Deflate {
    settings: Settings,
    pool: Arc<Pool>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: u8,
    level: u8,
    mem_level: u8,
    min_bytes: usize,
    max_ratio: Option<u32>,
}

/// How one direction of a connection is compressed, as agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Direction {
    /// Each message may refer to those before it, so the state has to be kept between them.
    context_takeover: bool,
    /// 8 to 15.
    window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Self {
        let settings = Settings {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            level: 1,
            mem_level: 8,
            min_bytes: 128,
            max_ratio: None,
        };
        Self { settings, pool: Arc::new(Pool::default()) }
    }
}

impl Extension for Deflate {
    fn offer(&self) -> String {
        negotiation::offer(&self.settings)
    }

    fn accept(&self, offers: &[Offer<'_>]) -> Option<Agreement> {
        let _ = offers;
        None
    }

    fn confirm(&self, answer: &Offer<'_>) -> Option<Agreement> {
        let _ = answer;
        None
    }

    fn prepare(&self, payload: &[u8]) -> Option<Prepared> {
        codec::prepare(&self.settings, &self.pool, payload)
    }
}
