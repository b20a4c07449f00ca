//! The account of what sessions use, by day. Pure: the time and the day are data.
//!
//! Servers report the total usage of a session. The difference between two observations belongs to the day of
//! the later one.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::ids::{InstanceId, SessionId};
use model::state::Usage;
use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::budget::{Key, Passed};
use crate::limits;

/// A day of the hub's time zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    /// Its date, such as `2026-11-29`.
    pub(super) name: Arc<str>,
    /// Time of its start.
    pub(super) begins: Timestamp,
}

/// A session as it is observed.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    /// Its instance.
    pub(super) instance: InstanceId,
    /// The session.
    pub(super) session: SessionId,
    /// When it was created, by our clock.
    pub(super) created: Timestamp,
    /// US dollars in total.
    pub(super) cost: f64,
    /// Tokens in total.
    pub(super) tokens: u64,
    /// True while it runs.
    pub(super) running: bool,
}

/// The usage of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    /// Its total usage at the last observation. The time is not counted.
    pub(super) seen: Usage,
    /// Usage of today.
    pub(super) today: Usage,
}

/// The account.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ledger {
    /// The current day.
    pub(super) day: Option<Day>,
    /// Usage of today by session, of [`limits::USAGE_SESSIONS`] at most.
    pub(super) sessions: BTreeMap<Key, Counted>,
    /// Usage of all other sessions today.
    pub(super) others: BTreeMap<InstanceId, Usage>,
    /// Earlier days, [`limits::USAGE_DAYS`] at most.
    pub(super) days: BTreeMap<Arc<str>, BTreeMap<InstanceId, Usage>>,
    /// Limits that were passed, and how often.
    pub(super) passed: Passed,
    /// Total usage of sessions without usage today.
    seen: BTreeMap<Key, Usage>,
    /// When sessions were observed last.
    at: Option<Timestamp>,
}

impl Ledger {
    /// Counts what sessions used since they were observed last. All sessions are observed each time.
    pub(super) fn observe(&mut self, day: &Day, at: Timestamp, sessions: &[Observed]) {
        self.turn_to(day);
        let since = self.at.replace(at).unwrap_or(at).max(day.begins);
        let passed = u64::try_from(at.0.saturating_sub(since.0)).unwrap_or(0);
        let mut seen = BTreeMap::new();
        for one in sessions {
            let key = (one.instance.clone(), one.session.clone());
            let total = Usage {
                cost: one.cost,
                tokens: one.tokens,
                running_ms: 0,
            };
            let known = self.sessions.get(&key).map(|counted| counted.seen);
            let known = known.or_else(|| self.seen.get(&key).copied());
            let before = known.unwrap_or(match one.created >= day.begins {
                true => Usage::default(),
                false => total,
            });
            let used = Usage {
                cost: (total.cost - before.cost).max(0.0),
                tokens: total.tokens.saturating_sub(before.tokens),
                running_ms: if one.running { passed } else { 0 },
            };
            if used.is_none() && !self.sessions.contains_key(&key) {
                seen.insert(key, total);
            } else {
                self.count(key, total, used, &mut seen);
            }
        }
        self.seen = seen;
    }

    fn count(&mut self, key: Key, total: Usage, used: Usage, seen: &mut BTreeMap<Key, Usage>) {
        let room = self.sessions.len() < limits::USAGE_SESSIONS;
        if room || self.sessions.contains_key(&key) {
            let counted = self.sessions.entry(key).or_default();
            counted.seen = total;
            counted.today.include(used);
        } else {
            let others = self.others.entry(key.0.clone()).or_default();
            others.include(used);
            seen.insert(key, total);
        }
    }

    /// Closes the account of the day before.
    fn turn_to(&mut self, day: &Day) {
        if self
            .day
            .as_ref()
            .is_some_and(|known| known.name == day.name)
        {
            return;
        }
        if let Some(before) = self.day.replace(day.clone()) {
            let sums = self.sums();
            if !sums.is_empty() {
                self.days.insert(before.name, sums);
            }
            while self.days.len() > limits::USAGE_DAYS {
                self.days.pop_first();
            }
        }
        let sessions = std::mem::take(&mut self.sessions).into_iter();
        self.seen
            .extend(sessions.map(|(key, counted)| (key, counted.seen)));
        self.others.clear();
        self.passed.end_day();
    }

    /// What each instance used today.
    pub(super) fn sums(&self) -> BTreeMap<InstanceId, Usage> {
        let mut sums = self.others.clone();
        for ((instance, _), counted) in &self.sessions {
            let sum = sums.entry(instance.clone()).or_default();
            sum.include(counted.today);
        }
        sums.retain(|_, sum| !sum.is_none());
        sums
    }

    /// The usage of all sessions today.
    pub(super) fn today(&self) -> Usage {
        let mut today = Usage::default();
        self.sums().into_values().for_each(|sum| today.include(sum));
        today
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(n: i64) -> Day {
        Day {
            name: format!("day {n}").as_str().into(),
            begins: Timestamp(n * 1000),
        }
    }

    fn observed(session: &str, created: i64, cost: f64, running: bool) -> Observed {
        Observed {
            instance: "i".into(),
            session: session.into(),
            created: Timestamp(created),
            cost,
            tokens: (cost * 100.0) as u64,
            running,
        }
    }

    #[test]
    fn a_day_has_what_was_used_in_it_and_the_days_before_are_kept() {
        let mut ledger = Ledger::default();
        ledger.observe(&day(1), Timestamp(1100), &[observed("old", 5, 7.0, false)]);
        assert!(
            ledger.today().is_none(),
            "what it cost before is not of today"
        );
        let both = [
            observed("old", 5, 7.5, true),
            observed("new", 1150, 2.0, false),
        ];
        ledger.observe(&day(1), Timestamp(1200), &both);
        let today = ledger.today();
        assert_eq!(
            (today.cost, today.tokens, today.running_ms),
            (2.5, 250, 100)
        );
        let both = [
            observed("old", 5, 8.0, true),
            observed("new", 1150, 2.0, false),
        ];
        ledger.observe(&day(2), Timestamp(2050), &both);
        let today = ledger.today();
        assert_eq!((today.cost, today.running_ms), (0.5, 50));
        assert_eq!(ledger.days["day 1"][&InstanceId::from("i")].cost, 2.5);
    }

    proptest! {
        /// However often sessions are observed, a day has what they cost at its end less what they cost at its beginning.
        #[test]
        fn nothing_is_counted_twice_or_lost(steps in proptest::collection::vec((0u8..4, 0u32..50), 1..60)) {
            let (mut ledger, mut costs, mut at) = (Ledger::default(), [0.0; 4], 1000);
            for (session, cents) in &steps {
                costs[usize::from(*session)] += f64::from(*cents) / 100.0;
                at += 1;
                let all: Vec<_> = costs.iter().enumerate()
                    .map(|(n, cost)| observed(&n.to_string(), 1000, *cost, false))
                    .collect();
                ledger.observe(&day(1), Timestamp(at), &all);
            }
            let spent: f64 = costs.iter().sum();
            prop_assert!((ledger.today().cost - spent).abs() < 1e-6);
        }
    }
}
