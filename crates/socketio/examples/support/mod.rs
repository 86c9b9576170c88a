//! What the programs have in common: options, log, signals.

use clap::Parser;
use log::{LevelFilter, warn};
use sansio_engineio::Config;
use sansio_socketio::mio::{App, AppHandle};
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
pub(crate) struct Options {
    /// Where to listen; port 0 means any free port
    #[arg(default_value = "127.0.0.1:3000")]
    address: String,
    /// Folder with socket.io.js, which comes with npm's package `socket.io`
    #[arg(long, value_name = "DIR", default_value = "node_modules/socket.io/client-dist")]
    client: PathBuf,
    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: LevelFilter,
}

impl Options {
    /// Serves pages and sockets to whoever names this machine by its address: only pages from here may
    /// connect, and no other name may be made to point here.
    pub(crate) fn config(&self) -> Config {
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(String::from);
        Config::new(OriginPolicy::SameHost, HostPolicy::Listed(hosts.into()))
    }

    pub(crate) fn serve<S: 'static>(&self, app: App<S>) -> ExitCode {
        env_logger::Builder::new().filter_level(self.log).format_target(false).init();
        match self.run(app) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn run<S: 'static>(&self, mut app: App<S>) -> Result<(), Box<dyn Error>> {
        if let Err(error) = app.client_files(&self.client) {
            warn!("{error}: the page says what to do");
        }
        let server = app
            .listen(&*self.address)
            .map_err(|error| format!("cannot listen on {}: {error}", self.address))?;
        let handle = AppHandle::new(server.handle());
        ctrlc::set_handler(move || handle.shut_down())?;
        for listener in server.listeners() {
            println!("open http://{}/ in several tabs", listener.local_addr()?);
        }
        server.run()?;
        Ok(())
    }
}
