//! An echo server with the blocking adapter: a thread for each client.
//!
//! ```sh
//! cargo run --all-features --example blocking_echo
//! cargo run --all-features --example blocking_echo -- --tls cert.pem key.pem
//! ```

use clap::Parser;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use sansio_ws::blocking::{Error, Stream, TlsStream, WebSocket};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Config, Event};
use std::error::Error as StdError;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

/// An echo server with a thread for each client.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(default_value = "127.0.0.1:9004")]
    address: SocketAddr,
    /// Speak TLS, with this chain of certificates and its key, both in PEM.
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    tls: Option<Vec<PathBuf>>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn StdError>> {
    let tls = options.tls.as_deref().map(server_config).transpose()?;
    let address = options.address;
    let listener = TcpListener::bind(address)
        .map_err(|error| format!("can't listen on {address}: {error}"))?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    println!("listening on {scheme}://{address}");
    for socket in listener.incoming() {
        let tls = tls.clone();
        match socket {
            Ok(socket) => drop(thread::spawn(move || report(socket, tls))),
            Err(error) => eprintln!("can't accept: {error}"),
        }
    }
    Ok(())
}

fn server_config(files: &[PathBuf]) -> Result<Arc<ServerConfig>, Box<dyn StdError>> {
    let [certificates, key] = files else { return Err("--tls needs two files".into()) };
    let fault = |file: &PathBuf, error: &dyn StdError| format!("{}: {error}", file.display());
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect)
        .map_err(|error| fault(certificates, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| fault(key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

fn report(socket: TcpStream, tls: Option<Arc<ServerConfig>>) {
    let peer = socket.peer_addr().map_or("?".into(), |peer| peer.to_string());
    match serve(socket, tls) {
        Ok(ended) => println!("{peer} {ended}"),
        Err(error) => println!("{peer} {error}"),
    }
}

fn serve(socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<String, Box<dyn StdError>> {
    socket.set_nodelay(true)?;
    match tls {
        None => Ok(echo(socket)?),
        Some(config) => Ok(echo(TlsStream::new(socket, ServerConnection::new(config)?))?),
    }
}

fn echo(stream: impl Stream) -> Result<String, Error> {
    // Programs and every web page may connect: there is nothing to protect here.
    let origin = OriginPolicy::AnyOrigin;
    let mut socket = WebSocket::accept(stream, origin, Config::default(), Timeouts::default())?;
    while let Some((connection, event)) = socket.next()? {
        match event {
            Event::Text(text) => connection.send_text(text)?,
            Event::Binary(bytes) => connection.send_binary(bytes)?,
            _ => {}
        }
    }
    Ok(socket.ended().map_or(String::new(), |ended| ended.to_string()))
}
