//! Short reads that have not drained the socket: behind urgent data on TCP, and behind descriptors on
//! Unix sockets. mio reports nothing more then, so the adapter may not take them for the end of what
//! has arrived.
//!
//! `cargo test --manifest-path tests/transports/Cargo.toml --test short_reads`

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use mio::{Events, Poll, Token};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg};
use sansio_ws::deadlines::{Instant, Timeouts};
use sansio_ws::mio::{Memory, Stream, WebSocket};
use sansio_ws::{Config, Connection, Event, Limits};
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Texts of a client, masked with zeros.
const ONE: &[u8] = b"\x81\x81\0\0\0\x001";
const TWO: &[u8] = b"\x81\x81\0\0\0\x002";

/// A server's side with its loop.
struct Server<S> {
    socket: WebSocket<S>,
    memory: Memory,
    poll: Poll,
}

impl<S: Stream> Server<S> {
    fn new(stream: S) -> Self {
        let now = Instant::default();
        let mut socket = WebSocket::server(stream, &Limits::default(), Timeouts::NONE, now);
        let poll = Poll::new().unwrap();
        socket.register(poll.registry(), Token(0)).unwrap();
        Self { socket, memory: Memory::new(), poll }
    }

    /// Serves until this has arrived.
    fn expect(&mut self, texts: &str) {
        let mut arrived = String::new();
        while arrived != texts {
            arrived.push_str(&self.serve());
            assert!(texts.starts_with(&arrived), "{arrived}");
        }
    }

    /// Waits for one report, has the turns that the socket wants, and returns the texts.
    fn serve(&mut self) -> String {
        let mut events = Events::with_capacity(8);
        while !events.iter().any(mio::event::Event::is_readable) {
            self.poll.poll(&mut events, Some(Duration::from_secs(600))).unwrap();
            assert!(!events.is_empty(), "nothing is reported: a message waits for the next packet");
            events.iter().for_each(|event| self.socket.ready(event));
        }
        let mut texts = String::new();
        while self.socket.wants_turn() {
            let mut turn = self.socket.turn(&mut self.memory, Instant::default());
            let open = turn.accept(|request| {
                let upgrade = request.upgrade(sansio_ws::handshake::OriginPolicy::SameHost)?;
                Ok::<Connection, _>(upgrade.accept(&Default::default(), Config::default())?)
            });
            if open.unwrap() {
                while let Some((_, event)) = turn.next().unwrap() {
                    if let Event::Text(text) = event {
                        texts.push_str(text);
                    }
                }
            }
            drop(turn);
            self.socket.settle(&mut self.memory, Instant::default()).unwrap();
        }
        texts
    }
}

/// Sends the request, and reads until the answer is complete.
fn open<S: Stream>(server: &mut Server<S>, peer: &mut (impl Read + Write)) {
    peer.write_all(REQUEST).unwrap();
    assert_eq!(server.serve(), "");
    let mut answer = vec![];
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
}

#[test]
fn a_message_behind_urgent_data_does_not_wait_for_the_next_packet() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut server = Server::new(mio::net::TcpStream::from_std(stream));
    open(&mut server, &mut peer);
    for _ in 0..3 {
        peer.write_all(ONE).unwrap();
        send(peer.as_fd(), b"!", SendFlags::OOB).unwrap();
        peer.write_all(TWO).unwrap();
        server.expect("12");
    }
}

#[test]
fn a_message_behind_a_descriptor_does_not_wait_for_the_next_packet() {
    let (stream, mut peer) = UnixStream::pair().unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut server = Server::new(mio::net::UnixStream::from_std(stream));
    open(&mut server, &mut peer);
    for _ in 0..3 {
        let sent = [peer.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&sent)));
        sendmsg(&peer, &[IoSlice::new(ONE)], &mut ancillary, SendFlags::empty()).unwrap();
        (&peer).write_all(TWO).unwrap();
        server.expect("12");
    }
}
