//! A WebSocket echo server, with a page to try it in the browser: one thread, any number of
//! connections.
//!
//! ```sh
//! cargo run --release --all-features --example echo_server
//! ```
//!
//! The event loop is in `support/`; here is what makes it an echo server.

#[path = "support/compression.rs"]
mod compression;
mod support;

use clap::Parser;
use compression::Compression;
use log::{LevelFilter, error};
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Limits, PreparedMessage, SendError};
use std::process::ExitCode;
use std::sync::Arc;
use support::{Deadlines, Everyone, Reply, Service, Settings, Slow};

/// A WebSocket echo server: sends each message back to its sender, or to everyone.
///
/// Open its address in a browser to try it. Ctrl-C closes all connections and ends the server; a
/// second Ctrl-C ends it at once.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 means any free port
    #[arg(default_value = "127.0.0.1:9001")]
    address: String,
    /// Send each message to all connections, its sender included
    #[arg(long)]
    broadcast: bool,
    /// With --broadcast: what to do about a connection that reads too slowly
    #[arg(long, value_enum, value_name = "POLICY", default_value = "drop-message")]
    slow: Slow,
    /// Largest message to accept; for a larger one the connection is closed with code 1009
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    max_message: usize,
    /// Most fragments of a message, for more the code is 1008; 0 means any number
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_fragments)]
    max_fragments: u32,
    #[command(flatten)]
    deadlines: Deadlines,
    #[command(flatten)]
    compression: Compression,
    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let max_fragments = match options.max_fragments {
        0 => u32::MAX,
        n => n,
    };
    let config = support::config(options.max_message, max_fragments);
    let config = match options.compression.add_to(config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let settings = Settings {
        page: include_str!("pages/echo.html"),
        // Any page of the web may connect: whoever does gets back what they sent, and there is
        // nothing here to protect. A server with secrets wants another policy.
        origins: OriginPolicy::AnyOrigin,
        hosts: None,
        subprotocols: &["echo", "chat"],
        config: Arc::new(config),
        timeouts: Arc::new(options.deadlines.timeouts()),
        slow: options.slow,
    };
    support::run(&options.address, options.log, settings, Echo { broadcast: options.broadcast })
}

struct Echo {
    broadcast: bool,
}

impl Service for Echo {
    fn text(&mut self, _: u64, connection: &mut Reply<'_>, text: &str, everyone: &mut Everyone) {
        if self.broadcast {
            everyone.push(PreparedMessage::text(text));
        } else {
            report(connection.send_text(text));
        }
    }

    fn binary(
        &mut self,
        _: u64,
        connection: &mut Reply<'_>,
        bytes: &[u8],
        everyone: &mut Everyone,
    ) {
        if self.broadcast {
            everyone.push(PreparedMessage::binary(bytes));
        } else {
            report(connection.send_binary(bytes));
        }
    }
}

fn report(sent: Result<(), SendError>) {
    // Cannot happen: a peer that does not read its echoes is not read from.
    if let Err(error) = sent {
        error!("an echo was lost: {error}");
    }
}
