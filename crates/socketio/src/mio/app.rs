//! What an application is put together of.

use super::client_files::ClientFiles;
use super::handler::AppHandler;
use super::io::{Core, Io, Task};
use super::namespace::Namespace;
use crate::Config;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use mio::net::TcpListener;
use sansio_engineio::Refusal;
use sansio_engineio::mio::{EngineIo, Settings};
use sansio_ws::handshake::{Request, Response};
use sansio_ws::mio::server::{Handle, Listener, Server, Undelivered};
use slab::Slab;
use std::io;
use std::net::ToSocketAddrs;
use std::path::Path;

pub(super) type OnSession<S> = Box<dyn FnMut(&mut S, &Request<'_>) -> Result<(), Refusal> + Send>;
pub(super) type OnPage<S> = Box<dyn FnMut(&mut S, &Request<'_>) -> Response + Send>;
pub(super) type Matches = Box<dyn FnMut(&str) -> bool + Send>;

/// A job for the loop, from another thread: the command of its [`Handle`].
pub struct Job<S>(pub(super) Task<S>);

impl<S> fmt::Debug for Job<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job(..)")
    }
}

/// An application: state, namespaces, pages.
pub struct App<S> {
    pub(super) state: S,
    pub(super) settings: Settings,
    pub(super) core: Core<S>,
    pub(super) parts: Parts<S>,
}

/// What is called.
pub(super) struct Parts<S> {
    /// The settings of the sessions.
    pub(super) engine: Arc<sansio_engineio::Config>,
    pub(super) namespaces: BTreeMap<String, Namespace<S>>,
    /// In the order in which they were added.
    pub(super) patterns: Slab<(Matches, Namespace<S>)>,
    pub(super) session: Option<OnSession<S>>,
    pub(super) pages: BTreeMap<String, String>,
    pub(super) fallback: Option<OnPage<S>>,
    pub(super) client_files: ClientFiles,
}

impl<S> fmt::Debug for App<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("namespaces", &self.parts.namespaces.keys())
            .finish_non_exhaustive()
    }
}

impl<S: 'static> App<S> {
    /// An application without namespaces. The path is `/socket.io/`, unless that of the settings was set to
    /// something else than the default.
    #[must_use]
    pub fn new(state: S, engine: sansio_engineio::Config) -> Self {
        let engine = match &*engine.path {
            "/engine.io/" => engine.path("/socket.io/"),
            _ => engine,
        };
        let engine = Arc::new(engine);
        Self {
            state,
            parts: Parts {
                engine: Arc::clone(&engine),
                namespaces: BTreeMap::new(),
                patterns: Slab::new(),
                session: None,
                pages: BTreeMap::new(),
                fallback: None,
                client_files: ClientFiles::default(),
            },
            settings: Settings::new(engine),
            core: Core::new(Config::default()),
        }
    }

    /// The same with other settings of Socket.IO.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.core = Core::new(config);
        self
    }

    /// The same with other times for plain HTTP.
    #[must_use]
    pub fn settings(mut self, change: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// A namespace, to set its handlers. Clients can join it from now on.
    pub fn namespace(&mut self, name: impl Into<String>) -> &mut Namespace<S> {
        self.parts.namespaces.entry(name.into()).or_insert_with(Namespace::new)
    }

    /// All namespaces whose name has no handlers of its own, and which `matches` says yes to (S11). Each is one of
    /// its own: sockets, rooms.
    pub fn namespace_matching(
        &mut self,
        matches: impl FnMut(&str) -> bool + Send + 'static,
    ) -> &mut Namespace<S> {
        let entry = (Box::new(matches) as Matches, Namespace::new());
        &mut self.parts.patterns.vacant_entry().insert(entry).1
    }

    /// Who may begin a session, before any namespace: by cookies, addresses, headers.
    pub fn admit_session(
        &mut self,
        handler: impl FnMut(&mut S, &Request<'_>) -> Result<(), Refusal> + Send + 'static,
    ) -> &mut Self {
        self.parts.session = Some(Box::new(handler));
        self
    }

    /// A page of HTML.
    pub fn page(&mut self, path: impl Into<String>, html: impl Into<String>) -> &mut Self {
        self.parts.pages.insert(path.into(), html.into());
        self
    }

    /// Answers each GET or HEAD that nothing else answers (default: 404).
    pub fn fallback(
        &mut self,
        handler: impl FnMut(&mut S, &Request<'_>) -> Response + Send + 'static,
    ) -> &mut Self {
        self.parts.fallback = Some(Box::new(handler));
        self
    }

    /// Serves the client's scripts below the path of the server, from a folder: `client-dist` of npm's package
    /// `socket.io`, or `dist` of `socket.io-client`.
    ///
    /// # Errors
    ///
    /// The folder has none of them, or cannot be read.
    pub fn client_files(&mut self, folder: impl AsRef<Path>) -> io::Result<&mut Self> {
        self.parts.client_files = ClientFiles::read(folder.as_ref())?;
        Ok(self)
    }

    /// The service of a [`Server`], for listeners of any kind.
    pub fn into_service<L: Listener>(self) -> EngineIo<AppHandler<S>, L> {
        let Self { state, settings, core, parts } = self;
        EngineIo::new(AppHandler::new(state, core, parts), settings)
    }

    /// A server that listens at this address. [`run`](Server::run) it.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn listen(
        self,
        address: impl ToSocketAddrs,
    ) -> io::Result<Server<EngineIo<AppHandler<S>, TcpListener>>> {
        let mut server = Server::new(self.into_service())?;
        for address in address.to_socket_addrs()? {
            server.listen(TcpListener::bind(address)?)?;
        }
        Ok(server)
    }
}

/// A way into the loop from other threads. Clones are handles of the same server.
#[derive(Debug)]
pub struct AppHandle<S>(Handle<Job<S>>);

impl<S> Clone for AppHandle<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> AppHandle<S> {
    /// The handle of a server, from [`Server::handle`].
    #[must_use]
    pub const fn new(handle: Handle<Job<S>>) -> Self {
        Self(handle)
    }

    /// Has the loop do something. Never blocks.
    ///
    /// # Errors
    ///
    /// Recoverable: as many jobs wait as may wait, or the server has ended.
    pub fn run(
        &self,
        job: impl FnOnce(&mut S, &mut Io<'_, S>) + Send + 'static,
    ) -> Result<(), Undelivered<()>> {
        self.0.send(Job(Box::new(job))).map_err(|error| match error {
            Undelivered::Full(_) => Undelivered::Full(()),
            _ => Undelivered::Ended(()),
        })
    }

    /// Has all sockets leave, and the server end: see [`Io::shut_down`].
    pub fn shut_down(&self) {
        if self.run(|_, io| io.shut_down()).is_err() {
            self.0.shut_down();
        }
    }
}
