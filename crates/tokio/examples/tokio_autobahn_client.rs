//! The client that the Autobahn test suite drives: asks how many cases there are, echoes each,
//! and has the report written.
//!
//! ```sh
//! cargo run --release --package sansio-ws-tokio --features deflate --example tokio_autobahn_client -- ws://127.0.0.1:9008
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{Config, Event, Limits};
use sansio_ws_tokio::{Error, WebSocket};
use std::sync::Arc;
use tokio::net::TcpStream;

/// Runs all cases of an Autobahn fuzzing server and has the report written.
#[derive(Parser)]
struct Options {
    /// Where the fuzzing server listens, for example ws://127.0.0.1:9008
    url: String,
    /// The name in the report.
    #[arg(long, default_value = "sansio-ws-tokio")]
    agent: String,
    /// Offer compression with permessage-deflate
    #[arg(long)]
    deflate: bool,
}

/// Room for the largest messages of the suite, in the smallest fragments, and their echoes.
const LIMITS: Limits = Limits::new()
    .max_message_bytes(64 << 20)
    .max_frame_bytes(64 << 20)
    .max_fragments(u32::MAX)
    .max_queued_bytes(128 << 20)
    .max_queued_frames(usize::MAX);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Options { url, agent, deflate } = Options::parse();
    let mut config = Config::default().limits(LIMITS);
    if deflate {
        config = config.extension(Deflate::context_takeover());
    }
    let config = Arc::new(config);
    let open = async |path: &str| open(&format!("{url}/{path}"), &config).await;
    let mut counter = open("getCaseCount").await?;
    let Some(Event::Text(count)) = counter.read().await? else {
        return Err("no case count".into());
    };
    let count: usize = count.parse()?;
    while counter.read().await?.is_some() {}
    for case in 1..=count {
        let run = async {
            let socket = open(&format!("runCase?case={case}&agent={agent}")).await?;
            echo(socket).await
        };
        match run.await {
            // Breaking the protocol is what many cases are about.
            Ok(()) | Err(Error::Io(_)) => {}
            Err(error) => println!("case {case}: {error}"),
        }
    }
    let mut reports = open(&format!("updateReports?agent={agent}")).await?;
    while reports.read().await?.is_some() {}
    println!("{count} cases run");
    Ok(())
}

async fn open(url: &str, config: &Arc<Config>) -> Result<WebSocket<TcpStream>, Error> {
    let request = ClientRequest::new(url)?;
    let stream = TcpStream::connect((request.dial_host(), request.port())).await?;
    stream.set_nodelay(true)?;
    let timeouts = Timeouts::default().keep_alive(None);
    WebSocket::connect(stream, &request, Arc::clone(config), timeouts).await
}

async fn echo(mut socket: WebSocket<TcpStream>) -> Result<(), Error> {
    loop {
        match socket.next().await {
            Ok(Some((mut reply, Event::Text(text)))) => reply.send_text(text)?,
            Ok(Some((mut reply, Event::Binary(bytes)))) => reply.send_binary(bytes)?,
            Ok(Some(_)) => {}
            Ok(None) => return Ok(()),
            // The next call completes the closing handshake.
            Err(Error::Protocol(error)) => println!("{error}"),
            Err(error) => return Err(error),
        }
    }
}
