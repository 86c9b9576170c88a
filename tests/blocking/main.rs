//! The blocking adapter: over a scripted stream, where every call can go wrong, and over TCP.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod closing;
mod deadlines;
mod opening;
mod over_script;
#[path = "../scripted/mod.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;
mod threads;

use sansio_ws::blocking::{Error, Parts, Plain, Reader, WebSocket, Writer};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    Acceptance, ClientRequest, HandshakeError, OriginPolicy, Request, Response,
};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Ended, Event, Limits, MessageKind,
    ProtocolError, RecvBuffer, Role, SendError,
};
use scripted::{Call, Conversation, End, Fault, Outcome, REQUEST, RESPONSE, Script};
use scripted::{accept, accept_with, assert_same_output, bounded, conversation, echo, unmasked};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::frame::{self, Frame, wire};
use support::{Seen, masks};

const fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://x/chat").unwrap()
}

fn tcp() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    (server, client)
}

/// An open connection over TCP: a server's end, and a client's.
fn open_with(config: Config, timeouts: Timeouts) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    open_each(config, timeouts, timeouts)
}

/// A server and a client with timeouts of their own.
fn open_each(
    config: Config,
    of_server: Timeouts,
    of_client: Timeouts,
) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (server, client) = tcp();
    let config = Arc::new(config);
    let shared = Arc::clone(&config);
    let server = thread::spawn(move || {
        WebSocket::accept(server, OriginPolicy::SameHost, shared, of_server).unwrap()
    });
    let client = WebSocket::connect(client, &request(), config, of_client).unwrap();
    (server.join().unwrap(), client)
}

fn open() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    open_with(Config::DEFAULT, Timeouts::DEFAULT)
}

fn go_on(mut socket: WebSocket<Script>) -> Outcome {
    let mut events = vec![];
    let mut retries = 0;
    let end = loop {
        match socket.next() {
            Ok(Some((connection, event))) => echo(connection, event, &mut events),
            Ok(None) => {
                assert!(matches!(socket.next(), Ok(None)), "an end is for ever");
                assert_eq!(socket.connection().send_text("too late"), Err(SendError::Closed));
                break Ok(socket.ended().expect("it has ended"));
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                retries += 1;
                assert!(retries < 10_000, "blocked for ever");
            }
            Err(Error::Io(error)) => break Err(Some(error.kind())),
            Err(error) => panic!("{error}"),
        }
    };
    Outcome { opened: true, events, end, answers: 0 }
}

/// Runs something that has to take about so long.
fn takes<T>(least: u64, action: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = action();
    let taken = start.elapsed();
    assert!(taken >= Duration::from_millis(least), "after {taken:?}, too early");
    // Machines that run tests are busy.
    assert!(taken < Duration::from_millis(least + 3000), "after {taken:?}, too late");
    result
}

/// Reads everything, and what came of it.
fn read_all(mut reader: Reader<TcpStream>) -> (Vec<Seen>, Option<Ended>) {
    let mut events = vec![];
    while let Some(event) = reader.read().unwrap() {
        events.extend(Seen::of(event));
    }
    (events, reader.ended())
}
