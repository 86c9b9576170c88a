//! What the servers on mio share, except ours, which brings its own loop.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::io::{self, ErrorKind};

const LISTENER: Token = Token(usize::MAX);

/// One connection.
pub trait Peer {
    /// Something for everyone.
    type Message;

    fn new(stream: TcpStream) -> Self;
    fn stream(&mut self) -> &mut TcpStream;

    /// Reads all there is, and answers it or adds it to `everyone`. An error ends the connection.
    fn readable(
        &mut self,
        buffer: &mut [u8],
        everyone: Option<&mut Vec<Self::Message>>,
    ) -> io::Result<()>;

    /// Queues what is for everyone; `flush` follows.
    fn tell(&mut self, message: &Self::Message) -> io::Result<()>;

    /// Writes what is queued, as far as possible.
    fn flush(&mut self) -> io::Result<()>;
}

/// Serves until the process is ended. All connections share a read buffer of `buffer` bytes.
pub fn run<P: Peer>(address: &str, broadcast: bool, buffer: usize) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(address.parse().map_err(io::Error::other)?)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening");
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; buffer];
    let mut peers: Vec<Option<P>> = Vec::new();
    let mut vacant = Vec::new();
    let mut everyone = Vec::new();
    loop {
        match poll.poll(&mut events, None) {
            // strace attaches.
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut peers, &mut vacant)?;
                continue;
            }
            let Some(peer) = peers.get_mut(event.token().0).and_then(Option::as_mut) else {
                continue;
            };
            let mut result = if event.is_writable() { peer.flush() } else { Ok(()) };
            if result.is_ok() && event.is_readable() {
                result = peer.readable(&mut buffer, broadcast.then_some(&mut everyone));
            }
            if result.is_err() {
                peers[event.token().0] = None;
                vacant.push(event.token().0);
            }
            for message in &everyone {
                for peer in peers.iter_mut().flatten() {
                    let _ = peer.tell(message);
                }
            }
            if !everyone.is_empty() {
                everyone.clear();
                for peer in peers.iter_mut().flatten() {
                    let _ = peer.flush();
                }
            }
        }
    }
}

fn accept<P: Peer>(
    poll: &Poll,
    listener: &TcpListener,
    peers: &mut Vec<Option<P>>,
    vacant: &mut Vec<usize>,
) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nodelay(true)?;
                let index = vacant.pop().unwrap_or_else(|| {
                    peers.push(None);
                    peers.len() - 1
                });
                let peer = peers[index].insert(P::new(stream));
                let interests = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(peer.stream(), Token(index), interests)?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
