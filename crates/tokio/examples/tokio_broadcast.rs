//! One says, all hear: a number each second, framed once for everybody.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --example tokio_broadcast
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Config, PreparedMessage};
use sansio_ws_tokio::{Error, WebSocket};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Tells everybody the same.
#[derive(Parser)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:9003")]
    address: String,
    /// How long it is from one message to the next, in milliseconds
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    every: u64,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let listener = TcpListener::bind(options.address).await?;
    println!("ws://{}", listener.local_addr()?);
    // Who is too slow for each number gets the newest one, so nothing piles up.
    let (news, newest) = watch::channel(PreparedMessage::text("0"));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(options.every));
        for number in 1.. {
            ticks.tick().await;
            news.send_replace(PreparedMessage::text(&format!("{number}")));
        }
    });
    loop {
        let (stream, address) = listener.accept().await?;
        let newest = newest.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, newest).await {
                println!("{address}: {error}");
            }
        });
    }
}

async fn serve(stream: TcpStream, newest: watch::Receiver<PreparedMessage>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let (config, timeouts) = (Config::default(), Timeouts::default());
    let socket = WebSocket::accept(stream, OriginPolicy::AnyOrigin, config, timeouts).await?;
    // Sending waits for the peer, and reading goes on meanwhile.
    let (mut reader, writer) = socket.split();
    let sending = async {
        let mut newest = newest;
        while newest.changed().await.is_ok() {
            let message = newest.borrow_and_update().clone();
            writer.send_prepared(&message).await?;
        }
        Ok::<(), Error>(())
    };
    tokio::select! {
        // Nobody is listened to. When it ends, so does this.
        ended = async { while reader.read().await?.is_some() {} Ok::<(), Error>(()) } => ended,
        sent = sending => sent,
    }
}
