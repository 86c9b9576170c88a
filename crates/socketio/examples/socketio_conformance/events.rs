//! Mode `app`: namespaces, and the events about one socket.

use crate::state::{Field, Object, State, note};
use crate::{admin, rooms};
use bytes::Bytes;
use core::time::Duration;
use sansio_engineio::Config;
use sansio_socketio::mio::{Admission, App, Io, Namespace, SocketRef};
use sansio_socketio::{Args, Close, Raw};
use serde_json::{Map, Value, json};

pub(crate) fn app(config: Config) -> App<State> {
    let mut app = App::new(State::default(), config);
    add_all(app.namespace("/"));
    let is_dynamic = |name: &str| {
        let digits = name.strip_prefix("/dynamic-").unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    add_all(app.namespace_matching(is_dynamic));
    add_all(app.namespace("/admission")).admit(admit);
    add_connection(app.namespace("/custom"));
    admin::add(&mut app);
    app
}

fn add_all(namespace: &mut Namespace<State>) -> &mut Namespace<State> {
    add_connection(namespace);
    add_echoes(namespace);
    add_questions(namespace);
    add_tries(namespace);
    add_bursts(namespace);
    add_logs(namespace);
    rooms::add(namespace);
    namespace
}

/// The first step stores something, and the second one is decided later.
fn admit(state: &mut State, admission: Admission<'_, State>) {
    let kept = state.of(admission.handle());
    kept.auth = admission.auth().into();
    kept.data.extend(Raw::new("1").map(|one| ("first", one)));
    let auth: Value = serde_json::from_str(admission.auth()).unwrap_or_default();
    let token = auth["token"].as_str().unwrap_or_default().to_owned();
    let time = Duration::from_millis(if token == "slow" { 1000 } else { 50 });
    admission.after(time, move |state: &mut State, io: &mut Io<'_, State>, pending| {
        let socket = pending.handle();
        match &*token {
            "good" | "slow" if io.is_waiting(&pending) => {
                state.of(socket).data.extend(Raw::new("2").map(|two| ("second", two)));
                io.accept(pending);
            }
            "plain" => {
                state.forget(socket);
                io.refuse(pending, "plain");
            }
            _ => {
                state.forget(socket);
                let data = json!({ "code": 401, "hint": "token" });
                io.refuse_with(pending, "not authorized", Some(data));
            }
        }
    });
}

fn add_connection(namespace: &mut Namespace<State>) {
    namespace
        .admit(|state, admission| {
            state.of(admission.handle()).auth = admission.auth().into();
            admission.accept();
        })
        .on_connect(|state, socket| {
            state.log(socket.namespace(), socket.id(), "connect", None, None);
            let auth = Raw::new(state.of(socket.handle()).auth.clone());
            if let Ok(auth) = auth {
                socket.emit("auth", (auth,));
            }
        })
        .on_disconnecting(|state, socket, reason| {
            let rooms = socket.rooms().map(String::from).collect();
            let (namespace, id) = (socket.namespace(), socket.id());
            state.log(namespace, id, "disconnecting", Some(reason), Some(rooms));
            state.log(namespace, id, "disconnect", Some(reason), None);
        })
        .on_forget(State::forget)
        .on_raw("message", |_, socket, args| socket.emit("message-back", all(args)));
}

fn all<'a>(args: &'a Args<'_>) -> Vec<Raw<'a>> {
    args.iter().collect()
}

fn add_echoes(namespace: &mut Namespace<State>) {
    namespace
        .on_raw("message-with-ack", |_, socket, args| socket.ack(all(args)))
        .on_raw("echo", |_, socket, args| socket.emit("echo", all(args)))
        .on("sum", |_, socket, (bytes,): (Bytes,)| {
            let sum = bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add((*byte).into()));
            socket.ack((json!({ "length": bytes.len(), "sum": sum }),));
        })
        .on("bytes", |_, socket, (number,): (usize,)| {
            if number <= 100_000_000 {
                let bytes: Vec<u8> = (0..=250).cycle().take(number).collect();
                socket.ack((Bytes::from(bytes),));
            }
        })
        .on_raw("whoami", |state, socket, _| {
            let kept = state.of(socket.handle());
            let Ok(auth) = Raw::new(kept.auth.clone()) else { return };
            let transport = if socket.is_websocket() { "websocket" } else { "polling" };
            let answer = [
                ("id", Field::Json(socket.id().into())),
                ("nsp", Field::Json(socket.namespace().into())),
                ("transport", Field::Json(transport.into())),
                ("recovered", Field::Json(socket.is_recovered().into())),
                ("auth", Field::Raw(auth)),
                ("query", Field::Json(parameters(socket))),
                ("data", Field::Data(&kept.data)),
            ];
            socket.ack((Object(&answer),));
        })
        .on("set-data", |state, socket, (value,): (Raw<'static>,)| {
            state.of(socket.handle()).data.insert("value", value);
            socket.ack(());
        });
}

fn parameters(socket: &SocketRef<'_, State>) -> Value {
    let query = socket.query();
    let named = [("EIO", &query.version), ("transport", &query.transport)];
    let named = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let others = query.others.iter().map(|(name, value)| (&**name, &**value));
    let all: Map<String, Value> =
        named.chain(others).map(|(name, value)| (name.into(), value.into())).collect();
    Value::Object(all)
}

/// Answered the third time only. The second time the connection is lost, if that is wanted.
fn add_tries(namespace: &mut Namespace<State>) {
    namespace
        .on("third-time", |state, socket, (key, number, loses): (String, i64, bool)| {
            match state.try_once(key, number) {
                2 if loses => {
                    let handle = socket.handle();
                    socket.io().kill(handle);
                }
                1 | 2 => {}
                _ => socket.ack(()),
            }
        })
        .on("tries", |state, socket, (key,): (String,)| socket.ack((state.tries(&key),)));
}

fn add_questions(namespace: &mut Namespace<State>) {
    namespace
        .on_raw("ask", |_, socket, args| {
            let mut args = args.iter();
            let Some(Ok(event)) = args.next().map(|name| name.parse::<String>()) else { return };
            let args: Vec<_> = args.collect();
            let ack = socket.take_ack();
            socket.ask(Duration::from_millis(1500), &event, args, move |_, io, answer| {
                let Some(ack) = ack else { return };
                match answer {
                    Some(answer) => {
                        let ok = Raw::new("\"ok\"").into_iter();
                        io.acknowledge(ack, ok.chain(answer.iter()).collect::<Vec<_>>());
                    }
                    None => io.acknowledge(ack, ("timeout",)),
                }
            });
        })
        .on("disconnect-me", |_, socket, (close,): (bool,)| {
            socket.disconnect(if close { Close::Transport } else { Close::Namespace });
        })
        .on_raw("kill", |_, socket, _| {
            let socket_handle = socket.handle();
            socket.io().kill(socket_handle);
        });
}

/// Nobody is asked to make more than this at once.
const MOST: u64 = 1_000_000;

fn add_bursts(namespace: &mut Namespace<State>) {
    namespace
        .on("burst", |_, socket, (event, count, size): (String, u64, usize)| {
            let text = "x".repeat(size.min(10_000_000));
            for i in 0..count.min(MOST) {
                socket.emit(&event, (i, &text));
            }
            socket.ack(());
        })
        .on("binary-burst", |_, socket, (event, count, size): (String, u64, usize)| {
            let zeros = Bytes::from(vec![0; size.min(10_000_000)]);
            for i in 0..count.min(MOST) {
                let low = Bytes::from(vec![i.to_le_bytes()[0]]);
                socket.emit(&event, (i, &zeros, low));
            }
            socket.ack(());
        })
        .on("ticks", |_, socket, (event, count, every): (String, u64, u64)| {
            let mut i = 0;
            if count > 0 {
                socket.every(Duration::from_millis(every), move |_, socket| {
                    socket.emit(&event, (i,));
                    i += 1;
                    i < count
                });
            }
            socket.ack(());
        })
        .on("volatile", |_, socket, (event, count): (String, u64)| {
            for i in 0..count.min(MOST) {
                socket.emit_volatile(&event, (i,));
            }
            socket.ack(());
        });
}

fn add_logs(namespace: &mut Namespace<State>) {
    namespace
        .on_any(|state, socket, name, _| {
            if name != "any-log" {
                note(&mut state.of(socket.handle()).heard, name);
            }
        })
        .on_any_outgoing(|state, socket, name| note(&mut state.of(socket.handle()).sent, name))
        .check(|_, socket, name, _| {
            let is_blocked = name == "blocked";
            if is_blocked {
                socket.emit("blocked-error", (json!({ "message": "blocked" }),));
            }
            !is_blocked
        })
        .on_raw("any-log", |state, socket, _| {
            let names = state.of(socket.handle()).heard.clone();
            socket.ack((names,));
        })
        .on_raw("out-log", |state, socket, _| {
            let names = state.of(socket.handle()).sent.clone();
            socket.ack((names,));
        });
}
