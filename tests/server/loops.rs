//! The loop itself: bounds, handles, listeners.

use super::*;
use sansio_ws::mio::Reply;
use sansio_ws::mio::server::websockets::{Client, Outbox};
use sansio_ws::mio::server::{Listener, Undelivered};
use std::io::{self, Read, Write};
use std::sync::mpsc;

/// Sends back what it gets, and what handles send to a thread that waits.
struct Echo {
    commands: mpsc::Sender<u32>,
    /// Commands wait as long as this is locked.
    gate: std::sync::Arc<std::sync::Mutex<()>>,
}

impl<S: sansio_ws::mio::Stream> Handler<S> for Echo {
    type Command = u32;
    type Timer = ();

    fn text(&mut self, _: Client, reply: &mut Reply<'_, S>, text: &str, _: &mut Outbox<'_, ()>) {
        reply.send_text(text).unwrap();
    }

    fn command(&mut self, command: u32, _: &mut Outbox<'_, ()>) {
        drop(self.gate.lock().unwrap());
        self.commands.send(command).unwrap();
    }
}

fn echo() -> (Echo, mpsc::Receiver<u32>) {
    let (commands, received) = mpsc::channel();
    (Echo { commands, gate: std::sync::Arc::default() }, received)
}

#[test]
fn commands_are_bounded_and_come_in_their_order() {
    let (echo, received) = echo();
    let gate = std::sync::Arc::clone(&echo.gate);
    let server = websockets(echo);
    let closed = gate.lock().unwrap();
    let mut sent = 0;
    let full = loop {
        match server.handle.clone().send(sent) {
            Ok(()) => sent += 1,
            Err(full) => break full,
        }
        assert!(sent < 1_000_000, "there is no bound");
    };
    assert_eq!(full, Undelivered::Full(sent));
    drop(closed);
    for i in 0..sent {
        assert_eq!(received.recv_timeout(PATIENCE), Ok(i));
    }
    // Sent by several threads while the loop takes them: none is forgotten.
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let handle = server.handle.clone();
            thread::spawn(move || {
                for _ in 0..1000 {
                    while handle.send(7).is_err() {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    for _ in 0..4000 {
        assert_eq!(received.recv_timeout(PATIENCE), Ok(7));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    server.end();
}

#[test]
fn commands_that_never_end_do_not_put_off_the_end() {
    let (echo, received) = echo();
    let server = websockets(echo);
    let handle = server.handle.clone();
    let flood = thread::spawn(move || {
        // Until the server has ended.
        while let Ok(()) | Err(Undelivered::Full(_)) = handle.send(7) {}
    });
    assert_eq!(received.recv_timeout(PATIENCE), Ok(7));
    let (_, left) = server.end();
    assert_eq!(left, 0);
    flood.join().unwrap();
}

#[test]
fn who_is_too_many_waits_until_somebody_has_gone() {
    let (echo, _received) = echo();
    let server = start_with(WebSockets::new(echo, settings()), |server| server.max_peers(1));
    let mut first = server.client();
    let address = server.address;
    let second = thread::spawn(move || {
        let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
        let timeouts = far().opening(Some(PATIENCE)).idle(Some(PATIENCE));
        let mut second = WebSocket::open(&request, Config::default(), timeouts).unwrap();
        second.send_text("let in").unwrap();
        text(&mut second)
    });
    for _ in 0..100 {
        first.send_text("still here").unwrap();
        assert_eq!(text(&mut first), "still here");
    }
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.join().unwrap(), "let in");
    server.end();
}

#[test]
fn unix_sockets_are_served_as_well() {
    let folder = std::env::temp_dir().join(format!("sansio-ws-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let (echo, _received) = echo();
    let service = WebSockets::<_, mio::net::UnixListener>::new(echo, settings());
    let mut server = Server::new(service).unwrap();
    server.listen(mio::net::UnixListener::bind(&path).unwrap()).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().unwrap());
    let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let request = ClientRequest::new("ws://localhost/").unwrap();
    let mut client = WebSocket::connect(stream, &request, Config::default(), far()).unwrap();
    client.send_text("hello").unwrap();
    assert_eq!(client.read().unwrap(), Some(Event::Text("hello")));
    handle.shut_down();
    assert!(matches!(client.read().unwrap(), Some(Event::Close(_))));
    assert_eq!(client.read().unwrap(), None);
    assert_eq!(thread.join().unwrap().1, 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Accepts from two listeners at once.
#[test]
fn a_server_has_several_listeners() {
    let (echo, _received) = echo();
    let mut server = Server::new(WebSockets::new(echo, settings())).unwrap();
    for _ in 0..2 {
        server.listen(TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
    }
    let addresses: Vec<_> = server.listeners().map(|l| l.local_addr().unwrap()).collect();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().unwrap());
    for address in addresses {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
    }
    handle.shut_down();
    assert_eq!(thread.join().unwrap().1, 0);
}

/// A listener that fails now and then, as one does without descriptors.
struct Flaky {
    listener: TcpListener,
    failures: std::cell::Cell<usize>,
}

impl mio::event::Source for Flaky {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.listener.register(registry, token, interests)
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interests: mio::Interest,
    ) -> io::Result<()> {
        self.listener.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        self.listener.deregister(registry)
    }
}

impl Listener for Flaky {
    type Stream = mio::net::TcpStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(Self::Stream, SocketAddr)> {
        let left = self.failures.get();
        if left > 0 {
            self.failures.set(left - 1);
            let kinds = [io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted];
            return Err(kinds
                .get(left % 3)
                .copied()
                .map_or_else(|| io::Error::from_raw_os_error(24), Into::into));
        }
        Listener::accept(&self.listener)
    }
}

#[test]
fn a_listener_that_fails_is_asked_again() {
    let (echo, _received) = echo();
    let mut server = Server::new(WebSockets::<_, Flaky>::new(echo, settings())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(Flaky { listener, failures: std::cell::Cell::new(5) }).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().map(|(_, left)| left).unwrap());
    let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
    let mut client = WebSocket::open(&request, Config::default(), far()).unwrap();
    client.send_text("hello").unwrap();
    assert_eq!(text(&mut client), "hello");
    drop(client);
    handle.shut_down();
    assert_eq!(thread.join().unwrap(), 0);
}

#[test]
fn a_shut_down_waits_no_longer_than_it_may() {
    let (echo, _received) = echo();
    let server = start_with(WebSockets::new(echo, settings()), |server| {
        server.shutdown_time(Some(Duration::ZERO))
    });
    let mut client = server.client();
    client.send_text("hello").unwrap();
    assert_eq!(text(&mut client), "hello");
    let (_, left) = server.end();
    assert_eq!(left, 1);
}
