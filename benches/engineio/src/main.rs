//! Measures Engine.IO servers from outside, and reports.

#![forbid(unsafe_code)]

mod client;
mod load;
mod memory;
mod polling;
mod process;
mod results;
mod servers;
mod websocket;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use load::{Cost, drive};
use memory::{Growth, Idle};
use polling::Polling;
use process::{Process, need_descriptors};
use results::{Echo, Numbers, Results};
use servers::{Kind, NO_PINGS, Place, Server, columns};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};
use websocket::WebSocket;

/// Measures Engine.IO servers from outside, beside each other: memory of clients that do nothing, and CPU
/// time of echoes.
///
/// Every round measures each row with each server, one after the other. Tables and samples are left in
/// target/engineio-figures/, too.
#[derive(Parser)]
struct Options {
    /// Of npm, ours and core; one that is named twice shows what chance does
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Kind::parse)]
    #[arg(default_value = "npm,ours,core", overrides_with = "servers")]
    servers: Vec<Kind>,
    /// Another program instead of ours, by its path from the root of the repository
    #[arg(long, value_name = "PROGRAM")]
    ours: Option<PathBuf>,
    /// Rounds of CPU time; one more comes first and is not counted
    #[arg(long, default_value_t = 5, value_parser = within(0, 20))]
    rounds: usize,
    /// Rounds of memory
    #[arg(long, default_value_t = 3, value_parser = within(0, 9))]
    memory_rounds: usize,
    /// How long an echo is measured, in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = within(100, 5000))]
    duration: usize,
    /// Idle clients on WebSocket
    #[arg(long, default_value_t = 5000, value_parser = within(1, 20_000))]
    websockets: usize,
    /// Idle clients with a held GET
    #[arg(long, default_value_t = 2000, value_parser = within(1, 20_000))]
    held: usize,
    /// Abandoned handshakes
    #[arg(long, default_value_t = 3000, value_parser = within(1, 20_000))]
    abandoned: usize,
}

fn within(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let start = Instant::now();
    let place = Place::new(options.ours.as_deref());
    let servers = columns(&options.servers);
    let numbers = Numbers {
        websockets: options.websockets,
        held: options.held,
        abandoned: options.abandoned,
    };
    // The columns are measured at the same time, and there is more than clients.
    let clients = options.websockets.max(options.held) * servers.len();
    need_descriptors(clients as u64 + 500)?;
    let mut results = Results::default();
    let mut outcome = Ok(());
    for round in 0..options.memory_rounds {
        eprintln!("memory, round {} of {}", round + 1, options.memory_rounds);
        for (idle, number) in [
            (Idle::WebSocket, options.websockets),
            (Idle::HeldGet, options.held),
            (Idle::Abandoned, options.abandoned),
        ] {
            for (column, growth) in grow(&place, &servers, idle, number) {
                match growth {
                    Ok(growth) => results.growth.entry((idle, column)).or_default().push(growth),
                    // The others are worth having.
                    Err(error) => outcome = Err(error),
                }
            }
        }
    }
    if options.rounds > 0 {
        let duration = Duration::from_millis(options.duration as u64);
        outcome = outcome.and(echo(&place, &servers, options.rounds, duration, &mut results));
    }
    let tables = format!(
        "{}{}. {} s.\n",
        results.tables(&servers, &numbers),
        place.description(&servers),
        start.elapsed().as_secs()
    );
    print!("{tables}");
    fs::create_dir_all(place.output())?;
    fs::write(place.output().join("tables.md"), tables)?;
    fs::write(place.output().join("samples.tsv"), results.samples(&servers))?;
    outcome
}

/// Memory, with all servers at the same time: most of it is waiting, and a process has what it has, however
/// busy its processor is.
fn grow(
    place: &Place,
    servers: &[Server],
    idle: Idle,
    number: usize,
) -> Vec<(usize, io::Result<Growth>)> {
    thread::scope(|scope| {
        let able = servers.iter().enumerate().filter(|(_, server)| idle.can_be_had(server.kind));
        let threads: Vec<_> = able
            .map(|(column, server)| {
                let measure = || memory::measure(place, server.kind, idle, number);
                (column, server, scope.spawn(measure))
            })
            .collect();
        let join = |(column, server, thread): (_, &Server, thread::ScopedJoinHandle<'_, _>)| {
            let growth = thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic")));
            (column, named(server, growth))
        };
        threads.into_iter().map(join).collect()
    })
}

/// CPU time. A server keeps its process for all rounds, so that it has been compiled and warmed up
/// by the first one, which is dropped; in each round another server is the first.
fn echo(
    place: &Place,
    servers: &[Server],
    rounds: usize,
    duration: Duration,
    results: &mut Results,
) -> io::Result<()> {
    let start = |server: &Server| named(server, place.start(server.kind, NO_PINGS));
    let processes: Vec<_> = servers.iter().map(start).collect::<io::Result<_>>()?;
    for round in 0..=rounds {
        eprintln!("CPU time, round {round} of {rounds}");
        for echo in [Echo::Deep, Echo::Single, Echo::Polling] {
            for place in 0..servers.len() {
                let column = (place + round) % servers.len();
                let (server, (process, address)) = (&servers[column], &processes[column]);
                if echo == Echo::Polling && !server.kind.is_engine() {
                    continue;
                }
                let cost = named(server, cost(echo, server.kind, process, *address, duration))?;
                if round > 0 {
                    results.cost.entry((echo, column)).or_default().push(cost);
                }
            }
        }
    }
    Ok(())
}

fn cost(
    echo: Echo,
    kind: Kind,
    process: &Process,
    address: SocketAddr,
    duration: Duration,
) -> io::Result<Cost> {
    let (clients, depth) = match echo {
        Echo::Deep => (100, 16),
        Echo::Single => (100, 1),
        Echo::Polling => (50, 1),
    };
    if echo == Echo::Polling {
        let clients = (0..clients).map(|number| Polling::open(address, number));
        return drive(&mut clients.collect::<io::Result<Vec<_>>>()?, depth, process, duration);
    }
    let clients = (0..clients).map(|number| WebSocket::open(kind, address, number, depth));
    drive(&mut clients.collect::<io::Result<Vec<_>>>()?, depth, process, duration)
}

/// An error says which server it is about.
fn named<T>(server: &Server, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", server.name)))
}
