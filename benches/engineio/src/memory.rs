//! What clients that do nothing cost in memory.

use crate::client::{connect, get, reset_when_dropped};
use crate::dialect::Dialect;
use crate::process::Memory;
use crate::servers::{NO_PINGS, Purpose, Server, Times};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Servers get time to come to rest.
const REST: Duration = Duration::from_millis(1200);

/// Abandoned sessions are to be counted while nothing has become of them, for so many milliseconds,
const SOON: u64 = 12_000;
/// and again after their end.
const GONE: Duration = Duration::from_millis(14_000);

/// What clients do that do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Idle {
    /// Clients on WebSocket.
    WebSocket,
    /// Clients whose GET is held, on the connection that opened the session.
    HeldGet,
    /// Sessions that a client opened by polling and came back to no more.
    Abandoned,
}

impl Idle {
    pub(crate) fn can_be_had(self, dialect: Dialect) -> bool {
        self == Self::WebSocket || dialect.has_sessions()
    }

    /// The first ping is due after `SOON`; if it was sent at once its answer is.
    fn times(self, dialect: Dialect) -> Times {
        match self {
            Self::Abandoned if dialect.pings_at_once() => {
                Times { ping_interval: SOON, ping_timeout: SOON }
            }
            Self::Abandoned => Times { ping_interval: SOON, ping_timeout: 2000 },
            Self::WebSocket | Self::HeldGet => NO_PINGS,
        }
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
pub(crate) fn measure(server: &Server, idle: Idle, number: usize) -> io::Result<Growth> {
    let dialect = server.dialect;
    let (process, address) = server.start(Purpose::Echo, idle.times(dialect))?;
    let rest = || {
        sleep(REST);
        process.collect_garbage()?;
        process.memory()
    };
    let empty = rest()?;
    // What all clients share is not counted. Only one: whoever frees memory without giving it back would
    // have room for all that come later.
    drop(Client::open(idle, dialect, address, 0)?);
    let base = rest()?.resident;
    let start = Instant::now();
    let open = |number| Client::open(idle, dialect, address, number);
    let mut clients: Vec<Client> = (0..number / 2).map(open).collect::<io::Result<_>>()?;
    let half = rest()?.resident;
    for at in number / 2..number {
        clients.push(open(at)?);
    }
    let opened = Instant::now();
    let all = rest()?.resident;
    clients.iter().try_for_each(Client::check_quiet)?;
    if idle == Idle::Abandoned && start.elapsed() > Duration::from_millis(SOON) {
        return Err(io::Error::other("too slow: something may have become of some sessions"));
    }
    let sids = [clients.first(), clients.last()].map(|client| client.and_then(Client::sid));
    drop(clients);
    if idle == Idle::Abandoned {
        sleep((opened + GONE).saturating_duration_since(Instant::now()));
    }
    let left = rest()?.resident;
    for sid in sids.into_iter().flatten() {
        check_gone(dialect, address, &sid)?;
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
    fn open(idle: Idle, dialect: Dialect, address: SocketAddr, number: usize) -> io::Result<Self> {
        let mut stream = connect(address, number)?;
        match idle {
            Idle::WebSocket => {
                reset_when_dropped(&stream)?;
                dialect.open_websocket(&mut stream)?;
                Ok(Self::Connected(stream))
            }
            Idle::HeldGet => {
                reset_when_dropped(&stream)?;
                let sid = dialect.open_polling(&mut stream)?;
                dialect.join_polling(&mut stream, &sid)?;
                stream.write_all(&get(&dialect.polling_target(&sid)))?;
                Ok(Self::Connected(stream))
            }
            Idle::Abandoned => Ok(Self::Abandoned(dialect.open_polling(&mut stream)?)),
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
fn check_gone(dialect: Dialect, address: SocketAddr, sid: &str) -> io::Result<()> {
    let mut stream = connect(address, 0)?;
    let target = dialect.polling_target(sid);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    if response.starts_with("HTTP/1.1 400") && response.contains("Session ID unknown") {
        return Ok(());
    }
    Err(io::Error::other(format!("an abandoned session is still there: {response}")))
}
