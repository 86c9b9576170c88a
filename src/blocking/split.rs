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
//! No thread waits for the network while it holds the state. A reader goes on reading while
//! nothing can be written: it does not wait for the output when a writer has it, who looks for
//! more before and after letting it go, so that pongs and close replies are never left behind; and
//! when it has the output itself, it writes and reads by turns.

use super::WebSocket;
use super::error::Error;
use super::stream::{Stream, Timed, Timer};
use crate::close::CloseCode;
use crate::connection::{
    Connection, Ended, Event, MessageKind, ProtocolError, SendError, Transport,
};
use crate::frame::ControlPayload;
use crate::io::is_gone;
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The most bytes taken from the queue for one write.
const CHUNK: usize = 64 * 1024;

/// The reading half of a [`WebSocket`].
#[derive(Debug)]
pub struct Reader<S> {
    stream: Timed<S>,
    rx: RecvBuffer,
    shared: Arc<Shared<S>>,
}

/// A writing half of a [`WebSocket`]. Clones write to the same connection; messages do not mix.
#[derive(Debug)]
pub struct Writer<S> {
    shared: Arc<Shared<S>>,
}

impl<S> Clone for Writer<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

#[derive(Debug)]
struct Shared<S> {
    state: Mutex<State>,
    output: Mutex<Output<S>>,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    timer: Timer,
    ended: Option<Ended>,
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
    /// # Errors
    ///
    /// What [`TcpStream::try_clone`] says.
    pub fn split(self) -> io::Result<(Reader<TcpStream>, Writer<TcpStream>)> {
        let write_half = self.stream().try_clone()?;
        Ok(self.split_with(write_half))
    }
}

impl<S: Stream> WebSocket<S> {
    /// Splits the connection for two threads, with a second handle of the same stream for
    /// writing. The one half sets timeouts for reading only, the other for writing only.
    pub fn split_with(mut self, write_half: S) -> (Reader<S>, Writer<S>) {
        self.link.timer.share();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                connection: self.link.connection,
                timer: self.link.timer,
                ended: self.link.ended,
            }),
            output: Mutex::new(Output { stream: Timed::new(write_half), chunk: Vec::new() }),
        });
        let writer = Writer { shared: Arc::clone(&shared) };
        (Reader { stream: self.link.stream, rx: self.rx, shared }, writer)
    }
}

impl<S: Stream> Reader<S> {
    /// As [`WebSocket::read`]. Messages queued by a writer are not waited for.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::read`].
    pub fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        let found = loop {
            let mut state = self.shared.state();
            if state.ended.is_some() {
                return Ok(None);
            }
            let failed_before = state.connection.has_failed();
            let found = state.connection.find(&mut self.rx);
            drop(state);
            match found {
                Ok(Some(found)) => break found,
                Ok(None) => {}
                Err(_) if failed_before => {}
                Err(error) => return Err(self.shared.fail(error)),
            }
            let flushed = self.shared.flush_if_read(Wait::No)?;
            self.shared.settle(&mut self.stream)?;
            if self.ended().is_none() {
                self.receive(flushed)?;
            }
        };
        let mut state = self.shared.state();
        match state.connection.hand_out(found, &self.rx) {
            Ok(event) => {
                if event.is_message() {
                    state.timer.message();
                }
                Ok(Some(event))
            }
            Err(error) => {
                drop(state);
                Err(self.shared.fail(error))
            }
        }
    }

    /// How the connection ended; `None` while it has not.
    pub fn ended(&self) -> Option<Ended> {
        self.shared.state().ended
    }

    fn receive(&mut self, flushed: bool) -> Result<(), Error> {
        let timer = self.shared.state().timer.clone();
        // What could not be written has to be tried again soon.
        let timer = if flushed { timer } else { timer.in_haste() };
        let read = self.stream.read(&mut self.rx, &timer);
        let mut state = self.shared.state();
        let read = match read {
            Err(error) if is_gone(&error) && state.connection.has_received_all() => Some(0),
            read => read?,
        };
        match read {
            Some(0) => {
                let ended = state.connection.receive_eof(&self.rx);
                state.timer.closing();
                drop(state);
                // Nothing more is to be read, so there is time to wait for a writer to finish.
                self.shared.flush_if_read(Wait::Yes)?;
                let _ = self.stream.shutdown_write();
                self.shared.state().ended = Some(ended);
            }
            Some(_) => state.timer.received(),
            None => state.tick(),
        }
        Ok(())
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

    /// As [`WebSocket::send_ping`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_text`].
    pub fn send_ping(&self, payload: ControlPayload) -> Result<(), Error> {
        self.queue(|connection| connection.send_ping(payload))?;
        self.shared.flush(Wait::Yes)?;
        Ok(())
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
        self.queue(queue)?;
        self.shared.state().timer.message();
        self.shared.flush(Wait::Yes)?;
        Ok(())
    }

    /// Queues something, and makes room for it if there is none; other writers may be faster to
    /// use it.
    fn queue(
        &self,
        mut queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        loop {
            // In a statement of its own: the state must be free while others write.
            let queued = queue(&mut self.shared.state().connection);
            match queued {
                Err(SendError::QueueFull) => self.shared.flush(Wait::Yes)?,
                queued => return Ok(queued?),
            };
        }
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
            drop(output);
            // The reader does not wait, so what it has queued in the meantime is left to us.
            if wait == Wait::No || !self.state().wants_write() {
                return Ok(drained);
            }
        }
    }

    /// As for a [`WebSocket`] in one piece.
    fn flush_if_read(&self, wait: Wait) -> Result<bool, Error> {
        match self.flush(wait) {
            Err(Error::Io(error)) if is_gone(&error) => Ok(true),
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
            let timer = {
                let mut state = self.state();
                output.chunk.clear();
                if state.wants_write() {
                    state.watch_closing();
                    let queue: &SendQueue = state.connection.outgoing();
                    let chunk = queue.chunk();
                    output.chunk.extend_from_slice(&chunk[..chunk.len().min(CHUNK)]);
                } else if state.ended.is_some() || output.stream.is_flushed() {
                    drop(state);
                    // The reader may be waiting for the peer, who waits for the end of this.
                    self.settle(&mut output.stream)?;
                    return Ok(true);
                }
                match wait {
                    Wait::Yes => state.timer.clone(),
                    Wait::No => state.timer.clone().in_haste(),
                }
            };
            let written = output.stream.write_slice(&output.chunk, &timer);
            let mut state = self.state();
            match written {
                // The queue may have been given up meanwhile.
                _ if state.ended.is_some() => return Ok(true),
                Ok(Some(n)) => state.connection.outgoing().advance(n),
                Ok(None) => {
                    state.tick();
                    if wait == Wait::No {
                        return Ok(false);
                    }
                }
                Err(error) if is_gone(&error) && state.connection.has_received_all() => {
                    state.ended = Some(state.connection.receive_eof(&RecvBuffer::new()));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Does to the transport what the machine says.
    fn settle(&self, stream: &mut Timed<S>) -> Result<(), Error> {
        let mut state = self.state();
        state.watch_closing();
        if state.connection.transport() == Transport::ShutdownWrite && !stream.shutdown_write()? {
            // The peer has sent its last frame, so there is nothing incomplete to look for.
            state.ended = Some(state.connection.receive_eof(&RecvBuffer::new()));
        }
        Ok(())
    }
}

impl State {
    fn wants_write(&self) -> bool {
        self.ended.is_none() && self.connection.wants_write()
    }

    fn watch_closing(&mut self) {
        if self.connection.is_closing() {
            self.timer.closing();
        }
    }

    /// Either thread may find that a deadline has passed, and both may.
    fn tick(&mut self) {
        if self.ended.is_none() {
            self.ended = self.timer.tick(&mut self.connection);
        }
    }
}
