//! Sending: from messages to bytes in the queue.
//!
//! A message is queued whole or not at all, and queuing never touches a socket.

use super::prepared::Frame;
use super::{Connection, MessageKind, PreparedMessage, Rejected, Role, SendError};
use crate::extension::{Piece, RSV1};
use crate::frame::{ControlPayload, Header, MAX_HEADER_LEN, Opcode};
use crate::mask::Mask;
use crate::send_queue::{COALESCE_LIMIT, SendQueue};
use crate::utf8::Validator;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// Bytes copied at once. Some processors are many times slower with longer copies; DESIGN.md has
/// the reason.
const COPY_BYTES: usize = 2048;

/// The sending half.
#[derive(Debug)]
pub(super) enum Sending {
    /// Between messages.
    Between,
    /// A fragmented message is under way.
    Within(OutgoingMessage),
    /// Close is queued or sent: nothing may follow it (RFC 6455, section 5.5.1).
    CloseQueued,
    /// The transport takes nothing more.
    Failed,
    /// The same, with a Close that had been queued.
    FailedClosing,
}

#[derive(Debug)]
pub(super) struct OutgoingMessage {
    kind: MessageKind,
    utf8: Validator,
    /// An extension encodes it.
    encoded: bool,
}

/// All that is on its way out. It is taken out of the connection as long as code of others may touch it: if
/// that panics, the connection is left as behind a failed write, and sends no part of a frame.
pub(super) struct Output {
    pub(super) queue: SendQueue,
    waiting_pong: Option<Box<ControlPayload>>,
    sending: Sending,
}

impl Connection {
    pub(super) fn take_output(&mut self) -> Output {
        Output {
            queue: core::mem::take(&mut self.queue),
            waiting_pong: self.waiting_pong.take(),
            sending: core::mem::replace(&mut self.sending, Sending::Failed),
        }
    }

    pub(super) fn put_back(&mut self, Output { queue, waiting_pong, sending }: Output) {
        self.queue = queue;
        self.waiting_pong = waiting_pong;
        self.sending = sending;
    }

    /// Queues a text message in a single frame. The text is copied once; a client's is masked in
    /// the same pass.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    #[doc(alias("write_message", "WriteMessage"))]
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        self.send_message(MessageKind::Text, text.as_bytes())
    }

    /// Queues a binary message in a single frame. The payload is copied once; a client's is
    /// masked in the same pass.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    #[inline]
    pub fn send_binary(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_message(MessageKind::Binary, payload)
    }

    /// Queues a message whose payload is owned together with others. A server does not copy it if
    /// it is larger than 2 KiB; a client has to mask it, and copies in the same pass.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued, and the message comes back.
    /// [`SendError::InvalidUtf8`] if it is to be a text and is none.
    #[doc(alias = "Utf8Bytes")]
    pub fn send_bytes(&mut self, kind: MessageKind, payload: Bytes) -> Result<(), Rejected<Bytes>> {
        let checked = match kind {
            MessageKind::Text if simdutf8::basic::from_utf8(&payload).is_err() => {
                Err(SendError::InvalidUtf8)
            }
            _ => self.may_send_message(),
        };
        if let Err(error) = checked {
            return Err(Rejected { error, message: payload });
        }
        self.activity.message_sent = true;
        if payload.len() <= COALESCE_LIMIT || !self.is_server() || self.is_encoding() {
            self.queue_message(kind, &payload);
        } else {
            Header::of(kind.opcode(), true, &payload).put(self.queue.staging());
            self.queue.share(payload);
            self.queue.end_frame();
        }
        Ok(())
    }

    /// Queues a message that was framed before, for this and other connections. A server queues
    /// the very bytes of the others; a client masks its own copy.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.may_send_message()?;
        self.activity.message_sent = true;
        let frame = self.frame_of(message);
        match self.role {
            Role::Client(_) => self.queue_frame(frame.header(), frame.payload()),
            Role::Server => {
                let frame = frame.bytes();
                if frame.len() <= COALESCE_LIMIT {
                    self.queue.staging().extend_from_slice(frame);
                } else {
                    self.queue.share(frame.clone());
                }
                self.queue.end_frame();
            }
        }
        Ok(())
    }

    /// The frame of a message that the peer can decode.
    pub(super) fn frame_of<'m>(&self, message: &'m PreparedMessage) -> &'m Frame {
        let agreement = self.agreement().filter(|_| self.is_encoding());
        message.frame(agreement.map(|agreement| &*agreement.codec))
    }

    /// Queues one fragment of a message (RFC 6455, section 5.4): the first call begins the
    /// message, the one with `last` ends it. Between them pings, pongs and Close may be sent, but
    /// no other message.
    ///
    /// A text may be cut anywhere, also inside a code point; it is checked as it goes.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued, and the message is still under way. It can be ended by a
    /// valid fragment, or by closing.
    #[doc(alias("NextWriter", "streaming"))]
    pub fn send_fragment(
        &mut self,
        kind: MessageKind,
        payload: &[u8],
        last: bool,
    ) -> Result<(), SendError> {
        let (first, mut utf8, mut encoded) = match &self.sending {
            Sending::Between => (true, Validator::new(), self.is_encoding()),
            Sending::Within(outgoing) if outgoing.kind == kind => {
                (false, outgoing.utf8, outgoing.encoded)
            }
            Sending::Within(_) => return Err(SendError::InterleavedMessage),
            _ => return Err(SendError::Closed),
        };
        if kind == MessageKind::Text {
            utf8.push(payload).map_err(|_| SendError::InvalidUtf8)?;
            if last && !utf8.is_complete() {
                return Err(SendError::InvalidUtf8);
            }
        }
        self.has_room()?;
        self.activity.message_sent = true;
        let opcode = if first { kind.opcode() } else { Opcode::Continuation };
        encoded = encoded && self.queue_encoded(opcode, Piece { first, last }, payload);
        if !encoded {
            self.queue_frame(Header::of(opcode, last, payload), payload);
        }
        self.sending = match last {
            true => Sending::Between,
            false => Sending::Within(OutgoingMessage { kind, utf8, encoded }),
        };
        Ok(())
    }

    /// Queues a ping (RFC 6455, section 5.5.2). The peer must answer with a pong of the same
    /// payload, which arrives as [`Event::Pong`](crate::Event::Pong).
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    #[doc(alias = "WriteControl")]
    pub fn send_ping(&mut self, payload: ControlPayload) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, &payload)
    }

    /// Queues a pong that answers no ping, as a sign of life (RFC 6455, section 5.5.3), or the
    /// answer to one if [`Config::auto_pong`](crate::Config::auto_pong) is off.
    ///
    /// # Errors
    ///
    /// Recoverable: nothing was queued.
    pub fn send_pong(&mut self, payload: ControlPayload) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, &payload)
    }

    fn send_message(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), SendError> {
        self.may_send_message()?;
        self.activity.message_sent = true;
        self.queue_message(kind, payload);
        Ok(())
    }

    fn send_control(&mut self, opcode: Opcode, payload: &ControlPayload) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        self.has_room()?;
        self.queue_control(opcode, payload.as_ref());
        Ok(())
    }

    /// Whether a message may be queued; the caller then does so.
    pub(super) fn may_send_message(&self) -> Result<(), SendError> {
        match self.sending {
            Sending::Between => {}
            Sending::Within(_) => return Err(SendError::InterleavedMessage),
            _ => return Err(SendError::Closed),
        }
        self.has_room()
    }

    /// The limits say when to stop and not how large the last message may be: its size is the
    /// caller's choice, and whether it is taken must not depend on what else happens to wait. Answers
    /// have room of their own: what the caller pushes besides takes none of it away.
    fn has_room(&self) -> Result<(), SendError> {
        let limits = &self.config.limits;
        if self.end.is_some() {
            return Err(SendError::Closed);
        }
        if self.queue.is_empty() {
            return Ok(());
        }
        let (bytes, frames) = match self.pushes {
            true => (self.queue.len(), self.queue.frames()),
            false => self.queue.answers(false),
        };
        let room = frames < limits.max_queued_frames && bytes < limits.max_queued_bytes;
        if room { Ok(()) } else { Err(SendError::QueueFull) }
    }

    /// Answers a ping. While pongs are not getting sent, only the newest of further pings will be
    /// answered (RFC 6455, section 5.5.3), so a flood of pings costs no memory.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if !self.config.auto_pong || !self.is_open() {
            return;
        }
        let room = self.queue.replies() < self.config.limits.max_queued_pongs.max(1);
        // Behind one that waits, another can't go first.
        if room && self.waiting_pong.is_none() {
            self.queue_pong(payload);
        } else {
            self.waiting_pong = ControlPayload::new(payload).ok().map(Box::new);
        }
    }

    /// Queues the pong that waits, once those before it have been sent.
    pub(super) fn queue_waiting_pong(&mut self) {
        if self.queue.replies() == 0
            && let Some(pong) = self.waiting_pong.take()
        {
            self.queue_pong(pong.as_ref().as_ref());
        }
    }

    fn queue_pong(&mut self, payload: &[u8]) {
        self.queue_control(Opcode::Pong, payload);
        self.queue.mark_reply();
    }

    /// Control frames that the protocol demands are queued whatever the limits say: a few pongs
    /// and one Close.
    pub(super) fn queue_control(&mut self, opcode: Opcode, payload: &[u8]) {
        self.queue_frame(Header::of(opcode, true, payload), payload);
    }

    /// Whether there is an extension that messages are sent through.
    pub(super) fn is_encoding(&self) -> bool {
        let agreed = self.agreed.as_deref();
        agreed.is_some_and(|agreed| agreed.extension.is_some() && !agreed.bypasses_extension)
    }

    pub(super) fn queue_message(&mut self, kind: MessageKind, payload: &[u8]) {
        const WHOLE: Piece = Piece { first: true, last: true };
        let encoded = self.is_encoding() && self.queue_encoded(kind.opcode(), WHOLE, payload);
        if !encoded {
            self.queue_frame(Header::of(kind.opcode(), true, payload), payload);
        }
    }

    /// Queues a frame of what the extension in use makes of `payload`. When there is none, or it
    /// does not want to encode the message that begins here, nothing is queued.
    fn queue_encoded(&mut self, opcode: Opcode, piece: Piece, payload: &[u8]) -> bool {
        let mut output = self.take_output();
        let encoded = self.encode(opcode, piece, payload, &mut output.queue);
        self.put_back(output);
        encoded
    }

    fn encode(
        &mut self,
        opcode: Opcode,
        piece: Piece,
        payload: &[u8],
        queue: &mut SendQueue,
    ) -> bool {
        let agreement = self.agreed.as_mut().and_then(|agreed| agreed.extension.as_mut());
        let Some(agreement) = agreement else { return false };
        let staging = queue.staging();
        // The header goes before a payload whose length is not known yet.
        let start = staging.len();
        let body = start + MAX_HEADER_LEN;
        staging.resize(body, 0);
        let encoded = agreement.codec.encode(payload, piece, staging) || !piece.first;
        if !encoded {
            staging.truncate(start);
            return false;
        }
        let (room, payload) = staging[start..].split_at_mut(MAX_HEADER_LEN);
        let mut header = Header::of(opcode, piece.last, payload);
        if piece.first {
            header = header.with_reserved_bits(RSV1);
        }
        if let Role::Client(masks) = &mut self.role {
            let key = masks.next_key();
            header = header.masked(key);
            Mask::new(key).apply(payload);
        }
        let mut bytes = [0; MAX_HEADER_LEN];
        let header_len = header.encode(&mut bytes);
        room.copy_from_slice(&bytes);
        staging.copy_within(body.., start + header_len);
        staging.truncate(staging.len() - (MAX_HEADER_LEN - header_len));
        queue.end_frame();
        true
    }

    #[inline(always)] // Else its callers would put the header together in memory.
    fn queue_frame(&mut self, header: Header, payload: &[u8]) {
        match &mut self.role {
            Role::Client(masks) => {
                let key = masks.next_key();
                self.queue_masked(header, key, payload);
            }
            Role::Server => {
                let staging = self.queue.staging();
                header.put(staging);
                if payload.len() <= COPY_BYTES {
                    staging.extend_from_slice(payload);
                } else {
                    append_in_pieces(payload, staging);
                }
                self.queue.end_frame();
            }
        }
    }

    #[inline(never)]
    fn queue_masked(&mut self, header: Header, key: [u8; 4], payload: &[u8]) {
        let staging = self.queue.staging();
        header.masked(key).put(staging);
        Mask::new(key).append(payload, staging);
        self.queue.end_frame();
    }
}

#[inline(never)]
pub(super) fn append_in_pieces(payload: &[u8], staging: &mut Vec<u8>) {
    staging.reserve(payload.len());
    for piece in payload.chunks(COPY_BYTES) {
        staging.extend_from_slice(piece);
    }
}
