//! A Socket.IO client on tokio, in one loop: lines in, events out.
//!
//! ```sh
//! cargo run --package sansio-socketio --features tokio --example socketio_tokio -- http://127.0.0.1:3000 login
//! ```
//!
//! `socketio_client` has more options, and a thread for each direction.

use clap::Parser;
use sansio_socketio::tokio::{Client, Event};
use std::error::Error;
use std::process::ExitCode;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// Sends each line of the input as an event, and prints the events that come.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example https://example.com; a path is the namespace
    url: String,
    /// The name of the events that are sent
    #[arg(default_value = "message")]
    event: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(&options.url).await?;
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        // Both are cancel safe: what loses has lost nothing.
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => client.emit(&options.event, &(line,))?,
                None => break,
            },
            event = client.next() => match event {
                Some(event) => show(event)?,
                None => return Err("the server has made this client leave".into()),
            },
        }
    }
    // What was sent has left before this returns; what has come is still there.
    let left = client.disconnect().await;
    while let Some(event) = client.next().await {
        show(event)?;
    }
    Ok(left?)
}

fn show(event: Event) -> Result<(), Box<dyn Error>> {
    match event {
        Event::Event { name, args, ack, .. } => {
            let args: Vec<_> = args.iter().map(|argument| argument.json().to_owned()).collect();
            println!("{name} [{}]", args.join(","));
            if let Some(ack) = ack {
                ack.send(&("seen",))?;
            }
        }
        Event::Connected { socket } => {
            eprintln!("connected as {}", socket.id().unwrap_or_default());
        }
        Event::Disconnected { reason, .. } => eprintln!("disconnected: {reason}"),
        Event::Reconnecting { attempt } => eprintln!("trying again ({attempt})"),
        // What else there is goes along with these.
        _ => {}
    }
    Ok(())
}
