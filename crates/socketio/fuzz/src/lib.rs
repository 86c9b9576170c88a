//! What the fuzz targets check, one function for each. They panic when something is wrong, and are
//! deterministic, so that `tests/corpus.rs` can replay the corpora on a stable toolchain.

mod packet;
mod reader;

pub use packet::packet;
