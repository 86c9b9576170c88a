//! The floors of the crate: a module uses only lower floors and its own folder.
//!
//! Run with `cargo test --test architecture`. A new module is a new line in [`FLOORS`].

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each floor may use the ones before it.
const FLOORS: [&[&str]; 7] = [
    &["mask", "utf8", "close", "limits", "entropy", "tls"],
    &["frame", "recv_buffer", "send_queue", "extension"],
    &["connection"],
    &["handshake", "deadlines"],
    &["deflate"],
    // What the adapters share.
    &["io"],
    &["blocking", "mio"],
];

const MAX_LINES: usize = 600;

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules of the crate that a source uses: every `crate::name` and `crate::{a, b::c}` in
/// code. Comments do not count, so that documentation may link wherever it likes, and neither do
/// unit tests, which stand at the end (clippy sees to that) or in a folder `tests` and may use all of
/// the crate.
fn uses(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: String = source.lines().map(|line| line.split("//").next().unwrap()).collect();
    let mut uses = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `some_crate::` and `$crate::` are other things, or the same.
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let path = &code[at + "crate::".len()..];
        match path.strip_prefix('{') {
            Some(list) => uses.extend(list_items(list)),
            None => uses.extend(identifier(path)),
        }
    }
    uses
}

/// The first identifier of each item of `a, b::{c, d}, e}`.
fn list_items(list: &str) -> Vec<String> {
    let (mut depth, mut item, mut items) = (0, String::new(), vec![]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.extend(identifier(&item));
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items.extend(identifier(&item));
    items
}

fn identifier(path: &str) -> Option<String> {
    let name: String =
        path.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// What is wrong with the uses of a source in `module`.
fn faults(module: &str, source: &str) -> Vec<String> {
    let Some(own) = floor(module) else {
        return vec![format!("{module} is on no floor")];
    };
    let mut faults = vec![];
    for used in uses(source).iter().filter(|used| *used != module) {
        match floor(used) {
            Some(below) if below < own => {}
            Some(_) => faults.push(format!("{module} uses {used}, which is not below it")),
            // The re-exports of lib.rs are nobody's floor: the module itself is to be named.
            None => faults.push(format!("{module} uses {used}, which is on no floor")),
        }
    }
    faults
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All sources with their path below `src`.
fn all() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    sources(&src, &mut files);
    files
        .into_iter()
        .map(|file| (file.strip_prefix(&src).unwrap().into(), fs::read_to_string(&file).unwrap()))
        .collect()
}

/// `handshake` for `handshake/url.rs`, `frame` for `frame.rs`.
fn module_of(file: &Path) -> String {
    let first = Path::new(file.iter().next().unwrap());
    first.file_stem().unwrap().to_str().unwrap().into()
}

#[test]
fn every_module_uses_only_floors_below_its_own() {
    let mut seen = 0;
    let is_test = |file: &Path| file.iter().any(|part| part == "tests");
    let modules = all().into_iter().filter(|(file, _)| file != Path::new("lib.rs"));
    for (file, source) in modules.filter(|(file, _)| !is_test(file)) {
        assert_eq!(faults(&module_of(&file), &source), [""; 0], "{}", file.display());
        seen += uses(&source).len();
    }
    assert!(seen > 30, "only {seen} uses found");
}

#[test]
fn lib_rs_only_declares_and_re_exports() {
    let files = all();
    let (_, lib) = files.iter().find(|(file, _)| file == Path::new("lib.rs")).unwrap();
    let code: String = lib
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.starts_with('#'))
        .map(|line| line.trim().to_owned() + " ")
        .collect();
    for statement in code.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        // `Readme` carries the doctests of README.md, and each `Guide` those of a page of docs/guide.
        let allowed =
            ["mod ", "pub mod ", "pub use ", "extern crate ", "struct Readme", "struct Guide"];
        assert!(allowed.iter().any(|start| statement.starts_with(start)), "{statement}");
    }
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    assert!(lib.lines().any(|line| line == "#![no_std]"));
}

#[test]
fn no_source_has_grown_beyond_one_room() {
    for (file, source) in all() {
        let lines = source.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}

#[test]
fn each_fault_is_found() {
    let ok = "use crate::mask::Mask;\nuse crate::{close, limits::{Limits, X}};\n\
              /// [`Connection`](crate::Connection)\nfn f() { other_crate::g() }";
    assert_eq!(uses(ok).into_iter().collect::<Vec<_>>(), ["close", "limits", "mask"]);
    assert_eq!(faults("connection", ok), [""; 0]);
    assert_eq!(faults("frame", "use crate::connection::Event;").len(), 1, "upwards");
    assert_eq!(faults("frame", "use crate::recv_buffer::RecvBuffer;").len(), 1, "sideways");
    assert_eq!(faults("frame", "fn f() -> crate::handshake::Url {}").len(), 1, "without use");
    assert_eq!(faults("handshake", "use crate::{mask, blocking::X};").len(), 1, "in a list");
    assert_eq!(faults("handshake", "use crate::EntropyError;").len(), 1, "over lib.rs");
    let test = "#[cfg(test)]\nmod tests {\n    use crate::Connection;\n}";
    assert_eq!(faults("frame", test), [""; 0]);
    assert_eq!(faults("novelty", "").len(), 1, "unknown");
}
