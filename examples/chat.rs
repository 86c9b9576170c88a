//! A chat for one room: whoever connects is user1, user2 and so on.
//!
//! ```sh
//! cargo run --release --all-features --example chat
//! ```
//!
//! The event loop is in the library; here is what makes it a chat.

#[path = "support/hosts.rs"]
mod hosts;
mod support;

use clap::Parser;
use hosts::Hosts;
use log::LevelFilter;
use mio::net::TcpStream;
use sansio_ws::handshake::{OriginPolicy, Request, Response};
use sansio_ws::mio::Reply;
use sansio_ws::mio::server::Server;
use sansio_ws::mio::server::websockets::{
    Client, Handler, Outbox, Settings, SlowConsumers, WebSockets,
};
use sansio_ws::{CloseCode, Ended, Limits, PreparedMessage};
use std::io;
use std::process::ExitCode;
use support::Deadlines;

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
    support::start_log(options.log);
    // Only our own page may join: others could listen in through their visitors' browsers.
    let settings =
        Settings::new(OriginPolicy::SameHost, options.hosts.clone().of(&options.address))
            .subprotocols(&["chat"])
            .config(support::config(64 * 1024, Limits::default().max_fragments))
            .timeouts(options.deadlines.timeouts())
            .slow_consumers(SlowConsumers::Disconnect);
    support::exit(run(&options, settings))
}

fn run(options: &Options, settings: Settings) -> io::Result<()> {
    let server = Server::new(WebSockets::new(Chat, settings))?;
    let mut server = server.shutdown_time(options.deadlines.shutdown_time());
    for listener in support::listen(&options.address, 1)? {
        server.listen(listener)?;
    }
    support::announce(core::slice::from_ref(&server))?;
    support::handle_signals(vec![server.handle()])?;
    server.run().map(drop)
}

struct Chat;

type Room<'c> = Outbox<'c, ()>;

impl Handler for Chat {
    type Command = ();
    type Timer = ();

    fn page(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/" => Response::html(include_str!("pages/chat.html")),
            _ => Response::not_found(),
        }
    }

    fn opened(&mut self, client: Client, room: &mut Room<'_>) {
        say(room, &format!("user{} comes in", client.number));
    }

    fn text(
        &mut self,
        client: Client,
        _: &mut Reply<'_, TcpStream>,
        text: &str,
        room: &mut Room<'_>,
    ) {
        // One line, or its second could look like a line of the server.
        let line = text.replace(['\r', '\n'], " ");
        say(room, &format!("user{} says: {line}", client.number));
    }

    fn binary(&mut self, _: Client, reply: &mut Reply<'_, TcpStream>, _: &[u8], _: &mut Room<'_>) {
        // Fails only if the connection is closing already.
        let _ = reply.close(CloseCode::UNSUPPORTED_DATA, "text only");
    }

    fn closed(&mut self, client: Client, _: io::Result<Ended>, room: &mut Room<'_>) {
        say(room, &format!("user{} left", client.number));
    }
}

fn say(room: &mut Room<'_>, line: &str) {
    room.send_to_all(PreparedMessage::text(line));
}
