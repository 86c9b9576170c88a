//! Connections by URL, against servers and proxies that are scripted here.

#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, ConnectStep, OriginPolicy, Proxy, RedirectError};
use sansio_ws::tls::{self, TlsError};
use sansio_ws::{CloseCode, Config, Event, Limits};
use sansio_ws_tokio::{
    ConnectError, Connector, Error, TcpOrTls, Unopened, WebSocket, connect_stream, connect_with,
    handshake_with,
};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
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
    fn server(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
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
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let (origin, timeouts) = (OriginPolicy::SameHost, Timeouts::NONE);
    let mut socket = WebSocket::accept(stream, origin, Config::default(), timeouts).await.unwrap();
    while let Some((mut reply, event)) = socket.next().await.unwrap() {
        if let Event::Text(text) = event {
            reply.send_text(text).unwrap();
        }
    }
}

async fn connect(url: &str, connector: &Connector) -> Result<WebSocket<TcpOrTls>, ConnectError> {
    let request = ClientRequest::new(url).unwrap();
    connect_with(&request, Config::default(), Timeouts::NONE, connector).await
}

async fn works(mut socket: WebSocket<TcpOrTls>) {
    socket.send_text("hello").await.unwrap();
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("hello")));
    assert!(socket.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
}

/// Reads the head of a request.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Answers each of so many requests, one for each connection, with what `answer` makes of it.
fn answers(
    listener: TcpListener,
    count: usize,
    answer: impl Fn(usize) -> String + Send + 'static,
) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let mut heads = vec![];
        for number in 0..count {
            let (mut socket, _) = listener.accept().await.unwrap();
            heads.push(read_head(&mut socket).await);
            socket.write_all(answer(number).as_bytes()).await.unwrap();
        }
        heads
    })
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 307 Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn by_tls_and_without_it() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move { echo(listener.accept().await.unwrap().0).await });
    works(connect(&format!("ws://localhost:{port}/"), &Connector::new()).await.unwrap()).await;
    server.await.unwrap();

    let authority = Authority::named("Authority");
    for host in ["localhost", "127.0.0.1"] {
        let acceptor = authority.server(host, |_| {});
        let (listener, port) = listen().await;
        let server = tokio::spawn(async move {
            echo(acceptor.accept(listener.accept().await.unwrap().0).await.unwrap()).await;
        });
        let url = format!("wss://{host}:{port}/");
        works(connect(&url, &authority.connector()).await.unwrap()).await;
        server.await.unwrap();
    }
}

/// What a client says of a server with this certificate.
async fn refusal(authority: &Authority, acceptor: TlsAcceptor) -> TlsError {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        acceptor.accept(listener.accept().await.unwrap().0).await.unwrap_err()
    });
    let url = format!("wss://localhost:{port}/");
    let error = connect(&url, &authority.connector()).await.unwrap_err();
    assert_eq!((error.step, &error.authority), (ConnectStep::Tls, &format!("localhost:{port}")));
    let heard = server.await.unwrap().to_string();
    assert!(heard.contains("alert"), "the server is told: {heard}");
    match error.error {
        Error::Tls(error) => error,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn certificates_that_prove_nothing() {
    let authority = Authority::named("Authority");
    let expired = authority.server("localhost", |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let error = refusal(&authority, expired).await;
    assert!(matches!(error, TlsError::Expired(_)), "{error}");
    let error = refusal(&authority, authority.server("example.com", |_| {})).await;
    assert!(matches!(error, TlsError::WrongName(_)), "{error}");
    let other = Authority::named("Somebody").server("localhost", |_| {});
    let error = refusal(&authority, other).await;
    assert!(matches!(error, TlsError::UnknownAuthority(_)), "{error}");
}

#[tokio::test]
async fn redirects_are_followed_and_counted() {
    let (listener, port) = listen().await;
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut socket, _) = listener.accept().await.unwrap();
            read_head(&mut socket).await;
            socket.write_all(redirect("next").as_bytes()).await.unwrap();
        }
        echo(listener.accept().await.unwrap().0).await;
    });
    works(connect(&format!("ws://127.0.0.1:{port}/a"), &Connector::new()).await.unwrap()).await;
    server.await.unwrap();

    let (listener, port) = listen().await;
    let heads = answers(listener, 6, |number| redirect(&format!("/{number}")));
    let url = format!("ws://127.0.0.1:{port}/");
    let error = connect(&url, &Connector::new()).await.unwrap_err();
    assert_eq!(error.step, ConnectStep::Redirect);
    assert!(matches!(error.error, Error::Redirect(RedirectError::TooMany(5))), "{error}");
    let heads = heads.await.unwrap();
    let mut keys: Vec<_> = heads
        .iter()
        .map(|head| head.lines().find(|line| line.starts_with("Sec-WebSocket-Key")).unwrap())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

#[tokio::test]
async fn a_refusal_is_handed_out_with_its_body() {
    let (listener, port) = listen().await;
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
    let heads = answers(listener, 1, move |_| answer.into());
    let request = ClientRequest::new(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let connector = Connector::new();
    let answer = handshake_with(&request, Config::default(), Timeouts::NONE, &connector).await;
    let error = answer.unwrap().into_socket().unwrap_err();
    let Error::Refused(response) = error else { panic!("{error}") };
    assert_eq!((response.status, &response.body[..]), (403, &b"no"[..]));
    heads.await.unwrap();
}

#[tokio::test]
async fn a_way_through_a_proxy() {
    let (listener, port) = listen().await;
    let proxying = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = read_head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        echo(socket).await;
        head
    });
    let proxy = Proxy::new(&format!("http://user:p%40ss@127.0.0.1:{port}")).unwrap();
    let connector = Connector::new().proxy(proxy);
    works(connect("ws://server.invalid/", &connector).await.unwrap()).await;
    let head = proxying.await.unwrap();
    assert!(head.starts_with("CONNECT server.invalid:80 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");

    let (listener, port) = listen().await;
    let answer = "HTTP/1.1 407 Authenticate\r\nContent-Length: 4\r\n\r\nwho?";
    let heads = answers(listener, 1, move |_| answer.into());
    let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let connector = Connector::new().proxy(proxy);
    let error = connect("wss://server.invalid/", &connector).await.unwrap_err();
    assert_eq!((error.step, &error.authority), (ConnectStep::Proxy, &format!("127.0.0.1:{port}")));
    assert!(matches!(&error.error, Error::Refused(response) if response.status == 407), "{error}");
    heads.await.unwrap();
}

/// The stream serves HTTP as well as a handshake, and nothing is sent in front of that.
#[tokio::test(start_paused = true)]
async fn a_stream_without_a_handshake() {
    let limits = Limits::default();
    let authority = Authority::named("Authority");
    let acceptor = authority.server("server.invalid", |_| {});
    let (listener, port) = listen().await;
    let proxying = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = read_head(&mut socket).await;
        socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let mut stream = acceptor.accept(socket).await.unwrap();
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.unwrap();
        stream.write_all(&word).await.unwrap();
        stream.flush().await.unwrap();
        echo(stream).await;
        head
    });
    let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let connector = authority.connector().proxy(proxy);
    let request = ClientRequest::new("wss://server.invalid/").unwrap();
    let stream = connect_stream(&request, &limits, Timeouts::NONE, &connector).await;
    let mut stream = stream.unwrap();
    stream.write_all(b"first").await.unwrap();
    stream.flush().await.unwrap();
    let mut word = [0; 5];
    stream.read_exact(&mut word).await.unwrap();
    assert_eq!(&word, b"first");
    let socket = WebSocket::connect(stream, &request, Config::default(), Timeouts::NONE).await;
    works(socket.unwrap()).await;
    let head = proxying.await.unwrap();
    assert!(head.starts_with("CONNECT server.invalid:443 HTTP/1.1\r\n"), "{head}");

    let (listener, port) = listen().await;
    let request = ClientRequest::new(&format!("wss://127.0.0.1:{port}/")).unwrap();
    let timeouts = Timeouts::default();
    let start = tokio::time::Instant::now();
    let error = connect_stream(&request, &limits, timeouts, &authority.connector()).await;
    let error = error.unwrap_err();
    assert!(matches!(error.error, Error::Unopened(Unopened::TimedOut)), "{error}");
    assert_eq!((error.step, error.authority), (ConnectStep::Tls, format!("127.0.0.1:{port}")));
    assert_eq!(Some(start.elapsed()), timeouts.opening);
    drop(listener);
}

/// Everything that never comes is given up by the same deadline. The clock stands still until nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn opening_bounds_every_step() {
    async fn silent() -> u16 {
        let (listener, port) = listen().await;
        tokio::spawn(async move {
            let (mut socket, _): (TcpStream, _) = listener.accept().await.unwrap();
            let _ = socket.read_to_end(&mut vec![]).await;
        });
        port
    }

    let trusting = Authority::named("Authority").connector();
    let proxy = Proxy::new(&format!("http://127.0.0.1:{}", silent().await)).unwrap();
    let through = Connector::new().proxy(proxy);
    let (listener, port) = listen().await;
    let second = silent().await;
    let heads = answers(listener, 1, move |_| redirect(&format!("ws://127.0.0.1:{second}/")));
    for (url, connector, step) in [
        (format!("ws://127.0.0.1:{}/", silent().await), &trusting, ConnectStep::Handshake),
        (format!("wss://127.0.0.1:{}/", silent().await), &trusting, ConnectStep::Tls),
        ("ws://server.invalid/".into(), &through, ConnectStep::Proxy),
        (format!("ws://127.0.0.1:{port}/"), &trusting, ConnectStep::Handshake),
    ] {
        let request = ClientRequest::new(&url).unwrap();
        let timeouts = Timeouts::default();
        let start = tokio::time::Instant::now();
        let error =
            connect_with(&request, Config::default(), timeouts, connector).await.unwrap_err();
        assert!(matches!(error.error, Error::Unopened(Unopened::TimedOut)), "{url}: {error}");
        assert_eq!(error.step, step, "{url}");
        assert_eq!(Some(start.elapsed()), timeouts.opening, "{url}");
    }
    heads.await.unwrap();
}
