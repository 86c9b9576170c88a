//! sansio-ws
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod close;
mod connection;
pub mod deadlines;
mod entropy;
mod extension;
pub mod frame;
pub mod handshake;
mod limits;
pub mod mask;
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
