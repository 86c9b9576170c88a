//! What the guide shows of this package is what is here, word for word. Its other blocks are compiled and
//! run by `cargo test --doc` of the library; those that connect to somewhere are only compiled.
//!
//! ```sh
//! cargo test --manifest-path tests/transports/Cargo.toml --target-dir target/transports --test guide
//! ```

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}

fn texts(folders: &[&str], extension: &str) -> Vec<(PathBuf, String)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![];
    folders.iter().for_each(|folder| files(&package.join(folder), extension, &mut found));
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// The blocks of code with what is said behind their fences.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let (mut blocks, mut lines) = (vec![], page.lines());
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let code: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind, code.join("\n")));
        }
    }
    blocks
}

#[test]
fn what_the_guide_shows_is_what_is_here() {
    let sources = texts(&["src", "tests"], "rs");
    let mut shown = 0;
    for (page, text) in texts(&["../../docs/guide"], "md") {
        for (kind, code) in blocks(&text) {
            assert!(
                matches!(kind, "rust" | "rust,no_run" | "rust,ignore" | "text"),
                "{kind} in {}",
                page.display()
            );
            let hidden = kind != "text" && code.lines().any(|line| line.starts_with("# "));
            assert!(!hidden, "a hidden line in {}", page.display());
            // Parts of a type stand one behind the other, and there is more between them in the source.
            for part in code.split("\n\n").filter(|_| kind == "rust,ignore") {
                let is_here = sources.iter().any(|(_, source)| source.contains(part));
                assert!(is_here, "{} shows what is nowhere:\n{part}", page.display());
                shown += 1;
            }
        }
    }
    assert!(shown >= 8, "only {shown} parts are shown");
}
