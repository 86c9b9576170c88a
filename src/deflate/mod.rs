//! Compression of messages: the extension permessage-deflate (RFC 7692).
//!
//! ```text
//!   Deflate ─── settings, and a pool of states that its connections use in turn
//!      │ offer, accept, confirm                    negotiation.rs
//!      ▼
//!   Direction, twice ── what was agreed on
//!      │
//!      ▼
//!   codec ── compressor.rs: deflate, no larger than the message was
//!         └─ decompressor.rs: inflate, no larger than there is room for
//! ```
//!
//! ```
//! use sansio_ws::deflate::Deflate;
//! use sansio_ws::extension::{Extension, Offer};
//! use sansio_ws::{Config, Connection, Role};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // All that a program has to say; the handshake does the rest, which is shown here.
//! let config = Config::default().extension(Deflate::default());
//!
//! let browser = b"permessage-deflate; client_max_window_bits";
//! let offers = Offer::parse(browser).ok_or("not well-formed")?;
//! let agreement = Deflate::default().accept(&offers).ok_or("not accepted")?;
//! let mut server = Connection::new(Role::Server, config).with_agreement(agreement);
//! let text = "all work and no play ".repeat(100);
//! server.send_text(&text)?;
//! assert!(server.queued() < text.len() / 10);
//! # Ok(()) }
//! ```

mod codec;
mod compressor;
mod decompressor;
mod negotiation;
mod pool;
mod spare;

use crate::extension::{Agreement, Extension, Offer, Prepared};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use pool::Pool;

/// The largest window, 32 KiB (RFC 7692, section 7.1.2).
const MAX_WINDOW_BITS: u8 = 15;

fn is_window_bits(bits: u8) -> bool {
    matches!(bits, 8..=MAX_WINDOW_BITS)
}

/// The extension permessage-deflate: what to offer, what to accept, and how to compress.
///
/// ```
/// use sansio_ws::Config;
/// use sansio_ws::deflate::Deflate;
///
/// # fn main() -> Result<(), sansio_ws::deflate::InvalidSetting> {
/// let small_and_many = Config::default().extension(Deflate::context_takeover().level(6)?);
/// let little_memory = Config::default().extension(Deflate::low_memory().min_bytes(1024));
/// let usual = Config::default().extension(Deflate::default().max_ratio(Some(100)));
/// assert!(Deflate::default().level(10).is_err());
/// # Ok(()) }
/// ```
///
/// One value serves any number of connections of either role, and so do its clones: they share
/// the states of compression that are not in use. A changed copy has its own.
///
/// # The parameters
///
/// Four settings are negotiated. They have the names of RFC 7692, section 7.1, and those mean the
/// same for both roles: `server_…` is about what the *server* sends, `client_…` about what the
/// *client* sends. So one of each pair is about the own messages, the other about the peer's:
///
/// | setting | for a server | for a client |
/// |---|---|---|
/// | `server_…` | what it does itself, whatever the client asks for | what it demands of servers |
/// | `client_…` | what it demands of clients | what it does itself, whatever the server asks for |
///
/// The peer may always ask for less: a smaller window, no context takeover. It never gets more.
/// When a peer cannot meet a demand, the connection opens all the same, without compression. Only
/// a server that accepts an offer and then does not keep to it fails the handshake.
///
/// # Memory
///
/// With context takeover in a direction, a connection keeps a state for that direction, from its
/// first compressed message to its end. Without, it borrows one for the time of a message.
///
/// | state | bytes |
/// |---|---|
/// | for sending | 4 · 2^`window bits` + 7 · 2^(`mem_level` + 6) + 131 KiB: by default 273 KiB |
/// | for receiving | 47 KiB, whatever the window |
///
/// A state for sending, in KiB; windows of 8 bits take as much as those of 9:
///
/// | `window bits` | `mem_level` 1 | 3 | 5 | 7 | 8 | 9 |
/// |---|---|---|---|---|---|---|
/// | 9 | 134 | 137 | 147 | 189 | 245 | 357 |
/// | 10 | 136 | 139 | 149 | 191 | 247 | 359 |
/// | 11 | 140 | 143 | 153 | 195 | 251 | 363 |
/// | 12 | 148 | 151 | 161 | 203 | 259 | 371 |
/// | 13 | 164 | 167 | 177 | 219 | 275 | 387 |
/// | 14 | 196 | 199 | 209 | 251 | 307 | 419 |
/// | 15 | 260 | 263 | 273 | 315 | 371 | 483 |
///
/// `cargo test --features deflate --test deflate bytes_per -- --nocapture` measures that. Up to 16
/// states of each kind that nobody uses are kept for those who need one next.
///
/// The states of connections that have closed go back to the allocator, which need not give them
/// back to the operating system. That of glibc keeps nearly all: 1,500 connections with context
/// takeover in both directions, closed in any order, leave 469 MiB in the process for the next
/// ones. Started with `MALLOC_MMAP_THRESHOLD_=32768` in its environment, the process has 8 MiB left.
/// `cargo bench --features deflate --bench states` measures that. Without context takeover it is
/// 2 MiB in either case.
#[doc(alias("compression", "permessage-deflate", "perMessageDeflate", "zlib"))]
#[derive(Debug, Clone)]
pub struct Deflate {
    settings: Settings,
    pool: Arc<Pool>,
}

#[derive(Debug, Clone, Copy)]
struct Settings {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: u8,
    client_max_window_bits: u8,
    level: u8,
    mem_level: u8,
    min_bytes: usize,
    max_ratio: Option<u32>,
}

/// How one direction of a connection is compressed, as agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Direction {
    /// Each message may refer to those before it, so the state has to be kept between them.
    context_takeover: bool,
    /// 8 to 15.
    window_bits: u8,
}

/// No context takeover in either direction, so that an idle connection holds no state of
/// compression at all; the largest windows; the fastest level.
///
/// A server with these settings does not serve Safari 15.0 to 15.3. These are told
/// `client_no_context_takeover` and refer to earlier messages all the same. The first message that
/// does so ends the connection (1007). [`Deflate::context_takeover`] serves them, and so do these
/// settings with [`client_no_context_takeover(false)`](Deflate::client_no_context_takeover).
impl Default for Deflate {
    fn default() -> Self {
        let settings = Settings {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: MAX_WINDOW_BITS,
            client_max_window_bits: MAX_WINDOW_BITS,
            level: 1,
            mem_level: 5,
            min_bytes: 256,
            max_ratio: None,
        };
        Self { settings, pool: Arc::default() }
    }
}

impl Deflate {
    /// For the smallest output: context takeover in both directions, level 4, and messages from
    /// 32 bytes on, since short ones gain most by what came before them.
    ///
    /// Each connection that has compressed and received keeps about 320 KiB. It is the preset that
    /// serves Safari 15.0 to 15.3 too, see [`Deflate::default`].
    ///
    /// ```
    /// use sansio_ws::deflate::Deflate;
    /// use sansio_ws::extension::{Extension, Offer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let offers = Offer::parse(b"permessage-deflate").ok_or("not well-formed")?;
    /// let agreement = Deflate::context_takeover().accept(&offers).ok_or("not accepted")?;
    /// assert_eq!(agreement.header, "permessage-deflate", "no parameter forbids to refer back");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn context_takeover() -> Self {
        let mut deflate = Self::default();
        deflate.settings.server_no_context_takeover = false;
        deflate.settings.client_no_context_takeover = false;
        deflate.settings.level = 4;
        deflate.settings.min_bytes = 32;
        deflate
    }

    /// For a server with little memory: the defaults, but with a window of 4 KiB for what the
    /// server sends. A state for sending takes about 161 KiB. Safari 15.0 to 15.3 are not served, see
    /// [`Deflate::default`].
    ///
    /// ```
    /// use sansio_ws::deflate::Deflate;
    /// use sansio_ws::extension::{Extension, Offer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let offers = Offer::parse(b"permessage-deflate").ok_or("not well-formed")?;
    /// let agreement = Deflate::low_memory().accept(&offers).ok_or("not accepted")?;
    /// assert!(agreement.header.contains("server_max_window_bits=12"), "2^12 bytes are 4 KiB");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn low_memory() -> Self {
        let mut deflate = Self::default();
        deflate.settings.server_max_window_bits = 12;
        deflate
    }

    /// Whether the server compresses each message on its own (default: yes).
    ///
    /// - A server says so and does so. If not set, it still does when the client demands it.
    /// - A client demands it. If not set, the server may do as it likes.
    #[must_use]
    pub fn server_no_context_takeover(self, on: bool) -> Self {
        self.with(|settings| settings.server_no_context_takeover = on)
    }

    /// Whether the client compresses each message on its own (default: yes).
    ///
    /// - A server demands it, which every client can meet. If not set, the client may do as it
    ///   likes.
    /// - A client says so and does so. If not set, it still does when the server demands it.
    #[must_use]
    pub fn client_no_context_takeover(self, on: bool) -> Self {
        self.with(|settings| settings.client_no_context_takeover = on)
    }

    /// How far back the server may refer when it compresses: 2^`bits` bytes, 8 to 15 (default:
    /// 15, which is 32 KiB).
    ///
    /// - A server uses no more, and less when the client demands it.
    /// - A client demands no more. Nothing is demanded with 15.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting::WindowBits`].
    pub fn server_max_window_bits(self, bits: u8) -> Result<Self, InvalidSetting> {
        check(is_window_bits(bits), InvalidSetting::WindowBits)?;
        Ok(self.with(|settings| settings.server_max_window_bits = bits))
    }

    /// How far back the client may refer when it compresses: 2^`bits` bytes, 8 to 15 (default:
    /// 15, which is 32 KiB).
    ///
    /// - A server demands no more. Some clients cannot be limited, among them Firefox and Safari:
    ///   with less than 15, nothing is compressed on their connections. Memory is not saved: a
    ///   state for receiving always has the largest window.
    /// - A client uses no more, and less when the server demands it.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting::WindowBits`].
    pub fn client_max_window_bits(self, bits: u8) -> Result<Self, InvalidSetting> {
        check(is_window_bits(bits), InvalidSetting::WindowBits)?;
        Ok(self.with(|settings| settings.client_max_window_bits = bits))
    }

    /// How hard to look for repetitions when sending: 1, the fastest, to 9, with the
    /// smallest output (default: 1).
    ///
    /// # Errors
    ///
    /// [`InvalidSetting::Level`].
    pub fn level(self, level: u8) -> Result<Self, InvalidSetting> {
        check(matches!(level, 1..=9), InvalidSetting::Level)?;
        Ok(self.with(|settings| settings.level = level))
    }

    /// How much memory a state for sending has beside its window: 1 to 9 (default: 5). Less makes
    /// the output a little larger. See [Memory](Self#memory).
    ///
    /// # Errors
    ///
    /// [`InvalidSetting::MemLevel`].
    pub fn mem_level(self, mem_level: u8) -> Result<Self, InvalidSetting> {
        check(matches!(mem_level, 1..=9), InvalidSetting::MemLevel)?;
        Ok(self.with(|settings| settings.mem_level = mem_level))
    }

    /// The smallest message, in bytes, that is worth compressing when it is sent (default: 256).
    /// Shorter ones go as they are, which is always allowed (RFC 7692, section 6).
    #[must_use]
    pub fn min_bytes(self, bytes: usize) -> Self {
        self.with(|settings| settings.min_bytes = bytes)
    }

    /// How many bytes a received message may have for each byte it had compressed (default: any
    /// number). One that expands more ends the connection with close code 1009.
    /// The first 32 KiB of a message are free. From then on the ratio has to hold all along, that is,
    /// behind every 32nd compressed byte, so a message may break it and still hold it as a whole.
    ///
    /// Memory is bounded without it, by [`Limits::max_message_bytes`](crate::Limits::max_message_bytes),
    /// which counts those of the expanded message. The format itself allows about 1,030.
    #[doc(alias = "zip bomb")]
    #[must_use]
    pub fn max_ratio(self, ratio: Option<u32>) -> Self {
        self.with(|settings| settings.max_ratio = ratio)
    }

    /// A changed copy has states of its own: those of others have other settings.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self.pool = Arc::default();
        self
    }

    fn agreement(&self, header: String, sending: Direction, receiving: Direction) -> Agreement {
        Agreement { header, codec: codec::codec(&self.settings, &self.pool, sending, receiving) }
    }
}

fn check(holds: bool, error: InvalidSetting) -> Result<(), InvalidSetting> {
    if holds { Ok(()) } else { Err(error) }
}

impl Extension for Deflate {
    fn offer(&self) -> String {
        negotiation::offer(&self.settings)
    }

    fn accept(&self, offers: &[Offer<'_>]) -> Option<Agreement> {
        let agreed = negotiation::accept(&self.settings, offers)?;
        Some(self.agreement(agreed.header, agreed.server, agreed.client))
    }

    fn confirm(&self, answer: &Offer<'_>) -> Result<Agreement, &'static str> {
        let agreed = negotiation::confirm(&self.settings, answer)?;
        Ok(self.agreement(agreed.header, agreed.client, agreed.server))
    }

    fn prepare(&self, payload: &[u8]) -> Option<Prepared> {
        codec::prepare(&self.settings, &self.pool, payload)
    }
}

/// A setting of [`Deflate`] is out of its range. Recoverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidSetting {
    /// Window bits must be 8 to 15 (RFC 7692, section 7.1.2).
    WindowBits,
    /// The level must be 1 to 9.
    Level,
    /// `mem_level` must be 1 to 9.
    MemLevel,
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WindowBits => "window bits must be 8 to 15",
            Self::Level => "the level of compression must be 1 to 9",
            Self::MemLevel => "mem_level must be 1 to 9",
        })
    }
}

impl core::error::Error for InvalidSetting {}
