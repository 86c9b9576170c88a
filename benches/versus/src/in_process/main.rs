//! Ours and others inside of one process: the same bytes to each, and no network.

mod broadcast;
mod decode;
mod deflate;
mod encode;
mod handshake;
mod mask;
mod measure;
mod payload;
mod peers;
mod tables;
mod wire;

use clap::Parser;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;
use versus::machine;
use versus::process::pin;

/// Measures parts of WebSocket libraries beside each other, without a network.
///
/// Every round measures each chosen part with each library, in random order, on one processor. The
/// tables are left in target/versus/.
#[derive(Parser)]
struct Options {
    /// Only what contains this: "decode", "text", "16 KiB", "mask / 1 MiB"
    #[arg(long, default_value = "")]
    filter: String,
    /// Only libraries whose name contains this, for a profile of one of them
    #[arg(long, default_value = "")]
    subject: String,
    #[arg(long, default_value_t = 30)]
    rounds: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 3.0)]
    millis: f64,
    #[arg(long, default_value_t = 1)]
    processor: usize,
}

/// Everything one command found.
#[derive(Serialize, Deserialize)]
struct Results {
    rounds: u32,
    millis: f64,
    machine: String,
    versions: Vec<String>,
    samples: Vec<measure::Sample>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    pin(options.processor)?;
    let scenarios = scenarios(&options);
    let headings = tables::headings(&scenarios);
    let duration = Duration::from_secs_f64(options.millis / 1000.0);
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut versions = machine::packages(source, |name| tables::PEERS.contains(&name))?;
    versions.extend(machine::program("rustc"));
    let results = Results {
        rounds: options.rounds,
        millis: options.millis,
        machine: machine::description(),
        versions,
        samples: measure::measure(scenarios, options.rounds, duration)?,
    };
    let tables = tables::tables(&headings, &results);
    print!("{tables}");
    let output = source.join("../../target/versus");
    fs::create_dir_all(&output)?;
    fs::write(output.join("in_process.json"), serde_json::to_vec_pretty(&results)?)?;
    fs::write(output.join("in_process.md"), tables)?;
    Ok(())
}

/// All that is to be measured. To make it is to verify it.
fn scenarios(options: &Options) -> Vec<measure::Scenario> {
    let makers = [
        mask::scenarios,
        decode::scenarios,
        deflate::scenarios,
        encode::scenarios,
        handshake::scenarios,
        broadcast::scenarios,
    ];
    let mut scenarios: Vec<_> = makers.iter().flat_map(|scenarios| scenarios()).collect();
    scenarios.retain(|scenario| scenario.name().contains(&options.filter));
    for scenario in &mut scenarios {
        scenario.subjects.retain(|subject| subject.name.contains(&options.subject));
    }
    scenarios
}
