//! How a server of WebSockets deals with those who come.

use crate::connection::{Config, Connection};
use crate::deadlines::Timeouts;
use crate::handshake::{Acceptance, HandshakeError, HostPolicy, OriginPolicy, Request, Response};
use alloc::sync::Arc;

/// The settings of a server of WebSockets.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) origins: OriginPolicy<'static>,
    pub(super) hosts: HostPolicy,
    pub(super) config: Arc<Config>,
    pub(super) timeouts: Arc<Timeouts>,
    pub(super) subprotocols: &'static [&'static str],
    pub(super) slow_consumers: SlowConsumers,
}

/// What becomes of a client that reads more slowly than others send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SlowConsumers {
    /// It misses messages from others until it has caught up.
    #[default]
    MissMessages,
    /// It is closed with code 1013.
    Disconnect,
}

impl Settings {
    /// Default limits and deadlines, no subprotocols. Whose pages may connect, and by which names the
    /// server is called, depends on what it is for, so both have to be said.
    #[must_use]
    pub fn new(origins: OriginPolicy<'static>, hosts: HostPolicy) -> Self {
        Self {
            origins,
            hosts,
            config: Arc::default(),
            timeouts: Arc::default(),
            subprotocols: &[],
            slow_consumers: SlowConsumers::default(),
        }
    }

    /// The same settings with other settings of connections. The limits for handshakes are among them.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// The same settings with other deadlines.
    #[must_use]
    pub fn timeouts(mut self, timeouts: impl Into<Arc<Timeouts>>) -> Self {
        self.timeouts = timeouts.into();
        self
    }

    /// The same settings with subprotocols to choose from if a client offers any.
    #[must_use]
    pub fn subprotocols(mut self, names: &'static [&'static str]) -> Self {
        self.subprotocols = names;
        self
    }

    /// The same settings with another way to deal with slow clients.
    #[must_use]
    pub fn slow_consumers(mut self, policy: SlowConsumers) -> Self {
        self.slow_consumers = policy;
        self
    }

    /// Answers a request: a correct handshake with a WebSocket, a GET or a HEAD with what `page` says.
    ///
    /// # Errors
    ///
    /// The response of everything else.
    pub fn answer(
        &self,
        request: &Request<'_>,
        page: impl FnOnce(&Request<'_>) -> Response,
    ) -> Result<Connection, Response> {
        self.hosts.check(request)?;
        if request.is_upgrade() {
            let upgrade = request.upgrade(self.origins)?;
            let reply = Acceptance::default().subprotocol(upgrade.choose(self.subprotocols));
            return Ok(upgrade.accept(&reply, Arc::clone(&self.config))?);
        }
        Err(match request.method() {
            "GET" | "HEAD" => page(request),
            _ => HandshakeError::Method.response(),
        })
    }
}
