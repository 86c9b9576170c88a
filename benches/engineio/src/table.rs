//! Tables of figures.

use std::fmt::Write;

/// Whole numbers, with commas.
pub(crate) fn digits(value: f64) -> String {
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
pub(crate) struct Table {
    heads: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// How many columns from the left are names.
    names: usize,
}

impl Table {
    pub(crate) fn new(heads: Vec<String>, names: usize) -> Self {
        Self { heads, rows: vec![], names }
    }

    pub(crate) fn print(&self, out: &mut String) {
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
