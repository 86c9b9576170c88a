//! What can go wrong, by fault: the peer's ([`ProtocolError`]) or the caller's ([`SendError`]).

use crate::close::CloseCode;
use crate::extension::DecodeError;
use crate::frame::FrameError;
use core::fmt;

/// The peer broke the protocol or went over a limit. Fatal: the connection has queued a Close
/// with [`close_code`](Self::close_code), and ignores all that comes after (RFC 6455,
/// section 7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A header that no frame may have (RFC 6455, sections 5.2 and 5.5).
    Frame(FrameError),
    /// A reserved bit is set and no extension gives it a meaning (RFC 6455, section 5.2).
    ReservedBits,
    /// A client's frame is not masked (RFC 6455, section 5.1).
    UnmaskedFrame,
    /// A server's frame is masked (RFC 6455, section 5.1).
    MaskedFrame,
    /// A continuation frame, but no message is under way (RFC 6455, section 5.4).
    UnexpectedContinuation,
    /// A new message inside an unfinished one (RFC 6455, section 5.4).
    InterleavedMessage,
    /// A text, or the reason of a Close, is not UTF-8 (RFC 6455, section 8.1).
    InvalidUtf8,
    /// A Close with a payload of one byte (RFC 6455, section 5.5.1).
    TruncatedCloseCode,
    /// A Close with a code that may not be sent (RFC 6455, section 7.4).
    InvalidCloseCode(u16),
    /// A frame over [`Limits::max_frame_bytes`](crate::Limits::max_frame_bytes).
    FrameTooBig,
    /// A message over [`Limits::max_message_bytes`](crate::Limits::max_message_bytes).
    MessageTooBig,
    /// A message over [`Limits::max_fragments`](crate::Limits::max_fragments).
    TooManyFragments,
    /// A message that the extension agreed on cannot decode.
    CorruptMessage,
    /// A message that expands more than the settings of the extension allow.
    Expansion,
}

impl ProtocolError {
    /// The code of the Close that tells the peer.
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::CorruptMessage => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig | Self::Expansion => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments => CloseCode::POLICY_VIOLATION,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// The violation in a few words, also sent as the reason of the Close.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Frame(FrameError::ReservedOpcode(_)) => "reserved opcode",
            Self::Frame(FrameError::FragmentedControl) => "fragmented control frame",
            Self::Frame(FrameError::ControlTooLong) => "control frame too long",
            Self::Frame(FrameError::NonMinimalLength) => "payload length not in its shortest form",
            Self::Frame(FrameError::LengthTopBit) => "payload length with its highest bit set",
            Self::ReservedBits => "reserved bits set",
            Self::UnmaskedFrame => "unmasked frame from a client",
            Self::MaskedFrame => "masked frame from a server",
            Self::UnexpectedContinuation => "continuation without a message",
            Self::InterleavedMessage => "new message inside a fragmented one",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::TruncatedCloseCode => "close frame with one byte",
            Self::InvalidCloseCode(_) => "close code that may not be sent",
            Self::FrameTooBig => "frame too big",
            Self::MessageTooBig => "message too big",
            Self::TooManyFragments => "too many fragments",
            Self::CorruptMessage => "corrupt encoded message",
            Self::Expansion => "message expands too much",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::InvalidCloseCode(code) => write!(f, "{}: {code}", self.description()),
            _ => f.write_str(self.description()),
        }
    }
}

impl core::error::Error for ProtocolError {}

impl From<FrameError> for ProtocolError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<DecodeError> for ProtocolError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Corrupt => Self::CorruptMessage,
            DecodeError::Expansion => Self::Expansion,
        }
    }
}

/// A message could not be queued. Recoverable: the connection is as it was before the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is at its limits
    /// ([`Limits::max_queued_bytes`](crate::Limits::max_queued_bytes),
    /// [`Limits::max_queued_frames`](crate::Limits::max_queued_frames)): write some of it first.
    #[doc(alias("WriteBufferFull", "backpressure"))]
    QueueFull,
    /// A Close has been queued, or the transport has ended: nothing can be sent any more
    /// (RFC 6455, sections 5.5.1 and 6.1).
    #[doc(alias("AlreadyClosed", "SendAfterClosing"))]
    Closed,
    /// A fragmented message is under way; finish it first (RFC 6455, section 5.4). Also when a
    /// fragment is of another kind than the message it continues.
    InterleavedMessage,
    /// The text is not UTF-8 (RFC 6455, section 8.1).
    InvalidUtf8,
    /// The reason of a Close is longer than 123 bytes (RFC 6455, section 5.5).
    ReasonTooLong,
    /// Close code 1010 is for clients only (RFC 6455, section 7.4.1).
    ClientOnlyCode,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the send queue is full",
            Self::Closed => "the connection is closing or closed",
            Self::InterleavedMessage => "a fragmented message of another kind is under way",
            Self::InvalidUtf8 => "the text is not UTF-8",
            Self::ReasonTooLong => "the close reason is longer than 123 bytes",
            Self::ClientOnlyCode => "close code 1010 is for clients only",
        })
    }
}

impl core::error::Error for SendError {}

/// A message that was given away and could not be queued, with the reason.
///
/// Borrowed messages need no such thing: the caller still has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected<M> {
    /// Why.
    pub error: SendError,
    /// The message, unchanged.
    pub message: M,
}

impl<M> fmt::Display for Rejected<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<M: fmt::Debug> core::error::Error for Rejected<M> {}

impl<M> From<Rejected<M>> for SendError {
    fn from(rejected: Rejected<M>) -> Self {
        rejected.error
    }
}
