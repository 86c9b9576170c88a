//! One connection: cheap counting of what arrives, thorough looks now and then.

use crate::wire::Wire;
use mio::net::TcpStream;
use nix::sys::socket::{MsgFlags, recv};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::Duration;
use versus::scenario::{HEAD_END, REQUEST};

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// As often as messages can be under way, and once more.
    batch: Vec<u8>,
    message_len: usize,
    reply: Vec<u8>,
    /// Bytes to be sent, and where in the message they begin.
    unsent: usize,
    send_at: usize,
    /// Where in the reply the next byte belongs.
    receive_at: usize,
    pub(crate) under_way: usize,
}

impl Client {
    /// Connects and shakes hands, waiting for both.
    pub(crate) fn open(
        address: SocketAddrV4,
        number: usize,
        wire: Wire,
        depth: usize,
    ) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::from(socket(number)?);
        let socket = socket2::SockRef::from(&stream);
        socket.connect(&address.into())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(REQUEST)?;
        let mut head = Vec::new();
        while !head.ends_with(HEAD_END) {
            let mut bytes = [0; 1024];
            let n = stream.read(&mut bytes)?;
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            head.extend_from_slice(&bytes[..n]);
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(&head)));
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            batch: wire.message.repeat(depth + 1),
            message_len: wire.message.len(),
            reply: wire.reply,
            unsent: 0,
            send_at: 0,
            receive_at: 0,
            under_way: 0,
        })
    }

    /// Sends `n` messages, as far as the socket takes them.
    pub(crate) fn send(&mut self, n: usize) -> io::Result<()> {
        self.unsent += n * self.message_len;
        self.under_way += n;
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.unsent > 0 {
            match self.stream.write(&self.batch[self.send_at..self.send_at + self.unsent]) {
                Ok(n) => {
                    self.unsent -= n;
                    self.send_at = (self.send_at + n) % self.message_len;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has arrived, and returns how many replies are complete with it. Without
    /// `verify` the bytes are only counted: the kernel does not even copy them.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], verify: bool) -> io::Result<usize> {
        let flags = if verify { MsgFlags::empty() } else { MsgFlags::MSG_TRUNC };
        let mut complete = 0;
        loop {
            let n = match recv(self.stream.as_raw_fd(), buffer, flags) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(nix::Error::EAGAIN) => return Ok(complete),
                Err(error) => return Err(error.into()),
            };
            if verify {
                self.verify(&buffer[..n])?;
            }
            let replies = (self.receive_at + n) / self.reply.len();
            self.receive_at = (self.receive_at + n) % self.reply.len();
            complete += replies;
            if n < buffer.len() {
                break;
            }
        }
        Ok(complete)
    }

    fn verify(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut at = self.receive_at;
        while !bytes.is_empty() {
            let n = bytes.len().min(self.reply.len() - at);
            if bytes[..n] != self.reply[at..at + n] {
                return Err(io::Error::other("the reply is not the message"));
            }
            bytes = &bytes[n..];
            at = 0;
        }
        Ok(())
    }
}

/// A socket of one of four addresses, so that there are enough ports. When it is dropped the connection is
/// reset, so that none waits for minutes.
pub(crate) fn socket(number: usize) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    let source = Ipv4Addr::new(127, 0, 0, 1 + (number % 4) as u8);
    socket.bind(&SocketAddrV4::new(source, 0).into())?;
    Ok(socket)
}
