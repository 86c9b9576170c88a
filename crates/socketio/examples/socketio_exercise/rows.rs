//! What is tried.

use crate::program::Program;
use crate::session::{PATIENCE, builder, token};
use crate::{Outcome, Server, Session};
use sansio_socketio::client::{
    Auth, ConnectError, DisconnectReason, EmitError, Transport, Unanswered, engine,
};
use sansio_socketio::tokio::{Error, Event};
use sansio_socketio::{Args, Bytes};
use std::time::Duration;

type Row = (&'static str, fn(&Server) -> Outcome);

/// Each row with its name, for a client.
pub(crate) fn rows<C: Program>() -> [Row; 15] {
    [
        ("connect", connect::<C>),
        ("upgrade", upgrade::<C>),
        ("acks", acks::<C>),
        ("asked", asked::<C>),
        ("threads", threads::<C>),
        ("binary", binary::<C>),
        ("large", large::<C>),
        ("order", order::<C>),
        ("namespaces", namespaces::<C>),
        ("refusal", refusal::<C>),
        ("disconnected", disconnected::<C>),
        ("killed", killed::<C>),
        ("restart", restart::<C>),
        ("retries", retries::<C>),
        ("cookies", cookies::<C>),
    ]
}

fn check(holds: bool, what: &str) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// What `auth` says of this client, and how it goes.
fn connect<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    check(session.client.socket().id().is_some_and(|id| !id.is_empty()), "it has no id")?;
    let (socket, args) = session.event("auth")?;
    check(socket.namespace() == "/", "another namespace")?;
    check(args.raw(0).is_some_and(|auth| auth.json() == "{}"), "another authentication")?;
    session.finish()?;
    // Whatever is not there cannot be reached.
    let nowhere =
        C::connect(C::builder("http://127.0.0.1:1").transports(server.transports.iter().copied()));
    check(matches!(nowhere, Err(Error::Connect(ConnectError::Session(_)))), "it is somewhere")
}

fn upgrade<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::start(server)?;
    if server.upgrades() {
        session.until("upgrade", |event| matches!(event, Event::Upgraded).then_some(()))?;
    } else {
        session
            .until("connection", |event| matches!(event, Event::Connected { .. }).then_some(()))?;
    }
    let is_websocket = server.transports.contains(&Transport::WebSocket);
    check(session.client.socket().is_websocket() == is_websocket, "another transport")?;
    let args = session.client.ask("message-with-ack", &("over it",), PATIENCE)?;
    check(args.get::<String>(0)? == "over it", "another answer")?;
    session.finish()
}

fn acks<C: Program>(server: &Server) -> Outcome {
    let session = Session::<C>::connect(server)?;
    let text = "κόσμε – grüße 😀 \u{1e}\u{2028}\"\\";
    let args = (text, 1.5, -7, true, None::<i32>, [("a", 1)], vec![vec![0_u8; 3]; 2]);
    let answer = session.client.ask("message-with-ack", &args, PATIENCE)?;
    let (first, float, negative): (String, f64, i64) = answer.parse()?;
    check(first == text && (float - 1.5).abs() < f64::EPSILON && negative == -7, "another answer")?;
    check(answer.len() == 7, "another number of values")?;
    let answer = session.client.ask("message-with-ack", &(), PATIENCE)?;
    check(answer.is_empty(), "there is an answer to nothing")?;
    let unanswered = session.client.ask("nobody-handles-this", &(), Duration::from_millis(200));
    let is_late = matches!(unanswered, Err(Error::Unanswered(Unanswered::TimedOut)));
    check(is_late, "there is an answer from nobody")?;
    session.finish()
}

/// The server asks, too.
fn asked<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    let socket = session.client.socket();
    let asking = std::thread::spawn(move || {
        C::wait(socket.ask("ask", &("question", 20, Bytes::from_static(b"x")), PATIENCE))
    });
    let ack = session.until("question", |event| match event {
        Event::Event { name, args, ack: Some(ack), .. } if name == "question" => Some((args, ack)),
        _ => None,
    });
    let (args, ack) = ack?;
    let (number, bytes): (i64, Bytes) = args.parse()?;
    ack.send(&(number + 1, bytes))?;
    let answer = asking.join().map_err(|_| "panicked")??;
    let (ok, number, bytes): (String, i64, Bytes) = answer.parse()?;
    check(ok == "ok" && number == 21 && *bytes == *b"x", "another answer")?;
    session.finish()
}

fn threads<C: Program>(server: &Server) -> Outcome {
    let session = Session::<C>::connect(server)?;
    let threads: Vec<_> = (0..4_i64)
        .map(|thread| {
            let socket = session.client.socket();
            std::thread::spawn(move || -> Result<(), String> {
                for number in 0..50_i64 {
                    let asked = socket.ask("message-with-ack", &(thread, number), PATIENCE);
                    let answer = C::wait(asked).map_err(|error| error.to_string())?;
                    let same =
                        answer.parse::<(i64, i64)>().is_ok_and(|pair| pair == (thread, number));
                    same.then_some(()).ok_or("the answer of another question")?;
                }
                Ok(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "panicked")??;
    }
    session.finish()
}

fn sample(len: usize) -> Bytes {
    (0..len).map(|at| u8::try_from(at % 251).unwrap_or_default()).collect()
}

fn binary<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    let bytes = session.client.ask("bytes", &(100_000,), PATIENCE)?;
    check(bytes.get::<Bytes>(0)? == sample(100_000), "other bytes")?;
    let nested = [("file", (Bytes::from_static(b"\0\xff"), [Bytes::new()]))];
    session.client.emit("echo", &("a", nested, sample(1000)))?;
    let (_, args) = session.event("echo")?;
    type Nested = Vec<(String, (Bytes, Vec<Bytes>))>;
    let (_, nested, last): (String, Nested, Bytes) = args.parse()?;
    let (_, (first, others)) = nested.first().ok_or("nothing nested")?;
    let is_same = **first == *b"\0\xff" && *others == [Bytes::new()] && last == sample(1000);
    check(is_same, "other bytes")?;
    session.finish()
}

/// Near the limit of the server, and beyond it.
fn large<C: Program>(server: &Server) -> Outcome {
    let session = Session::<C>::connect(server)?;
    for len in [70_000, 700_000] {
        let text = "x".repeat(len);
        let answer = session.client.ask("message-with-ack", &(&text,), PATIENCE)?;
        check(answer.get::<String>(0)? == text, "another text")?;
        let sum = session.client.ask("message-with-ack", &(sample(len),), PATIENCE)?;
        check(sum.get::<Bytes>(0)? == sample(len), "other bytes")?;
    }
    let long = session.client.emit("echo", &("x".repeat(2_000_000),));
    check(matches!(long, Err(Error::Emit(EmitError::TooLong))), "it takes more than it says")?;
    session.finish()
}

fn number(args: &Args<'_>) -> Outcome<i64> {
    Ok(args.get(0)?)
}

/// What is emitted before the connection, and while the transport changes.
fn order<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::start(server)?;
    for number in 0..1000 {
        session.client.emit("echo", &(number, "x".repeat(number % 300)))?;
    }
    for expected in 0..1000 {
        let (_, args) = session.event("echo")?;
        check(number(&args)? == expected, &format!("no {expected} in its place"))?;
    }
    session.client.emit("burst", &("many", 500, 100))?;
    for expected in 0..500 {
        let (_, args) = session.event("many")?;
        check(number(&args)? == expected, &format!("no {expected} of the server's"))?;
    }
    session.finish()
}

fn namespaces<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    let sockets =
        ["/dynamic-1", "/dynamic-22"].map(|name| session.client.namespace_with(name, Auth::none()));
    let [first, second] = sockets;
    let (first, second) = (first?, second?);
    second.emit("echo", &(2,))?;
    let (socket, args) = session.event("echo")?;
    check(socket == second && number(&args)? == 2, "another namespace")?;
    first.emit("echo", &(1,))?;
    let (socket, _) = session.event("echo")?;
    check(socket == first && first.id() != second.id(), "another namespace")?;
    first.disconnect();
    let left = session.until("end", |event| match event {
        Event::Disconnected { socket, reason } => Some((socket, reason)),
        _ => None,
    })?;
    check(left == (first.clone(), DisconnectReason::Client), "another one has left")?;
    second.emit("echo", &(3,))?;
    check(session.event("echo")?.0 == second, "the other one has left, too")?;
    // It may come back.
    first.connect(None)?;
    first.emit("echo", &(4,))?;
    check(session.event("echo")?.0 == first, "it does not come back")?;
    session.finish()
}

fn refusal<C: Program>(server: &Server) -> Outcome {
    let refused = C::connect(builder(server, "/admission").auth(token("bad")?));
    let Err(Error::Connect(ConnectError::Refused { message, data })) = refused else {
        return Err("it was let in".into());
    };
    check(message == "not authorized", "another message")?;
    let data = data.ok_or("no data")?.replace(' ', "");
    check(data == r#"{"code":401,"hint":"token"}"#, "other data")?;
    // The others live, and it may come with something better.
    let mut session = Session::<C>::connect(server)?;
    let admission = session.client.namespace_with("/admission", token("bad")?)?;
    let error = session.until("refusal", |event| match event {
        Event::ConnectError { socket, error } => Some((socket, error)),
        _ => None,
    })?;
    check(
        error.0 == admission && matches!(error.1, ConnectError::Refused { .. }),
        "another error",
    )?;
    session.client.ask("message-with-ack", &(), PATIENCE)?;
    admission.connect(token("good")?)?;
    let connected = session.until("connection", |event| match event {
        Event::Connected { socket } => Some(socket),
        _ => None,
    })?;
    check(connected == admission, "another one")?;
    let (_, args) = session.event("auth")?;
    let auth = args.raw(0).ok_or("no authentication")?.json().replace(' ', "");
    check(auth == r#"{"token":"good"}"#, "another authentication")?;
    session.finish()
}

/// Who is made to leave stays away.
fn disconnected<C: Program>(server: &Server) -> Outcome {
    for closes in [false, true] {
        let mut session = Session::<C>::connect(server)?;
        let socket = session.client.socket();
        session.client.emit("disconnect-me", &(closes,))?;
        let reason = session.until("end", |event| match event {
            Event::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })?;
        check(reason == DisconnectReason::Server, &format!("another reason: {reason}"))?;
        let next = session.client.next_within(PATIENCE);
        check(next.is_none() && !socket.is_connected(), &format!("there is more: {next:?}"))?;
    }
    Ok(())
}

/// A session that the server ends comes back.
fn killed<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    let id = session.client.socket().id();
    session.client.emit("kill", &())?;
    session.until("end", |event| matches!(event, Event::Disconnected { .. }).then_some(()))?;
    come_back(&mut session)?;
    check(session.client.socket().id() != id, "the same id")?;
    session.finish()
}

fn restart<C: Program>(server: &Server) -> Outcome {
    let mut session = Session::<C>::connect(server)?;
    session.client.ask("message-with-ack", &(), PATIENCE)?;
    server.kill()?;
    session.until("end", |event| matches!(event, Event::Disconnected { .. }).then_some(()))?;
    session.until("failure", |event| matches!(event, Event::ReconnectError(_)).then_some(()))?;
    server.start()?;
    come_back(&mut session)?;
    session.finish()
}

/// What waited while there was no session arrives, in its order.
fn come_back<C: Program>(session: &mut Session<C>) -> Outcome {
    for number in 0..100 {
        session.client.emit("echo", &(number,))?;
    }
    session.until("session", |event| matches!(event, Event::Reconnected { .. }).then_some(()))?;
    session.until("connection", |event| matches!(event, Event::Connected { .. }).then_some(()))?;
    for expected in 0..100 {
        let (_, args) = session.event("echo")?;
        check(number(&args)? == expected, &format!("no {expected} in its place"))?;
    }
    Ok(())
}

/// The server answers at the third time, and loses the connection between: each event is handled at least once, in order.
fn retries<C: Program>(server: &Server) -> Outcome {
    const NUMBER: i64 = 6;
    // A server that needs longer for an answer hears an event more than three times.
    let builder = builder(server, "").retries(1000).ack_timeout(Duration::from_millis(100));
    let mut session = Session { client: C::connect(builder)? };
    let key = session.client.socket().id().ok_or("it has no id")?;
    for number in 0..NUMBER {
        session.client.emit("third-time", &(&key, number, number % 2 == 1))?;
    }
    // It waits for its turn, too.
    let answer = session.client.ask("tries", &(&key,), Duration::from_secs(1))?;
    let tries: Vec<i64> = answer.get(0)?;
    check(tries.is_sorted(), &format!("not in order: {tries:?}"))?;
    for number in 0..NUMBER {
        let times = tries.iter().filter(|tried| **tried == number).count();
        check(times >= 3, &format!("{times} of {number}"))?;
    }
    for _ in 0..NUMBER / 2 {
        session.until("loss", |event| matches!(event, Event::Disconnected { .. }).then_some(()))?;
    }
    session.finish()?;
    // What is never answered is told.
    let builder = self::builder(server, "").retries(1).ack_timeout(Duration::from_millis(50));
    let mut session = Session { client: C::connect(builder)? };
    let key = session.client.socket().id().ok_or("it has no id")?;
    session.client.emit("third-time", &(&key, 7, false))?;
    let given_up = session.until("end", |event| match event {
        Event::Unacknowledged { event, why, .. } => Some((event, why)),
        _ => None,
    })?;
    let is_it = given_up.0.json().ends_with(",7,false]") && given_up.1 == Unanswered::TimedOut;
    check(is_it, &format!("another one: {given_up:?}"))?;
    session.finish()
}

/// All requests of a client, and its next session, go to the same one of two servers.
fn cookies<C: Program>(server: &Server) -> Outcome {
    let node = |session: &Session<C>| -> Outcome<i64> {
        Ok(session.client.ask("node", &(), PATIENCE)?.get(0)?)
    };
    let lose = |session: &mut Session<C>| {
        session.client.emit("kill", &())?;
        session.until("connection", |event| {
            matches!(event, Event::Disconnected { .. }).then_some(())
        })?;
        session.until("connection", |event| matches!(event, Event::Connected { .. }).then_some(()))
    };
    let mut nodes = vec![];
    for _ in 0..2 {
        let mut session = Session::<C>::connect(server)?;
        if server.upgrades() {
            session.until("upgrade", |event| matches!(event, Event::Upgraded).then_some(()))?;
        }
        let first = node(&session)?;
        for _ in 0..3 {
            lose(&mut session)?;
            check(node(&session)? == first, "another server")?;
        }
        nodes.push(first);
        session.finish()?;
    }
    check(nodes == [0, 1] || nodes == [1, 0], &format!("the same server for all: {nodes:?}"))?;
    // Without cookies nobody gets so far.
    let builder = builder(server, "").cookies(false);
    if !server.transports.contains(&Transport::Polling) {
        let mut session = Session::<C> { client: C::connect(builder)? };
        let first = node(&session)?;
        lose(&mut session)?;
        check(node(&session)? != first, "the same server without cookies")?;
        return session.finish();
    }
    let mut session = Session::<C> { client: C::start(builder.reconnection(None))? };
    let error = session.until("refusal", |event| match event {
        Event::Closed { error, .. } => Some(error),
        _ => None,
    })?;
    let is_refused = matches!(error, Some(engine::Error::Status { status: 400, .. }));
    check(is_refused, &format!("it is not refused without cookies: {error:?}"))
}
