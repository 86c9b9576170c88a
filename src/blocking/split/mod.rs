//! One thread reads, another writes.
//!
//! ```text
//!   reading thread                          writing thread(s)
//!   Reader ──▶ read stream                  Writer (clone it)
//!      │                                       │
//!      └────── state: Mutex<Connection> ───────┤   held for moments, never while waiting
//!      └────── output: Mutex<write stream> ────┘   held while writing
//! ```
//!
//! No thread waits for the network while it holds the state. A reader goes on reading while nothing
//! can be written. It does not wait for the output while a writer has it: that writer looks for
//! more before and after it lets go, so that pongs and close replies are never left behind. When
//! the reader has the output itself, it only tries to write now and then.
//!
//! Only the reader sees what the peer sends, so only the reader judges its silence. A writer gives
//! the connection up when its own send is stuck, and tells the peer nothing: the transport is shut
//! down at once, which also ends the reader's wait.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

use super::error::Error;
use super::stream::Stream;
use super::timed::{CallResult, Timed, is_timeout};
use super::timer::{BRIEF_WAIT, Timer, is_over};
use super::{Link, WebSocket};
#[cfg(feature = "rustls")]
use super::{TcpOrTls, TlsStream};
use crate::connection::{Connection, ProtocolError, SendError, Transport};
use crate::io::is_gone;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Buf;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

#[cfg(test)]
use super::virtual_time::meanwhile;

/// The most bytes taken from the queue for one write.
const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
struct Shared<S> {
    state: Mutex<State>,
    output: Mutex<Output<S>>,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    timer: Timer,
    /// Bytes that the stream has taken, in all.
    taken: u64,
    /// How many of them it was told to pass on.
    passed_on: u64,
    /// How the stream has failed.
    failure: Option<ErrorKind>,
}

#[derive(Debug)]
struct Output<S> {
    stream: Timed<S>,
    chunk: Vec<u8>,
}

impl WebSocket<TcpStream> {
    /// Splits the connection for two threads. A program that answers in the reading thread does
    /// not need this.
    ///
    /// The [`Reader`] must be kept reading: it completes the closing handshake, answers pings, and
    /// watches the deadlines.
    ///
    /// ```
    /// use sansio_ws::blocking::{Error, WebSocket};
    /// use sansio_ws::handshake::{ClientRequest, OriginPolicy};
    /// use sansio_ws::{CloseCode, Config, Event, deadlines::Timeouts};
    /// use std::{net::TcpListener, thread};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (config, timeouts) = (Config::default(), Timeouts::default());
    /// # let listener = TcpListener::bind("127.0.0.1:0")?;
    /// # let request = ClientRequest::new(&format!("ws://{}/", listener.local_addr()?))?;
    /// # let server = thread::spawn(move || -> Result<(), Error> {
    /// #     let (stream, _) = listener.accept()?;
    /// #     let mut socket = WebSocket::accept(stream, OriginPolicy::SameHost, Config::default(), timeouts)?;
    /// #     while socket.read()?.is_some() {}
    /// #     Ok(())
    /// # });
    /// let (mut reader, writer) = WebSocket::open(&request, config, timeouts)?.split()?;
    /// let reading = thread::spawn(move || -> Result<_, Error> {
    ///     while let Some(event) = reader.read()? {
    ///         println!("{event:?}");
    ///     }
    ///     Ok(reader.ended())
    /// });
    /// for number in 0..3 {
    ///     writer.send_text(&number.to_string())?; // a clone of it could do so in another thread
    /// }
    /// writer.close(CloseCode::NORMAL, "that was all")?;
    /// let ended = reading.join().map_err(|_| "panicked")??;
    /// assert!(ended.is_some_and(|ended| ended.is_clean()));
    /// # server.join().map_err(|_| "panicked")??;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// What [`TcpStream::try_clone`] says.
    #[doc(alias("StreamExt", "try_clone"))]
    pub fn split(self) -> io::Result<(Reader<TcpStream>, Writer<TcpStream>)> {
        let write_half = self.stream().try_clone()?;
        Ok(self.split_with(write_half))
    }
}

#[cfg(unix)]
impl WebSocket<UnixStream> {
    /// As for a TCP stream.
    ///
    /// # Errors
    ///
    /// What [`UnixStream::try_clone`] says.
    pub fn split(self) -> io::Result<(Reader<UnixStream>, Writer<UnixStream>)> {
        let write_half = self.stream().try_clone()?;
        Ok(self.split_with(write_half))
    }
}

#[cfg(feature = "rustls")]
impl WebSocket<TlsStream> {
    /// As for a TCP stream. Both halves own the socket and share the state of TLS, which neither holds
    /// while it waits.
    ///
    /// # Errors
    ///
    /// What [`TcpStream::try_clone`] says.
    pub fn split(self) -> io::Result<(Reader<TlsStream>, Writer<TlsStream>)> {
        let write_half = self.stream().try_clone()?;
        Ok(self.split_with(write_half))
    }
}

#[cfg(feature = "rustls")]
impl WebSocket<TcpOrTls> {
    /// As for a TCP stream, or for one of TLS.
    ///
    /// # Errors
    ///
    /// What [`TcpStream::try_clone`] says.
    pub fn split(self) -> io::Result<(Reader<TcpOrTls>, Writer<TcpOrTls>)> {
        let write_half = self.stream().try_clone()?;
        Ok(self.split_with(write_half))
    }
}

impl<S: Stream> WebSocket<S> {
    /// Splits the connection for two threads, with a second handle of the same stream for
    /// writing. The one half sets timeouts for reading only, the other for writing only; those
    /// that were set before are removed.
    #[doc(alias = "split")]
    pub fn split_with(self, write_half: S) -> (Reader<S>, Writer<S>) {
        let Link { mut stream, connection, mut timer, .. } = self.link;
        stream.remove_timeouts();
        timer.share();
        let output = Timed::new(write_half, timer.clock().clone());
        let state = State { connection, timer, taken: 0, passed_on: 0, failure: None };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            output: Mutex::new(Output { stream: output, chunk: Vec::new() }),
        });
        let writer = Writer { shared: Arc::clone(&shared) };
        let rx = self.rx;
        (Reader { stream, rx, shared, pauses_writing_until: None, looked: 0 }, writer)
    }
}

/// Whether to wait for the peer to take what is written, and for a thread that is writing.
///
/// The reader must not: the peer may be waiting for us to read before it reads itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    Yes,
    No,
}

impl<S: Stream> Shared<S> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is queued. `false` when some of it is left, and nobody there to write it.
    fn flush(&self, wait: Wait) -> Result<bool, Error> {
        loop {
            let mut output = match (wait, self.output.try_lock()) {
                (_, Ok(output)) => output,
                (_, Err(TryLockError::Poisoned(poisoned))) => poisoned.into_inner(),
                // Its holder will find what we have queued.
                (Wait::No, Err(TryLockError::WouldBlock)) => return Ok(true),
                (Wait::Yes, Err(TryLockError::WouldBlock)) => {
                    self.output.lock().unwrap_or_else(PoisonError::into_inner)
                }
            };
            let drained = self.drain(&mut output, wait)?;
            #[cfg(test)]
            meanwhile();
            drop(output);
            // The reader does not wait, so what it has to write in the meantime is left to us.
            if wait == Wait::No || !self.has_more() {
                return Ok(drained);
            }
        }
    }

    /// Whether the reader, or somebody else, has left something to do for the output.
    fn has_more(&self) -> bool {
        let (queued, shuts_down) = {
            let connection = &self.state().connection;
            if connection.has_discarded_output() {
                return false;
            }
            (connection.wants_write(), connection.transport() == Transport::ShutdownWrite)
        };
        // Who has the output asks the same behind it.
        queued
            || self.output.try_lock().is_ok_and(|output| {
                let stream = &output.stream;
                !stream.is_flushed() || shuts_down && !stream.is_shut_down()
            })
    }

    /// As for a [`WebSocket`] in one piece.
    fn flush_for_reading(&self, wait: Wait) -> Result<bool, Error> {
        match self.flush(wait) {
            Err(Error::Io(error)) if is_gone(error.kind()) => Ok(true),
            result => result,
        }
    }

    /// As for a [`WebSocket`] in one piece.
    fn fail(&self, error: ProtocolError) -> Error {
        let _ = self.flush(Wait::No);
        error.into()
    }

    /// Writes until the queue is empty, or the stream takes no more for now and `wait` says not to
    /// wait; then it returns `false`. The bytes are copied out of the queue, so that the state is
    /// free while they are written, and leave the queue when they have been written.
    fn drain(&self, output: &mut Output<S>, wait: Wait) -> Result<bool, Error> {
        loop {
            let mut state = self.state();
            let discarded = state.connection.has_discarded_output();
            let written = !state.connection.wants_write() && output.stream.is_flushed();
            if written {
                state.passed_on = state.taken;
            }
            state.observe();
            if written || discarded {
                let over = is_over(&state.connection);
                drop(state);
                if discarded && over {
                    output.stream.abort();
                }
                // The reader may be waiting for the peer, who waits for the end of this.
                self.settle(&mut output.stream)?;
                return Ok(discarded || output.stream.is_flushed());
            }
            if state.enforce_in_send() {
                continue;
            }
            output.chunk.clear();
            let queue: &SendQueue = state.connection.outgoing();
            let chunk = queue.chunk();
            output.chunk.extend_from_slice(&chunk[..chunk.len().min(CHUNK)]);
            let longest = match wait {
                Wait::Yes => state.timer.wait_in_send(false),
                Wait::No => Some(BRIEF_WAIT),
            };
            drop(state);
            let written = output.stream.write_slice(&output.chunk, longest);
            let mut state = self.state();
            match written {
                // It may have been given up meanwhile, and the queue with it.
                _ if state.connection.has_discarded_output() => {}
                Ok(CallResult::Bytes(n, all)) => {
                    state.connection.outgoing().advance(n);
                    state.taken += n as u64;
                    state.timer.written(n, !all);
                }
                Ok(CallResult::TimedOut) => {
                    state.timer.written(0, true);
                    if wait == Wait::No {
                        return Ok(false);
                    }
                }
                Ok(CallResult::Interrupted) => {}
                Err(error) if is_timeout(&error) => {
                    state.timer.written(0, true);
                    return Err(error.into());
                }
                Err(error) => {
                    state.write_failed(&error);
                    return Err(error.into());
                }
            }
        }
    }

    /// As [`settle`](Self::settle), unless a writer has the output, which sees to it then, or something
    /// has still to be written in front of the end.
    fn settle_for_reading(&self) -> Result<(), Error> {
        let mut output = match self.output.try_lock() {
            Ok(output) => output,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        if output.stream.is_flushed() { self.settle(&mut output.stream) } else { Ok(()) }
    }

    /// The connection has ended, and so does the writing direction, if it has not.
    fn end(&self) {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).stream.end(false);
    }

    /// Does to the transport what the machine says.
    fn settle(&self, stream: &mut Timed<S>) -> Result<(), Error> {
        let shuts_down = self.state().connection.transport() == Transport::ShutdownWrite;
        if !shuts_down {
            return Ok(());
        }
        match stream.shutdown_write() {
            Ok(true) => {}
            // The peer has sent its last frame, so there is nothing incomplete to look for.
            Ok(false) => _ = self.state().connection.receive_eof(&RecvBuffer::new()),
            // The peer does not take the end of TLS yet: whoever flushes comes here again.
            Err(error) if is_timeout(&error) && !stream.is_flushed() => {}
            Err(error) => {
                self.state().write_failed(&error);
                return Err(error.into());
            }
        }
        Ok(())
    }
}

impl State {
    /// Queues something, and returns the position of its end.
    fn queue(
        &mut self,
        queue: &mut impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<u64, SendError> {
        queue(&mut self.connection)?;
        self.observe();
        Ok(self.taken + self.connection.queued() as u64)
    }

    fn observe(&mut self) {
        let held = self.passed_on < self.taken;
        self.timer.observe(&mut self.connection, held);
    }

    fn end_input(&mut self, rx: &RecvBuffer) {
        self.connection.receive_eof(rx);
        self.timer.input_ended();
    }

    /// Either thread may find that a deadline has passed, and both may: each is acted on once.
    fn enforce(&mut self) {
        self.timer.enforce(&mut self.connection);
    }

    /// A writer can't look: the reader has the input. Whether anything was due.
    fn enforce_in_send(&mut self) -> bool {
        self.timer.enforce_in_send(&mut self.connection, false)
    }

    /// If the peer is gone it may have sent something before, and the end is for the reader to
    /// find. Any other failure ends the connection.
    fn write_failed(&mut self, error: &io::Error) {
        self.failure = Some(error.kind());
        if is_gone(error.kind()) {
            self.connection.write_failed();
        } else {
            self.connection.transport_failed();
        }
        self.observe();
    }

    /// Why something was not sent.
    fn failure(&self) -> Error {
        match (self.failure, self.connection.ended()) {
            (Some(kind), _) => Error::Io(kind.into()),
            (None, Some(ended)) => Error::Ended(ended),
            (None, None) => Error::Send(SendError::Closed),
        }
    }
}
