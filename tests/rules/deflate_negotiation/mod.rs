//! N110 to N121 and N130: the negotiation of permessage-deflate (RFC 7692, sections 5 and 7.1), over
//! whole handshakes. N16, N22 and N38 about the same.

mod peers;

use crate::support::{drain, masks};
use bytes::Buf;
use sansio_ws::deflate::{Deflate, InvalidSetting};
use sansio_ws::extension::{Agreement, Extension, Offer, Piece};
use sansio_ws::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, HandshakeError, OriginPolicy,
    ServerHandshake,
};
use sansio_ws::{Config, Connection, Limits, RecvBuffer};
use std::sync::Arc;

const HEADER: &str = "Sec-WebSocket-Extensions: ";

/// Takes whatever the peer proposes, and demands nothing.
fn open() -> Deflate {
    Deflate::default().server_no_context_takeover(false).client_no_context_takeover(false)
}

/// [`open`] with these window bits for what the server and the client send.
fn bits(server: u8, client: u8) -> Deflate {
    let deflate = open().server_max_window_bits(server);
    deflate.and_then(|deflate| deflate.client_max_window_bits(client)).unwrap()
}

/// The value of the one extension line of a head, if it has one.
fn extension_line(head: &[u8]) -> Option<String> {
    let head = String::from_utf8(head.to_vec()).unwrap();
    let mut values = head.split("\r\n").filter_map(|line| line.strip_prefix(HEADER));
    let value = values.next().map(Into::into);
    assert_eq!(values.next(), None, "one line at most");
    value
}

/// Bytes as they may arrive: whole, and one by one.
fn arrivals(bytes: &[u8]) -> [Vec<&[u8]>; 2] {
    [vec![bytes], bytes.chunks(1).collect()]
}

/// What a server answers to a request with these lines of extensions.
fn answered(extension: impl Extension + 'static, lines: &[&str]) -> Option<String> {
    let mut request = String::from(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    );
    lines.iter().for_each(|line| request.extend([HEADER, line, "\r\n"]));
    request.push_str("\r\n");
    let config = Arc::new(Config::default().extension(extension));
    let [whole, bytewise] = arrivals(request.as_bytes()).map(|pieces| {
        let mut handshake = ServerHandshake::new(&Limits::default());
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            let Some(request) = handshake.receive(&mut rx).unwrap() else { continue };
            let upgrade = request.upgrade(OriginPolicy::AnyOrigin).unwrap();
            let reply = Acceptance::default();
            let mut connection = upgrade.accept(&reply, Arc::clone(&config)).unwrap();
            let mut output = vec![];
            drain(&mut connection, 1, &mut output);
            let answer = extension_line(&output);
            assert_eq!(connection.extension(), answer.as_deref());
            return answer;
        }
        panic!("the request is whole");
    });
    assert_eq!(whole, bytewise);
    whole
}

fn start(config: &Arc<Config>) -> ClientHandshake {
    let request = ClientRequest::new("ws://a").unwrap();
    ClientHandshake::with_entropy(&request, Arc::clone(config), *b"the sample nonce", masks())
}

/// What a client offers.
fn offered(extension: impl Extension + 'static) -> Option<String> {
    let mut handshake = start(&Arc::new(Config::default().extension(extension)));
    let len = handshake.outgoing().remaining();
    extension_line(&handshake.outgoing().copy_to_bytes(len))
}

/// What a client makes of an answer with these lines of extensions.
fn opened(
    extension: impl Extension + 'static,
    lines: &[&str],
) -> Result<Connection, HandshakeError> {
    let mut answer = String::from(
        "HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    );
    lines.iter().for_each(|line| answer.extend([HEADER, line, "\r\n"]));
    answer.push_str("\r\n");
    let config = Arc::new(Config::default().extension(extension));
    let [whole, bytewise] = arrivals(answer.as_bytes()).map(|pieces| {
        let mut handshake = start(&config);
        let len = handshake.outgoing().remaining();
        handshake.outgoing().advance(len);
        let mut rx = RecvBuffer::new();
        for piece in pieces {
            rx.extend_from_slice(piece);
            match handshake.receive(&mut rx)? {
                Some(Answer::Open(connection, _)) => return Ok(connection),
                Some(Answer::Refused(_)) => panic!("it is 101"),
                None => {}
            }
        }
        panic!("the answer is whole");
    });
    assert_eq!(agreed(&whole), agreed(&bytewise));
    whole
}

fn agreed(opened: &Result<Connection, HandshakeError>) -> Result<Option<&str>, HandshakeError> {
    opened.as_ref().map(Connection::extension).map_err(|error| *error)
}

/// What a client says was agreed on.
fn confirmed(
    extension: impl Extension + 'static,
    lines: &[&str],
) -> Result<Option<String>, HandshakeError> {
    agreed(&opened(extension, lines)).map(|header| header.map(Into::into))
}

/// A server accepts a single offer, and answers this.
#[track_caller]
fn answers(deflate: Deflate, offer: &str, answer: &str) {
    assert_eq!(answered(deflate, &[offer]).as_deref(), Some(answer), "{offer}");
}

/// A server declines a single offer, and accepts the next.
#[track_caller]
fn declines(deflate: Deflate, offer: &str) {
    assert_eq!(answered(deflate.clone(), &[offer]), None, "{offer}");
    let next = "permessage-deflate; client_max_window_bits";
    let both = format!("{offer}, {next}");
    let expected = answered(deflate.clone(), &[next]);
    assert!(expected.is_some());
    assert_eq!(answered(deflate, &[&both]), expected, "{both}");
}

/// A client opens the connection with what the answer says.
#[track_caller]
fn confirms(deflate: Deflate, answer: &str) {
    assert_eq!(confirmed(deflate, &[answer]), Ok(Some(answer.into())));
}

/// A client fails the handshake.
#[track_caller]
fn refuses(deflate: Deflate, answer: &str) {
    let refused = confirmed(deflate, &[answer]);
    assert!(
        matches!(refused, Err(HandshakeError::ExtensionParameters(_))),
        "{answer}: {refused:?}"
    );
}

/// What else can stand where a number of window bits is asked for.
const NO_WINDOW_BITS: [&str; 15] = [
    "0",
    "1",
    "7",
    "16",
    "08",
    "015",
    "+8",
    "-1",
    "8.0",
    "0x8",
    "1e1",
    "a",
    "264",
    "65544",
    "99999999999",
];

#[test]
fn n16_accepts_offers_of_the_settings() {
    let offer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits";
    assert_eq!(offered(Deflate::default()).as_deref(), Some(offer));
    for (deflate, parameters) in [
        (open(), "client_max_window_bits"),
        (Deflate::context_takeover(), "client_max_window_bits"),
        (
            open().server_no_context_takeover(true),
            "server_no_context_takeover; client_max_window_bits",
        ),
        (bits(8, 15), "server_max_window_bits=8; client_max_window_bits"),
        (bits(15, 9), "client_max_window_bits=9"),
        (bits(14, 10), "server_max_window_bits=14; client_max_window_bits=10"),
    ] {
        assert_eq!(offered(deflate), Some(format!("permessage-deflate; {parameters}")));
    }
}

#[test]
fn n22_n111_accepts_no_extension_or_the_one_offered() {
    assert_eq!(confirmed(open(), &[]), Ok(None));
    assert_eq!(confirmed(Deflate::default(), &[]), Ok(None));
    confirms(open(), "permessage-deflate");
    assert_eq!(
        confirmed(open(), &[" ,permessage-deflate\t, "]),
        Ok(Some("permessage-deflate".into()))
    );
}

#[test]
fn n22_n91_n111_rejects_anything_else_in_an_answer() {
    for answer in [
        "permessage-bzip2",
        "x-webkit-deflate-frame",
        "Permessage-Deflate",
        "permessage-deflate; unknown",
        "permessage-deflate; unknown=1",
        "permessage-deflate; Server_No_Context_Takeover",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits=11",
    ] {
        refuses(open(), answer);
    }
    for answer in ["permessage-deflate, permessage-deflate", "permessage-deflate, x"] {
        let refused = confirmed(open(), &[answer]);
        assert_eq!(refused, Err(HandshakeError::UnofferedExtension), "{answer}");
    }
    for answer in ["", ",", "permessage-deflate;", "permessage-deflate; =8", "permessage deflate"] {
        let refused = confirmed(open(), &[answer]);
        assert_eq!(refused, Err(HandshakeError::MalformedExtensions), "{answer}");
    }
    // RFC 6455, section 11.3.2: in a response there is one line.
    let refused = confirmed(open(), &["permessage-deflate", "permessage-deflate"]);
    assert_eq!(refused, Err(HandshakeError::DuplicateHeader("Sec-WebSocket-Extensions")));
    for answer in ["permessage-deflate", "permessage-deflate; server_max_window_bits=12"] {
        // What was demanded is missing.
        refuses(open().server_no_context_takeover(true), answer);
        refuses(bits(11, 15), answer);
    }
}

#[test]
fn n38_n110_accepts_the_first_offer_that_it_can() {
    for (offers, answer) in [
        ("permessage-deflate", "permessage-deflate"),
        (
            "x, permessage-deflate, permessage-deflate; server_no_context_takeover",
            "permessage-deflate",
        ),
        (
            "permessage-deflate; server_max_window_bits=9, permessage-deflate",
            "permessage-deflate; server_max_window_bits=9",
        ),
        (
            "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10",
        ),
        // The examples of RFC 7692, sections 5 and 7.1.3.
        ("permessage-foo, permessage-deflate", "permessage-deflate"),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
             permessage-deflate; client_max_window_bits",
            "permessage-deflate; server_max_window_bits=10",
        ),
    ] {
        answers(open(), offers, answer);
        // One list may be spread over several lines (RFC 6455, section 9.1).
        let lines: Vec<&str> = offers.split(',').collect();
        assert_eq!(answered(open(), &lines).as_deref(), Some(answer), "{offers}");
    }
    assert_eq!(answered(open(), &["x", "y; z"]), None);
    assert_eq!(answered(open(), &[]), None);
}

#[test]
fn n38_n110_rejects_offers_with_any_fault() {
    for offer in [
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=10; unknown=1",
        "permessage-deflate; Client_Max_Window_Bits",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10; server_max_window_bits=10",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
        "permessage-deflate; client_max_window_bits=10; client_max_window_bits",
        "PERMESSAGE-DEFLATE",
        "x-webkit-deflate-frame",
    ] {
        declines(open(), offer);
        declines(Deflate::default(), offer);
    }
}

#[test]
fn n112_accepts_server_no_context_takeover_by_repeating_it() {
    let asked = "permessage-deflate; server_no_context_takeover";
    answers(open(), asked, asked);
    confirms(open().server_no_context_takeover(true), asked);
}

#[test]
fn n112_rejects_an_answer_that_does_not_repeat_it() {
    let asked = open().server_no_context_takeover(true);
    refuses(asked.clone(), "permessage-deflate");
    refuses(asked, "permessage-deflate; client_no_context_takeover");
    // The error names what would open.
    for settings in [Deflate::default(), Deflate::low_memory()] {
        let refused = confirmed(settings, &["permessage-deflate"]).unwrap_err();
        assert!(refused.to_string().contains("Deflate::context_takeover()"), "{refused}");
    }
    confirms(Deflate::context_takeover(), "permessage-deflate");
}

#[test]
fn n113_n114_n117_accepts_saying_it_unasked() {
    let unasked = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                   server_max_window_bits=11";
    let settings = Deflate::default().server_max_window_bits(11).unwrap();
    answers(settings, "permessage-deflate", unasked);
    confirms(open(), unasked);
    confirms(open(), "permessage-deflate; server_max_window_bits=15");
}

/// How many bytes a message takes, and the same one again.
fn twice(agreement: Option<Agreement>) -> [usize; 2] {
    let mut codec = agreement.unwrap().codec;
    let message: String = (0..100).map(|n| format!("{} ", n * n)).collect();
    [(); 2].map(|()| {
        let mut output = vec![];
        let whole = Piece { first: true, last: true };
        assert!(codec.encode(message.as_bytes(), whole, &mut output));
        output.len()
    })
}

#[test]
fn n112_n113_n114_accepts_referring_to_the_message_before() {
    let nothing_said = Offer::parse(b"permessage-deflate").unwrap();
    for sender in [open().accept(&nothing_said), open().confirm(&nothing_said[0]).ok()] {
        let [first, again] = twice(sender);
        assert!(again < first / 2, "{again} and {first}");
    }
}

#[test]
fn n112_n113_n114_rejects_referring_to_it_against_the_agreement() {
    let alone = open().server_no_context_takeover(true).client_no_context_takeover(true);
    let nothing_said = Offer::parse(b"permessage-deflate").unwrap();
    let server = Offer::parse(b"permessage-deflate; server_no_context_takeover").unwrap();
    let client = Offer::parse(b"permessage-deflate; client_no_context_takeover").unwrap();
    let server_alone = open().server_no_context_takeover(true);
    let client_alone = open().client_no_context_takeover(true);
    for sender in [
        // Asked by the peer, or said by themselves.
        open().accept(&server),
        open().confirm(&client[0]).ok(),
        server_alone.accept(&nothing_said),
        client_alone.confirm(&nothing_said[0]).ok(),
        alone.accept(&nothing_said),
        alone.confirm(&server[0]).ok(),
    ] {
        let [first, again] = twice(sender);
        assert_eq!(again, first);
    }
}

#[test]
fn n117_rejects_saying_it_unasked_without_a_good_value() {
    refuses(open(), "permessage-deflate; server_max_window_bits");
    NO_WINDOW_BITS.iter().for_each(|value| {
        refuses(open(), &format!("permessage-deflate; server_max_window_bits={value}"));
    });
}

#[test]
fn n115_accepts_both_takeover_parameters_without_a_value() {
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    answers(open(), both, both);
    answers(
        open(),
        "permessage-deflate;client_no_context_takeover ;\tserver_no_context_takeover",
        both,
    );
    confirms(open(), both);
}

#[test]
fn n115_rejects_any_value_of_them() {
    for name in ["server_no_context_takeover", "client_no_context_takeover"] {
        for value in ["1", "true", "0", "\"x\"", "15"] {
            let parameter = format!("permessage-deflate; {name}={value}");
            declines(open(), &parameter);
            refuses(open(), &parameter);
        }
    }
}

#[test]
fn n116_accepts_a_window_of_the_server_no_larger_than_demanded() {
    for demanded in 8..=15 {
        for own in 8..=15 {
            let offer = format!("permessage-deflate; server_max_window_bits={demanded}");
            let answer =
                format!("permessage-deflate; server_max_window_bits={}", own.min(demanded));
            answers(bits(own, 15), &offer, &answer);
            // As any server may, also a smaller one than 15 that was not demanded.
            confirms(bits(demanded, 15), &answer);
        }
    }
}

#[test]
fn n116_rejects_a_larger_window_of_the_server() {
    for demanded in 8..15 {
        for answered in demanded + 1..=15 {
            let answer = format!("permessage-deflate; server_max_window_bits={answered}");
            refuses(bits(demanded, 15), &answer);
        }
        refuses(bits(demanded, 15), "permessage-deflate");
    }
    // The error names what would open.
    let answer = "permessage-deflate; server_no_context_takeover";
    let refused = confirmed(Deflate::low_memory(), &[answer]).unwrap_err();
    assert!(refused.to_string().contains("Deflate::context_takeover()"), "{refused}");
    confirms(Deflate::context_takeover(), answer);
}

#[test]
fn n118_n119_accepts_a_limit_for_clients_that_can_be_limited() {
    for own in 8..=15 {
        let limit = |bits| match bits {
            15 => "permessage-deflate".into(),
            _ => format!("permessage-deflate; client_max_window_bits={bits}"),
        };
        answers(bits(15, own), "permessage-deflate; client_max_window_bits", &limit(own));
        for hint in 8..=15 {
            let offer = format!("permessage-deflate; client_max_window_bits={hint}");
            answers(bits(15, own), &offer, &limit(own.min(hint)));
            if own <= hint {
                confirms(
                    bits(15, hint),
                    &format!("permessage-deflate; client_max_window_bits={own}"),
                );
            }
        }
        confirms(bits(15, own), "permessage-deflate");
    }
}

#[test]
fn n118_n119_rejects_limits_for_other_clients_and_larger_ones() {
    for own in 8..15 {
        declines(bits(15, own), "permessage-deflate");
        for answered in own + 1..=15 {
            let answer = format!("permessage-deflate; client_max_window_bits={answered}");
            refuses(bits(15, own), &answer);
        }
    }
    refuses(open(), "permessage-deflate; client_max_window_bits");
    refuses(open(), "permessage-deflate; client_max_window_bits=\"\\1\\6\"");
    // Never in the answer when it was not in the offer, also if there is nothing to limit.
    answers(open(), "permessage-deflate", "permessage-deflate");
}

#[test]
fn n120_accepts_8_to_15_also_in_quotes() {
    for bits in 8..=15 {
        let plain = format!("permessage-deflate; server_max_window_bits={bits}");
        let escaped: String = bits.to_string().chars().flat_map(|digit| ['\\', digit]).collect();
        for value in [bits.to_string(), format!("\"{bits}\""), format!("\"{escaped}\"")] {
            let parameter = format!("permessage-deflate; server_max_window_bits = {value}");
            answers(open(), &parameter, &plain);
            assert_eq!(confirmed(open(), &[&parameter]), Ok(Some(plain.clone())), "{parameter}");
        }
    }
}

#[test]
fn n120_rejects_every_other_value() {
    for name in ["server_max_window_bits", "client_max_window_bits"] {
        for value in NO_WINDOW_BITS {
            for value in [value.into(), format!("\"{value}\"")] {
                let parameter = format!("permessage-deflate; {name}={value}");
                declines(open(), &parameter);
                refuses(open(), &parameter);
            }
        }
    }
    declines(open(), "permessage-deflate; server_max_window_bits");
    for bits in [0, 1, 7, 16, 255] {
        for refused in [open().server_max_window_bits(bits), open().client_max_window_bits(bits)] {
            assert_eq!(refused.unwrap_err(), InvalidSetting::WindowBits);
        }
    }
}

/// An empty value makes the whole list malformed.
#[test]
fn n42_n120_rejects_empty_values() {
    for value in ["", "\"\""] {
        let answer = format!("permessage-deflate; server_max_window_bits={value}");
        let refused = confirmed(open(), &[&answer]);
        assert_eq!(refused, Err(HandshakeError::MalformedExtensions), "{answer}");
        assert!(Offer::parse(answer.as_bytes()).is_none());
    }
}

#[test]
fn n130_accepts_a_window_of_8_bits_in_both_directions() {
    let eight = "permessage-deflate; server_max_window_bits=8; client_max_window_bits=8";
    answers(open(), eight, eight);
    confirms(open(), eight);
    assert_eq!(offered(bits(8, 8)).as_deref(), Some(eight));
    answers(bits(8, 8), "permessage-deflate; client_max_window_bits", eight);
}

#[test]
fn n130_rejects_9_bits_where_8_were_agreed() {
    refuses(bits(8, 15), "permessage-deflate; server_max_window_bits=9");
    refuses(bits(15, 8), "permessage-deflate; client_max_window_bits=9");
}

#[test]
fn settings_out_of_range_are_refused() {
    for level in 1..=9 {
        assert!(open().level(level).is_ok());
    }
    assert_eq!(open().level(0).unwrap_err(), InvalidSetting::Level);
    assert_eq!(open().level(10).unwrap_err(), InvalidSetting::Level);
    for mem_level in 1..=9 {
        assert!(open().mem_level(mem_level).is_ok());
    }
    for mem_level in [0, 10, 255] {
        assert_eq!(open().mem_level(mem_level).unwrap_err(), InvalidSetting::MemLevel);
    }
}
