//! `Ok` means that the transport has it.

use super::*;
use crate::MessageKind;
use crate::frame::ControlPayload;

#[test]
fn a_message_that_was_thrown_away_was_not_sent() {
    type Send = fn(&mut WebSocket<Socket>) -> Result<(), Error>;
    let sends: [Send; 7] = [
        |server| server.send_binary(&vec![7; 15 << 20]),
        |server| server.send_text(&"x".repeat(15 << 20)),
        |server| server.send_bytes(MessageKind::Binary, &vec![7; 15 << 20].into()),
        |server| server.send_fragment(MessageKind::Binary, &vec![7; 15 << 20], false),
        |server| {
            server.connection().send_binary(&vec![7; 15 << 20])?;
            server.send_ping(ControlPayload::EMPTY)
        },
        |server| {
            server.connection().send_binary(&vec![7; 15 << 20])?;
            server.start_close(CloseCode::NORMAL, "")
        },
        |server| {
            server.connection().send_binary(&vec![7; 15 << 20])?;
            server.flush()
        },
    ];
    for send in sends {
        let (mut server, socket, _) = open(Timeouts::default());
        socket.state().rate = 0;
        let sent = send(&mut server);
        assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
        assert_eq!(server.ended(), Some(Ended::TimedOut));
        assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
        assert!(matches!(server.read(), Ok(None)));
    }
}

#[test]
fn each_message_that_was_sent_has_been_taken() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.state().rate = 0;
    let mut sent = 0;
    let error = loop {
        match server.send_binary(&[7; 10_000]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Ended(Ended::TimedOut)));
    assert!(socket.state().output.len() >= sent * 10_004);
}

#[test]
fn a_message_behind_which_the_connection_was_given_up_was_not_sent() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    time.advance_to(second(30));
    server.send_text("the ping goes with it").unwrap();
    time.advance_to(second(80));
    let sent = server.send_text("small");
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
}

#[test]
fn what_arrived_before_is_handed_out_behind_a_send_that_failed() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.state().rate = 0;
    socket.arrive(second(1), TEXT.repeat(2));
    let sent = server.send_binary(&vec![7; 15 << 20]);
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    for _ in 0..2 {
        assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    }
    assert_eq!(server.read().unwrap(), None);
}

#[test]
fn the_adapter_takes_its_timeouts_with_it() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.state().rate = 0;
    socket.arrive(second(1), TEXT);
    server.send_text("sets one").unwrap();
    server.read().unwrap();
    assert!(socket.state().timeouts.iter().all(Option::is_some), "both were set");
    server.into_parts();
    assert_eq!(socket.state().timeouts, [None; 2]);
}

#[test]
fn errors_say_everything_once() {
    let error = Error::Io(std::io::Error::other("out of paper"));
    assert_eq!(alloc::format!("{error}"), "out of paper");
    assert!(core::error::Error::source(&error).is_none());
    let error = Error::Ended(Ended::TimedOut);
    assert_eq!(alloc::format!("{error}"), "not everything was sent: timed out");
}

#[test]
fn the_smaller_commands_are_sent_too() {
    let (mut server, socket, _) = open(Timeouts::default());
    server.send_prepared(&PreparedMessage::text("p")).unwrap();
    server.send_pong(ControlPayload::new(b"x").unwrap()).unwrap();
    assert_eq!(server.close_empty().unwrap(), CLEAN);
    assert_eq!(socket.state().output, b"\x81\x01p\x8A\x01x\x88\x00");
}

#[test]
fn a_stream_may_be_behind_a_pointer() {
    let (_, socket, _) = open(Timeouts::default());
    socket.arrive(second(1), TEXT.repeat(2));
    let boxed: Box<dyn super::super::Stream> = Box::new(socket.clone());
    let mut server = over(boxed, Timeouts::default());
    assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    let mut boxed = server.into_parts().stream;
    let mut server = over(&mut boxed, Timeouts::default());
    assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), CLEAN);
    assert!(socket.state().shut_down);
}
