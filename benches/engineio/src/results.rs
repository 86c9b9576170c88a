//! What was measured, and the tables of it.

use crate::load::Cost;
use crate::memory::{Growth, Idle};
use crate::servers::{Kind, Server};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A row of the table of CPU time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Echo {
    Deep,
    Single,
    Polling,
}

/// How many clients did what.
pub(crate) struct Numbers {
    pub(crate) websockets: usize,
    pub(crate) held: usize,
    pub(crate) abandoned: usize,
}

/// Samples by column, one for each round.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) growth: BTreeMap<(Idle, usize), Vec<Growth>>,
    /// The same rounds in each column, since the first that fails is the last: ratios are those of one round.
    pub(crate) cost: BTreeMap<(Echo, usize), Vec<Cost>>,
}

impl Results {
    pub(crate) fn tables(&self, servers: &[Server], numbers: &Numbers) -> String {
        let mut out = String::new();
        if !self.growth.is_empty() {
            self.memory_table(&mut out, servers, numbers);
        }
        if !self.cost.is_empty() {
            self.cost_table(&mut out, servers);
        }
        out
    }

    fn memory_table(&self, out: &mut String, servers: &[Server], numbers: &Numbers) {
        let base = base(servers);
        let others: Vec<usize> = (0..servers.len()).filter(|&column| column != base).collect();
        let mut heads = vec!["resident memory, bytes".to_owned()];
        heads.extend(servers.iter().map(|server| server.name.clone()));
        heads.extend(
            others.iter().map(|&at| format!("{} / {}", servers[at].name, servers[base].name)),
        );
        let mut table = Table::new(heads, 1);
        let mut row = |name: String, values: Vec<Option<f64>>, has_ratio: bool| {
            let ratio = |&other: &usize| match (values[other], values[base]) {
                (Some(other), Some(base)) if base > 0.0 && has_ratio => {
                    format!("{:.2}", other / base)
                }
                _ => String::new(),
            };
            let ratios: Vec<String> = others.iter().map(ratio).collect();
            let figures = values.iter().map(|value| value.map_or(String::new(), digits));
            table.rows.push([name].into_iter().chain(figures).chain(ratios).collect());
        };
        let all = |of: fn(&Growth) -> f64| -> Vec<Option<f64>> {
            let column = |at: usize| {
                let samples = self.growth.iter().filter(|((_, column), _)| *column == at);
                median(samples.flat_map(|(_, samples)| samples).map(of).collect())
            };
            (0..servers.len()).map(column).collect()
        };
        row("process without clients".into(), all(|growth| growth.empty.resident as f64), true);
        let anonymous = all(|growth| growth.empty.anonymous as f64);
        row("… of it not mapped from files".into(), anonymous, true);
        for (idle, name) in [
            (Idle::WebSocket, format!("idle WebSocket client, of {}", numbers.websockets)),
            (Idle::HeldGet, format!("idle client with a held GET, of {}", numbers.held)),
            (Idle::Abandoned, format!("abandoned handshake, of {}", numbers.abandoned)),
        ] {
            let each = |of: fn(&Growth) -> f64| -> Vec<Option<f64>> {
                let column = |at| median(self.growth.get(&(idle, at))?.iter().map(of).collect());
                (0..servers.len()).map(column).collect()
            };
            row(name, each(|growth| growth.each), true);
            row("… of the second half".into(), each(|growth| growth.second_half), true);
            row("… left when all have gone".into(), each(|growth| growth.left), false);
        }
        table.print(out);
    }

    fn cost_table(&self, out: &mut String, servers: &[Server]) {
        let base = base(servers);
        let core = servers.iter().position(|server| server.kind == Kind::Core);
        let mut heads: Vec<String> =
            ["echo", "server", "CPU, ns", "best", "user", "kernel", "messages/s", "load busy"]
                .map(str::to_owned)
                .into();
        heads.push(format!("/ {}", servers[base].name));
        heads.extend(core.map(|core| format!("/ {}", servers[core].name)));
        let mut table = Table::new(heads, 2);
        for (echo, name) in [
            (Echo::Deep, "WebSocket, 100 × 16"),
            (Echo::Single, "WebSocket, 100 × 1"),
            (Echo::Polling, "polling, 50 × 1"),
        ] {
            for (at, server) in servers.iter().enumerate() {
                let Some(costs) = self.cost.get(&(echo, at)) else { continue };
                let middle = |of: fn(&Cost) -> f64| {
                    median(costs.iter().map(of).collect()).unwrap_or(f64::NAN)
                };
                let cpu = middle(|cost| cost.cpu);
                // Ticks are coarse: those of all rounds together make a share.
                let ticks = |of: usize| costs.iter().map(|cost| cost.ticks[of]).sum::<u64>() as f64;
                let user = cpu * ticks(0) / (ticks(0) + ticks(1));
                let best = costs.iter().map(|cost| cost.cpu).fold(f64::INFINITY, f64::min);
                let ratio = |to: usize| {
                    let others = self.cost.get(&(echo, to))?;
                    let pairs = costs.iter().zip(others);
                    median(pairs.map(|(cost, other)| cost.cpu / other.cpu).collect())
                };
                let ratio = |to| ratio(to).map_or(String::new(), |ratio| format!("{ratio:.2}"));
                let mut row = vec![name.to_owned(), server.name.clone()];
                row.extend([cpu, best, user, cpu - user].map(digits));
                row.push(digits(middle(|cost| cost.rate)));
                row.push(format!("{:.2}", middle(|cost| cost.busy)));
                row.push(ratio(base));
                row.extend(core.map(ratio));
                table.rows.push(row);
            }
        }
        table.print(out);
    }

    /// All samples, for other programs: row, column, round and figures.
    pub(crate) fn samples(&self, servers: &[Server]) -> String {
        let mut out = String::new();
        for ((idle, column), samples) in &self.growth {
            let row = ["idle WebSocket", "held GET", "abandoned handshake"][*idle as usize];
            for (round, growth) in samples.iter().enumerate() {
                let Growth { empty, each, second_half, left } = growth;
                let (resident, anonymous) = (empty.resident, empty.anonymous);
                let _ = writeln!(
                    out,
                    "{row}\t{}\t{round}\tresident {resident}\tanonymous {anonymous}\t\
                     each {each:.0}\tsecond half {second_half:.0}\tleft {left:.0}",
                    servers[*column].name
                );
            }
        }
        for ((echo, column), samples) in &self.cost {
            let row = ["WebSocket 100 × 16", "WebSocket 100 × 1", "polling 50 × 1"][*echo as usize];
            for (round, cost) in samples.iter().enumerate() {
                let Cost { cpu, ticks: [user, kernel], rate, busy } = cost;
                let _ = writeln!(
                    out,
                    "{row}\t{}\t{round}\tcpu {cpu:.0}\tuser ticks {user}\tkernel ticks {kernel}\t\
                     rate {rate:.0}\tbusy {busy:.2}",
                    servers[*column].name
                );
            }
        }
        out
    }
}

/// The column that the others are compared with: ours, or the first.
fn base(servers: &[Server]) -> usize {
    servers.iter().position(|server| server.kind == Kind::Ours).unwrap_or(0)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => None,
        0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

/// Whole numbers, with commas.
fn digits(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value <= -0.5 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// In Markdown, and straight for who reads it in a terminal.
struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
    /// How many columns from the left are names.
    names: usize,
}

impl Table {
    fn new(heads: Vec<String>, names: usize) -> Self {
        Self { heads, rows: vec![], names }
    }

    fn print(&self, out: &mut String) {
        let all = || [&self.heads].into_iter().chain(&self.rows);
        let width =
            |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        for (at, row) in all().enumerate() {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = match column < self.names {
                    true => write!(out, "| {cell:<width$} "),
                    false => write!(out, "| {cell:>width$} "),
                };
            }
            out.push_str("|\n");
            if at == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let end = if column < self.names { "-" } else { ":" };
                    let _ = write!(out, "|{}{end}", "-".repeat(width + 1));
                }
                out.push_str("|\n");
            }
        }
        out.push('\n');
    }
}
