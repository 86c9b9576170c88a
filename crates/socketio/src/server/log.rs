//! What was said in a namespace, for those who were away (S22, S24).

use super::sending::Unit;
use super::{Socket, Target};
use crate::Recovery;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::size_of;
use core::time::Duration;
use sansio_ws::deadlines::Instant;

/// The events of a namespace, the oldest of which are forgotten when there are too many.
#[derive(Debug, Default)]
pub(super) struct Log {
    events: VecDeque<Logged>,
    bytes: usize,
    /// Every event with this number or a higher one is there.
    start: u64,
}

#[derive(Debug)]
struct Logged {
    /// One behind the other in the whole server, so not each number is in each log.
    number: u64,
    at: Instant,
    audience: Audience,
    unit: Unit,
    bytes: usize,
}

/// Whom an event was meant for: a value, since who is away may have been in a room.
#[derive(Debug)]
pub(super) enum Audience {
    One(Socket),
    Many { rooms: Vec<String>, except: Vec<String>, without: Vec<Socket> },
}

impl Audience {
    pub(super) fn of(target: &Target) -> Self {
        let Target { rooms, except, without, .. } = target.clone();
        Self::Many { rooms, except, without }
    }

    fn includes(&self, socket: Socket, is_in: &BTreeSet<&str>) -> bool {
        match self {
            Self::One(one) => *one == socket,
            Self::Many { rooms, except, without } => {
                let has = |room: &String| is_in.contains(&**room);
                (rooms.is_empty() || rooms.iter().any(has))
                    && !except.iter().any(has)
                    && !without.contains(&socket)
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many { rooms, except, without } => {
                let names = rooms.iter().chain(except);
                let names = names.map(|name| name.len().saturating_add(size_of::<String>()));
                let others = without.len().saturating_mul(size_of::<Socket>());
                names.fold(others, usize::saturating_add)
            }
        }
    }
}

/// What an event takes beside its own bytes: the entry of the log, and the frame.
const OVERHEAD: usize = size_of::<Logged>() + 100;

impl Log {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest event was said.
    pub(super) fn begin(&self) -> Option<Instant> {
        self.events.front().map(|event| event.at)
    }

    /// Adds an event. `others` is how many bytes the other logs have.
    pub(super) fn push(
        &mut self,
        (now, number): (Instant, u64),
        audience: Audience,
        unit: Unit,
        settings: &Recovery,
        others: usize,
    ) {
        self.forget_until(now, settings.time);
        let bytes = unit.len().saturating_add(audience.len()).saturating_add(OVERHEAD);
        let most = settings.max_bytes.min(settings.max_bytes_of_all.saturating_sub(others));
        while !self.events.is_empty()
            && (self.events.len() >= settings.max_events || self.bytes.saturating_add(bytes) > most)
        {
            self.forget_first();
        }
        if settings.max_events == 0 || bytes > most {
            // It alone is too much. Who needs it cannot come back.
            self.start = number.saturating_add(1);
            return;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.events.push_back(Logged { number, at: now, audience, unit, bytes });
    }

    /// Forgets what was said that long ago.
    pub(super) fn forget_until(&mut self, now: Instant, time: Duration) {
        while self.begin().is_some_and(|at| at + time <= now) {
            self.forget_first();
        }
        if self.events.is_empty() && self.events.capacity() > 0 {
            self.events = VecDeque::new();
        }
    }

    fn forget_first(&mut self) {
        if let Some(event) = self.events.pop_front() {
            self.bytes = self.bytes.saturating_sub(event.bytes);
            self.start = event.number.saturating_add(1);
        }
    }

    /// What a socket in these rooms has missed from an event on. `None` if the log does not reach back to that.
    pub(super) fn missed(
        &self,
        from: u64,
        socket: Socket,
        rooms: &[Arc<str>],
    ) -> Option<Vec<(u64, Unit)>> {
        if from < self.start {
            return None;
        }
        let rooms: BTreeSet<&str> = rooms.iter().map(|room| &**room).collect();
        let first = self.events.partition_point(|event| event.number < from);
        let missed = self.events.range(first..);
        let missed = missed.filter(|event| event.audience.includes(socket, &rooms));
        Some(missed.map(|event| (event.number, event.unit.clone())).collect())
    }
}
