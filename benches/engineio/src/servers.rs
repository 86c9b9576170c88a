//! Which servers there are, and how they are started.

use crate::process::Process;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// npm `engine.io`.
    Npm,
    /// The server of this repository.
    Ours,
    /// The WebSocket echo below it, which knows no Engine.IO.
    Core,
}

/// A column of the tables.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl Kind {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        match name {
            "npm" => Ok(Self::Npm),
            "ours" => Ok(Self::Ours),
            "core" => Ok(Self::Core),
            _ => Err("there are npm, ours and core".into()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::Ours => "ours",
            Self::Core => "core",
        }
    }

    /// Where it takes WebSockets.
    pub(crate) fn websocket_target(self) -> &'static str {
        match self {
            Self::Npm | Self::Ours => "/engine.io/?EIO=4&transport=websocket",
            Self::Core => "/",
        }
    }

    pub(crate) fn is_engine(self) -> bool {
        self != Self::Core
    }
}

/// One column for each; a server that is named twice has two, which shows what chance does.
pub(crate) fn columns(kinds: &[Kind]) -> Vec<Server> {
    let column = |(at, &kind): (usize, &Kind)| {
        let earlier = kinds[..at].iter().filter(|&&other| other == kind).count();
        let name = match earlier {
            0 => kind.name().to_owned(),
            n => format!("{} {}", kind.name(), n + 1),
        };
        Server { kind, name }
    };
    kinds.iter().enumerate().map(column).collect()
}

/// Of the heartbeat, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) ping_interval: u64,
    pub(crate) ping_timeout: u64,
}

/// Nothing but messages travels while something is measured.
pub(crate) const NO_PINGS: Times = Times { ping_interval: 600_000, ping_timeout: 600_000 };

/// Where things are.
pub(crate) struct Place {
    source: PathBuf,
    target: PathBuf,
    ours: PathBuf,
}

impl Place {
    pub(crate) fn new(ours: Option<&Path>) -> Self {
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let target = source.join("../../target");
        let ours = match ours {
            Some(path) => path.to_owned(),
            None => target.join("release/examples/engine_echo"),
        };
        Self { source, target, ours }
    }

    /// Where the tables and the samples go.
    pub(crate) fn output(&self) -> PathBuf {
        self.target.join("engineio-figures")
    }

    pub(crate) fn start(&self, kind: Kind, times: Times) -> io::Result<(Process, SocketAddr)> {
        // Free now, and most probably in a moment, too.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = match kind {
            Kind::Npm => {
                let mut node = Command::new("node");
                node.arg("--expose-gc").arg(self.source.join("reference.mjs"));
                node.arg("--modules").arg(self.modules());
                node
            }
            Kind::Ours => Command::new(&self.ours),
            Kind::Core => {
                let mut core = Command::new(self.target.join("release/examples/echo_server"));
                core.arg(address.to_string()).args(["--log", "off"]);
                core
            }
        };
        if kind.is_engine() {
            command.args(["--port", &address.port().to_string()]);
            command.args(["--ping-interval", &times.ping_interval.to_string()]);
            command.args(["--ping-timeout", &times.ping_timeout.to_string()]);
        } else {
            command.args(["--silence-timeout", &(times.ping_interval / 1000).to_string()]);
        }
        Ok((Process::start(&mut command, kind == Kind::Npm)?, address))
    }

    fn modules(&self) -> PathBuf {
        self.target.join("engineio-npm/node_modules")
    }

    /// The machine, and the versions of what the servers are made with.
    pub(crate) fn description(&self, servers: &[Server]) -> String {
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        let cpus = read(Path::new("/proc/cpuinfo"));
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
        let kernel = read(Path::new("/proc/sys/kernel/osrelease"));
        let mut parts =
            vec![format!("{count} × {}, Linux {}", model.map_or("?", |(_, m)| m), kernel.trim())];
        if servers.iter().any(|server| server.kind == Kind::Npm) {
            for package in ["engine.io", "ws"] {
                let manifest = read(&self.modules().join(package).join("package.json"));
                let version = manifest.lines().find_map(|line| {
                    line.trim().strip_prefix("\"version\": \"")?.split('"').next()
                });
                parts.push(format!("{package} {}", version.unwrap_or("?")));
            }
            parts.push(format!("node {}", version("node")));
        }
        parts.push(version("rustc"));
        parts.join(", ")
    }
}

/// What a program says about its version.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    output.map_or("?".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
