//! Receiving: from bytes to events.
//!
//! Inside, only ranges of the buffer are passed around; the slice is made once, at the edge.

#![warn(clippy::indexing_slicing)]

#[cfg(feature = "std")]
use super::whole::Whole;
use super::{Config, Connection, Delivery, Event, MessageKind, ProtocolError, Role};
use crate::close::{CloseCode, CloseReason};
use crate::extension::{Agreement, RSV1};
use crate::frame::{Header, Opcode, Prefix};
use crate::mask::Mask;
use crate::recv_buffer::{RecvBuffer, Region};
use crate::utf8::{self, Validator};
use core::ops::Range;

/// Bytes of a part that an extension decoded, at most, when messages are handed out in parts.
const PART_BYTES: usize = 16 * 1024;

/// The receiving half.
#[derive(Debug)]
pub(super) enum Receiving {
    /// Between messages.
    Between,
    /// Inside a message.
    Within(Incoming),
    /// The peer's Close has come. Nothing after it is looked at.
    Closed(Option<CloseCode>),
    /// The peer broke the protocol. Nothing more is looked at.
    Failed(ProtocolError),
}

/// A message whose end has not come.
#[derive(Debug)]
pub(super) struct Incoming {
    kind: MessageKind,
    /// Where it comes together. In [`Region::Decoded`] if an extension has encoded it.
    region: Region,
    /// No part of it has been handed out yet.
    first: bool,
    /// Payload bytes declared by its frames so far.
    declared: u64,
    /// Bytes decoded so far.
    decoded: u64,
    fragments: u32,
    utf8: Validator,
    /// What came before this error has been handed out.
    failed: Option<ProtocolError>,
    /// The frame whose payload is not complete, if any.
    frame: Option<OpenFrame>,
}

#[derive(Debug)]
struct OpenFrame {
    fin: bool,
    mask: Option<Mask>,
    /// Payload bytes not yet consumed from the buffer.
    missing: u64,
}

/// An event, with ranges in place of slices.
#[derive(Debug)]
pub(crate) enum Found {
    Message { kind: MessageKind, region: Region, range: Range<usize> },
    Part { kind: MessageKind, region: Region, range: Range<usize>, first: bool, last: bool },
    Ping(Range<usize>),
    Pong(Range<usize>),
    Close(Option<CloseCode>, Range<usize>),
    Yield,
}

/// What has arrived of the payload of a frame.
pub(super) struct Arrived {
    /// Where it is now.
    pub(super) range: Range<usize>,
    pub(super) frame_ended: bool,
    /// The message has ended with it.
    pub(super) last: bool,
}

impl Arrived {
    const NOTHING: Self = Self { range: 0..0, frame_ended: false, last: false };
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
    #[inline]
    pub fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.find_whole(rx) {
            Some(whole) => Ok(Some(self.hand_out_whole(whole, rx)?)),
            None => self.next_other(rx),
        }
    }

    #[inline(never)]
    fn next_other<'b>(
        &mut self,
        rx: &'b mut RecvBuffer,
    ) -> Result<Option<Event<'b>>, ProtocolError> {
        match self.find_other(rx)? {
            Some(found) => self.hand_out(found, rx).map(Some),
            None => Ok(None),
        }
    }

    /// The first half of [`next_event`](Self::next_event), for loops that read in between: the
    /// event, not yet borrowed from the buffer.
    #[cfg(feature = "std")]
    pub(crate) fn find(&mut self, rx: &mut RecvBuffer) -> Result<Option<Found>, ProtocolError> {
        match self.find_whole(rx) {
            Some(Whole { kind, range }) => {
                Ok(Some(Found::Message { kind, region: Region::Received, range }))
            }
            None => self.find_other(rx),
        }
    }

    /// Whatever `find_whole` does not find.
    #[inline]
    pub(crate) fn find_other(
        &mut self,
        rx: &mut RecvBuffer,
    ) -> Result<Option<Found>, ProtocolError> {
        // Every second call only finds that everything has been handed out.
        if rx.unread().is_empty() && matches!(self.receiving, Receiving::Between) {
            return Ok(None);
        }
        self.find_next(rx).map_err(|error| self.fail(error))
    }

    /// The second half: the one place where ranges become slices, and bytes `str`.
    pub(crate) fn hand_out<'b>(
        &mut self,
        found: Found,
        rx: &'b RecvBuffer,
    ) -> Result<Event<'b>, ProtocolError> {
        self.lend(found, rx).map_err(|error| self.fail(error))
    }

    fn lend<'b>(&mut self, found: Found, rx: &'b RecvBuffer) -> Result<Event<'b>, ProtocolError> {
        // A text that came in pieces has been checked before, and is checked here again: without
        // `unsafe` there is no other way from bytes to `str`.
        let text = |region, range| {
            let bytes = rx.slice(region, range);
            simdutf8::basic::from_utf8(bytes).map_err(|_| ProtocolError::InvalidUtf8)
        };
        Ok(match found {
            Found::Message { kind: MessageKind::Text, region, range } => {
                Event::Text(text(region, range)?)
            }
            Found::Message { kind: MessageKind::Binary, region, range } => {
                Event::Binary(rx.slice(region, range))
            }
            Found::Part { kind: MessageKind::Text, region, range, first, last } => {
                Event::TextPart { text: text(region, range)?, first, last }
            }
            Found::Part { kind: MessageKind::Binary, region, range, first, last } => {
                Event::BinaryPart { bytes: rx.slice(region, range), first, last }
            }
            Found::Ping(range) => {
                let payload = rx.slice(Region::Received, range);
                self.answer_ping(payload);
                Event::Ping(payload)
            }
            Found::Pong(range) => Event::Pong(rx.slice(Region::Received, range)),
            Found::Close(code, range) => {
                let reason = text(Region::Received, range)?;
                self.receive_close(code, reason);
                Event::Close(CloseReason { code, reason })
            }
            Found::Yield => Event::Yield,
        })
    }

    #[inline(never)]
    fn find_next(&mut self, rx: &mut RecvBuffer) -> Result<Option<Found>, ProtocolError> {
        let mut budget = self.config.limits.max_frames_per_call.max(1);
        loop {
            let fragment = if budget == 0 { None } else { self.take_fragment(rx) };
            let arrived = if let Some(fragment) = fragment {
                budget -= 1;
                fragment
            } else {
                let within_frame = match &self.receiving {
                    Receiving::Between => false,
                    Receiving::Within(Incoming { failed: Some(error), .. }) => return Err(*error),
                    Receiving::Within(incoming) => incoming.frame.is_some(),
                    Receiving::Closed(_) => {
                        rx.clear();
                        return Ok(None);
                    }
                    Receiving::Failed(error) => {
                        rx.clear();
                        return Err(*error);
                    }
                };
                if !within_frame {
                    let Some((first_two, rest)) = rx.unread().split_first_chunk() else {
                        return Ok(None);
                    };
                    let prefix = self.parse_prefix(*first_two)?;
                    let Some((header, header_len)) = prefix.complete(rest)? else {
                        return Ok(None);
                    };
                    if header.opcode().is_control() {
                        return find_control(&header, header_len, rx);
                    }
                    if budget == 0 {
                        return Ok(Some(Found::Yield));
                    }
                    budget -= 1;
                    self.begin_frame(&header, header_len, rx)?;
                }
                self.receive_payload(rx)
            };
            let Receiving::Within(incoming) = &mut self.receiving else { return Ok(None) };
            let Arrived { range, frame_ended, last } = arrived;
            let found = match self.config.delivery {
                Delivery::Messages => {
                    incoming.check(rx, range, last)?;
                    last.then(|| incoming.whole(rx))
                }
                Delivery::Parts => incoming.part(rx, last)?,
            };
            if let Some(found) = found {
                if found.ends_message() {
                    self.receiving = Receiving::Between;
                }
                return Ok(Some(found));
            }
            if !frame_ended {
                return Ok(None);
            }
        }
    }

    /// Parses the first two bytes of a header and reaches every verdict that they allow, before
    /// anybody looks at the length.
    ///
    /// It does not go on to the whole header, since a result that is either an error of this kind
    /// or a header gets put together in memory, which costs more than all the checks.
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
            self.receiving = Receiving::Within(Incoming::new(kind, region));
        }
        if let Receiving::Within(incoming) = &mut self.receiving {
            incoming.count(payload_len, max_message, limits.max_fragments)?;
            let mask = header.mask().map(Mask::new);
            incoming.frame = Some(OpenFrame { fin: header.is_fin(), mask, missing: payload_len });
        }
        Ok(())
    }

    fn receive_payload(&mut self, rx: &mut RecvBuffer) -> Arrived {
        let Receiving::Within(incoming) = &mut self.receiving else { return Arrived::NOTHING };
        let agreement = self.agreed.as_mut().and_then(|agreed| agreed.extension.as_mut());
        incoming.receive(rx, &self.config, agreement)
    }

    /// Whether a message has begun to arrive and is not complete.
    #[cfg(feature = "std")]
    pub(crate) fn is_receiving_message(&self) -> bool {
        matches!(self.receiving, Receiving::Within(_))
    }

    /// Whether the peer broke the protocol.
    #[cfg(feature = "std")]
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.receiving, Receiving::Failed(_))
    }

    /// Whether the input would end inside a frame if it ended behind `unread`.
    pub(super) fn is_within_frame(&self, unread: &[u8]) -> bool {
        match &self.receiving {
            Receiving::Within(Incoming { frame: Some(_), .. }) => true,
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

/// Control frames are short, so they wait in the buffer until they are whole; between the
/// fragments of a message they are handled at once (RFC 6455, section 5.4).
fn find_control(
    header: &Header,
    header_len: usize,
    rx: &mut RecvBuffer,
) -> Result<Option<Found>, ProtocolError> {
    let payload_len = header.payload_len() as usize;
    if rx.unread().len() < header_len + payload_len {
        return Ok(None);
    }
    rx.consume(header_len);
    let range = rx.take_control(payload_len, header.mask().map(Mask::new));
    Ok(Some(match header.opcode() {
        Opcode::Ping => Found::Ping(range),
        Opcode::Pong => Found::Pong(range),
        _ => match rx.slice(Region::Received, range.clone()) {
            [] => Found::Close(None, range),
            [_] => return Err(ProtocolError::TruncatedCloseCode), // not behind `parse_prefix`
            [high, low, ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                let code = CloseCode::new(code).ok_or(ProtocolError::InvalidCloseCode(code))?;
                Found::Close(Some(code), range.start + 2..range.end)
            }
        },
    }))
}

impl Found {
    fn ends_message(&self) -> bool {
        matches!(self, Self::Message { .. } | Self::Part { last: true, .. })
    }
}

impl Incoming {
    fn new(kind: MessageKind, region: Region) -> Self {
        Self {
            kind,
            region,
            first: true,
            declared: 0,
            decoded: 0,
            fragments: 0,
            utf8: Validator::new(),
            failed: None,
            frame: None,
        }
    }

    /// Whether a further fragment may come next, and come as it is.
    #[inline]
    pub(super) fn awaits_fragment(&self) -> bool {
        self.frame.is_none() && self.region == Region::Received && self.failed.is_none()
    }

    /// Counts one more frame of so many bytes, if the limits allow it.
    #[inline]
    pub(super) fn count(
        &mut self,
        payload_len: u64,
        max_message_bytes: u64,
        max_fragments: u32,
    ) -> Result<(), ProtocolError> {
        let declared = self.declared.saturating_add(payload_len);
        if declared > max_message_bytes {
            return Err(ProtocolError::MessageTooBig);
        }
        let fragments = self.fragments.saturating_add(1);
        if fragments > max_fragments.max(1) {
            return Err(ProtocolError::TooManyFragments);
        }
        self.declared = declared;
        self.fragments = fragments;
        Ok(())
    }

    /// Takes in what has arrived of the payload of the open frame.
    #[inline]
    fn receive(
        &mut self,
        rx: &mut RecvBuffer,
        config: &Config,
        agreement: Option<&mut Agreement>,
    ) -> Arrived {
        let Some(frame) = &mut self.frame else { return Arrived::NOTHING };
        let n = frame.missing.min(rx.unread().len() as u64);
        frame.missing -= n;
        let fin = frame.fin;
        let mut frame_ended = frame.missing == 0;
        let mut range = rx.extend_message(n as usize, frame.mask.as_mut());
        if let (Region::Decoded, Some(agreement)) = (self.region, agreement) {
            let (decoded, full) = self.decode(rx, config, agreement, frame_ended && fin);
            range = decoded;
            // The frame stays open until there was room for all that it decodes to.
            frame_ended &= full == Ok(false);
            self.failed = full.err();
        }
        if frame_ended {
            self.frame = None;
        }
        Arrived { range, frame_ended, last: frame_ended && fin }
    }

    /// Decodes what has arrived, as far as the limits allow, and for parts as far as one part
    /// goes. Returns where it is now, and whether there may be more.
    ///
    /// What comes before an error is there all the same and still to be looked at, since it may
    /// have arrived on its own: which error is the first must not depend on how the bytes were
    /// cut.
    fn decode(
        &mut self,
        rx: &mut RecvBuffer,
        config: &Config,
        agreement: &mut Agreement,
        last: bool,
    ) -> (Range<usize>, Result<bool, ProtocolError>) {
        let allowed = config.limits.max_message_bytes.saturating_sub(self.decoded);
        let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
        // One byte more than allowed, to see whether there is more than that.
        let mut room = allowed.saturating_add(1);
        if config.delivery == Delivery::Parts {
            room = room.min(PART_BYTES);
        }
        let mut full = Ok(false);
        let arrived = rx.decode(|input, output| {
            let most = output.len().saturating_add(allowed);
            let decoded = agreement.codec.decode(input, last, output, room);
            full = decoded.map(|decoded| decoded.full).map_err(ProtocolError::from);
            if output.len() > most {
                output.truncate(most);
                full = Err(ProtocolError::MessageTooBig);
            }
            decoded.map_or(0, |decoded| decoded.consumed)
        });
        self.decoded += arrived.len() as u64;
        (arrived, full)
    }

    /// Checks text as it arrives, but for one that arrives at once: that is checked when it is
    /// handed out.
    #[inline]
    fn check(
        &mut self,
        rx: &RecvBuffer,
        arrived: Range<usize>,
        last: bool,
    ) -> Result<(), ProtocolError> {
        let at_once = last && arrived == rx.message(self.region);
        if self.kind == MessageKind::Text && !at_once {
            let text = rx.slice(self.region, arrived);
            self.utf8.push(text).map_err(|_| ProtocolError::InvalidUtf8)?;
            if last && !self.utf8.is_complete() {
                return Err(ProtocolError::InvalidUtf8);
            }
        }
        self.failed.map_or(Ok(()), Err)
    }

    fn whole(&self, rx: &mut RecvBuffer) -> Found {
        let Self { kind, region, .. } = *self;
        let range = rx.take_message(region, rx.message(region).len());
        Found::Message { kind, region, range }
    }

    /// Hands out what has arrived, but for an unfinished code point at its end.
    fn part(&mut self, rx: &mut RecvBuffer, last: bool) -> Result<Option<Found>, ProtocolError> {
        let Self { kind, region, .. } = *self;
        let pending = rx.message(region);
        let mut len = pending.len();
        if kind == MessageKind::Text {
            let prefix = utf8::Prefix::of(rx.slice(region, pending));
            if prefix.broken || last && prefix.len < len {
                self.failed = Some(ProtocolError::InvalidUtf8);
            }
            len = prefix.len;
        }
        // What was valid is handed out before the rest is refused, so that the parts do not
        // depend on how the bytes were cut.
        if let Some(error) = self.failed
            && len == 0
        {
            return Err(error);
        }
        let last = last && self.failed.is_none();
        if len == 0 && !last {
            return Ok(None);
        }
        let first = core::mem::take(&mut self.first);
        let range = rx.take_message(region, len);
        Ok(Some(Found::Part { kind, region, range, first, last }))
    }
}
