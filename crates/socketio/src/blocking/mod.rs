//! A client for programs with threads.
//!
//! ```text
//!  program ──▶ Client, Socket (Clone + Send) ──▶ the machine, behind a lock ──▶ five threads ──▶ the server
//!          ◀── Event: Client is an Iterator ◀──┘
//! ```
//!
//! [`Client`] is where to begin. Requests are made by `ureq`, WebSockets by [`sansio_ws::blocking`], TLS by rustls with one
//! configuration for both. Nothing is taken from the environment, and no redirect is followed.

mod builder;
mod client;
mod error;
mod event;
mod polling;
mod shared;
mod socket;
mod tls;
mod websocket;

pub use builder::Builder;
pub use client::Client;
pub use error::Error;
pub use event::{Ack, Event};
pub use socket::Socket;
