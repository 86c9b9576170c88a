//! One port for HTTP/1.1 and HTTP/2, with TLS or without, and the way down.

use axum::{Extension, Router};
use clap::Args;
use core::time::Duration;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use sansio_ws::handshake::HostPolicy;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};
use tracing::{debug, info, warn};

/// How long a client may take to say something: TLS, the head of a request, an answer to a ping of HTTP/2.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the way down may take: a bit longer than the closing handshake of a WebSocket.
const WAY_DOWN: Duration = Duration::from_secs(8);

#[derive(Args)]
pub(crate) struct Listening {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:9003")]
    address: String,
    /// Serve by TLS: the certificate with its chain, and the key, in PEM
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
    /// A name that clients may call this server by, with a port or without; may be given several times
    #[arg(long = "host", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "[::1]"])]
    hosts: Vec<String>,
}

/// The address that a client comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whether the server goes down. Who holds a receiver is waited for.
pub(crate) type Down = watch::Receiver<bool>;

impl Listening {
    pub(crate) fn hosts(&self) -> HostPolicy {
        HostPolicy::Listed(self.hosts.clone())
    }

    /// Serves until SIGTERM or Ctrl-C, then takes nobody in, and waits for those who are there.
    pub(crate) async fn serve(
        self,
        router: Router,
        down: watch::Sender<bool>,
    ) -> Result<(), Box<dyn Error>> {
        let tls = self.tls.as_deref().map(tls).transpose()?;
        let listener = TcpListener::bind(&self.address)
            .await
            .map_err(|error| format!("can't listen on {}: {error}", self.address))?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        info!("{scheme}://{address}, by the names {}", self.hosts.join(", "));

        let http = http();
        let connections = GracefulShutdown::new();
        let mut signal = core::pin::pin!(signal());
        loop {
            let (socket, peer) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Too many open files, perhaps: those who are there go on.
                        warn!("can't accept: {error}");
                        sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                signal = &mut signal => {
                    info!("{} goes down", signal?);
                    break;
                }
            };
            let router = router.clone().layer(Extension(Peer(peer)));
            let (http, tls, watcher) = (http.clone(), tls.clone(), connections.watcher());
            tokio::spawn(async move {
                // It is not the server's fault how a connection of HTTP ends.
                if let Err(error) = connection(socket, &http, tls, router, watcher).await {
                    debug!("{peer}: {error}");
                }
            });
        }
        drop(listener);
        down.send_replace(true);
        let all_gone = async { tokio::join!(connections.shutdown(), down.closed()) };
        if timeout(WAY_DOWN, all_gone).await.is_err() {
            warn!("some did not go");
        }
        Ok(())
    }
}

/// Both versions, with WebSockets in HTTP/2 (RFC 8441).
fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(2 * PATIENCE))
        .keep_alive_timeout(PATIENCE)
        .enable_connect_protocol();
    http
}

async fn connection(
    socket: TcpStream,
    http: &Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    router: Router,
    watcher: Watcher,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    match tls {
        Some(tls) => {
            let stream = timeout(PATIENCE, tls.accept(socket)).await??;
            requests(stream, http, router, watcher).await
        }
        None => {
            // Which version it is, the first bytes tell.
            timeout(PATIENCE, socket.readable()).await??;
            requests(socket, http, router, watcher).await
        }
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http: &Builder<TokioExecutor>,
    router: Router,
    watcher: Watcher,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let service = TowerToHyperService::new(router);
    let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
    watcher.watch(connection.into_owned()).await
}

fn tls(files: &[PathBuf]) -> Result<TlsAcceptor, Box<dyn Error>> {
    let [certificates, key] = files else { return Err("--tls needs two files".into()) };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", certificates.display()))?;
    let key =
        PrivateKeyDer::from_pem_file(key).map_err(|error| format!("{}: {error}", key.display()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Waits for a signal to go down, and returns its name.
async fn signal() -> io::Result<&'static str> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok("SIGTERM:"),
            result = tokio::signal::ctrl_c() => result.map(|()| "Ctrl-C:"),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.map(|()| "Ctrl-C:")
}

/// Lines for people, on the standard output.
pub(crate) fn start_log() {
    tracing_subscriber::fmt().with_target(false).init();
}
