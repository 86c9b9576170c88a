//! What clients that do nothing cost in memory.

use crate::client::{
    connect, get, open_polling, open_websocket, polling_target, reset_when_dropped,
};
use crate::process::Memory;
use crate::servers::{Kind, NO_PINGS, Place, Times};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Servers get time to come to rest.
const REST: Duration = Duration::from_millis(1200);

/// Abandoned sessions are to be counted before their first ping is due, and again after their end.
const SOON: Times = Times { ping_interval: 12_000, ping_timeout: 2000 };

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Idle {
    /// Clients on WebSocket.
    WebSocket,
    /// Clients whose GET is held, on the connection that opened the session.
    HeldGet,
    /// Sessions that a client opened by polling and came back to no more.
    Abandoned,
}

impl Idle {
    pub(crate) fn can_be_had(self, kind: Kind) -> bool {
        self == Self::WebSocket || kind.is_engine()
    }
}

/// Of one process.
#[derive(Clone, Copy)]
pub(crate) struct Growth {
    /// Before there was any client.
    pub(crate) empty: Memory,
    /// Bytes resident for each client: of all that are there,
    pub(crate) each: f64,
    /// of the second half of them, which leaves out what grows only once,
    pub(crate) second_half: f64,
    /// and when all have gone.
    pub(crate) left: f64,
}

/// Starts a server, gives it so many clients, and takes them away.
pub(crate) fn measure(place: &Place, kind: Kind, idle: Idle, number: usize) -> io::Result<Growth> {
    let times = if idle == Idle::Abandoned { SOON } else { NO_PINGS };
    let (process, address) = place.start(kind, times)?;
    let rest = || {
        sleep(REST);
        process.collect_garbage()?;
        process.memory()
    };
    let empty = rest()?;
    // What all clients share is not counted. Only one: whoever frees memory without giving it back would
    // have room for all that come later.
    drop(Client::open(idle, kind, address, 0)?);
    let base = rest()?.resident;
    let start = Instant::now();
    let open = |number| Client::open(idle, kind, address, number);
    let mut clients: Vec<Client> = (0..number / 2).map(open).collect::<io::Result<_>>()?;
    let half = rest()?.resident;
    for at in number / 2..number {
        clients.push(open(at)?);
    }
    let opened = Instant::now();
    let all = rest()?.resident;
    clients.iter().try_for_each(Client::check_quiet)?;
    if idle == Idle::Abandoned && start.elapsed() > Duration::from_millis(times.ping_interval) {
        return Err(io::Error::other("too slow: some sessions had their first ping"));
    }
    let sids = [clients.first(), clients.last()].map(|client| client.and_then(Client::sid));
    drop(clients);
    if idle == Idle::Abandoned {
        let end = opened + Duration::from_millis(times.ping_interval + times.ping_timeout);
        sleep(end.saturating_duration_since(Instant::now()));
    }
    let left = rest()?.resident;
    for sid in sids.into_iter().flatten() {
        check_gone(address, &sid)?;
    }
    let each = |from: u64, to: u64, number: usize| (to as f64 - from as f64) / number as f64;
    Ok(Growth {
        empty,
        each: each(base, all, number),
        second_half: each(half, all, number - number / 2),
        left: each(base, left, number),
    })
}

enum Client {
    Connected(TcpStream),
    /// The id of its session.
    Abandoned(String),
}

impl Client {
    fn open(idle: Idle, kind: Kind, address: SocketAddr, number: usize) -> io::Result<Self> {
        let mut stream = connect(address, number)?;
        match idle {
            Idle::WebSocket => {
                reset_when_dropped(&stream)?;
                open_websocket(&mut stream, kind.websocket_target(), kind.is_engine())?;
                Ok(Self::Connected(stream))
            }
            Idle::HeldGet => {
                reset_when_dropped(&stream)?;
                let sid = open_polling(&mut stream)?;
                stream.write_all(&get(&polling_target(&sid)))?;
                Ok(Self::Connected(stream))
            }
            Idle::Abandoned => Ok(Self::Abandoned(open_polling(&mut stream)?)),
        }
    }

    /// Fails if the server has answered, or closed the connection.
    fn check_quiet(&self) -> io::Result<()> {
        let Self::Connected(stream) = self else { return Ok(()) };
        stream.set_nonblocking(true)?;
        match stream.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Ok(0) => Err(io::Error::other("the server closed a connection")),
            Ok(_) => Err(io::Error::other("the server said something to an idle client")),
            Err(error) => Err(error),
        }
    }

    fn sid(&self) -> Option<String> {
        match self {
            Self::Connected(_) => None,
            Self::Abandoned(sid) => Some(sid.clone()),
        }
    }
}

/// Fails if a session is still there. The body may be chunked, so it is all until the end.
fn check_gone(address: SocketAddr, sid: &str) -> io::Result<()> {
    let mut stream = connect(address, 0)?;
    let target = polling_target(sid);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    if response.starts_with("HTTP/1.1 400") && response.contains("\"code\":1") {
        return Ok(());
    }
    Err(io::Error::other(format!("an abandoned session is still there: {response}")))
}
