//! N82 to N86: UTF-8 in texts, bytes in binary messages (RFC 6455, sections 5.6 and 8.1).

use crate::support::frame::{Frame, wire};
use crate::support::{Feed, SIDES, Seen, in_parts, key, sent};
use crate::{accepts, fails, rejects};
use sansio_ws::{MessageKind, ProtocolError, SendError};

const INVALID: ProtocolError = ProtocolError::InvalidUtf8;

/// Byte sequences that are not UTF-8, and how many bytes of each could still become some.
const BROKEN: [(&[u8], usize); 17] = [
    (b"\x80", 0),                   // a continuation byte alone
    (b"\xBF", 0),                   //
    (b"\xC0\xAF", 0),               // overlong, 2 bytes
    (b"\xC1\xBF", 0),               //
    (b"\xE0\x80\xAF", 1),           // overlong, 3 bytes
    (b"\xE0\x9F\xBF", 1),           //
    (b"\xF0\x80\x80\xAF", 1),       // overlong, 4 bytes
    (b"\xF0\x8F\xBF\xBF", 1),       //
    (b"\xED\xA0\x80", 1),           // surrogates
    (b"\xED\xBF\xBF", 1),           //
    (b"\xF4\x90\x80\x80", 1),       // above U+10FFFF
    (b"\xF5\x80\x80\x80", 0),       //
    (b"\xFF", 0),                   // never
    (b"\xC3\x28", 1),               // not continued
    (b"\xE2\x82\x28", 2),           //
    (b"\xF0\x9F\x98\x28", 3),       //
    (b"ab\xCE\xBA\xE1\xBD\xED", 6), // behind valid text
];

/// The borders of the valid range for each length, and beyond the first plane.
const VALID: [&str; 8] = [
    "",
    "\0\u{7F}",
    "\u{80}\u{7FF}",
    "\u{800}\u{D7FF}\u{E000}\u{FFFF}",
    "\u{FFFD}\u{FFFE}",
    "\u{10000}\u{10FFFF}",
    "κόσμε",
    "Hello-µ@ßöäüàá-UTF-8!! 😀",
];

#[test]
fn n82_accepts_utf8() {
    for side in SIDES {
        for text in VALID {
            accepts(side, [Frame::text(text)], &[Seen::text(text)], []);
            let bytes = sent(|| {
                let mut connection = side();
                connection.send_text(text).unwrap();
                connection
            });
            assert_eq!(bytes, wire(!side().is_server(), [Frame::text(text)]));
        }
    }
}

#[test]
fn n82_rejects_what_is_not_utf8_with_1007() {
    for side in SIDES {
        for (broken, _) in BROKEN {
            rejects(side, [Frame::text(broken)], &[], INVALID, 1007);
            let (a, b) = broken.split_at(broken.len() / 2);
            let fragments = [Frame::text(a).more(), Frame::continuation(b)];
            rejects(side, fragments, &[], INVALID, 1007);
        }
    }
}

#[test]
fn n82_rejects_sending_what_is_not_utf8() {
    for side in SIDES {
        for (broken, _) in BROKEN {
            let mut connection = side();
            let refused = connection.send_bytes(MessageKind::Text, broken.into()).unwrap_err();
            assert_eq!((refused.error, &refused.message[..]), (SendError::InvalidUtf8, broken));
            let refused = connection.send_fragment(MessageKind::Text, broken, false);
            assert_eq!(refused, Err(SendError::InvalidUtf8));
            assert_eq!(connection.queued(), 0);
            connection.send_text("still open").unwrap();
        }
    }
}

#[test]
fn n83_accepts_code_points_across_fragments_and_reads() {
    for side in SIDES {
        let text = "€😀ß";
        for cut in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            let frames = [Frame::text(a).more(), Frame::ping("p"), Frame::continuation(b)];
            accepts(side, frames, &[Seen::ping("p"), Seen::text(text)], [Frame::pong("p")]);
        }
    }
}

#[test]
fn n83_accepts_parts_cut_on_borders_of_code_points() {
    for side in SIDES {
        let (a, b) = "a€b".as_bytes().split_at(2);
        let frames = [Frame::text(a).more(), Frame::ping("p"), Frame::continuation(b)];
        let part = |text: &str, first, last| Seen::TextPart { text: text.into(), first, last };
        let events = [part("a", true, false), Seen::ping("p"), part("€b", false, true)];
        accepts(in_parts(side), frames, &events, [Frame::pong("p")]);
    }
}

#[test]
fn n83_rejects_code_points_across_messages() {
    for side in SIDES {
        let frames = [Frame::text(b"\xC3"), Frame::text(b"\x9F")];
        rejects(side, frames, &[], INVALID, 1007);
    }
}

#[test]
fn n84_accepts_a_message_that_ends_with_a_code_point() {
    for side in SIDES {
        accepts(side, [Frame::text("😀")], &[Seen::text("😀")], []);
        let frames = [Frame::text("😀").more(), Frame::continuation("")];
        accepts(side, frames, &[Seen::text("😀")], []);
    }
}

#[test]
fn n84_rejects_a_message_that_ends_inside_a_code_point_with_1007() {
    for side in SIDES {
        for open in [&b"\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98", b"whole\xE2"] {
            rejects(side, [Frame::text(open)], &[], INVALID, 1007);
            let late = [Frame::text(open).more(), Frame::continuation("")];
            rejects(side, late.clone(), &[], INVALID, 1007);
            // In parts, what is valid is handed out first.
            let valid = String::from_utf8(open.iter().copied().filter(u8::is_ascii).collect());
            let text = valid.unwrap();
            let part = Seen::TextPart { text: text.clone(), first: true, last: false };
            let events = if text.is_empty() { vec![] } else { vec![part] };
            rejects(in_parts(side), late, &events, INVALID, 1007);
        }
    }
}

#[test]
fn n85_accepts_every_byte_that_could_still_become_text() {
    for side in SIDES {
        for (broken, possible) in BROKEN {
            let bytes = wire(side().is_server(), [Frame::text(broken).more()]);
            let header = bytes.len() - broken.len();
            let mut feed = Feed::new(side());
            feed.read(&bytes[..header + possible]);
            assert_eq!(feed.error(), None, "{broken:02x?}");
        }
    }
}

#[test]
fn n85_rejects_at_the_first_impossible_byte() {
    for side in SIDES {
        for (broken, possible) in BROKEN {
            // Most of the frame, and the message's end, have not come.
            let frame = Frame::text(broken).declaring(1000).more();
            let bytes = wire(side().is_server(), [frame]);
            let header = bytes.len() - broken.len();
            fails(side, &bytes[..header + possible + 1], &[], INVALID, 1007);
        }
    }
}

#[test]
fn n85_rejects_in_parts_at_the_same_byte() {
    for side in SIDES {
        let frame = Frame::text(b"ok\xE2\x82\x28 more").declaring(1000);
        let bytes = wire(side().is_server(), [frame]);
        let upto = bytes.len() - b" more".len();
        let part = Seen::TextPart { text: "ok".into(), first: true, last: false };
        fails(in_parts(side), &bytes[..upto], &[part], INVALID, 1007);
    }
}

#[test]
fn n86_accepts_any_bytes_in_binary_messages() {
    let every: Vec<u8> = (0..=255).collect();
    for side in SIDES {
        accepts(side, [Frame::binary(&every)], &[Seen::Binary(every.clone())], []);
        for (broken, _) in BROKEN {
            accepts(side, [Frame::binary(broken)], &[Seen::binary(broken)], []);
        }
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_bytes(MessageKind::Binary, every.clone().into()).unwrap();
            connection
        });
        assert_eq!(bytes, wire(!side().is_server(), [Frame::binary(&every)]));
    }
}

#[test]
fn n86_rejects_reading_a_binary_message_as_text() {
    for side in SIDES {
        // What would pass for text stays binary, and is not judged when it is cut in a code point.
        let frames = [Frame::binary("Grü".as_bytes()), Frame::binary(b"\xC3").more()];
        let trace = crate::receives(side, frames);
        assert_eq!((trace.events, trace.error), (vec![Seen::binary("Grü")], None));
    }
    let masked = Frame::binary("text").masked(key(1)).bytes();
    let trace = crate::support::received(in_parts(crate::support::server), &masked);
    let part = Seen::BinaryPart { bytes: b"text".into(), first: true, last: true };
    assert_eq!(trace.events, [part]);
}
