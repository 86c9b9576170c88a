//! A namespace, for any number of threads.

use super::answer::Answer;
use super::error::Error;
use super::shared::Shared;
use crate::EncodedArgs;
use crate::client::{self as machine, Auth, EmitError};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use serde::Serialize;

/// A namespace of a client. A clone is a reference count; it may be used by any thread or task, as long as the client is
/// there. Nothing here waits.
#[derive(Clone)]
pub struct Socket {
    shared: Arc<Shared>,
    socket: machine::Socket,
}

impl Socket {
    pub(super) fn new(shared: &Arc<Shared>, socket: machine::Socket) -> Self {
        Self { shared: Arc::clone(shared), socket }
    }

    /// The socket of a namespace, which need not be connected.
    pub(crate) fn of(shared: &Arc<Shared>, namespace: &str) -> Result<Self, Error> {
        let socket = shared.look(|state| state.machine.socket(namespace))?;
        Ok(Self::new(shared, socket))
    }

    pub(crate) const fn machine(&self) -> machine::Socket {
        self.socket
    }

    /// Its name.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.shared.look(|state| state.machine.namespace(self.socket).to_owned())
    }

    /// Its id, which others may know, while it is connected. It is another one each time.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.shared.look(|state| state.machine.id(self.socket).map(ToOwned::to_owned))
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.look(|state| state.machine.is_connected(self.socket))
    }

    /// Whether it has come back as the one that it was, and has been sent what it had missed: see
    /// [`is_recovered`](machine::Client::is_recovered).
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.shared.look(|state| state.machine.is_recovered(self.socket))
    }

    /// Whether the session is carried by a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        let transport = self.shared.look(|state| state.machine.session().transport());
        transport == Some(machine::Transport::WebSocket)
    }

    /// Sends an event, or has it wait for the connection. Returns at once.
    ///
    /// `args` is anything that serde writes as a list, like a tuple; [`Bytes`](crate::Bytes) are binary. That it was
    /// taken does not mean that it arrives, see [`machine::Client::emit`]: who has to know [asks](Self::ask).
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] and [`Error::Emit`]: nothing was queued. [`EmitError::Gone`] if the client was dropped.
    pub fn emit<T: Serialize + ?Sized>(&self, name: &str, args: &T) -> Result<(), Error> {
        let event = EncodedArgs::event(name, args)?;
        self.shared.call(|state, now| state.emit(now, self.socket, &event))?;
        Ok(())
    }

    /// How many events and answers wait for the connection, or for room in it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.look(|state| state.machine.waiting(self.socket))
    }

    /// Sends an event, or not at all if it would have to wait.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit), and [`EmitError::Dropped`].
    pub fn emit_volatile<T: Serialize + ?Sized>(&self, name: &str, args: &T) -> Result<(), Error> {
        let event = EncodedArgs::event(name, args)?;
        self.shared.call(|state, _| state.machine.emit_volatile(self.socket, &event))?;
        Ok(())
    }

    /// Sends an event and asks for an answer, which must come within this time; with
    /// [`retries`](super::Builder::retries) within this time after each attempt.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    #[cfg_attr(feature = "blocking", doc = "# use sansio_socketio::blocking::Socket;")]
    #[cfg_attr(not(feature = "blocking"), doc = "# use sansio_socketio::tokio::Socket;")]
    /// # async fn sum(socket: Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let (sum,): (i64,) = socket.ask("sum", &(1, 2), Duration::from_secs(5)).await?.parse()?;
    /// # Ok(()) }
    /// ```
    ///
    /// The [`Answer`] says as well if the event could not be sent.
    pub fn ask<T: Serialize + ?Sized>(&self, name: &str, args: &T, timeout: Duration) -> Answer {
        let asked = EncodedArgs::event(name, args).map_err(Error::from).and_then(|event| {
            self.shared.call(|state, now| {
                let question = state.machine.ask(now, self.socket, timeout, &event)?;
                state.inbox.expect(question);
                Ok(question)
            })
        });
        Answer::new(&self.shared, asked)
    }

    /// Connects it again, if it has left or was refused. What it says of itself from now on may be another.
    ///
    /// # Errors
    ///
    /// [`EmitError::Gone`] if the client was dropped.
    pub fn connect(&self, auth: impl Into<Option<Auth>>) -> Result<(), Error> {
        let auth = auth.into();
        self.shared.call(|state, now| {
            if let Some(auth) = auth {
                state.machine.set_auth(self.socket, auth);
            }
            state.machine.connect(now, self.socket);
            Ok::<_, EmitError>(())
        })?;
        Ok(())
    }

    /// Leaves the namespace. With the last one the session is closed. Returns at once.
    pub fn disconnect(&self) {
        // Who has been dropped has left.
        let _ = self.shared.call(|state, now| {
            state.machine.disconnect(now, self.socket);
            Ok::<_, EmitError>(())
        });
    }
}

/// The same namespace of the same client.
impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        self.socket == other.socket && Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
