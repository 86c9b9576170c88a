//! `blocking::connect_with` against servers and proxies that are scripted here. Real ones: `tests/secure`.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test connecting
//! ```

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sansio_ws::blocking::{
    ConnectError, Connector, Error, TcpOrTls, Unopened, WebSocket, connect_stream, connect_with,
};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{
    ClientRequest, ConnectStep, HandshakeError, InvalidUrl, OriginPolicy, Proxy, RedirectError,
};
use sansio_ws::tls::{self, TlsError};
use sansio_ws::{Config, Event, Limits};
use std::io::{Read, Write};
use std::iter::repeat;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use transports::{bounded, read_head};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::named("Authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Whoever trusts nobody else.
    fn connector(&self) -> Connector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Connector::new().tls(Arc::new(tls::client_config(roots).unwrap()))
    }

    /// A server with a certificate for this name, changed by `change`.
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_string()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

/// A listener, and its port.
fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Serves one connection.
fn serve<T: Send + 'static>(
    listener: TcpListener,
    script: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || script(listener.accept().unwrap().0))
}

fn echo<S: sansio_ws::blocking::Stream>(stream: S) {
    let (origin, timeouts) = (OriginPolicy::SameHost, Timeouts::NONE);
    let mut socket = WebSocket::accept(stream, origin, Config::default(), timeouts).unwrap();
    while let Some((connection, event)) = socket.next().unwrap() {
        if let Event::Text(text) = event {
            connection.send_text(text).unwrap();
        }
    }
}

fn secure(
    config: Arc<ServerConfig>,
    socket: TcpStream,
) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config).unwrap(), socket)
}

fn connect(url: &str, connector: &Connector) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    connect_within(url, connector, None)
}

fn connect_within(
    url: &str,
    connector: &Connector,
    opening: Option<Duration>,
) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let request = ClientRequest::new(url).unwrap();
    connect_with(&request, Config::default(), Timeouts::NONE.opening(opening), connector)
}

fn works(mut socket: WebSocket<TcpOrTls>) {
    socket.send_text("hello").unwrap();
    assert_eq!(socket.read().unwrap(), Some(Event::Text("hello")));
    assert!(socket.close_empty().unwrap().is_clean());
}

#[test]
fn names_and_addresses_that_the_certificate_has() {
    for host in ["localhost", "127.0.0.1"] {
        bounded(move || {
            let authority = Authority::new();
            let config = authority.server(host, |_| {});
            let (listener, port) = listen();
            let server = serve(listener, |socket| echo(secure(config, socket)));
            works(connect(&format!("wss://{host}:{port}/"), &authority.connector()).unwrap());
            server.join().unwrap();
        });
    }
}

/// The stream serves HTTP as well as a handshake, and nothing is sent in front of that. Who connects for a tunnel waits for it.
#[test]
fn a_stream_without_a_handshake() {
    const LIMITS: Limits = Limits::new();
    bounded(|| {
        let authority = Authority::new();
        let config = authority.server("server.invalid", |_| {});
        let (listener, port) = listen();
        let proxy = serve(listener, |mut socket| {
            let head = read_head(&mut socket);
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let mut stream = secure(config, socket);
            let mut word = [0; 5];
            stream.read_exact(&mut word).unwrap();
            stream.write_all(&word).unwrap();
            echo(stream);
            head
        });
        let proxy_url = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
        let connector = authority.connector().proxy(proxy_url);
        let request = ClientRequest::new("wss://server.invalid/").unwrap();
        let mut stream =
            connect_stream(&request, &LIMITS, Timeouts::default(), &connector).unwrap();
        assert_eq!(stream.socket().read_timeout().unwrap(), None);
        assert_eq!(stream.socket().write_timeout().unwrap(), None);
        stream.write_all(b"first").unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"first");
        works(WebSocket::connect(stream, &request, Config::default(), Timeouts::NONE).unwrap());
        let head = proxy.join().unwrap();
        assert!(head.starts_with(b"CONNECT server.invalid:443 HTTP/1.1\r\n"), "{head:?}");
    });
    bounded(|| {
        let (listener, port) = listen();
        let server = serve(listener, |mut socket| _ = socket.read_to_end(&mut vec![]));
        let request = ClientRequest::new(&format!("wss://localhost:{port}/")).unwrap();
        let timeouts = Timeouts::NONE.opening(Some(Duration::from_millis(200)));
        let connector = Authority::new().connector();
        let error = connect_stream(&request, &LIMITS, timeouts, &connector).unwrap_err();
        assert!(matches!(error.error, Error::Unopened(Unopened::TimedOut)), "{error}");
        assert_eq!((error.step, error.authority), (ConnectStep::Tls, format!("localhost:{port}")));
        server.join().unwrap();
    });
}

/// What a client says of a server with this certificate, and what the server heard.
fn refusal(authority: &Authority, config: Arc<ServerConfig>) -> TlsError {
    let (listener, port) = listen();
    let server = serve(listener, |socket| secure(config, socket).read(&mut [0]).unwrap_err());
    let error = connect(&format!("wss://localhost:{port}/"), &authority.connector()).unwrap_err();
    assert_eq!((error.step, &error.authority), (ConnectStep::Tls, &format!("localhost:{port}")));
    let heard = server.join().unwrap().to_string();
    assert!(heard.contains("alert"), "the server is told: {heard}");
    match error.error {
        Error::Tls(error) => error,
        error => panic!("{error}"),
    }
}

#[test]
fn certificates_that_prove_nothing() {
    bounded(|| {
        let authority = Authority::new();
        let config = authority.server("localhost", |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        });
        let error = refusal(&authority, config);
        assert!(matches!(error, TlsError::Expired(_)), "{error}");

        let config = authority.server("localhost", |params| {
            params.not_before = date_time_ymd(3000, 1, 1);
            params.not_after = date_time_ymd(3001, 1, 1);
        });
        let error = refusal(&authority, config);
        assert!(matches!(error, TlsError::NotYetValid(_)), "{error}");

        let error = refusal(&authority, authority.server("example.com", |_| {}));
        assert!(matches!(error, TlsError::WrongName(_)), "{error}");

        let error = refusal(&authority, Authority::named("Somebody").server("localhost", |_| {}));
        assert!(matches!(error, TlsError::UnknownAuthority(_)), "{error}");
    });
}

#[test]
fn a_server_without_tls_and_one_with_it_are_told_apart() {
    bounded(|| {
        let authority = Authority::new();
        let (listener, port) = listen();
        let server = serve(listener, |mut socket| {
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = socket.read_to_end(&mut vec![]);
        });
        let error =
            connect(&format!("wss://localhost:{port}/"), &authority.connector()).unwrap_err();
        assert!(matches!(error.error, Error::Tls(TlsError::Protocol(_))), "{error}");
        server.join().unwrap();
    });
}

/// Answers each of so many requests, one for each connection, with what `answer` makes of it.
fn answers(
    listener: TcpListener,
    count: usize,
    answer: impl Fn(usize) -> String + Send + 'static,
) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let answer = |number| {
            let (mut socket, _) = listener.accept().unwrap();
            let head = String::from_utf8(read_head(&mut socket)).unwrap();
            socket.write_all(answer(number).as_bytes()).unwrap();
            head
        };
        (0..count).map(answer).collect()
    })
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 307 Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn redirects_are_counted_and_have_keys_of_their_own() {
    bounded(|| {
        let (listener, port) = listen();
        let heads = answers(listener, 6, |number| redirect(&format!("/{number}")));
        let error = connect(&format!("ws://127.0.0.1:{port}/"), &Connector::new()).unwrap_err();
        assert_eq!(error.step, ConnectStep::Redirect);
        assert!(matches!(error.error, Error::Redirect(RedirectError::TooMany(5))), "{error}");
        let mut keys: Vec<_> = heads
            .join()
            .unwrap()
            .iter()
            .map(|head| {
                head.lines().find(|line| line.starts_with("Sec-WebSocket-Key")).unwrap().to_owned()
            })
            .collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    });
    bounded(|| {
        let (listener, port) = listen();
        let heads = answers(listener, 1, |_| redirect("/elsewhere"));
        let connector = Connector::new().max_redirects(0);
        let error = connect(&format!("ws://127.0.0.1:{port}/"), &connector).unwrap_err();
        let Error::Refused(response) = &error.error else { panic!("{error}") };
        assert_eq!((error.step, response.redirect()), (ConnectStep::Handshake, Some("/elsewhere")));
        heads.join().unwrap();
    });
}

#[test]
fn a_redirect_never_leads_from_tls_to_no_tls() {
    bounded(|| {
        let authority = Authority::new();
        let config = authority.server("localhost", |_| {});
        let (listener, port) = listen();
        let server = serve(listener, |socket| {
            let mut stream = secure(config, socket);
            read_head(&mut stream);
            stream.write_all(redirect("ws://localhost/").as_bytes()).unwrap();
            let _ = stream.read(&mut [0]);
        });
        let error =
            connect(&format!("wss://localhost:{port}/"), &authority.connector()).unwrap_err();
        let Error::Redirect(RedirectError::Location { location, fault }) = error.error else {
            panic!("{error}")
        };
        assert_eq!((location.as_str(), fault), ("ws://localhost/", InvalidUrl::Downgrade));
        server.join().unwrap();
    });
}

/// Everything that never comes is given up by the same deadline.
#[test]
fn opening_bounds_every_step() {
    const OPENING: Option<Duration> = Some(Duration::from_millis(200));

    fn silent(listener: TcpListener) -> JoinHandle<()> {
        serve(listener, |mut socket| _ = socket.read_to_end(&mut vec![]))
    }

    fn times_out(url: &str, connector: &Connector, step: ConnectStep) {
        let error = connect_within(url, connector, OPENING).unwrap_err();
        assert!(matches!(error.error, Error::Unopened(Unopened::TimedOut)), "{error}");
        assert_eq!(error.step, step);
    }

    bounded(|| {
        let trusting = Authority::new().connector();
        for (scheme, step) in [("ws", ConnectStep::Handshake), ("wss", ConnectStep::Tls)] {
            let (listener, port) = listen();
            let server = silent(listener);
            times_out(&format!("{scheme}://localhost:{port}/"), &trusting, step);
            server.join().unwrap();
        }
        let (listener, port) = listen();
        let server = silent(listener);
        let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
        times_out("ws://example.com/", &Connector::new().proxy(proxy), ConnectStep::Proxy);
        server.join().unwrap();
    });
    // A record that never ends is given up like silence.
    bounded(|| {
        let (listener, port) = listen();
        let server = serve(listener, |mut socket| {
            socket.set_nodelay(true).unwrap();
            let mut bytes = [22, 3, 3, 0x40, 0, 2, 0, 0x3F, 0xFC].into_iter().chain(repeat(0));
            while socket.write_all(&[bytes.next().unwrap()]).is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let trusting = Authority::new().connector();
        times_out(&format!("wss://localhost:{port}/"), &trusting, ConnectStep::Tls);
        server.join().unwrap();
    });
    // The second server has what the first one leaves.
    bounded(|| {
        let ((first, first_port), (second, second_port)) = (listen(), listen());
        let first = answers(first, 1, move |_| redirect(&format!("ws://127.0.0.1:{second_port}/")));
        let second = silent(second);
        let url = format!("ws://127.0.0.1:{first_port}/");
        times_out(&url, &Connector::new(), ConnectStep::Handshake);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// A proxy that answers this, and what the client says of it.
fn proxied(answer: &'static str, url: &str) -> (String, ConnectError) {
    let (listener, port) = listen();
    let heads = answers(listener, 1, move |_| answer.into());
    let proxy = Proxy::new(&format!("http://us%3Aer:pass@127.0.0.1:{port}"));
    assert!(proxy.is_err(), "no colon in the name of a user");
    let proxy = Proxy::new(&format!("http://user:p%40ss@127.0.0.1:{port}")).unwrap();
    let error = connect(url, &Connector::new().proxy(proxy)).unwrap_err();
    assert_eq!(error.authority, format!("127.0.0.1:{port}"));
    assert!(!format!("{error} {error:?}").contains("p@ss"));
    (heads.join().unwrap().remove(0), error)
}

#[test]
fn a_proxy_refuses() {
    bounded(|| {
        let answer = "HTTP/1.1 407 Authenticate\r\nContent-Length: 4\r\n\r\nwho?";
        let (head, error) = proxied(answer, "wss://example.com/");
        assert!(head.starts_with("CONNECT example.com:443 HTTP/1.1\r\n"), "{head}");
        // "user:p@ss"
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
        let Error::Refused(response) = &error.error else { panic!("{error}") };
        assert_eq!((response.status, &response.body[..]), (407, &b"who?"[..]));
        assert_eq!(error.step, ConnectStep::Proxy);

        let answer = "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 forged";
        let (_, error) = proxied(answer, "ws://[::1]/");
        let expected = HandshakeError::BytesBehindAnswer;
        assert!(matches!(error.error, Error::Handshake(e) if e == expected), "{error}");
        let (_, error) = proxied("HTTP/1.1 20", "ws://example.com/");
        assert!(matches!(error.error, Error::Unopened(Unopened::TruncatedHead)), "{error}");
    });
}
