//! What a socket is at the moment: a handshake, a connection, an HTTP response, or over.

use crate::connection::{Connection, Ended, Transport};
use crate::handshake::{ClientHandshake, ReceivedResponse, ServerHandshake};
use crate::recv_buffer::RecvBuffer;
use crate::send_queue::SendQueue;
use alloc::boxed::Box;
use alloc::vec::Vec;

#[derive(Debug)]
pub(super) enum State {
    Accepting(ServerHandshake),
    /// Behind a pointer, so that it does not make servers' sockets larger.
    Connecting(Box<ClientHandshake>),
    Open(Connection),
    /// A plain HTTP response is on its way; then the transport ends.
    Responding {
        queue: SendQueue,
        input_ended: bool,
    },
    /// The stream has ended within the body of a refusal, which nobody has been told of yet.
    Refused {
        response: Box<ReceivedResponse>,
        ended: Ended,
    },
    /// It has ended, and was no WebSocket.
    Over(Ended),
}

/// The end of what was no WebSocket.
const EOF: Ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };

impl State {
    pub(super) fn respond(bytes: Vec<u8>) -> Self {
        Self::Responding { queue: SendQueue::holding(bytes), input_ended: false }
    }

    pub(super) fn output(&mut self) -> Option<&mut SendQueue> {
        match self {
            Self::Open(connection) => Some(connection.outgoing()),
            Self::Connecting(handshake) => Some(handshake.outgoing()),
            Self::Responding { queue, .. } => Some(queue),
            Self::Accepting(_) | Self::Refused { .. } | Self::Over(_) => None,
        }
    }

    pub(super) fn wants_write(&mut self) -> bool {
        match self {
            Self::Open(connection) => connection.wants_write(),
            other => other.output().is_some_and(|queue| !queue.is_empty()),
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        match self {
            Self::Open(connection) => connection.is_closing(),
            Self::Responding { .. } => true,
            Self::Accepting(_) | Self::Connecting(_) | Self::Refused { .. } | Self::Over(_) => {
                false
            }
        }
    }

    /// How it ended; `None` while something may still be received.
    pub(super) fn ended(&self) -> Option<Ended> {
        match self {
            Self::Open(connection) => connection.ended(),
            Self::Responding { input_ended: true, .. } => Some(EOF),
            Self::Over(ended) => Some(*ended),
            Self::Accepting(_)
            | Self::Connecting(_)
            | Self::Refused { .. }
            | Self::Responding { .. } => None,
        }
    }

    /// What the transport should do, once everything is written.
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Open(connection) => connection.transport(),
            Self::Responding { input_ended: false, .. } => Transport::ShutdownWrite,
            Self::Responding { .. } | Self::Over(_) => Transport::Drop,
            Self::Accepting(_) | Self::Connecting(_) | Self::Refused { .. } => Transport::KeepOpen,
        }
    }

    /// The stream delivers nothing more.
    pub(super) fn receive_eof(&mut self, rx: &RecvBuffer) {
        match self {
            Self::Open(connection) => _ = connection.receive_eof(rx),
            Self::Responding { input_ended, .. } => *input_ended = true,
            Self::Connecting(handshake) => *self = Self::end(handshake.receive_eof(), EOF),
            Self::Accepting(_) => *self = Self::Over(EOF),
            Self::Refused { .. } | Self::Over(_) => {}
        }
    }

    /// The peer reads no more.
    pub(super) fn discard_output(&mut self) {
        match self {
            Self::Open(connection) if !connection.has_discarded_output() => {
                connection.write_failed();
            }
            Self::Responding { queue, .. } => *queue = SendQueue::new(),
            Self::Open(_)
            | Self::Accepting(_)
            | Self::Connecting(_)
            | Self::Refused { .. }
            | Self::Over(_) => {}
        }
    }

    /// A deadline has passed.
    pub(super) fn abandon(&mut self) {
        match self {
            Self::Open(connection) => _ = connection.abandon(),
            Self::Connecting(handshake) => *self = Self::end(handshake.cut(), Ended::TimedOut),
            other => *other = Self::Over(other.ended().unwrap_or(Ended::TimedOut)),
        }
    }

    /// The stream has failed.
    pub(super) fn fail(&mut self) {
        match self {
            Self::Open(connection) => _ = connection.transport_failed(),
            Self::Connecting(handshake) => {
                *self = Self::end(handshake.cut(), Ended::TransportFailed);
            }
            other => *other = Self::Over(other.ended().unwrap_or(Ended::TransportFailed)),
        }
    }

    /// The end of a client's handshake, in which there may be a refusal to tell of.
    fn end(refusal: Option<Box<ReceivedResponse>>, ended: Ended) -> Self {
        match refusal {
            Some(response) => Self::Refused { response, ended },
            None => Self::Over(ended),
        }
    }

    /// Tells of a refusal, which is over then.
    pub(super) fn take_refusal(&mut self) -> Option<Box<ReceivedResponse>> {
        let Self::Refused { ended, .. } = *self else { return None };
        match core::mem::replace(self, Self::Over(ended)) {
            Self::Refused { response, .. } => Some(response),
            _ => None,
        }
    }
}
