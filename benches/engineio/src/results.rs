//! What was measured, and the tables of it.

use crate::deaf::{Deafness, EVENTS, MEGABYTES};
use crate::load::Cost;
use crate::memory::{Growth, Idle};
use crate::plan::Plan;
use crate::servers::{Role, Server};
use crate::table::{Table, digits};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Samples by column, one for each round.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) growth: BTreeMap<(Idle, usize), Vec<Growth>>,
    pub(crate) deafness: BTreeMap<usize, Vec<Deafness>>,
    /// By row and column. The same rounds in each column, since the first that fails is the last: ratios are
    /// those of one round.
    pub(crate) cost: BTreeMap<(usize, usize), Vec<Cost>>,
}

impl Results {
    pub(crate) fn tables(&self, plan: &Plan<'_>) -> String {
        let mut out = String::new();
        if !self.growth.is_empty() {
            self.memory_table(&mut out, plan);
        }
        if !self.cost.is_empty() {
            self.cost_table(&mut out, plan);
        }
        out
    }

    fn memory_table(&self, out: &mut String, plan: &Plan<'_>) {
        let (servers, numbers) = (plan.servers, plan.extent);
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
        if !self.deafness.is_empty() {
            let each = |of: fn(&Deafness) -> f64| -> Vec<Option<f64>> {
                let column = |at| median(self.deafness.get(&at)?.iter().map(of).collect());
                (0..servers.len()).map(column).collect()
            };
            let name = format!("client that stops reading, {MEGABYTES} MB are said, at most");
            row(name, each(|deafness| deafness.peak), true);
            row("… with one that reads, at most".into(), each(|deafness| deafness.attended), false);
            row("… when all is said".into(), each(|deafness| deafness.held), false);
            let name = format!("… events of {EVENTS} that it gets afterwards");
            row(name, each(|deafness| deafness.heard), false);
        }
        table.print(out);
    }

    fn cost_table(&self, out: &mut String, plan: &Plan<'_>) {
        let servers = plan.servers;
        let base = base(servers);
        let below: Vec<usize> =
            (0..servers.len()).filter(|&at| servers[at].role == Role::Below).collect();
        let mut heads: Vec<String> =
            ["CPU time", "server", "CPU, ns", "best", "user", "kernel", "messages/s", "load busy"]
                .map(str::to_owned)
                .into();
        heads.push(format!("/ {}", servers[base].name));
        heads.extend(below.iter().map(|&at| format!("/ {}", servers[at].name)));
        let mut table = Table::new(heads, 2);
        for (number, row) in plan.rows.iter().enumerate() {
            for (at, server) in servers.iter().enumerate() {
                let Some(costs) = self.cost.get(&(number, at)) else { continue };
                let middle = |of: fn(&Cost) -> f64| {
                    median(costs.iter().map(of).collect()).unwrap_or(f64::NAN)
                };
                let cpu = middle(|cost| cost.cpu);
                // Ticks are coarse: those of all rounds together make a share.
                let ticks = |of: usize| costs.iter().map(|cost| cost.ticks[of]).sum::<u64>() as f64;
                let user = cpu * ticks(0) / (ticks(0) + ticks(1));
                let best = costs.iter().map(|cost| cost.cpu).fold(f64::INFINITY, f64::min);
                let ratio = |to: usize| {
                    let others = self.cost.get(&(number, to))?;
                    let pairs = costs.iter().zip(others);
                    median(pairs.map(|(cost, other)| cost.cpu / other.cpu).collect())
                };
                let ratio = |to| ratio(to).map_or(String::new(), |ratio| format!("{ratio:.2}"));
                let mut cells = vec![row.name.to_owned(), server.name.clone()];
                cells.extend([cpu, best, user, cpu - user].map(digits));
                cells.push(digits(middle(|cost| cost.rate)));
                cells.push(format!("{:.2}", middle(|cost| cost.busy)));
                cells.push(ratio(base));
                cells.extend(below.iter().map(|&at| ratio(at)));
                table.rows.push(cells);
            }
        }
        table.print(out);
    }

    /// All samples, for other programs: row, column, round and figures.
    pub(crate) fn samples(&self, plan: &Plan<'_>) -> String {
        let servers = plan.servers;
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
        for (column, samples) in &self.deafness {
            for (round, deafness) in samples.iter().enumerate() {
                let Deafness { peak, held, heard, is_closed, attended } = deafness;
                let _ = writeln!(
                    out,
                    "stops reading\t{}\t{round}\tpeak {peak}\theld {held}\theard {heard}\t\
                     closed {is_closed}\tattended {attended}",
                    servers[*column].name
                );
            }
        }
        for ((row, column), samples) in &self.cost {
            let row = plan.rows[*row].name;
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
    servers.iter().position(|server| server.role == Role::Ours).unwrap_or(0)
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
