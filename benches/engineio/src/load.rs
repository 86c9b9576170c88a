//! Clients that keep messages under way, and what each of them costs the server.

use crate::process::{CpuTime, Process, own_cpu_time};
use mio::{Events, Poll, Registry};
use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(20);

const WARM_UP: Duration = Duration::from_millis(300);

/// What is under way must arrive within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections of one client, and how many tokens each has.
pub(crate) const CONNECTIONS: usize = 2;

/// A client whose connections are in the loop.
pub(crate) trait Client {
    /// Its connections have the tokens from `CONNECTIONS * index` on.
    fn register(&mut self, registry: &Registry, index: usize) -> io::Result<()>;

    /// Sends so many messages.
    fn send(&mut self, messages: usize) -> io::Result<()>;

    /// Takes in what has arrived on one of its connections, byte by byte as it must be, and returns how many
    /// messages are complete with it.
    fn receive(&mut self, connection: usize, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Of one measurement; times in nanoseconds for each message.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu: f64,
    /// Ticks in user space and in the kernel.
    pub(crate) ticks: [u64; 2],
    /// Messages in a second.
    pub(crate) rate: f64,
    /// How much of its processor the load generator needed.
    pub(crate) busy: f64,
}

/// Who says something when.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each client has so many messages under way, which only it gets back.
    Each(usize),
    /// The first client says something, and when all have got it the next.
    First,
}

/// Messages for so long.
pub(crate) fn drive(
    clients: &mut [impl Client],
    pace: Pace,
    process: &Process,
    duration: Duration,
) -> io::Result<Cost> {
    let mut poll = Poll::new()?;
    for (index, client) in clients.iter_mut().enumerate() {
        client.register(poll.registry(), index)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0_u64;
    let mut under_way = vec![0; clients.len()];
    // Of the first client, for all.
    let mut missing = 0_usize;
    let mut begin = None;
    let mut cost = None;
    let mut until = Instant::now() + WARM_UP;
    if let Pace::Each(depth) = pace {
        under_way.fill(depth);
        clients.iter_mut().try_for_each(|client| client.send(depth))?;
    }
    loop {
        if matches!(pace, Pace::First) && missing == 0 && cost.is_none() {
            clients[0].send(1)?;
            under_way.fill(1);
            missing = clients.len();
        }
        poll.poll(&mut events, Some(TICK))?;
        for event in &events {
            let (index, connection) =
                (event.token().0 / CONNECTIONS, event.token().0 % CONNECTIONS);
            let complete = clients[index].receive(connection, &mut buffer)?;
            received += complete as u64;
            under_way[index] =
                under_way[index].checked_sub(complete).ok_or(ErrorKind::InvalidData)?;
            missing = missing.saturating_sub(complete);
            if complete > 0 && cost.is_none() && matches!(pace, Pace::Each(_)) {
                clients[index].send(complete)?;
                under_way[index] += complete;
            }
        }
        let is_late = Instant::now() >= until;
        match (&begin, &cost) {
            (None, _) if is_late => {
                let mark = Mark::take(process, received)?;
                until = mark.time + duration;
                begin = Some(mark);
            }
            (Some(begin), None) if is_late => {
                let end = Mark::take(process, received)?;
                until = end.time + PATIENCE;
                cost = Some(end.since(begin)?);
            }
            (_, Some(cost)) if under_way.iter().all(|&number| number == 0) => return Ok(*cost),
            (_, Some(_)) if is_late => return Err(io::Error::other("messages are missing")),
            _ => {}
        }
    }
}

/// A moment.
struct Mark {
    time: Instant,
    server: CpuTime,
    load: Duration,
    received: u64,
}

impl Mark {
    fn take(process: &Process, received: u64) -> io::Result<Self> {
        let (server, load) = (process.cpu_time()?, own_cpu_time()?);
        Ok(Self { time: Instant::now(), server, load, received })
    }

    fn since(&self, begin: &Self) -> io::Result<Cost> {
        let messages = (self.received - begin.received) as f64;
        if messages == 0.0 {
            return Err(io::Error::other("there are no messages"));
        }
        let seconds = (self.time - begin.time).as_secs_f64();
        let server = self.server - begin.server;
        Ok(Cost {
            cpu: server.total.as_nanos() as f64 / messages,
            ticks: [server.user, server.kernel],
            rate: messages / seconds,
            busy: (self.load - begin.load).as_secs_f64() / seconds,
        })
    }
}

/// Hands over all that is there, read by read. One that does not fill the buffer is the last: the loop tells
/// of what comes later.
pub(crate) fn read_all(
    stream: &mut impl Read,
    buffer: &mut [u8],
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                take(&buffer[..n])?;
                if n < buffer.len() {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
