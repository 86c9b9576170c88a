//! What all clients for programs have in common: their settings, their handles, and the machine behind a lock.
//!
//! ```text
//!  program ──▶ Client, Socket, Ack … ─▶ State ─▶ carry_out() ─┬─▶ requests    ──▶ whoever makes them
//!                   (handles)           (one lock, never      ├─▶ a WebSocket ──▶ whoever opens it, reads, writes
//!  time, responses, messages ─────────▶  held while somebody  └─▶ the inbox   ──▶ the program: Event, Answer
//!                                        waits)
//! ```
//!
//! Whoever carries something out waits for it by [`Shared`], and tells [`State`] what came of it: threads in
//! [`blocking`](crate::blocking), tasks in [`tokio`](crate::tokio). What they do is to wait and to make system calls; what is
//! done when, and what is not wanted any more, is decided here.

mod address;
mod answer;
mod auth_request;
mod builder;
mod carrying;
mod clock;
mod cookies;
mod error;
mod event;
mod inbox;
mod shared;
mod socket;
mod state;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use auth_request::AuthRequest;
pub use builder::Builder;
pub use error::Error;
pub use event::{Ack, Event};
pub use socket::Socket;

pub(crate) use address::Route;
pub(crate) use auth_request::AuthSource;
pub(crate) use builder::Settings;
pub(crate) use carrying::Write;
pub(crate) use shared::Shared;
pub(crate) use state::State;
