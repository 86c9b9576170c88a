//! A WebSocket echo server behind TLS, with a certificate of its own for `localhost`:
//!
//! ```sh
//! cargo run --manifest-path tests/transports/Cargo.toml --example tls_server -- 127.0.0.1:9443
//! ```
//!
//! What is different from a server without TLS is the listener, `src/mio_tls.rs`. A real server takes its
//! `ServerConfig` from elsewhere.

use rustls::version::TLS13;
use sansio_ws::handshake::{OriginPolicy, Request, Response};
use sansio_ws::mio::server::Server;
use sansio_ws::mio::server::websockets::{
    Client, Handler, HostPolicy, Outbox, Settings, WebSockets,
};
use sansio_ws::mio::{Reply, Stream};
use std::error::Error;
use transports::mio_tls::TlsListener;
use transports::tls;

struct Echo;

impl<S: Stream> Handler<S> for Echo {
    type Command = ();
    type Timer = ();

    fn page(&mut self, _: &Request<'_>) -> Response {
        Response::html("<p>connect with a WebSocket</p>")
    }

    fn text(&mut self, _: Client, reply: &mut Reply<'_, S>, text: &str, _: &mut Outbox<'_, ()>) {
        // Is not full: who does not read its echoes is not read from.
        let _ = reply.send_text(text);
    }

    fn binary(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, S>,
        bytes: &[u8],
        _: &mut Outbox<'_, ()>,
    ) {
        let _ = reply.send_binary(bytes);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9443".into());
    let listener = mio::net::TcpListener::bind(address.parse()?)?;
    println!("wss://{}", listener.local_addr()?);

    let settings = Settings::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
    let mut server = Server::new(WebSockets::<_, TlsListener<_>>::new(Echo, settings))?;
    server.listen(TlsListener { listener, config: tls::Settings::new(&TLS13).server })?;
    server.run()?;
    Ok(())
}
