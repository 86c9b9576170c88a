//! The settings of a client for programs.

use super::address::Target;
use super::auth_request::{AuthRequest, AuthSource};
use super::error::Error;
use super::shared::Shared;
use super::socket::Socket;
use crate::client::{Auth, Client, Config, Reconnection, Transport, engine};
use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::marker::PhantomData;
use core::time::Duration;
use rustls::ClientConfig;
use sansio_ws::blocking::Connector;
use sansio_ws::handshake::{ClientRequest, Proxy};
use std::hash::RandomState;
use std::time;

/// The settings of a client, be it `blocking::Client` or `tokio::Client`.
///
#[cfg_attr(feature = "blocking", doc = "```no_run")]
#[cfg_attr(not(feature = "blocking"), doc = "```ignore")]
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
pub struct Builder<C> {
    url: String,
    sessions: engine::Config,
    config: Config,
    auth: Auth,
    source: Option<AuthSource>,
    connector: Connector,
    cookies: bool,
    client: PhantomData<fn() -> C>,
}

/// What a client begins with.
pub(crate) struct Settings {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: Socket,
    pub(crate) auth: Auth,
    pub(crate) source: Option<AuthSource>,
}

impl<C> Builder<C> {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            sessions: engine::Config::new().path("/socket.io/"),
            config: Config::new(),
            auth: Auth::none(),
            source: None,
            connector: Connector::new(),
            cookies: false,
            client: PhantomData,
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
    /// [`Auth::asked`], which that of the URL is: for tokens that do not last.
    ///
    /// ```
    /// use sansio_socketio::client::Auth;
    #[cfg_attr(feature = "blocking", doc = "# use sansio_socketio::blocking::Client;")]
    #[cfg_attr(not(feature = "blocking"), doc = "# use sansio_socketio::tokio::Client;")]
    /// # fn token_for(_: &str) -> Auth { Auth::none() }
    ///
    /// let builder = Client::builder("https://example.com").auth_with(|request| {
    ///     let auth = token_for(request.namespace());
    ///     request.answer(&auth);
    /// });
    /// ```
    ///
    /// `ask` should return soon, because meanwhile the client does nothing that is due: whoever needs longer hands the
    /// request to another thread or task, and answers there. If it panics the client ends.
    pub fn auth_with(mut self, ask: impl FnMut(AuthRequest) + Send + 'static) -> Self {
        self.auth = Auth::asked();
        self.source = Some(Box::new(ask));
        self
    }

    /// When to connect again (default: for ever), or `None`.
    pub fn reconnection(mut self, reconnection: impl Into<Option<Reconnection>>) -> Self {
        self.config = self.config.reconnection(reconnection);
        self
    }

    /// How often an event is sent again if the server does not answer it (default: 0, each event is sent once).
    ///
    /// With any other number each namespace has one event under way at a time, and sends it until it is answered: at least
    /// once, in order. All but volatile events are sent so, and the server has to answer all of them. What was not answered in the
    /// end is told by [`Event::Unacknowledged`](super::Event::Unacknowledged), so a program that takes no events can in the end emit
    /// no more, with [`EmitError::Full`](crate::client::EmitError::Full). What still waits is gone with the client, and [`waiting`](super::Socket::waiting)
    /// counts it. More in
    /// [`Config::retries`].
    pub fn retries(mut self, number: u32) -> Self {
        self.config = self.config.retries(number);
        self
    }

    /// With [`retries`](Self::retries), how long the answer to an event that is emitted may take, each time (default: 10 s).
    pub fn ack_timeout(mut self, time: Duration) -> Self {
        self.config = self.config.ack_timeout(time);
        self
    }

    /// How long each attempt to open a session may take (default: 20 s).
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.sessions = self.sessions.open_timeout(time);
        self
    }

    /// Whether the cookies that the server sets are kept and sent back (default: no), as a balancer wants that leads a client to the
    /// same server each time.
    ///
    /// They are for this client and its server only, in all requests of polling and handshakes of WebSockets, as long as the client is
    /// there: a new session has those of the last one. Beyond 50 of them, or 4,096 bytes of names and values, the
    /// oldest go. A [header](Self::header) `Cookie` stays in front of them.
    #[doc(alias("withCredentials", "sticky session"))]
    pub fn cookies(mut self, are_kept: bool) -> Self {
        self.cookies = are_kept;
        self
    }

    /// Another configuration of TLS, for both transports, in place of [`tls::system_config`](sansio_ws::tls::system_config): other authorities, a
    /// certificate of the client. See [`tls::client_config`](sansio_ws::tls::client_config). Protocols that it names for ALPN are not
    /// offered, since both transports speak HTTP/1.1.
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.connector = self.connector.tls(config);
        self
    }

    /// Goes through this proxy, by CONNECT, with both transports, be it to `http` or `https`. None comes from the environment.
    ///
    /// ```no_run
    #[cfg_attr(feature = "blocking", doc = "# use sansio_socketio::blocking::Client;")]
    #[cfg_attr(not(feature = "blocking"), doc = "# use sansio_socketio::tokio::Client;")]
    /// use sansio_ws::handshake::Proxy;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let proxy = Proxy::new("http://user:password@proxy.example:3128")?;
    /// let builder = Client::builder("https://example.com").proxy(proxy);
    /// # Ok(()) }
    /// ```
    #[doc(alias("HTTP_PROXY", "HTTPS_PROXY", "agent"))]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.connector = self.connector.proxy(proxy);
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

    /// Checks everything. Nothing is connected yet. `read` tells the time.
    pub(crate) fn settle(self, read: fn() -> time::Instant) -> Result<Settings, Error> {
        let Self { url, mut sessions, config, auth, source, connector, cookies, client: _ } = self;
        let cookies = cookies.then_some(&*sessions.path);
        let Target { address, namespace, query } =
            Target::new(&url, connector, sessions.open_timeout, cookies)?;
        // Headers are checked by a request that has them.
        let request = ClientRequest::new(&url)?;
        let mut headers = sessions.headers.iter();
        drop(headers.try_fold(request, |request, (name, value)| request.header(name, value))?);
        for (name, value) in query {
            sessions = sessions.query(name, value);
        }
        let shared = Arc::new(Shared::new(address, Client::new(config, sessions, random), read));
        let socket = Socket::of(&shared, &namespace)?;
        Ok(Settings { shared, socket, auth, source })
    }
}

/// For jitter: the keys of a hasher are random, and others each time.
fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl<C> fmt::Debug for Builder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}
