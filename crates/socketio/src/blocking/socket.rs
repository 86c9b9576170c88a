//! A namespace, for any number of threads.

use super::error::Error;
use super::shared::Shared;
use crate::client::{self as machine, Auth, EmitError};
use crate::{Args, EncodedArgs};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;
use serde::Serialize;

/// A namespace of a [`Client`](super::Client). A clone is a reference count; it may be used by any thread, as long
/// as the client is there.
#[derive(Clone)]
pub struct Socket {
    shared: Arc<Shared>,
    socket: machine::Socket,
}

impl Socket {
    pub(super) fn new(shared: &Arc<Shared>, socket: machine::Socket) -> Self {
        Self { shared: Arc::clone(shared), socket }
    }

    pub(super) const fn machine(&self) -> machine::Socket {
        self.socket
    }

    /// Its name.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.shared.state().machine.namespace(self.socket).to_owned()
    }

    /// Its id, which others may know, while it is connected. It is another one each time.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.shared.state().machine.id(self.socket).map(ToOwned::to_owned)
    }

    /// Whether it is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.state().machine.is_connected(self.socket)
    }

    /// Whether it has come back as the one that it was, and has been sent what it had missed: see
    /// [`is_recovered`](machine::Client::is_recovered).
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.shared.state().machine.is_recovered(self.socket)
    }

    /// Whether the session is carried by a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        let transport = self.shared.state().machine.session().transport();
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
        self.shared.act(|machine, _| machine.emit(self.socket, &event))?;
        Ok(())
    }

    /// Sends an event, or not at all if it would have to wait.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit), and [`EmitError::Dropped`].
    pub fn emit_volatile<T: Serialize + ?Sized>(&self, name: &str, args: &T) -> Result<(), Error> {
        let event = EncodedArgs::event(name, args)?;
        self.shared.act(|machine, _| machine.emit_volatile(self.socket, &event))?;
        Ok(())
    }

    /// Sends an event and waits for the answer. What else comes meanwhile waits to be
    /// [taken](super::Client::next).
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit), and [`Error::Unanswered`].
    pub fn ask<T: Serialize + ?Sized>(
        &self,
        name: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<Args<'static>, Error> {
        let event = EncodedArgs::event(name, args)?;
        let question =
            self.shared.act(|machine, now| machine.ask(now, self.socket, timeout, &event))?;
        Ok(self.shared.wait_for_answer(question)?)
    }

    /// Connects it again, if it has left or was refused. What it says of itself from now on may be another.
    ///
    /// # Errors
    ///
    /// [`EmitError::Gone`] if the client was dropped.
    pub fn connect(&self, auth: impl Into<Option<Auth>>) -> Result<(), Error> {
        let auth = auth.into();
        self.shared.act(|machine, now| {
            if let Some(auth) = auth {
                machine.set_auth(self.socket, auth);
            }
            machine.connect(now, self.socket);
            Ok::<_, EmitError>(())
        })?;
        Ok(())
    }

    /// Leaves the namespace. With the last one the session is closed. Returns at once.
    pub fn disconnect(&self) {
        // Who has been dropped has left.
        let _ = self.shared.act(|machine, now| {
            machine.disconnect(now, self.socket);
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
