//! Events with attachments on their way through a real server of Engine.IO (S2, and its rules E3 and E12).

use crate::driver::{event, ids};
use crate::engine::{Client, Driver, config};
use sansio_engineio::{CloseReason, Config as EngineConfig};
use sansio_socketio::{At, Bytes, Config, EmitError, Event, Recovery, Server, Socket, Target};
use std::time::Duration;

/// Both machines, one above the other.
struct Both {
    engine: Driver,
    server: Server,
}

impl Both {
    fn new(config: EngineConfig) -> Self {
        Self::with(config, Config::default())
    }

    fn with(engine: EngineConfig, config: Config) -> Self {
        Self { engine: Driver::new(engine), server: Server::new(config, ids()) }
    }

    /// A client by polling in the root namespace, which has read what that said.
    fn connect(&mut self) -> (Client, Socket) {
        let client = self.engine.connect();
        self.server.opened(self.engine.now, client.session);
        let socket = self.join(&client);
        let get = self.engine.get(&client);
        assert!(self.engine.response(get).starts_with("40{\"sid\":"));
        (client, socket)
    }

    fn join(&mut self, client: &Client) -> Socket {
        let mut at = At { server: &mut self.engine.server, now: self.engine.now, speaker: None };
        let text = sansio_engineio::Message::Text("0");
        let event = self.server.message(at.now, &mut at, client.session, text);
        let Some(Event::Admit { ticket, .. }) = event else { panic!("{event:?}") };
        let socket = self.server.admit(&mut at, ticket).expect("it is there");
        self.engine.settle();
        socket
    }

    /// An event with two attachments, and one without, to one socket.
    fn emit(&mut self, socket: Socket, number: u8) -> [Result<(), EmitError>; 2] {
        let mut at = At { server: &mut self.engine.server, now: self.engine.now, speaker: None };
        let file = Bytes::from(vec![number]);
        let binary = event("file", (number, file.clone(), file));
        let text = event("text", (number,));
        let sent = [
            self.server.emit(at.now, &mut at, socket, &binary),
            self.server.emit(at.now, &mut at, socket, &text),
        ];
        self.engine.settle();
        sent
    }

    /// The same, for which there is room.
    fn emits(&mut self, socket: Socket, number: u8) {
        assert_eq!(self.emit(socket, number), [Ok(()), Ok(())]);
    }

    /// All that the client gets by polling until nothing is left.
    fn polled(&mut self, client: &Client) -> Vec<String> {
        let mut packets = vec![];
        loop {
            let get = self.engine.get(client);
            if self.engine.is_held(get) {
                return packets;
            }
            packets.extend(self.engine.response(get).split('\u{1e}').map(String::from));
        }
    }
}

/// By polling, the two units of one number.
fn units(number: u8) -> Vec<String> {
    let placeholder = |at| format!("{{\"_placeholder\":true,\"num\":{at}}}");
    // One byte in base64.
    let bytes = ["bAA==", "bAQ==", "bAg=="][usize::from(number)];
    vec![
        format!("452-[\"file\",{number},{},{}]", placeholder(0), placeholder(1)),
        bytes.into(),
        bytes.into(),
        format!("42[\"text\",{number}]"),
    ]
}

#[test]
fn s2_accepts_units_in_order_and_nothing_between() {
    let mut both = Both::new(config());
    let (client, socket) = both.connect();
    for number in 0..3 {
        both.emits(socket, number);
    }
    let expected: Vec<_> = (0..3).flat_map(units).collect();
    assert_eq!(both.polled(&client), expected);
}

/// Responses hold few packets (E12): a unit may be cut there, but nothing comes between its parts, and a ping does
/// not count, since it is none of the client's events.
#[test]
fn s2_accepts_units_cut_by_responses() {
    for packets in [1, 2, 3, 5] {
        let mut both = Both::new(config().max_response_packets(packets));
        let (client, socket) = both.connect();
        for number in 0..3 {
            both.emits(socket, number);
        }
        both.engine.wait(Duration::from_secs(25));
        let polled = both.polled(&client);
        assert!(polled.contains(&"2".into()));
        let messages: Vec<_> = polled.into_iter().filter(|packet| packet != "2").collect();
        assert_eq!(messages, (0..3).flat_map(units).collect::<Vec<_>>());
    }
}

/// What waits moves to the WebSocket as it is.
#[test]
fn s2_accepts_units_during_an_upgrade() {
    let mut both = Both::new(config());
    let (client, socket) = both.connect();
    both.emits(socket, 0);
    let web = both.engine.candidate(&client);
    both.engine.say(web, "2probe");
    both.emits(socket, 1);
    both.engine.say(web, "5");
    both.emits(socket, 2);
    // There bytes are frames of their own.
    let in_frames = |packet: String| match &*packet {
        "bAA==" => String::from("[0]"),
        "bAQ==" => "[1]".into(),
        "bAg==" => "[2]".into(),
        _ => packet,
    };
    let expected: Vec<_> = (0..3).flat_map(units).map(in_frames).collect();
    assert_eq!(both.engine.frames(web), expected);
}

#[test]
fn s2_rejects_units_as_a_whole_when_too_much_waits() {
    for limit in 1..=9 {
        let mut both = Both::new(config().max_queued_packets(limit));
        let (client, socket) = both.connect();
        let mut expected = vec![];
        for number in 0..3 {
            let [binary, text] = both.emit(socket, number);
            let [header, first, second, last] = <[String; 4]>::try_from(units(number)).unwrap();
            match binary {
                Ok(()) => expected.extend([header, first, second]),
                error => assert_eq!(error, Err(EmitError::Full)),
            }
            match text {
                Ok(()) => expected.push(last),
                error => assert_eq!(error, Err(EmitError::Full)),
            }
        }
        assert!(expected.len() >= limit && expected.len() < 12, "{limit} {expected:?}");
        assert_eq!(both.polled(&client), expected);
        // There is room again.
        assert_eq!(both.emit(socket, 0)[0], Ok(()));
    }
}

/// A unit goes to each of many as a whole or not at all, also when its bytes are the limit.
#[test]
fn s2_rejects_units_to_those_who_have_no_room() {
    let mut both = Both::new(config().max_queued_bytes(50));
    let clients = [both.connect(), both.connect()];
    let (slow, socket) = &clients[0];
    let large = event("large", (Bytes::from(vec![0; 60]),));
    let all = Target::all("/");
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    assert_eq!(both.server.emit_to(at.now, &mut at, &all, &large), []);
    both.engine.settle();
    assert_eq!(both.polled(&clients[1].0).len(), 2);
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    let failed = both.server.emit_to(at.now, &mut at, &all, &large);
    assert_eq!(failed, [(*socket, EmitError::Full)]);
    both.engine.settle();
    assert_eq!(both.polled(slow).len(), 2, "the first one, and nothing of the second");
}

/// E3: a namespace may have a character that payloads cannot have, but a client that polls cannot be in it.
#[test]
fn s2_rejects_nothing_for_the_character_that_separates() {
    let mut both = Both::new(config());
    let (client, socket) = both.connect();
    // JSON has it as an escape.
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    let strange = event("a\u{1e}b", ("c\u{1e}d", Bytes::from_static(b"\x1e")));
    assert_eq!(both.server.emit(at.now, &mut at, socket, &strange), Ok(()));
    both.engine.settle();
    let polled = both.polled(&client);
    let header = "451-[\"a\\u001eb\",\"c\\u001ed\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(polled, [header, "bHg=="]);
}

/// A response is not compressed if all that it holds is not to be.
#[test]
fn s16_accepts_messages_that_are_not_to_be_compressed() {
    for (on, attachments) in [(true, 0), (false, 0), (true, 1), (false, 1)] {
        let mut both = Both::new(config());
        let (client, _) = both.connect();
        let files = vec![Bytes::from_static(b"x"); attachments];
        let target = Target::all("/").compress(on);
        let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
        assert_eq!(both.server.emit_to(at.now, &mut at, &target, &event("a", (&files,))), []);
        both.engine.settle();
        let get = both.engine.get(&client);
        assert_eq!(both.engine.may_compress(get), on);
        let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
        both.server.ask_all(at.now, &mut at, &target, Duration::MAX, &event("q", (files,)));
        both.engine.settle();
        let get = both.engine.get(&client);
        assert_eq!(both.engine.may_compress(get), on);
    }
}

/// A volatile event leaves with the GET that is held, as a whole, or not at all (S18).
#[test]
fn s18_accepts_and_drops_whole_units() {
    let mut both = Both::new(config());
    let (client, socket) = both.connect();
    let file = event("v", (Bytes::from_static(b"\0"),));
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    let sent = both.server.emit_volatile(&mut at, socket, &file);
    assert_eq!(sent, Err(EmitError::Dropped), "no GET is held");
    let get = both.engine.get(&client);
    assert!(both.engine.is_held(get));
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    assert_eq!(both.server.emit_volatile(&mut at, socket, &file), Ok(()));
    both.engine.settle();
    let header = "451-[\"v\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(both.engine.response(get), format!("{header}\u{1e}bAA=="));
}

/// What a client of the real server does that breaks the rules ends its session, behind what was said to it (S8).
#[test]
fn s8_accepts_what_was_said_before_the_end() {
    let mut both = Both::new(config());
    let (client, socket) = both.connect();
    both.emits(socket, 0);
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
    let text = sansio_engineio::Message::Text("9");
    assert!(both.server.message(at.now, &mut at, client.session, text).is_none());
    assert_eq!(both.server.emit(at.now, &mut at, socket, &event("a", ())), Err(EmitError::Gone));
    both.engine.settle();
    let reason = both.engine.ended(client.session).expect("it is closed");
    both.server.closed(both.engine.now, client.session, reason);
    let Some(Event::Disconnecting { reason, .. }) = both.server.poll_event() else { panic!() };
    assert_eq!(reason, crate::driver::CLOSED);
    let get = both.engine.get(&client);
    assert_eq!(both.engine.response(get), units(0).join("\u{1e}"));
    let get = both.engine.get(&client);
    assert_eq!(both.engine.response(get), "1");
}

/// What was missed waits for the next GET, all of it, with the answer behind it; or nothing of it, if it is more than
/// may wait.
#[test]
fn s24_accepts_and_rejects_by_what_the_queue_holds() {
    // Two events with two attachments each, two without, and the answer; some 150 bytes, and 101 for the answer.
    for (packets, bytes, fits) in
        [(9, 1000, true), (8, 1000, false), (9, 400, true), (9, 200, false)]
    {
        let limits = config().max_queued_packets(packets).max_queued_bytes(bytes);
        let recovery = Config::default().recovery(Some(Recovery::default()));
        let mut both = Both::with(limits.max_response_packets(100), recovery);
        let client = both.engine.connect();
        both.server.opened(both.engine.now, client.session);
        let socket = both.join(&client);
        let answer = both.polled(&client).remove(0);
        both.server.closed(both.engine.now, client.session, CloseReason::TransportClose);
        while both.server.poll_event().is_some() {}
        both.emits(socket, 0);
        both.emits(socket, 1);

        let client = both.engine.connect();
        both.server.opened(both.engine.now, client.session);
        let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker: None };
        let text = answer.strip_prefix('4').unwrap();
        let text = sansio_engineio::Message::Text(text);
        let event = both.server.message(at.now, &mut at, client.session, text);
        assert_eq!(matches!(event, Some(Event::Recovered { .. })), fits, "{packets} {bytes}");
        both.engine.settle();
        let polled = both.polled(&client);
        if fits {
            assert_eq!(polled.len(), 9);
            assert_eq!(polled[8], answer);
            let heads: Vec<_> = polled.iter().filter_map(|packet| packet.get(..9)).collect();
            assert_eq!(heads[..4], ["452-[\"fil", "42[\"text\"", "452-[\"fil", "42[\"text\""]);
        } else {
            assert!(polled.is_empty());
        }
    }
}

/// Who asks without end and takes nothing is not read from, also if it is answered later. What it is told besides stops nothing.
#[test]
fn what_a_client_has_asked_for_counts_as_an_answer() {
    let mut both = Both::with(config().max_queued_packets(6), Config::default());
    let (client, socket) = both.connect();
    assert_eq!(both.emit(socket, 1), [Ok(()), Ok(())]);
    assert!(!both.engine.server.pauses_reading(client.session), "four packets wait");
    let speaker = Some(client.session);
    let mut at = At { server: &mut both.engine.server, now: both.engine.now, speaker };
    let asked = sansio_engineio::Message::Text("27[\"ask\"]");
    let asked = both.server.message(at.now, &mut at, client.session, asked);
    let Some(Event::Event { ack: Some(ack), .. }) = asked else { panic!("{asked:?}") };
    for number in 0..2 {
        assert!(!at.server.pauses_reading(client.session));
        both.server.emit(at.now, &mut at, socket, &event("said", (number,))).unwrap();
    }
    at.speaker = None;
    assert!(!at.server.pauses_reading(client.session), "two answers wait");
    let args = sansio_socketio::EncodedArgs::new(&(1,)).unwrap();
    both.server.acknowledge(&mut at, ack, &args).unwrap();
    assert!(at.server.pauses_reading(client.session));
    both.engine.settle();
}
