//! One connection: cheap counting of what arrives, and thorough checks now and then.

use crate::Options;
use crate::deflate::{self, Agreed};
use crate::replies::Replies;
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
    outgoing: Outgoing,
    replies: Replies,
    pub(crate) under_way: usize,
}

impl Client {
    /// Connects and shakes hands, waiting for both. Its messages are those of connection `number`.
    pub(crate) fn open(options: &Options, place: usize, number: usize) -> io::Result<Self> {
        let scenario = options.scenario;
        let mut stream = std::net::TcpStream::from(socket(place)?);
        let socket = socket2::SockRef::from(&stream);
        socket.connect(&options.address.into())?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let wire = match scenario.deflate {
            None => {
                shake_hands(&mut stream, "")?;
                Wire::new(scenario, number, options.raw)
            }
            Some(deflate) => {
                let head = shake_hands(&mut stream, &deflate::offer(deflate))?;
                let agreed = match options.raw {
                    true => Agreed::as_offered(deflate),
                    false => Agreed::read(&head, deflate)?,
                };
                deflate::wire(&agreed, number, scenario.payload)
            }
        };
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            outgoing: Outgoing::new(&wire.messages, scenario.depth),
            replies: wire.replies,
            under_way: 0,
        })
    }

    /// Sends `n` messages, as far as the socket takes them.
    pub(crate) fn send(&mut self, n: usize) -> io::Result<()> {
        self.outgoing.add(n);
        self.under_way += n;
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.outgoing.unsent > 0 {
            match self.stream.write(self.outgoing.bytes()) {
                Ok(n) => self.outgoing.sent(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what has arrived, and returns how many replies are complete with it. Without
    /// `verify` those that are always the same are only counted: the kernel does not even copy them.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], verify: bool) -> io::Result<usize> {
        let counted = !verify && matches!(self.replies, Replies::Same(_));
        let flags = if counted { MsgFlags::MSG_TRUNC } else { MsgFlags::empty() };
        let mut complete = 0;
        loop {
            let n = match recv(self.stream.as_raw_fd(), buffer, flags) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(nix::Error::EAGAIN) => return Ok(complete),
                Err(error) => return Err(error.into()),
            };
            complete += match &mut self.replies {
                Replies::Same(same) => {
                    if verify {
                        same.verify(&buffer[..n])?;
                    }
                    same.count(n)
                }
                Replies::Compressed(compressed) => compressed.take(&buffer[..n], verify)?,
            };
            if n < buffer.len() {
                break;
            }
        }
        Ok(complete)
    }

    /// Bytes that a reply takes, on average, if they are compressed.
    pub(crate) fn reply_bytes(&self) -> Option<f64> {
        match &self.replies {
            Replies::Same(_) => None,
            Replies::Compressed(compressed) => Some(compressed.mean()),
        }
    }
}

/// Messages to be sent one after the other, and then again from the first one on.
struct Outgoing {
    /// All of them, and behind them as many as can be under way.
    batch: Vec<u8>,
    lens: Vec<usize>,
    /// The next to be added.
    next: usize,
    /// Bytes to be sent, and where they begin.
    unsent: usize,
    at: usize,
    /// Bytes of all messages.
    len: usize,
}

impl Outgoing {
    fn new(messages: &[Vec<u8>], depth: usize) -> Self {
        let all = messages.concat();
        Self {
            batch: all.repeat(1 + depth.div_ceil(messages.len())),
            lens: messages.iter().map(Vec::len).collect(),
            next: 0,
            unsent: 0,
            at: 0,
            len: all.len(),
        }
    }

    fn add(&mut self, n: usize) {
        for _ in 0..n {
            self.unsent += self.lens[self.next];
            self.next = (self.next + 1) % self.lens.len();
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.batch[self.at..self.at + self.unsent]
    }

    fn sent(&mut self, n: usize) {
        self.unsent -= n;
        self.at = (self.at + n) % self.len;
    }
}

/// Returns the head of the response. `line` goes into the request.
fn shake_hands(stream: &mut std::net::TcpStream, line: &str) -> io::Result<Vec<u8>> {
    let (lines, end) = REQUEST.split_at(REQUEST.len() - 2);
    stream.write_all(&[lines, line.as_bytes(), end].concat())?;
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
    Ok(head)
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
