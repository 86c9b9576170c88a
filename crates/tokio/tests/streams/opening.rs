//! Handshakes, in both roles.

use crate::support::{Peer, Stream, stream as pipe};
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{Acceptance, ClientRequest, OriginPolicy, Response, Status};
use sansio_ws::{Config, Event, Limits};
use sansio_ws_tokio::{Answer, Error, Unopened, WebSocket};
use std::io::{self, ErrorKind};
use tokio::time::{Instant, sleep};

const REQUEST: &[u8] =
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn accept(stream: Stream) -> Result<WebSocket<Stream>, Error> {
    WebSocket::accept(stream, OriginPolicy::SameHost, Config::default(), Timeouts::default()).await
}

async fn connect(stream: Stream) -> Result<WebSocket<Stream>, Error> {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    WebSocket::connect(stream, &request, Config::default(), Timeouts::default()).await
}

fn text(peer: &Peer) -> String {
    String::from_utf8(peer.take()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn bytes_behind_the_request_are_the_first_frames() {
    for portion in [1, 7, usize::MAX] {
        let (stream, peer) = pipe();
        peer.set_portion(portion);
        peer.send(REQUEST);
        peer.send(b"\x81\x82\0\0\0\0hi");
        let mut socket = accept(stream).await.unwrap();
        assert!(text(&peer).starts_with("HTTP/1.1 101 "));
        assert_eq!(socket.read().await.unwrap(), Some(Event::Text("hi")));
    }
}

#[tokio::test(start_paused = true)]
async fn the_decision_is_the_caller_s() {
    let (stream, peer) = pipe();
    peer.send(REQUEST);
    let (config, limits) = (Config::default(), Limits::default());
    let socket = WebSocket::accept_with(stream, &limits, Timeouts::default(), |request| {
        assert_eq!(request.path(), "/chat");
        let upgrade = request.upgrade(OriginPolicy::SameHost)?;
        Ok(upgrade.accept(&Acceptance::default(), config)?)
    });
    assert!(socket.await.is_ok());

    let (stream, peer) = stream_with_end(REQUEST, Ok(()));
    let refused = WebSocket::accept_with(stream, &limits, Timeouts::default(), |_| {
        Err(Response::text(Status::FORBIDDEN, "not you"))
    });
    let error = refused.await.unwrap_err();
    assert!(matches!(error, Error::Responded(Status::FORBIDDEN)), "{error:?}");
    let answer = text(&peer);
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with("not you"), "{answer}");
    assert!(peer.is_shut_down());
}

fn stream_with_end(bytes: &[u8], end: io::Result<()>) -> (Stream, Peer) {
    let (stream, peer) = pipe();
    peer.send(bytes);
    peer.end(end);
    (stream, peer)
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_answered() {
    for (request, status) in
        [(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "426"), (b"\0\0\0\0\r\n\r\n", "400")]
    {
        let (stream, peer) = stream_with_end(request, Ok(()));
        assert!(accept(stream).await.is_err());
        let answer = text(&peer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

/// The answer could be destroyed on its way by closing with unread input.
#[tokio::test(start_paused = true)]
async fn a_refused_client_is_read_from_until_it_goes_or_time_is_up() {
    let (stream, peer) = pipe();
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let sending = async {
        loop {
            peer.send(&[7; 10_000]);
            sleep(Duration::from_millis(100)).await;
        }
    };
    let start = Instant::now();
    tokio::select! {
        accepted = accept(stream) => assert!(accepted.is_err()),
        () = sending => {}
    }
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(text(&peer).starts_with("HTTP/1.1 426 "));
}

#[tokio::test(start_paused = true)]
async fn before_opening_an_end_is_an_error() {
    let cut = || Err(ErrorKind::UnexpectedEof.into());
    let reset = || Err(ErrorKind::ConnectionReset.into());
    for (bytes, expected) in
        [(&b""[..], Unopened::Ended), (b"GET / HTTP/1.1\r\nHo", Unopened::TruncatedHead)]
    {
        let (stream, _peer) = stream_with_end(bytes, Ok(()));
        let error = accept(stream).await.unwrap_err();
        assert!(matches!(error, Error::Unopened(why) if why == expected), "{error:?}");
        let (stream, _peer) = stream_with_end(bytes, cut());
        let error = accept(stream).await.unwrap_err();
        assert!(matches!(error, Error::Unopened(Unopened::CutOff)), "{error:?}");
        let (stream, _peer) = stream_with_end(bytes, reset());
        assert!(matches!(accept(stream).await, Err(Error::Io(_))));
    }
    for bytes in [&b""[..], b"HTTP/1.1 101 Swi"] {
        let (stream, _peer) = stream_with_end(bytes, cut());
        let error = connect(stream).await.unwrap_err();
        assert!(matches!(error, Error::Unopened(Unopened::CutOff)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn opening_is_bounded_in_all() {
    for (bytes, room) in [(REQUEST, 0), (&REQUEST[..20], usize::MAX), (b"", usize::MAX)] {
        let (stream, peer) = pipe();
        peer.set_room(room);
        peer.send(bytes);
        let start = Instant::now();
        let error = accept(stream).await.unwrap_err();
        assert!(matches!(error, Error::Unopened(Unopened::TimedOut)), "{error:?}");
        assert_eq!(start.elapsed().as_secs(), 10);
        assert!(peer.is_dropped());
    }
    // A byte now and then does not prolong it.
    let (stream, peer) = pipe();
    let sending = async {
        for byte in REQUEST.iter().cycle() {
            peer.send(&[*byte]);
            sleep(Duration::from_secs(1)).await;
        }
    };
    let start = Instant::now();
    tokio::select! {
        accepted = accept(stream) => assert!(accepted.is_err()),
        () = sending => {}
    }
    assert_eq!(start.elapsed().as_secs(), 10);
    for room in [0, usize::MAX] {
        let (stream, peer) = pipe();
        peer.set_room(room);
        let start = Instant::now();
        let error = connect(stream).await.unwrap_err();
        assert!(matches!(error, Error::Unopened(Unopened::TimedOut)), "{error:?}");
        assert_eq!(start.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_with_its_body_and_the_stream() {
    let (stream, peer) = pipe();
    let request = ClientRequest::new("ws://example.com/").unwrap();
    peer.send(b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nwait");
    peer.send(b"behind");
    let answer =
        WebSocket::handshake(stream, &request, Config::default(), Timeouts::default()).await;
    match answer.unwrap() {
        Answer::Refused { response, rx, .. } => {
            assert_eq!((response.status, response.header("retry-after")), (503, Some("30")));
            assert_eq!((&response.body[..], rx.unread()), (&b"wait"[..], &b"behind"[..]));
        }
        Answer::Open(..) => panic!("it was refused"),
    }
    let (stream, peer) = pipe();
    peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n");
    let answer = connect(stream).await.unwrap_err();
    assert!(matches!(&answer, Error::Refused(response) if response.is_cut), "{answer:?}");
}

/// A future that is dropped takes the stream with it, and nothing else happens.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_dropped_is_over() {
    let (stream, peer) = pipe();
    peer.send(&REQUEST[..30]);
    assert!(tokio::time::timeout(Duration::from_secs(1), accept(stream)).await.is_err());
    assert!(peer.is_dropped());
}
