//! The rooms of a namespace (S15).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;

/// Which sockets are in which rooms. A socket knows its rooms as well, so both directions are
/// there.
#[derive(Debug, Default)]
pub(super) struct Rooms(BTreeMap<Arc<str>, BTreeSet<u32>>);

impl Rooms {
    /// Adds a socket, and returns the name of the room, of which there is one copy.
    pub(super) fn join(&mut self, room: &str, slot: u32) -> Arc<str> {
        if let Some((name, _)) = self.0.get_key_value(room) {
            let name = Arc::clone(name);
            self.0.entry(Arc::clone(&name)).or_default().insert(slot);
            return name;
        }
        let name = Arc::<str>::from(room);
        self.0.insert(Arc::clone(&name), BTreeSet::from([slot]));
        name
    }

    /// An empty room vanishes.
    pub(super) fn leave(&mut self, room: &str, slot: u32) {
        if let Some(members) = self.0.get_mut(room) {
            members.remove(&slot);
            if members.is_empty() {
                self.0.remove(room);
            }
        }
    }

    pub(super) fn members(&self, room: &str) -> Option<&BTreeSet<u32>> {
        self.0.get(room)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}
