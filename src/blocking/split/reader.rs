//! The half that reads, and watches the deadlines.

use super::super::memory::{self, KEPT_TIME};
use super::super::timed::{CallResult, Timed, is_timeout};
use super::super::timer::{BRIEF_WAIT, ReadPlan, SHORTEST_WAIT, is_over};
use super::super::{Error, Link, Stream, WebSocket};
use super::{Shared, State, Wait, Writer};
use crate::connection::{Ended, Event};
use crate::deadlines::Instant;
use crate::io::{is_end, is_gone};
use crate::recv_buffer::RecvBuffer;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::PoisonError;

/// How long a reader only reads, if there is anything to read, behind a write that took nothing.
const WRITE_PAUSE: Duration = Duration::from_millis(50);

/// The reading half of a [`WebSocket`].
///
/// Made by [`WebSocket::split`], which has an example. Its thread waits, the others send.
#[doc(alias("SplitStream", "split"))]
#[derive(Debug)]
pub struct Reader<S> {
    pub(super) stream: Timed<S>,
    pub(super) rx: RecvBuffer,
    pub(super) shared: Arc<Shared<S>>,
    /// Nothing could be written; the next try comes at this moment.
    pub(super) pauses_writing_until: Option<Instant>,
    /// Bytes read since something is due.
    pub(super) looked: usize,
}

impl<S: Stream> Reader<S> {
    /// As [`WebSocket::read`]. Messages queued by a writer are not waited for.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::read`].
    pub fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        let found = loop {
            let mut state = self.shared.state();
            let failed_before = state.connection.has_failed();
            match state.connection.find_event(&mut self.rx) {
                Ok(Some(found)) => break found,
                Ok(None) => state.observe(),
                Err(_) if failed_before => {}
                Err(error) => {
                    drop(state);
                    return Err(self.shared.fail(error));
                }
            }
            // What had arrived before was handed out first.
            let over = is_over(&state.connection);
            let discarded = state.connection.has_discarded_output();
            drop(state);
            if over {
                if discarded {
                    self.stream.abort();
                } else {
                    self.shared.end();
                }
                return Ok(None);
            }
            self.flush()?;
            self.shared.settle_for_reading()?;
            let input_ended = self.shared.state().connection.ended().is_some();
            if input_ended {
                // Nothing more is to be read, so there is time to wait for a writer to finish.
                self.shared.flush_for_reading(Wait::Yes)?;
            } else {
                self.receive()?;
            }
        };
        let mut state = self.shared.state();
        match state.connection.lend_event(found, &self.rx) {
            Ok(event) => Ok(Some(event)),
            Err(error) => {
                drop(state);
                Err(self.shared.fail(error))
            }
        }
    }

    /// How the connection ended; `None` while it has not.
    pub fn ended(&self) -> Option<Ended> {
        let state = self.shared.state();
        state.connection.ended().filter(|_| is_over(&state.connection))
    }

    /// As [`WebSocket::shrink`].
    pub fn shrink(&mut self) {
        memory::shrink(&mut self.rx, &mut self.shared.state().connection);
        // Whoever writes still needs it.
        if let Ok(mut output) = self.shared.output.try_lock() {
            output.chunk = Vec::new();
        }
    }

    #[cfg(test)]
    pub(in super::super) fn held(&self) -> (usize, usize) {
        let queue = self.shared.state().connection.outgoing().capacity();
        (self.rx.capacity(), queue + self.shared.output.try_lock().unwrap().chunk.capacity())
    }

    /// Puts the two halves together again. The stream is the one that this half reads from; the other
    /// handle of it is dropped.
    ///
    /// # Errors
    ///
    /// The two halves as they were, if the writer is not of this connection or has clones.
    #[expect(clippy::result_large_err, reason = "both halves are given back")]
    pub fn reunite(self, writer: Writer<S>) -> Result<WebSocket<S>, (Self, Writer<S>)> {
        if !Arc::ptr_eq(&self.shared, &writer.shared) {
            return Err((self, writer));
        }
        let Self { stream, rx, shared, pauses_writing_until, looked } = self;
        drop(writer);
        match Arc::try_unwrap(shared) {
            Ok(shared) => {
                let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
                let State { connection, mut timer, .. } = state;
                timer.unshare();
                drop(shared.output);
                Ok(WebSocket {
                    rx,
                    link: Link { stream, connection, timer, looked, input_ended: false },
                })
            }
            Err(shared) => {
                let writer = Writer { shared: Arc::clone(&shared) };
                Err((Self { stream, rx, shared, pauses_writing_until, looked }, writer))
            }
        }
    }

    /// Writes what nobody else does, but does not spend its time on waiting for that.
    fn flush(&mut self) -> Result<(), Error> {
        let now = self.shared.state().timer.now();
        if self.pauses_writing_until.is_none_or(|until| now >= until) {
            let flushed = self.shared.flush_for_reading(Wait::No)?;
            self.pauses_writing_until =
                (!flushed).then(|| self.shared.state().timer.now() + WRITE_PAUSE);
        }
        Ok(())
    }

    /// Reads once, or lets a deadline pass.
    fn receive(&mut self) -> Result<(), Error> {
        let (due, plan) = {
            let state = self.shared.state();
            (state.timer.due(), state.timer.plan_read(self.looked, || self.stream.can_look()))
        };
        let wait = match plan {
            ReadPlan::Wait(wait) if self.pauses_writing_until.is_some() => {
                wait.into_iter().chain([BRIEF_WAIT]).min()
            }
            ReadPlan::Wait(wait) => wait,
            ReadPlan::Look => Some(SHORTEST_WAIT),
            ReadPlan::Enforce => return self.enforce(),
        };
        let wait = {
            let connection = &mut self.shared.state().connection;
            memory::bound(wait, self.stream.may_look(), &mut self.rx, connection)
        };
        let read = self.stream.read(&mut self.rx, usize::MAX, wait);
        let mut state = self.shared.state();
        match read {
            Ok(CallResult::Bytes(0, _)) => state.end_input(&self.rx),
            Ok(CallResult::Bytes(n, _)) => {
                state.timer.received();
                self.looked = if due.is_some() { self.looked + n } else { 0 };
            }
            Ok(CallResult::TimedOut) if due.is_some() => {
                drop(state);
                return self.enforce();
            }
            Ok(CallResult::TimedOut) => {
                // There is nothing better to do than to try and write.
                self.pauses_writing_until = None;
                if wait == Some(KEPT_TIME) {
                    drop(state);
                    self.shrink();
                }
            }
            Ok(CallResult::Interrupted) => {}
            Err(error) if is_end(&error) => {
                if is_gone(error.kind()) {
                    state.write_failed(&error);
                }
                state.end_input(&self.rx);
            }
            Err(error) if is_timeout(&error) => {
                let due_now = state.timer.due().is_some();
                drop(state);
                return match due {
                    // The stream times out by itself, so this read was the look.
                    Some(_) => self.enforce(),
                    None if due_now => Ok(()),
                    None => Err(error.into()),
                };
            }
            Err(error) => {
                state.connection.transport_failed();
                drop(state);
                if let Ok(mut output) = self.shared.output.try_lock() {
                    output.stream.say_why();
                }
                self.stream.abort();
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// The peer is silent. One more write is tried before it is given up.
    fn enforce(&mut self) -> Result<(), Error> {
        self.looked = 0;
        self.pauses_writing_until = None;
        self.flush()?;
        self.shared.state().enforce();
        Ok(())
    }
}
