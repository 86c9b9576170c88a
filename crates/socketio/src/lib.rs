//! Socket.IO 5 without any I/O: what npm's `socket.io-client` and its relatives say above Engine.IO.
//!
//! ```text
//!  messages of sessions ──▶ Server ──▶ Event ──▶ the application
//!       (Engine.IO)   ◀──── Sessions ◀──── emit, ask, join, disconnect …
//!
//!  text message ──▶ Packet::decode ──▶ data ──┐
//!                                             ├──▶ Args ──▶ any type that serde can make
//!  binary messages (its attachments) ─────────┘
//!
//!  any type that serde can write ──▶ EncodedArgs ──▶ Packet::encode ──▶ text message
//!                                         └────────▶ attachments ─────▶ binary messages
//! ```
//!
//! [`Server`] is the machine: namespaces, sockets, rooms, acknowledgements. With the feature `mio` a module of that
//! name makes a whole server of it. [`client`] is the other side, and with the features `blocking` and `tokio` modules of these
//! names make clients for programs of it. Below are the formats: [`Packet`], [`Args`], [`EncodedArgs`]. The rules that all
//! keep to are numbered in `docs/RULES.md`.
//!
//! ```
//! use bytes::Bytes;
//! use sansio_socketio::{Args, EncodedArgs, Packet, PacketKind};
//!
//! let encoded = EncodedArgs::event("file", &("a.png", Bytes::from_static(b"\x89PNG")))?;
//! let mut text = String::new();
//! encoded.packet(PacketKind::Event, "/", Some(7)).encode(&mut text);
//! assert_eq!(text, r#"51-7["file","a.png",{"_placeholder":true,"num":0}]"#);
//!
//! let packet = Packet::decode(&text)?;
//! assert_eq!((packet.kind, packet.ack, packet.attachments), (PacketKind::Event, Some(7), 1));
//! // `attachments` more messages have to come before the event is one.
//! let (name, args) = Args::event(packet.data.unwrap_or("[]"), encoded.attachments().to_vec())?;
//! assert_eq!(name.as_deref(), Some("file"));
//! let (file, bytes) = args.parse::<(String, Bytes)>()?;
//! assert_eq!((&*file, &*bytes), ("a.png", &b"\x89PNG"[..]));
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

mod args;
#[cfg(feature = "blocking")]
pub mod blocking;
mod by_session;
pub mod client;
mod config;
mod json;
#[cfg(feature = "mio")]
pub mod mio;
mod packet;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod program;
mod server;
mod sessions;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use args::{Args, EncodeError, EncodedArgs, Raw, WrongArgument};
pub use bytes::Bytes;
pub use config::{Config, Recovery};
pub use packet::{InvalidPacket, MAX_ATTACHMENTS, Packet, PacketKind, is_reserved};

pub use server::{
    AckId, Close, DisconnectReason, EmitError, Event, JoinError, Question, Server, Socket, Target,
    Ticket,
};
pub use sessions::{At, Sessions};

#[cfg(all(doctest, feature = "mio", feature = "blocking", feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
