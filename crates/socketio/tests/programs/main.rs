//! The clients for programs over loopback, each test with both: the server runs on a thread of its own, and what is checked is
//! what comes in which order, never how long it takes.

#![cfg(all(unix, feature = "mio", feature = "blocking", feature = "tokio"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../examples/support/program.rs"]
mod program;
mod proxy;
mod tasks;

use program::Program;
use sansio_engineio::Config;
use sansio_socketio::Recovery;
use sansio_socketio::client::{
    Auth, ConnectError, DisconnectReason, EmitError, Reconnection, Transport, Unanswered, engine,
};
use sansio_socketio::mio::{App, AppHandle};
use sansio_socketio::tokio::{Error, Event, Socket};
use sansio_ws::handshake::{HostPolicy, OriginPolicy};
use sansio_ws::mio::server::Server;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

macro_rules! with_both_clients {
    ($($name:ident),+) => {
        mod blocking {$(
            #[test]
            fn $name() {
                super::$name::<sansio_socketio::blocking::Client>();
            }
        )+}
        mod tokio {$(
            #[test]
            fn $name() {
                super::$name::<sansio_socketio::tokio::Client>();
            }
        )+}
    };
}

with_both_clients! {
    a_program_asks_and_leaves,
    a_program_that_is_slow_loses_nothing,
    a_program_learns_what_has_not_left,
    a_program_that_leaves_still_takes_answers,
    each_connection_asks_for_its_authentication,
    a_late_authentication_is_nobodys,
    who_does_not_answer_says_nothing_of_itself,
    a_program_that_panics_when_it_is_asked_ends_its_client,
    sockets_outlive_their_client,
    requests_say_what_the_program_has_said,
    settings_that_are_wrong_connect_to_nothing,
    cookies_are_sent_back_if_that_is_wanted,
    all_connections_go_through_the_proxy,
    a_proxy_that_refuses_is_heard,
    what_was_never_answered_is_told,
    a_program_that_was_cut_off_comes_back_as_the_same_socket
}

/// A test that waits for what does not come fails after this time. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(600);

const SETS: [&[Transport]; 3] =
    [&[Transport::Polling, Transport::WebSocket], &[Transport::Polling], &[Transport::WebSocket]];

struct Running {
    url: String,
    handle: AppHandle<Sender<String>>,
    thread: JoinHandle<usize>,
    said: Receiver<String>,
}

/// A server that counts, floods, and says whose token it has seen.
fn serve() -> Running {
    serve_on(TcpListener::bind("127.0.0.1:0").unwrap())
}

fn serve_on(listener: TcpListener) -> Running {
    let (sender, said) = channel();
    let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
    let mut app = App::new(sender, config);
    app.namespace("/")
        .on("plus", |_, socket, (a, b): (i64, i64)| socket.ack((a + b,)))
        .on("flood", |said: &mut Sender<String>, socket, (number,): (u32,)| {
            for number in 0..number {
                socket.emit("number", (number,));
            }
            said.send("flooded".into()).unwrap();
        })
        .on("kill", |_, socket, ()| {
            let handle = socket.handle();
            socket.io().kill(handle);
        });
    app.namespace("/token").admit(|said: &mut Sender<String>, admission| {
        said.send(admission.auth().into()).unwrap();
        admission.accept();
    });
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let mut server = Server::new(app.into_service()).unwrap().shutdown_time(Some(PATIENCE));
    server.listen(mio::net::TcpListener::from_std(listener)).unwrap();
    let handle = AppHandle::new(server.handle());
    let thread = thread::spawn(|| server.run().unwrap().1);
    Running { url, handle, thread, said }
}

impl Running {
    fn end(self) {
        self.handle.shut_down();
        assert_eq!(self.thread.join().unwrap(), 0, "all connections have ended");
    }
}

/// The next event of this kind.
fn until<T>(client: &mut impl Program, wanted: impl Fn(Event) -> Option<T>) -> T {
    loop {
        let event = client.next_within(PATIENCE).expect("there is more");
        if let Some(found) = wanted(event) {
            return found;
        }
    }
}

/// The events until none comes by itself.
fn all(client: &mut impl Program) -> impl Iterator<Item = Event> {
    core::iter::from_fn(|| client.next_within(PATIENCE))
}

fn is_disconnected(event: Event) -> Option<DisconnectReason> {
    match event {
        Event::Disconnected { reason, .. } => Some(reason),
        _ => None,
    }
}

fn a_program_asks_and_leaves<C: Program>() {
    let server = serve();
    for transports in SETS {
        let builder = C::builder(&server.url).transports(transports.iter().copied());
        let mut client = C::connect(builder).unwrap();
        let answer = client.ask("plus", &(1, 2), PATIENCE).unwrap();
        assert_eq!(answer.get::<i64>(0).unwrap(), 3);
        client.disconnect().unwrap();
        // It may go over to the WebSocket at any time, or not.
        let is_upgrade = |event: &Event| matches!(event, Event::Upgraded);
        let events: Vec<_> = all(&mut client).filter(|event| !is_upgrade(event)).collect();
        assert!(matches!(events[..2], [Event::Opened, Event::Connected { .. }]), "{events:?}");
        let last = events.iter().rev().take(2).collect::<Vec<_>>();
        assert!(
            matches!(last[..], [Event::Disconnected { .. }, Event::Closed { .. }]),
            "{events:?}"
        );
        // And comes back.
        client.socket().connect(None).unwrap();
        until(&mut client, |event| matches!(event, Event::Connected { .. }).then_some(()));
        client.ask("plus", &(3, 4), PATIENCE).unwrap();
    }
    server.end();
}

/// What comes while nobody takes it waits here, in the connection, and at the server, and nothing is lost.
fn a_program_that_is_slow_loses_nothing<C: Program>() {
    const NUMBER: u32 = 12_000;
    let server = serve();
    for transports in SETS {
        let builder = C::builder(&server.url).transports(transports.iter().copied());
        let mut client = C::connect(builder).unwrap();
        client.emit("flood", &(NUMBER,)).unwrap();
        assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), "flooded");
        for expected in 0..NUMBER {
            let number = until(&mut client, |event| match event {
                Event::Event { ref args, .. } => Some(args.get::<u32>(0).unwrap()),
                Event::Disconnected { .. } | Event::Closed { .. } | Event::UpgradeFailed(_) => {
                    panic!("{event:?} before {expected}, with {transports:?}")
                }
                _ => None,
            });
            assert_eq!(number, expected);
        }
        client.disconnect().unwrap();
    }
    server.end();
}

/// What waits for a connection is sent when there is one.
fn a_program_learns_what_has_not_left<C: Program>() {
    // Nobody answers there yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let builder = C::builder(&format!("http://{}", listener.local_addr().unwrap()));
    let mut client = C::start(builder).unwrap();
    let socket = client.socket();
    client.disconnect().unwrap();
    socket.connect(None).unwrap();
    socket.emit("flood", &(0,)).unwrap();
    assert!(matches!(client.disconnect(), Err(Error::Unsent)));
    assert_eq!(socket.waiting(), 1);
    let server = serve_on(listener);
    socket.connect(None).unwrap();
    assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), "flooded");
    assert_eq!(socket.waiting(), 0);
    client.disconnect().unwrap();
    server.end();
}

/// The server takes no more of what it has said before what it has answered is taken.
fn a_program_that_leaves_still_takes_answers<C: Program>() {
    let server = serve();
    for transports in SETS {
        let builder = C::builder(&server.url).transports(transports.iter().copied());
        let builder = builder.limits(|sessions, config| (sessions.close_timeout(PATIENCE), config));
        let mut client = C::connect(builder).unwrap();
        for _ in 0..40 {
            client.emit("flood", &(500,)).unwrap();
        }
        client.disconnect().unwrap();
        assert_eq!(server.said.iter().take(40).count(), 40);
    }
    server.end();
}

fn each_connection_asks_for_its_authentication<C: Program>() {
    let server = serve();
    let mut number = 0;
    let url = format!("{}/token", server.url);
    let builder = C::builder(&url).auth_with(move |request| {
        assert_eq!(request.namespace(), "/token");
        number += 1;
        let auth = Auth::from_json(format!("{{\"token\":{number}}}")).unwrap();
        // Whoever needs longer answers from elsewhere.
        thread::spawn(move || request.answer(&auth));
    });
    let delay = Duration::from_millis(1);
    let builder = builder.reconnection(Reconnection::new().delay(delay));
    let mut client = C::connect(builder).unwrap();
    assert_eq!(client.socket().namespace(), "/token");
    let root = client.namespace_with("/", Auth::none()).unwrap();
    root.emit("kill", &()).unwrap();
    until(&mut client, is_disconnected);
    let is_it = |event| match event {
        Event::Connected { socket } => (socket.namespace() == "/token").then_some(()),
        _ => None,
    };
    until(&mut client, is_it);
    assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), r#"{"token":1}"#);
    assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), r#"{"token":2}"#);
    client.disconnect().unwrap();
    server.end();
}

/// What was asked for a session that is lost since does not count for the next one, answered or not.
fn a_late_authentication_is_nobodys<C: Program>() {
    let server = serve();
    let (sender, requests) = channel();
    let builder = C::builder(&format!("{}/token", server.url))
        .auth_with(move |request| sender.send(request).unwrap());
    let delay = Duration::from_millis(1);
    let mut client = C::start(builder.reconnection(Reconnection::new().delay(delay))).unwrap();
    let root = client.namespace_with("/", Auth::none()).unwrap();
    let next = || requests.recv_timeout(PATIENCE).unwrap();
    let token = |number| Auth::from_json(format!("{{\"token\":{number}}}")).unwrap();
    let first = next();
    root.emit("kill", &()).unwrap();
    let second = next();
    root.emit("kill", &()).unwrap();
    let third = next();
    first.answer(&token(1));
    drop(second);
    third.answer(&token(3));
    assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), r#"{"token":3}"#);
    client.disconnect().unwrap();
    assert!(server.said.try_recv().is_err());
    server.end();
}

fn who_does_not_answer_says_nothing_of_itself<C: Program>() {
    let server = serve();
    let builder = C::builder(&format!("{}/token", server.url)).auth_with(drop);
    let mut client = C::connect(builder).unwrap();
    assert_eq!(server.said.recv_timeout(PATIENCE).unwrap(), "{}");
    client.disconnect().unwrap();
    server.end();
}

/// Nobody would look after its time any more, so nothing is waited for in vain.
fn a_program_that_panics_when_it_is_asked_ends_its_client<C: Program>() {
    let server = serve();
    let builder = C::builder(&format!("{}/token", server.url))
        .auth_with(|_| std::panic::resume_unwind(Box::new("on purpose")));
    let mut client = C::start(builder).unwrap();
    all(&mut client).for_each(drop);
    let emitted = client.emit("plus", &(1, 2));
    assert!(matches!(emitted, Err(Error::Emit(EmitError::Gone))), "{emitted:?}");
    drop(client);
    server.end();
}

/// Other threads are told when the client is dropped.
fn sockets_outlive_their_client<C: Program>() {
    let server = serve();
    let client = C::connect(C::builder(&server.url)).unwrap();
    let socket: Socket = client.socket();
    let (sender, begun) = channel();
    let asking = {
        let socket = socket.clone();
        thread::spawn(move || {
            sender.send(()).unwrap();
            C::wait(socket.ask("nobody-answers", &(), PATIENCE))
        })
    };
    begun.recv().unwrap();
    drop(client);
    let answer = asking.join().unwrap();
    let is_told = matches!(
        answer,
        Err(Error::Unanswered(Unanswered::Disconnected) | Error::Emit(EmitError::Gone))
    );
    assert!(is_told, "{answer:?}");
    assert!(matches!(socket.emit("plus", &(1, 2)), Err(Error::Emit(EmitError::Gone))));
    server.end();
}

/// Answers one request with a refusal, which has these headers as well, and returns its head.
fn refuse_once(listener: &TcpListener, headers: &str) -> Vec<String> {
    let (stream, _) = listener.accept().unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    let head = lines.take_while(|line| !line.is_empty()).collect();
    let body = r#"{"code":4,"message":"go away"}"#;
    let len = body.len();
    write!(
        &stream,
        "HTTP/1.1 403 Forbidden\r\nContent-Length: {len}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    head
}

fn header_of(head: &[String], name: &str) -> Option<String> {
    let mut lines = head.iter().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

fn requests_say_what_the_program_has_said<C: Program>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for transport in [Transport::Polling, Transport::WebSocket] {
        let connecting = thread::spawn(move || {
            let builder = C::builder(&format!("http://user:pass@{address}/chat?room=a%20b"))
                .transports([transport])
                .path("/live/")
                .query("x", "1&2")
                .header("X-Version", "7")
                .reconnection(None);
            C::connect(builder).map(drop)
        });
        let head = refuse_once(&listener, "");
        let target = match transport {
            Transport::Polling => "/live/?EIO=4&transport=polling&x=1%262&room=a%20b",
            Transport::WebSocket => "/live/?EIO=4&transport=websocket&x=1%262&room=a%20b",
        };
        assert_eq!(head[0], format!("GET {target} HTTP/1.1"));
        let header = |name: &str| header_of(&head, name);
        assert_eq!(header("host"), Some(address.to_string()));
        assert_eq!(header("authorization"), Some("Basic dXNlcjpwYXNz".into()));
        assert_eq!(header("x-version"), Some("7".into()));
        assert_eq!(header("user-agent"), None);
        let Err(Error::Connect(ConnectError::Session(error))) = connecting.join().unwrap() else {
            panic!("it is connected");
        };
        match (transport, error) {
            (Transport::Polling, engine::Error::Status { status, code, message }) => {
                assert_eq!((status, code, &*message), (403, Some(4), "go away"));
            }
            (Transport::WebSocket, engine::Error::WebSocket(why)) => {
                assert!(why.contains("403"), "{why}");
            }
            (_, error) => panic!("{error:?}"),
        }
    }
}

/// By either transport, and by the next session, in one header with what the program has said.
fn cookies_are_sent_back_if_that_is_wanted<C: Program>() {
    let set =
        "Set-Cookie: node=7; Path=/; HttpOnly\r\nset-cookie: other=\"8\"\r\nSet-Cookie: gone=\r\n";
    let delete = "Set-Cookie: gone=; Max-Age=0\r\n";
    for transport in [Transport::Polling, Transport::WebSocket] {
        for (are_kept, own) in
            [(false, None), (false, Some("own=1")), (true, None), (true, Some("own=1"))]
        {
            // The one before may have an attempt of a client that has gone.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let reconnection = Reconnection::new().delay(Duration::from_millis(1));
            let mut builder = C::builder(&url).transports([transport]).reconnection(reconnection);
            if are_kept {
                builder = builder.cookies(true);
            }
            if let Some(own) = own {
                builder = builder.header("cookie", own);
            }
            let client = C::start(builder).unwrap();
            let cookie = |headers| header_of(&refuse_once(&listener, headers), "cookie");
            let with = |kept: &str| {
                let kept = are_kept.then_some(kept);
                let all: Vec<_> = own.into_iter().chain(kept).collect();
                (!all.is_empty()).then(|| all.join("; "))
            };
            assert_eq!(cookie(set).as_deref(), own);
            assert_eq!(cookie(delete), with("node=7; other=\"8\"; gone="));
            assert_eq!(cookie(""), with("node=7; other=\"8\""));
            drop(client);
        }
    }
}

/// Only the proxy knows where the server is.
fn all_connections_go_through_the_proxy<C: Program>() {
    let server = serve();
    for transports in SETS {
        let proxy = proxy::Proxy::to(server.url.strip_prefix("http://"));
        let builder = C::builder("http://server.invalid").transports(transports.iter().copied());
        let builder = builder.proxy(sansio_ws::handshake::Proxy::new(&proxy.url).unwrap());
        let mut client = C::connect(builder).unwrap();
        if transports.len() > 1 {
            until(&mut client, |event| matches!(event, Event::Upgraded).then_some(()));
        }
        let answer = client.ask("plus", &(1, 2), PATIENCE).unwrap();
        assert_eq!(answer.get::<i64>(0).unwrap(), 3);
        client.disconnect().unwrap();
        drop(client);
        let heads: Vec<_> = proxy.heads.try_iter().collect();
        // At least one for each transport.
        assert!(heads.len() >= transports.len(), "{heads:?}");
        for head in &heads {
            assert!(head.starts_with("CONNECT server.invalid:80 HTTP/1.1\r\n"), "{head}");
            // "user:p@ss"
            assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
        }
    }
    server.end();
}

fn a_proxy_that_refuses_is_heard<C: Program>() {
    let proxy = proxy::Proxy::to(None);
    // Nobody gets as far as TLS.
    let tls = Arc::new(sansio_ws::tls::client_config(rustls::RootCertStore::empty()).unwrap());
    for url in ["http://server.invalid", "https://server.invalid"] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let builder = C::builder(url).transports([transport]).tls(Arc::clone(&tls));
            let builder = builder.proxy(sansio_ws::handshake::Proxy::new(&proxy.url).unwrap());
            let error = C::connect(builder).map(drop).unwrap_err().to_string();
            let at = proxy.url.split_once('@').unwrap().1;
            let wanted = format!("the proxy ({at}) refused: 407 Proxy Authentication Required");
            assert!(error.contains(&wanted) && !error.contains("p@ss"), "{error}");
        }
    }
}

/// The server has no handler for it, and what is sent behind it waits until it was given up.
fn what_was_never_answered_is_told<C: Program>() {
    let server = serve();
    let time = Duration::from_millis(1);
    let builder = C::builder(&server.url).retries(2).ack_timeout(time);
    let mut client = C::connect(builder).unwrap();
    client.emit("nobody-answers", &(1,)).unwrap();
    let answer = client.ask("plus", &(1, 2), PATIENCE).unwrap();
    assert_eq!(answer.get::<i64>(0).unwrap(), 3);
    let answer = client.ask("nobody-answers", &(), time);
    assert!(matches!(answer, Err(Error::Unanswered(Unanswered::TimedOut))), "{answer:?}");
    client.disconnect().unwrap();
    let told: Vec<_> = all(&mut client)
        .filter_map(|event| match event {
            Event::Unacknowledged { socket, event, why } => {
                Some((socket.namespace(), event.json().to_owned(), why))
            }
            _ => None,
        })
        .collect();
    let why = Unanswered::TimedOut;
    assert_eq!(told, [("/".into(), r#"["nobody-answers",1]"#.into(), why)]);
    server.end();
}

fn settings_that_are_wrong_connect_to_nothing<C: Program>() {
    let wrong = |url: &str| C::connect(C::builder(url)).map(drop).unwrap_err();
    assert!(matches!(wrong("ftp://example.com"), Error::Url(_)));
    assert!(matches!(wrong("http://127.0.0.1:1/a,b"), Error::Namespace(_)));
    let builder = C::builder("http://127.0.0.1:1").header("X", "a\r\nb");
    assert!(matches!(C::connect(builder), Err(Error::Header(_))));
    let builder = C::builder("http://user@127.0.0.1:1").header("authorization", "Bearer 1");
    assert!(matches!(C::connect(builder), Err(Error::Header(_))), "one of them only");
    let builder = C::builder("http://127.0.0.1:1").reconnection(None);
    let events: Vec<_> = all(&mut C::start(builder).unwrap()).collect();
    assert!(matches!(events[..], [Event::ConnectError { .. }, Event::Failed(_)]), "{events:?}");
}

/// What a client has missed while it was away comes once, whether it is back before that is said or behind it.
fn a_program_that_was_cut_off_comes_back_as_the_same_socket<C: Program>() {
    for transports in SETS {
        let config = Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost);
        let mut app = App::new((), config)
            .config(sansio_socketio::Config::default().recovery(Some(Recovery::default())));
        app.namespace("/")
            .on("say", |_, socket, (text,): (String,)| socket.everyone().emit("news", (text,)))
            .on("kill", |_, socket, ()| {
                let handle = socket.handle();
                socket.io().kill(handle);
            });
        let server = app.listen("127.0.0.1:0").unwrap().shutdown_time(Some(PATIENCE));
        let url = format!("http://{}", server.listeners().next().unwrap().local_addr().unwrap());
        let handle = AppHandle::<()>::new(server.handle());
        let thread = thread::spawn(|| server.run().unwrap().1);
        let connect = || {
            let reconnection = Reconnection::new().delay(Duration::from_millis(10));
            let builder = C::builder(&url).transports(transports.iter().copied());
            C::connect(builder.reconnection(reconnection)).unwrap()
        };
        let news = |event| match event {
            Event::Event { name, args, .. } if name == "news" => args.get::<String>(0).ok(),
            _ => None,
        };
        let (mut away, mut other) = (connect(), connect());
        for round in 0..3 {
            let [before, missed] = [format!("before {round}"), format!("missed {round}")];
            other.emit("say", &(&before,)).unwrap();
            assert_eq!(until(&mut away, news), before);
            assert_eq!(until(&mut other, news), before);
            let id = away.socket().id().unwrap();
            away.emit("kill", &()).unwrap();
            until(&mut away, is_disconnected);
            other.emit("say", &(&missed,)).unwrap();
            assert_eq!(until(&mut other, news), missed);
            assert_eq!(until(&mut away, news), missed);
            assert!(away.socket().is_recovered());
            assert_eq!(away.socket().id(), Some(id));
        }
        drop((away, other));
        handle.shut_down();
        assert_eq!(thread.join().unwrap(), 0, "all connections have ended");
    }
}
