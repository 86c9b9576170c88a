//! A chat with rooms for browsers, within axum: one route, one port, HTTP/1.1 and HTTP/2.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --features axum --example axum_chat
//! cargo run --package sansio-ws-tokio --features axum --example axum_chat -- --tls cert.pem key.pem --host chat.example
//! ```
//!
//! Open its address in several tabs. A line to a page is `who TAB text`, and without `who` it is the server that speaks.

mod serving;

use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Extension, Router, http::StatusCode};
use clap::Parser;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{CloseCode, Config, Ended, Event, Limits, PreparedMessage, SendError};
use sansio_ws_tokio::axum::WebSocketUpgrade;
use sansio_ws_tokio::http::{Acceptor, Upgraded};
use sansio_ws_tokio::{Error, WebSocket};
use serving::{Down, Peer};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::{self, Sender};
use tokio::sync::watch;
use tracing::{info, warn};

/// A chat with rooms, over HTTP/1.1 and HTTP/2
///
/// Only its own pages may connect, under the names that --host gives. A client that does not read what is said is
/// disconnected with code 1013. SIGTERM and Ctrl-C close all connections with 1001.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    listening: serving::Listening,
}

/// How many bytes may wait for a client, whatever the network and its browser hold besides.
const BEHIND: usize = 256 * 1024;

/// How many lines a room keeps for the tasks of its members.
const LINES: usize = 256;

#[derive(Clone)]
struct Chat {
    acceptor: Acceptor,
    rooms: Rooms,
    down: watch::Sender<bool>,
}

/// The rooms by name. One that everybody has left is forgotten when somebody comes into another.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, Sender<PreparedMessage>>>>);

impl Rooms {
    fn enter(&self, name: &str) -> Room {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, lines| lines.receiver_count() > 0);
        let lines = rooms.entry(name.to_owned()).or_insert_with(|| broadcast::channel(LINES).0);
        Room(lines.clone())
    }
}

struct Room(Sender<PreparedMessage>);

impl Room {
    /// To all who are there. Nobody may be: then nobody has to hear it.
    fn say(&self, who: &str, text: &str) {
        // Framed once for all.
        let _ = self.0.send(PreparedMessage::text(&format!("{who}\t{text}")));
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let listening = Options::parse().listening;
    serving::start_log();
    let limits = Limits::default().max_message_bytes(4096).max_queued_bytes(BEHIND);
    let acceptor = Acceptor::new(OriginPolicy::SameHost, listening.hosts())
        .config(Config::default().limits(limits));
    let down = watch::Sender::new(false);
    let chat = Chat { acceptor, rooms: Rooms::default(), down: down.clone() };
    let router = Router::new()
        .route("/", get(Html(include_str!("page.html"))))
        .route("/rooms/{room}/{name}", any(enter))
        .with_state(chat);
    match listening.serve(router, down).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A request to come in. Whether it is a handshake, and by a page of ours, `accept` decides.
async fn enter(
    State(chat): State<Chat>,
    Path((room, name)): Path<(String, String)>,
    Extension(Peer(peer)): Extension<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_name(&room) || !is_name(&name) {
        return (StatusCode::BAD_REQUEST, "a name has 1 to 20 letters and digits\n")
            .into_response();
    }
    let version = upgrade.request().version();
    let down = chat.down.subscribe(); // here: whoever is accepted is waited for
    let response = upgrade.accept(&chat.acceptor, async move |socket| {
        let who = format!("{name} in {room} ({peer}, {version:?})");
        info!("{who} comes in");
        let room = chat.rooms.enter(&room);
        match talk(socket, &name, &room, down).await {
            Ok(ended) => info!("{who} has gone: {ended}"),
            Err(error) => warn!("{who} has gone: {error}"),
        }
    });
    if !response.status().is_success() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        info!("{peer} is refused: {}", response.status());
    }
    response
}

fn is_name(name: &str) -> bool {
    (1..=20).contains(&name.chars().count()) && name.chars().all(char::is_alphanumeric)
}

/// What a member says goes to all, and what all say to the member.
async fn talk(
    mut socket: WebSocket<Upgraded>,
    name: &str,
    room: &Room,
    mut down: Down,
) -> Result<Ended, Error> {
    let mut lines = room.0.subscribe();
    room.say("", &format!("{name} comes in"));
    let ended = loop {
        let is_open = socket.connection().is_open();
        tokio::select! {
            event = socket.next() => match event {
                Ok(Some((_, Event::Text(text)))) => room.say(name, text),
                Ok(Some((mut reply, Event::Binary(_)))) => {
                    // Fails only if the connection is closing already.
                    let _ = reply.close(CloseCode::UNSUPPORTED_DATA, "text only");
                }
                Ok(Some(_)) => {}
                Ok(None) => break Ok(socket.ended().unwrap_or(Ended::TimedOut)),
                Err(error) => break Err(error),
            },
            line = lines.recv(), if is_open => {
                let sent = match line {
                    Ok(line) => socket.connection().send_prepared(&line),
                    Err(_) => Err(SendError::QueueFull), // lines have been lost
                };
                if sent == Err(SendError::QueueFull) {
                    warn!("{name} is too slow: disconnected");
                    socket.connection().close(CloseCode::TRY_AGAIN_LATER, "too slow: you have missed lines")?;
                }
            }
            _ = down.wait_for(|down| *down), if is_open => {
                socket.connection().close(CloseCode::GOING_AWAY, "the server goes down")?;
            }
        }
    };
    room.say("", &format!("{name} has left"));
    ended
}
