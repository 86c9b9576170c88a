//! The rooms of a namespace (S15).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

/// Which sockets are in which rooms. A socket knows its rooms as well, so both directions are
/// there.
#[derive(Debug, Default)]
pub(super) struct Rooms(BTreeMap<Arc<str>, Members>);

/// Who is in a room. In most is one socket, since there is one for each id: it takes no memory of its own.
#[derive(Debug)]
pub(super) enum Members {
    One(u32),
    Many(BTreeSet<u32>),
}

impl Members {
    fn insert(&mut self, slot: u32) {
        match self {
            Self::One(first) => *self = Self::Many(BTreeSet::from([*first, slot])),
            Self::Many(slots) => _ = slots.insert(slot),
        }
    }

    /// Whether nobody is left.
    fn remove(&mut self, slot: u32) -> bool {
        match self {
            Self::One(only) => *only == slot,
            Self::Many(slots) => {
                slots.remove(&slot);
                slots.is_empty()
            }
        }
    }

    pub(super) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::One(only) => *only == slot,
            Self::Many(slots) => slots.contains(&slot),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let (one, many) = match self {
            Self::One(only) => (Some(*only), None),
            Self::Many(slots) => (None, Some(slots)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}

impl Rooms {
    /// Adds a socket, and returns the name of the room, of which there is one copy.
    pub(super) fn join(&mut self, room: &str, slot: u32) -> Arc<str> {
        let known = self.0.get_key_value(room).map(|(name, _)| Arc::clone(name));
        if let Some(name) = known
            && let Some(members) = self.0.get_mut(room)
        {
            members.insert(slot);
            return name;
        }
        let name = Arc::<str>::from(room);
        self.0.insert(Arc::clone(&name), Members::One(slot));
        name
    }

    /// An empty room vanishes.
    pub(super) fn leave(&mut self, room: &str, slot: u32) {
        if self.0.get_mut(room).is_some_and(|members| members.remove(slot)) {
            self.0.remove(room);
        }
    }

    pub(super) fn members(&self, room: &str) -> Option<&Members> {
        self.0.get(room)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}
