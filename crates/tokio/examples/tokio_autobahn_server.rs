//! An echo server for conformance tests: limits raised, in one piece or split.
//!
//! ```sh
//! cargo run --release --package sansio-ws-tokio --features deflate --example tokio_autobahn_server -- 127.0.0.1:9007
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request, Response};
use sansio_ws::{Config, Connection, Event, Limits, MessageKind, SendError};
use sansio_ws_tokio::{Error, WebSocket};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// An echo server for conformance tests, with limits far above the defaults.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(default_value = "127.0.0.1:9007")]
    address: SocketAddr,
    /// Compress messages with permessage-deflate, when the other side can
    #[arg(long)]
    deflate: bool,
    /// Answer by a writer instead of in the loop that reads
    #[arg(long)]
    split: bool,
}

/// Room for the largest messages of the suite, in the smallest fragments, and their echoes.
const LIMITS: Limits = Limits::new()
    .max_message_bytes(64 << 20)
    .max_frame_bytes(64 << 20)
    .max_fragments(u32::MAX)
    .max_queued_bytes(128 << 20)
    .max_queued_frames(usize::MAX);

/// Suites are slow on purpose now and then.
const TIMEOUTS: Timeouts = Timeouts::new().keep_alive(None);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let mut config = Config::default().limits(LIMITS);
    if options.deflate {
        config = config.extension(Deflate::context_takeover());
    }
    let config = Arc::new(config);
    let listener = TcpListener::bind(options.address).await?;
    println!("listening on ws://{}", options.address);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let config = Arc::clone(&config);
        tokio::spawn(async move {
            let served = match options.split {
                true => echo_by_a_writer(stream, config).await,
                false => echo(stream, config).await,
            };
            if let Err(error) = served {
                println!("{error}");
            }
        });
    }
}

/// Any origin may connect: this is a server for tests.
async fn accept(stream: TcpStream, config: Arc<Config>) -> Result<WebSocket<TcpStream>, Error> {
    let decide = |request: &Request<'_>| -> Result<Connection, Response> {
        let upgrade = request.upgrade(OriginPolicy::AnyOrigin)?;
        let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat", "echo"]));
        Ok(upgrade.accept(&reply, config)?)
    };
    WebSocket::accept_with(stream, &LIMITS, TIMEOUTS, decide).await
}

async fn echo(stream: TcpStream, config: Arc<Config>) -> Result<(), Error> {
    let mut socket = accept(stream, config).await?;
    loop {
        let answered = match socket.next().await {
            Ok(Some((mut reply, Event::Text(text)))) => reply.send_text(text),
            Ok(Some((mut reply, Event::Binary(bytes)))) => reply.send_binary(bytes),
            Ok(Some(_)) => Ok(()),
            Ok(None) => return Ok(()),
            // The next call completes the closing handshake.
            Err(Error::Protocol(_)) => Ok(()),
            Err(error) => return Err(error),
        };
        match answered {
            // After our own Close, messages may still come and can't be answered.
            Ok(()) | Err(SendError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

async fn echo_by_a_writer(stream: TcpStream, config: Arc<Config>) -> Result<(), Error> {
    let (mut reader, writer) = accept(stream, config).await?.split();
    loop {
        let (kind, payload) = match reader.read().await {
            Ok(Some(Event::Text(text))) => (MessageKind::Text, text.to_owned().into()),
            Ok(Some(Event::Binary(bytes))) => (MessageKind::Binary, bytes.to_vec().into()),
            Ok(None) => return Ok(()),
            Ok(Some(_)) | Err(Error::Protocol(_)) => continue,
            Err(error) => return Err(error),
        };
        match writer.send_bytes(kind, &payload).await {
            Ok(()) | Err(Error::Send(SendError::Closed)) => {}
            Err(error) => return Err(error),
        }
    }
}
