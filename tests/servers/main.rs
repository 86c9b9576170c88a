//! The example servers as people run them: real processes, real sockets, and what the world does
//! to them.
//!
//! `cargo test --all-features` builds the examples first. `cargo test --test servers` alone does
//! not: run `cargo build --all-features --examples` before.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]

mod hosts;
mod leaving;

use sansio_ws::blocking::{Error, Plain, Stream, WebSocket};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::deflate::Deflate;
use sansio_ws::handshake::ClientRequest;
use sansio_ws::{CloseCode, Config, Ended, Event, MessageKind};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

type Client = WebSocket<TcpStream>;

const SECOND: Duration = Duration::from_secs(1);

/// A watchdog: a test that waits for something that never comes fails after this time. No machine
/// is slow enough to need it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Deadlines that are there, and further away than [`PATIENCE`].
const FAR: Timeouts = {
    let far = Some(Duration::from_secs(3600));
    Timeouts::new().opening(far).keep_alive(far).pong(far).close(far)
};

/// What a server is told if a test does not say otherwise: the same deadlines, so that it has no
/// ticks meanwhile, and to be quiet.
const OPTIONS: [(&str, &str); 4] = [
    ("--opening-timeout", "3600"),
    ("--silence-timeout", "3600"),
    ("--close-timeout", "3600"),
    ("--log", "off"),
];

// ---- the process ---------------------------------------------------------------------------

struct Server {
    process: Child,
    address: SocketAddr,
}

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap(); // target/PROFILE/deps/servers-…
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{path:?} is missing: run `cargo build --all-features --examples`");
    path
}

impl Server {
    fn echo(arguments: &[&str]) -> Self {
        Self::start(Command::new(example("echo_server")).arg("127.0.0.1:0").args(arguments))
    }

    fn chat(address: &str, arguments: &[&str]) -> Self {
        Self::start(Command::new(example("chat")).arg(address).args(arguments))
    }

    fn start(command: &mut Command) -> Self {
        // What is said on the command line is not said again.
        let said: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        for (option, value) in OPTIONS {
            if !said.contains(&option.into()) {
                command.args([option, value]);
            }
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Else glibc keeps what the server has freed, and its memory can't be seen from outside.
        command.env("MALLOC_MMAP_THRESHOLD_", "131072");
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap();
        let address = url.strip_prefix("ws://").unwrap().trim_end_matches('/').parse().unwrap();
        assert_eq!(line, format!("listening on http://{address}/ and ws://{address}/\n"));
        Self { process, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn client(&self) -> Client {
        self.try_client("/").unwrap()
    }

    fn try_client(&self, path: &str) -> Result<Client, Error> {
        let url = format!("ws://{}{path}", self.address);
        let request = ClientRequest::new(&url).unwrap().subprotocol("chat").unwrap();
        WebSocket::open(
            &request,
            Config::default(),
            FAR.opening(Some(PATIENCE)).idle(Some(PATIENCE)),
        )
    }

    /// Sends bytes and returns everything that comes back until the server closes.
    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end. Returns the exit code, and what it has warned of.
    fn exit(&mut self) -> (Option<i32>, String) {
        let code = until("its end", || self.process.try_wait().unwrap()).code();
        let mut warnings = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut warnings).unwrap();
        (code, warnings)
    }
}

/// Asks again and again.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(Duration::from_millis(10));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// ---- what clients do -----------------------------------------------------------------------

fn text<S: Stream>(client: &mut WebSocket<S>) -> String {
    match client.read() {
        Ok(Some(Event::Text(text))) => text.to_string(),
        other => panic!("no text, but {other:?}"),
    }
}

/// Reads on until the peer's Close, and ends the connection.
fn closed(client: &mut Client) -> (Option<CloseCode>, String) {
    loop {
        if let Some(Event::Close(close)) = client.read().unwrap() {
            let (code, reason) = (close.code, close.reason.to_string());
            while client.read().unwrap().is_some() {}
            return (code, reason);
        }
    }
}

fn is_echoed(client: &mut Client, message: &str) {
    client.send_text(message).unwrap();
    assert_eq!(text(client), message);
}

/// How many bytes were read tells whether messages came compressed.
struct Counted {
    stream: TcpStream,
    read: usize,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.read += n;
        Ok(n)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

// ---- the tests -----------------------------------------------------------------------------

#[test]
fn people_get_the_page_and_programs_clear_answers() {
    let server = Server::echo(&[]);
    let get = |request: &str| server.exchange(format!("{request}\r\nHost: x\r\n\r\n").as_bytes());
    let page = get("GET / HTTP/1.1");
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert_eq!(body, include_str!("../../examples/pages/echo.html"));
    assert_eq!(get("HEAD / HTTP/1.1"), format!("{head}\r\n\r\n"), "the same without the page");
    assert!(get("GET /favicon.ico HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(get("POST / HTTP/1.1").starts_with("HTTP/1.1 405 "));
    assert!(get("GET / HTTP/1.1\r\nUpgrade: websocket").starts_with("HTTP/1.1 400 "));
}

#[test]
fn echo() {
    let server = Server::echo(&["--max-message", "2000000"]);
    let mut client = server.try_client("/any/path?x=1").unwrap();
    assert_eq!(client.subprotocol(), Some("chat"));
    is_echoed(&mut client, "");
    is_echoed(&mut client, "Grüße, 世界");
    is_echoed(&mut client, &"é".repeat(600_000));
    client.send_binary(&[0xFF, 0, 1]).unwrap();
    assert_eq!(client.read().unwrap(), Some(Event::Binary(&[0xFF, 0, 1])));
    for i in 0..1000 {
        client.connection().send_text(&i.to_string()).unwrap();
    }
    for i in 0..1000 {
        assert_eq!(text(&mut client), i.to_string());
    }
    // Many turns, but all of it arrives with the first: nothing but the server asks for the rest.
    for _ in 0..16_000 {
        client.connection().send_fragment(MessageKind::Text, b"", false).unwrap();
    }
    client.send_fragment(MessageKind::Text, b"end", true).unwrap();
    assert_eq!(text(&mut client), "end");
    client.connection().close_empty().unwrap();
    assert_eq!(closed(&mut client), (None, String::new()), "no code for none");

    let mut client = server.client();
    client.start_close(CloseCode::try_from(3456).unwrap(), "bye").unwrap();
    assert_eq!(closed(&mut client), (CloseCode::new(3456), "bye".into()));

    let mut client = server.client();
    client.send_binary(&[0; 2_000_001]).unwrap();
    assert_eq!(closed(&mut client).0, Some(CloseCode::MESSAGE_TOO_BIG));
}

#[test]
fn who_does_not_read_is_not_read_from_and_loses_nothing() {
    const MESSAGES: u32 = 400;
    let server = Server::echo(&[]);
    let (mut reader, writer) = server.client().split().unwrap();
    let sending = thread::spawn(move || {
        for i in 0..MESSAGES {
            writer.send_binary(&i.to_be_bytes().repeat(25_000)).unwrap();
        }
    });
    sleep(SECOND);
    assert!(!sending.is_finished(), "40 MB, and nobody read any of them");
    let memory = resident_bytes(&server);
    assert!(memory < 16 << 20, "the server holds {memory} bytes");
    is_echoed(&mut server.client(), "others do not notice");
    for i in 0..MESSAGES {
        match reader.read().unwrap() {
            Some(Event::Binary(bytes)) => assert_eq!(bytes, i.to_be_bytes().repeat(25_000)),
            other => panic!("no echo {i}, but {other:?}"),
        }
    }
    sending.join().unwrap();
}

#[test]
fn a_broadcast_reaches_everyone_who_is_there() {
    let server = Server::echo(&["--broadcast"]);
    let mut clients = [server.client(), server.client(), server.client()];
    for client in &mut clients {
        client.send_text("ready").unwrap(); // the server has them all when each has its own
        while text(client) != "ready" {}
    }
    clients[0].send_text("last of the ready").unwrap();
    for client in &mut clients {
        while text(client) != "last of the ready" {}
    }
    clients[0].send_text(&"é".repeat(50_000)).unwrap();
    clients[0].send_binary(&[1, 2, 3]).unwrap();
    for client in &mut clients {
        assert_eq!(text(client), "é".repeat(50_000));
        assert_eq!(client.read().unwrap(), Some(Event::Binary(&[1, 2, 3])));
    }
    // More than one turn may deliver.
    for i in 0..1000 {
        clients[0].connection().send_text(&i.to_string()).unwrap();
    }
    for client in &mut clients {
        for i in 0..1000 {
            assert_eq!(text(client), i.to_string());
        }
    }
    let [gone, mut one, mut other] = clients;
    drop(gone);
    one.send_text("still here").unwrap();
    assert_eq!((text(&mut one), text(&mut other)), ("still here".into(), "still here".into()));
}

#[test]
fn a_broadcast_is_compressed_for_those_who_can_read_it() {
    let server = Server::echo(&["--deflate", "--broadcast"]);
    let offers: [Option<Deflate>; 3] =
        [None, Some(Deflate::default()), Some(Deflate::context_takeover())];
    let mut clients = offers.map(|offer| {
        let offered = offer.is_some();
        let config =
            offer.map_or(Config::default(), |deflate| Config::default().extension(deflate));
        let request = ClientRequest::new(&format!("ws://{}/", server.address)).unwrap();
        let stream = Plain(Counted { stream: server.connect(), read: 0 });
        let mut client = WebSocket::connect(stream, &request, config, FAR).unwrap();
        assert_eq!(client.connection().extension().is_some(), offered);
        client.send_text("ready").unwrap(); // so that the server has all of them
        while text(&mut client) != "ready" {}
        client
    });
    clients[2].send_text("all are there").unwrap();
    for client in &mut clients {
        while text(client) != "all are there" {}
    }
    for sender in 0..3 {
        let before = clients.each_ref().map(|client| client.stream().0.read);
        clients[sender].send_text(&"é".repeat(50_000)).unwrap();
        clients[sender].send_binary(&[7; 100_000]).unwrap();
        clients[sender].send_text("short").unwrap();
        for client in &mut clients {
            assert_eq!(text(client), "é".repeat(50_000));
            assert_eq!(client.read().unwrap(), Some(Event::Binary(&[7; 100_000])));
            assert_eq!(text(client), "short");
        }
        let read: Vec<usize> =
            clients.iter().zip(before).map(|(client, n)| client.stream().0.read - n).collect();
        assert!(read[0] > 200_000 && read[1] < 2_000 && read[2] < 2_000, "{read:?} bytes read");
    }
}

#[test]
fn settings_of_compression_are_explained() {
    let run = |arguments: &[&str]| {
        let output = Command::new(example("echo_server")).args(arguments).output().unwrap();
        let lines = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code(), lines.concat())
    };
    let (code, help) = run(&["--help"]);
    assert_eq!(code, Some(0));
    for word in ["--deflate[=<STATE>]", "pooled", "kept", "small", "--deflate-level <LEVEL>"] {
        assert!(help.contains(word), "no {word} in {help}");
    }
    let (code, error) = run(&["127.0.0.1:0", "--deflate", "--deflate-level", "12"]);
    assert_eq!(code, Some(1));
    assert_eq!(error, "error: the level of compression must be 1 to 9\n");
    for arguments in [["--deflate=much", "--broadcast"], ["--deflate-level", "5"]] {
        let (code, error) = run(&arguments);
        assert_eq!(code, Some(2));
        assert!(error.contains("--deflate"), "{error}");
    }
}

/// Broadcasts 24 MB to a client that reads nothing, and to one that does and gets everything.
/// Returns the first.
fn fall_behind(server: &Server) -> Client {
    let mut slow = server.client();
    is_echoed(&mut slow, "here");
    let (mut sender, mut healthy) = (server.client(), server.client());
    is_echoed(&mut healthy, "here");
    assert_eq!(text(&mut slow), "here");
    let mut message = vec![0; 60_000];
    for i in 0..400_u32 {
        message[..4].copy_from_slice(&i.to_be_bytes());
        sender.send_binary(&message).unwrap();
        for client in [&mut sender, &mut healthy] {
            while !matches!(client.read().unwrap(), Some(Event::Binary(bytes)) if bytes == message)
            {
            }
        }
    }
    let memory = resident_bytes(server);
    assert!(memory < 12 << 20, "the server holds {memory} bytes");
    slow
}

/// How many of the messages a slow client got, in order, and the text or Close that came next.
fn count(slow: &mut Client) -> (u32, String) {
    let mut count = 0_u32;
    loop {
        match slow.read().unwrap() {
            Some(Event::Binary(bytes)) => assert_eq!(bytes[..4], count.to_be_bytes()),
            Some(Event::Text(text)) => return (count, text.to_string()),
            Some(Event::Close(close)) => return (count, close.to_string()),
            other => panic!("{other:?} after {count} messages"),
        }
        count += 1;
    }
}

#[test]
fn a_broadcast_reaches_the_clients_of_all_threads() {
    let mut server = Server::echo(&["--broadcast", "--threads", "2"]);
    let mut clients = [(); 16].map(|()| server.client());
    for (said, speaker) in (0..clients.len()).enumerate() {
        clients[speaker].send_text(&format!("message {said}")).unwrap();
        for client in &mut clients {
            assert_eq!(text(client), format!("message {said}"));
        }
    }
    server.signal("-TERM");
    drop(clients);
    assert_eq!(server.exit(), (Some(0), String::new()));
}

#[test]
fn a_slow_reader_misses_messages() {
    let mut server = Server::echo(&["--broadcast", "--slow", "drop-message", "--log", "info"]);
    let mut slow = fall_behind(&server);
    let mut other = server.client();
    // Its turn to speak comes when its queue is short again, and so it hears its own words.
    slow.send_text("caught up?").unwrap();
    let (count, next) = count(&mut slow);
    assert!((1..400).contains(&count), "{count} of 400 messages");
    assert_eq!(next, "caught up?");
    while text(&mut other) != "caught up?" {}
    is_echoed(&mut slow, "yes");
    drop((slow, other));
    server.signal("-TERM");
    let (code, log) = server.exit();
    let missed = log.split("it missed ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let missed: u32 = missed.parse().unwrap();
    assert_eq!((code, count + missed), (Some(0), 400), "each was heard or missed: {log}");
}

#[test]
fn a_slow_reader_is_disconnected() {
    let server = Server::echo(&["--broadcast", "--slow", "disconnect"]);
    let mut slow = fall_behind(&server);
    let (count, next) = count(&mut slow);
    assert!((1..400).contains(&count), "{count} of 400 messages");
    assert_eq!(next, "1013 (try again later): reading too slowly");
    while slow.read().unwrap().is_some() {}
    assert_eq!(slow.ended(), Some(Ended::Clean { code: Some(CloseCode::TRY_AGAIN_LATER) }));
    is_echoed(&mut server.client(), "others stay");
}

#[test]
fn running_out_of_descriptors_is_survived_without_spinning() {
    let limited =
        format!("ulimit -n 24; exec '{}' 127.0.0.1:0 \"$@\"", example("echo_server").display());
    let server = Server::start(Command::new("sh").args(["-c", &limited, "sh"]));
    let mut healthy = server.client();
    let mut waiting: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    is_echoed(&mut healthy, "who is in is served");
    rests(&server);
    // Those at the end of the line get in as soon as those before have gone, and not with a tick.
    waiting.truncate(0);
    is_echoed(&mut server.client(), "room again");
    is_echoed(&mut healthy, "still here");
}

#[test]
fn a_client_that_says_nothing_sensible_holds_up_nobody() {
    let server = Server::echo(&[]);
    let _silent = server.connect();
    let mut slow = server.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    assert!(server.exchange(tls_hello).starts_with("HTTP/1.1 400 "));
    assert!(server.exchange(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").starts_with("HTTP/1.1 505 "));
    assert!(server.exchange(&[b'x'; 17_000]).starts_with("HTTP/1.1 4"));
    for _ in 0..200 {
        drop(server.connect()); // a port scan
    }
    is_echoed(&mut server.client(), "others do not notice");
}

#[test]
fn who_takes_too_long_for_the_handshake_is_got_rid_of() {
    let server = Server::echo(&["--opening-timeout", "1"]);
    let start = Instant::now();
    let (mut silent, mut slow) = (server.connect(), server.connect());
    // A byte now and then does not buy time, and goes on until the server has gone.
    for byte in b"GET / HTTP/1.1\r\nHost: ".iter().chain(b"x".iter().cycle()) {
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
        sleep(SECOND / 10);
    }
    assert!(matches!(silent.read(&mut [0; 100]), Ok(0) | Err(_)));
    assert!(start.elapsed() >= SECOND, "after {:?}, too early", start.elapsed());
}

#[test]
fn idle_connections_are_closed() {
    let server = Server::echo(&["--idle-timeout", "1"]);
    let start = Instant::now();
    let idle = closed(&mut server.client());
    assert_eq!(idle, (Some(CloseCode::GOING_AWAY), "idle for too long".into()));
    assert!(start.elapsed() >= SECOND, "after {:?}, too early", start.elapsed());
}

#[test]
fn idle_connections_cost_nothing() {
    let server = Server::echo(&[]);
    let mut idle = server.client();
    is_echoed(&mut idle, &"x".repeat(16 << 20));
    rests(&server);
    let memory = resident_bytes(&server);
    assert!(memory < 12 << 20, "the server holds {memory} bytes");
    is_echoed(&mut idle, "still here");
}

#[test]
fn a_port_is_taken_until_its_server_ends() {
    let first = Server::chat("127.0.0.1:0", &[]);
    let address = first.address.to_string();
    let second = Command::new(example("chat")).arg(&address).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.starts_with(&format!("error: can't listen on {address}: ")), "{message}");
    let mut client = first.client();
    assert_eq!(text(&mut client), "user1 comes in");
    drop(first); // killed, so it is its end that is left in TIME_WAIT
    Server::chat(&address, &[]);
}

#[test]
fn chat() {
    let server = Server::chat("127.0.0.1:0", &[]);
    assert!(server.exchange(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").contains("<html"));
    let mut one = server.client();
    assert_eq!(text(&mut one), "user1 comes in", "fetching the page does not count");
    let mut two = server.client();
    for client in [&mut one, &mut two] {
        assert_eq!(text(client), "user2 comes in");
    }
    two.send_text("hello").unwrap();
    two.send_text("a\r\nuser1 left").unwrap();
    for client in [&mut one, &mut two] {
        assert_eq!(text(client), "user2 says: hello");
        assert_eq!(text(client), "user2 says: a  user1 left", "one line");
    }
    two.send_binary(b"no text").unwrap();
    assert_eq!(closed(&mut two).0, Some(CloseCode::UNSUPPORTED_DATA));
    assert_eq!(text(&mut one), "user2 left");
    let foreign = ClientRequest::new(&format!("ws://{}/", server.address)).unwrap();
    let foreign = foreign.origin("https://example.com").unwrap();
    let refused = WebSocket::open(&foreign, Config::default(), FAR);
    assert!(matches!(refused, Err(Error::Refused(refused)) if refused.status == 403));
}

// ---- what the system says about the process ------------------------------------------------

/// Waits until the server rests: it is asleep, and nothing but a tick wakes it. One that spins is
/// never asleep, or wakes again and again, on a slow machine as on a fast one.
#[cfg(target_os = "linux")]
fn rests(server: &Server) {
    let proc = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", server.process.id())).unwrap()
    };
    let is_asleep = || proc("stat").rsplit_once(") ").unwrap().1.starts_with('S');
    let wakes = || {
        let status = proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<usize>().unwrap()
    };
    until("rest", || {
        let before = wakes();
        is_asleep().then(|| sleep(SECOND / 5))?;
        (is_asleep() && wakes() < before + 5).then_some(())
    });
}

#[cfg(target_os = "linux")]
fn resident_bytes(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[cfg(not(target_os = "linux"))]
fn rests(_: &Server) {}

#[cfg(not(target_os = "linux"))]
fn resident_bytes(_: &Server) -> usize {
    0
}
