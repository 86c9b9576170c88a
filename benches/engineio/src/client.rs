//! Connections: HTTP/1.1 requests and the handshake of WebSocket, written by hand.

use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::ops::Range;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects from one of four addresses, so that there are enough ports.
pub(crate) fn connect(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let source = Ipv4Addr::new(127, 0, 0, 1 + (number % 4) as u8);
    socket.bind(&SocketAddrV4::new(source, 0).into())?;
    socket.set_tcp_nodelay(true)?;
    socket.connect(&address.into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

/// When it is dropped the connection is reset, so that none waits for minutes.
pub(crate) fn reset_when_dropped(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_linger(Some(Duration::ZERO))
}

/// With the headers that all HTTP clients send.
pub(crate) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n").into_bytes()
}

pub(crate) fn post(target: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Where the parts of a response are.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Range<usize>,
}

impl Response {
    /// `None` until all of it is there.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(head) = head_len(bytes) else { return Ok(None) };
        let text = str::from_utf8(&bytes[..head]).map_err(|_| ErrorKind::InvalidData)?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let (Some(status), Some(length)) = (status, length) else {
            return Err(io::Error::other(format!("not a response: {text}")));
        };
        let body = head..head + length;
        Ok((bytes.len() >= body.end).then_some(Self { status, body }))
    }
}

/// Bytes of the head, with the empty line behind it.
fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads until `parse` finds what it looks for, and nothing must be behind that.
fn read<T>(
    stream: &mut TcpStream,
    mut parse: impl FnMut(&[u8]) -> io::Result<Option<T>>,
) -> io::Result<(Vec<u8>, T)> {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 2048];
        match stream.read(&mut some)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&some[..n]),
        }
        if let Some(found) = parse(&bytes)? {
            return Ok((bytes, found));
        }
    }
}

/// Sends a request, and waits for status and body of its response.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<(u16, String)> {
    stream.write_all(request)?;
    let (mut bytes, response) = read(stream, Response::parse)?;
    let body = bytes.split_off(response.body.start);
    Ok((response.status, String::from_utf8(body).map_err(|_| ErrorKind::InvalidData)?))
}

/// The target of requests of a session.
pub(crate) fn polling_target(sid: &str) -> String {
    format!("/engine.io/?EIO=4&transport=polling&sid={sid}")
}

/// Opens a session by polling, and returns its id.
pub(crate) fn open_polling(stream: &mut TcpStream) -> io::Result<String> {
    let (status, body) = exchange(stream, &get("/engine.io/?EIO=4&transport=polling"))?;
    let value = body.split_once("\"sid\":\"").filter(|_| body.starts_with("0{"));
    let sid = value.and_then(|(_, rest)| rest.split('"').next());
    match sid {
        Some(sid) if status == 200 => Ok(sid.to_owned()),
        _ => Err(io::Error::other(format!("no session: {status} {body}"))),
    }
}

/// Shakes hands for a WebSocket; one of Engine.IO begins with the open packet.
pub(crate) fn open_websocket(
    stream: &mut TcpStream,
    target: &str,
    with_packet: bool,
) -> io::Result<()> {
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let (bytes, packet) = read(stream, |bytes| {
        let Some(head) = head_len(bytes) else { return Ok(None) };
        if !bytes.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(String::from_utf8_lossy(bytes)));
        }
        if !with_packet {
            return Ok(Some(head));
        }
        // A text of fewer than 126 bytes, or with two bytes of length.
        let (start, length) = match bytes[head..] {
            [0x81, 126, a, b, ..] => (head + 4, u16::from_be_bytes([a, b]).into()),
            [0x81, length @ 0..126, ..] => (head + 2, length.into()),
            [] | [_] | [_, 126, ..] => return Ok(None),
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        let length: usize = length;
        Ok((bytes.len() >= start + length).then_some(start))
    })?;
    match with_packet && !bytes[packet..].starts_with(b"0{") {
        true => Err(io::Error::other("the first frame is not an open packet")),
        false => Ok(()),
    }
}
