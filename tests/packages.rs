//! The town: the packages of the workspace, and what each of them may use.
//!
//! Run with `cargo test --test packages`. A new package is a new line in [`TOWN`].

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A package, which others of the workspace it may use, and which only as an optional dependency.
struct Package {
    name: &'static str,
    uses: &'static [&'static str],
    optional: &'static [&'static str],
}

/// Each package may use the ones below it. The drawing is in `crates/README.md`.
const TOWN: [Package; 6] = [
    Package { name: "sansio-ws", uses: &[], optional: &[] },
    Package { name: "sansio-engineio", uses: &["sansio-ws"], optional: &[] },
    Package { name: "sansio-ws-tokio", uses: &["sansio-ws"], optional: &[] },
    Package {
        name: "sansio-socketio",
        uses: &["sansio-ws", "sansio-engineio"],
        optional: &["sansio-ws-tokio"],
    },
    Package {
        name: "sansio-socketio-redis",
        uses: &["sansio-ws", "sansio-engineio", "sansio-socketio"],
        optional: &[],
    },
    Package {
        name: "sansio-socketio-tower",
        uses: &["sansio-ws", "sansio-engineio", "sansio-ws-tokio", "sansio-socketio"],
        optional: &[],
    },
];

const MAX_LINES: usize = 600;

/// The sources, the README and the manifest of a package, by their path in its folder. The tests
/// of the rules make up trees of their own.
type Tree = BTreeMap<PathBuf, String>;

/// What is wrong with the package in `crates/FOLDER`.
fn faults(folder: &str, tree: &Tree) -> Vec<String> {
    let mut faults = vec![];
    let names = [format!("sansio-{folder}"), format!("sansio-ws-{folder}")];
    let in_town = names.iter().find(|name| TOWN.iter().any(|package| package.name == **name));
    let name = in_town.unwrap_or(&names[0]);
    match tree.get(Path::new("Cargo.toml")) {
        Some(manifest) => faults.extend(manifest_faults(name, manifest)),
        None => faults.push("no Cargo.toml".into()),
    }
    match tree.get(Path::new("README.md")) {
        Some(readme) => faults.extend(hidden_lines(readme)),
        None => faults.push("no README.md".into()),
    }
    let lib = tree.get(Path::new("src/lib.rs")).map_or("", String::as_str);
    if !lib.lines().any(|line| line == "#![forbid(unsafe_code)]") {
        faults.push("src/lib.rs does not forbid unsafe code".into());
    }
    for (file, source) in sources(tree) {
        let lines = source.lines().count();
        if lines > MAX_LINES {
            faults.push(format!("{} has {lines} lines", file.display()));
        }
        faults.extend(foreign_sources(file, source));
        faults.extend(back_doors(file, source));
    }
    faults
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&PathBuf, &String)> {
    tree.iter().filter(|(file, _)| file.extension().is_some_and(|extension| extension == "rs"))
}

fn manifest_faults(name: &str, manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap();
    let Some(package) = TOWN.iter().find(|package| package.name == name) else {
        return vec![format!("{name} is not in the table of this test")];
    };
    let mut faults = vec![];
    if manifest["package"]["name"].as_str() != Some(name) {
        faults.push(format!("the name of the package is not {name}"));
    }
    if lookup(&manifest, &["lints", "workspace"]).and_then(toml::Value::as_bool) != Some(true) {
        faults.push("the lints are not those of the workspace".into());
    }
    for (used, optional) in dependencies(&manifest) {
        let may_be_optional = package.optional.contains(&used.as_str());
        if may_be_optional && !optional {
            faults.push(format!("{name} may use {used} as an optional dependency only"));
        } else if !may_be_optional && !package.uses.contains(&used.as_str()) {
            faults.push(format!("{name} uses {used}, which is not below it"));
        }
    }
    for path in target_paths(&manifest) {
        if leaves(Path::new(""), &path) {
            faults.push(format!("a target of {name} is made of {path}, of another package"));
        }
    }
    faults
}

fn lookup<'a>(table: &'a toml::Table, path: &[&str]) -> Option<&'a toml::Value> {
    let (last, tables) = path.split_last()?;
    tables.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?.get(*last)
}

/// The packages of this workspace that a manifest depends on, for whatever target, and whether
/// that is optional. What only its tests use counts as well: it would be needed to release it.
fn dependencies(manifest: &toml::Table) -> Vec<(String, bool)> {
    let mut found = vec![];
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key == "target" {
            for target in table.values().filter_map(toml::Value::as_table) {
                found.extend(dependencies(target));
            }
        } else if key.ends_with("dependencies") {
            for (key, dependency) in table {
                let package = dependency.get("package").and_then(toml::Value::as_str);
                let optional = dependency.get("optional").and_then(toml::Value::as_bool);
                found.push((package.unwrap_or(key).to_owned(), optional == Some(true)));
            }
        }
    }
    found.retain(|(name, _)| name.starts_with("sansio-"));
    found
}

/// The paths of the library, the programs, the tests and so on, where a manifest says them.
fn target_paths(manifest: &toml::Table) -> Vec<String> {
    let mut tables: Vec<&toml::Value> = manifest.get("lib").into_iter().collect();
    for kind in ["bin", "example", "test", "bench"] {
        tables.extend(manifest.get(kind).and_then(toml::Value::as_array).into_iter().flatten());
    }
    tables.iter().filter_map(|table| table.get("path")?.as_str().map(str::to_owned)).collect()
}

/// Sources and files that a source takes in from outside of its package: these would be used
/// without being public, and would be missing when the package is released.
fn foreign_sources(file: &Path, source: &str) -> Vec<String> {
    let code = code(source);
    let starts =
        ["#[path=", ",path=", "include!(", "include_str!(", "include_bytes!("].map(|start| {
            code.match_indices(start).map(|(at, _)| &code[at + start.len()..]).collect::<Vec<_>>()
        });
    let folder = file.parent().unwrap();
    let mut faults = vec![];
    for rest in starts.into_iter().flatten() {
        let foreign = match rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) {
            Some(path) => leaves(folder, path),
            // Put together by `concat!`, mostly with the folder that the build writes to.
            None => rest.split(']').next().unwrap().split(';').next().unwrap().contains(".."),
        };
        if foreign {
            let what: String = rest.chars().take(40).collect();
            faults.push(format!("{} takes in {what}", file.display()));
        }
    }
    faults
}

/// Whether `path`, seen from `folder` in a package, is outside of the package.
fn leaves(folder: &Path, path: &str) -> bool {
    let mut depth = folder.components().count();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            // Above the package, or an absolute path.
            _ => return true,
        }
    }
    false
}

/// Items that documentation hides are public for somebody: a back door for one of the packages.
fn back_doors(file: &Path, source: &str) -> Vec<String> {
    let code = code(source);
    let mut attributes = code.match_indices("doc(").map(|(at, _)| &code[at + "doc(".len()..]);
    let hides =
        attributes.any(|rest| rest.split(')').next().unwrap().split(',').any(|w| w == "hidden"));
    hides
        .then(|| format!("{} has an item that documentation hides", file.display()))
        .into_iter()
        .collect()
}

/// A source without comments and white space.
fn code(source: &str) -> String {
    let lines = source.lines().map(|line| line.split("//").next().unwrap());
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

/// Lines in the Rust of a README that only rustdoc hides: elsewhere, readers see them as noise.
fn hidden_lines(readme: &str) -> Vec<String> {
    let (mut in_block, mut in_rust, mut faults) = (false, false, vec![]);
    for line in readme.lines().map(str::trim) {
        if let Some(language) = line.strip_prefix("```") {
            in_block = !in_block;
            // To rustdoc a block without a language is Rust, too.
            let rust = ["", "rust", "no_run", "should_panic", "compile_fail", "ignore"];
            in_rust = in_block && rust.contains(&language.split(',').next().unwrap());
        } else if in_rust && (line == "#" || line.starts_with("# ")) {
            faults.push(format!("README.md has the hidden line {line:?}"));
        }
    }
    assert!(!in_block, "a block without an end");
    faults
}

/// What [`faults`] looks at, of the package in `folder`.
fn read(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    read_into(&mut tree, folder, folder);
    tree
}

fn read_into(tree: &mut Tree, package: &Path, folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            // What builds leave behind is nobody's source.
            if !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
                read_into(tree, package, &path);
            }
        } else if name.ends_with(".rs") || ["Cargo.toml", "README.md"].contains(&name) {
            let text = fs::read_to_string(&path).unwrap();
            tree.insert(path.strip_prefix(package).unwrap().into(), text);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_package_keeps_the_rules() {
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let folder = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(faults(folder, &read(&path)), [""; 0], "crates/{folder}");
        }
    }
}

/// Its floors and files are the matter of `tests/architecture.rs`.
#[test]
fn the_root_keeps_them_as_well() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert_eq!(manifest_faults("sansio-ws", &manifest), [""; 0]);
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert_eq!(hidden_lines(&readme), [""; 0]);
    let src = read(&root().join("src"));
    assert!(src.len() > 30, "only {} sources found", src.len());
    for (file, source) in &src {
        let file = Path::new("src").join(file);
        assert_eq!(foreign_sources(&file, source), [""; 0]);
        assert_eq!(back_doors(&file, source), [""; 0]);
    }
}

#[test]
fn the_tests_are_started_the_same_way_everywhere() {
    let command = "cargo test --workspace --all-features";
    for file in ["README.md", "CONTRIBUTING.md", ".ci/run"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(command), "{file} has another command for the tests");
    }
}

/// The table itself: nothing uses what stands behind it, and everything it names exists.
#[test]
fn the_arrows_point_down() {
    for (at, package) in TOWN.iter().enumerate() {
        for used in package.uses.iter().chain(package.optional) {
            let below = TOWN[..at].iter().any(|other| other.name == *used);
            assert!(below, "{} uses {used}, which is not below it", package.name);
        }
    }
}

const MANIFEST: &str = r#"
[package]
name = "sansio-socketio"

[dependencies]
bytes = "1"
sansio-ws = { version = "0.1.0", path = "../.." }
sansio-engineio = { version = "0.1.0", path = "../engineio", features = [
    "mio",
] }
sansio-ws-tokio = { version = "0.1.0", path = "../tokio", optional = true }

[[test]]
name = "rooms"
path = "tests/rooms/main.rs"

[lints]
workspace = true
"#;

/// A package without a fault, and `text` in the place of one of its files.
fn tree(file: &str, text: &str) -> Tree {
    let example =
        "#![forbid(unsafe_code)]\n/// Not `#[doc(hidden)]`.\n#[doc(inline)]\npub use a::B;\n";
    let inside = "#[path = \"../support/mod.rs\"]\nmod support;\n\
                  include!(concat!(env!(\"OUT_DIR\"), \"/table.rs\"));\n";
    let readme = "```rust\n#[cfg(unix)]\nfn f() {}\n```\n```sh\n# a comment\n```\n";
    let files = [
        ("Cargo.toml", MANIFEST),
        ("README.md", readme),
        ("src/lib.rs", example),
        ("tests/rooms/main.rs", inside),
        (file, text),
    ];
    files.into_iter().map(|(file, text)| (file.into(), text.into())).collect()
}

/// Whether the package with this one file has this one fault.
fn refused(file: &str, text: &str, fault: &str) {
    let faults = faults("socketio", &tree(file, text));
    assert!(matches!(&faults[..], [one] if one.contains(fault)), "{fault}: {faults:?}");
}

#[test]
fn a_package_without_a_fault_passes() {
    assert_eq!(faults("socketio", &tree("src/a.rs", "")), [""; 0]);
}

#[test]
fn arrows_that_point_up_are_refused() {
    let with = |line: &str| MANIFEST.replace("bytes = \"1\"", line);
    let up = "sansio-socketio uses sansio-socketio-tower, which is not below it";
    refused("Cargo.toml", &with("sansio-socketio-tower = \"0.1\""), up);
    refused("Cargo.toml", &with("tower = { package = \"sansio-socketio-tower\" }"), up);
    refused("Cargo.toml", &with("sansio-socketio-tower.workspace = true"), up);
    let table = format!("{MANIFEST}[dependencies.sansio-socketio-tower]\nversion = \"0.1\"\n");
    refused("Cargo.toml", &table, up);
}

#[test]
fn arrows_that_point_up_are_refused_in_every_table() {
    let up = "sansio-socketio uses sansio-socketio-redis, which is not below it";
    for table in ["dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
        let manifest = format!("{MANIFEST}\n[{table}]\nsansio-socketio-redis = \"0.1\"\n");
        refused("Cargo.toml", &manifest, up);
    }
}

#[test]
fn arrows_that_point_aside_are_refused() {
    let manifest =
        "[package]\nname = \"sansio-ws-tokio\"\n[lints]\nworkspace = true\n[dependencies]\n";
    let aside = format!("{manifest}sansio-engineio = \"0.1\"\n");
    assert_eq!(manifest_faults("sansio-ws-tokio", manifest), [""; 0]);
    assert_eq!(manifest_faults("sansio-ws-tokio", &aside).len(), 1);
    assert_eq!(manifest_faults("sansio-ws-novelty", manifest).len(), 1, "not in the table");
}

#[test]
fn a_dotted_arrow_is_an_optional_dependency() {
    refused(
        "Cargo.toml",
        &MANIFEST.replace(", optional = true", ""),
        "an optional dependency only",
    );
}

#[test]
fn sources_of_other_packages_are_refused() {
    let inside =
        tree("src/a/b.rs", "#[path = \"../c.rs\"]\nmod c;\ninclude_str!(\"../../README.md\");");
    assert_eq!(faults("socketio", &inside), [""; 0]);
    for line in [
        "#[path = \"../../../../src/io.rs\"]\nmod io;",
        "#[cfg_attr(unix, path = \"../../../engineio/src/codec.rs\")]\nmod codec;",
        "#[path = \"/src/io.rs\"]\nmod io;",
        "include!(\"../../../../src/io.rs\");",
        "include_str!( \"../../../README.md\" );",
        "include_bytes!(\"../../../tokio/tests/a.bin\");",
        "include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../../src/io.rs\"));",
    ] {
        refused("src/a/b.rs", line, "src/a/b.rs takes in");
    }
    let manifest = MANIFEST.replace("tests/rooms/main.rs", "../../tests/mio/main.rs");
    refused("Cargo.toml", &manifest, "of another package");
}

#[test]
fn back_doors_are_refused() {
    refused("src/a.rs", "#[doc(hidden)]\npub fn f() {}", "documentation hides");
    refused("src/a.rs", "#[doc(inline,\n  hidden)]\npub use a::B;", "documentation hides");
    refused("src/a.rs", "#[cfg_attr(unix, doc(hidden))]\npub mod a;", "documentation hides");
}

#[test]
fn lines_that_rustdoc_hides_are_refused() {
    refused("README.md", "```rust\n# fn main() {\n```\n", "the hidden line");
    refused("README.md", "```\n#\n```\n", "the hidden line");
    refused("README.md", "```no_run\n    # }\n```\n", "the hidden line");
}

#[test]
fn what_a_package_lacks_is_found() {
    for (file, fault) in [
        ("Cargo.toml", "no Cargo.toml"),
        ("README.md", "no README.md"),
        ("src/lib.rs", "does not forbid unsafe code"),
    ] {
        let mut tree = tree("src/a.rs", "");
        tree.remove(Path::new(file)).unwrap();
        assert!(matches!(&faults("socketio", &tree)[..], [one] if one.contains(fault)), "{fault}");
    }
    refused("src/lib.rs", "// #![forbid(unsafe_code)]", "does not forbid unsafe code");
    refused("src/a.rs", &"\n".repeat(MAX_LINES + 1), "src/a.rs has 601 lines");
    refused("Cargo.toml", &MANIFEST.replace("workspace = true", ""), "the lints are not those");
    let name = MANIFEST.replace("\"sansio-socketio\"", "\"socketio\"");
    refused("Cargo.toml", &name, "the name of the package");
}
