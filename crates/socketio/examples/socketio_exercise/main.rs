//! Exercises a server with a client of ours, row by row, and says what held. The server does what `socketio_conformance` does
//! in its mode `app`, as far as the rows need it: `tests/rust_client/run` has npm's and Python's.
//!
//! ```sh
//! socketio_exercise http://127.0.0.1:3000 -- socketio_conformance --port 3000
//! ```

#[path = "../support/authorities.rs"]
mod authorities;
#[path = "../support/program.rs"]
mod program;
mod rows;
mod session;

use clap::Parser;
use sansio_socketio::client::Transport;
use sansio_socketio::{blocking, tokio as async_client};
use sansio_ws::handshake::Proxy;
use session::Session;
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};

/// Exercises a server: prints a line for each row, and fails if one of them does.
#[derive(Parser)]
struct Options {
    /// Where the server listens, for example http://127.0.0.1:3000
    url: String,
    /// Only this row; can be given several times
    #[arg(long, value_name = "ROW", value_parser = rows::rows::<blocking::Client>().map(|(name, _)| name))]
    row: Vec<String>,
    /// With which client
    #[arg(long, value_name = "CLIENT", value_parser = ["blocking", "tokio"], default_value = "blocking")]
    client: String,
    /// The transports in their order: polling, websocket
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "polling,websocket")]
    transports: Vec<String>,
    /// Keep cookies, which the server wants: it is a balancer in front of two
    #[arg(long)]
    cookies: bool,
    /// Go through this proxy, for example http://127.0.0.1:3128
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Trust the authorities in this PEM file only, in place of those of the system
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The command that starts the server, which says `listening` when it does
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// The server, which is a process of ours, and how to connect to it.
struct Server {
    url: String,
    transports: Vec<Transport>,
    tls: Option<Arc<rustls::ClientConfig>>,
    proxy: Option<Proxy>,
    cookies: bool,
    command: Vec<String>,
    process: Mutex<Option<Child>>,
}

impl Server {
    fn new(options: &Options) -> Outcome<Self> {
        let transports = options.transports.iter().map(|name| match &**name {
            "polling" => Ok(Transport::Polling),
            "websocket" => Ok(Transport::WebSocket),
            _ => Err(format!("there is no transport {name:?}").into()),
        });
        let server = Self {
            url: options.url.clone(),
            transports: transports.collect::<Outcome<_>>()?,
            tls: options.ca.as_deref().map(authorities::tls_of).transpose()?,
            proxy: options.proxy.as_deref().map(Proxy::new).transpose()?,
            cookies: options.cookies,
            command: options.command.clone(),
            process: Mutex::new(None),
        };
        server.start()?;
        Ok(server)
    }

    fn start(&self) -> Outcome {
        let (program, arguments) = self.command.split_first().ok_or("no command")?;
        let mut child = Command::new(program).args(arguments).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        *self.process.lock().map_err(|_| "poisoned")? = Some(child);
        let mut lines = BufReader::new(output).lines();
        loop {
            let line = lines.next().ok_or("the server does not start")??;
            if line.starts_with("listening") {
                break;
            }
        }
        // Whatever else it says has to go somewhere.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(())
    }

    /// Ends the server without a word.
    fn kill(&self) -> Outcome {
        if let Some(mut child) = self.process.lock().map_err(|_| "poisoned")?.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Whether a session changes its transport.
    fn upgrades(&self) -> bool {
        self.transports == [Transport::Polling, Transport::WebSocket]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("can't end the server: {error}");
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let server = match Server::new(&options) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut failed = false;
    let is_wanted = |name: &str| match &*options.row {
        [] => name != "cookies" || options.cookies,
        rows => rows.iter().any(|row| row == name),
    };
    let rows = match &*options.client {
        "tokio" => rows::rows::<async_client::Client>(),
        _ => rows::rows::<blocking::Client>(),
    };
    for (name, row) in rows.into_iter().filter(|(name, _)| is_wanted(name)) {
        match row(&server) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                println!("FAIL {name} {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
