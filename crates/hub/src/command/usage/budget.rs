//! Policies: limits of cost and time, and going in circles. Pure: the time is data.
//!
//! Every policy is passed at each multiple of its limit, once: whoever goes on afterwards is not disturbed before the next multiple.

use std::collections::{BTreeMap, BTreeSet};

use model::ids::{InstanceId, SessionId};
use model::state::{Circle, Measure, OverLimit, Usage};
use model::time::Timestamp;
use page::Budget;
use serde::{Deserialize, Serialize};

/// A session of an instance.
pub(super) type Key = (InstanceId, SessionId);

/// A root session that runs.
#[derive(Clone, Debug)]
pub(super) struct RunningRoot {
    /// Its instance.
    pub(super) instance: InstanceId,
    /// The session.
    pub(super) session: SessionId,
    /// US dollars of it and everything below it.
    pub(super) cost: f64,
    /// Since when its turn runs, by our clock.
    pub(super) since: Timestamp,
    /// Evidence that it, or a session below it, goes in circles.
    pub(super) circle: Option<Circle>,
}

/// A policy that a running session passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crossing {
    /// The instance.
    pub(super) instance: InstanceId,
    /// The root session.
    pub(super) session: SessionId,
    /// The evidence, and whether the session is to be stopped.
    pub(super) over: OverLimit,
}

/// How often a limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Multiple {
    limit: u64,
    times: u64,
}

/// The limits that were passed, so that each multiple counts once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Passed {
    /// Cost of sessions.
    pub(super) sessions: BTreeMap<Key, Multiple>,
    /// Sums of the day.
    pub(super) day: BTreeMap<Measure, Multiple>,
    /// Turns by their session and begin.
    turns: BTreeMap<(Key, Timestamp), Multiple>,
    /// Turns that went in circles.
    circles: BTreeSet<(Key, Timestamp)>,
}

/// True at the first look at a multiple of a limit, or above. A limit that was changed counts anew.
fn is_new(known: &mut Option<Multiple>, value: u64, limit: u64) -> bool {
    let times = value / limit.max(1);
    let before = known
        .filter(|known| known.limit == limit)
        .map_or(0, |known| known.times);
    *known = Some(Multiple {
        limit,
        times: times.max(before),
    });
    times > before
}

/// The same for one entry of a map, which has none for what is below its limit.
fn entry<K: Ord + Clone>(map: &mut BTreeMap<K, Multiple>, key: &K, value: u64, limit: u64) -> bool {
    let mut known = map.get(key).copied();
    let new = is_new(&mut known, value, limit);
    if let Some(known) = known.filter(|known| known.times > 0) {
        map.insert(key.clone(), known);
    }
    new
}

/// Dollars in cents.
fn cents(dollars: f64) -> u64 {
    // The cast saturates, and takes no cost for less than nothing.
    (dollars * 100.0 + 1e-6) as u64
}

impl Passed {
    /// Forgets the sums of the day before.
    pub(super) fn end_day(&mut self) {
        self.day.clear();
    }

    /// The policies that are passed now and were not at the last look.
    pub(super) fn look(
        &mut self,
        budget: &Budget,
        today: Usage,
        at: Timestamp,
        running: &[RunningRoot],
    ) -> Vec<Crossing> {
        let keys: BTreeSet<(Key, Timestamp)> = running.iter().map(turn).collect();
        self.turns.retain(|turn, _| keys.contains(turn));
        self.circles.retain(|turn| keys.contains(turn));
        let day = self.day_passed(budget, today, running);
        let mut crossings = Vec::new();
        for root in running {
            let own = self.passed_by(budget, at, root);
            let over = own.into_iter().chain(day).next();
            crossings.extend(over.map(|(measure, value, limit)| Crossing {
                instance: root.instance.clone(),
                session: root.session.clone(),
                over: OverLimit {
                    measure,
                    value,
                    limit,
                    stopped: budget.stop,
                },
            }));
            if let Some(crossing) = self.circle(budget, root) {
                crossings.push(crossing);
            }
        }
        crossings
    }

    /// The sum of the day that is passed, if any. While nothing runs nobody is to be stopped, so that the next look counts.
    fn day_passed(
        &mut self,
        budget: &Budget,
        today: Usage,
        running: &[RunningRoot],
    ) -> Option<(Measure, u64, u64)> {
        if running.is_empty() {
            return None;
        }
        let sums = [
            (Measure::DayCost, cents(today.cost), budget.day_cents()),
            (Measure::DayTime, today.running_ms, budget.day_ms()),
        ];
        let mut passed = None;
        for (measure, value, limit) in sums {
            if let Some(limit) = limit
                && entry(&mut self.day, &measure, value, limit)
            {
                passed = passed.or(Some((measure, value, limit)));
            }
        }
        passed
    }

    fn passed_by(
        &mut self,
        budget: &Budget,
        at: Timestamp,
        root: &RunningRoot,
    ) -> Option<(Measure, u64, u64)> {
        let key = (root.instance.clone(), root.session.clone());
        let (cost, ran) = (cents(root.cost), at.0.saturating_sub(root.since.0));
        let ran = u64::try_from(ran).unwrap_or(0);
        let mut passed = None;
        if let Some(limit) = budget.session_cents()
            && entry(&mut self.sessions, &key, cost, limit)
        {
            passed = Some((Measure::SessionCost, cost, limit));
        }
        if let Some(limit) = budget.turn_ms()
            && entry(&mut self.turns, &turn(root), ran, limit)
        {
            passed = passed.or(Some((Measure::TurnTime, ran, limit)));
        }
        passed
    }

    /// A turn that goes in circles is stopped once.
    fn circle(&mut self, budget: &Budget, root: &RunningRoot) -> Option<Crossing> {
        let circle = root.circle.as_ref().filter(|_| budget.stop_circles)?;
        let (measure, value, limit) = match circle {
            Circle::Same { times, .. } => (Measure::SameCalls, *times, model::limits::SAME_CALLS),
            Circle::Failing(times) => (Measure::FailedCalls, *times, model::limits::FAILED_CALLS),
        };
        self.circles.insert(turn(root)).then(|| Crossing {
            instance: root.instance.clone(),
            session: root.session.clone(),
            over: OverLimit {
                measure,
                value: value.into(),
                limit: limit.into(),
                stopped: true,
            },
        })
    }
}

fn turn(root: &RunningRoot) -> (Key, Timestamp) {
    ((root.instance.clone(), root.session.clone()), root.since)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root(session: &str, cost: f64) -> RunningRoot {
        RunningRoot {
            instance: "i".into(),
            session: session.into(),
            cost,
            since: Timestamp(0),
            circle: None,
        }
    }

    fn cost(cost: f64) -> Usage {
        Usage {
            cost,
            ..Usage::default()
        }
    }

    fn measures(crossings: &[Crossing]) -> Vec<(&str, Measure, u64)> {
        let all = crossings.iter();
        all.map(|one| (one.session.as_str(), one.over.measure, one.over.value))
            .collect()
    }

    #[test]
    fn without_limits_nothing_is_passed() {
        let mut passed = Passed::default();
        let circles = RunningRoot {
            circle: Some(Circle::Failing(9)),
            ..root("s", 1e6)
        };
        let at = Timestamp(1 << 40);
        let found = passed.look(&Budget::default(), cost(1e6), at, &[circles]);
        assert_eq!(found, []);
    }

    #[test]
    fn each_multiple_of_a_sessions_cost_counts_once() {
        let budget = Budget {
            session_cost: 100,
            ..Budget::default()
        };
        let mut passed = Passed::default();
        let mut look = |dollars: f64| {
            let found = passed.look(
                &budget,
                Usage::default(),
                Timestamp(0),
                &[root("s", dollars)],
            );
            found.first().map(|one| one.over.value)
        };
        let seen: Vec<_> = [0.5, 0.99, 1.0, 1.5, 1.99, 3.2, 3.9, 4.0, 4.0]
            .map(&mut look)
            .into();
        assert_eq!(
            seen,
            [
                None,
                None,
                Some(100),
                None,
                None,
                Some(320),
                None,
                Some(400),
                None
            ]
        );
    }

    #[test]
    fn a_day_over_its_limit_is_told_of_every_session_that_runs_and_of_the_next_one_only_at_the_next_multiple()
     {
        let budget = Budget {
            day_cost: 500,
            stop: true,
            ..Budget::default()
        };
        let mut passed = Passed::default();
        let at = Timestamp(0);
        assert_eq!(passed.look(&budget, cost(5.2), at, &[]), [], "nothing runs");
        let both = [root("a", 1.0), root("b", 2.0)];
        let found = passed.look(&budget, cost(5.2), at, &both);
        let day = Measure::DayCost;
        assert_eq!(measures(&found), [("a", day, 520), ("b", day, 520)]);
        assert!(found.iter().all(|one| one.over.stopped));
        assert_eq!(passed.look(&budget, cost(9.9), at, &both), []);
        assert_eq!(passed.look(&budget, cost(10.0), at, &both).len(), 2);
        passed.end_day();
        assert_eq!(passed.look(&budget, cost(1.0), at, &both), []);
    }

    #[test]
    fn a_turn_that_runs_too_long_is_told_and_its_next_turn_begins_anew() {
        let budget = Budget {
            turn_minutes: 30,
            ..Budget::default()
        };
        let mut passed = Passed::default();
        let minutes = |n: i64| Timestamp(n * 60_000);
        let mut look = |at: i64, since: i64| {
            let root = RunningRoot {
                since: minutes(since),
                ..root("s", 0.0)
            };
            passed
                .look(&budget, Usage::default(), minutes(at), &[root])
                .len()
        };
        let seen: Vec<_> = [(29, 0), (30, 0), (59, 0), (60, 0), (70, 61), (91, 61)]
            .map(|(at, since)| look(at, since))
            .into();
        assert_eq!(seen, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn a_turn_in_circles_is_stopped_once_if_that_is_set() {
        let budget = Budget {
            stop_circles: true,
            ..Budget::default()
        };
        let mut passed = Passed::default();
        let mut look = |since: i64, times: u32| {
            let root = RunningRoot {
                since: Timestamp(since),
                circle: Some(Circle::Failing(times)),
                ..root("s", 0.0)
            };
            let found = passed.look(&budget, Usage::default(), Timestamp(0), &[root]);
            found.iter().filter(|one| one.over.stopped).count()
        };
        assert_eq!(
            [look(1, 6), look(1, 7), look(2, 6), look(2, 6)],
            [1, 0, 1, 0]
        );
    }

    proptest! {
        /// However a cost grows and however often it is looked at, no multiple counts twice, and a multiple that is passed counts.
        #[test]
        fn a_limit_counts_as_often_as_multiples_are_passed_at_looks(
            steps in proptest::collection::vec(0u64..400, 1..80),
            limit in 1u64..500,
        ) {
            let budget = Budget { session_cost: limit, ..Budget::default() };
            let (mut passed, mut cents, mut before) = (Passed::default(), 0, 0);
            for step in steps {
                cents += step;
                let dollars = cents as f64 / 100.0;
                let found = passed.look(&budget, Usage::default(), Timestamp(0), &[root("s", dollars)]);
                prop_assert_eq!(found.len() == 1, cents / limit > before);
                before = before.max(cents / limit);
            }
        }
    }
}
