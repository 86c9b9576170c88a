//! Arguments that came.

use crate::bytes;
use crate::tree::Tree;
use bytes::Bytes;
use sansio_socketio::{Args, InvalidPacket, Raw, WrongArgument};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

fn plain(list: &str) -> Args<'_> {
    Args::new(list, vec![]).unwrap()
}

fn binary(list: &str) -> Args<'_> {
    Args::new(list, vec![bytes("zero"), bytes("one")]).unwrap()
}

#[track_caller]
fn wrong<T: std::fmt::Debug>(result: Result<T, WrongArgument>, position: usize) {
    match result {
        Err(WrongArgument::Wrong { position: found, .. }) => assert_eq!(found, position),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn missing<T: std::fmt::Debug>(result: Result<T, WrongArgument>, position: usize) {
    match result {
        Err(WrongArgument::Missing { position: found }) => assert_eq!(found, position),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_argument_is_there() {
    let args = plain(" [ 1 ,\"a,]\\\"\", [2,[3]],{\"b\":[]} , null ] ".trim());
    assert_eq!((args.len(), args.is_empty()), (5, false));
    let raw: Vec<_> = args.iter().map(|raw| raw.json().to_owned()).collect();
    assert_eq!(raw, ["1", "\"a,]\\\"\"", "[2,[3]]", "{\"b\":[]}", "null"]);
    assert_eq!(args.get::<u8>(0).unwrap(), 1);
    assert_eq!(args.get::<&str>(0).map_err(|error| error.position()), Err(Some(0)));
    assert_eq!(args.get::<String>(1).unwrap(), "a,]\"");
    assert_eq!(args.get::<(u8, [u8; 1])>(2).unwrap(), (2, [3]));
    assert_eq!(args.get::<HashMap<String, Vec<u8>>>(3).unwrap(), [("b".into(), vec![])].into());
    assert_eq!(args.get::<Option<u8>>(4).unwrap(), None);
    assert_eq!(args.raw(5), None);
    let (name, args) = Args::event("[\"name\"]", vec![]).unwrap();
    assert_eq!((name.as_deref(), args.len(), args.is_empty()), (Some("name"), 0, true));
    assert_eq!((plain("[]").len(), plain("[ ]").len()), (0, 0));
}

#[test]
fn what_is_behind_a_tuple_is_ignored() {
    let args = plain("[\"a\",1,{\"x\":2}]");
    assert_eq!(args.parse::<(&str, u8)>().unwrap(), ("a", 1));
    assert_eq!(args.parse::<(String,)>().unwrap(), ("a".into(),));
    args.parse::<()>().unwrap();
    assert_eq!(args.parse::<Vec<Value>>().unwrap(), [json!("a"), json!(1), json!({"x": 2})]);
    assert_eq!(args.parse::<Value>().unwrap(), json!(["a", 1, {"x": 2}]));
}

#[test]
fn missing_and_wrong_arguments_are_named() {
    let args = plain("[\"a\",1]");
    missing(args.parse::<(String, u8, u8)>(), 2);
    missing(args.get::<u8>(7), 7);
    missing(args.get::<Raw<'_>>(7), 7);
    missing(args.get::<Bytes>(2), 2);
    wrong(args.parse::<(u8, u8)>(), 0);
    wrong(args.parse::<(String, String)>(), 1);
    wrong(args.parse::<(String, bool, u8)>(), 1);
    wrong(args.get::<i8>(0), 0);
    wrong(args.parse::<Vec<String>>(), 1);
    let error = args.parse::<(String, String)>().unwrap_err();
    assert!(
        error.to_string().starts_with("argument 1 is wrong: invalid type: integer `1`"),
        "{error}"
    );
    assert_eq!(args.parse::<(String, u8, u8)>().unwrap_err().to_string(), "argument 2 is missing");
    // Types that are not made of a list.
    for error in [args.parse::<String>().unwrap_err(), args.parse::<HashMap<u8, u8>>().unwrap_err()]
    {
        assert!(
            matches!(error, WrongArgument::List { .. }) && error.position().is_none(),
            "{error}"
        );
    }
}

#[test]
fn optional_arguments_may_be_missing() {
    let args = plain("[\"a\"]");
    assert_eq!(
        args.parse::<(String, Option<u8>, Option<Bytes>)>().unwrap(),
        ("a".into(), None, None)
    );
    assert_eq!(args.get::<Option<u8>>(1).unwrap(), None);
    missing(args.parse::<(String, Option<u8>, u8)>(), 2);
    assert_eq!(plain("[\"a\",null]").parse::<(String, Option<u8>)>().unwrap().1, None);
    assert_eq!(plain("[\"a\",3]").parse::<(String, Option<u8>)>().unwrap().1, Some(3));
}

#[test]
fn s1_accepts_placeholders_at_any_depth() {
    let args = binary(
        "[{\"_placeholder\":true,\"num\":0},\
         {\"a\":[{\"_placeholder\":true,\"num\":1},1],\"b\":2},{\"num\":1,\"_placeholder\":true}]",
    );
    assert_eq!(args.get::<Bytes>(0).unwrap(), "zero");
    assert_eq!(args.get::<&[u8]>(0).unwrap(), b"zero");
    assert_eq!(args.raw(0).unwrap().as_bytes(), Some(&bytes("zero")));
    assert_eq!(args.raw(1).unwrap().as_bytes(), None);
    assert_eq!(args.get::<Option<Bytes>>(2).unwrap().unwrap(), "one");
    let inner = Tree::List(vec![Tree::Binary(bytes("one")), Tree::Number(1.into())]);
    let expected = Tree::Object(vec![("a".into(), inner), ("b".into(), Tree::Number(2.into()))]);
    assert_eq!(args.get::<Tree>(1).unwrap(), expected);
    let parsed: (Bytes, HashMap<&str, Tree>) = args.parse().unwrap();
    assert_eq!((&*parsed.0, &parsed.1["b"]), (&b"zero"[..], &Tree::Number(2.into())));
}

#[test]
fn s1_accepts_placeholders_however_they_are_written() {
    for text in [
        "{ \"_placeholder\" : true , \"num\" : 1 }",
        "{\"num\":1,\"_placeholder\":true}",
        "{\"\\u005fplaceholder\":true,\"n\\u0075m\":1,\"more\":\"}\"}",
        "{\"num\":\"x\",\"_placeholder\":false,\"num\":1,\"_placeholder\":true}",
    ] {
        let list = format!("[[{text}, 5]]");
        assert_eq!(binary(&list).get::<(Bytes, u8)>(0).unwrap(), (bytes("one"), 5), "{text}");
    }
}

#[test]
fn s1_accepts_an_attachment_that_is_used_twice_or_never() {
    let args = binary("[{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":1}]");
    assert_eq!(args.parse::<(Bytes, Bytes)>().unwrap(), (bytes("one"), bytes("one")));
    assert_eq!(binary("[1]").parse::<(u8,)>().unwrap(), (1,));
    assert_eq!(binary("[]").len(), 0);
}

#[test]
fn s1_accepts_objects_that_are_no_placeholders() {
    for text in [
        "{\"_placeholder\":false,\"num\":9}",
        "{\"_placeholder\":1,\"num\":9}",
        "{\"_placeholder\":\"true\"}",
        "{\"num\":9}",
        "{\"x\":\"\\\"_placeholder\\\":true\"}",
        "[\"_placeholder\",true]",
        "{\"x\":\"_placeholder\",\"y\":true}",
        "{}",
    ] {
        let list = format!("[{text},{{\"_placeholder\":true,\"num\":0}}]");
        let args = binary(&list);
        assert_eq!(args.get::<Value>(0).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(args.get::<Bytes>(1).unwrap(), "zero");
    }
    // Without attachments, not even these are.
    let args = plain("[{\"_placeholder\":true,\"num\":9}]");
    assert_eq!(args.get::<Value>(0).unwrap(), json!({"_placeholder": true, "num": 9}));
    wrong(args.get::<Bytes>(0), 0);
}

#[test]
fn s1_rejects_placeholders_without_an_attachment() {
    for number in ["2", "10", "-1", "-0", "0.5", "1.0", "1e0", "\"0\"", "null", "true", "[0]", "{}"]
    {
        let object = format!("{{\"_placeholder\":true,\"num\":{number}}}");
        for list in [format!("[{object}]"), format!("[\"a\",[{{\"b\":{object}}}]]")] {
            let attachments = vec![bytes("zero"), bytes("one")];
            assert_eq!(Args::new(&*list, attachments), Err(InvalidPacket::Placeholder), "{list}");
        }
    }
    for object in [
        "{\"_placeholder\":true}",
        "{\"_placeholder\":true,\"num\":0,\"more\":[]}",
        "{\"more\":{},\"_placeholder\":true,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0,\"_placeholder\":false}",
        "{\"num\":0,\"_placeholder\":true,\"num\":\"0\"}",
        "{\"_placeholder\":true,\"num\":99999999999999999999}",
    ] {
        let found = Args::event(format!("[\"a\",{object}]"), vec![bytes("zero")]);
        assert_eq!(found, Err(InvalidPacket::Placeholder), "{object}");
    }
}

#[test]
fn binary_is_no_text_and_text_is_no_binary() {
    let args = binary("[{\"_placeholder\":true,\"num\":0},\"zero\",[122],null,1,true,{}]");
    for position in 1..args.len() {
        wrong(args.get::<Bytes>(position), position);
    }
    wrong(args.get::<String>(0), 0);
    wrong(args.get::<Vec<u8>>(0), 0);
    wrong(args.get::<Value>(0), 0);
    wrong(args.get::<HashMap<String, Value>>(0), 0);
    wrong(args.get::<u8>(0), 0);
    wrong(args.get::<bool>(0), 0);
    wrong(args.get::<()>(0), 0);
    wrong(args.get::<Result<u8, u8>>(0), 0);
    assert_eq!(args.get::<Vec<u8>>(2).unwrap(), [122]);
    args.get::<serde::de::IgnoredAny>(0).unwrap();
}

#[test]
fn types_beside_binary_are_those_of_serde_json() {
    let args = binary(
        "[[{\"_placeholder\":true,\"num\":0},{\"1\":{\"_placeholder\":true,\"num\":1},\"-2\":\"a\"},\
         {\"true\":1.5},{\"Ok\":3},{\"Err\":[\"x\"]},\"\\u00e4\",340282366920938463463374607431768211455,\
         \"c\",null, {\"\\u00e4\":null} ]]",
    );
    type All<'a> = (
        Bytes,
        BTreeMap<i8, Tree>,
        HashMap<bool, f32>,
        Result<u8, ()>,
        Result<(), (String,)>,
        String,
        u128,
        char,
        (),
        HashMap<Option<String>, Option<u8>>,
    );
    let all: All<'_> = args.get(0).unwrap();
    assert_eq!(all.0, "zero");
    assert_eq!(all.1[&1], Tree::Binary(bytes("one")));
    assert_eq!(all.1[&-2], Tree::String("a".into()));
    assert_eq!((all.2[&true], all.3, all.4), (1.5, Ok(3), Err(("x".into(),))));
    assert_eq!((&*all.5, all.6, all.7, all.8), ("\u{e4}", u128::MAX, 'c', ()));
    assert_eq!(all.9[&Some("\u{e4}".into())], None);
    // Further down nothing is ignored.
    wrong(plain("[[1,2,3]]").get::<(u8, u8)>(0), 0);
    wrong(plain("[{\"Ok\":1,\"Err\":2}]").get::<Result<u8, u8>>(0), 0);
    wrong(plain("[{}]").get::<Result<u8, u8>>(0), 0);
    wrong(plain("[[]]").get::<Result<u8, u8>>(0), 0);
    wrong(plain("[{\" 1\":1}]").get::<HashMap<u8, u8>>(0), 0);
    wrong(plain("[{\"1 2\":1}]").get::<HashMap<u8, u8>>(0), 0);
}

#[test]
fn s4_accepts_raw_values_and_digits() {
    let args = plain("[ 1.50e+400 ,\"\\ud83d\",[{\"a\" : 0.5e1 }]]");
    assert_eq!(args.raw(0).unwrap().json(), "1.50e+400");
    assert_eq!(args.get::<Raw<'_>>(1).unwrap().json(), "\"\\ud83d\"");
    assert_eq!(args.get::<&RawValue>(1).unwrap().get(), "\"\\ud83d\"");
    assert_eq!(args.get::<Box<RawValue>>(2).unwrap().get(), "[{\"a\" : 0.5e1 }]");
    assert_eq!(args.get::<Vec<HashMap<String, Raw<'_>>>>(2).unwrap()[0]["a"].json(), "0.5e1");
    // Numbers are the nearest ones.
    assert_eq!(plain("[0.30000000000000004]").get::<f64>(0).unwrap(), 0.1 + 0.2);
    assert_eq!(plain("[9007199254740993]").get::<u64>(0).unwrap(), 9_007_199_254_740_993);
}

#[test]
fn s4_rejects_what_a_type_cannot_hold_but_only_there() {
    let args = plain("[\"\\ud83d\",1e400,\"a\"]");
    wrong(args.get::<String>(0), 0);
    wrong(args.get::<f64>(1), 1);
    wrong(args.get::<Value>(0), 0);
    assert_eq!(args.parse::<(Raw<'_>, Raw<'_>, String)>().unwrap().2, "a");
    for text in ["", " ", "a", "[", "1 2", "\"\n\"", "{\"a\"}"] {
        assert!(Raw::new(text).is_err() && Raw::new(text.to_owned()).is_err(), "{text:?}");
    }
    assert_eq!(Raw::new(" [1] ").unwrap(), Raw::new(String::from("[1]\n")).unwrap());
}

#[test]
fn raw_values_keep_their_attachments() {
    let args =
        binary("[7,[\"a\",{\"_placeholder\":true,\"num\":1}, {\"num\":0,\"_placeholder\":true}]]");
    let lent = args.raw(1).unwrap();
    let contents = |raw: &Raw<'_>| raw.attachments().cloned().collect::<Vec<_>>();
    assert_eq!(contents(&lent), [bytes("one"), bytes("zero")]);
    assert_eq!(lent.parse::<(&str, Bytes, Bytes)>().unwrap().1, "one");
    let (_, owned): (u8, Raw<'static>) = args.parse().unwrap();
    assert_eq!(contents(&owned), contents(&lent));
    assert_eq!(owned.parse::<Tree>().unwrap(), lent.parse::<Tree>().unwrap());
    assert_eq!(lent.clone().into_owned(), lent);
    assert_eq!(args.clone().into_owned(), args);
    let nested: Vec<Raw<'_>> = args.get(1).unwrap();
    assert_eq!((nested[0].json(), nested[1].as_bytes()), ("\"a\"", Some(&bytes("one"))));
    // Those of serde_json would lose them.
    wrong(args.get::<Box<RawValue>>(1), 1);
    wrong(args.get::<&RawValue>(1), 1);
    assert_eq!(args.get::<&RawValue>(0).unwrap().get(), "7");
}

#[test]
fn s2_accepts_a_header_with_all_its_attachments() {
    let list = "[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
    let (_, args) = Args::event(list, vec![bytes("zero"), bytes("one")]).unwrap();
    assert_eq!(args.parse::<(Bytes, Bytes)>().unwrap(), (bytes("zero"), bytes("one")));
}

#[test]
fn s2_rejects_a_header_with_some_of_them() {
    let list = "[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
    assert_eq!(Args::event(list, vec![bytes("zero")]), Err(InvalidPacket::Placeholder));
}
