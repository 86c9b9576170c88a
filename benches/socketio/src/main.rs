//! Measures Socket.IO servers from outside, and reports.

#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use figures::{
    Dialect, Extent, Load, Plan, Purpose, Role, Row, Server, Start, heartbeat, machine, names,
    npm_version, version,
};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Measures Socket.IO servers from outside, beside each other: memory of clients that do nothing, and CPU time of
/// events.
///
/// Every round measures each row with each server, one after the other. Tables and samples are left in
/// target/socketio-figures/, too.
#[derive(Parser)]
struct Options {
    /// One that is named twice shows what chance does
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',')]
    #[arg(default_value = "npm,socketioxide,ours,engine,core", overrides_with = "servers")]
    servers: Vec<Kind>,
    /// Another program instead of ours, by its path from the root of the repository
    #[arg(long, value_name = "PROGRAM")]
    ours: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// npm `socket.io`
    Npm,
    /// The crate of this name, on axum, with one thread
    Socketioxide,
    /// The server of this repository
    Ours,
    /// The program that makes each feature visible, and keeps lists of what was said
    Conformance,
    /// The echo of Engine.IO below ours, which knows no events
    Engine,
    /// The WebSocket echo below that
    Core,
}

const ROWS: [Row; 3] = [
    Row { name: "echo event, 100 × 16", load: Load::Echo { clients: 100, depth: 16 } },
    Row { name: "echo event, 100 × 1", load: Load::Echo { clients: 100, depth: 1 } },
    Row { name: "delivery to 1,000", load: Load::Broadcast { clients: 1000 } },
];

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = Place {
        reference: source.join("reference.mjs"),
        target: source.join("../../target"),
        ours: options.ours.clone(),
    };
    let list: Vec<&str> = options.servers.iter().map(|kind| kind.name()).collect();
    let servers: Vec<Server> = (options.servers.iter().zip(names(&list)))
        .map(|(kind, name)| kind.server(name, place.clone()))
        .collect();
    let mut description = vec![machine()];
    if options.servers.contains(&Kind::Npm) {
        let packages = ["socket.io", "engine.io", "ws"];
        description.extend(packages.map(|package| npm_version(&place.modules(), package)));
        description.push(format!("node {}", version("node")));
    }
    if options.servers.contains(&Kind::Socketioxide) {
        let lock = fs::read_to_string(source.join("socketioxide/Cargo.lock")).unwrap_or_default();
        let packages = ["socketioxide", "axum", "tokio"];
        description.extend(packages.map(|package| crate_version(&lock, package)));
    }
    description.push(version("rustc"));
    Plan {
        servers: &servers,
        rows: &ROWS,
        // The same bytes for all: servers that know no events send a text back.
        message: |client| format!("42[\"echo\",\"{client:0>32}\"]"),
        order: |client| {
            format!("42[\"to\",{{\"event\":\"echo\",\"args\":[\"{client:0>32}\"],\"self\":true}}]")
        },
        with_deaf: true,
        extent: options.extent,
        output: &place.target.join("socketio-figures"),
        description: &description.join(", "),
    }
    .carry_out()
}

/// Which version of a crate a lock file names.
fn crate_version(lock: &str, name: &str) -> String {
    let line = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&line).and_then(|(_, rest)| rest.split('"').next());
    format!("{name} {}", version.unwrap_or("?"))
}

/// Where things are.
#[derive(Clone)]
struct Place {
    reference: PathBuf,
    target: PathBuf,
    /// Another program instead of ours.
    ours: Option<PathBuf>,
}

impl Place {
    fn modules(&self) -> PathBuf {
        self.target.join("socketio-npm/node_modules")
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Socketioxide => "socketioxide",
            Self::Ours => "ours",
            Self::Conformance => "conformance",
            Self::Engine => "engine",
            Self::Core => "core",
        }
    }

    fn server(self, name: String, place: Place) -> Server {
        let dialect = match self {
            Self::Npm | Self::Ours | Self::Conformance => {
                Dialect::SocketIo { pings_at_once: false }
            }
            Self::Socketioxide => Dialect::SocketIo { pings_at_once: true },
            Self::Engine => Dialect::EngineIo,
            Self::Core => Dialect::WebSocket,
        };
        Server {
            name,
            dialect,
            role: match self {
                Self::Npm | Self::Socketioxide | Self::Conformance => Role::Other,
                Self::Ours => Role::Ours,
                Self::Engine | Self::Core => Role::Below,
            },
            collects: self == Self::Npm,
            broadcasts: self != Self::Engine,
            command: Box::new(move |start| self.command(&place, start)),
        }
    }

    fn command(self, place: &Place, start: &Start) -> Command {
        let figures = place.target.join("socketio-figures/release");
        let examples = place.target.join("release/examples");
        let mut command = match self {
            Self::Npm => Command::new("node"),
            Self::Socketioxide => Command::new(figures.join("socketioxide-server")),
            Self::Ours => match &place.ours {
                Some(program) => Command::new(program),
                None => Command::new(figures.join("sansio-server")),
            },
            Self::Conformance => Command::new(examples.join("socketio_conformance")),
            Self::Engine => Command::new(examples.join("engine_echo")),
            Self::Core => Command::new(examples.join("echo_server")),
        };
        if self == Self::Core {
            command.arg(start.address.to_string()).args(["--log", "off"]);
            command.args(["--silence-timeout", &(start.ping_interval / 1000).to_string()]);
            if start.purpose == Purpose::Broadcast {
                command.arg("--broadcast");
            }
            return command;
        }
        if self == Self::Npm {
            let reference = command.arg("--expose-gc").arg(&place.reference);
            reference.arg("--modules").arg(place.modules());
        }
        heartbeat(&mut command, start);
        command
    }
}
