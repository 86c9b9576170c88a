//! What a connection makes of bytes that arrive, against the [oracle](super::oracle), in one
//! piece and in many.

use super::input::Input;
use super::oracle::{self, Expected, Frame, Seen};
use bytes::Buf;
use sansio_ws::extension::Agreement;
use sansio_ws::{
    Config, Connection, Delivery, Ended, Event, Limits, Masks, MessageKind, RecvBuffer, Role,
    SendQueue, Transport,
};

/// This number of pings is answered one by one while nothing is written.
pub(super) const MAX_UNSENT_PONGS: usize = 16;

/// The longest part that is inflated at once.
const PART_BYTES: usize = 16 * 1024;

/// A server receives the input.
pub fn server_stream(data: &[u8]) {
    stream(data, true);
}

/// A client receives the input.
pub fn client_stream(data: &[u8]) {
    stream(data, false);
}

fn stream(data: &[u8], is_server: bool) {
    let Some(input) = Input::new(data) else { return };
    check(input, is_server, Limits::default(), None);
}

/// What both sides agreed on.
pub(super) struct Compression<'a> {
    pub(super) takeover: bool,
    /// Makes the state of a new connection.
    pub(super) agree: &'a dyn Fn() -> Agreement,
}

pub(super) fn check(
    input: Input<'_>,
    is_server: bool,
    limits: Limits,
    compression: Option<&Compression<'_>>,
) {
    let settings = Settings::new(input, limits);
    let config = &settings.config;
    let takeover = compression.map(|compression| compression.takeover);
    let expected =
        oracle::receive(is_server, &config.limits, config.delivery, takeover, input.arrives);
    let answers = settings.answers(&expected);
    for (way, pieces) in input.ways() {
        let mut machine = Machine::new(is_server, settings.clone(), compression);
        for piece in pieces {
            machine.receive(piece);
        }
        let (seen, ended, sent) = machine.end();
        assert_eq!(seen, expected.seen, "{way}, {settings:?}");
        assert_eq!(ended, expected.ended, "{way}, {settings:?}");
        check_sent(&sent, is_server, &answers);
    }
}

#[derive(Debug, Clone)]
struct Settings {
    config: Config,
    /// Write only when the stream has ended, so that pongs overtake one another.
    write_late: bool,
    /// Between two reads, keep what is pending in a buffer of its own.
    park: bool,
    /// Of the buffer, at first.
    capacity: usize,
}

impl Settings {
    /// Those that the input chooses, within the limits.
    fn new(input: Input<'_>, all: Limits) -> Self {
        let max_message_bytes = input.choice(4, [all.max_message_bytes, 200, 16, 0]);
        let limits = input.choice(
            6,
            [all, all.max_frame_bytes(100), all.max_fragments(3), all.max_frames_per_call(1)],
        );
        let delivery = if input.is_on(0) { Delivery::Parts } else { Delivery::Messages };
        let park = input.is_on(3);
        let capacity = if park { input.longest.into() } else { 4096 };
        let config = Config::default()
            .limits(limits.max_message_bytes(max_message_bytes))
            .delivery(delivery)
            .auto_pong(!input.is_on(1));
        Self { config, write_late: input.is_on(2), park, capacity }
    }

    /// Which of all possible answers are to be sent.
    fn answers(&self, expected: &Expected) -> Vec<(u8, Vec<u8>)> {
        let mut answers = expected.answers.clone();
        if !self.config.auto_pong {
            answers.retain(|(opcode, _)| *opcode != 10);
        }
        let pongs = answers.iter().filter(|(opcode, _)| *opcode == 10).count();
        if self.write_late && pongs > MAX_UNSENT_PONGS {
            // Of the others only the newest is sent, or none if Close comes first.
            let is_closed = pongs < answers.len();
            answers.drain(MAX_UNSENT_PONGS..pongs - usize::from(!is_closed));
        }
        answers
    }
}

struct Machine {
    connection: Connection,
    settings: Settings,
    rx: RecvBuffer,
    parked: RecvBuffer,
    received: usize,
    /// What messages may take when they are inflated.
    inflated: usize,
    events: usize,
    seen: Vec<Seen>,
    sent: Vec<u8>,
}

impl Machine {
    fn new(is_server: bool, settings: Settings, compression: Option<&Compression<'_>>) -> Self {
        let role = if is_server { Role::Server } else { Role::Client(counting_masks()) };
        let mut connection = Connection::new(role, settings.config.clone());
        let mut inflated = 0;
        if let Some(compression) = compression {
            connection = connection.with_agreement((compression.agree)());
            inflated = match settings.config.delivery {
                Delivery::Parts => PART_BYTES + 3,
                // One more shows that there is more.
                _ => settings.config.limits.max_message_bytes as usize + 1,
            };
        }
        Self {
            connection,
            inflated,
            rx: RecvBuffer::with_capacity(settings.capacity),
            settings,
            parked: RecvBuffer::new(),
            received: 0,
            events: 0,
            seen: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn receive(&mut self, piece: &[u8]) {
        if self.settings.park {
            self.rx.unpark(&mut self.parked);
        }
        self.rx.extend_from_slice(piece);
        self.received += piece.len();
        let bound = 2 * self.received + 4096 + self.inflated;
        assert!(self.rx.capacity() <= bound, "memory: {:?}", self.rx);
        while self.next_event() {
            if !self.settings.write_late {
                write_all(self.connection.outgoing(), &mut self.sent);
            }
        }
        if let Some(Seen::Close(..) | Seen::Failed(_)) = self.seen.last() {
            assert!(!self.next_event(), "more after the end");
            assert!(self.rx.is_empty(), "bytes behind the end are kept: {:?}", self.rx);
        }
        if self.settings.park {
            self.rx.park(&mut self.parked);
            assert!(self.parked.capacity() <= bound, "memory: {:?}", self.parked);
        }
    }

    /// Whether there may be more.
    fn next_event(&mut self) -> bool {
        let event = match self.connection.next_event(&mut self.rx) {
            Ok(Some(event)) => event,
            Ok(None) => return false,
            Err(error) => {
                match self.seen.last() {
                    Some(Seen::Failed(first)) => assert_eq!(*first, error),
                    _ => self.seen.push(Seen::Failed(error)),
                }
                if !self.settings.write_late {
                    write_all(self.connection.outgoing(), &mut self.sent);
                }
                return false;
            }
        };
        self.events += 1;
        assert!(self.events <= self.received, "events without end");
        assert!(
            !matches!(self.seen.last(), Some(Seen::Close(..) | Seen::Failed(_))),
            "{event:?} after the end"
        );
        match event {
            Event::Text(text) => {
                self.seen.push(Seen::Message(MessageKind::Text, text.as_bytes().to_vec()));
            }
            Event::Binary(bytes) => {
                self.seen.push(Seen::Message(MessageKind::Binary, bytes.to_vec()));
            }
            Event::TextPart { text, first, last } => {
                assert!(last || !text.is_empty(), "an empty part");
                let part = (MessageKind::Text, text.as_bytes());
                oracle::push_part(&mut self.seen, part, first, last);
            }
            Event::BinaryPart { bytes, first, last } => {
                assert!(last || !bytes.is_empty(), "an empty part");
                let part = (MessageKind::Binary, bytes);
                oracle::push_part(&mut self.seen, part, first, last);
            }
            Event::Ping(payload) => self.seen.push(Seen::Ping(payload.to_vec())),
            Event::Pong(payload) => self.seen.push(Seen::Pong(payload.to_vec())),
            Event::Close(close) => {
                self.seen.push(Seen::Close(close.code, close.reason.into()));
            }
            Event::Yield => {}
            other => panic!("an event that is new to this harness: {other:?}"),
        }
        true
    }

    fn end(mut self) -> (Vec<Seen>, Ended, Vec<u8>) {
        while self.connection.wants_write() {
            write_all(self.connection.outgoing(), &mut self.sent);
        }
        let expected = match self.seen.last() {
            Some(Seen::Failed(_)) => Transport::ShutdownWrite,
            Some(Seen::Close(..)) if self.connection.is_server() => Transport::ShutdownWrite,
            _ => Transport::KeepOpen,
        };
        assert_eq!(self.connection.transport(), expected);
        let rx = if self.settings.park { &self.parked } else { &self.rx };
        let ended = self.connection.receive_eof(rx);
        assert_eq!(self.connection.transport(), Transport::Drop);
        (self.seen, ended, self.sent)
    }
}

/// The keys 1, 2, 3 …, so that it shows which frame got which.
pub(super) fn counting_masks() -> Masks {
    let mut count = 0_u32;
    Masks::new(move || {
        count += 1;
        count.to_be_bytes()
    })
}

pub(super) fn write_all(queue: &mut SendQueue, sent: &mut Vec<u8>) {
    while queue.has_remaining() {
        let chunk = queue.chunk();
        assert!(!chunk.is_empty(), "nothing to write, but the queue is not empty");
        sent.extend_from_slice(chunk);
        queue.advance(chunk.len());
    }
}

/// The frames that were sent are the expected ones, masked as the role demands.
fn check_sent(sent: &[u8], is_server: bool, answers: &[(u8, Vec<u8>)]) {
    let (sent, rest) = oracle::frames(sent);
    assert!(rest.is_empty(), "the last frame is cut off");
    let expected: Vec<Frame> = answers
        .iter()
        .zip(1_u32..)
        .map(|((opcode, payload), count)| Frame {
            opcode: *opcode,
            fin: true,
            payload: payload.clone(),
            key: (!is_server).then(|| count.to_be_bytes()),
        })
        .collect();
    assert_eq!(sent, expected);
}
