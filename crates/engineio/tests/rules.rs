//! The rules of `docs/RULES.md`: each has a test that accepts what it allows, and one that rejects what it
//! forbids.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use sansio_engineio::payload::{self, SEPARATOR};
use sansio_engineio::{
    Cookie, Cors, InvalidPacket, OpenPacket, Packet, PacketKind, PayloadBuilder, Query, Refusal,
    SessionId, Unfit,
};
use sansio_ws::handshake::{Response, ServerHandshake, Status};
use sansio_ws::{Limits, RecvBuffer};
use std::collections::HashSet;
use std::time::Duration;

const KINDS: [(PacketKind, char); 7] = [
    (PacketKind::Open, '0'),
    (PacketKind::Close, '1'),
    (PacketKind::Ping, '2'),
    (PacketKind::Pong, '3'),
    (PacketKind::Message, '4'),
    (PacketKind::Upgrade, '5'),
    (PacketKind::Noop, '6'),
];

fn encoded(packet: &Packet<'_>) -> String {
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
fn e7_accepts_parameters_in_any_order_and_encoding() {
    let query = Query::parse("t=abc&x=1&transport=polling&EIO=4&sid=a-_b&x=2&y=a+b%2Bc&z");
    assert_eq!(query.version.as_deref(), Some("4"));
    assert_eq!(query.transport.as_deref(), Some("polling"));
    assert_eq!(query.session.as_deref(), Some("a-_b"));
    assert_eq!(
        (query.get("x"), query.get("y"), query.get("z")),
        (Some("2"), Some("a b+c"), Some(""))
    );
    let names: Vec<_> = query.others.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["x", "x", "y", "z"]);
    let query = Query::parse("%45%49%4f=3&EIO=4&transport=%77ebsocket");
    assert_eq!(query.version.as_deref(), Some("4"), "the last one counts");
    assert_eq!(query.transport.as_deref(), Some("websocket"));
    assert_eq!(Query::parse("a=%C3%A4").get("a"), Some("\u{e4}"));
}

#[test]
fn e7_rejects_nothing_and_guesses_nothing() {
    assert_eq!(Query::parse(""), Query::default());
    assert_eq!(Query::parse("&&t=1&"), Query::default());
    let query = Query::parse("a=%&b=%4&c=%4g&d=%ff&eio=4&=x");
    assert_eq!(
        (query.get("a"), query.get("b"), query.get("c")),
        (Some("%"), Some("%4"), Some("%4g"))
    );
    assert_eq!(
        (query.get("d"), query.get("eio"), query.get("")),
        (Some("\u{fffd}"), Some("4"), Some("x"))
    );
    assert_eq!(query.version, None, "names have their case");
}

/// Status, type, body, and whether the connection is kept.
fn parts(response: Response) -> (u16, String, String, bool) {
    let (_, kind) = response.headers().next().unwrap();
    let (status, kind, kept) =
        (response.status().code(), kind.to_owned(), response.is_keep_alive());
    (status, kind, String::from_utf8(response.into_body()).unwrap(), kept)
}

#[test]
fn e9_accepts_each_refusal_with_its_code() {
    for (refusal, status, body) in [
        (Refusal::UnknownTransport, 400, r#"{"code":0,"message":"Transport unknown"}"#),
        (Refusal::UnknownSession, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
        (Refusal::BadMethod, 400, r#"{"code":2,"message":"Bad handshake method"}"#),
        (Refusal::BadRequest, 400, r#"{"code":3,"message":"Bad request"}"#),
        (Refusal::Forbidden("not you".into()), 403, r#"{"code":4,"message":"not you"}"#),
        (
            Refusal::UnsupportedVersion,
            400,
            r#"{"code":5,"message":"Unsupported protocol version"}"#,
        ),
    ] {
        let (got, kind, json, kept) = parts(refusal.response());
        assert_eq!((got, &*kind, &*json, kept), (status, "application/json", body, true));
        let upgrade = parts(refusal.upgrade_response());
        assert_eq!(upgrade, (400, "text/html".into(), refusal.message().into(), false));
    }
}

#[test]
fn e9_rejects_a_message_that_would_break_out_of_its_string() {
    let refusal = Refusal::Forbidden("\"} \n\u{1}\\".into());
    let (_, _, json, _) = parts(refusal.response());
    assert_eq!(json, r#"{"code":4,"message":"\"} \n\u0001\\"}"#);
}

fn open_packet(may_upgrade: bool) -> OpenPacket {
    OpenPacket {
        session: SessionId::new([0; 15]),
        may_upgrade,
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_millis(20_000),
        max_payload: 1_000_000,
    }
}

#[test]
fn e10_accepts_exactly_these_keys() {
    let json = r#"{"maxPayload":1000000,"pingInterval":25000,"pingTimeout":20000,"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":["websocket"]}"#;
    assert_eq!(open_packet(true).data(), json);
    let encoded = encoded(&text(PacketKind::Open, json));
    assert_eq!(encoded, format!("0{json}"));
}

#[test]
fn e10_rejects_an_upgrade_that_there_is_not() {
    let json = open_packet(false).data();
    assert!(json.contains(r#""upgrades":[]"#), "{json}");
}

#[test]
fn e11_accepts_120_bits_as_base64url() {
    assert_eq!(SessionId::new([0; 15]).as_str(), "AAAAAAAAAAAAAAAAAAAA");
    assert_eq!(SessionId::new([0xff; 15]).as_str(), "____________________");
    let ids: HashSet<_> = (0..1000).map(|_| SessionId::from_os().unwrap()).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(id.as_str().len() == SessionId::LEN && id.as_str().bytes().all(is_safe));
    }
}

#[test]
fn e11_rejects_showing_it() {
    let id = SessionId::new([0xff; 15]);
    assert_eq!(format!("{id:?}"), "SessionId(____\u{2026})");
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

/// The headers of a response to a request with these header lines.
fn allowed(cors: &Cors, lines: &str, is_preflight: bool) -> Vec<(String, String)> {
    let method = if is_preflight { "OPTIONS" } else { "GET" };
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(format!("{method} / HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
    let mut handshake = ServerHandshake::new(&Limits::default());
    let request = handshake.receive(&mut rx).unwrap().unwrap();
    let response = match is_preflight {
        true => cors.allow(&request, Cors::preflight(&request)),
        false => cors.allow(&request, Response::new(Status::BAD_REQUEST)),
    };
    assert_eq!(response.status().code(), if is_preflight { 204 } else { 400 });
    response.headers().map(|(name, value)| (name.into(), value.into())).collect()
}

fn header<'h>(headers: &'h [(String, String)], name: &str) -> Vec<&'h str> {
    headers.iter().filter(|(n, _)| n == name).map(|(_, value)| &**value).collect()
}

const ALLOW: &str = "Access-Control-Allow-Origin";
const CREDENTIALS: &str = "Access-Control-Allow-Credentials";

#[test]
fn e30_accepts_who_may_read() {
    let origin = "Origin: https://a\r\n";
    let any = allowed(&Cors::any(), origin, false);
    assert_eq!(any, [(ALLOW.into(), "*".into())]);
    assert_eq!(allowed(&Cors::any(), "", false), any, "the same for everybody");
    let cors = Cors::listed(["https://a", "https://b"]).credentials(true);
    let listed = allowed(&cors, origin, false);
    assert_eq!(header(&listed, ALLOW), ["https://a"]);
    assert_eq!(header(&listed, CREDENTIALS), ["true"]);
    assert_eq!(header(&listed, "Vary"), ["Origin"]);
    let named = allowed(&Cors::any().credentials(true), origin, false);
    assert_eq!(
        (header(&named, ALLOW), header(&named, "Vary")),
        (vec!["https://a"], vec!["Origin"])
    );
    let asked = format!("{origin}Access-Control-Request-Headers: x-a, x-b\r\n");
    let preflight = allowed(&cors, &asked, true);
    assert_eq!(header(&preflight, "Access-Control-Allow-Headers"), ["x-a, x-b"]);
    assert_eq!(
        header(&preflight, "Access-Control-Allow-Methods"),
        ["GET,HEAD,PUT,PATCH,POST,DELETE"]
    );
    assert_eq!(header(&preflight, ALLOW), ["https://a"]);
    assert_eq!(header(&preflight, "Vary"), ["Access-Control-Request-Headers", "Origin"]);
}

#[test]
fn e30_rejects_others() {
    let cors = Cors::listed(["https://a"]).credentials(true);
    for lines in ["", "Origin: https://b\r\n", "Origin: https://A\r\n", "Origin: null\r\n"] {
        for is_preflight in [false, true] {
            let headers = allowed(&cors, lines, is_preflight);
            assert_eq!(header(&headers, ALLOW), [""; 0], "{lines}");
            assert_eq!(header(&headers, CREDENTIALS), [""; 0], "{lines}");
            assert!(header(&headers, "Vary").contains(&"Origin"), "or a cache gives it to them");
        }
    }
    assert_eq!(header(&allowed(&Cors::any(), "", false), CREDENTIALS), [""; 0]);
}

#[test]
fn e31_accepts_a_cookie_with_its_attributes() {
    let set = |cookie: &Cookie| {
        let response = cookie.set(&SessionId::new([0; 15]), Response::new(Status::OK));
        response.headers().map(|(name, value)| format!("{name}: {value}")).collect::<String>()
    };
    let cookie = Cookie::new("io").unwrap();
    assert_eq!(set(&cookie), "Set-Cookie: io=AAAAAAAAAAAAAAAAAAAA; Path=/; HttpOnly; SameSite=Lax");
    let cookie = cookie.attributes("Path=/x; Secure; SameSite=None").unwrap();
    assert_eq!(set(&cookie), "Set-Cookie: io=AAAAAAAAAAAAAAAAAAAA; Path=/x; Secure; SameSite=None");
}

#[test]
fn e31_rejects_what_would_break_out_of_its_line() {
    for name in ["", "a b", "a=b", "a;b", "a\r\nb"] {
        assert!(Cookie::new(name).is_err(), "{name:?}");
    }
    assert!(Cookie::new("io").unwrap().attributes("Path=/\r\nX: y").is_err());
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

#[test]
fn each_rule_has_a_test_of_either_kind() {
    let rules = include_str!("../docs/RULES.md");
    let tests = include_str!("rules.rs");
    let numbers: Vec<_> =
        rules.lines().filter_map(|line| line.strip_prefix("| E")?.split(' ').next()).collect();
    assert!(numbers.len() >= 8, "{numbers:?}");
    for number in numbers {
        for kind in ["accepts", "rejects"] {
            let is_test = |line: &str| {
                line.strip_prefix("fn ").is_some_and(|name| {
                    let (rules, _) = name.split_once(kind).unwrap_or_default();
                    rules.split('_').any(|rule| rule == format!("e{number}"))
                })
            };
            assert!(tests.lines().any(is_test), "E{number} has no test that {kind}");
        }
    }
}
