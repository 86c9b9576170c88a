//! What messages are made of.

use bytes::Bytes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Binary,
}

/// A chat line, the longest length in one byte, and powers up to what does not fit into any but the
/// last cache.
pub(crate) const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

pub(crate) const TEXT_SIZES: [usize; 4] = [125, 1 << 10, 16 << 10, 1 << 20];

/// Bytes that are neither equal nor compressible.
pub(crate) fn binary(size: usize) -> Vec<u8> {
    (0..size as u32).map(|i| (i.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// The same, in the middle of a page of memory. Large buffers begin at the start of one, and long
/// copies between nearly the same places of two pages are many times slower on some processors;
/// who would be hit by that is luck.
pub(crate) fn mid_page(size: usize) -> Bytes {
    const PAGE: usize = 4096;
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * PAGE + size);
    buffer.resize(buffer.as_ptr().align_offset(PAGE) + PAGE / 2, 0);
    let start = buffer.len();
    buffer.extend(binary(size));
    Bytes::from(buffer).slice(start..)
}

pub(crate) fn ascii(size: usize) -> String {
    let mut text = "The quick brown fox ".repeat(size.div_ceil(20));
    text.truncate(size);
    text
}

/// Characters of one to four bytes, and blanks where the last one does not fit.
pub(crate) fn mixed(size: usize) -> String {
    let mut text = String::new();
    for char in "Ünïcödé – κόσμε, 世界 😀 ".chars().cycle() {
        if text.len() + char.len_utf8() > size {
            break;
        }
        text.push(char);
    }
    text.extend(core::iter::repeat_n(' ', size - text.len()));
    text
}

pub(crate) fn name(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..0x10_0000 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}
