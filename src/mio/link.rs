//! A stream and the state of writing to it.

use super::Stream;
use crate::io::{flush, is_gone};
use crate::send_queue::SendQueue;
use std::io::{self, ErrorKind};

/// Which directions we have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShutDown {
    No,
    Write,
    Both,
}

#[derive(Debug)]
pub(super) struct Link<S> {
    pub(super) stream: S,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The stream was told to pass on all that was written.
    pub(super) flushed: bool,
    /// The peer reads no more, or the stream has failed, so nothing is written.
    pub(super) gone: bool,
    /// The stream has taken bytes, and has refused some, since `report` was last called.
    taken: bool,
    refused: bool,
    shut_down: ShutDown,
    /// How a write has failed. Its kind only, since there is one of these in every connection.
    failed: Option<ErrorKind>,
}

impl<S> Link<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream,
            readable: false,
            writable: false,
            flushed: true,
            gone: false,
            taken: false,
            refused: false,
            shut_down: ShutDown::No,
            failed: None,
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.writable && !self.gone && self.failed.is_none()
    }

    /// Whether the stream has still to pass on what it has taken.
    pub(super) fn holds(&self) -> bool {
        !(self.flushed || self.gone)
    }

    /// Whether the stream has taken bytes since the last call, and whether it has refused some.
    pub(super) fn report(&mut self) -> (bool, bool) {
        (core::mem::take(&mut self.taken), core::mem::take(&mut self.refused))
    }

    /// How a write has failed. That the peer is gone is no failure: it may have sent something
    /// before, and the end is for reading to find.
    pub(super) fn take_failure(&mut self) -> Option<ErrorKind> {
        let kind = self.failed.take()?;
        self.gone |= is_gone(kind);
        Some(kind)
    }

    /// Takes note of what has come of a write, and returns how many bytes the stream took.
    fn note(&mut self, written: io::Result<(usize, bool)>) -> usize {
        match written {
            Ok((n, all)) => {
                self.taken |= n > 0;
                self.refused |= !all;
                n
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.writable = false;
                self.refused = true;
                0
            }
            Err(error) => {
                self.failed = Some(error.kind());
                0
            }
        }
    }
}

impl<S: Stream> Link<S> {
    /// Writes what is queued, as far as the stream takes it.
    pub(super) fn write(&mut self, queue: &mut SendQueue) {
        while self.may_write() {
            let written = if !queue.is_empty() {
                self.flushed = false;
                queue.write_partly(&mut self.stream)
            } else if !self.flushed {
                flush(&mut self.stream).map(|()| {
                    self.flushed = true;
                    (0, true)
                })
            } else {
                break;
            };
            self.note(written);
        }
    }

    /// Writes once what is queued and `message` behind it, and returns how much the stream took. That
    /// it failed is for the next write to report.
    pub(super) fn offer(&mut self, queue: &SendQueue, message: [&[u8]; 2]) -> usize {
        if !self.may_write() {
            return 0;
        }
        self.flushed = false;
        let written = queue.write_partly_with(message, &mut self.stream);
        self.note(written)
    }

    /// Ends the writing direction, once it can be.
    pub(super) fn shutdown_write(&mut self) -> io::Result<()> {
        if self.shut_down != ShutDown::No {
            return Ok(());
        }
        match self.stream.shutdown_write() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            // The peer was faster.
            Err(error) if !is_gone(error.kind()) => return Err(error),
            _ => self.shut_down = ShutDown::Write,
        }
        Ok(())
    }

    /// Ends both directions.
    pub(super) fn abort(&mut self) {
        if self.shut_down != ShutDown::Both {
            self.shut_down = ShutDown::Both;
            // Nothing depends on it: the socket is about to be dropped.
            let _ = self.stream.abort();
        }
    }
}
