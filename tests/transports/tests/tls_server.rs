//! A server of WebSockets behind TLS: the loop of the library with a listener of rustls, and real clients.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test tls_server
//! ```

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned, SupportedProtocolVersion};
use sansio_ws::blocking::{Stream as _, WebSocket};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, OriginPolicy};
use sansio_ws::mio::server::websockets::{Client, Handler, HostPolicy, Outbox, WebSockets};
use sansio_ws::mio::server::{Handle, Server, websockets};
use sansio_ws::mio::{Reply, Stream};
use sansio_ws::{CloseCode, Config, Ended, Event};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use transports::bounded;
use transports::mio_tls::{TlsListener, TlsStream};
use transports::peer::Peer;
use transports::tls::Settings;
use transports::watched::WatchedListener;

type Secure = WebSocket<StreamOwned<ClientConnection, TcpStream>>;

/// Sends back what it gets, and tells how WebSockets end.
struct Echo {
    ends: mpsc::Sender<io::Result<Ended>>,
}

impl<S: Stream> Handler<S> for Echo {
    type Command = ();
    type Timer = ();

    fn text(&mut self, _: Client, reply: &mut Reply<'_, S>, text: &str, _: &mut Outbox<'_, ()>) {
        reply.send_text(text).unwrap();
    }

    fn binary(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, S>,
        bytes: &[u8],
        _: &mut Outbox<'_, ()>,
    ) {
        reply.send_binary(bytes).unwrap();
    }

    fn closed(&mut self, _: Client, end: io::Result<Ended>, _: &mut Outbox<'_, ()>) {
        self.ends.send(end).unwrap();
    }
}

/// A server on a thread.
struct Running {
    settings: Settings,
    address: SocketAddr,
    handle: Handle<()>,
    thread: JoinHandle<usize>,
    /// How WebSockets have ended.
    ends: mpsc::Receiver<io::Result<Ended>>,
    /// Records had to wait.
    stalled: Arc<AtomicBool>,
    /// All records that were read.
    read: Arc<Mutex<Vec<u8>>>,
}

/// Deadlines that are there, and far away.
fn far() -> Timeouts {
    let far = Some(Duration::from_secs(3600));
    Timeouts::default().opening(far).keep_alive(far).pong(far).close(far)
}

fn start(version: &'static SupportedProtocolVersion, timeouts: Timeouts) -> Running {
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    start_on(listener, Settings::new(version), timeouts)
}

fn start_on(listener: mio::net::TcpListener, settings: Settings, timeouts: Timeouts) -> Running {
    let address = listener.local_addr().unwrap();
    let listener = WatchedListener::new(listener);
    let (stalled, read) = (Arc::clone(&listener.stalled), Arc::clone(&listener.read));
    let (ended, ends) = mpsc::channel();
    let policy = websockets::Settings::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
    let echo = Echo { ends: ended };
    let service = WebSockets::<_, TlsListener<_>>::new(echo, policy.timeouts(timeouts));
    let mut server = Server::new(service).unwrap().shutdown_time(None);
    server.listen(TlsListener { listener, config: Arc::clone(&settings.server) }).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().unwrap().1);
    Running { settings, address, handle, thread, ends, stalled, read }
}

impl Running {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    fn client(&self) -> Secure {
        client(self.address, &self.settings)
    }

    fn end(self) {
        self.handle.shut_down();
        assert_eq!(self.thread.join().unwrap(), 0, "all have ended");
        assert!(self.ends.try_recv().is_err(), "each end was expected");
    }
}

fn client(address: SocketAddr, settings: &Settings) -> Secure {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    let stream = StreamOwned::new(settings.connect(), socket);
    let request = ClientRequest::new("wss://localhost/").unwrap();
    WebSocket::connect(stream, &request, Config::default(), far()).unwrap()
}

fn echo(client: &mut Secure, text: &str) {
    client.send_text(text).unwrap();
    assert_eq!(client.read().unwrap(), Some(Event::Text(text)));
}

/// Closes, and returns whether the server has sent `close_notify`. A client ends TCP last, so nobody
/// sends its own `close_notify` unless it does so itself.
fn close(mut client: Secure) -> bool {
    let ended = client.close(CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(ended, Ended::Clean { code: Some(CloseCode::NORMAL) });
    let mut stream = client.into_parts().stream;
    let has_closed = stream.conn.process_new_packets().unwrap().peer_has_closed();
    // The server may have seen our end by now.
    let _ = stream.shutdown_write();
    has_closed
}

fn is_clean(end: io::Result<Ended>) -> bool {
    end.unwrap() == Ended::Clean { code: Some(CloseCode::NORMAL) }
}

/// The types of the records in `bytes`, which TLS 1.2 does not hide.
fn record_types(mut bytes: &[u8]) -> Vec<u8> {
    let mut types = vec![];
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        types.push(*kind);
        bytes = &rest[usize::from(u16::from_be_bytes([*high, *low]))..];
    }
    types
}

#[test]
fn both_sides_say_that_they_have_ended() {
    const ALERT: u8 = 21;
    bounded(|| {
        for version in [&TLS12, &TLS13] {
            let server = start(version, far());
            let mut client = server.client();
            for text in ["hello", "", "and again"] {
                echo(&mut client, text);
            }
            assert!(close(client), "close_notify of the server");
            assert!(is_clean(server.ends.recv().unwrap()));
            if version == &TLS12 {
                let types = record_types(&server.read.lock().unwrap());
                assert_eq!(types.last(), Some(&ALERT), "close_notify of the client");
            }
            server.end();
        }
    });
}

#[test]
fn a_slow_reader_gets_its_large_messages_when_it_reads() {
    bounded(|| {
        let server = start(&TLS13, far());
        let mut client = server.client();
        let mebibyte: Vec<_> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
        client.send_binary(&mebibyte).unwrap();
        assert!(client.read().unwrap() == Some(Event::Binary(&mebibyte)));
        // More than fits between the two. What is read last has waited in rustls.
        let large = mebibyte.repeat(15);
        client.send_binary(&large).unwrap();
        while !server.stalled.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        let mut other = server.client();
        echo(&mut other, "nobody waits for the slow one");
        assert!(client.read().unwrap() == Some(Event::Binary(&large)));
        echo(&mut client, "still here");
        for client in [client, other] {
            assert!(close(client));
            assert!(is_clean(server.ends.recv().unwrap()));
        }
        server.end();
    });
}

#[test]
fn a_client_that_goes_without_close_notify_has_ended_and_not_failed() {
    bounded(|| {
        let server = start(&TLS13, far());
        let mut client = server.client();
        echo(&mut client, "hello");
        client.stream().sock.shutdown(Shutdown::Write).unwrap();
        let end = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert_eq!(server.ends.recv().unwrap().unwrap(), end);
        server.end();
    });
}

#[test]
fn who_speaks_http_without_tls_is_dropped_and_others_go_on() {
    bounded(|| {
        let server = start(&TLS13, far());
        let mut client = server.client();
        let mut stranger = server.connect();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = vec![];
        match stranger.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        assert!(!answer.starts_with(b"HTTP"), "an alert at most");
        echo(&mut client, "still here");
        assert!(close(client));
        assert!(is_clean(server.ends.recv().unwrap()));
        server.end();
    });
}

/// A client that sends its first records, or half of them.
fn stall(server: &Running, half: bool) -> TcpStream {
    let socket = server.connect();
    let flight = Peer::client(socket.try_clone().unwrap(), &server.settings).flight();
    let part = if half { &flight[..flight.len() / 2] } else { &flight };
    // It may be too late already, on a busy machine.
    let _ = (&socket).write_all(part);
    socket
}

#[test]
fn who_stalls_in_the_handshake_keeps_nobody_waiting() {
    bounded(|| {
        let server = start(&TLS13, far());
        let stalling = [true, false].map(|half| stall(&server, half));
        let mut client = server.client();
        echo(&mut client, "hello");
        assert!(close(client));
        assert!(is_clean(server.ends.recv().unwrap()));
        drop(stalling);
        server.end();
    });
}

#[test]
fn who_stalls_in_the_handshake_is_dropped_when_its_time_is_over() {
    bounded(|| {
        let server = start(&TLS13, far().opening(Some(Duration::from_millis(50))));
        for half in [true, false] {
            let mut stalling = stall(&server, half);
            // How it ends depends on what was still unread.
            if let Err(error) = io::copy(&mut stalling, &mut io::sink()) {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
        }
        server.end();
    });
}

#[test]
fn twenty_at_once() {
    bounded(|| {
        let server = start(&TLS13, far());
        let all_open = Barrier::new(20);
        thread::scope(|scope| {
            for i in 0..20 {
                let (settings, address, all_open) = (&server.settings, server.address, &all_open);
                scope.spawn(move || {
                    let mut client = client(address, settings);
                    all_open.wait();
                    for j in 0..10 {
                        echo(&mut client, &format!("{j} of {i}"));
                    }
                    assert!(close(client));
                });
            }
        });
        for _ in 0..20 {
            assert!(is_clean(server.ends.recv().unwrap()));
        }
        server.end();
    });
}

/// The stream is one for Unix sockets too.
#[cfg(unix)]
const _: () = {
    const fn is_stream<S: Stream>() {}
    is_stream::<TlsStream<mio::net::UnixStream>>();
};

/// What the server says in it waits for room before the connection is open.
#[cfg(target_os = "linux")]
#[test]
fn a_handshake_larger_than_the_buffers_goes_on_when_there_is_room() {
    use rustix::net::{AddressFamily, SocketType, bind, connect, listen, socket, sockopt};
    bounded(|| {
        let new_socket = || socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let listener = new_socket();
        sockopt::set_socket_send_buffer_size(&listener, 4096).unwrap();
        bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        listen(&listener, 8).unwrap();
        let listener = std::net::TcpListener::from(listener);
        listener.set_nonblocking(true).unwrap();
        let settings = Settings::with_chain(&TLS12, 100);
        let server = start_on(mio::net::TcpListener::from_std(listener), settings, far());

        let socket = new_socket();
        sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
        connect(&socket, &server.address).unwrap();
        let mut socket = TcpStream::from(socket);
        let mut tls = server.settings.connect();
        tls.write_tls(&mut socket).unwrap();
        while !server.stalled.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let request = ClientRequest::new("wss://localhost/").unwrap();
        let stream = StreamOwned::new(tls, socket);
        let mut client = WebSocket::connect(stream, &request, Config::default(), far()).unwrap();
        echo(&mut client, "it is open");
        assert!(close(client));
        assert!(is_clean(server.ends.recv().unwrap()));
        server.end();
    });
}
