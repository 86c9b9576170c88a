//! The rules of `docs/RULES.md`: each has a test that accepts what it allows, and one that rejects what it
//! forbids.
//!
//! Run with `cargo test --test rules`; one rule with `cargo test --test rules e22`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]
#![allow(clippy::indexing_slicing, reason = "a test")]

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod client;
mod closing;
mod ends;
mod headers;
mod heartbeat;
mod http;
mod packets;
mod polling;
mod requests;
mod upgrade;

const TESTS: [&str; 11] = [
    include_str!("admission.rs"),
    include_str!("client.rs"),
    include_str!("closing.rs"),
    include_str!("ends.rs"),
    include_str!("headers.rs"),
    include_str!("heartbeat.rs"),
    include_str!("http.rs"),
    include_str!("packets.rs"),
    include_str!("polling.rs"),
    include_str!("requests.rs"),
    include_str!("upgrade.rs"),
];

#[test]
fn each_rule_has_a_test_of_either_kind() {
    let rules = include_str!("../../docs/RULES.md");
    let numbers: Vec<_> =
        rules.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()).collect();
    let numbers: Vec<_> =
        numbers.into_iter().filter(|number| number.starts_with(['E', 'C'])).collect();
    assert!(numbers.len() >= 30, "{numbers:?}");
    for number in numbers {
        for kind in ["accepts", "rejects"] {
            let is_test = |line: &str| {
                line.strip_prefix("fn ").is_some_and(|name| {
                    let (rules, _) = name.split_once(kind).unwrap_or_default();
                    rules.split('_').any(|rule| rule == number.to_lowercase())
                })
            };
            let mut lines = TESTS.iter().flat_map(|tests| tests.lines());
            assert!(lines.any(is_test), "{number} has no test that {kind}");
        }
    }
}
