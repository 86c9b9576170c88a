//! The opening handshake (RFC 6455, sections 1.3 and 4), for both roles, over HTTP/1.1.
//!
//! ```text
//!  client                                                     server
//!  ClientRequest ─▶ ClientHandshake ── GET … Upgrade ──▶ ServerHandshake ─▶ Request
//!                                                                             │ upgrade()
//!                        Answer ◀──────── 101 … Accept ──── Connection ◀── Upgrade
//!                          │                                                accept()
//!                      Connection
//! ```
//!
//! Both sides work incrementally on a [`RecvBuffer`](crate::RecvBuffer) and in time linear in the
//! bytes received; bytes that follow the handshake simply stay in the buffer, for the connection.

mod accept;
mod authority;
mod client;
mod credentials;
mod error;
mod head;
mod headers;
mod origin;
mod request;
mod response;
mod server;
mod target;
mod url;

pub use client::{Answer, ClientHandshake, ClientRequest, Refusal, ResponseHead};
pub use error::{HandshakeError, InvalidField, InvalidUrl};
pub use headers::Headers;
pub use origin::OriginPolicy;
pub use request::Request;
pub use response::Response;
pub use server::{AcceptHead, Acceptance, ServerHandshake, Upgrade};
