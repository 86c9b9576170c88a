//! The half that writes.

use super::waiters::{Driver, Goal, Ticket};
use super::{Shared, State};
use crate::link::Link;
use crate::{Error, pool};
#[cfg(doc)]
use crate::{Reader, WebSocket};
use bytes::Bytes;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use sansio_ws::{CloseCode, ControlPayload, MessageKind, PreparedMessage, SendError};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A writing half of a [`WebSocket`]. Clones write to the same connection; messages do not mix.
///
/// Made by [`WebSocket::split`], which has an example.
///
/// `send_*` waits until the stream has taken the message, whether or not the [`Reader`] is polled. `feed_*` queues it and
/// returns; when the queue is full it waits for room first. What is fed is written by the reader, if it is being polled, together
/// with what other tasks send, or by [`flush`](Self::flush).
///
/// A `send_*` or `feed_*` that is dropped has queued its message as a whole, or not at all. For a `select!` there is
/// [`ready`](Self::ready).
#[doc(alias = "SplitSink")]
#[derive(Debug)]
pub struct Writer<S> {
    pub(super) shared: Arc<Shared<S>>,
}

impl<S> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    /// As [`WebSocket::send_text`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_text(&self, text: &str) -> Result<(), Error> {
        self.send(|link, cx| link.queue_text(text, cx)).await
    }

    /// As [`WebSocket::send_binary`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_binary(&self, payload: &[u8]) -> Result<(), Error> {
        self.send(|link, cx| link.queue_binary(payload, cx)).await
    }

    /// As [`WebSocket::send_bytes`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_bytes(&self, kind: MessageKind, payload: &Bytes) -> Result<(), Error> {
        self.send(|link, _| Ok(link.connection.send_bytes(kind, payload.clone())?)).await
    }

    /// As [`WebSocket::send_prepared`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_prepared(&self, message: &PreparedMessage) -> Result<(), Error> {
        self.send(|link, cx| link.queue_prepared(message, cx)).await
    }

    /// As [`WebSocket::send_fragment`]. Between the fragments of one writer no other may send a message: that is an error,
    /// [`SendError::InterleavedMessage`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_fragment(
        &self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_fragment(kind, payload, last)).await
    }

    /// As [`WebSocket::send_ping`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_ping(&self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_ping(payload)).await
    }

    /// As [`WebSocket::send_pong`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn send_pong(&self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_pong(payload)).await
    }

    /// Queues a text message, and waits only if there is no room.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn feed_text(&self, text: &str) -> Result<(), Error> {
        self.feed(|link, _| link.connection.send_text(text)).await
    }

    /// Queues a binary message, and waits only if there is no room.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn feed_binary(&self, payload: &[u8]) -> Result<(), Error> {
        self.feed(|link, _| link.connection.send_binary(payload)).await
    }

    /// Queues a message whose payload is owned together with others, and waits only if there is no room.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn feed_bytes(&self, kind: MessageKind, payload: &Bytes) -> Result<(), Error> {
        self.feed(|link, _| Ok(link.connection.send_bytes(kind, payload.clone())?)).await
    }

    /// Queues a message that was prepared for many connections, and waits only if there is no room.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    #[doc(alias = "broadcast")]
    pub async fn feed_prepared(&self, message: &PreparedMessage) -> Result<(), Error> {
        self.feed(|link, _| link.connection.send_prepared(message)).await
    }

    /// Waits until there is room for a message, as [`WebSocket::ready`] does. Another writer may be faster to use it.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn ready(&self) -> Result<(), Error> {
        let mut turn = Turn::new(&self.shared);
        poll_fn(|cx| turn.poll_goal(Goal::Room, cx)).await?;
        self.shared.with(|state| match state.link.connection.is_open() {
            true => Ok(()),
            false => Err(state.link.why_not_sent()),
        })
    }

    /// Waits until the stream has taken everything that is queued by now.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn flush(&self) -> Result<(), Error> {
        let mut turn = Turn::new(&self.shared);
        let end = self.shared.with(|state| state.link.end());
        poll_fn(|cx| turn.poll_goal(Goal::Position(end), cx)).await
    }

    /// Starts the closing handshake, as [`WebSocket::start_close`]; the reader completes it.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub async fn close(&self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.send(|link, _| link.connection.close(code, reason)).await
    }

    async fn send(
        &self,
        mut queue: impl FnMut(&mut Link<S>, Option<&mut Context<'_>>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut turn = Turn::new(&self.shared);
        let end = poll_fn(|cx| turn.poll_queue(&mut queue, cx)).await?;
        poll_fn(|cx| turn.poll_goal(Goal::Position(end), cx)).await
    }

    async fn feed(
        &self,
        mut queue: impl FnMut(&mut Link<S>, Option<&mut Context<'_>>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut turn = Turn::new(&self.shared);
        poll_fn(|cx| turn.poll_queue(&mut queue, cx)).await?;
        self.shared.with(|state| {
            if state.waiters.driver == Driver::Nobody {
                state.waiters.wake_next();
            }
        });
        Ok(())
    }
}

/// A send that is under way. Whoever drops it in the middle leaves the writing to another task.
struct Turn<'w, S> {
    shared: &'w Shared<S>,
    ticket: Option<Ticket>,
}

impl<'w, S> Turn<'w, S> {
    fn new(shared: &'w Shared<S>) -> Self {
        Self { shared, ticket: None }
    }
}

impl<S> Drop for Turn<'_, S> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            self.shared.with(|state| state.leave(&mut self.ticket));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Turn<'_, S> {
    fn poll_goal(&mut self, goal: Goal, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, ticket } = self;
        shared.with(|state| state.poll_goal(ticket, goal, cx))
    }

    /// Queues something, and waits for room if there is none; other writers may be faster to use it. Returns the position
    /// of its end among all bytes.
    fn poll_queue(
        &mut self,
        queue: &mut impl FnMut(&mut Link<S>, Option<&mut Context<'_>>) -> Result<(), SendError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, Error>> {
        loop {
            let Self { shared, ticket } = self;
            let queued = shared.with(|state| state.queue(*ticket, queue, cx));
            match queued {
                Err(SendError::QueueFull) => ready!(self.poll_goal(Goal::Room, cx))?,
                queued => return Poll::Ready(queued.map_err(Error::from)),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> State<S> {
    fn queue(
        &mut self,
        ticket: Option<Ticket>,
        queue: &mut impl FnMut(&mut Link<S>, Option<&mut Context<'_>>) -> Result<(), SendError>,
        cx: &mut Context<'_>,
    ) -> Result<u64, SendError> {
        self.link.timer.begin_poll();
        pool::lend_room(self.link.connection.outgoing());
        // Whoever writes without being the driver would be woken in its place.
        let drives = self.waiters.may_drive(ticket);
        queue(&mut self.link, drives.then_some(cx))?;
        self.link.observe();
        Ok(self.link.end())
    }
}
