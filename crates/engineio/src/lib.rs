//! Engine.IO 4 without any I/O: what Socket.IO, and clients like `engine.io-client`, speak below their events.
//!
//! ```text
//!  HTTP/1.1 ──▶ http::Http ──▶ heads, bodies ─┐             ┌──▶ Event, Message ──▶ the application
//!  WebSocket messages ────────────────────────┼──▶ Server ──┤
//!  time ──────────────────────────────────────┘             └──▶ Output, Frame ──▶ the connections
//! ```
//!
//! [`Server`] is the machine for all sessions, and [`http`] one connection of plain HTTP. With the feature `mio` a
//! module of that name puts both of them on an event loop. [`client`] is the other side.
//!
//! Below them are the formats: [`Packet`], [`payload`], [`Query`], [`OpenPacket`], [`Refusal`]. The rules that all
//! keep to are numbered in `docs/RULES.md`.
//!
//! ```
//! use sansio_engineio::{Packet, PacketKind, PayloadBuilder, payload};
//!
//! let mut builder = PayloadBuilder::new(1_000_000);
//! builder.push(&Packet::text(PacketKind::Message, "hello"))?;
//! builder.push(&Packet::binary(&[1, 2, 3]))?;
//! let body = builder.finish();
//! assert_eq!(body, "4hello\u{1e}bAQID");
//! let packets: Result<Vec<_>, _> = payload::decode(&body).collect();
//! assert_eq!(packets?, [Packet::text(PacketKind::Message, "hello"), Packet::binary(&[1, 2, 3])]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::doc_markdown, clippy::must_use_candidate)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod client;
mod config;
mod cors;
mod envelope;
#[cfg(feature = "gzip")]
mod gzip;
pub mod http;
#[cfg(feature = "mio")]
pub mod mio;
mod open;
mod packet;
pub mod payload;
mod prepared;
mod query;
mod refusal;
mod server;
mod session_id;

pub use config::{Config, Transports};
pub use cors::{Cookie, Cors};
pub use envelope::Envelope;
pub use open::OpenPacket;
pub use packet::{InvalidPacket, Packet, PacketKind};
pub use payload::{PayloadBuilder, Unfit};
pub use prepared::PreparedPacket;
pub use query::Query;
pub use refusal::Refusal;
pub use server::{
    CloseReason, Departure, Event, Frame, Message, Output, Post, SendError, Server, Session,
    Verdict,
};
pub use session_id::{NoEntropy, SessionId};

#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../README.md")]
struct Readme;
