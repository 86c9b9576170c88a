//! What is measured, and in which order.

use crate::deaf;
use crate::load::{Cost, Pace, drive};
use crate::memory::{self, Idle};
use crate::polling::Polling;
use crate::process::{Process, descriptors, need_descriptors};
use crate::results::Results;
use crate::servers::{NO_PINGS, Purpose, Server};
use crate::websocket::WebSocket;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Args, Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds of CPU time; one more comes first and is not counted
    #[arg(long, default_value_t = 5, value_parser = within(0, 20))]
    pub rounds: usize,
    /// Rounds of memory
    #[arg(long, default_value_t = 3, value_parser = within(0, 9))]
    pub memory_rounds: usize,
    /// How long messages are measured, in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = within(100, 5000))]
    pub duration: usize,
    /// Idle clients on WebSocket
    #[arg(long, default_value_t = 5000, value_parser = within(1, 20_000))]
    pub websockets: usize,
    /// Idle clients with a held GET
    #[arg(long, default_value_t = 2000, value_parser = within(1, 20_000))]
    pub held: usize,
    /// Abandoned handshakes
    #[arg(long, default_value_t = 3000, value_parser = within(1, 20_000))]
    pub abandoned: usize,
}

fn within(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// Descriptors that are not clients.
const OTHERS: usize = 500;

/// Clients that do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Echoes over WebSocket, with so many messages of each client under way.
    Echo { clients: usize, depth: usize },
    /// Echoes by polling.
    Polling { clients: usize },
    /// One says something to all, itself included.
    Broadcast { clients: usize },
}

/// Rows of the table of CPU time.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub load: Load,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub servers: &'a [Server],
    pub rows: &'a [Row],
    /// What a client says, and gets back: no other says it.
    pub message: fn(usize) -> String,
    /// The same as an order to say it to all.
    pub order: fn(usize) -> String,
    /// Whether there is a row about a client that does not read.
    pub with_deaf: bool,
    pub extent: Extent,
    /// The folder for the tables and the samples.
    pub output: &'a Path,
    /// The machine, and the versions of what the servers are made with.
    pub description: &'a str,
}

impl Plan<'_> {
    /// Measures all of it, and prints tables.
    ///
    /// # Errors
    ///
    /// A server did not do as it should. The tables have the rest.
    pub fn carry_out(&self) -> io::Result<()> {
        let start = Instant::now();
        let Extent { websockets, held, .. } = self.extent;
        need_descriptors(websockets.max(held) + OTHERS)?;
        let mut results = Results::default();
        let mut outcome = Ok(());
        for round in 0..self.extent.memory_rounds {
            let seconds = start.elapsed().as_secs();
            eprintln!("{seconds} s: memory, round {} of {}", round + 1, self.extent.memory_rounds);
            outcome = outcome.and(self.measure_memory(&mut results));
        }
        if self.extent.rounds > 0 {
            outcome = outcome.and(self.measure_time(start, &mut results));
        }
        let tables = format!(
            "{}{}. {} s.\n",
            results.tables(self),
            self.description,
            start.elapsed().as_secs()
        );
        print!("{tables}");
        fs::create_dir_all(self.output)?;
        fs::write(self.output.join("tables.md"), tables)?;
        fs::write(self.output.join("samples.tsv"), results.samples(self))?;
        outcome
    }

    /// One that fails is the last to be told of, but the others are worth having.
    fn measure_memory(&self, results: &mut Results) -> io::Result<()> {
        let Extent { websockets, held, abandoned, .. } = self.extent;
        let mut outcome = Ok(());
        for (idle, number) in
            [(Idle::WebSocket, websockets), (Idle::HeldGet, held), (Idle::Abandoned, abandoned)]
        {
            let able = |server: &Server| idle.can_be_had(server.dialect);
            let measure = |server: &Server| memory::measure(server, idle, number);
            // Who abandons a session keeps no connection.
            let clients = if idle == Idle::Abandoned { 1 } else { number };
            for (column, growth) in self.at_once(able, clients, measure)? {
                match growth {
                    Ok(growth) => results.growth.entry((idle, column)).or_default().push(growth),
                    Err(error) => outcome = Err(error),
                }
            }
        }
        if self.with_deaf {
            let able = |server: &Server| server.dialect.has_namespaces();
            for (column, deafness) in self.at_once(able, 2, deaf::measure)? {
                match deafness {
                    Ok(deafness) => results.deafness.entry(column).or_default().push(deafness),
                    Err(error) => outcome = Err(error),
                }
            }
        }
        outcome
    }

    /// Memory, with as many servers at the same time as there are descriptors for their clients: most of it is
    /// waiting, and a process has what it has, however busy its processor is.
    fn at_once<T: Send>(
        &self,
        able: impl Fn(&Server) -> bool,
        clients: usize,
        measure: impl Fn(&Server) -> io::Result<T> + Sync,
    ) -> io::Result<Vec<(usize, io::Result<T>)>> {
        let able: Vec<_> =
            self.servers.iter().enumerate().filter(|(_, server)| able(server)).collect();
        let fitting = (descriptors()?.saturating_sub(OTHERS) / clients).max(1);
        let measure = &measure;
        let group = |group: &[(usize, &Server)]| -> Vec<_> {
            thread::scope(|scope| {
                let start =
                    |&(column, server)| (column, server, scope.spawn(move || measure(server)));
                let threads: Vec<(usize, &Server, _)> = group.iter().map(start).collect();
                let end = |(column, server, thread): (_, _, thread::ScopedJoinHandle<'_, _>)| {
                    let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic")));
                    (column, named(server, result))
                };
                threads.into_iter().map(end).collect()
            })
        };
        Ok(able.chunks(fitting).flat_map(group).collect())
    }

    /// CPU time. A server keeps its process for all rounds, so that it has been compiled and warmed up
    /// by the first one, which is dropped; in each round another server is the first.
    fn measure_time(&self, start: Instant, results: &mut Results) -> io::Result<()> {
        let rounds = self.extent.rounds;
        let mut processes = BTreeMap::new();
        for row in self.rows {
            for (column, server) in self.servers.iter().enumerate() {
                let purpose = row.load.purpose();
                if row.load.can_be_had(server) && !processes.contains_key(&(column, purpose)) {
                    let process = named(server, server.start(purpose, NO_PINGS))?;
                    processes.insert((column, purpose), process);
                }
            }
        }
        for round in 0..=rounds {
            let seconds = start.elapsed().as_secs();
            eprintln!("{seconds} s: CPU time, round {round} of {rounds}");
            for (at, row) in self.rows.iter().enumerate() {
                for place in 0..self.servers.len() {
                    let column = (place + round) % self.servers.len();
                    let server = &self.servers[column];
                    let Some((process, address)) = processes.get(&(column, row.load.purpose()))
                    else {
                        continue;
                    };
                    if !row.load.can_be_had(server) {
                        continue;
                    }
                    let cost = named(server, self.cost(row.load, server, process, *address))?;
                    if round > 0 {
                        results.cost.entry((at, column)).or_default().push(cost);
                    }
                }
            }
        }
        Ok(())
    }

    fn cost(
        &self,
        load: Load,
        server: &Server,
        process: &Process,
        address: SocketAddr,
    ) -> io::Result<Cost> {
        let duration = Duration::from_millis(self.extent.duration as u64);
        let dialect = server.dialect;
        let websocket = |number, depth, text: &str, echo: &str| {
            WebSocket::open(dialect, (address, number), depth, text, echo)
        };
        match load {
            Load::Echo { clients, depth } => {
                let open = |number| {
                    let text = (self.message)(number);
                    websocket(number, depth, &text, &text)
                };
                let mut clients = (0..clients).map(open).collect::<io::Result<Vec<_>>>()?;
                drive(&mut clients, Pace::Each(depth), process, duration)
            }
            Load::Polling { clients } => {
                let open =
                    |number| Polling::open(dialect, (address, number), (self.message)(number));
                let mut clients = (0..clients).map(open).collect::<io::Result<Vec<_>>>()?;
                drive(&mut clients, Pace::Each(1), process, duration)
            }
            Load::Broadcast { clients } => {
                let echo = (self.message)(0);
                let text = match dialect.has_namespaces() {
                    true => (self.order)(0),
                    false => echo.clone(),
                };
                let open = |number| websocket(number, 1, &text, &echo);
                let mut clients = (0..clients).map(open).collect::<io::Result<Vec<_>>>()?;
                drive(&mut clients, Pace::First, process, duration)
            }
        }
    }
}

impl Load {
    fn purpose(self) -> Purpose {
        match self {
            Self::Echo { .. } | Self::Polling { .. } => Purpose::Echo,
            Self::Broadcast { .. } => Purpose::Broadcast,
        }
    }

    fn can_be_had(self, server: &Server) -> bool {
        match self {
            Self::Echo { .. } => true,
            Self::Polling { .. } => server.dialect.has_sessions(),
            Self::Broadcast { .. } => server.broadcasts,
        }
    }
}

/// An error says which server it is about.
fn named<T>(server: &Server, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", server.name)))
}
