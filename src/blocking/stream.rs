//! Streams that can time out, and the clock that says when.

use crate::close::CloseCode;
use crate::connection::{Connection, Ended};
use crate::deadlines::{Deadlines, Due, Instant, Timeouts};
use crate::frame::ControlPayload;
use crate::io::{flush, write_once};
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;

/// How long a reader that has something to write waits in each direction by turns.
const HASTE: Duration = Duration::from_millis(10);

/// A timeout of zero can't be set.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// A blocking stream with abilities that `Read + Write` does not have. For a stream that lacks
/// them there is [`Plain`].
pub trait Stream: Read + Write {
    /// Bounds the following reads; they then fail with `WouldBlock` or `TimedOut`. `false` when
    /// the stream can't do that.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Bounds the following writes, as [`set_read_timeout`](Self::set_read_timeout) does reads.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool>;

    /// Ends the writing direction: the peer will read the end of the stream. `false` when the
    /// stream can't do that; then it is taken to end when it is dropped.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    fn shutdown_write(&mut self) -> io::Result<bool>;
}

impl Stream for TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_read_timeout(self, timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_write_timeout(self, timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_read_timeout(self, timeout).map(|()| true)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        Self::set_write_timeout(self, timeout).map(|()| true)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        self.shutdown(Shutdown::Write).map(|()| true)
    }
}

/// Any `Read + Write` as a [`Stream`] without timeouts: deadlines are looked at only between reads
/// and writes, and the transport ends when it is dropped. So a server's connection has ended as
/// soon as both have sent Close: the client waits for the server to end the transport.
#[derive(Debug)]
pub struct Plain<S>(pub S);

impl<S: Read> Read for Plain<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<S: Write> Write for Plain<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Stream for Plain<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<bool> {
        Ok(false)
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<bool> {
        Ok(false)
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        Ok(false)
    }
}

/// A stream whose waits end at the next deadline.
#[derive(Debug)]
pub(super) struct Timed<S> {
    stream: S,
    reads: Bound<S>,
    writes: Bound<S>,
    flushed: bool,
    shut_down: bool,
}

impl<S: Stream> Timed<S> {
    pub(super) fn new(stream: S) -> Self {
        let reads = Bound { timeout: None, set: S::set_read_timeout };
        let writes = Bound { timeout: None, set: S::set_write_timeout };
        Self { stream, reads, writes, flushed: true, shut_down: false }
    }

    pub(super) fn get(&self) -> &S {
        &self.stream
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// Reads once; `None` when a deadline has come, or may have.
    pub(super) fn read(&mut self, rx: &mut RecvBuffer, timer: &Timer) -> io::Result<Option<usize>> {
        self.reads.wait(&mut self.stream, timer, |stream| rx.read_from(stream))
    }

    /// Takes one step of writing: writes once, or, when the queue is empty, tells the stream to
    /// pass it all on. `None` when a deadline has come, or may have.
    pub(super) fn write(
        &mut self,
        queue: &mut SendQueue,
        timer: &Timer,
    ) -> io::Result<Option<usize>> {
        if queue.is_empty() {
            return self.flush(timer);
        }
        self.flushed = false;
        self.writes.wait(&mut self.stream, timer, |stream| queue.write_to(stream))
    }

    /// As [`write`](Self::write), for bytes that were taken out of a queue.
    pub(super) fn write_slice(&mut self, bytes: &[u8], timer: &Timer) -> io::Result<Option<usize>> {
        if bytes.is_empty() {
            return self.flush(timer);
        }
        self.flushed = false;
        self.writes.wait(&mut self.stream, timer, |stream| write_once(stream, bytes))
    }

    /// Whether the stream has been told to pass on all that was written.
    pub(super) fn is_flushed(&self) -> bool {
        self.flushed
    }

    fn flush(&mut self, timer: &Timer) -> io::Result<Option<usize>> {
        let done = self.writes.wait(&mut self.stream, timer, |stream| flush(stream).map(|()| 0))?;
        self.flushed = done.is_some();
        Ok(done)
    }

    /// Ends the writing direction; `false` when only dropping the stream can do that.
    pub(super) fn shutdown_write(&mut self) -> io::Result<bool> {
        if !self.shut_down {
            self.shut_down = match self.stream.shutdown_write() {
                // The peer was faster.
                Err(error) if error.kind() == ErrorKind::NotConnected => true,
                result => result?,
            };
        }
        Ok(self.shut_down)
    }
}

/// The timeout of one direction. The two have their own, since the handles of a split connection
/// share them.
#[derive(Debug)]
struct Bound<S> {
    /// What is set, to save system calls.
    timeout: Option<Duration>,
    set: fn(&mut S, Option<Duration>) -> io::Result<bool>,
}

impl<S> Bound<S> {
    fn wait(
        &mut self,
        stream: &mut S,
        timer: &Timer,
        call: impl FnOnce(&mut S) -> io::Result<usize>,
    ) -> io::Result<Option<usize>> {
        if timer.is_due() {
            return Ok(None);
        }
        let wait = timer.longest_wait();
        // A timeout that is too short only costs a wake-up; one too long would miss the deadline.
        let fits = match (self.timeout, wait) {
            (Some(set), Some(wait)) => set <= wait,
            (set, None) => set.is_none(),
            (None, Some(_)) => false,
        };
        let can_time_out = fits || (self.set)(stream, wait)?;
        if !fits {
            self.timeout = wait.filter(|_| can_time_out);
        }
        match call(stream) {
            Ok(n) => Ok(Some(n)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if self.timeout.take().is_some() {
                    // The next deadline is likely to be farther away, or there is none.
                    (self.set)(stream, None)?;
                } else if !timer.is_due() {
                    // Not our timeout: the caller's, or a stream that does not block.
                    return Err(e);
                }
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

/// [`Deadlines`] on the system's clock.
#[derive(Debug, Clone)]
pub(super) struct Timer {
    epoch: std::time::Instant,
    deadlines: Deadlines,
    close: Option<Duration>,
    shared: bool,
    in_haste: bool,
}

impl Timer {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        let now = Instant::new(Duration::ZERO);
        Self {
            epoch: std::time::Instant::now(),
            deadlines: Deadlines::new(timeouts, now),
            close: timeouts.close,
            shared: false,
            in_haste: false,
        }
    }

    /// From now on another thread may start closing while this one waits.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// The same, for a wait after which there is something else to try.
    pub(super) fn in_haste(self) -> Self {
        Self { in_haste: true, ..self }
    }

    pub(super) fn opened(&mut self) {
        self.deadlines.opened(self.now());
    }

    pub(super) fn received(&mut self) {
        self.deadlines.received(self.now());
    }

    pub(super) fn message(&mut self) {
        self.deadlines.message(self.now());
    }

    pub(super) fn closing(&mut self) {
        self.deadlines.closing(self.now());
    }

    /// Whether the opening handshake has run out of time.
    pub(super) fn opening_is_over(&mut self) -> bool {
        self.deadlines.handle_timeout(self.now()).is_some()
    }

    /// Does what is due, and returns how the connection ended if it has to be given up.
    pub(super) fn tick(&mut self, connection: &mut Connection) -> Option<Ended> {
        match self.deadlines.handle_timeout(self.now())? {
            Due::Ping => {
                // A queue that is full, or closing, does not need a ping: something else is
                // already waiting for the peer.
                let _ = connection.send_ping(ControlPayload::EMPTY);
                None
            }
            Due::Idle => {
                let _ = connection.close(CloseCode::GOING_AWAY, "idle for too long");
                None
            }
            Due::Opening | Due::Pong | Due::Close => Some(connection.abandon()),
        }
    }

    fn is_due(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// The time until something is due.
    fn remaining(&self) -> Option<Duration> {
        self.deadlines.poll_timeout().map(|at| at.saturating_since(self.now()))
    }

    /// The longest wait after which the deadlines have to be looked at again. When another thread
    /// may start closing, who has waited no longer than closing may take is still in time for its
    /// deadline.
    fn longest_wait(&self) -> Option<Duration> {
        let closing = self.close.filter(|_| self.shared);
        let haste = self.in_haste.then_some(HASTE);
        let bounds = [self.remaining(), closing, haste];
        bounds.into_iter().flatten().min().map(|wait| wait.max(SHORTEST_WAIT))
    }

    fn now(&self) -> Instant {
        Instant::new(self.epoch.elapsed())
    }
}
