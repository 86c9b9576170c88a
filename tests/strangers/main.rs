//! What people outside the crate write: an adapter of their own, over the public API only.
//!
//! The loop reads when there is no event, and returns the event that borrows its buffer. It tells an
//! error of the protocol once, goes on behind a `Yield`, and keeps the deadlines.

#![allow(clippy::unwrap_used, reason = "a test")]

mod http;

use bytes::Buf;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use sansio_ws::{
    CloseCode, Config, Connection, Ended, Event, Limits, Masks, MessageKind, ProtocolError,
    RecvBuffer, Role, Transport,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

/// One direction of a pipe that blocks nobody.
type Pipe = Rc<RefCell<VecDeque<u8>>>;

struct Stream {
    input: Pipe,
    output: Pipe,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.borrow_mut().read(buffer)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Error {
    Protocol(ProtocolError),
    #[expect(dead_code, reason = "it is only printed")]
    Io(io::Error),
}

struct Socket {
    stream: Stream,
    connection: Connection,
    rx: RecvBuffer,
    deadlines: Deadlines,
    now: Instant,
}

impl Socket {
    /// The next event; `None` when there is nothing to read, or the peer has nothing more to say.
    fn read(&mut self) -> Result<Option<Event<'_>>, Error> {
        let located = loop {
            let told = self.connection.has_failed();
            match self.connection.find_event(&mut self.rx) {
                // Others would have their turn now.
                Ok(Some(located)) if located.is_yield() => continue,
                Ok(Some(located)) => break located,
                Ok(None) => {}
                Err(_) if told => {}
                Err(error) => return Err(Error::Protocol(error)),
            }
            self.deadlines.observe(&mut self.connection, self.now);
            self.write().map_err(Error::Io)?;
            if self.connection.has_received_all() {
                return Ok(None);
            }
            match self.rx.read_from(&mut self.stream) {
                Ok(_) => self.deadlines.received(self.now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(Error::Io(error)),
            }
        };
        self.connection.lend_event(located, &self.rx).map(Some).map_err(Error::Protocol)
    }

    fn write(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            let queue = self.connection.outgoing();
            let n = self.stream.write(queue.chunk())?;
            queue.advance(n);
            self.deadlines.written(n, false, self.now);
        }
        self.deadlines.observe(&mut self.connection, self.now);
        Ok(())
    }

    /// Lets time pass.
    fn pass(&mut self, seconds: u64) -> Option<Due> {
        self.now = self.now + Duration::from_secs(seconds);
        let due = self.deadlines.enforce(&mut self.connection, self.now);
        self.write().unwrap();
        due
    }
}

fn pair(timeouts: Timeouts) -> [Socket; 2] {
    let pipes = [Pipe::default(), Pipe::default()];
    let now = Instant::default();
    let masks = Masks::new(|| [1, 2, 3, 4]);
    [(Role::Server, 0, 1), (Role::Client(masks), 1, 0)].map(|(role, input, output)| {
        let mut deadlines = Deadlines::new(timeouts, now);
        deadlines.opened(now);
        Socket {
            stream: Stream { input: pipes[input].clone(), output: pipes[output].clone() },
            connection: Connection::new(role, Config::default().limits(Limits::default())),
            rx: RecvBuffer::new(),
            deadlines,
            now,
        }
    })
}

#[test]
fn a_loop_that_reads_in_between_returns_what_it_has_read() {
    let [mut server, mut client] = pair(Timeouts::default());
    for text in ["one", "two"] {
        client.connection.send_text(text).unwrap();
    }
    for _ in 0..2000 {
        client.connection.send_fragment(MessageKind::Binary, b"", false).unwrap();
        client.write().unwrap();
    }
    client.connection.send_fragment(MessageKind::Binary, b"end", true).unwrap();
    client.connection.close(CloseCode::NORMAL, "bye").unwrap();
    client.write().unwrap();
    assert_eq!(server.read().unwrap(), Some(Event::Text("one")));
    assert_eq!(server.read().unwrap(), Some(Event::Text("two")));
    assert_eq!(server.read().unwrap(), Some(Event::Binary(b"end")), "behind many a Yield");
    assert!(!server.connection.has_received_all());
    assert!(matches!(server.read().unwrap(), Some(Event::Close(_))));
    assert!(server.connection.has_received_all());
    assert_eq!(server.read().unwrap(), None);
    assert!(matches!(client.read().unwrap(), Some(Event::Close(_))));
    assert_eq!(server.connection.transport(), Transport::ShutdownWrite);
    assert_eq!(client.read().unwrap(), None);
    assert!(client.connection.has_received_all(), "only the end of the transport is to come");
    assert_eq!(client.connection.transport(), Transport::KeepOpen);
    client.connection.receive_eof(&client.rx);
    assert_eq!(client.connection.ended(), Some(Ended::Clean { code: Some(CloseCode::NORMAL) }));
}

#[test]
fn an_event_lent_from_the_wrong_buffer_is_wrong_and_no_panic() {
    let wires: [&[u8]; 4] = [
        b"\x81\x81\0\0\0\0a",
        b"\x82\x85\0\0\0\0bytes",
        b"\x89\x84\0\0\0\0ping",
        b"\x88\x85\0\0\0\0\x03\xE8bye",
    ];
    for wire in wires {
        for other in [&b""[..], b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"] {
            let [mut server, _] = pair(Timeouts::default());
            let mut rx = RecvBuffer::with_capacity(8);
            rx.extend_from_slice(other);
            server.rx.extend_from_slice(wire);
            let located = server.connection.find_event(&mut server.rx).unwrap().unwrap();
            // Wrong bytes, or bytes that are no text.
            let _ = server.connection.lend_event(located, &rx);
        }
    }
}

#[test]
fn an_error_of_the_protocol_is_told_once() {
    let [mut server, client] = pair(Timeouts::default());
    client.stream.output.borrow_mut().extend(*b"\x81\x80\0\0\0\0\xFF");
    assert_eq!(server.read().unwrap(), Some(Event::Text("")));
    client.stream.output.borrow_mut().extend(*b"more");
    assert!(matches!(server.read(), Err(Error::Protocol(ProtocolError::Frame(_)))));
    assert!(matches!(server.read(), Ok(None)));
    assert!(server.connection.has_failed() && server.connection.has_received_all());
}

#[test]
fn deadlines_see_messages_and_act_on_the_connection() {
    let timeouts = Timeouts::default().idle(Some(Duration::from_secs(30)));
    let [mut server, mut client] = pair(timeouts.message(Some(Duration::from_secs(10))));
    assert_eq!(server.pass(20), Some(Due::Ping));
    assert_eq!(client.read().unwrap(), Some(Event::Ping(b"")));
    assert_eq!(client.read().unwrap(), None);
    assert_eq!(server.read().unwrap(), Some(Event::Pong(b"")));
    client.connection.send_text("in use").unwrap();
    client.write().unwrap();
    assert_eq!(server.read().unwrap(), Some(Event::Text("in use")));
    assert_eq!(server.read().unwrap(), None);
    // It counts from the message, and a message counts from its first byte.
    assert_eq!(server.pass(10), None);
    client.connection.send_fragment(MessageKind::Text, b"slow", false).unwrap();
    client.write().unwrap();
    assert_eq!(server.read().unwrap(), None);
    assert_eq!(server.pass(9), None);
    assert_eq!(server.pass(1), Some(Due::Message));
    let Some(Event::Close(close)) = client.read().unwrap() else { panic!("a Close") };
    assert_eq!(close.code, Some(CloseCode::POLICY_VIOLATION));
}
