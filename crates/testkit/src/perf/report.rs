//! Figures beside their goals: a table for people, JSON for programs.

use bench::report::{Goals, Table, number};
use serde_json::{Value, json};

use super::{Figure, Screen};

/// A table in Markdown: a row for each figure, with both screens beside each other.
#[must_use]
pub fn table(figures: &[Figure], goals: &Goals) -> String {
    let mut table = Table::new(["figure", "unit", "desktop", "goal", "", "phone", "goal", ""]);
    let mut names: Vec<(&str, &str)> = Vec::new();
    for figure in figures {
        if !names.iter().any(|(name, _)| *name == figure.name) {
            names.push((&figure.name, figure.unit));
        }
    }
    for (name, unit) in names {
        let [desktop, phone] = Screen::ALL.map(|screen| {
            let found = figures
                .iter()
                .find(|figure| figure.name == name && figure.screen == screen);
            found.map_or_else(Default::default, |figure| cells(figure, goals))
        });
        let (name, unit) = (name.to_owned(), unit.to_owned());
        let ([a, b, c], [d, e, f]) = (desktop, phone);
        table.row([name, unit, a, b, c, d, e, f]);
    }
    table.markdown()
}

/// The value of a figure, its goal, and whether the value meets it.
fn cells(figure: &Figure, goals: &Goals) -> [String; 3] {
    let goal = goals.of_page(&figure.name, figure.screen.name());
    let verdict = match goal.map(|goal| goal.holds(figure.value)) {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    [
        number(figure.value),
        goal.map(|goal| goal.to_string()).unwrap_or_default(),
        verdict.to_owned(),
    ]
}

/// The same for programs.
#[must_use]
pub fn json(figures: &[Figure], goals: &Goals) -> Value {
    figures
        .iter()
        .map(|figure| {
            let goal = goals.of_page(&figure.name, figure.screen.name());
            json!({
                "figure": figure.name, "screen": figure.screen, "value": figure.value, "unit": figure.unit,
                "goal": goal.map(|goal| goal.to_string()), "met": goal.map(|goal| goal.holds(figure.value)),
            })
        })
        .collect()
}
