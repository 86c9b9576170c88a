//! N46 to N59: masks, reserved bits, opcodes, lengths, limits (RFC 6455, sections 5.1 to 5.3).

use crate::support::frame::{Frame, Length, parse, wire};
use crate::support::{SIDES, Seen, client, in_parts, key, received, sent, server, with};
use crate::{accepts, fails, receives, rejects};
use bytes::{Buf, Bytes};
use sansio_ws::frame::{FrameError, Header, Opcode};
use sansio_ws::{
    CloseCode, Config, Connection, ControlPayload, Limits, Masks, MessageKind, PreparedMessage,
    ProtocolError, Role,
};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The frames of RFC 6455, section 5.7.
const RFC_HELLO: [u8; 7] = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
const RFC_HELLO_MASKED: [u8; 11] =
    [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
const RFC_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const UNMASKED: ProtocolError = ProtocolError::UnmaskedFrame;
const MASKED: ProtocolError = ProtocolError::MaskedFrame;

/// Something sent in every way there is: two automatic pongs, each kind of message, empty and
/// larger than what is copied, fragments, control frames, and a Close in the end.
fn sends_everything(side: fn() -> Connection) -> Connection {
    let mut connection = side();
    let mut rx = sansio_ws::RecvBuffer::new();
    rx.extend_from_slice(&wire(connection.is_server(), [Frame::ping("1"), Frame::ping("2")]));
    while connection.next_event(&mut rx).unwrap().is_some() {}
    connection.send_text("").unwrap();
    connection.send_text("Hello").unwrap();
    connection.send_binary(&[7; 126]).unwrap();
    connection.send_bytes(MessageKind::Binary, Bytes::from(vec![8; 3000])).unwrap();
    connection.send_bytes(MessageKind::Text, Bytes::from_static(b"shared")).unwrap();
    connection.send_prepared(&PreparedMessage::text("to all")).unwrap();
    connection.send_prepared(&PreparedMessage::binary(&[9; 2500])).unwrap();
    connection.send_fragment(MessageKind::Text, b"a", false).unwrap();
    connection.send_ping(ControlPayload::new(b"ping").unwrap()).unwrap();
    connection.send_fragment(MessageKind::Text, b"", false).unwrap();
    connection.send_pong(ControlPayload::EMPTY).unwrap();
    connection.send_fragment(MessageKind::Text, b"b", true).unwrap();
    connection.close(CloseCode::NORMAL, "bye").unwrap();
    connection
}

fn everything() -> Vec<Frame> {
    vec![
        Frame::pong("1"),
        Frame::pong("2"),
        Frame::text(""),
        Frame::text("Hello"),
        Frame::binary([7; 126]),
        Frame::binary([8; 3000]),
        Frame::text("shared"),
        Frame::text("to all"),
        Frame::binary([9; 2500]),
        Frame::text("a").more(),
        Frame::ping("ping"),
        Frame::continuation("").more(),
        Frame::pong(""),
        Frame::continuation("b"),
        Frame::close(1000, "bye"),
    ]
}

#[test]
fn n46_accepts_the_masked_hello_of_the_rfc() {
    let bytes = sent(|| {
        let masks = Masks::new(|| RFC_KEY);
        let mut client = Connection::new(Role::Client(masks), Config::default());
        client.send_text("Hello").unwrap();
        client
    });
    assert_eq!(bytes, RFC_HELLO_MASKED);
    assert_eq!(received(server, &bytes).events, [Seen::text("Hello")]);
}

#[test]
fn n46_rejects_sending_an_unmasked_frame_by_any_call() {
    let bytes = sent(|| sends_everything(client));
    assert!(parse(&bytes).iter().all(|frame| frame.mask.is_some()));
    assert!(bytes == wire(true, everything()));
}

#[test]
fn n46_rejects_failing_with_an_unmasked_close() {
    let trace = received(client, &[0x83, 0x00]);
    let close = Frame::close(1002, "reserved opcode").masked(key(1));
    assert_eq!(trace.output, close.bytes());
}

#[test]
fn n47_accepts_the_unmasked_hello_of_the_rfc() {
    let bytes = sent(|| {
        let mut server = server();
        server.send_text("Hello").unwrap();
        server
    });
    assert_eq!(bytes, RFC_HELLO);
    assert_eq!(received(client, &bytes).events, [Seen::text("Hello")]);
}

#[test]
fn n47_rejects_sending_a_masked_frame_by_any_call() {
    let bytes = sent(|| sends_everything(server));
    assert!(parse(&bytes).iter().all(|frame| frame.mask.is_none()));
    assert!(bytes == wire(false, everything()));
}

#[test]
fn n48_accepts_masked_frames_whatever_the_key() {
    for mask in [[0; 4], [0xFF; 4], RFC_KEY, [0, 0, 0, 1]] {
        let trace = received(server, &Frame::text("Hello").masked(mask).bytes());
        assert_eq!(trace.events, [Seen::text("Hello")]);
        assert_eq!(trace.error, None);
    }
}

#[test]
fn n48_rejects_unmasked_frames_of_every_opcode_with_1002() {
    for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
        for payload in ["", "Hello"] {
            fails(server, &Frame::new(opcode, payload).bytes(), &[], UNMASKED, 1002);
        }
    }
    let begun = Frame::text("a").more().masked(key(1)).bytes();
    let bytes = [begun, Frame::continuation("b").bytes()].concat();
    fails(server, &bytes, &[], UNMASKED, 1002);
}

#[test]
fn n48_rejects_an_unmasked_frame_by_its_second_byte() {
    fails(server, &RFC_HELLO[..2], &[], UNMASKED, 1002);
}

#[test]
fn n49_accepts_unmasked_frames() {
    let trace = received(client, &RFC_HELLO);
    assert_eq!(trace.events, [Seen::text("Hello")]);
    assert_eq!(trace.error, None);
}

#[test]
fn n49_rejects_masked_frames_of_every_opcode_with_1002() {
    for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
        for payload in ["", "Hello"] {
            let bytes = Frame::new(opcode, payload).masked(RFC_KEY).bytes();
            fails(client, &bytes, &[], MASKED, 1002);
        }
    }
    // Also with a key that changes nothing, and by the second byte.
    fails(client, &Frame::text("Hello").masked([0; 4]).bytes(), &[], MASKED, 1002);
    fails(client, &RFC_HELLO_MASKED[..2], &[], MASKED, 1002);
}

#[test]
fn n50_accepts_one_key_per_frame_in_the_order_drawn() {
    let draws = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&draws);
    let masks = Masks::new(move || key(count.fetch_add(1, Ordering::Relaxed) + 1));
    let mut client = Connection::new(Role::Client(masks), Config::default());
    client.send_text("one").unwrap();
    client.send_fragment(MessageKind::Text, b"two", false).unwrap();
    client.send_ping(ControlPayload::EMPTY).unwrap();
    client.send_fragment(MessageKind::Text, b"three", true).unwrap();
    client.close_empty().unwrap();
    assert_eq!(draws.load(Ordering::Relaxed), 5);
    // Writing in pieces, and asking again, draws nothing.
    let mut bytes = vec![];
    crate::support::drain(&mut client, 1, &mut bytes);
    assert_eq!(draws.load(Ordering::Relaxed), 5);
    let keys: Vec<_> = parse(&bytes).iter().map(|frame| frame.mask.unwrap()).collect();
    assert_eq!(keys, [key(1), key(2), key(3), key(4), key(5)]);
}

#[test]
fn n50_rejects_repeated_and_guessable_keys() {
    const FRAMES: usize = 1 << 12;
    let keys = || {
        let mut client =
            Connection::new(Role::Client(Masks::from_os().unwrap()), Config::default());
        (0..FRAMES).for_each(|_| client.send_binary(b"").unwrap());
        let mut bytes = vec![];
        crate::support::drain(&mut client, usize::MAX, &mut bytes);
        parse(&bytes).into_iter().map(|frame| frame.mask.unwrap()).collect::<Vec<_>>()
    };
    let (a, b) = (keys(), keys());
    assert_eq!(a.len(), FRAMES);
    let number = |key: &[u8; 4]| u32::from_be_bytes(*key);
    // By chance fewer than 3 of 4096 numbers of 32 bits coincide; by copying, most would.
    for distinct in [
        a.iter().collect::<HashSet<_>>().len(),
        b.iter().collect::<HashSet<_>>().len(),
        a.iter().chain(&b).collect::<HashSet<_>>().len() - FRAMES,
        // A counter would have one step between all its keys.
        a.windows(2)
            .map(|w| number(&w[1]).wrapping_sub(number(&w[0])))
            .collect::<HashSet<_>>()
            .len(),
        a.windows(2).map(|w| number(&w[1]) ^ number(&w[0])).collect::<HashSet<_>>().len(),
    ] {
        assert!(distinct > FRAMES - 8, "{distinct} distinct keys of {FRAMES}");
    }
    // Each bit is on in about half of them (2048 with a deviation of 32).
    for bit in 0..32 {
        let on = a.iter().filter(|key| number(key) >> bit & 1 == 1).count();
        assert!((1800..2300).contains(&on), "bit {bit} is on in {on} of {FRAMES} keys");
    }
}

#[test]
fn n51_n89_accepts_payloads_of_every_length_unmasked_byte_by_byte() {
    for len in (0..=70).chain([125, 126, 127, 1023]) {
        let payload: Vec<u8> = (0..len).map(|i| (i * 7) as u8).collect();
        let frames = [Frame::binary(&payload).more(), Frame::continuation(&payload)];
        let whole = [&payload[..], &payload].concat();
        accepts(server, frames, &[Seen::binary(whole)], []);
    }
}

#[test]
fn n51_accepts_that_masking_changes_no_length() {
    for len in [0, 1, 3, 4, 5, 125, 126, 65_535, 65_536] {
        let bytes = sent(|| {
            let mut client = client();
            client.send_binary(&vec![0xA5; len]).unwrap();
            client
        });
        assert_eq!(bytes, Frame::binary(vec![0xA5; len]).masked(key(1)).bytes());
    }
}

#[test]
fn n51_n89_rejects_a_key_that_runs_on_into_the_next_frame() {
    // Were the phase kept, the second payload would be the letter `b`. It is 0xE2.
    let mask = [0x80, 0, 0, 0];
    let first = Frame::text("a").more().masked(mask).bytes();
    let second = [0x80, 0x81, 0x80, 0, 0, 0, b'b'];
    fails(server, &[&first[..], &second].concat(), &[], ProtocolError::InvalidUtf8, 1007);
}

#[test]
fn n52_accepts_that_the_callers_buffer_is_reused_after_queuing() {
    for side in SIDES {
        let bytes = sent(|| {
            let (mut connection, mut payload) = (side(), vec![1; 3000]);
            connection.send_binary(&payload).unwrap();
            payload.fill(2);
            connection.send_binary(&payload).unwrap();
            payload.fill(3);
            connection
        });
        let frames = [Frame::binary([1; 3000]), Frame::binary([2; 3000])];
        assert_eq!(bytes, wire(!side().is_server(), frames));
    }
}

#[test]
fn n52_rejects_changing_a_payload_once_a_byte_was_sent() {
    let mut client = client();
    let payload = Bytes::from(vec![1; 3000]);
    client.send_bytes(MessageKind::Binary, payload.clone()).unwrap();
    let first = client.outgoing().copy_to_bytes(100);
    // The client's copy is its own: the caller may have the payload back, and change it.
    let mut payload = payload.try_into_mut().expect("the connection keeps no share of it");
    payload.fill(2);
    let mut bytes = first.to_vec();
    crate::support::drain(&mut client, 7, &mut bytes);
    assert_eq!(bytes, Frame::binary([1; 3000]).masked(key(1)).bytes());

    // A server shares it, so that nobody can change it.
    let mut server = server();
    let payload = Bytes::from(vec![1; 3000]);
    server.send_bytes(MessageKind::Binary, payload.clone()).unwrap();
    server.outgoing().advance(100);
    assert!(payload.try_into_mut().is_err());
}

#[test]
fn n53_accepts_frames_without_reserved_bits() {
    for side in SIDES {
        accepts(side, [Frame::text("a")], &[Seen::text("a")], []);
    }
}

#[test]
fn n53_rejects_each_reserved_bit_on_each_frame_with_1002() {
    for side in SIDES {
        for bits in 1..=7 {
            for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
                let frame = Frame::new(opcode, "").reserved(bits);
                rejects(side, [frame], &[], ProtocolError::ReservedBits, 1002);
            }
            let within = [Frame::text("a").more(), Frame::continuation("b").reserved(bits)];
            rejects(side, within, &[], ProtocolError::ReservedBits, 1002);
        }
    }
}

#[test]
fn n53_rejects_sending_reserved_bits() {
    for side in SIDES {
        let frames = parse(&sent(|| sends_everything(side)));
        assert!(frames.iter().all(|frame| frame.first & 0x70 == 0));
    }
}

#[test]
fn n54_accepts_the_six_opcodes() {
    for side in SIDES {
        let frames = [
            Frame::new(0x1, "t"),
            Frame::new(0x2, "b"),
            Frame::new(0x9, "p"),
            Frame::new(0xA, "q"),
            Frame::new(0x2, "c").more(),
            Frame::new(0x0, "d"),
            Frame::new(0x8, [3, 232]),
        ];
        let events = [
            Seen::text("t"),
            Seen::binary("b"),
            Seen::ping("p"),
            Seen::pong("q"),
            Seen::binary("cd"),
            Seen::close(1000, ""),
        ];
        accepts(side, frames, &events, [Frame::pong("p"), Frame::close(1000, "")]);
    }
}

#[test]
fn n54_rejects_every_other_opcode_with_1002() {
    for side in SIDES {
        for opcode in (0x3..=0x7).chain(0xB..=0xF) {
            let error = ProtocolError::Frame(FrameError::ReservedOpcode(opcode));
            rejects(side, [Frame::new(opcode, "")], &[], error, 1002);
            rejects(side, [Frame::new(opcode, "").more()], &[], error, 1002);
            rejects(side, [Frame::text("a").more(), Frame::new(opcode, "")], &[], error, 1002);
            // Known by two bytes, whatever length is declared behind them.
            let huge = Frame::new(opcode, "").declaring(u64::MAX).length(Length::In64);
            let bytes = wire(side().is_server(), [huge]);
            fails(side, &bytes[..2], &[], error, 1002);
        }
    }
}

const UNLIMITED: Limits = Limits::new().max_message_bytes(u64::MAX).max_frame_bytes(u64::MAX);

#[test]
fn n55_accepts_the_largest_length_and_waits_for_it() {
    for side in SIDES {
        let header = Frame::binary("").declaring((1 << 63) - 1);
        let trace = receives(with(Config::default().limits(UNLIMITED), side), [header]);
        assert_eq!((trace.error, trace.output), (None, vec![]));
        assert!(matches!(trace.ended, sansio_ws::Ended::Eof { mid_frame: true, .. }));
    }
}

#[test]
fn n55_rejects_lengths_with_the_highest_bit_with_1002() {
    let error = ProtocolError::Frame(FrameError::LengthTopBit);
    for side in SIDES {
        for len in [1 << 63, u64::MAX, 1 << 63 | 5] {
            let header = Frame::binary("").declaring(len);
            rejects(with(Config::default().limits(UNLIMITED), side), [header], &[], error, 1002);
        }
    }
    assert_eq!(Header::new(Opcode::Binary, true, 1 << 63), Err(FrameError::LengthTopBit));
}

#[test]
fn n56_accepts_the_shortest_form_at_every_border() {
    for (len, header) in [
        (0, &[0x82, 0][..]),
        (125, &[0x82, 125]),
        (126, &[0x82, 126, 0, 126]),
        (127, &[0x82, 126, 0, 127]),
        (65_535, &[0x82, 126, 0xFF, 0xFF]),
        (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let payload = vec![b'x'; len];
        let bytes = [header, &payload].concat();
        let trace = received(client, &bytes);
        assert_eq!(trace.error, None);
        assert_eq!(trace.events, [Seen::Binary(payload.clone())]);
        let own = sent(|| {
            let mut server = server();
            server.send_binary(&payload).unwrap();
            server
        });
        assert_eq!(own, bytes);
        accepts(server, [Frame::binary(&payload)], &[Seen::Binary(payload)], []);
    }
}

#[test]
fn n56_rejects_every_longer_form_with_1002() {
    let error = ProtocolError::Frame(FrameError::NonMinimalLength);
    for side in SIDES {
        for (form, lengths) in [
            (Length::In16, &[0, 1, 124, 125][..]),
            (Length::In64, &[0, 1, 125, 126, 127, 65_534, 65_535]),
        ] {
            for &len in lengths {
                let frame = Frame::binary("").declaring(len).length(form);
                rejects(side, [frame], &[], error, 1002);
                // The same when its payload is there.
                let payload = vec![b'x'; len as usize];
                let whole = Frame::binary(&payload).length(form);
                rejects(side, [whole], &[], error, 1002);
                let begun = Frame::binary("").more();
                let further = Frame::continuation(&payload).length(form);
                rejects(side, [begun, further], &[], error, 1002);
            }
        }
    }
}

#[test]
fn n57_accepts_lengths_in_network_byte_order() {
    // The 256 and the 65,536 bytes of RFC 6455, section 5.7.
    let sample = [&[0x82, 0x7E, 0x01, 0x00][..], &[5; 256]].concat();
    assert_eq!(received(client, &sample).events, [Seen::binary([5; 256])]);
    let sample = [&[0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0][..], &[5; 65_536]].concat();
    assert_eq!(received(client, &sample).events, [Seen::binary([5; 65_536])]);
}

#[test]
fn n57_rejects_lengths_in_the_other_order() {
    // 256 and 65,536, little-endian: taken as 1 in a long form, and as a number of 2^40.
    let error = ProtocolError::Frame(FrameError::NonMinimalLength);
    let sample = [&[0x82, 0x7E, 0x00, 0x01][..], &[5; 256]].concat();
    fails(client, &sample, &[], error, 1002);
    let sample = [&[0x82, 0x7F, 0, 0, 1, 0, 0, 0, 0, 0][..], &[5; 300]].concat();
    fails(client, &sample, &[], ProtocolError::FrameTooBig, 1009);
}

#[test]
fn n58_accepts_the_whole_payload_as_application_data() {
    for side in SIDES {
        accepts(side, [Frame::binary([0, 1, 2])], &[Seen::binary([0, 1, 2])], []);
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_binary(&[0, 1, 2]).unwrap();
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::binary([0, 1, 2])]));
    }
}

#[test]
fn n58_rejects_bytes_beyond_the_declared_length_as_part_of_the_payload() {
    // Two bytes are declared; the third is the beginning of a next frame, and a bad one.
    let bytes = [&Frame::binary("").declaring(2).bytes()[..], &[1, 2, 0x83, 0]].concat();
    let error = ProtocolError::Frame(FrameError::ReservedOpcode(3));
    fails(client, &bytes, &[Seen::binary([1, 2])], error, 1002);
}

fn limited(message: u64, frame: u64, fragments: u32) -> Config {
    Config::default().limits(
        Limits::default()
            .max_message_bytes(message)
            .max_frame_bytes(frame)
            .max_fragments(fragments),
    )
}

#[test]
fn n59_accepts_messages_at_the_limits() {
    for side in SIDES {
        let config = limited(10, 6, 3);
        accepts(with(config.clone(), side), [Frame::text("123456")], &[Seen::text("123456")], []);
        let frames = [
            Frame::text("123456").more(),
            Frame::ping("not counted"),
            Frame::continuation("").more(),
            Frame::continuation("7890"),
        ];
        let events = [Seen::ping("not counted"), Seen::text("1234567890")];
        accepts(with(config, side), frames, &events, [Frame::pong("not counted")]);
    }
}

#[test]
fn n59_n103_rejects_messages_over_the_limits_with_1009_and_1008() {
    for side in SIDES {
        let too_big = [Frame::text("1234567")];
        rejects(with(limited(10, 6, 3), side), too_big, &[], ProtocolError::FrameTooBig, 1009);
        let too_big = [Frame::text("1234567")];
        rejects(with(limited(6, 10, 3), side), too_big, &[], ProtocolError::MessageTooBig, 1009);
        let in_sum = [Frame::text("123456").more(), Frame::continuation("78901")];
        rejects(with(limited(10, 6, 3), side), in_sum, &[], ProtocolError::MessageTooBig, 1009);
        let many = [
            Frame::text("").more(),
            Frame::continuation("").more(),
            Frame::continuation("").more(),
            Frame::continuation(""),
        ];
        let error = ProtocolError::TooManyFragments;
        rejects(with(limited(10, 6, 3), side), many, &[], error, 1008);
        // A message has at least one frame, so this limit is at least 1.
        let one = with(limited(10, 10, 0), side);
        accepts(&one, [Frame::text("a")], &[Seen::text("a")], []);
        rejects(&one, [Frame::text("a").more(), Frame::continuation("")], &[], error, 1008);
    }
}

#[test]
fn n59_rejects_by_the_header_before_any_payload() {
    for side in SIDES {
        let frame = Frame::binary("").declaring(1 << 40);
        rejects(side, [frame.clone()], &[], ProtocolError::FrameTooBig, 1009);
        rejects(in_parts(side), [frame], &[], ProtocolError::FrameTooBig, 1009);
    }
    // The sum of declared lengths may not wrap around.
    let frames = [
        Frame::binary("").more(),
        Frame::continuation("x").more(),
        Frame::continuation("").declaring((1 << 63) - 1),
    ];
    let config = limited((1 << 63) - 1, u64::MAX, 9);
    rejects(with(config, server), frames, &[], ProtocolError::MessageTooBig, 1009);
}
