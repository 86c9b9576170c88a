//! What the fuzz targets check, one function for each. They panic when something is wrong, and are
//! deterministic, so that `tests/corpus.rs` can replay the corpora on a stable toolchain.

mod client;
mod http;
mod payload;
mod server;

pub use client::client;
pub use http::http;
pub use payload::payload;
pub use server::server;
