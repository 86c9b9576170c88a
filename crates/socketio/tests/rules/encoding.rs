//! Arguments that go out.

use crate::bytes;
use crate::tree::Tree;
use bytes::Bytes;
use sansio_socketio::{Args, EncodeError, EncodedArgs, MAX_ATTACHMENTS, Packet, PacketKind, Raw};
use serde::ser::{Serialize, SerializeStructVariant, SerializeTupleVariant, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[track_caller]
fn encodes<T: Serialize>(args: T, json: &str) {
    let encoded = EncodedArgs::new(&args).unwrap();
    assert_eq!((encoded.json(), encoded.attachments().len()), (json, 0));
    // serde_json writes the same.
    assert_eq!(serde_json::to_string(&args).unwrap(), json);
}

/// Each of the shapes that only derived types have.
enum Shape {
    Newtype,
    Tuple,
    Struct,
    UnitStruct,
}

impl Serialize for Shape {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Newtype => serializer.serialize_newtype_variant("Shape", 0, "new\"type", &1),
            Self::Tuple => {
                let mut fields = serializer.serialize_tuple_variant("Shape", 1, "tuple", 2)?;
                fields.serialize_field(&1)?;
                fields.serialize_field("b")?;
                fields.end()
            }
            Self::Struct => {
                let mut fields = serializer.serialize_struct_variant("Shape", 2, "struct", 2)?;
                fields.serialize_field("a", &1)?;
                fields.serialize_field("b", &[(); 0])?;
                fields.end()
            }
            Self::UnitStruct => serializer.serialize_unit_struct("Shape"),
        }
    }
}

#[test]
fn every_type_is_written() {
    encodes((1_u8, -1_i64, u128::MAX, i128::MIN), &format!("[1,-1,{},{}]", u128::MAX, i128::MIN));
    encodes((true, 'a', "b", None::<u8>, Some(2)), "[true,\"a\",\"b\",null,2]");
    encodes(vec![vec![1], vec![], vec![2, 3]], "[[1],[],[2,3]]");
    encodes((Shape::Newtype, Shape::Tuple), "[{\"new\\\"type\":1},{\"tuple\":[1,\"b\"]}]");
    encodes((Shape::Struct, Shape::UnitStruct), "[{\"struct\":{\"a\":1,\"b\":[]}},null]");
    encodes(
        (Ok::<u8, ()>(1), json!({}), json!({"a": {"b": [null, {}]}})),
        "[{\"Ok\":1},{},{\"a\":{\"b\":[null,{}]}}]",
    );
    encodes((BTreeMap::from([(1, "a"), (2, "b")]),), "[{\"1\":\"a\",\"2\":\"b\"}]");
    encodes(
        (BTreeMap::from([(true, 'a')]), BTreeMap::from([('\n', ())])),
        "[{\"true\":\"a\"},{\"\\n\":null}]",
    );
    // A `Vec<u8>` is a list of numbers.
    encodes((vec![1_u8, 2], *b"ab"), "[[1,2],[97,98]]");
}

#[test]
fn strings_are_escaped() {
    for code in 0..0x80 {
        let text = format!("\u{e4}{}\u{2028}{}", char::from(code), char::from(code));
        let encoded = EncodedArgs::new(&(&text,)).unwrap();
        assert_eq!(Args::new(encoded.json(), vec![]).unwrap().get::<String>(0).unwrap(), text);
        // Polling needs the separator of its payloads escaped, like all that is below a space.
        assert!(encoded.json().chars().all(|c| c >= ' '));
    }
    encodes(("a\u{1e}\u{0}\"\\/\n\r\t\u{7f}",), "[\"a\\u001e\\u0000\\\"\\\\/\\n\\r\\t\u{7f}\"]");
    encodes(("", "\u{1f600}\u{ffff}"), "[\"\",\"\u{1f600}\u{ffff}\"]");
}

#[test]
fn floats_come_back_as_they_were() {
    for value in
        [0.0, -0.0, 0.1, 0.1 + 0.2, 1e21, 1e16, 1.5e300, 5e-324, f64::MAX, f64::MIN_POSITIVE]
    {
        for value in [value, -value] {
            let encoded = EncodedArgs::new(&(value,)).unwrap();
            let args = Args::new(encoded.json(), vec![]).unwrap();
            assert_eq!(
                args.get::<f64>(0).unwrap().to_bits(),
                value.to_bits(),
                "{}",
                encoded.json()
            );
        }
    }
    assert_eq!(EncodedArgs::new(&(0.1_f32, 1e-7_f32)).unwrap().json(), "[0.1,1e-7]");
    // As in JavaScript.
    let none = (f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f32::NAN, f32::INFINITY);
    assert_eq!(EncodedArgs::new(&none).unwrap().json(), "[null,null,null,null,null]");
}

#[test]
fn names_are_the_first_element() {
    for (name, json) in [("a", "[\"a\""), ("", "[\"\""), ("\"\u{e4}\n", "[\"\\\"\u{e4}\\n\"")] {
        assert_eq!(EncodedArgs::event(name, &()).unwrap().json(), format!("{json}]"));
        assert_eq!(EncodedArgs::event(name, &[(); 0]).unwrap().json(), format!("{json}]"));
        assert_eq!(EncodedArgs::event(name, &(1, [2])).unwrap().json(), format!("{json},1,[2]]"));
    }
    let list = Raw::new("[ 1, 2 ]").unwrap();
    assert_eq!(EncodedArgs::event("a", &list).unwrap().json(), "[\"a\", 1, 2 ]");
    assert_eq!(EncodedArgs::event("a", &Raw::new("[ ]").unwrap()).unwrap().json(), "[\"a\"]");
    assert_eq!(EncodedArgs::event("a", &([1], [2])).unwrap().json(), "[\"a\",[1],[2]]");
    let args = Args::new("[ 1 , 2 ]", vec![]).unwrap();
    assert_eq!(EncodedArgs::event("a", &args).unwrap().json(), "[\"a\",1,2]");
}

#[test]
fn what_is_no_list_is_refused() {
    let refused = |result: Result<_, _>| assert!(matches!(result, Err(EncodeError::NotAList)));
    refused(EncodedArgs::new(&1));
    refused(EncodedArgs::new("a"));
    refused(EncodedArgs::event("a", "[1]"));
    refused(EncodedArgs::event("a", &json!({"a": 1})));
    refused(EncodedArgs::event("a", &json!({"a": [1]})));
    refused(EncodedArgs::event("a", &bytes("a")));
    refused(EncodedArgs::event("a", &Shape::Struct));
    EncodedArgs::event("a", &Some((1,))).unwrap();
}

#[test]
fn what_json_does_not_have_is_refused() {
    let refused = |result: Result<_, _>| assert!(matches!(result, Err(EncodeError::Value(_))));
    refused(EncodedArgs::new(&(BTreeMap::from([((1, 2), 3)]),)));
    refused(EncodedArgs::new(&(BTreeMap::from([((), 3)]),)));
    refused(EncodedArgs::new(&(BTreeMap::from([(BTreeMap::from([(1, 2)]), 3)]),)));
    refused(EncodedArgs::new(&(BTreeMap::from([(bytes("a"), 3)]),)));
    refused(EncodedArgs::new(&(1, Refuses)));
    let error = EncodedArgs::new(&(Refuses,)).unwrap_err();
    assert_eq!(error.to_string(), "a value that cannot be JSON: it does not want to");
}

struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it does not want to"))
    }
}

#[test]
fn s1_accepts_bytes_at_any_depth() {
    let args = (bytes("a"), vec![Some(bytes("b")), None], BTreeMap::from([("c", (1, bytes("c")))]));
    let encoded = EncodedArgs::event("x", &args).unwrap();
    assert_eq!(
        encoded.json(),
        "[\"x\",{\"_placeholder\":true,\"num\":0},[{\"_placeholder\":true,\"num\":1},null],\
         {\"c\":[1,{\"_placeholder\":true,\"num\":2}]}]"
    );
    assert_eq!(encoded.attachments(), [bytes("a"), bytes("b"), bytes("c")]);
    let (name, args) = Args::event(encoded.json(), encoded.attachments().to_vec()).unwrap();
    assert_eq!(name.unwrap(), "x");
    type Parsed = (Bytes, Vec<Option<Bytes>>, BTreeMap<String, (u8, Bytes)>);
    let parsed: Parsed = args.parse().unwrap();
    assert_eq!((parsed.0, parsed.1), (bytes("a"), vec![Some(bytes("b")), None]));
    assert_eq!(parsed.2["c"], (1, bytes("c")));
    EncodedArgs::new(&[const { Bytes::new() }; MAX_ATTACHMENTS]).unwrap();
}

#[test]
fn s1_rejects_more_than_ten() {
    let eleven = [const { Bytes::new() }; MAX_ATTACHMENTS + 1];
    let refused = |result: Result<_, _>| {
        assert!(matches!(result, Err(EncodeError::TooManyAttachments)));
    };
    refused(EncodedArgs::new(&eleven));
    refused(EncodedArgs::event("a", &(1, [&eleven[..]])));
}

#[test]
fn s1_rejects_objects_that_look_like_placeholders_beside_attachments() {
    for object in [
        "{\"_placeholder\":true,\"num\":0}",
        "{\"_placeholder\":true,\"num\":5}",
        "{\"_placeholder\":true}",
        "[{\"x\":{\"_placeholder\":true,\"num\":1}}]",
        "{\"\\u005fplaceholder\":true,\"num\":1,\"x\":[]}",
    ] {
        let raw = Raw::new(object).unwrap();
        for result in [
            EncodedArgs::event("a", &(&raw, bytes("b"))),
            EncodedArgs::event("a", &(bytes("b"), &raw)),
            EncodedArgs::event("a", &(serde_json::from_str::<Value>(object).unwrap(), bytes("b"))),
        ] {
            assert!(matches!(result, Err(EncodeError::Placeholder)), "{object}: {result:?}");
        }
        // Alone it is an object like any other, for all clients.
        EncodedArgs::event("a", &(&raw,)).unwrap();
    }
}

#[test]
fn s2_accepts_a_packet_that_counts_its_attachments() {
    let mut text = String::new();
    let encoded = EncodedArgs::new(&(bytes("a"), bytes("b"))).unwrap();
    let packet = encoded.packet(PacketKind::Ack, "/c", Some(3));
    packet.encode(&mut text);
    let json = encoded.json();
    assert_eq!(text, format!("62-/c,3{json}"));
    assert_eq!(Packet::decode(&text), Ok(packet));
    let plain = EncodedArgs::event("a", &(1,)).unwrap();
    let packet = plain.packet(PacketKind::Event, "/", None);
    assert_eq!((packet.attachments, packet.data), (0, Some("[\"a\",1]")));
    assert_eq!(plain.into_parts(), ("[\"a\",1]".into(), vec![]));
}

#[test]
fn s2_rejects_the_whole_or_nothing() {
    // Neither the argument nor any of its attachments has been added.
    let mut encoded = EncodedArgs::event("a", &(bytes("b"),)).unwrap();
    let before = encoded.clone();
    encoded.push(&[const { Bytes::new() }; MAX_ATTACHMENTS]).unwrap_err();
    encoded.push(&(bytes("c"), Refuses)).unwrap_err();
    encoded.push(&json!({"_placeholder": true})).unwrap_err();
    assert_eq!(encoded, before);
}

#[test]
fn s6_accepts_other_names() {
    assert_eq!(EncodedArgs::event("message", &()).unwrap().json(), "[\"message\"]");
}

#[test]
fn s6_rejects_reserved_names_on_the_way_out() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        assert!(matches!(EncodedArgs::event(name, &()), Err(EncodeError::ReservedName)));
    }
}

#[test]
fn arguments_can_be_added() {
    let mut encoded = EncodedArgs::new(&()).unwrap();
    encoded.push(&1).unwrap();
    encoded.push(&bytes("a")).unwrap();
    encoded.push("offset").unwrap();
    assert_eq!(encoded.json(), "[1,{\"_placeholder\":true,\"num\":0},\"offset\"]");
    assert_eq!(encoded.attachments(), [bytes("a")]);
    let mut event = EncodedArgs::event("a", &()).unwrap();
    event.push(&()).unwrap();
    assert_eq!(event.json(), "[\"a\",null]");
}

#[test]
fn s4_accepts_raw_values_anywhere() {
    let text = "{\"n\":1.50e+400, \"s\":\"\\ud83d\"}";
    let raw = Raw::new(text).unwrap();
    let theirs = RawValue::from_string(text.into()).unwrap();
    let map = BTreeMap::from([("k", vec![&raw])]);
    let expected = format!("[{text},{{\"k\":[{text}]}},{text}]");
    encodes((&raw, map, theirs), &expected);
}

#[test]
fn s4_rejects_nothing_that_is_sent_on() {
    let list = "[\"a\",1.50,{\"_placeholder\":true,\"num\":1},[\"\\ud83d\",{\"num\":0,\"_placeholder\":true}]]";
    let (_, args) = Args::event(list, vec![bytes("zero"), bytes("one")]).unwrap();
    let encoded = EncodedArgs::event("b", &args).unwrap();
    let expected = "[\"b\",1.50,{\"_placeholder\":true,\"num\":0},\
                    [\"\\ud83d\",{\"_placeholder\":true,\"num\":1}]]";
    assert_eq!(encoded.json(), expected);
    assert_eq!(encoded.attachments(), [bytes("one"), bytes("zero")]);
    // Behind an attachment of somebody else, each one gets another number.
    let nested = (bytes("mine"), args.raw(2).unwrap(), args.get::<Raw<'_>>(2).unwrap());
    let encoded = EncodedArgs::new(&nested).unwrap();
    let placeholder = |i: u8| format!("[\"\\ud83d\",{{\"_placeholder\":true,\"num\":{i}}}]");
    let expected =
        format!("[{{\"_placeholder\":true,\"num\":0}},{},{}]", placeholder(1), placeholder(2));
    assert_eq!(encoded.json(), expected);
    assert_eq!(encoded.attachments(), [bytes("mine"), bytes("zero"), bytes("zero")]);
    // serde_json has no place for attachments, and says so.
    assert!(serde_json::to_string(&args).is_err());
    assert_eq!(serde_json::to_string(&args.raw(0)).unwrap(), "1.50");
    assert!(serde_json::to_value(args.raw(1)).is_err());
}

#[test]
fn trees_come_back() {
    let tree = Tree::List(vec![
        Tree::Object(vec![("a".into(), Tree::Binary(bytes("b"))), ("a".into(), Tree::Null)]),
        Tree::Number(1.into()),
        Tree::Bool(true),
        Tree::String("\u{e4}".into()),
    ]);
    let encoded = EncodedArgs::new(&tree).unwrap();
    let (json, attachments) = encoded.into_parts();
    assert_eq!(Args::new(json, attachments).unwrap().parse::<Tree>().unwrap(), tree);
}
