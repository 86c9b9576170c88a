//! WebSockets within HTTP servers and clients: requests that hyper, axum and their like have parsed, over HTTP/1.1 and
//! HTTP/2.
//!
//! ```text
//!  HTTP/1.1   GET, Upgrade: websocket ─────────────────▶ 101 ─▶ the bytes behind it
//!  HTTP/2     CONNECT, :protocol websocket (RFC 8441) ─▶ 200 ─▶ the stream of that request
//! ```
//!
//! A server of hyper; for axum there is
#![cfg_attr(feature = "axum", doc = "[`WebSocketUpgrade`](crate::axum::WebSocketUpgrade).")]
#![cfg_attr(not(feature = "axum"), doc = "`WebSocketUpgrade` with the feature `axum`.")]
//! For HTTP/2 it has to be told so: `http2().enable_connect_protocol()`.
//!
//! ```
//! use hyper::body::Incoming;
//! use sansio_ws::Event;
//! use sansio_ws::handshake::{HostPolicy, OriginPolicy};
//! use sansio_ws_tokio::http::Acceptor;
//!
//! async fn serve(
//!     acceptor: Acceptor, // for example Acceptor::new(OriginPolicy::SameHost, HostPolicy::AnyHost)
//!     mut request: http::Request<Incoming>,
//! ) -> http::Response<String> {
//!     let (response, upgrade) = match acceptor.upgrade(&mut request) {
//!         Ok(accepted) => accepted,
//!         Err(refusal) => return refusal,
//!     };
//!     tokio::spawn(async move {
//!         let mut socket = upgrade.open().await?;
//!         while let Some((mut reply, event)) = socket.next().await? {
//!             if let Event::Text(text) = event {
//!                 reply.send_text(text)?;
//!             }
//!         }
//!         Ok::<_, sansio_ws_tokio::Error>(())
//!     });
//!     response.map(|()| String::new())
//! }
//! ```

mod acceptor;
mod connect;
mod open_http2;
mod upgraded;

pub use acceptor::{Acceptor, Upgrade};
pub use connect::{Answer, connect};
pub use open_http2::open_http2;
pub use upgraded::Upgraded;
