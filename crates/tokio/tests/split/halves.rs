//! What the two halves promise, beside what a connection in one piece does.

use crate::support::{Peer, frame, frames, poll_once, server, server_with};
use core::pin::pin;
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{CloseCode, Config, Ended, Event, Limits, PreparedMessage, SendError};
use sansio_ws_tokio::Error;
use std::io::ErrorKind;
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep, timeout};

const SHORT: Duration = Duration::from_secs(1);

fn opcodes(peer: &Peer) -> Vec<u8> {
    frames(&peer.taken()).iter().map(|(opcode, _)| *opcode).collect()
}

#[tokio::test(start_paused = true)]
async fn a_writer_gets_on_although_nobody_polls_the_reader() {
    let (socket, peer) = server(Timeouts::default());
    let (_reader, writer) = socket.split();
    peer.set_portion(1000);
    let taking = async {
        for _ in 0..40 {
            peer.set_room(10_000);
            sleep(SHORT).await;
        }
    };
    let sending = async {
        writer.send_text("first").await.unwrap();
        writer.send_binary(&[7; 200_000]).await.unwrap();
        writer.feed_text("fed").await.unwrap();
        writer.send_prepared(&PreparedMessage::text("last")).await.unwrap();
        frames(&peer.taken())
    };
    let (sent, ()) = tokio::join!(sending, taking);
    let payloads: Vec<usize> = sent.iter().map(|(_, payload)| payload.len()).collect();
    assert_eq!(payloads, [5, 200_000, 3, 4], "all had been taken when the last send returned");
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_is_written_by_the_reader() {
    let (socket, peer) = server(Timeouts::default());
    let (mut reader, writer) = socket.split();
    let reading = tokio::spawn(async move { reader.read().await.unwrap().is_some() });
    tokio::task::yield_now().await;
    for text in ["a", "b", "c"] {
        writer.feed_text(text).await.unwrap();
    }
    assert!(peer.taken().is_empty(), "gathered");
    sleep(SHORT).await;
    assert_eq!(opcodes(&peer), [1, 1, 1]);
    peer.send(&frame(9, b"ping"));
    assert!(reading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_can_be_flushed() {
    let (socket, peer) = server(Timeouts::default());
    let (_reader, writer) = socket.split();
    writer.feed_binary(&[1]).await.unwrap();
    writer.feed_prepared(&PreparedMessage::binary(&[2])).await.unwrap();
    assert!(peer.taken().is_empty());
    writer.flush().await.unwrap();
    assert_eq!(opcodes(&peer), [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_makes_feeding_wait() {
    let limits = Limits::default().max_queued_bytes(100_000);
    let (socket, peer) = server_with(Config::default().limits(limits), Timeouts::NONE);
    let (_reader, writer) = socket.split();
    peer.set_room(0);
    let mut fed = 0;
    while timeout(SHORT, writer.feed_binary(&[7; 30_000])).await.is_ok() {
        fed += 1;
    }
    assert_eq!(fed, 4, "the limit and one message");
    assert!(timeout(SHORT, writer.ready()).await.is_err());
    let (ready, fed, ()) = tokio::join!(writer.ready(), writer.feed_text("in the end"), async {
        sleep(SHORT).await;
        peer.set_room(usize::MAX);
    });
    ready.unwrap();
    fed.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(opcodes(&peer), [2, 2, 2, 2, 1]);
}

/// Ten thousand messages of four tasks come out one behind the other, none of them cut or lost.
#[tokio::test(start_paused = true)]
async fn messages_of_several_writers_do_not_mix() {
    let limits = Limits::default().max_queued_bytes(5000);
    let (socket, peer) = server_with(Config::default().limits(limits), Timeouts::default());
    let (mut reader, writer) = socket.split();
    peer.set_portion(701);
    let reading = tokio::spawn(async move { while reader.read().await.unwrap().is_some() {} });
    let tasks: Vec<_> = (0..4u32)
        .map(|task| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for number in 0..500u32 {
                    let payload = [task, number]
                        .map(u32::to_be_bytes)
                        .concat()
                        .repeat(1 + number as usize % 60);
                    match number % 3 {
                        0 => writer.feed_binary(&payload).await.unwrap(),
                        _ => writer.send_binary(&payload).await.unwrap(),
                    }
                }
                writer.flush().await.unwrap();
            })
        })
        .collect();
    let taking = async {
        while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
            peer.set_room(3000);
            peer.send(&frame(9, b"ping"));
            sleep(Duration::from_millis(1)).await;
        }
    };
    taking.await;
    for task in tasks {
        task.await.unwrap();
    }
    let mut next = [0u32; 4];
    for (opcode, payload) in frames(&peer.taken()) {
        if opcode == 2 {
            let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            let task = number(0) as usize;
            assert_eq!(number(4), next[task]);
            assert_eq!(payload, payload[..8].repeat(1 + next[task] as usize % 60));
            next[task] += 1;
        }
    }
    assert_eq!(next, [500; 4]);
    peer.end(Ok(()));
    reading.await.unwrap();
}

/// A pong is not left behind, whoever has to write it.
#[tokio::test(start_paused = true)]
async fn pongs_leave_while_writers_are_busy() {
    let (socket, peer) = server(Timeouts::default());
    let (mut reader, writer) = socket.split();
    peer.set_room(0);
    let payload = [7; 100_000];
    let mut sending = pin!(writer.send_binary(&payload));
    assert!(poll_once(sending.as_mut()).is_pending());
    peer.send(&frame(9, b"ping"));
    assert!(matches!(reader.read().await.unwrap(), Some(Event::Ping(_))));
    assert!(timeout(SHORT, reader.read()).await.is_err());
    peer.set_room(usize::MAX);
    sending.await.unwrap();
    assert!(timeout(SHORT, reader.read()).await.is_err());
    assert_eq!(opcodes(&peer), [2, 10]);
}

/// The one whose waker the stream has goes away; the others get on.
#[tokio::test(start_paused = true)]
async fn a_send_that_is_dropped_leaves_the_writing_to_others() {
    let (socket, peer) = server(Timeouts::default());
    let (_reader, writer) = socket.split();
    peer.set_room(0);
    let other = writer.clone();
    let waiting = tokio::spawn({
        let payload = vec![8; 10_000];
        async move { other.send_binary(&payload).await }
    });
    let payload = [7; 10_000];
    {
        let mut first = pin!(writer.send_binary(&payload));
        assert!(poll_once(first.as_mut()).is_pending());
        sleep(SHORT).await;
    }
    peer.set_room(usize::MAX);
    waiting.await.unwrap().unwrap();
    assert_eq!(opcodes(&peer), [2, 2], "it had been queued");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_thrown_away_was_not_sent() {
    let (socket, peer) = server(Timeouts::default());
    let (mut reader, writer) = socket.split();
    peer.set_room(0);
    let start = Instant::now();
    let payload = vec![7; 15 << 20];
    let (sent, ended) = tokio::join!(writer.send_binary(&payload), async {
        while reader.read().await.unwrap().is_some() {}
        reader.ended()
    });
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert_eq!((ended, start.elapsed().as_secs()), (Some(Ended::TimedOut), 40));
    assert!(matches!(writer.send_text("x").await, Err(Error::Send(SendError::Closed))));
}

/// Only a send that is stuck ends the connection where nobody reads.
#[tokio::test(start_paused = true)]
async fn a_writer_without_a_reader_gives_up_what_is_stuck_and_nothing_else() {
    let (socket, peer) = server(Timeouts::default());
    let (_reader, writer) = socket.split();
    for _ in 0..10 {
        sleep(Duration::from_secs(100)).await;
        writer.send_text("x").await.unwrap();
    }
    peer.set_room(0);
    let start = Instant::now();
    let (first, second) = tokio::join!(writer.send_text("x"), writer.send_text("y"));
    assert!(matches!(first, Err(Error::Ended(Ended::TimedOut))), "{first:?}");
    assert!(matches!(second, Err(Error::Ended(Ended::TimedOut))), "{second:?}");
    assert_eq!(start.elapsed().as_secs(), 40);
}

/// Before, nothing was stuck: however long ago that was, it counts from now on.
#[tokio::test(start_paused = true)]
async fn what_a_stream_holds_at_the_end_of_a_turn_is_not_stuck_at_once() {
    let (socket, peer) = server(Timeouts::default());
    let (_reader, writer) = socket.split();
    // With a ping; there is no answer that anybody would read.
    sleep(Duration::from_secs(100)).await;
    writer.send_text("x").await.unwrap();
    sleep(Duration::from_secs(100)).await;
    peer.set_buffer(100);
    peer.set_room(0);
    let start = Instant::now();
    while poll_once(pin!(consume_budget())).is_ready() {}
    assert!(matches!(writer.send_text("x").await, Err(Error::Ended(Ended::TimedOut))));
    assert_eq!(start.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_learn_that_the_stream_has_failed() {
    for kind in [ErrorKind::BrokenPipe, ErrorKind::InvalidData] {
        let (socket, peer) = server(Timeouts::default());
        let (mut reader, writer) = socket.split();
        peer.set_room(0);
        let sends =
            async { tokio::join!(writer.send_text("x"), writer.send_text("y"), writer.flush()) };
        let failing = async {
            sleep(SHORT).await;
            peer.fail_writes(kind);
        };
        let ((first, second, third), ()) = tokio::join!(sends, failing);
        for result in [first, second, third] {
            assert!(matches!(&result, Err(Error::Io(error)) if error.kind() == kind), "{result:?}");
        }
        peer.send(&frame(1, b"last words"));
        peer.end(Ok(()));
        // A peer that is gone may have sent something before; a stream that failed has ended.
        assert_eq!(reader.read().await.unwrap().is_some(), kind == ErrorKind::BrokenPipe);
        assert!(reader.read().await.unwrap().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_closes_and_the_reader_completes_it() {
    let (socket, peer) = server(Timeouts::default());
    let (mut reader, writer) = socket.split();
    let reading = tokio::spawn(async move {
        while reader.read().await.unwrap().is_some() {}
        reader.ended().unwrap()
    });
    sleep(SHORT).await;
    writer.close(CloseCode::NORMAL, "bye").await.unwrap();
    // The reader slept until a later deadline.
    let start = Instant::now();
    assert_eq!(reading.await.unwrap(), Ended::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(peer.is_shut_down());
}

#[tokio::test(start_paused = true)]
async fn the_reader_ends_the_transport_when_a_writer_has_written_the_close() {
    let (socket, peer) = server(Timeouts::default());
    let (mut reader, writer) = socket.split();
    peer.set_room(0);
    let sending = tokio::spawn(async move { writer.send_binary(&[7; 10_000]).await });
    tokio::task::yield_now().await;
    peer.send(&frame(8, b"\x03\xe8"));
    assert!(matches!(reader.read().await.unwrap(), Some(Event::Close(_))));
    let (ended, ()) = tokio::join!(reader.read(), async {
        sleep(SHORT).await;
        peer.set_room(usize::MAX);
        sleep(SHORT).await;
        assert!(peer.is_shut_down());
        peer.end(Ok(()));
    });
    assert!(ended.unwrap().is_none());
    sending.await.unwrap().unwrap();
    assert_eq!(opcodes(&peer), [2, 8]);
}

#[tokio::test(start_paused = true)]
async fn the_halves_can_be_put_together_again() {
    let (socket, peer) = server(Timeouts::default());
    let (reader, writer) = socket.split();
    let clone = writer.clone();
    let (reader, writer) = reader.reunite(writer).unwrap_err();
    drop(clone);
    let (other, _peer) = server(Timeouts::default());
    let (_, foreign) = other.split();
    let (reader, _) = reader.reunite(foreign).unwrap_err();
    let mut socket = reader.reunite(writer).unwrap();
    peer.send(&frame(1, b"hello"));
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("hello")));
    socket.send_text("hello").await.unwrap();
    assert_eq!(opcodes(&peer), [1]);
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_while_nothing_can_be_written() {
    let (socket, peer) = server(Timeouts::NONE);
    let (mut reader, writer) = socket.split();
    peer.set_room(0);
    while timeout(SHORT, writer.feed_binary(&[7; 100_000])).await.is_ok() {}
    for _ in 0..100 {
        peer.send(&frame(2, &[7; 100_000]));
        assert!(matches!(reader.read().await.unwrap(), Some(Event::Binary(_))));
    }
}
