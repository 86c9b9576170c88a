//! What sessions cost that nobody comes back for, and that all of it is given back.
//!
//! Run with `cargo test --test memory`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

#[path = "support/heap.rs"]
mod heap;

use heap::Heap;
use sansio_engineio::{
    CloseReason, Config, Event, Output, PreparedPacket, Server, Session, SessionId, Verdict,
};
use sansio_ws::deadlines::Instant;
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request};
use std::time::Duration;

const SESSIONS: usize = 10_000;

/// Of the lists of events and of output the machine keeps 64 entries each, of 16 and some 50 bytes.
const TOLERANCE: usize = 5000;

fn server() -> Server<usize> {
    let config = Config::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost);
    let mut ids = 0_u64;
    // Random enough for the order of a map.
    let source = move || {
        ids += 1;
        let mut random = [0; 15];
        random[..8].copy_from_slice(&ids.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Ok(SessionId::new(random))
    };
    Server::new(config, source)
}

/// A handshake by polling, whose response is taken.
fn connect(server: &mut Server<usize>, now: Instant, name: usize) -> Session {
    let target = "/engine.io/?EIO=4&transport=polling";
    let request = Request::from_parts("GET", target, [("Host", b"a" as &[u8])]).unwrap();
    let Verdict::Hold(session) = server.request(now, name, &request, None, |_| Ok(())) else {
        panic!("there is room")
    };
    assert_eq!(server.poll_event(), Some(Event::Opened(session)));
    let Some(Output::Respond { to, .. }) = server.poll_output() else { panic!("the response") };
    assert_eq!(to, name);
    assert!(server.poll_output().is_none());
    session
}

/// Time passes until nothing is due any more. Returns how many sessions have ended.
fn wait(server: &mut Server<usize>) -> usize {
    let mut closed = 0;
    while let Some(due) = server.poll_timeout() {
        server.handle_timeout(due);
        while let Some(event) = server.poll_event() {
            let Event::Closed(_, CloseReason::PingTimeout) = event else { panic!("{event:?}") };
            closed += 1;
        }
        assert!(server.poll_output().is_none(), "nobody is there");
    }
    closed
}

#[test]
fn an_abandoned_handshake_costs_500_bytes_and_gives_them_back() {
    // Spread over time, as they come; or all at once, so that all have the same deadline.
    for gap in [Duration::from_micros(1), Duration::ZERO] {
        let heap = Heap::now();
        let mut server = server();
        let empty = heap.growth();
        let mut now = Instant::default();
        for name in 0..SESSIONS {
            connect(&mut server, now, name);
            now = now + gap;
        }
        let each = (heap.growth() - empty) / SESSIONS;
        assert!(each <= 500, "{each} bytes");
        assert_eq!(wait(&mut server), SESSIONS);
        let rest = heap.growth() - empty;
        assert!(rest <= TOLERANCE, "{rest} bytes");
    }
}

/// What waits for a session goes with it.
#[test]
fn messages_that_nobody_takes_are_given_back() {
    let heap = Heap::now();
    let mut server = server();
    let empty = heap.growth();
    let message = PreparedPacket::binary(&[0; 1000]);
    let prepared = heap.growth() - empty;
    let sessions: Vec<_> =
        (0..1000).map(|name| connect(&mut server, Instant::default(), name)).collect();
    for session in sessions {
        for _ in 0..10 {
            server.send(session, &message).unwrap();
        }
    }
    while server.poll_output().is_some() {}
    // One reference each, in a list that has grown by doubling.
    let each = (heap.growth() - empty - prepared) / 10_000;
    assert!(each <= 100, "{each} bytes for each that waits");
    wait(&mut server);
    let rest = heap.growth() - empty - prepared;
    assert!(rest <= TOLERANCE, "{rest} bytes");
}
