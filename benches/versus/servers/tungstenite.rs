//! tungstenite over mio: `write` for all messages that have arrived, then one `flush`. Defaults
//! otherwise: buffers of 128 KiB for each connection.

use mio::net::TcpStream;
use std::io;
use tungstenite::handshake::server::{NoCallback, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::{Error, Message, WebSocket};
use versus::event_loop::{Peer, run};
use versus::serve::Options;

fn main() -> io::Result<()> {
    let options = Options::parse();
    run::<Connection>(&options.address, options.broadcast, 0)
}

enum Connection {
    New(TcpStream),
    Opening(MidHandshake<ServerHandshake<TcpStream, NoCallback>>),
    Open(WebSocket<TcpStream>),
    Gone,
}

impl Peer for Connection {
    type Message = Message;

    fn new(stream: TcpStream) -> Self {
        Self::New(stream)
    }

    fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::New(stream) => stream,
            Self::Opening(opening) => opening.get_mut().get_mut(),
            Self::Open(socket) => socket.get_mut(),
            Self::Gone => unreachable!("it has been removed"),
        }
    }

    fn readable(
        &mut self,
        _: &mut [u8],
        mut everyone: Option<&mut Vec<Message>>,
    ) -> io::Result<()> {
        self.open()?;
        let Self::Open(socket) = self else { return Ok(()) };
        loop {
            match socket.read() {
                Ok(message) if message.is_text() || message.is_binary() => match &mut everyone {
                    Some(everyone) => everyone.push(message),
                    None => done(socket.write(message))?,
                },
                Ok(_) => {}
                Err(error) => {
                    done(Err(error))?;
                    return done(socket.flush());
                }
            }
        }
    }

    fn tell(&mut self, message: &Message) -> io::Result<()> {
        match self {
            Self::Open(socket) => done(socket.write(message.clone())),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(socket) => done(socket.flush()),
            _ => Ok(()),
        }
    }
}

impl Connection {
    fn open(&mut self) -> io::Result<()> {
        let result = match core::mem::replace(self, Self::Gone) {
            Self::New(stream) => tungstenite::accept(stream),
            Self::Opening(opening) => opening.handshake(),
            open => {
                *self = open;
                return Ok(());
            }
        };
        *self = match result {
            Ok(socket) => Self::Open(socket),
            Err(HandshakeError::Interrupted(opening)) => Self::Opening(opening),
            Err(HandshakeError::Failure(error)) => return Err(io::Error::other(error)),
        };
        Ok(())
    }
}

/// Waiting is no error.
fn done(result: Result<(), Error>) -> io::Result<()> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        result => result.map_err(io::Error::other),
    }
}
