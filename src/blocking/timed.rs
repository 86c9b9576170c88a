//! A stream whose waits are bounded: timeouts, interruptions, and the two ways to end it.

use super::Stream;
use super::timer::{BRIEF_WAIT, Clock, SHORTEST_WAIT};
use crate::deadlines::Instant;
use crate::io::{RETRIES, is_gone, write_slice};
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use core::time::Duration;
use std::io::{self, ErrorKind};

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallResult {
    /// The number of bytes moved, and whether it is all that there was room for (when reading), or all
    /// that was offered (when writing).
    Bytes(usize, bool),
    /// Time is up.
    TimedOut,
    /// A signal came: look at the clock, and call again.
    Interrupted,
}

/// A stream whose waits are bounded.
#[derive(Debug)]
pub(super) struct Timed<S> {
    stream: S,
    clock: Clock,
    reads: DirectionTimeout<S>,
    writes: DirectionTimeout<S>,
    interruptions: Interruptions,
    flushed: bool,
    shut_down: bool,
    aborted: bool,
}

impl<S: Stream> Timed<S> {
    pub(super) fn new(stream: S, clock: Clock) -> Self {
        let interruptions = Interruptions { count: 0, last: clock.now() };
        Self {
            stream,
            clock,
            reads: DirectionTimeout::new(S::set_read_timeout),
            writes: DirectionTimeout::new(S::set_write_timeout),
            interruptions,
            flushed: true,
            shut_down: false,
            aborted: false,
        }
    }

    pub(super) fn get(&self) -> &S {
        &self.stream
    }

    pub(super) fn into_inner(mut self) -> S {
        self.remove_timeouts();
        self.stream
    }

    /// Leaves the stream as it was found. That fails only if it can't be used any more.
    pub(super) fn remove_timeouts(&mut self) {
        let _ = self.reads.set(&mut self.stream, None);
        let _ = self.writes.set(&mut self.stream, None);
    }

    /// Whether a read can be told not to wait.
    pub(super) fn can_look(&mut self) -> bool {
        self.reads.set(&mut self.stream, Some(SHORTEST_WAIT)).is_ok_and(|can| can)
    }

    /// Whether a read can be told not to wait, as far as is known.
    pub(super) fn may_look(&self) -> bool {
        self.reads.can_time_out
    }

    /// Reads once, at most `bound` bytes.
    pub(super) fn read(
        &mut self,
        rx: &mut RecvBuffer,
        bound: usize,
        wait: Option<Duration>,
    ) -> io::Result<CallResult> {
        let read = self.reads.call(&mut self.stream, wait, |stream| rx.read_once(bound, stream));
        self.interruptions.judge(read, &self.clock)
    }

    /// Takes one step of writing: writes once, or, when the queue is empty, tells the stream to
    /// pass it all on.
    pub(super) fn write(
        &mut self,
        queue: &mut SendQueue,
        wait: Option<Duration>,
    ) -> io::Result<CallResult> {
        if queue.is_empty() {
            return self.flush(wait);
        }
        self.flushed = false;
        let written = self.writes.call(&mut self.stream, wait, |stream| queue.write_once(stream));
        self.interruptions.judge(written, &self.clock)
    }

    /// As [`write`](Self::write), for bytes that were taken out of a queue.
    pub(super) fn write_slice(
        &mut self,
        bytes: &[u8],
        wait: Option<Duration>,
    ) -> io::Result<CallResult> {
        if bytes.is_empty() {
            return self.flush(wait);
        }
        self.flushed = false;
        let written = self.writes.call(&mut self.stream, wait, |stream| {
            write_slice(stream, bytes).map(|n| (n, n == bytes.len()))
        });
        self.interruptions.judge(written, &self.clock)
    }

    /// Whether the stream has been told to pass on all that was written, and has nothing to say by
    /// itself.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed && !self.stream.wants_flush()
    }

    /// The stream has failed. What it has to say of that, an alert of TLS, is tried once.
    pub(super) fn say_why(&mut self) {
        if self.stream.wants_flush() {
            let _ = self.flush(Some(BRIEF_WAIT));
        }
    }

    fn flush(&mut self, wait: Option<Duration>) -> io::Result<CallResult> {
        let done = self.writes.call(&mut self.stream, wait, |stream| stream.flush());
        let done = self.interruptions.judge(done.map(|done| done.map(|()| (0, true))), &self.clock);
        self.flushed |= matches!(done, Ok(CallResult::Bytes(..)));
        done
    }

    /// Ends the writing direction; `false` when only dropping the stream can do that.
    pub(super) fn shutdown_write(&mut self) -> io::Result<bool> {
        if !self.shut_down {
            self.shut_down = match self.stream.shutdown_write() {
                // The peer was faster.
                Err(error) if is_gone(error.kind()) => true,
                result => result?,
            };
        }
        Ok(self.shut_down)
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.shut_down
    }

    /// Ends what has not ended: the caller may keep the stream for a while, and the peer waits for
    /// its end. Both directions if output was `discarded`, since the connection is given up then.
    pub(super) fn end(&mut self, discarded: bool) {
        if discarded {
            self.abort();
        } else {
            let _ = self.shutdown_write();
        }
    }

    /// Ends both directions, if the stream can do that. The connection is given up, so it does not
    /// matter if that fails: the peer may be gone already.
    pub(super) fn abort(&mut self) {
        if !self.aborted {
            self.aborted = true;
            self.shut_down = true;
            let _ = self.stream.abort();
        }
    }
}

/// The timeout of one direction. Each direction has its own, since the handles of a split
/// connection share the timeouts of the socket.
#[derive(Debug)]
struct DirectionTimeout<S> {
    /// What is set, to save system calls.
    timeout: Option<Duration>,
    /// As far as is known.
    can_time_out: bool,
    set: fn(&mut S, Option<Duration>) -> io::Result<bool>,
}

impl<S> DirectionTimeout<S> {
    fn new(set: fn(&mut S, Option<Duration>) -> io::Result<bool>) -> Self {
        Self { timeout: None, can_time_out: true, set }
    }

    /// Sets the timeout, or a shorter one; `false` if the stream can't time out. One that is too
    /// short only costs a wake-up.
    fn set(&mut self, stream: &mut S, wait: Option<Duration>) -> io::Result<bool> {
        let wait = wait.map(|wait| wait.max(SHORTEST_WAIT));
        let fits = match (self.timeout, wait) {
            (Some(set), Some(wait)) => set <= wait && set.saturating_mul(2) >= wait,
            (set, wait) => set == wait,
        };
        if fits {
            return Ok(true);
        }
        self.can_time_out = (self.set)(stream, wait)?;
        self.timeout = wait.filter(|_| self.can_time_out);
        Ok(self.can_time_out)
    }

    /// Calls the stream, with `None` when it has timed out.
    fn call<T>(
        &mut self,
        stream: &mut S,
        wait: Option<Duration>,
        call: impl FnOnce(&mut S) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        self.set(stream, wait)?;
        match call(stream) {
            // If it is not our timeout, it is the caller's, or that of a stream that does not block.
            Err(error) if is_timeout(&error) && self.timeout.is_some() => Ok(None),
            result => result.map(Some),
        }
    }
}

/// Whether the stream had nothing to do in time.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Interruptions in a row between which no time passes. Those that let time pass are harmless: the
/// deadlines bound them.
#[derive(Debug)]
struct Interruptions {
    count: usize,
    last: Instant,
}

impl Interruptions {
    fn judge(
        &mut self,
        result: io::Result<Option<(usize, bool)>>,
        clock: &Clock,
    ) -> io::Result<CallResult> {
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                let now = clock.now();
                if now.saturating_since(self.last) >= SHORTEST_WAIT {
                    self.count = 0;
                    self.last = now;
                }
                self.count += 1;
                if self.count > RETRIES { Err(error) } else { Ok(CallResult::Interrupted) }
            }
            result => {
                self.count = 0;
                Ok(result?.map_or(CallResult::TimedOut, |(n, all)| CallResult::Bytes(n, all)))
            }
        }
    }
}
