//! The number of changed lines of a session over time, so that the lines since a moment can be counted.

use std::collections::VecDeque;

use serde::Serialize;

use super::Changes;
use crate::limits;
use crate::time::Timestamp;

/// Lines that were changed in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// Lines added.
    pub additions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// The totals of a session at the times at which they changed, oldest first; [`limits::CHANGES_NOTED`] at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChangesOverTime(VecDeque<(Timestamp, Lines)>);

impl ChangesOverTime {
    /// Notes the totals at a time, by our clock. Of those within [`limits::CHANGES_STEP_MS`] the first and the last are kept.
    pub(crate) fn note(&mut self, at: Timestamp, changes: Option<Changes>) {
        let changes = changes.unwrap_or_default();
        let total = Lines {
            additions: changes.additions,
            deletions: changes.deletions,
        };
        if self.0.back().is_some_and(|(_, last)| *last == total) {
            return;
        }
        let before_last = self.0.len().checked_sub(2).and_then(|nth| self.0.get(nth));
        if before_last.is_some_and(|(before, _)| at.since(*before) < limits::CHANGES_STEP_MS) {
            self.0.pop_back();
        }
        self.0.push_back((at, total));
        if self.0.len() > limits::CHANGES_NOTED {
            self.0.pop_front();
        }
    }

    /// Lines changed since `from`, where `created` is when the session began, both by our clock. Absent if nothing changed, and if the
    /// totals at that time are not known. Lines that were taken back since are not counted.
    pub fn since(&self, from: Timestamp, created: Timestamp) -> Option<Lines> {
        let (_, now) = self.0.back()?;
        let known = self.0.iter().rfind(|(at, _)| *at <= from);
        let before = match known {
            Some((_, before)) => *before,
            None if created >= from => Lines::default(),
            None => return None,
        };
        let lines = Lines {
            additions: now.additions.saturating_sub(before.additions),
            deletions: now.deletions.saturating_sub(before.deletions),
        };
        (lines != Lines::default()).then_some(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(additions: u64, deletions: u64) -> Option<Changes> {
        Some(Changes {
            additions,
            deletions,
            files: 1,
        })
    }

    fn lines(additions: u64, deletions: u64) -> Option<Lines> {
        Some(Lines {
            additions,
            deletions,
        })
    }

    #[test]
    fn only_what_changed_since_then_counts_and_nothing_that_is_not_known() {
        let (mut log, early) = (ChangesOverTime::default(), Timestamp(-1));
        assert_eq!(log.since(Timestamp(0), early), None);
        log.note(Timestamp(100_000), total(10, 2));
        log.note(Timestamp(200_000), total(15, 2));
        log.note(Timestamp(300_000), total(15, 2));
        assert_eq!(log.since(Timestamp(150_000), early), lines(5, 0));
        assert_eq!(log.since(Timestamp(250_000), early), None);
        // What it had at its first sight is of an unknown time, unless it began since then.
        assert_eq!(log.since(Timestamp(50_000), early), None);
        assert_eq!(
            log.since(Timestamp(50_000), Timestamp(60_000)),
            lines(15, 2)
        );
        // Taken back.
        log.note(Timestamp(400_000), total(3, 0));
        assert_eq!(log.since(Timestamp(150_000), early), None);
    }

    #[test]
    fn steady_changes_are_noted_a_few_times_a_minute() {
        let mut log = ChangesOverTime::default();
        for second in 0..3600 {
            log.note(Timestamp(second * 1000), total(second.unsigned_abs(), 0));
        }
        assert!(log.0.len() < 130, "{}", log.0.len());
        // To within a step.
        let since = log.since(Timestamp(1_800_000), Timestamp(-1));
        let off = since.map(|lines| lines.additions.abs_diff(1799));
        assert!(off.is_some_and(|off| off <= 60), "{since:?}");
    }
}
