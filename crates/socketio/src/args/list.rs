//! A list of arguments as one type.

use super::raw::{RAW, RAW_VALUE};
use super::{Args, Ranges};
use alloc::string::ToString;
use core::fmt;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

/// Arguments that are not what they should be. The event has no effect, and nothing else is harmed.
#[derive(Debug)]
#[non_exhaustive]
pub enum WrongArgument {
    /// There are not so many.
    Missing {
        /// Its position, counted from 0.
        position: usize,
    },
    /// One is not what its type can be made of.
    Wrong {
        /// Its position, counted from 0.
        position: usize,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// The type is not made of a list, or does not like the arguments together.
    List {
        /// What is wrong with them.
        reason: serde_json::Error,
    },
}

impl WrongArgument {
    /// The position of the argument that is missing or wrong, counted from 0, if it is a single one.
    #[must_use]
    pub const fn position(&self) -> Option<usize> {
        match self {
            Self::Missing { position } | Self::Wrong { position, .. } => Some(*position),
            Self::List { .. } => None,
        }
    }
}

impl fmt::Display for WrongArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { position } => write!(f, "argument {position} is missing"),
            Self::Wrong { position, reason } => write!(f, "argument {position} is wrong: {reason}"),
            Self::List { reason } => write!(f, "the arguments are wrong: {reason}"),
        }
    }
}

impl core::error::Error for WrongArgument {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Missing { .. } => None,
            Self::Wrong { reason, .. } | Self::List { reason } => Some(reason),
        }
    }
}

impl de::Error for WrongArgument {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::List { reason: de::Error::custom(message.to_string()) }
    }
}

pub(super) fn get<'de, T: Deserialize<'de>>(
    args: &'de Args<'_>,
    position: usize,
) -> Result<T, WrongArgument> {
    match args.ranges().nth(position) {
        Some(range) => T::deserialize(&mut args.deserializer_at(range))
            .map_err(|reason| WrongArgument::Wrong { position, reason }),
        None => T::deserialize(Missing { position }),
    }
}

pub(super) fn parse<'de, T: Deserialize<'de>>(args: &'de Args<'_>) -> Result<T, WrongArgument> {
    T::deserialize(List { args })
}

struct List<'de, 'a> {
    args: &'de Args<'a>,
}

impl<'de> List<'de, '_> {
    /// At least so many: those that are missing are found by whoever wants them.
    fn visit<V: Visitor<'de>>(self, least: usize, visitor: V) -> Result<V::Value, WrongArgument> {
        let (args, ranges) = (self.args, self.args.ranges());
        visitor.visit_seq(Elements { args, ranges, position: 0, least })
    }
}

impl<'de> Deserializer<'de> for List<'de, '_> {
    type Error = WrongArgument;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WrongArgument> {
        self.visit(0, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        self.visit(len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        self.visit(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        self.visit(fields.len(), visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WrongArgument> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WrongArgument> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq map enum
        identifier ignored_any
    }
}

struct Elements<'de, 'a> {
    args: &'de Args<'a>,
    ranges: Ranges<'de>,
    position: usize,
    least: usize,
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = WrongArgument;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, WrongArgument> {
        let position = self.position;
        self.position = position.saturating_add(1);
        match self.ranges.next() {
            Some(range) => seed
                .deserialize(&mut self.args.deserializer_at(range))
                .map(Some)
                .map_err(|reason| WrongArgument::Wrong { position, reason }),
            None if position < self.least => seed.deserialize(Missing { position }).map(Some),
            None => Ok(None),
        }
    }
}

/// In the place of an argument that is missing. Only an `Option` can be made of it.
struct Missing {
    position: usize,
}

impl<'de> Deserializer<'de> for Missing {
    type Error = WrongArgument;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, WrongArgument> {
        Err(WrongArgument::Missing { position: self.position })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, WrongArgument> {
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, WrongArgument> {
        if [RAW, RAW_VALUE].contains(&name) {
            return self.deserialize_any(visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
