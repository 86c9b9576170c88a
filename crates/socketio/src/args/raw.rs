//! Values that go out again as they came.

use super::de;
use super::placeholder::{self, Place};
use crate::json;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Range;
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::RawValue;

/// By this name `serde_json`'s own raw values are known to serializers and deserializers.
pub(super) const RAW_VALUE: &str = "$serde_json::private::RawValue";
/// By this name ours are known to our deserializer.
pub(super) const RAW: &str = "$sansio_socketio::Raw";

/// JSON that has been checked and not been built, with the attachments in it. It is sent as it came: numbers keep
/// their digits, lone surrogates pass, nesting costs nothing (S4).
///
/// It may be an argument, or somewhere within one, in both directions. [`Args::raw`](super::Args::raw) lends it;
/// deserialized, it owns its text. `serde_json` writes and reads it as well, if it has no attachments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw<'a> {
    pub(super) json: Cow<'a, str>,
    pub(super) places: Vec<Place>,
}

impl<'a> Raw<'a> {
    /// A value without attachments.
    ///
    /// # Errors
    ///
    /// If it is not JSON from its beginning to its end.
    pub fn new(json: impl Into<Cow<'a, str>>) -> serde_json::Result<Self> {
        let json = match json.into() {
            Cow::Borrowed(json) => Cow::Borrowed(json::check(json)?),
            Cow::Owned(json) => {
                Cow::Owned(String::from(Box::<str>::from(RawValue::from_string(json)?)))
            }
        };
        Ok(Self { json, places: Vec::new() })
    }

    /// The JSON, without white space around it. If there are attachments, it has placeholders in their places.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The attachments in it, in the order of their places.
    pub fn attachments(&self) -> impl Iterator<Item = &Bytes> {
        self.places.iter().map(|place| &place.bytes)
    }

    /// The attachment that is the whole value: without a copy, which types that serde makes have to have.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        let place = self.places.first()?;
        (place.start == 0 && place.end == self.json.len()).then_some(&place.bytes)
    }

    /// The value as a type.
    ///
    /// # Errors
    ///
    /// If it is not what the type can be made of.
    pub fn parse<'s, T: Deserialize<'s>>(&'s self) -> serde_json::Result<T> {
        T::deserialize(&mut de::Deserializer::new(&self.json, 0, &self.places))
    }

    /// The same, with a text of its own.
    #[must_use]
    pub fn into_owned(self) -> Raw<'static> {
        Raw { json: Cow::Owned(self.json.into_owned()), places: self.places }
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.json, 0..self.json.len(), &self.places, serializer)
    }
}

/// Writes a part of a text, in which these places are, as `serde_json`'s raw value is written, with attachments between
/// the pieces. Only our serializer takes more than one piece.
pub(super) fn serialize<S: Serializer>(
    text: &str,
    range: Range<usize>,
    places: &[Place],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut pieces = serializer.serialize_struct(RAW_VALUE, 1)?;
    let mut at = range.start;
    for place in places {
        pieces.serialize_field(RAW_VALUE, json::slice(text, at..place.start))?;
        pieces.serialize_field(RAW_VALUE, &place.bytes)?;
        at = place.end;
    }
    pieces.serialize_field(RAW_VALUE, json::slice(text, at..range.end))?;
    pieces.end()
}

impl<'de> Deserialize<'de> for Raw<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(RAW, RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    /// `serde_json`'s deserializer, which does not know our name.
    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Raw<'static>, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Raw { json: Cow::Owned(String::from(Box::<str>::from(json))), places: Vec::new() })
    }

    /// Ours: pieces of text with attachments between them.
    fn visit_seq<A: SeqAccess<'de>>(self, mut pieces: A) -> Result<Raw<'static>, A::Error> {
        let (mut json, mut places) = (String::new(), Vec::new());
        while let Some(piece) = pieces.next_element::<&str>()? {
            json.push_str(piece);
            let Some(bytes) = pieces.next_element::<Bytes>()? else { break };
            let start = json.len();
            json.push_str(&placeholder::text(places.len()));
            places.push(Place { start, end: json.len(), bytes });
        }
        Ok(Raw { json: Cow::Owned(json), places })
    }
}
