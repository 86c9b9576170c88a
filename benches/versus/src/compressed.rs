//! A client's messages, compressed before anything is measured, and looking into compressed ones.

use crate::json;
use std::io;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush};

/// The largest window, in bytes and in bits.
const WINDOW: usize = 1 << WINDOW_BITS;
pub const WINDOW_BITS: u8 = 15;

/// What a sync flush ends with and permessage-deflate leaves out (RFC 7692, section 7.2.1).
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Messages that are sent one after the other, and then again and again. All of them are twice as
/// long as the largest window: when one comes again, it can't refer to itself.
pub struct Messages {
    plain: Vec<Vec<u8>>,
    pub compressed: Vec<Vec<u8>>,
}

impl Messages {
    /// With `takeover`, they refer to those before them. The first one never does, so that all can be
    /// repeated.
    pub fn new(connection: usize, size: usize, takeover: bool, window_bits: u8) -> Self {
        let plain: Vec<_> = (0..2 * WINDOW / size)
            .map(|number| json::message(connection, number, size).into_bytes())
            .collect();
        let mut deflate = Deflate::new(6, false, window_bits);
        let compressed = plain.iter().map(|message| {
            if !takeover {
                deflate.reset();
            }
            compress(&mut deflate, message)
        });
        Self { compressed: compressed.collect(), plain }
    }

    /// A message, by its number of all that are sent.
    pub fn plain(&self, number: usize) -> &[u8] {
        &self.plain[number % self.plain.len()]
    }
}

fn compress(deflate: &mut Deflate, message: &[u8]) -> Vec<u8> {
    let mut output = vec![0; 2 * message.len() + 64];
    let before = deflate.total_out();
    deflate.compress(message, &mut output, DeflateFlush::SyncFlush).expect("it compresses");
    output.truncate((deflate.total_out() - before) as usize);
    assert!(output.ends_with(&TAIL), "there was room for all of it");
    output.truncate(output.len() - TAIL.len());
    output
}

/// Compares replies with what they should be. It understands a reply that refers to earlier ones
/// even if it has skipped those, since it knows what they must have been.
pub struct Verifier {
    inflate: Inflate,
    /// Replies may refer to earlier ones.
    takeover: bool,
    /// What the window of the inflater should hold, or more. Uncompressed messages do not get into the window.
    history: Vec<u8>,
    /// The window of the inflater holds that.
    up_to_date: bool,
    output: Vec<u8>,
}

impl Verifier {
    pub fn new(takeover: bool) -> Self {
        Self {
            inflate: Inflate::new(false, WINDOW_BITS),
            takeover,
            history: Vec::new(),
            up_to_date: true,
            output: Vec::new(),
        }
    }

    /// Looks whether `payload`, which was compressed or not, is `message`.
    pub fn verify(
        &mut self,
        message: &[u8],
        compressed: bool,
        payload: &mut Vec<u8>,
    ) -> io::Result<()> {
        let right = if compressed {
            let inflated = self.inflate(message.len(), payload);
            self.remember(message);
            self.up_to_date = true;
            inflated.is_some_and(|len| self.output[..len] == *message)
        } else {
            payload == message
        };
        if right { Ok(()) } else { Err(io::Error::other("the reply is not the message")) }
    }

    /// A reply to that message came, and is not verified.
    pub fn skip(&mut self, message: &[u8], compressed: bool) {
        if compressed {
            self.remember(message);
            self.up_to_date = false;
        }
    }

    fn remember(&mut self, message: &[u8]) {
        if self.takeover {
            self.history.extend_from_slice(message);
            if self.history.len() > 4 * WINDOW {
                self.history.drain(..self.history.len() - WINDOW);
            }
        }
    }

    /// Returns the length of the output, if the payload is proper and not longer than it should be.
    fn inflate(&mut self, len: usize, payload: &mut Vec<u8>) -> Option<usize> {
        let inflate = &mut self.inflate;
        if !self.takeover || !self.up_to_date {
            inflate.reset(false);
        }
        if self.takeover && !self.up_to_date {
            let window = self.history.len().saturating_sub(WINDOW);
            inflate.set_dictionary(&self.history[window..]).ok()?;
        }
        // If there is a byte too many, it is seen.
        self.output.resize(len + 1, 0);
        payload.extend(TAIL);
        let (total_in, total_out) = (inflate.total_in(), inflate.total_out());
        inflate.decompress(payload, &mut self.output, InflateFlush::SyncFlush).ok()?;
        let all = inflate.total_in() - total_in == payload.len() as u64;
        all.then_some((inflate.total_out() - total_out) as usize)
    }
}
