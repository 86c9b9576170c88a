//! What the fuzz targets check, one function for each target.
//!
//! The functions panic when something is wrong and are deterministic. They live in a library of
//! their own, apart from libFuzzer, so that `tests/corpus.rs` of the package can replay the
//! corpora with them on a stable toolchain.
//!
//! Inputs for streams and handshakes begin with three bytes of [settings](input::Input); what
//! follows is what a peer sends, so a recorded transcript needs only three bytes in front. Two
//! are in front of offers of extensions.

mod api;
mod body;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "deflate")]
mod extension;
mod handshake;
mod header;
#[path = "../../tests/support/inflate.rs"]
mod inflate;
#[cfg(feature = "deflate")]
mod inflating;
mod input;
mod oracle;
mod stream;

pub use api::api;
#[cfg(feature = "deflate")]
pub use deflate::deflate;
#[cfg(feature = "deflate")]
pub use extension::extension;
pub use handshake::{client_handshake, server_handshake};
pub use header::header;
#[cfg(feature = "deflate")]
pub use inflating::inflate;
pub use stream::{client_stream, server_stream};
