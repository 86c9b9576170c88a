//! Over TLS, which has buffers of its own and cannot be cut in two.

use core::time::Duration;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, OriginPolicy};
use sansio_ws::{CloseCode, Config, Ended, Event};
use sansio_ws_tokio::WebSocket;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

type Server = server::TlsStream<DuplexStream>;
type Client = client::TlsStream<DuplexStream>;

/// A TLS stream between two tasks, over a pipe that holds so many bytes.
async fn pair(bytes: usize) -> (Server, Client) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["example.com".into()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let (near, far) = tokio::io::duplex(bytes);
    let name = ServerName::try_from("example.com").unwrap();
    let (server, client) = tokio::join!(
        TlsAcceptor::from(Arc::new(server)).accept(near),
        TlsConnector::from(Arc::new(client)).connect(name, far),
    );
    (server.unwrap(), client.unwrap())
}

async fn sockets(bytes: usize) -> (WebSocket<Server>, WebSocket<Client>) {
    let (server, client) = pair(bytes).await;
    let request = ClientRequest::new("wss://example.com/").unwrap();
    let (config, timeouts) = (Config::default, Timeouts::default());
    let (server, client) = tokio::join!(
        WebSocket::accept(server, OriginPolicy::SameHost, config(), timeouts),
        WebSocket::connect(client, &request, config(), timeouts),
    );
    (server.unwrap(), client.unwrap())
}

/// Four writers beside a reader on each side, all at the same time.
#[tokio::test(start_paused = true)]
async fn four_writers_beside_a_reader() {
    converse(sockets(4096).await).await;
}

/// The same on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_writers_beside_a_reader_on_four_threads() {
    for _ in 0..5 {
        converse(sockets(4096).await).await;
    }
}

async fn converse((server, client): (WebSocket<Server>, WebSocket<Client>)) {
    let (server_reader, server_writer) = server.split();
    let (client_reader, client_writer) = client.split();
    macro_rules! write {
        ($writer:expr) => {
            (0..4u32).map(|task| {
                let writer = $writer.clone();
                tokio::spawn(async move {
                    for number in 0..50u32 {
                        let payload = [task, number].map(u32::to_be_bytes).concat().repeat(1250);
                        match number % 4 {
                            0 => writer.feed_binary(&payload).await.unwrap(),
                            _ => writer.send_binary(&payload).await.unwrap(),
                        }
                    }
                    writer.flush().await.unwrap();
                })
            })
        };
    }
    macro_rules! read {
        ($reader:expr) => {{
            let mut reader = $reader;
            tokio::spawn(async move {
                let mut next = [0u32; 4];
                while next != [50; 4] {
                    let Some(Event::Binary(bytes)) = reader.read().await.unwrap() else {
                        panic!("no message");
                    };
                    let task = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
                    let expected = [task as u32, next[task]].map(u32::to_be_bytes).concat();
                    assert_eq!(bytes, expected.repeat(1250));
                    next[task] += 1;
                }
                // Keeps the connection open for the other direction.
                while reader.read().await.unwrap().is_some() {}
                reader.ended().unwrap()
            })
        }};
    }
    let (server_reads, client_reads) = (read!(server_reader), read!(client_reader));
    let tasks: Vec<_> = write!(server_writer).chain(write!(client_writer)).collect();
    for task in tasks {
        task.await.unwrap();
    }
    client_writer.close(CloseCode::NORMAL, "").await.unwrap();
    for reads in [server_reads, client_reads] {
        assert!(reads.await.unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn echo_in_one_piece_and_a_clean_end() {
    let (mut server, mut client) = sockets(4096).await;
    let serving = tokio::spawn(async move {
        while let Some((mut reply, event)) = server.next().await.unwrap() {
            if let Event::Binary(bytes) = event {
                reply.send_binary(bytes).unwrap();
            }
        }
        server.ended().unwrap()
    });
    for size in [0, 1, 1000, 20_000, 300_000] {
        let payload = vec![7; size];
        client.send_binary(&payload).await.unwrap();
        assert_eq!(client.read().await.unwrap(), Some(Event::Binary(&payload[..])));
    }
    assert!(client.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    assert!(serving.await.unwrap().is_clean());
}

/// Browsers never send `close_notify`.
#[tokio::test(start_paused = true)]
async fn an_end_without_close_notify_is_an_end() {
    for closes in [false, true] {
        let (mut server, client) = pair(4096).await;
        let request = ClientRequest::new("wss://example.com/").unwrap();
        let connecting =
            WebSocket::connect(client, &request, Config::default(), Timeouts::default());
        let accepting = tokio::spawn(async move {
            let mut head = [0; 4096];
            let n = server.read(&mut head).await.unwrap();
            let mut rx = sansio_ws::RecvBuffer::new();
            rx.extend_from_slice(&head[..n]);
            let mut handshake = sansio_ws::handshake::ServerHandshake::new(&Default::default());
            let request = handshake.receive(&mut rx).unwrap().unwrap();
            let upgrade = request.upgrade(OriginPolicy::SameHost).unwrap();
            let mut connection = upgrade.accept(&Default::default(), Config::default()).unwrap();
            let mut answer = vec![];
            connection.outgoing().write_to(&mut answer).unwrap();
            server.write_all(&answer).await.unwrap();
            server.write_all(b"\x81\x05hello").await.unwrap();
            if closes {
                server.write_all(b"\x88\x02\x03\xe8").await.unwrap();
            }
            server.flush().await.unwrap();
            // The pipe ends, and TLS was not asked.
            let (pipe, _tls) = server.into_inner();
            drop(pipe);
        });
        let mut client = connecting.await.unwrap();
        assert_eq!(client.read().await.unwrap(), Some(Event::Text("hello")));
        while client.read().await.unwrap().is_some() {}
        let ended = client.ended().unwrap();
        assert_eq!(ended.is_clean(), closes, "{ended:?}");
        accepting.await.unwrap();
    }
}

/// What TLS has taken and the peer has not is no sign of life, and no `Ok`.
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_is_given_up() {
    let (mut server, _client) = sockets(4096).await;
    let start = tokio::time::Instant::now();
    let mut sent = 0;
    let error = loop {
        match server.send_binary(&[7; 1000]).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(sent < 6, "{sent}");
    assert!(matches!(error, sansio_ws_tokio::Error::Ended(Ended::TimedOut)), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 40);
}
