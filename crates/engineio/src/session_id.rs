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

    /// The id that a client says. `None` if it has not the length of one.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        id.as_bytes().try_into().ok().map(Self)
    }

    pub(crate) fn first_half(&self) -> Half {
        let mut half = [0; Self::LEN / 2];
        for (to, from) in half.iter_mut().zip(self.0) {
            *to = from;
        }
        Half(half)
    }

    /// Whether both are the same. How long it takes does not depend on where they differ.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }

    /// As it stands in the open packet and in `sid`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The first half of an id, by which it is found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Half([u8; SessionId::LEN / 2]);

/// Of a secret, too.
impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Half(…)")
    }
}

/// It is a secret: its beginning tells it from others in a log.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}…)", self.as_str().get(..4).unwrap_or_default())
    }
}

/// There were no random bytes for a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random bytes for a session id")
    }
}

impl core::error::Error for NoEntropy {}
