//! The half that writes.

#[cfg(doc)]
use super::super::WebSocket;
use super::super::{Error, Stream};
use super::{Shared, Wait};
use crate::close::CloseCode;
use crate::connection::{Connection, MessageKind, PreparedMessage, SendError};
use crate::frame::ControlPayload;
use alloc::sync::Arc;
use bytes::Bytes;

/// A writing half of a [`WebSocket`]. Clones write to the same connection; messages do not mix.
///
/// Made by [`WebSocket::split`], which has an example.
#[doc(alias("SplitSink", "split"))]
#[derive(Debug)]
pub struct Writer<S> {
    pub(super) shared: Arc<Shared<S>>,
}

impl<S> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: Stream> Writer<S> {
    /// As [`WebSocket::send_text`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_text(&self, text: &str) -> Result<(), Error> {
        self.send(|connection| connection.send_text(text))
    }

    /// As [`WebSocket::send_binary`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_binary(&self, payload: &[u8]) -> Result<(), Error> {
        self.send(|connection| connection.send_binary(payload))
    }

    /// As [`WebSocket::send_bytes`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_bytes(&self, kind: MessageKind, payload: &Bytes) -> Result<(), Error> {
        self.send(|connection| Ok(connection.send_bytes(kind, payload.clone())?))
    }

    /// As [`WebSocket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_prepared(&self, message: &PreparedMessage) -> Result<(), Error> {
        self.send(|connection| connection.send_prepared(message))
    }

    /// As [`WebSocket::send_fragment`]. Between the fragments of one writer no other may send a
    /// message: that is an error, [`SendError::InterleavedMessage`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_fragment(
        &self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), Error> {
        self.send(|connection| connection.send_fragment(kind, payload, last))
    }

    /// As [`WebSocket::send_ping`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_ping(&self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|connection| connection.send_ping(payload))
    }

    /// Starts the closing handshake, as [`WebSocket::start_close`]; the reader completes it.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.send(|connection| connection.close(code, reason))
    }

    fn send(
        &self,
        queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let end = self.queue(queue)?;
        let flushed = self.shared.flush(Wait::Yes);
        let state = self.shared.state();
        // Other threads write it, too, and what they have queued behind it may fail.
        if state.passed_on >= end {
            return Ok(());
        }
        flushed?;
        Err(state.failure())
    }

    /// Queues something, and makes room for it if there is none; other writers may be faster to
    /// use it. Returns the position of its end among all bytes.
    fn queue(
        &self,
        mut queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<u64, Error> {
        loop {
            // In a statement of its own: the state must be free while others write.
            let queued = self.shared.state().queue(&mut queue);
            match queued {
                Err(SendError::QueueFull) => self.shared.flush(Wait::Yes)?,
                queued => return Ok(queued?),
            };
        }
    }
}
