//! The limit: answers the handshake, and from then on returns bytes as they come.
//!
//! `raw ADDRESS [--broadcast] [--buffer BYTES]`

use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use versus::event_loop::{Peer, run};
use versus::scenario::{HEAD_END, RESPONSE};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let buffer = arguments.iter().position(|argument| argument == "--buffer");
    let buffer = buffer.map_or(256 * 1024, |at| arguments[at + 1].parse().expect("bytes"));
    let broadcast = arguments.iter().any(|argument| argument == "--broadcast");
    run::<Raw>(&arguments[0], broadcast, buffer)
}

struct Raw {
    stream: TcpStream,
    open: bool,
    /// What the socket has not taken yet.
    waiting: Vec<u8>,
}

impl Peer for Raw {
    type Message = Vec<u8>;

    fn new(stream: TcpStream) -> Self {
        Self { stream, open: false, waiting: Vec::new() }
    }

    fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    fn readable(
        &mut self,
        buffer: &mut [u8],
        mut everyone: Option<&mut Vec<Vec<u8>>>,
    ) -> io::Result<()> {
        // A client that does not read is not read from.
        while self.waiting.is_empty() {
            let n = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let bytes = &buffer[..n];
            if !self.open {
                if bytes.ends_with(HEAD_END) {
                    self.open = true;
                    self.write(RESPONSE)?;
                }
            } else if let Some(everyone) = &mut everyone {
                everyone.push(bytes.to_vec());
            } else {
                self.write(bytes)?;
            }
            if n < buffer.len() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn tell(&mut self, message: &Vec<u8>) -> io::Result<()> {
        self.write(message)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bytes = core::mem::take(&mut self.waiting);
        self.write(&bytes)
    }
}

impl Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while self.waiting.is_empty() && sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(n) => sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.waiting.extend_from_slice(&bytes[sent..]);
        Ok(())
    }
}
