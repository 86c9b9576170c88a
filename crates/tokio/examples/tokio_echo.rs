//! Sends back what it gets. Ctrl-C closes all connections with 1001 and waits until they have ended.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --example tokio_echo -- 127.0.0.1:9001
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{CloseCode, Config, Event};
use sansio_ws_tokio::{Error, WebSocket};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An echo server.
#[derive(Parser)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:9001")]
    address: String,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Options::parse().address).await?;
    println!("ws://{}", listener.local_addr()?);
    // All connections share the settings.
    let (config, timeouts) = (Arc::new(Config::default()), Arc::new(Timeouts::default()));
    let (shutdown, down) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, address) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Too many open files, perhaps: those who are there go on.
                        println!("{error}");
                        tokio::time::sleep(core::time::Duration::from_millis(100)).await;
                        continue;
                    }
                };
                let (config, timeouts, down) = (config.clone(), timeouts.clone(), down.clone());
                connections.spawn(async move {
                    match serve(stream, config, timeouts, down).await {
                        Ok(()) => println!("{address} has gone"),
                        Err(error) => println!("{address}: {error}"),
                    }
                });
            }
            Some(_) = connections.join_next() => {} // forget those that have ended
            signal = tokio::signal::ctrl_c() => {
                signal?;
                break;
            }
        }
    }
    drop((listener, shutdown)); // nobody new, and the others learn of it
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn serve(
    stream: TcpStream,
    config: Arc<Config>,
    timeouts: Arc<Timeouts>,
    mut down: watch::Receiver<()>,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket = WebSocket::accept(stream, OriginPolicy::SameHost, config, timeouts).await?;
    loop {
        tokio::select! {
            event = socket.next() => match event? {
                Some((mut reply, Event::Text(text))) => reply.send_text(text)?,
                Some((mut reply, Event::Binary(bytes))) => reply.send_binary(bytes)?,
                Some(_) => {}
                None => return Ok(()),
            },
            _ = down.changed() => {
                // Within `Timeouts::close` it has ended.
                socket.close(CloseCode::GOING_AWAY, "the server shuts down").await?;
                return Ok(());
            }
        }
    }
}
