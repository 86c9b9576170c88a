//! Servers, and how they are started.

use crate::dialect::Dialect;
use crate::process::Process;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU16, Ordering};

/// What a column is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing is divided by it.
    Other,
    /// Everything is divided by it.
    Ours,
    /// What ours stands on: CPU time is divided by it, too.
    Below,
}

/// What a process is started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Echo,
    /// A server that knows no events sends what one says to all.
    Broadcast,
}

/// Of the heartbeat, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) ping_interval: u64,
    pub(crate) ping_timeout: u64,
}

/// Nothing but messages travels while something is measured.
pub(crate) const NO_PINGS: Times = Times { ping_interval: 600_000, ping_timeout: 600_000 };

/// What a server is told when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub purpose: Purpose,
    /// Where to listen.
    pub address: SocketAddr,
    /// Of the heartbeat, in milliseconds.
    pub ping_interval: u64,
    pub ping_timeout: u64,
}

/// The usual way to say it to a program.
pub fn heartbeat(command: &mut Command, start: &Start) {
    command.args(["--port", &start.address.port().to_string()]);
    command.args(["--ping-interval", &start.ping_interval.to_string()]);
    command.args(["--ping-timeout", &start.ping_timeout.to_string()]);
}

/// A column of the tables.
pub struct Server {
    pub name: String,
    pub dialect: Dialect,
    pub role: Role,
    /// Whether it collects garbage and says so, when it gets SIGUSR2.
    pub collects: bool,
    /// Whether it can be started for broadcasts.
    pub broadcasts: bool,
    /// The program. It prints a line that begins with "listening".
    pub command: Box<dyn Fn(&Start) -> Command + Sync>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn start(
        &self,
        purpose: Purpose,
        times: Times,
    ) -> io::Result<(Process, SocketAddr)> {
        let address = free_address()?;
        let Times { ping_interval, ping_timeout } = times;
        let start = Start { purpose, address, ping_interval, ping_timeout };
        Ok((Process::start(&mut (self.command)(&start), self.collects)?, address))
    }
}

/// A port that is free. It is below those that the system hands to clients, so that none of them takes it before the
/// server listens.
fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + (process::id() % 200) as u16 * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 2000;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            result => return result?.local_addr(),
        }
    }
}

/// The names of columns: a server that is named twice has two, which shows what chance does.
pub fn names(list: &[&str]) -> Vec<String> {
    let name = |(at, &name): (usize, &&str)| {
        let earlier = list[..at].iter().filter(|&&other| other == name).count();
        match earlier {
            0 => name.to_owned(),
            n => format!("{name} {}", n + 1),
        }
    };
    list.iter().enumerate().map(name).collect()
}
