//! WebSocket on tokio: the machines of [`sansio_ws`] over any `AsyncRead + AsyncWrite`.
//!
//! ```no_run
//! use sansio_ws::handshake::OriginPolicy;
//! use sansio_ws::{Config, Event, deadlines::Timeouts};
//! use sansio_ws_tokio::{Error, WebSocket};
//! use tokio::net::{TcpListener, TcpStream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = TcpListener::bind("127.0.0.1:9001").await?;
//! loop {
//!     let (stream, _) = listener.accept().await?;
//!     tokio::spawn(async move {
//!         if let Err(error) = echo(stream).await {
//!             println!("{error}");
//!         }
//!     });
//! }
//! # }
//!
//! async fn echo(stream: TcpStream) -> Result<(), Error> {
//!     stream.set_nodelay(true)?;
//!     let (config, timeouts) = (Config::default(), Timeouts::default());
//!     let mut socket = WebSocket::accept(stream, OriginPolicy::SameHost, config, timeouts).await?;
//!     while let Some((mut reply, event)) = socket.next().await? {
//!         match event {
//!             Event::Text(text) => reply.send_text(text)?,
//!             Event::Binary(bytes) => reply.send_binary(bytes)?,
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Which way to read and send
//!
//! | you want to | take |
//! |---|---|
//! | answer what comes | [`next`](WebSocket::next): the event borrows the buffer, the answers to many messages leave in one write |
//! | wait for other things as well | `select!` over [`next`](WebSocket::next) and the others; queue by [`connection`](WebSocket::connection) |
//! | send from other tasks | [`split`](WebSocket::split): one [`Reader`], any number of [`Writer`]s, over any stream |
//! | connect by URL, with TLS | `connect`, with feature `rustls` |
//! | serve within hyper or axum, over HTTP/2 too | modules `http` and `axum`, with features of these names |
//! | use it as a `Stream` and a `Sink` | the same type, with owned [`Message`]s |
//!
//! **Reading is cancel safe**, and so are [`ready`](WebSocket::ready) and [`flush`](WebSocket::flush): nothing that matters is in
//! a future, so one that is dropped has lost nothing. **Sending** is all or nothing: a `send_*` that is dropped has
//! queued its message as a whole, or not at all; nobody can tell which. In a `select!`, wait for [`ready`](WebSocket::ready) and
//! queue then.
//!
//! **Back-pressure**: while more than half of what may wait does, and answers are among it, [`next`](WebSocket::next) reads
//! nothing more, so that TCP slows the peer down. **Deadlines** are those of [`Timeouts`](sansio_ws::deadlines::Timeouts), on the clock of tokio. They are watched by whoever reads or sends: a
//! connection that nobody polls stays as it is. **Memory**: a connection that waits has no buffer; each thread has a few,
//! which its connections use in turn, and gives back what large messages have needed a second later.
//!
//! **TLS**: clients connect by URL with feature `rustls`. Servers wrap the stream, for example by `tokio-rustls`, and hand it to
//! [`accept`](WebSocket::accept). Its handshake comes before, and so does its timeout.
//!
//! Features: `deflate` for compression, `simd` for masking with the widest vectors that the processor has, `rustls` for connections
//! by URL, `http` for servers of hyper and for HTTP/2, `axum` for an extractor, `tracing` for spans and counters of connections
#![cfg_attr(feature = "tracing", doc = "(see [`WebSocket::span`]).")]
#![cfg_attr(not(feature = "tracing"), doc = "(see `WebSocket::span`).")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::doc_markdown, clippy::must_use_candidate)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]
#![warn(clippy::unwrap_used, clippy::expect_used)]

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "rustls")]
mod connecting;
#[cfg(feature = "http")]
pub mod http;
mod input;
mod link;
mod message;
mod opening;
mod pool;
#[cfg(feature = "rustls")]
mod race;
mod reply;
mod split;
mod stream_and_sink;
#[cfg(feature = "rustls")]
mod tcp_or_tls;
mod timer;
mod trace;
mod websocket;
mod wire;

#[cfg(feature = "rustls")]
pub use connecting::{connect, connect_stream, connect_with, handshake_with};
pub use message::{Close, Message};
pub use opening::Answer;
pub use reply::Reply;
#[cfg(feature = "rustls")]
#[doc(inline)]
pub use sansio_ws::blocking::{ConnectError, Connector};
#[doc(inline)]
pub use sansio_ws::blocking::{Error, Parts, Unopened};
pub use split::{Reader, Writer};
#[cfg(feature = "rustls")]
pub use tcp_or_tls::TcpOrTls;
pub use websocket::WebSocket;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "axum"))]
mod guides {
    #[doc = include_str!("../docs/from-axum.md")]
    struct FromAxum;
    #[doc = include_str!("../docs/from-fastwebsockets.md")]
    struct FromFastwebsockets;
    #[doc = include_str!("../docs/http3.md")]
    struct Http3;
}
