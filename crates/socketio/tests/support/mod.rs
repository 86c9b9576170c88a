//! What several tests use.

pub mod driver;
