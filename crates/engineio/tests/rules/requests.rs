//! Requests: queries, refusals, the open packet and session ids (E7, E9 to E11).

use super::packets::encoded;
use sansio_engineio::{OpenPacket, Packet, PacketKind, Query, Refusal, SessionId};
use sansio_ws::handshake::Response;
use std::collections::HashSet;
use std::time::Duration;

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
    let encoded = encoded(&Packet::text(PacketKind::Open, json));
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
