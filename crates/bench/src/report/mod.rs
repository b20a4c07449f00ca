//! Reports of runs: tables for people, JSON for programs, files of figures, charts.

mod file;
mod goals;
mod plot;

use std::fmt::Write as _;

use serde::Serialize;

pub use file::Origin;
pub(crate) use file::write;
pub(crate) use goals::Figure;
pub use goals::{Bound, Goals};
pub use plot::number;
pub(crate) use plot::{Chart, Line};

/// A table of texts.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    #[must_use]
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            head: head.map(str::to_owned).to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }

    /// The table as Markdown, with an empty line before it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        push_table(self, &mut out);
        out
    }
}

/// One subject of a report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// The load and the method.
    pub(crate) setting: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) notes: Vec<String>,
    pub(crate) charts: Vec<Chart>,
}

impl Section {
    pub(crate) fn new(title: &'static str, setting: String) -> Self {
        Self {
            title,
            setting,
            tables: Vec::new(),
            figures: Vec::new(),
            notes: Vec::new(),
            charts: Vec::new(),
        }
    }

    /// The section as Markdown, for a terminal.
    pub(crate) fn markdown(&self) -> String {
        format!("### {}\n\n{}", self.title, self.body())
    }

    /// The section without its title.
    fn body(&self) -> String {
        let mut out = format!("{}\n", self.setting);
        for table in &self.tables {
            push_table(table, &mut out);
        }
        if !self.figures.is_empty() {
            let mut table = Table::new(["figure", "goal", "measured", ""]);
            for figure in &self.figures {
                let met = match (figure.met, figure.fails) {
                    (_, true) => "**fails**",
                    (true, _) => "met",
                    (false, _) => "not met",
                };
                let measured = format!("{} {}", number(figure.value), figure.unit);
                table.row([
                    figure.figure.clone(),
                    figure.goal.clone(),
                    measured.trim().to_owned(),
                    met.to_owned(),
                ]);
            }
            push_table(&table, &mut out);
        }
        for note in &self.notes {
            // A String takes every write.
            let _whole = write!(out, "\n{note}\n");
        }
        out
    }
}

fn push_table(table: &Table, out: &mut String) {
    let width = |column: usize| {
        let cells = table.rows.iter().map(|row| &row[column]);
        let longest = cells
            .chain([&table.head[column]])
            .map(|cell| cell.chars().count());
        longest.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    out.push('\n');
    out.push_str(&line(&table.head));
    out.push_str(&line(&rule));
    for row in &table.rows {
        out.push_str(&line(row));
    }
}
