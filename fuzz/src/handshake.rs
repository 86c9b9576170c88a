//! Both sides of the opening handshake: the same result however the bytes are cut, and nothing
//! accepted that a second, simpler reader would not accept.

use super::input::Input;
use super::stream::{counting_masks, write_all};
use sansio_ws::handshake::{
    Acceptance, Answer, ClientHandshake, ClientRequest, HandshakeError, OriginPolicy, Response,
    ServerHandshake, Upgrade,
};
use sansio_ws::{Config, Limits, RecvBuffer};

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
        Limits { max_handshake_bytes: 256, max_headers: 6, ..Limits::DEFAULT }
    } else {
        Limits::DEFAULT
    }
}

/// Feeds the pieces to `receive` until it has a result, and the others to the buffer.
fn outcome(
    pieces: &[&[u8]],
    limits: &Limits,
    mut receive: impl FnMut(&mut RecvBuffer) -> Result<Option<Vec<String>>, HandshakeError>,
) -> Outcome {
    let mut rx = RecvBuffer::new();
    let mut received = 0;
    let mut head = None;
    for piece in pieces {
        rx.extend_from_slice(piece);
        received += piece.len();
        assert!(rx.capacity() <= 2 * received + 4096, "memory: {rx:?}");
        if head.is_none() {
            match receive(&mut rx) {
                Ok(found) => head = found,
                Err(error) => {
                    assert_eq!(receive(&mut rx), Err(HandshakeError::Finished));
                    return Outcome::Failed(error);
                }
            }
            // A peer cannot keep the handshake waiting by sending more.
            assert!(head.is_some() || received <= limits.max_handshake_bytes, "no end in sight");
        }
    }
    match head {
        Some(head) => {
            assert_eq!(receive(&mut rx), Err(HandshakeError::Finished));
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

fn check_error(error: HandshakeError) {
    assert!((400..=599).contains(&error.status()), "{error:?}");
    let response = String::from_utf8(error.response().encode()).expect("text");
    let (head, body) = response.split_once("\r\n\r\n").expect("a whole head");
    let head = Head::parse(head);
    assert!(head.first.starts_with(&format!("HTTP/1.1 {} ", error.status())));
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
    if let Outcome::Head(head, rest) = outcome {
        let len = input.arrives.len() - rest.len();
        assert_eq!(head_len(input.arrives), Some(len), "not the first head");
        assert!(len <= limits.max_handshake_bytes);
        let response = head.last().expect("it has at least a method");
        if response.starts_with("HTTP/1.1 101 ") {
            let bytes = input.arrives[..len].strip_suffix(b"\r\n\r\n").expect("a blank line");
            check_request(&Head::parse(&latin1(bytes)), origin);
        }
    }
}

/// Accepts, and returns the response, which the client that sent the key would accept too.
fn accept(upgrade: &Upgrade<'_>) -> String {
    let subprotocol = upgrade.subprotocols().next();
    let reply = Acceptance { subprotocol, headers: &[("X-Test", "yes")] };
    let mut connection = upgrade.accept(&reply, Config::DEFAULT).expect("a correct reply");
    let mut response = Vec::new();
    write_all(connection.outgoing(), &mut response);

    let key = upgrade.request().headers().get("sec-websocket-key").expect("it was checked");
    let mut request = ClientRequest::new("ws://example.com/").expect("a correct URL");
    if let Some(name) = subprotocol {
        request = request.subprotocol(name).expect("it was checked");
    }
    let mut client =
        ClientHandshake::with_entropy(&request, Config::DEFAULT, nonce(key), counting_masks());
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
        let config = Config::DEFAULT.limits(limits);
        let mut handshake =
            ClientHandshake::with_entropy(&request, config, NONCE, counting_masks());
        if !early {
            write_all(handshake.outgoing(), &mut Vec::new());
        }
        outcome(pieces, &limits, |rx| {
            let Some(answer) = handshake.receive(rx)? else { return Ok(None) };
            let (is_open, response) = match &answer {
                Answer::Open(connection, response) => {
                    assert!(!connection.is_server() && !connection.wants_write());
                    (true, response)
                }
                Answer::Refused(refusal) => {
                    assert_ne!(refusal.head.status(), 101);
                    (false, &refusal.head)
                }
            };
            let mut head = vec![is_open.to_string(), response.status().to_string()];
            head.push(response.reason().into());
            for (name, value) in response.headers().iter() {
                head.push(format!("{name}: {}", value.escape_ascii()));
            }
            Ok(Some(head))
        })
    });
    if let Outcome::Head(head, rest) = outcome {
        let len = input.arrives.len() - rest.len();
        assert!(len <= limits.max_handshake_bytes);
        let is_open = head[0] == "true";
        assert!(!(is_open && early), "the request was not even sent");
        check_answer(&input.arrives[..len], is_open);
    }
}

// The second reader

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
                let (name, value) = line.split_once(':').expect("a colon");
                let name = name.to_ascii_lowercase();
                assert!(!name.is_empty() && name.bytes().all(is_token_byte), "{name:?}");
                (name, value.trim_matches([' ', '\t']).into())
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
            .any(|e| e.trim_matches([' ', '\t']).eq_ignore_ascii_case(element))
    }

    fn check_common(&self) {
        assert!(self.lists("connection", "upgrade"));
        assert_eq!(self.all("transfer-encoding").next(), None);
        assert!(self.all("content-length").all(|length| length == "0"));
    }
}

/// RFC 6455, section 4.2.1.
fn check_request(head: &Head, origin: OriginPolicy<'_>) {
    let target = head.first.strip_prefix("GET ").expect("GET");
    let target = target.strip_suffix(" HTTP/1.1").expect("HTTP/1.1");
    assert!(!target.is_empty() && !target.contains([' ', '\t']));
    head.check_common();
    let host = head.only("host").expect("one Host");
    assert!(head.lists("upgrade", "websocket"));
    assert_eq!(head.only("sec-websocket-version"), Some("13"));
    let key = head.only("sec-websocket-key").expect("one key");
    assert!(key.len() == 24 && key.ends_with("=="), "{key}");
    assert_eq!(base64(&nonce(key)), key);
    for name in head.all("sec-websocket-protocol").flat_map(|value| value.split(',')) {
        assert!(name.trim_matches([' ', '\t']).bytes().all(is_token_byte), "{name}");
    }
    let Some(page) = head.all("origin").next() else { return };
    assert_eq!(head.only("origin"), Some(page));
    let port_is_default = |s: &str| {
        let s = s.to_ascii_lowercase();
        s.trim_end_matches(":80").trim_end_matches(":443").to_owned()
    };
    match origin {
        OriginPolicy::AnyOrigin => {}
        OriginPolicy::SameHost => {
            let (_, page) = page.split_once("://").expect("a scheme");
            assert_eq!(port_is_default(page), port_is_default(host));
        }
        OriginPolicy::Listed(list) => {
            let page = port_is_default(page);
            assert!(list.iter().any(|listed| port_is_default(listed) == page), "{page}");
        }
    }
}

/// RFC 6455, section 4.1, behind any number of interim answers.
fn check_answer(mut heads: &[u8], is_open: bool) {
    loop {
        let len = head_len(heads).expect("a whole head");
        let (head, rest) = heads.split_at(len);
        let head = head.strip_suffix(b"\r\n\r\n").expect("a blank line");
        let head = Head::parse(&latin1(head));
        let (version, status) = head.first.split_at(8);
        assert!(version.starts_with("HTTP/1."), "{}", head.first);
        let number: String = status.chars().skip(1).take(3).collect();
        assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{}", head.first);
        if rest.is_empty() {
            assert!(!number.starts_with('1') || number == "101", "{}", head.first);
            assert_eq!(number == "101", is_open);
            if is_open {
                assert_eq!(version, "HTTP/1.1");
                head.check_common();
                assert!(head.only("upgrade").is_some_and(|u| u.eq_ignore_ascii_case("websocket")));
                assert_eq!(head.only("sec-websocket-accept"), Some(ACCEPT));
                assert_eq!(head.only("sec-websocket-extensions"), None);
                let mut chosen = head.all("sec-websocket-protocol");
                assert!(chosen.next().is_none_or(|name| SUBPROTOCOLS.contains(&name)));
                assert_eq!(chosen.next(), None);
            }
            return;
        }
        assert!(number.starts_with('1') && number != "101", "{}", head.first);
        heads = rest;
    }
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
