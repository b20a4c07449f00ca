//! Some lines of a diff, applied: what staging and unstaging of lines writes.

use std::collections::BTreeSet;

use crate::diff::FileDiff;

/// Changed lines by their numbers, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Lines before, of those that go.
    pub gone: BTreeSet<usize>,
    /// Lines after, of those that come.
    pub come: BTreeSet<usize>,
}

/// The side that a selection changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The side before gets the selected changes.
    Old,
    /// The selected changes are taken out of the side after.
    New,
}

impl Selection {
    /// Every changed line.
    pub fn all(diff: &FileDiff) -> Self {
        let gone = diff.changes().flat_map(|change| change.old.clone());
        let come = diff.changes().flat_map(|change| change.new.clone());
        Self {
            gone: gone.collect(),
            come: come.collect(),
        }
    }

    /// True if nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.come.is_empty()
    }

    /// The content that one side has once the selected changes are applied to it, or taken out of it; `None` if the diff does not have
    /// all lines of the file. A last line without an end gets one, where other lines follow it.
    pub fn apply(&self, diff: &FileDiff, base: Base) -> Option<Vec<u8>> {
        if !diff.is_whole() {
            return None;
        }
        let mut content = Vec::new();
        let mut push = |line: Option<&[u8]>| {
            if content.last().is_some_and(|byte| *byte != b'\n') {
                content.push(b'\n');
            }
            content.extend_from_slice(line.unwrap_or_default());
        };
        let (old_end, new_end) = diff.segments().first().map_or((1, 1), |one| {
            (one.old_start + one.old.len(), one.new_start + one.new.len())
        });
        let (mut old, mut new) = (1, 1);
        for change in diff.changes() {
            match base {
                Base::Old => (old..change.old.start).for_each(|at| push(diff.old(at))),
                Base::New => (new..change.new.start).for_each(|at| push(diff.new_line(at))),
            }
            // A line before stays, unless its going is applied; one after is there, if its coming is.
            let applied = |selected: bool| selected == (base == Base::Old);
            for at in change.old.clone() {
                if !applied(self.gone.contains(&at)) {
                    push(diff.old(at));
                }
            }
            for at in change.new.clone() {
                if applied(self.come.contains(&at)) {
                    push(diff.new_line(at));
                }
            }
            (old, new) = (change.old.end, change.new.end);
        }
        match base {
            Base::Old => (old..old_end).for_each(|at| push(diff.old(at))),
            Base::New => (new..new_end).for_each(|at| push(diff.new_line(at))),
        }
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::diff::Options;

    fn texts(old: &str, new: &str) -> FileDiff {
        FileDiff::of_texts(old.into(), new.into(), Options::default())
    }

    #[test]
    fn one_line_of_a_hunk_is_applied_and_taken_out() {
        let diff = texts("a\nb\nc\n", "a\nx\ny\nc\n");
        let one = Selection {
            gone: [].into(),
            come: [3].into(),
        };
        assert_eq!(one.apply(&diff, Base::Old).unwrap(), b"a\nb\ny\nc\n");
        assert_eq!(one.apply(&diff, Base::New).unwrap(), b"a\nx\nc\n");
        let one = Selection {
            gone: [2].into(),
            come: [].into(),
        };
        assert_eq!(one.apply(&diff, Base::Old).unwrap(), b"a\nc\n");
        assert_eq!(one.apply(&diff, Base::New).unwrap(), b"a\nb\nx\ny\nc\n");
    }

    #[test]
    fn a_missing_end_is_added_where_lines_follow() {
        let diff = texts("a", "a\nb");
        let one = Selection {
            gone: [].into(),
            come: [2].into(),
        };
        assert_eq!(one.apply(&diff, Base::Old).unwrap(), b"a\nb");
    }

    proptest! {
        #[test]
        fn all_or_nothing_is_one_side_or_the_other(old in "[ab\n]{0,40}", new in "[ab\n]{0,40}") {
            let diff = texts(&old, &new);
            let (all, none) = (Selection::all(&diff), Selection::default());
            prop_assert_eq!(all.apply(&diff, Base::Old).unwrap(), new.as_bytes());
            prop_assert_eq!(none.apply(&diff, Base::Old).unwrap(), old.as_bytes());
            prop_assert_eq!(all.apply(&diff, Base::New).unwrap(), old.as_bytes());
            prop_assert_eq!(none.apply(&diff, Base::New).unwrap(), new.as_bytes());
        }

        /// What is staged and what is not are the two halves of the change, for files whose lines all have an end.
        #[test]
        fn staged_lines_and_the_rest_make_the_whole(old in "([ab]\n){0,20}", new in "([ab]\n){0,20}", bits: u64) {
            let diff = texts(&old, &new);
            let pick = |at: &usize| bits >> (at % 64) & 1 == 1;
            let all = Selection::all(&diff);
            let some = Selection {
                gone: all.gone.iter().copied().filter(pick).collect(),
                come: all.come.iter().copied().filter(pick).collect(),
            };
            let rest = Selection {
                gone: all.gone.difference(&some.gone).copied().collect(),
                come: all.come.difference(&some.come).copied().collect(),
            };
            prop_assert_eq!(some.apply(&diff, Base::Old), rest.apply(&diff, Base::New));
        }
    }
}
