//! Over TCP.

use super::*;

/// An event loop for tests: every socket echoes.
struct Loop {
    poll: Poll,
    memory: Memory,
    sockets: BTreeMap<usize, WebSocket<mio::net::TcpStream>>,
    seen: BTreeMap<usize, Vec<Seen>>,
    ended: BTreeMap<usize, Result<Ended, ErrorKind>>,
    refused: Vec<u16>,
}

impl Loop {
    fn new() -> Self {
        Self {
            poll: Poll::new().unwrap(),
            memory: Memory::new(),
            sockets: BTreeMap::new(),
            seen: BTreeMap::new(),
            ended: BTreeMap::new(),
            refused: vec![],
        }
    }

    fn add(&mut self, mut socket: WebSocket<mio::net::TcpStream>) {
        let token = self.sockets.len() + self.ended.len();
        socket.register(self.poll.registry(), Token(token)).unwrap();
        self.sockets.insert(token, socket);
        self.seen.insert(token, vec![]);
    }

    /// Polls once, and gives each that wants it a turn. No deadline passes: a loop that waits for
    /// one that does not come in time has lost something.
    fn step(&mut self, decide: fn(&Request<'_>) -> Result<Connection, Response>) {
        let mut events = Events::with_capacity(128);
        let more = self.sockets.values().any(WebSocket::wants_turn);
        let timeout = if more { Duration::ZERO } else { PATIENCE };
        self.poll.poll(&mut events, Some(timeout)).unwrap();
        assert!(more || !events.is_empty(), "a wake-up was lost");
        for event in &events {
            if let Some(socket) = self.sockets.get_mut(&event.token().0) {
                socket.ready(event);
            }
        }
        let Self { memory, sockets, seen, ended, refused, .. } = self;
        sockets.retain(|token, socket| {
            let seen = seen.get_mut(token).unwrap();
            if socket.wants_turn() {
                let turned = turn_or_refuse(socket, memory, seen, refused, decide);
                if let Err(error) = turned {
                    ended.insert(*token, Err(error.kind()));
                    return false;
                }
            }
            match socket.settle(memory, second(0)) {
                Ok(None) => return true,
                Ok(Some(end)) => ended.insert(*token, Ok(end)),
                Err(error) => ended.insert(*token, Err(error.kind())),
            };
            false
        });
    }

    /// Runs until all sockets have ended.
    fn run(&mut self) {
        while !self.sockets.is_empty() {
            self.step(accept);
        }
    }
}

fn turn_or_refuse(
    socket: &mut WebSocket<mio::net::TcpStream>,
    memory: &mut Memory,
    seen: &mut Vec<Seen>,
    refused: &mut Vec<u16>,
    decide: fn(&Request<'_>) -> Result<Connection, Response>,
) -> io::Result<()> {
    let mut turn = socket.turn(memory, second(0));
    let mut served = turn.accept(decide).map(drop);
    while served.is_ok() {
        match turn.next() {
            Ok(Some((mut reply, event))) => answer(&mut reply, event, seen),
            Ok(None) => break,
            Err(error) => served = Err(error),
        }
    }
    match served {
        Err(Error::Io(error)) => return Err(error),
        Err(Error::Handshake(error)) => refused.push(error.status().code()),
        Err(Error::Refused(response)) => refused.push(response.status),
        Ok(()) | Err(Error::Protocol(_)) => {}
        Err(error) => panic!("{error}"),
    }
    Ok(())
}

/// A blocking client that writes `pieces` and reads until the end, both at once.
fn talk(peer: &TcpStream, pieces: Vec<Vec<u8>>) -> thread::JoinHandle<Vec<u8>> {
    let (mut reading, mut writing) = (peer.try_clone().unwrap(), peer.try_clone().unwrap());
    thread::spawn(move || {
        let writer = thread::spawn(move || {
            for piece in pieces {
                writing.write_all(&piece).unwrap();
                thread::yield_now();
            }
        });
        let mut answer = vec![];
        reading.read_to_end(&mut answer).unwrap();
        writer.join().unwrap();
        reading.shutdown(Shutdown::Both).unwrap_or_default();
        answer
    })
}

fn pieces(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    bytes.chunks(size).map(<[u8]>::to_vec).collect()
}

#[test]
fn fifty_connections_echo_through_one_buffer() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let mut peers = vec![];
        for i in 0..50 {
            let (stream, peer) = tcp();
            event_loop.add(server(stream));
            // One of them sends a large message among the small ones, in small pieces.
            let large = if i == 7 { 2 << 20 } else { 3000 };
            let mut frames: Vec<_> =
                (0..30).map(|n| Frame::text("ä".repeat(n * (i + 1) % 400))).collect();
            frames.push(Frame::binary(vec![i as u8; large]));
            frames.push(Frame::text(&"ä".as_bytes()[..1]).more());
            frames.push(Frame::continuation(&"ä".as_bytes()[1..]));
            let mut expected = frames[..31].to_vec();
            expected.push(Frame::text("ä"));
            expected.push(Frame::close(1000, ""));
            frames.push(Frame::close(1000, ""));
            let bytes = [REQUEST, &wire(true, frames)].concat();
            // From a byte to a few thousand: cut in heads, headers and code points.
            let size = if i == 7 { 1500 } else { 1 + i * i };
            peers.push((talk(&peer, pieces(&bytes, size)), expected));
        }
        event_loop.run();
        let clean = Ok(Ended::Clean { code: Some(CloseCode::NORMAL) });
        assert!(event_loop.ended.values().all(|ended| *ended == clean));
        for (peer, expected) in peers {
            let answer = peer.join().unwrap();
            assert_eq!(&answer[..RESPONSE.len()], RESPONSE);
            assert!(frame::parse(&answer[RESPONSE.len()..]) == expected, "echoes");
        }
    });
}

/// Receives this number of `frames`. Returns how many bytes the turns for that have read.
fn turns(frames: &[u8], count: usize, capacity: usize, reports: &Reports) -> Vec<usize> {
    let input = [REQUEST, frames].concat();
    let script = Script::new(&input[..], End::Stall);
    let mut socket = server(script.clone());
    let mut memory = Memory::with_read_bytes(capacity);
    let (mut turns, mut messages) = (vec![], 0);
    socket.ready(&reports.both);
    while socket.wants_turn() {
        let before = script.state().read;
        let mut turn = socket.turn(&mut memory, second(0));
        assert!(turn.accept(accept).unwrap());
        while let Some((_, event)) = turn.next().unwrap() {
            messages += usize::from(matches!(event, Event::Binary([7, ..])));
        }
        drop(turn);
        assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
        turns.push(script.state().read - before);
    }
    assert_eq!((messages, script.state().read), (count, input.len()));
    turns
}

#[test]
fn f16_a_turn_reads_256_kib_and_2_mib_of_a_large_message() {
    let reports = Reports::new();
    let small = wire(true, [Frame::binary([7; 1000])]).repeat(2000);
    let medium = wire(true, [Frame::binary(vec![7; 100_000])]).repeat(20);
    // A message that makes its buffer grow beyond what a turn may read.
    let large = wire(true, [Frame::binary(vec![7; 5 << 20])]);
    for capacity in [64, 256 * 1024, 1 << 20] {
        for (frames, count) in [(&small, 2000), (&medium, 20)] {
            let turns = turns(frames, count, capacity, &reports);
            assert!(turns[..turns.len() - 1].iter().all(|read| *read == 256 * 1024), "{turns:?}");
        }
        let turns = turns(&large, 1, capacity, &reports);
        assert_eq!(turns[..2], [2 << 20; 2], "{turns:?}");
        assert_eq!(turns.len(), 3, "{turns:?}");
        // Once it is there, all is as before.
        let both = [&large[..], &small].concat();
        let turns = self::turns(&both, 2001, capacity, &reports);
        let rest = (REQUEST.len() + large.len()) % (256 * 1024);
        assert_eq!(turns[2], (1 << 20) + 256 * 1024, "{turns:?}");
        assert!(rest > 0 && turns[3..].iter().all(|read| *read <= 256 * 1024), "{turns:?}");
    }
}

#[test]
fn a_turn_may_be_left_at_any_event() {
    let reports = Reports::new();
    let conversation = conversation(true);
    let script = conversation.script(usize::MAX, End::Eof);
    let mut socket = server(script.clone());
    let mut memory = Memory::with_read_bytes(64);
    let mut seen = vec![];
    socket.ready(&reports.both);
    let ended = loop {
        assert!(socket.wants_turn(), "there is more");
        let mut turn = socket.turn(&mut memory, second(0));
        turn.accept(accept).unwrap();
        if let Some((mut connection, event)) = turn.next().unwrap() {
            echo(&mut connection, event, &mut seen);
        }
        drop(turn);
        if let Some(ended) = socket.settle(&mut memory, second(0)).unwrap() {
            break ended;
        }
    };
    assert_eq!(ended, Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
    assert_eq!(seen, conversation.events());
    assert_eq!(script.frames(), conversation.answers());
}

#[test]
fn f16_a_flood_does_not_starve_others() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let (stream, flooder) = tcp();
        event_loop.add(server(stream));
        let (stream, peer) = tcp();
        event_loop.add(server(stream));
        let flood = [REQUEST, &wire(true, [Frame::pong([7; 100])]).repeat(10_000)].concat();
        let mut writing = flooder.try_clone().unwrap();
        let flooding = thread::spawn(move || {
            let mut bytes = &flood[..];
            while writing.write_all(bytes).is_ok() {
                bytes = &flood[REQUEST.len()..];
            }
        });
        while event_loop.seen[&0].is_empty() {
            event_loop.step(accept);
        }
        let frames = (0..20).map(|i| Frame::text(format!("{i}"))).chain([Frame::close_empty()]);
        let bytes = [REQUEST, &wire(true, frames)].concat();
        let other = talk(&peer, pieces(&bytes, 50));
        while event_loop.sockets.contains_key(&1) {
            event_loop.step(accept);
        }
        assert_eq!(event_loop.ended[&1], Ok(Ended::Clean { code: None }));
        assert_eq!(event_loop.seen[&1].len(), 21);
        other.join().unwrap();
        flooder.shutdown(Shutdown::Both).unwrap();
        flooding.join().unwrap();
        event_loop.run();
    });
}

#[test]
fn frames_behind_the_request_and_a_half_close_are_answered() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let mut answers = vec![];
        let frames = [Frame::text("early"), Frame::ping("bird"), Frame::text("late")];
        let bytes = [REQUEST, &wire(true, frames)].concat();
        for until in [0, 10, REQUEST.len(), bytes.len() - 3, bytes.len()] {
            let (stream, mut peer) = tcp();
            event_loop.add(server(stream));
            peer.write_all(&bytes[..until]).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            answers.push(thread::spawn(move || {
                let mut answer = vec![];
                peer.read_to_end(&mut answer).expect("an end, not a reset");
                answer
            }));
        }
        event_loop.run();
        let eof = |mid| Ok(Ended::Eof { mid_frame: mid, mid_message: mid, close_sent: false });
        let ended: Vec<_> = event_loop.ended.into_values().collect();
        assert_eq!(ended, [eof(false), eof(false), eof(false), eof(true), eof(false)]);
        let answered = [Frame::text("early"), Frame::pong("bird"), Frame::text("late")];
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.join().unwrap()).collect();
        let all = [RESPONSE, &wire(false, answered.clone())].concat();
        let but_one = [RESPONSE, &wire(false, answered[..2].to_vec())].concat();
        assert_eq!(answers, [vec![], vec![], RESPONSE.to_vec(), but_one, all]);
    });
}

#[test]
fn f2_f7_a_reset_ends_it_after_what_was_said_before() {
    bounded(|| {
        for close in [true, false] {
            let mut event_loop = Loop::new();
            let (stream, mut peer) = tcp();
            event_loop.add(server(stream));
            peer.write_all(REQUEST).unwrap();
            peer.set_nonblocking(true).unwrap();
            while peer.peek(&mut [0; 1024]).unwrap_or(0) < RESPONSE.len() {
                event_loop.step(accept);
            }
            peer.set_nonblocking(false).unwrap();
            let mut frames: Vec<_> = (0..500).map(|i| Frame::text(format!("{i}"))).collect();
            frames.extend(close.then(|| Frame::close(1000, "")));
            peer.write_all(&wire(true, frames)).unwrap();
            // With unread input, this is a reset.
            drop(peer);
            // The socket has been written to in vain before anything is read.
            let Loop { sockets, memory, .. } = &mut event_loop;
            let socket = sockets.get_mut(&0).unwrap();
            for _ in 0..3 {
                let sent = socket.connection_mut(memory).unwrap().send_text("void");
                assert!(matches!(sent, Ok(()) | Err(SendError::Closed)), "{sent:?}");
                assert_eq!(
                    socket.settle(memory, second(0)).unwrap(),
                    None,
                    "there is something to read"
                );
            }
            event_loop.run();
            assert_eq!(event_loop.seen[&0].len(), 500 + usize::from(close));
            let ended = event_loop.ended[&0];
            assert_eq!(ended.is_ok_and(Ended::is_clean), close, "{ended:?}");
        }
    });
}

#[test]
fn requests_that_are_no_handshake_get_a_page_or_an_error() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let requests: [&[u8]; 5] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01 a TLS hello \n",
            // Much behind a request does not destroy the answer.
            &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), vec![0; 300_000]].concat(),
        ];
        let mut peers = vec![];
        for request in requests {
            let (stream, peer) = tcp();
            event_loop.add(server(stream));
            peers.push(talk(&peer, vec![request.to_vec()]));
        }
        let page = |request: &Request<'_>| {
            Err(match request.path() {
                "/" => Response::html("<p>hello</p>"),
                _ => Response::not_found(),
            })
        };
        while !event_loop.sockets.is_empty() {
            event_loop.step(page);
        }
        let ended = Ended::Eof { mid_frame: false, mid_message: false, close_sent: false };
        assert!(event_loop.ended.values().all(|end| *end == Ok(ended)));
        assert_eq!(event_loop.refused, [400]);
        let answers: Vec<_> = peers
            .into_iter()
            .map(|peer| String::from_utf8(peer.join().unwrap()).unwrap())
            .map(|answer| (answer[9..12].to_string(), answer.ends_with("<p>hello</p>")))
            .collect();
        let expected =
            [("200", true), ("200", false), ("404", false), ("400", false), ("200", true)];
        assert_eq!(answers, expected.map(|(status, page)| (status.to_string(), page)));
    });
}

#[test]
fn the_clients_role() {
    bounded(|| {
        use sansio_ws::blocking;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket =
                blocking::WebSocket::accept_with(stream, &Limits::default(), FAR, accept).unwrap();
            for i in 0..1000 {
                socket.send_text(&format!("{i}")).unwrap();
                assert_eq!(socket.read().unwrap(), Some(Event::Text(&format!("{i}"))));
            }
            socket.close(CloseCode::NORMAL, "").unwrap();
            // The next one is refused, and there is no third.
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 503 Later\r\n\r\n").unwrap();
        });
        let mut event_loop = Loop::new();
        // Not connected yet: the request waits for that.
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.seen[&0].len(), 1001);
        let clean = Ok(Ended::Clean { code: Some(CloseCode::NORMAL) });
        assert_eq!(event_loop.ended[&0], clean);
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.refused, [503]);
        server.join().unwrap();
        event_loop.add(client(mio::net::TcpStream::connect(address).unwrap()));
        event_loop.run();
        assert_eq!(event_loop.ended[&2], Err(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_clients_answer_is_checked() {
    let reports = Reports::new();
    let script = Script::new(RESPONSE, End::Eof);
    let mut socket = client(script.clone());
    let mut memory = Memory::new();
    socket.ready(&reports.both);
    assert_eq!(socket.settle(&mut memory, second(0)).unwrap(), None);
    let mut turn = socket.turn(&mut memory, second(0));
    match turn.connect(|_| {}) {
        Err(Error::Handshake(error)) => assert_eq!(error, HandshakeError::InvalidAccept),
        opened => panic!("{opened:?}"),
    }
    drop(turn);
    assert!(socket.connection().is_none());
    assert_eq!(
        socket.settle(&mut memory, second(0)).unwrap(),
        None,
        "the server has yet to notice"
    );
    assert!(script.state().shut_down);
}

#[test]
fn parts_lose_nothing_in_either_direction() {
    let reports = Reports::new();
    let conversation = conversation(true);
    let bytes = conversation.frames();
    let last = bytes.len() - wire(true, [Frame::close(1001, "bye")]).len();
    for cut in 0..=last {
        let first = Script::new([REQUEST, &bytes[..cut]].concat(), End::Stall);
        let mut socket = server(first.clone());
        let mut memory = Memory::with_read_bytes(64);
        let mut outcome = Outcome { opened: false, events: vec![], end: Err(None), answers: 0 };
        socket.ready(&reports.both);
        while socket.wants_turn() {
            turn(&mut socket, &mut memory, second(0), &Config::default(), &mut outcome).unwrap();
        }
        // Nothing has been written so far.
        let (_, mut rx, connection) = socket.into_parts();
        let mut connection = connection.unwrap();
        connection.send_text("queued").unwrap();
        rx.extend_from_slice(&bytes[cut..]);
        while let Some(event) = connection.next_event(&mut rx).unwrap() {
            echo(&mut connection, event, &mut outcome.events);
        }
        assert_eq!(outcome.events, conversation.events(), "cut at {cut}");
        let mut output = first.output();
        support::drain(&mut connection, usize::MAX, &mut output);
        assert_eq!(&output[..RESPONSE.len()], RESPONSE);
        let mut frames = frame::parse(&output[RESPONSE.len()..]);
        let queued = frames.iter().position(|frame| *frame == Frame::text("queued")).unwrap();
        frames.remove(queued);
        assert_eq!(frames, conversation.answers(), "cut at {cut}");
        assert_eq!(connection.transport(), Transport::ShutdownWrite);
    }
}

#[test]
fn we_may_close_first() {
    bounded(|| {
        let mut event_loop = Loop::new();
        let (stream, mut peer) = tcp();
        event_loop.add(server(stream));
        peer.write_all(REQUEST).unwrap();
        while event_loop.sockets.get_mut(&0).unwrap().connection().is_none() {
            event_loop.step(accept);
        }
        let Loop { sockets, memory, .. } = &mut event_loop;
        let socket = sockets.get_mut(&0).unwrap();
        socket.connection_mut(memory).unwrap().close(CloseCode::GOING_AWAY, "").unwrap();
        assert_eq!(socket.settle(memory, second(0)).unwrap(), None);
        peer.write_all(&wire(true, [Frame::text("on its way"), Frame::close(1001, "")])).unwrap();
        let peer = talk(&peer, vec![]);
        event_loop.run();
        assert_eq!(event_loop.seen[&0], [Seen::text("on its way"), Seen::close(1001, "")]);
        let clean = Ok(Ended::Clean { code: Some(CloseCode::GOING_AWAY) });
        assert_eq!(event_loop.ended[&0], clean);
        let answer = peer.join().unwrap();
        assert_eq!(frame::parse(&answer[RESPONSE.len()..]), [Frame::close(1001, "")]);
    });
}
