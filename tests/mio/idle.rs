//! What a connection holds on to that is idle, or has hardly begun a message, after large ones.

use super::large::Endless;
use super::*;
use heap::Heap;
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::Extension;
use std::cell::Cell;
use std::rc::Rc;

const OFFER: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

fn compressed(message: &[u8]) -> Frame {
    Frame::binary(Deflate::default().prepare(message).unwrap().payload).reserved(4)
}

fn settings(deflate: Option<Deflate>) -> Config {
    deflate.map_or(Config::default(), |deflate| Config::default().extension(deflate))
}

#[test]
fn the_beginning_of_a_compressed_message_keeps_no_large_buffer() {
    let reports = Reports::new();
    let config = settings(Some(Deflate::default()));
    let large = wire(true, [compressed(&vec![0; 8 << 20])]);
    let began = wire(true, [compressed(&[0; 1000]).more()]);
    let mut memory = Memory::new();
    for (input, events) in [(large, 1), (began, 0)] {
        let mut socket = server(Script::new(&[OFFER, &input].concat()[..], End::Stall));
        let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
        socket.ready(&reports.both);
        turn(&mut socket, &mut memory, second(0), &config, &mut outcome).unwrap();
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
        assert_eq!(outcome.events.len(), events);
        let (_, rx, _) = socket.into_parts();
        assert_eq!(rx.is_empty(), events == 1);
        assert!(rx.capacity() <= 4000, "{rx:?}");
    }
}

/// The table in DESIGN.md. To see it:
/// `cargo test --all-features --test mio idle -- --nocapture`.
#[test]
fn idle_connections_hold_after_large_messages_what_they_held_before() {
    const CONNECTIONS: usize = 40;
    const LARGE: usize = 2 << 20;
    let reports = Reports::new();
    for (name, deflate, state) in [
        ("plain", None, 0..=0),
        ("pooled", Some(Deflate::default()), 0..=0),
        // A state for sending, one for receiving.
        ("kept", Some(Deflate::context_takeover()), 300 << 10..=330 << 10),
    ] {
        let config = settings(deflate);
        let message = match name {
            "plain" => wire(true, [Frame::binary(vec![7; LARGE])]),
            _ => wire(true, [compressed(&vec![7; LARGE])]),
        };
        let allowed = Rc::new(Cell::new(0));
        let mut memory = Memory::new();
        let mut sockets: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (allowed, taken) = (allowed.clone(), Rc::new(Cell::new(0)));
                server(Endless { head: OFFER, message: message.clone(), at: 0, allowed, taken })
            })
            .collect();
        // In two pieces, so that some of it waits in between.
        let mut exchange = |memory: &mut Memory, bytes: usize| {
            for socket in &mut sockets {
                allowed.set(bytes);
                while {
                    socket.ready(&reports.both);
                    let mut outcome =
                        Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
                    turn(socket, memory, second(0), &config, &mut outcome).unwrap();
                    assert_eq!(socket.settle(memory, second(0)).unwrap(), None);
                    allowed.get() > 0
                } {}
            }
        };
        // The states of the pool are there from now on.
        exchange(&mut memory, 0);
        memory.shrink();
        let heap = Heap::now();
        exchange(&mut memory, message.len() - 1);
        let waiting = heap.growth();
        exchange(&mut memory, 1);
        let used = heap.growth();
        memory.shrink();
        let idle = heap.growth();
        println!("{name:>7}: {waiting:>9} bytes while all wait, {used:>9} then, {idle:>9} idle");
        let pool = if name == "pooled" { 16 * (320 << 10) } else { 0 };
        let each = idle.saturating_sub(pool) / CONNECTIONS;
        assert!(state.contains(&each), "{name}: {each} bytes each");
    }
}
