//! Text messages that are packets, and others.

use sansio_socketio::{Args, InvalidPacket, Packet, PacketKind, is_reserved};

/// Decodes, and encodes to the same text.
fn both_ways<'a>(text: &'a str, packet: Packet<'a>) {
    assert_eq!(Packet::decode(text), Ok(packet), "{text}");
    let mut encoded = String::new();
    packet.encode(&mut encoded);
    assert_eq!(encoded, text);
}

fn rejects(texts: &[&str], error: InvalidPacket) {
    for text in texts {
        assert_eq!(Packet::decode(text), Err(error), "{text:?}");
    }
}

const fn packet(kind: PacketKind) -> Packet<'static> {
    Packet::new(kind, "/")
}

fn event(data: &str) -> Packet<'_> {
    Packet { data: Some(data), ..packet(PacketKind::Event) }
}

#[test]
fn s5_accepts_what_each_kind_has() {
    both_ways("0", packet(PacketKind::Connect));
    both_ways("1", packet(PacketKind::Disconnect));
    both_ways(
        "0{\"token\":\"a\"}",
        Packet { data: Some("{\"token\":\"a\"}"), ..packet(PacketKind::Connect) },
    );
    both_ways(
        "0/admin,{}",
        Packet { data: Some("{}"), ..Packet::new(PacketKind::Connect, "/admin") },
    );
    both_ways("1/admin,", Packet::new(PacketKind::Disconnect, "/admin"));
    both_ways("2[\"a\"]", event("[\"a\"]"));
    both_ways("2[\"a\",[],{},null]", event("[\"a\",[],{},null]"));
    both_ways(
        "3/a/b,12[]",
        Packet { ack: Some(12), data: Some("[]"), ..Packet::new(PacketKind::Ack, "/a/b") },
    );
    both_ways(
        "4{\"message\":\"no\"}",
        Packet { data: Some("{\"message\":\"no\"}"), ..packet(PacketKind::ConnectError) },
    );
    both_ways("4\"no\"", Packet { data: Some("\"no\""), ..packet(PacketKind::ConnectError) });
    // Events that nobody handles (S7).
    both_ways("2[1]", event("[1]"));
    both_ways("2[-1.5e3,2]", event("[-1.5e3,2]"));
    both_ways("2", packet(PacketKind::Event));
    both_ways("25", Packet { ack: Some(5), ..packet(PacketKind::Event) });
    // The names of those may be empty, and be anything else.
    both_ways("2[\"\"]", event("[\"\"]"));
    both_ways("2[\"_placeholder\"]", event("[\"_placeholder\"]"));
}

#[test]
fn s5_accepts_namespaces_with_and_without_a_comma() {
    for (text, namespace) in [
        ("0/,", "/"),
        ("0/", "/"),
        ("0/unknown", "/unknown"),
        ("0/unknown,", "/unknown"),
        ("0/b?x=1,", "/b?x=1"),
        ("0/b?x=1,{}", "/b?x=1"),
        ("0/\u{e4}/[\"{,", "/\u{e4}/[\"{"),
        ("0//", "//"),
    ] {
        let packet = Packet::decode(text).unwrap();
        assert_eq!((packet.kind, packet.namespace), (PacketKind::Connect, namespace), "{text}");
    }
    assert_eq!(Packet::decode("2/,[\"a\"]"), Ok(event("[\"a\"]")));
}

#[test]
fn s5_rejects_data_that_a_kind_does_not_have() {
    rejects(&["0[]", "0\"s\"", "0null", "0true", "0-1", "0/a,[]"], InvalidPacket::Data);
    rejects(&["1{}", "1[]", "1null", "1/a,{}"], InvalidPacket::Data);
    rejects(&["2{}", "2[]", "2[ ]", "2[null]", "2[{}]", "2[[]]", "2[true]"], InvalidPacket::Data);
    rejects(&["2\"a\"", "2null", "2-1", "51-{}", "51-[]"], InvalidPacket::Data);
    rejects(&["31{}", "3null", "3\"a\"", "61-1{}"], InvalidPacket::Data);
    rejects(&["4[]", "4null", "4false", "4-1"], InvalidPacket::Data);
}

#[test]
fn s5_rejects_other_kinds_and_nothing() {
    rejects(&[""], InvalidPacket::Empty);
    rejects(
        &["7", "8[\"a\"]", "9", "a", " 2[\"a\"]", "-1", "\u{662}", "{}", "/"],
        InvalidPacket::Kind,
    );
}

#[test]
fn s5_rejects_namespaces_without_a_slash() {
    rejects(
        &["0admin", "0admin,{}", "2admin,[\"a\"]", "1,", "0,", "2,[\"a\"]"],
        InvalidPacket::Json,
    );
}

#[test]
fn s4_accepts_any_json() {
    for data in [
        "[\"a\",1e400,-0,123456789012345678901234567890.10]",
        "[\"a\",\"\\ud83d\",{\"\\udc00\":0}]",
        "[\"\\ud83d\"]",
        "[\"a\",{\"b\":1,\"b\":2}]",
        "[ \"a\" ,\t1\r\n]",
        "[\"a\",\"\u{7f}\u{2028}\u{ffff}\u{1f600}\"]",
    ] {
        both_ways(&format!("2{data}"), event(data));
    }
    // White space behind it is part of JSON and says nothing.
    assert_eq!(Packet::decode("2[\"a\"] \r\n"), Ok(event("[\"a\"]")));
}

#[test]
fn s4_rejects_what_is_not_json_to_its_end() {
    rejects(
        &["2abc[", "2[\"a\"]x", "2[\"a\"][]", "2[\"a\"", "2[\"a\",]", "2[,\"a\"]"],
        InvalidPacket::Json,
    );
    rejects(
        &["2[\"a\" 1]", "2[\"a\",01]", "2[\"a\",.5]", "2[\"a\",1.]", "2[\"a\",+1]"],
        InvalidPacket::Json,
    );
    rejects(
        &["2['a']", "2[\"a\n\"]", "2[\"a\u{1e}\"]", "2[\"\\x\"]", "2[\"\\ud8\"]"],
        InvalidPacket::Json,
    );
    rejects(
        &["2[\"a\",NaN]", "2[\"a\",undefined]", "0{a:1}", "0{\"a\"}", "0{\"a\":1"],
        InvalidPacket::Json,
    );
    rejects(
        &["2[\"a\"]\0", "2\u{feff}[\"a\"]", "2[\"a\"]\u{a0}", "2[\"a\",tru]"],
        InvalidPacket::Json,
    );
    // Where it begins with white space, others see an ack id.
    rejects(&["2 [\"a\"]", "21 [\"a\"]", "0\n{}", "1 ", "2/a, [\"a\"]"], InvalidPacket::Json);
}

#[test]
fn s1_accepts_one_to_ten_attachments() {
    for count in 1..=10 {
        both_ways(&format!("5{count}-[\"a\"]"), Packet { attachments: count, ..event("[\"a\"]") });
        both_ways(
            &format!("6{count}-/b,7[]"),
            Packet {
                attachments: count,
                ack: Some(7),
                data: Some("[]"),
                ..Packet::new(PacketKind::Ack, "/b")
            },
        );
    }
    assert_eq!(Packet::decode("51-").map(|packet| packet.attachments), Ok(1));
    assert_eq!(Packet::decode("502-[\"a\"]").map(|packet| packet.attachments), Ok(2));
}

#[test]
fn s1_rejects_other_counts() {
    rejects(
        &["50-[\"a\"]", "511-[\"a\"]", "5-[\"a\"]", "5-1-[\"a\"]", "51.5-[\"a\"]"],
        InvalidPacket::Count,
    );
    rejects(
        &["5+1-[\"a\"]", "51.0-[\"a\"]", "5 1-[\"a\"]", "51e0-[]", "50x1-[]"],
        InvalidPacket::Count,
    );
    rejects(
        &["5", "51", "5[\"a\"]", "51[\"a\"]", "51[\"a-b\"]", "6", "5/a,1-[\"a\"]"],
        InvalidPacket::Count,
    );
    rejects(&["599999999999999999999999-[\"a\"]", "5\u{661}-[\"a\"]"], InvalidPacket::Count);
}

#[test]
fn s3_accepts_ids_up_to_the_largest() {
    for id in [0, 1, 10, u64::MAX] {
        both_ways(&format!("2{id}[\"a\"]"), Packet { ack: Some(id), ..event("[\"a\"]") });
    }
    assert_eq!(Packet::decode("2007[\"a\"]").map(|packet| packet.ack), Ok(Some(7)));
    assert_eq!(Packet::decode("3999[]").map(|packet| packet.ack), Ok(Some(999)));
}

#[test]
fn s3_rejects_larger_and_other_ids() {
    rejects(&["218446744073709551616[\"a\"]", "399999999999999999999[]"], InvalidPacket::Ack);
    rejects(
        &["21.5[\"a\"]", "2+1[\"a\"]", "2-1[\"a\"]", "20x1[\"a\"]", "2\u{661}[\"a\"]"],
        InvalidPacket::Json,
    );
}

#[test]
fn s6_accepts_names_that_are_not_reserved() {
    for name in ["Connect", "connected", "message", "error", "ping", "disconnect ", "newlistener"] {
        assert!(!is_reserved(name));
        Packet::decode(&format!("2[\"{name}\"]")).unwrap();
    }
    // As an argument it is no name.
    Packet::decode("2[\"a\",\"connect\"]").unwrap();
}

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

#[test]
fn s6_rejects_reserved_names_however_they_are_written() {
    for name in RESERVED {
        assert!(is_reserved(name));
        let escaped: String = name.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
        for text in [
            format!("2[\"{name}\"]"),
            format!("251[ \"{name}\",1]"),
            format!("51-/a,[\"{name}\"]"),
            format!("2[\"{escaped}\"]"),
        ] {
            rejects(&[&text], InvalidPacket::ReservedName);
        }
    }
}

#[test]
fn names_of_events() {
    for (data, name) in [
        ("[\"a\"]", Some("a")),
        ("[ \"\\u00e4\\n\" , 1]", Some("\u{e4}\n")),
        ("[\"\\ud83d\\ude00\"]", Some("\u{1f600}")),
        ("[\"\\ud83d\"]", None),
        ("[1]", None),
    ] {
        let (borrowed, args) = Args::event(data, vec![]).unwrap();
        assert_eq!(borrowed.as_deref(), name);
        let (owned, same) = Args::event(data.to_owned(), vec![]).unwrap();
        assert_eq!((owned.as_deref(), same), (name, args));
    }
}
