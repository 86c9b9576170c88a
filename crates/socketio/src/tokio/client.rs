//! The client that a program holds.

use super::{Answer, Builder, Error, Event, Socket, driver};
use crate::client::Auth;
use crate::program::{Settings, Shared, State};
use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use futures_core::Stream;
use serde::Serialize;
use std::io;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A client of Socket.IO, for programs with tokio. It connects again when it has lost its server.
///
/// ```no_run
/// use sansio_socketio::tokio::{Client, Event};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::connect("http://127.0.0.1:3000").await?;
/// client.emit("login", &("alice",))?;
/// let (sum,): (i64,) = client.ask("sum", &(1, 2), Duration::from_secs(5)).await?.parse()?;
/// while let Some(event) = client.next().await {
///     match event {
///         Event::Event { name, args, .. } if name == "login" => {
///             let (names,): (Vec<String>,) = args.parse()?;
///             println!("{names:?}");
///         }
///         Event::Disconnected { reason, .. } => println!("{reason}"),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
///
/// It has **one task**, on the runtime on which it was made, which runs no code of the application's but
/// [`Builder::auth_with`] and ends when the client is dropped.
///
/// **Take the events** with [`next`](Self::next), or as those of a [`Stream`]: when 4,096 of them, or 16 MiB, wait, nothing more is
/// read from the server, which sees no life any more after some time. A program that only emits takes them in a task
/// that does nothing else.
pub struct Client {
    shared: Arc<Shared>,
    socket: Socket,
    task: AbortHandle,
}

impl Client {
    /// Connects to a server, and waits for that: [`builder`](Self::builder) with the defaults of everything.
    ///
    /// # Errors
    ///
    /// As for [`Builder::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// A client with settings. The path of the URL is the namespace, as with npm's client: `http://host/admin`. Its
    /// query goes to the server with each request, and its user name and password as `Authorization`.
    pub fn builder(url: &str) -> Builder<Self> {
        Builder::new(url)
    }

    /// The socket of the namespace in the URL, for this and other tasks.
    #[must_use]
    pub fn socket(&self) -> Socket {
        self.socket.clone()
    }

    /// The socket of another namespace, which is connected over the same session. Returns at once; what is
    /// emitted meanwhile waits.
    ///
    /// # Errors
    ///
    /// [`Error::Namespace`]: a name begins with a slash, and has neither a comma nor U+001E.
    pub fn namespace(&self, namespace: &str) -> Result<Socket, Error> {
        self.namespace_with(namespace, None)
    }

    /// As [`namespace`](Self::namespace), with what it says of itself.
    ///
    /// # Errors
    ///
    /// [`Error::Namespace`].
    pub fn namespace_with(
        &self,
        namespace: &str,
        auth: impl Into<Option<Auth>>,
    ) -> Result<Socket, Error> {
        let socket = Socket::of(&self.shared, namespace)?;
        socket.connect(auth)?;
        Ok(socket)
    }

    /// Sends an event: see [`Socket::emit`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn emit<T: Serialize + ?Sized>(&self, name: &str, args: &T) -> Result<(), Error> {
        self.socket.emit(name, args)
    }

    /// Sends an event and asks for an answer: see [`Socket::ask`].
    pub fn ask<T: Serialize + ?Sized>(&self, name: &str, args: &T, timeout: Duration) -> Answer {
        self.socket.ask(name, args, timeout)
    }

    /// The next event. `None` when none will come by itself: the client has left all namespaces, was made to, or has
    /// given up. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let event = self.shared.poll_news(cx, |state| match state.next_event() {
            None if !state.is_over() => None,
            event => Some(event),
        });
        event.map(|event| Event::of(&self.shared, event?))
    }

    /// Leaves all namespaces and closes the session. Waits until what was sent before has left, for some
    /// [seconds](crate::client::engine::Config::close_timeout) at most. The events that have come are
    /// still there, and a socket may [connect](Socket::connect) again. If it is dropped the client closes all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Unsent`]: the client is closed all the same.
    pub async fn disconnect(&mut self) -> Result<(), Error> {
        let closing = Closing(&self.shared);
        self.shared.act(State::close);
        let outcome = poll_fn(|cx| self.shared.poll_news(cx, State::outcome_of_close)).await;
        drop(closing);
        outcome
    }
}

/// While a client closes, what comes is read although nobody takes it.
struct Closing<'s>(&'s Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.act(|state, _| state.is_closing = false);
    }
}

impl Builder<Client> {
    /// Connects, and waits until the server has let the client in. If it is dropped nothing is left of it.
    ///
    /// # Errors
    ///
    /// The settings are wrong, the first attempt has failed, its session has ended too early, or the server refuses: nothing is left
    /// of it.
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.start()?;
        let socket = client.socket.machine();
        poll_fn(|cx| client.shared.poll_news(cx, |state| state.outcome_of(socket))).await?;
        Ok(client)
    }

    /// Begins to connect, and goes on with that as [`reconnection`](Self::reconnection) says. What is emitted
    /// meanwhile waits.
    ///
    /// # Errors
    ///
    /// The settings are wrong, or this is no task of tokio.
    pub fn start(self) -> Result<Client, Error> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let Settings { shared, socket, auth, source } =
            self.settle(|| Instant::now().into_std())?;
        let task = runtime.spawn(driver::run(Arc::clone(&shared), source)).abort_handle();
        let client = Client { shared, socket, task };
        client.socket.connect(auth)?;
        Ok(client)
    }
}

/// The events, as [`next`](Client::next) has them.
impl Stream for Client {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.get_mut().poll_event(cx)
    }
}

/// Ends at once: what was not sent yet may be lost. [`Client::disconnect`] waits for it.
impl Drop for Client {
    fn drop(&mut self) {
        self.shared.stop();
        self.task.abort();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("socket", &self.socket).finish_non_exhaustive()
    }
}
