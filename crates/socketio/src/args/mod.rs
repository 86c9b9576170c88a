//! The arguments of events and acks: lists of JSON with binary at any depth.

mod de;
mod encoded;
mod list;
mod placeholder;
mod raw;
mod ser;

pub use encoded::{EncodeError, EncodedArgs};
pub use list::WrongArgument;
pub use raw::Raw;

use crate::json;
use crate::packet::InvalidPacket;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;
use placeholder::{Place, within};
use serde::de::Deserialize;
use serde::ser::{Serialize, SerializeSeq, Serializer};

/// The arguments of an event or an ack, as they came: nothing of them is built before somebody says what type it
/// should be.
///
/// Those of a text message borrow it. Those with attachments came in several messages and own what was put together:
/// that is up to the `list` that they are made of. Where the list has a placeholder, there is the attachment:
/// types see it as bytes ([`Bytes`], `&[u8]`). A `Vec<u8>` is a list of numbers, in both directions.
///
/// To send them on as they are, pass them to [`EncodedArgs`], or single ones as [`Raw`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args<'a> {
    list: Cow<'a, str>,
    /// Where the first argument begins, or the comma before it.
    start: usize,
    /// In the order of the text.
    places: Vec<Place>,
}

impl<'a> Args<'a> {
    /// The arguments of an ack: the data of its packet, and the binary messages that followed it.
    ///
    /// Placeholders mean something only if there are attachments. One attachment may stand in several places, or
    /// in none.
    ///
    /// # Errors
    ///
    /// [`InvalidPacket::Placeholder`]: fatal for the session.
    pub fn new(
        list: impl Into<Cow<'a, str>>,
        attachments: Vec<Bytes>,
    ) -> Result<Self, InvalidPacket> {
        let list = list.into();
        let places = placeholder::put_in(&list, &attachments)?;
        Ok(Self { list, start: 1, places })
    }

    /// The name of an event and its arguments: the data of its packet, and the binary messages that followed it.
    ///
    /// There is no name if a number is in its place, or a text that a Rust string cannot be: half of a surrogate pair
    /// (S4). Nobody can have a handler for these (S7).
    ///
    /// # Errors
    ///
    /// [`InvalidPacket::Placeholder`]: fatal for the session.
    pub fn event(
        list: impl Into<Cow<'a, str>>,
        attachments: Vec<Bytes>,
    ) -> Result<(Option<Cow<'a, str>>, Self), InvalidPacket> {
        let mut args = Self::new(list, attachments)?;
        let Some(name) = json::next_element(&args.list, args.start) else {
            return Ok((None, args));
        };
        args.start = name.end;
        let name = match &args.list {
            Cow::Borrowed(list) => json::unquote(json::slice(list, name)),
            Cow::Owned(list) => {
                json::unquote(json::slice(list, name)).map(|name| Cow::Owned(name.into_owned()))
            }
        };
        Ok((name, args))
    }

    /// Those behind the name of the event, which ends there.
    pub(crate) fn behind(mut self, end: usize) -> Self {
        self.start = end;
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges().count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges().next().is_none()
    }

    /// The argument at `position`, counted from 0, as it came.
    #[must_use]
    pub fn raw(&self, position: usize) -> Option<Raw<'_>> {
        self.ranges().nth(position).map(|range| self.raw_at(range))
    }

    /// All arguments as they came.
    pub fn iter(&self) -> impl Iterator<Item = Raw<'_>> {
        self.ranges().map(|range| self.raw_at(range))
    }

    /// The argument at `position`, counted from 0. An `Option` may be missing.
    ///
    /// # Errors
    ///
    /// [`WrongArgument`]: it is missing, or not what the type can be made of. That harms nobody else.
    pub fn get<'s, T: Deserialize<'s>>(&'s self, position: usize) -> Result<T, WrongArgument> {
        list::get(self, position)
    }

    /// All arguments as one type: a tuple, a `Vec`, anything that is made of a list. What is behind the end of a
    /// tuple is ignored; at its end, each `Option` may be missing.
    ///
    /// # Errors
    ///
    /// [`WrongArgument`]: one is missing, or not what the type can be made of. That harms nobody else.
    pub fn parse<'s, T: Deserialize<'s>>(&'s self) -> Result<T, WrongArgument> {
        list::parse(self)
    }

    /// The same, with a text of its own.
    #[must_use]
    pub fn into_owned(self) -> Args<'static> {
        let Self { list, start, places } = self;
        Args { list: Cow::Owned(list.into_owned()), start, places }
    }

    #[inline]
    fn ranges(&self) -> Ranges<'_> {
        Ranges { list: &self.list, at: self.start }
    }

    fn raw_at(&self, range: Range<usize>) -> Raw<'_> {
        let places = within(&self.places, &range).iter().map(|place| place.shifted(range.start));
        Raw { places: places.collect(), json: json::slice(&self.list, range).into() }
    }

    fn deserializer_at(&self, range: Range<usize>) -> de::Deserializer<'_> {
        let places = within(&self.places, &range);
        de::Deserializer::new(&self.list, range.start, places)
    }
}

/// As the list that it is. Only [`EncodedArgs`] takes attachments.
impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for range in self.ranges() {
            list.serialize_element(&Piece { args: self, range })?;
        }
        list.end()
    }
}

/// One argument, without a value of its own.
struct Piece<'a> {
    args: &'a Args<'a>,
    range: Range<usize>,
}

impl Serialize for Piece<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places = within(&self.args.places, &self.range);
        raw::serialize(&self.args.list, self.range.clone(), places, serializer)
    }
}

/// Where the elements of a list are.
struct Ranges<'a> {
    list: &'a str,
    at: usize,
}

impl Iterator for Ranges<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let range = json::next_element(self.list, self.at)?;
        self.at = range.end;
        Some(range)
    }
}
