//! Masking in place, where the function is public.

use crate::measure::{Scenario, Subject};
use crate::payload;
use core::hint::black_box;
use sansio_ws::mask::Mask;
use soketto::base::{Codec, Header, OpCode};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Payloads start behind this many bytes of a buffer that is aligned to cache lines: those of a
/// masked header with a length in two bytes.
const HEADER: usize = 8;

const ALIGNMENT: usize = 64;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |size| Scenario {
        group: "mask",
        column: payload::name(size),
        subjects: vec![
            memcpy(size),
            subject("ours", size, |bytes, key| Mask::new(key).apply(bytes)),
            subject("sockudo-ws", size, sockudo_ws::mask::apply_mask),
            subject("fastwebsockets", size, fastwebsockets::unmask),
            subject("yawc", size, yawc::mask::apply_mask),
            subject("soketto", size, |bytes, key| {
                let mut header = Header::new(OpCode::Binary);
                header.set_masked(true).set_mask(u32::from_be_bytes(key));
                Codec::apply_mask(&header, bytes);
            }),
        ],
    };
    payload::SIZES.map(scenario).into()
}

fn subject(
    name: &'static str,
    size: usize,
    mask: impl Fn(&mut [u8], [u8; 4]) + 'static,
) -> Subject {
    let mut aligned = Aligned::new(size);
    let expected: Vec<_> =
        aligned.bytes().iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    mask(aligned.bytes(), KEY);
    assert!(aligned.bytes() == expected, "{name} is wrong");
    Subject::new(name, move |times| {
        let bytes = aligned.bytes();
        for _ in 0..times {
            mask(black_box(&mut *bytes), black_box(KEY));
        }
    })
}

/// The limit: it moves the same bytes and does nothing to them.
fn memcpy(size: usize) -> Subject {
    let (mut from, mut to) = (Aligned::new(size), Aligned::new(size));
    Subject::new("memcpy", move |times| {
        let (from, to) = (from.bytes(), to.bytes());
        for _ in 0..times {
            black_box(&mut *to).copy_from_slice(black_box(from));
        }
    })
}

struct Aligned {
    buffer: Vec<u8>,
    start: usize,
}

impl Aligned {
    fn new(size: usize) -> Self {
        let buffer = vec![0; ALIGNMENT + HEADER + size];
        let start = buffer.as_ptr().align_offset(ALIGNMENT) + HEADER;
        let mut aligned = Self { buffer, start };
        aligned.buffer.truncate(start + size);
        aligned.bytes().copy_from_slice(&payload::binary(size));
        aligned
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }
}
