//! A connection together with its stream: all but the input, which events borrow.
//!
//! Each method that polls may be left at any `Pending` and called again later, by whichever task: nothing that matters
//! is in a future.

use crate::Error;
use crate::input::Input;
use crate::pool;
use crate::timer::Timer;
use crate::wire::Wire;
use core::task::{Context, Poll, ready};
use sansio_ws::io::{is_end, is_gone};
use sansio_ws::{
    Connection, LocatedEvent, MessageKind, PreparedMessage, ProtocolError, RecvBuffer, SendError,
    Transport,
};
use std::io::{self, ErrorKind};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;

/// How many queued bytes are enough for a write.
const FLUSH_AT: usize = 64 * 1024;

/// Payloads from this number of bytes on are offered to the stream before they are copied. Smaller ones are
/// copied, since many of them may come together, and one large write costs less than several.
const LARGE: usize = 64 * 1024;

/// How many bytes one read may return, so that they are still in the cache when they are looked at.
const PORTION: usize = 256 * 1024;

/// How many bytes the look before a verdict reads.
const LOOK_BYTES: usize = 256 * 1024;

/// How many bytes a send reads when it has to see whether the peer is alive.
const GLANCE_BYTES: usize = 4096;

/// Whether the task that reads also writes what is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Yes. When the peer does not take the answers, nothing more is read: TCP then slows the peer down.
    Here,
    /// Yes, but others may send as well, so reading goes on whether or not anything can be written.
    HereBesides,
    /// No, a writer does.
    Elsewhere,
}

#[derive(Debug)]
pub(crate) struct Link<S> {
    pub(crate) wire: Wire<S>,
    pub(crate) connection: Connection,
    pub(crate) timer: Timer,
    /// Bytes read since something is due.
    looked: usize,
    /// Bytes read since the last look at the clock, and at what is to be written: who sends without a pause gets its
    /// answers all the same.
    unanswered: usize,
    /// A send has seen the end of input, which is for reading to report.
    input_ended: bool,
    /// How the stream has failed.
    failure: Option<ErrorKind>,
}

impl<S> Link<S> {
    pub(crate) fn new(wire: Wire<S>, connection: Connection, timer: Timer) -> Self {
        Self {
            wire,
            connection,
            timer,
            looked: 0,
            unanswered: 0,
            input_ended: false,
            failure: None,
        }
    }

    /// Whether nothing is left to do with the stream.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.ended().is_some()
            && self.connection.transport() == Transport::Drop
            && self.wire.is_flushed()
    }

    /// The position of the end of all that is queued.
    pub(crate) fn end(&self) -> u64 {
        self.wire.end_of(self.connection.queued())
    }

    /// Whether another message can be queued for certain, or never.
    pub(crate) fn has_room(&self) -> bool {
        !self.connection.is_congested()
    }

    /// Why something was not sent.
    pub(crate) fn why_not_sent(&self) -> Error {
        match (self.failure, self.connection.ended()) {
            (Some(kind), _) => Error::Io(kind.into()),
            (None, Some(ended)) => Error::Ended(ended),
            (None, None) => Error::Send(SendError::Closed),
        }
    }

    /// Takes note of what the connection has done.
    pub(crate) fn observe(&mut self) {
        self.timer.observe(&mut self.connection, self.wire.holds());
        self.wire.trace.observe(&self.connection);
    }

    /// Gives the memory for output back if it is not in use.
    pub(crate) fn release(&mut self) {
        if !self.connection.wants_write() {
            pool::keep_room(self.connection.outgoing(), self.timer.tokio_now());
        }
    }

    fn end_input(&mut self, rx: &RecvBuffer) {
        self.connection.receive_eof(rx);
        self.timer.input_ended();
    }

    /// The peer reads no more. It may have sent something before, and the end is for reading to find.
    fn note_gone(&mut self, kind: ErrorKind) {
        self.failure = Some(kind);
        self.connection.write_failed();
        self.wire.give_up();
        self.observe();
    }

    fn transport_failed(&mut self, error: io::Error) -> Error {
        self.failure = Some(error.kind());
        self.connection.transport_failed();
        self.wire.give_up();
        self.wire.trace.observe(&self.connection);
        error.into()
    }

    fn enforce(&mut self) {
        self.looked = 0;
        if self.timer.enforce(&mut self.connection) {
            self.wire.give_up();
        }
    }

    /// Does what is due for a send.
    pub(crate) fn enforce_in_send(&mut self, can_look: bool) {
        if self.timer.enforce_in_send(&mut self.connection, can_look) {
            self.wire.give_up();
        }
    }

    /// Whether a send can see what the peer has sent.
    fn can_look_in_send(&mut self, input: &Input) -> bool {
        !self.input_ended && self.timer.may_look_in_send(input.unread())
    }
}

/// Reading.
impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Looks for the next event, and reads, writes and lets deadlines pass until there is one. `None` when the
    /// connection has ended.
    pub(crate) fn poll_find(
        &mut self,
        input: &mut Input,
        writing: Writing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<LocatedEvent>, Error>> {
        self.timer.begin_poll();
        input.resume();
        let found = self.poll_find_in(input, writing, cx);
        match &found {
            // Its answer needs room.
            Poll::Ready(Ok(Some(_))) => pool::lend_room(self.connection.outgoing()),
            _ => {
                input.release(self.timer.tokio_now());
                self.release();
            }
        }
        found
    }

    fn poll_find_in(
        &mut self,
        input: &mut Input,
        writing: Writing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<LocatedEvent>, Error>> {
        loop {
            let much = self.unanswered > PORTION;
            if much {
                self.unanswered = 0;
                self.timer.begin_poll();
            }
            if (much || self.connection.queued() > FLUSH_AT) && writing != Writing::Elsewhere {
                self.write_for_reading(cx)?;
            }
            let paused = writing == Writing::Here && self.connection.pauses_reading();
            let mut yields = false;
            if !paused {
                let failed_before = self.connection.has_failed();
                match self.connection.find_event(input.buffer()) {
                    Ok(Some(found)) if found.is_yield() => yields = true,
                    Ok(Some(found)) => return Poll::Ready(Ok(Some(found))),
                    Ok(None) => self.observe(),
                    Err(_) if failed_before => {}
                    Err(error) => return Poll::Ready(Err(self.fail(error, writing, cx))),
                }
            }
            // What had arrived before was handed out first.
            if self.is_over() {
                // As far as the stream does it at once: the caller may keep it, and the peer waits for its end.
                let _ = self.wire.poll_shutdown(cx);
                return Poll::Ready(Ok(None));
            }
            let reads = !paused && !yields && self.connection.ended().is_none();
            if reads && let Poll::Ready(received) = self.poll_receive(input.buffer(), cx) {
                received?;
                continue;
            }
            // Nothing has come, so there is time to write.
            if writing != Writing::Elsewhere {
                self.write_for_reading(cx)?;
            }
            self.shut_down(cx)?;
            if self.is_over() || paused && !self.connection.pauses_reading() {
                continue;
            }
            if yields {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(match paused {
                true => self.poll_due_in_send(Some(input), cx),
                false => self.poll_due(cx),
            })?;
        }
    }

    /// Finishes what [`poll_find`](Self::poll_find) has found; the event is lent by the connection.
    ///
    /// The peer broke the protocol. It is told at once, since the caller may not come back. What can't be written now
    /// stays queued, and is tried again if the caller does.
    pub(crate) fn fail(
        &mut self,
        error: ProtocolError,
        writing: Writing,
        cx: &mut Context<'_>,
    ) -> Error {
        self.wire.trace.failed(&error);
        if writing != Writing::Elsewhere {
            let _ = self.poll_write(cx);
        }
        error.into()
    }

    /// Reads once.
    fn poll_receive(
        &mut self,
        rx: &mut RecvBuffer,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if self.looked >= LOOK_BYTES && self.timer.due().is_some() {
            self.enforce();
            return Poll::Ready(Ok(()));
        }
        match ready!(self.wire.poll_read(rx, PORTION, cx)) {
            Ok(0) => self.end_input(rx),
            Ok(n) => {
                let due = self.timer.due().is_some();
                self.looked = if due { self.looked + n } else { 0 };
                self.unanswered += n;
                self.timer.received();
            }
            Err(error) if is_end(&error) => {
                if is_gone(error.kind()) {
                    self.note_gone(error.kind());
                }
                self.end_input(rx);
            }
            Err(error) => return Poll::Ready(Err(self.transport_failed(error))),
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until something is due, and does it: there was nothing to read, so the look has been taken.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.timer.due().is_none() {
            ready!(self.timer.poll_due(cx));
            // Reads once more first.
            return Poll::Ready(Ok(()));
        }
        if ended_turn(cx) {
            return Poll::Pending;
        }
        self.enforce();
        Poll::Ready(Ok(()))
    }

    /// Writes what the stream takes. A peer that reads no more may have sent something before, and the end is for
    /// reading to find.
    fn write_for_reading(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.poll_write(cx) {
            Poll::Ready(Err(Error::Io(error))) if is_gone(error.kind()) => Ok(()),
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Does to the stream what the machine says, once everything is written.
    fn shut_down(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.connection.transport() == Transport::ShutdownWrite
            && self.wire.is_flushed()
            && let Poll::Ready(Err(error)) = self.wire.poll_shutdown(cx)
        {
            return Err(self.transport_failed(error));
        }
        Ok(())
    }
}

/// Writing.
impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Writes everything queued, and has it passed on.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.connection.wants_write() && self.wire.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        let written = self.wire.poll_write(&mut self.connection, &mut self.timer, cx);
        self.observe();
        match written {
            Poll::Ready(Err(error)) if is_gone(error.kind()) => {
                self.note_gone(error.kind());
                Poll::Ready(Err(error.into()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.transport_failed(error))),
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Writes until there is room for another message.
    pub(crate) fn poll_ready(
        &mut self,
        input: &mut Input,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_write_until(input, cx, Self::has_room))?;
        Poll::Ready(if self.connection.is_open() { Ok(()) } else { Err(self.why_not_sent()) })
    }

    /// Writes until the stream has passed on all that is in front of `end`.
    pub(crate) fn poll_written(
        &mut self,
        end: u64,
        input: &mut Input,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let written = self.poll_write_until(input, cx, |link| link.wire.has_passed_on(end));
        self.release();
        if self.wire.has_passed_on(end) {
            return Poll::Ready(Ok(()));
        }
        ready!(written)?;
        Poll::Ready(Err(self.why_not_sent()))
    }

    /// Writes until this is so, or nothing is left to write, and lets deadlines pass meanwhile.
    fn poll_write_until(
        &mut self,
        input: &mut Input,
        cx: &mut Context<'_>,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Poll<Result<(), Error>> {
        self.timer.begin_poll();
        loop {
            if is_enough(self) || self.is_over() {
                return Poll::Ready(Ok(()));
            }
            // Before writing: what the stream takes at once says nothing about the peer.
            let can_look = self.can_look_in_send(input);
            let is_due = self.timer.due_in_send(can_look).is_some();
            if !is_due && (self.poll_write(cx)?.is_ready() || is_enough(self)) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_due_in_send(Some(input), cx))?;
        }
    }

    /// Waits until something is due while a send waits. Sees first what the peer has sent, but hands nothing out.
    pub(crate) fn poll_due_in_send(
        &mut self,
        input: Option<&mut Input>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let can_look = input.as_ref().is_some_and(|input| self.can_look_in_send(input));
        let Some(due) = self.timer.due_in_send(can_look) else {
            ready!(self.timer.poll_due_in_send(can_look, cx));
            return Poll::Ready(Ok(()));
        };
        if due.needs_look()
            && can_look
            && let Some(input) = input
        {
            let glance = self.poll_glance(input, cx);
            if glance.is_ready() {
                return glance;
            }
        }
        if ended_turn(cx) {
            return Poll::Pending;
        }
        self.enforce_in_send(can_look);
        Poll::Ready(Ok(()))
    }

    /// Reads a little.
    fn poll_glance(&mut self, input: &mut Input, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        input.resume();
        let read = self.wire.poll_read(input.buffer(), GLANCE_BYTES, cx);
        input.release(self.timer.tokio_now());
        match ready!(read) {
            Ok(1..) => self.timer.received(),
            Err(error) if !is_end(&error) => return Poll::Ready(Err(self.transport_failed(error))),
            Ok(0) | Err(_) => self.input_ended = true,
        }
        Poll::Ready(Ok(()))
    }

    /// Queues a text message. A large one is offered to the stream first, if there is somebody to be woken.
    #[inline]
    pub(crate) fn queue_text(
        &mut self,
        text: &str,
        cx: Option<&mut Context<'_>>,
    ) -> Result<(), SendError> {
        match cx {
            Some(cx) if self.is_large(text.len()) => {
                self.offer(MessageKind::Text, text.as_bytes(), cx)
            }
            _ => self.connection.send_text(text),
        }
    }

    /// As [`queue_text`](Self::queue_text), for a binary message.
    #[inline]
    pub(crate) fn queue_binary(
        &mut self,
        payload: &[u8],
        cx: Option<&mut Context<'_>>,
    ) -> Result<(), SendError> {
        match cx {
            Some(cx) if self.is_large(payload.len()) => {
                self.offer(MessageKind::Binary, payload, cx)
            }
            _ => self.connection.send_binary(payload),
        }
    }

    /// As [`queue_text`](Self::queue_text), for a message that was framed before.
    pub(crate) fn queue_prepared(
        &mut self,
        message: &PreparedMessage,
        cx: Option<&mut Context<'_>>,
    ) -> Result<(), SendError> {
        let Some(cx) = cx.filter(|_| self.is_large(message.payload().len())) else {
            return self.connection.send_prepared(message);
        };
        let Self { wire, connection, timer, .. } = self;
        connection
            .send_prepared_through(message, |queue, message| wire.offer(queue, message, timer, cx))
    }

    #[inline(never)]
    fn offer(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), SendError> {
        let Self { wire, connection, timer, .. } = self;
        connection
            .send_through(kind, payload, |queue, message| wire.offer(queue, message, timer, cx))
    }

    /// Whether a payload of this length is worth being offered.
    fn is_large(&self, len: usize) -> bool {
        len >= LARGE && self.wire.writes_vectored()
    }
}

/// Whether this task has used up its turn, so that streams say that they have nothing although they may have. It is
/// woken then.
fn ended_turn(cx: &Context<'_>) -> bool {
    let ended = !has_budget_remaining();
    if ended {
        cx.waker().wake_by_ref();
    }
    ended
}
