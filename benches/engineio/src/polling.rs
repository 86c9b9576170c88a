//! Echoes by polling: a GET is held, a POST brings the message, and the GET is answered with the echo.

use crate::client::{Response, connect, get, post, reset_when_dropped};
use crate::dialect::Dialect;
use crate::load::{CONNECTIONS, Client, read_all};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, Write};
use std::net::SocketAddr;

pub(crate) struct Polling {
    get: Connection,
    post: Connection,
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// The body of its response.
    expected: String,
    received: Vec<u8>,
    is_answered: bool,
}

impl Polling {
    /// Two connections, both of which stay: browsers and the client of npm do the same.
    pub(crate) fn open(
        dialect: Dialect,
        (address, number): (SocketAddr, usize),
        packet: String,
    ) -> io::Result<Self> {
        let mut stream = connect(address, number)?;
        let sid = dialect.open_polling(&mut stream)?;
        dialect.join_polling(&mut stream, &sid)?;
        let target = dialect.polling_target(&sid);
        let post = post(&target, &packet);
        Ok(Self {
            get: Connection::new(stream, get(&target), packet)?,
            post: Connection::new(connect(address, number)?, post, "ok".into())?,
        })
    }
}

impl Client for Polling {
    fn register(&mut self, registry: &Registry, index: usize) -> io::Result<()> {
        for (at, connection) in [&mut self.get, &mut self.post].into_iter().enumerate() {
            let token = Token(CONNECTIONS * index + at);
            registry.register(&mut connection.stream, token, Interest::READABLE)?;
        }
        Ok(())
    }

    /// One at a time: there is one GET.
    fn send(&mut self, _: usize) -> io::Result<()> {
        self.get.ask()?;
        self.post.ask()
    }

    /// An echo is complete when both are answered, in whatever order.
    fn receive(&mut self, connection: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let connection = if connection == 0 { &mut self.get } else { &mut self.post };
        let was_answered = connection.is_answered;
        connection.receive(buffer)?;
        let has_changed = connection.is_answered != was_answered;
        Ok((has_changed && self.get.is_answered && self.post.is_answered).into())
    }
}

impl Connection {
    fn new(stream: std::net::TcpStream, request: Vec<u8>, expected: String) -> io::Result<Self> {
        reset_when_dropped(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            request,
            expected,
            received: Vec::new(),
            is_answered: false,
        })
    }

    fn ask(&mut self) -> io::Result<()> {
        self.is_answered = false;
        self.stream.write_all(&self.request)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        read_all(&mut self.stream, buffer, |bytes| {
            self.received.extend_from_slice(bytes);
            let Some(response) = Response::parse(&self.received)? else { return Ok(()) };
            let body = &self.received[response.body.clone()];
            let is_right = response.status == 200
                && body == self.expected.as_bytes()
                && self.received.len() == response.body.end
                && !self.is_answered;
            if !is_right {
                let received = String::from_utf8_lossy(&self.received);
                return Err(io::Error::other(format!("not the answer: {received}")));
            }
            self.received.clear();
            self.is_answered = true;
            Ok(())
        })
    }
}
