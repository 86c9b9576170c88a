//! Measures Engine.IO servers from outside, and reports.

#![forbid(unsafe_code)]

use clap::{Parser, ValueEnum};
use figures::{
    Dialect, Extent, Load, Plan, Role, Row, Server, Start, heartbeat, machine, names, npm_version,
    version,
};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Measures Engine.IO servers from outside, beside each other: memory of clients that do nothing, and CPU
/// time of echoes.
///
/// Every round measures each row with each server, one after the other. Tables and samples are left in
/// target/engineio-figures/, too.
#[derive(Parser)]
struct Options {
    /// One that is named twice shows what chance does
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',')]
    #[arg(default_value = "npm,ours,core", overrides_with = "servers")]
    servers: Vec<Kind>,
    /// Another program instead of ours, by its path from the root of the repository
    #[arg(long, value_name = "PROGRAM")]
    ours: Option<PathBuf>,
    #[command(flatten)]
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// npm `engine.io`
    Npm,
    /// The server of this repository
    Ours,
    /// The WebSocket echo below it, which knows no Engine.IO
    Core,
}

const ROWS: [Row; 3] = [
    Row { name: "WebSocket, 100 × 16", load: Load::Echo { clients: 100, depth: 16 } },
    Row { name: "WebSocket, 100 × 1", load: Load::Echo { clients: 100, depth: 1 } },
    Row { name: "polling, 50 × 1", load: Load::Polling { clients: 50 } },
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
    let target = source.join("../../target");
    let modules = target.join("engineio-npm/node_modules");
    let list: Vec<&str> = options.servers.iter().map(|kind| kind.name()).collect();
    let servers: Vec<Server> = (options.servers.iter().zip(names(&list)))
        .map(|(kind, name)| kind.server(name, source, &target, options.ours.clone()))
        .collect();
    let mut description = vec![machine()];
    if options.servers.contains(&Kind::Npm) {
        description.extend(["engine.io", "ws"].map(|package| npm_version(&modules, package)));
        description.push(format!("node {}", version("node")));
    }
    description.push(version("rustc"));
    Plan {
        servers: &servers,
        rows: &ROWS,
        // A packet of Engine.IO with a text of 32 bytes. Without Engine.IO it is just a text.
        message: |client| format!("4{client:0>32}"),
        order: |client| format!("4{client:0>32}"),
        with_deaf: false,
        extent: options.extent,
        output: &target.join("engineio-figures"),
        description: &description.join(", "),
    }
    .carry_out()
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Ours => "ours",
            Self::Core => "core",
        }
    }

    fn server(self, name: String, source: &Path, target: &Path, ours: Option<PathBuf>) -> Server {
        let reference = source.join("reference.mjs");
        let modules = target.join("engineio-npm/node_modules");
        let examples = target.join("release/examples");
        let ours = ours.unwrap_or_else(|| examples.join("engine_echo"));
        let command = move |start: &Start| {
            let mut command = match self {
                Self::Npm => Command::new("node"),
                Self::Ours => Command::new(&ours),
                Self::Core => Command::new(examples.join("echo_server")),
            };
            if self == Self::Core {
                command.arg(start.address.to_string()).args(["--log", "off"]);
                command.args(["--silence-timeout", &(start.ping_interval / 1000).to_string()]);
                return command;
            }
            if self == Self::Npm {
                command.arg("--expose-gc").arg(&reference).arg("--modules").arg(&modules);
            }
            heartbeat(&mut command, start);
            command
        };
        Server {
            name,
            dialect: if self == Self::Core { Dialect::WebSocket } else { Dialect::EngineIo },
            role: match self {
                Self::Npm => Role::Other,
                Self::Ours => Role::Ours,
                Self::Core => Role::Below,
            },
            collects: self == Self::Npm,
            broadcasts: false,
            command: Box::new(command),
        }
    }
}
