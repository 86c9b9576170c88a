//! The whole WebSocket protocol (RFC 6455, RFC 7692) as state machines that do no I/O.
//!
//! ```text
//!              caller's buffer                        machine                      machine's queue
//! socket ──read──▶ RecvBuffer ──▶ Connection::next_event(&mut rx) ──▶ Event<'rx>
//!                                      │  pongs, close replies, send_*()
//!                                      └──────────────────────────▶ SendQueue ──write──▶ socket
//! ```
//!
//! [`Connection`] is the protocol, [`RecvBuffer`] the bytes that came, [`SendQueue`] the bytes to
//! go. [`handshake`] makes connections, [`deadlines`] says when something is overdue. None of them
//! reads a clock, touches a socket or starts a thread. The adapters do:
#![cfg_attr(feature = "std", doc = "[`blocking`]")]
#![cfg_attr(not(feature = "std"), doc = "`blocking`")]
//! (feature `std`) and
#![cfg_attr(feature = "mio", doc = "[`mio`].")]
#![cfg_attr(not(feature = "mio"), doc = "`mio` (feature `mio`).")]
//!
//! # A conversation, without a network
//!
//! ```
//! use bytes::Buf;
//! use sansio_ws::handshake::{
//!     Acceptance, Answer, ClientHandshake, ClientRequest, OriginPolicy, ServerHandshake,
//! };
//! use sansio_ws::{Config, Event, Limits, RecvBuffer, SendQueue};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // What would be a socket: moves everything queued into the other side's buffer.
//! fn transmit(from: &mut SendQueue, to: &mut RecvBuffer) {
//!     while from.has_remaining() {
//!         let n = from.chunk().len();
//!         to.extend_from_slice(from.chunk());
//!         from.advance(n);
//!     }
//! }
//! let (mut to_server, mut to_client) = (RecvBuffer::new(), RecvBuffer::new());
//!
//! let request = ClientRequest::new("ws://example.com/chat")?.subprotocol("chat")?;
//! let mut handshake = ClientHandshake::new(&request, Config::default())?;
//! transmit(handshake.outgoing(), &mut to_server);
//!
//! let mut listening = ServerHandshake::new(&Limits::default());
//! let received = listening.receive(&mut to_server)?.ok_or("the request is not complete")?;
//! let upgrade = received.upgrade(OriginPolicy::SameHost)?;
//! let reply = Acceptance::default().subprotocol(upgrade.choose(&["chat"]));
//! let mut server = upgrade.accept(&reply, Config::default())?;
//! transmit(server.outgoing(), &mut to_client);
//!
//! let Some(Answer::Open(mut client, _)) = handshake.receive(&mut to_client)? else {
//!     return Err("refused, or not complete".into());
//! };
//! assert_eq!((client.subprotocol(), server.subprotocol()), (Some("chat"), Some("chat")));
//! client.send_text("hello")?;
//! transmit(client.outgoing(), &mut to_server);
//! assert_eq!(server.next_event(&mut to_server)?, Some(Event::Text("hello")));
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! - `std` (default): the blocking adapter, entropy from the operating system, `read_from` and
//!   `write_to` on the buffers. Without it the crate is `no_std` + `alloc`.
//! - `mio`: the adapter for mio event loops, and a server.
//! - `deflate`: compression of messages, permessage-deflate (RFC 7692). See
#![cfg_attr(feature = "deflate", doc = "  [`Deflate`](deflate::Deflate).")]
#![cfg_attr(not(feature = "deflate"), doc = "  `Deflate`.")]
//! - `rustls`: `wss` URLs, proxies and redirects for the blocking adapter. See
#![cfg_attr(feature = "rustls", doc = "  [`blocking::connect`].")]
#![cfg_attr(not(feature = "rustls"), doc = "  `blocking::connect`.")]
//! - `simd`: payloads of 512 bytes and more are masked with the widest vectors that the processor
//!   has. Needs Rust 1.89.
//!
//! # Errors
//!
//! By fault, and so by what to do about them: [`ProtocolError`] is the peer's and fatal,
//! [`SendError`] the caller's and recoverable, [`HandshakeError`](handshake::HandshakeError)
//! happens before there is a connection, and [`Ended`] says how one ended.
//!
#![no_std]
// docs.rs builds with a nightly, which writes beside each item the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
// What only a library owes its users; programs and tests do without. More in Cargo.toml.
#![warn(missing_docs, clippy::doc_markdown, clippy::must_use_candidate)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]
#![warn(clippy::unwrap_used, clippy::expect_used)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
pub mod blocking;
mod close;
mod connection;
pub mod deadlines;
#[cfg(feature = "deflate")]
pub mod deflate;
mod entropy;
pub mod extension;
pub mod frame;
pub mod handshake;
#[cfg(feature = "std")]
pub mod io;
mod limits;
pub mod mask;
#[cfg(feature = "mio")]
pub mod mio;
mod recv_buffer;
mod send_queue;
#[cfg(feature = "rustls")]
pub mod tls;
pub mod utf8;

pub use close::{CloseCode, CloseReason, InvalidCloseCode};
pub use connection::{
    Config, Connection, Delivery, Ended, Event, LocatedEvent, MessageKind, PreparedMessage,
    ProtocolError, Rejected, Role, SendError, Transport,
};
pub use entropy::{EntropyError, MaskSource, Masks};
pub use frame::ControlPayload;
pub use limits::Limits;
pub use recv_buffer::RecvBuffer;
pub use send_queue::SendQueue;

// The features that its examples use. They stand there whole, without lines that only rustdoc hides.
#[cfg(all(doctest, feature = "mio", feature = "deflate"))]
#[doc = include_str!("../README.md")]
struct Readme;

// The same of the guide.
#[cfg(all(doctest, feature = "rustls"))]
#[doc = include_str!("../docs/guide/connecting.md")]
struct GuideConnecting;
#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../docs/guide/embedding.md")]
struct GuideEmbedding;
#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../docs/guide/back-pressure.md")]
struct GuideBackPressure;
#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../docs/guide/closing.md")]
struct GuideClosing;
#[cfg(all(doctest, feature = "mio"))]
#[doc = include_str!("../docs/guide/cores.md")]
struct GuideCores;
