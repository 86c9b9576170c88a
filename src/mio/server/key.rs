//! Names of connections.

use core::fmt;
use mio::Token;

/// A connection of a [`Server`](super::Server). No other one of it gets the same, so a key that was
/// kept for too long finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(usize);

/// Differs from that of the connection that had the place before, so that an event for one never reaches
/// the other. It repeats when a place was taken 2³² times, or 2¹⁶ times on a system of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation(u32);

impl Generation {
    pub(super) const fn of(number: usize) -> Self {
        Self((number & INDEX) as u32)
    }
}

const HALF: u32 = usize::BITS / 2;

/// The place in the slab, half of a key.
const INDEX: usize = usize::MAX >> HALF;

/// Tokens from this one on belong to no connection.
const RESERVED: usize = usize::MAX - 255;

impl Key {
    /// How many connections there can be at once. It leaves the highest places out, so that no key is a
    /// token of something else.
    pub(super) const MAX_PEERS: usize = INDEX - 255;

    pub(super) const fn new(index: usize, generation: Generation) -> Self {
        Self(index | (generation.0 as usize) << HALF)
    }

    pub(super) const fn index(self) -> usize {
        self.0 & INDEX
    }

    pub(super) const fn generation(self) -> Generation {
        Generation((self.0 >> HALF) as u32)
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
        write!(f, "Key({}.{})", self.index(), self.generation().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_and_is_no_other_token() {
        for (index, number) in [(0, 0), (7, 1), (Key::MAX_PEERS - 1, usize::MAX)] {
            let key = Key::new(index, Generation::of(number));
            assert_eq!(Key::of(key.token()), key);
            assert_eq!((key.index(), key.generation()), (index, Generation::of(number)));
            assert_eq!(reserved_number(key.token()), None, "{key:?}");
        }
        assert_ne!(Key::new(7, Generation::of(1)), Key::new(7, Generation::of(2)));
        assert_eq!(reserved_number(reserved(3)), Some(3));
    }
}
