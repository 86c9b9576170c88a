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
//!
//! ```
//! use sansio_ws::handshake::{
//!     Acceptance, Answer, ClientHandshake, ClientRequest, OriginPolicy, ServerHandshake,
//! };
//! use sansio_ws::{Config, Limits, RecvBuffer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut to_server, mut to_client) = (Vec::new(), Vec::new()); // what would be a socket
//! let request = ClientRequest::new("ws://example.com/chat")?;
//! let mut client = ClientHandshake::new(&request, Config::default())?;
//! client.outgoing().write_to(&mut to_server)?;
//!
//! let mut rx = RecvBuffer::new();
//! rx.extend_from_slice(&to_server);
//! let mut listening = ServerHandshake::new(&Limits::default());
//! let received = listening.receive(&mut rx)?.ok_or("the request is not complete")?;
//! assert_eq!(received.path(), "/chat");
//! let upgrade = received.upgrade(OriginPolicy::SameHost)?;
//! let mut server = upgrade.accept(&Acceptance::default(), Config::default())?;
//! server.outgoing().write_to(&mut to_client)?;
//!
//! let mut rx = RecvBuffer::new();
//! rx.extend_from_slice(&to_client);
//! assert!(matches!(client.receive(&mut rx)?, Some(Answer::Open(..))));
//! # Ok(()) }
//! ```

mod accept;
mod authority;
mod body;
mod client;
mod client_request;
mod connect_step;
mod credentials;
mod error;
mod head;
mod headers;
mod host_policy;
mod offer;
mod origin;
mod proxy;
mod received_response;
mod redirects;
mod request;
mod response;
mod response_head;
mod server;
mod status;
mod target;
mod url;

pub use body::{BodyDecoder, BodyError, BodyFraming};
pub use client::{Answer, ClientHandshake};
pub use client_request::ClientRequest;
pub use connect_step::ConnectStep;
pub use credentials::basic_authorization;
pub use error::{HandshakeError, InvalidField, InvalidUrl};
pub use headers::Headers;
pub use host_policy::HostPolicy;
pub use origin::OriginPolicy;
pub use proxy::{Proxy, ProxyAnswer, ProxyConnect};
pub use received_response::ReceivedResponse;
pub use redirects::{RedirectError, Redirects};
pub use request::{Request, Responder};
pub use response::Response;
pub use response_head::ResponseHead;
pub use server::{AcceptHead, Acceptance, ServerHandshake, Upgrade};
pub use status::Status;
