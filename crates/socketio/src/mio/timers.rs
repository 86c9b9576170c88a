//! What was set aside until a moment: the application's own deadlines.

use super::io::{RepeatedTask, Task};
use crate::server::Socket;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use sansio_ws::mio::server::TimerKey;

pub(super) struct Timer<S> {
    pub(super) key: TimerKey,
    /// It goes with this socket.
    pub(super) socket: Option<Socket>,
    pub(super) task: TimerTask<S>,
}

pub(super) enum TimerTask<S> {
    Once(Task<S>),
    /// Nothing while it is done, so that it can be taken back meanwhile.
    Every(Option<RepeatedTask<S>>),
}

/// The timers by number, and those of each socket, which are found when it leaves.
pub(super) struct Timers<S> {
    by_number: BTreeMap<u64, Timer<S>>,
    of_sockets: BTreeSet<(Socket, u64)>,
    last: u64,
}

impl<S> Timers<S> {
    pub(super) const fn new() -> Self {
        Self { by_number: BTreeMap::new(), of_sockets: BTreeSet::new(), last: 0 }
    }

    /// The number of the next timer. They count from 1.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    pub(super) fn insert(&mut self, number: u64, timer: Timer<S>) {
        if let Some(socket) = timer.socket {
            self.of_sockets.insert((socket, number));
        }
        self.by_number.insert(number, timer);
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Timer<S>> {
        self.by_number.get_mut(&number)
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Timer<S>> {
        let timer = self.by_number.remove(&number)?;
        if let Some(socket) = timer.socket {
            self.of_sockets.remove(&(socket, number));
        }
        Some(timer)
    }

    /// Removes those of a socket.
    pub(super) fn remove_all(&mut self, socket: Socket) -> Vec<Timer<S>> {
        let numbers: Vec<_> =
            self.of_sockets.range((socket, 0)..=(socket, u64::MAX)).copied().collect();
        numbers.into_iter().filter_map(|(_, number)| self.remove(number)).collect()
    }
}
