//! The client that the Autobahn test suite drives: asks how many cases there are, echoes each,
//! and has the report written.
//!
//! ```sh
//! cargo run --release --all-features --example autobahn_client -- ws://127.0.0.1:9001
//! ```

#[path = "support/compression.rs"]
mod compression;
#[path = "support/connecting.rs"]
mod connecting;

use clap::Parser;
use compression::Compression;
use connecting::Connecting;
use sansio_ws::blocking::{Connector, Error, TcpOrTls, WebSocket, connect_with};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Event, Limits};
use std::error::Error as StdError;
use std::sync::Arc;

/// Runs all cases of an Autobahn fuzzing server and has the report written.
#[derive(Parser)]
struct Options {
    /// Where the fuzzing server listens, for example ws://127.0.0.1:9001
    url: String,
    /// The name in the report.
    #[arg(long, default_value = "sansio-ws")]
    agent: String,
    #[command(flatten)]
    connecting: Connecting,
    #[command(flatten)]
    compression: Compression,
}

/// Room for the largest messages of the suite, in the smallest fragments, and their echoes.
const LIMITS: Limits = Limits::new()
    .max_message_bytes(64 << 20)
    .max_frame_bytes(64 << 20)
    .max_fragments(u32::MAX)
    .max_queued_bytes(128 << 20)
    .max_queued_frames(usize::MAX);

fn main() -> Result<(), Box<dyn StdError>> {
    let Options { url, agent, connecting, compression } = Options::parse();
    let connector = connecting.connector()?;
    let config = Arc::new(compression.add_to(Config::default().limits(LIMITS))?);
    let open = |path: &str| open(&format!("{url}/{path}"), &config, &connector);
    let mut counter = open("getCaseCount")?;
    let Some(Event::Text(count)) = counter.read()? else { return Err("no case count".into()) };
    let count: usize = count.parse()?;
    while counter.read()?.is_some() {}
    for case in 1..=count {
        match echo(open(&format!("runCase?case={case}&agent={agent}"))?) {
            // Breaking the protocol is what many cases are about.
            Ok(()) | Err(Error::Io(_)) => {}
            Err(error) => println!("case {case}: {error}"),
        }
    }
    let mut reports = open(&format!("updateReports?agent={agent}"))?;
    while reports.read()?.is_some() {}
    println!("{count} cases run");
    Ok(())
}

fn open(
    url: &str,
    config: &Arc<Config>,
    connector: &Connector,
) -> Result<WebSocket<TcpOrTls>, Box<dyn StdError>> {
    let request = ClientRequest::new(url)?;
    let timeouts = Timeouts::default().keep_alive(None);
    Ok(connect_with(&request, Arc::clone(config), timeouts, connector)?)
}

fn echo(mut socket: WebSocket<TcpOrTls>) -> Result<(), Error> {
    loop {
        match socket.next() {
            Ok(Some((connection, Event::Text(text)))) => connection.send_text(text)?,
            Ok(Some((connection, Event::Binary(bytes)))) => connection.send_binary(bytes)?,
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            // The next call completes the closing handshake.
            Err(Error::Protocol(error)) => println!("{error}"),
            Err(error) => return Err(error),
        }
    }
}
