//! Every end is reached, reported once and rightly.

use super::super::opening::connect_any;
use super::super::timer::Timer;
use super::*;
use crate::handshake::OriginPolicy;
use core::net::SocketAddr;

const ENDS: [End; 5] = [
    End::Eof,
    End::Error(ErrorKind::UnexpectedEof),
    End::Error(ErrorKind::ConnectionReset),
    End::Error(ErrorKind::BrokenPipe),
    End::Error(ErrorKind::ConnectionAborted),
];

const fn eof(mid_frame: bool, close_sent: bool) -> Ended {
    Ended::Eof { mid_frame, mid_message: false, close_sent }
}

#[test]
fn the_end_of_the_stream_is_an_end_however_it_is_told() {
    for end in ENDS {
        let cases: [(&[u8], bool, Ended); 4] = [
            (TEXT, false, eof(false, false)),
            (&TEXT[..3], false, eof(true, false)),
            (b"", true, eof(false, true)),
            (CLOSE, true, CLEAN),
        ];
        for (bytes, close, expected) in cases {
            let (mut server, socket, _) = open(Timeouts::default());
            socket.state().answers = false;
            if !bytes.is_empty() {
                socket.arrive(second(1), bytes);
            }
            socket.end(second(2), end);
            if close {
                server.start_close(CloseCode::NORMAL, "").unwrap();
            }
            while server.read().unwrap().is_some() {}
            assert_eq!(server.ended(), Some(expected), "{end:?}");
            assert!(matches!(server.read(), Ok(None)), "an end is for ever");
        }
    }
}

#[test]
fn any_other_failure_is_reported_once_and_ends_the_connection() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.end(second(1), End::Error(ErrorKind::PermissionDenied));
    assert!(matches!(server.read(), Err(Error::Io(_))));
    assert_eq!(server.ended(), Some(Ended::TransportFailed));
    assert!(matches!(server.read(), Ok(None)));
    assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
    assert!(socket.state().aborted);

    let (mut server, socket, _) = open(Timeouts::default());
    socket.state().fault = Some(ErrorKind::PermissionDenied);
    assert!(matches!(server.send_text("a"), Err(Error::Io(_))));
    assert_eq!(server.ended(), Some(Ended::TransportFailed));
}

#[test]
fn an_end_before_opening_tells_its_cause() {
    let half: &[u8] = b"GET / HTTP/1.1\r\n";
    for (arrived, end, cause) in [
        (&b""[..], End::Eof, Some(Unopened::Ended)),
        (half, End::Eof, Some(Unopened::TruncatedHead)),
        (half, End::Error(ErrorKind::UnexpectedEof), Some(Unopened::CutOff)),
        (half, End::Error(ErrorKind::ConnectionReset), None),
    ] {
        let time = Time::for_thread();
        let socket = Socket::new(&time);
        socket.arrive(second(1), arrived);
        socket.end(second(2), end);
        let config = Config::default();
        match WebSocket::accept(socket, OriginPolicy::SameHost, config, Timeouts::default()) {
            Err(Error::Unopened(why)) => assert_eq!(Some(why), cause),
            Err(Error::Io(error)) => {
                assert_eq!((error.kind(), cause), (ErrorKind::ConnectionReset, None));
            }
            opened => panic!("{:?}", opened.map(drop)),
        }
    }
}

#[test]
fn opening_is_bounded_from_the_first_address_to_the_end_of_the_handshake() {
    let addresses: Vec<SocketAddr> =
        (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
    let time = Time::for_thread();
    let timer = Timer::new(Timeouts::default().opening(seconds(6)));
    let mut tried = vec![];
    let connected = connect_any(&addresses, &timer, |address, wait| {
        let wait = wait.unwrap();
        tried.push((address.port(), wait.as_secs()));
        // The first is refused at once, and leaves its time to the others.
        if address.port() > 1 {
            time.advance_to(time.now() + wait);
        }
        Err::<(), _>(ErrorKind::TimedOut.into())
    });
    assert!(matches!(connected, Err(Error::Io(_))));
    assert_eq!(tried, [(1, 2), (2, 3), (3, 3)]);
    assert_eq!(time.now(), second(6));
    let none = connect_any(&addresses, &timer, |_, _| -> std::io::Result<()> { panic!() });
    assert!(matches!(none, Err(Error::Unopened(Unopened::TimedOut))), "no time is left");

    let timer = Timer::new(Timeouts::NONE);
    let waits = connect_any(&addresses, &timer, |_, wait| Ok(wait));
    assert_eq!(waits.unwrap(), None);
}

#[test]
fn a_connection_that_the_caller_abandons_has_ended() {
    let (mut server, socket, time) = open(Timeouts::default());
    server.connection().send_text("queued").unwrap();
    server.connection().abandon();
    assert!(matches!(server.read(), Ok(None)));
    assert_eq!((server.ended(), time.now()), (Some(Ended::TimedOut), second(0)));
    assert!(socket.state().aborted);
}

#[test]
fn who_reads_no_more_may_have_said_something_before() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.arrive(second(0), TEXT);
    socket.end(second(1), End::Eof);
    socket.state().fault = Some(ErrorKind::BrokenPipe);
    assert!(matches!(server.send_text("into the void"), Err(Error::Io(_))));
    socket.state().fault = None;
    assert!(matches!(server.send_text("late"), Err(Error::Send(SendError::Closed))));
    assert_eq!(server.ended(), None);
    assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    assert_eq!(server.read().unwrap(), None);
    assert_eq!(server.ended(), Some(eof(false, false)));
}

#[test]
fn who_reads_no_more_and_says_nothing_is_not_waited_for_long() {
    let (mut server, socket, time) = open(Timeouts::default());
    socket.state().fault = Some(ErrorKind::BrokenPipe);
    assert!(matches!(server.send_text("into the void"), Err(Error::Io(_))));
    socket.state().fault = None;
    assert_eq!(server.read().unwrap(), None);
    assert_eq!(server.ended(), Some(Ended::TimedOut));
    assert!((second(5)..second(6)).contains(&time.now()));
}
