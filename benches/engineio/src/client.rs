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

/// Reads until `parse` finds what it looks for.
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
pub(crate) fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<(u16, String)> {
    stream.write_all(request)?;
    let (mut bytes, response) = read(stream, Response::parse)?;
    let body = bytes.split_off(response.body.start);
    Ok((response.status, String::from_utf8(body).map_err(|_| ErrorKind::InvalidData)?))
}

/// Clients must mask, but what with is for an attacker not to know, and here is none.
const MASK: [u8; 4] = [0x1d, 0x4c, 0xa7, 0x72];

/// A frame with a text, as clients send it.
pub(crate) fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(text.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The texts of frames that a server sends, one after the other.
pub(crate) struct Frames<'s> {
    stream: &'s mut TcpStream,
    bytes: Vec<u8>,
}

impl<'s> Frames<'s> {
    /// Asks for a WebSocket.
    pub(crate) fn shake_hands(stream: &'s mut TcpStream, target: &str) -> io::Result<Self> {
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        let (mut bytes, head) = read(stream, |bytes| Ok(head_len(bytes)))?;
        if !bytes.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&bytes)));
        }
        bytes.drain(..head);
        Ok(Self { stream, bytes })
    }

    /// Of a WebSocket of which nothing has arrived.
    pub(crate) fn new(stream: &'s mut TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.stream
    }

    pub(crate) fn next(&mut self) -> io::Result<String> {
        loop {
            if let Some((start, end)) = text_frame(&self.bytes)? {
                let text = String::from_utf8(self.bytes[start..end].to_vec());
                self.bytes.drain(..end);
                return text.map_err(|_| ErrorKind::InvalidData.into());
            }
            let mut some = [0; 2048];
            match self.stream.read(&mut some)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => self.bytes.extend_from_slice(&some[..n]),
            }
        }
    }

    /// Fails if there is more.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        Err(io::Error::other(format!("too much: {}", String::from_utf8_lossy(&self.bytes))))
    }
}

/// Where the text of the first frame is, if all of it is there. It is of less than 64 KiB.
fn text_frame(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let (start, length): (usize, usize) = match *bytes {
        [0x81, 126, a, b, ..] => (4, u16::from_be_bytes([a, b]).into()),
        [0x81, length @ 0..126, ..] => (2, length.into()),
        [] | [0x81] | [0x81, 126] | [0x81, 126, _] => return Ok(None),
        _ => return Err(io::Error::other("not a frame with a text")),
    };
    Ok((bytes.len() >= start + length).then_some((start, start + length)))
}
