//! How connections end, in each phase and in each way that a stream can tell.

use crate::support::{Peer, Stream, client, close_frame, frame, frames, server};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{CloseCode, Ended, Event};
use sansio_ws_tokio::{Error, WebSocket};
use std::io::{self, ErrorKind};

/// An end of the stream, TLS without its `close_notify`, and a reset.
const ENDS: [Option<ErrorKind>; 4] = [
    None,
    Some(ErrorKind::UnexpectedEof),
    Some(ErrorKind::ConnectionReset),
    Some(ErrorKind::BrokenPipe),
];

fn end(peer: &Peer, how: Option<ErrorKind>) {
    peer.end(how.map_or(Ok(()), |kind| Err(kind.into())));
}

fn eof(mid_frame: bool, mid_message: bool, close_sent: bool) -> Ended {
    let (mut connection, mut rx) = (
        sansio_ws::Connection::new(sansio_ws::Role::Server, sansio_ws::Config::default()),
        sansio_ws::RecvBuffer::new(),
    );
    if mid_message {
        rx.extend_from_slice(&[0x01, 0x80, 0, 0, 0, 0]);
        connection.next_event(&mut rx).unwrap();
    }
    if mid_frame {
        rx.extend_from_slice(&[0x80]);
    }
    if close_sent {
        connection.close_empty().unwrap();
    }
    connection.receive_eof(&rx)
}

/// Reads to the end, and tells what came.
async fn read_all(socket: &mut WebSocket<Stream>) -> Vec<String> {
    let mut events = vec![];
    while let Some(event) = socket.read().await.unwrap() {
        events.push(format!("{event:?}"));
    }
    assert!(socket.read().await.unwrap().is_none(), "it stays so");
    events
}

#[tokio::test(start_paused = true)]
async fn an_end_is_an_end_however_it_is_told() {
    for how in ENDS {
        let text = frame(1, b"hello");
        let part = [&[0x01, 0x82, 0, 0, 0, 0][..], b"he"].concat();
        let cases = [
            (vec![], 0, eof(false, false, false)),
            (text.clone(), 1, eof(false, false, false)),
            ([&text[..], &text[..3]].concat(), 1, eof(true, false, false)),
            (part, 0, eof(false, true, false)),
            (close_frame(1000), 1, Ended::Clean { code: Some(CloseCode::NORMAL) }),
            (
                [&text[..], &close_frame(1001)].concat(),
                2,
                Ended::Clean { code: Some(CloseCode::GOING_AWAY) },
            ),
        ];
        for (bytes, events, ended) in cases {
            let (mut socket, peer) = server(Timeouts::default());
            peer.send(&bytes);
            end(&peer, how);
            assert_eq!(read_all(&mut socket).await.len(), events, "{how:?}, {bytes:?}");
            assert_eq!(socket.ended(), Some(ended), "{how:?}, {bytes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_close_is_not_answered_by_an_end() {
    for how in ENDS {
        let (mut socket, peer) = server(Timeouts::default());
        socket.start_close(CloseCode::NORMAL, "").await.unwrap();
        end(&peer, how);
        assert!(read_all(&mut socket).await.is_empty());
        assert_eq!(socket.ended(), Some(eof(false, false, true)), "{how:?}");
    }
}

/// Seen in the field: half-closes behind messages (`nc -N`), with all answers awaited.
#[tokio::test(start_paused = true)]
async fn who_ends_only_its_own_direction_gets_its_answers() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.set_room(0);
    peer.send(&[frame(1, b"a"), frame(2, &[7; 300_000])].concat());
    peer.end(Ok(()));
    let serving = async {
        while let Some((mut reply, event)) = socket.next().await? {
            match event {
                Event::Text(text) => reply.send_text(text)?,
                Event::Binary(bytes) => reply.send_binary(bytes)?,
                _ => {}
            }
        }
        Ok::<_, Error>(())
    };
    let peer_reads = async {
        for _ in 0..40 {
            tokio::time::sleep(core::time::Duration::from_secs(3)).await;
            peer.set_room(10_000);
        }
    };
    let (served, ()) = tokio::join!(serving, peer_reads);
    served.unwrap();
    assert_eq!(frames(&peer.taken()), [(1, b"a".to_vec()), (2, vec![7; 300_000])]);
    assert!(peer.is_shut_down());
}

/// Seen in the field: codes that may not be sent, a Close of one byte, frames behind a Close.
#[tokio::test(start_paused = true)]
async fn closes_as_seen_in_the_field() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000] {
        let (mut socket, peer) = server(Timeouts::default());
        peer.send(&close_frame(code));
        assert!(matches!(socket.read().await, Err(Error::Protocol(_))), "{code}");
        assert_eq!(frames(&peer.taken())[0].1[..2], 1002u16.to_be_bytes(), "told at once");
        peer.end(Ok(()));
        assert!(socket.read().await.unwrap().is_none());
    }
    for code in [1000, 1012, 1014, 3000, 4999] {
        let (mut socket, peer) = server(Timeouts::default());
        peer.send(&[close_frame(code), frame(1, b"late"), b"junk".to_vec()].concat());
        peer.end(Ok(()));
        assert_eq!(read_all(&mut socket).await.len(), 1);
        assert_eq!(frames(&peer.taken()), [(8, code.to_be_bytes().to_vec())]);
        assert_eq!(socket.ended().map(Ended::code), Some(code));
    }
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(&frame(8, b"\x03"));
    assert!(matches!(socket.read().await, Err(Error::Protocol(_))));
}

/// The peer has gone, and had sent its last messages and a Close before.
#[tokio::test(start_paused = true)]
async fn behind_a_write_that_fails_reading_goes_on() {
    for sends in [false, true] {
        let (mut socket, peer) = server(Timeouts::default());
        peer.fail_writes(ErrorKind::BrokenPipe);
        if sends {
            let sent = socket.send_text("anybody?").await;
            assert!(matches!(sent, Err(Error::Io(error)) if error.kind() == ErrorKind::BrokenPipe));
        }
        let sent = socket.connection().send_text("and this?");
        assert_eq!(sent.is_err(), sends, "nothing more can be sent once it is known");
        peer.send(&[frame(1, b"last words"), close_frame(1000)].concat());
        let events = read_all(&mut socket).await;
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(socket.ended().unwrap().is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_fails_is_reported_once() {
    let failure = || io::Error::new(ErrorKind::InvalidData, "a bad record");
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(&frame(1, b"before"));
    peer.end(Err(failure()));
    assert_eq!(socket.read().await.unwrap(), Some(Event::Text("before")));
    assert!(matches!(socket.read().await, Err(Error::Io(_))));
    assert!(socket.read().await.unwrap().is_none());
    assert_eq!(socket.ended(), Some(Ended::TransportFailed));

    let (mut socket, peer) = server(Timeouts::default());
    peer.fail_writes(ErrorKind::InvalidData);
    assert!(matches!(socket.send_text("x").await, Err(Error::Io(_))));
    assert!(matches!(socket.send_text("x").await, Err(Error::Send(_))));
    assert!(socket.read().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_server_ends_the_transport_first() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(&close_frame(1000));
    assert!(matches!(socket.read().await.unwrap(), Some(Event::Close(_))));
    assert!(peer.taken().is_empty());
    let (ended, ()) = tokio::join!(socket.read(), async {
        tokio::time::sleep(core::time::Duration::from_secs(1)).await;
        assert!(peer.is_shut_down() && !peer.is_dropped());
        peer.end(Ok(()));
    });
    assert!(ended.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_end_it() {
    let (mut socket, peer) = client(Timeouts::default());
    peer.send(b"\x88\x02\x03\xe8");
    let (ended, ()) = tokio::join!(socket.close(CloseCode::NORMAL, ""), async {
        tokio::time::sleep(core::time::Duration::from_secs(1)).await;
        assert!(!peer.is_shut_down() && !peer.taken().is_empty());
        peer.end(Ok(()));
    });
    assert!(ended.unwrap().is_clean());
    assert!(peer.is_shut_down());
}

/// Work that one call may do is bounded, and the rest comes later.
#[tokio::test(start_paused = true)]
async fn a_flood_of_empty_fragments_does_not_hold_the_task() {
    let (mut socket, peer) = server(Timeouts::default());
    let mut flood = vec![0x01, 0x80, 0, 0, 0, 0];
    for _ in 0..900 {
        flood.extend_from_slice(&[0x00, 0x80, 0, 0, 0, 0]);
    }
    flood.extend_from_slice(&[0x80, 0x80, 0, 0, 0, 0]);
    peer.send(&flood);
    let mut others = 0;
    let event = loop {
        tokio::select! {
            biased;
            event = socket.read() => break format!("{:?}", event.unwrap().unwrap()),
            () = async {} => others += 1,
        }
    };
    assert_eq!(event, "Text(\"\")");
    assert!(others > 0, "it has yielded");
}

/// Who sends without a pause gets its answers all the same.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_keep_the_close_from_being_written() {
    let (mut socket, peer) = server(Timeouts::default());
    peer.send(&close_frame(1000));
    assert!(matches!(socket.read().await.unwrap(), Some(Event::Close(_))));
    peer.send(&vec![0; 4 << 20]);
    peer.end(Ok(()));
    peer.set_portion(10_000);
    let mut future = core::pin::pin!(socket.read());
    let mut polls = 0;
    while crate::support::poll_once(future.as_mut()).is_pending() {
        polls += 1;
        assert!(polls < 1000);
    }
    assert!(!peer.taken().is_empty());
}
