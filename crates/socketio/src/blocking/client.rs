//! The client that a program holds.

use super::builder::Builder;
use super::error::Error;
use super::event::Event;
use super::shared::{AuthSource, Shared};
use super::socket::Socket;
use crate::Args;
use crate::client::engine::Method;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use serde::Serialize;
use std::io;
use std::thread::{self, JoinHandle};

/// How long dropping a client waits for its threads. One that is connecting cannot be woken: it ends when
/// its attempt does.
const PATIENCE: Duration = Duration::from_secs(1);

/// A client of Socket.IO, for programs with threads. It connects again when it has lost its server.
///
/// ```no_run
/// use sansio_socketio::blocking::{Client, Event};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::connect("http://127.0.0.1:3000")?;
/// client.emit("login", &("alice",))?;
/// let (sum,): (i64,) = client.ask("sum", &(1, 2), Duration::from_secs(5))?.parse()?;
/// for event in &mut client {
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
/// It has **five threads**: for time, for requests that are held, for requests with a body, and two for the WebSocket.
/// None of them runs code of the application's but [`Builder::auth_with`]. All of them end when the client is dropped,
/// within a second, unless one is just connecting: that one ends with its attempt, after
/// [20 s](Builder::connect_timeout) at most.
///
/// **Take the events** with [`next`](Iterator::next), in whatever thread: when 4,096 of them, or 16 MiB, wait, nothing more is
/// read from the server, which sees no life any more after some time. A program that only emits takes them in a thread
/// that does nothing else.
pub struct Client {
    shared: Arc<Shared>,
    socket: Socket,
    threads: Vec<JoinHandle<()>>,
}

impl Client {
    /// Connects to a server, and waits for that: [`builder`](Self::builder) with the defaults of everything.
    ///
    /// # Errors
    ///
    /// As for [`Builder::connect`].
    pub fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect()
    }

    /// A client with settings. The path of the URL is the namespace, as with npm's client: `http://host/admin`. Its
    /// query goes to the server with each request, and its user name and password as `Authorization`.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(super) fn run(
        shared: Shared,
        source: Option<AuthSource>,
        namespace: &str,
    ) -> Result<Self, Error> {
        let socket = shared.state().machine.socket(namespace)?;
        let shared = Arc::new(shared);
        let socket = Socket::new(&shared, socket);
        // Whose drop ends the threads that were made, if there are not all of them.
        let mut client = Self { shared, socket, threads: Vec::new() };
        client.spawn("socketio-timer", |shared| shared.run_timer(source))?;
        client.spawn("socketio-get", |shared| shared.run_requests(Method::Get))?;
        client.spawn("socketio-post", |shared| shared.run_requests(Method::Post))?;
        client.spawn("socketio-link", Shared::run_links)?;
        client.spawn("socketio-writer", Shared::run_writer)?;
        Ok(client)
    }

    fn spawn(&mut self, name: &str, run: impl FnOnce(&Shared) + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.shared.state().threads += 1;
        let thread = thread::Builder::new().name(String::from(name)).spawn(move || {
            // Also if it panics, which it does not.
            let ending = Ending(&shared);
            run(&shared);
            drop(ending);
        });
        match thread {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.shared.state().threads -= 1;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The socket of the namespace in the URL, for this and other threads.
    #[must_use]
    pub fn socket(&self) -> Socket {
        self.socket.clone()
    }

    /// The socket of another namespace, which is connected over the same session. Returns at once; what is
    /// emitted meanwhile waits.
    ///
    /// # Errors
    ///
    /// [`Error::Namespace`]: a name begins with a slash and has no comma.
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
        auth: impl Into<Option<crate::client::Auth>>,
    ) -> Result<Socket, Error> {
        let socket = self.shared.state().machine.socket(namespace)?;
        let socket = Socket::new(&self.shared, socket);
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

    /// Sends an event and waits for the answer: see [`Socket::ask`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn ask<T: Serialize + ?Sized>(
        &self,
        name: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<Args<'static>, Error> {
        self.socket.ask(name, args, timeout)
    }

    /// The next event, if it comes within this time. `None` as well when none will come by itself.
    pub fn next_within(&mut self, time: Duration) -> Option<Event> {
        self.wait(Some(time))
    }

    fn wait(&self, time: Option<Duration>) -> Option<Event> {
        loop {
            let event = self.shared.next_event(time)?;
            if let Some(event) = Event::of(&self.shared, event) {
                return Some(event);
            }
        }
    }

    /// Leaves all namespaces and closes the session. Waits until what was sent before has left, for some
    /// [seconds](crate::client::engine::Config::close_timeout) at most. The events that have come are
    /// still there, and a socket may [connect](Socket::connect) again.
    pub fn disconnect(&mut self) {
        let mut state = self.shared.state();
        let now = self.shared.clock.now();
        state.machine.close(now);
        state.is_closing = true;
        self.shared.carry_out(&mut state, now);
        while !(state.machine.is_idle() && state.is_at_rest()) {
            state = self.shared.wait_for_news(state, None);
        }
        state.is_closing = false;
    }

    pub(super) fn wait_until_connected(&mut self) -> Result<(), Error> {
        let mut state = self.shared.state();
        loop {
            if state.machine.is_connected(self.socket.machine()) {
                return Ok(());
            }
            if let Some(error) = state.error_of(self.socket.machine()) {
                return Err(Error::Connect(error));
            }
            state = self.shared.wait_for_news(state, None);
        }
    }
}

/// Waits for the next event. The end comes when none will come by itself: the client has left all namespaces, was made to, or
/// has given up.
impl Iterator for Client {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.wait(None)
    }
}

/// Says when a thread has ended.
struct Ending<'s>(&'s Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.thread_ended();
    }
}

/// Ends at once: what was not sent yet may be lost. [`Client::disconnect`] waits for it.
impl Drop for Client {
    fn drop(&mut self) {
        self.shared.stop();
        self.shared.wait_for_threads(PATIENCE);
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("socket", &self.socket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Transport;
    use alloc::format;
    use std::net::TcpListener;

    /// The server says nothing; all threads have something to wait for.
    #[test]
    fn all_threads_end_with_the_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(&url).transports([Transport::Polling]).start().unwrap();
        // The request is there.
        let (_stream, _) = listener.accept().unwrap();
        let shared = Arc::downgrade(&client.shared);
        assert_eq!(client.threads.len(), 5);
        drop(client);
        // On a machine that stands still for a second they may need longer than the drop has waited.
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
