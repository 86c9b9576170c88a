//! A list of names for everybody: who logs in appears in all tabs at once.
//!
//! ```sh
//! npm install socket.io   # for the script of the page
//! cargo run --release --package sansio-socketio --all-features --example login_list
//! ```

mod support;

use clap::Parser;
use sansio_socketio::mio::App;
use std::process::ExitCode;
use support::Options;

/// A list of names for everybody.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Names are kept as long as the server runs: so many, and no longer ones.
const MOST: usize = 1000;
const LONGEST: usize = 100;

#[derive(Default)]
struct Logins {
    names: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments { options } = Arguments::parse();
    let mut app = App::new(Logins::default(), options.config());
    app.namespace("/").on_connect(|logins, socket| socket.emit("login", (&logins.names,))).on(
        "login",
        |logins, socket, (name,): (String,)| {
            if logins.names.len() < MOST && name.len() <= LONGEST {
                logins.names.push(name);
            }
            socket.everyone().emit("login", (&logins.names,));
        },
    );
    app.page("/", include_str!("pages/login_list.html"));
    options.serve(app)
}
