//! Exercises an echo server, row by row, and says what held: the client's side of the matrix of
//! counterparts in `tests/interop`.
//!
//! ```sh
//! cargo run --release --all-features --example exercise -- ws://127.0.0.1:9001
//! ```

use clap::Parser;
use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, ControlPayload, Ended, Event, Limits, MessageKind};
use std::error::Error;
use std::net::TcpStream;
use std::process::ExitCode;

/// Exercises an echo server: prints a line for each row, and fails if one of them does.
#[derive(Parser)]
struct Options {
    /// Where the echo server listens, for example ws://127.0.0.1:9001
    url: String,
}

type Socket = WebSocket<TcpStream>;
type Row = fn(&str) -> Outcome;
type Outcome = Result<(), Box<dyn Error>>;

/// Each row with its name.
const ROWS: [(&str, Row); 7] = [
    ("text", text),
    ("binary", binary),
    ("fragments", fragments),
    ("ping", ping),
    ("close", close),
    ("large", large),
    ("subprotocol", subprotocol),
];

/// The lengths at which the form of a frame's header changes, and some between.
const LENGTHS: [usize; 7] = [0, 1, 125, 126, 1000, 65_535, 65_536];

const LARGE: usize = 16 << 20;

fn main() -> ExitCode {
    let url = Options::parse().url;
    let mut failed = false;
    for (name, row) in ROWS {
        match row(&url) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                println!("FAIL {name} {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn text(url: &str) -> Outcome {
    let mut socket = open(url)?;
    for len in LENGTHS {
        expect_text(&mut socket, &"x".repeat(len))?;
    }
    expect_text(&mut socket, &"κόσμε – grüße 😀 ".repeat(300))?;
    finish(socket)
}

fn binary(url: &str) -> Outcome {
    let mut socket = open(url)?;
    for len in LENGTHS {
        expect_binary(&mut socket, &sample(len))?;
    }
    finish(socket)
}

/// Fragments cut anywhere, also inside a code point, empty ones among them, a ping in between.
fn fragments(url: &str) -> Outcome {
    let mut socket = open(url)?;
    let text = "grüße 😀";
    for (i, byte) in text.as_bytes().chunks(1).enumerate() {
        socket.send_fragment(MessageKind::Text, byte, false)?;
        if i == 3 {
            socket.send_ping(payload(b"between")?)?;
        }
    }
    socket.send_fragment(MessageKind::Text, b"", true)?;
    let (mut pong, mut message) = (false, false);
    while !(pong && message) {
        match socket.read()?.ok_or("ended early")? {
            Event::Pong(b"between") => pong = true,
            Event::Text(echo) if echo == text => message = true,
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    finish(socket)
}

fn ping(url: &str) -> Outcome {
    let mut socket = open(url)?;
    for bytes in [&b""[..], b"hello", &[0xFF; 125]] {
        socket.send_ping(payload(bytes)?)?;
        match socket.read()?.ok_or("ended early")? {
            Event::Pong(pong) if pong == bytes => {}
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    finish(socket)
}

fn close(url: &str) -> Outcome {
    let mut socket = open(url)?;
    let code = CloseCode::try_from(3456)?;
    match socket.close(code, "bye for now")? {
        Ended::Clean { code: Some(answered) } if answered == code => Ok(()),
        ended => Err(format!("not answered with {code}: {ended}").into()),
    }
}

fn large(url: &str) -> Outcome {
    let mut socket = open(url)?;
    expect_binary(&mut socket, &sample(LARGE))?;
    expect_text(&mut socket, &"größer ".repeat(LARGE / 9))?;
    finish(socket)
}

fn subprotocol(url: &str) -> Outcome {
    let request = ClientRequest::new(url)?.subprotocol("chat")?.subprotocol("superchat")?;
    let socket = open_with(&request)?;
    match socket.subprotocol() {
        Some("chat") => finish(socket),
        other => Err(format!("the server chose {other:?}").into()),
    }
}

fn open(url: &str) -> Result<Socket, Box<dyn Error>> {
    open_with(&ClientRequest::new(url)?)
}

fn open_with(request: &ClientRequest) -> Result<Socket, Box<dyn Error>> {
    let limits = Limits {
        max_message_bytes: 64 << 20,
        max_frame_bytes: 64 << 20,
        max_fragments: u32::MAX,
        ..Limits::DEFAULT
    };
    Ok(WebSocket::open(request, Config::DEFAULT.limits(limits), Timeouts::DEFAULT)?)
}

fn finish(mut socket: Socket) -> Outcome {
    match socket.close(CloseCode::NORMAL, "")? {
        Ended::Clean { code: Some(CloseCode::NORMAL) } => Ok(()),
        ended => Err(format!("not closed cleanly: {ended}").into()),
    }
}

fn expect_text(socket: &mut Socket, text: &str) -> Outcome {
    send_and(socket, MessageKind::Text, text.as_bytes(), |echo| echo == Event::Text(text))
}

fn expect_binary(socket: &mut Socket, bytes: &[u8]) -> Outcome {
    send_and(socket, MessageKind::Binary, bytes, |echo| echo == Event::Binary(bytes))
}

/// Sends a message and checks its echo.
fn send_and(
    socket: &mut Socket,
    kind: MessageKind,
    message: &[u8],
    is_echo: impl FnOnce(Event<'_>) -> bool,
) -> Outcome {
    socket.send_bytes(kind, &message.to_vec().into())?;
    match socket.read()? {
        Some(echo) if is_echo(echo) => Ok(()),
        Some(_) => Err(format!("wrong echo of {} bytes", message.len()).into()),
        None => Err(format!("no echo of {} bytes", message.len()).into()),
    }
}

fn payload(bytes: &[u8]) -> Result<ControlPayload, &'static str> {
    ControlPayload::new(bytes).ok_or("too long for a control frame")
}

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256) as u8).collect()
}
