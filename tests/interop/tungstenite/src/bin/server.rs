//! An echo server on tungstenite; reports how each connection ended.
//!
//! usage: server HOST PORT

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, accept_hdr_with_config};

const LIFETIME: Duration = Duration::from_secs(36_000); // `run` ends it long before
const LIMIT: usize = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().skip(1).take(2).collect::<Vec<_>>().join(":");
    let listener = TcpListener::bind(address)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| serve(stream));
        }
    });
    thread::sleep(LIFETIME);
    Ok(())
}

fn serve(stream: TcpStream) {
    let config =
        WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    // `run` finds the port open by connecting and leaving: no handshake, and no news.
    let Ok(mut socket) = accept_hdr_with_config(stream, choose_chat, Some(config)) else {
        return;
    };
    println!("opened");
    let mut close = None;
    loop {
        let outcome = match socket.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message),
            Ok(Message::Close(frame)) => {
                close = Some(frame); // the answer is on its way already
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        let Err(error) = outcome else { continue };
        match (error, close) {
            (tungstenite::Error::ConnectionClosed, Some(Some(frame))) => {
                println!("closed {} {}", u16::from(frame.code), frame.reason);
            }
            (tungstenite::Error::ConnectionClosed, Some(None)) => println!("closed 1005 "),
            (error, _) => println!("unclean {error}"),
        }
        return;
    }
}

#[allow(clippy::result_large_err)] // the library's own signature
fn choose_chat(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol");
    let mut names =
        offered.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    if names.any(|name| name.trim() == "chat") {
        let chat = HeaderValue::from_static("chat");
        response.headers_mut().insert("Sec-WebSocket-Protocol", chat);
    }
    Ok(response)
}
