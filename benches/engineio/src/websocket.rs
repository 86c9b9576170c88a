//! Messages over WebSocket.

use crate::client::{connect, masked, reset_when_dropped};
use crate::dialect::Dialect;
use crate::load::{CONNECTIONS, Client, read_all};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

pub(crate) struct WebSocket {
    stream: TcpStream,
    /// As many messages as can be under way.
    messages: Vec<u8>,
    message_len: usize,
    /// An echo, as often as they can be under way, and once more.
    echoes: Vec<u8>,
    echo_len: usize,
    /// Bytes that are there of the next echo.
    at: usize,
}

impl WebSocket {
    /// Says `text`, and hears `echo`, both shorter than 126 bytes.
    pub(crate) fn open(
        dialect: Dialect,
        (address, number): (SocketAddr, usize),
        depth: usize,
        text: &str,
        echo: &str,
    ) -> io::Result<Self> {
        let mut stream = connect(address, number)?;
        reset_when_dropped(&stream)?;
        dialect.open_websocket(&mut stream)?;
        stream.set_nonblocking(true)?;
        let message = masked(text);
        let echo = [&[0x81, echo.len() as u8], echo.as_bytes()].concat();
        Ok(Self {
            stream: TcpStream::from_std(stream),
            messages: message.repeat(depth),
            message_len: message.len(),
            echoes: echo.repeat(depth + 1),
            echo_len: echo.len(),
            at: 0,
        })
    }
}

impl Client for WebSocket {
    fn register(&mut self, registry: &Registry, index: usize) -> io::Result<()> {
        registry.register(&mut self.stream, Token(CONNECTIONS * index), Interest::READABLE)
    }

    /// A few hundred bytes are under way at most: a socket that does not take them all has lost its server.
    fn send(&mut self, messages: usize) -> io::Result<()> {
        self.stream.write_all(&self.messages[..messages * self.message_len])
    }

    fn receive(&mut self, _: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let mut complete = 0;
        read_all(&mut self.stream, buffer, |bytes| {
            if self.echoes.get(self.at..self.at + bytes.len()) != Some(bytes) {
                return Err(io::Error::new(ErrorKind::InvalidData, "not the echo"));
            }
            self.at += bytes.len();
            complete += self.at / self.echo_len;
            self.at %= self.echo_len;
            Ok(())
        })?;
        Ok(complete)
    }
}
