//! The settings of a client for programs.

use super::client::Client;
use super::error::Error;
use super::polling::Server;
use super::shared::{AuthSource, Shared};
use crate::client::{Auth, Config, Reconnection, Transport, engine};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use rustls::ClientConfig;
use sansio_engineio::Query;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::tls;
use std::hash::RandomState;

/// The settings of a [`Client`].
///
/// ```no_run
/// use sansio_socketio::blocking::Client;
/// use sansio_socketio::client::{Auth, Reconnection, Transport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("https://example.com/admin")
///     .transports([Transport::WebSocket])
///     .auth(Auth::from_json(r#"{"token":"abc"}"#)?)
///     .reconnection(Reconnection::new().attempts(10))
///     .connect()?;
/// # Ok(()) }
/// ```
#[must_use]
pub struct Builder {
    url: String,
    sessions: engine::Config,
    config: Config,
    auth: Auth,
    source: Option<AuthSource>,
    tls: Option<Arc<ClientConfig>>,
}

impl Builder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            sessions: engine::Config::new().path("/socket.io/"),
            config: Config::new(),
            auth: Auth::none(),
            source: None,
            tls: None,
        }
    }

    /// The path of the server, with a slash at both ends (default: `/socket.io/`).
    pub fn path(mut self, path: &str) -> Self {
        self.sessions = self.sessions.path(path);
        self
    }

    /// One more parameter of each request.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.sessions = self.sessions.query(name, value);
        self
    }

    /// One more header of each request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.sessions = self.sessions.header(name, value);
        self
    }

    /// The transports, in this order (default: polling, then WebSocket).
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.sessions = self.sessions.transports(transports);
        self
    }

    /// What the client says of itself in the namespace of the URL.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Asks for what the client says of itself each time it connects, in each namespace of
    /// [`Auth::asked`], which that of the URL is: for tokens that do not last. It is called in the thread
    /// for time, and may take some; it cannot ask by this client.
    pub fn auth_with(mut self, source: impl FnMut(&str) -> Auth + Send + 'static) -> Self {
        self.auth = Auth::asked();
        self.source = Some(Box::new(source));
        self
    }

    /// When to connect again (default: for ever), or `None`.
    pub fn reconnection(mut self, reconnection: impl Into<Option<Reconnection>>) -> Self {
        self.config = self.config.reconnection(reconnection);
        self
    }

    /// How long each attempt to open a session may take (default: 20 s).
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.sessions = self.sessions.open_timeout(time);
        self
    }

    /// Another configuration of TLS, for both transports, in place of [`tls::system_config`]: other authorities, a
    /// certificate of the client. See [`tls::client_config`].
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Other limits: of the sessions, and of what is above them.
    pub fn limits(
        mut self,
        change: impl FnOnce(engine::Config, Config) -> (engine::Config, Config),
    ) -> Self {
        (self.sessions, self.config) = change(self.sessions, self.config);
        self
    }

    /// Connects, and waits until the server has let the client in.
    ///
    /// # Errors
    ///
    /// The settings are wrong, the first attempt has failed, or the server refuses: nothing is left of it.
    pub fn connect(self) -> Result<Client, Error> {
        let mut client = self.start()?;
        client.wait_until_connected()?;
        Ok(client)
    }

    /// Begins to connect, and goes on with that as [`reconnection`](Self::reconnection) says. What is emitted
    /// meanwhile waits.
    ///
    /// # Errors
    ///
    /// The settings are wrong.
    pub fn start(self) -> Result<Client, Error> {
        let Self { url, mut sessions, config, auth, source, tls } = self;
        let request = ClientRequest::new(&url)?;
        // The headers are checked by it.
        let with_headers = sessions.headers.iter().try_fold(request.clone(), |request, header| {
            let (name, value) = header;
            request.header(name, value)
        });
        drop(with_headers?);
        let (namespace, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        for (name, value) in Query::parse(query).others {
            sessions = sessions.query(name, value);
        }
        let tls = match (request.is_secure(), tls) {
            (false, _) => None,
            (true, Some(tls)) => Some(tls),
            (true, None) => Some(tls::system_config()?),
        };
        let headers = request.connect_headers(&sansio_ws::Config::default());
        let is_it = |(name, _): &(String, String)| name == "authorization";
        let authorization = headers.into_iter().find(is_it).map(|(_, value)| value);
        let server = Server { authority: request.authority(), tls, authorization };
        let machine = crate::client::Client::new(config, sessions, random);
        let client = Client::run(Shared::new(server, machine), source, namespace)?;
        client.socket().connect(auth)?;
        Ok(client)
    }
}

/// For jitter: the keys of a hasher are random, and others each time.
fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}
