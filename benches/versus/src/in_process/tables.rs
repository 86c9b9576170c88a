//! Tables for people, in Markdown.

use crate::Results;
use crate::measure::{Sample, Scenario};
use core::fmt::Write;
use versus::report::{median, write_rows};

/// The names of their packages.
pub(crate) const PEERS: &[&str] = &[
    "fastwebsockets",
    "hyper",
    "sockudo-ws",
    "soketto",
    "tokio-websockets",
    "tungstenite",
    "wtx",
    "yawc",
    "zlib-rs",
];

/// A table, and in which order it is filled.
pub(crate) struct Heading {
    group: &'static str,
    columns: Vec<String>,
    subjects: Vec<&'static str>,
}

pub(crate) fn headings(scenarios: &[Scenario]) -> Vec<Heading> {
    let mut headings: Vec<Heading> = Vec::new();
    for scenario in scenarios {
        if headings.last().is_none_or(|heading| heading.group != scenario.group) {
            let subjects = scenario.subjects.iter().map(|subject| subject.name).collect();
            headings.push(Heading { group: scenario.group, columns: Vec::new(), subjects });
        }
        if let Some(heading) = headings.last_mut() {
            heading.columns.push(scenario.column.clone());
        }
    }
    headings
}

pub(crate) fn tables(headings: &[Heading], results: &Results) -> String {
    let mut out = String::new();
    for heading in headings {
        let _ = writeln!(out, "\n### {}\n", heading.group);
        let mut rows = vec![vec![heading.group.to_owned()]];
        rows[0].extend(heading.columns.iter().cloned());
        for subject in &heading.subjects {
            let mut row = vec![(*subject).to_owned()];
            row.extend(heading.columns.iter().map(|column| {
                let is_this = |sample: &&Sample| {
                    sample.group == heading.group
                        && sample.column == *column
                        && sample.subject == *subject
                };
                cell(results.samples.iter().filter(is_this).map(|sample| sample.ns).collect())
            }));
            rows.push(row);
        }
        write_rows(&mut out, &rows);
    }
    let _ = writeln!(
        out,
        "\nBest / median ns of {} rounds of {} ms. {}. {}.",
        results.rounds,
        results.millis,
        results.machine,
        results.versions.join(", "),
    );
    out
}

fn cell(ns: Vec<f64>) -> String {
    match (ns.iter().copied().min_by(f64::total_cmp), median(ns)) {
        (Some(best), Some(median)) => format!("{} / {}", figure(best), figure(median)),
        _ => "-".to_owned(),
    }
}

fn figure(ns: f64) -> String {
    if ns < 100.0 { format!("{ns:.1}") } else { format!("{ns:.0}") }
}
