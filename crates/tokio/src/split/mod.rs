//! One task reads, others write.
//!
//! ```text
//!   reading task                               writing tasks
//!   Reader { input } ──┐                 ┌──── Writer (clone it)
//!                      ▼                 ▼
//!            Mutex<State { stream, connection, deadlines, who waits }>
//!                      held while polled, never while waiting
//! ```
//!
//! The stream is one piece, so it may be TLS. What writers have queued is written by one of them; see [`waiters`]. The
//! reader writes only while no writer waits: pongs, and what was fed. So writers get on although nobody polls the reader.
//!
//! Only the reader sees what the peer sends, so only the reader judges its silence. A writer gives the connection up
//! when the output is stuck.

mod reader;
mod waiters;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

use crate::input::Input;
use crate::link::{Link, Writing};
use crate::timer::Alarm;
use crate::{Error, WebSocket};
use core::task::{Context, Poll, ready};
use sansio_ws::{LocatedEvent, Transport};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use waiters::{Driver, Goal, Ticket, Waiters};

#[derive(Debug)]
struct Shared<S> {
    state: Mutex<State<S>>,
}

#[derive(Debug)]
struct State<S> {
    link: Link<S>,
    waiters: Waiters,
    /// For output that is stuck. The reader has an alarm of its own.
    alarm: Alarm,
}

impl<S> WebSocket<S> {
    /// Splits the connection for several tasks, over any stream. A program that answers in the reading task, or waits for
    /// several things in a `select!`, does not need this.
    ///
    /// The [`Reader`] should be kept reading: it completes the closing handshake, answers pings, and watches the deadlines.
    /// Writers get on without it.
    ///
    /// ```
    /// use sansio_ws::handshake::{ClientRequest, OriginPolicy};
    /// use sansio_ws::{CloseCode, Config, deadlines::Timeouts};
    /// use sansio_ws_tokio::{Error, WebSocket};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (config, timeouts) = (Config::default(), Timeouts::default());
    /// # let (near, far) = tokio::io::duplex(4096);
    /// # let server = tokio::spawn(async move {
    /// #     let mut socket = WebSocket::accept(far, OriginPolicy::SameHost, Config::default(), timeouts).await?;
    /// #     while socket.read().await?.is_some() {}
    /// #     Ok::<_, Error>(())
    /// # });
    /// # let request = ClientRequest::new("ws://example.com/")?;
    /// let (mut reader, writer) = WebSocket::connect(near, &request, config, timeouts).await?.split();
    /// let reading = tokio::spawn(async move {
    ///     while let Some(event) = reader.read().await? {
    ///         println!("{event:?}");
    ///     }
    ///     Ok::<_, Error>(reader.ended())
    /// });
    /// for number in 0..3 {
    ///     writer.send_text(&number.to_string()).await?; // a clone of it could do so in another task
    /// }
    /// writer.close(CloseCode::NORMAL, "that was all").await?;
    /// assert!(reading.await??.is_some_and(|ended| ended.is_clean()));
    /// # server.await??;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "StreamExt")]
    pub fn split(self) -> (Reader<S>, Writer<S>) {
        let Self { input, mut link } = self;
        link.connection.count_as_answers(false);
        let state = State { link, waiters: Waiters::new(), alarm: Alarm::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        (Reader { input, shared: Arc::clone(&shared) }, Writer { shared })
    }
}

impl<S> Shared<S> {
    /// Does something to the state, and wakes afterwards those who can get on.
    fn with<T>(&self, act: impl FnOnce(&mut State<S>) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut state);
        let woken = state.waiters.take_woken();
        drop(state);
        for waker in woken {
            waker.wake();
        }
        result
    }
}

impl<S> State<S> {
    fn is_reached(link: &Link<S>, goal: Goal) -> bool {
        match goal {
            Goal::Position(end) => link.wire.has_passed_on(end),
            Goal::Room => link.has_room(),
        }
    }

    fn wants_write(&self) -> bool {
        self.link.connection.wants_write() || !self.link.wire.is_flushed()
    }

    /// Wakes those who can get on: call it whenever the stream may have taken something, or the queue was thrown away.
    fn wake_reached(&mut self) {
        let Self { link, waiters, .. } = self;
        if waiters.is_empty() {
            return;
        }
        if !link.connection.wants_write() && link.wire.is_flushed() {
            // Nothing more will come to be waited for.
            waiters.wake_those(|_| true);
        } else {
            waiters.wake_those(|goal| Self::is_reached(link, goal));
        }
    }

    /// Wakes the reader if it has to do something earlier than it knows.
    fn wake_reader_in_time(&mut self) {
        let link = &self.link;
        let ends = link.is_over() || link.connection.transport() == Transport::ShutdownWrite;
        if ends || link.timer.is_armed_too_late() {
            self.waiters.wake_reader();
        }
    }

    /// A writer waits no more, and somebody else has to write what is left.
    fn leave(&mut self, ticket: &mut Option<Ticket>) {
        self.waiters.leave(ticket);
        if self.waiters.driver == Driver::Nobody && self.wants_write() {
            self.waiters.wake_next();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> State<S> {
    /// Looks for the next event.
    fn poll_find(
        &mut self,
        input: &mut Input,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<LocatedEvent>, Error>> {
        let writing = self.writing();
        let found = self.link.poll_find(input, writing, cx);
        if writing == Writing::HereBesides {
            let drives = found.is_pending() && self.wants_write();
            self.waiters.driver = if drives { Driver::Reader } else { Driver::Nobody };
        }
        if found.is_pending() {
            self.waiters.wait_reading(cx);
        }
        self.wake_reached();
        found
    }

    /// Whether the reader writes.
    fn writing(&self) -> Writing {
        let alone = self.waiters.is_empty() && self.waiters.may_drive(None);
        if alone { Writing::HereBesides } else { Writing::Elsewhere }
    }

    /// Writes, or waits for another task that does, until the goal is reached.
    fn poll_goal(
        &mut self,
        ticket: &mut Option<Ticket>,
        goal: Goal,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if Self::is_reached(&self.link, goal) {
                self.leave(ticket);
                return Poll::Ready(Ok(()));
            }
            if !self.waiters.may_drive(*ticket) {
                self.waiters.wait(ticket, goal, cx);
                return Poll::Pending;
            }
            self.waiters.driver = Driver::Nobody;
            self.link.timer.begin_poll();
            self.link.enforce_in_send(false);
            let written = self.link.poll_write(cx);
            if written.is_pending() {
                self.waiters.driver = Driver::Writer(self.waiters.wait(ticket, goal, cx));
            }
            self.link.release();
            self.wake_reached();
            self.wake_reader_in_time();
            if Self::is_reached(&self.link, goal) {
                continue;
            }
            match written {
                Poll::Ready(result) => {
                    self.leave(ticket);
                    return Poll::Ready(result.and(Err(self.link.why_not_sent())));
                }
                Poll::Pending => {
                    ready!(self.link.timer.poll_due_in_send_by(&mut self.alarm, cx));
                }
            }
        }
    }
}
