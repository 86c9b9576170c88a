//! What is measured.

use Kind::{Broadcast, Connect, Echo, Idle};

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each connection gets back what it sends.
    Echo,
    /// One connection sends; all get it, the sender too.
    Broadcast,
    /// Connections are opened, and one message is echoed on each, much later.
    Idle,
    /// Connections are opened, and dropped when the handshake is done.
    Connect,
}

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub kind: Kind,
    pub connections: usize,
    /// Messages under way at a time: for each connection, or of the one that sends.
    pub depth: usize,
    /// Bytes of a message.
    pub payload: usize,
    /// UTF-8 with characters of one to four bytes, sent as text.
    pub text: bool,
    pub fragments: usize,
    /// JSON as text, compressed in both directions.
    pub deflate: Option<Deflate>,
}

/// How messages are compressed with permessage-deflate (RFC 7692).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// Of the server. The load generator always has zlib's default, 6.
    pub level: u8,
    /// Messages may refer to earlier ones, in both directions.
    pub takeover: bool,
}

const ECHO: Scenario = Scenario {
    name: "",
    title: "",
    kind: Echo,
    connections: 1,
    depth: 1,
    payload: 32,
    text: false,
    fragments: 1,
    deflate: None,
};

const fn deflate(
    name: &'static str,
    title: &'static str,
    payload: usize,
    level: u8,
    takeover: bool,
) -> Scenario {
    let deflate = Some(Deflate { level, takeover });
    let depth = if payload > 1 << 10 { 1 } else { 8 };
    Scenario { name, title, connections: 16, depth, payload, text: true, deflate, ..ECHO }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "ping-pong", title: "1 connection, 32 B", ..ECHO },
    Scenario { name: "small", title: "64 × 32 B, depth 1", connections: 64, ..ECHO },
    Scenario {
        name: "small-deep",
        title: "64 × 32 B, depth 32",
        connections: 64,
        depth: 32,
        ..ECHO
    },
    Scenario {
        name: "kib",
        title: "16 × 1 KiB, depth 16",
        connections: 16,
        depth: 16,
        payload: 1 << 10,
        ..ECHO
    },
    Scenario {
        name: "text",
        title: "64 × 1 KiB mixed UTF-8, depth 8",
        connections: 64,
        depth: 8,
        payload: 1 << 10,
        text: true,
        ..ECHO
    },
    Scenario {
        name: "fragments",
        title: "16 × 1 KiB in 4 frames, depth 8",
        connections: 16,
        depth: 8,
        payload: 1 << 10,
        fragments: 4,
        ..ECHO
    },
    Scenario { name: "large", title: "16 × 16 KiB", connections: 16, payload: 16 << 10, ..ECHO },
    Scenario { name: "huge", title: "4 × 1 MiB", connections: 4, payload: 1 << 20, ..ECHO },
    Scenario {
        name: "broadcast",
        title: "broadcast 1 → 501 × 64 B",
        kind: Broadcast,
        connections: 501,
        payload: 64,
        ..ECHO
    },
    Scenario {
        name: "broadcast-deep",
        title: "broadcast 1 → 501 × 64 B, depth 16",
        kind: Broadcast,
        connections: 501,
        depth: 16,
        payload: 64,
        ..ECHO
    },
    Scenario {
        name: "connect",
        title: "connections with handshake",
        kind: Connect,
        connections: 32,
        ..ECHO
    },
    Scenario {
        name: "idle",
        title: "10,000 idle connections",
        kind: Idle,
        connections: 10_000,
        payload: 1 << 10,
        ..ECHO
    },
    deflate("deflate-128-1", "128 B of JSON, level 1, each on its own", 128, 1, false),
    deflate("deflate-128-6", "128 B of JSON, level 6, each on its own", 128, 6, false),
    deflate("deflate-128-1-kept", "128 B of JSON, level 1, context takeover", 128, 1, true),
    deflate("deflate-128-6-kept", "128 B of JSON, level 6, context takeover", 128, 6, true),
    deflate("deflate-1k-1", "1 KiB of JSON, level 1, each on its own", 1 << 10, 1, false),
    deflate("deflate-1k-6", "1 KiB of JSON, level 6, each on its own", 1 << 10, 6, false),
    deflate("deflate-1k-1-kept", "1 KiB of JSON, level 1, context takeover", 1 << 10, 1, true),
    deflate("deflate-1k-6-kept", "1 KiB of JSON, level 6, context takeover", 1 << 10, 6, true),
    deflate("deflate-16k-1", "16 KiB of JSON, level 1, each on its own", 16 << 10, 1, false),
    deflate("deflate-16k-6", "16 KiB of JSON, level 6, each on its own", 16 << 10, 6, false),
    deflate("deflate-16k-1-kept", "16 KiB of JSON, level 1, context takeover", 16 << 10, 1, true),
    deflate("deflate-16k-6-kept", "16 KiB of JSON, level 6, context takeover", 16 << 10, 6, true),
];

/// Finds a scenario by its name.
pub fn scenario(name: &str) -> Result<&'static Scenario, String> {
    scenarios(name).map(|Chosen(found)| found[0])
}

/// One scenario or more.
#[derive(Debug, Clone)]
pub struct Chosen(pub Vec<&'static Scenario>);

/// Finds scenarios by their name, or with a `*` behind it by its beginning.
pub fn scenarios(pattern: &str) -> Result<Chosen, String> {
    let matches = |name: &str| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    };
    let found: Vec<_> = SCENARIOS.iter().filter(|scenario| matches(scenario.name)).collect();
    if found.is_empty() {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        return Err(format!("no such scenario; there are {}", names.join(", ")));
    }
    Ok(Chosen(found))
}

/// A request as a browser sends it, with the key of RFC 6455, section 1.3.
pub const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://127.0.0.1:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    \r\n";

/// What answers [`REQUEST`], computed beforehand.
pub const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";

pub const HEAD_END: &[u8] = b"\r\n\r\n";
