//! The same methods, which do nothing.

use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Connection, ProtocolError};
use std::io::IoSlice;

#[derive(Debug)]
pub(crate) struct Trace;

impl Trace {
    pub(crate) const fn none() -> Self {
        Self
    }

    pub(crate) fn open(_: &Connection, _: &[u8]) -> Self {
        Self
    }

    pub(crate) fn peer(&self, _: &ClientRequest) {}

    pub(crate) fn received(&mut self, _: &[u8]) {}

    pub(crate) fn sent(&mut self, _: &[IoSlice<'_>], _: usize) {}

    pub(crate) fn failed(&mut self, _: &ProtocolError) {}

    pub(crate) fn observe(&mut self, _: &Connection) {}
}
