//! Tables for people, in Markdown.

use crate::sample::{Results, Sample};
use crate::scenario::{Kind, SCENARIOS, Scenario};
use core::fmt::Write;

/// One server in one scenario, over all rounds.
#[derive(Debug, Default)]
pub struct Summary {
    pub server: String,
    /// Median of the rate divided by raw's in the same round.
    pub ratio: Option<f64>,
    /// Median of raw's CPU time for each message in the same round divided by this server's.
    pub cpu_ratio: Option<f64>,
    pub cpu_best: Option<f64>,
    pub cpu_median: Option<f64>,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub memory: Option<[f64; 2]>,
    pub load_busy: Option<f64>,
    pub reply_bytes: Option<f64>,
}

/// All servers of a scenario; best ratio first.
pub fn summaries(results: &Results, scenario: &Scenario) -> Vec<Summary> {
    let samples: Vec<_> =
        results.samples.iter().filter(|sample| sample.scenario == scenario.name).collect();
    let mut names: Vec<_> = samples.iter().map(|sample| &*sample.server).collect();
    names.sort_unstable();
    names.dedup();
    let mut summaries: Vec<_> = names.iter().map(|name| summary(&samples, name)).collect();
    summaries.sort_by(|a, b| key(a).total_cmp(&key(b)));
    summaries
}

fn key(summary: &Summary) -> f64 {
    summary.memory.map_or(-summary.cpu_ratio.unwrap_or(0.0), |[_, after]| after)
}

fn summary(samples: &[&Sample], server: &str) -> Summary {
    let own: Vec<_> = samples.iter().filter(|sample| sample.server == server).collect();
    let raw = |round| samples.iter().find(|sample| sample.server == "raw" && sample.round == round);
    let of = |figure: fn(&Sample) -> Option<f64>| -> Vec<f64> {
        own.iter().filter_map(|sample| figure(sample)).collect()
    };
    let to_raw = |figure: fn(&Sample) -> Option<f64>| -> Vec<f64> {
        own.iter()
            .filter_map(|sample| Some(figure(sample)? / figure(raw(sample.round)?)?))
            .collect()
    };
    let memory = |at: usize| -> Vec<f64> {
        own.iter().filter_map(|sample| Some(sample.figures.memory?[at])).collect()
    };
    let cpu = of(|sample| sample.figures.cpu_ns);
    Summary {
        server: server.to_owned(),
        ratio: median(to_raw(|sample| sample.figures.rate)),
        cpu_ratio: median(to_raw(|sample| sample.figures.cpu_ns)).map(|ratio| 1.0 / ratio),
        cpu_best: cpu.iter().copied().min_by(f64::total_cmp),
        cpu_median: median(cpu),
        p50_us: median(of(|sample| sample.figures.p50_us)),
        p99_us: median(of(|sample| sample.figures.p99_us)),
        memory: median(memory(0)).zip(median(memory(1))).map(|(before, after)| [before, after]),
        load_busy: median(of(|sample| sample.figures.load_busy)),
        reply_bytes: median(of(|sample| sample.figures.reply_bytes)),
    }
}

/// The middle value, or the mean of the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let high = *values.get(values.len() / 2)?;
    let low = values[(values.len() - 1) / 2];
    Some(f64::midpoint(low, high))
}

/// All tables.
pub fn tables(results: &Results) -> String {
    let mut out = String::new();
    for scenario in SCENARIOS {
        let summaries = summaries(results, scenario);
        if !summaries.is_empty() {
            let _ = writeln!(out, "\n### {} (`{}`)\n", scenario.title, scenario.name);
            table(&mut out, scenario, &summaries);
        }
    }
    let _ = writeln!(
        out,
        "\n{} rounds of {} s, seed {}. {}. {}.",
        results.rounds,
        results.seconds,
        results.seed,
        results.machine,
        results.versions.join(", "),
    );
    for failure in &results.failures {
        let _ = writeln!(out, "Failed: {failure}");
    }
    out
}

fn table(out: &mut String, scenario: &Scenario, summaries: &[Summary]) {
    let mut rows = Vec::new();
    if scenario.kind == Kind::Idle {
        rows.push(["server", "before, B", "after, B"].map(str::to_owned).to_vec());
        for summary in summaries {
            let memory = |at: usize| number(summary.memory.map(|memory| memory[at]), 0);
            rows.push(vec![summary.server.clone(), memory(0), memory(1)]);
        }
    } else {
        let head =
            ["server", "rate / raw", "raw's CPU / CPU", "CPU best, ns", "median, ns", "load busy"];
        let mut head = head.map(str::to_owned).to_vec();
        let timed = scenario.kind == Kind::Echo && scenario.depth == 1;
        if timed {
            head.extend(["p50, µs", "p99, µs"].map(str::to_owned));
        }
        if scenario.deflate.is_some() {
            head.push("reply, B".to_owned());
        }
        rows.push(head);
        for summary in summaries {
            let mut row = vec![
                summary.server.clone(),
                number(summary.ratio, 2),
                number(summary.cpu_ratio, 2),
                number(summary.cpu_best, 0),
                number(summary.cpu_median, 0),
                number(summary.load_busy, 2),
            ];
            if timed {
                row.extend([number(summary.p50_us, 1), number(summary.p99_us, 1)]);
            }
            if scenario.deflate.is_some() {
                row.push(number(summary.reply_bytes, 0));
            }
            rows.push(row);
        }
    }
    write_rows(out, &rows);
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// A table, the first row being its head.
pub fn write_rows(out: &mut String, rows: &[Vec<String>]) {
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    for (i, row) in rows.iter().enumerate() {
        let _ = write!(out, "| {:1$} |", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(out, " {cell:>width$} |");
        }
        let _ = writeln!(out);
        if i == 0 {
            let _ = write!(out, "|{}|", "-".repeat(widths[0] + 2));
            for width in &widths[1..] {
                let _ = write!(out, "{}:|", "-".repeat(width + 1));
            }
            let _ = writeln!(out);
        }
    }
}
