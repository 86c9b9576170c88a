//! The connection machine: frames in, events out; messages in, frames out.
//!
//! ```text
//!   rx ──▶ next_event() ──▶ Event                 receive.rs   headers, control frames
//!              │                                  assembly.rs  fragments, decoding, UTF-8
//!              │                                  whole_message.rs   the usual case of both
//!              │ pongs, close replies             closing.rs   who closes what, and when
//!              ▼
//!   send_*() ─────▶ outgoing() ──▶ socket         send.rs      frames, masks, caps
//! ```

mod assembly;
mod closing;
mod error;
mod event;
mod prepared;
mod receive;
mod send;
mod send_through;
mod whole_message;

pub use closing::{Ended, Transport};
pub use error::{ProtocolError, Rejected, SendError};
pub use event::{Event, MessageKind};
pub use prepared::PreparedMessage;
pub use receive::LocatedEvent;

use crate::entropy::Masks;
use crate::extension::{Agreement, Extension};
use crate::frame::ControlPayload;
use crate::limits::Limits;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use closing::End;
use core::panic::{RefUnwindSafe, UnwindSafe};
use receive::Receiving;
use send::Sending;

/// Which side of the connection this is (RFC 6455, section 5.1).
#[derive(Debug)]
#[non_exhaustive]
pub enum Role {
    /// Accepted the connection: expects masked frames, sends unmasked ones, and closes the
    /// transport first.
    Server,
    /// Opened the connection: masks every frame with a fresh key.
    Client(Masks),
}

/// How messages are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Delivery {
    /// Whole: [`Event::Text`] and [`Event::Binary`], each one contiguous slice.
    #[default]
    Messages,
    /// In parts as they arrive, also inside a frame: [`Event::TextPart`] and
    /// [`Event::BinaryPart`]. Memory stays constant whatever the size of the message. Parts of
    /// texts are cut on borders of code points.
    #[doc(alias("NextReader", "streaming"))]
    Parts,
}

/// The settings of a connection.
///
/// A value never changes once a connection has it, so a server shares one:
///
/// ```
/// use sansio_ws::{Config, Connection, Delivery, Limits, Role};
/// use std::sync::Arc;
///
/// let limits = Limits::default().max_message_bytes(64 * 1024);
/// let config = Arc::new(Config::default().limits(limits).delivery(Delivery::Parts));
/// let connection = Connection::new(Role::Server, Arc::clone(&config));
/// assert_eq!(connection.config().limits.max_message_bytes, 64 * 1024);
/// assert!(connection.config().auto_pong, "as by default");
/// ```
#[doc(alias = "WebSocketConfig")]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// What the peer and the caller may make the connection hold or do.
    pub limits: Limits,
    /// Whole messages, or parts as they arrive.
    pub delivery: Delivery,
    /// Whether pings are answered by themselves (default: yes). When switched off, answer each
    /// [`Event::Ping`] with [`Connection::send_pong`].
    #[doc(alias("SetPingHandler", "autoPong"))]
    pub auto_pong: bool,
    /// What a client offers and a server accepts to be done with messages (default: nothing).
    pub extension: Option<Arc<dyn Extension>>,
}

impl Config {
    /// Default limits, whole messages, pings answered, no extension: as [`default`](Self::default) has it,
    /// for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            limits: Limits::new(),
            delivery: Delivery::Messages,
            auto_pong: true,
            extension: None,
        }
    }

    /// The same settings with other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same settings with another way of delivery.
    #[must_use]
    pub const fn delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The same settings with automatic pongs on or off.
    #[must_use]
    pub const fn auto_pong(mut self, on: bool) -> Self {
        self.auto_pong = on;
        self
    }

    /// The same settings with an extension to be offered or accepted.
    #[doc(alias("compression", "permessage-deflate"))]
    #[must_use]
    pub fn extension(mut self, extension: impl Extension + 'static) -> Self {
        self.extension = Some(Arc::new(extension));
        self
    }
}

/// An extension is asked in handshakes, and for messages that are [prepared](PreparedMessage::encoded):
/// when it panics then, there is no connection or message yet. What it shares among connections is its own
/// affair, as it is among threads.
impl UnwindSafe for Config {}
impl RefUnwindSafe for Config {}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// One open WebSocket connection, without its socket (RFC 6455, sections 5 to 7).
///
/// Made by a handshake ([`Upgrade::accept`](crate::handshake::Upgrade::accept) or
/// [`ClientHandshake`](crate::handshake::ClientHandshake)), or by [`new`](Self::new) when the
/// handshake happened elsewhere, for example over HTTP/2.
///
/// Methods come in three families. `send_*` and `close` are *commands*: they queue bytes and never
/// touch a socket. [`next_event`](Self::next_event) and [`receive_eof`](Self::receive_eof) take
/// in what came *from outside*. [`outgoing`](Self::outgoing), [`wants_write`](Self::wants_write)
/// and [`transport`](Self::transport) are *questions*, whose answers are computed from the state,
/// so they may be asked at any time and in any order.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    receiving: Receiving,
    sending: Sending,
    queue: SendQueue,
    /// The answer to the newest ping, while too many pongs are unsent.
    waiting_pong: Option<Box<ControlPayload>>,
    /// Why nothing more is received, and nothing more queued.
    end: Option<End>,
    activity: Activity,
    /// What is queued answers nothing.
    pushes: bool,
    /// The extension, if one was agreed on.
    agreed: Option<Box<AgreedOptions>>,
}

/// What deadlines want to know of messages.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// The end of a message was handed out.
    pub(crate) message_received: bool,
    /// A message, or a part of one, was queued.
    pub(crate) message_sent: bool,
}

/// What handshakes agree on beside the protocol itself. Most connections have nothing of it.
#[derive(Debug, Default)]
struct AgreedOptions {
    subprotocol: Option<Box<str>>,
    extension: Option<Agreement>,
    /// Messages are sent as they are, not encoded by the extension.
    bypasses_extension: bool,
}

impl Connection {
    /// A connection whose handshake is done. A server with many of them shares one
    /// `Arc<Config>`.
    #[doc(alias = "from_raw_socket")]
    #[must_use]
    pub fn new(role: Role, config: impl Into<Arc<Config>>) -> Self {
        Self {
            role,
            config: config.into(),
            receiving: Receiving::Between,
            sending: Sending::Between,
            queue: SendQueue::new(),
            waiting_pong: None,
            end: None,
            activity: Activity::default(),
            pushes: false,
            agreed: None,
        }
    }

    /// The same connection with an extension that its handshake agreed on, when that happened
    /// elsewhere. The handshakes of this crate have done it already.
    #[must_use]
    pub fn with_agreement(mut self, mut agreement: Agreement) -> Self {
        agreement.header.shrink_to_fit();
        self.agreed.get_or_insert_default().extension = Some(agreement);
        self
    }

    /// The same connection with a subprotocol that its handshake agreed on, when that happened
    /// elsewhere. The handshakes of this crate have done it already.
    #[must_use]
    pub fn with_subprotocol(mut self, name: &str) -> Self {
        self.agreed.get_or_insert_default().subprotocol = Some(name.into());
        self
    }

    /// The subprotocol in use.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.agreed.as_ref()?.subprotocol.as_deref()
    }

    /// The extension in use with its parameters, as in the `Sec-WebSocket-Extensions` of the
    /// server.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.agreement().map(|agreement| &*agreement.header)
    }

    /// Whether the messages sent from now on are encoded by the extension in use (default: yes).
    /// Switch it off for a message that is compressed already, or one with a secret next to what
    /// an attacker may choose. A fragmented message keeps to what its first fragment did. Without an
    /// extension in use it has no effect.
    #[doc(alias = "EnableWriteCompression")]
    pub fn use_extension(&mut self, on: bool) {
        if let Some(agreed) = &mut self.agreed {
            agreed.bypasses_extension = !on;
        }
    }

    /// Whether this is the server's side.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self.role, Role::Server)
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The bytes to write to the transport.
    ///
    /// Write any number of them and [`advance`](bytes::Buf::advance) by that number. They are
    /// waiting whenever [`wants_write`](Self::wants_write).
    ///
    /// Push nothing to this queue: it would stand between two frames, and the peer would take it for a
    /// frame.
    #[inline]
    pub fn outgoing(&mut self) -> &mut SendQueue {
        if self.waiting_pong.is_some() {
            self.queue_waiting_pong();
        }
        &mut self.queue
    }

    /// Whether [`outgoing`](Self::outgoing) has bytes to write.
    #[inline]
    #[must_use]
    pub fn wants_write(&self) -> bool {
        !self.queue.is_empty() || self.waiting_pong.is_some()
    }

    /// Bytes waiting to be written. From [`Limits::max_queued_bytes`](crate::Limits::max_queued_bytes) on,
    /// further messages are refused with [`SendError::QueueFull`]; of
    /// [answers](Self::count_as_answers) only other answers count.
    #[doc(alias("bufferedAmount", "backpressure"))]
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether so much waits to be written that the caller should push nothing more before it has
    /// drained: more than half of [`Limits::max_queued_bytes`] or of [`Limits::max_queued_frames`].
    /// Whether to read meanwhile, [`pauses_reading`](Self::pauses_reading) tells.
    #[doc(alias = "backpressure")]
    #[doc(alias = "high water mark")]
    #[doc(alias = "bufferedAmount")]
    #[inline]
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.is_too_much((self.queue.len(), self.queue.frames()))
    }

    /// Whether so many answers wait to be written that the caller should let them drain before it reads
    /// on: more than half of [`Limits::max_queued_bytes`] or of [`Limits::max_queued_frames`]. Who
    /// answers each message with one, and does not read while this is so, never has an answer refused:
    /// TCP then slows the peer down.
    ///
    /// What the program [pushes](Self::count_as_answers) stops no reading. Two peers that both push, and
    /// both read only when their output has drained, would wait for each other for ever.
    ///
    /// ```
    /// use sansio_ws::{Config, Connection, Limits, Role};
    ///
    /// let limits = Limits::default().max_queued_bytes(1000);
    /// let mut connection = Connection::new(Role::Server, Config::default().limits(limits));
    /// connection.count_as_answers(false);
    /// connection.send_binary(&[0; 900])?;
    /// assert!(connection.is_congested(), "push nothing more");
    /// assert!(!connection.pauses_reading(), "the peer may be waiting to be read from");
    ///
    /// connection.count_as_answers(true);
    /// connection.send_binary(&[0; 600])?;
    /// assert!(connection.pauses_reading(), "the peer asks, and does not read what it is answered");
    /// # Ok::<_, sansio_ws::SendError>(())
    /// ```
    #[doc(alias = "backpressure")]
    #[inline]
    #[must_use]
    pub fn pauses_reading(&self) -> bool {
        self.is_too_much(self.queue.answers(self.pushes))
    }

    #[inline]
    fn is_too_much(&self, (bytes, frames): (usize, usize)) -> bool {
        let Limits { max_queued_bytes, max_queued_frames, .. } = self.config.limits;
        // An empty queue takes any message, whatever the limits are.
        bytes > 0 && (bytes > max_queued_bytes / 2 || frames > max_queued_frames / 2)
    }

    /// Whether what is queued from now on counts as answers, as what the peer has caused by what it
    /// has sent (default: yes). Switch it off for what the program pushes: a feed, a broadcast, an upload.
    /// It is then not counted by [`pauses_reading`](Self::pauses_reading), takes no room from answers,
    /// and is itself bounded by all that waits.
    ///
    /// The adapters switch it on with each event that they hand out, and off where they lend the
    /// connection otherwise, or send. Switch it on there for an answer that comes later than the event.
    #[inline]
    pub fn count_as_answers(&mut self, on: bool) {
        if self.pushes == on {
            self.queue.attribute(self.pushes);
            self.pushes = !on;
        }
    }

    /// Whether messages may still be sent: no Close has been queued and the transport lives.
    #[inline]
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.sending, Sending::Between | Sending::Within(_)) && self.end.is_none()
    }

    /// What has been done since the last call.
    pub(crate) fn take_activity(&mut self) -> Activity {
        core::mem::take(&mut self.activity)
    }

    fn agreement(&self) -> Option<&Agreement> {
        self.agreed.as_ref()?.extension.as_ref()
    }

    /// Queues bytes that go before the first frame: the response of the handshake.
    pub(crate) fn queue_head(&mut self, head: Vec<u8>) {
        debug_assert!(self.queue.is_empty());
        *self.queue.staging() = head;
        self.queue.end_frame();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    const LIMIT: usize = 1000;

    fn server(limits: Limits) -> Connection {
        Connection::new(Role::Server, Config::default().limits(limits))
    }

    /// What is pushed, answered and written in all orders, against a model that counts byte by byte:
    /// answers leave first.
    #[test]
    fn answers_are_counted_as_if_they_overtook_what_is_pushed() {
        let (mut seed, mut paused, mut refused) = (1u32, 0, 0);
        for _ in 0..100 {
            let mut connection = server(Limits::default().max_queued_bytes(LIMIT));
            let (mut answers, mut pushed) = (0, 0);
            for _ in 0..300 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let size = (seed >> 24) as usize;
                match (seed >> 16) % 8 {
                    0..3 => {
                        connection.count_as_answers(true);
                        if connection.send_binary(&[7; 126][..size.min(125)]).is_ok() {
                            answers += 2 + size.min(125);
                        } else {
                            refused += 1;
                            assert!(answers >= LIMIT, "{answers} and {pushed} wait");
                        }
                    }
                    3..6 => {
                        connection.count_as_answers(false);
                        if connection.send_binary(&[7; 126][..size.min(125)]).is_ok() {
                            pushed += 2 + size.min(125);
                        } else {
                            refused += 1;
                            assert!(answers + pushed >= LIMIT, "{answers} and {pushed} wait");
                        }
                    }
                    _ => {
                        let n = size.min(connection.queued());
                        connection.outgoing().advance(n);
                        pushed -= n - n.min(answers);
                        answers -= n.min(answers);
                    }
                }
                assert_eq!(connection.queued(), answers + pushed);
                assert_eq!(connection.pauses_reading(), answers > LIMIT / 2);
                assert_eq!(connection.is_congested(), answers + pushed > LIMIT / 2);
                paused += usize::from(connection.pauses_reading());
            }
        }
        assert!(paused > 100 && refused > 100, "{paused} and {refused} are too few to tell");
    }

    #[test]
    fn frames_are_counted_in_the_same_way() {
        let mut connection = server(Limits::default().max_queued_frames(10));
        connection.count_as_answers(false);
        (0..10).for_each(|_| connection.send_text("").unwrap());
        assert_eq!(connection.send_text(""), Err(SendError::QueueFull));
        assert!(connection.is_congested() && !connection.pauses_reading());
        connection.count_as_answers(true);
        (0..6).for_each(|_| connection.send_text("").unwrap());
        assert!(connection.pauses_reading());
        // One of the ten has left, and makes room for an answer.
        connection.outgoing().advance(2);
        assert!(!connection.pauses_reading());
        // All have left that were there before the second was the first.
        connection.outgoing().advance(30);
        assert!(!connection.is_congested() && !connection.pauses_reading());
        (0..6).for_each(|_| connection.send_text("").unwrap());
        assert!(connection.pauses_reading());
    }

    #[test]
    fn who_tells_nothing_apart_answers() {
        let mut connection = server(Limits::default().max_queued_bytes(LIMIT));
        for size in [300, 300, 300, 300] {
            connection.send_binary(&alloc::vec![7; size]).unwrap();
            assert_eq!(connection.pauses_reading(), connection.is_congested());
        }
        assert_eq!(connection.send_binary(b""), Err(SendError::QueueFull));
        assert!(connection.pauses_reading());
    }
}
