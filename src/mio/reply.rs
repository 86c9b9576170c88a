//! Answering an event, with the stream at hand.

use super::Stream;
use super::link::Link;
use crate::connection::{Connection, MessageKind, SendError};
use core::ops::{Deref, DerefMut};

/// Payloads from this number of bytes on are offered to the stream before they are copied. Smaller ones are
/// copied, since many of them may come together, and one large write costs less than several.
const LARGE: usize = 64 * 1024;

/// The machine, to answer an event with: a [`Connection`] in all respects except one: large messages.
///
/// Those of 64 KiB and more a server offers to the stream at once, together with what is queued, if
/// the stream [writes vectored](Stream::WRITES_VECTORED): they are copied only as far as it does not
/// take them. Nothing else differs; errors of the stream are
/// for [`settle`](super::WebSocket::settle) to report.
///
/// ```
/// use sansio_ws::deadlines::{Clock, Timeouts};
/// use sansio_ws::mio::{Memory, WebSocket};
/// use sansio_ws::{Config, Connection, Event, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let stream = mio::net::TcpStream::connect(listener.local_addr()?)?;
/// # let connection = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// # let mut rx = RecvBuffer::new();
/// # rx.extend_from_slice(b"\x81\x02hi\x82\x03\x01\x02\x03");
/// let (clock, mut memory) = (Clock::new(), Memory::new());
/// let mut socket = WebSocket::from_parts(stream, rx, connection, Timeouts::default(), clock.now());
///
/// let mut turn = socket.turn(&mut memory, clock.now());
/// while let Some((mut reply, event)) = turn.next()? {
///     match event {
///         Event::Text(text) => reply.send_text(text)?,
///         Event::Binary(_) => reply.send_ping(Default::default())?, // as every `Connection` can
///         _ => {}
///     }
/// }
/// drop(turn);
/// let queued = socket.connection().map(Connection::queued);
/// assert_eq!(queued, Some(2 + 4 + 2 + 2 + 4), "two headers, two keys, and a text of two bytes");
/// # Ok(()) }
/// ```
#[doc(alias = "echo")]
#[derive(Debug)]
pub struct Reply<'t, S> {
    pub(super) connection: &'t mut Connection,
    pub(super) link: &'t mut Link<S>,
}

impl<S: Stream> Reply<'_, S> {
    /// Sends a text message in a single frame, see [`Connection::send_text`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[doc(alias = "write_message")]
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        if S::WRITES_VECTORED && text.len() >= LARGE {
            self.send_large(MessageKind::Text, text.as_bytes())
        } else {
            self.connection.send_text(text)
        }
    }

    /// Sends a binary message in a single frame, see [`Connection::send_binary`].
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued or sent.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if S::WRITES_VECTORED && payload.len() >= LARGE {
            self.send_large(MessageKind::Binary, payload)
        } else {
            self.connection.send_binary(payload)
        }
    }

    #[inline(never)]
    fn send_large(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.connection
            .send_valid_through(kind, payload, |queue, message| self.link.offer(queue, message))
    }
}

impl<S> Deref for Reply<'_, S> {
    type Target = Connection;

    #[inline]
    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl<S> DerefMut for Reply<'_, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection
    }
}
