//! Futures that are dropped.

use crate::support::{client, frame, frames, poll_once, server};
use core::pin::pin;
use core::task::Poll;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{Config, Connection, Event, Limits, Masks, RecvBuffer, Role};
use sansio_ws_tokio::{Parts, WebSocket};
use tokio::io::DuplexStream;
use tokio::task::yield_now;

/// Every future of reading is polled once and dropped, whatever it says, with reads and writes of all sizes.
#[tokio::test(start_paused = true)]
async fn reads_that_are_dropped_at_each_poll_lose_and_repeat_nothing() {
    let payloads: Vec<Vec<u8>> = [0, 1, 125, 126, 3000, 70_000].map(|n| vec![n as u8; n]).into();
    let wire: Vec<u8> = payloads.iter().flat_map(|payload| frame(2, payload)).collect();
    for portion in [1, 2, 3, 7, 100, 4096, 65_537, usize::MAX] {
        let (mut socket, peer) = server(Timeouts::NONE);
        peer.set_portion(portion);
        let mut received = vec![];
        let mut left = &wire[..];
        while received.len() < payloads.len() {
            // One answer may be refused, or cut, at any byte.
            peer.set_room(portion);
            let mut future = pin!(socket.next());
            match poll_once(future.as_mut()) {
                Poll::Ready(event) => match event.unwrap().unwrap() {
                    (mut reply, Event::Binary(bytes)) => {
                        received.push(bytes.to_vec());
                        reply.send_binary(bytes).unwrap();
                    }
                    (_, other) => panic!("{other:?}"),
                },
                Poll::Pending => {
                    let (now, later) = left.split_at(portion.min(left.len()));
                    peer.send(now);
                    left = later;
                }
            }
        }
        assert_eq!(received, payloads);
        loop {
            peer.set_room(portion);
            let mut future = pin!(socket.flush());
            if let Poll::Ready(flushed) = poll_once(future.as_mut()) {
                break flushed.unwrap();
            }
        }
        let answered: Vec<_> = frames(&peer.taken()).into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(answered, payloads);
    }
}

/// The k-th poll is the last one, for each k. What follows is intact, and the message is there whole or not at all.
#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_has_queued_all_or_nothing() {
    let payload = vec![7; 1000];
    let mut seen = [false; 2];
    for full in [false, true] {
        for polls in 0..12 {
            let (mut socket, peer) = server(Timeouts::NONE);
            peer.set_room(0);
            let mut before = 0;
            while full && socket.connection().send_binary(&[1; 60_000]).is_ok() {
                before += 1;
            }
            {
                let mut future = pin!(socket.send_binary(&payload));
                for _ in 0..polls {
                    if poll_once(future.as_mut()).is_ready() {
                        break;
                    }
                    peer.set_room(200_000);
                }
            }
            peer.set_room(usize::MAX);
            socket.send_text("behind").await.unwrap();
            let mut frames = frames(&peer.taken()).into_iter().skip(before);
            let first = frames.next().unwrap();
            let queued = first == (2, payload.clone());
            seen[usize::from(queued)] = true;
            let behind = if queued { frames.next().unwrap() } else { first };
            assert_eq!(behind, (1, b"behind".to_vec()), "{polls} polls");
            assert_eq!(frames.next(), None);
        }
    }
    assert_eq!(seen, [true; 2], "both happen");
}

/// A message that is offered before it is queued, too: the stream has taken the first bytes of it when the future is dropped.
#[tokio::test(start_paused = true)]
async fn a_large_send_that_is_dropped_goes_on_with_the_next_one() {
    let payload = vec![7; 300_000];
    for prepared in [false, true] {
        let (mut socket, peer) = server(Timeouts::NONE);
        peer.set_room(100_000);
        let message = sansio_ws::PreparedMessage::binary(&payload);
        if prepared {
            let mut future = pin!(socket.send_prepared(&message));
            assert!(poll_once(future.as_mut()).is_pending());
        } else {
            let mut future = pin!(socket.send_binary(&payload));
            assert!(poll_once(future.as_mut()).is_pending());
        }
        peer.set_room(usize::MAX);
        socket.send_text("behind").await.unwrap();
        let expected = vec![(2, payload.clone()), (1, b"behind".to_vec())];
        assert_eq!(frames(&peer.taken()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_room_and_keeps_nothing() {
    let (mut socket, peer) = client(Timeouts::NONE);
    peer.set_room(0);
    while socket.connection().send_binary(&[1; 60_000]).is_ok() {}
    for _ in 0..3 {
        let mut future = pin!(socket.ready());
        assert!(poll_once(future.as_mut()).is_pending());
    }
    peer.set_room(usize::MAX);
    socket.ready().await.unwrap();
    socket.connection().send_text("there is room").unwrap();
}

const MESSAGES: u32 = 200;
const BYTES: usize = 100_000;

fn message(number: u32) -> Vec<u8> {
    number.to_be_bytes().repeat(BYTES / 4)
}

/// Of so many messages, one is answered, by little: a peer that pushes must not be kept waiting for that.
const ASKS: u32 = 5;

/// Each wait loses against the other branch, which comes first, every other time.
async fn converse(mut socket: WebSocket<DuplexStream>) {
    let (mut sent, mut received, mut answers, mut polls) = (0, 0, 0, 0u32);
    while received < MESSAGES || sent < MESSAGES || answers < MESSAGES / ASKS {
        polls += 1;
        assert!(polls < 1_000_000, "they wait for each other");
        if sent < MESSAGES && !polls.is_multiple_of(3) {
            tokio::select! {
                biased;
                () = yield_now() => {}
                ready = socket.ready() => {
                    ready.unwrap();
                    socket.connection().send_binary(&message(sent)).unwrap();
                    sent += 1;
                }
            }
        }
        tokio::select! {
            biased;
            () = yield_now() => {}
            event = socket.next() => match event.unwrap().unwrap() {
                (mut reply, Event::Binary(bytes)) => {
                    assert_eq!(bytes, message(received));
                    received += 1;
                    if received.is_multiple_of(ASKS) {
                        reply.send_text("seen").unwrap();
                    }
                }
                (_, Event::Text("seen")) => answers += 1,
                (_, other) => panic!("{other:?}"),
            }
        }
        if polls.is_multiple_of(5) {
            tokio::select! {
                biased;
                () = yield_now() => {}
                flushed = socket.flush() => flushed.unwrap(),
            }
        }
    }
    socket.flush().await.unwrap();
    assert_eq!((sent, received), (MESSAGES, MESSAGES));
}

fn over(stream: DuplexStream, role: Role) -> WebSocket<DuplexStream> {
    let config = Config::default().limits(Limits::default().max_queued_bytes(300_000));
    let parts = Parts { stream, rx: RecvBuffer::new(), connection: Connection::new(role, config) };
    WebSocket::from_parts(parts, Timeouts::default())
}

#[tokio::test(start_paused = true)]
async fn a_biased_select_loses_nothing_in_either_direction() {
    let (near, far) = tokio::io::duplex(30_000);
    let server = tokio::spawn(converse(over(near, Role::Server)));
    let client = tokio::spawn(converse(over(far, Role::Client(Masks::from_os().unwrap()))));
    server.await.unwrap();
    client.await.unwrap();
}
