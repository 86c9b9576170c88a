//! Receiving: from bytes to events, in two steps.
//!
//! ```text
//!   bytes ──▶ find_event ──▶ LocatedEvent (ranges) ──▶ lend_event ──▶ Event (slices)
//!                 │
//!                 ├ whole_message.rs   a message in one frame that has arrived whole
//!                 └ here               every other frame: header, payload, what it completes
//!                        └ assembly.rs     fragments, limits, decoding, UTF-8
//! ```

#![warn(clippy::indexing_slicing)]

use super::assembly::{ArrivedPayload, IncomingFrame, IncomingMessage};
use super::{Connection, Delivery, Event, MessageKind, ProtocolError, Role};
use crate::close::{CloseCode, CloseReason};
use crate::extension::RSV1;
use crate::frame::{Header, Opcode, Prefix};
use crate::mask::Mask;
use crate::recv_buffer::{RecvBuffer, Region};
use core::ops::Range;

/// The receiving half.
#[derive(Debug)]
pub(super) enum Receiving {
    /// Between messages.
    Between,
    /// Inside a message.
    Within(IncomingMessage),
    /// The peer's Close has come. What comes after it is discarded.
    Closed(Option<CloseCode>),
    /// The peer broke the protocol. What comes after that is discarded.
    Failed(ProtocolError),
}

/// An event that [`Connection::find_event`] has found. It borrows nothing:
/// [`Connection::lend_event`] makes it an [`Event`].
#[derive(Debug)]
#[must_use = "an event that is not lent is lost"]
pub struct LocatedEvent(pub(super) EventRanges);

impl LocatedEvent {
    /// Whether it is [`Event::Yield`].
    #[must_use]
    pub const fn is_yield(&self) -> bool {
        matches!(self.0, EventRanges::Yield)
    }
}

/// An event, with ranges in place of slices.
#[derive(Debug)]
pub(super) enum EventRanges {
    Message { kind: MessageKind, region: Region, range: Range<usize> },
    Part { kind: MessageKind, region: Region, range: Range<usize>, first: bool, last: bool },
    Ping(Range<usize>),
    Pong(Range<usize>),
    Close(Option<CloseCode>, Range<usize>),
    Yield,
}

impl EventRanges {
    fn ends_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Part { last: true, .. })
    }
}

impl Connection {
    /// Looks at the bytes in `rx` and returns the next event, or `None` when more bytes are
    /// needed.
    ///
    /// The event borrows `rx` and not the connection, so the loop may answer at once:
    ///
    /// ```
    /// # use sansio_ws::{Connection, Event, RecvBuffer};
    /// # fn echo(connection: &mut Connection, rx: &mut RecvBuffer) -> Result<(), Box<dyn std::error::Error>> {
    /// while let Some(event) = connection.next_event(rx)? {
    ///     match event {
    ///         Event::Text(text) => connection.send_text(text)?,
    ///         Event::Binary(bytes) => connection.send_binary(bytes)?,
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Call it until it returns `None` before reading more. After the peer's Close, further
    /// bytes are discarded (RFC 6455, section 1.4).
    ///
    /// # Errors
    ///
    /// Fatal: the Close that tells the peer is queued, and every later call discards the bytes
    /// and returns the same error. Keep writing [`outgoing`](Self::outgoing) and do what
    /// [`transport`](Self::transport) says.
    #[doc(alias("read_message", "ReadMessage"))]
    #[inline]
    pub fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.find_whole_message(rx) {
            Some(message) => self.lend_whole_message(message, rx).map(Some),
            None => self.next_event_in_frames(rx),
        }
    }

    /// Out of line, since most calls need none of it.
    #[inline(never)]
    fn next_event_in_frames<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.find_in_frames(rx)? {
            Some(located) => self.lend_event(LocatedEvent(located), rx).map(Some),
            None => Ok(None),
        }
    }

    /// The first half of [`next_event`](Self::next_event), for loops that read when there is no event
    /// and return the one that there is: what it finds borrows nothing.
    ///
    /// ```
    /// # use sansio_ws::{Connection, Event, RecvBuffer};
    /// # use std::{error::Error, io::Read};
    /// # struct Socket<S> { stream: S, rx: RecvBuffer, connection: Connection }
    /// # impl<S: Read> Socket<S> {
    /// fn read(&mut self) -> Result<Option<Event<'_>>, Box<dyn Error>> {
    ///     let located = loop {
    ///         match self.connection.find_event(&mut self.rx)? {
    ///             Some(located) => break located,
    ///             None if self.rx.read_from(&mut self.stream)? == 0 => return Ok(None),
    ///             None => {}
    ///         }
    ///     };
    ///     Ok(Some(self.connection.lend_event(located, &self.rx)?))
    /// }
    /// # }
    /// ```
    ///
    /// With an async runtime, tokio for example, the loop is the same: write what is in
    /// [`outgoing`](Self::outgoing), then read, each with an `.await`. No borrow lasts over one.
    ///
    /// # Errors
    ///
    /// Fatal, as for [`next_event`](Self::next_event).
    #[doc(alias("tokio", "async", "async-std", "futures", "StreamExt"))]
    #[inline]
    pub fn find_event(
        &mut self,
        rx: &mut RecvBuffer,
    ) -> Result<Option<LocatedEvent>, ProtocolError> {
        match self.find_whole_message(rx) {
            Some(message) => Ok(Some(LocatedEvent(message.into_ranges()))),
            None => Ok(self.find_in_frames(rx)?.map(LocatedEvent)),
        }
    }

    /// The second half: the event as slices of the buffer that it was found in. Call it before
    /// anything else is done to buffer or connection; a ping is answered, and a Close taken in, by
    /// this call.
    ///
    /// With another buffer, or later, the event may be wrong, but nothing panics.
    ///
    /// # Errors
    ///
    /// Fatal, as for [`next_event`](Self::next_event): a text or the reason of a Close is not UTF-8.
    #[inline]
    pub fn lend_event<'b>(
        &mut self,
        LocatedEvent(located): LocatedEvent,
        rx: &'b RecvBuffer,
    ) -> Result<Event<'b>, ProtocolError> {
        self.activity.message_received |= located.ends_message();
        match located {
            EventRanges::Message { kind: MessageKind::Binary, region, range } => {
                Ok(Event::Binary(rx.slice(region, range)))
            }
            located => self.lend_other_event(located, rx),
        }
    }

    /// The one place where bytes become `str`, and where control frames are acted on.
    fn lend_other_event<'b>(
        &mut self,
        located: EventRanges,
        rx: &'b RecvBuffer,
    ) -> Result<Event<'b>, ProtocolError> {
        let bytes = |region, range| rx.slice(region, range);
        Ok(match located {
            EventRanges::Message { kind: MessageKind::Text, region, range } => {
                Event::Text(self.check_text(bytes(region, range))?)
            }
            EventRanges::Message { kind: MessageKind::Binary, region, range } => {
                Event::Binary(bytes(region, range))
            }
            EventRanges::Part { kind: MessageKind::Text, region, range, first, last } => {
                Event::TextPart { text: self.check_text(bytes(region, range))?, first, last }
            }
            EventRanges::Part { kind: MessageKind::Binary, region, range, first, last } => {
                Event::BinaryPart { bytes: bytes(region, range), first, last }
            }
            EventRanges::Ping(range) => {
                let payload = bytes(Region::Received, range);
                self.answer_ping(payload);
                Event::Ping(payload)
            }
            EventRanges::Pong(range) => Event::Pong(bytes(Region::Received, range)),
            EventRanges::Close(code, range) => {
                let reason = self.check_text(bytes(Region::Received, range))?;
                self.receive_close(code, reason);
                Event::Close(CloseReason { code, reason })
            }
            EventRanges::Yield => Event::Yield,
        })
    }

    /// A text that came in pieces has been checked before, and is checked here again: without
    /// `unsafe` there is no other way from bytes to `str`.
    #[inline]
    pub(super) fn check_text<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b str, ProtocolError> {
        simdutf8::basic::from_utf8(bytes).map_err(|_| self.fail(ProtocolError::InvalidUtf8))
    }

    /// Looks for what is no whole message in one frame.
    #[inline]
    fn find_in_frames(
        &mut self,
        rx: &mut RecvBuffer,
    ) -> Result<Option<EventRanges>, ProtocolError> {
        // Every second call only finds that everything has been handed out.
        if rx.unread().is_empty() && matches!(self.receiving, Receiving::Between) {
            return Ok(None);
        }
        self.receive_frames(rx).map_err(|error| self.fail(error))
    }

    /// Receives frames until one of them completes an event, or they are enough for one call.
    #[inline(never)]
    fn receive_frames(
        &mut self,
        rx: &mut RecvBuffer,
    ) -> Result<Option<EventRanges>, ProtocolError> {
        let mut frames_left = self.config.limits.max_frames_per_call.max(1);
        loop {
            let fragment = if frames_left == 0 { None } else { self.take_fragment(rx) };
            let payload = if let Some(fragment) = fragment {
                frames_left -= 1;
                fragment
            } else {
                if !self.is_within_payload(rx)? {
                    match self.receive_header(rx, frames_left)? {
                        HeaderOutcome::Frame => frames_left -= 1,
                        HeaderOutcome::Event(located) => return Ok(Some(located)),
                        HeaderOutcome::Nothing => return Ok(None),
                    }
                }
                self.receive_payload(rx)
            };
            let frame_ended = payload.frame_ended;
            if let Some(located) = self.complete(payload, rx)? {
                return Ok(Some(located));
            }
            if !frame_ended {
                return Ok(None);
            }
        }
    }

    /// Whether payload comes next, and not a header.
    #[inline]
    fn is_within_payload(&self, rx: &mut RecvBuffer) -> Result<bool, ProtocolError> {
        match &self.receiving {
            Receiving::Within(IncomingMessage { failed: Some(error), .. }) => Err(*error),
            Receiving::Within(message) => Ok(message.frame.is_some()),
            Receiving::Between => Ok(false),
            // What comes behind is discarded.
            Receiving::Closed(_) => {
                rx.clear();
                Ok(false)
            }
            Receiving::Failed(error) => {
                rx.clear();
                Err(*error)
            }
        }
    }

    /// Receives the header of a frame, and all of it if it is a control frame.
    #[inline]
    fn receive_header(
        &mut self,
        rx: &mut RecvBuffer,
        frames_left: u32,
    ) -> Result<HeaderOutcome, ProtocolError> {
        let Some((first_two, rest)) = rx.unread().split_first_chunk() else {
            return Ok(HeaderOutcome::Nothing);
        };
        let prefix = self.parse_prefix(*first_two)?;
        let Some((header, header_len)) = prefix.complete(rest)? else {
            return Ok(HeaderOutcome::Nothing);
        };
        if header.opcode().is_control() {
            let located = take_control_frame(&header, header_len, rx)?;
            return Ok(located.map_or(HeaderOutcome::Nothing, HeaderOutcome::Event));
        }
        if frames_left == 0 {
            return Ok(HeaderOutcome::Event(EventRanges::Yield));
        }
        self.begin_frame(&header, header_len, rx)?;
        Ok(HeaderOutcome::Frame)
    }

    /// What the payload that has arrived completes: a message, or a part of one.
    #[inline]
    fn complete(
        &mut self,
        ArrivedPayload { range, message_ended, .. }: ArrivedPayload,
        rx: &mut RecvBuffer,
    ) -> Result<Option<EventRanges>, ProtocolError> {
        let Receiving::Within(message) = &mut self.receiving else { return Ok(None) };
        let located = match self.config.delivery {
            Delivery::Messages => {
                message.check(rx, range, message_ended)?;
                message_ended.then(|| message.take_whole(rx))
            }
            Delivery::Parts => message.take_part(rx, message_ended)?,
        };
        if located.as_ref().is_some_and(EventRanges::ends_message) {
            self.receiving = Receiving::Between;
        }
        Ok(located)
    }

    /// Parses the first two bytes of a header and reaches every verdict that they allow, before
    /// anybody looks at the length.
    ///
    /// It does not go on to the whole header: that result would go through memory; DESIGN.md has
    /// the reason.
    #[inline]
    fn parse_prefix(&self, first_two: [u8; 2]) -> Result<Prefix, ProtocolError> {
        let prefix = Prefix::parse(first_two)?;
        if prefix.reserved_bits() != 0 && !self.is_encoded(prefix) {
            return Err(ProtocolError::ReservedBits);
        }
        match (&self.role, prefix.is_masked()) {
            (Role::Server, false) => return Err(ProtocolError::UnmaskedFrame),
            (Role::Client(_), true) => return Err(ProtocolError::MaskedFrame),
            _ => {}
        }
        match (&self.receiving, prefix.opcode()) {
            (Receiving::Between, Opcode::Continuation) => {
                return Err(ProtocolError::UnexpectedContinuation);
            }
            (Receiving::Within(_), Opcode::Text | Opcode::Binary) => {
                return Err(ProtocolError::InterleavedMessage);
            }
            _ => {}
        }
        if prefix.opcode() == Opcode::Close && prefix.length() == 1 {
            return Err(ProtocolError::TruncatedCloseCode);
        }
        Ok(prefix)
    }

    /// Whether the reserved bits say that a message begins that the extension agreed on has encoded
    /// (RFC 7692, section 6). No extension marks other frames.
    #[cold]
    fn is_encoded(&self, prefix: Prefix) -> bool {
        let begins_message = matches!(prefix.opcode(), Opcode::Text | Opcode::Binary);
        self.agreement().is_some() && prefix.reserved_bits() == RSV1 && begins_message
    }

    /// Consumes the header of a data frame. Limits are checked here, before any payload is kept.
    #[inline]
    fn begin_frame(
        &mut self,
        header: &Header,
        header_len: usize,
        rx: &mut RecvBuffer,
    ) -> Result<(), ProtocolError> {
        let limits = &self.config.limits;
        let payload_len = header.payload_len();
        let (mut max_frame, mut max_message) = (limits.max_frame_bytes, limits.max_message_bytes);
        let encoded = match &self.receiving {
            Receiving::Within(incoming) => incoming.region == Region::Decoded,
            _ => header.reserved_bits() != 0,
        };
        if encoded {
            max_frame = with_overhead(max_frame);
            max_message = with_overhead(max_message);
        }
        if payload_len > max_frame {
            return Err(ProtocolError::FrameTooBig);
        }
        rx.consume(header_len);
        if let Receiving::Between = self.receiving {
            let kind = match header.opcode() {
                Opcode::Text => MessageKind::Text,
                _ => MessageKind::Binary,
            };
            let region = if encoded { Region::Decoded } else { Region::Received };
            rx.begin_message();
            self.receiving = Receiving::Within(IncomingMessage::new(kind, region));
        }
        if let Receiving::Within(incoming) = &mut self.receiving {
            incoming.count_frame(payload_len, max_message, limits.max_fragments)?;
            let mask = header.mask().map(Mask::new);
            incoming.frame =
                Some(IncomingFrame { fin: header.is_fin(), mask, missing: payload_len });
        }
        Ok(())
    }

    fn receive_payload(&mut self, rx: &mut RecvBuffer) -> ArrivedPayload {
        let Receiving::Within(incoming) = &mut self.receiving else {
            return ArrivedPayload::NOTHING;
        };
        let agreement = self.agreed.as_mut().and_then(|agreed| agreed.extension.as_mut());
        incoming.receive(rx, &self.config, agreement)
    }

    /// Whether a message has begun to arrive and is not complete.
    #[must_use]
    pub fn is_receiving_message(&self) -> bool {
        matches!(self.receiving, Receiving::Within(_))
    }

    /// Whether the peer broke the protocol, which [`next_event`](Self::next_event) says again at each
    /// call. Ask before it, to report that once.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.receiving, Receiving::Failed(_))
    }

    /// Whether the input would end inside a frame if it ended behind `unread`.
    pub(super) fn is_within_frame(&self, unread: &[u8]) -> bool {
        match &self.receiving {
            Receiving::Within(IncomingMessage { frame: Some(_), .. }) => true,
            Receiving::Between | Receiving::Within(_) => !unread.is_empty(),
            Receiving::Closed(_) | Receiving::Failed(_) => false,
        }
    }
}

/// A limit for what arrives encoded: not every message gets smaller by it, and one that is allowed
/// as it is should not be too big then. The worst settings of zlib add less than this.
fn with_overhead(limit: u64) -> u64 {
    limit.saturating_add(limit / 8).saturating_add(64)
}

/// What a header has opened.
enum HeaderOutcome {
    /// A data frame, whose payload comes next.
    Frame,
    /// An event that needs no payload, or has it.
    Event(EventRanges),
    /// More bytes are needed.
    Nothing,
}

/// Control frames are short, so they wait in the buffer until they are whole; between the
/// fragments of a message they are handled at once (RFC 6455, section 5.4).
fn take_control_frame(
    header: &Header,
    header_len: usize,
    rx: &mut RecvBuffer,
) -> Result<Option<EventRanges>, ProtocolError> {
    let payload_len = header.payload_len() as usize;
    if rx.unread().len() < header_len + payload_len {
        return Ok(None);
    }
    rx.consume(header_len);
    let range = rx.take_control(payload_len, header.mask().map(Mask::new));
    Ok(Some(match header.opcode() {
        Opcode::Ping => EventRanges::Ping(range),
        Opcode::Pong => EventRanges::Pong(range),
        _ => match rx.slice(Region::Received, range.clone()) {
            [] => EventRanges::Close(None, range),
            [_] => return Err(ProtocolError::TruncatedCloseCode), // not behind `parse_prefix`
            [high, low, ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let code = CloseCode::new(code).ok_or(ProtocolError::InvalidCloseCode(code))?;
                EventRanges::Close(Some(code), range.start + 2..range.end)
            }
        },
    }))
}
