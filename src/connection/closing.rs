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
///
/// ```
/// use sansio_ws::{Config, Connection, Ended, Event, RecvBuffer, Role, Transport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut server = Connection::new(Role::Server, Config::default());
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(&[0x88, 0x80, 1, 2, 3, 4]); // an empty Close of a client, masked
/// assert!(matches!(server.next_event(&mut rx)?, Some(Event::Close(_))));
/// assert_eq!(server.transport(), Transport::KeepOpen, "the reply has to be written first");
/// let mut wire = Vec::new();
/// server.outgoing().write_to(&mut wire)?;
/// assert_eq!(server.transport(), Transport::ShutdownWrite);
/// assert_eq!(server.receive_eof(&rx), Ended::Clean { code: None }); // the client has closed, too
/// assert_eq!(server.transport(), Transport::Drop);
/// # Ok(()) }
/// ```
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
///
/// ```
/// use sansio_ws::{Config, Connection, Ended, Masks, RecvBuffer, Role};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Connection::new(Role::Client(Masks::from_os()?), Config::default());
/// let mut rx = RecvBuffer::new();
/// rx.extend_from_slice(b"\x81\x05hel"); // three of the five bytes of a text
/// assert_eq!(client.next_event(&mut rx)?, None);
/// let ended = client.receive_eof(&rx);
/// assert!(matches!(ended, Ended::Eof { mid_message: true, .. }));
/// assert_eq!((ended.code(), ended.is_clean()), (1006, false));
/// # Ok(()) }
/// ```
#[doc(alias("ConnectionClosed", "disconnect"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// With a Close in both directions (RFC 6455, section 7.1.4).
    Clean {
        /// The code of the peer's Close; `None` when it carried none.
        code: Option<CloseCode>,
    },
    /// The peer ended the transport without a Close: by its end, by a reset, or by cutting TLS off.
    #[doc(alias = "ResetWithoutClosingHandshake")]
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
    /// The transport failed before the peer's Close came; the adapter has reported the error.
    TransportFailed,
}

/// Why nothing more is received: what of [`Ended`] the rest of the state does not tell. One byte, since
/// each connection has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Eof { mid_frame: bool },
    TimedOut,
    TransportFailed,
}

impl Ended {
    /// The close code to report (RFC 6455, section 7.1.5): the peer's, 1005 if its Close carried
    /// none, 1006 if no Close came.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Clean { code: Some(code) } => code.get(),
            Self::Clean { code: None } => 1005,
            Self::Eof { .. } | Self::Protocol(_) | Self::TimedOut | Self::TransportFailed => 1006,
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
            Self::TransportFailed => f.write_str("the transport failed"),
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
    #[doc(alias = "WriteControl")]
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

    /// Tells that the transport delivers nothing more, however it said so: an end of the stream,
    /// a reset, TLS that ends without `close_notify`. Returns how the connection ended. `rx` is the
    /// buffer with which [`next_event`](Self::next_event) last returned `None`.
    ///
    /// What is queued may still be written: the peer may have ended only its own direction.
    pub fn receive_eof(&mut self, rx: &RecvBuffer) -> Ended {
        self.end(End::Eof { mid_frame: self.is_within_frame(rx.unread()) })
    }

    /// Gives the connection up because a deadline passed, and returns how it ended. What is queued
    /// is thrown away, and the transport is to be closed at once.
    #[doc(alias = "terminate")]
    pub fn abandon(&mut self) -> Ended {
        self.discard_output();
        self.end(End::TimedOut)
    }

    /// Tells that the transport failed in a way that is not an end of the peer's, and returns how
    /// the connection ended. What is queued is thrown away, and the transport is to be closed at
    /// once.
    pub fn transport_failed(&mut self) -> Ended {
        self.discard_output();
        self.end(End::TransportFailed)
    }

    /// Tells that the transport takes nothing more, since the peer reads no more. What is queued
    /// is thrown away, and nothing can be sent any more. The peer may have sent something before,
    /// so keep reading until the end; behind the peer's Close there is nothing to wait for.
    pub fn write_failed(&mut self) {
        self.discard_output();
        self.end_if_settled();
    }

    /// How the connection ended; `None` while something may still be received.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.end.map(|end| self.ended_by(end))
    }

    /// Whether the peer has said all that it will say: its Close was handed out, it has broken the
    /// protocol, or the input has [ended](Self::ended), because the transport did or because the caller
    /// gave up. Once it is so, it stays so.
    ///
    /// There are no more events then to wait for. What the transport still delivers is discarded by
    /// [`next_event`](Self::next_event); it is read only to find its end, as long as
    /// [`transport`](Self::transport) does not say to drop it. What had been received before the
    /// caller [gave up](Self::abandon) can still be handed out.
    ///
    /// A transport that [takes nothing more](Self::write_failed) does not end what the peer says.
    #[must_use]
    pub fn has_received_all(&self) -> bool {
        self.end.is_some() || matches!(self.receiving, Receiving::Closed(_) | Receiving::Failed(_))
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
            _ if self.end.is_some() => Transport::Drop,
            Receiving::Closed(_) if self.is_server() => Transport::ShutdownWrite,
            Receiving::Failed(_) => Transport::ShutdownWrite,
            _ => Transport::KeepOpen,
        }
    }

    /// Whether the end is in sight: a Close was queued, by us, as a reply, or because of an error,
    /// or the transport takes nothing more. Once everything is written, a deadline should bound
    /// the wait for the end.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.sending, Sending::CloseQueued | Sending::Failed | Sending::FailedClosing)
    }

    /// Whether what was queued has been thrown away, and with it perhaps a part of a message.
    #[cfg(feature = "std")]
    pub(crate) fn has_discarded_output(&self) -> bool {
        matches!(self.sending, Sending::Failed | Sending::FailedClosing)
    }

    fn is_close_queued(&self) -> bool {
        matches!(self.sending, Sending::CloseQueued | Sending::FailedClosing)
    }

    /// Keeps the first end.
    fn end(&mut self, end: End) -> Ended {
        let end = *self.end.get_or_insert(end);
        self.ended_by(end)
    }

    /// The peer's Close, or its violation, says more than what came behind it.
    fn ended_by(&self, end: End) -> Ended {
        match (&self.receiving, end) {
            (Receiving::Closed(code), _) => Ended::Clean { code: *code },
            (Receiving::Failed(error), _) => Ended::Protocol(*error),
            (_, End::TimedOut) => Ended::TimedOut,
            (_, End::TransportFailed) => Ended::TransportFailed,
            (receiving, End::Eof { mid_frame }) => Ended::Eof {
                mid_frame,
                mid_message: matches!(receiving, Receiving::Within(_)),
                close_sent: self.is_close_queued(),
            },
        }
    }

    /// Nothing can be sent, and nothing that may still arrive matters.
    fn end_if_settled(&mut self) {
        let sent_all = matches!(self.sending, Sending::Failed | Sending::FailedClosing);
        if sent_all && self.has_received_all() {
            self.end(End::TransportFailed);
        }
    }

    /// Throws away what is queued. A peer that does not read must not hold the transport open.
    fn discard_output(&mut self) {
        self.waiting_pong = None;
        self.queue = SendQueue::new();
        self.sending = match self.is_close_queued() {
            true => Sending::FailedClosing,
            false => Sending::Failed,
        };
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
        if self.is_closing() {
            self.end_if_settled();
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
    use crate::{CloseCode, Config, Connection, ControlPayload, Ended, Event};
    use crate::{RecvBuffer, Role, SendError, Transport};

    #[test]
    fn an_abandoned_connection_waits_for_nothing() {
        let mut connection = Connection::new(Role::Server, Config::default());
        connection.send_text("never read").unwrap();
        assert_eq!(connection.transport(), Transport::KeepOpen);
        assert_eq!(connection.abandon(), Ended::TimedOut);
        assert_eq!(connection.transport(), Transport::Drop);
        assert_eq!(connection.send_text("too late"), Err(SendError::Closed));
        assert_eq!(connection.ended(), Some(Ended::TimedOut));
    }

    /// A server's side that has received `bytes`.
    fn received(bytes: &[u8]) -> (Connection, RecvBuffer) {
        let mut connection = Connection::new(Role::Server, Config::default());
        let mut rx = RecvBuffer::new();
        rx.extend_from_slice(bytes);
        while let Ok(Some(_)) = connection.next_event(&mut rx) {}
        (connection, rx)
    }

    const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";
    const EOF: Ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };

    #[test]
    fn a_transport_that_takes_nothing_more_drops_what_is_queued_and_is_read_to_its_end() {
        let (mut connection, mut rx) = received(b"");
        connection.send_text("never read").unwrap();
        connection.write_failed();
        assert!(!connection.wants_write() && connection.is_closing());
        assert_eq!(connection.send_text("no"), Err(SendError::Closed));
        assert_eq!(connection.send_ping(ControlPayload::EMPTY), Err(SendError::Closed));
        assert_eq!(connection.close_empty(), Err(SendError::Closed));
        assert_eq!((connection.ended(), connection.transport()), (None, Transport::KeepOpen));
        rx.extend_from_slice(b"\x89\x80\0\0\0\0\x81\x81\0\0\0\0a");
        assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Ping(b""))));
        assert_eq!(connection.next_event(&mut rx), Ok(Some(Event::Text("a"))));
        assert!(!connection.wants_write(), "nobody would read the pong");
        assert_eq!(connection.receive_eof(&rx), EOF);
        assert_eq!(connection.transport(), Transport::Drop);
    }

    #[test]
    fn behind_the_close_of_a_peer_that_reads_no_more_nothing_is_waited_for() {
        let clean = Some(Ended::Clean { code: Some(CloseCode::NORMAL) });
        let (mut connection, _) = received(CLOSE);
        connection.write_failed();
        assert_eq!((connection.ended(), connection.transport()), (clean, Transport::Drop));
        let (mut connection, mut rx) = received(b"");
        connection.write_failed();
        rx.extend_from_slice(CLOSE);
        assert!(matches!(connection.next_event(&mut rx), Ok(Some(Event::Close(_)))));
        assert_eq!((connection.ended(), connection.transport()), (clean, Transport::Drop));
        let (mut connection, mut rx) = received(b"");
        connection.write_failed();
        rx.extend_from_slice(b"\xff\x80\0\0\0\0");
        let error = connection.next_event(&mut rx).unwrap_err();
        assert_eq!(connection.ended(), Some(Ended::Protocol(error)));
    }

    #[test]
    fn the_first_end_stays_and_the_close_of_the_peer_says_more_than_a_failure() {
        let (mut connection, rx) = received(b"\x81");
        let cut = Ended::Eof { mid_frame: true, mid_message: false, close_sent: false };
        assert_eq!(connection.receive_eof(&rx), cut);
        assert_eq!((connection.abandon(), connection.transport_failed()), (cut, cut));
        let (mut connection, _) = received(b"");
        assert_eq!(connection.transport_failed(), Ended::TransportFailed);
        assert_eq!(connection.transport(), Transport::Drop);
        let (mut connection, _) = received(CLOSE);
        assert!(connection.transport_failed().is_clean());
    }

    #[test]
    fn all_is_received_behind_a_close_an_error_and_an_end_and_not_before() {
        let (mut connection, mut rx) = received(b"\x81\x81\0\0\0\0a");
        assert!(!connection.has_received_all());
        connection.close_empty().unwrap();
        assert!(!connection.has_received_all(), "our own Close ends nothing of the peer's");
        rx.extend_from_slice(CLOSE);
        let located = connection.find_event(&mut rx).unwrap().unwrap();
        assert!(!connection.has_received_all(), "found and not handed out");
        assert!(matches!(connection.lend_event(located, &rx), Ok(Event::Close(_))));
        assert!(connection.has_received_all() && connection.ended().is_none());
        let _ = connection.receive_eof(&rx);
        assert!(connection.has_received_all());

        let (failed, _) = received(b"\xff\x80\0\0\0\0");
        assert!(failed.has_received_all() && failed.has_failed() && failed.ended().is_none());

        let (mut unread, _) = received(b"");
        unread.write_failed();
        assert!(!unread.has_received_all());
        let ends: [fn(&mut Connection) -> Ended; 3] = [
            |connection| connection.receive_eof(&RecvBuffer::new()),
            Connection::abandon,
            Connection::transport_failed,
        ];
        for end in ends {
            let (mut connection, _) = received(b"");
            let _ = end(&mut connection);
            assert!(connection.has_received_all());
        }
    }

    #[test]
    fn a_close_that_was_queued_is_told_of_whether_it_was_written_or_not() {
        let (mut connection, rx) = received(b"");
        connection.close_empty().unwrap();
        connection.write_failed();
        let end = Ended::Eof { mid_frame: false, mid_message: false, close_sent: true };
        assert_eq!(connection.receive_eof(&rx), end);
    }
}
