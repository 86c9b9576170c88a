//! Echoes over WebSocket.

use crate::client::{connect, open_websocket, reset_when_dropped};
use crate::load::{CONNECTIONS, Client, packet, read_all};
use crate::servers::Kind;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

/// Clients must mask, but what with is for an attacker not to know, and here is none.
const MASK: [u8; 4] = [0x1d, 0x4c, 0xa7, 0x72];

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
    pub(crate) fn open(
        kind: Kind,
        address: SocketAddr,
        number: usize,
        depth: usize,
    ) -> io::Result<Self> {
        let mut stream = connect(address, number)?;
        reset_when_dropped(&stream)?;
        open_websocket(&mut stream, kind.websocket_target(), kind.is_engine())?;
        stream.set_nonblocking(true)?;
        let packet = packet(number);
        let length = packet.len() as u8;
        let mut message = vec![0x81, 0x80 | length];
        message.extend(MASK);
        message.extend(packet.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        let echo = [&[0x81, length], packet.as_bytes()].concat();
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
