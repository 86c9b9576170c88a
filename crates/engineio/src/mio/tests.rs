//! Who lives, as the shell sees it: over streams of the test's own, under virtual time. Nothing is reported
//! that a loop would not report, so an edge that comes late does not come at all.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::http_peer::HttpPeer;
use super::{EngineIo, EnginePeer, Handler, Settings, Timer};
use crate::{CloseReason, Config, PreparedPacket, Session};
use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use core::cell::RefCell;
use core::time::Duration;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use sansio_ws::mio::Stream;
use sansio_ws::mio::server::{Key, Listener, Peer, Peers, Server, Service};
use std::io::{self, ErrorKind, Read, Write};

/// What is between the client and the server.
#[derive(Default)]
struct Wire {
    input: VecDeque<u8>,
    output: Vec<u8>,
    /// How many bytes are taken before some are refused.
    room: usize,
}

struct End(Rc<RefCell<Wire>>);

impl Read for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = &mut self.0.borrow_mut().input;
        if input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        input.read(buffer)
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let n = bytes.len().min(wire.room);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        wire.room -= n;
        wire.output.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for End {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for End {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Listener for End {
    type Stream = Self;
    type Address = &'static str;

    fn accept(&self) -> io::Result<(Self, &'static str)> {
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Says nothing by itself.
#[derive(Default)]
struct Silent {
    opened: Vec<Session>,
    closed: Vec<CloseReason>,
}

impl Handler<End> for Silent {
    type Command = ();
    type Timer = ();

    fn opened(&mut self, session: Session, _: &mut super::Engine<'_, ()>) {
        self.opened.push(session);
    }

    fn closed(&mut self, _: Session, reason: CloseReason, _: &mut super::Engine<'_, ()>) {
        self.closed.push(reason);
    }

    fn command(&mut self, (): (), engine: &mut super::Engine<'_, ()>) {
        engine.shut_down();
    }
}

type Io = EngineIo<Silent, End>;

struct Setting {
    server: Server<Io>,
    wire: Rc<RefCell<Wire>>,
    key: Key,
    /// What `poll` reports of a stream that can be read and written. Only mio can make this.
    both: Event,
}

const MANY: usize = 1 << 30;

fn second(seconds: u64) -> Instant {
    Instant::new(Duration::from_secs(seconds))
}

fn both() -> Event {
    let (mut stream, mut peer) = mio::net::UnixStream::pair().unwrap();
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
    peer.write_all(b"!").unwrap();
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(0), interest).unwrap();
    poll.poll(&mut events, None).unwrap();
    let event = events.iter().next().unwrap().clone();
    assert!(event.is_readable() && event.is_writable());
    event
}

impl Setting {
    /// A session that has begun at second 0, with a ping each 25 s and 20 s for its pong.
    fn new(transport: &str) -> Self {
        Self::with_write(transport, Duration::from_secs(15))
    }

    /// A client that takes nothing for so long is given up.
    fn with_write(transport: &str, time: Duration) -> Self {
        let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
        let settings = Settings::new(config).write(time);
        let wire = Rc::new(RefCell::new(Wire { room: MANY, ..Wire::default() }));
        let http = HttpPeer::new(End(Rc::clone(&wire)), &settings, second(0));
        let mut server = Server::new(EngineIo::new(Silent::default(), settings)).unwrap();
        let (_, peers) = server.parts_mut();
        let key = peers.insert(|_| EnginePeer::new(http, "client")).unwrap();
        let mut setting = Self { server, wire, key, both: both() };
        setting.receive(&request(transport, ""), second(0));
        assert_eq!(setting.parts().0.handler.opened.len(), 1);
        setting
    }

    fn parts(&mut self) -> (&mut Io, &mut Peers<Io>) {
        self.server.parts_mut()
    }

    fn session(&mut self) -> Session {
        self.parts().0.handler.opened[0]
    }

    /// As the first response has told the client.
    fn id(&self) -> String {
        let output = String::from_utf8(self.wire.borrow().output.clone()).unwrap();
        let (_, id) = output.split_once("\"sid\":\"").unwrap();
        id.split('"').next().unwrap().to_owned()
    }

    fn closed(&mut self) -> &[CloseReason] {
        &self.parts().0.handler.closed
    }

    /// Arrives, and is reported.
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.wire.borrow_mut().input.extend(bytes);
        let (key, both) = (self.key, self.both.clone());
        let (service, peers) = self.parts();
        peers.context().now = now;
        let (peer, context) = peers.get_mut(key).unwrap();
        Peer::<Io>::ready(peer, &both);
        while Peer::<Io>::wants_turn(peer) {
            peer.turn(key, service, context);
        }
        self.settle();
    }

    /// Another client comes and says this.
    fn connect(&mut self, bytes: &[u8], now: Instant) {
        let both = self.both.clone();
        let (service, peers) = self.parts();
        let wire = Rc::new(RefCell::new(Wire { room: MANY, ..Wire::default() }));
        wire.borrow_mut().input.extend(bytes);
        let http = HttpPeer::new(End(wire), &service.settings, now);
        let key = peers.insert(|_| EnginePeer::new(http, "another")).unwrap();
        peers.context().now = now;
        let (peer, context) = peers.get_mut(key).unwrap();
        Peer::<Io>::ready(peer, &both);
        peer.turn(key, service, context);
        peers.settle(service, key);
        service.act(peers);
    }

    fn settle(&mut self) {
        let key = self.key;
        let (service, peers) = self.parts();
        peers.settle(service, key);
        service.act(peers);
        peers.settle(service, key);
        service.act(peers);
    }

    fn send(&mut self, bytes: usize) {
        let session = self.session();
        let (service, _) = self.parts();
        service.machine.send(session, &PreparedPacket::binary(&vec![7; bytes])).unwrap();
        self.settle();
    }

    /// What is due is done.
    fn pass(&mut self, now: Instant) {
        let key = self.key;
        let (service, peers) = self.parts();
        peers.context().now = now;
        if let Some((peer, context)) = peers.get_mut(key)
            && Peer::<Io>::next_deadline(peer).is_some_and(|due| due <= now)
        {
            peer.handle_timeout(key, service, context);
            peers.settle(service, key);
        }
        service.timer(Timer(None), peers);
        self.settle();
    }

    fn set_room(&self, room: usize) {
        self.wire.borrow_mut().room = room;
    }
}

fn request(transport: &str, more: &str) -> Vec<u8> {
    let upgrade = match transport {
        "websocket" => {
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
        _ => "",
    };
    let target = format!("/engine.io/?EIO=4&transport={transport}{more}");
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").into_bytes()
}

/// A packet of one character as a masked frame.
fn packet(digit: u8) -> [u8; 7] {
    [0x81, 0x81, 0, 0, 0, 0, digit]
}

/// The ping stands behind megabytes, of which it takes 1000 bytes in 20 s, and no edge tells of that.
#[test]
fn who_takes_slowly_lives_and_who_takes_nothing_does_not() {
    let mut setting = Setting::new("websocket");
    setting.set_room(1000);
    for _ in 0..30 {
        setting.send(100_000);
    }
    setting.pass(second(25));
    for beat in 1..20 {
        setting.set_room(1000);
        setting.pass(second(25 + 20 * beat));
        assert_eq!(setting.closed(), []);
    }
    setting.pass(second(424));
    assert_eq!(setting.closed(), [], "it took some at second 405");
    setting.pass(second(425));
    assert_eq!(setting.closed(), [CloseReason::PingTimeout]);
}

#[test]
fn what_is_taken_at_once_proves_nothing() {
    let mut setting = Setting::new("websocket");
    setting.pass(second(25));
    for at in 26..45 {
        setting.parts().1.context().now = second(at);
        setting.send(1000);
    }
    setting.pass(second(45));
    assert_eq!(setting.closed(), [CloseReason::PingTimeout]);
}

#[test]
fn a_pong_that_nobody_has_reported_is_read_before_the_verdict() {
    let mut setting = Setting::new("websocket");
    for ping in 0..3 {
        let at = 70 * ping;
        setting.pass(second(at + 25));
        setting.wire.borrow_mut().input.extend(packet(b'3'));
        setting.pass(second(at + 45));
        assert_eq!(setting.closed(), []);
    }
    setting.pass(second(210));
    setting.pass(second(230));
    assert_eq!(setting.closed(), [CloseReason::PingTimeout], "it was there, and is not any more");
}

/// A loop that was busy has both in front of it, and may come to the other one first.
#[test]
fn the_request_of_another_is_no_verdict() {
    let mut setting = Setting::new("websocket");
    setting.pass(second(25));
    setting.wire.borrow_mut().input.extend(packet(b'3'));
    setting.connect(&request("polling", ""), second(46));
    assert_eq!(setting.closed(), []);
    setting.pass(second(46));
    assert_eq!(setting.closed(), []);
    setting.pass(second(71));
    setting.pass(second(91));
    assert_eq!(setting.closed()[0], CloseReason::PingTimeout);
}

#[test]
fn a_session_between_two_polls_hears_of_the_end_as_well() {
    let mut setting = Setting::new("polling");
    setting.server.handle().send(()).unwrap();
    while setting.server.step().unwrap() {}
    assert_eq!(setting.closed(), [CloseReason::ForcedClose]);
}

/// How long a connection may be without a request, or be at one, is counted anew for each.
#[test]
fn each_request_has_its_own_time() {
    let unknown = request("polling", "&sid=unknown");
    let (first, last) = unknown.split_at(10);
    // Each is whole at once, or the next one has begun when it is answered.
    for (begin, sent, time) in [(&[][..], unknown.clone(), 75), (first, [last, first].concat(), 60)]
    {
        let mut setting = Setting::new("polling");
        setting.receive(begin, second(1));
        for at in 1..10 {
            setting.receive(&sent, second(20 * at));
            setting.pass(second(20 * at + 19));
            assert_eq!(setting.parts().1.len(), 1, "at {at} of {time}");
        }
        setting.pass(second(180 + time - 1));
        assert_eq!(setting.parts().1.len(), 1);
        setting.pass(second(180 + time));
        assert_eq!(setting.parts().1.len(), 0, "no other has come, or it has no end");
    }
}

/// The same over plain HTTP: a response of megabytes, and no edge that tells of room.
#[test]
fn who_takes_a_response_slowly_lives_and_who_takes_nothing_does_not() {
    let mut setting = Setting::new("polling");
    let id = setting.id();
    setting.set_room(1000);
    setting.send(900_000);
    setting.receive(&request("polling", &format!("&sid={id}")), second(1));
    setting.pass(second(15));
    for at in 1..20 {
        setting.set_room(1000);
        setting.pass(second(16 + 10 * at));
        assert_eq!(setting.closed(), [], "at {at}");
        assert_eq!(setting.parts().1.len(), 1);
    }
    setting.pass(second(221));
    assert_eq!(setting.parts().1.len(), 0, "the connection is given up");
    setting.pass(second(245));
    assert_eq!(setting.closed(), [CloseReason::PingTimeout]);
}

/// The server tries to write before the verdict, also if it has more patience with a connection than with a session.
#[test]
fn who_takes_a_response_slowly_lives_by_any_settings() {
    let mut setting = Setting::with_write("polling", Duration::from_secs(60));
    let id = setting.id();
    setting.set_room(1000);
    setting.send(900_000);
    setting.receive(&request("polling", &format!("&sid={id}")), second(1));
    for at in 2..400 {
        if at % 8 == 0 {
            setting.set_room(1000);
        }
        setting.pass(second(at));
        assert_eq!(setting.closed(), [], "at {at}");
    }
    // It has taken some in the last ten seconds.
    setting.set_room(0);
    for at in 400..450 {
        setting.pass(second(at));
    }
    assert_eq!(setting.closed(), [CloseReason::PingTimeout]);
    assert_eq!(setting.parts().1.len(), 1);
    setting.pass(second(460));
    assert_eq!(setting.parts().1.len(), 0, "the connection is given up");
}
