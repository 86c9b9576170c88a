//! JSON with attachments out of any type, in one pass.
//!
//! `serde_json` has a serializer as well, but without `std` not one that could be put to use here.

use super::encoded::EncodeError;
use super::placeholder;
use crate::packet::MAX_ATTACHMENTS;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt::Write as _;
use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer as _,
};

/// What the names of `serde_json`'s own raw values and numbers begin with: structs whose only field is text to be
/// written as it is.
const VERBATIM: &str = "$serde_json::private::";

pub(super) struct Serializer {
    pub(super) output: String,
    pub(super) attachments: Vec<Bytes>,
    /// A string is a piece of JSON.
    is_verbatim: bool,
    /// What the next list begins with: `[`, or a comma if it goes on with a list that has begun.
    pub(super) open: &'static str,
}

impl Serializer {
    #[inline]
    pub(super) const fn new(output: String, attachments: Vec<Bytes>) -> Self {
        Self { output, attachments, is_verbatim: false, open: "[" }
    }

    #[inline]
    fn push(&mut self, text: &str) {
        self.output.push_str(text);
    }

    /// `{"name":`
    fn begin_variant(&mut self, name: &'static str) -> Result<(), EncodeError> {
        self.push("{");
        self.serialize_str(name)?;
        self.push(":");
        Ok(())
    }

    #[inline]
    fn list(&mut self, close: &'static str) -> List<'_> {
        let open = core::mem::replace(&mut self.open, "[");
        self.push(open);
        List { ser: self, is_first: true, close }
    }

    fn object(&mut self, close: &'static str) -> Object<'_> {
        Object { ser: self, is_first: true, is_verbatim: false, close }
    }
}

/// Appends a string in its quotes. Control characters are escaped: the separator of polling payloads is one.
fn write_string(value: &str, output: &mut String) {
    output.push('"');
    let mut rest = value;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, ..b' ' | b'"' | b'\\')) {
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        output.push_str(before);
        let mut behind = behind.chars();
        match behind.next() {
            Some('"') => output.push_str("\\\""),
            Some('\\') => output.push_str("\\\\"),
            Some('\n') => output.push_str("\\n"),
            Some('\r') => output.push_str("\\r"),
            Some('\t') => output.push_str("\\t"),
            // A string takes everything.
            Some(control) => _ = write!(output, "\\u{:04x}", u32::from(control)),
            None => {}
        }
        rest = behind.as_str();
    }
    output.push_str(rest);
    output.push('"');
}

/// Booleans are written the same way.
macro_rules! integers {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            let _ = write!(self.output, "{value}");
            Ok(())
        }
    )*};
}

/// In as few digits as tell the value, and null if there are none, as in JavaScript.
macro_rules! floats {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<(), EncodeError> {
            if !value.is_finite() {
                return self.serialize_unit();
            }
            let _ = write!(self.output, "{value:?}");
            Ok(())
        }
    )*};
}

impl<'a> serde::Serializer for &'a mut Serializer {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    integers! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128)
    }

    floats! { serialize_f32(f32) serialize_f64(f64) }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        if self.is_verbatim {
            self.push(value);
        } else {
            write_string(value, &mut self.output);
        }
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        let number = self.attachments.len();
        if number == MAX_ATTACHMENTS {
            return Err(EncodeError::TooManyAttachments);
        }
        self.attachments.push(Bytes::copy_from_slice(value));
        self.push(&placeholder::text(number));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.push("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.begin_variant(variant)?;
        value.serialize(&mut *self)?;
        self.push("}");
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<List<'a>, EncodeError> {
        Ok(self.list("]"))
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<List<'a>, EncodeError> {
        Ok(self.list("]"))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<List<'a>, EncodeError> {
        Ok(self.list("]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<List<'a>, EncodeError> {
        self.begin_variant(variant)?;
        Ok(self.list("]}"))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Object<'a>, EncodeError> {
        Ok(self.object("}"))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Object<'a>, EncodeError> {
        let is_verbatim = name.starts_with(VERBATIM);
        Ok(Object { is_verbatim, ..self.object("}") })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Object<'a>, EncodeError> {
        self.begin_variant(variant)?;
        Ok(self.object("}}"))
    }
}

pub(super) struct List<'a> {
    ser: &'a mut Serializer,
    is_first: bool,
    close: &'static str,
}

impl List<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        if !self.is_first {
            self.ser.push(",");
        }
        self.is_first = false;
        value.serialize(&mut *self.ser)
    }

    #[inline]
    fn close(self) {
        self.ser.push(self.close);
    }
}

/// The traits of lists differ in the name of one method.
macro_rules! lists {
    ($($trait:ident $method:ident)*) => {$(
        impl $trait for List<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.element(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

lists! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

pub(super) struct Object<'a> {
    ser: &'a mut Serializer,
    is_first: bool,
    /// The fields are pieces of JSON, with attachments between them, and there is no object.
    is_verbatim: bool,
    close: &'static str,
}

impl Object<'_> {
    /// Strings are keys, and scalar values in quotes, as in `serde_json`.
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.ser.push(if self.is_first { "{" } else { "," });
        self.is_first = false;
        let start = self.ser.output.len();
        key.serialize(&mut *self.ser)?;
        match self.ser.output.as_bytes().get(start) {
            Some(b'"') => {}
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                self.ser.output.insert(start, '"');
                self.ser.push("\"");
            }
            _ => return Err(ser::Error::custom("a key is not a string")),
        }
        self.ser.push(":");
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        if self.is_verbatim {
            self.ser.is_verbatim = true;
            let done = value.serialize(&mut *self.ser);
            self.ser.is_verbatim = false;
            return done;
        }
        self.key(key)?;
        value.serialize(&mut *self.ser)
    }

    fn close(self) {
        if self.is_verbatim {
            return;
        }
        if self.is_first {
            self.ser.push("{");
        }
        self.ser.push(self.close);
    }
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut *self.ser)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close();
        Ok(())
    }
}

/// The traits of structs differ in their names.
macro_rules! structs {
    ($($trait:ident)*) => {$(
        impl $trait for Object<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }
