//! A Socket.IO client for the terminal: lines in, events out.
//!
//! ```sh
//! cargo run --package sansio-socketio --features blocking --example socketio_client -- http://127.0.0.1:3000 --event say
//! echo alice | cargo run --package sansio-socketio --features blocking --example socketio_client -- http://127.0.0.1:3000 --event login
//! ```

#[path = "support/authorities.rs"]
mod authorities;

use clap::Parser;
use sansio_socketio::blocking::{Client, Event, Socket};
use sansio_socketio::client::{Auth, ConnectError, Reconnection, Transport};
use sansio_socketio::{Args, Raw};
use sansio_ws::handshake::Proxy;
use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Sends each line of the input as an event and prints the events that come.
///
/// A line that is a JSON list is a list of arguments; any other line is one text. `:NAME` in front of it is the name of
/// the event, in place of that of --event. Events go to the output, one in a line:
/// the name, and the arguments as JSON. Everything else goes to the error output, so the client works in a pipe. At the end of
/// the input it waits a moment for what comes, then leaves. It fails if a line was not sent or, with --ask, not answered.
#[derive(Parser)]
struct Options {
    /// Where to connect, for example https://example.com; a path is the namespace
    url: String,
    /// The namespace, in place of the path.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// What the client says of itself: a JSON object.
    #[arg(long, value_name = "JSON")]
    auth: Option<String>,
    /// The transports in their order: polling, websocket.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "polling,websocket")]
    transports: Vec<String>,
    /// The path of the server.
    #[arg(long, default_value = "/socket.io/")]
    path: String,
    /// Send a header; can be given several times.
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// Trust the authorities in this PEM file only, in place of those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Go through this proxy, for example http://user:password@proxy.example:3128.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// The name of the events that are sent.
    #[arg(long, default_value = "message", value_name = "NAME")]
    event: String,
    /// Ask for an answer to each, and print it.
    #[arg(long)]
    ask: bool,
    /// How often to try again when there is no connection [default: for ever].
    #[arg(long, value_name = "NUMBER")]
    attempts: Option<u32>,
    /// How long to wait at the end of the input, and for answers, in milliseconds.
    #[arg(long, default_value_t = 1000, value_name = "MILLISECONDS")]
    wait: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut client = connect(options)?;
    if io::stdin().is_terminal() {
        eprintln!("each line is sent as the event {:?}; Ctrl-D ends", options.event);
    }
    let (socket, event, asks) = (client.socket(), options.event.clone(), options.ask);
    let wait = Duration::from_millis(options.wait);
    let has_failed = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&has_failed);
    // The thread may be waiting for a line when there is nothing more to come; the process then ends it.
    thread::spawn(move || {
        send_lines(&socket, &event, asks.then_some(wait), &fails);
        thread::sleep(wait);
        socket.disconnect();
    });
    let mut was_connected = false;
    let mut refused = None;
    for event in &mut client {
        match event {
            Event::Event { name, args, .. } => writeln!(io::stdout(), "{name} {}", List(&args))?,
            Event::Connected { socket } => {
                was_connected = true;
                eprintln!(
                    "connected to {} as {}",
                    socket.namespace(),
                    socket.id().unwrap_or_default()
                );
            }
            Event::ConnectError { error: ConnectError::Refused { message, data }, .. } => {
                refused = Some(format!("{message} {}", data.unwrap_or_default()));
            }
            Event::ConnectError { error, .. } => eprintln!("not connected: {error}"),
            Event::Disconnected { reason, .. } => eprintln!("disconnected: {reason}"),
            Event::Reconnecting { attempt } => eprintln!("trying again ({attempt})"),
            Event::ReconnectFailed => return Err("there is no connection".into()),
            Event::Upgraded => eprintln!("over a WebSocket from now on"),
            Event::UpgradeFailed(error) => eprintln!("no WebSocket: {error}"),
            Event::NotSent { event, error, .. } => {
                eprintln!("not sent: {}: {error}", event.json());
                has_failed.store(true, Ordering::Relaxed);
            }
            // What else there is goes along with these.
            _ => {}
        }
    }
    if let Some(why) = refused {
        return Err(format!("the server refuses: {}", why.trim_end()).into());
    }
    client.disconnect()?;
    match (was_connected, has_failed.load(Ordering::Relaxed)) {
        (false, _) => Err("there was no connection".into()),
        (_, true) => Err("not every line was sent, or has its answer".into()),
        _ => Ok(()),
    }
}

fn connect(options: &Options) -> Result<Client, Box<dyn Error>> {
    let transports: Result<Vec<_>, _> =
        options.transports.iter().map(|name| transport(name)).collect();
    let mut url = options.url.clone();
    if let Some(namespace) = &options.namespace {
        let host = url.find("://").map_or(0, |at| at + 3);
        let path = url[host..].find('/').map_or(url.len(), |at| host + at);
        url.replace_range(path.., namespace);
    }
    let mut builder = Client::builder(&url)
        .path(&options.path)
        .transports(transports?)
        .reconnection(Reconnection::new().attempts(options.attempts));
    if let Some(auth) = &options.auth {
        builder = builder.auth(Auth::from_json(auth.as_str())?);
    }
    if let Some(file) = &options.ca {
        builder = builder.tls(authorities::tls_of(file)?);
    }
    if let Some(url) = &options.proxy {
        builder = builder.proxy(Proxy::new(url)?);
    }
    for header in &options.header {
        let (name, value) = header.split_once(':').ok_or("a header is written NAME: VALUE")?;
        builder = builder.header(name.trim(), value.trim());
    }
    Ok(builder.start()?)
}

fn transport(name: &str) -> Result<Transport, Box<dyn Error>> {
    match name {
        "polling" => Ok(Transport::Polling),
        "websocket" => Ok(Transport::WebSocket),
        _ => Err(format!("there is no transport {name:?}").into()),
    }
}

fn send_lines(socket: &Socket, event: &str, ask: Option<Duration>, has_failed: &AtomicBool) {
    for line in io::stdin().lock().lines() {
        let sent = line.map_err(Into::into).and_then(|line| send(socket, event, &line, ask));
        if let Err(error) = sent {
            eprintln!("not sent, or not answered: {error}");
            has_failed.store(true, Ordering::Relaxed);
        }
    }
}

fn send(
    socket: &Socket,
    event: &str,
    line: &str,
    ask: Option<Duration>,
) -> Result<(), Box<dyn Error>> {
    let named = line.strip_prefix(':').map(|line| line.split_once(' ').unwrap_or((line, "[]")));
    let (event, line) = named.unwrap_or((event, line));
    // As it is: JSON that need not be understood.
    let list = Raw::new(line).ok().filter(|raw| raw.json().starts_with('['));
    match (ask, list) {
        (None, Some(list)) => socket.emit(event, &list)?,
        (None, None) => socket.emit(event, &(line,))?,
        (Some(wait), list) => {
            let answer = match list {
                Some(list) => socket.ask(event, &list, wait),
                None => socket.ask(event, &(line,), wait),
            };
            let answer = answer.wait()?;
            writeln!(io::stdout(), "{}", List(&answer))?;
        }
    }
    Ok(())
}

/// Arguments as JSON. Where binary is, is its length.
struct List<'a>(&'a Args<'static>);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let args: Vec<_> = self.0.iter().map(|argument| argument.json().to_owned()).collect();
        write!(f, "[{}]", args.join(","))?;
        for bytes in
            self.0.iter().flat_map(|argument| argument.attachments().cloned().collect::<Vec<_>>())
        {
            write!(f, " + {} bytes", bytes.len())?;
        }
        Ok(())
    }
}
