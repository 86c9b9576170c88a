//! Clients that were cut off and come back (S21 to S23).

use crate::bytes;
use crate::driver::{Admits, CLOSED, Driver, Got, event};
use sansio_engineio::{CloseReason, Session};
use sansio_socketio::{
    Close, Config, DisconnectReason, EmitError, Event, Recovery, Socket, Target,
};
use std::time::Duration;

pub(super) const TIME: Duration = Duration::from_secs(120);

pub(super) fn driver(change: impl FnOnce(Recovery) -> Recovery) -> Driver {
    Driver::new(Config::default().recovery(Some(change(Recovery::default()))))
}

/// A client of a server with recovery: what it was told.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) socket: Socket,
    namespace: &'static str,
    sid: String,
    pub(super) pid: String,
    /// Of the last event that it has heard.
    pub(super) offset: Option<String>,
}

fn between<'t>(text: &'t str, head: &str, tail: &str) -> &'t str {
    let rest = text.split_once(head).expect("the head").1;
    rest.split_once(tail).expect("the tail").0
}

impl Client {
    pub(super) fn new(driver: &mut Driver, namespace: &'static str) -> Self {
        let session = driver.open();
        driver.say(session, &format!("0{namespace},"));
        let answer = driver.heard(session).pop().expect("an answer");
        driver.got();
        Self {
            session,
            socket: *driver.sockets.last().expect("a socket"),
            namespace,
            sid: between(&answer, "\"sid\":\"", "\"").into(),
            pid: between(&answer, "\"pid\":\"", "\"").into(),
            offset: None,
        }
    }

    pub(super) fn is_lost(&self, driver: &mut Driver) {
        driver.end(self.session, CloseReason::TransportClose);
        driver.got();
    }

    /// The names of the events that it has heard since.
    pub(super) fn hears(&mut self, driver: &mut Driver) -> Vec<String> {
        let heard = driver.heard(self.session);
        heard.iter().map(|text| self.hear(text)).collect()
    }

    fn hear(&mut self, text: &str) -> String {
        assert!(
            text.split_once('[').is_some_and(|(head, _)| head.starts_with(['2', '5'])),
            "{text}"
        );
        let list = text.split(" + ").next().expect("a header");
        let offset = list.strip_suffix("\"]").and_then(|list| list.rsplit_once(",\""));
        self.offset = Some(offset.expect("an offset").1.into());
        between(text, "[\"", "\"").into()
    }

    /// What it says with CONNECT, and whether it is the same socket then. If it is: what it had missed.
    pub(super) fn says(&mut self, driver: &mut Driver, auth: &str) -> Option<Vec<String>> {
        self.session = driver.open();
        driver.say(self.session, &format!("0{},{auth}", self.namespace));
        let mut heard = driver.heard(self.session);
        let answer = heard.pop().expect("an answer");
        let (sid, pid) =
            (between(&answer, "\"sid\":\"", "\""), between(&answer, "\"pid\":\"", "\""));
        if sid == self.sid {
            assert_eq!(pid, self.pid, "the same socket, the same secret");
            let recovered = Got::Recovered { socket: self.socket, auth: auth.into() };
            assert_eq!(driver.got(), [recovered]);
            return Some(heard.iter().map(|text| self.hear(text)).collect());
        }
        assert!(pid != self.pid && heard.is_empty(), "a new one begins with nothing");
        let socket = *driver.sockets.last().expect("a socket");
        assert!(socket != self.socket && !driver.server.is_recovered(socket));
        assert!(matches!(&driver.got()[..], [Got::Admit { .. }]));
        None
    }

    pub(super) fn auth(&self) -> String {
        match &self.offset {
            Some(offset) => format!("{{\"pid\":\"{}\",\"offset\":\"{offset}\"}}", self.pid),
            None => format!("{{\"pid\":\"{}\"}}", self.pid),
        }
    }

    pub(super) fn returns(&mut self, driver: &mut Driver) -> Option<Vec<String>> {
        let auth = self.auth();
        self.says(driver, &auth)
    }
}

pub(super) fn to_all(driver: &mut Driver, name: &str) {
    assert_eq!(driver.emit_to(&Target::all("/"), &event(name, ())), []);
}

pub(super) fn names(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).into()).collect())
}

#[test]
fn s21_accepts_one_more_argument() {
    let mut driver = driver(|all| all);
    let client = Client::new(&mut driver, "/");
    assert_ne!(client.sid, client.pid);
    driver.emit(client.socket, &event("a", ())).unwrap();
    driver.emit(client.socket, &event("b", (1, bytes("x")))).unwrap();
    to_all(&mut driver, "c");
    let heard = driver.heard(client.session);
    let run = between(&heard[0], "2[\"a\",\"", "0\"]");
    assert_eq!(run.len(), 10);
    let file = "51-[\"b\",1,{\"_placeholder\":true,\"num\":0}";
    assert_eq!(heard[1], format!("{file},\"{run}1\"] + x"));
    assert_eq!(heard[2], format!("2[\"c\",\"{run}2\"]"));
    driver.finish();
    // Another run begins otherwise, and each client has its own pid.
    let mut other = Driver::new(Config::default().recovery(Some(Recovery::default())));
    let (a, b) = (Client::new(&mut other, "/"), Client::new(&mut other, "/"));
    assert_ne!(a.pid, b.pid);
}

#[test]
fn s21_rejects_an_offset_where_none_belongs() {
    let mut with = driver(|all| all);
    let client = Client::new(&mut with, "/");
    let (all, second) = (Target::all("/"), Duration::from_secs(1));
    let server = &mut with.server;
    server.emit_volatile(&mut with.wire, client.socket, &event("v", ())).unwrap();
    with.emit_to(&all.clone().volatile(), &event("v", ()));
    with.ask(client.socket, second, &event("q", ())).unwrap();
    with.ask_all(&all, second, &event("q", ()));
    with.say(client.session, "27[\"e\"]");
    with.acknowledge(()).unwrap();
    let heard = with.heard(client.session);
    assert_eq!(heard, ["2[\"v\"]", "2[\"v\"]", "20[\"q\"]", "21[\"q\"]", "37[]"]);
    // A server without it has neither offsets nor pids, and knows none.
    let mut without = Driver::new(Config::default());
    let session = without.open();
    without.say(session, "0{\"pid\":\"AAAAAAAAAAAAAAAAAAAA\",\"offset\":\"b\"}");
    assert!(!without.heard(session)[0].contains("pid"));
    without.emit(without.sockets[0], &event("a", ())).unwrap();
    assert_eq!(without.heard(session), ["2[\"a\"]"]);
    without.end(session, CloseReason::TransportClose);
    assert_eq!(without.emit(without.sockets[0], &event("a", ())), Err(EmitError::Gone));
    without.finish();
}

#[test]
fn s22_accepts_what_was_missed_and_then_the_answer() {
    let mut driver = driver(|all| all);
    let mut client = Client::new(&mut driver, "/");
    let other = Client::new(&mut driver, "/");
    driver.enter(client.socket, "r").unwrap();
    driver.enter(client.socket, "out").unwrap();
    to_all(&mut driver, "heard");
    assert_eq!(client.hears(&mut driver), ["heard"]);
    client.is_lost(&mut driver);
    let all = Target::all("/");
    for (target, name) in [
        (all.clone(), "all"),
        (all.clone().room("r"), "room"),
        (all.clone().room("s").room("r"), "one of two"),
        (all.clone().room(&*client.sid), "own"),
        (all.clone().without(other.socket), "not other"),
        (all.clone().except("s"), "not s"),
        (all.clone().room("s"), "WRONG"),
        (all.clone().room(&*other.sid), "WRONG"),
        (all.clone().except("out"), "WRONG"),
        (all.clone().room("r").except(&*client.sid), "WRONG"),
        (all.clone().without(client.socket), "WRONG"),
        (all.clone().volatile(), "WRONG"),
        (Target::all("/b"), "WRONG"),
    ] {
        driver.emit_to(&target, &event(name, (name,)));
    }
    driver.emit(client.socket, &event("alone", (bytes("x"),))).unwrap();
    driver.emit(other.socket, &event("WRONG", ())).unwrap();
    driver.ask_all(&all, TIME, &event("WRONG", ()));
    let missed = names(&["all", "room", "one of two", "own", "not other", "not s", "alone"]);
    driver.wait(TIME - Duration::from_millis(1));
    assert_eq!(client.returns(&mut driver), missed);
    let rooms: Vec<_> = driver.server.rooms(client.socket).collect();
    assert_eq!(rooms, [&*client.sid, "r", "out"]);
    assert_eq!(driver.server.find("/", &client.sid), Some(client.socket));
    // It is in its rooms like everybody.
    driver.emit_to(&all.room("out"), &event("again", ()));
    assert_eq!(client.hears(&mut driver), ["again"]);
    driver.say(client.session, "2[\"e\"]");
    let said = Got::Event { socket: client.socket, name: "e".into(), args: "[]".into() };
    assert_eq!(driver.got(), [said]);
    driver.finish();
}

#[test]
fn s22_rejects_who_is_not_known() {
    let mut driver = driver(|all| all);
    let mut client = Client::new(&mut driver, "/");
    to_all(&mut driver, "a");
    client.hears(&mut driver);
    let (pid, offset) = (client.pid.clone(), client.offset.clone().unwrap());
    // While the socket is there its pid is nobody's.
    let auth = client.auth();
    let mut thief =
        Client { session: client.session, pid: pid.clone(), ..Client::new(&mut driver, "/") };
    thief.sid = client.sid.clone();
    thief.socket = client.socket;
    assert_eq!(thief.says(&mut driver, &auth), None);
    assert!(driver.server.is_open(client.socket));
    client.is_lost(&mut driver);
    let wrong = "A".repeat(20);
    let next = format!("{}{}", offset.get(..10).unwrap(), 1_u64 << 40);
    for auth in [
        "{}".into(),
        format!("{{\"pid\":\"{wrong}\",\"offset\":\"{offset}\"}}"),
        format!("{{\"pid\":\"{}\",\"offset\":\"{offset}\"}}", &pid[..19]),
        format!("{{\"pid\":\"{pid}A\",\"offset\":\"{offset}\"}}"),
        format!("{{\"pid\":\"{}\",\"offset\":\"{offset}\"}}", &pid[..10]),
        format!("{{\"pid\":\"{}{}\",\"offset\":\"{offset}\"}}", &pid[..10], &wrong[..10]),
        format!("{{\"pid\":[\"{pid}\"],\"offset\":\"{offset}\"}}"),
        format!("{{\"pid\":null,\"offset\":\"{offset}\"}}"),
        format!("{{\"a\":{{\"pid\":\"{pid}\"}},\"offset\":\"{offset}\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":0}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":null}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":[\"{offset}\"]}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"0\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"AAAAAAAAAA0\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"{next}\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"{offset}0\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"{offset}x\"}}"),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"{}\"}}", "9".repeat(100_000)),
        format!("{{\"pid\":\"{pid}\",\"offset\":\"\\ud83d\"}}"),
    ] {
        assert_eq!(client.says(&mut driver, &auth), None, "{auth}");
    }
    // In another namespace it is another one's.
    client.namespace = "/b";
    assert_eq!(client.says(&mut driver, &auth), None);
    client.namespace = "/";
    // All that has not harmed it, and it is used once.
    let spaces = format!("{{ \"offset\" : \"{offset}\" , \"x\" : [] , \"p\\u0069d\":\"{pid}\" }}");
    assert_eq!(client.says(&mut driver, &spaces), names(&[]));
    assert_eq!(thief.says(&mut driver, &auth), None);
    // In the moment in which its time is over.
    client.is_lost(&mut driver);
    let session = driver.open();
    driver.now = driver.now + TIME;
    driver.say(session, &format!("0{auth}"));
    assert!(!driver.heard(session)[0].contains(&client.sid));
    driver.wait_late(Duration::ZERO);
    let forgotten = Got::Forgotten { socket: client.socket };
    assert!(driver.got().contains(&forgotten));
    driver.finish();
}

/// What is said to one that is away is heard when it is back; but nobody can be asked, nor made to do anything.
#[test]
fn s22_accepts_and_rejects_what_is_said_to_one_that_is_away() {
    let mut driver = driver(|all| all);
    let mut client = Client::new(&mut driver, "/");
    driver.enter(client.socket, "r").unwrap();
    driver.say(client.session, "27[\"e\"]");
    client.is_lost(&mut driver);
    let socket = client.socket;
    assert!(driver.server.is_away(socket) && driver.server.session(socket).is_none());
    assert_eq!((driver.server.id(socket), driver.server.namespace(socket)), ("", ""));
    assert_eq!(driver.server.find("/", &client.sid), None);
    assert_eq!(driver.server.all_rooms("/").count(), 0);
    assert!(driver.server.join(socket, "s").is_err());
    driver.server.leave(socket, "r");
    let volatile = driver.server.emit_volatile(&mut driver.wire, socket, &event("v", ()));
    assert_eq!(volatile, Err(EmitError::Gone));
    assert_eq!(driver.ask(socket, TIME, &event("q", ())), Err(EmitError::Gone));
    driver.emit(socket, &event("a", ())).unwrap();
    assert_eq!(client.returns(&mut driver), names(&["a"]));
    assert!(driver.server.rooms(socket).eq([&*client.sid, "r"]));
    // An answer that was owed in the session of before is owed no more.
    assert_eq!(driver.acknowledge(()), Err(EmitError::Gone));
    assert_eq!(driver.heard(client.session).len(), 0);
    // Whom the application sends away does not come back.
    client.is_lost(&mut driver);
    driver.disconnect(socket, Close::Namespace);
    assert_eq!(driver.got(), [Got::Forgotten { socket }]);
    assert_eq!(driver.emit(socket, &event("a", ())), Err(EmitError::Gone));
    assert_eq!(client.returns(&mut driver), None);
    driver.finish();
}

/// The application is asked, if it wants to be.
#[test]
fn s22_accepts_and_rejects_by_the_application() {
    let mut driver = driver(|all| all.skips_admission(false));
    let client = Client::new(&mut driver, "/");
    driver.enter(client.socket, "r").unwrap();
    client.is_lost(&mut driver);
    driver.emit(client.socket, &event("a", ())).unwrap();
    driver.admits = Admits::Later;
    let (auth, socket) = (client.auth(), client.socket);
    let ask = format!("0{auth}");
    // It goes while it waits, and so the first answer is to nobody.
    let session = driver.open();
    driver.say(session, &ask);
    assert_eq!(driver.got(), [Got::Admit { socket, namespace: "/".into(), auth: auth.clone() }]);
    assert!(!driver.server.is_open(socket) && driver.server.all_rooms("/").count() == 0);
    driver.end(session, CloseReason::TransportClose);
    assert!(driver.server.is_away(socket));
    let session = driver.open();
    driver.say(session, &ask);
    let late = driver.tickets.pop_front().unwrap();
    assert!(!driver.server.is_waiting(&late));
    assert_eq!(driver.server.admit(&mut driver.wire, late), None);
    driver.emit(socket, &event("b", ())).unwrap();
    // It is not let in, and may try again.
    driver.refuse("no", None);
    assert_eq!(driver.heard(session), ["4{\"message\":\"no\"}"]);
    assert!(driver.server.is_away(socket));
    driver.say(session, &ask);
    assert_eq!(driver.admit(), Some(socket));
    assert!(driver.server.is_recovered(socket));
    let heard = driver.heard(session);
    assert!(heard[0].starts_with("2[\"a\",") && heard[1].starts_with("2[\"b\","));
    let answer = format!("0{{\"sid\":\"{}\",\"pid\":\"{}\"}}", client.sid, client.pid);
    assert_eq!(heard[2..], [answer]);
    driver.finish();
}

/// Whoever goes again while it waits for the application is forgotten when its time is over, and not later.
#[test]
fn s22_accepts_who_goes_while_it_waits() {
    let mut driver = driver(|all| all.skips_admission(false));
    let client = Client::new(&mut driver, "/");
    client.is_lost(&mut driver);
    driver.admits = Admits::Later;
    let (auth, socket) = (client.auth(), client.socket);
    driver.wait(TIME - Duration::from_secs(1));
    let session = driver.open();
    driver.say(session, &format!("0{auth}"));
    assert_eq!(driver.got(), [Got::Admit { socket, namespace: "/".into(), auth }]);
    driver.end(session, CloseReason::TransportClose);
    assert!(driver.got().is_empty(), "it was not there again");
    driver.wait(Duration::from_secs(1));
    assert_eq!(driver.got(), [Got::Forgotten { socket }]);
    assert!(!driver.server.is_away(socket));
    assert_eq!(driver.admit(), None);
    driver.finish();
}

#[test]
fn s23_accepts_each_kind_of_loss() {
    for reason in [
        CloseReason::TransportClose,
        CloseReason::TransportError,
        CloseReason::PingTimeout,
        CloseReason::ForcedClose,
    ] {
        let mut driver = driver(|all| all);
        let mut client = Client::new(&mut driver, "/");
        driver.end(client.session, reason);
        assert_eq!(driver.got().len(), 2);
        assert_eq!(client.returns(&mut driver), names(&[]), "{reason}");
    }
    // The server ends, or the client breaks the rules: its other namespaces come back as well.
    for closes_all in [true, false] {
        let mut driver = driver(|all| all);
        let mut client = Client::new(&mut driver, "/");
        match closes_all {
            true => driver.close_all(),
            false => driver.say(client.session, "9"),
        }
        let reason = if closes_all { DisconnectReason::ServerShuttingDown } else { CLOSED };
        assert!(driver.got().contains(&Got::Disconnected { socket: client.socket, reason }));
        assert_eq!(client.returns(&mut driver), names(&[]));
        driver.finish();
    }
}

#[test]
fn s23_rejects_who_has_left() {
    type Leave = fn(&mut Driver, &Client);
    let leaves: [Leave; 4] = [
        |driver, client| driver.say(client.session, "1"),
        |driver, client| driver.disconnect(client.socket, Close::Namespace),
        |driver, client| driver.disconnect(client.socket, Close::Transport),
        |driver, client| driver.end(client.session, CloseReason::ParseError),
    ];
    for leave in leaves {
        let mut driver = driver(|all| all);
        let mut client = Client::new(&mut driver, "/");
        leave(&mut driver, &client);
        driver.got();
        driver.heard(client.session);
        assert!(!driver.server.is_away(client.socket));
        assert_eq!(driver.emit(client.socket, &event("a", ())), Err(EmitError::Gone));
        driver.end(client.session, CloseReason::TransportClose);
        assert_eq!(client.returns(&mut driver), None);
        driver.finish();
    }
}

/// Nor does one that is made to leave while it waits to be let in again.
#[test]
fn s23_rejects_who_is_sent_away_while_it_comes_back() {
    for what in [Close::Namespace, Close::Transport] {
        let mut driver = driver(|all| all.skips_admission(false));
        let mut client = Client::new(&mut driver, "/");
        client.is_lost(&mut driver);
        driver.admits = Admits::Later;
        let session = driver.open();
        driver.say(session, &format!("0{}", client.auth()));
        driver.got();
        driver.disconnect(client.socket, what);
        assert_eq!(driver.got(), [Got::Forgotten { socket: client.socket }], "{what:?}");
        assert_eq!(driver.is_closed(session), what == Close::Transport);
        assert_eq!(driver.admit(), None);
        driver.admits = Admits::Now;
        assert_eq!(client.returns(&mut driver), None);
        driver.finish();
    }
}

/// The application may say so as late as when it hears of the loss.
#[test]
fn s23_rejects_who_is_sent_away_while_it_leaves() {
    for what in [Close::Namespace, Close::Transport] {
        let mut driver = driver(|all| all);
        let client = Client::new(&mut driver, "/");
        let (now, socket) = (driver.now, client.socket);
        driver.wire.closed.insert(client.session);
        driver.server.closed(now, client.session, CloseReason::TransportClose);
        assert!(matches!(driver.server.poll_event(), Some(Event::Disconnecting { .. })));
        driver.server.disconnect(&mut driver.wire, socket, what);
        assert_eq!(
            driver.server.emit(now, &mut driver.wire, socket, &event("a", ())),
            Err(EmitError::Gone)
        );
        let Some(Event::Disconnected { is_kept, .. }) = driver.server.poll_event() else {
            panic!()
        };
        assert!(!is_kept && !driver.server.is_away(socket));
    }
}
