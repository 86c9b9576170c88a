//! A server of Engine.IO behind TLS: long-polling, the upgrade from it, and a WebSocket.

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, StreamOwned, SupportedProtocolVersion};
use sansio_engineio::mio::{Engine, EngineIo, Handler};
use sansio_engineio::{Config, Message, PreparedPacket, Session};
use sansio_ws::Event;
use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, HostPolicy, OriginPolicy};
use sansio_ws::mio::server::Server;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use transports::mio_tls::TlsListener;
use transports::tls::Settings;

type Listener = TlsListener<mio::net::TcpListener>;
type Secure = StreamOwned<ClientConnection, TcpStream>;

/// Sends every message back.
struct Echo;

impl Handler<Listener> for Echo {
    type Command = ();
    type Timer = ();

    fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, ()>) {
        let packet = match message {
            Message::Text(text) => PreparedPacket::text(text),
            Message::Binary(bytes) => PreparedPacket::binary(&bytes),
        };
        engine.send(session, &packet).unwrap();
    }
}

fn connect(address: SocketAddr, settings: &Settings) -> Secure {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
    StreamOwned::new(settings.connect(), socket)
}

/// A request, and the body of its response.
fn ask(stream: &mut Secure, method: &str, query: &str, body: &str) -> String {
    let length = body.len();
    write!(
        stream,
        "{method} /engine.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    stream.flush().unwrap();
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

fn runs(version: &'static SupportedProtocolVersion) {
    let settings = Settings::new(version);
    let listener = mio::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
    let engine = sansio_engineio::mio::Settings::new(config);
    let mut server = Server::new(EngineIo::new(Echo, engine)).unwrap().shutdown_time(None);
    server.listen(TlsListener { listener, config: Arc::clone(&settings.server) }).unwrap();
    let handle = server.handle();
    let thread = thread::spawn(|| server.run().unwrap().1);

    let mut stream = connect(address, &settings);
    let open = ask(&mut stream, "GET", "", "");
    let (_, sid) = open.split_once("\"sid\":\"").unwrap();
    let sid = sid.split('"').next().unwrap();
    let query = format!("&sid={sid}");
    // Longer than the buffers of both ends, and than many records.
    let long = "x".repeat(900_000);
    for text in ["hello", &long] {
        assert_eq!(ask(&mut stream, "POST", &query, &format!("4{text}")), "ok");
        assert!(ask(&mut stream, "GET", &query, "") == format!("4{text}"));
    }

    let target = format!("wss://localhost/engine.io/?EIO=4&transport=websocket{query}");
    let request = ClientRequest::new(&target).unwrap();
    let secure = connect(address, &settings);
    let timeouts = Timeouts::default().keep_alive(None).opening(None);
    let mut socket =
        WebSocket::connect(secure, &request, sansio_ws::Config::default(), timeouts).unwrap();
    socket.send_text("2probe").unwrap();
    assert_eq!(socket.read().unwrap(), Some(Event::Text("3probe")));
    assert_eq!(ask(&mut stream, "GET", &query, ""), "6");
    socket.send_text("5").unwrap();
    for text in ["4hello", &format!("4{long}")] {
        socket.send_text(text).unwrap();
        assert_eq!(socket.read().unwrap(), Some(Event::Text(text)));
    }
    handle.shut_down();
    assert!(matches!(socket.read().unwrap(), Some(Event::Close(_))));
    drop((socket, stream));
    assert_eq!(thread.join().unwrap(), 0, "all connections have ended");
}

#[test]
fn engine_io_behind_tls_1_3() {
    runs(&TLS13);
}

#[test]
fn engine_io_behind_tls_1_2() {
    runs(&TLS12);
}
