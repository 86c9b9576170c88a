//! Many connections that do nothing, and then one message each.

use crate::Options;
use crate::client::Client;
use crate::echo::BUFFER;
use std::io;
use std::time::{Duration, Instant};
use versus::process::anonymous_memory;
use versus::sample::Figures;

/// Servers get time to give memory back.
const REST: Duration = Duration::from_millis(2500);

/// Connections for whose echoes we wait at a time.
const GROUP: usize = 100;

pub(crate) fn run(options: &Options) -> io::Result<Figures> {
    let mut buffer = vec![0; BUFFER];
    // What all connections share is not counted.
    let mut first = vec![open(options, 0)?];
    echo(&mut first, &mut buffer)?;
    drop(first);
    std::thread::sleep(REST);
    let empty = anonymous_memory(options.pid)?;
    let mut clients = Vec::new();
    for i in 0..options.scenario.connections {
        clients.push(open(options, i)?);
    }
    std::thread::sleep(REST);
    let before = anonymous_memory(options.pid)?;
    for group in clients.chunks_mut(GROUP) {
        echo(group, &mut buffer)?;
    }
    std::thread::sleep(REST);
    let after = anonymous_memory(options.pid)?;
    let each = |memory: u64| (memory as f64 - empty as f64) / clients.len() as f64;
    Ok(Figures {
        memory: Some([each(before), each(after)]),
        messages: clients.len() as u64,
        ..Figures::default()
    })
}

fn open(options: &Options, number: usize) -> io::Result<Client> {
    Client::open(options, number, number)
}

fn echo(clients: &mut [Client], buffer: &mut [u8]) -> io::Result<()> {
    for client in &mut *clients {
        client.send(1)?;
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    for client in clients {
        while client.receive(buffer, true)? == 0 {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    Ok(())
}
