//! A chat with rooms: the path of the URL says which, and whoever is there hears what the others say.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --example tokio_rooms
//! cargo run --package sansio-ws-tokio --example tokio_client -- ws://127.0.0.1:9002/kitchen
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{Acceptance, OriginPolicy, Request};
use sansio_ws::{CloseCode, Config, Event, Limits, PreparedMessage};
use sansio_ws_tokio::{Error, WebSocket};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

/// A chat with rooms.
#[derive(Parser)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:9002")]
    address: String,
}

/// How many lines a member may be behind.
const LINES: usize = 64;

/// The rooms by name. One that everybody has left is forgotten when somebody comes into another.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, Sender<PreparedMessage>>>>);

impl Rooms {
    fn enter(&self, name: &str) -> Sender<PreparedMessage> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.retain(|_, room| room.receiver_count() > 0);
        rooms.entry(name.to_owned()).or_insert_with(|| broadcast::channel(LINES).0).clone()
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(Options::parse().address).await?;
    println!("ws://{}/ROOM", listener.local_addr()?);
    let rooms = Rooms::default();
    for number in 1.. {
        let (stream, _) = listener.accept().await?;
        let rooms = rooms.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &rooms, number).await {
                println!("user{number}: {error}");
            }
        });
    }
    Ok(())
}

async fn serve(stream: TcpStream, rooms: &Rooms, number: u32) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let limits = Limits::default().max_message_bytes(4096);
    let config = Config::default().limits(limits);
    let mut name = String::new();
    let decide = |request: &Request<'_>| {
        let upgrade = request.upgrade(OriginPolicy::SameHost)?;
        request.path().clone_into(&mut name);
        Ok(upgrade.accept(&Acceptance::default(), config)?)
    };
    let mut socket = WebSocket::accept_with(stream, &limits, Timeouts::default(), decide).await?;
    let room = rooms.enter(&name);
    let mut lines = room.subscribe();
    // Framed once for all who are there. Nobody may be: then nobody has to hear it.
    let say = |line: &str| _ = room.send(PreparedMessage::text(&format!("user{number} {line}")));
    say("comes in");
    let ended = loop {
        tokio::select! {
            event = socket.next() => match event {
                Ok(Some((_, Event::Text(text)))) => say(&format!("says: {text}")),
                Ok(Some((mut reply, Event::Binary(_)))) => {
                    // Fails only if the connection is closing already.
                    let _ = reply.close(CloseCode::UNSUPPORTED_DATA, "text only");
                }
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            },
            line = lines.recv() => match line {
                Ok(line) => _ = socket.connection().send_prepared(&line),
                Err(RecvError::Lagged(_)) => {
                    let _ = socket.connection().close(CloseCode::TRY_AGAIN_LATER, "too slow");
                }
                Err(RecvError::Closed) => break Ok(()),
            },
        }
    };
    say("left");
    ended
}
