//! A WebSocket echo server, with a page to try it in the browser: any number of connections on one
//! thread, or on several.
//!
//! ```sh
//! cargo run --release --all-features --example echo_server
//! ```
//!
//! The event loop is in the library; here is what makes it an echo server.

#[path = "support/compression.rs"]
mod compression;
mod support;

use clap::{Parser, ValueEnum};
use compression::Compression;
use core::num::NonZeroUsize;
use log::{LevelFilter, error, warn};
use mio::net::TcpStream;
use sansio_ws::handshake::{OriginPolicy, Request, Response};
use sansio_ws::mio::Reply;
use sansio_ws::mio::server::websockets::{
    Client, Handler, HostPolicy, Outbox, Settings, SlowConsumers, WebSockets,
};
use sansio_ws::mio::server::{Handle, Server};
use sansio_ws::{Limits, PreparedMessage, SendError};
use std::process::ExitCode;
use std::{io, panic, thread};
use support::Deadlines;

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
    /// How many threads, each with an event loop of its own
    #[arg(long, value_name = "N", default_value = "1")]
    threads: NonZeroUsize,
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

/// What to do when a connection does not read what everyone is told.
#[derive(Clone, Copy, ValueEnum)]
enum Slow {
    /// It misses messages until it has caught up
    DropMessage,
    /// It is closed with code 1013
    Disconnect,
}

impl From<Slow> for SlowConsumers {
    fn from(slow: Slow) -> Self {
        match slow {
            Slow::DropMessage => Self::MissMessages,
            Slow::Disconnect => Self::Disconnect,
        }
    }
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
    support::start_log(options.log);
    // Any page of the web may connect: whoever does gets back what they sent, and there is nothing
    // here to protect. A server with secrets wants other policies.
    let settings = Settings::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost)
        .subprotocols(&["echo", "chat"])
        .config(config)
        .timeouts(options.deadlines.timeouts())
        .slow_consumers(options.slow.into());
    support::exit(run(&options, &settings))
}

/// Runs one loop on each thread. They share the port, and tell each other what is for everyone.
fn run(options: &Options, settings: &Settings) -> io::Result<()> {
    let listeners = support::listen(&options.address, options.threads.get())?;
    let mut servers = Vec::new();
    for listener in listeners {
        let echo = Echo { broadcast: options.broadcast, others: vec![] };
        let server = Server::new(WebSockets::new(echo, settings.clone()))?;
        let mut server = server.shutdown_time(options.deadlines.shutdown_time());
        server.listen(listener)?;
        servers.push(server);
    }
    let handles: Vec<_> = servers.iter().map(Server::handle).collect();
    for (own, server) in servers.iter_mut().enumerate() {
        let others = handles.iter().enumerate().filter(|(other, _)| *other != own);
        let (service, _) = server.parts_mut();
        service.handler_mut().others = others.map(|(_, handle)| handle.clone()).collect();
    }
    support::announce(&servers)?;
    support::handle_signals(handles)?;
    let threads: Vec<_> =
        servers.into_iter().map(|server| thread::spawn(|| server.run().map(drop))).collect();
    threads.into_iter().try_for_each(|thread| match thread.join() {
        Ok(result) => result,
        Err(panic) => panic::resume_unwind(panic),
    })
}

struct Echo {
    broadcast: bool,
    /// The loops of the other threads.
    others: Vec<Handle<PreparedMessage>>,
}

impl Echo {
    fn send_to_all(&self, message: PreparedMessage, outbox: &mut Outbox<'_, ()>) {
        for other in &self.others {
            if let Err(error) = other.send(message.clone()) {
                warn!("a message is not passed on to another thread: {error}");
            }
        }
        outbox.send_to_all(message);
    }
}

impl Handler for Echo {
    type Command = PreparedMessage;
    type Timer = ();

    fn page(&mut self, request: &Request<'_>) -> Response {
        match request.path() {
            "/" => Response::html(include_str!("pages/echo.html")),
            _ => Response::not_found(),
        }
    }

    fn text(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, TcpStream>,
        text: &str,
        outbox: &mut Outbox<'_, ()>,
    ) {
        if self.broadcast {
            self.send_to_all(PreparedMessage::text(text), outbox);
        } else {
            report(reply.send_text(text));
        }
    }

    fn binary(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, TcpStream>,
        bytes: &[u8],
        outbox: &mut Outbox<'_, ()>,
    ) {
        if self.broadcast {
            self.send_to_all(PreparedMessage::binary(bytes), outbox);
        } else {
            report(reply.send_binary(bytes));
        }
    }

    /// Another thread has a message for everyone.
    fn command(&mut self, message: PreparedMessage, outbox: &mut Outbox<'_, ()>) {
        outbox.send_to_all(message);
    }
}

fn report(sent: Result<(), SendError>) {
    // Can't be: who does not read its echoes is not read from.
    if let Err(error) = sent {
        error!("an echo was lost: {error}");
    }
}
