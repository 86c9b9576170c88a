//! Both adapters over rustls and TCP, with a peer that ends TLS properly and with one that just ends
//! TCP, as many do: then rustls reports `UnexpectedEof`. While a connection is open that is how it
//! ended, and no failure; before, the handshake has failed.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test tls
//! ```

use mio::{Events, Poll, Token};
use rustls::StreamOwned;
use rustls::version::{TLS12, TLS13};
use sansio_ws::deadlines::{Instant, Timeouts};
use sansio_ws::handshake::{Acceptance, ClientRequest, OriginPolicy};
use sansio_ws::{CloseCode, Config, Connection, Ended, Event, Limits, SendError, blocking};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use transports::bounded;
use transports::frame::Frame;
use transports::mio_tls::TlsStream;
use transports::peer::{End, Peer};
use transports::tls::Settings;
use transports::watched::Watched;

/// How a connection came to its end, or what it reported instead.
type Outcome = Result<Ended, Failure>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The stream failed, or ended, before the connection was open.
    Opening(ErrorKind),
    /// The stream failed, and the connection was open.
    Open(ErrorKind),
}

/// The side under test: it echoes, and starts closing when it is told to.
struct Side {
    run: fn(TcpStream, &World) -> Outcome,
    peer: fn(TcpStream, &Settings) -> Peer,
}

/// What the two sides of a test have in common.
#[derive(Clone)]
struct World {
    settings: Settings,
    /// Records of the side under test had to wait.
    stalled: Arc<AtomicBool>,
}

const BLOCKING_SERVER: Side = Side { run: blocking_server, peer: Peer::client };
const BLOCKING_CLIENT: Side = Side { run: blocking_client, peer: Peer::server };
const OWN_SERVER: Side = Side { run: own_server, peer: Peer::client };
const OWN_CLIENT: Side = Side { run: own_client, peer: Peer::server };
const SPLIT_CLIENT: Side = Side { run: split_client, peer: Peer::server };
const MIO_SERVER: Side = Side { run: mio_server, peer: Peer::client };

/// Deadlines that are there, and far away.
fn far() -> Timeouts {
    let far = Some(Duration::from_secs(600));
    Timeouts::default().opening(far).keep_alive(far).pong(far).close(far)
}

fn answer(connection: &mut Connection, event: Event<'_>) -> Result<(), SendError> {
    match event {
        Event::Text("close") => connection.close(CloseCode::NORMAL, ""),
        Event::Text(text) => connection.send_text(text),
        Event::Binary(bytes) => connection.send_binary(bytes),
        _ => Ok(()),
    }
}

fn blocking_server(socket: TcpStream, world: &World) -> Outcome {
    let stream = StreamOwned::new(world.settings.accept(), socket);
    let origin = OriginPolicy::SameHost;
    serve(blocking::WebSocket::accept(stream, origin, Config::default(), far()))
}

fn blocking_client(socket: TcpStream, world: &World) -> Outcome {
    let stream = StreamOwned::new(world.settings.connect(), socket);
    let request = ClientRequest::new("wss://localhost/chat").unwrap();
    serve(blocking::WebSocket::connect(stream, &request, Config::default(), far()))
}

/// The same with the stream of the library.
fn own_server(socket: TcpStream, world: &World) -> Outcome {
    let stream = blocking::TlsStream::new(socket, world.settings.accept());
    let origin = OriginPolicy::SameHost;
    serve(blocking::WebSocket::accept(stream, origin, Config::default(), far()))
}

fn own_client(socket: TcpStream, world: &World) -> Outcome {
    serve(open(socket, world))
}

fn open(
    socket: TcpStream,
    world: &World,
) -> Result<blocking::WebSocket<blocking::TlsStream>, blocking::Error> {
    let stream = blocking::TlsStream::new(socket, world.settings.connect());
    let request = ClientRequest::new("wss://localhost/chat").unwrap();
    blocking::WebSocket::connect(stream, &request, Config::default(), far())
}

/// Reads in one thread and answers in another.
fn split_client(socket: TcpStream, world: &World) -> Outcome {
    let (mut reader, writer) = opened(open(socket, world))?.split().unwrap();
    let (asks, asked) = mpsc::channel::<Frame>();
    let answering = thread::spawn(move || {
        for frame in asked {
            let answered = match (frame.first & 0x0F, &frame.payload[..]) {
                (1, b"close") => writer.close(CloseCode::NORMAL, ""),
                (1, text) => writer.send_text(str::from_utf8(text).unwrap()),
                (_, bytes) => writer.send_binary(bytes),
            };
            // The peer may be gone; how it ended is for the reader to say.
            let is_gone = |error: &_| matches!(error, blocking::Error::Io(_));
            assert!(answered.as_ref().err().is_none_or(is_gone), "{answered:?}");
        }
    });
    let outcome = loop {
        match reader.read() {
            Ok(Some(Event::Text(text))) => asks.send(Frame::text(text)).unwrap(),
            Ok(Some(Event::Binary(bytes))) => asks.send(Frame::binary(bytes)).unwrap(),
            Ok(Some(_)) => {}
            Ok(None) => break Ok(reader.ended().expect("it has ended")),
            Err(blocking::Error::Io(error)) => break Err(Failure::Open(error.kind())),
            Err(error) => panic!("{error}"),
        }
    };
    drop(asks);
    answering.join().unwrap();
    outcome
}

fn opened<S>(
    opened: Result<blocking::WebSocket<S>, blocking::Error>,
) -> Result<blocking::WebSocket<S>, Failure> {
    opened.map_err(|error| match error {
        blocking::Error::Io(error) => Failure::Opening(error.kind()),
        blocking::Error::Unopened(_) => Failure::Opening(ErrorKind::UnexpectedEof),
        error => panic!("{error}"),
    })
}

fn serve<S: blocking::Stream>(result: Result<blocking::WebSocket<S>, blocking::Error>) -> Outcome {
    let mut socket = opened(result)?;
    loop {
        match socket.next() {
            Ok(Some((connection, event))) => answer(connection, event).unwrap(),
            Ok(None) => break,
            Err(blocking::Error::Io(error)) => return Err(Failure::Open(error.kind())),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(matches!(socket.read(), Ok(None)), "an end is for ever");
    Ok(socket.ended().expect("it has ended"))
}

fn mio_server(socket: TcpStream, world: &World) -> Outcome {
    use sansio_ws::mio::{Error, Memory, WebSocket};

    const NOW: Instant = Instant::new(Duration::ZERO);
    socket.set_nonblocking(true).unwrap();
    let mut socket = Watched::new(mio::net::TcpStream::from_std(socket));
    socket.stalled = Arc::clone(&world.stalled);
    let stream = TlsStream::new(world.settings.accept(), socket);
    let mut socket = WebSocket::server(stream, &Limits::default(), far(), NOW);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    let mut memory = Memory::new();
    socket.register(poll.registry(), Token(0)).unwrap();
    loop {
        poll.poll(&mut events, socket.wants_turn().then_some(Duration::ZERO)).unwrap();
        events.iter().for_each(|event| socket.ready(event));
        if socket.wants_turn() {
            let mut turn = socket.turn(&mut memory, NOW);
            let opened = turn.accept(|request| {
                let upgrade = request.upgrade(OriginPolicy::SameHost)?;
                Ok(upgrade.accept(&Acceptance::default(), Config::default())?)
            });
            match opened {
                Ok(false) => {}
                Ok(true) => loop {
                    match turn.next() {
                        Ok(Some((mut reply, event))) => answer(&mut reply, event).unwrap(),
                        Ok(None) => break,
                        Err(Error::Io(error)) => return Err(Failure::Open(error.kind())),
                        Err(error) => panic!("{error}"),
                    }
                },
                Err(Error::Io(error)) => return Err(Failure::Opening(error.kind())),
                Err(error) => panic!("{error}"),
            }
        }
        match socket.settle(&mut memory, NOW) {
            Ok(None) => {}
            Ok(Some(ended)) => return Ok(ended),
            Err(error) => return Err(Failure::Open(error.kind())),
        }
    }
}

/// Has the peer say what `story` says and end in this way. Returns the outcome, which must be the
/// same with either version of TLS.
fn outcome(side: &Side, end: End, story: impl Fn(&mut Peer, &World)) -> Outcome {
    let [one, other] = [&TLS12, &TLS13].map(|version| {
        let world = World { settings: Settings::new(version), stalled: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (ours, _) = listener.accept().unwrap();
        for socket in [&ours, &theirs] {
            socket.set_nodelay(true).unwrap();
        }
        let (run, shared) = (side.run, world.clone());
        let tested = thread::spawn(move || run(ours, &shared));
        let mut peer = (side.peer)(theirs, &world.settings);
        story(&mut peer, &world);
        peer.end(end);
        tested.join().unwrap()
    });
    assert_eq!(one, other, "TLS 1.2 and 1.3");
    one
}

/// A connection that works: what is sent comes back.
fn echo(peer: &mut Peer) {
    peer.open();
    peer.send(Frame::text("hello"));
    assert_eq!(peer.receive(), Frame::text("hello"));
}

/// The peer closes, and is answered.
fn close(peer: &mut Peer) {
    peer.send(Frame::close(1000, "bye"));
    assert_eq!(peer.receive(), Frame::close(1000, "bye"));
}

fn clean(code: u16) -> Outcome {
    Ok(Ended::Clean { code: Some(CloseCode::try_from(code).unwrap()) })
}

fn eof(mid_frame: bool, mid_message: bool, close_sent: bool) -> Outcome {
    Ok(Ended::Eof { mid_frame, mid_message, close_sent })
}

fn both_closes(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        close(peer);
    });
    assert_eq!(ended, clean(1000));
}

/// The peer answers a Close with a code of its own.
fn answered_close(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        peer.send(Frame::text("close"));
        assert_eq!(peer.receive(), Frame::close(1000, ""));
        peer.send(Frame::close(1001, ""));
    });
    assert_eq!(ended, clean(1001));
}

/// The peer closes, and does not wait for the answer.
fn unread_close(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        peer.send(Frame::close(1000, "bye"));
    });
    assert_eq!(ended, clean(1000));
}

fn between_messages(side: &Side, end: End) {
    assert_eq!(outcome(side, end, |peer, _| echo(peer)), eof(false, false, false));
}

fn between_fragments(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        peer.send(Frame::text("one").more());
    });
    assert_eq!(ended, eof(false, true, false));
}

fn inside_a_frame(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        let bytes = peer.bytes(Frame::binary([7; 300]));
        peer.send_bytes(&bytes[..200]);
    });
    assert_eq!(ended, eof(true, true, false));
}

fn behind_our_close(side: &Side, end: End) {
    let ended = outcome(side, end, |peer, _| {
        echo(peer);
        peer.send(Frame::text("close"));
        assert_eq!(peer.receive(), Frame::close(1000, ""));
    });
    assert_eq!(ended, eof(false, false, true));
}

/// Nothing, a part, or all of the peer's first records.
fn inside_the_tls_handshake(side: &Side) {
    for part in [0, 1, 2] {
        let ended = outcome(side, End::Cut, |peer, _| {
            let flight = peer.flight();
            peer.send_raw(&flight[..flight.len() * part / 2]);
        });
        assert_eq!(ended, Err(Failure::Opening(ErrorKind::UnexpectedEof)));
    }
}

/// Nothing, or a part, of the peer's HTTP head.
fn inside_the_opening_handshake(side: &Side) {
    for part in [0, 1] {
        let ended = outcome(side, End::Cut, |peer, _| {
            peer.secure();
            let head = peer.head();
            peer.send_bytes(&head[..head.len() * part / 2]);
        });
        assert_eq!(ended, Err(Failure::Opening(ErrorKind::UnexpectedEof)));
    }
}

fn a_large_message(side: &Side) {
    let ended = outcome(side, End::Notified, |peer, _| {
        peer.open();
        let large = Frame::binary((0..1 << 20).map(|i: u32| (i % 251) as u8).collect::<Vec<_>>());
        peer.send(large.clone());
        assert!(peer.receive() == large);
        close(peer);
    });
    assert_eq!(ended, clean(1000));
}

/// The peer does not read before the answer is stuck.
#[test]
fn mio_records_that_wait_are_written_later() {
    bounded(|| {
        let ended = outcome(&MIO_SERVER, End::Notified, |peer, world| {
            peer.open();
            let large = Frame::binary(vec![7; 15 << 20]);
            peer.send(large.clone());
            while !world.stalled.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            assert!(peer.receive() == large);
            close(peer);
        });
        assert_eq!(ended, clean(1000));
    });
}

/// What the tests rest upon: rustls tells the end of TLS from the end of TCP.
#[test]
fn rustls_tells_the_ends_apart() {
    use std::io::Read;

    bounded(|| {
        for (end, expected) in [(End::Notified, Ok(0)), (End::Cut, Err(ErrorKind::UnexpectedEof))] {
            let settings = Settings::new(&TLS13);
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (ours, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(settings.accept(), ours);
            let peer = thread::spawn(move || {
                let mut peer = Peer::client(theirs, &settings);
                peer.secure();
                peer.end(end);
            });
            assert_eq!(stream.read(&mut [0; 16]).map_err(|error| error.kind()), expected);
            drop(stream);
            peer.join().unwrap();
        }
    });
}

/// Each side as a module, each story as a test in it.
macro_rules! sides {
    ($($name:ident: $side:ident),+) => {$(
        mod $name {
            use super::{End, bounded};

            const SIDE: super::Side = super::$side;

            #[test]
            fn clean_without_close_notify() {
                bounded(|| super::both_closes(&SIDE, End::Cut));
                bounded(|| super::answered_close(&SIDE, End::Cut));
            }

            #[test]
            fn clean_although_the_peer_is_gone_at_once() {
                // A race; but whoever wins it, both Closes have arrived before.
                for _ in 0..20 {
                    bounded(|| super::both_closes(&SIDE, End::Gone));
                    bounded(|| super::answered_close(&SIDE, End::Gone));
                }
            }

            #[test]
            fn clean_although_the_peer_waits_for_no_answer() {
                // Here the reset may meet our Close, our `close_notify`, or the next read.
                for _ in 0..20 {
                    bounded(|| super::unread_close(&SIDE, End::Gone));
                }
            }

            #[test]
            fn cut_between_messages() {
                bounded(|| super::between_messages(&SIDE, End::Cut));
            }

            #[test]
            fn cut_between_fragments() {
                bounded(|| super::between_fragments(&SIDE, End::Cut));
            }

            #[test]
            fn cut_inside_a_frame() {
                bounded(|| super::inside_a_frame(&SIDE, End::Cut));
            }

            #[test]
            fn cut_behind_our_close() {
                bounded(|| super::behind_our_close(&SIDE, End::Cut));
            }

            #[test]
            fn cut_inside_the_tls_handshake() {
                bounded(|| super::inside_the_tls_handshake(&SIDE));
            }

            #[test]
            fn cut_inside_the_opening_handshake() {
                bounded(|| super::inside_the_opening_handshake(&SIDE));
            }

            #[test]
            fn clean_with_close_notify() {
                bounded(|| super::both_closes(&SIDE, End::Notified));
                bounded(|| super::answered_close(&SIDE, End::Notified));
            }

            #[test]
            fn incomplete_with_close_notify() {
                bounded(|| super::between_messages(&SIDE, End::Notified));
                bounded(|| super::between_fragments(&SIDE, End::Notified));
                bounded(|| super::inside_a_frame(&SIDE, End::Notified));
                bounded(|| super::behind_our_close(&SIDE, End::Notified));
            }

            #[test]
            fn a_mebibyte_there_and_back() {
                bounded(|| super::a_large_message(&SIDE));
            }
        }
    )+};
}

sides! {
    blocking_server: BLOCKING_SERVER,
    blocking_client: BLOCKING_CLIENT,
    own_server: OWN_SERVER,
    own_client: OWN_CLIENT,
    split_client: SPLIT_CLIENT,
    mio_server: MIO_SERVER
}
