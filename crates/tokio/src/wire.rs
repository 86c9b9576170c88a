//! A stream, and how much of the output it has taken.
//!
//! ```text
//!   queue ──poll_write──▶ stream ──poll_flush──▶ network
//!                 taken ┘      passed on ┘
//! ```
//!
//! Positions count all bytes of a connection, so a send is done when what is passed on has reached its end.

use crate::timer::Timer;
use crate::trace::Trace;
use bytes::Buf;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use sansio_ws::io::is_gone;
use sansio_ws::{Connection, RecvBuffer, SendQueue};
use std::io::{self, ErrorKind, IoSlice};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop::has_budget_remaining;

/// How many pieces one vectored write gathers.
const SLICES: usize = 64;

#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    taken: u64,
    passed_on: u64,
    /// The stream could not pass on what it has taken. It gets nothing more until it has: what a buffer of its own
    /// takes is no sign that the peer reads.
    holds: bool,
    /// Nothing more is written: the queue has been thrown away.
    given_up: bool,
    shut_down: bool,
    pub(crate) trace: Trace,
}

impl<S> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            taken: 0,
            passed_on: 0,
            holds: false,
            given_up: false,
            shut_down: false,
            trace: Trace::none(),
        }
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> S {
        self.stream
    }

    /// The position of the last byte in a queue of `queued` bytes.
    pub(crate) fn end_of(&self, queued: usize) -> u64 {
        self.taken + queued as u64
    }

    /// Whether everything up to this position has been passed on.
    pub(crate) fn has_passed_on(&self, end: u64) -> bool {
        self.passed_on >= end
    }

    /// Whether the stream has passed on all that it has taken, or nobody waits for it any more.
    pub(crate) fn is_flushed(&self) -> bool {
        self.passed_on == self.taken || self.given_up
    }

    /// Whether the stream could not pass on what it has taken.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// Nothing more is written.
    pub(crate) fn give_up(&mut self) {
        self.given_up = true;
        self.holds = false;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Reads once, at most `bound` bytes, and returns their number; 0 is the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        rx: &mut RecvBuffer,
        bound: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let spare = rx.spare();
        let room = spare.len().min(bound);
        let mut buf = ReadBuf::new(&mut spare[..room]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
        let n = buf.filled().len();
        if n > room {
            return Poll::Ready(Err(invalid("more bytes read than offered")));
        }
        self.trace.received(buf.filled());
        rx.commit(n);
        Poll::Ready(Ok(n))
    }

    /// Writes all that the connection has queued, and has it passed on.
    pub(crate) fn poll_write(
        &mut self,
        connection: &mut Connection,
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            // A pong may have waited for what was in front of it.
            ready!(self.poll_write_queue(connection.outgoing(), timer, cx))?;
            if !connection.wants_write() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes all of `queue`, and has it passed on.
    pub(crate) fn poll_write_queue(
        &mut self,
        queue: &mut SendQueue,
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(timer, cx))?;
            if queue.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let chunk = queue.chunk();
            let mut slices = [IoSlice::new(&[]); SLICES];
            let n = if chunk.len() == queue.len() {
                slices[0] = IoSlice::new(chunk);
                ready!(self.poll_write_slices(&slices[..1], timer, cx))?
            } else {
                let count = queue.chunks_vectored(&mut slices);
                ready!(self.poll_write_slices(&slices[..count], timer, cx))?
            };
            queue.advance(n);
        }
    }

    /// Writes what is queued and the message behind it, as far as the stream takes it at once. A failure comes again
    /// with the next write.
    pub(crate) fn offer(
        &mut self,
        queue: &SendQueue,
        message: [&[u8]; 2],
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> usize {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = queue.chunks_vectored(&mut slices[..SLICES - message.len()]);
        let gathered: usize = slices.iter().map(|slice| slice.len()).sum();
        if gathered == queue.len() {
            for part in message {
                slices[count] = IoSlice::new(part);
                count += 1;
            }
        }
        let mut slices = &mut slices[..count];
        let mut sent = 0;
        while !slices.is_empty()
            && let Poll::Ready(Ok(())) = self.poll_flush(timer, cx)
            && let Poll::Ready(Ok(n)) = self.poll_write_slices(slices, timer, cx)
        {
            sent += n;
            IoSlice::advance_slices(&mut slices, n);
        }
        sent
    }

    /// Whether a write of several slices is one.
    pub(crate) fn writes_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Writes once.
    fn poll_write_slices(
        &mut self,
        slices: &[IoSlice<'_>],
        timer: &mut Timer,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let (written, offered) = match slices {
            [slice] => (stream.poll_write(cx, slice), slice.len()),
            slices => {
                let offered = slices.iter().map(|slice| slice.len()).sum();
                (stream.poll_write_vectored(cx, slices), offered)
            }
        };
        let Poll::Ready(written) = written else {
            note_refusal(timer);
            return Poll::Pending;
        };
        let n = written?;
        if n == 0 {
            return Poll::Ready(Err(ErrorKind::WriteZero.into()));
        }
        if n > offered {
            return Poll::Ready(Err(invalid("more bytes written than offered")));
        }
        self.taken += n as u64;
        self.trace.sent(slices, n);
        timer.written(n, n < offered);
        Poll::Ready(Ok(n))
    }

    /// Has the stream pass on what it has taken.
    fn poll_flush(&mut self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) else {
            self.holds = true;
            note_refusal(timer);
            return Poll::Pending;
        };
        flushed?;
        if core::mem::take(&mut self.holds) {
            // How many bytes the peer has made room for is not known.
            timer.written(1, false);
        }
        self.passed_on = self.taken;
        Poll::Ready(Ok(()))
    }

    /// Ends the writing direction, once.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut_down {
            match ready!(Pin::new(&mut self.stream).poll_shutdown(cx)) {
                // The peer was faster.
                Err(error) if is_gone(error.kind()) => {}
                result => result?,
            }
            self.shut_down = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// The stream takes no more, unless it is only that this task has used up its turn.
fn note_refusal(timer: &mut Timer) {
    if has_budget_remaining() {
        timer.written(0, true);
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
