//! Measures servers of WebSocket, Engine.IO and Socket.IO from outside, beside each other: memory of clients that do
//! nothing, and CPU time of messages.
//!
//! A program names [`Server`]s and [`Row`]s, and has a [`Plan`] carried out.

#![forbid(unsafe_code)]

mod client;
mod deaf;
mod dialect;
mod load;
mod machine;
mod memory;
mod plan;
mod polling;
mod process;
mod results;
mod servers;
mod table;
mod websocket;

pub use dialect::Dialect;
pub use machine::{machine, npm_version, version};
pub use memory::Idle;
pub use plan::{Extent, Load, Plan, Row};
pub use servers::{Purpose, Role, Server, Start, heartbeat, names};
