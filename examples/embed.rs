//! The bare machine over a socket, without an adapter: what embedding it in a network stack of
//! your own comes down to. An echo server for one client at a time:
//!
//! ```sh
//! cargo run --all-features --example embed -- 127.0.0.1:9003
//! ```

use sansio_ws::handshake::{Acceptance, OriginPolicy, ServerHandshake};
use sansio_ws::{Config, Connection, Event, Limits, RecvBuffer, Transport};
use std::error::Error;
use std::net::{Shutdown, TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9003".into());
    if address == "--help" {
        println!(
            "usage: embed [ADDRESS]\n\nAn echo server for one client at a time, on ADDRESS (127.0.0.1:9003)."
        );
        return Ok(());
    }
    let listener = TcpListener::bind(&address).map_err(|e| format!("{address}: {e}"))?;
    println!("ws://{}", listener.local_addr()?);
    for socket in listener.incoming() {
        if let Err(error) = serve(socket?) {
            println!("{error}");
        }
    }
    Ok(())
}

fn serve(mut socket: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut rx = RecvBuffer::new();
    let mut connection = open(&mut socket, &mut rx)?;
    loop {
        // Answers gather until everything received is handed out, or they are enough to write.
        let exhausted = match connection.next_event(&mut rx) {
            Ok(Some(Event::Text(text))) => connection.send_text(text).map(|()| false)?,
            Ok(Some(Event::Binary(bytes))) => connection.send_binary(bytes).map(|()| false)?,
            Ok(event) => event.is_none(),
            Err(error) => {
                println!("{error}"); // the Close that tells the peer is queued
                true
            }
        };
        if !exhausted && connection.queued() < 64 * 1024 {
            continue;
        }
        while connection.wants_write() {
            connection.outgoing().write_to(&mut socket)?;
        }
        match connection.transport() {
            Transport::KeepOpen => {}
            Transport::ShutdownWrite => socket.shutdown(Shutdown::Write)?,
            Transport::Drop => return Ok(()),
        }
        if exhausted && rx.read_from(&mut socket)? == 0 {
            println!("{}", connection.receive_eof(&rx));
        }
    }
}

/// Receives the request and queues the answer. Bytes that follow the request stay in the buffer.
fn open(socket: &mut TcpStream, rx: &mut RecvBuffer) -> Result<Connection, Box<dyn Error>> {
    let mut handshake = ServerHandshake::new(&Limits::default());
    loop {
        if let Some(request) = handshake.receive(rx)? {
            let upgrade = request.upgrade(OriginPolicy::SameHost)?;
            return Ok(upgrade.accept(&Acceptance::default(), Config::default())?);
        }
        if rx.read_from(socket)? == 0 {
            return Err("the client left before its request was complete".into());
        }
    }
}
