//! What servers speak, and how clients open a session in it.

use crate::client::{Frames, exchange, get, masked, post};
use std::io::{self, Write};
use std::net::TcpStream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Texts over WebSocket, nothing else.
    WebSocket,
    /// Engine.IO 4.
    EngineIo,
    /// Socket.IO 5. All clients join the namespace `/`, and the server says `auth` to each of them.
    SocketIo {
        /// It sends the first ping with the open packet, without waiting for the interval.
        pings_at_once: bool,
    },
}

/// What a client hears once it has joined.
const JOINED: [&str; 2] = ["40{", "42[\"auth\",{}]"];

const PING: &str = "2";
const PONG: &str = "3";

impl Dialect {
    /// Whether there are sessions, which can also be opened by polling.
    pub(crate) fn has_sessions(self) -> bool {
        self != Self::WebSocket
    }

    pub(crate) fn has_namespaces(self) -> bool {
        matches!(self, Self::SocketIo { .. })
    }

    pub(crate) fn pings_at_once(self) -> bool {
        self == Self::SocketIo { pings_at_once: true }
    }

    fn path(self) -> &'static str {
        match self {
            Self::WebSocket => "/",
            Self::EngineIo => "/engine.io/",
            Self::SocketIo { .. } => "/socket.io/",
        }
    }

    /// The target of requests of a session.
    pub(crate) fn polling_target(self, sid: &str) -> String {
        format!("{}?EIO=4&transport=polling&sid={sid}", self.path())
    }

    /// Opens a session by polling, and returns its id.
    pub(crate) fn open_polling(self, stream: &mut TcpStream) -> io::Result<String> {
        let target = format!("{}?EIO=4&transport=polling", self.path());
        let (status, body) = exchange(stream, &get(&target))?;
        let value = body.split_once("\"sid\":\"").filter(|_| body.starts_with("0{"));
        let sid = value.and_then(|(_, rest)| rest.split('"').next());
        match sid {
            Some(sid) if status == 200 => Ok(sid.to_owned()),
            _ => Err(io::Error::other(format!("no session: {status} {body}"))),
        }
    }

    /// Joins the namespace by polling, if there are namespaces, and takes in all that is said about it.
    pub(crate) fn join_polling(self, stream: &mut TcpStream, sid: &str) -> io::Result<()> {
        if !self.has_namespaces() {
            return Ok(());
        }
        let target = self.polling_target(sid);
        let say = |stream: &mut TcpStream, packet: &str| {
            let (status, body) = exchange(stream, &post(&target, packet))?;
            match (status, &*body) {
                (200, "ok") => Ok(()),
                _ => Err(io::Error::other(format!("not taken: {status} {body}"))),
            }
        };
        say(stream, "40")?;
        let mut expected = Expected::new(self);
        while !expected.is_complete() {
            let (status, body) = exchange(stream, &get(&target))?;
            if status != 200 {
                return Err(io::Error::other(format!("no packets: {status} {body}")));
            }
            body.split('\x1e').try_for_each(|packet| expected.hear(packet))?;
        }
        if self.pings_at_once() {
            say(stream, PONG)?;
        }
        Ok(())
    }

    /// Opens a WebSocket, with a session in the namespace if there is such a thing, and takes in all that is said
    /// about it.
    pub(crate) fn open_websocket(self, stream: &mut TcpStream) -> io::Result<()> {
        let target = match self {
            Self::WebSocket => self.path().to_owned(),
            _ => format!("{}?EIO=4&transport=websocket", self.path()),
        };
        let mut frames = Frames::shake_hands(stream, &target)?;
        if self.has_sessions() {
            let packet = frames.next()?;
            if !packet.starts_with("0{") {
                return Err(io::Error::other(format!("not an open packet: {packet}")));
            }
        }
        if self.has_namespaces() {
            frames.stream().write_all(&masked("40"))?;
            let mut expected = Expected::new(self);
            while !expected.is_complete() {
                expected.hear(&frames.next()?)?;
            }
            if self.pings_at_once() {
                frames.stream().write_all(&masked(PONG))?;
            }
        }
        frames.finish()
    }
}

/// What has to come before a client is at rest.
struct Expected(Vec<&'static str>);

impl Expected {
    fn new(dialect: Dialect) -> Self {
        let ping = dialect.pings_at_once().then_some(PING);
        Self(JOINED.into_iter().chain(ping).collect())
    }

    fn is_complete(&self) -> bool {
        self.0.is_empty()
    }

    fn hear(&mut self, packet: &str) -> io::Result<()> {
        match self.0.iter().position(|start| packet.starts_with(start)) {
            Some(at) => {
                self.0.remove(at);
                Ok(())
            }
            None => Err(io::Error::other(format!("not expected: {packet}"))),
        }
    }
}
