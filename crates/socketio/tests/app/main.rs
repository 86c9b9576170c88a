//! Applications over loopback: the server runs on a thread of its own, and what is checked is what comes in which
//! order, never how long it takes.

#![cfg(all(unix, feature = "mio"))]
#![allow(clippy::unwrap_used, reason = "a test")]

mod recovery;

use sansio_engineio::Config;
use sansio_socketio::mio::{App, AppHandle, Io, PendingAdmission};
use sansio_socketio::{Close, DisconnectReason, Socket};
use sansio_ws::blocking::WebSocket;
use sansio_ws::deadlines::Timeouts;
use sansio_ws::handshake::{ClientRequest, HostPolicy, OriginPolicy};
use sansio_ws::{Event, Limits};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A test that waits for what does not come fails after this time. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(600);
const FAR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(1);

/// What handlers say to the test.
struct Said(Sender<String>);

impl Said {
    fn say(&self, text: impl Into<String>) {
        // Fails only if the test is over.
        let _ = self.0.send(text.into());
    }
}

fn engine() -> Config {
    Config::new(OriginPolicy::SameHost, HostPolicy::AnyHost).ping_interval(FAR).ping_timeout(FAR)
}

fn app() -> (App<Said>, Receiver<String>) {
    let (sender, receiver) = channel();
    (App::new(Said(sender), engine()), receiver)
}

struct Running<S> {
    address: SocketAddr,
    handle: AppHandle<S>,
    thread: JoinHandle<usize>,
}

impl<S: Send + 'static> Running<S> {
    fn start(app: App<S>) -> Self {
        let server = app.listen("127.0.0.1:0").unwrap().shutdown_time(Some(PATIENCE));
        let address = server.listeners().next().unwrap().local_addr().unwrap();
        let handle = AppHandle::new(server.handle());
        let thread = thread::spawn(|| server.run().unwrap().1);
        Self { address, handle, thread }
    }

    fn connect(&self) -> Client {
        let target = format!("ws://{}/socket.io/?EIO=4&transport=websocket&me=1", self.address);
        let request = ClientRequest::new(&target).unwrap();
        let timeouts = Timeouts::default().keep_alive(None).idle(Some(PATIENCE));
        let limits = Limits::default().max_queued_bytes(usize::MAX);
        let config = sansio_ws::Config::default().limits(limits);
        let mut client = Client(WebSocket::open(&request, config, timeouts).unwrap());
        assert!(client.read().starts_with("0{"));
        client
    }

    /// A client in the namespace `/`.
    fn join(&self) -> Client {
        let mut client = self.connect();
        client.send("40");
        assert!(client.read().starts_with("40{\"sid\":\""));
        client
    }

    /// The same if clients have little time for that: on a slow machine it may take longer.
    fn join_in_time(&self) -> Client {
        loop {
            let mut client = self.connect();
            client.send("40");
            if client.read().starts_with("40{") {
                return client;
            }
        }
    }

    fn end(self) {
        self.handle.shut_down();
        assert_eq!(self.thread.join().unwrap(), 0, "all connections have ended");
    }
}

struct Client(WebSocket<TcpStream>);

impl Client {
    fn send(&mut self, text: &str) {
        self.0.send_text(text).unwrap();
    }

    /// The next message. `""` if the server has closed.
    #[track_caller]
    fn read(&mut self) -> String {
        match self.0.read() {
            Ok(Some(Event::Text(text))) => text.into(),
            Ok(Some(Event::Close(_)) | None) => String::new(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn arguments_are_what_the_handler_takes_or_it_is_not_called() {
    let (mut app, said) = app();
    app.namespace("/")
        .on("add", |_, socket, (a, b): (i64, Option<i64>)| socket.ack((a + b.unwrap_or(0),)))
        .on_wrong_argument(|said, _, name, error| said.say(format!("{name}: {error}")));
    let server = Running::start(app);
    let mut client = server.join();
    for (sent, answer) in [
        ("421[\"add\",1,2]", "431[3]"),
        ("422[\"add\",1]", "432[1]"),
        ("423[\"add\",1,2,{\"more\":[]}]", "433[3]"),
    ] {
        client.send(sent);
        assert_eq!(client.read(), answer, "{sent}");
    }
    for wrong in ["424[\"add\"]", "425[\"add\",\"x\"]", "426[\"add\",1,\"y\"]"] {
        client.send(wrong);
        assert!(said.recv_timeout(PATIENCE).unwrap().starts_with("add: "), "{wrong}");
    }
    client.send("427[\"add\",7]");
    assert_eq!(client.read(), "437[7]", "and nothing has come of the others");
    drop(client);
    server.end();
}

#[test]
fn a_client_can_be_admitted_by_another_thread() {
    let (decide, waiting) = channel::<(PendingAdmission, String)>();
    let (mut app, _said) = app();
    app.namespace("/").admit(move |_, admission| {
        let auth = admission.auth().to_owned();
        decide.send((admission.later(), auth)).unwrap();
    });
    let server = Running::start(app);
    let mut clients = [server.connect(), server.connect(), server.connect()];
    for (client, auth) in clients.iter_mut().zip(["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]) {
        client.send(&format!("40{auth}"));
        let (pending, told) = waiting.recv_timeout(PATIENCE).unwrap();
        assert_eq!(told, auth);
        let handle = server.handle.clone();
        // The second one goes away meanwhile.
        thread::spawn(move || match &*told {
            "{\"a\":1}" => handle.run(|_, io| io.accept(pending)).unwrap(),
            _ => handle.run(|_, io| io.refuse_with(pending, "no", Some([1]))).unwrap(),
        })
        .join()
        .unwrap();
    }
    let [first, second, third] = &mut clients;
    assert!(first.read().starts_with("40{\"sid\":"));
    for refused in [second, third] {
        assert_eq!(refused.read(), "44{\"message\":\"no\",\"data\":[1]}");
    }
    drop(clients);
    // One who has gone before the decision is never let in.
    let mut client = server.connect();
    client.send("40");
    let (pending, _) = waiting.recv_timeout(PATIENCE).unwrap();
    drop(client);
    let (tell, told) = channel();
    let mut pending = Some(pending);
    while let Some(asked) = pending.take() {
        let tell = tell.clone();
        server
            .handle
            .run(move |_, io| {
                let is_waiting = io.is_waiting(&asked);
                tell.send((asked, is_waiting)).unwrap();
            })
            .unwrap();
        let (asked, is_waiting) = told.recv_timeout(PATIENCE).unwrap();
        match is_waiting {
            true => pending = Some(asked),
            false => server.handle.run(|_, io| io.accept(asked)).unwrap(),
        }
    }
    server.end();
}

#[test]
fn who_leaves_has_its_rooms_until_it_has_left() {
    let (mut app, said) = app();
    app.namespace("/")
        .on_connect(|_, socket| {
            socket.join("a");
            socket.join("b");
            socket.leave("a");
        })
        .on("leave me", |_, socket, (): ()| {
            socket.disconnect(Close::Namespace);
            // It has left already, as far as sending is concerned.
            socket.emit("too late", ());
        })
        .on_disconnecting(|said, socket, reason| {
            let rooms: Vec<_> = socket.rooms().skip(1).map(String::from).collect();
            said.say(format!("{reason}: {rooms:?}"));
        })
        .on_disconnect(|said, socket, reason| {
            assert_eq!(socket.rooms().count(), 0);
            assert_eq!(socket.io().server().namespaces().count(), 0);
            said.say(reason.to_string());
        });
    let server = Running::start(app);
    let mut client = server.join();
    client.send("42[\"leave me\"]");
    assert_eq!(client.read(), "41");
    for line in ["server namespace disconnect: [\"b\"]", "server namespace disconnect"] {
        assert_eq!(said.recv_timeout(PATIENCE).unwrap(), line);
    }
    client.send("40");
    assert!(client.read().starts_with("40{"), "it may come again");
    client.send("41");
    for line in ["client namespace disconnect: [\"b\"]", "client namespace disconnect"] {
        assert_eq!(said.recv_timeout(PATIENCE).unwrap(), line);
    }
    drop(client);
    server.end();
}

#[test]
fn timers_go_with_their_socket() {
    let (mut app, said) = app();
    app.namespace("/").on_connect(|_, socket| {
        let mut left = 3;
        socket.every(SOON, move |_, socket| {
            left -= 1;
            socket.emit("tick", (left,));
            left > 0
        });
        socket.after(SOON, |said, _| said.say("after"));
        socket.every(SOON, |said, _| {
            said.say("again");
            true
        });
        socket.after(FAR, |said, _| said.say("never"));
        let cancelled = socket.after(SOON, |said, _| said.say("cancelled"));
        socket.io().cancel(cancelled);
    });
    let server = Running::start(app);
    let mut client = server.join();
    let ticks: Vec<_> = (0..3).map(|_| client.read()).collect();
    assert_eq!(ticks, ["42[\"tick\",2]", "42[\"tick\",1]", "42[\"tick\",0]"]);
    let mut heard = BTreeMap::new();
    while heard.len() < 2 || heard["again"] < 3 {
        *heard.entry(said.recv_timeout(PATIENCE).unwrap()).or_insert(0) += 1;
    }
    assert_eq!(heard.keys().collect::<Vec<_>>(), ["after", "again"]);
    drop(client);
    // The end of the application's state ends the channel: nothing is left that would speak.
    server.end();
    assert!(said.iter().all(|line| line == "again"));
}

#[test]
fn timers_end_when_they_are_taken_back_or_their_socket_has_left() {
    let (mut app, said) = app();
    app.namespace("/")
        .on_connect(|_, socket| {
            let number = Arc::new(AtomicU64::new(0));
            let itself = Arc::clone(&number);
            let timer = socket.every(SOON, move |said, socket| {
                said.say("once");
                socket.io().cancel(itself.load(Ordering::Relaxed));
                // This comes behind the next time, if there is one.
                socket.after(SOON * 2, |_, socket| socket.emit("end", ()));
                true
            });
            number.store(timer, Ordering::Relaxed);
        })
        .on_disconnect(|_, socket, _| {
            socket.after(SOON, |said, _| said.say("it has left"));
            socket.io().after(SOON, |said, _| said.say("the end"));
        });
    let server = Running::start(app);
    let mut client = server.join();
    assert_eq!(client.read(), "42[\"end\"]");
    drop(client);
    let told = || said.recv_timeout(PATIENCE).unwrap();
    assert_eq!((told(), told()), ("once".into(), "the end".into()));
    server.end();
}

/// As in npm's server: a socket that listeners or checks have made leave gets nothing more.
#[test]
fn an_event_is_not_handed_out_behind_the_end() {
    let (mut app, said) = app();
    app.namespace("/")
        .on_any(|_, socket, name, _| {
            if name == "any" {
                socket.disconnect(Close::Namespace);
            }
        })
        .check(|said, socket, name, _| {
            said.say(format!("check {name}"));
            socket.disconnect(Close::Namespace);
            true
        })
        .on("any", |said, _, (): ()| said.say("handled"))
        .on("check", |said, _, (): ()| said.say("handled"))
        .on_disconnect(|said, _, _| said.say("left"));
    let server = Running::start(app);
    for (name, told) in [("any", &["check any", "left"][..]), ("check", &["check check", "left"])] {
        let mut client = server.join();
        client.send(&format!("42[\"{name}\"]"));
        assert_eq!(client.read(), "41");
        for told in told {
            assert_eq!(said.recv_timeout(PATIENCE).unwrap(), *told);
        }
        drop(client);
    }
    server.end();
}

#[test]
fn a_slow_client_is_closed_and_not_left_in_the_dark() {
    let (sender, said) = channel();
    let mut app = App::new(Said(sender), engine().max_queued_bytes(100_000));
    app.namespace("/")
        .on("flood", |_, socket, (): ()| {
            for number in 0..1000 {
                socket.emit("flood", (number, "x".repeat(1000)));
            }
        })
        .on_disconnect(|said, _, reason| {
            assert!(matches!(reason, DisconnectReason::Session(_)));
            said.say(reason.to_string());
        });
    let server = Running::start(app);
    let mut client = server.join();
    client.send("42[\"flood\"]");
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "forced close");
    let mut number = 0;
    loop {
        let line = client.read();
        if line.is_empty() {
            break;
        }
        assert!(line.starts_with(&format!("42[\"flood\",{number},")), "in order, up to the end");
        number += 1;
    }
    assert!((90..110).contains(&number), "{number} of them fit");
    drop(client);
    server.end();
}

#[test]
fn questions_come_back_to_who_asks() {
    let (mut app, said) = app();
    app.namespace("/").on("go", |_, socket, (): ()| {
        socket.ask(FAR, "one", (1,), |said: &mut Said, io, answer| {
            let answer: Result<(i32,), _> = answer.unwrap().parse();
            said.say(format!("one: {}", answer.unwrap().0));
            // From within an answer another question is asked.
            io.of("/").ask(SOON, "all", (), |said, _, answers, missing| {
                let sockets: Vec<Socket> = answers.iter().map(|(socket, _)| *socket).collect();
                said.say(format!("all: {} and {missing}", sockets.len()));
            });
        });
    });
    let server = Running::start(app);
    let mut client = server.join();
    client.send("42[\"go\"]");
    assert_eq!(client.read(), "420[\"one\",1]");
    client.send("430[17]");
    client.send("430[18]");
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "one: 17");
    assert_eq!(client.read(), "421[\"all\"]");
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "all: 0 and 1");
    drop(client);
    server.end();
}

#[test]
fn questions_to_many_are_events_like_others() {
    let (sender, said) = channel();
    let mut app = App::new(Said(sender), engine().max_queued_bytes(100_000));
    app.namespace("/")
        .on_any_outgoing(|said, _, name| said.say(format!("heard {name}")))
        .on("go", |_, socket, (): ()| {
            socket.everyone().ask(FAR, "who", (), |said, _, answers, missing| {
                said.say(format!("{} and {missing}", answers.len()));
            });
        })
        .on("flood", |_, socket, (): ()| {
            for _ in 0..1000 {
                let ask = |said: &mut Said, _: &mut Io<'_, Said>, _, missing| {
                    assert_eq!(missing, 1);
                    said.say("missing");
                };
                socket.everyone().ask(FAR, "flood", ("x".repeat(1000),), ask);
            }
        })
        .on_disconnect(|said, _, reason| said.say(reason.to_string()));
    let server = Running::start(app);
    let mut client = server.join();
    client.send("42[\"go\"]");
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "heard who");
    assert_eq!(client.read(), "420[\"who\"]");
    client.send("430[]");
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "1 and 0");
    client.send("42[\"flood\"]");
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    while lines.get("missing") != Some(&1000) || !lines.contains_key("forced close") {
        *lines.entry(said.recv_timeout(PATIENCE).unwrap()).or_default() += 1;
    }
    let heard = lines["heard flood"];
    assert!((90..110).contains(&heard), "{heard} of them fit, and the client is closed");
    drop(client);
    server.end();
}

#[test]
fn whoever_asks_what_cannot_be_sent_is_told() {
    let (mut app, said) = app();
    app.namespace("/").on("go", |_, socket, (): ()| {
        // A name that clients keep for themselves.
        socket.ask(FAR, "connect", (), |said, _, answer| {
            said.say(format!("one: {}", answer.is_some()));
        });
        socket.everyone().ask(FAR, "connect", (), |said, _, answers, missing| {
            said.say(format!("all: {} and {missing}", answers.len()));
        });
    });
    let server = Running::start(app);
    let mut clients = [server.join(), server.join()];
    clients[0].send("42[\"go\"]");
    let mut told = [(); 2].map(|()| said.recv_timeout(PATIENCE).unwrap());
    told.sort();
    assert_eq!(told, ["all: 0 and 2", "one: false"]);
    drop(clients);
    server.end();
}

#[test]
fn a_client_about_which_nobody_decides_is_refused() {
    let (mut app, _said) = app();
    app.namespace("/");
    app.namespace("/forgotten").admit(|_, admission| {
        // An application that has no opinion.
        let _ = admission.auth();
    });
    app.namespace("/lost").admit(|_, admission| {
        let pending = admission.later();
        thread::spawn(move || drop(pending));
    });
    app.namespace("/kept").admit(|_, admission| {
        admission.after(SOON, |_, io, pending| io.accept(pending));
    });
    let timeout = Duration::from_millis(300);
    let server =
        Running::start(app.config(sansio_socketio::Config::new().connect_timeout(timeout)));
    let mut client = server.join_in_time();
    for (name, answer) in [
        ("/forgotten", "44/forgotten,{\"message\":\"nobody has decided\"}"),
        ("/lost", "44/lost,{\"message\":\"nobody has decided\"}"),
        ("/kept", "40/kept,{"),
    ] {
        client.send(&format!("40{name},"));
        let said = client.read();
        assert!(said.starts_with(answer), "{said}");
    }
    drop(client);
    server.end();
}
