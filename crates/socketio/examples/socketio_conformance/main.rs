//! One server program for all kinds of clients: it does nothing useful by itself, and each of its namespaces and
//! events makes one feature visible.
//!
//! ```sh
//! cargo run --release --package sansio-socketio --all-features --example socketio_conformance
//! ```

mod admin;
mod engine;
mod events;
mod rooms;
mod state;
mod tutorials;

use clap::{Parser, ValueEnum};
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use log::LevelFilter;
use mio::net::TcpListener;
use sansio_engineio::mio::{EngineIo, Settings};
use sansio_engineio::{Config, Cookie, Cors, Transports};
use sansio_socketio::Recovery;
use sansio_socketio::mio::{App, AppHandle};
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use sansio_ws::mio::server::{Server, Service};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// A server to try clients of Socket.IO and Engine.IO against, on 127.0.0.1. All times are in milliseconds.
///
/// Ctrl-C and SIGTERM disconnect all sockets, and the server ends when what was queued is written.
#[derive(Parser)]
struct Options {
    /// Where to listen, on 127.0.0.1; 0 means any free port
    #[arg(long, value_name = "N", default_value_t = 3000)]
    port: u16,
    /// What the server does
    #[arg(long, value_enum, default_value = "app")]
    mode: Mode,
    /// From the first packet, and then from each pong, until the next ping
    #[arg(long, value_name = "MS", default_value = "25000", value_parser = milliseconds)]
    ping_interval: Duration,
    /// From a ping until its pong
    #[arg(long, value_name = "MS", default_value = "20000", value_parser = milliseconds)]
    ping_timeout: Duration,
    /// From the request for a WebSocket until it is the transport
    #[arg(long, value_name = "MS", default_value = "10000", value_parser = milliseconds)]
    upgrade_timeout: Duration,
    /// How long a client may be without any namespace at first
    #[arg(long, value_name = "MS", default_value = "45000", value_parser = milliseconds)]
    connect_timeout: Duration,
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
    /// How long a client that was cut off may come back as the same socket; 0 is never
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    recovery: Duration,
    /// Folder with socket.io.js and its siblings: `client-dist` of npm's package `socket.io`
    #[arg(long, value_name = "DIR")]
    serve_client: Option<PathBuf>,
    /// Served as text/html at `/`
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Namespaces and events that make each feature visible
    App,
    /// Engine.IO alone, path /engine.io/: every message is sent back
    Engine,
    /// A list of names for everybody
    Login,
    /// Who comes, what they say, who goes
    Chat,
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
    let page = match &options.page {
        Some(path) => {
            let page = std::fs::read_to_string(path);
            Some(page.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    let config = engine_config(options)?;
    match options.mode {
        Mode::App => serve_app(options, events::app(config), page),
        Mode::Login => serve_app(options, tutorials::login(config), page),
        Mode::Chat => serve_app(options, tutorials::chat(config), page),
        Mode::Engine => {
            let server = Server::new(EngineIo::new(engine::Echo { page }, Settings::new(config)))?;
            serve(options, server, |server| {
                let handle = server.handle();
                ctrlc::set_handler(move || handle.shut_down())
            })
        }
    }
}

/// Nothing here needs protection. A server with secrets names its hosts, and whose pages may connect.
fn engine_config(options: &Options) -> Result<Config, Box<dyn Error>> {
    let cors = options.cors.as_deref().map(|origin| match origin {
        "*" => Cors::any(),
        origin => Cors::listed([origin]).credentials(true),
    });
    let cookie = options.cookie.as_deref().map(Cookie::new).transpose()?;
    Ok(Config::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost)
        .ping_interval(options.ping_interval)
        .ping_timeout(options.ping_timeout)
        .upgrade_timeout(options.upgrade_timeout)
        .max_payload(options.max_payload)
        .transports(options.transports)
        .cors(cors)
        .cookie(cookie))
}

fn serve_app<S: 'static>(
    options: &Options,
    app: App<S>,
    page: Option<String>,
) -> Result<(), Box<dyn Error>> {
    let recovery = Recovery::default().time(options.recovery);
    let config = sansio_socketio::Config::default()
        .connect_timeout(options.connect_timeout)
        .recovery((!options.recovery.is_zero()).then_some(recovery));
    let mut app = app.config(config);
    if let Some(page) = page {
        app.page("/", page);
    }
    if let Some(folder) = &options.serve_client {
        app.client_files(folder)?;
    }
    serve(options, Server::new(app.into_service())?, |server| {
        let handle = AppHandle::new(server.handle());
        ctrlc::set_handler(move || handle.shut_down())
    })
}

fn serve<S: Service<Listener = TcpListener>>(
    options: &Options,
    server: Server<S>,
    handle_signals: impl FnOnce(&Server<S>) -> Result<(), ctrlc::Error>,
) -> Result<(), Box<dyn Error>> {
    let mut server = server.shutdown_time(Some(Duration::from_millis(1500)));
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr()?;
    server.listen(listener)?;
    handle_signals(&server)?;
    println!("listening on {address}");
    server.run()?;
    Ok(())
}
