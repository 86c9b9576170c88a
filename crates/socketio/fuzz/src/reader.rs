//! A second and simpler reader: it builds the JSON, and looks for placeholders in what it has built.

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// JSON, or JSON with attachments in it. Strings are the bytes of what they say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// `null`, `true`, `false`, a number.
    Scalar(String),
    String(String),
    Binary(Bytes),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON or binary")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar("null".into()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(format!("{value:?}")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::String(value.into()))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Tree, E> {
        Ok(Tree::Binary(Bytes::copy_from_slice(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = vec![];
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = vec![];
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}

/// A packet as this reader sees it. The kind is a digit from 0 to 4.
#[derive(Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) kind: usize,
    pub(crate) count: usize,
    pub(crate) namespace: String,
    pub(crate) ack: Option<u64>,
    pub(crate) data: Option<Tree>,
}

/// `None` is no packet. The JSON must not be too deep for this reader, nor have half a surrogate pair.
pub(crate) fn read(text: &str) -> Option<Plain> {
    let mut rest: Vec<char> = text.chars().rev().collect();
    let digit = rest.pop()?.to_digit(10)?;
    let mut count = 0;
    if digit == 5 || digit == 6 {
        count = digits(&mut rest).filter(|count| (1..=10).contains(count))?;
        if rest.pop() != Some('-') {
            return None;
        }
    }
    let mut namespace = String::new();
    if rest.last() == Some(&'/') {
        while let Some(c) = rest.pop().filter(|c| *c != ',') {
            namespace.push(c);
        }
    } else {
        namespace.push('/');
    }
    let has_ack = rest.last().is_some_and(char::is_ascii_digit);
    let ack = digits(&mut rest);
    if has_ack && ack.is_none() {
        return None;
    }
    let json: String = rest.into_iter().rev().collect();
    if json.starts_with([' ', '\t', '\n', '\r']) {
        return None;
    }
    let data = if json.is_empty() { None } else { Some(serde_json::from_str(&json).ok()?) };
    let kind = [0, 1, 2, 3, 4, 2, 3].get(digit as usize)?;
    let fits = match (kind, &data) {
        (1, data) => data.is_none(),
        (_, None) | (0 | 4, Some(Tree::Object(_))) | (4, Some(Tree::String(_))) => true,
        (2, Some(Tree::List(list))) => match list.first() {
            Some(Tree::String(name)) => !is_reserved(name),
            Some(Tree::Scalar(scalar)) => !["null", "true", "false"].contains(&&**scalar),
            _ => false,
        },
        (3, Some(Tree::List(_))) => true,
        _ => false,
    };
    fits.then_some(Plain { kind: *kind, count: usize::try_from(count).ok()?, namespace, ack, data })
}

fn digits(rest: &mut Vec<char>) -> Option<u64> {
    let mut value = None;
    let mut is_small = true;
    while let Some(digit) = rest.last().filter(|c| c.is_ascii()).and_then(|c| c.to_digit(10)) {
        rest.pop();
        let next = value.unwrap_or(0_u64).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
        is_small &= next.is_some();
        value = Some(next.unwrap_or(0));
    }
    value.filter(|_| is_small)
}

fn is_reserved(name: &str) -> bool {
    let client = matches!(name, "connect" | "connect_error" | "disconnect");
    client || matches!(name, "disconnecting" | "newListener" | "removeListener")
}

/// The same with attachments in the places of placeholders, or `None` if one of those is none.
pub(crate) fn put_in(tree: Tree, attachments: &[Bytes]) -> Option<Tree> {
    match tree {
        Tree::List(list) => {
            let list = list.into_iter().map(|element| put_in(element, attachments));
            Some(Tree::List(list.collect::<Option<_>>()?))
        }
        Tree::Object(members) => {
            let is_true = Tree::Scalar("true".into());
            let marks: Vec<_> = members.iter().filter(|(key, _)| key == "_placeholder").collect();
            if marks.iter().any(|(_, value)| *value == is_true) {
                let is_flat = members
                    .iter()
                    .all(|(_, value)| matches!(value, Tree::Scalar(_) | Tree::String(_)));
                let is_last = marks.last().is_some_and(|(_, value)| *value == is_true);
                let (_, number) = members.iter().rfind(|(key, _)| key == "num")?;
                let Tree::Scalar(number) = number else { return None };
                let bytes = attachments.get(number.parse::<usize>().ok()?)?.clone();
                return (is_flat && is_last).then_some(Tree::Binary(bytes));
            }
            let members =
                members.into_iter().map(|(key, value)| Some((key, put_in(value, attachments)?)));
            Some(Tree::Object(members.collect::<Option<_>>()?))
        }
        scalar => Some(scalar),
    }
}
