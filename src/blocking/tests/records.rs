//! A stream that has something to say by itself, as TLS has, and keeps what it was given until it is
//! flushed.

use super::super::Stream;
use super::*;
use alloc::sync::Arc;
use std::io::{self, Read, Write};
use std::sync::Mutex;

/// What stands for the end of TLS.
const END: [u8; 300] = [b'E'; 300];

#[derive(Debug, Clone)]
struct Records {
    socket: Socket,
    said: Arc<Mutex<Said>>,
}

#[derive(Debug, Default)]
struct Said {
    pending: Vec<u8>,
    /// What the first read leads to.
    answer: Option<&'static [u8]>,
    ended: bool,
}

impl Records {
    fn new(socket: &Socket, answer: Option<&'static [u8]>) -> Self {
        let said = Said { answer, ..Said::default() };
        Self { socket: socket.clone(), said: Arc::new(Mutex::new(said)) }
    }
}

impl Read for Records {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let answer = self.said.lock().unwrap().answer.take();
        if let Some(answer) = answer {
            self.said.lock().unwrap().pending.extend_from_slice(answer);
            return Err(ErrorKind::Interrupted.into());
        }
        self.socket.read(buf)
    }
}

impl Write for Records {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.said.lock().unwrap().pending.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let pending = &mut self.said.lock().unwrap().pending;
        while !pending.is_empty() {
            let n = self.socket.write(pending)?;
            pending.drain(..n);
        }
        Ok(())
    }
}

impl Stream for Records {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.socket.set_read_timeout(timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        self.socket.set_write_timeout(timeout)
    }

    fn wants_flush(&self) -> bool {
        !self.said.lock().unwrap().pending.is_empty()
    }

    fn shutdown_write(&mut self) -> io::Result<bool> {
        {
            let Said { pending, ended, .. } = &mut *self.said.lock().unwrap();
            if !*ended {
                pending.extend_from_slice(&END);
                *ended = true;
            }
        }
        self.flush()?;
        self.socket.shutdown_write()
    }

    fn abort(&mut self) -> io::Result<bool> {
        self.socket.abort()
    }
}

fn socket() -> (Socket, Time) {
    let time = Time::for_thread();
    (Socket::new(&time), time)
}

/// The peer closes, and then takes the rest only slowly: less than it is to be sent at once.
fn takes_slowly(socket: &Socket) {
    socket.state().room = 100;
    socket.state().rate = 20;
    socket.arrive(second(1), CLOSE);
}

#[test]
fn the_end_waits_for_room_in_front_of_it() {
    let (socket, _) = socket();
    takes_slowly(&socket);
    socket.end(second(40), End::Eof);
    let mut server = over(Records::new(&socket, None), Timeouts::default().close(seconds(60)));
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(CLEAN));
    assert!(socket.state().output.ends_with(&END) && socket.state().shut_down);
    assert!(!socket.state().aborted);
}

#[test]
fn the_end_of_halves_waits_for_room_in_front_of_it() {
    let (socket, _) = socket();
    takes_slowly(&socket);
    socket.end(second(40), End::Eof);
    let stream = Records::new(&socket, None);
    let (mut reader, _writer) =
        over(stream.clone(), Timeouts::default().close(seconds(60))).split_with(stream);
    while reader.read().unwrap().is_some() {}
    assert_eq!(reader.ended(), Some(CLEAN));
    assert!(socket.state().output.ends_with(&END) && socket.state().shut_down);
    assert!(!socket.state().aborted);
}

/// It waits for as long as closing may take, and no longer.
#[test]
fn an_end_that_the_peer_never_takes_is_given_up() {
    let (socket, time) = socket();
    takes_slowly(&socket);
    socket.state().rate = 0;
    let mut server = over(Records::new(&socket, None), Timeouts::default());
    while server.read().unwrap().is_some() {}
    assert_eq!(server.ended(), Some(CLEAN), "both have sent Close");
    assert!((second(5)..second(8)).contains(&time.now()), "{:?}", time.now());
    assert!(!socket.state().shut_down && socket.state().aborted);
}

#[test]
fn what_a_read_leads_to_is_written_before_the_next_one_waits() {
    let (socket, time) = socket();
    socket.arrive(second(5), TEXT);
    let mut server = over(Records::new(&socket, Some(b"hello")), Timeouts::default());
    assert!(server.read().unwrap().is_some());
    assert_eq!((socket.state().output.as_slice(), time.now()), (&b"hello"[..], second(5)));
}

#[test]
fn what_a_read_leads_to_is_written_for_halves_too() {
    let (socket, time) = socket();
    socket.arrive(second(5), TEXT);
    let stream = Records::new(&socket, Some(b"hello"));
    let (mut reader, _writer) = over(stream.clone(), Timeouts::default()).split_with(stream);
    assert!(reader.read().unwrap().is_some());
    assert_eq!((socket.state().output.as_slice(), time.now()), (&b"hello"[..], second(5)));
}

/// All of it is in the stream, which can't pass it on.
#[test]
fn what_the_stream_holds_is_stuck_as_well() {
    let (socket, time) = socket();
    socket.state().answers = false;
    let stream = Records::new(&socket, None);
    let (mut reader, writer) = over(stream.clone(), Timeouts::default()).split_with(stream);
    time.advance_to(second(30));
    writer.send_text("with a ping").unwrap();
    socket.state().room = 10;
    socket.state().rate = 0;
    let sent = writer.send_binary(&[7; 1000]);
    assert!(matches!(sent, Err(Error::Ended(Ended::TimedOut))), "{sent:?}");
    assert!((second(70)..second(71)).contains(&time.now()), "{:?}", time.now());
    assert!(socket.state().aborted, "which wakes the reader");
    assert!(matches!(reader.read(), Ok(None)));
    assert_eq!(reader.ended(), Some(Ended::TimedOut));
}

#[test]
fn what_the_stream_passes_on_late_is_a_sign_of_life() {
    let (socket, time) = socket();
    socket.state().room = 10;
    socket.state().rate = 100;
    socket.state().answers = false;
    let stream = Records::new(&socket, None);
    let (reader, writer) = over(stream.clone(), Timeouts::default()).split_with(stream);
    for _ in 0..20 {
        writer.send_binary(&[7; 1000]).unwrap();
    }
    assert!(time.now() > second(180));
    assert_eq!((reader.ended(), socket.state().pings), (None, 0));
}
