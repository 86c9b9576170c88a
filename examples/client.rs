//! A client for the terminal: lines in, messages out.
//!
//! ```sh
//! cargo run --all-features --example client -- ws://127.0.0.1:9001
//! echo hello | cargo run --all-features --example client -- wss://127.0.0.1:9001 --ca ca.pem
//! ```

#[path = "support/compression.rs"]
mod compression;
#[path = "support/connecting.rs"]
mod connecting;

use clap::Parser;
use compression::Compression;
use connecting::Connecting;
use sansio_ws::blocking::{ConnectError, Error, TcpOrTls, Writer, connect_with};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Ended, Event, SendError};
use std::error::Error as StdError;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Sends each line of the input as a text message and prints the messages that come back.
///
/// Messages go to the output, everything else to the error output, so the client works in a
/// pipe. At the end of the input it waits a moment for answers, then closes with code 1000.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example wss://example.com/path
    url: String,
    /// Offer a subprotocol; can be given several times.
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Send a header; can be given several times.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Send an Origin, as a web page would.
    #[arg(long)]
    origin: Option<String>,
    #[command(flatten)]
    connecting: Connecting,
    #[command(flatten)]
    compression: Compression,
    /// How long to wait for answers after the end of the input, in milliseconds.
    #[arg(long, default_value_t = 500, value_name = "MILLISECONDS")]
    wait: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(Some(ended)) => {
            eprintln!("{ended}");
            if ended.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            // Not the URL, which may have a password in it.
            eprintln!("error: {error}");
            if let Some(ConnectError { error: Error::Refused(refused), .. }) = error.downcast_ref()
            {
                if let Some(location) = refused.redirect() {
                    eprintln!("it leads to {location}");
                }
                let _ = io::stderr().write_all(&refused.body);
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<Option<Ended>, Box<dyn StdError>> {
    let config = options.compression.add_to(Config::default())?;
    let connector = options.connecting.connector()?;
    let mut socket = connect_with(&request(options)?, config, Timeouts::default(), &connector)?;
    if let Some(extension) = socket.connection().extension() {
        eprintln!("the server agreed to {extension}");
    }
    if let Some(subprotocol) = socket.subprotocol() {
        eprintln!("the server chose the subprotocol {subprotocol}");
    }
    if io::stdin().is_terminal() {
        eprintln!("connected; every line is sent as a message, Ctrl-D closes");
    }
    let (mut reader, writer) = socket.split()?;
    let wait = Duration::from_millis(options.wait);
    // The thread may be waiting for a line when the connection ends; the process then ends it.
    thread::spawn(move || send_lines(&writer, wait));
    let mut out = io::stdout().lock();
    while let Some(event) = reader.read()? {
        match event {
            Event::Text(text) => writeln!(out, "{text}")?,
            Event::Binary(bytes) => writeln!(out, "{}", Hex(bytes))?,
            Event::Ping(payload) => eprintln!("ping of {} bytes, answered", payload.len()),
            Event::Pong(payload) => eprintln!("pong of {} bytes", payload.len()),
            Event::Close(reason) => eprintln!("the server closes: {reason}"),
            _ => {}
        }
        out.flush()?;
    }
    Ok(reader.ended())
}

fn request(options: &Options) -> Result<ClientRequest, Box<dyn StdError>> {
    let mut request = ClientRequest::new(&options.url)?;
    for name in &options.subprotocol {
        request = request.subprotocol(name)?;
    }
    for header in &options.header {
        let (name, value) = header.split_once(':').ok_or("a header is written NAME: VALUE")?;
        request = request.header(name.trim(), value.trim())?;
    }
    match &options.origin {
        Some(origin) => Ok(request.origin(origin)?),
        None => Ok(request),
    }
}

fn send_lines(writer: &Writer<TcpOrTls>, wait: Duration) {
    for line in io::stdin().lock().lines() {
        let sent = match line {
            Ok(line) => writer.send_text(&line),
            Err(error) => {
                eprintln!("can't read the input: {error}");
                break;
            }
        };
        match sent {
            Ok(()) => {}
            Err(Error::Send(SendError::Closed)) => return,
            Err(error) => return eprintln!("can't send: {error}"),
        }
    }
    thread::sleep(wait);
    if let Err(error) = writer.close(CloseCode::NORMAL, "")
        && !matches!(error, Error::Send(SendError::Closed))
    {
        eprintln!("can't close: {error}");
    }
}

/// Binary messages as hexadecimal digits.
struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes:", self.0.len())?;
        self.0.iter().take(64).try_for_each(|byte| write!(f, " {byte:02x}"))?;
        f.write_str(if self.0.len() > 64 { " …" } else { "" })
    }
}
