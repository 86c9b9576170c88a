//! An echo server for conformance tests: limits raised, either adapter.
//!
//! ```sh
//! cargo run --release --all-features --example autobahn_server -- 127.0.0.1:9005 --adapter mio
//! ```

#[path = "support/compression.rs"]
mod compression;

use clap::{Parser, ValueEnum};
use compression::Compression;
use mio::{Events, Interest, Poll, Token};
use sansio_ws::deadlines::{Instant, Timeouts};
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request, Response};
use sansio_ws::{Config, Connection, Event, Limits, SendError};
use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
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

/// Any origin may connect: this is a server for tests.
fn accept(request: &Request<'_>, config: &Arc<Config>) -> Result<Connection, Response> {
    let upgrade = request.upgrade(OriginPolicy::AnyOrigin)?;
    let subprotocol = upgrade.choose(&["chat", "echo"]);
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
    use sansio_ws::mio::{Memory, WebSocket};
    const LISTENER: Token = Token(usize::MAX);
    let start = std::time::Instant::now();
    let now = || Instant::new(start.elapsed());
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = mio::net::TcpListener::bind(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut memory = Memory::new();
    let mut sockets = HashMap::new();
    let mut next = 0;
    loop {
        let waiting = sockets.values().any(WebSocket::wants_turn);
        let due = sockets.values().filter_map(WebSocket::poll_timeout).min();
        let timeout = due.map(|at| at.saturating_since(now())).filter(|_| !waiting);
        poll.poll(&mut events, if waiting { Some(Default::default()) } else { timeout })?;
        for event in &events {
            if event.token() == LISTENER {
                loop {
                    match listener.accept() {
                        Ok((stream, _)) => {
                            stream.set_nodelay(true)?;
                            let mut socket = WebSocket::server(stream, &LIMITS, TIMEOUTS, now());
                            socket.register(poll.registry(), Token(next))?;
                            sockets.insert(next, socket);
                            next += 1;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            } else if let Some(socket) = sockets.get_mut(&event.token().0) {
                socket.ready(event);
            }
        }
        sockets.retain(|_, socket| {
            let mut turn = socket.turn(&mut memory, now());
            let mut served = turn.accept(|request| accept(request, &config)).map(drop);
            while let (Ok(()), Ok(Some((mut connection, event)))) = (&served, turn.next()) {
                if let Err(error) = echo(&mut connection, event)
                    && error != SendError::Closed
                {
                    served = Err(std::io::Error::other(error).into());
                }
            }
            drop(turn);
            socket.handle_timeout(now());
            matches!(socket.settle(&mut memory, now()), Ok(None))
        });
    }
}
