//! Counts system calls with strace. It slows a server down a lot, so nothing else is measured.

use crate::servers::{Place, Server};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use versus::process::Process;
use versus::scenario::Scenario;

pub(crate) fn run(
    place: &Place,
    scenarios: &[&Scenario],
    servers: &[&Server],
    seconds: f64,
) -> io::Result<()> {
    for scenario in scenarios {
        println!("\n{}: system calls for each message", scenario.title);
        for server in servers.iter().filter(|server| server.can(scenario)) {
            println!("{:18} {}", server.name, count(place, server, scenario, seconds)?);
        }
    }
    Ok(())
}

fn count(place: &Place, server: &Server, scenario: &Scenario, seconds: f64) -> io::Result<String> {
    let (process, address) = place.start(server, scenario)?;
    let table = place.output.join("strace.txt");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-q", "-o"]).arg(&table).args(["-p", &process.id().to_string()]);
    let strace = Process::spawn(&mut strace)?;
    // It says nowhere that it has attached.
    sleep(Duration::from_millis(500));
    let load = place.load(&process, address, server, scenario, seconds)?;
    let output = load.output(Duration::from_secs(90))?;
    let figures: versus::sample::Figures = serde_json::from_str(&output)?;
    kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT)?;
    let _ = strace.output(Duration::from_secs(10));
    Ok(per_message(&fs::read_to_string(table)?, figures.messages))
}

/// Reads the table: `% time, seconds, usecs/call, calls, errors, syscall`, errors often absent.
fn per_message(table: &str, messages: u64) -> String {
    let mut calls = Vec::new();
    for line in table.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (Some(count), Some(name)) = (fields.get(3), fields.last()) else { continue };
        let Ok(count) = count.parse::<u64>() else { continue };
        let each = count as f64 / messages as f64;
        if *name != "total" && each >= 0.005 {
            calls.push(format!("{name} {each:.2}"));
        }
    }
    format!("{} ({messages} messages)", calls.join(", "))
}
