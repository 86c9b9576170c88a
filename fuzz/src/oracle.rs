//! The protocol once more, written for being obvious: no state between calls, whole inputs,
//! tables. Shares no code with the crate, only the names of its errors and events.

use super::inflate::{Inflate, Verdict};
use sansio_ws::frame::FrameError;
use sansio_ws::{CloseCode, Delivery, Ended, Limits, MessageKind, ProtocolError};

/// A header by RFC 6455, section 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: u8,
    pub(super) fin: bool,
    pub(super) reserved_bits: u8,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) payload_len: u64,
    pub(super) header_len: usize,
}

/// d: data, c: control, -: reserved.
const OPCODES: &[u8; 16] = b"ddd-----ccc-----";

/// Length field: from, to; bytes that follow; the least and the greatest length they may say.
const LENGTHS: [(u8, u8, usize, u64, u64); 3] = [
    (0, 125, 0, 0, 125),
    (126, 126, 2, 126, 65_535),
    (127, 127, 8, 65_536, 9_223_372_036_854_775_807),
];

/// `None`: more bytes are needed.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, FrameError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let (opcode, fin, reserved_bits) = (first % 16, *first >= 128, first / 16 % 8);
    let (masked, field) = (*second >= 128, second % 128);
    match OPCODES[usize::from(opcode)] {
        b'-' => return Err(FrameError::ReservedOpcode(opcode)),
        b'c' if !fin => return Err(FrameError::FragmentedControl),
        b'c' if field > 125 => return Err(FrameError::ControlTooLong),
        _ => {}
    }
    let row = LENGTHS.iter().find(|(from, to, ..)| (*from..=*to).contains(&field));
    let (_, _, width, least, greatest) = *row.expect("all 128 values are in the table");
    if rest.len() < width {
        return Ok(None);
    }
    let (length, rest) = rest.split_at(width);
    let payload_len = match width {
        0 => u64::from(field),
        _ => length.iter().fold(0, |number, byte| number * 256 + u64::from(*byte)),
    };
    if payload_len > greatest {
        return Err(FrameError::LengthTopBit);
    }
    if payload_len < least {
        return Err(FrameError::NonMinimalLength);
    }
    let mask = match (masked, rest) {
        (false, _) => None,
        (true, [a, b, c, d, ..]) => Some([*a, *b, *c, *d]),
        (true, _) => return Ok(None),
    };
    let header_len = 2 + width + if masked { 4 } else { 0 };
    Ok(Some(Header { opcode, fin, reserved_bits, mask, payload_len, header_len }))
}

/// What a connection tells, in a form that does not depend on how the bytes were cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    Message(MessageKind, Vec<u8>),
    /// Adjacent parts of one message, joined.
    Parts {
        kind: MessageKind,
        bytes: Vec<u8>,
        first: bool,
        last: bool,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
    Failed(ProtocolError),
}

/// Appends a part, to the one before it if nothing came between.
pub(super) fn push_part(seen: &mut Vec<Seen>, part: (MessageKind, &[u8]), first: bool, last: bool) {
    match seen.last_mut() {
        Some(Seen::Parts { kind, bytes, last: over, .. }) if !*over => {
            assert!(!first, "a message begins inside another one");
            assert_eq!(*kind, part.0, "a message changes its kind");
            bytes.extend_from_slice(part.1);
            *over = last;
        }
        _ => seen.push(Seen::Parts { kind: part.0, bytes: part.1.to_vec(), first, last }),
    }
}

/// An unmasked frame that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) fin: bool,
    pub(super) payload: Vec<u8>,
    pub(super) key: Option<[u8; 4]>,
}

/// Takes apart what one side has sent: frames that the other side may accept, and the beginning
/// of another one.
pub(super) fn frames(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    while let Some(header) = header(bytes).expect("a correct header") {
        assert_eq!(header.reserved_bits, 0);
        let rest = &bytes[header.header_len..];
        if header.payload_len > rest.len() as u64 {
            break;
        }
        let (payload, rest) = rest.split_at(header.payload_len as usize);
        let payload = unmask(payload, header.mask);
        frames.push(Frame { opcode: header.opcode, fin: header.fin, payload, key: header.mask });
        bytes = rest;
    }
    (frames, bytes)
}

fn unmask(payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let key = key.unwrap_or_default();
    payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
}

/// What is to be expected of a connection that receives `wire` and then the end of the transport,
/// and sends nothing by itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) seen: Vec<Seen>,
    pub(super) ended: Ended,
    /// Opcodes and payloads of the answers, all of them, if there is always room to send.
    pub(super) answers: Vec<(u8, Vec<u8>)>,
}

/// `takeover` says whether messages refer to earlier ones, if compression was agreed on.
pub(super) fn receive(
    is_server: bool,
    limits: &Limits,
    delivery: Delivery,
    takeover: Option<bool>,
    wire: &[u8],
) -> Expected {
    let mut receiver = Receiver {
        is_server,
        limits,
        delivery,
        takeover,
        inflate: Inflate::default(),
        message: None,
        seen: Vec::new(),
        answers: Vec::new(),
    };
    let ended = match receiver.frames(wire) {
        Ok(ended) => ended,
        Err(error) => {
            receiver.seen.push(Seen::Failed(error));
            let mut close = error.close_code().get().to_be_bytes().to_vec();
            close.extend_from_slice(error.description().as_bytes());
            receiver.answers.push((8, close));
            Ended::Protocol(error)
        }
    };
    Expected { seen: receiver.seen, ended, answers: receiver.answers }
}

struct Receiver<'l> {
    is_server: bool,
    limits: &'l Limits,
    delivery: Delivery,
    takeover: Option<bool>,
    /// What was known before the message.
    inflate: Inflate,
    message: Option<Message>,
    seen: Vec<Seen>,
    answers: Vec<(u8, Vec<u8>)>,
}

struct Message {
    kind: MessageKind,
    bytes: Vec<u8>,
    /// What the bytes are inflated from, if they are.
    compressed: Option<Vec<u8>>,
    /// How many of the bytes have been handed out.
    handed_out: usize,
    begun: bool,
    declared: u64,
    fragments: u64,
}

impl Receiver<'_> {
    fn frames(&mut self, mut wire: &[u8]) -> Result<Ended, ProtocolError> {
        loop {
            let eof = |mid_frame, mid_message| {
                Ok(Ended::Eof { mid_frame, mid_message, close_sent: false })
            };
            let Some(header) = self.header(wire)? else {
                return eof(!wire.is_empty(), self.message.is_some());
            };
            let rest = &wire[header.header_len..];
            let whole = rest.len() as u64 >= header.payload_len;
            let len = if whole { header.payload_len as usize } else { rest.len() };
            let payload = unmask(&rest[..len], header.mask);
            wire = &rest[len..];
            if header.opcode < 8 {
                self.data(&header, &payload, whole)?;
            } else if whole && self.control(header.opcode, payload)? {
                let Some(Seen::Close(code, _)) = self.seen.last() else { unreachable!() };
                return Ok(Ended::Clean { code: *code });
            }
            if !whole {
                return eof(true, self.message.is_some());
            }
        }
    }

    /// The verdicts of the first two bytes go before all others.
    fn header(&self, wire: &[u8]) -> Result<Option<Header>, ProtocolError> {
        let [first, second, ..] = wire else { return Ok(None) };
        header(&wire[..2])?;
        let within = self.message.is_some();
        let compressed = self.takeover.is_some() && matches!(first & 0x7F, 0x41 | 0x42);
        let rules = [
            (first & 0x70 != 0 && !compressed, ProtocolError::ReservedBits),
            (self.is_server && second & 0x80 == 0, ProtocolError::UnmaskedFrame),
            (!self.is_server && second & 0x80 != 0, ProtocolError::MaskedFrame),
            (!within && first & 15 == 0, ProtocolError::UnexpectedContinuation),
            (within && matches!(first & 15, 1 | 2), ProtocolError::InterleavedMessage),
            (first & 15 == 8 && second & 0x7F == 1, ProtocolError::TruncatedCloseCode),
        ];
        match rules.iter().find(|(broken, _)| *broken) {
            Some((_, error)) => Err(*error),
            None => Ok(header(wire)?),
        }
    }

    fn data(&mut self, header: &Header, arrived: &[u8], whole: bool) -> Result<(), ProtocolError> {
        let compressed = match &self.message {
            Some(message) => message.compressed.is_some(),
            None => header.reserved_bits != 0,
        };
        // What does not get smaller by being compressed may be a little larger.
        let arriving = |limit: u64| match compressed {
            true => limit.saturating_add(limit / 8).saturating_add(64),
            false => limit,
        };
        if header.payload_len > arriving(self.limits.max_frame_bytes) {
            return Err(ProtocolError::FrameTooBig);
        }
        let message = self.message.get_or_insert_with(|| Message {
            kind: if header.opcode == 1 { MessageKind::Text } else { MessageKind::Binary },
            bytes: Vec::new(),
            compressed: compressed.then(Vec::new),
            handed_out: 0,
            begun: false,
            declared: 0,
            fragments: 0,
        });
        message.declared = message.declared.saturating_add(header.payload_len);
        message.fragments += 1;
        if message.declared > arriving(self.limits.max_message_bytes) {
            return Err(ProtocolError::MessageTooBig);
        }
        if message.fragments > u64::from(self.limits.max_fragments) {
            return Err(ProtocolError::TooManyFragments);
        }
        let mut last = whole && header.fin;
        let mut wrong = None;
        if let Some(compressed) = &mut message.compressed {
            compressed.extend_from_slice(arrived);
            // All of it anew for each frame, from what was known before the message.
            let mut inflate = self.inflate.clone();
            let most = self.limits.max_message_bytes as usize;
            let (bytes, verdict) = inflate.inflate(compressed, last, most);
            message.bytes = bytes;
            wrong = match verdict {
                Verdict::Good => None,
                Verdict::Corrupt => Some(ProtocolError::CorruptMessage),
                Verdict::TooLong => Some(ProtocolError::MessageTooBig),
            };
            last &= wrong.is_none();
            if last && self.takeover == Some(true) {
                self.inflate = inflate;
            }
        } else {
            message.bytes.extend_from_slice(arrived);
        }
        let mut valid = message.bytes.len();
        if message.kind == MessageKind::Text
            && let Err(error) = core::str::from_utf8(&message.bytes)
        {
            valid = error.valid_up_to();
            if last || error.error_len().is_some() {
                wrong = Some(ProtocolError::InvalidUtf8);
            }
        }
        last &= wrong.is_none();
        if self.delivery == Delivery::Parts {
            message.hand_out(valid, last, &mut self.seen);
        } else if last {
            self.seen.push(Seen::Message(message.kind, message.bytes.clone()));
        }
        if last {
            self.message = None;
        }
        wrong.map_or(Ok(()), Err)
    }

    /// Whether it was Close.
    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<bool, ProtocolError> {
        match opcode {
            9 => {
                self.seen.push(Seen::Ping(payload.clone()));
                self.answers.push((10, payload));
            }
            10 => self.seen.push(Seen::Pong(payload)),
            _ => {
                let (code, reason) = match &payload[..] {
                    [] => (None, &[][..]),
                    [_] => return Err(ProtocolError::TruncatedCloseCode),
                    [a, b, reason @ ..] => {
                        let number = u16::from(*a) * 256 + u16::from(*b);
                        let code = CloseCode::new(number)
                            .ok_or(ProtocolError::InvalidCloseCode(number))?;
                        (Some(code), reason)
                    }
                };
                let reason =
                    core::str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
                self.seen.push(Seen::Close(code, reason.into()));
                let mut reply = payload;
                if code == Some(CloseCode::MANDATORY_EXTENSION) && self.is_server {
                    // For clients only (RFC 6455, section 7.4.1).
                    reply[..2].copy_from_slice(&1000_u16.to_be_bytes());
                }
                self.answers.push((8, reply));
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Message {
    fn hand_out(&mut self, until: usize, last: bool, seen: &mut Vec<Seen>) {
        let bytes = &self.bytes[self.handed_out..until];
        if !bytes.is_empty() || last {
            push_part(seen, (self.kind, bytes), !self.begun, last);
            self.begun = true;
            self.handed_out = until;
        }
    }
}
