//! The half that reads, and watches the deadlines.

use super::{Shared, Writer};
use crate::input::Input;
use crate::reply::nobody;
use crate::{Error, WebSocket};
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use sansio_ws::{Ended, Event, LocatedEvent};
use std::sync::{Arc, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};

/// The reading half of a [`WebSocket`].
///
/// Made by [`WebSocket::split`], which has an example.
#[doc(alias = "SplitStream")]
#[derive(Debug)]
pub struct Reader<S> {
    pub(super) input: Input,
    pub(super) shared: Arc<Shared<S>>,
}

impl<S> Reader<S> {
    /// How the connection ended; `None` while it has not.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.shared.with(|state| state.link.connection.ended().filter(|_| state.link.is_over()))
    }

    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// The two halves as they were, if the writer is not of this connection or has clones.
    pub fn reunite(self, writer: Writer<S>) -> Result<WebSocket<S>, (Self, Writer<S>)> {
        if !Arc::ptr_eq(&self.shared, &writer.shared) || Arc::strong_count(&self.shared) > 2 {
            return Err((self, writer));
        }
        let Self { input, shared } = self;
        drop(writer);
        match Arc::try_unwrap(shared) {
            Ok(shared) => {
                let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(WebSocket { input, link: state.link })
            }
            // Nobody else has one, so nobody has made another one.
            Err(shared) => {
                let writer = Writer { shared: Arc::clone(&shared) };
                Err((Self { input, shared }, writer))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    /// As [`WebSocket::read`]; cancel safe, too. Reading goes on whether or not the peer takes what is sent.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::next`].
    pub async fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        match poll_fn(|cx| self.poll_find(cx)).await? {
            Some(found) => self.lend(found, &mut nobody()).map(Some),
            None => Ok(None),
        }
    }

    /// As [`read`](Self::read), for futures that are written by hand.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::next`].
    pub fn poll_next_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Event<'_>>, Error>> {
        let Some(found) = ready!(self.poll_find(cx))? else { return Poll::Ready(Ok(None)) };
        Poll::Ready(self.lend(found, cx).map(Some))
    }

    fn poll_find(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<LocatedEvent>, Error>> {
        let Self { input, shared } = self;
        shared.with(|state| state.poll_find(input, cx))
    }

    fn lend(&mut self, found: LocatedEvent, cx: &mut Context<'_>) -> Result<Event<'_>, Error> {
        let Self { input, shared } = self;
        shared.with(|state| match state.link.connection.lend_event(found, input.buffer()) {
            Ok(event) => Ok(event),
            Err(error) => {
                let writing = state.writing();
                Err(state.link.fail(error, writing, cx))
            }
        })
    }
}
