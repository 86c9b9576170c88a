//! The sessions, by handle and by id.

use super::state::State;
use crate::session_id::{Half, SessionId};
use alloc::collections::BTreeMap;
use core::fmt;
use core::net::IpAddr;
use slab::Slab;

/// A session of a [`Server`](super::Server). Not its id, which is a secret: this can be shown and logged. The
/// handle of a session that has ended names no other one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    slot: u32,
    generation: u32,
}

impl Session {
    /// A small number that no other session has while this one is there: an index for what the
    /// application keeps of it.
    #[must_use]
    pub const fn index(self) -> usize {
        self.slot as usize
    }
}

/// Its index, and how many sessions there were before.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({self})")
    }
}

#[derive(Debug)]
pub(super) struct Sessions<N> {
    slab: Slab<(u32, State<N>)>,
    /// By half of the id: how long this search takes may tell who asks something about it. The other
    /// half is compared as a whole.
    by_id: BTreeMap<Half, Session>,
    by_address: BTreeMap<IpAddr, u32>,
    inserted: u32,
}

impl<N> Sessions<N> {
    pub(super) const fn new() -> Self {
        Self { slab: Slab::new(), by_id: BTreeMap::new(), by_address: BTreeMap::new(), inserted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn at_address(&self, address: IpAddr) -> u32 {
        self.by_address.get(&address).copied().unwrap_or(0)
    }

    /// Adds a session. `None` if half of its id is that of another, which the same random source does
    /// not give twice in the life of the world.
    pub(super) fn insert(&mut self, state: State<N>) -> Option<Session> {
        let half = state.id.first_half();
        if self.by_id.contains_key(&half) {
            return None;
        }
        if let Some(address) = state.address {
            *self.by_address.entry(address).or_default() += 1;
        }
        self.inserted = self.inserted.wrapping_add(1);
        let generation = self.inserted;
        let slot = self.slab.insert((generation, state));
        let session = Session { slot: u32::try_from(slot).ok()?, generation };
        self.by_id.insert(half, session);
        Some(session)
    }

    pub(super) fn remove(&mut self, session: Session) -> Option<State<N>> {
        self.get(session)?;
        let (_, state) = self.slab.try_remove(session.index())?;
        self.by_id.remove(&state.id.first_half());
        if let Some(address) = state.address
            && let Some(number) = self.by_address.get_mut(&address)
        {
            *number = number.saturating_sub(1);
            if *number == 0 {
                self.by_address.remove(&address);
            }
        }
        if self.slab.is_empty() {
            self.slab.shrink_to_fit();
        }
        Some(state)
    }

    pub(super) fn get(&self, session: Session) -> Option<&State<N>> {
        let (generation, state) = self.slab.get(session.index())?;
        (*generation == session.generation).then_some(state)
    }

    pub(super) fn get_mut(&mut self, session: Session) -> Option<&mut State<N>> {
        let (generation, state) = self.slab.get_mut(session.index())?;
        (*generation == session.generation).then_some(state)
    }

    /// The session with this id (E11).
    pub(super) fn find(&self, id: &str) -> Option<Session> {
        let id = SessionId::parse(id)?;
        let session = *self.by_id.get(&id.first_half())?;
        self.get(session)?.id.matches(&id).then_some(session)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Session, &State<N>)> {
        self.slab.iter().filter_map(|(slot, (generation, state))| {
            let slot = u32::try_from(slot).ok()?;
            Some((Session { slot, generation: *generation }, state))
        })
    }
}
