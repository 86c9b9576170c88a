//! Arguments on their way out.

use super::placeholder;
use super::ser::Serializer;
use crate::json;
use crate::packet::{Packet, PacketKind, is_reserved};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use serde::Serializer as _;
use serde::ser::{self, Serialize};

/// A list of arguments, encoded once for any number of receivers: the data of a packet, and the attachments that
/// have to follow it without anything in between (S2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedArgs {
    json: String,
    attachments: Vec<Bytes>,
}

impl EncodedArgs {
    /// The arguments of an ack.
    ///
    /// `args` is anything that serde writes as a list, like a tuple, a `Vec`, or [`Args`](super::Args) that came
    /// from elsewhere. A unit is an empty list. Bytes ([`Bytes`], at any depth) become attachments, in their order; a
    /// `Vec<u8>` is a list of numbers. What JSON has no number for is null, as in JavaScript.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: there is nothing to send, and nothing else is harmed.
    pub fn new<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        Self::encode(None, args)
    }

    /// The name of an event and its arguments, which are those of [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: there is nothing to send, and nothing else is harmed.
    pub fn event<T: Serialize + ?Sized>(name: &str, args: &T) -> Result<Self, EncodeError> {
        if is_reserved(name) {
            return Err(EncodeError::ReservedName);
        }
        Self::encode(Some(name), args)
    }

    fn encode<T: Serialize + ?Sized>(name: Option<&str>, args: &T) -> Result<Self, EncodeError> {
        let mut ser = Serializer::new(String::with_capacity(64), Vec::new());
        if let Some(name) = name {
            ser.output.push('[');
            ser.serialize_str(name)?;
            // One list of both.
            ser.open = ",";
        }
        let start = ser.output.len();
        args.serialize(&mut ser)?;
        let written = ser.output.get(start..).unwrap_or_default();
        let is_list = written.starts_with(['[', ',']);
        let is_empty = match is_list {
            true => written.as_bytes().get(json::skip_space(written, 1)) == Some(&b']'),
            false => written == "null",
        };
        if !is_empty && !is_list {
            return Err(EncodeError::NotAList);
        }
        if is_empty {
            ser.output.truncate(start);
            ser.output.push_str(if name.is_some() { "]" } else { "[]" });
        } else if name.is_some() && written.starts_with('[') {
            // A raw one, which was written as it is.
            ser.output.replace_range(start..=start, ",");
        }
        Self::finish(ser)
    }

    /// Adds an argument at the end.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: nothing has been added.
    pub fn push<T: Serialize + ?Sized>(&mut self, argument: &T) -> Result<(), EncodeError> {
        let mut ser = Serializer::new(self.json.clone(), self.attachments.clone());
        ser.output.pop();
        if ser.output.len() > 1 {
            ser.output.push(',');
        }
        argument.serialize(&mut ser)?;
        ser.output.push(']');
        *self = Self::finish(ser)?;
        Ok(())
    }

    fn finish(ser: Serializer) -> Result<Self, EncodeError> {
        let Serializer { output: json, attachments, .. } = ser;
        if !attachments.is_empty() {
            // Each attachment has been given its placeholder; there must be no other object that looks like one.
            let mut expected = 0..attachments.len();
            placeholder::each(&json, |_, number| (expected.next() == Some(number)).then_some(()))
                .map_err(|_| EncodeError::Placeholder)?;
        }
        Ok(Self { json, attachments })
    }

    /// The list as JSON, with the name of the event if there is one.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The binary messages that have to follow the packet, in this order: at most
    /// [`MAX_ATTACHMENTS`](crate::MAX_ATTACHMENTS).
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The packet that has the list.
    #[must_use]
    pub fn packet<'a>(
        &'a self,
        kind: PacketKind,
        namespace: &'a str,
        ack: Option<u64>,
    ) -> Packet<'a> {
        let (attachments, data) = (self.attachments.len(), Some(&*self.json));
        Packet { kind, namespace, ack, attachments, data }
    }

    /// The list as JSON, and the attachments.
    #[must_use]
    pub fn into_parts(self) -> (String, Vec<Bytes>) {
        (self.json, self.attachments)
    }
}

/// Arguments that cannot be sent. Nothing else is harmed.
#[derive(Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The name of the event is one that clients keep for themselves (S6).
    ReservedName,
    /// The arguments are neither a list nor a unit.
    NotAList,
    /// There are more than [`MAX_ATTACHMENTS`](crate::MAX_ATTACHMENTS) (S1).
    TooManyAttachments,
    /// Beside attachments there is an object that looks like a placeholder: clients would take it for one, and
    /// drop the connection or see another attachment there (S1).
    Placeholder,
    /// A value that JSON does not have, like an object whose keys are lists, or one that refuses to be written.
    Value(serde_json::Error),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReservedName => "the name of the event is reserved",
            Self::NotAList => "the arguments are not a list",
            Self::TooManyAttachments => "more than 10 attachments",
            Self::Placeholder => "an object that looks like a placeholder, beside attachments",
            Self::Value(reason) => return write!(f, "a value that cannot be JSON: {reason}"),
        })
    }
}

impl core::error::Error for EncodeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Value(reason) => Some(reason),
            _ => None,
        }
    }
}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Value(ser::Error::custom(message.to_string()))
    }
}
