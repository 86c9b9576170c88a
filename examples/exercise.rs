//! Exercises an echo server, row by row, and says what held: the client's side of the matrix of
//! counterparts in `tests/interop`.
//!
//! ```sh
//! cargo run --release --all-features --example exercise -- ws://127.0.0.1:9001
//! ```

#[path = "support/compression.rs"]
mod compression;
#[path = "support/connecting.rs"]
mod connecting;

use clap::Parser;
use compression::Compression;
use connecting::Connecting;
use sansio_ws::blocking::{Connector, TcpOrTls, WebSocket, connect_with};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, ControlPayload, Ended, Event, Limits, MessageKind};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

/// Exercises an echo server: prints a line for each row, and fails if one of them does.
#[derive(Parser)]
struct Options {
    /// Where the echo server listens, for example ws://127.0.0.1:9001
    url: String,
    /// Only this row; can be given several times
    #[arg(long, value_name = "ROW", value_parser = ROWS.map(|(name, _)| name))]
    row: Vec<String>,
    #[command(flatten)]
    connecting: Connecting,
    #[command(flatten)]
    compression: Compression,
}

/// The server, and the settings of connections to it.
struct Server {
    url: String,
    config: Arc<Config>,
    connector: Connector,
}

impl Server {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let config = options.compression.add_to(Config::default().limits(LIMITS))?;
        let connector = options.connecting.connector()?;
        Ok(Self { url: options.url.clone(), config: Arc::new(config), connector })
    }
}

type Socket = WebSocket<TcpOrTls>;
type Row = fn(&Server) -> Outcome;
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

const LIMITS: Limits =
    Limits::new().max_message_bytes(64 << 20).max_frame_bytes(64 << 20).max_fragments(u32::MAX);

fn main() -> ExitCode {
    let options = Options::parse();
    let server = match Server::new(&options) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let wanted = options.row;
    let mut failed = false;
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|row| row == name);
    for (name, row) in ROWS.into_iter().filter(|(name, _)| is_wanted(name)) {
        match row(&server) {
            Ok(()) => println!("ok {name}"),
            Err(error) => {
                println!("FAIL {name} {error}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn text(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    for len in LENGTHS {
        expect_text(&mut socket, &"x".repeat(len))?;
    }
    expect_text(&mut socket, &"κόσμε – grüße 😀 ".repeat(300))?;
    finish(socket)
}

fn binary(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    for len in LENGTHS {
        expect_binary(&mut socket, &sample(len))?;
        expect_binary(&mut socket, &noise(len))?;
    }
    // Repetitions just out of reach of a window for compression, and in that of the next larger.
    for bits in 8..15 {
        expect_binary(&mut socket, &noise(3 << (bits - 1)).repeat(2))?;
    }
    finish(socket)
}

/// Fragments cut anywhere, also inside a code point, empty ones among them, a ping in between.
fn fragments(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    let text = "grüße 😀";
    for (i, byte) in text.as_bytes().chunks(1).enumerate() {
        socket.send_fragment(MessageKind::Text, byte, false)?;
        if i == 3 {
            socket.send_ping(ControlPayload::new(b"between")?)?;
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
    let bytes = [sample(70_000), noise(1000)].concat().repeat(3);
    for piece in bytes.chunks(14_000) {
        socket.send_fragment(MessageKind::Binary, piece, false)?;
    }
    socket.send_fragment(MessageKind::Binary, b"", true)?;
    match socket.read()? {
        Some(Event::Binary(echo)) if echo == bytes => finish(socket),
        _ => Err("wrong echo of binary fragments".into()),
    }
}

fn ping(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    for bytes in [&b""[..], b"hello", &[0xFF; 125]] {
        socket.send_ping(ControlPayload::new(bytes)?)?;
        match socket.read()?.ok_or("ended early")? {
            Event::Pong(pong) if pong == bytes => {}
            other => return Err(format!("unexpected {other:?}").into()),
        }
    }
    finish(socket)
}

fn close(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    let code = CloseCode::try_from(3456)?;
    match socket.close(code, "bye for now")? {
        Ended::Clean { code: Some(answered) } if answered == code => Ok(()),
        ended => Err(format!("not answered with {code}: {ended}").into()),
    }
}

fn large(server: &Server) -> Outcome {
    let mut socket = open(server)?;
    expect_binary(&mut socket, &sample(1 << 20))?;
    expect_binary(&mut socket, &sample(LARGE))?;
    expect_binary(&mut socket, &noise(LARGE))?;
    expect_text(&mut socket, &"größer ".repeat(LARGE / 9))?;
    finish(socket)
}

fn subprotocol(server: &Server) -> Outcome {
    let request = ClientRequest::new(&server.url)?.subprotocol("chat")?.subprotocol("superchat")?;
    let socket = open_with(server, &request)?;
    match socket.subprotocol() {
        Some("chat") => finish(socket),
        other => Err(format!("the server chose {other:?}").into()),
    }
}

fn open(server: &Server) -> Result<Socket, Box<dyn Error>> {
    open_with(server, &ClientRequest::new(&server.url)?)
}

fn open_with(server: &Server, request: &ClientRequest) -> Result<Socket, Box<dyn Error>> {
    let Server { config, connector, .. } = server;
    Ok(connect_with(request, Arc::clone(config), Timeouts::default(), connector)?)
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

fn sample(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256) as u8).collect()
}

/// Nothing that compression could make smaller (xorshift).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}
