//! Connections are opened, and dropped when the handshake is done.

use crate::client::socket;
use crate::echo::TICK;
use crate::{Options, Phase, Stopwatch};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind, Read, Write};
use versus::sample::Figures;
use versus::scenario::{HEAD_END, REQUEST};

struct Attempt {
    stream: TcpStream,
    asked: bool,
    head: Vec<u8>,
}

pub(crate) fn run(options: &Options) -> io::Result<Figures> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut watch = Stopwatch::start(options)?;
    let mut opened = 0;
    let mut attempts = Vec::new();
    for i in 0..options.scenario.connections {
        attempts.push(Some(Attempt::start(options, &poll, i)?));
    }
    loop {
        poll.poll(&mut events, Some(TICK))?;
        for event in &events {
            let Some(attempt) = &mut attempts[event.token().0] else { continue };
            if !attempt.go_on(event)? {
                continue;
            }
            opened += 1;
            // Drops, and so resets, the old one first.
            attempts[event.token().0] = None;
            if watch.phase != Phase::Drain {
                attempts[event.token().0] = Some(Attempt::start(options, &poll, event.token().0)?);
            }
        }
        if watch.look(opened)? == Phase::Drain && attempts.iter().all(Option::is_none) {
            break;
        }
    }
    watch.figures.messages = opened;
    Ok(watch.figures)
}

impl Attempt {
    fn start(options: &Options, poll: &Poll, number: usize) -> io::Result<Self> {
        let socket = socket(number)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&options.address.into()) {
            Ok(()) => {}
            // EINPROGRESS
            Err(error) if error.raw_os_error() == Some(nix::Error::EINPROGRESS as i32) => {}
            Err(error) => return Err(error),
        }
        let mut stream = TcpStream::from_std(socket.into());
        poll.registry().register(
            &mut stream,
            Token(number),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(Self { stream, asked: false, head: Vec::new() })
    }

    /// Returns whether the connection is open.
    fn go_on(&mut self, event: &mio::event::Event) -> io::Result<bool> {
        if event.is_writable() && !self.asked {
            self.asked = true;
            // So little is always taken at once.
            self.stream.write_all(REQUEST)?;
        }
        let mut bytes = [0; 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => self.head.extend_from_slice(&bytes[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if !self.head.ends_with(HEAD_END) {
            return Ok(false);
        }
        if self.head.starts_with(b"HTTP/1.1 101") {
            Ok(true)
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&self.head)))
        }
    }
}
