//! sansio-ws
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
pub mod blocking;
mod close;
mod connection;
pub mod deadlines;
mod entropy;
mod extension;
pub mod frame;
pub mod handshake;
#[cfg(feature = "std")]
mod io;
mod limits;
pub mod mask;
#[cfg(feature = "mio")]
pub mod mio;
mod recv_buffer;
mod send_queue;
pub mod utf8;

pub use close::{CloseCode, CloseReason, InvalidCloseCode};
pub use connection::{
    Config, Connection, Delivery, Ended, Event, MessageKind, PreparedMessage, ProtocolError,
    Rejected, Role, SendError, Transport,
};
pub use entropy::{EntropyError, MaskSource, Masks};
pub use frame::ControlPayload;
pub use limits::Limits;
pub use recv_buffer::RecvBuffer;
pub use send_queue::SendQueue;
