//! The sockets: each is one client in one namespace.

use super::recovery::Identity;
use super::rooms::{Members, Rooms};
use super::{Question, Server};
use crate::Target;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use sansio_engineio::Session;
use slab::Slab;

/// A client in a namespace. The handle of one that has left names no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Socket {
    slot: u32,
    generation: u32,
}

impl Socket {
    /// A small number that no other socket has while this one is there.
    #[must_use]
    pub const fn index(self) -> usize {
        self.slot as usize
    }
}

/// Its index, and how many sockets there were before.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({self})")
    }
}

#[derive(Debug)]
pub(super) struct SocketState {
    pub(super) session: Session,
    /// The place of its namespace.
    pub(super) namespace: u32,
    /// Its public id. Empty before it is admitted.
    pub(super) id: Arc<str>,
    /// In the order in which it joined them.
    pub(super) rooms: Vec<Arc<str>>,
    pub(super) stage: Stage,
    /// The answers that it owes.
    pub(super) questions: BTreeSet<Question>,
    /// What it takes to come back, if it can.
    pub(super) identity: Option<Box<Identity>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for admission.
    Asking,
    Open,
    Leaving,
}

/// A namespace that somebody is in, or wants to be in.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) name: Arc<str>,
    pub(super) rooms: Rooms,
    /// Those that are open, and those that wait.
    pub(super) members: BTreeSet<u32>,
    /// How many are away.
    away: usize,
}

/// Stands for the generation of a socket that is away: nobody finds it, and its slot is nobody else's.
const AWAY: u32 = 0;

#[derive(Debug, Default)]
pub(super) struct Sockets {
    slab: Slab<(u32, SocketState)>,
    inserted: u32,
    namespaces: Slab<Namespace>,
    by_name: BTreeMap<Arc<str>, u32>,
}

impl Sockets {
    /// A socket that asks for admission.
    pub(super) fn insert(&mut self, session: Session, namespace: &str) -> Option<Socket> {
        let place = match self.by_name.get(namespace) {
            Some(place) => *place,
            None => {
                let name = Arc::<str>::from(namespace);
                let place = u32::try_from(self.namespaces.vacant_key()).ok()?;
                self.namespaces.insert(Namespace {
                    name: Arc::clone(&name),
                    rooms: Rooms::default(),
                    members: BTreeSet::new(),
                    away: 0,
                });
                self.by_name.insert(name, place);
                place
            }
        };
        self.inserted = self.inserted.checked_add(1).unwrap_or(AWAY + 1);
        let state = SocketState {
            session,
            namespace: place,
            id: Arc::default(),
            rooms: Vec::new(),
            stage: Stage::Asking,
            questions: BTreeSet::new(),
            identity: None,
        };
        let slot = u32::try_from(self.slab.insert((self.inserted, state))).ok()?;
        self.namespaces.get_mut(place as usize)?.members.insert(slot);
        Some(Socket { slot, generation: self.inserted })
    }

    /// Removes a socket, its rooms, and its namespace if nobody else is in it.
    pub(super) fn remove(&mut self, socket: Socket) -> Option<SocketState> {
        self.get(socket)?;
        let (_, state) = self.slab.try_remove(socket.index())?;
        let namespace = self.namespaces.get_mut(state.namespace as usize)?;
        for room in &state.rooms {
            namespace.rooms.leave(room, socket.slot);
        }
        namespace.members.remove(&socket.slot);
        self.clear(state.namespace);
        Some(state)
    }

    /// Removes a namespace if nobody is in it, nor can come back to it.
    fn clear(&mut self, place: u32) {
        if let Some(namespace) = self.namespaces.get(place as usize)
            && namespace.members.is_empty()
            && namespace.away == 0
        {
            self.by_name.remove(&namespace.name);
            self.namespaces.try_remove(place as usize);
        }
        if self.slab.is_empty() {
            self.slab.shrink_to_fit();
            self.namespaces.shrink_to_fit();
        }
    }

    /// Has a socket be away: its handle finds nothing any more, and its rooms are without it.
    pub(super) fn set_aside(&mut self, socket: Socket) {
        let Some((generation, state)) = self.slab.get_mut(socket.index()) else { return };
        let Some(namespace) = self.namespaces.get_mut(state.namespace as usize) else { return };
        *generation = AWAY;
        for room in &state.rooms {
            namespace.rooms.leave(room, socket.slot);
        }
        namespace.members.remove(&socket.slot);
        namespace.away = namespace.away.saturating_add(1);
    }

    /// A socket that is away.
    pub(super) fn away(&self, socket: Socket) -> Option<&SocketState> {
        let (generation, state) = self.slab.get(socket.index())?;
        let handle = state.identity.as_ref()?.handle;
        (*generation == AWAY && handle == socket).then_some(state)
    }

    /// Has a socket that is away wait for admission to another session.
    pub(super) fn take_back(
        &mut self,
        socket: Socket,
        session: Session,
    ) -> Option<&mut SocketState> {
        let place = self.away(socket)?.namespace as usize;
        let namespace = self.namespaces.get_mut(place)?;
        namespace.members.insert(socket.slot);
        namespace.away = namespace.away.saturating_sub(1);
        let (generation, state) = self.slab.get_mut(socket.index())?;
        *generation = socket.generation;
        state.session = session;
        state.stage = Stage::Asking;
        Some(state)
    }

    /// Opens a socket that was taken back, with the rooms that it had.
    pub(super) fn open_again(&mut self, socket: Socket) -> Option<&mut Identity> {
        self.get(socket)?;
        let (_, state) = self.slab.get_mut(socket.index())?;
        let namespace = self.namespaces.get_mut(state.namespace as usize)?;
        for room in &mut state.rooms {
            *room = namespace.rooms.join(room, socket.slot);
        }
        // The name of its room, of which there is one copy.
        if let Some(room) = state.rooms.iter().find(|room| **room == state.id) {
            state.id = Arc::clone(room);
        }
        state.stage = Stage::Open;
        state.identity.as_deref_mut()
    }

    /// Removes a socket that is away, and its namespace if nobody else is in it, of which the name is returned.
    pub(super) fn remove_away(&mut self, socket: Socket) -> Option<(SocketState, Arc<str>)> {
        self.away(socket)?;
        let (_, state) = self.slab.try_remove(socket.index())?;
        let namespace = self.namespaces.get_mut(state.namespace as usize)?;
        namespace.away = namespace.away.saturating_sub(1);
        let name = Arc::clone(&namespace.name);
        self.clear(state.namespace);
        Some((state, name))
    }

    pub(super) fn has_namespace(&self, place: u32) -> bool {
        self.namespaces.contains(place as usize)
    }

    /// The place of the namespace of a socket, which may be away.
    pub(super) fn place_of(&self, socket: Socket) -> Option<u32> {
        self.get(socket).or_else(|| self.away(socket)).map(|state| state.namespace)
    }

    /// The place of a namespace.
    pub(super) fn place(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    #[inline]
    pub(super) fn name_of(&self, place: u32) -> &str {
        self.namespaces.get(place as usize).map_or("", |namespace| &namespace.name)
    }

    #[inline]
    pub(super) fn get(&self, socket: Socket) -> Option<&SocketState> {
        let (generation, state) = self.slab.get(socket.index())?;
        (*generation == socket.generation).then_some(state)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, socket: Socket) -> Option<&mut SocketState> {
        let (generation, state) = self.slab.get_mut(socket.index())?;
        (*generation == socket.generation).then_some(state)
    }

    #[inline]
    pub(super) fn namespace_of(&self, socket: Socket) -> Option<&Namespace> {
        self.namespaces.get(self.get(socket)?.namespace as usize)
    }

    pub(super) fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(*self.by_name.get(name)? as usize)
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        self.namespaces.iter().map(|(_, namespace)| namespace)
    }

    /// The socket at a place, if it is open.
    pub(super) fn open_at(&self, slot: u32) -> Option<(Socket, &SocketState)> {
        let (generation, state) = self.slab.get(slot as usize)?;
        let socket = Socket { slot, generation: *generation };
        (state.stage == Stage::Open).then_some((socket, state))
    }

    pub(super) fn join(&mut self, socket: Socket, room: &str) -> Option<()> {
        let (generation, state) = self.slab.get_mut(socket.index())?;
        if *generation != socket.generation || state.rooms.iter().any(|name| **name == *room) {
            return Some(());
        }
        let namespace = self.namespaces.get_mut(state.namespace as usize)?;
        // Most are in that of their id, and in no other.
        state.rooms.reserve_exact(usize::from(state.rooms.is_empty()));
        state.rooms.push(namespace.rooms.join(room, socket.slot));
        Some(())
    }

    pub(super) fn leave(&mut self, socket: Socket, room: &str) -> Option<()> {
        let (generation, state) = self.slab.get_mut(socket.index())?;
        if *generation != socket.generation {
            return None;
        }
        state.rooms.retain(|name| **name != *room);
        self.namespaces.get_mut(state.namespace as usize)?.rooms.leave(room, socket.slot);
        Some(())
    }
}

/// Why a socket is not in a room. Recoverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The socket has left.
    Gone,
    /// It is in as many rooms as it may be in.
    TooMany,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the socket has left",
            Self::TooMany => "the socket is in too many rooms",
        })
    }
}

impl core::error::Error for JoinError {}

impl Server {
    /// Puts a socket into a room, which begins to exist with its first member.
    ///
    /// # Errors
    ///
    /// Recoverable, see [`JoinError`].
    pub fn join(&mut self, socket: Socket, room: &str) -> Result<(), JoinError> {
        let state = self.sockets.get(socket).filter(|state| state.stage == Stage::Open);
        let rooms = &state.ok_or(JoinError::Gone)?.rooms;
        if rooms.len() >= self.config.max_rooms && !rooms.iter().any(|name| **name == *room) {
            return Err(JoinError::TooMany);
        }
        self.sockets.join(socket, room).ok_or(JoinError::Gone)
    }

    /// Takes a socket out of a room. No harm is done if it is not in it.
    pub fn leave(&mut self, socket: Socket, room: &str) {
        self.sockets.leave(socket, room);
    }

    /// The rooms of a socket, in the order in which it joined them: first that with the name of its id.
    pub fn rooms(&self, socket: Socket) -> impl Iterator<Item = &str> {
        let state = self.sockets.get(socket);
        state.into_iter().flat_map(|state| state.rooms.iter().map(|room| &**room))
    }

    /// All rooms of a namespace.
    pub fn all_rooms(&self, namespace: &str) -> impl Iterator<Item = &str> {
        self.sockets.namespace(namespace).into_iter().flat_map(|namespace| namespace.rooms.names())
    }

    /// The public id of a socket. Empty if it has left.
    #[must_use]
    pub fn id(&self, socket: Socket) -> &str {
        self.sockets.get(socket).map_or("", |state| &state.id)
    }

    /// The namespace of a socket. Empty if it has left.
    #[must_use]
    #[inline]
    pub fn namespace(&self, socket: Socket) -> &str {
        self.sockets.namespace_of(socket).map_or("", |namespace| &namespace.name)
    }

    /// The session of a socket.
    #[must_use]
    pub fn session(&self, socket: Socket) -> Option<Session> {
        self.sockets.get(socket).map(|state| state.session)
    }

    /// Whether a socket is there: admitted, and not leaving.
    #[must_use]
    #[inline]
    pub fn is_open(&self, socket: Socket) -> bool {
        self.sockets.get(socket).is_some_and(|state| state.stage == Stage::Open)
    }

    /// The socket with this id in a namespace.
    #[must_use]
    pub fn find(&self, namespace: &str, id: &str) -> Option<Socket> {
        let namespace = self.sockets.namespace(namespace)?;
        let in_room = namespace.rooms.members(id).into_iter().flat_map(Members::iter);
        // It may have left the room of its id.
        in_room.chain(namespace.members.iter().copied()).find_map(|slot| {
            let (socket, state) = self.sockets.open_at(slot)?;
            (*state.id == *id).then_some(socket)
        })
    }

    /// The namespaces that somebody is in, and how many are.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, usize)> {
        self.sockets.namespaces().filter_map(|namespace| {
            let open = |slot: &&u32| self.sockets.open_at(**slot).is_some();
            let number = namespace.members.iter().filter(open).count();
            (number > 0).then_some((&*namespace.name, number))
        })
    }

    /// The sockets that are meant: each once, in no particular order.
    #[must_use]
    pub fn sockets(&self, target: &Target) -> Vec<Socket> {
        let Some(namespace) = self.sockets.namespace(&target.namespace) else {
            return Vec::new();
        };
        let members = |room: &alloc::string::String| namespace.rooms.members(room);
        let is_meant = |slot: u32| {
            let (socket, _) = self.sockets.open_at(slot)?;
            let is_out = target.without.contains(&socket)
                || target.except.iter().filter_map(members).any(|room| room.contains(slot));
            (!is_out).then_some(socket)
        };
        match &target.rooms[..] {
            [] => namespace.members.iter().filter_map(|slot| is_meant(*slot)).collect(),
            [room] => {
                members(room).into_iter().flat_map(Members::iter).filter_map(is_meant).collect()
            }
            rooms => {
                let union: BTreeSet<u32> =
                    rooms.iter().filter_map(members).flat_map(Members::iter).collect();
                union.into_iter().filter_map(is_meant).collect()
            }
        }
    }
}
