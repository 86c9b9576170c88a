//! The same for a connection whose halves are apart. All of it happens in one thread: the other half
//! is away.

use super::super::timer::Timer;
use super::super::virtual_time::{PING, do_meanwhile};
use super::super::{Reader, Writer};
use super::*;
use crate::frame::Opcode;

fn split(timeouts: Timeouts) -> (Reader<Socket>, Writer<Socket>, Socket, Time) {
    let (server, socket, time) = open(timeouts);
    let (reader, writer) = server.split_with(socket.clone());
    (reader, writer, socket, time)
}

#[test]
fn a_writer_does_not_judge_from_silence() {
    let (mut reader, writer, socket, time) = split(Timeouts::default().idle(seconds(30)));
    socket.state().answers = false;
    for at in 1..200 {
        time.advance_to(second(10 * at));
        writer.send_text("tick").unwrap();
    }
    assert_eq!(reader.ended(), None);
    assert_eq!(socket.state().pings, 1, "it has sent a ping all the same");
    // The reader looks, and judges.
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
    assert!(time.now() < second(1992));
}

#[test]
fn a_reader_that_comes_late_looks_before_it_judges() {
    let (mut reader, writer, _, time) = split(Timeouts::default());
    writer.send_text("tick").unwrap();
    time.advance_to(second(25));
    writer.send_text("with a ping").unwrap();
    time.advance_to(second(100));
    assert_eq!(reader.read().unwrap(), Some(Event::Pong(b"")));
}

#[test]
fn a_writer_gives_up_what_is_stuck_and_says_so() {
    let (mut reader, writer, socket, time) = split(Timeouts::default());
    socket.state().rate = 0;
    let sent = writer.send_binary(&vec![7; 15 << 20]);
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert!((second(40)..second(41)).contains(&time.now()), "{:?}", time.now());
    assert!(socket.state().aborted, "which wakes the reader");
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
    assert!(matches!(writer.send_text("late"), Err(Error::Send(SendError::Closed))));
}

#[test]
fn a_writer_goes_on_while_the_peer_takes_a_little() {
    for rate in [1000, 200_000] {
        let (reader, writer, socket, time) = split(Timeouts::default());
        socket.state().rate = rate;
        socket.state().room = 10_000;
        let len = 300 * rate as usize;
        writer.send_binary(&vec![7; len]).unwrap();
        assert!(time.now() > second(280));
        assert_eq!((reader.ended(), socket.state().output.len() > len), (None, true));
    }
}

#[test]
fn what_moves_while_a_writer_waits_is_known_before_the_reader_judges() {
    let (reader, writer, socket, time) = split(Timeouts::default().close(None));
    socket.state().rate = 1000;
    socket.state().room = 10_000;
    socket.state().answers = false;
    writer.send_binary(&vec![7; 100_000]).unwrap();
    assert!(time.now() > second(80));
    // A write that waited for as long as it may would tell of its progress only when the reader has
    // judged.
    assert!(socket.state().longest_write <= Duration::from_secs(10));
    assert_eq!(reader.ended(), None);
}

#[test]
fn a_writer_is_told_that_its_message_was_not_written() {
    let (mut reader, writer, socket, _) = split(Timeouts::default());
    socket.state().fault = Some(ErrorKind::BrokenPipe);
    assert!(matches!(writer.send_text("a"), Err(Error::Io(_))));
    assert!(matches!(writer.send_text("b"), Err(Error::Send(SendError::Closed))));
    socket.state().fault = None;
    socket.arrive(second(0), TEXT);
    socket.end(second(1), End::Error(ErrorKind::ConnectionReset));
    assert_eq!(reader.read().unwrap(), Some(Event::Text("a")), "it was sent before");
    assert_eq!(reader.read().unwrap(), None);
    let eof = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
    assert_eq!(reader.ended(), Some(eof));
}

#[test]
fn the_halves_start_without_timeouts() {
    let (mut server, socket, _) = open(Timeouts::default());
    socket.arrive(second(1), TEXT);
    server.send_text("sets one").unwrap();
    server.read().unwrap();
    let (_reader, _writer) = server.split_with(socket.clone());
    assert_eq!(socket.state().timeouts, [None; 2]);
}

#[test]
fn the_reader_ends_as_a_whole_connection_does() {
    for (bytes, ended) in [
        (CLOSE, CLEAN),
        (&TEXT[..2], Ended::Eof { mid_frame: true, mid_message: false, close_sent: false }),
    ] {
        for end in [End::Eof, End::Error(ErrorKind::UnexpectedEof)] {
            let (mut reader, _writer, socket, _) = split(Timeouts::default());
            socket.arrive(second(1), bytes);
            socket.end(second(2), end);
            while reader.read().unwrap().is_some() {}
            assert_eq!(reader.ended(), Some(ended));
        }
    }
}

#[test]
fn a_close_is_bounded_from_its_writing_on() {
    let (mut reader, writer, socket, time) = split(Timeouts::default());
    socket.state().answers = false;
    writer.close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
    assert!((second(5)..second(6)).contains(&time.now()));
    assert!(socket.state().aborted);
}

/// The reader does not wait for a writer that has the output, so the writer has to look once more.
#[test]
fn what_the_reader_queues_while_a_writer_lets_go_is_written() {
    let (mut reader, writer, socket, _) = split(Timeouts::default());
    socket.arrive(second(1), PING);
    socket.arrive(second(2), TEXT);
    do_meanwhile(move || {
        assert_eq!(reader.read().unwrap(), Some(Event::Ping(b"")));
        assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
    });
    writer.send_text("hello").unwrap();
    let expected = [(Opcode::Text, b"hello".to_vec()), (Opcode::Pong, vec![])];
    assert_eq!(socket.state().frames(), expected);
}

/// Another thread may start closing at any time, and wakes nobody.
#[test]
fn a_reader_waits_no_longer_than_closing_may_take() {
    let (mut reader, _writer, socket, _) = split(Timeouts::NONE.close(seconds(5)));
    socket.arrive(second(100), TEXT);
    assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
    assert_eq!(socket.state().longest_read, Duration::from_secs(5));
}

/// Pongs that do not fit, until the peer reads from `at` on.
fn full_until(at: Instant) -> (Reader<Socket>, Socket, Time) {
    let (mut reader, _writer, socket, time) = split(Timeouts::default());
    socket.state().room = 10;
    socket.state().reads_from = at;
    socket.state().answers = false;
    socket.arrive(second(0), PING.repeat(10));
    for _ in 0..10 {
        assert_eq!(reader.read().unwrap(), Some(Event::Ping(b"")));
    }
    (reader, socket, time)
}

#[test]
fn a_reader_tries_once_more_to_write_before_it_gives_up() {
    let (mut reader, socket, _) = full_until(ms(40_005));
    socket.arrive(second(50), TEXT);
    assert_eq!(reader.read().unwrap(), Some(Event::Text("a")), "the peer was alive");

    let (mut reader, _socket, time) = full_until(ms(40_020));
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!((reader.ended(), time.now()), (Some(Ended::TimedOut), ms(40_011)));
}

/// When nothing arrives, there is nothing better to do.
#[test]
fn a_reader_that_could_not_write_tries_again_when_nothing_arrives() {
    for at in 5000..5070 {
        let (mut reader, socket, _) = full_until(ms(at));
        socket.arrive(ms(at + 25), TEXT);
        assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
        assert_eq!(socket.state().frames(), vec![(Opcode::Pong, vec![]); 10]);
    }
}

/// While bytes arrive, there is: the peer may have to be read from before it reads.
#[test]
fn a_reader_that_could_not_write_reads_on_for_a_while() {
    let (mut reader, socket, time) = full_until(second(5));
    (0..1000).for_each(|_| socket.arrive(second(1), TEXT));
    for _ in 0..1000 {
        assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
    }
    assert!(time.now() < ms(1020), "{:?}", time.now());
}

#[test]
fn messages_and_their_parts_are_not_idleness_for_the_reader() {
    let timeouts = Timeouts::NONE.idle(seconds(3)).message(seconds(30)).close(seconds(1));
    let (mut reader, _writer, socket, time) = split(timeouts);
    (1..10).for_each(|at| socket.arrive(second(2 * at), TEXT));
    for at in 1..10 {
        assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
        assert_eq!(time.now(), second(2 * at));
    }
    socket.arrive(second(20), begin_binary(800_000));
    (21..100).for_each(|at| socket.arrive(second(at), vec![7; 10_000]));
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(socket.state().frames()[0].1[..2], [0x03, 0xF0], "1008");
    assert!((second(50)..second(51)).contains(&time.now()), "{:?}", time.now());
}

#[test]
fn the_look_of_the_reader_is_bounded() {
    let (mut reader, _writer, socket, time) = split(Timeouts::NONE.idle(seconds(10)));
    socket.state().answers = false;
    socket.arrive(second(1), PONG.repeat(100_000));
    time.advance_to(second(60));
    let mut pongs = 0;
    while socket.state().output.is_empty() {
        assert_eq!(reader.read().unwrap(), Some(Event::Pong(b"")));
        pongs += 1;
        assert!(pongs < 60_000, "a look is bounded");
    }
}

#[test]
fn halves_of_one_connection_are_reunited_and_no_others() {
    let (server, socket, time) = open(Timeouts::default());
    let (mut reader, writer) = server.split_with(socket.clone());
    writer.send_text("from the writer").unwrap();
    socket.arrive(time.now(), [TEXT, &TEXT[..3]].concat());
    assert_eq!(reader.read().unwrap(), Some(Event::Text("a")));
    let (other, other_writer) =
        over(Socket::new(&time), Timeouts::default()).split_with(socket.clone());
    let (reader, other_writer) = reader.reunite(other_writer).unwrap_err();
    let clone = writer.clone();
    let (reader, writer) = reader.reunite(writer).unwrap_err();
    drop(clone);
    let mut server = reader.reunite(writer).unwrap();
    // Nothing is lost, and it closes as one in one piece does.
    socket.arrive(time.now(), &TEXT[3..]);
    assert_eq!(server.read().unwrap(), Some(Event::Text("a")));
    server.send_text("in one piece").unwrap();
    assert_eq!(server.close(CloseCode::NORMAL, "").unwrap(), CLEAN);
    assert!(other.reunite(other_writer).is_ok());
}

#[test]
fn every_kind_of_message_is_sent_by_writers_too() {
    let (server, socket, _) = open(Timeouts::default());
    let (_reader, writer) = server.split_with(socket.clone());
    writer.send_prepared(&PreparedMessage::text("p")).unwrap();
    writer.send_fragment(MessageKind::Text, b"f", false).unwrap();
    let between = writer.clone().send_text("between");
    assert!(matches!(between, Err(Error::Send(SendError::InterleavedMessage))));
    writer.send_fragment(MessageKind::Text, b"", true).unwrap();
    assert_eq!(socket.state().output, b"\x81\x01p\x01\x01f\x80\x00");
}

/// What is stuck is not the peer's fault as long as it sends, and does not keep the writer busy.
#[test]
fn a_writer_that_is_stuck_waits_in_peace_while_the_reader_hears_something() {
    let time = Time::for_thread();
    let mut timer = Timer::new(Timeouts::default().close(None));
    timer.opened();
    timer.share();
    timer.written(0, true);
    for at in 1..200 {
        time.advance_to(second(at));
        timer.received();
        assert_eq!(timer.due_in_send(false), None);
        assert_eq!(timer.wait_in_send(false), seconds(10), "at {at}");
    }
}
