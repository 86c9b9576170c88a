//! The adapter for blocking streams: a connection together with its socket.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sansio_ws::blocking::WebSocket;
//! use sansio_ws::handshake::ClientRequest;
//! use sansio_ws::{CloseCode, Config, Event, deadlines::Timeouts};
//!
//! let request = ClientRequest::new("ws://127.0.0.1:9001/")?;
//! let mut socket = WebSocket::open(&request, Config::default(), Timeouts::default())?;
//! socket.send_text("hello")?;
//! if let Some(Event::Text(text)) = socket.read()? {
//!     println!("{text}");
//! }
//! println!("{}", socket.close(CloseCode::NORMAL, "bye")?);
//! # Ok(()) }
//! ```
//!
//! **Deadlines** bound every wait, in reading and writing, if the [`Stream`] can time out; a
//! TCP stream can. **Two threads**, one that reads and one that writes: see [`WebSocket::split`].

mod error;
mod opening;
mod split;
mod stream;

pub use error::{Error, Refused};
pub use split::{Reader, Writer};
pub use stream::{Plain, Stream};

use crate::close::CloseCode;
use crate::connection::{
    Connection, Ended, Event, MessageKind, ProtocolError, SendError, Transport,
};
use crate::deadlines::Timeouts;
use crate::frame::ControlPayload;
use crate::io::is_gone;
use crate::recv_buffer::RecvBuffer;
use bytes::Bytes;
use stream::{Timed, Timer};

/// How many queued bytes are enough for a write.
const FLUSH_AT: usize = 64 * 1024;

/// A WebSocket connection over a blocking stream.
///
/// Reading flushes what is queued before it blocks, so automatic pongs and close replies leave by
/// themselves as long as the caller reads.
#[derive(Debug)]
pub struct WebSocket<S> {
    rx: RecvBuffer,
    link: Link<S>,
}

/// All but the input, which events borrow.
#[derive(Debug)]
struct Link<S> {
    stream: Timed<S>,
    connection: Connection,
    timer: Timer,
    ended: Option<Ended>,
}

/// What a [`WebSocket`] was made of.
#[derive(Debug)]
pub struct Parts<S> {
    /// The stream.
    pub stream: S,
    /// Input that was read and not yet handed out: [`RecvBuffer::unread`], and the message that
    /// is under way.
    pub rx: RecvBuffer,
    /// The machine. [`Connection::outgoing`] has the output not yet written.
    pub connection: Connection,
}

impl<S: Stream> WebSocket<S> {
    /// An open connection whose handshake was done elsewhere. `rx` may hold bytes that followed
    /// it.
    pub fn from_parts(parts: Parts<S>, timeouts: Timeouts) -> Self {
        let mut timer = Timer::new(timeouts);
        timer.opened();
        Self::opened(Timed::new(parts.stream), parts.rx, parts.connection, timer)
    }

    fn opened(stream: Timed<S>, rx: RecvBuffer, connection: Connection, timer: Timer) -> Self {
        Self { rx, link: Link { stream, connection, timer, ended: None } }
    }

    /// Takes the adapter apart. Nothing is lost: input and output stay where they are.
    pub fn into_parts(self) -> Parts<S> {
        let Link { stream, connection, .. } = self.link;
        Parts { stream: stream.into_inner(), rx: self.rx, connection }
    }

    /// The next event; blocks until there is one. `None` when the connection has ended, and the
    /// transport with it; [`ended`](Self::ended) tells how.
    ///
    /// After [`Event::Close`], or after an error of the protocol, further calls complete the
    /// closing handshake.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] once, when the peer breaks the protocol; [`Error::Io`] when the stream
    /// fails. That the peer reads no more is no reason to fail as long as it may have sent
    /// something before. An error of kind `WouldBlock`, from a stream that times out by itself, is harmless:
    /// call again.
    pub fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        Ok(self.next()?.map(|(_, event)| event))
    }

    /// As [`read`](Self::read), together with the machine to answer it. What is queued there is
    /// written before the next call blocks, and when it gets more than 64 KiB: the answers to
    /// many small messages leave in one write.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[expect(clippy::should_implement_trait, reason = "lends what it returns")]
    pub fn next(&mut self) -> Result<Option<(&mut Connection, Event<'_>)>, Error> {
        let Self { rx, link, .. } = self;
        if link.connection.queued() > FLUSH_AT {
            link.flush_if_read()?;
        }
        let found = loop {
            if link.ended.is_some() {
                return Ok(None);
            }
            let failed_before = link.connection.has_failed();
            match link.connection.find(rx) {
                Ok(Some(found)) => break found,
                Ok(None) => {}
                Err(_) if failed_before => {}
                Err(error) => return Err(link.fail(error)),
            }
            link.flush_if_read()?;
            link.settle()?;
            if link.ended.is_none() {
                link.receive(rx)?;
            }
        };
        match link.connection.hand_out(found, rx) {
            Ok(event) => {
                if event.is_message() {
                    link.timer.message();
                }
                Ok(Some((&mut link.connection, event)))
            }
            Err(error) => Err(link.fail(error)),
        }
    }

    /// How the connection ended; `None` while it has not.
    pub fn ended(&self) -> Option<Ended> {
        self.link.ended
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.connection.subprotocol()
    }

    /// Sends a text message; blocks until the stream has taken it.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when it can't be sent, [`Error::Io`] when the stream fails; then the
    /// message, or the rest of it, is still queued.
    pub fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.send(|connection| connection.send_text(text))
    }

    /// Sends a binary message; blocks until the stream has taken it.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(|connection| connection.send_binary(payload))
    }

    /// Sends a message whose payload is owned together with others.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_bytes(&mut self, kind: MessageKind, payload: &Bytes) -> Result<(), Error> {
        self.send(|connection| Ok(connection.send_bytes(kind, payload.clone())?))
    }

    /// Sends one fragment of a message.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), Error> {
        self.send(|connection| connection.send_fragment(kind, payload, last))
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_ping(&mut self, payload: ControlPayload) -> Result<(), Error> {
        // Not a message: it does not end a pause of those.
        self.queue(|connection| connection.send_ping(payload))?;
        self.flush()
    }

    /// Closes: sends Close, reads and discards until the peer's Close and the end of the
    /// transport, and returns how the connection ended.
    ///
    /// To get the messages that are still on their way, use [`start_close`](Self::start_close)
    /// and [`read`](Self::read) on.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read); [`Error::Send`] when the reason is too long.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<Ended, Error> {
        if self.link.connection.is_open() {
            // Written by `read`, which goes on when the peer has ended the transport already.
            self.link.connection.close(code, reason)?;
        }
        while self.read()?.is_some() {}
        Ok(self.link.ended.unwrap_or(Ended::TimedOut))
    }

    /// Sends Close and returns. [`read`](Self::read) goes on until the connection has ended.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.send(|connection| connection.close(code, reason))
    }

    /// The machine, to queue output without writing it, or to ask it questions.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.link.connection
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        self.link.stream.get()
    }

    /// Writes everything queued; blocks until the stream has taken it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; what was not taken stays queued.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.link.flush()
    }

    fn send(
        &mut self,
        queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.queue(queue)?;
        self.link.timer.message();
        self.flush()
    }

    /// Queues something, and makes room for it if there is none.
    fn queue(
        &mut self,
        mut queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let mut queued = queue(&mut self.link.connection);
        if queued == Err(SendError::QueueFull) {
            self.flush()?;
            queued = queue(&mut self.link.connection);
        }
        Ok(queued?)
    }
}

impl<S: Stream> Link<S> {
    fn flush(&mut self) -> Result<(), Error> {
        while self.ended.is_none() && (self.connection.wants_write() || !self.stream.is_flushed()) {
            self.watch_closing();
            match self.stream.write(self.connection.outgoing(), &self.timer) {
                Ok(Some(_)) => {}
                Ok(None) => self.tick(),
                Err(error) if is_gone(&error) && self.connection.has_received_all() => {
                    self.ended = Some(self.connection.receive_eof(&RecvBuffer::new()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Writes everything queued, if the peer still reads. If it does not, it may all the same
    /// have sent something before, and the end is for reading to find.
    fn flush_if_read(&mut self) -> Result<(), Error> {
        match self.flush() {
            Err(Error::Io(error)) if is_gone(&error) => Ok(()),
            result => result,
        }
    }

    /// The peer broke the protocol. It is told at once, since the caller may not come back.
    fn fail(&mut self, error: ProtocolError) -> Error {
        // What can't be written now stays queued, and is tried again if the caller does.
        let _ = self.flush();
        error.into()
    }

    /// Reads once, or lets a deadline pass.
    fn receive(&mut self, rx: &mut RecvBuffer) -> Result<(), Error> {
        let read = match self.stream.read(rx, &self.timer) {
            Err(error) if is_gone(&error) && self.connection.has_received_all() => Some(0),
            read => read?,
        };
        match read {
            Some(0) => {
                // The peer may have ended only its own direction. It has got all we had to say:
                // that was written before. The caller may keep the stream for a while, and the
                // peer waits for its end.
                let _ = self.stream.shutdown_write();
                self.ended = Some(self.connection.receive_eof(rx));
            }
            Some(_) => self.timer.received(),
            None => self.tick(),
        }
        Ok(())
    }

    /// Does to the transport what the machine says.
    fn settle(&mut self) -> Result<(), Error> {
        self.watch_closing();
        if self.connection.transport() == Transport::ShutdownWrite
            && !self.stream.shutdown_write()?
        {
            // The peer has sent its last frame, so there is nothing incomplete to look for.
            self.ended = Some(self.connection.receive_eof(&RecvBuffer::new()));
        }
        Ok(())
    }

    fn watch_closing(&mut self) {
        if self.connection.is_closing() {
            self.timer.closing();
        }
    }

    fn tick(&mut self) {
        self.ended = self.timer.tick(&mut self.connection);
    }
}
