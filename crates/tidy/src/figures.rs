//! Measured values stand in `docs/figures`, in files that commands write, and not in tables of prose that must be kept true by
//! hand.

use crate::Broken;

/// The document that explains figures and must not contain tables of them.
pub const DOCUMENT: &str = "docs/performance.md";

/// The folder of the files with figures.
pub const FOLDER: &str = "docs/figures";

/// Rows of tables in the document that contain a measured value: a cell that begins with a digit.
pub fn broken(document: &str) -> Vec<Broken> {
    let rows = document.lines().enumerate();
    let measured = rows.filter(|(_, line)| {
        let row = line.trim().strip_prefix('|');
        row.is_some_and(|row| row.split('|').any(is_value))
    });
    let broken = measured.map(|(at, _)| Broken {
        file: DOCUMENT.into(),
        line: at + 1,
        rule: format!("a table of measured values: it belongs into a file of {FOLDER}"),
    });
    broken.collect()
}

fn is_value(cell: &str) -> bool {
    let cell = cell.trim_start_matches([' ', '*', '≤', '≥', '<', '>', '~', '±', '-', '–']);
    cell.starts_with(|c: char| c.is_ascii_digit())
}

/// Files of the folder that the document does not link to.
pub fn unlinked(document: &str, files: &[String]) -> Vec<Broken> {
    let missing = files
        .iter()
        .filter(|file| file.ends_with(".md") && !document.contains(&format!("(figures/{file})")));
    let broken = missing.map(|file| Broken {
        file: DOCUMENT.into(),
        line: 1,
        rule: format!("no link to {FOLDER}/{file}"),
    });
    broken.collect()
}
