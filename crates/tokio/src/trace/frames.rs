//! The frames of one direction, seen as its bytes go by.

use sansio_ws::frame::{Header, Opcode};

const MAX_HEADER_LEN: usize = 14;

#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The part of a header that has gone by.
    head: [u8; MAX_HEADER_LEN],
    head_len: usize,
    current: Option<Header>,
    /// How much of its payload is still to come.
    left: u64,
    /// The payload of a control frame, as far as it has gone by, unmasked.
    control: Vec<u8>,
    /// There was something that is no frame: nothing behind it can be told.
    lost: bool,
}

impl Frames {
    /// Takes note of bytes, and calls `found` with each frame whose last byte is among them, and the payload if it is a
    /// control frame.
    pub(super) fn see(&mut self, mut bytes: &[u8], mut found: impl FnMut(&Header, &[u8])) {
        while !bytes.is_empty() && !self.lost {
            let Some(header) = self.current else {
                self.see_head(&mut bytes);
                self.finish(&mut found);
                continue;
            };
            let n = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (payload, rest) = bytes.split_at(n);
            if header.opcode().is_control() {
                let key = header.mask().unwrap_or_default();
                let at = self.control.len();
                let masked = payload.iter().enumerate();
                self.control.extend(masked.map(|(i, byte)| byte ^ key[(at + i) % key.len()]));
            }
            bytes = rest;
            self.left -= n as u64;
            self.finish(&mut found);
        }
    }

    fn see_head(&mut self, bytes: &mut &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            *bytes = rest;
            self.head[self.head_len] = byte;
            self.head_len += 1;
            match Header::parse(&self.head[..self.head_len]) {
                Ok(None) => {}
                Ok(Some((header, _))) => {
                    self.left = header.payload_len();
                    self.current = Some(header);
                    self.head_len = 0;
                    return;
                }
                Err(_) => {
                    self.lost = true;
                    return;
                }
            }
        }
    }

    fn finish(&mut self, found: &mut impl FnMut(&Header, &[u8])) {
        if self.left == 0
            && let Some(header) = self.current.take()
        {
            found(&header, &self.control);
            self.control.clear();
        }
    }
}

/// Whether a frame is the last one of a message.
pub(super) fn ends_message(header: &Header) -> bool {
    let data = matches!(header.opcode(), Opcode::Text | Opcode::Binary | Opcode::Continuation);
    data && header.is_fin()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of two fragments, with a masked ping between them, in pieces of each size.
    #[test]
    fn however_the_bytes_are_cut() {
        let mut bytes = vec![0x01, 3, b'a', b'b', b'c'];
        bytes.extend([0x89, 0x82, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2]);
        bytes.extend([0x80, 126, 1, 0]);
        bytes.extend([7; 256]);
        bytes.extend([0x82, 0]);
        for size in 1..=bytes.len() {
            let (mut frames, mut seen) = (Frames::default(), vec![]);
            for piece in bytes.chunks(size) {
                frames.see(piece, |header, control| {
                    seen.push((header.opcode(), ends_message(header), control.to_vec()));
                });
            }
            let expected = [
                (Opcode::Text, false, vec![]),
                (Opcode::Ping, false, b"hi".to_vec()),
                (Opcode::Continuation, true, vec![]),
                (Opcode::Binary, true, vec![]),
            ];
            assert_eq!(seen, expected, "pieces of {size}");
        }
    }

    #[test]
    fn what_is_no_frame() {
        let mut frames = Frames::default();
        frames.see(&[0x83, 0, 0x81, 0], |header, _| panic!("{header:?}"));
    }
}
