//! Life and deadlines are judged by what moves. Time is what the test says.

use super::*;

/// A server over a script that has no more to say than its request, and whose writes take what
/// there is room for.
struct Setting {
    socket: WebSocket<Script>,
    script: Script,
    memory: Memory,
    reports: Reports,
    /// Bytes that the stream takes before it refuses more.
    room: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Setting {
    fn new(timeouts: Timeouts) -> Self {
        let reports = Reports::new();
        let room = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(usize::MAX));
        let script = Script::new(REQUEST, End::Stall).room(&room);
        let mut socket = WebSocket::server(script.clone(), &Limits::default(), timeouts, second(0));
        let mut memory = Memory::new();
        socket.ready(&reports.both);
        assert!(socket.turn(&mut memory, second(0)).accept(accept).unwrap());
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
        script.state().output.clear();
        Self { socket, script, memory, reports, room }
    }

    /// More arrives, and nobody polls.
    fn arrive(&self, bytes: &[u8]) {
        self.script.state().push(bytes);
    }

    fn turn(&mut self, now: Instant) -> Vec<Seen> {
        let mut seen = vec![];
        let mut turn = self.socket.turn(&mut self.memory, now);
        while let Some((_, event)) = turn.next().unwrap() {
            seen.extend(Seen::of(event));
        }
        drop(turn);
        self.settle(now);
        seen
    }

    /// Arrives, is reported, and is read.
    fn receive(&mut self, bytes: &[u8], now: Instant) -> Vec<Seen> {
        self.arrive(bytes);
        self.socket.ready(&self.reports.both);
        self.turn(now)
    }

    fn settle(&mut self, now: Instant) {
        assert_eq!(self.socket.settle(&mut self.memory, now).unwrap(), None);
    }

    fn send(&mut self, bytes: usize, now: Instant) {
        let connection = self.socket.connection_mut(&mut self.memory).unwrap();
        connection.send_binary(&vec![7; bytes]).unwrap();
        self.settle(now);
    }

    fn set_room(&self, bytes: usize) {
        self.room.store(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    fn due(&mut self, now: Instant) -> Option<Due> {
        let due = self.socket.handle_timeout(now);
        self.settle(now);
        due
    }
}

const fn half(seconds: u64) -> Instant {
    Instant::new(Duration::from_millis(500 * seconds))
}

const IDLE: Timeouts = Timeouts::NONE.idle(Some(Duration::from_secs(3)));

#[test]
fn messages_that_are_sent_are_not_idleness() {
    let mut setting = Setting::new(IDLE);
    for at in 1..100 {
        setting.send(4, half(at));
        assert_eq!(setting.due(half(at)), None);
    }
    // Pings are no messages.
    for at in 100..106 {
        let connection = setting.socket.connection_mut(&mut setting.memory).unwrap();
        connection.send_ping(sansio_ws::ControlPayload::EMPTY).unwrap();
        assert_eq!(setting.due(half(at)), None);
    }
    assert_eq!(expire(&mut setting.socket, &mut setting.memory, half(106)), Some(Due::Idle));
}

#[test]
fn a_message_that_arrives_slowly_is_not_idleness() {
    let whole = Frame::binary([7; 80_000]).masked([0; 4]).bytes();
    let mut fragments = vec![Frame::binary([7; 1000]).more()];
    fragments.extend((1..79).map(|_| Frame::continuation([7; 1000]).more()));
    fragments.push(Frame::continuation([7; 1000]));
    for bytes in [whole, wire(true, fragments)] {
        let mut setting = Setting::new(IDLE);
        let mut seen = vec![];
        for (at, piece) in (1..).zip(bytes.chunks(1000)) {
            seen.extend(setting.receive(piece, second(2 * at)));
            assert_eq!(setting.due(second(2 * at)), None);
        }
        assert_eq!(seen, [Seen::binary(vec![7; seen_len(&seen)])]);
    }
}

fn seen_len(seen: &[Seen]) -> usize {
    match seen {
        [Seen::Binary(bytes)] => bytes.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_has_a_deadline_of_its_own() {
    let timeouts = IDLE.message(Some(Duration::from_secs(30)));
    let mut setting = Setting::new(timeouts.close(Some(Duration::from_secs(5))));
    setting.receive(&Frame::text("before").masked([0; 4]).bytes(), second(1));
    let bytes = Frame::binary([7; 80_000]).masked([0; 4]).bytes();
    for (at, piece) in (2..32).zip(bytes.chunks(100)) {
        setting.receive(piece, second(at));
        assert_eq!(setting.due(second(at)), None);
    }
    setting.receive(&bytes[3000..3100], second(32));
    let due = expire(&mut setting.socket, &mut setting.memory, second(32));
    assert_eq!(due, Some(Due::Message));
    setting.settle(second(32));
    assert_eq!(setting.script.frames(), [Frame::close(1008, "message took too long")]);
    assert_eq!(setting.socket.poll_timeout(), Some(second(37)), "closing is bounded");
}

#[test]
fn what_arrives_while_nobody_polls_is_seen_before_a_verdict() {
    // Three messages.
    let mut setting = Setting::new(IDLE);
    setting.arrive(&wire(true, ["a", "b", "c"].map(Frame::text)));
    assert_eq!(setting.due(second(60)), None);
    assert!(setting.socket.wants_turn());
    assert_eq!(setting.turn(second(60)), ["a", "b", "c"].map(Seen::text));
    assert_eq!(setting.due(second(60)), None);
    // A pong.
    let mut setting = Setting::new(Timeouts::default());
    assert_eq!(setting.due(second(20)), Some(Due::Ping));
    setting.arrive(&wire(true, [Frame::pong("")]));
    assert_eq!(setting.due(second(60)), None);
    setting.turn(second(60));
    assert_eq!((setting.due(second(60)), setting.socket.poll_timeout()), (None, Some(second(80))));
    // Pongs are no messages.
    let mut setting = Setting::new(IDLE);
    setting.arrive(&wire(true, [Frame::pong("")]));
    assert_eq!(setting.due(second(60)), None);
    setting.turn(second(60));
    assert_eq!(setting.due(second(60)), Some(Due::Idle));
    // The answer to a Close.
    let mut setting = Setting::new(Timeouts::default());
    let connection = setting.socket.connection_mut(&mut setting.memory).unwrap();
    connection.close(CloseCode::NORMAL, "").unwrap();
    setting.settle(second(1));
    setting.arrive(&wire(true, [Frame::close(1000, "")]));
    setting.script.state().finish(End::Eof);
    assert_eq!(setting.due(second(60)), None);
    let mut turn = setting.socket.turn(&mut setting.memory, second(60));
    while turn.next().unwrap().is_some() {}
    drop(turn);
    let ended = setting.socket.settle(&mut setting.memory, second(60)).unwrap();
    assert_eq!(ended, Some(Ended::Clean { code: Some(CloseCode::NORMAL) }));
}

#[test]
fn a_peer_that_takes_what_was_refused_is_alive_although_no_edge_says_so() {
    let mut setting = Setting::new(Timeouts::default());
    setting.set_room(1000);
    setting.send(100_000, second(1));
    for at in 1..8 {
        // There is room, and mio has not reported it.
        setting.set_room(1000);
        let now = second(20 * at);
        assert!(matches!(setting.due(now), None | Some(Due::Ping)), "at {now:?}");
    }
    assert!(setting.script.output().len() > 2000);
    assert_eq!(setting.socket.connection().unwrap().ended(), None);
}

#[test]
fn a_send_that_is_stuck_ends_the_connection_although_it_gets_no_turns() {
    let mut setting = Setting::new(Timeouts::default());
    setting.set_room(1000);
    setting.send(100_000, second(1));
    assert_eq!(setting.due(second(20)), Some(Due::Ping));
    assert_eq!(setting.due(second(40)), None, "a look first");
    assert_eq!(setting.socket.poll_timeout(), Some(second(41)), "who gives no turns comes back");
    assert_eq!(setting.due(second(40)), None);
    assert_eq!(setting.socket.handle_timeout(second(41)), Some(Due::Pong));
    let ended = setting.socket.settle(&mut setting.memory, second(41)).unwrap();
    assert_eq!(ended, Some(Ended::TimedOut));
    assert!(setting.script.state().aborted, "both directions are shut down at once");
}

/// It is not read from, so its silence proves nothing. What it does not take does, from the first refusal on, or from what it
/// has last taken, whatever else is due before.
#[test]
fn who_is_not_read_from_is_given_up_when_the_send_is_stuck_and_neither_before_nor_after() {
    let both = Duration::from_secs(40);
    for idle in [None, Some(Duration::from_secs(25))] {
        for taken_at in [None, Some(second(50))] {
            let mut setting = Setting::new(Timeouts::default().idle(idle));
            setting.set_room(1000);
            // An answer, at second 19.
            setting.arrive(&wire(true, [Frame::text("ask")]));
            setting.socket.ready(&setting.reports.both);
            let mut turn = setting.socket.turn(&mut setting.memory, second(0));
            let (mut reply, _) = turn.next().unwrap().unwrap();
            reply.send_binary(&vec![7; 8 << 20]).unwrap();
            assert!(turn.next().unwrap().is_none(), "it is not read from any more");
            drop(turn);
            setting.settle(second(19));
            assert!(!setting.socket.wants_turn());
            let (mut now, mut refused_at, mut asked) = (second(19), second(19), 0);
            let given_up_at = loop {
                let next = setting.socket.poll_timeout().expect("it is not forgotten");
                asked += 1;
                assert!(asked < 20, "it spins");
                if let Some(at) = taken_at.filter(|at| *at <= next && *at > now) {
                    now = at;
                    refused_at = at;
                    setting.set_room(1000);
                    setting.socket.ready(&setting.reports.writable);
                    setting.settle(now);
                    continue;
                }
                now = now.max(next);
                match setting.socket.handle_timeout(now) {
                    None | Some(Due::Ping) => setting.settle(now),
                    Some(due) => {
                        assert_eq!(due, Due::Pong);
                        break now;
                    }
                }
            };
            assert_eq!(given_up_at, refused_at + both, "{idle:?} {taken_at:?}");
        }
    }
}

/// A stream may take bytes that it cannot pass on, as TLS does.
#[test]
fn who_takes_what_the_stream_has_held_is_alive() {
    use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed};
    let is_stuck = Arc::new(AtomicBool::new(false));
    let mut setting = Setting::new(Timeouts::default());
    let seen = Arc::clone(&is_stuck);
    let blocked = move |_, call| {
        (call == Call::Flush && seen.load(Relaxed)).then_some(Fault::Error(ErrorKind::WouldBlock))
    };
    setting.script = setting.script.clone().faults(blocked);
    is_stuck.store(true, Relaxed);
    setting.send(10, second(1));
    assert_eq!(setting.due(second(20)), Some(Due::Ping), "what is taken at once proves nothing");
    is_stuck.store(false, Relaxed);
    setting.socket.ready(&setting.reports.writable);
    setting.settle(second(30));
    assert_eq!(setting.socket.poll_timeout(), Some(second(50)), "it has made room at second 30");
}

#[test]
fn bytes_that_are_taken_at_once_prove_nothing() {
    let mut setting = Setting::new(Timeouts::default());
    for at in 1..20 {
        setting.send(1000, second(at));
    }
    assert_eq!(setting.due(second(20)), Some(Due::Ping));
    for at in 20..40 {
        setting.send(1000, second(at));
    }
    assert_eq!(expire(&mut setting.socket, &mut setting.memory, second(40)), Some(Due::Pong));
}

#[test]
fn closing_is_bounded_from_the_writing_of_the_close() {
    let mut setting = Setting::new(Timeouts::default());
    setting.set_room(0);
    setting.send(100_000, second(1));
    let connection = setting.socket.connection_mut(&mut setting.memory).unwrap();
    connection.close(CloseCode::NORMAL, "").unwrap();
    for at in 2..=52 {
        setting.set_room(2000);
        setting.socket.ready(&setting.reports.writable);
        setting.settle(second(at));
        assert_eq!(setting.due(second(at)), None, "the peer takes 2000 bytes a second");
    }
    let written = second(52);
    assert_eq!(setting.socket.poll_timeout(), Some(written + Duration::from_secs(5)));
}
