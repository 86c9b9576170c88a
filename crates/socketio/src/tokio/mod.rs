//! A client for programs with tokio.
//!
//! ```text
//!  program ──▶ Client, Socket (Clone + Send) ──▶ the machine, behind a lock ──▶ one task ──▶ the server
//!          ◀── Event: Client::next, Stream  ◀──┘
//! ```
//!
//! [`Client`] is where to begin. Requests are made by hyper, WebSockets by [`sansio_ws_tokio`], which connects for both. Nothing
//! is taken from the environment, and no redirect is followed. Time is that of tokio.

mod client;
mod driver;
mod requests;
mod transport;
mod websocket;

pub use client::Client;

pub use crate::program::{Ack, Answer, AuthRequest, Builder, Error, Event, Socket};
