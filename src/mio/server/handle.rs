//! A way into the loop from other threads.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use mio::Waker;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Sends commands to a [`Server`](super::Server) from any thread. Clones are handles of the same server.
///
/// The commands that wait are bounded: who sends faster than the loop takes them gets them back.
#[derive(Debug)]
pub struct Handle<C> {
    commands: SyncSender<C>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    /// The loop has been woken and has not looked since.
    is_woken: AtomicBool,
    shuts_down: AtomicBool,
}

/// The end in the loop.
#[derive(Debug)]
pub(super) struct Commands<C> {
    receiver: Receiver<C>,
    shared: Arc<Shared>,
}

/// Why a command was not taken; here it is back.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undelivered<C> {
    /// As many commands wait as may wait. Try again later.
    Full(C),
    /// The server has ended.
    Ended(C),
}

impl<C> fmt::Display for Undelivered<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the server has too many commands waiting",
            Self::Ended(_) => "the server has ended",
        })
    }
}

/// Without the command, which need not be printable.
impl<C> fmt::Debug for Undelivered<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Ended(_) => "Ended(..)",
        })
    }
}

impl<C> core::error::Error for Undelivered<C> {}

pub(super) fn handle<C>(waker: Waker, bound: usize) -> (Handle<C>, Commands<C>) {
    let (commands, receiver) = sync_channel(bound);
    let shared = Arc::new(Shared {
        waker,
        is_woken: AtomicBool::new(false),
        shuts_down: AtomicBool::new(false),
    });
    (Handle { commands, shared: Arc::clone(&shared) }, Commands { receiver, shared })
}

impl<C> Handle<C> {
    /// Sends a command, which the service gets in its [`command`](super::Service::command). Never
    /// blocks.
    ///
    /// # Errors
    ///
    /// Recoverable: [`Undelivered`] gives the command back.
    pub fn send(&self, command: C) -> Result<(), Undelivered<C>> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(command) => Undelivered::Full(command),
            TrySendError::Disconnected(command) => Undelivered::Ended(command),
        })?;
        self.wake();
        Ok(())
    }

    /// Has the server shut down, as [`Tasks::shut_down`](super::Tasks::shut_down) does. Commands
    /// sent before are carried out first. No harm is done if it has ended.
    pub fn shut_down(&self) {
        self.shared.shuts_down.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if !self.shared.is_woken.swap(true, Ordering::AcqRel) {
            // Fails only if the system has no memory for it, and then the loop comes by a deadline later.
            let _ = self.shared.waker.wake();
        }
    }
}

/// By hand, since the command itself need not be `Clone`.
impl<C> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<C> Commands<C> {
    /// Begins to look: who sends from now on wakes the loop again.
    pub(super) fn look(&self) {
        // A swap and not a store, so that commands are seen whose senders found it set.
        self.shared.is_woken.swap(false, Ordering::AcqRel);
    }

    pub(super) fn next(&self) -> Option<C> {
        self.receiver.try_recv().ok()
    }

    /// Whether a handle has asked to shut down since the last call.
    pub(super) fn shuts_down(&self) -> bool {
        self.shared.shuts_down.swap(false, Ordering::AcqRel)
    }
}
