//! The state of permessage-deflate on one connection (RFC 7692, sections 6 and 7.2).

use super::{Direction, Pool, Settings};
use crate::extension::{Codec, DecodeError, Decoded, Piece, Prepared};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A place for the real one: sends everything as it is, and decodes nothing.
#[derive(Debug)]
struct Plain;

pub(super) fn codec(
    settings: &Settings,
    pool: &Arc<Pool>,
    sending: Direction,
    receiving: Direction,
) -> Box<dyn Codec> {
    let _ = (settings, pool, sending, receiving);
    Box::new(Plain)
}

impl Codec for Plain {
    fn encode(&mut self, _: &[u8], _: Piece, _: &mut Vec<u8>) -> bool {
        false
    }

    fn decode(
        &mut self,
        _: &[u8],
        _: bool,
        _: &mut Vec<u8>,
        _: usize,
    ) -> Result<Decoded, DecodeError> {
        Err(DecodeError::Corrupt)
    }

    fn takes(&self, _: &Prepared) -> bool {
        false
    }
}
