//! Usage of sessions (tokens, cost and time), and the limits that a person set for it.

use serde::{Deserialize, Serialize};

/// Usage of sessions in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// US dollars.
    pub cost: f64,
    /// Tokens, those of caches included.
    pub tokens: u64,
    /// Milliseconds for which turns ran, those of sessions that ran at the same time added up.
    pub running_ms: u64,
}

impl Usage {
    /// Adds another span.
    pub fn include(&mut self, other: Self) {
        self.cost += other.cost;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.running_ms = self.running_ms.saturating_add(other.running_ms);
    }

    /// True if nothing was used.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The quantity that a limit bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// US cents of a session with its subagents.
    SessionCost,
    /// US cents of all sessions since the beginning of the day.
    DayCost,
    /// Milliseconds for which the current turn of a session runs.
    TurnTime,
    /// Milliseconds for which turns of all sessions ran since the beginning of the day.
    DayTime,
    /// Calls in a row of the same tool with the same input.
    SameCalls,
    /// Tool calls in a row that failed.
    FailedCalls,
}

/// Evidence that a session passed a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OverLimit {
    /// The quantity that the limit bounds.
    pub measure: Measure,
    /// The value when the limit was passed, in the unit of the measure.
    pub value: u64,
    /// The limit, in the same unit.
    pub limit: u64,
    /// True if the hub stopped the session because of it.
    pub stopped: bool,
}

impl OverLimit {
    /// The evidence in words, such as `cost $5.20 today, limit $5.00`.
    pub fn words(&self) -> String {
        let written = |amount: u64| match self.measure {
            Measure::SessionCost | Measure::DayCost => dollars(amount),
            Measure::TurnTime | Measure::DayTime => time(amount),
            Measure::SameCalls | Measure::FailedCalls => amount.to_string(),
        };
        let (value, limit) = (written(self.value), written(self.limit));
        // Spans of time are texts of their own.
        let (span, bound) = (&value, &limit);
        match self.measure {
            Measure::SessionCost => format!("cost {value}, limit {limit}"),
            Measure::DayCost => format!("cost {value} today, limit {limit}"),
            Measure::TurnTime => format!("runs for {span}, limit {bound}"),
            Measure::DayTime => {
                format!("turns ran for {span} today, limit {bound}")
            }
            Measure::SameCalls => format!("going in circles, the same call {value} times"),
            Measure::FailedCalls => format!("going in circles, {value} calls failed in a row"),
        }
    }
}

/// A number of cents in dollars.
fn dollars(cents: u64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// A number of milliseconds in hours and minutes.
fn time(ms: u64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, min) => format!("{min} min"),
        (h, 0) => format!("{h} h"),
        (h, min) => format!("{h} h {min} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evidence_names_the_value_and_the_limit() {
        let over = |measure, value, limit| {
            let over = OverLimit {
                measure,
                value,
                limit,
                stopped: false,
            };
            over.words()
        };
        assert_eq!(
            over(Measure::DayCost, 520, 500),
            "cost $5.20 today, limit $5.00"
        );
        assert_eq!(
            over(Measure::SessionCost, 105, 100),
            "cost $1.05, limit $1.00"
        );
        assert_eq!(
            over(Measure::TurnTime, 31 * 60_000, 30 * 60_000),
            "runs for 31 min, limit 30 min"
        );
        assert_eq!(
            over(Measure::DayTime, 125 * 60_000, 120 * 60_000),
            "turns ran for 2 h 5 min today, limit 2 h"
        );
    }
}
