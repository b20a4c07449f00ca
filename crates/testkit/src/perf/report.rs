//! Figures beside their goals: a table for people, JSON for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Figure;
use super::goals::{self, Bound};

/// A table in Markdown, one line for each figure.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| figure | screen | value | goal | |\n|:--|:--|--:|--:|:--|\n");
    for figure in figures {
        let goal = goals::goal(&figure.name, figure.screen);
        let verdict = match goal.map(|goal| goal.holds(figure.value)) {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        // A string can always be written to.
        let _written = writeln!(
            out,
            "| {} | {} | {} {} | {} | {verdict} |",
            figure.name,
            figure.screen.name(),
            number(figure.value),
            figure.unit,
            goal.map(words).unwrap_or_default(),
        );
    }
    out
}

/// The same for machines.
#[must_use]
pub fn json(figures: &[Figure]) -> Value {
    figures
        .iter()
        .map(|figure| {
            let goal = goals::goal(&figure.name, figure.screen);
            json!({
                "figure": figure.name, "screen": figure.screen, "value": figure.value, "unit": figure.unit,
                "goal": goal.map(words), "met": goal.map(|goal| goal.holds(figure.value)),
            })
        })
        .collect()
}

fn words(goal: Bound) -> String {
    match goal {
        Bound::Most(most) => format!("≤ {}", number(most)),
        Bound::Least(least) => format!("≥ {}", number(least)),
    }
}

/// Three digits are enough for what is small.
fn number(value: f64) -> String {
    if value.abs() >= 100.0 || value == value.trunc() {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}
