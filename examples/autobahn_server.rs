//! An echo server for conformance tests: limits raised, either adapter.
//!
//! ```sh
//! cargo run --release --all-features --example autobahn_server -- 127.0.0.1:9005 --adapter mio
//! ```

#[path = "support/compression.rs"]
mod compression;

use clap::{Parser, ValueEnum};
use compression::Compression;
use mio::net::TcpStream;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request, Response};
use sansio_ws::mio::Reply;
use sansio_ws::mio::server::Server;
use sansio_ws::mio::server::websockets::{
    Client, Handler, HostPolicy, Outbox, Settings, WebSockets,
};
use sansio_ws::{Config, Connection, Event, Limits, SendError};
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

/// An echo server for conformance tests, with limits far above the defaults.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(default_value = "127.0.0.1:9005")]
    address: SocketAddr,
    /// Which adapter of the library to use.
    #[arg(long, value_enum, default_value = "mio")]
    adapter: Adapter,
    #[command(flatten)]
    compression: Compression,
}

#[derive(Clone, Copy, ValueEnum)]
enum Adapter {
    Mio,
    Blocking,
}

/// Room for the largest messages of the suites, in the smallest fragments, and their echoes.
const LIMITS: Limits = Limits::new()
    .max_message_bytes(64 << 20)
    .max_frame_bytes(64 << 20)
    .max_fragments(u32::MAX)
    .max_queued_bytes(128 << 20)
    .max_queued_frames(usize::MAX);

/// Suites are slow on purpose now and then.
const TIMEOUTS: Timeouts = Timeouts::new().keep_alive(None);

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let config = Arc::new(options.compression.add_to(Config::default().limits(LIMITS))?);
    println!("listening on ws://{}", options.address);
    match options.adapter {
        Adapter::Blocking => serve_blocking(options.address, config),
        Adapter::Mio => serve_mio(options.address, config),
    }
}

const SUBPROTOCOLS: [&str; 2] = ["chat", "echo"];

/// Any origin may connect: this is a server for tests.
fn accept(request: &Request<'_>, config: &Arc<Config>) -> Result<Connection, Response> {
    let upgrade = request.upgrade(OriginPolicy::AnyOrigin)?;
    let subprotocol = upgrade.choose(&SUBPROTOCOLS);
    Ok(upgrade.accept(&Acceptance::default().subprotocol(subprotocol), Arc::clone(config))?)
}

fn echo(connection: &mut Connection, event: Event<'_>) -> Result<(), SendError> {
    match event {
        Event::Text(text) => connection.send_text(text),
        Event::Binary(bytes) => connection.send_binary(bytes),
        _ => Ok(()),
    }
}

fn serve_blocking(address: SocketAddr, config: Arc<Config>) -> Result<(), Box<dyn Error>> {
    use sansio_ws::blocking::{Error, WebSocket};
    let serve = |stream, config: Arc<Config>| -> Result<(), Error> {
        let accept = |request: &Request<'_>| accept(request, &config);
        let mut socket = WebSocket::accept_with(stream, &LIMITS, TIMEOUTS, accept)?;
        loop {
            match socket.next() {
                Ok(Some((connection, event))) => match echo(connection, event) {
                    // After our own Close, messages may still come and can't be answered.
                    Ok(()) | Err(SendError::Closed) => {}
                    Err(error) => return Err(error.into()),
                },
                Ok(None) => return Ok(()),
                // The next call completes the closing handshake.
                Err(Error::Protocol(_)) => {}
                Err(error) => return Err(error),
            }
        }
    };
    for stream in TcpListener::bind(address)?.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        let config = Arc::clone(&config);
        thread::spawn(move || {
            if let Err(error) = serve(stream, config) {
                println!("{error}");
            }
        });
    }
    Ok(())
}

fn serve_mio(address: SocketAddr, config: Arc<Config>) -> Result<(), Box<dyn Error>> {
    let settings = Settings::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost)
        .config(config)
        .timeouts(TIMEOUTS)
        .subprotocols(&SUBPROTOCOLS);
    let mut server = Server::new(WebSockets::new(Echo, settings))?;
    server.listen(mio::net::TcpListener::bind(address)?)?;
    server.run()?;
    Ok(())
}

struct Echo;

impl Handler for Echo {
    type Command = ();
    type Timer = ();

    fn text(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, TcpStream>,
        text: &str,
        _: &mut Outbox<'_, ()>,
    ) {
        report(reply.send_text(text));
    }

    fn binary(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, TcpStream>,
        bytes: &[u8],
        _: &mut Outbox<'_, ()>,
    ) {
        report(reply.send_binary(bytes));
    }
}

fn report(sent: Result<(), SendError>) {
    if let Err(error) = sent {
        println!("an echo was lost: {error}");
    }
}
