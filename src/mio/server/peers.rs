//! The connections of a server, and what they share.

use super::deadlines::{PeerDeadlines, Tick};
use super::key::{Generation, Key};
use super::timers::{TimerKey, Timers};
use super::{Listener, Peer, Service};
use crate::deadlines::Instant;
use crate::mio::Memory;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use log::warn;
use mio::Registry;
use slab::Slab;
use std::io;

/// What the connections of a loop share. `T` is what the service calls its deadlines by.
#[derive(Debug)]
#[non_exhaustive]
pub struct Context<T> {
    /// The memory for turns and for settling.
    pub memory: Memory,
    /// The moment at which this round of the loop began.
    pub now: Instant,
    /// What the loop is to do.
    pub tasks: Tasks<T>,
}

/// What a loop is to do beside serving those who are ready.
#[derive(Debug)]
pub struct Tasks<T> {
    now: Instant,
    pub(super) timers: Timers<T>,
    /// Connections that are to be settled, each once.
    woken: Vec<Key>,
    /// For each place in the slab the one among `woken` that has it.
    woken_at: Vec<Option<Key>>,
    pub(super) shuts_down: bool,
}

impl<T> Tasks<T> {
    fn new() -> Self {
        Self {
            now: Instant::default(),
            timers: Timers::new(),
            woken: Vec::new(),
            woken_at: Vec::new(),
            shuts_down: false,
        }
    }

    /// Has a connection [settled](Peer::settle) at the end of this round, in constant time. Nothing
    /// happens if it is gone by then.
    pub fn wake(&mut self, key: Key) {
        if self.woken_at.len() <= key.index() {
            self.woken_at.resize(key.index() + 1, None);
        }
        let place = &mut self.woken_at[key.index()];
        if *place != Some(key) {
            *place = Some(key);
            self.woken.push(key);
        }
    }

    /// Has the service told of `timer` once, after `time` has passed.
    pub fn after(&mut self, time: Duration, timer: T) -> TimerKey {
        self.timers.add(self.now + time, None, timer)
    }

    /// Has the service told of `timer` again and again, at most once in a millisecond.
    pub fn every(&mut self, time: Duration, timer: T) -> TimerKey {
        self.timers.add(self.now + time, Some(time), timer)
    }

    /// Takes a deadline back. `None` if it has passed and does not repeat.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.timers.cancel(key)
    }

    /// Has the server accept nobody any more, close all connections, and end when the last one has
    /// ended, or when its [time](super::Server::shutdown_time) to shut down is over.
    pub fn shut_down(&mut self) {
        self.shuts_down = true;
    }

    fn take_woken(&mut self) -> Vec<Key> {
        let woken = core::mem::take(&mut self.woken);
        for key in &woken {
            self.woken_at[key.index()] = None;
        }
        woken
    }
}

#[derive(Debug)]
struct Entry<P> {
    peer: P,
    /// Half of its key; the other half is its place.
    generation: Generation,
    /// It is in line for a turn.
    is_in_line: bool,
    /// In which list of deadlines it stands, which may be an early one.
    tick: Tick,
}

impl<P> Entry<P> {
    const fn new(peer: P, key: Key) -> Self {
        Self { peer, generation: key.generation(), is_in_line: false, tick: Tick::NEVER }
    }

    /// Has it stand in line if it wants a turn, and in the list of its deadline.
    fn update<S: Service<Peer = P>>(
        &mut self,
        key: Key,
        line: &mut VecDeque<Key>,
        deadlines: &mut PeerDeadlines,
    ) where
        P: Peer<S>,
    {
        if self.peer.wants_turn() && !self.is_in_line {
            self.is_in_line = true;
            line.push_back(key);
        }
        let Some(at) = self.peer.next_deadline() else { return };
        let tick = Tick::at(at);
        if tick < self.tick {
            deadlines.add(tick, key.index());
            self.tick = tick;
        }
    }
}

/// The connections of a server, for the service to act on when none has its turn.
pub struct Peers<S: Service> {
    slab: Slab<Entry<S::Peer>>,
    /// How many there were so far.
    inserted: usize,
    /// Those with something to read or to hand out.
    line: VecDeque<Key>,
    deadlines: PeerDeadlines,
    registry: Registry,
    context: Context<S::Timer>,
}

impl<S: Service> Peers<S> {
    pub(super) fn new(registry: Registry, memory: Memory) -> Self {
        let context = Context { memory, now: Instant::default(), tasks: Tasks::new() };
        Self {
            slab: Slab::new(),
            inserted: 0,
            line: VecDeque::new(),
            deadlines: PeerDeadlines::default(),
            registry,
            context,
        }
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slab.is_empty()
    }

    /// What they share.
    pub fn context(&mut self) -> &mut Context<S::Timer> {
        &mut self.context
    }

    /// A connection, if it is still there.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&S::Peer> {
        let entry = self.slab.get(key.index())?;
        (entry.generation == key.generation()).then_some(&entry.peer)
    }

    /// A connection, if it is still there, and what it shares with others. [Settle](Self::settle) it after
    /// it was changed.
    pub fn get_mut(&mut self, key: Key) -> Option<(&mut S::Peer, &mut Context<S::Timer>)> {
        let entry = find(&mut self.slab, key)?;
        Some((&mut entry.peer, &mut self.context))
    }

    /// The keys of all connections.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.slab.iter().map(|(place, entry)| Key::new(place, entry.generation))
    }

    /// Adds a connection, for example to another server: the one that `make` makes for its key.
    ///
    /// # Errors
    ///
    /// The system cannot watch its stream, which is dropped; or there are as many as there can be.
    pub fn insert(&mut self, make: impl FnOnce(Key) -> S::Peer) -> io::Result<Key> {
        let key = self.next_key();
        if key.index() >= Key::MAX_PEERS {
            return Err(io::Error::other("no key is left for another connection"));
        }
        self.add(key, make(key))?;
        Ok(key)
    }

    /// The key of the next connection.
    fn next_key(&self) -> Key {
        Key::new(self.slab.vacant_key(), Generation::of(self.inserted))
    }

    fn add(&mut self, key: Key, mut peer: S::Peer) -> io::Result<()> {
        peer.register(&self.registry, key.token())?;
        self.inserted = self.inserted.wrapping_add(1);
        let entry = self.slab.vacant_entry().insert(Entry::new(peer, key));
        entry.update::<S>(key, &mut self.line, &mut self.deadlines);
        Ok(())
    }

    /// Writes what waits in a connection, and removes it if it has ended: the service is
    /// [told](Service::ended).
    pub fn settle(&mut self, service: &mut S, key: Key) {
        self.act_and_settle(service, key.index(), Some(key), |_, _, _, _| {});
    }

    /// Does something with the connection at this place, if it is the one that is meant, and settles it.
    fn act_and_settle(
        &mut self,
        service: &mut S,
        place: usize,
        meant: Option<Key>,
        act: impl FnOnce(&mut S, Key, &mut S::Peer, &mut Context<S::Timer>),
    ) {
        let Some(entry) = self.slab.get_mut(place) else { return };
        let key = Key::new(place, entry.generation);
        if meant.is_some_and(|meant| meant != key) {
            return;
        }
        act(service, key, &mut entry.peer, &mut self.context);
        match entry.peer.settle(key, service, &mut self.context) {
            Some(end) => self.remove(service, key, end),
            None => entry.update::<S>(key, &mut self.line, &mut self.deadlines),
        }
    }

    /// Does something with all connections, and settles each.
    pub fn for_each(
        &mut self,
        service: &mut S,
        mut act: impl FnMut(&mut S, Key, &mut S::Peer, &mut Context<S::Timer>),
    ) {
        for place in 0..self.slab.capacity() {
            self.act_and_settle(service, place, None, &mut act);
        }
    }

    fn remove(&mut self, service: &mut S, key: Key, end: <S::Peer as Peer<S>>::End) {
        let entry = self.slab.remove(key.index());
        service.ended(key, entry.peer, end, &mut self.context);
    }
}

/// The rounds of the loop.
impl<S: Service> Peers<S> {
    pub(super) fn begin_round(&mut self, now: Instant) {
        self.context.now = now;
        self.context.tasks.now = now;
    }

    /// Somebody has connected.
    pub(super) fn accept(
        &mut self,
        service: &mut S,
        stream: <S::Listener as Listener>::Stream,
        address: <S::Listener as Listener>::Address,
    ) {
        let key = self.next_key();
        let Some(peer) = service.accept(key, stream, address, &mut self.context) else { return };
        if let Err(error) = self.add(key, peer) {
            warn!("a connection cannot be watched: {error}");
        }
    }

    pub(super) fn has_line(&self) -> bool {
        !self.line.is_empty()
    }

    pub(super) fn ready(&mut self, event: &mio::event::Event) {
        let key = Key::of(event.token());
        let Some(entry) = find(&mut self.slab, key) else { return };
        entry.peer.ready(event);
        // One that can be written, or has ended, may not want a turn.
        if !entry.is_in_line {
            entry.is_in_line = true;
            self.line.push_back(key);
        }
    }

    /// Gives a turn to each that stands in line now.
    pub(super) fn serve(&mut self, service: &mut S) {
        for _ in 0..self.line.len() {
            let Some(key) = self.line.pop_front() else { return };
            let Some(entry) = find(&mut self.slab, key) else { continue };
            entry.is_in_line = false;
            self.act_and_settle(service, key.index(), Some(key), |service, key, peer, context| {
                if peer.wants_turn() {
                    peer.turn(key, service, context);
                }
            });
            if service.is_full() {
                self.finish_round(service);
            }
        }
    }

    /// When something may be due next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [self.deadlines.next(), self.context.tasks.timers.next()].into_iter().flatten().min()
    }

    /// Lets deadlines pass.
    pub(super) fn pass_deadlines(&mut self, service: &mut S) {
        let now = self.context.now;
        // Each once: a deadline that is set now, and has passed already, comes in the next round.
        let lists: Vec<_> = core::iter::from_fn(|| self.deadlines.pop(now)).collect();
        for (tick, places) in lists {
            for place in places {
                self.pass_deadline(service, place as usize, tick);
            }
        }
        for _ in 0..self.context.tasks.timers.len() {
            let Some(timer) = self.context.tasks.timers.pop(now) else { return };
            service.timer(timer, self);
        }
    }

    /// The list has come in which the connection at this place stands, or stood.
    fn pass_deadline(&mut self, service: &mut S, place: usize, tick: Tick) {
        let now = self.context.now;
        let Some(entry) = self.slab.get_mut(place).filter(|entry| entry.tick == tick) else {
            return;
        };
        entry.tick = Tick::NEVER;
        let key = Key::new(place, entry.generation);
        if entry.peer.next_deadline().is_none_or(|at| at > now) {
            entry.update::<S>(key, &mut self.line, &mut self.deadlines);
            return;
        }
        self.act_and_settle(service, place, Some(key), |service, key, peer, context| {
            peer.handle_timeout(key, service, context);
        });
    }

    /// Has the service act on many, and settles those that were woken, until there is nothing more
    /// to do.
    pub(super) fn finish_round(&mut self, service: &mut S) {
        loop {
            service.act(self);
            let woken = self.context.tasks.take_woken();
            if woken.is_empty() {
                return;
            }
            for key in woken {
                self.settle(service, key);
            }
        }
    }
}

impl<S: Service> fmt::Debug for Peers<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn find<P>(slab: &mut Slab<Entry<P>>, key: Key) -> Option<&mut Entry<P>> {
    slab.get_mut(key.index()).filter(|entry| entry.generation == key.generation())
}
