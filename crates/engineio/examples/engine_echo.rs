//! A server to try clients of Engine.IO against: every message is sent back.
//!
//! ```sh
//! cargo run --package sansio-engineio --all-features --example engine_echo
//! ```

use clap::Parser;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use log::{LevelFilter, warn};
use mio::net::TcpListener;
use sansio_engineio::mio::{Engine, EngineIo, Handler, Settings};
use sansio_engineio::{Config, Cookie, Cors, Message, PreparedPacket, Session, Transports};
use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request, Response};
use sansio_ws::mio::server::Server;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// A server to try clients of Engine.IO against, on 127.0.0.1. All times are in milliseconds.
///
/// Ctrl-C and SIGTERM close all sessions, and the server ends when what was queued is written.
#[derive(Parser)]
struct Options {
    /// Where to listen, on 127.0.0.1; 0 means any free port
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// From the first packet, and then from each pong, until the next ping
    #[arg(long, value_name = "MS", default_value = "25000", value_parser = milliseconds)]
    ping_interval: Duration,
    /// From a ping until its pong
    #[arg(long, value_name = "MS", default_value = "20000", value_parser = milliseconds)]
    ping_timeout: Duration,
    /// From the request for a WebSocket until it is the transport
    #[arg(long, value_name = "MS", default_value = "10000", value_parser = milliseconds)]
    upgrade_timeout: Duration,
    /// Largest body of a POST, and largest message over WebSocket
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000)]
    max_payload: u64,
    /// Comma separated, of polling and websocket
    #[arg(long, value_name = "LIST", default_value = "polling,websocket", value_parser = transports)]
    transports: Transports,
    /// Whose pages may read: `*`, or one origin, which may then use its cookies
    #[arg(long, value_name = "ORIGIN")]
    cors: Option<String>,
    /// Session cookie of that name
    #[arg(long, value_name = "NAME")]
    cookie: Option<String>,
    /// Served as text/html at `/`
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

fn milliseconds(text: &str) -> Result<Duration, core::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

fn transports(list: &str) -> Result<Transports, String> {
    let mut names: Vec<_> = list.split(',').map(str::trim).collect();
    names.sort_unstable();
    match names[..] {
        ["polling", "websocket"] => Ok(Transports::Both),
        ["polling"] => Ok(Transports::Polling),
        ["websocket"] => Ok(Transports::WebSocket),
        _ => Err("polling, websocket, or both".into()),
    }
}

/// Sends every message back.
struct Echo {
    page: Option<String>,
}

impl Handler for Echo {
    type Command = ();
    type Timer = ();

    fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, ()>) {
        let packet = match message {
            Message::Text(text) => PreparedPacket::text(text),
            Message::Binary(bytes) => PreparedPacket::binary(&bytes),
        };
        // There is room: nothing is read from a client while half of what may wait for it are answers.
        if let Err(error) = engine.send(session, &packet) {
            warn!("session {session}: {error}");
            engine.close(session);
        }
    }

    fn page(&mut self, request: &Request<'_>) -> Response {
        match &self.page {
            Some(page) if request.path() == "/" => Response::html(page).keep_alive(true),
            _ => Response::not_found().keep_alive(true),
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    env_logger::Builder::new().filter_level(options.log).format_target(false).init();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // Nothing here needs protection. A server with secrets names its hosts, and whose pages may connect.
    let cors = options.cors.as_deref().map(|origin| match origin {
        "*" => Cors::any(),
        origin => Cors::listed([origin]).credentials(true),
    });
    let cookie = options.cookie.as_deref().map(Cookie::new).transpose()?;
    let config = Config::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .max_payload(options.max_payload)
        .transports(options.transports)
        .cors(cors)
        .cookie(cookie);
    let page = match &options.page {
        Some(path) => {
            let page = std::fs::read_to_string(path);
            Some(page.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    let server = Server::new(EngineIo::new(Echo { page }, Settings::new(config)))?;
    let mut server = server.shutdown_time(Some(Duration::from_millis(1500)));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    server.listen(listener)?;
    let handle = server.handle();
    ctrlc::set_handler(move || handle.shut_down())?;
    println!("listening on {address}");
    server.run()?;
    Ok(())
}
