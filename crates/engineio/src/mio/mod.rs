//! The server on the event loop of [`sansio_ws::mio::server`]: Engine.IO and an application's own pages on one
//! port.
//!
//! ```text
//!              ┌──────────────── one connection ─────────────────┐
//!  bytes ──▶   │ HttpPeer ──upgrade──▶ WebSocketPeer             │ ──▶ bytes
//!              └────┬──────▲─────────────────┬──────▲────────────┘
//!       requests,   │      │ responses       │      │ frames
//!       bodies      ▼      │                 ▼      │
//!              ┌───────────┴── machine: all sessions ────────────┐
//!              └────┬────────────────────────────────────▲───────┘
//!          messages ▼                          send, close │
//!              [`Handler`] ── the application ── [`Engine`]
//! ```
//!
//! ```no_run
//! use sansio_engineio::mio::{Engine, EngineIo, Handler, Settings};
//! use sansio_engineio::{Config, Message, PreparedPacket, Session};
//! use sansio_ws::handshake::{HostPolicy, OriginPolicy, Request, Response};
//! use sansio_ws::mio::server::Server;
//!
//! /// Sends every message back.
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type Command = ();
//!     type Timer = ();
//!
//!     fn message(&mut self, session: Session, message: Message<'_>, engine: &mut Engine<'_, ()>) {
//!         let packet = match message {
//!             Message::Text(text) => PreparedPacket::text(text),
//!             Message::Binary(bytes) => PreparedPacket::binary(&bytes),
//!         };
//!         if engine.send(session, &packet).is_err() {
//!             engine.close(session);
//!         }
//!     }
//!
//!     fn page(&mut self, _: &Request<'_>) -> Response {
//!         Response::html("<p>the application's own page")
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(OriginPolicy::SameHost, HostPolicy::Listed(vec!["localhost".into()]));
//! let mut server = Server::new(EngineIo::new(Echo, Settings::new(config)))?;
//! server.listen(mio::net::TcpListener::bind("127.0.0.1:3000".parse()?)?)?;
//! server.run()?;
//! # Ok(()) }
//! ```

mod engine;
mod http_peer;
mod peer;
mod service;
mod settings;
#[cfg(all(test, unix))]
mod tests;
mod websocket_peer;

pub use engine::{Engine, Timer};
pub use peer::EnginePeer;
pub use service::{EngineIo, Handler};
pub use settings::Settings;
