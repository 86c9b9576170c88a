//! The state of permessage-deflate on one connection (RFC 7692, sections 6 and 7.2).

use super::compressor::{self, Compressor};
use super::decompressor::Decompressor;
use super::pool::Pool;
use super::{Direction, Settings};
use crate::extension::{Codec, DecodeError, Decoded, Piece};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What a sender removes from the end of a message, and a receiver adds again (RFC 7692, sections 7.2.1 and
/// 7.2.2): length and complement of an empty stored block.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

pub(super) fn codec(
    settings: &Settings,
    pool: &Arc<Pool>,
    sending: Direction,
    receiving: Direction,
) -> Box<dyn Codec> {
    Box::new(PermessageDeflate {
        compressor: Compressor::new(settings, pool, sending),
        decompressor: Decompressor::new(settings, pool, receiving),
    })
}

pub(super) use compressor::prepare;

#[derive(Debug)]
struct PermessageDeflate {
    compressor: Compressor,
    decompressor: Decompressor,
}

impl Codec for PermessageDeflate {
    fn encode(&mut self, payload: &[u8], piece: Piece, output: &mut Vec<u8>) -> bool {
        self.compressor.encode(payload, piece, output)
    }

    fn decode(
        &mut self,
        input: &[u8],
        last: bool,
        output: &mut Vec<u8>,
        room: usize,
    ) -> Result<Decoded, DecodeError> {
        self.decompressor.decode(input, last, output, room)
    }

    fn takes(&self, demand: u32) -> bool {
        self.compressor.takes(demand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Piece = Piece { first: true, last: true };

    fn both(context_takeover: bool) -> Box<dyn Codec> {
        let direction = Direction { context_takeover, window_bits: 15 };
        let settings = Settings { min_bytes: 0, ..crate::deflate::Deflate::default().settings };
        codec(&settings, &Arc::default(), direction, direction)
    }

    fn decoded(codec: &mut dyn Codec, input: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut output = Vec::new();
        let decoded = codec.decode(input, true, &mut output, 1 << 20)?;
        assert_eq!(decoded, Decoded { consumed: input.len(), full: false });
        Ok(output)
    }

    /// The samples of RFC 7692, sections 7.2.3.1 to 7.2.3.6.
    #[test]
    fn samples_of_the_rfc() {
        for takeover in [false, true] {
            let mut codec = both(takeover);
            let fixed: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
            let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
            let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
            let two = [0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
            for sample in [fixed, &stored, &last, &last[..7], &two] {
                assert_eq!(decoded(&mut *codec, sample).unwrap(), b"Hello", "{sample:x?}");
            }
            assert_eq!(decoded(&mut *codec, &[0x00]).unwrap(), b"");
            assert_eq!(decoded(&mut *codec, fixed).unwrap(), b"Hello");
            // The second refers to the first.
            let again = decoded(&mut *codec, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
            assert_eq!(again.ok().as_deref(), takeover.then_some(&b"Hello"[..]));
        }
    }

    #[test]
    fn there_and_back() {
        for takeover in [false, true] {
            let mut codec = both(takeover);
            let mut sizes = Vec::new();
            for _ in 0..3 {
                let mut wire = Vec::new();
                let message = b"there and back, there and back";
                assert!(codec.encode(message, WHOLE, &mut wire));
                assert_eq!(decoded(&mut *codec, &wire).unwrap(), message);
                sizes.push(wire.len());
            }
            assert_eq!(sizes[1] < sizes[0], takeover, "{sizes:?}");
        }
    }
}
