//! What must hold for all inputs, tried on random ones.
#![allow(clippy::unwrap_used, reason = "a panic is how a property fails")]

use bytes::{Buf, Bytes};
use core::time::Duration;
use proptest::collection::vec;
use proptest::prelude::*;
use sansio_ws::deadlines::{Deadlines, Due, Instant, Timeouts};
use sansio_ws::frame::{Header, MAX_HEADER_LEN, Opcode};
use sansio_ws::mask::Mask;
use sansio_ws::{
    Config, Connection, ControlPayload, Delivery, Event, Limits, Masks, MessageKind,
    PreparedMessage, RecvBuffer, Role,
};
use std::io::IoSlice;

/// A connection; a client's keys count up, so that two clients mask alike.
fn connection(is_server: bool, config: Config) -> Connection {
    let mut count = 0_u32;
    let masks = Masks::new(move || {
        count += 0x0102_0304;
        count.to_be_bytes()
    });
    let role = if is_server { Role::Server } else { Role::Client(masks) };
    Connection::new(role, config)
}

fn drain(connection: &mut Connection) -> Bytes {
    let queue = connection.outgoing();
    queue.copy_to_bytes(queue.remaining())
}

/// Random lengths, the edges of the length field and of the limits for copies more often.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..200_usize, 2040..2060_usize, 65_530..65_540_usize]
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

impl Message {
    fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }

    fn opcode(&self) -> Opcode {
        match self {
            Self::Text(_) => Opcode::Text,
            Self::Binary(_) => Opcode::Binary,
            Self::Ping(_) => Opcode::Ping,
            Self::Pong(_) => Opcode::Pong,
        }
    }
}

fn control() -> impl Strategy<Value = Message> {
    (any::<bool>(), vec(any::<u8>(), 0..=125)).prop_map(|(is_ping, payload)| match is_ping {
        true => Message::Ping(payload),
        false => Message::Pong(payload),
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,100}".prop_map(Message::Text),
        vec(any::<u8>(), 0..300).prop_map(Message::Binary),
    ]
}

/// A message, the lengths of its fragments, and control frames that go between them.
fn stream() -> impl Strategy<Value = Vec<(Message, Vec<usize>, Vec<Message>)>> {
    vec((message(), vec(0..50_usize, 0..5), vec(control(), 0..3)), 0..8)
}

fn encode(opcode: Opcode, fin: bool, payload: &[u8], key: Option<[u8; 4]>, wire: &mut Vec<u8>) {
    let mut header = Header::new(opcode, fin, payload.len() as u64).unwrap();
    if let Some(key) = key {
        header = header.masked(key);
    }
    let mut bytes = [0; MAX_HEADER_LEN];
    let len = header.encode(&mut bytes);
    wire.extend_from_slice(&bytes[..len]);
    Mask::new(key.unwrap_or_default()).append(payload, wire);
}

/// The bytes of a stream, and what it says, in order.
fn write(
    stream: &[(Message, Vec<usize>, Vec<Message>)],
    key: Option<[u8; 4]>,
) -> (Vec<u8>, Vec<Message>) {
    let (mut wire, mut said) = (Vec::new(), Vec::new());
    for (message, cuts, controls) in stream {
        let mut opcode = message.opcode();
        let mut rest = message.payload();
        let mut controls = controls.iter();
        for cut in cuts {
            let (fragment, tail) = rest.split_at((*cut).min(rest.len()));
            encode(opcode, false, fragment, key, &mut wire);
            (opcode, rest) = (Opcode::Continuation, tail);
            if let Some(control) = controls.next() {
                encode(control.opcode(), true, control.payload(), key, &mut wire);
                said.push(control.clone());
            }
        }
        encode(opcode, true, rest, key, &mut wire);
        said.push(message.clone());
    }
    (wire, said)
}

/// What a connection makes of the pieces. Parts are joined.
fn read(connection: &mut Connection, pieces: &[&[u8]]) -> Vec<Message> {
    let mut rx = RecvBuffer::new();
    let mut heard = Vec::new();
    let mut parts = Vec::new();
    for piece in pieces {
        rx.extend_from_slice(piece);
        while let Some(event) = connection.next_event(&mut rx).unwrap() {
            match event {
                Event::Text(text) => heard.push(Message::Text(text.into())),
                Event::Binary(bytes) => heard.push(Message::Binary(bytes.to_vec())),
                Event::TextPart { text, first, last } => {
                    assert!(parts.is_empty() || !first);
                    parts.extend_from_slice(text.as_bytes());
                    if last {
                        let text = String::from_utf8(core::mem::take(&mut parts)).unwrap();
                        heard.push(Message::Text(text));
                    }
                }
                Event::BinaryPart { bytes, first, last } => {
                    assert!(parts.is_empty() || !first);
                    parts.extend_from_slice(bytes);
                    if last {
                        heard.push(Message::Binary(core::mem::take(&mut parts)));
                    }
                }
                Event::Ping(payload) => heard.push(Message::Ping(payload.to_vec())),
                Event::Pong(payload) => heard.push(Message::Pong(payload.to_vec())),
                Event::Yield => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(rx.is_empty());
    heard
}

fn pieces<'b>(mut bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    for len in lengths.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*len).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn a_header_is_read_as_it_was_written(
        opcode in prop_oneof![
            Just(Opcode::Continuation), Just(Opcode::Text), Just(Opcode::Binary),
            Just(Opcode::Close), Just(Opcode::Ping), Just(Opcode::Pong),
        ],
        fin: bool,
        reserved_bits in 0..8_u8,
        key: Option<[u8; 4]>,
        payload_len in prop_oneof![0..=130_u64, 65_530..=65_540_u64, any::<u64>()],
    ) {
        let may_be = payload_len >> 63 == 0 && (!opcode.is_control() || fin && payload_len <= 125);
        let header = Header::new(opcode, fin, payload_len);
        prop_assert_eq!(header.is_ok(), may_be);
        if let Ok(header) = header {
            let mut header = header.with_reserved_bits(reserved_bits);
            if let Some(key) = key {
                header = header.masked(key);
            }
            let mut bytes = [0; MAX_HEADER_LEN];
            let len = header.encode(&mut bytes);
            prop_assert_eq!(Header::parse(&bytes), Ok(Some((header, len))));
            for short in 0..len {
                prop_assert_eq!(Header::parse(&bytes[..short]), Ok(None));
            }
            prop_assert_eq!(
                (header.opcode(), header.is_fin(), header.reserved_bits()),
                (opcode, fin, reserved_bits)
            );
            prop_assert_eq!((header.mask(), header.payload_len()), (key, payload_len));
        }
    }

    #[test]
    fn a_valid_stream_is_heard_however_it_is_cut(
        stream in stream(),
        key: [u8; 4],
        is_server: bool,
        in_parts: bool,
        max_frames_per_call in 1..4_u32,
        lengths in vec(1..40_usize, 1..20),
    ) {
        let (wire, said) = write(&stream, is_server.then_some(key));
        let delivery = if in_parts { Delivery::Parts } else { Delivery::Messages };
        let limits = Limits::default()
.max_frames_per_call(max_frames_per_call);
        let config = Config::default().delivery(delivery).limits(limits);
        for pieces in [pieces(&wire, &[wire.len() + 1]), pieces(&wire, &lengths)] {
            prop_assert_eq!(&read(&mut connection(is_server, config.clone()), &pieces), &said);
        }
    }

    #[test]
    fn masking_in_pieces_is_masking_at_once(
        key: [u8; 4],
        payload in vec(any::<u8>(), 0..500),
        lengths in vec(1..100_usize, 1..20),
    ) {
        let expected: Vec<u8> =
            payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let mut mask = Mask::new(key);
        let (mut appended, mut in_place) = (Vec::new(), Vec::new());
        for piece in pieces(&payload, &lengths) {
            let mut copy = piece.to_vec();
            let mut same = mask;
            same.apply(&mut copy);
            in_place.extend(copy);
            mask.append(piece, &mut appended);
            prop_assert_eq!(mask, same);
        }
        prop_assert_eq!(&appended, &expected);
        prop_assert_eq!(&in_place, &expected);
    }

    #[test]
    fn prepared_messages_are_sent_like_others(
        is_server: bool,
        message in message(),
        repeat in 1..40_usize,
        already_queued in 0..40_usize,
        max_queued_bytes in 0..400_usize,
    ) {
        let limits = Limits::default()
.max_queued_bytes(max_queued_bytes);
        let mut one = connection(is_server, Config::default().limits(limits));
        let mut other = connection(is_server, Config::default().limits(limits));
        for connection in [&mut one, &mut other] {
            connection.send_binary(&vec![1; already_queued]).unwrap();
        }
        let (directly, prepared) = match message {
            Message::Text(text) => {
                let text = text.repeat(repeat);
                (one.send_text(&text), PreparedMessage::text(&text))
            }
            message => {
                let bytes = message.payload().repeat(repeat);
                (one.send_binary(&bytes), PreparedMessage::binary(&bytes))
            }
        };
        prop_assert_eq!(other.send_prepared(&prepared), directly);
        prop_assert_eq!(other.outgoing().frames(), one.outgoing().frames());
        prop_assert_eq!(drain(&mut other), drain(&mut one));
    }

    #[test]
    fn the_queue_is_the_bytes_of_the_frames_in_order(
        is_server: bool,
        steps in vec((length(), any::<bool>(), 0..70_000_usize), 1..20),
        slices in 1..8_usize,
    ) {
        let limits = Limits::default()
.max_queued_bytes(usize::MAX);
        let mut tested = connection(is_server, Config::default().limits(limits));
        // The same messages, but nothing ever waits here.
        let mut simple = connection(is_server, Config::default());
        let mut flat = Vec::new();
        let (mut sent, mut ends) = (0, Vec::new());
        for (len, is_shared, advance) in steps {
            let payload = Bytes::from(vec![len as u8; len]);
            if is_shared {
                tested.send_bytes(MessageKind::Binary, payload.clone()).unwrap();
            } else {
                tested.send_binary(&payload).unwrap();
            }
            simple.send_binary(&payload).unwrap();
            flat.extend_from_slice(&drain(&mut simple));
            ends.push(flat.len());

            let queue = tested.outgoing();
            prop_assert_eq!(queue.remaining(), flat.len() - sent);
            let mut vectored = vec![IoSlice::new(&[]); slices];
            let filled = queue.chunks_vectored(&mut vectored);
            let seen: Vec<u8> = vectored[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert!(flat[sent..].starts_with(&seen));
            prop_assert!(filled == slices || seen.len() == flat.len() - sent);
            prop_assert!(vectored[..filled].iter().all(|slice| !slice.is_empty()));

            let advance = advance.min(queue.remaining());
            let mut copy = vec![0; advance];
            queue.copy_to_slice(&mut copy);
            prop_assert_eq!(&copy[..], &flat[sent..sent + advance]);
            sent += advance;

            let waiting = ends.iter().filter(|end| **end > sent).count();
            prop_assert!(queue.frames() >= waiting);
            prop_assert!(waiting > 0 || queue.frames() == 0);
        }
        prop_assert_eq!(&drain(&mut tested)[..], &flat[sent..]);
    }

    #[test]
    fn control_payloads_keep_their_bytes(bytes in vec(any::<u8>(), 0..200)) {
        let payload = ControlPayload::new(&bytes);
        prop_assert_eq!(payload.is_ok(), bytes.len() <= 125);
        prop_assert!(payload.ok().is_none_or(|payload| payload.as_ref() == bytes));
    }

    #[test]
    fn deadlines_are_neither_early_nor_forgotten(
        opening in limit(), idle in limit(), message in limit(), keep_alive in limit(),
        pong in limit(), close in limit(),
        happenings in vec((0..11_u8, 0..30_u64), 0..80),
    ) {
        let timeouts = Timeouts::NONE.opening(opening).idle(idle).message(message);
        let timeouts = timeouts.keep_alive(keep_alive).pong(pong).close(close);
        let mut now = Instant::default();
        let mut deadlines = Deadlines::new(timeouts, now);
        // When the wait for each of them began. Behind the end of input, signs of life move `ending`.
        let (mut opened, mut ending, mut draining) = (None, None, false);
        let (mut used, mut arriving, mut alive, mut pinged) = (Some(now), None, now, None);
        let (mut refused, mut is_over) = (false, false);
        for (happening, later) in happenings {
            now = now + Duration::from_secs(later);
            let is_open = opened.is_some() && ending.is_none() && !is_over;
            let mut touch = false;
            match happening {
                0 => {
                    deadlines.opened(now);
                    if opened.is_none() && ending.is_none() && !is_over {
                        (opened, used, alive) = (Some(now), Some(now), now);
                    }
                }
                1 => {
                    deadlines.received(now);
                    if is_open {
                        (alive, pinged) = (now, None);
                    }
                }
                2 => {
                    deadlines.message_received(now);
                    arriving = None;
                    touch = true;
                }
                3 => {
                    deadlines.message_arriving(now);
                    arriving = arriving.or(Some(now));
                    touch = true;
                }
                4 => {
                    deadlines.message_sent(now);
                    touch = true;
                }
                5 | 6 => {
                    let (taken, all) = (usize::from(happening == 5), later % 2 == 0);
                    deadlines.written(taken, !all, now);
                    if taken > 0 && refused {
                        touch = true;
                        if is_open {
                            (alive, pinged) = (now, None);
                        } else if draining {
                            ending = Some(now);
                        }
                    }
                    refused |= !all;
                }
                7 => {
                    deadlines.drained();
                    refused = false;
                }
                8 if later > 25 => {
                    deadlines.closing(now);
                    ending = ending.or(Some(now));
                }
                9 if later > 25 => {
                    deadlines.input_ended(now);
                    draining |= ending.is_none();
                    ending = ending.or(Some(now));
                }
                _ => {}
            }
            if touch && used.is_some() && opened.is_some() {
                used = Some(now);
            }
            prop_assert_eq!(deadlines.is_refused(), refused);
            let expected = match (opened, ending) {
                _ if is_over => vec![],
                (_, Some(since)) => vec![(close, Some(since), Due::Close)],
                (None, None) => vec![(opening, Some(Instant::default()), Due::Opening)],
                (Some(_), None) => vec![
                    (message, arriving, Due::Message),
                    (idle, used, Due::Idle),
                    match pinged {
                        Some(since) => (pong, Some(since), Due::Pong),
                        None => (keep_alive, Some(alive), Due::Ping),
                    },
                ],
            };
            let expected: Vec<_> = expected
                .into_iter()
                .filter_map(|(limit, since, due)| Some((since? + limit?, due)))
                .collect();
            let next = expected.iter().map(|(at, _)| *at).min();
            prop_assert_eq!(deadlines.poll_timeout(), next);
            let seen = deadlines.due(now);
            let due = deadlines.handle_timeout(now);
            prop_assert_eq!(seen, due, "looking reports nothing");
            prop_assert_eq!(due.is_some(), next.is_some_and(|at| at <= now));
            let Some(due) = due else { continue };
            prop_assert!(expected.iter().any(|(at, d)| Some(*at) == next && *d == due));
            match due {
                Due::Ping => pinged = Some(now),
                Due::Idle => used = None,
                Due::Message => arriving = None,
                _ => is_over = true,
            }
        }
    }
}

proptest! {
    /// Buffers that are lent to the wrong connection give wrong messages or errors, no panics.
    #[test]
    fn the_wrong_buffer_is_no_panic(
        steps in vec((any::<(bool, bool, bool)>(), 0..4_usize, vec(any::<u8>(), 0..20)), 1..60),
    ) {
        for delivery in [Delivery::Messages, Delivery::Parts] {
            let mut connections = [true, true].map(|is_server| {
                connection(is_server, Config::default().delivery(delivery))
            });
            let mut buffers = [RecvBuffer::new(), RecvBuffer::new()];
            for ((which, other, fin), kind, payload) in &steps {
                let rx = &mut buffers[usize::from(*other)];
                let opcode = [Opcode::Binary, Opcode::Continuation, Opcode::Text, Opcode::Ping][*kind];
                let fin = *fin || opcode == Opcode::Ping;
                let header = Header::new(opcode, fin, payload.len() as u64).unwrap();
                let mut bytes = [0; MAX_HEADER_LEN];
                let len = header.masked([1, 2, 3, 4]).encode(&mut bytes);
                // A part of a frame now and then.
                let cut = payload.len() / (1 + kind % 2);
                rx.extend_from_slice(&bytes[..len]);
                rx.extend_from_slice(&payload[..cut]);
                while let Ok(Some(_)) = connections[usize::from(*which)].next_event(rx) {}
            }
        }
    }
}

fn limit() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of((0..60_u64).prop_map(Duration::from_secs))
}
