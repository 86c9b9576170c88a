//! Corners of the mio adapter, on real sockets and under virtual time.

use core::time::Duration;
use mio::event::Source;
use mio::{Events, Interest, Poll, Registry, Token};
use sansio_ws::deadlines::{Due, Instant, Timeouts};
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request, Response};
use sansio_ws::mio::{Memory, Stream, WebSocket};
use sansio_ws::{Config, Connection, Event, Limits};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// "a" and a pong, masked with zeros.
const TEXT: &[u8] = b"\x81\x81\0\0\0\0a";
const PONG: &[u8] = b"\x8A\x80\0\0\0\0";

fn second(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn accept(request: &Request<'_>) -> Result<Connection, Response> {
    let upgrade = request.upgrade(OriginPolicy::SameHost)?;
    Ok(upgrade.accept(&Acceptance::default(), Config::default())?)
}

/// Hands out a few bytes at a time, as TLS does its records.
struct Records(mio::net::TcpStream);

impl Read for Records {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = buffer.len().min(10);
        self.0.read(&mut buffer[..n])
    }
}

impl Write for Records {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Source for Records {
    fn register(&mut self, r: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.register(r, token, interest)
    }

    fn reregister(&mut self, r: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.reregister(r, token, interest)
    }

    fn deregister(&mut self, r: &Registry) -> io::Result<()> {
        self.0.deregister(r)
    }
}

impl Stream for Records {
    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown_write()
    }
}

/// A server's side with its loop, and the peer's socket.
struct Setting<S> {
    poll: Poll,
    socket: WebSocket<S>,
    memory: Memory,
    peer: TcpStream,
}

impl<S: Stream> Setting<S> {
    fn new(wrap: impl FnOnce(mio::net::TcpStream) -> S) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = wrap(mio::net::TcpStream::from_std(stream));
        let mut socket =
            WebSocket::server(stream, &Limits::default(), Timeouts::default(), second(0));
        let poll = Poll::new().unwrap();
        socket.register(poll.registry(), Token(0)).unwrap();
        Self { poll, socket, memory: Memory::with_read_bytes(1000), peer }
    }

    /// Sends all bytes from the peer, and waits until they are reported.
    fn receive(&mut self, bytes: &[u8]) {
        self.peer.write_all(bytes).unwrap();
        let mut events = Events::with_capacity(10);
        while !events.iter().any(mio::event::Event::is_readable) {
            self.poll.poll(&mut events, None).unwrap();
        }
        events.iter().for_each(|event| self.socket.ready(event));
    }

    /// One turn: how many texts were handed out.
    fn turn(&mut self, now: Instant) -> usize {
        let mut texts = 0;
        let mut turn = self.socket.turn(&mut self.memory, now);
        assert!(turn.accept(accept).unwrap());
        while let Some((_, event)) = turn.next().unwrap() {
            texts += usize::from(event == Event::Text("a"));
        }
        drop(turn);
        assert_eq!(self.socket.settle(&mut self.memory, now).unwrap(), None);
        texts
    }
}

#[test]
fn a_stream_that_hands_out_records_is_drained() {
    let mut setting = Setting::new(Records);
    setting.receive(&[REQUEST, &TEXT.repeat(50)].concat());
    assert_eq!(setting.turn(second(0)), 50, "mio would not report the rest");
}

#[test]
fn what_was_not_read_yet_is_a_sign_of_life() {
    let mut setting = Setting::new(|stream| stream);
    setting.receive(REQUEST);
    setting.turn(second(0));
    assert_eq!(setting.socket.handle_timeout(second(20)), Some(Due::Ping));
    setting.receive(PONG);
    assert_eq!(setting.socket.settle(&mut setting.memory, second(30)).unwrap(), None);
    assert_eq!(setting.socket.handle_timeout(second(40)), None, "the pong lies unread");
    assert_eq!(setting.turn(second(45)), 0);
    assert_eq!(setting.socket.handle_timeout(second(65)), Some(Due::Ping));
    assert_eq!(setting.socket.handle_timeout(second(85)), None);
    assert!(setting.socket.wants_turn(), "a look first");
    assert_eq!(setting.turn(second(85)), 0);
    assert_eq!(setting.socket.handle_timeout(second(85)), Some(Due::Pong), "silence since");
}
