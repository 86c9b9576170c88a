//! A client for programs with threads.
//!
//! ```text
//!  program ──▶ Client, Socket (Clone + Send) ──▶ the machine, behind a lock ──▶ threads ──▶ the server
//!          ◀── Event: Client is an Iterator ◀──┘
//! ```
//!
//! [`Client`] is where to begin. Requests are made by `ureq`, WebSockets by [`sansio_ws::blocking`], which connects for both. Nothing is taken from the environment, and no redirect is followed.

mod client;
mod requests;
mod transport;
mod websocket;

pub use client::Client;

pub use crate::program::{Ack, Answer, AuthRequest, Builder, Error, Event, Socket};
