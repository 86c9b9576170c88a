//! An echo server with the blocking adapter: a thread for each client.
//!
//! ```sh
//! cargo run --all-features --example blocking_echo
//! ```

use clap::Parser;
use sansio_ws::blocking::{Error, WebSocket};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::OriginPolicy;
use sansio_ws::{Config, Event};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;

/// An echo server with a thread for each client.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(default_value = "127.0.0.1:9004")]
    address: SocketAddr,
}

fn main() -> ExitCode {
    let address = Options::parse().address;
    let listener = match TcpListener::bind(address) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("can't listen on {address}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("listening on ws://{address}");
    for socket in listener.incoming() {
        match socket {
            Ok(socket) => drop(thread::spawn(move || report(socket))),
            Err(error) => eprintln!("can't accept: {error}"),
        }
    }
    ExitCode::SUCCESS
}

fn report(socket: TcpStream) {
    let peer = socket.peer_addr().map_or("?".into(), |peer| peer.to_string());
    match echo(socket) {
        Ok(ended) => println!("{peer} {ended}"),
        Err(error) => println!("{peer} {error}"),
    }
}

fn echo(socket: TcpStream) -> Result<String, Error> {
    socket.set_nodelay(true)?;
    // Programs and every web page may connect: there is nothing to protect here.
    let origin = OriginPolicy::AnyOrigin;
    let mut socket = WebSocket::accept(socket, origin, Config::default(), Timeouts::default())?;
    while let Some((connection, event)) = socket.next()? {
        match event {
            Event::Text(text) => connection.send_text(text)?,
            Event::Binary(bytes) => connection.send_binary(bytes)?,
            _ => {}
        }
    }
    Ok(socket.ended().map_or(String::new(), |ended| ended.to_string()))
}
