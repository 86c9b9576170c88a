//! Types out of checked JSON with attachments in it.
//!
//! Numbers, strings and literals are read by `serde_json`. Lists and objects are walked through here, because only here
//! is known where attachments are. Bytes come from attachments only: `serde_json` would make them of a string or a list
//! of numbers as well.

use super::placeholder::{Place, within};
use super::raw::{RAW, RAW_VALUE};
use crate::json;
use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::{de, forward_to_deserialize_any};
use serde_json::Error;

/// How deeply what is built may be nested, as `serde_json` has it: building is recursive, so this bounds the stack.
const MAX_DEPTH: usize = 128;

pub(super) struct Deserializer<'de> {
    text: &'de str,
    /// The next value is here, or behind white space.
    at: usize,
    places: &'de [Place],
    depth: usize,
}

impl<'de> Deserializer<'de> {
    /// For the value of `text` that begins at `at`. The places are those within it, in the order of the text.
    pub(super) const fn new(text: &'de str, at: usize, places: &'de [Place]) -> Self {
        Self { text, at, places, depth: 0 }
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        self.at = json::skip_space(self.text, self.at);
        self.text.as_bytes().get(self.at).copied()
    }

    fn is_compound(&mut self) -> bool {
        matches!(self.peek(), Some(b'{' | b'['))
    }

    /// Moves behind the next byte if it is this one.
    fn take_byte(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at = self.at.saturating_add(usize::from(is_next));
        is_next
    }

    /// Moves behind the next value, which is returned, and what stands before it.
    fn take_value(&mut self) -> &'de str {
        self.peek();
        let start = self.at;
        self.at = json::value_end(self.text, start);
        json::slice(self.text, start..self.at)
    }

    /// Moves behind the next value if it is a placeholder, for which this attachment is.
    fn take_attachment(&mut self) -> Option<&'de [u8]> {
        if self.places.is_empty() || self.peek() != Some(b'{') {
            return None;
        }
        let place = within(self.places, &(self.at..self.at.saturating_add(1))).first()?;
        self.at = place.end;
        Some(&place.bytes)
    }

    fn enter(&mut self) -> Result<(), Error> {
        self.at = self.at.saturating_add(1);
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(Error::custom("it is nested too deeply"));
        }
        Ok(())
    }

    /// Leaves a list or an object that has to be at its end.
    fn leave(&mut self, end: u8) -> Result<(), Error> {
        self.depth = self.depth.saturating_sub(1);
        if self.take_byte(end) { Ok(()) } else { Err(Error::custom("there is more than expected")) }
    }

    /// The value at hand as raw text, in which no attachment may be.
    fn take_raw(&mut self) -> Result<&'de str, Error> {
        self.peek();
        let start = self.at;
        let text = self.take_value();
        if within(self.places, &(start..self.at)).is_empty() {
            Ok(text)
        } else {
            Err(Error::custom("raw JSON cannot have attachments"))
        }
    }
}

/// Numbers, strings and literals: `serde_json`'s business.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            // Some visitors, like that of strings, would take the bytes.
            if let Some(bytes) = self.take_attachment() {
                return Err(Error::invalid_type(Unexpected::Bytes(bytes), &visitor));
            }
            if self.is_compound() {
                return self.deserialize_any(visitor);
            }
            serde_json::Deserializer::from_str(self.take_value()).$method(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Deserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(bytes) = self.take_attachment() {
            return visitor.visit_borrowed_bytes(bytes);
        }
        match self.peek() {
            Some(b'[') => {
                self.enter()?;
                let value = visitor.visit_seq(Elements { de: self, is_first: true })?;
                self.leave(b']')?;
                Ok(value)
            }
            Some(b'{') => {
                self.enter()?;
                let value = visitor.visit_map(Members { de: self, is_first: true })?;
                self.leave(b'}')?;
                Ok(value)
            }
            _ => serde_json::Deserializer::from_str(self.take_value()).deserialize_any(visitor),
        }
    }

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_unit
        deserialize_identifier
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(bytes) = self.take_attachment() {
            return visitor.visit_borrowed_bytes(bytes);
        }
        let found = match self.peek() {
            Some(b'[') => Unexpected::Seq,
            Some(b'{') => Unexpected::Map,
            Some(b'"') => Unexpected::Other("string"),
            Some(b'n') => Unexpected::Other("null"),
            Some(b't' | b'f') => Unexpected::Other("boolean"),
            _ => Unexpected::Other("number"),
        };
        Err(Error::invalid_type(found, &"binary"))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.peek() == Some(b'n') {
            self.take_value();
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            RAW => {
                self.peek();
                let start = self.at;
                self.take_value();
                let places = within(self.places, &(start..self.at));
                visitor.visit_seq(Pieces {
                    text: self.text,
                    at: start,
                    end: self.at,
                    places,
                    is_text: true,
                })
            }
            RAW_VALUE => serde_json::Deserializer::from_str(self.take_raw()?)
                .deserialize_newtype_struct(name, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some(bytes) = self.take_attachment() {
            return Err(Error::invalid_type(Unexpected::Bytes(bytes), &visitor));
        }
        if self.peek() == Some(b'{') {
            self.enter()?;
            let value = visitor.visit_enum(Variant { de: self })?;
            self.leave(b'}')?;
            return Ok(value);
        }
        // Anything else is the name of a variant, or wrong.
        let text = if self.is_compound() { "[]" } else { self.take_value() };
        serde_json::Deserializer::from_str(text).deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.take_value();
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { unit_struct seq tuple tuple_struct map struct }
}

struct Elements<'a, 'de> {
    de: &'a mut Deserializer<'de>,
    is_first: bool,
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let is_there =
            if self.is_first { self.de.peek() != Some(b']') } else { self.de.take_byte(b',') };
        self.is_first = false;
        if is_there { seed.deserialize(&mut *self.de).map(Some) } else { Ok(None) }
    }
}

struct Members<'a, 'de> {
    de: &'a mut Deserializer<'de>,
    is_first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let is_there =
            if self.is_first { self.de.peek() != Some(b'}') } else { self.de.take_byte(b',') };
        self.is_first = false;
        if is_there { seed.deserialize(Key(self.de.take_value())).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.de.take_byte(b':');
        seed.deserialize(&mut *self.de)
    }
}

/// The key of an object, in its quotes.
struct Key<'de>(&'de str);

impl<'de> Key<'de> {
    fn as_string(&self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.0)
    }
}

/// Keys that are numbers or booleans are written as strings.
macro_rules! within_quotes {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let text = self.0.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let text = text.filter(|text| !text.contains([' ', '\t', '\n', '\r']));
            let mut inner = serde_json::Deserializer::from_str(text.unwrap_or_default());
            let value = inner.$method(visitor)?;
            inner.end()?;
            Ok(value)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Key<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.as_string().deserialize_str(visitor)
    }

    within_quotes! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match name {
            RAW | RAW_VALUE => self.as_string().deserialize_newtype_struct(name, visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.as_string().deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// An object with one member: the name of a variant, and what is in it.
struct Variant<'a, 'de> {
    de: &'a mut Deserializer<'de>,
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        if self.de.peek() == Some(b'}') {
            return Err(Error::custom("an object without a variant"));
        }
        let value = seed.deserialize(Key(self.de.take_value()))?;
        self.de.take_byte(b':');
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        de::Deserialize::deserialize(self.de)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.de)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.de.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.de.deserialize_map(visitor)
    }
}

/// A raw value of ours: text, attachment, text, …, text, and nothing in the place of one more attachment.
struct Pieces<'de> {
    text: &'de str,
    at: usize,
    end: usize,
    places: &'de [Place],
    is_text: bool,
}

impl<'de> SeqAccess<'de> for Pieces<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let is_text = self.is_text;
        self.is_text = !is_text;
        if is_text {
            let end = self.places.first().map_or(self.end, |place| place.start);
            let text = json::slice(self.text, self.at..end);
            return seed.deserialize(BorrowedStrDeserializer::new(text)).map(Some);
        }
        let Some((place, behind)) = self.places.split_first() else { return Ok(None) };
        (self.at, self.places) = (place.end, behind);
        seed.deserialize(BorrowedBytesDeserializer::new(&place.bytes)).map(Some)
    }
}
