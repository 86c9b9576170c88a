//! Sends back what it gets, over HTTP/1.1 and HTTP/2, with compression: what `tests/web/run` connects to.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --features axum,deflate --example axum_echo
//! ```

mod serving;

use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use clap::Parser;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{CloseCode, Config, Ended, Event, SendError};
use sansio_ws_tokio::axum::WebSocketUpgrade;
use sansio_ws_tokio::http::{Acceptor, Upgraded};
use sansio_ws_tokio::{Error, WebSocket};
use serving::{Down, Peer};
use std::process::ExitCode;
use tokio::sync::watch;
use tracing::{info, warn};

/// An echo over HTTP/1.1 and HTTP/2, with compression
///
/// It speaks the subprotocol `chat` to whom offers it, and answers the text `close` with code 3001.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    listening: serving::Listening,
}

#[derive(Clone)]
struct Echo {
    acceptor: Acceptor,
    down: watch::Sender<bool>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let listening = Options::parse().listening;
    serving::start_log();
    let acceptor = Acceptor::new(OriginPolicy::SameHost, listening.hosts())
        .subprotocols(["chat"])
        .config(Config::default().extension(Deflate::default()));
    let down = watch::Sender::new(false);
    let echo = Echo { acceptor, down: down.clone() };
    let router = Router::new().route("/", any(open)).with_state(echo);
    match listening.serve(router, down).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn open(
    State(echo): State<Echo>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let version = upgrade.request().version();
    let down = echo.down.subscribe(); // here: whoever is accepted is waited for
    upgrade.accept(&echo.acceptor, async move |mut socket| {
        let subprotocol = socket.subprotocol().unwrap_or("none").to_owned();
        let extension = socket.connection().extension().unwrap_or("none").to_owned();
        info!("{peer} opened by {version:?}, subprotocol {subprotocol}, extension {extension}");
        match send_back(socket, down).await {
            Ok(ended) => info!("{peer} by {version:?} {ended}"),
            Err(error) => warn!("{peer} by {version:?} failed: {error}"),
        }
    })
}

async fn send_back(mut socket: WebSocket<Upgraded>, mut down: Down) -> Result<Ended, Error> {
    loop {
        let is_open = socket.connection().is_open();
        tokio::select! {
            event = socket.next() => {
                let answered = match event? {
                    Some((mut reply, Event::Text("close"))) => reply.close(CLOSE, "enough"),
                    Some((mut reply, Event::Text(text))) => reply.send_text(text),
                    Some((mut reply, Event::Binary(bytes))) => reply.send_binary(bytes),
                    Some(_) => Ok(()),
                    None => return Ok(socket.ended().unwrap_or(Ended::TimedOut)),
                };
                match answered {
                    Err(SendError::Closed) => {} // behind a Close nothing is answered
                    answered => answered?,
                }
            }
            _ = down.wait_for(|down| *down), if is_open => {
                socket.connection().close(CloseCode::GOING_AWAY, "the server goes down")?;
            }
        }
    }
}

/// The code of an application: 3001 is one, which is known when this is compiled.
const CLOSE: CloseCode = match CloseCode::new(3001) {
    Some(code) => code,
    None => unreachable!(),
};
