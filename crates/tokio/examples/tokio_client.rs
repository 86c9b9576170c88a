//! A client for the terminal: lines in, messages out.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --example tokio_client -- ws://127.0.0.1:9001
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Event};
use sansio_ws_tokio::WebSocket;
use std::error::Error;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::net::TcpStream;

/// Sends each line of the input as a text message, and prints the messages that come.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example ws://127.0.0.1:9001/path
    url: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let request = ClientRequest::new(&Options::parse().url)?;
    if request.is_secure() {
        return Err("wss needs a TLS stream, for example of tokio-rustls".into());
    }
    let stream = TcpStream::connect((request.dial_host(), request.port())).await?;
    stream.set_nodelay(true)?;
    let (config, timeouts) = (Config::default(), Timeouts::default());
    let mut socket = WebSocket::connect(stream, &request, config, timeouts).await?;
    let mut lines = BufReader::new(stdin()).lines();
    let mut has_input = true;
    loop {
        tokio::select! {
            event = socket.next() => match event? {
                Some((_, Event::Text(text))) => println!("{text}"),
                Some((_, Event::Binary(bytes))) => println!("{} bytes", bytes.len()),
                Some(_) => {}
                None => break,
            },
            line = lines.next_line(), if has_input => match line? {
                Some(line) => socket.connection().send_text(&line)?,
                None => {
                    has_input = false;
                    socket.connection().close(CloseCode::NORMAL, "")?; // and reads what still comes
                }
            },
        }
    }
    if let Some(ended) = socket.ended() {
        eprintln!("{ended}");
    }
    Ok(())
}
