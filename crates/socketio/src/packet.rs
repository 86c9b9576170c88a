//! Packets, in the form that text messages have.

use crate::json;
use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// How many binary messages may follow one packet (S1). Clients drop a connection that sends more.
pub const MAX_ATTACHMENTS: usize = 10;

/// Names that no event may have, in either direction (S6): clients use them for what they tell their own
/// application.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 6] = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ];
    RESERVED.contains(&name)
}

/// What a packet is for. Events and acks have two digits: one for those with attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// A client wants to join the namespace, or has joined it.
    Connect,
    /// It leaves the namespace, or has to.
    Disconnect,
    /// An event with its arguments.
    Event,
    /// The answer to an event.
    Ack,
    /// The client may not join the namespace.
    ConnectError,
}

impl PacketKind {
    const fn digit(self, is_binary: bool) -> &'static str {
        match (self, is_binary) {
            (Self::Connect, _) => "0",
            (Self::Disconnect, _) => "1",
            (Self::Event, false) => "2",
            (Self::Ack, false) => "3",
            (Self::ConnectError, _) => "4",
            (Self::Event, true) => "5",
            (Self::Ack, true) => "6",
        }
    }

    /// The kind, and whether it has attachments.
    const fn of(digit: char) -> Option<(Self, bool)> {
        Some(match digit {
            '0' => (Self::Connect, false),
            '1' => (Self::Disconnect, false),
            '2' => (Self::Event, false),
            '3' => (Self::Ack, false),
            '4' => (Self::ConnectError, false),
            '5' => (Self::Event, true),
            '6' => (Self::Ack, true),
            _ => return None,
        })
    }
}

/// One packet, or the header of one whose attachments follow. It borrows the message.
///
/// What [`decode`](Self::decode) returns is valid. Who makes one for [`encode`](Self::encode) vouches for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is for.
    pub kind: PacketKind,
    /// The namespace: `/`, or a name that begins with it and has no comma.
    pub namespace: &'a str,
    /// The number by which an event asks for an answer, and by which the answer says what it answers (S3).
    pub ack: Option<u64>,
    /// How many binary messages belong to it: none, or for events and acks up to [`MAX_ATTACHMENTS`] (S1).
    pub attachments: usize,
    /// JSON that has been checked to its end (S4), without white space around it.
    pub data: Option<&'a str>,
}

impl<'a> Packet<'a> {
    /// A packet without data.
    #[must_use]
    pub const fn new(kind: PacketKind, namespace: &'a str) -> Self {
        Self { kind, namespace, ack: None, attachments: 0, data: None }
    }

    /// The packet in a text message: `kind [count "-"] [namespace ","] [ack] [JSON]`.
    ///
    /// Data are what the kind has (S5): nothing at all in a [`Disconnect`](PacketKind::Disconnect), an object in a
    /// [`Connect`](PacketKind::Connect), an object or a string in a [`ConnectError`](PacketKind::ConnectError), a
    /// list in an [`Ack`](PacketKind::Ack), a list that begins with a string or a number in an
    /// [`Event`](PacketKind::Event). Each of them may be missing.
    ///
    /// # Errors
    ///
    /// [`InvalidPacket`]: fatal for the session (S8).
    pub fn decode(text: &'a str) -> Result<Self, InvalidPacket> {
        Self::decode_with_name(text).map(|(packet, _)| packet)
    }

    /// The same, and the first element of an event, which has to be looked at anyway.
    pub(crate) fn decode_with_name(
        text: &'a str,
    ) -> Result<(Self, Option<EventName<'a>>), InvalidPacket> {
        let mut characters = text.chars();
        let digit = characters.next().ok_or(InvalidPacket::Empty)?;
        let (kind, is_binary) = PacketKind::of(digit).ok_or(InvalidPacket::Kind)?;
        let mut rest = characters.as_str();
        let mut attachments = 0;
        if is_binary {
            let (count, behind) = rest.split_once('-').ok_or(InvalidPacket::Count)?;
            let is_number = !count.is_empty() && split_digits(count).1.is_empty();
            let count = count.parse().ok().filter(|count| (1..=MAX_ATTACHMENTS).contains(count));
            attachments = count.filter(|_| is_number).ok_or(InvalidPacket::Count)?;
            rest = behind;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let (ack, rest) = split_digits(rest);
        let ack = match ack {
            "" => None,
            ack => Some(ack.parse().map_err(|_| InvalidPacket::Ack)?),
        };
        let data = match rest {
            "" => None,
            // JSON may begin with white space; others take it for an ack id.
            rest if rest.starts_with([' ', '\t', '\n', '\r']) => return Err(InvalidPacket::Json),
            rest => Some(json::check(rest).map_err(|_| InvalidPacket::Json)?),
        };
        let name = data.map(|data| check_data(kind, data)).transpose()?.flatten();
        Ok((Self { kind, namespace, ack, attachments, data }, name))
    }

    /// Appends the packet as a text message has it.
    pub fn encode(&self, output: &mut String) {
        output.push_str(&self.head());
        output.push_str(self.data.unwrap_or_default());
    }

    /// What stands before the data in a text message. Mostly that is the digit alone, which takes no memory.
    pub(crate) fn head(&self) -> Cow<'static, str> {
        let Self { kind, namespace, ack, attachments, .. } = *self;
        let digit = kind.digit(attachments > 0);
        if attachments == 0 && namespace == "/" && ack.is_none() {
            return Cow::Borrowed(digit);
        }
        let mut head = String::from(digit);
        // A string takes everything.
        if attachments > 0 {
            let _ = write!(head, "{attachments}-");
        }
        if namespace != "/" {
            head.push_str(namespace);
            head.push(',');
        }
        if let Some(ack) = ack {
            let _ = write!(head, "{ack}");
        }
        Cow::Owned(head)
    }
}

/// The decimal digits that `text` begins with, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn check_data(kind: PacketKind, data: &str) -> Result<Option<EventName<'_>>, InvalidPacket> {
    let is_valid = match kind {
        PacketKind::Event if data.starts_with('[') => return EventName::find(data).map(Some),
        PacketKind::Event | PacketKind::Disconnect => false,
        PacketKind::Connect => data.starts_with('{'),
        PacketKind::ConnectError => data.starts_with(['{', '"']),
        PacketKind::Ack => data.starts_with('['),
    };
    if is_valid { Ok(None) } else { Err(InvalidPacket::Data) }
}

/// The first element of an event.
#[derive(Debug)]
pub(crate) struct EventName<'a> {
    /// What it says. Nothing if it is a number, or a text that a Rust string cannot be.
    pub(crate) text: Option<Cow<'a, str>>,
    /// Where the comma before the arguments is, if there are any.
    pub(crate) end: usize,
}

impl<'a> EventName<'a> {
    /// It is a name, or a number: an event that nobody handles.
    fn find(list: &'a str) -> Result<Self, InvalidPacket> {
        let element = json::next_element(list, 1).ok_or(InvalidPacket::Data)?;
        let end = element.end;
        let element = json::slice(list, element);
        if !element.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
            return Err(InvalidPacket::Data);
        }
        let text = json::unquote(element);
        if text.as_deref().is_some_and(is_reserved) {
            return Err(InvalidPacket::ReservedName);
        }
        Ok(Self { text, end })
    }

    pub(crate) fn into_owned(self) -> EventName<'static> {
        let Self { text, end } = self;
        EventName { text: text.map(|text| Cow::Owned(text.into_owned())), end }
    }
}

/// What is no packet. Fatal for the session (S8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidPacket {
    /// It has not even a kind.
    Empty,
    /// It begins with something else than `0` to `6`.
    Kind,
    /// The number of attachments is none: missing, 0, more than [`MAX_ATTACHMENTS`], or no decimal number (S1).
    Count,
    /// The ack id is larger than [`u64::MAX`] (S3).
    Ack,
    /// What should be JSON is not, or something follows it. Also a namespace that does not begin with `/`.
    Json,
    /// The JSON is not what the kind has (S5).
    Data,
    /// The event has a name that clients keep for themselves (S6).
    ReservedName,
    /// A placeholder that stands for no attachment, or is none quite (S1).
    Placeholder,
}

impl fmt::Display for InvalidPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty packet",
            Self::Kind => "a packet of an unknown kind",
            Self::Count => "a packet with an impossible number of attachments",
            Self::Ack => "an ack id that is too large",
            Self::Json => "a packet whose data are not JSON",
            Self::Data => "a packet with data that its kind does not have",
            Self::ReservedName => "an event with a reserved name",
            Self::Placeholder => "a placeholder that stands for no attachment",
        })
    }
}

impl core::error::Error for InvalidPacket {}
