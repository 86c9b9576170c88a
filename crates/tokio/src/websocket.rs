//! A connection together with its stream, in one piece.

use crate::input::Input;
use crate::link::{Link, Writing};
use crate::pool;
use crate::reply::{Reply, nobody};
use crate::timer::Timer;
use crate::trace::Trace;
use crate::wire::Wire;
use crate::{Error, Parts};
use bytes::Bytes;
use core::future::poll_fn;
use core::task::{Context, Poll, ready};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{
    CloseCode, Connection, ControlPayload, Ended, Event, LocatedEvent, MessageKind,
    PreparedMessage, RecvBuffer, SendError,
};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A WebSocket connection over a stream of tokio: TCP, TLS, a Unix socket, a pipe.
///
/// [`next`](Self::next) writes what is queued before it waits, so automatic pongs and close replies leave by
/// themselves as long as the caller reads.
///
/// ```
/// use sansio_ws::handshake::{ClientRequest, OriginPolicy};
/// use sansio_ws::{CloseCode, Config, Event, deadlines::Timeouts};
/// use sansio_ws_tokio::{Error, WebSocket};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (near, far) = tokio::io::duplex(4096); // or a TCP stream, or TLS over one
/// let server = tokio::spawn(async move {
///     let (config, timeouts) = (Config::default(), Timeouts::default());
///     let mut socket = WebSocket::accept(far, OriginPolicy::SameHost, config, timeouts).await?;
///     while let Some((mut reply, event)) = socket.next().await? {
///         if let Event::Text(text) = event {
///             reply.send_text(&text.to_uppercase())?;
///         }
///     }
///     Ok::<_, Error>(())
/// });
/// let request = ClientRequest::new("ws://example.com/")?;
/// let mut socket = WebSocket::connect(near, &request, Config::default(), Timeouts::default()).await?;
/// socket.send_text("hello").await?;
/// assert_eq!(socket.read().await?, Some(Event::Text("HELLO")));
/// assert!(socket.close(CloseCode::NORMAL, "bye").await?.is_clean());
/// server.await??;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct WebSocket<S> {
    pub(crate) input: Input,
    pub(crate) link: Link<S>,
}

impl<S> WebSocket<S> {
    /// An open connection whose handshake was done elsewhere. `rx` may hold bytes that followed it.
    #[doc(alias("from_raw_socket", "from_partially_read"))]
    pub fn from_parts(parts: Parts<S>, timeouts: impl Into<Arc<Timeouts>>) -> Self {
        let Parts { stream, rx, connection } = parts;
        let mut timer = Timer::new(timeouts);
        timer.opened();
        Self::opened(Wire::new(stream), Input::holding(rx), connection, timer)
    }

    pub(crate) fn opened(
        mut wire: Wire<S>,
        input: Input,
        connection: Connection,
        timer: Timer,
    ) -> Self {
        wire.trace = Trace::open(&connection, input.held().map_or(&[], RecvBuffer::unread));
        Self { input, link: Link::new(wire, connection, timer) }
    }

    /// Takes the adapter apart. Nothing is lost: input and output stay where they are.
    pub fn into_parts(self) -> Parts<S> {
        let Link { wire, mut connection, .. } = self.link;
        connection.count_as_answers(true);
        Parts { stream: wire.into_stream(), rx: self.input.into_buffer(), connection }
    }

    /// How the connection ended; `None` while it has not.
    pub fn ended(&self) -> Option<Ended> {
        self.link.connection.ended().filter(|_| self.link.is_over())
    }

    /// The subprotocol that was agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.link.connection.subprotocol()
    }

    /// The machine, to queue output without waiting, or to ask it questions. [`next`](Self::next) and
    /// [`flush`](Self::flush) write what is queued. It [counts](Connection::count_as_answers) as pushed.
    pub fn connection(&mut self) -> &mut Connection {
        pool::lend_room(self.link.connection.outgoing());
        self.link.connection.count_as_answers(false);
        &mut self.link.connection
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        self.link.wire.stream()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The next event together with the machine to answer it. `None` when the connection has ended, and the
    /// transport with it; [`ended`](Self::ended) tells how.
    ///
    /// What is queued is written when nothing more has come, and when it gets more than 64 KiB: the answers to many
    /// small messages leave in one write. While [too many answers](Connection::pauses_reading) wait, nothing more is read;
    /// what is sent otherwise stops no reading.
    ///
    /// After [`Event::Close`], or after an error of the protocol, further calls complete the closing handshake.
    ///
    /// Cancel safe: a future that is dropped has lost nothing.
    ///
    /// ```
    /// # use sansio_ws::{Event, SendError};
    /// # use sansio_ws_tokio::{Error, WebSocket};
    /// # use tokio::{net::TcpStream, sync::mpsc::Receiver};
    /// /// Answers, and passes on what comes from other tasks, as long as there is room for it.
    /// async fn serve(mut socket: WebSocket<TcpStream>, mut news: Receiver<String>) -> Result<(), Error> {
    ///     loop {
    ///         let has_room = !socket.connection().is_congested();
    ///         tokio::select! {
    ///             // First, so that all that is there is queued before `next` writes it.
    ///             biased;
    ///             Some(line) = news.recv(), if has_room => socket.connection().send_text(&line)?,
    ///             event = socket.next() => match event? {
    ///                 Some((mut reply, Event::Text(text))) => reply.send_text(text)?,
    ///                 Some(_) => {}
    ///                 None => return Ok(()),
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] once, when the peer breaks the protocol; [`Error::Io`] once, when the stream fails. The end of
    /// the stream is no failure, however it is told: by a read of nothing, a reset, or TLS without its `close_notify`. A
    /// peer that reads no more is no failure either, as long as it may have sent something before.
    pub async fn next(&mut self) -> Result<Option<(Reply<'_, S>, Event<'_>)>, Error> {
        match poll_fn(|cx| self.poll_find(cx)).await? {
            None => Ok(None),
            Some(found) => {
                let Self { input, link } = self;
                link.connection.count_as_answers(true);
                match link.connection.lend_event(found, input.buffer()) {
                    Ok(event) => Ok(Some((Reply { link }, event))),
                    Err(error) => Err(link.fail(error, Writing::Here, &mut nobody())),
                }
            }
        }
    }

    /// As [`next`](Self::next), without the machine.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    #[doc(alias("read_message", "ReadMessage"))]
    pub async fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        Ok(self.next().await?.map(|(_, event)| event))
    }

    /// As [`read`](Self::read), for futures that are written by hand.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub fn poll_next_event(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Event<'_>>, Error>> {
        let Some(found) = ready!(self.poll_find(cx))? else { return Poll::Ready(Ok(None)) };
        Poll::Ready(self.lend(found, cx).map(Some))
    }

    fn poll_find(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<LocatedEvent>, Error>> {
        self.link.poll_find(&mut self.input, Writing::Here, cx)
    }

    fn lend(&mut self, found: LocatedEvent, cx: &mut Context<'_>) -> Result<Event<'_>, Error> {
        let Self { input, link } = self;
        match link.connection.lend_event(found, input.buffer()) {
            Ok(event) => Ok(event),
            Err(error) => Err(link.fail(error, Writing::Here, cx)),
        }
    }

    /// Waits until there is room for a message: at most [half](Connection::is_congested) of what may wait does. What is
    /// queued then, by [`connection`](Self::connection), is not refused. This is the form for `select!`:
    ///
    /// ```
    /// # use sansio_ws_tokio::{Error, WebSocket};
    /// # use tokio::{net::TcpStream, sync::mpsc::Receiver, sync::mpsc::error::TryRecvError};
    /// # async fn pass_on(socket: &mut WebSocket<TcpStream>, lines: &mut Receiver<String>) -> Result<(), Error> {
    /// socket.ready().await?; // may be dropped: nothing has been taken yet
    /// if let Ok(line) = lines.try_recv() {
    ///     socket.connection().send_text(&line)?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// As [`ready`](Self::ready), for futures that are written by hand.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_ready(&mut self.input, cx)
    }

    /// Waits until the stream has taken everything queued.
    ///
    /// Cancel safe: what is not written stays queued.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn flush(&mut self) -> Result<(), Error> {
        let end = self.link.end();
        poll_fn(|cx| self.poll_written(end, cx)).await
    }

    /// As [`flush`](Self::flush), for futures that are written by hand.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written(self.link.end(), cx)
    }

    fn poll_written(&mut self, end: u64, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_written(end, &mut self.input, cx)
    }

    /// Sends a text message, and waits until the stream has taken it.
    ///
    /// A send answers no messages and hands none out, but it sees whether the peer is alive: when a deadline has come it
    /// reads a little, and keeps that for [`next`](Self::next).
    ///
    /// **Not cancel safe**, as far as a future that is dropped may have queued the message, or not; it has never queued a
    /// part of it. Where that matters, take [`ready`](Self::ready) and queue by [`connection`](Self::connection).
    ///
    /// # Errors
    ///
    /// [`Error::Send`] when it can't be sent. [`Error::Io`] when the stream fails, and [`Error::Ended`] when the connection ends
    /// before the stream has taken all of it: some of the message may have arrived, and the rest is thrown away.
    #[doc(alias("write_message", "WriteMessage"))]
    pub async fn send_text(&mut self, text: &str) -> Result<(), Error> {
        self.send(|link, cx| link.queue_text(text, Some(cx))).await
    }

    /// Sends a binary message, and waits until the stream has taken it.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn send_binary(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.send(|link, cx| link.queue_binary(payload, Some(cx))).await
    }

    /// Sends a message whose payload is owned together with others.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn send_bytes(&mut self, kind: MessageKind, payload: &Bytes) -> Result<(), Error> {
        self.send(|link, _| Ok(link.connection.send_bytes(kind, payload.clone())?)).await
    }

    /// Sends one fragment of a message.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_fragment(kind, payload, last)).await
    }

    /// Sends a message that was prepared for many connections.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    #[doc(alias = "broadcast")]
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.send(|link, cx| link.queue_prepared(message, Some(cx))).await
    }

    /// Sends a ping.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn send_ping(&mut self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_ping(payload)).await
    }

    /// Sends a pong: one that nobody asked for, or an answer if
    /// [`Config::auto_pong`](sansio_ws::Config::auto_pong) is off.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn send_pong(&mut self, payload: ControlPayload) -> Result<(), Error> {
        self.send(|link, _| link.connection.send_pong(payload)).await
    }

    /// Closes: sends Close, reads and discards until the peer's Close and the end of the transport, and returns how the
    /// connection ended.
    ///
    /// To get the messages that are still on their way, use [`start_close`](Self::start_close) and [`next`](Self::next) on.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next); [`Error::Send`] when the reason is too long.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<Ended, Error> {
        if self.link.connection.is_open() {
            // Written by `next`, which goes on when the peer has ended the transport already.
            self.link.connection.close(code, reason)?;
        }
        self.read_to_end().await
    }

    /// As [`close`](Self::close), with a Close that has neither code nor reason.
    ///
    /// # Errors
    ///
    /// As for [`next`](Self::next).
    pub async fn close_empty(&mut self) -> Result<Ended, Error> {
        if self.link.connection.is_open() {
            self.link.connection.close_empty()?;
        }
        self.read_to_end().await
    }

    async fn read_to_end(&mut self) -> Result<Ended, Error> {
        while self.next().await?.is_some() {}
        Ok(self.ended().unwrap_or(Ended::TimedOut))
    }

    /// Sends Close, and waits until the stream has taken it. [`next`](Self::next) goes on until the connection has ended.
    ///
    /// # Errors
    ///
    /// As for [`send_text`](Self::send_text).
    pub async fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.send(|link, _| link.connection.close(code, reason)).await
    }

    async fn send(
        &mut self,
        mut queue: impl FnMut(&mut Link<S>, &mut Context<'_>) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let end = poll_fn(|cx| self.poll_queue(&mut queue, cx)).await?;
        poll_fn(|cx| self.poll_written(end, cx)).await
    }

    /// Queues something, and makes room for it if there is none. Returns the position of its end.
    pub(crate) fn poll_queue(
        &mut self,
        queue: &mut impl FnMut(&mut Link<S>, &mut Context<'_>) -> Result<(), SendError>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<u64, Error>> {
        self.link.timer.begin_poll();
        loop {
            pool::lend_room(self.link.connection.outgoing());
            self.link.connection.count_as_answers(false);
            match queue(&mut self.link, cx) {
                Err(SendError::QueueFull) => ready!(self.poll_ready(cx))?,
                queued => {
                    return Poll::Ready(queued.map(|()| self.link.end()).map_err(Error::from));
                }
            }
        }
    }
}
