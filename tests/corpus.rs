//! Every seed of the fuzz targets, replayed as an ordinary test.
#![allow(unreachable_pub, reason = "the checks are the library of another package")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a check fails")]
#![allow(clippy::std_instead_of_alloc, reason = "nothing here is for no_std")]

use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // Shown only if the check fails.
        println!("{}", path.display());
        check(&bytes);
        seeds += 1;
    }
    assert!(seeds > 0, "{} is empty", folder.display());
}

#[test]
fn header() {
    replay("header", fuzz::header);
}

#[test]
fn server_stream() {
    replay("server_stream", fuzz::server_stream);
}

#[test]
fn client_stream() {
    replay("client_stream", fuzz::client_stream);
}

#[test]
fn server_handshake() {
    replay("server_handshake", fuzz::server_handshake);
}

#[test]
fn client_handshake() {
    replay("client_handshake", fuzz::client_handshake);
}

#[cfg(feature = "deflate")]
#[test]
fn extension() {
    replay("extension", fuzz::extension);
}

#[cfg(feature = "deflate")]
#[test]
fn inflate() {
    replay("inflate", fuzz::inflate);
}

#[cfg(feature = "deflate")]
#[test]
fn deflate() {
    replay("deflate", fuzz::deflate);
}

#[test]
fn api() {
    replay("api", fuzz::api);
}
