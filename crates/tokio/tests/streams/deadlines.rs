//! Time, on a clock that stands still until nothing else can happen.

use crate::support::{Peer, Stream, client, frame, frames, server};
use core::time::Duration;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{CloseCode, Ended, Event};
use sansio_ws_tokio::{Error, WebSocket};
use tokio::time::{Instant, sleep};

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Reads until the connection has ended, and tells when that was, in seconds.
async fn read_to_end(socket: &mut WebSocket<Stream>) -> u64 {
    let start = Instant::now();
    while socket.read().await.unwrap().is_some() {}
    start.elapsed().as_secs()
}

fn pings(peer: &Peer) -> usize {
    frames(&peer.taken()).iter().filter(|(opcode, _)| *opcode == 9).count()
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_is_pinged_and_then_given_up() {
    let (mut socket, peer) = server(Timeouts::default());
    assert_eq!(read_to_end(&mut socket).await, 40);
    assert_eq!(socket.ended(), Some(Ended::TimedOut));
    assert_eq!(pings(&peer), 1);
    assert!(peer.is_shut_down(), "the caller may keep it");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays() {
    let (mut socket, peer) = server(Timeouts::default());
    let other = peer.clone();
    let answering = async move {
        for answered in 1..=10 {
            while pings(&other) < answered {
                sleep(seconds(1)).await;
            }
            other.send(&frame(10, b""));
        }
        sleep(seconds(15)).await;
        other.end(Ok(()));
    };
    let (time, ()) = tokio::join!(read_to_end(&mut socket), answering);
    assert!(time > 200, "{time}");
    assert!(matches!(socket.ended(), Some(Ended::Eof { .. })));
}

#[tokio::test(start_paused = true)]
async fn without_timeouts_there_is_no_timer() {
    let (mut socket, peer) = server(Timeouts::NONE);
    tokio::select! {
        _ = socket.read() => panic!("nothing has come"),
        () = sleep(seconds(1_000_000)) => {}
    }
    assert_eq!(pings(&peer), 0);
}

/// Bytes that have arrived count, although nobody has read them.
#[tokio::test(start_paused = true)]
async fn a_task_that_was_busy_looks_before_it_gives_up() {
    let (mut socket, peer) = server(Timeouts::default());
    for _ in 0..5 {
        // It sends the ping, at least.
        let ping = tokio::time::timeout(seconds(21), socket.read()).await;
        assert!(ping.is_err());
        peer.send(&[frame(10, b""), frame(1, b"still there")].concat());
        sleep(seconds(100)).await;
        assert!(matches!(socket.read().await.unwrap(), Some(Event::Pong(_))));
        assert_eq!(socket.read().await.unwrap(), Some(Event::Text("still there")));
    }
}

/// The pong lies in the stream of a program that only sends.
#[tokio::test(start_paused = true)]
async fn a_program_that_only_sends_stays_connected() {
    let (mut socket, peer) = server(Timeouts::default());
    let mut answered = 0;
    for _ in 0..300 {
        socket.send_text("tick").await.unwrap();
        sleep(seconds(1)).await;
        if pings(&peer) > answered {
            answered += 1;
            peer.send(&frame(10, b""));
        }
    }
    assert_eq!((socket.ended(), answered), (None, 7));
    // A worker that is away for longer than both deadlines.
    for _ in 0..4 {
        sleep(seconds(45)).await;
        peer.send(&frame(10, b""));
        socket.send_text("progress").await.unwrap();
    }
    assert_eq!(socket.ended(), None);
}

/// What the stream takes at once proves nothing: the system of a peer that hangs takes it.
#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_is_given_up_although_bytes_are_taken() {
    let (mut socket, _peer) = server(Timeouts::default());
    let start = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    let ended = loop {
        tokio::select! {
            _ = ticks.tick() => {
                if socket.send_text("tick").await.is_err() {
                    break socket.ended();
                }
            }
            event = socket.read() => {
                assert!(event.unwrap().is_none());
                break socket.ended();
            }
        }
    };
    assert_eq!(ended, Some(Ended::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 40);
}

/// The same, seen by a program that only sends.
#[tokio::test(start_paused = true)]
async fn so_is_one_that_is_only_sent_to() {
    let (mut socket, _peer) = server(Timeouts::default());
    let start = Instant::now();
    let error = loop {
        match socket.send_text("tick").await {
            Ok(()) => sleep(Duration::from_millis(250)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Ended(Ended::TimedOut)), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 40);
}

/// Nor does what a buffer of the stream's own takes, that of TLS.
#[tokio::test(start_paused = true)]
async fn a_buffer_of_the_stream_is_no_sign_of_life() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(0);
    peer.set_buffer(64 * 1024);
    let start = Instant::now();
    while socket.read_for(Duration::from_millis(250)).await {
        let _ = socket.connection().send_text("tick");
    }
    assert_eq!(socket.ended(), Some(Ended::TimedOut));
    assert_eq!(start.elapsed().as_secs(), 40);
}

/// Whoever takes bytes after some were refused is alive, however slow, and no pong can overtake them.
#[tokio::test(start_paused = true)]
async fn a_slow_peer_is_alive() {
    for buffer in [0, 64 * 1024] {
        let (mut socket, peer) = server(Timeouts::default());
        peer.set_room(0);
        peer.set_buffer(buffer);
        let payload = vec![7; 1_000_000];
        let sending = socket.send_binary(&payload);
        let taking = async {
            for _ in 0..16 {
                sleep(seconds(15)).await;
                peer.set_room(66_000);
            }
        };
        let (sent, ()) = tokio::join!(sending, taking);
        sent.unwrap();
        assert_eq!(frames(&peer.taken()).pop(), Some((2, payload)), "and no ping in between");
    }
}

#[tokio::test(start_paused = true)]
async fn a_send_that_is_stuck_ends_with_the_connection() {
    // In one piece, it sees that nothing comes.
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(1000);
    let start = Instant::now();
    let sent = socket.send_binary(&vec![7; 15 << 20]).await;
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert_eq!(start.elapsed().as_secs(), 40);
    // A small one, when the deadline had passed before.
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(0);
    socket.connection().send_text("x").unwrap();
    sleep(seconds(21)).await;
    let sent = socket.send_text("small").await;
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert!(socket.read().await.unwrap().is_none());
}

/// With much unread in front of a program that only sends, silence proves nothing. Only a send that is stuck does.
#[tokio::test(start_paused = true)]
async fn where_nobody_can_look_nobody_is_given_up_for_silence() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(&frame(2, &[7; 60_000]));
    let event = socket.read().await.unwrap();
    assert!(matches!(event, Some(Event::Binary(_))));
    for _ in 0..40 {
        peer.send(&frame(2, &[7; 10_000]));
        sleep(seconds(50)).await;
        socket.send_text("x").await.unwrap();
    }
    peer.set_room(0);
    let start = Instant::now();
    assert!(matches!(socket.send_text("x").await, Err(Error::Ended(Ended::TimedOut))));
    assert!((40..=80).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn idle_is_without_messages() {
    let (mut socket, peer) = server(Timeouts::NONE.idle(Some(seconds(2))));
    let ended = peer.clone();
    let ending = async move {
        sleep(seconds(3)).await;
        assert_eq!(frames(&ended.taken())[0].1[..2], 1001u16.to_be_bytes());
        ended.end(Ok(()));
    };
    let (time, ()) = tokio::join!(read_to_end(&mut socket), ending);
    assert_eq!(time, 3);
}

/// Who listens to a stream of ticks is in use, and so is who is sending a large message slowly.
#[tokio::test(start_paused = true)]
async fn idle_is_not_busy() {
    let (mut socket, peer) = server(Timeouts::NONE.idle(Some(seconds(2))));
    for _ in 0..12 {
        assert!(socket.read_for(Duration::from_millis(500)).await);
        socket.connection().send_text("tick").unwrap();
    }
    assert!(!frames(&peer.take()).iter().any(|(opcode, _)| *opcode == 8));
    peer.send(&frame(2, &[7; 1000])[..100]);
    for _ in 0..12 {
        assert!(socket.read_for(Duration::from_millis(500)).await);
        peer.send(&[7; 50]);
    }
    assert!(!frames(&peer.take()).iter().any(|(opcode, _)| *opcode == 8));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_takes_too_long_is_a_violation() {
    let (mut socket, peer) = server(Timeouts::NONE.message(Some(seconds(3))));
    peer.send(&frame(2, &[7; 1000])[..100]);
    for _ in 0..8 {
        assert!(socket.read_for(Duration::from_millis(500)).await);
        peer.send(&[7; 50]);
    }
    assert_eq!(frames(&peer.taken())[0].1[..2], 1008u16.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn closing_is_bounded_from_the_writing_of_the_close() {
    for (mut socket, peer) in [server(Timeouts::default()), client(Timeouts::default())] {
        let start = Instant::now();
        let ended = socket.close(CloseCode::NORMAL, "bye").await.unwrap();
        assert_eq!((ended, start.elapsed().as_secs()), (Ended::TimedOut, 5));
        assert!(peer.is_shut_down());
    }
    // What is in front of it may take long.
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(0);
    socket.connection().send_binary(&vec![7; 100_000]).unwrap();
    let taking = async {
        for _ in 0..6 {
            sleep(seconds(10)).await;
            peer.set_room(20_000);
        }
    };
    let start = Instant::now();
    let (ended, ()) = tokio::join!(socket.close(CloseCode::NORMAL, "bye"), taking);
    assert_eq!(ended.unwrap(), Ended::TimedOut);
    assert_eq!(start.elapsed().as_secs(), 60 + 5);
    assert_eq!(frames(&peer.taken()).len(), 2);
}

/// A total: who sends on without a Close does not prolong it.
#[tokio::test(start_paused = true)]
async fn closing_is_bounded_although_the_peer_sends() {
    let (mut socket, peer) = server(Timeouts::default());
    let sending = async {
        loop {
            peer.send(&frame(2, &[7; 100_000]));
            sleep(Duration::from_millis(10)).await;
        }
    };
    let start = Instant::now();
    tokio::select! {
        ended = socket.close(CloseCode::NORMAL, "") => assert_eq!(ended.unwrap(), Ended::TimedOut),
        () = sending => {}
    }
    assert_eq!(start.elapsed().as_secs(), 5);
}

impl ReadFor for WebSocket<Stream> {
    async fn read_for(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match tokio::time::timeout_at(deadline, self.read()).await {
                Err(_) => return true,
                Ok(event) if event.as_ref().unwrap().is_none() => return false,
                Ok(_) => {}
            }
        }
    }
}

trait ReadFor {
    /// Reads for this time, and whether the connection has not ended by then.
    async fn read_for(&mut self, time: Duration) -> bool;
}
