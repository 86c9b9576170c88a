//! Exercises an echo server with tungstenite. The rows and messages are those of common.py.
//!
//! usage: client URL

use std::error::Error;
use std::io::Read;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use tungstenite::client::{ClientRequestBuilder, client_with_config};
use tungstenite::handshake::client::Response;
use tungstenite::http::Uri;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Bytes, Message, WebSocket};

const SIZES: [usize; 4] = [125, 126, 65535, 65536];
const LARGE: usize = 16 << 20;
const LIMIT: usize = 64 << 20;
const READ_TIMEOUT: Duration = Duration::from_secs(550);

type Outcome = Result<(), Box<dyn Error>>;
type Row = fn(&Uri) -> Outcome;

const ROWS: [(&str, Row); 7] = [
    ("text", text),
    ("binary", binary),
    ("fragments", fragments),
    ("ping", ping),
    ("close", close),
    ("large", large),
    ("subprotocol", subprotocol),
];

fn main() -> ExitCode {
    let url: Uri = std::env::args().nth(1).expect("usage: client URL").parse().expect("a URL");
    let mut status = ExitCode::SUCCESS;
    for (name, row) in ROWS {
        match row(&url) {
            Ok(()) => println!("ok {name}"),
            Err(why) => {
                println!("FAIL {name} {}", why.to_string().replace('\n', " "));
                status = ExitCode::FAILURE;
            }
        }
    }
    status
}

fn text(url: &Uri) -> Outcome {
    let mut messages: Vec<String> = ["", "Hello", "Grüße, 世界 👋"].map(String::from).into();
    for size in SIZES {
        messages.push("x".repeat(size));
        messages.push(mixed_text(size));
    }
    echo(url, messages.into_iter().map(Message::text))
}

fn binary(url: &Uri) -> Outcome {
    let messages = [0, 2].into_iter().chain(SIZES).map(bytes);
    echo(url, messages.map(Message::binary))
}

fn fragments(url: &Uri) -> Outcome {
    let mut connection = Connection::open(url, &[])?;
    // Three bytes a fragment cut characters in two.
    connection.fragmented(Message::text(mixed_text(40)), Data::Text, 3)?;
    connection.fragmented(Message::binary(bytes(70_000)), Data::Binary, 14_000)?;
    connection.close(1000, "")
}

fn ping(url: &Uri) -> Outcome {
    let mut connection = Connection::open(url, &[])?;
    connection.socket.send(Message::Pong("nobody asked".into()))?;
    for payload in [vec![], b"are you there?".to_vec(), bytes(125)] {
        connection.ping(payload.into())?;
    }
    connection.close(1000, "")
}

fn close(url: &Uri) -> Outcome {
    Connection::open(url, &[])?.close(3456, "bye for now")
}

fn large(url: &Uri) -> Outcome {
    echo(url, [Message::binary(bytes(LARGE)), Message::text(mixed_text(LARGE))])
}

fn subprotocol(url: &Uri) -> Outcome {
    let connection = Connection::open(url, &["chat", "superchat"])?;
    let chosen = connection.response.headers().get("Sec-WebSocket-Protocol");
    if chosen.is_none_or(|name| name != "chat") {
        return Err(format!("subprotocol {chosen:?}").into());
    }
    connection.close(1000, "")
}

fn echo(url: &Uri, messages: impl IntoIterator<Item = Message>) -> Outcome {
    let mut connection = Connection::open(url, &[])?;
    for message in messages {
        connection.socket.send(message.clone())?;
        connection.expect(&message)?;
    }
    connection.close(1000, "")
}

/// Text of `size` bytes, made of characters of one to four bytes.
fn mixed_text(size: usize) -> String {
    "aé€𝄞".repeat(size / 10) + &"x".repeat(size % 10)
}

fn bytes(size: usize) -> Vec<u8> {
    (0..251).cycle().take(size).collect()
}

struct Connection {
    socket: WebSocket<TcpStream>,
    response: Response,
}

impl Connection {
    fn open(url: &Uri, protocols: &[&str]) -> Result<Self, Box<dyn Error>> {
        let authority = url.authority().ok_or("a URL without an address")?;
        let stream = TcpStream::connect(authority.as_str())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_write_timeout(Some(READ_TIMEOUT))?;
        let request =
            protocols.iter().fold(ClientRequestBuilder::new(url.clone()), |request, name| {
                request.with_sub_protocol(*name)
            });
        let config =
            WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
        let (socket, response) = client_with_config(request, stream, Some(config))?;
        Ok(Self { socket, response })
    }

    fn expect(&mut self, wanted: &Message) -> Outcome {
        let got = self.socket.read()?;
        if got != *wanted {
            return Err(format!("got {}, wanted {}", brief(&got), brief(wanted)).into());
        }
        Ok(())
    }

    fn ping(&mut self, payload: Bytes) -> Outcome {
        self.socket.send(Message::Ping(payload.clone()))?;
        self.expect(&Message::Pong(payload))
    }

    /// Sends `message` in pieces and an empty last one, with a ping answered in between.
    fn fragmented(&mut self, message: Message, kind: Data, length: usize) -> Outcome {
        let data = message.clone().into_data();
        for (at, piece) in data.chunks(length).enumerate() {
            if at == 2 {
                self.ping("between".into())?;
            }
            let opcode = OpCode::Data(if at == 0 { kind } else { Data::Continue });
            let frame = Frame::message(piece.to_vec(), opcode, false);
            self.socket.send(Message::Frame(frame))?;
        }
        let last = Frame::message(Bytes::new(), OpCode::Data(Data::Continue), true);
        self.socket.send(Message::Frame(last))?;
        self.expect(&message)
    }

    fn close(mut self, code: u16, reason: &str) -> Outcome {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.socket.close(Some(frame))?;
        match self.socket.read()? {
            Message::Close(Some(answer))
                if u16::from(answer.code) == code
                    && (answer.reason.is_empty() || answer.reason.as_str() == reason) => {}
            other => return Err(format!("to the close frame, got {}", brief(&other)).into()),
        }
        // Then the server ends the TCP connection; the library would forgive a reset here.
        if self.socket.get_mut().read(&mut [0])? != 0 {
            return Err("bytes after the close".into());
        }
        match self.socket.read() {
            Err(tungstenite::Error::ConnectionClosed) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(late) => Err(format!("after the close, got {}", brief(&late)).into()),
        }
    }
}

/// A message in few enough words, however large it is.
fn brief(message: &Message) -> String {
    let start: String = format!("{message:?}").chars().take(60).collect();
    format!("{start} ({} bytes)", message.len())
}
