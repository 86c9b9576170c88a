//! `Sec-WebSocket-Key` and `Sec-WebSocket-Accept` (RFC 6455, sections 4.1 and 4.2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// What the server appends to the key (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A piece of base64 of known length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Base64<const N: usize>([u8; N]);

impl<const N: usize> Base64<N> {
    fn encode(bytes: &[u8]) -> Self {
        let mut text = [0; N];
        let written = STANDARD.encode_slice(bytes, &mut text);
        debug_assert_eq!(written, Ok(N));
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        // Base64 is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Base64<24> {
    /// The key for a nonce.
    pub(super) fn key(nonce: [u8; 16]) -> Self {
        Self::encode(&nonce)
    }

    /// A received key, if it is the base64 of 16 bytes: padded, canonical, nothing around it.
    pub(super) fn parse_key(key: &[u8]) -> Option<Self> {
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let key: &[u8; 24] = key.try_into().ok()?;
        let [start @ .., last, b'=', b'='] = key else { return None };
        // The last character before the padding carries four bits that must be zero.
        (start.iter().all(is_base64) && b"AQgw".contains(last)).then_some(Self(*key))
    }

    /// The answer to a key: base64 of the SHA-1 of the key as it was sent, and the GUID.
    pub(super) fn answer(&self) -> Base64<28> {
        Base64::encode(&Sha1::new().chain_update(self.0).chain_update(GUID).finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_of_the_rfc() {
        let key = Base64::key(*b"the sample nonce");
        assert_eq!(key.as_str(), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(key.answer().as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn of_all_strings_one_edit_from_a_key_only_keys_pass() {
        let is_key = |key: &[u8]| Base64::parse_key(key).is_some();
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
