//! The event loop of the mio adapter, over loopback: the server runs on a thread of its own, and what is
//! checked is what comes in which order, never how long it takes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

mod held_requests;
mod loops;
mod websockets;

use mio::net::TcpListener;
use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, OriginPolicy};
use sansio_ws::mio::server::websockets::{Handler, HostPolicy, Settings, WebSockets};
use sansio_ws::mio::server::{Handle, Server, Service};
use sansio_ws::{Config, Event};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A test that waits for what does not come fails after this time. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Deadlines that are there, and further away than [`PATIENCE`].
fn far() -> Timeouts {
    let far = Some(Duration::from_secs(3600));
    Timeouts::default().opening(far).keep_alive(far).pong(far).close(far)
}

fn settings() -> Settings {
    Settings::new(OriginPolicy::SameHost, HostPolicy::AnyHost).timeouts(far())
}

/// A server on a thread.
struct Running<S: Service> {
    address: SocketAddr,
    handle: Handle<S::Command>,
    thread: JoinHandle<(S, usize)>,
}

fn start<S>(service: S) -> Running<S>
where
    S: Service<Listener = TcpListener> + Send + 'static,
    Server<S>: Send,
{
    start_with(service, |server| server)
}

fn start_with<S>(service: S, set: impl FnOnce(Server<S>) -> Server<S>) -> Running<S>
where
    S: Service<Listener = TcpListener> + Send + 'static,
    Server<S>: Send,
{
    let mut server = set(Server::new(service).unwrap().shutdown_time(None));
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(listener).unwrap();
    let handle = server.handle();
    Running { address, handle, thread: thread::spawn(|| server.run().unwrap()) }
}

impl<S: Service> Running<S> {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn client(&self) -> WebSocket<TcpStream> {
        let request = ClientRequest::new(&format!("ws://{}/", self.address)).unwrap();
        let timeouts = far().opening(Some(PATIENCE)).idle(Some(PATIENCE));
        WebSocket::open(&request, Config::default(), timeouts).unwrap()
    }

    /// Shuts it down, and returns the service, and how many connections were left.
    fn end(self) -> (S, usize) {
        self.handle.shut_down();
        self.thread.join().unwrap()
    }
}

fn websockets<H>(handler: H) -> Running<WebSockets<H>>
where
    H: Handler + Send + 'static,
    Server<WebSockets<H>>: Send,
{
    start(WebSockets::new(handler, settings()))
}

/// The next message, which is a text.
#[track_caller]
fn text(client: &mut WebSocket<TcpStream>) -> String {
    match client.read() {
        Ok(Some(Event::Text(text))) => text.into(),
        other => panic!("{other:?}"),
    }
}
