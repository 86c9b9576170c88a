//! A TLS connection whose halves are apart, and a peer that renews its keys while they work.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test tls_threads
//! ```

use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};
use sansio_ws::blocking::{self, Reader, TlsStream, WebSocket, Writer};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::tls::TlsError;
use sansio_ws::{CloseCode, Config, ControlPayload, Event, Limits, SendError};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::thread;
use transports::bounded;
use transports::frame::Frame;
use transports::peer::{End, Peer};
use transports::tls::Settings;

fn config() -> Config {
    Config::default().limits(Limits::default().max_message_bytes(64 << 20))
}

/// No deadline has a say here.
const TIMEOUTS: Timeouts = Timeouts::NONE;

/// A client of the library, and who serves it.
fn pair(version: &'static rustls::SupportedProtocolVersion) -> (WebSocket<TlsStream>, Peer) {
    let settings = Settings::new(version);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    let mut peer = Peer::server(theirs, &settings);
    let serving = thread::spawn(move || {
        peer.open();
        peer
    });
    let request = ClientRequest::new("wss://localhost/").unwrap();
    let stream = TlsStream::new(ours, settings.connect());
    let socket = WebSocket::connect(stream, &request, config(), TIMEOUTS).unwrap();
    (socket, serving.join().unwrap())
}

fn halves(socket: WebSocket<TlsStream>) -> (Reader<TlsStream>, Writer<TlsStream>) {
    socket.split().unwrap()
}

/// What writer number `writer` says as its message number `number`: some are longer than a record, some
/// than what one write takes.
fn message(writer: usize, number: usize) -> String {
    let len = [0, 1, 200, 20_000, 70_000][(writer + number) % 5];
    format!("{writer} {number} {}", "x".repeat(len))
}

#[test]
fn four_writers_beside_a_reader_while_the_peer_renews_keys() {
    const MESSAGES: usize = 60;

    bounded(|| {
        let (socket, mut peer) = pair(&TLS13);
        let (mut reader, writer) = halves(socket);
        let serving = thread::spawn(move || {
            for count in 1..=4 * MESSAGES {
                let frame = peer.receive();
                // Asks for new keys of the other side, too.
                if count % 7 == 0 {
                    peer.renew_keys();
                }
                peer.send(frame);
            }
            peer.send(Frame::close(1000, ""));
            assert_eq!(peer.receive(), Frame::close(1000, ""));
            peer.end(End::Notified);
        });
        let writers: Vec<_> = (0..4)
            .map(|number| {
                let writer = writer.clone();
                thread::spawn(move || {
                    (0..MESSAGES).for_each(|n| writer.send_text(&message(number, n)).unwrap());
                })
            })
            .collect();
        let mut received: BTreeMap<usize, usize> = BTreeMap::new();
        while let Some(event) = reader.read().unwrap() {
            let Event::Text(text) = event else { continue };
            let sender = text.split(' ').next().unwrap().parse().unwrap();
            let number = received.entry(sender).or_default();
            assert!(text == message(sender, *number), "message {number} of writer {sender}");
            *number += 1;
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        serving.join().unwrap();
        assert_eq!(received, (0..4).map(|sender| (sender, MESSAGES)).collect());
        assert!(reader.ended().unwrap().is_clean());
    });
}

/// rustls keeps its answer to new keys until it has data to send; then it goes first, since the peer
/// reads nothing else behind it.
#[test]
fn new_keys_are_answered_with_the_next_message() {
    bounded(|| {
        let (socket, mut peer) = pair(&TLS13);
        let (mut reader, writer) = halves(socket);
        for number in 0..100 {
            peer.renew_keys();
            peer.send(Frame::text("hello"));
            assert_eq!(reader.read().unwrap(), Some(Event::Text("hello")));
            writer.send_text(&number.to_string()).unwrap();
            assert_eq!(peer.receive(), Frame::text(number.to_string()));
        }
    });
}

/// A peer that does not read stops the writers, and not the reader.
#[test]
fn the_reader_goes_on_while_the_peer_reads_nothing() {
    const MESSAGES: usize = 200;
    const LONG: usize = 30 << 20;

    bounded(|| {
        let (socket, mut peer) = pair(&TLS13);
        let (mut reader, writer) = halves(socket);
        let sender = writer.clone();
        let writing = thread::spawn(move || sender.send_binary(&vec![7; LONG]));
        // Longer than the buffers of both ends; so the writer is stuck when that has come.
        peer.await_records();
        for number in 0..MESSAGES {
            if number % 20 == 0 {
                peer.renew_keys();
            }
            peer.send(Frame::text(number.to_string()));
            assert_eq!(reader.read().unwrap(), Some(Event::Text(&number.to_string())));
        }
        assert!(!writing.is_finished(), "it waits for the peer");
        let serving = thread::spawn(move || {
            assert!(peer.receive() == Frame::binary(vec![7; LONG]));
            peer
        });
        writing.join().unwrap().unwrap();
        writer.send_ping(ControlPayload::new(b"?").unwrap()).unwrap();
        let mut peer = serving.join().unwrap();
        assert_eq!(peer.receive(), Frame::ping("?"));
    });
}

/// What the halves have begun goes on when they are put together again.
#[test]
fn halves_are_reunited_with_the_records_that_wait() {
    bounded(|| {
        let (socket, mut peer) = pair(&TLS13);
        let (reader, writer) = halves(socket);
        let serving = thread::spawn(move || {
            for text in ["one", "two", "three"] {
                assert_eq!(peer.receive(), Frame::text(text));
            }
            peer.send(Frame::text("four"));
        });
        writer.send_text("one").unwrap();
        let mut socket = reader.reunite(writer).ok().unwrap();
        socket.send_text("two").unwrap();
        let (mut reader, writer) = halves(socket);
        writer.send_text("three").unwrap();
        assert_eq!(reader.read().unwrap(), Some(Event::Text("four")));
        serving.join().unwrap();
    });
}

/// A peer that breaks TLS hears why, and the caller, too.
#[test]
fn a_fault_of_the_peer_is_told_to_both() {
    for version in [&TLS12, &TLS13] {
        bounded(move || {
            let (mut socket, peer) = pair(version);
            let alert = thread::spawn(move || break_tls(peer));
            tells(socket.read().unwrap_err());
            assert_eq!(alert.join().unwrap(), AlertDescription::BadRecordMac);
            assert!(matches!(socket.read(), Ok(None)));
        });
        bounded(move || {
            let (socket, peer) = pair(version);
            let (mut reader, writer) = halves(socket);
            let alert = thread::spawn(move || break_tls(peer));
            tells(reader.read().unwrap_err());
            assert_eq!(alert.join().unwrap(), AlertDescription::BadRecordMac);
            assert!(matches!(reader.read(), Ok(None)));
            let sent = writer.send_text("late");
            assert!(matches!(sent, Err(blocking::Error::Send(SendError::Closed))), "{sent:?}");
        });
    }
}

fn tells(error: blocking::Error) {
    let blocking::Error::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(matches!(TlsError::of(&error), Some(TlsError::Protocol(_))), "{error}");
}

/// Sends a record that nobody encrypted, and returns the alert that comes back.
fn break_tls(mut peer: Peer) -> AlertDescription {
    peer.send_raw(&[23, 3, 3, 0, 32]);
    peer.send_raw(&[7; 32]);
    peer.receive_alert()
}

/// Both ends of TLS are as it has them: `close_notify` of each side.
#[test]
fn a_closed_connection_ends_as_tls_has_it() {
    for version in [&TLS12, &TLS13] {
        for apart in [false, true] {
            bounded(move || {
                let (socket, mut peer) = pair(version);
                let closing = thread::spawn(move || {
                    if apart {
                        let (mut reader, writer) = halves(socket);
                        writer.close(CloseCode::NORMAL, "").unwrap();
                        while reader.read().unwrap().is_some() {}
                        assert!(reader.ended().unwrap().is_clean());
                    } else {
                        let mut socket = socket;
                        assert!(socket.close(CloseCode::NORMAL, "").unwrap().is_clean());
                    }
                });
                assert_eq!(peer.receive(), Frame::close(1000, ""));
                peer.send(Frame::close(1000, ""));
                peer.notify();
                // An end without it would be an error.
                peer.receive_end();
                closing.join().unwrap();
            });
        }
    }
}
