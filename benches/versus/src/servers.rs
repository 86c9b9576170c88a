//! Which servers there are, and how they are built and started.

use crate::{Kind, Scenario};
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use versus::machine;
use versus::process::{Process, pin};
use versus::sample::Figures;
use versus::scenario::Deflate;
use versus::serve::WORKERS;

pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// The binary.
    program: &'static str,
    arguments: &'static [&'static str],
    broadcast: bool,
    /// Whether it can compress like that.
    deflate: fn(Deflate) -> bool,
}

const fn rust(name: &'static str, broadcast: bool) -> Server {
    Server { name, program: name, arguments: &[], broadcast, deflate: |_| false }
}

/// As [`rust`], and it can compress in all ways.
const fn deflating(name: &'static str, broadcast: bool) -> Server {
    Server { deflate: |_| true, ..rust(name, broadcast) }
}

pub(crate) const SERVERS: &[Server] = &[
    deflating("raw", true),
    Server { program: "raw", arguments: &["--buffer", "2097152"], ..rust("raw-2m", false) },
    Server { arguments: &["--log", "off"], ..deflating("ours", true) },
    rust("ours-tokio", true),
    Server { arguments: &["--send"], program: "ours-tokio", ..rust("ours-tokio-send", false) },
    rust("tungstenite", true),
    rust("tokio-tungstenite", true),
    Server {
        arguments: &["--send"],
        program: "tokio-tungstenite",
        ..rust("tokio-tungstenite-send", false)
    },
    rust("fastwebsockets", false),
    rust("tokio-websockets", true),
    deflating("sockudo-ws", true),
    deflating("yawc", true),
    Server { deflate: |deflate| !deflate.takeover, ..rust("wtx", false) },
    rust("soketto", false),
    deflating("ws", true),
];

pub(crate) fn server(name: &str) -> Result<&'static Server, String> {
    SERVERS.iter().find(|server| server.name == name).ok_or_else(|| {
        let names: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
        format!("no such server; there are {}", names.join(", "))
    })
}

impl Server {
    pub(crate) fn can(&self, scenario: &Scenario) -> bool {
        if scenario.deflate.is_some_and(|deflate| !(self.deflate)(deflate)) {
            return false;
        }
        match scenario.kind {
            Kind::Broadcast => self.broadcast,
            // The larger buffer is there for large messages.
            _ => self.name != "raw-2m" || scenario.payload >= 1 << 20,
        }
    }

    fn deflate_arguments(&self, Deflate { level, takeover }: Deflate) -> Vec<String> {
        let level = level.to_string();
        let arguments: &[&str] = match (self.name, takeover) {
            ("raw", _) => &[],
            ("ours", false) => &["--deflate=pooled", "--deflate-level", &level],
            ("ours", true) => &["--deflate=kept", "--deflate-level", &level],
            (_, false) => &["--deflate", &level],
            (_, true) => &["--deflate", &level, "--takeover"],
        };
        arguments.iter().map(|&argument| argument.to_owned()).collect()
    }

    fn is_raw(&self) -> bool {
        self.program == "raw"
    }
}

/// The processor of servers, and that of the load generator and all else.
const SERVER_PROCESSOR: usize = 0;
const LOAD_PROCESSOR: usize = 1;

/// For one run of the load generator; that with 10,000 connections takes longest.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Where things are.
pub(crate) struct Place {
    source: PathBuf,
    programs: PathBuf,
    pub(crate) output: PathBuf,
    /// How many threads the servers on tokio have.
    workers: Option<usize>,
}

impl Place {
    pub(crate) fn find(workers: Option<usize>) -> io::Result<Self> {
        let programs = std::env::current_exe()?.parent().ok_or(io::ErrorKind::NotFound)?.to_owned();
        let source = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let output = source.join("../../target/versus");
        fs::create_dir_all(output.join("logs"))?;
        Ok(Self { source, programs, output: output.canonicalize()?, workers })
    }

    /// Builds all that is in Rust.
    pub(crate) fn build(&self) -> io::Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        succeed(
            Command::new(cargo).args(["build", "--release", "--bins"]).current_dir(&self.source),
        )
    }

    /// Installs npm's `ws`, if it is not there, with what makes it faster if that can be had.
    pub(crate) fn install_ws(&self) -> io::Result<()> {
        let folder = self.output.join("npm");
        if folder.join("node_modules/ws").is_dir() {
            return Ok(());
        }
        fs::create_dir_all(&folder)?;
        let npm = |package| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-fund", "--no-audit", "--prefix"]);
            npm.arg(&folder).arg(package).stdout(Stdio::null());
            npm
        };
        succeed(&mut npm("ws@8"))?;
        let _ = succeed(&mut npm("bufferutil"));
        Ok(())
    }

    /// Starts a server, measures it and ends it.
    pub(crate) fn measure(
        &self,
        server: &Server,
        scenario: &Scenario,
        seconds: f64,
    ) -> io::Result<Figures> {
        let (process, address) = self.start(server, scenario)?;
        let output = self.load(&process, address, server, scenario, seconds)?.output(TIMEOUT)?;
        Ok(serde_json::from_str(&output)?)
    }

    pub(crate) fn start(
        &self,
        server: &Server,
        scenario: &Scenario,
    ) -> io::Result<(Process, SocketAddr)> {
        // Free now, and most probably in a moment, too.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = if server.name == "ws" {
            let mut node = Command::new("node");
            node.arg(self.source.join("servers/ws.mjs")).arg(self.output.join("npm/node_modules"));
            node
        } else {
            Command::new(self.programs.join(server.program))
        };
        command.arg(address.to_string()).args(server.arguments);
        command.envs(self.workers.map(|workers| (WORKERS, workers.to_string())));
        if scenario.kind == Kind::Broadcast {
            command.arg("--broadcast");
        }
        if let Some(deflate) = scenario.deflate {
            command.args(server.deflate_arguments(deflate));
        }
        let log = self.output.join("logs").join(server.name).with_extension("log");
        command.stderr(File::create(log)?);
        pin(SERVER_PROCESSOR)?;
        let process = Process::server(&mut command);
        pin(LOAD_PROCESSOR)?;
        Ok((process?, address))
    }

    pub(crate) fn load(
        &self,
        process: &Process,
        address: SocketAddr,
        server: &Server,
        scenario: &Scenario,
        seconds: f64,
    ) -> io::Result<Process> {
        let mut command = Command::new(self.programs.join("load"));
        command.arg(address.to_string()).args(["--scenario", scenario.name]);
        command.args(["--seconds", &seconds.to_string()]);
        command.args(["--pid", &process.id().to_string()]);
        if server.is_raw() {
            command.arg("--raw");
        }
        Process::spawn(command.stdout(Stdio::piped()))
    }

    /// The versions in `Cargo.lock` that the servers' names stand for, and that of `ws`.
    pub(crate) fn versions(&self) -> io::Result<Vec<String>> {
        let wanted = |name: &str| {
            name == "tokio" || name == "mio" || SERVERS.iter().any(|server| server.name == name)
        };
        let mut versions = machine::packages(&self.source, wanted)?;
        let ws = self.output.join("npm/node_modules/ws/package.json");
        if let Ok(package) = fs::read(ws) {
            let package: serde_json::Value = serde_json::from_slice(&package)?;
            versions.push(format!("ws {}", package["version"].as_str().unwrap_or("?")));
        }
        versions.extend(machine::program("rustc"));
        versions.extend(machine::program("node").map(|version| format!("node {version}")));
        Ok(versions)
    }
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}
