//! Each deadline passes when it should, whatever arrives and whatever waits.

use super::*;
use crate::MessageKind;
use crate::deadlines::Timeouts;
use crate::frame::{ControlPayload, Opcode};
use crate::handshake::{ClientRequest, OriginPolicy, Status};

const IDLE: (Opcode, &[u8]) = (Opcode::Close, b"\x03\xE9idle for too long");

fn accept(socket: &Socket, timeouts: Timeouts) -> Result<WebSocket<Socket>, Error> {
    WebSocket::accept(socket.clone(), OriginPolicy::SameHost, Config::default(), timeouts)
}

fn connect(socket: &Socket, timeouts: Timeouts) -> Result<WebSocket<Socket>, Error> {
    let request = ClientRequest::new("ws://x/chat").unwrap();
    WebSocket::connect(socket.clone(), &request, Config::default(), timeouts)
}

#[test]
fn f9_opening_is_bounded_in_all() {
    let timeouts = Timeouts::default().opening(seconds(1));
    // One byte at a time: each read succeeds.
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    for (at, byte) in (0..).zip(REQUEST) {
        socket.arrive(ms(20 * at), [*byte]);
    }
    assert!(matches!(accept(&socket, timeouts), Err(Error::Unopened(Unopened::TimedOut))));
    assert_eq!(time.now(), second(1));

    // A server that says nothing.
    let time = Time::for_thread();
    assert!(matches!(
        connect(&Socket::new(&time), timeouts),
        Err(Error::Unopened(Unopened::TimedOut))
    ));
    assert_eq!(time.now(), second(1));

    // A client that does not go after a page.
    let time = Time::for_thread();
    let socket = Socket::new(&time);
    socket.arrive(second(0), &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..]);
    assert!(matches!(accept(&socket, timeouts), Err(Error::Responded(Status::UPGRADE_REQUIRED))));
    assert_eq!(time.now(), second(1));
}

#[test]
fn f1_a_silent_peer_is_pinged_and_given_up() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().answers = false;
    assert_eq!(server.read().unwrap(), None);
    assert_eq!(server.ended(), Some(Ended::TimedOut));
    assert!((second(40)..ms(40_010)).contains(&time.now()), "{:?}", time.now());
    assert_eq!(socket.state().frames(), [(Opcode::Ping, vec![])]);
    assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
}

#[test]
fn pings_that_are_answered_keep_it_open() {
    let (mut server, socket, time) = open(Timeouts::default());
    for pings in 1..=4 {
        assert_eq!(server.read().unwrap(), Some(Event::Pong(b"")));
        assert_eq!((time.now(), socket.state().pings), (second(20 * pings), pings as usize));
    }
    assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), CLEAN);
}

#[test]
fn a_ping_without_a_deadline_for_its_answer_is_just_sent() {
    let (mut server, socket, time) = open(Timeouts::default().pong(None));
    socket.state().answers = false;
    socket.arrive(second(300), TEXT);
    assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    assert_eq!((time.now(), socket.state().pings), (second(300), 1));
}

#[test]
fn an_idle_connection_is_closed_though_its_peer_is_alive() {
    let (mut server, socket, time) = open(Timeouts::default().idle(seconds(90)));
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(CLEAN));
    assert!((second(90)..second(91)).contains(&time.now()), "{:?}", time.now());
    assert_eq!(socket.state().pings, 4);
    let frames = socket.state().frames();
    assert_eq!(frames.last().unwrap(), &(IDLE.0, IDLE.1.to_vec()));
}

#[test]
fn pings_that_the_caller_sends_are_no_messages() {
    let timeouts = Timeouts::NONE.idle(seconds(20)).close(seconds(5));
    let (mut server, socket, time) = open(timeouts);
    socket.state().answers = false;
    while server.send_ping(ControlPayload::EMPTY).is_ok() {
        time.advance_to(time.now() + Duration::from_secs(2));
    }
    assert!((second(20)..second(23)).contains(&time.now()), "{:?}", time.now());
    assert_eq!(socket.state().frames().last().unwrap(), &(IDLE.0, IDLE.1.to_vec()));

    let (server, socket, time) = open(timeouts);
    socket.state().answers = false;
    let (mut reader, writer) = server.split_with(socket.clone());
    for at in 1..15 {
        time.advance_to(second(2 * at));
        writer.send_ping(ControlPayload::EMPTY).unwrap();
    }
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
    assert!((second(33)..second(34)).contains(&time.now()), "{:?}", time.now());
    assert_eq!(socket.state().frames().last().unwrap(), &(IDLE.0, IDLE.1.to_vec()));
}

#[test]
fn f24_closing_is_bounded_though_the_peer_reads_nothing() {
    // What is before the Close is not taken, and nothing else shows that the peer is alive.
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
    assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), Ended::TimedOut);
    assert!((second(40)..second(61)).contains(&time.now()), "{:?}", time.now());

    // The peer has ended its direction, and there is much left to write.
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().rate = 0;
    socket.end(second(0), End::Eof);
    server.connection().send_bytes(MessageKind::Binary, vec![0; 30 << 20].into()).unwrap();
    let (mut reader, _writer) = server.split_with(socket.clone());
    assert!(matches!(reader.read(), Ok(None)));
    let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(reader.ended(), Some(eof));
    assert!((second(5)..second(6)).contains(&time.now()), "{:?}", time.now());
}

#[test]
fn f24_closing_is_bounded_though_the_peer_does_not_end_the_transport() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().answers = false;
    socket.arrive(second(1), CLOSE);
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(CLEAN));
    assert!((second(6)..second(7)).contains(&time.now()), "{:?}", time.now());
}

/// One frame of a conversation, what event it completes, and what an echo answers.
struct Exchange {
    frame: Vec<u8>,
    event: Option<(Opcode, Vec<u8>)>,
    answer: Option<(Opcode, Vec<u8>)>,
}

fn conversation(to_server: bool) -> Vec<Exchange> {
    let frame = |first, payload: &[u8]| {
        let mut frame = vec![first];
        let masked = if to_server { 0x80 } else { 0 };
        match u8::try_from(payload.len()) {
            Ok(len @ 0..126) => frame.push(masked | len),
            _ => frame.extend([masked | 126, 0, payload.len() as u8]),
        }
        frame.extend(&[0; 4][..if to_server { 4 } else { 0 }]);
        frame.extend(payload);
        frame
    };
    let exchange = |opcode, payload: &[u8], answer| Exchange {
        frame: frame(0x80 | opcode as u8, payload),
        event: Some((opcode, payload.to_vec())),
        answer: Some((answer, payload.to_vec())),
    };
    let piece =
        |first, payload| Exchange { frame: frame(first, payload), event: None, answer: None };
    let whole = Some((Opcode::Binary, b"onetwo".to_vec()));
    vec![
        exchange(Opcode::Text, b"hello", Opcode::Text),
        piece(Opcode::Binary as u8, b"one"),
        exchange(Opcode::Ping, b"?", Opcode::Pong),
        piece(Opcode::Continuation as u8, b""),
        Exchange { frame: frame(0x80, b"two"), event: whole.clone(), answer: whole },
        Exchange { answer: None, ..exchange(Opcode::Pong, b"nobody asked", Opcode::Pong) },
        exchange(Opcode::Binary, &[7; 200], Opcode::Binary),
        exchange(Opcode::Text, b"", Opcode::Text),
        exchange(Opcode::Close, b"\x03\xE9bye", Opcode::Close),
    ]
}

/// Echoes, and returns the events.
fn echo(server: &mut WebSocket<Socket>) -> Vec<(Opcode, Vec<u8>)> {
    let mut events = vec![];
    while let Some((connection, event)) = server.next().unwrap() {
        events.push(match event {
            Event::Text(text) => {
                connection.send_text(text).unwrap();
                (Opcode::Text, text.into())
            }
            Event::Binary(bytes) => {
                connection.send_binary(bytes).unwrap();
                (Opcode::Binary, bytes.into())
            }
            Event::Ping(payload) => (Opcode::Ping, payload.into()),
            Event::Pong(payload) => (Opcode::Pong, payload.into()),
            Event::Close(close) => {
                let code = close.code.unwrap().get().to_be_bytes();
                (Opcode::Close, [&code[..], close.reason.as_bytes()].concat())
            }
            event => panic!("{event:?}"),
        });
    }
    events
}

#[test]
fn f2_a_stall_at_every_offset_ends_with_a_deadline() {
    for to_server in [true, false] {
        let exchanges = conversation(to_server);
        let frames: Vec<u8> =
            exchanges.iter().flat_map(|exchange| exchange.frame.clone()).collect();
        let head = if to_server { REQUEST.len() } else { respond(REQUEST).len() };
        for cut in 0..=head + frames.len() {
            let time = Time::for_thread();
            let socket = Socket::new(&time);
            socket.state().answers = false;
            let opened = if to_server {
                socket.arrive(second(1), &[REQUEST, &frames].concat()[..cut]);
                accept(&socket, Timeouts::default())
            } else {
                socket.state().serves = Some((cut, frames.clone()));
                connect(&socket, Timeouts::default())
            };
            let Some(mut left) = cut.checked_sub(head) else {
                assert!(matches!(opened, Err(Error::Unopened(Unopened::TimedOut))), "{cut}");
                assert_eq!(time.now(), second(10), "{cut}");
                continue;
            };
            let whole = exchanges.iter().take_while(|exchange| {
                let arrived = left >= exchange.frame.len();
                left = left.saturating_sub(exchange.frame.len());
                arrived
            });
            let whole: Vec<_> = whole.collect();
            let events: Vec<_> =
                whole.iter().filter_map(|exchange| exchange.event.clone()).collect();
            let mut answers: Vec<_> =
                whole.iter().filter_map(|exchange| exchange.answer.clone()).collect();
            let mut socket_under_test = opened.unwrap();
            assert_eq!(echo(&mut socket_under_test), events, "cut at {cut}");
            let ended = if whole.len() == exchanges.len() {
                Ended::Clean { code: Some(CloseCode::GOING_AWAY) }
            } else {
                answers.push((Opcode::Ping, vec![]));
                Ended::TimedOut
            };
            assert_eq!(socket_under_test.ended(), Some(ended), "cut at {cut}");
            assert_eq!(socket.state().frames(), answers, "cut at {cut}");
        }
    }
}
