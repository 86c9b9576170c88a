//! The closing handshake, and what the transport should do about it (RFC 6455, section 7).

use super::receive::Receiving;
use super::send::Sending;
use super::{Connection, ProtocolError, SendError};
use crate::close::CloseCode;
use crate::frame::{MAX_CONTROL_LEN, Opcode};
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use core::fmt;

/// What to do with the transport, as told by [`Connection::transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Transport {
    /// Keep it: write what is waiting, and go on reading.
    KeepOpen,
    /// End the writing direction (`shutdown(Write)`) and go on reading until the peer ends its
    /// own, or until a deadline. Closing at once instead might make the peer's stack throw away
    /// the Close frame that is still on its way (RFC 6455, section 7.1.1).
    ShutdownWrite,
    /// Close it: both directions have ended and everything has been written.
    Drop,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// With a Close in both directions (RFC 6455, section 7.1.4).
    Clean {
        /// The code of the peer's Close; `None` when it carried none.
        code: Option<CloseCode>,
    },
    /// The peer ended the transport without a Close.
    Eof {
        /// The last frame was cut off.
        mid_frame: bool,
        /// The last message was cut off, in or between its fragments.
        mid_message: bool,
        /// Our own Close had been queued and was not answered.
        close_sent: bool,
    },
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// A deadline passed, and the caller gave the connection up before the peer's Close came.
    TimedOut,
}

impl Ended {
    /// The close code to report (RFC 6455, section 7.1.5): the peer's, 1005 if its Close carried
    /// none, 1006 if no Close came.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Clean { code: Some(code) } => code.get(),
            Self::Clean { code: None } => 1005,
            Self::Eof { .. } | Self::Protocol(_) | Self::TimedOut => 1006,
        }
    }

    /// Whether the closing handshake took place.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        matches!(self, Self::Clean { .. })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean { code: Some(code) } => write!(f, "closed with {code}"),
            Self::Clean { code: None } => f.write_str("closed without a code"),
            Self::Eof { mid_frame: true, .. } => f.write_str("cut off inside a frame"),
            Self::Eof { mid_message: true, .. } => f.write_str("cut off inside a message"),
            Self::Eof { .. } => f.write_str("ended by the peer without a close frame"),
            Self::Protocol(error) => write!(f, "protocol error: {error}"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

impl Connection {
    /// Starts the closing handshake: queues a Close behind everything queued before. Nothing may
    /// be sent after it, but messages of the peer still arrive until its own Close does.
    ///
    /// The limits on queued bytes do not apply.
    ///
    /// # Errors
    ///
    /// Recoverable: [`SendError::Closed`] if a Close was queued before (perhaps as the reply to
    /// the peer's), [`SendError::ReasonTooLong`] for a reason of more than 123 bytes,
    /// [`SendError::ClientOnlyCode`] if a server sends 1010.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if reason.len() > MAX_CONTROL_LEN - 2 {
            return Err(SendError::ReasonTooLong);
        }
        if code == CloseCode::MANDATORY_EXTENSION && self.is_server() {
            return Err(SendError::ClientOnlyCode);
        }
        self.start_closing(Some(code), reason)
    }

    /// Like [`close`](Self::close), with neither code nor reason: the peer will report 1005.
    ///
    /// # Errors
    ///
    /// Recoverable: [`SendError::Closed`] if a Close was queued before.
    pub fn close_empty(&mut self) -> Result<(), SendError> {
        self.start_closing(None, "")
    }

    /// Tells that the transport delivers nothing more, and returns how the connection ended.
    /// `rx` is the buffer with which [`next_event`](Self::next_event) last returned `None`.
    ///
    /// What is queued may still be written: the peer may have ended only its own direction.
    pub fn receive_eof(&mut self, rx: &RecvBuffer) -> Ended {
        self.eof = true;
        self.ended(Ended::Eof {
            mid_frame: self.is_within_frame(rx.unread()),
            mid_message: matches!(self.receiving, Receiving::Within(_)),
            close_sent: matches!(self.sending, Sending::CloseQueued),
        })
    }

    /// Gives the connection up because a deadline passed. What is queued is thrown away, and the
    /// transport is to be closed at once.
    pub fn abandon(&mut self) -> Ended {
        self.eof = true;
        self.waiting_pong = None;
        self.sending = Sending::CloseQueued;
        // A peer that does not read must not hold the transport open.
        self.queue = SendQueue::new();
        self.ended(Ended::TimedOut)
    }

    /// What the transport should do now.
    ///
    /// Ask after writing, and after [`receive_eof`](Self::receive_eof). The server ends the
    /// transport first; a client waits for it (RFC 6455, section 7.1.1). A side that failed the
    /// connection ends it whatever its role (section 7.1.7).
    pub fn transport(&self) -> Transport {
        if self.wants_write() {
            return Transport::KeepOpen;
        }
        match self.receiving {
            _ if self.eof => Transport::Drop,
            Receiving::Closed(_) if self.is_server() => Transport::ShutdownWrite,
            Receiving::Failed(_) => Transport::ShutdownWrite,
            _ => Transport::KeepOpen,
        }
    }

    /// Whether the end is in sight, so that a deadline should bound the wait for it: a Close was
    /// queued, by us, as a reply, or because of an error.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.sending, Sending::CloseQueued)
    }

    fn ended(&self, otherwise: Ended) -> Ended {
        match self.receiving {
            Receiving::Closed(code) => Ended::Clean { code },
            Receiving::Failed(error) => Ended::Protocol(error),
            Receiving::Between | Receiving::Within(_) => otherwise,
        }
    }

    fn start_closing(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        self.queue_close(code, reason);
        Ok(())
    }

    /// Answers the peer's Close, usually with the same code and reason, unless ours went first
    /// (RFC 6455, section 5.5.1). A browser reports the reason of the answer, not the one it sent.
    pub(super) fn receive_close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.receiving = Receiving::Closed(code);
        // 1010 is for clients only (section 7.4.1), also as an echo.
        let reply = match code {
            Some(CloseCode::MANDATORY_EXTENSION) if self.is_server() => Some(CloseCode::NORMAL),
            code => code,
        };
        self.queue_close(reply, reason);
    }

    /// _Fails the WebSocket Connection_ (RFC 6455, section 7.1.7). A second failure changes
    /// nothing.
    pub(super) fn fail(&mut self, error: ProtocolError) -> ProtocolError {
        if !matches!(self.receiving, Receiving::Failed(_)) {
            self.receiving = Receiving::Failed(error);
            self.queue_close(Some(error.close_code()), error.description());
        }
        error
    }

    /// Queues Close, once. A pong that still waits is dropped: nothing may follow a Close.
    fn queue_close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.waiting_pong = None;
        if matches!(self.sending, Sending::CloseQueued) {
            return;
        }
        let mut body = [0; MAX_CONTROL_LEN];
        let len = match code {
            Some(code) => {
                body[..2].copy_from_slice(&code.get().to_be_bytes());
                body[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
                2 + reason.len()
            }
            None => 0,
        };
        self.queue_control(Opcode::Close, &body[..len]);
        self.sending = Sending::CloseQueued;
    }
}

#[cfg(test)]
mod tests {
    use crate::{Config, Connection, Ended, Role, SendError, Transport};

    #[test]
    fn an_abandoned_connection_waits_for_nothing() {
        let mut connection = Connection::new(Role::Server, Config::DEFAULT);
        connection.send_text("never read").unwrap();
        assert_eq!(connection.transport(), Transport::KeepOpen);
        assert_eq!(connection.abandon(), Ended::TimedOut);
        assert_eq!(connection.transport(), Transport::Drop);
        assert_eq!(connection.send_text("too late"), Err(SendError::Closed));
    }
}
