//! The rules of `docs/RULES.md`: each has a test that accepts what it allows, and one that rejects what it
//! forbids.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

mod admission;
mod arguments;
mod asking;
mod client;
#[path = "../support/client.rs"]
mod client_driver;
mod client_sessions;
mod depth;
#[path = "../support/driver.rs"]
mod driver;
mod encoding;
/// A server of Engine.IO with its connections in memory.
#[path = "../support/engine.rs"]
mod engine;
mod leaving;
mod log;
mod packets;
mod properties;
mod recovery;
mod retries;
mod rooms;
mod talk;
#[path = "../../examples/parser/tree.rs"]
mod tree;
mod units;

use bytes::Bytes;

/// An attachment.
fn bytes(content: &'static str) -> Bytes {
    Bytes::from_static(content.as_bytes())
}

#[test]
fn each_rule_has_a_test_of_either_kind() {
    let rules = include_str!("../../docs/RULES.md");
    let tests = [
        include_str!("admission.rs"),
        include_str!("arguments.rs"),
        include_str!("asking.rs"),
        include_str!("client.rs"),
        include_str!("client_sessions.rs"),
        include_str!("depth.rs"),
        include_str!("encoding.rs"),
        include_str!("leaving.rs"),
        include_str!("log.rs"),
        include_str!("packets.rs"),
        include_str!("recovery.rs"),
        include_str!("retries.rs"),
        include_str!("rooms.rs"),
        include_str!("talk.rs"),
        include_str!("units.rs"),
    ];
    let numbers: Vec<_> =
        rules.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).collect();
    let numbers: Vec<_> =
        numbers.into_iter().filter(|number| number.starts_with(['S', 'C'])).collect();
    // S19 is about handlers, and what follows S24 about files and clusters.
    let of_servers = (1..=18).chain(20..=24).map(|number: u8| format!("S{number}"));
    // Those before are of Engine.IO.
    let expected: Vec<_> =
        of_servers.chain((4..=7).map(|number: u8| format!("C{number}"))).collect();
    assert_eq!(numbers, expected);
    for number in numbers {
        for kind in ["accepts", "rejects"] {
            let is_test = |line: &str| {
                line.strip_prefix("fn ").is_some_and(|name| {
                    let (rules, _) = name.split_once(kind).unwrap_or_default();
                    rules.split('_').any(|rule| rule == number.to_lowercase())
                })
            };
            let found = tests.iter().flat_map(|tests| tests.lines()).any(is_test);
            assert!(found, "{number} has no test that {kind}");
        }
    }
}
