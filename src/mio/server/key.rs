//! Names of connections.

use core::fmt;
use mio::Token;

/// A connection of a [`Server`](super::Server). No other one of it gets the same, so a key that was
/// kept for too long finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(usize);

const HALF: u32 = usize::BITS / 2;

/// The place in the slab, half of a key.
const INDEX: usize = usize::MAX >> HALF;

/// Tokens from this one on belong to no connection.
const RESERVED: usize = usize::MAX - 255;

impl Key {
    /// How many connections there can be at once. It leaves the highest places out, so that no key is a
    /// token of something else.
    pub(super) const MAX_PEERS: usize = INDEX - 255;

    /// `generation` differs from that of the connection that had the place before, so that an event
    /// for one never reaches the other. Half of it is used: it repeats when a place was taken 2³²
    /// times, or 2¹⁶ times on a system of 32 bits.
    pub(super) const fn new(index: usize, generation: usize) -> Self {
        Self(index | generation << HALF)
    }

    pub(super) const fn index(self) -> usize {
        self.0 & INDEX
    }

    pub(super) const fn token(self) -> Token {
        Token(self.0)
    }

    pub(super) const fn of(token: Token) -> Self {
        Self(token.0)
    }
}

/// The token of what is no connection.
pub(super) const fn reserved(number: usize) -> Token {
    Token(RESERVED + number)
}

/// The number of what is no connection.
pub(super) const fn reserved_number(token: Token) -> Option<usize> {
    token.0.checked_sub(RESERVED)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}.{})", self.index(), self.0 >> HALF)
    }
}
