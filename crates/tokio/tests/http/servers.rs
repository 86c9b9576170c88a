//! The servers: what comes is sent back, and how each connection ended is told.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use sansio_ws::{CloseCode, Config, Ended, Event, Limits};
use sansio_ws_tokio::axum::WebSocketUpgrade;
use sansio_ws_tokio::http::{Acceptor, Upgraded};
use sansio_ws_tokio::{Error, WebSocket};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub(crate) type Outcome = Result<Ended, Error>;

/// Outcomes, one after the other.
pub(crate) struct Ends(Mutex<UnboundedReceiver<Outcome>>);

impl Ends {
    pub(crate) async fn recv(&self) -> Option<Outcome> {
        self.0.lock().await.recv().await
    }
}

pub(crate) struct Served {
    pub(crate) port: u16,
    pub(crate) ends: Arc<Ends>,
}

pub(crate) fn acceptor() -> Acceptor {
    let config = Config::default().limits(Limits::default().max_message_bytes(4 << 20));
    #[cfg(feature = "deflate")]
    let config = config.extension(sansio_ws::deflate::Deflate::default());
    let hosts = HostPolicy::Listed(vec!["127.0.0.1".into()]);
    Acceptor::new(OriginPolicy::SameHost, hosts).subprotocols(["chat.v1"]).config(config)
}

async fn echo(mut socket: WebSocket<Upgraded>) -> Outcome {
    while let Some((mut reply, event)) = socket.next().await? {
        match event {
            Event::Text("close") => {
                reply.close(CloseCode::new(3001).unwrap(), "enough")?;
            }
            Event::Text(text) => reply.send_text(text)?,
            Event::Binary(bytes) => reply.send_binary(bytes)?,
            _ => {}
        }
    }
    Ok(socket.ended().unwrap())
}

#[derive(Clone)]
struct Shared {
    acceptor: Acceptor,
    ends: UnboundedSender<Outcome>,
}

async fn route(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    assert_eq!(upgrade.request().uri().query(), Some("room=1"));
    upgrade.accept(&shared.acceptor, async move |socket| {
        shared.ends.send(echo(socket).await).unwrap();
    })
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    builder
}

/// A server, and where it listens. `serve` is called for each connection.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(socket));
        }
    });
    port
}

pub(crate) async fn axum_server() -> Served {
    let (sender, receiver) = unbounded_channel();
    let shared = Shared { acceptor: acceptor(), ends: sender };
    let router: Router = Router::new().route("/ws", any(route)).with_state(shared);
    let port = listen(move |socket| {
        let service = TowerToHyperService::new(router.clone());
        async move {
            // How a connection of HTTP ends is not what is tested.
            let served = builder();
            let served = served.serve_connection_with_upgrades(TokioIo::new(socket), service);
            let _ = served.await;
        }
    })
    .await;
    Served { port, ends: Arc::new(Ends(Mutex::new(receiver))) }
}

async fn answer(
    shared: Shared,
    mut request: http::Request<Incoming>,
) -> Result<http::Response<String>, core::convert::Infallible> {
    let (response, upgrade) = match shared.acceptor.upgrade(&mut request) {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(refusal),
    };
    tokio::spawn(async move {
        let outcome = match upgrade.open().await {
            Ok(socket) => echo(socket).await,
            Err(error) => Err(error),
        };
        shared.ends.send(outcome).unwrap();
    });
    Ok(response.map(|()| String::new()))
}

pub(crate) async fn hyper_server() -> Served {
    let (sender, receiver) = unbounded_channel();
    let shared = Shared { acceptor: acceptor(), ends: sender };
    let port = listen(move |socket| {
        let shared = shared.clone();
        let service = service_fn(move |request| answer(shared.clone(), request));
        async move {
            let served = builder();
            let served = served.serve_connection_with_upgrades(TokioIo::new(socket), service);
            let _ = served.await;
        }
    })
    .await;
    Served { port, ends: Arc::new(Ends(Mutex::new(receiver))) }
}
