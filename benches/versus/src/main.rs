//! Runs servers against the load generator, and reports.

mod servers;
mod syscalls;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use servers::{Place, SERVERS, Server, server};
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use versus::machine;
use versus::plot;
use versus::process::raise_descriptor_limit;
use versus::report;
use versus::sample::{Results, Sample};
use versus::scenario::{Chosen, Kind, SCENARIOS, Scenario, scenarios};

/// Measures WebSocket echo servers beside each other: ours, other libraries', and one that just
/// returns bytes.
///
/// Every round runs each chosen scenario with each chosen server, in random order, each time with a new
/// process on a processor of its own. Tables and plots are left in target/versus/.
#[derive(Parser)]
struct Options {
    /// What to measure; deflate-* is all that begins so [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = scenarios)]
    scenario: Vec<Chosen>,
    /// Which servers; raw is always among them [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = server)]
    server: Vec<&'static Server>,
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each measurement takes, without what goes before it
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Of the order [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Draw the tables and plots of earlier results again, and measure nothing
    #[arg(long, conflicts_with = "syscalls")]
    draw: bool,
    /// Let the servers on tokio run on so many threads of a runtime that moves tasks between them; without,
    /// on one that does not. All of them on the same processor
    #[arg(long, value_name = "THREADS")]
    workers: Option<usize>,
    /// Count system calls for each message instead, with strace
    #[arg(long)]
    syscalls: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let place = Place::find(options.workers)?;
    let results_file = place.output.join("results.json");
    if options.draw {
        return draw(&serde_json::from_slice(&fs::read(results_file)?)?, &place.output);
    }
    raise_descriptor_limit()?;
    place.build()?;
    let mut scenarios: Vec<_> =
        options.scenario.iter().flat_map(|Chosen(chosen)| chosen).copied().collect();
    if scenarios.is_empty() {
        scenarios.extend(SCENARIOS);
    }
    let mut servers = options.server.clone();
    if servers.is_empty() {
        servers.extend(SERVERS);
    } else if !servers.iter().any(|server| server.name == "raw") {
        servers.insert(0, server("raw")?);
    }
    if servers.iter().any(|server| server.name == "ws") {
        place.install_ws()?;
    }
    if options.syscalls {
        return Ok(syscalls::run(&place, &scenarios, &servers, options.seconds)?);
    }
    let results = measure(&options, &place, &scenarios, servers)?;
    fs::write(results_file, serde_json::to_vec_pretty(&results)?)?;
    draw(&results, &place.output)
}

fn measure(
    options: &Options,
    place: &Place,
    scenarios: &[&'static Scenario],
    mut servers: Vec<&'static Server>,
) -> io::Result<Results> {
    let mut results = Results {
        seed: options.seed.unwrap_or_else(rand::random),
        rounds: options.rounds,
        seconds: options.seconds,
        machine: machine::description(),
        versions: place.versions()?,
        failures: Vec::new(),
        samples: Vec::new(),
    };
    let mut random = StdRng::seed_from_u64(results.seed);
    let mut scenarios = scenarios.to_vec();
    let steps: usize = scenarios
        .iter()
        .map(|scenario| servers.iter().filter(|server| server.can(scenario)).count())
        .sum();
    let bar = ProgressBar::new((steps * options.rounds as usize) as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}, {eta} to go: {msg}")
            .map_err(io::Error::other)?,
    );
    for round in 1..=options.rounds {
        scenarios.shuffle(&mut random);
        for scenario in &scenarios {
            servers.shuffle(&mut random);
            for server in servers.iter().filter(|server| server.can(scenario)) {
                bar.set_message(format!("{} / {}", scenario.name, server.name));
                match place.measure(server, scenario, options.seconds) {
                    Ok(figures) => results.samples.push(Sample {
                        round,
                        scenario: scenario.name.to_owned(),
                        server: server.name.to_owned(),
                        figures,
                    }),
                    Err(error) => {
                        let failure = format!("{} / {}: {error}", scenario.name, server.name);
                        bar.suspend(|| eprintln!("{failure}"));
                        results.failures.push(failure);
                    }
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(results)
}

fn draw(results: &Results, output: &Path) -> Result<(), Box<dyn Error>> {
    let tables = report::tables(results);
    print!("{tables}");
    fs::write(output.join("tables.md"), tables)?;
    for (name, svg) in plot::draw(results) {
        fs::write(output.join(name), svg)?;
    }
    println!("\nresults.json, tables.md and plots are in {}", output.display());
    Ok(())
}
