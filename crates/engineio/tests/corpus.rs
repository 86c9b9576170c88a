//! Every seed of the fuzz targets, replayed as an ordinary test.
#![allow(unreachable_pub, reason = "the checks are the library of another package")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a check fails")]
#![allow(clippy::indexing_slicing, reason = "a panic is how a check fails")]

use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds = std::fs::read_dir(&folder).expect("the corpus is part of the repository");
    let seeds: Vec<_> = seeds.map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    for seed in seeds {
        // Shown only if the check fails.
        println!("{}", seed.display());
        check(&std::fs::read(&seed).unwrap());
    }
}

#[test]
fn payload() {
    replay("payload", fuzz::payload);
}

#[test]
fn http() {
    replay("http", fuzz::http);
}

#[test]
fn server() {
    replay("server", fuzz::server);
}

#[test]
fn client() {
    replay("client", fuzz::client);
}
