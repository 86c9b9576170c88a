//! What comes back, in whatever pieces it comes.

use std::io;
use versus::compressed::{Messages, Verifier};
use versus::frame::{COMPRESSED_TEXT, TEXT};

pub(crate) enum Replies {
    Same(Same),
    Compressed(Box<Compressed>),
}

/// Always the same bytes.
pub(crate) struct Same {
    reply: Vec<u8>,
    /// Where in the reply the next byte belongs.
    at: usize,
}

impl Same {
    pub(crate) fn new(reply: Vec<u8>) -> Self {
        Self { reply, at: 0 }
    }

    /// Takes in the next `n` bytes, and returns how many replies are complete with them.
    pub(crate) fn count(&mut self, n: usize) -> usize {
        let replies = (self.at + n) / self.reply.len();
        self.at = (self.at + n) % self.reply.len();
        replies
    }

    pub(crate) fn verify(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut at = self.at;
        while !bytes.is_empty() {
            let n = bytes.len().min(self.reply.len() - at);
            if bytes[..n] != self.reply[at..at + n] {
                return Err(io::Error::other("the reply is not the message"));
            }
            bytes = &bytes[n..];
            at = 0;
        }
        Ok(())
    }
}

/// Messages compressed by the server, which may take any number of bytes: the same message takes
/// fewer when it refers to others, and may come as it is. So headers are read, always, and payloads
/// only when asked for.
pub(crate) struct Compressed {
    messages: Messages,
    verifier: Verifier,
    /// The number of the next reply.
    number: usize,
    header: Vec<u8>,
    /// Bytes of the payload that have not come yet, once the header is complete.
    missing: Option<usize>,
    /// The payload, if it is verified.
    payload: Option<Vec<u8>>,
    /// Of all payloads so far.
    bytes: u64,
}

impl Compressed {
    /// `takeover`: replies may refer to earlier ones.
    pub(crate) fn new(messages: Messages, takeover: bool) -> Self {
        Self {
            messages,
            verifier: Verifier::new(takeover),
            number: 0,
            header: Vec::new(),
            missing: None,
            payload: None,
            bytes: 0,
        }
    }

    /// Bytes that a reply takes, on average.
    pub(crate) fn mean(&self) -> f64 {
        self.bytes as f64 / self.number as f64
    }

    /// Takes in the next bytes, and returns how many replies are complete with them. Those that begin
    /// in these bytes are verified if `verify` says so.
    pub(crate) fn take(&mut self, mut bytes: &[u8], verify: bool) -> io::Result<usize> {
        let before = self.number;
        while let Some((&first, rest)) = bytes.split_first() {
            let Some(missing) = self.missing else {
                self.header.push(first);
                bytes = rest;
                self.missing = payload_len(&self.header)?;
                if let Some(len) = self.missing {
                    self.bytes += len as u64;
                    self.payload = verify.then(Vec::new);
                }
                continue;
            };
            let (now, rest) = bytes.split_at(missing.min(bytes.len()));
            if let Some(payload) = &mut self.payload {
                payload.extend_from_slice(now);
            }
            bytes = rest;
            self.missing = Some(missing - now.len());
            if now.len() == missing {
                self.complete()?;
            }
        }
        Ok(self.number - before)
    }

    fn complete(&mut self) -> io::Result<()> {
        let message = self.messages.plain(self.number);
        let compressed = self.header[0] == COMPRESSED_TEXT;
        match self.payload.take() {
            Some(mut payload) => {
                unmask(&self.header, &mut payload);
                self.verifier.verify(message, compressed, &mut payload)?;
            }
            None => self.verifier.skip(message, compressed),
        }
        self.header.clear();
        self.missing = None;
        self.number += 1;
        Ok(())
    }
}

/// The length of the payload behind a header, if that is complete.
fn payload_len(header: &[u8]) -> io::Result<Option<usize>> {
    let &[first, second, ref rest @ ..] = header else { return Ok(None) };
    if first != COMPRESSED_TEXT && first != TEXT {
        return Err(io::Error::other("a reply is no text, or in pieces"));
    }
    let key = if second & 0x80 == 0 { 0 } else { 4 };
    let extended = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if rest.len() < extended + key {
        return Ok(None);
    }
    let len = match extended {
        0 => usize::from(second & 0x7F),
        _ => rest[..extended].iter().fold(0, |len, &byte| len << 8 | usize::from(byte)),
    };
    Ok(Some(len))
}

/// Only raw sends back what is masked: the key ends the header.
fn unmask(header: &[u8], payload: &mut [u8]) {
    if header[1] & 0x80 != 0 {
        let key = &header[header.len() - 4..];
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
}
