//! The goals, as data, and what was measured beside them.

use std::fmt;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What a goal is about, which decides whether a short run may fail at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Depends on the machine: a short run only prints it.
    Time,
    Bytes,
    Count,
    Memory,
    Ratio,
}

/// A bound for a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// The maximum.
    Most(f64),
    /// The minimum.
    Least(f64),
}

impl Bound {
    /// True for a value within the bound.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Most(most) => value <= most,
            Self::Least(least) => value >= least,
        }
    }

    /// The same side of another value.
    fn at(self, value: f64) -> Self {
        match self {
            Self::Most(_) => Self::Most(value),
            Self::Least(_) => Self::Least(value),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(most) => write!(f, "≤ {most}"),
            Self::Least(least) => write!(f, "≥ {least}"),
        }
    }
}

/// A goal of the file `goals.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goal {
    /// Key of the figure; `*.busy` stands for each kind of reply.
    pub(crate) id: String,
    /// The screen of a goal for the page; all screens if absent.
    screen: Option<String>,
    pub(crate) figure: String,
    pub(crate) unit: String,
    pub(crate) kind: Kind,
    most: Option<f64>,
    least: Option<f64>,
    /// The bound of a short run, whose loads are small and whose program may be an unoptimised one.
    short: Option<f64>,
}

/// A value beside its goal.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) id: &'static str,
    pub(crate) figure: String,
    pub(crate) unit: String,
    pub(crate) kind: Kind,
    pub(crate) goal: String,
    pub(crate) value: f64,
    pub(crate) met: bool,
    /// True if it fails the run.
    pub(crate) fails: bool,
}

/// All goals, of the hub and of its page: the file `goals.json` is the only list.
#[derive(Clone, Debug)]
pub struct Goals(Vec<Goal>);

impl Goals {
    /// Reads the file that this was built with.
    ///
    /// # Errors
    /// The file is not a list of goals.
    pub fn read() -> Result<Self> {
        let goals = serde_json::from_str(include_str!("../../goals.json"));
        Ok(Self(goals.context("goals.json")?))
    }

    /// The bound of a figure of the page on a screen, if it has one. A goal with the figure's own name takes precedence over those for
    /// each kind of reply, also where it has no bound for this screen.
    #[must_use]
    pub fn of_page(&self, figure: &str, screen: &str) -> Option<Bound> {
        let any_reply = figure
            .split_once('.')
            .filter(|(kind, _)| *kind != "open")
            .map(|(_, value)| format!("*.{value}"));
        let named = |name: &str| self.0.iter().any(|goal| goal.id == name);
        let name = match any_reply.filter(|_| !named(figure)) {
            Some(name) => name,
            None => figure.to_owned(),
        };
        let on_screen = |goal: &&Goal| goal.screen.as_deref().is_none_or(|on| on == screen);
        let mut goals = self.0.iter().filter(|goal| goal.id == name);
        goals.find(on_screen)?.bound().ok()
    }

    /// A value beside its goal.
    pub(crate) fn judge(&self, id: &'static str, value: f64, short: bool) -> Result<Figure> {
        let goal = self.0.iter().find(|goal| goal.id == id);
        let goal = goal.with_context(|| format!("goals.json has no {id}"))?;
        let bound = goal.bound()?;
        let strict = goal.short.filter(|_| short && goal.kind != Kind::Time);
        Ok(Figure {
            id,
            figure: goal.figure.clone(),
            unit: goal.unit.clone(),
            kind: goal.kind,
            goal: format!("{bound} {}", goal.unit).trim().to_owned(),
            value,
            met: bound.holds(value),
            fails: strict.is_some_and(|strict| !bound.at(strict).holds(value)),
        })
    }
}

impl Goal {
    fn bound(&self) -> Result<Bound> {
        match (self.most, self.least) {
            (Some(most), None) => Ok(Bound::Most(most)),
            (None, Some(least)) => Ok(Bound::Least(least)),
            _ => anyhow::bail!("{} needs one of `most` and `least`", self.id),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_fails_at_its_own_bound_and_never_at_times() {
        let goals = Goals::read().unwrap();
        let judge = |id, value, short| goals.judge(id, value, short).unwrap();
        let above = judge("start_rss", 30.0, true);
        assert!(!above.met && !above.fails);
        assert!(judge("start_rss", 500.0, true).fails);
        assert!(!judge("start_rss", 500.0, false).fails);
        assert!(!judge("log_added_p50", 500.0, true).fails);
        assert!(judge("seen_all", 99.9, true).fails);
        assert!(judge("throughput", 60_000.0, false).met);
    }

    #[test]
    fn every_goal_has_one_bound() {
        for goal in Goals::read().unwrap().0 {
            goal.bound().unwrap();
        }
    }

    #[test]
    fn a_screen_may_have_a_bound_of_its_own() {
        let goals = Goals::read().unwrap();
        let of = |figure, screen| goals.of_page(figure, screen);
        assert_eq!(of("plain.busy", "phone"), Some(Bound::Most(300.0)));
        assert_eq!(of("plain.busy", "desktop"), Some(Bound::Most(100.0)));
        assert_eq!(of("overview.busy", "desktop"), Some(Bound::Most(150.0)));
        assert_eq!(of("overview.busy", "phone"), None);
        assert_eq!(of("plain.frames", "desktop"), None);
        assert_eq!(of("plain.frames", "phone"), Some(Bound::Least(55.0)));
        assert_eq!(of("open.nodes", "phone"), Some(Bound::Most(10_000.0)));
        assert_eq!(of("open.longest_block", "phone"), None);
        assert_eq!(of("plain.heap", "phone"), None);
    }
}
