//! N60 to N69: messages and their fragments (RFC 6455, section 5.4).

use crate::support::frame::{Frame, wire};
use crate::support::{Feed, SIDES, Seen, in_parts, sent};
use crate::{accepts, receives, rejects};
use sansio_ws::frame::FrameError;
use sansio_ws::{CloseCode, Connection, ControlPayload, MessageKind, ProtocolError, SendError};

const UNEXPECTED: ProtocolError = ProtocolError::UnexpectedContinuation;
const INTERLEAVED: ProtocolError = ProtocolError::InterleavedMessage;

/// What a connection writes after `act`, as its peer reads it.
fn sends(side: fn() -> Connection, act: impl Fn(&mut Connection), frames: &[Frame]) {
    let bytes = sent(|| {
        let mut connection = side();
        act(&mut connection);
        connection
    });
    assert_eq!(bytes, wire(!side().is_server(), frames.iter().cloned()));
}

#[test]
fn n60_accepts_a_message_in_one_frame() {
    for side in SIDES {
        accepts(side, [Frame::text("a")], &[Seen::text("a")], []);
        accepts(side, [Frame::binary("b")], &[Seen::binary("b")], []);
        sends(side, |c| c.send_text("a").unwrap(), &[Frame::text("a")]);
        let last = |c: &mut Connection| c.send_fragment(MessageKind::Binary, b"b", true).unwrap();
        sends(side, last, &[Frame::binary("b")]);
    }
}

#[test]
fn n60_n62_rejects_a_whole_message_of_opcode_0() {
    for side in SIDES {
        rejects(side, [Frame::continuation("a")], &[], UNEXPECTED, 1002);
        rejects(side, [Frame::continuation("")], &[], UNEXPECTED, 1002);
    }
}

#[test]
fn n61_accepts_first_middle_and_last_fragments() {
    let frames =
        [Frame::text("a").more(), Frame::continuation("b").more(), Frame::continuation("c")];
    for side in SIDES {
        accepts(side, frames.clone(), &[Seen::text("abc")], []);
        let fragments = |c: &mut Connection| {
            c.send_fragment(MessageKind::Text, b"a", false).unwrap();
            c.send_fragment(MessageKind::Text, b"b", false).unwrap();
            c.send_fragment(MessageKind::Text, b"c", true).unwrap();
        };
        sends(side, fragments, &frames);
    }
}

#[test]
fn n61_n62_rejects_a_first_fragment_of_opcode_0() {
    for side in SIDES {
        let frames = [Frame::continuation("a").more(), Frame::continuation("b")];
        rejects(side, frames, &[], UNEXPECTED, 1002);
    }
}

#[test]
fn n61_rejects_a_message_whose_last_fragment_does_not_come() {
    for side in SIDES {
        let trace = receives(side, [Frame::text("a").more(), Frame::continuation("b").more()]);
        assert_eq!((trace.events, trace.error), (vec![], None));
        let cut_off =
            sansio_ws::Ended::Eof { mid_frame: false, mid_message: true, close_sent: false };
        assert_eq!(trace.ended, cut_off);
    }
}

#[test]
fn n62_accepts_a_continuation_after_each_start() {
    for side in SIDES {
        let frames = [
            Frame::text("a").more(),
            Frame::continuation("b"),
            Frame::binary("c").more(),
            Frame::continuation("d"),
        ];
        accepts(side, frames, &[Seen::text("ab"), Seen::binary("cd")], []);
    }
}

#[test]
fn n62_rejects_a_continuation_after_the_end() {
    for side in SIDES {
        let single = [Frame::text("a"), Frame::continuation("b")];
        rejects(side, single, &[Seen::text("a")], UNEXPECTED, 1002);
        let fragmented =
            [Frame::text("a").more(), Frame::continuation("b"), Frame::continuation("c")];
        rejects(side, fragmented, &[Seen::text("ab")], UNEXPECTED, 1002);
        // A control frame is no start.
        let pong = [Frame::pong("a"), Frame::continuation("b").more()];
        rejects(side, pong, &[Seen::pong("a")], UNEXPECTED, 1002);
    }
}

#[test]
fn n63_n66_accepts_messages_one_after_the_other() {
    for side in SIDES {
        let frames = [
            Frame::text("a").more(),
            Frame::continuation("b"),
            Frame::binary("c"),
            Frame::text("").more(),
            Frame::continuation("d"),
        ];
        let events = [Seen::text("ab"), Seen::binary("c"), Seen::text("d")];
        accepts(side, frames, &events, []);
    }
}

#[test]
fn n63_n66_rejects_a_new_message_inside_another() {
    for side in SIDES {
        for new in [Frame::text("b"), Frame::binary("b"), Frame::text("b").more()] {
            let frames = [Frame::text("a").more(), new.clone(), Frame::continuation("c")];
            rejects(side, frames, &[], INTERLEAVED, 1002);
            let frames = [Frame::binary("a").more(), Frame::continuation("").more(), new];
            rejects(side, frames, &[], INTERLEAVED, 1002);
        }
    }
}

#[test]
fn n66_rejects_sending_a_message_inside_another() {
    for side in SIDES {
        let bytes = sent(|| {
            let mut connection = side();
            connection.send_fragment(MessageKind::Text, b"a", false).unwrap();
            assert_eq!(connection.send_text("b"), Err(SendError::InterleavedMessage));
            assert_eq!(connection.send_binary(b"b"), Err(SendError::InterleavedMessage));
            let prepared = sansio_ws::PreparedMessage::text("b");
            assert_eq!(connection.send_prepared(&prepared), Err(SendError::InterleavedMessage));
            let shared = connection.send_bytes(MessageKind::Text, "b".into()).unwrap_err();
            assert_eq!(
                (shared.error, &shared.message[..]),
                (SendError::InterleavedMessage, &b"b"[..])
            );
            let other = connection.send_fragment(MessageKind::Binary, b"b", true);
            assert_eq!(other, Err(SendError::InterleavedMessage));
            // Nothing of it left a trace: the message goes on.
            connection.send_fragment(MessageKind::Text, b"c", true).unwrap();
            connection.send_text("d").unwrap();
            connection
        });
        let frames = [Frame::text("a").more(), Frame::continuation("c"), Frame::text("d")];
        assert_eq!(bytes, wire(!side().is_server(), frames));
    }
}

#[test]
fn n64_accepts_whole_control_frames() {
    for side in SIDES {
        let frames = [Frame::ping("p"), Frame::pong("q"), Frame::close(1000, "")];
        let events = [Seen::ping("p"), Seen::pong("q"), Seen::close(1000, "")];
        accepts(side, frames, &events, [Frame::pong("p"), Frame::close(1000, "")]);
    }
}

#[test]
fn n64_rejects_control_frames_without_fin_with_1002() {
    let error = ProtocolError::Frame(FrameError::FragmentedControl);
    for side in SIDES {
        for opcode in [0x8, 0x9, 0xA] {
            rejects(side, [Frame::new(opcode, "").more()], &[], error, 1002);
            let within = [Frame::text("a").more(), Frame::new(opcode, "").more()];
            rejects(side, within, &[], error, 1002);
        }
    }
}

#[test]
fn n65_accepts_control_frames_between_fragments_and_answers_at_once() {
    for side in SIDES {
        let frames = [
            Frame::text("a").more(),
            Frame::ping("1"),
            Frame::continuation("b").more(),
            Frame::pong("2"),
            Frame::ping("3"),
            Frame::continuation("c"),
        ];
        let events = [Seen::ping("1"), Seen::pong("2"), Seen::ping("3"), Seen::text("abc")];
        accepts(side, frames.clone(), &events, [Frame::pong("1"), Frame::pong("3")]);
        // In parts, those that came before a control frame are handed out before it.
        let part = |text: &str, first, last| Seen::TextPart { text: text.into(), first, last };
        let events = [
            part("a", true, false),
            Seen::ping("1"),
            part("b", false, false),
            Seen::pong("2"),
            Seen::ping("3"),
            part("c", false, true),
        ];
        accepts(in_parts(side), frames, &events, [Frame::pong("1"), Frame::pong("3")]);
    }
}

#[test]
fn n65_rejects_waiting_for_the_end_of_the_message() {
    for side in SIDES {
        let to_server = side().is_server();
        let mut feed = Feed::new(side());
        feed.read(&wire(to_server, [Frame::text("a").more(), Frame::ping("now")]));
        assert_eq!(feed.events(), [Seen::ping("now")]);
        assert_eq!(feed.output(), wire(!to_server, [Frame::pong("now")]));
        // A Close ends all: the message is not handed out, whatever follows.
        let frames = [Frame::text("a").more(), Frame::close(1001, ""), Frame::continuation("b")];
        accepts(side, frames, &[Seen::close(1001, "")], [Frame::close(1001, "")]);
    }
}

#[test]
fn n65_accepts_sending_control_frames_between_fragments() {
    for side in SIDES {
        let act = |c: &mut Connection| {
            c.send_fragment(MessageKind::Binary, b"a", false).unwrap();
            c.send_ping(ControlPayload::new(b"p").unwrap()).unwrap();
            c.send_fragment(MessageKind::Binary, b"b", true).unwrap();
        };
        let frames = [Frame::binary("a").more(), Frame::ping("p"), Frame::continuation("b")];
        sends(side, act, &frames);
        let act = |c: &mut Connection| {
            c.send_fragment(MessageKind::Binary, b"a", false).unwrap();
            c.close(CloseCode::GOING_AWAY, "").unwrap();
        };
        sends(side, act, &[Frame::binary("a").more(), Frame::close(1001, "")]);
    }
}

/// Every way to cut `payload` into fragments, with an empty one at each end.
fn every_fragmentation(payload: &[u8]) -> impl Iterator<Item = Vec<Frame>> {
    (0..1 << (payload.len() - 1)).map(move |cuts: u32| {
        let mut frames = vec![Frame::text("").more()];
        let mut piece = vec![];
        for (i, &byte) in payload.iter().enumerate() {
            piece.push(byte);
            if cuts >> i & 1 == 1 {
                frames.push(Frame::continuation(&piece).more());
                piece.clear();
            }
        }
        frames.extend([Frame::continuation(&piece).more(), Frame::continuation("")]);
        frames
    })
}

#[test]
fn n67_n69_accepts_every_fragmentation_also_inside_code_points() {
    let text = "aß€";
    for side in SIDES {
        for frames in every_fragmentation(text.as_bytes()) {
            accepts(side, frames.clone(), &[Seen::text(text)], []);
            let part = Seen::TextPart { text: text.into(), first: true, last: true };
            accepts(in_parts(side), frames, &[part], []);
        }
        accepts(side, [Frame::text("")], &[Seen::text("")], []);
        let empty = [Frame::binary("").more(), Frame::continuation("")];
        accepts(side, empty, &[Seen::binary("")], []);
    }
}

#[test]
fn n67_rejects_taking_an_empty_fragment_for_an_end() {
    for side in SIDES {
        for first in [Frame::text("").more(), Frame::text("a").more()] {
            let frames = [first, Frame::continuation("").more(), Frame::continuation("").more()];
            let trace = receives(side, frames);
            assert_eq!((trace.events, trace.error), (vec![], None));
        }
    }
}

#[test]
fn n68_accepts_the_type_of_the_first_fragment() {
    for side in SIDES {
        let frames = [Frame::binary("a").more(), Frame::continuation("b")];
        accepts(side, frames, &[Seen::binary("ab")], []);
        let frames = [Frame::text("a").more(), Frame::continuation("b")];
        accepts(side, frames, &[Seen::text("ab")], []);
    }
}

#[test]
fn n68_rejects_in_a_text_what_a_binary_message_may_have() {
    let rest = || [Frame::continuation([0xFF]).more(), Frame::continuation("")];
    for side in SIDES {
        let text = [Frame::text("a").more()].into_iter().chain(rest());
        rejects(side, text, &[], ProtocolError::InvalidUtf8, 1007);
        let binary = [Frame::binary("a").more()].into_iter().chain(rest());
        accepts(side, binary, &[Seen::binary([b'a', 0xFF])], []);
    }
}

#[test]
fn n69_accepts_sending_fragments_cut_inside_a_code_point() {
    for side in SIDES {
        for frames in every_fragmentation("ß€".as_bytes()) {
            let act = |c: &mut Connection| {
                for frame in &frames {
                    let last = frame.first & 0x80 != 0;
                    c.send_fragment(MessageKind::Text, &frame.payload, last).unwrap();
                }
            };
            sends(side, act, &frames);
        }
    }
}

#[test]
fn n69_n82_rejects_sending_fragments_that_make_no_text() {
    for side in SIDES {
        let act = |c: &mut Connection| {
            let mut send = |bytes: &[u8], last| c.send_fragment(MessageKind::Text, bytes, last);
            assert_eq!(send(b"\xFF", true), Err(SendError::InvalidUtf8));
            send(b"\xC3", false).unwrap();
            assert_eq!(send(b"", true), Err(SendError::InvalidUtf8));
            assert_eq!(send(b"x", false), Err(SendError::InvalidUtf8));
            send(b"\x9F", true).unwrap();
        };
        sends(side, act, &[Frame::text([0xC3]).more(), Frame::continuation([0x9F])]);
    }
}
