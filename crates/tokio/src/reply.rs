//! Answering an event, with the stream at hand.

use crate::link::Link;
use core::ops::{Deref, DerefMut};
use core::task::{Context, Waker};
use sansio_ws::{Connection, PreparedMessage, SendError};
use tokio::io::{AsyncRead, AsyncWrite};

/// The machine, to answer an event with: a [`Connection`] in all respects except one: large messages.
///
/// Those of 64 KiB and more a server offers to the stream at once, together with what is queued, if the stream writes
/// vectored: they are copied only as far as it does not take them. Everything else waits in the queue, which
/// [`next`](crate::WebSocket::next) writes before it waits. Errors of the stream are for `next` to report.
#[doc(alias = "echo")]
#[derive(Debug)]
pub struct Reply<'w, S> {
    pub(crate) link: &'w mut Link<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reply<'_, S> {
    /// Sends a text message in a single frame, see [`Connection::send_text`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[doc(alias = "write_message")]
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.link.queue_text(text, Some(&mut nobody()))
    }

    /// Sends a binary message in a single frame, see [`Connection::send_binary`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.link.queue_binary(payload, Some(&mut nobody()))
    }

    /// Sends a message that was prepared for many connections, see [`Connection::send_prepared`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[doc(alias = "broadcast")]
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.link.queue_prepared(message, Some(&mut nobody()))
    }
}

/// A write that is refused wakes nobody: what is left is queued, and `next` waits for it.
pub(crate) fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl<S> Deref for Reply<'_, S> {
    type Target = Connection;

    #[inline]
    fn deref(&self) -> &Connection {
        &self.link.connection
    }
}

impl<S> DerefMut for Reply<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.link.connection
    }
}
