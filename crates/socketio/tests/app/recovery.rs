//! Clients that were cut off and come back.

use super::{Client, FAR, PATIENCE, Running, SOON, Said, app, engine};
use sansio_socketio::mio::{App, PendingAdmission};
use sansio_socketio::{Close, Socket};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::time::Duration;

/// It is not sent yet.
#[test]
fn nobody_hears_what_is_kept_for_a_socket_that_was_cut_off() {
    let (mut app, said) = app();
    app.namespace_matching(|_| true)
        .on_any_outgoing(|said, socket, name| {
            said.say(format!("{name} to {:?}", socket.namespace()))
        })
        .on_disconnecting(|_, socket, _| socket.emit("missed", ()))
        .on_disconnect(|_, socket, _| {
            socket.emit("missed", ());
            socket.io().after(SOON, |said, _| said.say("the end"));
        });
    let recovery = sansio_socketio::Recovery::new().time(FAR);
    let config = sansio_socketio::Config::new().recovery(Some(recovery));
    let server = Running::start(app.config(config));
    drop(server.join());
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "the end");
    server.end();
}

/// One that comes back has the same handle each time it asks.
#[test]
fn the_answer_to_an_earlier_request_is_not_that_to_the_next() {
    let (decide, waiting) = channel::<PendingAdmission>();
    let (mut app, said) = app();
    app.namespace("/").on_disconnect(|said, _, _| said.say("lost"));
    app.namespace("/r").admit(move |_, admission| {
        if !admission.auth().contains("undecided") {
            decide.send(admission.later()).unwrap();
        }
    });
    let recovery = sansio_socketio::Recovery::new().time(FAR).skips_admission(false);
    let config = sansio_socketio::Config::new().recovery(Some(recovery));
    let server = Running::start(app.config(config.connect_timeout(Duration::from_millis(300))));
    let ask = |auth: &str| {
        let mut client = server.join_in_time();
        client.send(&format!("40/r,{auth}"));
        client
    };
    let decided = || waiting.recv_timeout(PATIENCE).unwrap();
    let lose = |client: Client| {
        drop(client);
        assert_eq!(said.recv_timeout(PATIENCE).unwrap(), "lost");
    };
    let mut client = ask("{}");
    let pending = decided();
    server.handle.run(|_, io| io.accept(pending)).unwrap();
    let answer = client.read();
    let pid = answer.split("\"pid\":\"").nth(1).unwrap().trim_end_matches("\"}").to_owned();
    lose(client);
    let auth = format!("{{\"pid\":\"{pid}\"}}");
    let refusal = "44/r,{\"message\":\"nobody has decided\"}";

    // It asks once more, and the answer to its second request is lost.
    let client = ask(&auth);
    let early = decided();
    lose(client);
    let mut client = ask(&auth);
    let late = decided();
    server.handle.run(|_, io| io.accept(early)).unwrap();
    drop(late);
    assert_eq!(client.read(), refusal);
    lose(client);

    // The handler says nothing to the second one.
    let client = ask(&auth);
    let early = decided();
    lose(client);
    let mut client = ask(&format!("{{\"pid\":\"{pid}\",\"undecided\":true}}"));
    assert_eq!(client.read(), refusal);
    drop((client, early));
    server.end();
}

/// What is kept by the handle of a socket is there again with it, until it is forgotten.
#[test]
fn a_client_that_was_cut_off_comes_back_as_the_same_socket() {
    #[derive(Default)]
    struct Names(BTreeMap<Socket, String>, Option<Said>);
    let (sender, said) = channel();
    let mut app = App::new(Names(BTreeMap::new(), Some(Said(sender))), engine());
    app.namespace("/")
        .on_connect(|names, socket| {
            let name = names.0.get(&socket.handle()).cloned().unwrap_or_default();
            socket.emit("hello", (socket.is_recovered(), name, socket.rooms().count()));
        })
        .on("name", |names, socket, (name,): (String,)| {
            socket.join("named");
            names.0.insert(socket.handle(), name);
        })
        .on("leave", |_, socket, (): ()| socket.disconnect(Close::Namespace))
        .on_disconnect(|names, socket, reason| {
            // It is away, and hears of it when it is back.
            socket.emit("missed", (reason.to_string(),));
            names.1.as_ref().unwrap().say("lost");
        })
        .on_forget(|names, socket| {
            let name = names.0.remove(&socket).unwrap_or_default();
            names.1.as_ref().unwrap().say(format!("{name} is forgotten"));
        });
    let recovery = sansio_socketio::Recovery::new().time(FAR);
    let config = sansio_socketio::Config::new().recovery(Some(recovery));
    let server = Running::start(app.config(config));
    let next = || said.recv_timeout(PATIENCE).unwrap();

    let mut client = server.connect();
    client.send("40");
    let answer = client.read();
    let hello = client.read();
    assert!(hello.starts_with("42[\"hello\",false,\"\",1,\""), "{hello}");
    client.send("42[\"name\",\"ann\"]");
    for _ in 0..3 {
        let pid = answer.split("\"pid\":\"").nth(1).unwrap().trim_end_matches("\"}");
        let offset = hello.rsplit('"').nth(1).unwrap();
        drop(client);
        assert_eq!(next(), "lost");
        client = server.connect();
        client.send(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
        let mut missed = client.read();
        // What was said after that offset, each time once more than before.
        while !missed.starts_with("40") {
            assert!(
                missed.starts_with("42[\"missed\",") || missed.starts_with("42[\"hello\",true")
            );
            missed = client.read();
        }
        assert_eq!(missed, answer);
        let hello = client.read();
        assert!(hello.starts_with("42[\"hello\",true,\"ann\",2,\""), "{hello}");
    }
    client.send("42[\"leave\"]");
    assert_eq!(client.read(), "41");
    assert_eq!((next(), next()), ("lost".into(), "ann is forgotten".into()));
    drop(client);
    server.end();
}
