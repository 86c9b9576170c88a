//! A client for the terminal over HTTP/2: lines in, messages out.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --features http,deflate --example http2_client -- ws://127.0.0.1:9003/
//! ```

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::SendRequest;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Event};
use sansio_ws_tokio::WebSocket;
use sansio_ws_tokio::http::{Answer, Upgraded, connect, open_http2};
use std::error::Error;
use std::iter::successors;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Sends each line of the input as a text message by HTTP/2, and prints the messages that come
///
/// When the input has ended it closes the connection. The server must know WebSockets over HTTP/2 (RFC 8441).
#[derive(Parser)]
struct Options {
    /// Where to connect: ws://HOST:PORT/PATH by HTTP/2 without TLS, or wss:// with it
    url: String,
    /// For wss: whom to trust, in PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Offer this subprotocol
    #[arg(long, value_name = "NAME")]
    subprotocol: Option<String>,
    /// Offer compression
    #[arg(long)]
    deflate: bool,
}

fn main() -> ExitCode {
    let result = Builder::new_current_thread().enable_all().build().map(|runtime| {
        let result = runtime.block_on(run(&Options::parse()));
        runtime.shutdown_background(); // not waiting for a line that nobody wants any more
        result
    });
    match result.map_err(Box::from).and_then(|ran| ran) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What hyper says is in the causes.
            let causes = successors(Some::<&dyn Error>(&*error), |&error| error.source());
            let said: Vec<_> = causes.map(ToString::to_string).collect();
            eprintln!("error: {}", said.join(": "));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut request = ClientRequest::new(&options.url)?;
    if let Some(name) = &options.subprotocol {
        request = request.subprotocol(name)?;
    }
    let mut config = Config::default();
    if options.deflate {
        config = config.extension(Deflate::default());
    }
    let mut sender = http2(&request, options).await?;
    match connect(&mut sender, &request, config, Timeouts::default()).await? {
        Answer::Open(mut socket, response) => {
            let extension = socket.connection().extension().unwrap_or("none");
            eprintln!("open: {}, extension {extension}", response.status());
            talk(socket).await
        }
        Answer::Refused(response) => {
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Err(format!("the server refused: {status}\n{}", String::from_utf8_lossy(&body)).into())
        }
    }
}

/// A connection of HTTP/2, which may carry any number of WebSockets, and other requests.
async fn http2(
    request: &ClientRequest,
    options: &Options,
) -> Result<SendRequest<Empty<Bytes>>, Box<dyn Error>> {
    let stream = TcpStream::connect((request.dial_host(), request.port())).await?;
    stream.set_nodelay(true)?;
    if !request.is_secure() {
        return Ok(open_http2(stream, Timeouts::default()).await?);
    }
    let mut roots = RootCertStore::empty();
    let authorities = options.ca.as_ref().ok_or("wss needs --ca")?;
    for certificate in CertificateDer::pem_file_iter(authorities)? {
        roots.add(certificate?)?;
    }
    let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(request.dial_host().to_owned())?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await?;
    Ok(open_http2(stream, Timeouts::default()).await?)
}

async fn talk(socket: WebSocket<Upgraded>) -> Result<(), Box<dyn Error>> {
    // A server that echoes may take nothing more until it is read from, so both go on at once.
    let (mut reader, writer) = socket.split();
    let sending = async {
        let mut lines = BufReader::new(stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            writer.send_text(&line).await?;
        }
        writer.close(CloseCode::NORMAL, "").await
    };
    let receiving = async {
        while let Some(event) = reader.read().await? {
            match event {
                Event::Text(text) => println!("{text}"),
                Event::Binary(bytes) => println!("{} bytes", bytes.len()),
                _ => {}
            }
        }
        Ok(())
    };
    tokio::select! {
        received = receiving => received,
        Err(error) = sending => Err(error),
    }?;
    match reader.ended() {
        Some(ended) if ended.is_clean() => eprintln!("{ended}"),
        ended => return Err(ended.map_or("not ended".into(), |ended| ended.to_string()).into()),
    }
    Ok(())
}
