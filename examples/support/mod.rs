//! What the example servers share.
//!
//! `server.rs` is the event loop, `peer.rs` one connection of it, `deadlines.rs` what ends those that
//! take too long; here is what they are told, and how a server starts and ends.

mod deadlines;
mod peer;
mod server;

pub(crate) use deadlines::Deadlines;

use clap::ValueEnum;
use log::{LevelFilter, error};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{Acceptance, HandshakeError, OriginPolicy, Request, Response};
use sansio_ws::{Config, Connection, Limits, PreparedMessage};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// A connection, to answer a message.
pub(crate) type Reply<'t> = sansio_ws::mio::Reply<'t, mio::net::TcpStream>;

/// What the service has to say to everyone, in order. It is framed once for all of them.
pub(crate) type Everyone = Vec<PreparedMessage>;

/// What the server is there for. Connections are known by a number, counted from 1.
pub(crate) trait Service {
    /// A connection has opened, and belongs to everyone from now on.
    fn opened(&mut self, _id: u64, _everyone: &mut Everyone) {}

    /// A text message has come.
    fn text(&mut self, id: u64, connection: &mut Reply<'_>, text: &str, everyone: &mut Everyone);

    /// A binary message has come.
    fn binary(
        &mut self,
        id: u64,
        connection: &mut Reply<'_>,
        bytes: &[u8],
        everyone: &mut Everyone,
    );

    /// A connection has ended.
    fn ended(&mut self, _id: u64, _everyone: &mut Everyone) {}
}

/// What to do when a connection does not read what everyone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Slow {
    /// It misses messages until it has caught up
    DropMessage,
    /// It is closed with code 1013
    Disconnect,
}

/// How the server deals with its connections.
pub(crate) struct Settings {
    /// What browsers see at `/`.
    pub(crate) page: &'static str,
    pub(crate) origins: OriginPolicy<'static>,
    /// The names that the server goes by, if not any.
    pub(crate) hosts: Option<Vec<String>>,
    /// The subprotocols to choose from if any are offered.
    pub(crate) subprotocols: &'static [&'static str],
    /// Shared by all connections.
    pub(crate) config: Arc<Config>,
    pub(crate) timeouts: Arc<Timeouts>,
    pub(crate) slow: Slow,
}

/// The settings of connections.
pub(crate) fn config(max_message: usize, max_fragments: u32) -> Config {
    let limits = Limits::default()
        .max_message_bytes(max_message as u64)
        .max_frame_bytes(max_message as u64)
        .max_fragments(max_fragments)
        .max_queued_bytes(peer::FULL)
        // A frame has two bytes at least, so they are bounded as well.
        .max_queued_frames(usize::MAX);
    Config::default().limits(limits)
}

impl Settings {
    /// A WebSocket at any path, the page for people.
    fn answer(&self, request: &Request<'_>) -> Result<Connection, Response> {
        if let Some(hosts) = &self.hosts {
            request.check_host(hosts)?;
        }
        if request.is_upgrade() {
            let upgrade = request.upgrade(self.origins)?;
            let subprotocol = upgrade.choose(self.subprotocols);
            let reply = Acceptance::default().subprotocol(subprotocol);
            return Ok(upgrade.accept(&reply, Arc::clone(&self.config))?);
        }
        Err(match (request.method(), request.path()) {
            ("GET" | "HEAD", "/") => Response::html(self.page),
            ("GET" | "HEAD", _) => Response::not_found(),
            _ => HandshakeError::Method.response(),
        })
    }
}

/// Runs a server until it is told to end.
pub(crate) fn run(
    address: &str,
    log: LevelFilter,
    settings: Settings,
    service: impl Service,
) -> ExitCode {
    start_log(log);
    let server = match server::Server::bind(address, settings, service) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: can't listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever reads this may have gone: no reason to fail.
    let url = server.url();
    let _ = writeln!(std::io::stdout(), "listening on http://{url} and ws://{url}");
    match server.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Lines begin with the seconds since the start.
fn start_log(level: LevelFilter) {
    let start = Instant::now();
    env_logger::Builder::new()
        .filter_level(level)
        .format(move |out, record| {
            let seconds = start.elapsed().as_secs_f64();
            writeln!(out, "{seconds:10.3} {:5} {}", record.level(), record.args())
        })
        .init();
}
