//! The same for a connection whose halves are apart. All of it happens in one thread: the other half
//! is away.

use super::super::{Reader, Writer};
use super::*;

fn split(timeouts: Timeouts) -> (Reader<Socket>, Writer<Socket>, Socket, Time) {
    let (server, socket, time) = open(timeouts);
    let (reader, writer) = server.split_with(socket.clone());
    (reader, writer, socket, time)
}

#[test]
fn a_writer_does_not_judge_from_silence() {
    let (mut reader, writer, socket, time) = split(Timeouts::DEFAULT.idle(seconds(30)));
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
    let (mut reader, writer, _, time) = split(Timeouts::DEFAULT);
    writer.send_text("tick").unwrap();
    time.advance_to(second(25));
    writer.send_text("with a ping").unwrap();
    time.advance_to(second(100));
    assert_eq!(reader.read().unwrap(), Some(Event::Pong(b"")));
}

#[test]
fn a_writer_gives_up_what_is_stuck_and_says_so() {
    let (mut reader, writer, socket, time) = split(Timeouts::DEFAULT);
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
        let (reader, writer, socket, time) = split(Timeouts::DEFAULT);
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
    let (reader, writer, socket, time) = split(Timeouts::DEFAULT.close(None));
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
    let (mut reader, writer, socket, _) = split(Timeouts::DEFAULT);
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
    let (mut server, socket, _) = open(Timeouts::DEFAULT);
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
            let (mut reader, _writer, socket, _) = split(Timeouts::DEFAULT);
            socket.arrive(second(1), bytes);
            socket.end(second(2), end);
            while reader.read().unwrap().is_some() {}
            assert_eq!(reader.ended(), Some(ended));
        }
    }
}

#[test]
fn a_close_is_bounded_from_its_writing_on() {
    let (mut reader, writer, socket, time) = split(Timeouts::DEFAULT);
    socket.state().answers = false;
    writer.close(CloseCode::NORMAL, "").unwrap();
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
    assert!((second(5)..second(6)).contains(&time.now()));
    assert!(socket.state().aborted);
}
