//! socketioxide on axum, as its documentation has it, on one thread. All options are its defaults, except the times
//! of the heartbeat, which the measurement says, and for TCP_NODELAY, which the other servers set: without it each
//! answer to a client that opens a session waits 40 ms.

#![forbid(unsafe_code)]

use axum::Router;
use axum::serve::ListenerExt;
use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use std::error::Error;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::TcpListener;

/// socketioxide, with the events that are measured: `auth`, `echo` and `to`.
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

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&options))
}

async fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let (layer, io) = SocketIo::builder()
        .ping_interval(Duration::from_millis(options.ping_interval))
        .ping_timeout(Duration::from_millis(options.ping_timeout))
        .build_layer();
    io.ns("/", on_connect);
    let router = Router::new().layer(layer);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    axum::serve(listener, router).await?;
    Ok(())
}

/// That an event is refused, since too many wait, is what it means to have a limit.
async fn on_connect(socket: SocketRef) {
    let _ = socket.emit("auth", &json!({}));
    socket.on("echo", async |socket: SocketRef, Data(value): Data<Value>| {
        let _ = socket.emit("echo", &value);
    });
    socket.on("to", on_to);
}

async fn on_to(socket: SocketRef, io: SocketIo, Data(order): Data<Order>, ack: AckSender) {
    let Order { event, args, is_for_self } = order;
    let _ = match is_for_self {
        true => io.emit(event, &args).await,
        false => socket.broadcast().emit(event, &args).await,
    };
    let _ = ack.send(&());
}
