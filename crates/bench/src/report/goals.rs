//! The goals, as data, and what was measured beside them.

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

/// A goal of the file `goals.json`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Goal {
    pub(crate) id: String,
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

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Goals(Vec<Goal>);

impl Goals {
    /// Reads the file that this was built with.
    pub(crate) fn read() -> Result<Self> {
        let goals = serde_json::from_str(include_str!("../../goals.json"));
        Ok(Self(goals.context("goals.json")?))
    }

    /// A value beside its goal.
    pub(crate) fn judge(&self, id: &'static str, value: f64, short: bool) -> Result<Figure> {
        let goal = self.0.iter().find(|goal| goal.id == id);
        let goal = goal.with_context(|| format!("goals.json has no {id}"))?;
        let (bound, sign, met) = goal.compare(value, None)?;
        let strict = short && goal.kind != Kind::Time && goal.short.is_some();
        let fails = strict && !goal.compare(value, goal.short)?.2;
        Ok(Figure {
            id,
            figure: goal.figure.clone(),
            unit: goal.unit.clone(),
            kind: goal.kind,
            goal: format!("{sign} {bound} {}", goal.unit).trim().to_owned(),
            value,
            met,
            fails,
        })
    }
}

impl Goal {
    fn compare(&self, value: f64, bound: Option<f64>) -> Result<(f64, &'static str, bool)> {
        match (self.most, self.least) {
            (Some(most), None) => {
                let most = bound.unwrap_or(most);
                Ok((most, "≤", value <= most))
            }
            (None, Some(least)) => {
                let least = bound.unwrap_or(least);
                Ok((least, "≥", value >= least))
            }
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
            goal.compare(1.0, None).unwrap();
        }
    }
}
