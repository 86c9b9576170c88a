//! A stream and the state of writing to it.

use super::Stream;
use crate::connection::{Connection, MessageKind, SendError};
use crate::io::{flush, is_gone};
use crate::send_queue::SendQueue;
use core::ops::{Deref, DerefMut};
use std::io::{self, ErrorKind};

/// Payloads from so many bytes on are offered to the stream before they are copied. Smaller ones are
/// copied, since many of them may come together, and one large write costs less than several.
const LARGE: usize = 64 * 1024;

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
    fn offer(&mut self, queue: &SendQueue, message: [&[u8]; 2]) -> usize {
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

/// The machine, to answer an event with: a [`Connection`] in all respects, but for large messages.
///
/// Those of 64 KiB and more a server offers to the stream at once, together with what is queued, if
/// the stream [writes vectored](Stream::WRITES_VECTORED): they are copied only as far as it does not
/// take them. Nothing else differs; errors of the stream are
/// for [`settle`](super::WebSocket::settle) to report.
#[derive(Debug)]
pub struct Reply<'t, S> {
    pub(super) connection: &'t mut Connection,
    pub(super) link: &'t mut Link<S>,
}

impl<S: Stream> Reply<'_, S> {
    /// Sends a text message in a single frame, see [`Connection::send_text`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        if S::WRITES_VECTORED && text.len() >= LARGE {
            self.send_large(MessageKind::Text, text.as_bytes())
        } else {
            self.connection.send_text(text)
        }
    }

    /// Sends a binary message in a single frame, see [`Connection::send_binary`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if S::WRITES_VECTORED && payload.len() >= LARGE {
            self.send_large(MessageKind::Binary, payload)
        } else {
            self.connection.send_binary(payload)
        }
    }

    #[inline(never)]
    fn send_large(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.connection
            .send_through(kind, payload, |queue, message| self.link.offer(queue, message))
    }
}

impl<S> Deref for Reply<'_, S> {
    type Target = Connection;

    #[inline]
    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl<S> DerefMut for Reply<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}
