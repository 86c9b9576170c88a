//! What others say: clients and servers in the field, some that got it wrong, and extensions that we do
//! not know.

use super::NO_WINDOW_BITS;
use super::{answered, answers, confirmed, confirms, offered, open, opened, refuses};
use crate::support::deflate::{HELLO, HELLO_AGAIN, text};
use crate::support::frame::{Frame, wire};
use crate::support::{Seen, server};
use crate::{accepts, fails, rejects};
use sansio_ws::deflate::Deflate;
use sansio_ws::extension::{Agreement, Extension, Offer, Prepared};
use sansio_ws::handshake::HandshakeError;
use sansio_ws::{Connection, ProtocolError};

/// An extension of somebody else, which says what it is told to.
#[derive(Debug)]
struct FixedExtension(&'static str);

impl Extension for FixedExtension {
    fn offer(&self) -> String {
        self.0.into()
    }

    fn accept(&self, offers: &[Offer<'_>]) -> Option<Agreement> {
        assert!(!offers.is_empty());
        let codec = open().accept(&Offer::parse(b"permessage-deflate")?)?.codec;
        Some(Agreement { header: self.0.into(), codec })
    }

    fn confirm(&self, _: &Offer<'_>) -> Result<Agreement, &'static str> {
        self.accept(&Offer::parse(self.0.as_bytes()).unwrap()).ok_or("never")
    }

    fn prepare(&self, _: &[u8]) -> Option<Prepared> {
        None
    }
}

#[test]
fn n16_n38_accepts_an_extension_of_somebody_else() {
    assert_eq!(offered(FixedExtension("x; y=\"z\"")).as_deref(), Some("x; y=\"z\""));
    assert_eq!(answered(FixedExtension("x; y"), &["x"]).as_deref(), Some("x; y"));
    assert_eq!(confirmed(FixedExtension("x; y"), &["x; y"]), Ok(Some("x; y".into())));
}

#[test]
fn n16_n38_rejects_sending_what_is_not_well_formed() {
    for value in ["", "x;", "x y", "x\r\nY: z", "x; y=\"a b\"", "\u{e4}"] {
        assert_eq!(offered(FixedExtension(value)), None, "{value:?}");
        assert_eq!(answered(FixedExtension(value), &["x"]), None, "{value:?}");
        let refused = confirmed(FixedExtension(value), &["x"]);
        assert_eq!(refused, Err(HandshakeError::UnofferedExtension), "it was not offered");
    }
}

/// What clients in the field offer, and what the presets answer.
#[test]
fn n110_accepts_the_offers_of_well_known_clients() {
    const NONE: &str = "; server_no_context_takeover; client_no_context_takeover";
    for (offer, answer) in [
        // Chromium, npm's ws, Python's websockets.
        ("permessage-deflate; client_max_window_bits", ""),
        // Firefox, Safari.
        ("permessage-deflate", ""),
        // Python's websockets when told to save memory.
        (
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
            "; server_max_window_bits=12; client_max_window_bits=12",
        ),
        // Older ones of Safari knew another extension only.
        ("x-webkit-deflate-frame, permessage-deflate", ""),
        // IXWebSocket.
        (
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
            "; server_max_window_bits=15",
        ),
        // Autobahn's strictest offer.
        (
            "permessage-deflate; client_no_context_takeover; client_max_window_bits; \
             server_no_context_takeover; server_max_window_bits=9",
            "; server_max_window_bits=9",
        ),
    ] {
        answers(Deflate::default(), offer, &format!("permessage-deflate{NONE}{answer}"));
    }
    let chromium = "permessage-deflate; client_max_window_bits";
    answers(Deflate::context_takeover(), chromium, "permessage-deflate");
    let small = format!("permessage-deflate{NONE}; server_max_window_bits=12");
    answers(Deflate::low_memory(), chromium, &small);
    answers(Deflate::low_memory(), "permessage-deflate", &small);
}

/// Safari 15.0 to 15.3 refer to earlier messages, whatever they are told: this is what a server
/// reads of two such messages.
fn reads_safari(deflate: &Deflate) -> impl Fn() -> Connection {
    let offer = Offer::parse(b"permessage-deflate").unwrap();
    move || server().with_agreement(deflate.accept(&offer).unwrap())
}

#[test]
fn n114_accepts_clients_that_keep_their_context_if_they_may() {
    let default = Deflate::default().client_no_context_takeover(false);
    for deflate in [Deflate::context_takeover(), default] {
        let events = [Seen::text("Hello"), Seen::text("Hello")];
        accepts(reads_safari(&deflate), [text(HELLO), text(HELLO_AGAIN)], &events, []);
    }
}

#[test]
fn n114_rejects_clients_that_keep_their_context_although_told_not_to() {
    for deflate in [Deflate::default(), Deflate::low_memory()] {
        let (frames, events) = ([text(HELLO), text(HELLO_AGAIN)], [Seen::text("Hello")]);
        rejects(reads_safari(&deflate), frames, &events, ProtocolError::CorruptMessage, 1007);
    }
}

/// What servers in the field answer to our offer.
#[test]
fn n111_accepts_the_answers_of_well_known_servers() {
    // npm's ws, which repeats what it was asked.
    confirms(
        Deflate::default(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    );
    // gorilla/websocket, whatever it was asked.
    confirms(
        Deflate::context_takeover(),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    );
    // Python's websockets.
    confirms(
        Deflate::context_takeover(),
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
    );
}

/// undici took such an answer, and failed with an uncaught exception at the first message.
#[test]
fn cve_2026_2229_window_bits_of_a_server_out_of_range_fail_the_handshake() {
    for value in NO_WINDOW_BITS {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            let answer = format!("permessage-deflate; {name}={value}");
            refuses(Deflate::context_takeover(), &answer);
        }
    }
}

/// aiohttp's client inflated messages marked with RSV1 although nothing was negotiated.
#[test]
fn cve_2026_59881_rsv1_without_negotiation_fails_the_connection() {
    let declined = || opened(Deflate::default(), &[]).unwrap();
    accepts(declined, [Frame::text("a")], &[Seen::text("a")], []);
    // "Hello", as in RFC 7692, section 7.2.3.1.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    for opcode in [1, 2] {
        let frames = wire(false, [Frame::new(opcode, hello).reserved(4)]);
        fails(declined, &frames, &[], ProtocolError::ReservedBits, 1002);
        let frames = wire(false, [Frame::new(opcode, hello).more().reserved(4)]);
        fails(declined, &frames, &[], ProtocolError::ReservedBits, 1002);
    }
}
