//! A client for the terminal: lines in, messages out.
//!
//! ```sh
//! cargo run --package sansio-ws-tokio --all-features --example tokio_client -- wss://example.com/chat
//! ```

use clap::Parser;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, Proxy};
use sansio_ws::{CloseCode, Config, Event, tls};
use sansio_ws_tokio::{Connector, connect_with};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// Sends each line of the input as a text message, and prints the messages that come.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example wss://example.com/path
    url: String,
    /// Trust the authorities in this PEM file only, in place of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Connect through this proxy: http://[user:password@]host:port
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

impl Options {
    fn connector(&self) -> Result<Connector, Box<dyn Error>> {
        let mut connector = Connector::new();
        if let Some(file) = &self.ca {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(file)? {
                roots.add(certificate?)?;
            }
            connector = connector.tls(Arc::new(tls::client_config(roots)?));
        }
        if let Some(url) = &self.proxy {
            connector = connector.proxy(Proxy::new(url)?);
        }
        Ok(connector)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let request = ClientRequest::new(&options.url)?;
    let (config, timeouts) = (Config::default(), Timeouts::default());
    let mut socket = connect_with(&request, config, timeouts, &options.connector()?).await?;
    let mut lines = BufReader::new(stdin()).lines();
    let mut has_input = true;
    loop {
        tokio::select! {
            event = socket.next() => match event? {
                Some((_, Event::Text(text))) => println!("{text}"),
                Some((_, Event::Binary(bytes))) => println!("{} bytes", bytes.len()),
                Some(_) => {}
                None => break,
            },
            line = lines.next_line(), if has_input => match line? {
                Some(line) => socket.connection().send_text(&line)?,
                None => {
                    has_input = false;
                    socket.connection().close(CloseCode::NORMAL, "")?; // and reads what still comes
                }
            },
        }
    }
    if let Some(ended) = socket.ended() {
        eprintln!("{ended}");
    }
    Ok(())
}
