//! What sends promise.

use crate::support::{Stream, client, frame, frames, server, server_with};
use bytes::Bytes;
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{Config, ControlPayload, Event, Limits, MessageKind, PreparedMessage, SendError};
use sansio_ws_tokio::{Error, WebSocket};

/// All of it has left, flushed, when the call returns.
#[tokio::test(start_paused = true)]
async fn ok_means_that_the_stream_has_passed_it_on() {
    for buffer in [0, 1000, 1 << 20] {
        let (mut socket, peer) = server(Timeouts::default());
        peer.set_buffer(buffer);
        let large = vec![7; 100_000];
        socket.send_text("text").await.unwrap();
        socket.send_binary(&large).await.unwrap();
        socket.send_bytes(MessageKind::Binary, &Bytes::from(large.clone())).await.unwrap();
        socket.send_prepared(&PreparedMessage::text("to all")).await.unwrap();
        socket.send_prepared(&PreparedMessage::binary(&large)).await.unwrap();
        socket.send_fragment(MessageKind::Text, b"fr", false).await.unwrap();
        socket.send_ping(ControlPayload::EMPTY).await.unwrap();
        socket.send_pong(ControlPayload::EMPTY).await.unwrap();
        socket.send_fragment(MessageKind::Text, b"ag", true).await.unwrap();
        let expected: Vec<(u8, Vec<u8>)> = vec![
            (1, b"text".into()),
            (2, large.clone()),
            (2, large.clone()),
            (1, b"to all".into()),
            (2, large.clone()),
            (1, b"fr".into()),
            (9, vec![]),
            (10, vec![]),
            (0, b"ag".into()),
        ];
        assert_eq!(frames(&peer.taken()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_changes_nothing() {
    let (mut socket, peer) = server(Timeouts::default());
    let bad = Bytes::from_static(b"\xff");
    let sent = socket.send_bytes(MessageKind::Text, &bad).await;
    assert!(matches!(sent, Err(Error::Send(SendError::InvalidUtf8))));
    let reason = "x".repeat(124);
    let closed = socket.start_close(sansio_ws::CloseCode::NORMAL, &reason).await;
    assert!(matches!(closed, Err(Error::Send(SendError::ReasonTooLong))));
    assert!(peer.taken().is_empty());
    socket.send_text("goes on").await.unwrap();
}

async fn echo(socket: &mut WebSocket<Stream>) -> Result<(), Error> {
    while let Some((mut reply, event)) = socket.next().await? {
        match event {
            Event::Text(text) => reply.send_text(text)?,
            Event::Binary(bytes) => reply.send_binary(bytes)?,
            _ => {}
        }
    }
    Ok(())
}

/// Nobody asks whether there is room, and no answer is lost.
#[tokio::test(start_paused = true)]
async fn who_does_not_read_its_answers_is_not_read_from() {
    let limits = Limits::default().max_queued_bytes(10_000);
    let (mut socket, peer) = server_with(Config::default().limits(limits), Timeouts::NONE);
    peer.set_room(0);
    for number in 0..1000u32 {
        peer.send(&frame(2, &number.to_be_bytes().repeat(100)));
    }
    peer.end(Ok(()));
    let reading = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(peer.unread() > 300_000, "{}", peer.unread());
        while frames_len(&peer.taken()) < 1000 * 404 {
            peer.set_room(1000);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (echoed, ()) = tokio::join!(echo(&mut socket), reading);
    echoed.unwrap();
    let answers = frames(&peer.taken());
    assert_eq!(answers.len(), 1000);
    for (number, (_, answer)) in (0u32..).zip(answers) {
        assert_eq!(answer, number.to_be_bytes().repeat(100));
    }
}

fn frames_len(bytes: &[u8]) -> usize {
    bytes.len()
}

/// Many small answers leave in one write.
#[tokio::test(start_paused = true)]
async fn answers_are_gathered() {
    let (mut socket, peer) = server(Timeouts::NONE);
    for _ in 0..100 {
        peer.send(&frame(1, b"hello"));
    }
    let mut answered = 0;
    while answered < 100 {
        let (mut reply, _) = socket.next().await.unwrap().unwrap();
        reply.send_text("hello").unwrap();
        answered += 1;
        assert!(peer.taken().is_empty(), "written too early");
    }
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.next()).await.is_err());
    assert_eq!(frames(&peer.taken()).len(), 100);
}

/// A peer that never reads costs the limit and one message.
#[tokio::test(start_paused = true)]
async fn the_queue_is_bounded() {
    let limits = Limits::default().max_queued_bytes(100_000);
    let (mut socket, peer) = server_with(Config::default().limits(limits), Timeouts::NONE);
    peer.set_room(0);
    for size in [10_000, 100_000, 1_000_000] {
        let payload = vec![7; size];
        let sent = tokio::time::timeout(Duration::from_secs(9), socket.send_binary(&payload));
        assert!(sent.await.is_err());
        assert!(socket.connection().queued() < 100_000 + size + 10);
    }
    assert!(socket.connection().outgoing().capacity() < 3_000_000);
}

/// The masks of a client are not those of a server: its large messages are queued whole.
#[tokio::test(start_paused = true)]
async fn a_client_masks() {
    let (mut socket, peer) = client(Timeouts::NONE);
    socket.send_binary(&[7; 100_000]).await.unwrap();
    let taken = peer.taken();
    assert_eq!((taken[1], taken.len()), (0x80 | 127, 14 + 100_000));
}

#[tokio::test(start_paused = true)]
async fn taking_it_apart_loses_nothing() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(0);
    peer.send(
        &[frame(1, b"first"), frame(1, b"second"), frame(1, b"third")[..7].to_vec()].concat(),
    );
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("first")));
    socket.connection().send_text("queued").unwrap();
    let parts = socket.into_parts();
    let mut socket = WebSocket::from_parts(parts, Timeouts::default());
    peer.set_room(usize::MAX);
    peer.send(&frame(1, b"third")[7..]);
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("second")));
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("third")));
    socket.flush().await.unwrap();
    assert_eq!(frames(&peer.taken()), [(1, b"queued".to_vec())]);
}
