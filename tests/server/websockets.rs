//! Servers of WebSockets.

use super::*;
use sansio_ws::mio::Reply;
use sansio_ws::mio::server::websockets::{Client, Outbox, SlowConsumers};
use sansio_ws::mio::server::{Key, TimerKey, Undelivered};
use sansio_ws::{CloseCode, Ended, Limits, PreparedMessage};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

type MioStream = mio::net::TcpStream;

/// Does what clients say: `all TEXT`, `others TEXT`, `to NUMBER TEXT`, `several NUMBER,NUMBER TEXT`,
/// `close NUMBER`, `after TEXT`, `every TEXT`, `cancel`, `end`. Everything else is sent back.
#[derive(Default)]
struct Switchboard {
    clients: BTreeMap<u64, Key>,
    timer: Option<TimerKey>,
    ticks: usize,
}

impl Switchboard {
    /// Of a client that is gone too, as careless programs have it.
    fn key(&self, number: &str) -> Key {
        self.clients[&number.parse().unwrap()]
    }
}

fn prepared(text: &str) -> PreparedMessage {
    PreparedMessage::text(text)
}

/// What others have said on other threads.
enum Command {
    Say(&'static str),
}

impl Handler for Switchboard {
    type Command = Command;
    type Timer = String;

    fn opened(&mut self, client: Client, _: &mut Outbox<'_, String>) {
        self.clients.insert(client.number.get(), client.key);
    }

    fn text(
        &mut self,
        client: Client,
        reply: &mut Reply<'_, MioStream>,
        text: &str,
        outbox: &mut Outbox<'_, String>,
    ) {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (object, message) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "all" => outbox.send_to_all(prepared(rest)),
            "others" => outbox.send_to_others(client.key, prepared(rest)),
            "to" => outbox.send(self.key(object), prepared(message)),
            "several" => {
                let keys = object.split(',').map(|number| self.key(number));
                outbox.send_to_several(keys, prepared(message));
            }
            "close" => outbox.close(self.key(object), CloseCode::POLICY_VIOLATION, "told so"),
            "after" => _ = outbox.after(Duration::ZERO, rest.into()),
            "every" => self.timer = Some(outbox.every(Duration::ZERO, rest.into())),
            "end" => outbox.shut_down(),
            _ => reply.send_text(text).unwrap(),
        }
    }

    fn timer(&mut self, timer: String, outbox: &mut Outbox<'_, String>) {
        self.ticks += 1;
        if self.ticks == 3
            && let Some(key) = self.timer.take()
        {
            assert_eq!(outbox.cancel(key), Some(timer.clone()));
            assert_eq!(outbox.cancel(key), None);
        }
        outbox.send_to_all(prepared(&timer));
    }

    fn command(&mut self, Command::Say(text): Command, outbox: &mut Outbox<'_, String>) {
        outbox.send_to_all(prepared(text));
    }

    fn closed(&mut self, client: Client, end: io::Result<Ended>, outbox: &mut Outbox<'_, String>) {
        outbox.send_to_all(prepared(&format!("{client} left: {}", end.unwrap().is_clean())));
    }
}

/// So many clients, of whom the server knows in this order.
fn clients<const N: usize, H: Handler>(
    server: &Running<WebSockets<H>>,
) -> [WebSocket<TcpStream>; N] {
    [(); N].map(|()| {
        let mut client = server.client();
        client.send_text("hello").unwrap();
        assert_eq!(text(&mut client), "hello");
        client
    })
}

#[test]
fn messages_reach_whom_they_are_for_in_their_order() {
    let server = websockets(Switchboard::default());
    let [mut one, mut two, mut three] = clients(&server);
    for said in ["all a", "others b", "to 2 c", "several 3,1 d", "to 1 e", "all f", "all g"] {
        one.send_text(said).unwrap();
    }
    let heard =
        |client: &mut WebSocket<TcpStream>, n| (0..n).map(|_| text(client)).collect::<String>();
    assert_eq!(heard(&mut one, 5), "adefg");
    assert_eq!(heard(&mut two, 5), "abcfg");
    assert_eq!(heard(&mut three, 5), "abdfg");
    server.handle.send(Command::Say("from a thread")).unwrap();
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(text(client), "from a thread");
    }
    drop((one, two, three));
    let (_, left) = server.end();
    assert_eq!(left, 0);
}

#[test]
fn who_is_gone_is_told_of_and_a_key_of_it_does_no_harm() {
    let server = websockets(Switchboard::default());
    let [mut one, two] = clients(&server);
    drop(two);
    assert_eq!(text(&mut one), "#2 left: false");
    // Somebody else has its place now, and is not meant.
    let [mut three] = clients(&server);
    for said in ["to 2 x", "several 1,2 y", "close 2", "to 3 z"] {
        one.send_text(said).unwrap();
    }
    assert_eq!((text(&mut one), text(&mut three)), ("y".into(), "z".into()));
    one.send_text("close 3").unwrap();
    let Ok(Some(Event::Close(close))) = three.read() else { panic!("a Close") };
    assert_eq!((close.code, close.reason), (Some(CloseCode::POLICY_VIOLATION), "told so"));
    assert_eq!(three.read().unwrap(), None);
    assert_eq!(text(&mut one), "#3 left: true");
    drop(one);
    server.end();
}

#[test]
fn deadlines_of_the_handler_pass_once_or_until_they_are_cancelled() {
    let server = websockets(Switchboard::default());
    let [mut one] = clients(&server);
    one.send_text("every tick").unwrap();
    for _ in 0..3 {
        assert_eq!(text(&mut one), "tick");
    }
    one.send_text("after all").unwrap();
    assert_eq!(text(&mut one), "all");
    one.send_text("end").unwrap();
    let Ok(Some(Event::Close(close))) = one.read() else { panic!("a Close") };
    assert_eq!(close.code, Some(CloseCode::GOING_AWAY));
    drop(one);
    let (service, left) = server.thread.join().unwrap();
    assert_eq!((service.into_handler().ticks, left), (4, 0));
    assert!(matches!(server.handle.send(Command::Say("x")), Err(Undelivered::Ended(_))));
    server.handle.shut_down();
}

/// Tells how much waits behind each answer.
struct Echo {
    most: usize,
    drained: usize,
    echoed: Arc<AtomicUsize>,
}

impl Handler for Echo {
    type Command = ();
    type Timer = ();

    fn text(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, MioStream>,
        text: &str,
        _: &mut Outbox<'_, ()>,
    ) {
        reply.send_text(text).unwrap();
    }

    /// A naive echo: it asks nobody whether there is room.
    fn binary(
        &mut self,
        _: Client,
        reply: &mut Reply<'_, MioStream>,
        bytes: &[u8],
        _: &mut Outbox<'_, ()>,
    ) {
        reply.send_binary(bytes).unwrap();
        self.most = self.most.max(reply.queued());
        self.echoed.fetch_add(1, Ordering::Relaxed);
    }

    fn drained(&mut self, _: Client, _: &mut Outbox<'_, ()>) {
        self.drained += 1;
    }
}

#[test]
fn a_naive_echo_loses_nothing_and_holds_little_when_a_peer_does_not_read() {
    const COUNT: u8 = 40;
    const SIZE: usize = 900_000;
    let echoed = Arc::new(AtomicUsize::new(0));
    let server = websockets(Echo { most: 0, drained: 0, echoed: Arc::clone(&echoed) });
    let [mut other] = clients(&server);
    let (mut reader, writer) = server.client().split().unwrap();
    let sender = thread::spawn(move || {
        for i in 0..COUNT {
            writer.send_binary(&[i; SIZE]).unwrap();
        }
        writer
    });
    // Until the loop has gone round many times without reading more from it: others are served meanwhile.
    let (mut seen, mut rounds) = (0, 0);
    while rounds < 500 {
        other.send_text("still served").unwrap();
        assert_eq!(text(&mut other), "still served");
        let now = echoed.load(Ordering::Relaxed);
        rounds = if now == seen && now > 0 { rounds + 1 } else { 0 };
        seen = now;
    }
    assert!(seen < usize::from(COUNT), "more than fits between the two");
    for i in 0..COUNT {
        let Ok(Some(Event::Binary(bytes))) = reader.read() else { panic!("an echo") };
        assert!(bytes.len() == SIZE && bytes.iter().all(|&byte| byte == i), "echo {i}");
    }
    sender.join().unwrap();
    drop((reader, other));
    let (service, _) = server.end();
    let echo = service.into_handler();
    assert!(echo.drained > 0);
    let limit = Limits::default().max_queued_bytes + SIZE + 100;
    assert!(echo.most <= limit, "{} bytes waited", echo.most);
}

/// Sends what one client says to all others, and tells that one who has drained if it is to.
struct Radio {
    speaker: Option<Key>,
    drained: Option<mpsc::Sender<()>>,
}
impl Handler for Radio {
    type Command = ();
    type Timer = ();

    fn text(
        &mut self,
        client: Client,
        reply: &mut Reply<'_, MioStream>,
        text: &str,
        outbox: &mut Outbox<'_, ()>,
    ) {
        self.speaker.get_or_insert(client.key);
        match text {
            "hello" => reply.send_text(text).unwrap(),
            _ => outbox.send_to_others(client.key, prepared(text)),
        }
    }

    fn drained(&mut self, client: Client, outbox: &mut Outbox<'_, ()>) {
        let Some(speaker) = self.speaker.filter(|speaker| *speaker != client.key) else {
            return;
        };
        let Some(drained) = &self.drained else { return };
        drained.send(()).unwrap();
        outbox.send(speaker, prepared(&format!("{client} has drained")));
    }
}

#[test]
fn slow_clients_miss_messages_until_they_have_drained() {
    let (tells, drained) = mpsc::channel();
    let server = websockets(Radio { speaker: None, drained: Some(tells) });
    let [mut speaker, mut slow] = clients(&server);
    let long = "x".repeat(100_000);
    // More than fits between the two, and into the queue.
    for _ in 0..200 {
        speaker.send_text(&long).unwrap();
    }
    speaker.send_text("hello").unwrap();
    assert_eq!(text(&mut speaker), "hello", "all was delivered, or missed");
    assert!(drained.try_recv().is_err(), "it has not read");
    let mut heard = 0;
    let reading = thread::spawn(move || {
        while text(&mut slow).len() == 100_000 {
            heard += 1;
        }
        (slow, heard)
    });
    assert_eq!(text(&mut speaker), "#2 has drained");
    speaker.send_text("the end").unwrap();
    let (slow, heard) = reading.join().unwrap();
    assert!((1..200).contains(&heard), "it heard {heard} of 200");
    drop((speaker, slow));
    server.end();
}

#[test]
fn slow_clients_are_disconnected_if_that_is_the_policy() {
    let settings = settings().slow_consumers(SlowConsumers::Disconnect);
    let server = start(WebSockets::new(Radio { speaker: None, drained: None }, settings));
    let [mut speaker, mut slow] = clients(&server);
    let long = "x".repeat(100_000);
    for _ in 0..200 {
        speaker.send_text(&long).unwrap();
    }
    let close = loop {
        match slow.read().unwrap() {
            Some(Event::Text(_)) => {}
            Some(Event::Close(close)) => break close.code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close, Some(CloseCode::TRY_AGAIN_LATER));
    speaker.send_text("hello").unwrap();
    assert_eq!(text(&mut speaker), "hello");
    drop((speaker, slow));
    server.end();
}

/// Answers in turn at once, as one among many, and later. Texts go to all others.
struct Desk {
    answered: Arc<AtomicUsize>,
}

impl Handler for Desk {
    type Command = ();
    type Timer = Key;

    fn text(
        &mut self,
        client: Client,
        reply: &mut Reply<'_, MioStream>,
        text: &str,
        outbox: &mut Outbox<'_, Key>,
    ) {
        match text {
            "hello" => reply.send_text(text).unwrap(),
            _ => outbox.send_to_others(client.key, prepared(text)),
        }
    }

    fn binary(
        &mut self,
        client: Client,
        reply: &mut Reply<'_, MioStream>,
        bytes: &[u8],
        outbox: &mut Outbox<'_, Key>,
    ) {
        match self.answered.fetch_add(1, Ordering::Relaxed) % 4 {
            0 => reply.send_binary(bytes).unwrap(),
            1 => outbox.send(client.key, PreparedMessage::binary(bytes)),
            2 => outbox.send_to_several([client.key], PreparedMessage::binary(bytes)),
            _ => _ = outbox.after(Duration::ZERO, client.key),
        }
    }

    fn timer(&mut self, asked_by: Key, outbox: &mut Outbox<'_, Key>) {
        outbox.answer(asked_by, PreparedMessage::binary(&[7; ASKED_BYTES]));
    }
}

const ASKED_BYTES: usize = 10_000;

#[test]
fn who_does_not_read_misses_what_others_say_and_no_answer() {
    const COUNT: usize = 4000;
    let answered = Arc::new(AtomicUsize::new(0));
    let server = websockets(Desk { answered: Arc::clone(&answered) });
    let [mut other, slow] = clients(&server);
    let long = "x".repeat(100_000);
    // More than fits between the two, and into the queue.
    for _ in 0..200 {
        other.send_text(&long).unwrap();
    }
    other.send_text("hello").unwrap();
    assert_eq!(text(&mut other), "hello", "all was delivered, or missed");
    let (mut reader, writer) = slow.split().unwrap();
    let sender = thread::spawn(move || {
        for _ in 0..COUNT {
            writer.send_binary(&[7; ASKED_BYTES]).unwrap();
        }
        writer
    });
    // Until the loop has gone round many times without reading more from it.
    let (mut seen, mut rounds) = (0, 0);
    while rounds < 500 {
        other.send_text("hello").unwrap();
        assert_eq!(text(&mut other), "hello");
        let now = answered.load(Ordering::Relaxed);
        rounds = if now == seen && now > 0 { rounds + 1 } else { 0 };
        seen = now;
    }
    assert!(seen < COUNT, "it is read from");
    let (mut answers, mut heard) = (0, 0);
    while answers < COUNT {
        match reader.read().unwrap().unwrap() {
            Event::Binary(bytes) => {
                assert_eq!(bytes, [7; ASKED_BYTES]);
                answers += 1;
            }
            Event::Text(_) => heard += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((1..200).contains(&heard), "it heard {heard} of 200");
    sender.join().unwrap();
    drop((reader, other));
    server.end();
}
