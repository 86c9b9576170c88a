//! What several tests use.

pub mod client;
pub mod driver;
pub mod network;
