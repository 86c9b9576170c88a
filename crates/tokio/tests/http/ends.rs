//! How a stream of HTTP/2 ends is how the connection ends. The client is `h2` with frames by hand.

use super::servers::{Served, axum_server};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Version};
use sansio_ws::{CloseCode, Ended};
use tokio::net::TcpStream;

/// A text message "hi", masked with zeros, and its first half.
const HI: &[u8] = b"\x81\x82\0\0\0\0hi";
/// The first fragment of a message.
const FRAGMENT: &[u8] = b"\x01\x81\0\0\0\0h";
const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xE8";

/// An open WebSocket: what it writes, and what it reads.
async fn open(port: u16) -> (SendStream<Bytes>, RecvStream, SendRequest<Bytes>) {
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut sender, mut connection) = h2::client::handshake(socket).await.unwrap();
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::select! {
            biased;
            result = &mut connection => panic!("{result:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("http://127.0.0.1:{port}/ws?room=1"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .body(())
        .unwrap();
    let (answer, send) = sender.send_request(request, false).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    (send, answer.into_body(), sender)
}

/// Receives exactly these bytes.
async fn receive(stream: &mut RecvStream, expected: &[u8]) {
    let mut received = vec![];
    while received.len() < expected.len() {
        let bytes = stream.data().await.unwrap().unwrap();
        stream.flow_control().release_capacity(bytes.len()).unwrap();
        received.extend_from_slice(&bytes);
    }
    assert_eq!(received, expected);
}

const fn eof(mid_frame: bool, mid_message: bool) -> Ended {
    Ended::Eof { mid_frame, mid_message, close_sent: false }
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end() {
    let Served { port, ends, .. } = axum_server().await;
    for (bytes, expected) in [
        (&b""[..], eof(false, false)),
        (FRAGMENT, eof(false, true)),
        (&HI[..7], eof(true, true)),
        (CLOSE, Ended::Clean { code: Some(CloseCode::NORMAL) }),
    ] {
        let (mut send, mut receiving, _sender) = open(port).await;
        send.send_data(Bytes::from_static(HI), false).unwrap();
        receive(&mut receiving, b"\x81\x02hi").await;
        send.send_data(Bytes::from_static(bytes), true).unwrap();
        assert_eq!(ends.recv().await.unwrap().unwrap(), expected);
    }
}

/// Nothing that came before a reset is lost, and where it cut is told.
#[tokio::test]
async fn a_reset_is_an_end_within_whatever_it_cuts() {
    let Served { port, ends, .. } = axum_server().await;
    for reason in [Reason::CANCEL, Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::PROTOCOL_ERROR]
    {
        let (mut send, mut receiving, _sender) = open(port).await;
        send.send_data(Bytes::from_static(HI), false).unwrap();
        receive(&mut receiving, b"\x81\x02hi").await;
        let both = [HI, &HI[..7]].concat();
        send.send_data(both.into(), false).unwrap();
        // Behind this answer the half message has been read as well.
        receive(&mut receiving, b"\x81\x02hi").await;
        send.send_reset(reason);
        assert_eq!(ends.recv().await.unwrap().unwrap(), eof(true, true), "{reason:?}");
    }
}

/// A connection that goes away takes its streams along.
#[tokio::test]
async fn the_end_of_the_connection_is_the_end() {
    let Served { port, ends, .. } = axum_server().await;
    let (mut send, mut receiving, sender) = open(port).await;
    send.send_data([HI, FRAGMENT].concat().into(), false).unwrap();
    receive(&mut receiving, b"\x81\x02hi").await;
    drop((send, receiving, sender));
    assert_eq!(ends.recv().await.unwrap().unwrap(), eof(false, true));
}
