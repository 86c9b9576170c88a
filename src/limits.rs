//! Limits: what a peer, or a caller that outruns its peer, may make a connection hold or do.

/// The limits of one connection. All have finite defaults and all can be set.
///
/// | field | default | over it |
/// |---|---|---|
/// | `max_message_bytes` | 16 MiB | the connection fails with close code 1009 |
/// | `max_frame_bytes` | 16 MiB | the connection fails with close code 1009 |
/// | `max_fragments` | 16,384 | the connection fails with close code 1008 |
/// | `max_frames_per_call` | 256 | the call returns [`Event::Yield`](crate::Event::Yield) |
/// | `max_queued_bytes` | 1 MiB | [`SendError::QueueFull`](crate::SendError::QueueFull), nothing queued |
/// | `max_queued_frames` | 16,384 | [`SendError::QueueFull`](crate::SendError::QueueFull), nothing queued |
/// | `max_queued_pongs` | 16 | of further pings only the newest is answered |
/// | `max_handshake_bytes` | 16 KiB | the handshake fails, status 431 |
/// | `max_headers` | 100 | the handshake fails, status 431 |
/// | `max_refusal_bytes` | 64 KiB | the body of a server's refusal is cut there |
///
/// A limit is switched off by the largest value of its type; only that of pongs is at most 255. Memory
/// never grows by what a peer declares, only by what it sends, so large limits cost nothing until they
/// are used.
///
/// ```
/// use sansio_ws::Limits;
///
/// let limits = Limits::default().max_message_bytes(64 * 1024).max_queued_pongs(4);
/// assert_eq!((limits.max_message_bytes, limits.max_fragments), (64 * 1024, 16_384));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Payload bytes of one message, over all its fragments, and after decoding by an extension.
    /// What is to be decoded may have an eighth more, here and in a frame: not every message gets
    /// smaller by compression.
    #[doc(alias("max_message_size", "maxPayload", "SetReadLimit"))]
    pub max_message_bytes: u64,
    /// Payload bytes of one data frame.
    #[doc(alias = "max_frame_size")]
    pub max_frame_bytes: u64,
    /// Frames of one message, empty ones included; at least 1.
    pub max_fragments: u32,
    /// Frames that one call of [`next_event`](crate::Connection::next_event) consumes without
    /// having an event to return; at least 1. Bounds the time that a flood of empty fragments
    /// can hold the caller.
    pub max_frames_per_call: u32,
    /// Bytes waiting to be written, from which on nothing more is taken. So at most this and one
    /// more message wait; an empty queue takes any one message. Where
    /// [answers](crate::Connection::count_as_answers) are told from what the program pushes, they are counted
    /// by themselves: who [pauses reading](crate::Connection::pauses_reading) has half of this and one
    /// answer besides.
    #[doc(alias("max_write_buffer_size", "backpressure"))]
    pub max_queued_bytes: usize,
    /// Frames waiting to be written, see [`SendQueue::frames`](crate::SendQueue::frames).
    pub max_queued_frames: usize,
    /// Pongs that answer pings and wait to be written; at least 1. Pings that arrive together are
    /// answered one by one up to this number. From then on only the newest waits for its answer, until
    /// those before it are written (RFC 6455, section 5.5.3), so a flood of pings costs no more memory
    /// than this and one more pong, with 131 bytes each.
    pub max_queued_pongs: u8,
    /// Bytes of the peer's handshake, up to and including the blank line.
    pub max_handshake_bytes: usize,
    /// Header lines of the peer's handshake.
    pub max_headers: usize,
    /// Bytes that a client keeps of the body of a refusal. With 0 it does not wait for one.
    pub max_refusal_bytes: usize,
}

impl Limits {
    /// The defaults of the table above, as [`default`](Self::default) has them, for constants.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_message_bytes: 16 << 20,
            max_frame_bytes: 16 << 20,
            max_fragments: 16_384,
            max_frames_per_call: 256,
            max_queued_bytes: 1 << 20,
            max_queued_frames: 16_384,
            max_queued_pongs: 16,
            max_handshake_bytes: 16 << 10,
            max_headers: 100,
            max_refusal_bytes: 64 << 10,
        }
    }

    /// The same limits with another [number](field@Self::max_message_bytes) of bytes of a message.
    #[doc(alias("max_message_size", "maxPayload", "SetReadLimit"))]
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: u64) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// The same limits with another [number](field@Self::max_frame_bytes) of bytes of a frame.
    #[must_use]
    pub const fn max_frame_bytes(mut self, bytes: u64) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// The same limits with another [number](field@Self::max_fragments) of fragments of a message.
    #[must_use]
    pub const fn max_fragments(mut self, fragments: u32) -> Self {
        self.max_fragments = fragments;
        self
    }

    /// The same limits with another [number](field@Self::max_frames_per_call) of frames in a call.
    #[must_use]
    pub const fn max_frames_per_call(mut self, frames: u32) -> Self {
        self.max_frames_per_call = frames;
        self
    }

    /// The same limits with another [number](field@Self::max_queued_bytes) of bytes in the queue.
    #[must_use]
    pub const fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.max_queued_bytes = bytes;
        self
    }

    /// The same limits with another [number](field@Self::max_queued_frames) of frames in the queue.
    #[must_use]
    pub const fn max_queued_frames(mut self, frames: usize) -> Self {
        self.max_queued_frames = frames;
        self
    }

    /// The same limits with another [number](field@Self::max_queued_pongs) of pongs in the queue.
    #[must_use]
    pub const fn max_queued_pongs(mut self, pongs: u8) -> Self {
        self.max_queued_pongs = pongs;
        self
    }

    /// The same limits with another [number](field@Self::max_handshake_bytes) of bytes of a handshake.
    #[must_use]
    pub const fn max_handshake_bytes(mut self, bytes: usize) -> Self {
        self.max_handshake_bytes = bytes;
        self
    }

    /// The same limits with another [number](field@Self::max_headers) of headers of a handshake.
    #[must_use]
    pub const fn max_headers(mut self, headers: usize) -> Self {
        self.max_headers = headers;
        self
    }

    /// The same limits with another [number](field@Self::max_refusal_bytes) of bytes of a refusal.
    #[must_use]
    pub const fn max_refusal_bytes(mut self, bytes: usize) -> Self {
        self.max_refusal_bytes = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_by_its_name() {
        let limits = Limits::default()
            .max_message_bytes(1)
            .max_frame_bytes(2)
            .max_fragments(3)
            .max_frames_per_call(4)
            .max_queued_bytes(5)
            .max_queued_frames(6)
            .max_queued_pongs(7)
            .max_handshake_bytes(8)
            .max_headers(9)
            .max_refusal_bytes(10);
        let expected = Limits {
            max_message_bytes: 1,
            max_frame_bytes: 2,
            max_fragments: 3,
            max_frames_per_call: 4,
            max_queued_bytes: 5,
            max_queued_frames: 6,
            max_queued_pongs: 7,
            max_handshake_bytes: 8,
            max_headers: 9,
            max_refusal_bytes: 10,
        };
        assert_eq!(limits, expected);
    }
}
