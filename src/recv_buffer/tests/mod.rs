#[cfg(feature = "deflate")]
mod moves;

use super::*;
use alloc::{format, vec};

#[test]
fn small_remainders_are_parked_in_just_their_size() {
    let mut rx = RecvBuffer::with_capacity(1000);
    let mut parked = RecvBuffer::new();
    rx.extend_from_slice(&[7; 300]);
    rx.consume(200);
    rx.park(&mut parked);
    assert!(rx.is_empty());
    assert_eq!((rx.capacity(), parked.capacity(), parked.unread()), (1000, 100, &[7; 100][..]));
    rx.unpark(&mut parked);
    assert_eq!((rx.capacity(), parked.capacity(), rx.unread()), (1000, 0, &[7; 100][..]));
    rx.consume(100);
    rx.park(&mut parked);
    assert_eq!((rx.capacity(), parked.capacity()), (1000, 0));
}

#[test]
fn large_remainders_keep_their_allocation() {
    let mut rx = RecvBuffer::with_capacity(1000);
    let mut parked = RecvBuffer::new();
    rx.extend_from_slice(&[7; 300]);
    rx.park(&mut parked);
    rx.unpark(&mut parked);
    assert_eq!((rx.capacity(), parked.capacity()), (300, 1000), "swapped");
    rx.extend_from_slice(&[8; 2000]);
    rx.park(&mut parked);
    assert_eq!((rx.capacity(), parked.unread().len()), (1000, 2300), "swapped back");
    rx.unpark(&mut parked);
    rx.consume(2300);
    rx.park(&mut parked);
    assert_eq!((rx.capacity(), parked.capacity()), (1000, 0), "nothing left");
}

#[test]
fn a_message_survives_parking_and_growing() {
    let mut rx = RecvBuffer::with_capacity(64);
    let mut parked = RecvBuffer::new();
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    rx.begin_message();
    for piece in bytes.chunks(13) {
        // One byte of header before each piece, so that pieces have to move down.
        rx.extend_from_slice(&[0xFF]);
        rx.consume(1);
        rx.extend_from_slice(piece);
        rx.extend_message(piece.len(), None);
        rx.park(&mut parked);
        rx.unpark(&mut parked);
    }
    assert_eq!(rx.slice(Region::Received, rx.message(Region::Received)), &bytes[..]);
}

#[test]
fn what_is_parked_fills_its_allocations() {
    const LARGE: usize = 1 << 20;
    // What is pending, and the capacity that it is parked in, where another message has been.
    for (received, decoded) in [(13, 0), (0, 13), (13, 13), (70_000, 0), (0, 70_000), (9, 70_000)] {
        for swapped in [false, true] {
            let mut rx = RecvBuffer::with_capacity(1000);
            let mut parked = RecvBuffer::new();
            let fill = |rx: &mut RecvBuffer| {
                rx.extend_from_slice(&vec![1; LARGE]);
                rx.begin_message();
                rx.extend_message(LARGE, None);
                rx.decode(|_, decoded| {
                    decoded.extend(vec![2; LARGE]);
                    0
                });
            };
            fill(&mut rx);
            if swapped {
                rx.park(&mut parked);
                rx.unpark(&mut parked);
            }
            rx.take_message(Region::Received, LARGE);
            rx.take_message(Region::Decoded, LARGE);
            rx.extend_from_slice(&vec![3; received]);
            rx.decode(|_, bytes| {
                bytes.extend(core::iter::repeat_n(4, decoded));
                0
            });
            rx.park(&mut parked);
            let what = format!("{received} received, {decoded} decoded, {swapped}");
            assert!(parked.capacity() <= 4 * (received + decoded), "{what}: {}", parked.capacity());
            assert!(rx.is_empty());
            rx.unpark(&mut parked);
            assert_eq!(rx.unread(), vec![3; received], "{what}");
            let message = rx.slice(Region::Decoded, rx.message(Region::Decoded));
            assert_eq!(message, vec![4; decoded], "{what}");
        }
    }
}

#[test]
fn no_more_is_consumed_than_is_unread() {
    let mut rx = RecvBuffer::with_capacity(8);
    rx.consume(1);
    assert!(rx.is_empty());
    rx.extend_from_slice(b"abcdef");
    rx.consume(2);
    rx.consume(0);
    assert_eq!(rx.unread(), b"cdef");
    rx.consume(usize::MAX);
    assert!(rx.is_empty() && rx.unread().is_empty());
    rx.extend_from_slice(b"ghijklmno");
    assert_eq!(rx.unread(), b"ghijklmno");
}

#[test]
fn a_buffer_is_well_filled_from_a_quarter_on() {
    let mut rx = RecvBuffer::with_capacity(1000);
    for (pending, is_well_filled) in [(249, false), (250, true), (1000, true)] {
        rx.extend_from_slice(&vec![7; pending - rx.unread().len()]);
        assert_eq!((rx.capacity(), rx.is_well_filled()), (1000, is_well_filled), "{pending}");
    }
    rx.consume(900);
    assert!(!rx.is_well_filled());
}
