//! A chat for one room: whoever connects is user1, user2 and so on.
//!
//! ```sh
//! cargo run --release --all-features --example chat
//! ```
//!
//! The event loop is in `support/`; here is what makes it a chat.

#[path = "support/hosts.rs"]
mod hosts;
mod support;

use clap::Parser;
use hosts::Hosts;
use log::LevelFilter;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{CloseCode, Limits, PreparedMessage};
use std::process::ExitCode;
use std::sync::Arc;
use support::{Deadlines, Everyone, Reply, Service, Settings, Slow};

/// A chat over WebSocket: everyone sees what everyone says.
///
/// Open its address in a few browser windows. Ctrl-C closes all connections and ends the server;
/// a second Ctrl-C ends it at once.
#[derive(Parser)]
struct Options {
    /// Where to listen; port 0 means any free port
    #[arg(default_value = "127.0.0.1:9002")]
    address: String,
    #[command(flatten)]
    hosts: Hosts,
    #[command(flatten)]
    deadlines: Deadlines,
    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let settings = Settings {
        page: include_str!("pages/chat.html"),
        // Only our own page may join: others could listen in through their visitors' browsers.
        origins: OriginPolicy::SameHost,
        hosts: options.hosts.of(&options.address),
        subprotocols: &["chat"],
        config: Arc::new(support::config(64 * 1024, Limits::default().max_fragments)),
        timeouts: Arc::new(options.deadlines.timeouts()),
        slow: Slow::Disconnect,
    };
    support::run(&options.address, options.log, settings, Chat)
}

struct Chat;

impl Service for Chat {
    fn opened(&mut self, id: u64, everyone: &mut Everyone) {
        everyone.push(PreparedMessage::text(&format!("user{id} comes in")));
    }

    fn text(&mut self, id: u64, _: &mut Reply<'_>, text: &str, everyone: &mut Everyone) {
        // One line, or its second could look like a line of the server.
        let line = text.replace(['\r', '\n'], " ");
        everyone.push(PreparedMessage::text(&format!("user{id} says: {line}")));
    }

    fn binary(&mut self, _: u64, connection: &mut Reply<'_>, _: &[u8], _: &mut Everyone) {
        // Fails only if the connection is closing already.
        let _ = connection.close(CloseCode::UNSUPPORTED_DATA, "text only");
    }

    fn ended(&mut self, id: u64, everyone: &mut Everyone) {
        everyone.push(PreparedMessage::text(&format!("user{id} left")));
    }
}
