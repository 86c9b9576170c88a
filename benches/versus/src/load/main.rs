//! Makes the clients' side of one scenario and prints what it found, as JSON.

mod broadcast;
mod client;
mod connect;
mod deflate;
mod echo;
mod idle;
mod replies;
mod wire;

use clap::Parser;
use core::time::Duration;
use std::error::Error;
use std::io;
use std::net::SocketAddrV4;
use std::time::Instant;
use versus::process::{CpuClock, raise_descriptor_limit};
use versus::sample::Figures;
use versus::scenario::{Kind, Scenario, scenario};

/// The clients' side of one scenario.
#[derive(Parser)]
struct Options {
    /// Where the server listens
    address: SocketAddrV4,
    #[arg(long, value_parser = scenario)]
    scenario: &'static Scenario,
    /// How long to measure
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// The process of the server, for its CPU time and memory
    #[arg(long)]
    pid: u32,
    /// The server returns frames as they are, masks included
    #[arg(long)]
    raw: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    raise_descriptor_limit()?;
    let figures = match options.scenario.kind {
        Kind::Echo => echo::run(&options)?,
        Kind::Broadcast => broadcast::run(&options)?,
        Kind::Connect => connect::run(&options)?,
        Kind::Idle => idle::run(&options)?,
    };
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// What the measured time is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    WarmUp,
    Measure,
    /// Nothing more is sent; what is under way must arrive.
    Drain,
}

/// Leads through the phases and takes the times.
struct Stopwatch {
    phase: Phase,
    until: Instant,
    measure: Duration,
    server: CpuClock,
    begin: Mark,
    figures: Figures,
}

struct Mark {
    time: Instant,
    server: Duration,
    load: Duration,
    messages: u64,
}

/// What is under way must arrive within this time.
const PATIENCE: Duration = Duration::from_secs(10);

impl Stopwatch {
    fn start(options: &Options) -> io::Result<Self> {
        let server = CpuClock::of(options.pid)?;
        let measure = Duration::from_secs_f64(options.seconds);
        let warm_up = (measure / 4).max(Duration::from_millis(200));
        let begin = Mark::take(&server, 0)?;
        let until = begin.time + warm_up;
        Ok(Self {
            phase: Phase::WarmUp,
            until,
            measure,
            server,
            begin,
            figures: Figures::default(),
        })
    }

    /// Looks at the clock, now that `messages` have come in all.
    fn look(&mut self, messages: u64) -> io::Result<Phase> {
        if Instant::now() < self.until {
            return Ok(self.phase);
        }
        let now = Mark::take(&self.server, messages)?;
        match self.phase {
            Phase::WarmUp => {
                self.phase = Phase::Measure;
                self.until = now.time + self.measure;
                self.begin = now;
            }
            Phase::Measure => {
                self.phase = Phase::Drain;
                self.until = now.time + PATIENCE;
                let count = (messages - self.begin.messages) as f64;
                let seconds = (now.time - self.begin.time).as_secs_f64();
                self.figures.rate = Some(count / seconds);
                self.figures.cpu_ns =
                    Some((now.server - self.begin.server).as_nanos() as f64 / count);
                self.figures.load_busy = Some((now.load - self.begin.load).as_secs_f64() / seconds);
            }
            Phase::Drain => {
                return Err(io::Error::other("messages are missing"));
            }
        }
        Ok(self.phase)
    }

    fn is_measuring(&self) -> bool {
        self.phase == Phase::Measure
    }
}

impl Mark {
    fn take(server: &CpuClock, messages: u64) -> io::Result<Self> {
        Ok(Self {
            time: Instant::now(),
            server: server.now()?,
            load: CpuClock::own().now()?,
            messages,
        })
    }
}
