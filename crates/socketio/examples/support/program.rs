//! What the two clients for programs have in common, for what is tried with both.

use sansio_socketio::client::Auth;
use sansio_socketio::{Args, blocking, tokio as async_client};
use serde::Serialize;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use async_client::{Answer, Builder, Error, Event, Socket};

/// A client, waited for by the thread that calls.
pub(crate) trait Program: Sized + Send {
    fn builder(url: &str) -> Builder<Self>;
    fn connect(builder: Builder<Self>) -> Result<Self, Error>;
    fn start(builder: Builder<Self>) -> Result<Self, Error>;
    fn socket(&self) -> Socket;
    fn namespace_with(&self, namespace: &str, auth: Auth) -> Result<Socket, Error>;
    /// The next event, if it comes within this time, which is a watchdog only.
    fn next_within(&mut self, time: Duration) -> Option<Event>;
    fn disconnect(&mut self) -> Result<(), Error>;
    fn wait(answer: Answer) -> Result<Args<'static>, Error>;

    fn emit<T: Serialize>(&self, name: &str, args: &T) -> Result<(), Error> {
        self.socket().emit(name, args)
    }

    fn ask<T: Serialize>(
        &self,
        name: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<Args<'static>, Error> {
        Self::wait(self.socket().ask(name, args, timeout))
    }
}

impl Program for blocking::Client {
    fn builder(url: &str) -> Builder<Self> {
        Self::builder(url)
    }

    fn connect(builder: Builder<Self>) -> Result<Self, Error> {
        builder.connect()
    }

    fn start(builder: Builder<Self>) -> Result<Self, Error> {
        builder.start()
    }

    fn socket(&self) -> Socket {
        self.socket()
    }

    fn namespace_with(&self, namespace: &str, auth: Auth) -> Result<Socket, Error> {
        self.namespace_with(namespace, auth)
    }

    fn next_within(&mut self, time: Duration) -> Option<Event> {
        self.next_within(time)
    }

    fn disconnect(&mut self) -> Result<(), Error> {
        self.disconnect()
    }

    fn wait(answer: Answer) -> Result<Args<'static>, Error> {
        answer.wait()
    }
}

/// Clients go on while nobody waits for them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

impl Program for async_client::Client {
    fn builder(url: &str) -> Builder<Self> {
        Self::builder(url)
    }

    fn connect(builder: Builder<Self>) -> Result<Self, Error> {
        RUNTIME.block_on(builder.connect())
    }

    fn start(builder: Builder<Self>) -> Result<Self, Error> {
        let _context = RUNTIME.enter();
        builder.start()
    }

    fn socket(&self) -> Socket {
        self.socket()
    }

    fn namespace_with(&self, namespace: &str, auth: Auth) -> Result<Socket, Error> {
        self.namespace_with(namespace, auth)
    }

    fn next_within(&mut self, time: Duration) -> Option<Event> {
        RUNTIME.block_on(async { timeout(time, self.next()).await }).ok().flatten()
    }

    fn disconnect(&mut self) -> Result<(), Error> {
        RUNTIME.block_on(self.disconnect())
    }

    fn wait(answer: Answer) -> Result<Args<'static>, Error> {
        RUNTIME.block_on(answer)
    }
}
