//! States of compression that nobody uses at the moment.

#[derive(Debug, Default)]
pub(super) struct Pool;
