//! The bytes of a frame.

/// Appends one. `first` is its first byte: FIN, reserved bits, opcode.
pub fn append(out: &mut Vec<u8>, first: u8, mask: Option<[u8; 4]>, payload: &[u8]) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        n @ ..126 => out.push(masked | n as u8),
        n @ 126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(masked | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    match mask {
        None => out.extend_from_slice(payload),
        Some(mask) => {
            out.extend_from_slice(&mask);
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
        }
    }
}

/// The first byte of a text in one frame.
pub const TEXT: u8 = 0x80 | 1;

/// The same, compressed by permessage-deflate, which RSV1 says.
pub const COMPRESSED_TEXT: u8 = TEXT | 0x40;

/// A masking key that differs among connections.
pub fn key(connection: usize) -> [u8; 4] {
    (0x9E37_79B9_u32.wrapping_mul(connection as u32 + 7) | 1).to_be_bytes()
}
