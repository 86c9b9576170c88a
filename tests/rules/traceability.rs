//! `docs/RULES.md` and the tests say the same: every rule has a row, every row of the library its
//! tests, every number in a test its row.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// RFC 6455, RFC 7692, and the RFCs of HTTP.
const NUMBERS: [RangeInclusive<u32>; 3] = [1..=103, 110..=130, 131..=158];

fn numbers() -> impl Iterator<Item = u32> {
    NUMBERS.into_iter().flatten()
}

/// What the row of a rule says about who holds it.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    Library,
    /// Somebody else, for this reason.
    Others(String),
}

/// The rows of the tables, by number.
fn rows(table: &str) -> BTreeMap<u32, Holder> {
    let mut rows = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| N")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, section, role, rule, bound] = cells[..] else {
            panic!("not five cells: {line}");
        };
        let number = number[1..].parse().unwrap();
        let section = section.replace([' ', '.', ','], "");
        assert!(!section.is_empty() && section.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        assert!(["client", "server", "both"].contains(&role), "{line}");
        assert!(rule.ends_with(['.', ')']) && rule.len() > 20, "{line}");
        let bound = match bound.split_once(": ") {
            None if bound == "library" => Holder::Library,
            Some(("adapter" | "user", reason)) => Holder::Others(reason.into()),
            _ => panic!("neither library nor a reason: {line}"),
        };
        assert_eq!(rows.insert(number, bound), None, "N{number} has two rows");
    }
    rows
}

/// The tests of a source that name rules: their numbers, and the rest of the name.
fn tests(source: &str) -> Vec<(Vec<u32>, String)> {
    let mut tests = vec![];
    let mut attributes = vec![];
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        if let Some((name, _)) = line.strip_prefix("fn ").and_then(|line| line.split_once('(')) {
            let mut rest = name;
            let mut numbers = vec![];
            while let Some((number, behind)) = numbered(rest) {
                numbers.push(number);
                rest = behind;
            }
            if !numbers.is_empty() {
                assert_eq!(attributes, ["#[test]"], "{name} must be a test, and run");
                tests.push((numbers, rest.into()));
            }
        }
        attributes.clear();
    }
    tests
}

/// The number at the beginning of `n53_...`, and what follows.
fn numbered(name: &str) -> Option<(u32, &str)> {
    let (number, rest) = name.strip_prefix('n')?.split_once('_')?;
    number.parse().ok().map(|number| (number, rest))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// What is wrong with `rows` and `tests`, one line each.
fn faults(rows: &BTreeMap<u32, Holder>, tests: &[(Vec<u32>, String)]) -> Vec<String> {
    let mut faults = vec![];
    for number in numbers() {
        if !rows.contains_key(&number) {
            faults.push(format!("N{number} has no row"));
        }
    }
    for (number, bound) in rows {
        let has = |kind: &str| {
            tests.iter().any(|(numbers, rest)| numbers.contains(number) && rest.starts_with(kind))
        };
        match bound {
            Holder::Library => {
                for kind in ["accepts_", "rejects_"] {
                    if !has(kind) {
                        faults.push(format!("N{number} has no test n{number}_{kind}..."));
                    }
                }
            }
            Holder::Others(reason) if reason.len() < 40 => {
                faults.push(format!("N{number} is left to others without a reason"));
            }
            Holder::Others(_) => {}
        }
    }
    for (numbers, rest) in tests {
        for number in numbers.iter().filter(|number| !rows.contains_key(number)) {
            faults.push(format!("n{number}_{rest} names a rule that has no row"));
        }
    }
    faults
}

#[test]
fn every_rule_has_a_row_and_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(&fs::read_to_string(root.join("docs/RULES.md")).unwrap());
    let mut files = vec![];
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    let tests: Vec<_> =
        files.iter().flat_map(|file| tests(&fs::read_to_string(file).unwrap())).collect();
    assert!(tests.len() > 180, "only {} tests found", tests.len());
    assert_eq!(faults(&rows, &tests), [""; 0]);
}

#[test]
fn each_fault_is_found() {
    let all =
        numbers().map(|n| format!("| N{n} | 5.1 | both | Something that is asked. | library |"));
    let mut rows = rows(&all.collect::<Vec<_>>().join("\n"));
    let names: Vec<String> = numbers()
        .flat_map(|n| {
            ["accepts", "rejects"].map(|kind| format!("#[test]\nfn n{n}_{kind}_x() {{\n"))
        })
        .collect();
    let good = tests(&names.join("\n"));
    assert_eq!(faults(&rows, &good), [""; 0]);
    assert_eq!(faults(&rows, &good[1..]), ["N1 has no test n1_accepts_..."]);
    let unknown = [&good[..], &[(vec![104], "accepts_x".into())]].concat();
    assert_eq!(faults(&rows, &unknown), ["n104_accepts_x names a rule that has no row"]);
    rows.insert(2, Holder::Others("no".into()));
    assert_eq!(faults(&rows, &good), ["N2 is left to others without a reason"]);
    rows.remove(&2);
    let missing = faults(&rows, &good);
    assert_eq!(missing[0], "N2 has no row");
}
