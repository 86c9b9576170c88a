//! The rules of `docs/RULES.md`: each has a test that accepts what it allows, and one that rejects what it
//! forbids.

#![allow(clippy::unwrap_used, reason = "a test")]

mod arguments;
mod depth;
mod encoding;
mod packets;
mod properties;
#[path = "../../examples/parser/tree.rs"]
mod tree;

use bytes::Bytes;

/// An attachment.
fn bytes(content: &'static str) -> Bytes {
    Bytes::from_static(content.as_bytes())
}

#[test]
fn each_rule_has_a_test_of_either_kind() {
    let rules = include_str!("../../docs/RULES.md");
    let tests = [
        include_str!("arguments.rs"),
        include_str!("depth.rs"),
        include_str!("encoding.rs"),
        include_str!("packets.rs"),
    ];
    let numbers: Vec<_> =
        rules.lines().filter_map(|line| line.strip_prefix("| S")?.split(' ').next()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6"]);
    for number in numbers {
        for kind in ["accepts", "rejects"] {
            let is_test = |line: &str| {
                line.strip_prefix("fn ").is_some_and(|name| {
                    let (rules, _) = name.split_once(kind).unwrap_or_default();
                    rules.split('_').any(|rule| rule == format!("s{number}"))
                })
            };
            let found = tests.iter().flat_map(|tests| tests.lines()).any(is_test);
            assert!(found, "S{number} has no test that {kind}");
        }
    }
}
