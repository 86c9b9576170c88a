//! sansio-socketio as its documentation has it. All options are its defaults, except the times of the heartbeat,
//! which the measurement says.

#![forbid(unsafe_code)]

use clap::Parser;
use sansio_engineio::Config;
use sansio_socketio::mio::App;
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use serde::Deserialize;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

/// sansio-socketio, with the events that are measured: `auth`, `echo` and `to`.
#[derive(Parser)]
struct Options {
    /// Where to listen, on 127.0.0.1
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// In milliseconds
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,
    /// In milliseconds
    #[arg(long, default_value_t = 20_000)]
    ping_timeout: u64,
}

/// The argument of `to`: an event for all sockets, the one that asks for it included if it says so.
#[derive(Deserialize)]
struct Order {
    event: String,
    args: (String,),
    #[serde(default, rename = "self")]
    is_for_self: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    let config = Config::new(OriginPolicy::AnyOrigin, HostPolicy::AnyHost)
        .ping_interval(Duration::from_millis(options.ping_interval))
        .ping_timeout(Duration::from_millis(options.ping_timeout));
    let mut app = App::new((), config);
    app.namespace("/")
        .on_connect(|(), socket| socket.emit("auth", (serde_json::json!({}),)))
        .on_raw("echo", |(), socket, args| socket.emit("echo", args))
        .on("to", |(), socket, (order,): (Order,)| {
            let all = if order.is_for_self { socket.everyone() } else { socket.others() };
            all.emit(&order.event, order.args);
            socket.ack(());
        });
    let server = app.listen((Ipv4Addr::LOCALHOST, options.port))?;
    println!("listening on 127.0.0.1:{}", options.port);
    server.run().map(drop)
}
