//! What a program is told.

use super::error::Error;
use super::shared::Shared;
use super::socket::Socket;
use crate::client::{
    self as machine, AckId, ConnectError, DisconnectReason, EmitError, Unanswered, engine,
};
use crate::{Args, EncodedArgs};
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use serde::Serialize;

/// What has happened, in the order that npm's client has; its names stand in brackets.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server has sent an event.
    Event {
        /// To which socket.
        socket: Socket,
        /// Its name.
        name: String,
        /// Its arguments.
        args: Args<'static>,
        /// How to answer it, if the server asks for that.
        ack: Option<Ack>,
    },
    /// A socket is connected (`connect`). What waited for that has been sent.
    Connected {
        /// Which.
        socket: Socket,
    },
    /// A socket is not connected (`connect_error`). It is tried again, unless the server has refused it.
    ConnectError {
        /// Which.
        socket: Socket,
        /// Why.
        error: ConnectError,
    },
    /// A socket is not connected any more (`disconnect`).
    Disconnected {
        /// Which.
        socket: Socket,
        /// Why.
        reason: DisconnectReason,
    },
    /// There is a session (`open`).
    Opened,
    /// It has gone over to a WebSocket (`upgrade`).
    Upgraded,
    /// There is no WebSocket for it; it goes on by polling (`upgradeError`).
    UpgradeFailed(engine::Error),
    /// The session has ended (`close`).
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What was wrong, if something was.
        error: Option<engine::Error>,
    },
    /// There is no session to be had (`error`).
    Failed(ConnectError),
    /// It is tried again (`reconnect_attempt`).
    Reconnecting {
        /// Counted from 1.
        attempt: u32,
    },
    /// There is a session again (`reconnect`).
    Reconnected {
        /// At which attempt.
        attempt: u32,
    },
    /// An attempt has failed (`reconnect_error`).
    ReconnectError(ConnectError),
    /// That was the last attempt (`reconnect_failed`).
    ReconnectFailed,
    /// An event that was taken while it had to wait could not be sent.
    NotSent {
        /// By which socket.
        socket: Socket,
        /// The event.
        event: EncodedArgs,
        /// Why.
        error: EmitError,
    },
    /// An event was sent as often as [`retries`](super::Builder::retries) allows, and never answered. Those that were
    /// [asked](Socket::ask) say so by their [`Answer`](super::Answer).
    Unacknowledged {
        /// By which socket.
        socket: Socket,
        /// The event. Nobody knows whether the server has got it.
        event: EncodedArgs,
        /// Why there was no answer to the last attempt.
        why: Unanswered,
    },
    /// There is room again, after [`EmitError::Full`].
    Drained,
}

impl Event {
    /// `None` for what is told in another way, and is never among the events that wait.
    pub(crate) fn of(shared: &Arc<Shared>, event: machine::Event<'static>) -> Option<Self> {
        use machine::Event as From;
        let handle = |socket| Socket::new(shared, socket);
        Some(match event {
            From::Opened => Self::Opened,
            From::Upgraded => Self::Upgraded,
            From::UpgradeFailed(error) => Self::UpgradeFailed(error),
            From::Closed { reason, error } => Self::Closed { reason, error },
            From::Failed(error) => Self::Failed(error),
            From::Reconnecting { attempt } => Self::Reconnecting { attempt },
            From::Reconnected { attempt } => Self::Reconnected { attempt },
            From::ReconnectError(error) => Self::ReconnectError(error),
            From::ReconnectFailed => Self::ReconnectFailed,
            From::Connected { socket } => Self::Connected { socket: handle(socket) },
            From::ConnectError { socket, error } => {
                Self::ConnectError { socket: handle(socket), error }
            }
            From::Disconnected { socket, reason } => {
                Self::Disconnected { socket: handle(socket), reason }
            }
            From::Event { socket, name, args, ack } => Self::Event {
                socket: handle(socket),
                name: name.into_owned(),
                args,
                ack: ack.map(|id| Ack { shared: Arc::clone(shared), id }),
            },
            From::NotSent { socket, event, error } => {
                Self::NotSent { socket: handle(socket), event, error }
            }
            From::Unacknowledged { socket, event, why } => {
                Self::Unacknowledged { socket: handle(socket), event, why }
            }
            From::Drained => Self::Drained,
            From::Authenticate { .. } | From::Answer { .. } | From::Unanswered { .. } => {
                return None;
            }
        })
    }
}

/// A wish of the server for an answer.
#[must_use = "the server waits for the answer"]
pub struct Ack {
    shared: Arc<Shared>,
    id: AckId,
}

impl Ack {
    /// Answers, with arguments as those of [`Socket::emit`].
    ///
    /// # Errors
    ///
    /// [`Error::Encode`], and [`Error::Emit`]: [`EmitError::Gone`] if the socket was disconnected meanwhile.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), Error> {
        let args = EncodedArgs::new(args)?;
        self.shared.call(|state, _| state.machine.acknowledge(self.id, &args))?;
        Ok(())
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ack").field(&self.id).finish()
    }
}
