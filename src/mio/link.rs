//! A stream and the state of writing to it.

use super::Stream;
use crate::io::{flush, is_gone};
use crate::send_queue::SendQueue;
use std::io::{self, ErrorKind};

#[derive(Debug)]
pub(super) struct Link<S> {
    pub(super) stream: S,
    pub(super) writable: bool,
    /// The stream was told to pass on all that was written.
    pub(super) flushed: bool,
    /// Nothing more is written: a deadline has passed, or the peer reads no more.
    pub(super) muted: bool,
    /// How a write in the middle of a turn has failed. Its kind only, since there is one of these in
    /// every connection.
    failed: Option<ErrorKind>,
}

impl<S> Link<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, writable: false, flushed: true, muted: false, failed: None }
    }

    /// What comes of a write. What did not write for now, or will never write, has written nothing.
    fn judge(&mut self, written: io::Result<usize>) -> io::Result<usize> {
        match written {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
            // It may all the same have sent something before, and the end is for reading to
            // find.
            Err(error) if is_gone(&error) => self.muted = true,
            result => return result,
        }
        Ok(0)
    }
}

impl<S: Stream> Link<S> {
    /// Writes what is queued, as far as the stream takes it.
    pub(super) fn write(&mut self, queue: &mut SendQueue) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        while self.writable && !self.muted {
            let written = if !queue.is_empty() {
                self.flushed = false;
                queue.write_to(&mut self.stream)
            } else if !self.flushed {
                flush(&mut self.stream).map(|()| {
                    self.flushed = true;
                    0
                })
            } else {
                break;
            };
            self.judge(written)?;
        }
        Ok(())
    }

    /// Writes once what is queued and `message` behind it, and returns how much the stream took. That
    /// it failed is for the next write to report.
    pub(super) fn offer(&mut self, queue: &SendQueue, message: [&[u8]; 2]) -> usize {
        if !self.writable || self.muted || self.failed.is_some() {
            return 0;
        }
        self.flushed = false;
        let written = queue.write_with(message, &mut self.stream);
        self.judge(written).unwrap_or_else(|error| {
            self.failed = Some(error.kind());
            0
        })
    }
}
