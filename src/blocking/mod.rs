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
//! TCP stream can. Before one of them ends a connection, the adapter reads once more what has
//! arrived, and tries once more to write what waits. **Memory** that large messages have needed goes
//! back when nothing has come for a second. **Two threads**, one that reads and one that writes: see [`WebSocket::split`].

#[cfg(feature = "rustls")]
mod connecting;
#[cfg(feature = "rustls")]
mod connector;
mod error;
mod memory;
mod opening;
mod split;
mod stream;
#[cfg(feature = "rustls")]
mod tcp_or_tls;
#[cfg(test)]
mod tests;
mod timed;
mod timer;
#[cfg(feature = "rustls")]
mod tls_stream;
#[cfg(test)]
mod virtual_time;

#[cfg(feature = "rustls")]
pub use connecting::{connect, connect_stream, connect_with, handshake_with};
#[cfg(feature = "rustls")]
pub use connector::{ConnectError, Connector};
pub use error::{Error, Unopened};
pub use opening::Answer;
pub use split::{Reader, Writer};
pub use stream::{Plain, Stream};
#[cfg(feature = "rustls")]
pub use tcp_or_tls::TcpOrTls;
#[cfg(feature = "rustls")]
pub use tls_stream::TlsStream;

use crate::close::CloseCode;
use crate::connection::{
    Connection, Ended, Event, MessageKind, PreparedMessage, ProtocolError, SendError, Transport,
};
use crate::deadlines::{Due, Timeouts};
use crate::frame::ControlPayload;
use crate::io::{is_end, is_gone};
use crate::recv_buffer::RecvBuffer;
use bytes::Bytes;
use core::time::Duration;
use memory::KEPT_TIME;
use std::io;
use timed::{CallResult, Timed, is_timeout};
use timer::{ReadPlan, SHORTEST_WAIT, Timer, is_over};

/// How many queued bytes are enough for a write.
const FLUSH_AT: usize = 64 * 1024;

/// How many bytes a send reads when it has to see whether the peer is alive.
const GLANCE_BYTES: usize = 4096;

/// A WebSocket connection over a blocking stream.
///
/// Reading flushes what is queued before it blocks, so automatic pongs and close replies leave by
/// themselves as long as the caller reads.
///
/// ```
/// use sansio_ws::blocking::{Error, WebSocket};
/// use sansio_ws::handshake::{ClientRequest, OriginPolicy};
/// use sansio_ws::{CloseCode, Config, Event, deadlines::Timeouts};
/// use std::{net::TcpListener, thread};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (config, timeouts) = (Config::default(), Timeouts::default());
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let request = ClientRequest::new(&format!("ws://{}/", listener.local_addr()?))?;
/// let server = thread::spawn(move || -> Result<(), Error> {
///     let (stream, _) = listener.accept()?;
///     let mut socket = WebSocket::accept(stream, OriginPolicy::SameHost, Config::default(), timeouts)?;
///     while let Some((connection, event)) = socket.next()? {
///         if let Event::Text(text) = event {
///             connection.send_text(&text.to_uppercase())?;
///         }
///     }
///     Ok(())
/// });
/// let mut socket = WebSocket::open(&request, config, timeouts)?;
/// socket.send_text("hello")?;
/// assert_eq!(socket.read()?, Some(Event::Text("HELLO")));
/// assert!(socket.close(CloseCode::NORMAL, "bye")?.is_clean());
/// server.join().map_err(|_| "panicked")??;
/// # Ok(()) }
/// ```
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
    /// Bytes read since something is due.
    looked: usize,
    /// A send has seen the end of input, which is for reading to report.
    input_ended: bool,
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
    #[doc(alias("from_raw_socket", "from_partially_read"))]
    pub fn from_parts(parts: Parts<S>, timeouts: Timeouts) -> Self {
        let mut timer = Timer::new(timeouts);
        timer.opened();
        let stream = Timed::new(parts.stream, timer.clock().clone());
        Self::opened(stream, parts.rx, parts.connection, timer)
    }

    fn opened(stream: Timed<S>, rx: RecvBuffer, connection: Connection, timer: Timer) -> Self {
        let link = Link { stream, connection, timer, looked: 0, input_ended: false };
        Self { rx, link }
    }

    /// Takes the adapter apart. Nothing is lost: input and output stay where they are. The stream
    /// has no timeouts any more.
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
    /// [`Error::Protocol`] once, when the peer breaks the protocol; [`Error::Io`] once, when the
    /// stream fails. The end of the stream is no failure, however it is told: by a read of nothing,
    /// a reset, or TLS without its `close_notify`. A peer that reads no more is no failure either,
    /// as long as it may have sent something before. An error of kind `WouldBlock`, from a stream
    /// that times out by itself, is harmless: call again.
    #[doc(alias("read_message", "ReadMessage"))]
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
        let Self { rx, link } = self;
        if link.connection.queued() > FLUSH_AT {
            link.flush_for_reading(rx)?;
        }
        let found = loop {
            let failed_before = link.connection.has_failed();
            match link.connection.find_event(rx) {
                Ok(Some(found)) => break found,
                Ok(None) => link.observe(),
                Err(_) if failed_before => {}
                Err(error) => return Err(link.fail(error)),
            }
            // What had arrived before was handed out first.
            if is_over(&link.connection) {
                link.end_transport();
                return Ok(None);
            }
            link.flush_for_reading(rx)?;
            link.settle(rx)?;
            if link.connection.ended().is_none() {
                link.receive(rx)?;
            }
        };
        match link.connection.lend_event(found, rx) {
            Ok(event) => Ok(Some((&mut link.connection, event))),
            Err(error) => Err(link.fail(error)),
        }
    }

    /// How the connection ended; `None` while it has not.
    pub fn ended(&self) -> Option<Ended> {
        let connection = &self.link.connection;
        connection.ended().filter(|_| is_over(connection))
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.connection.subprotocol()
    }

    /// Sends a text message; blocks until the stream has taken it.
    ///
    /// A send answers no messages and hands none out, but it sees whether the peer is alive: when a
    /// deadline has come it reads a little, and keeps that for [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when it can't be sent. [`Error::Io`] when the stream fails, and
    /// [`Error::Ended`] when the connection ends before the stream has taken all of it: some of
    /// the message may have arrived, and the rest is thrown away. An error of kind `WouldBlock`,
    /// from a stream that times out by itself, is harmless: the rest is queued, and
    /// [`flush`](Self::flush) goes on.
    #[doc(alias("write_message", "WriteMessage"))]
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

    /// Sends a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    #[doc(alias = "broadcast")]
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.send(|connection| connection.send_prepared(message))
    }

    /// Sends a pong: one that nobody asked for, or an answer if
    /// [`Config::auto_pong`](crate::Config::auto_pong) is off.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_pong(&mut self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|connection| connection.send_pong(payload))
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn send_ping(&mut self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|connection| connection.send_ping(payload))
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
        self.read_to_end()
    }

    /// As [`close`](Self::close), with a Close that has neither code nor reason.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn close_empty(&mut self) -> Result<Ended, Error> {
        if self.link.connection.is_open() {
            self.link.connection.close_empty()?;
        }
        self.read_to_end()
    }

    fn read_to_end(&mut self) -> Result<Ended, Error> {
        while self.read()?.is_some() {}
        Ok(self.ended().unwrap_or(Ended::TimedOut))
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

    /// Gives back the memory that large messages have needed, unless something waits in it. A read
    /// does that too when it has waited for a second, or before it waits if the stream can't time
    /// out.
    pub fn shrink(&mut self) {
        memory::shrink(&mut self.rx, &mut self.link.connection);
    }

    /// Writes everything queued; blocks until the stream has taken it.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.link.flush(&mut self.rx)
    }

    fn send(
        &mut self,
        queue: impl FnMut(&mut Connection) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.queue(queue)?;
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
    /// Writes everything queued.
    fn flush(&mut self, rx: &mut RecvBuffer) -> Result<(), Error> {
        if is_over(&self.connection) {
            return Ok(());
        }
        while self.connection.wants_write() || !self.stream.is_flushed() {
            self.observe();
            let can_look = self.can_look_in_send(rx);
            match self.timer.due_in_send(can_look) {
                Some(due) => self.enforce_in_send(due, can_look, rx)?,
                None => self.write(self.timer.wait_in_send(can_look))?,
            }
            if let Some(ended) = self.connection.ended()
                && self.connection.has_discarded_output()
            {
                return Err(Error::Ended(ended));
            }
        }
        self.observe();
        Ok(())
    }

    fn observe(&mut self) {
        self.timer.observe(&mut self.connection, !self.stream.is_flushed());
    }

    /// Whether a send can see what the peer has sent.
    fn can_look_in_send(&self, rx: &RecvBuffer) -> bool {
        !self.input_ended
            && self.stream.may_look()
            && self.timer.may_look_in_send(rx.unread().len())
    }

    /// Writes once.
    fn write(&mut self, wait: Option<Duration>) -> Result<(), Error> {
        match self.stream.write(self.connection.outgoing(), wait) {
            Ok(CallResult::Bytes(n, all)) => self.timer.written(n, !all),
            Ok(CallResult::TimedOut) => self.timer.written(0, true),
            Ok(CallResult::Interrupted) => {}
            Err(error) if is_timeout(&error) => {
                self.timer.written(0, true);
                return Err(error.into());
            }
            Err(error) => return Err(self.write_failed(error)),
        }
        Ok(())
    }

    fn write_failed(&mut self, error: io::Error) -> Error {
        if is_gone(error.kind()) {
            // It may have sent something before, and the end is for reading to find.
            self.connection.write_failed();
            self.observe();
            error.into()
        } else {
            self.transport_failed(error)
        }
    }

    fn transport_failed(&mut self, error: io::Error) -> Error {
        self.stream.say_why();
        self.connection.transport_failed();
        self.end_transport();
        error.into()
    }

    /// Something is due in a send: sees first what the peer has sent, but hands nothing out.
    fn enforce_in_send(
        &mut self,
        due: Due,
        can_look: bool,
        rx: &mut RecvBuffer,
    ) -> Result<(), Error> {
        // What is unread has a limit: a peer that sends and does not read must not fill the memory.
        if due.needs_look() && can_look && !self.glance(due, rx)? {
            return Ok(());
        }
        self.timer.enforce_in_send(&mut self.connection, can_look);
        if is_over(&self.connection) {
            self.end_transport();
        }
        Ok(())
    }

    /// Reads a little, and tries one more write. Whether the verdict stands.
    fn glance(&mut self, due: Due, rx: &mut RecvBuffer) -> Result<bool, Error> {
        if !self.stream.can_look() {
            return Ok(false);
        }
        match self.stream.read(rx, GLANCE_BYTES, Some(SHORTEST_WAIT)) {
            Ok(CallResult::TimedOut) => {}
            Ok(CallResult::Interrupted) => return Ok(false),
            Ok(CallResult::Bytes(1.., _)) => {
                self.timer.received();
                return Ok(false);
            }
            Err(error) if !is_end(&error) => return Err(self.transport_failed(error)),
            Ok(CallResult::Bytes(0, _)) | Err(_) => {
                self.input_ended = true;
                return Ok(false);
            }
        }
        if self.timer.is_refused() {
            self.write(Some(SHORTEST_WAIT))?;
        }
        Ok(self.timer.due() == Some(due))
    }

    /// Writes everything queued, if the peer still reads. If it does not, it may all the same
    /// have sent something before, and the end is for reading to find.
    fn flush_for_reading(&mut self, rx: &mut RecvBuffer) -> Result<(), Error> {
        match self.flush(rx) {
            Err(Error::Io(error)) if is_gone(error.kind()) => Ok(()),
            Err(Error::Ended(_)) => Ok(()),
            result => result,
        }
    }

    /// The peer broke the protocol. It is told at once, since the caller may not come back.
    fn fail(&mut self, error: ProtocolError) -> Error {
        // What can't be written now stays queued, and is tried again if the caller does. What is
        // read meanwhile would be discarded.
        let _ = self.flush(&mut RecvBuffer::new());
        error.into()
    }

    /// Reads once, or lets a deadline pass.
    fn receive(&mut self, rx: &mut RecvBuffer) -> Result<(), Error> {
        let plan = self.timer.plan_read(self.looked, || self.stream.can_look());
        let wait = match plan {
            ReadPlan::Wait(wait) => wait,
            ReadPlan::Look => Some(SHORTEST_WAIT),
            ReadPlan::Enforce => {
                self.enforce();
                return Ok(());
            }
        };
        let due = self.timer.due();
        let wait = memory::bound(wait, self.stream.may_look(), rx, &mut self.connection);
        match self.stream.read(rx, usize::MAX, wait) {
            Ok(CallResult::Bytes(0, _)) => self.end_input(rx),
            Ok(CallResult::Bytes(n, _)) => {
                self.timer.received();
                self.looked = if due.is_some() { self.looked + n } else { 0 };
            }
            Ok(CallResult::TimedOut) if due.is_some() => self.enforce(),
            Ok(CallResult::TimedOut) if wait == Some(KEPT_TIME) => {
                memory::shrink(rx, &mut self.connection);
            }
            Ok(CallResult::TimedOut | CallResult::Interrupted) => {}
            Err(error) if is_end(&error) => {
                if is_gone(error.kind()) {
                    self.connection.write_failed();
                }
                self.end_input(rx);
            }
            // The stream times out by itself, so this read was the look.
            Err(error) if is_timeout(&error) && due.is_some() => self.enforce(),
            Err(error) if is_timeout(&error) && self.timer.due().is_none() => {
                return Err(error.into());
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(self.transport_failed(error)),
        }
        Ok(())
    }

    fn enforce(&mut self) {
        self.looked = 0;
        self.timer.enforce(&mut self.connection);
    }

    fn end_input(&mut self, rx: &RecvBuffer) {
        self.connection.receive_eof(rx);
        self.timer.input_ended();
    }

    /// Does to the transport what the machine says.
    fn settle(&mut self, rx: &mut RecvBuffer) -> Result<(), Error> {
        while self.connection.transport() == Transport::ShutdownWrite {
            match self.stream.shutdown_write() {
                Ok(true) => break,
                // The peer has sent its last frame, so there is nothing incomplete to look for.
                Ok(false) => _ = self.connection.receive_eof(&RecvBuffer::new()),
                // The peer does not take the end of TLS yet: wait for that as for other output.
                Err(error) if is_timeout(&error) && !self.stream.is_flushed() => {
                    self.flush_for_reading(rx)?;
                }
                Err(error) => return Err(self.transport_failed(error)),
            }
        }
        Ok(())
    }

    fn end_transport(&mut self) {
        self.stream.end(self.connection.has_discarded_output());
    }
}
