//! Where unpredictable bytes come from (RFC 6455, sections 4.1, 5.3 and 10.3).
//!
//! A client needs a fresh 16-byte nonce per handshake and a fresh masking key per frame. With
//! feature `std` both come from a ChaCha generator seeded by the operating system; without it
//! the caller supplies a [`MaskSource`].

use alloc::boxed::Box;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

/// A source of masking keys.
///
/// Each call must return a key that cannot be predicted from earlier ones; RFC 6455 demands
/// strong entropy. Keys are drawn in the middle of sending, where failure has no good answer,
/// so the trait has none: seed a generator once, and fail there.
///
/// Closures implement it: `|| my_generator.next()`.
///
/// A source that panics leaves no part of a frame behind. What was to be sent, or the event whose answer
/// needed the key, is lost.
///
/// ```
/// use bytes::Buf;
/// use sansio_ws::{Config, Connection, MaskSource, Masks, Role};
///
/// struct Hardware; // the generator of a microcontroller
/// # fn read_generator() -> [u8; 4] { [0x37, 0xfa, 0x21, 0x3d] }
///
/// impl MaskSource for Hardware {
///     fn next_key(&mut self) -> [u8; 4] {
///         read_generator()
///     }
/// }
///
/// # fn main() -> Result<(), sansio_ws::SendError> {
/// let mut client = Connection::new(Role::Client(Masks::new(Hardware)), Config::default());
/// client.send_text("Hello")?;
/// let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// assert_eq!(client.outgoing().chunk(), masked, "as in RFC 6455, section 5.7");
/// # Ok(()) }
/// ```
pub trait MaskSource {
    /// The key of the next frame.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskSource for F {
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

/// The masking keys of one client connection: four bytes for each frame (RFC 6455, section 5.3).
///
/// ```
/// use sansio_ws::{Config, Connection, Masks, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let masks = Masks::from_os()?; // here it may fail, and not in the middle of sending
/// let mut client = Connection::new(Role::Client(masks), Config::default());
/// client.send_text("Hello")?;
/// assert_eq!(client.queued(), 2 + 4 + 5, "header, key, payload");
/// # Ok(()) }
/// ```
pub struct Masks(Box<dyn MaskSource + Send + Sync>);

impl Masks {
    /// Keys from a source of the caller's.
    #[must_use]
    pub fn new(source: impl MaskSource + Send + Sync + 'static) -> Self {
        Self(Box::new(source))
    }

    pub(crate) fn next_key(&mut self) -> [u8; 4] {
        self.0.next_key()
    }
}

/// A key is drawn before anything of its frame is queued, so a panic leaves no part of a frame behind. The
/// state of the source is its own affair: the machine takes whatever key comes next.
impl UnwindSafe for Masks {}
impl RefUnwindSafe for Masks {}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masks").finish_non_exhaustive()
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntropyError;

impl fmt::Display for EntropyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

impl core::error::Error for EntropyError {}

#[cfg(feature = "std")]
mod os {
    use super::{EntropyError, Masks};
    use rand::rngs::{StdRng, SysRng};
    use rand::{Rng, SeedableRng, TryRng};

    impl Masks {
        /// Keys from a cryptographic generator, seeded by the operating system.
        ///
        /// # Errors
        ///
        /// [`EntropyError`] when the operating system gives no seed. There is no weaker fallback.
        pub fn from_os() -> Result<Self, EntropyError> {
            let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|_| EntropyError)?;
            Ok(Self::new(move || rng.next_u32().to_ne_bytes()))
        }
    }

    /// Sixteen bytes for one `Sec-WebSocket-Key`.
    pub(crate) fn nonce() -> Result<[u8; 16], EntropyError> {
        let mut nonce = [0; 16];
        SysRng.try_fill_bytes(&mut nonce).map_err(|_| EntropyError)?;
        Ok(nonce)
    }
}

#[cfg(feature = "std")]
pub(crate) use os::nonce;
