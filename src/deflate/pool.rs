//! States of compression that nobody uses at the moment.

use super::compressor::{Deflater, Shape};
use super::decompressor::Inflater;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The number of states of a kind that stay idle, at most: about 6 MiB of deflaters with default settings, and
/// 0.7 MiB of inflaters. More would be of use only if more threads than that compressed at the
/// same moment, or more messages at once were half received.
const MAX_IDLE: usize = 16;

/// States that connections use in turn. To make a state costs far more than to reset it.
#[derive(Default)]
pub(super) struct Pool {
    deflaters: Mutex<Vec<Deflater>>,
    inflaters: Mutex<Vec<Inflater>>,
}

impl Pool {
    pub(super) fn take_deflater(&self, shape: Shape) -> Deflater {
        let idle = {
            let mut idle = lock(&self.deflaters);
            // The one that came last is likely still in the processor's cache.
            let found = idle.iter().rposition(|deflater| deflater.shape() == shape);
            found.map(|at| idle.swap_remove(at))
        };
        idle.unwrap_or_else(|| Deflater::new(shape))
    }

    pub(super) fn give_deflater(&self, mut deflater: Deflater) {
        // Not under the lock: others need not wait for it.
        deflater.reset();
        let mut idle = lock(&self.deflaters);
        // Those of shapes that are no longer in use must not stay forever.
        if idle.len() == MAX_IDLE {
            idle.swap_remove(0);
        }
        idle.push(deflater);
    }

    pub(super) fn take_inflater(&self) -> Inflater {
        let idle = lock(&self.inflaters).pop();
        idle.unwrap_or_default()
    }

    pub(super) fn give_inflater(&self, mut inflater: Inflater) {
        inflater.reset();
        let mut idle = lock(&self.inflaters);
        if idle.len() < MAX_IDLE {
            idle.push(inflater);
        }
    }
}

/// A thread that panics with the lock in its hand leaves a whole list behind: each step above
/// either took or added a state, and only states that are as new are ever added.
fn lock<T>(idle: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("deflaters", &lock(&self.deflaters).len())
            .field("inflaters", &lock(&self.inflaters).len())
            .finish()
    }
}
