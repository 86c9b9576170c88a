//! A namespace that is asked what it says of itself.

use super::shared::Shared;
use crate::client::{Auth, Socket};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// What the program is asked by.
pub(crate) type AuthSource = Box<dyn FnMut(AuthRequest) + Send>;

/// A namespace is about to connect and wants to know what to say of itself: see [`Builder::auth_with`](super::Builder::auth_with).
///
/// It may be answered at once, or later, from any thread or task. If it is dropped the namespace says nothing of itself.
#[must_use = "the namespace connects when it is answered"]
pub struct AuthRequest {
    shared: Arc<Shared>,
    socket: Socket,
    number: u64,
    namespace: String,
}

impl AuthRequest {
    /// The next one, if there is any.
    pub(crate) fn next(shared: &Arc<Shared>, state: &mut super::State) -> Option<Self> {
        let (socket, number) = state.inbox.next_auth()?;
        let namespace = String::from(state.machine.namespace(socket));
        Some(Self { shared: Arc::clone(shared), socket, number, namespace })
    }

    /// Which namespace asks.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Says what the namespace says of itself this time. It has no effect any more if the session was lost since.
    pub fn answer(self, auth: &Auth) {
        self.say(auth);
    }

    fn say(&self, auth: &Auth) {
        self.shared.act(|state, now| {
            if state.inbox.take_auth(self.socket, self.number) {
                state.machine.authenticate(now, self.socket, auth);
            }
        });
    }
}

/// Has no effect if it was answered.
impl Drop for AuthRequest {
    fn drop(&mut self) {
        self.say(&Auth::none());
    }
}

impl fmt::Debug for AuthRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequest").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
