//! The blocking adapter: over a scripted stream, where every call can go wrong, and over TCP. Its
//! deadlines are tested in virtual time, within the crate; here they are far away.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod closing;
mod opening;
mod over_script;
#[path = "../scripted/mod.rs"]
mod scripted;
#[path = "../support/mod.rs"]
mod support;
mod threads;

use sansio_ws::blocking::{Error, Parts, Plain, Reader, Unopened, WebSocket, Writer};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    Acceptance, ClientRequest, HandshakeError, OriginPolicy, Request, Response, Status,
};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Ended, Event, Limits, MessageKind,
    ProtocolError, RecvBuffer, Role, SendError,
};
use scripted::{Call, Conversation, End, FAR, Fault, Outcome, PATIENCE, REQUEST, RESPONSE, Script};
use scripted::{accept, accept_with, assert_same_output, bounded, conversation, echo, unmasked};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use support::frame::{self, Frame, wire};
use support::{Seen, masks};

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
fn open_with(config: Config) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let (server, client) = tcp();
    let config = Arc::new(config);
    let shared = Arc::clone(&config);
    let server = thread::spawn(move || {
        WebSocket::accept(server, OriginPolicy::SameHost, shared, FAR).unwrap()
    });
    let client = WebSocket::connect(client, &request(), config, FAR).unwrap();
    (server.join().unwrap(), client)
}

fn open() -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    open_with(Config::default())
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

/// Reads everything, and what came of it.
fn read_all(reader: Reader<TcpStream>) -> (Vec<Seen>, Option<Ended>) {
    tell_all(reader, |_| ())
}

/// The same, and tells of each event when it comes.
fn tell_all(
    mut reader: Reader<TcpStream>,
    mut tell: impl FnMut(&Seen),
) -> (Vec<Seen>, Option<Ended>) {
    let mut events = vec![];
    while let Some(event) = reader.read().unwrap() {
        if let Some(event) = Seen::of(event) {
            tell(&event);
            events.push(event);
        }
    }
    (events, reader.ended())
}
