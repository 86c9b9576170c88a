//! What a session is at the moment.

use super::sessions::Session;
use crate::config::Config;
use crate::prepared::PreparedPacket;
use crate::session_id::SessionId;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::net::IpAddr;
use sansio_ws::CloseCode;
use sansio_ws::deadlines::Instant;

#[derive(Debug)]
pub(super) struct State<N> {
    pub(super) id: SessionId,
    pub(super) transport: Transport<N>,
    /// The GET that waits for packets.
    pub(super) held: Option<N>,
    /// The POST whose body is being received.
    pub(super) post: Option<N>,
    /// It is to go on when the client has taken enough of what answers it.
    pub(super) post_waits: bool,
    /// The WebSocket that may become the transport.
    pub(super) candidate: Option<Candidate<N>>,
    pub(super) queue: Queue,
    pub(super) heartbeat: Heartbeat,
    /// With which moments the deadlines are listed that are set.
    pub(super) heartbeat_due: Instant,
    pub(super) upgrade_due: Instant,
    pub(super) close_due: Instant,
    /// Packets that go before the messages that wait: that of the probe to the candidate. As flags, since a client that takes nothing would
    /// otherwise need memory for them.
    pub(super) owes_open: bool,
    pub(super) owes_probe: bool,
    pub(super) owes_ping: bool,
    /// The application has closed it, and what waits is still to be taken, then a close packet.
    pub(super) is_closing: bool,
    /// What the Close of its WebSocket says then.
    pub(super) close_code: CloseCode,
    /// It stands in the list of those with output.
    pub(super) is_ready: bool,
    /// A message was refused because too much waited.
    pub(super) wants_room: bool,
    /// Bytes wait in the connection of its WebSocket.
    pub(super) is_busy: bool,
    /// Where it counts, if addresses are limited.
    pub(super) address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport<N> {
    Polling,
    WebSocket(N),
    /// A WebSocket from the beginning, whose 101 is not out yet.
    Opening(N),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate<N> {
    pub(super) name: N,
    pub(super) stage: Stage,
}

/// How far an upgrade is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The 101 is not out yet.
    Opening,
    /// The probe has not come.
    Open,
    /// The probe was answered, so polling is to pause.
    Probed,
}

/// Whose turn it is (E18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heartbeat {
    /// The next ping is for us to send.
    Idle,
    /// The pong is for the client to send.
    Awaited,
    /// The same. Something else has moved its deadline, which no other packet does again.
    Moved,
    /// The same. The client has taken bytes that were refused before, which is to move its deadline.
    Taking,
}

impl Heartbeat {
    pub(super) fn note_taken(&mut self) {
        if *self != Self::Idle {
            *self = Self::Taking;
        }
    }
}

impl<N: Copy + Eq> State<N> {
    pub(super) fn new(id: SessionId, transport: Transport<N>, address: Option<IpAddr>) -> Self {
        let never = Instant::default();
        Self {
            id,
            transport,
            held: None,
            post: None,
            post_waits: false,
            candidate: None,
            queue: Queue::default(),
            heartbeat: Heartbeat::Idle,
            heartbeat_due: never,
            upgrade_due: never,
            close_due: never,
            owes_open: true,
            owes_probe: false,
            owes_ping: false,
            is_closing: false,
            close_code: CloseCode::NORMAL,
            is_ready: false,
            wants_room: false,
            is_busy: false,
            address,
        }
    }

    /// Whether the application knows it and has not closed it.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closing && !matches!(self.transport, Transport::Opening(_))
    }

    pub(super) fn has_output(&self) -> bool {
        // To a candidate the answer to its probe goes another way.
        let owes_probe = self.owes_probe && matches!(self.transport, Transport::WebSocket(_));
        self.owes_open || self.owes_ping || owes_probe || self.is_closing || !self.queue.is_empty()
    }

    /// Whether a POST has to wait for the client to take answers. Not while it changes over: then
    /// it polls no more, and waits for its POST before it says so (E24).
    pub(super) fn makes_posts_wait(&self, config: &Config) -> bool {
        self.is_open() && !self.is_pausing() && self.queue.has_many_answers(config)
    }

    /// Whether each GET is to be answered at once, so that the client can stop polling (E22).
    pub(super) fn is_pausing(&self) -> bool {
        self.candidate.is_some_and(|candidate| candidate.stage == Stage::Probed)
    }
}

/// Messages that wait for a client. Mostly there is none, or one that is taken at once: neither takes memory of its
/// own, and a broadcast asks for none.
#[derive(Debug, Default)]
pub(super) enum Queue {
    #[default]
    Empty,
    One {
        packet: PreparedPacket,
        is_answer: bool,
    },
    Many(Box<Waiting>),
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    packets: VecDeque<PreparedPacket>,
    bytes: usize,
    answers: Amount,
}

/// How many packets, and how many bytes they have together.
#[derive(Debug, Default, Clone, Copy)]
struct Amount {
    packets: usize,
    bytes: usize,
}

impl Waiting {
    fn push(&mut self, packet: PreparedPacket, is_answer: bool) {
        self.bytes = self.bytes.saturating_add(packet.len());
        if is_answer {
            self.answers.packets += 1;
            self.answers.bytes = self.answers.bytes.saturating_add(packet.len());
        }
        self.packets.push_back(packet);
    }

    /// Answers are counted as if they overtook all else, so that nothing has to be kept for each packet. There are never fewer
    /// than counted.
    fn pop(&mut self) -> Option<PreparedPacket> {
        let packet = self.packets.pop_front()?;
        self.bytes = self.bytes.saturating_sub(packet.len());
        self.answers.packets = self.answers.packets.saturating_sub(1);
        self.answers.bytes = self.answers.bytes.saturating_sub(packet.len());
        Some(packet)
    }
}

impl Queue {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(super) fn push(&mut self, packet: PreparedPacket, is_answer: bool) {
        match self {
            Self::Empty => *self = Self::One { packet, is_answer },
            Self::One { packet: first, is_answer: is_first_answer } => {
                let mut waiting = Box::<Waiting>::default();
                waiting.push(first.clone(), *is_first_answer);
                waiting.push(packet, is_answer);
                *self = Self::Many(waiting);
            }
            Self::Many(waiting) => waiting.push(packet, is_answer),
        }
    }

    pub(super) fn front(&self) -> Option<&PreparedPacket> {
        match self {
            Self::Empty => None,
            Self::One { packet, .. } => Some(packet),
            Self::Many(waiting) => waiting.packets.front(),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<PreparedPacket> {
        let Self::Many(waiting) = self else {
            return match core::mem::take(self) {
                Self::One { packet, .. } => Some(packet),
                Self::Empty | Self::Many(_) => None,
            };
        };
        let packet = waiting.pop()?;
        if waiting.packets.is_empty() {
            *self = Self::Empty;
        }
        Some(packet)
    }

    /// Whether nothing more is taken, or no more answers: what is no answer takes no room from them.
    #[inline]
    pub(super) fn is_full(&self, config: &Config, is_answer: bool) -> bool {
        let waits = if is_answer { self.answers() } else { self.size() };
        waits.reaches(config.max_queued_bytes, config.max_queued_packets)
    }

    #[inline]
    pub(super) fn is_half_full(&self, config: &Config) -> bool {
        self.size().reaches_half(config)
    }

    /// Whether the answers reach half of the limit.
    pub(super) fn has_many_answers(&self, config: &Config) -> bool {
        self.answers().reaches_half(config)
    }

    /// Whether all of them fit, and not only the first.
    pub(super) fn has_room(&self, config: &Config, packets: usize, bytes: usize) -> bool {
        let waits = self.size();
        waits.bytes.saturating_add(bytes) <= config.max_queued_bytes
            && waits.packets.saturating_add(packets) <= config.max_queued_packets
    }

    #[inline]
    fn size(&self) -> Amount {
        match self {
            Self::Empty => Amount::default(),
            Self::One { packet, .. } => Amount::one(packet),
            Self::Many(waiting) => Amount { packets: waiting.packets.len(), bytes: waiting.bytes },
        }
    }

    fn answers(&self) -> Amount {
        match self {
            Self::One { packet, is_answer: true } => Amount::one(packet),
            Self::Empty | Self::One { .. } => Amount::default(),
            Self::Many(waiting) => waiting.answers,
        }
    }
}

impl Amount {
    fn one(packet: &PreparedPacket) -> Self {
        Self { packets: 1, bytes: packet.len() }
    }

    fn reaches(self, bytes: usize, packets: usize) -> bool {
        // Any one message is taken, however small the limits are.
        self.packets > 0 && (self.bytes >= bytes || self.packets >= packets)
    }

    fn reaches_half(self, config: &Config) -> bool {
        self.reaches(config.max_queued_bytes.div_ceil(2), config.max_queued_packets.div_ceil(2))
    }
}

/// A session and a name stand in each entry of the lists, so both are small.
const _: () = assert!(size_of::<Session>() == 8 && size_of::<State<usize>>() <= 200);
