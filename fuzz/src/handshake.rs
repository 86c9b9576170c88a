//! Both sides of the opening handshake: the same result however the bytes are cut, and nothing
//! accepted that a second, simpler reader would not accept.

use super::body;
use super::input::Input;
use super::stream::{counting_masks, write_all};
use sansio_ws::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, HandshakeError, OriginPolicy, Response,
    ServerHandshake, Upgrade,
};
use sansio_ws::{Config, Limits, RecvBuffer};
use std::net::Ipv6Addr;

/// The nonce of the sample in RFC 6455, section 1.3, so that its answer can be in the seeds.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];

/// What became of the input.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// More bytes are needed.
    Pending,
    Failed(HandshakeError),
    /// A head came. What was made of it, and what follows it in the buffer.
    Head(Vec<String>, Vec<u8>),
}

fn limits(input: Input<'_>) -> Limits {
    if input.is_on(0) {
        Limits::default().max_handshake_bytes(256).max_headers(6).max_refusal_bytes(16)
    } else {
        Limits::default()
    }
}

/// Feeds the pieces to `receive` until it has a result, and the others to the buffer. At the end of the
/// stream `None` is fed.
fn outcome(
    pieces: &[&[u8]],
    limits: &Limits,
    mut receive: impl FnMut(Option<&mut RecvBuffer>) -> Result<Option<Vec<String>>, HandshakeError>,
) -> Outcome {
    let mut rx = RecvBuffer::new();
    let mut received = 0;
    let mut head = None;
    for piece in pieces {
        rx.extend_from_slice(piece);
        received += piece.len();
        assert!(rx.capacity() <= 2 * received + 4096, "memory: {rx:?}");
        if head.is_none() {
            match receive(Some(&mut rx)) {
                Ok(found) => head = found,
                Err(error) => {
                    assert_eq!(receive(Some(&mut rx)), Err(HandshakeError::Finished));
                    return Outcome::Failed(error);
                }
            }
            // A peer cannot keep the handshake waiting by sending more: at the worst a line of a chunk
            // for each byte of a body, and trailers.
            let bound = limits.max_handshake_bytes + 260 * limits.max_refusal_bytes + (16 << 10);
            assert!(head.is_some() || received <= bound, "no end in sight");
        }
    }
    if head.is_none() {
        head = receive(None).expect("an end is no error");
    }
    match head {
        Some(head) => {
            assert_eq!(receive(Some(&mut rx)), Err(HandshakeError::Finished));
            Outcome::Head(head, rx.unread().to_vec())
        }
        None => Outcome::Pending,
    }
}

/// The one result of all ways to cut the input.
fn same(input: Input<'_>, outcome: impl Fn(&[&[u8]]) -> Outcome) -> Outcome {
    let [(_, whole), others @ ..] = input.ways();
    let expected = outcome(&whole);
    for (way, pieces) in others {
        assert_eq!(outcome(&pieces), expected, "{way}");
    }
    match &expected {
        Outcome::Pending => {}
        Outcome::Failed(error) => check_error(*error),
        Outcome::Head(_, rest) => assert!(input.arrives.ends_with(rest)),
    }
    expected
}

/// What a server skips before a request.
fn skipped(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"\r\n") { 2 } else { 0 }
}

/// The end of the first head, if it has come, which begins at `start`. Each rule says where it is
/// broken first; of all that happens, the first counts.
fn scan(
    bytes: &[u8],
    start: usize,
    max_bytes: usize,
    max_headers: usize,
) -> Result<Option<usize>, HandshakeError> {
    let pair = |i: usize| (if i == 0 { b' ' } else { bytes[i - 1] }, bytes[i]);
    let first = |breaks: &dyn Fn(usize) -> bool| (0..bytes.len()).find(|i| breaks(*i));
    let is_bare = |(before, byte)| (before == b'\r') != (byte == b'\n') || byte == 0;
    let is_fold = |(before, byte)| before == b'\n' && (byte == b' ' || byte == b'\t');
    let line_ends: Vec<usize> = (start..bytes.len()).filter(|i| bytes[*i] == b'\n').collect();
    let end = head_len(&bytes[start..]).map(|len| start + len);
    [
        (first(&|i| i == max_bytes), Err(HandshakeError::HeadTooLong)),
        (first(&|i| is_bare(pair(i))), Err(HandshakeError::BareControlByte)),
        (first(&|i| i > start && is_fold(pair(i))), Err(HandshakeError::FoldedHeader)),
        (
            bytes[start..].starts_with(b"\r\n").then_some(start + 1),
            Err(HandshakeError::MalformedHead),
        ),
        (end.map(|end| end - 1), Ok(end)),
        (line_ends.get(max_headers + 1).copied(), Err(HandshakeError::TooManyHeaders)),
    ]
    .into_iter()
    .filter_map(|(at, verdict)| Some((at?, verdict)))
    .min_by_key(|(at, _)| *at)
    .map_or(Ok(None), |(_, verdict)| verdict)
}

fn check_error(error: HandshakeError) {
    let status = error.status().code();
    assert!((400..=599).contains(&status), "{error:?}");
    let response = String::from_utf8(error.response().encode()).expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let head = Head::parse(head);
    assert!(head.first.starts_with(&format!("HTTP/1.1 {status} ")));
    assert_eq!(head.only("content-length"), Some(&*body.len().to_string()));
}

/// A server receives the input.
pub fn server_handshake(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    let limits = limits(input);
    let listed = ["http://example.com", "https://localhost:8443"];
    let origin = input.choice(
        1,
        [
            OriginPolicy::AnyOrigin,
            OriginPolicy::SameHost,
            OriginPolicy::Listed(&listed),
            OriginPolicy::Listed(&[]),
        ],
    );
    let outcome = same(input, |pieces| {
        let mut handshake = ServerHandshake::new(&limits);
        outcome(pieces, &limits, |rx| {
            let Some(rx) = rx else { return Ok(None) };
            let Some(request) = handshake.receive(rx)? else { return Ok(None) };
            let mut head = vec![
                request.method().into(),
                request.target().into(),
                request.path().into(),
                request.is_upgrade().to_string(),
            ];
            for (name, value) in request.headers().iter() {
                head.push(format!("{name}: {}", value.escape_ascii()));
            }
            let page = request.respond(&Response::html("hello"));
            assert!(page.starts_with(b"HTTP/1.1 200 OK\r\n"));
            match request.upgrade(origin) {
                Ok(upgrade) => {
                    assert!(request.is_upgrade());
                    head.push(accept(&upgrade));
                }
                Err(error) => {
                    check_error(error);
                    head.push(format!("{error:?}"));
                }
            }
            Ok(Some(head))
        })
    });
    let start = skipped(input.arrives);
    let scanned = scan(input.arrives, start, limits.max_handshake_bytes, limits.max_headers);
    let head = |end: usize| {
        let bytes = input.arrives[start..end].strip_suffix(b"\r\n\r\n").expect("a blank line");
        Head::parse(&latin1(bytes))
    };
    match (outcome, scanned) {
        (Outcome::Pending, scanned) => assert_eq!(scanned, Ok(None)),
        (Outcome::Failed(HandshakeError::MalformedHead | HandshakeError::HttpVersion), Ok(end)) => {
            assert_ne!(end, None, "a verdict before the end");
        }
        (Outcome::Failed(error), Ok(end)) => {
            let end = end.expect("a verdict at the end");
            assert_eq!(check_head(&head(end)).map(|_| ()), Err(error));
        }
        (Outcome::Failed(error), scanned) => assert_eq!(scanned, Err(error)),
        (Outcome::Head(seen, rest), scanned) => {
            let end = input.arrives.len() - rest.len();
            assert_eq!(scanned, Ok(Some(end)));
            let head = head(end);
            let host = check_head(&head).expect("it was returned");
            let verdict = seen.last().expect("it has at least a method");
            let expected = match check_request(&head, &host, origin) {
                Ok(()) => "HTTP/1.1 101 ".into(),
                Err(error) => format!("{error:?}"),
            };
            // Neither the grammar of extensions nor that of origins is read a second time.
            let is_unknown = verdict == "MalformedExtensions" || verdict == "Origin";
            assert!(is_unknown || verdict.starts_with(&expected), "{verdict}, not {expected}");
        }
    }
}

/// Accepts, and returns the response, which the client that sent the key would accept too.
fn accept(upgrade: &Upgrade<'_>) -> String {
    let subprotocol = upgrade.subprotocols().next();
    let reply = Acceptance::default().subprotocol(subprotocol).headers(&[("X-Test", "yes")]);
    let mut connection = upgrade.accept(&reply, Config::default()).expect("a correct reply");
    let mut response = Vec::new();
    write_all(connection.outgoing(), &mut response);

    let key = upgrade.request().headers().get("sec-websocket-key").expect("it was checked");
    let mut request = ClientRequest::new("ws://example.com/").expect("a correct URL");
    if let Some(name) = subprotocol {
        request = request.subprotocol(name).expect("it was checked");
    }
    let mut client =
        ClientHandshake::with_entropy(&request, Config::default(), nonce(key), counting_masks());
    write_all(client.outgoing(), &mut Vec::new());
    let mut rx = RecvBuffer::new();
    rx.extend_from_slice(&response);
    match client.receive(&mut rx) {
        Ok(Some(Answer::Open(_, head))) => assert_eq!(head.subprotocol(), subprotocol),
        other => panic!("our own answer is not accepted: {other:?}"),
    }
    String::from_utf8(response).expect("text")
}

/// A client receives the input as the answer to its request.
pub fn client_handshake(data: &[u8]) {
    let Some(input) = Input::new(data) else { return };
    let limits = limits(input);
    let early = input.is_on(1);
    let outcome = same(input, |pieces| {
        let mut request = ClientRequest::new("ws://example.com/").expect("a correct URL");
        for name in SUBPROTOCOLS {
            request = request.subprotocol(name).expect("a token");
        }
        let config = Config::default().limits(limits);
        let mut handshake =
            ClientHandshake::with_entropy(&request, config, NONCE, counting_masks());
        if !early {
            write_all(handshake.outgoing(), &mut Vec::new());
        }
        outcome(pieces, &limits, |rx| {
            let answer = match rx {
                Some(rx) => handshake.receive(rx)?,
                None => handshake.receive_eof().map(Answer::Refused),
            };
            let (is_open, response) = match answer {
                None => return Ok(None),
                Some(Answer::Open(connection, head)) => {
                    assert!(!connection.is_server() && !connection.wants_write());
                    (true, head.to_response())
                }
                Some(Answer::Refused(response)) => {
                    assert_ne!(response.status, 101);
                    (false, *response)
                }
            };
            let mut head = vec![is_open.to_string(), response.status.to_string()];
            head.push(response.is_cut.to_string());
            head.push(response.body.escape_ascii().to_string());
            head.push(response.reason);
            for (name, value) in response.headers {
                head.push(format!("{name}: {}", value.escape_ascii()));
            }
            Ok(Some(head))
        })
    });
    check_answers(input.arrives, &limits, early, &outcome);
}

// The second reader

const BLANK: [char; 2] = [' ', '\t'];

/// A head, taken apart in the simplest way.
struct Head {
    first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// `head` comes without the blank line.
    fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n").map(String::from);
        let first = lines.next().expect("split gives at least one");
        let fields = lines
            .map(|line| {
                assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
                let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                let name = name.to_ascii_lowercase();
                (name, value.trim_matches(BLANK).into())
            })
            .collect();
        Self { first, fields }
    }

    fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// The value, if there is exactly one.
    fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|e| e.trim_matches(BLANK).eq_ignore_ascii_case(element))
    }

    /// The value of a header that may occur once.
    fn single(&self, name: &'static str) -> Result<Option<&str>, HandshakeError> {
        let mut values = self.all(name);
        let value = values.next();
        let is_twice = values.next().is_some();
        let field = FIELDS.iter().find(|field| field.eq_ignore_ascii_case(name));
        if is_twice {
            Err(HandshakeError::DuplicateHeader(field.unwrap_or(&"")))
        } else {
            Ok(value)
        }
    }

    /// `Content-Length`, if there is one, and its number, if it is one.
    fn length(&self) -> Option<Option<u64>> {
        let lengths = self.all("content-length").collect::<Vec<_>>();
        if lengths.is_empty() {
            return None;
        }
        let lengths = lengths.join(",");
        let mut lengths = lengths.split(',').map(|length| length.trim_matches(BLANK));
        let number = |length: &str| {
            length.bytes().all(|byte| byte.is_ascii_digit()).then(|| length.parse::<u64>().ok())?
        };
        let first = lengths.next().and_then(number);
        Some(first.filter(|_| lengths.all(|length| number(length) == first)))
    }

    fn has_body(&self) -> bool {
        let lengths: Vec<&str> = self.all("content-length").collect();
        self.all("transfer-encoding").next().is_some() || !matches!(lengths[..], [] | ["0"])
    }
}

/// Headers that may occur once, as errors spell them.
const FIELDS: [&str; 8] = [
    "Host",
    "Origin",
    "Upgrade",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version",
];

fn require(holds: bool, error: HandshakeError) -> Result<(), HandshakeError> {
    if holds { Ok(()) } else { Err(error) }
}

/// Host and port, if `text` is an authority without user information.
fn authority(text: &str) -> Option<(String, Option<u16>)> {
    let name_len = match text.strip_prefix('[') {
        Some(rest) => rest.find(']').filter(|len| rest[..*len].parse::<Ipv6Addr>().is_ok())? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, port) = text.split_at(name_len);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+;=".contains(c);
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let mut rest = if name.starts_with('[') { "a" } else { name };
    if rest.is_empty() {
        return None;
    }
    while let Some(c) = rest.chars().next() {
        let escape = c == '%' && rest.len() > 2 && rest.chars().skip(1).take(2).all(is_hex);
        if !escape && !is_plain(c) {
            return None;
        }
        rest = &rest[if escape { 3 } else { 1 }..];
    }
    let port = match port {
        "" | ":" => None,
        port => {
            let digits = port.strip_prefix(':')?;
            Some(digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??)
        }
    };
    (text.is_ascii()).then(|| (name.to_ascii_lowercase(), port))
}

/// The rules for every request (RFC 9112, section 3.2; RFC 9110, section 8.6). Returns what it is
/// for.
fn check_head(head: &Head) -> Result<Option<(String, Option<u16>)>, HandshakeError> {
    let words: Vec<&str> = head.first.split(' ').collect();
    let [method, target, version] = words[..] else { panic!("{}", head.first) };
    let is_text = target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let url = target.split_once("://").filter(|(scheme, _)| {
        ["http", "https", "ws", "wss"].contains(&&*scheme.to_ascii_lowercase())
    });
    let named = match (method, target, url) {
        ("CONNECT", _, _) => {
            Some(authority(target)).filter(|a| a.as_ref().is_some_and(|a| a.1.is_some()))
        }
        ("OPTIONS", "*", _) => Some(None),
        _ if target.starts_with('/') => Some(None),
        (_, _, Some((_, rest))) => {
            Some(authority(&rest[..rest.find(['/', '?']).unwrap_or(rest.len())]))
                .filter(Option::is_some)
        }
        _ => None,
    };
    let named = named.filter(|_| is_text).ok_or(HandshakeError::Target)?;
    let host = match head.single("host")? {
        Some(host) => Some(authority(host).ok_or(HandshakeError::InvalidHost)?),
        None if version == "HTTP/1.0" => None,
        None => return Err(HandshakeError::MissingHost),
    };
    let length = head.length();
    require(length != Some(None), HandshakeError::ContentLength)?;
    let mut encodings = head.all("transfer-encoding");
    if let Some(encoding) = encodings.next() {
        let is_chunked = encoding.eq_ignore_ascii_case("chunked") && encodings.next().is_none();
        let is_clear = length.is_none() && version != "HTTP/1.0";
        require(is_clear, HandshakeError::AmbiguousBody)?;
        require(is_chunked, HandshakeError::TransferEncoding)?;
    }
    Ok(named.or(host))
}

/// RFC 6455, section 4.2.1.
fn check_request(
    head: &Head,
    host: &Option<(String, Option<u16>)>,
    origin: OriginPolicy<'_>,
) -> Result<(), HandshakeError> {
    require(head.first.starts_with("GET "), HandshakeError::Method)?;
    require(head.first.ends_with(" HTTP/1.1"), HandshakeError::HttpVersion)?;
    require(head.lists("upgrade", "websocket"), HandshakeError::MissingUpgrade)?;
    require(head.lists("connection", "upgrade"), HandshakeError::MissingConnectionUpgrade)?;
    let version = head.single("sec-websocket-version")?;
    require(version == Some("13"), HandshakeError::WebSocketVersion)?;
    let key = head.single("sec-websocket-key")?.unwrap_or("");
    let is_key = key.len() == 24 && key.bytes().take(22).all(|byte| BASE64.contains(&byte));
    require(is_key && base64(&nonce(key)) == key, HandshakeError::InvalidKey)?;
    require(!head.has_body(), HandshakeError::Body)?;
    let names = head.all("sec-websocket-protocol").collect::<Vec<_>>().join(",");
    let mut names = names.split(',').map(|name| name.trim_matches(BLANK)).filter(|n| !n.is_empty());
    let are_names = names.all(|name| name.bytes().all(is_token_byte));
    require(are_names, HandshakeError::MalformedSubprotocols)?;
    // The default of either scheme counts as none.
    let parts = |authority: &str| {
        let (host, port) = self::authority(authority)?;
        Some((host, port.filter(|port| ![80, 443].contains(port))))
    };
    let Some(page) = head.single("origin")? else { return Ok(()) };
    let page_parts = page.split_once("://").and_then(|(_, page)| parts(page));
    let is_allowed = match origin {
        OriginPolicy::AnyOrigin => true,
        OriginPolicy::SameHost => {
            let host = host.as_ref().expect("HTTP/1.1 has one");
            let host = (host.0.clone(), host.1.filter(|port| ![80, 443].contains(port)));
            page_parts == Some(host)
        }
        OriginPolicy::Listed(list) => list.iter().any(|listed| {
            let listed_parts = listed.split_once("://").and_then(|(_, listed)| parts(listed));
            *listed == page || page_parts.is_some() && listed_parts == page_parts
        }),
        other => panic!("no rule for {other:?}"),
    };
    require(is_allowed, HandshakeError::Origin)
}

/// RFC 6455, section 4.1, behind any number of interim answers.
fn check_answers(mut bytes: &[u8], limits: &Limits, early: bool, outcome: &Outcome) {
    let mut max_bytes = limits.max_handshake_bytes;
    loop {
        let len = match (outcome, scan(bytes, 0, max_bytes, limits.max_headers)) {
            (Outcome::Pending, Ok(None)) => return,
            (_, Ok(Some(len))) => len,
            (outcome, scanned) => {
                return assert_eq!(outcome, &Outcome::Failed(scanned.expect_err("more came")));
            }
        };
        let (head, rest) = bytes.split_at(len);
        let head = Head::parse(&latin1(head.strip_suffix(b"\r\n\r\n").expect("a blank line")));
        let status = head.first.get(8..12).unwrap_or("");
        let is_http = head.first.starts_with("HTTP/1.") && status.starts_with(' ');
        if is_http && status.starts_with(" 1") && status != " 101" {
            if let Outcome::Failed(HandshakeError::MalformedHead | HandshakeError::HttpVersion) =
                outcome
            {
                return;
            }
            max_bytes -= len;
            bytes = rest;
            continue;
        }
        match outcome {
            Outcome::Pending => panic!("it has come: {}", head.first),
            Outcome::Failed(HandshakeError::MalformedHead | HandshakeError::HttpVersion) => {}
            Outcome::Failed(error) => assert_eq!(check_answer(&head, early), Err(*error)),
            Outcome::Head(seen, left) => {
                assert_eq!(status, format!(" {:0>3}", seen[1]));
                let is_open = seen[0] == "true";
                assert_eq!(is_open, status == " 101");
                if is_open {
                    assert_eq!(rest, left);
                    assert_eq!(check_answer(&head, early), Ok(()));
                } else {
                    check_body(&head, rest, limits.max_refusal_bytes, &seen[1..4]);
                }
            }
        }
        return;
    }
}

/// What a client keeps of the body of a refusal: status, whether it is cut, and the bytes.
fn check_body(head: &Head, rest: &[u8], max: usize, seen: &[String]) {
    let encodings: Vec<_> = head.all("transfer-encoding").collect();
    let status = seen[0].parse().expect("a number");
    if let Some(body) = body::read(status, &encodings, head.length(), rest, max) {
        assert_eq!(seen[1..], [body.is_cut.to_string(), body.bytes.escape_ascii().to_string()]);
    }
}

/// An answer with status 101.
fn check_answer(head: &Head, early: bool) -> Result<(), HandshakeError> {
    require(!early, HandshakeError::PrematureAnswer)?;
    require(head.first.starts_with("HTTP/1.1 101"), HandshakeError::HttpVersion)?;
    let upgrade = head.single("upgrade")?.unwrap_or("");
    require(upgrade.eq_ignore_ascii_case("websocket"), HandshakeError::MissingUpgrade)?;
    require(head.lists("connection", "upgrade"), HandshakeError::MissingConnectionUpgrade)?;
    let accept = head.single("sec-websocket-accept")?;
    require(accept == Some(ACCEPT), HandshakeError::InvalidAccept)?;
    let subprotocol = head.single("sec-websocket-protocol")?;
    let is_offered = subprotocol.is_none_or(|name| SUBPROTOCOLS.contains(&name));
    require(is_offered, HandshakeError::UnofferedSubprotocol)?;
    let extensions = head.single("sec-websocket-extensions")?;
    require(extensions.is_none(), HandshakeError::UnofferedExtension)
}

fn head_len(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"(),/:;<=>?@[\]{}""#.contains(&byte)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The 16 bytes of a key.
fn nonce(key: &str) -> [u8; 16] {
    let bits = key.bytes().take(22).fold(Vec::new(), |bits: Vec<bool>, digit| {
        let value = BASE64.iter().position(|&d| d == digit).expect("a digit of base64");
        bits.into_iter().chain((0..6).rev().map(|bit| value >> bit & 1 != 0)).collect()
    });
    core::array::from_fn(|i| bits[8 * i..][..8].iter().fold(0, |n, bit| n * 2 + u8::from(*bit)))
}

/// The key of 16 bytes.
fn base64(nonce: &[u8; 16]) -> String {
    let bits: Vec<usize> = nonce
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)))
        .collect();
    let digits = bits.chunks(6).map(|six| {
        char::from(BASE64[(0..6).fold(0, |n, i| n * 2 + six.get(i).copied().unwrap_or(0))])
    });
    digits.chain("==".chars()).collect()
}
