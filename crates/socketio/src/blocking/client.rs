//! The client that a program holds.

use super::{Answer, AuthRequest, Builder, Error, Event, Socket, requests, websocket};
use crate::client::engine::Method;
use crate::program::{AuthSource, Settings, Shared, State};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use serde::Serialize;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

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
/// let (sum,): (i64,) = client.ask("sum", &(1, 2), Duration::from_secs(5)).wait()?.parse()?;
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
/// It has **four threads**, for time, for requests that are held, for requests with a body, for the WebSocket, and another one while
/// there is a WebSocket. None of them runs code of the application's but [`Builder::auth_with`]. All of them end when the
/// client is dropped, within a second, unless one is just connecting: that one ends with its attempt, after
/// [20 s](Builder::connect_timeout) at most.
///
/// **Take the events** with [`next`](Iterator::next), in whatever thread: when 4,096 of them, or 16 MiB, wait, nothing more is
/// read from the server, which sees no life any more after some time. A program that only emits takes them in a thread
/// that does nothing else.
pub struct Client {
    shared: Arc<Shared>,
    socket: Socket,
    threads: Vec<JoinHandle<()>>,
    alive: Arc<Threads>,
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
    pub fn builder(url: &str) -> Builder<Self> {
        Builder::new(url)
    }

    fn run(shared: Arc<Shared>, socket: Socket, source: Option<AuthSource>) -> Result<Self, Error> {
        // Whose drop ends the threads that were made, if there are not all of them.
        let mut client = Self { shared, socket, threads: Vec::new(), alive: Arc::default() };
        client.spawn("socketio-timer", |shared| run_timer(shared, source))?;
        client.spawn("socketio-get", |shared| requests::run(shared, Method::Get))?;
        client.spawn("socketio-post", |shared| requests::run(shared, Method::Post))?;
        client.spawn("socketio-link", |shared| websocket::run(shared))?;
        Ok(client)
    }

    fn spawn(
        &mut self,
        name: &str,
        run: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> io::Result<()> {
        let (shared, alive) = (Arc::clone(&self.shared), Alive::new(&self.alive));
        let thread = thread::Builder::new().name(String::from(name)).spawn(move || {
            // Also if the program panics when it is asked.
            let ending = Ending(shared);
            run(&ending.0);
            drop(ending);
            // Last.
            drop(alive);
        })?;
        self.threads.push(thread);
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
        auth: impl Into<Option<crate::client::Auth>>,
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

    /// The next event, if it comes within this time. `None` as well when none will come by itself.
    pub fn next_within(&mut self, time: Duration) -> Option<Event> {
        self.wait(Some(time))
    }

    fn wait(&self, time: Option<Duration>) -> Option<Event> {
        let event = self.shared.wait_for_news(time, |state| match state.next_event() {
            None if !state.is_over() => None,
            event => Some(event),
        });
        Event::of(&self.shared, event??)
    }

    /// Leaves all namespaces and closes the session. Waits until what was sent before has left, for some
    /// [seconds](crate::client::engine::Config::close_timeout) at most. The events that have come are
    /// still there, and a socket may [connect](Socket::connect) again.
    ///
    /// # Errors
    ///
    /// [`Error::Unsent`]: the client is closed all the same.
    pub fn disconnect(&mut self) -> Result<(), Error> {
        self.shared.act(State::close);
        let outcome = self.shared.wait_for_news(None, State::outcome_of_close);
        self.shared.act(|state, _| state.is_closing = false);
        outcome.unwrap_or(Ok(()))
    }
}

impl Builder<Client> {
    /// Connects, and waits until the server has let the client in.
    ///
    /// # Errors
    ///
    /// The settings are wrong, the first attempt has failed, its session has ended too early, or the server refuses: nothing is left
    /// of it.
    pub fn connect(self) -> Result<Client, Error> {
        let client = self.start()?;
        let socket = client.socket.machine();
        let outcome = client.shared.wait_for_news(None, |state| state.outcome_of(socket));
        outcome.unwrap_or(Ok(()))?;
        Ok(client)
    }

    /// Begins to connect, and goes on with that as [`reconnection`](Self::reconnection) says. What is emitted
    /// meanwhile waits.
    ///
    /// # Errors
    ///
    /// The settings are wrong, or the system gives no threads.
    pub fn start(self) -> Result<Client, Error> {
        let Settings { shared, socket, auth, source } = self.settle(Instant::now)?;
        let client = Client::run(shared, socket, source)?;
        client.socket.connect(auth)?;
        Ok(client)
    }
}

/// Does what is due when it is due, and has the program asked for authentications.
fn run_timer(shared: &Arc<Shared>, mut source: Option<AuthSource>) {
    loop {
        let request = shared.wait_timed(|state, now| {
            if let Some(request) = AuthRequest::next(shared, state) {
                return Some(Some(request));
            }
            let is_due = state.due().is_some_and(|due| due <= now);
            is_due.then(|| {
                state.handle_timeout(now);
                None
            })
        });
        match request {
            Some(Some(request)) => {
                if let Some(ask) = &mut source {
                    ask(request);
                }
            }
            Some(None) => {}
            None => return,
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

/// Tells the program, and the other threads, that one of them has ended: the client is of no use without it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// The threads that have not ended.
#[derive(Default)]
struct Threads {
    number: Mutex<usize>,
    one_has_ended: Condvar,
}

/// One of them.
struct Alive(Arc<Threads>);

impl Alive {
    fn new(threads: &Arc<Threads>) -> Self {
        let mut number = threads.number();
        *number = number.saturating_add(1);
        drop(number);
        Self(Arc::clone(threads))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut number = self.0.number();
        *number = number.saturating_sub(1);
        drop(number);
        self.0.one_has_ended.notify_all();
    }
}

impl Threads {
    fn number(&self) -> MutexGuard<'_, usize> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all have ended, or this time.
    fn wait(&self, time: Duration) {
        let is_any = |number: &mut usize| *number > 0;
        drop(self.one_has_ended.wait_timeout_while(self.number(), time, is_any));
    }
}

/// Ends at once: what was not sent yet may be lost. [`Client::disconnect`] waits for it.
impl Drop for Client {
    fn drop(&mut self) {
        self.shared.stop();
        self.alive.wait(PATIENCE);
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
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    /// One request, and its response with this body.
    fn respond(stream: &mut TcpStream, wanted: &str, body: &str) {
        let mut request = Vec::new();
        while !request.ends_with(wanted.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }

    /// A WebSocket may have come in their place, and nobody would see that the server has closed them.
    #[test]
    fn connections_without_requests_are_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(&url).transports([Transport::Polling]).start().unwrap();
        let open = r#"0{"sid":"s","upgrades":[],"pingInterval":600000,"pingTimeout":600000,"maxPayload":1000}"#;
        let (mut gets, _) = listener.accept().unwrap();
        respond(&mut gets, "\r\n\r\n", open);
        let (mut posts, _) = listener.accept().unwrap();
        respond(&mut posts, "\r\n\r\n40", "ok");
        // A GET is held meanwhile.
        posts.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
        assert_eq!(posts.read(&mut [0]).unwrap(), 0);
        respond(&mut gets, "\r\n\r\n", "6");
        respond(&mut gets, "\r\n\r\n", "6");
        drop(client);
    }

    /// The server says nothing; all threads have something to wait for.
    #[test]
    fn all_threads_end_with_the_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(&url).transports([Transport::Polling]).start().unwrap();
        // The request is there.
        let (_stream, _) = listener.accept().unwrap();
        let shared = Arc::downgrade(&client.shared);
        assert_eq!(client.threads.len(), 4);
        drop(client);
        // On a machine that stands still for a second they may need longer than the drop has waited.
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
