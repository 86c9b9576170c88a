//! A client asks nothing before the settings of the server allow it (RFC 8441, section 3). The server is written by hand.

use bytes::Bytes;
use core::time::Duration;
use http_body_util::Empty;
use sansio_ws::deadlines::Timeouts;
use sansio_ws_tokio::http::open_http2;
use sansio_ws_tokio::{Error, Unopened};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const ALLOWING: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1];
const ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];

type Opened = Result<hyper::client::conn::http2::SendRequest<Empty<Bytes>>, Error>;

async fn open(stream: DuplexStream) -> Opened {
    open_http2(stream, Timeouts::default()).await
}

/// Reads until the client has acknowledged the settings.
async fn read_ack(server: &mut DuplexStream) {
    let mut received = vec![];
    while !received.windows(ACK.len()).any(|bytes| bytes == ACK) {
        assert_ne!(server.read_buf(&mut received).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_settings_are_waited_for() {
    let (client, mut server) = duplex(4096);
    let opening = tokio::spawn(open(client));
    server.write_all(SETTINGS).await.unwrap();
    read_ack(&mut server).await;
    // Until nothing else can happen.
    sleep(Duration::from_secs(1)).await;
    assert!(!opening.is_finished());
    server.write_all(ALLOWING).await.unwrap();
    opening.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_allows_it() {
    let (client, mut server) = duplex(4096);
    server.write_all(SETTINGS).await.unwrap();
    let start = Instant::now();
    let error = open(client).await.unwrap_err();
    assert!(matches!(error, Error::Unopened(Unopened::TimedOut)), "{error}");
    assert_eq!(Some(start.elapsed()), Timeouts::default().opening);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_or_speaks_something_else() {
    for answer in [&b""[..], SETTINGS, b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let (client, mut server) = duplex(4096);
        server.write_all(answer).await.unwrap();
        server.shutdown().await.unwrap();
        let error = open(client).await.unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{answer:?}: {error}");
    }
}
