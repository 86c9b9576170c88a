//! Plots for people, as SVG.

use crate::report::{Summary, summaries};
use crate::sample::Results;
use crate::scenario::{Kind, SCENARIOS, Scenario};
use core::fmt::Write;

struct Plot {
    file: &'static str,
    title: &'static str,
    subtitle: &'static str,
    kinds: &'static [Kind],
    value: fn(&Summary) -> Option<f64>,
    longer_is_better: bool,
    logarithmic: bool,
}

const BUSY: &[Kind] = &[Kind::Echo, Kind::Broadcast, Kind::Connect];

const PLOTS: &[Plot] = &[
    Plot {
        file: "throughput.svg",
        title: "Messages a second, as a share of a TCP echo without WebSocket",
        subtitle: "median of the ratios within a round; longer is better; the line is the plain TCP echo",
        kinds: BUSY,
        value: |summary| summary.ratio,
        longer_is_better: true,
        logarithmic: false,
    },
    Plot {
        file: "cpu.svg",
        title: "CPU time of the server for each message, ns",
        subtitle: "best round; shorter is better; the line is the plain TCP echo",
        kinds: BUSY,
        value: |summary| summary.cpu_best,
        longer_is_better: false,
        logarithmic: false,
    },
    Plot {
        file: "memory.svg",
        title: "User-space memory of an idle connection after one message, bytes",
        subtitle: "shorter is better; logarithmic",
        kinds: &[Kind::Idle],
        value: |summary| Some(summary.memory?[1].max(1.0)),
        longer_is_better: false,
        logarithmic: true,
    },
];

/// The names and contents of the files.
pub fn draw(results: &Results) -> Vec<(&'static str, String)> {
    let note = format!("{} rounds of {} s. {}", results.rounds, results.seconds, results.machine);
    let mut files = Vec::new();
    for plot in PLOTS {
        // Beside compression a plain echo is nothing, and its line would be no help.
        let scenarios = SCENARIOS
            .iter()
            .filter(|scenario| plot.kinds.contains(&scenario.kind) && scenario.deflate.is_none());
        let panels: Vec<_> =
            scenarios.filter_map(|scenario| panel(results, scenario, plot)).collect();
        if !panels.is_empty() {
            files.push((plot.file, svg(plot, &note, &panels)));
        }
    }
    files
}

struct Panel {
    title: &'static str,
    /// Best first.
    bars: Vec<(String, f64)>,
    raw: Option<f64>,
}

fn panel(results: &Results, scenario: &Scenario, plot: &Plot) -> Option<Panel> {
    let mut bars: Vec<_> = summaries(results, scenario)
        .into_iter()
        .filter_map(|summary| Some(((plot.value)(&summary)?, summary.server)))
        .map(|(value, server)| (server, value))
        .collect();
    bars.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    if plot.longer_is_better {
        bars.reverse();
    }
    let raw = bars.iter().find(|(server, _)| server == "raw").map(|(_, value)| *value);
    (!bars.is_empty()).then_some(Panel { title: scenario.title, bars, raw })
}

const COLUMNS: usize = 3;
const PANEL_WIDTH: f64 = 380.0;
const LABEL_WIDTH: f64 = 120.0;
const BAR_WIDTH: f64 = 180.0;
const BAR_HEIGHT: f64 = 18.0;
const TOP: f64 = 64.0;
const OURS: &str = "#d9480f";
const RAW: &str = "#868e96";
const OTHERS: &str = "#74a9d8";

fn svg(plot: &Plot, note: &str, panels: &[Panel]) -> String {
    let Plot { title, subtitle, logarithmic, .. } = plot;
    let columns = COLUMNS.min(panels.len());
    let most = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let panel_height = most as f64 * BAR_HEIGHT + 50.0;
    let width = (columns as f64 * PANEL_WIDTH).max(900.0) + 20.0;
    let height = TOP + panels.len().div_ceil(columns) as f64 * panel_height;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"18\" font-weight=\"600\" fill=\"#212529\">{title}</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#495057\">{subtitle}. {note}</text>\n"
    );
    for (i, panel) in panels.iter().enumerate() {
        let x = 16.0 + (i % columns) as f64 * PANEL_WIDTH;
        let y = TOP + (i / columns) as f64 * panel_height;
        let _ = writeln!(out, "<g transform=\"translate({x} {y})\">");
        write_panel(&mut out, panel, *logarithmic);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

fn write_panel(out: &mut String, panel: &Panel, logarithmic: bool) {
    let most = panel.bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let length = |value: f64| {
        let share = if logarithmic { value.ln() / most.ln() } else { value / most };
        (share * BAR_WIDTH).max(1.0)
    };
    let _ = writeln!(
        out,
        "<text y=\"20\" font-size=\"13\" font-weight=\"600\" fill=\"#212529\">{}</text>",
        panel.title
    );
    let top = 30.0;
    for (i, (server, value)) in panel.bars.iter().enumerate() {
        let y = top + i as f64 * BAR_HEIGHT;
        let (color, weight) = match &**server {
            "ours" => (OURS, "600"),
            server if server.starts_with("raw") => (RAW, "400"),
            _ => (OTHERS, "400"),
        };
        let width = length(*value);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-weight=\"{weight}\" fill=\"#212529\">{server}</text>\
             <rect x=\"{LABEL_WIDTH}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\" fill=\"{color}\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#212529\">{}</text>",
            LABEL_WIDTH - 6.0,
            y + 13.0,
            y + 2.0,
            BAR_HEIGHT - 4.0,
            LABEL_WIDTH + width + 5.0,
            y + 13.0,
            label(*value),
        );
    }
    if let Some(raw) = panel.raw.filter(|_| !logarithmic) {
        let x = LABEL_WIDTH + length(raw);
        let bottom = top + panel.bars.len() as f64 * BAR_HEIGHT;
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#495057\" stroke-dasharray=\"3 3\"/>"
        );
    }
}

fn label(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        10.0..100_000.0 => format!("{value:.0}"),
        _ => format!("{:.0} k", value / 1e3),
    }
}
