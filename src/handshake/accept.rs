//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455, sections 4.1 and 4.2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What the server appends to the key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The answer to a key: base64 of the SHA-1 of the key as it was sent, and the GUID.
pub(super) fn answer(key: &[u8]) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut answer = [0; 28];
    // 20 bytes make 28 characters.
    let written = STANDARD.encode_slice(hash, &mut answer);
    debug_assert_eq!(written, Ok(28));
    answer
}

/// The key for a nonce.
pub(super) fn key(nonce: [u8; 16]) -> [u8; 24] {
    let mut key = [0; 24];
    // 16 bytes make 24 characters.
    let written = STANDARD.encode_slice(nonce, &mut key);
    debug_assert_eq!(written, Ok(24));
    key
}

/// Whether a key is the base64 of 16 bytes: padded, canonical, nothing around it.
pub(super) fn is_key(key: &[u8]) -> bool {
    let mut nonce = [0; 18];
    key.len() == 24 && STANDARD.decode_slice(key, &mut nonce) == Ok(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_of_the_rfc() {
        assert_eq!(&answer(b"dGhlIHNhbXBsZSBub25jZQ=="), b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(&key(*b"the sample nonce"), b"dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn of_all_strings_one_edit_from_a_key_only_keys_pass() {
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert!(is_key(key));
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        for i in 0..key.len() {
            assert!(!is_key(&[&key[..i], &key[i + 1..]].concat()), "a byte left out");
            for byte in 0..=255 {
                assert!(!is_key(&[&key[..i], &[byte], &key[i..]].concat()), "a byte added");
                let mut changed = *key;
                changed[i] = byte;
                // The last character before the padding carries four bits that must be zero.
                let fits = match i {
                    0..=20 => base64(byte),
                    21 => b"AQgw".contains(&byte),
                    _ => byte == b'=',
                };
                assert_eq!(is_key(&changed), fits, "{:?}", changed.escape_ascii());
            }
        }
    }
}
