//! Clients that wait for admission, whose answer may be lost: dropped with a thread, or with a job for which there was no
//! room.

use super::io::{Core, Io};
use super::namespace::PendingAdmission;
use crate::server::Asker;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use sansio_engineio::mio::Engine;
use sansio_ws::mio::server::TimerKey;

/// Those that were set aside. From time to time it is looked whether somebody still has the answer of each.
#[derive(Debug, Default)]
pub(super) struct SetAside {
    clients: BTreeMap<Asker, Weak<()>>,
    timer: Option<TimerKey>,
}

/// The name of the deadline at which it is looked.
pub(super) const LOOK: u64 = u64::MAX;

impl<S> Io<'_, S> {
    /// Sets a client aside, whose answer is `pending` from now on.
    pub(super) fn set_aside(&mut self, mut pending: PendingAdmission) -> PendingAdmission {
        let Core { machine, set_aside, .. } = &mut *self.core;
        let answer = Arc::new(());
        set_aside.clients.insert(pending.ticket.asker(), Arc::downgrade(&answer));
        pending.answer = Some(answer);
        let time = machine.config().connect_timeout;
        set_aside.timer.get_or_insert_with(|| self.engine.every(time, LOOK));
        pending
    }
}

impl SetAside {
    pub(super) fn contains(&self, asker: Asker) -> bool {
        self.clients.contains_key(&asker)
    }

    /// It was answered.
    pub(super) fn remove(&mut self, asker: Asker) {
        self.clients.remove(&asker);
    }

    /// Removes those to whom nobody has an answer any more, or who have gone.
    pub(super) fn look(&mut self, engine: &mut Engine<'_, u64>) -> Vec<Asker> {
        let lost = |answer: &Weak<()>| answer.strong_count() == 0;
        let askers = self.clients.iter().filter(|(_, answer)| lost(answer));
        let askers: Vec<_> = askers.map(|(asker, _)| *asker).collect();
        self.clients.retain(|_, answer| !lost(answer));
        if self.clients.is_empty()
            && let Some(timer) = self.timer.take()
        {
            engine.cancel(timer);
        }
        askers
    }
}
