//! Packets and payloads (E1 to E5, E12).

use proptest::prelude::*;
use sansio_engineio::payload::{self, SEPARATOR};
use sansio_engineio::{InvalidPacket, Packet, PacketKind, PayloadBuilder, Query, Unfit};

const KINDS: [(PacketKind, char); 7] = [
    (PacketKind::Open, '0'),
    (PacketKind::Close, '1'),
    (PacketKind::Ping, '2'),
    (PacketKind::Pong, '3'),
    (PacketKind::Message, '4'),
    (PacketKind::Upgrade, '5'),
    (PacketKind::Noop, '6'),
];

pub(super) fn encoded(packet: &Packet<'_>) -> String {
    let mut encoded = String::new();
    packet.encode(&mut encoded);
    assert_eq!(encoded.len(), packet.encoded_len());
    encoded
}

fn decoded(body: &str) -> Vec<Result<Packet<'_>, InvalidPacket>> {
    payload::decode(body).collect()
}

fn text(kind: PacketKind, data: &str) -> Packet<'_> {
    Packet::text(kind, data)
}

#[test]
fn e1_accepts_each_kind_with_text_and_without() {
    for (kind, digit) in KINDS {
        for data in ["", "probe", "{\"a\":1}", "\u{e4}\u{1f600}", "\0\n"] {
            let packet = text(kind, data);
            assert_eq!(encoded(&packet), format!("{digit}{data}"));
            assert_eq!(Packet::decode(&encoded(&packet)), Ok(packet));
        }
    }
}

#[test]
fn e1_rejects_other_kinds_and_nothing() {
    assert_eq!(Packet::decode(""), Err(InvalidPacket::Empty));
    for packet in ["7", "9x", "a", "B", " 4", "-1", "\u{0664}", "\u{1e}4"] {
        assert_eq!(Packet::decode(packet), Err(InvalidPacket::Kind), "{packet:?}");
    }
}

#[test]
fn e2_e5_accepts_binary_messages_as_base64() {
    for (bytes, base64) in [
        (&[][..], "b"),
        (&[1], "bAQ=="),
        (&[1, 2], "bAQI="),
        (&[1, 2, 3], "bAQID"),
        (&[0xff, 0xfe, 0xfb], "b//77"),
    ] {
        assert_eq!(encoded(&Packet::binary(bytes)), base64);
        assert_eq!(Packet::decode(base64), Ok(Packet::binary(bytes)));
    }
}

#[test]
fn e2_rejects_what_is_not_base64() {
    for packet in ["bA", "bAQ", "bAQ=", "b=", "bAQ==AQ==", "b-_77", "bAQ ==", "b\u{e4}", "bAR=="] {
        assert_eq!(Packet::decode(packet), Err(InvalidPacket::Base64), "{packet}");
    }
}

#[test]
fn e5_rejects_the_letter_elsewhere() {
    assert_eq!(Packet::decode("4bAQID"), Ok(text(PacketKind::Message, "bAQID")));
    assert_eq!(Packet::decode("BAQID"), Err(InvalidPacket::Kind));
}

#[test]
fn e3_accepts_packets_joined_by_the_separator() {
    let mut builder = PayloadBuilder::new(100);
    assert!(builder.is_empty());
    builder.push(&text(PacketKind::Message, "a")).unwrap();
    builder.push(&Packet::binary(&[1])).unwrap();
    builder.push(&text(PacketKind::Ping, "")).unwrap();
    assert!(!builder.is_empty());
    let body = builder.finish();
    assert_eq!(body, "4a\u{1e}bAQ==\u{1e}2");
    assert_eq!(
        decoded(&body),
        [
            Ok(text(PacketKind::Message, "a")),
            Ok(Packet::binary(&[1])),
            Ok(text(PacketKind::Ping, "")),
        ]
    );
}

#[test]
fn e3_rejects_text_with_a_separator() {
    let packet = text(PacketKind::Message, "a\u{1e}b");
    let mut builder = PayloadBuilder::new(100);
    assert_eq!(builder.push(&packet), Err(Unfit::Separator));
    assert!(builder.is_empty());
    // Over WebSocket it is a text like any other.
    assert_eq!(Packet::decode(&encoded(&packet)), Ok(packet));
}

#[test]
fn e4_accepts_what_is_before_a_bad_packet() {
    let good = Ok(text(PacketKind::Message, "a"));
    for (body, error) in [
        ("4a\u{1e}7\u{1e}4b", InvalidPacket::Kind),
        ("4a\u{1e}\u{1e}4b", InvalidPacket::Empty),
        ("4a\u{1e}", InvalidPacket::Empty),
        ("4a\u{1e}b!\u{1e}4b", InvalidPacket::Base64),
    ] {
        assert_eq!(decoded(body), [good.clone(), Err(error)], "{body:?}");
    }
}

#[test]
fn e4_rejects_an_empty_body_and_all_behind_a_bad_packet() {
    assert_eq!(decoded(""), [Err(InvalidPacket::Empty)]);
    assert_eq!(decoded("\u{1e}4a"), [Err(InvalidPacket::Empty)]);
    assert_eq!(decoded("x\u{1e}4a"), [Err(InvalidPacket::Kind)]);
}
#[test]
fn e12_accepts_16_packets_and_one_that_is_too_long_alone() {
    let mut builder = PayloadBuilder::new(1000);
    for _ in 0..16 {
        builder.push(&text(PacketKind::Message, "")).unwrap();
    }
    assert_eq!(decoded(&builder.finish()).len(), 16);
    let long = "x".repeat(2000);
    let mut builder = PayloadBuilder::new(1000);
    builder.push(&text(PacketKind::Message, &long)).unwrap();
    assert_eq!(builder.finish().len(), 2001);
    let mut exact = PayloadBuilder::new(5);
    exact.push(&text(PacketKind::Message, "a")).unwrap();
    exact.push(&text(PacketKind::Message, "b")).unwrap();
    assert_eq!(exact.finish().len(), 5);
}

#[test]
fn e12_rejects_more_bytes_or_packets() {
    let mut builder = PayloadBuilder::new(4);
    builder.push(&text(PacketKind::Message, "a")).unwrap();
    assert_eq!(builder.push(&text(PacketKind::Message, "b")), Err(Unfit::Full));
    assert_eq!(builder.finish(), "4a");
    let mut builder = PayloadBuilder::new(1000).max_packets(2);
    for _ in 0..2 {
        builder.push(&text(PacketKind::Noop, "")).unwrap();
    }
    assert_eq!(builder.push(&text(PacketKind::Noop, "")), Err(Unfit::Full));
    assert_eq!(builder.finish(), "6\u{1e}6");
}

/// A packet by its parts.
fn any_packet() -> impl Strategy<Value = (Option<PacketKind>, String, Vec<u8>)> {
    let kind = proptest::option::of(proptest::sample::select(KINDS.map(|(kind, _)| kind).to_vec()));
    (kind, any::<String>(), any::<Vec<u8>>())
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(parts in proptest::collection::vec(any_packet(), 1..20)) {
        let packets: Vec<_> = parts
            .iter()
            .map(|(kind, data, bytes)| match kind {
                Some(kind) => text(*kind, data),
                None => Packet::binary(bytes),
            })
            .filter(Packet::fits_payload)
            .collect();
        let mut builder = PayloadBuilder::new(usize::MAX).max_packets(usize::MAX);
        for packet in &packets {
            builder.push(packet).unwrap();
        }
        if !packets.is_empty() {
            let body = builder.finish();
            let decoded: Result<Vec<_>, _> = payload::decode(&body).collect();
            prop_assert_eq!(decoded, Ok(packets));
        }
    }

    #[test]
    fn whatever_comes_is_decoded_or_refused_at_the_first_bad_packet(body in any::<String>()) {
        let packets = decoded(&body);
        let good = packets.iter().filter(|packet| packet.is_ok()).count();
        prop_assert!(packets.len() - good <= 1);
        prop_assert!(packets.iter().rev().skip(1).all(Result::is_ok));
        let first: Vec<_> = body.split(SEPARATOR).take(packets.len()).collect();
        for (packet, encoded_as) in packets.iter().flatten().zip(first) {
            prop_assert_eq!(encoded(packet), encoded_as);
        }
    }

    #[test]
    fn whatever_comes_is_a_query(query in any::<String>()) {
        let parsed = Query::parse(&query);
        prop_assert!(parsed.others.len() <= query.split('&').count());
    }
}
