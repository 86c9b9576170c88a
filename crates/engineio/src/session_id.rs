//! Session ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use core::fmt;

/// The id of a session: 120 random bits as 20 characters of base64url. Who knows it *is* the client, so it is
/// shown to nobody else, and compared as a whole (E11).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; Self::LEN]);

impl SessionId {
    /// How many characters it has.
    pub const LEN: usize = 20;

    /// An id from random bytes of a source that nobody can predict.
    #[must_use]
    pub fn new(random: [u8; 15]) -> Self {
        let mut id = [b'A'; Self::LEN];
        // Fifteen bytes are exactly twenty characters.
        let written = URL_SAFE_NO_PAD.encode_slice(random, &mut id);
        debug_assert_eq!(written, Ok(Self::LEN));
        Self(id)
    }

    /// An id from the operating system.
    ///
    /// # Errors
    ///
    /// It has no random bytes.
    #[cfg(feature = "std")]
    pub fn from_os() -> Result<Self, NoEntropy> {
        use rand::TryRng;
        let mut random = [0; 15];
        rand::rngs::SysRng.try_fill_bytes(&mut random).map_err(|_| NoEntropy)?;
        Ok(Self::new(random))
    }

    /// As it stands in the open packet and in `sid`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// It is a secret: its beginning tells it from others in a log.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}…)", self.as_str().get(..4).unwrap_or_default())
    }
}

/// The operating system gave no random bytes.
#[cfg(feature = "std")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoEntropy;

#[cfg(feature = "std")]
impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

#[cfg(feature = "std")]
impl core::error::Error for NoEntropy {}
