//! What differs between the two sides of a file, as hunks with context.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::limits;
use crate::patch::{Patch, Segment};
use crate::text::{LineEnd, Text, without_end};

/// How lines are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// True if white space does not count.
    pub ignore_space: bool,
}

/// Lines that go and lines that come in their place, by their numbers from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Lines before.
    pub old: Range<usize>,
    /// Lines after.
    pub new: Range<usize>,
}

/// What a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A line that both sides have.
    Same,
    /// A line that only the side before has.
    Gone,
    /// A line that only the side after has.
    Come,
}

/// A line of a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it shows.
    pub kind: RowKind,
    /// Its number before, from 1.
    pub old: Option<usize>,
    /// Its number after, from 1.
    pub new: Option<usize>,
}

/// Lines that are the same on both sides and are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The number before of the first of them.
    pub old: usize,
    /// The number after of the first of them.
    pub new: usize,
    /// How many they are.
    pub lines: usize,
    /// True if the diff has these lines; otherwise nothing but their number is known.
    pub known: bool,
}

/// Changes that are close to each other, with the lines around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// What is not shown before it.
    pub before: Option<Gap>,
    /// The lines of the hunk in order.
    pub rows: Vec<Row>,
}

/// A file before and after, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileDiff {
    segments: Vec<Segment>,
    /// The changes of each segment.
    changes: Vec<Vec<Change>>,
    /// True if both sides are here whole.
    whole: bool,
    /// True if the patch says that the file is binary.
    binary: bool,
}

impl FileDiff {
    /// Compares the sides of a patch. `whole` says that the patch was made with all lines of the file as context.
    pub fn of(patch: Patch, whole: bool, options: Options) -> Self {
        let Patch { segments, binary } = patch;
        let changes = segments.iter().map(|one| compare(one, options)).collect();
        Self {
            whole: whole && segments.len() <= 1,
            segments,
            changes,
            binary,
        }
    }

    /// Compares two texts.
    pub fn of_texts(old: Vec<u8>, new: Vec<u8>, options: Options) -> Self {
        let segment = Segment {
            old_start: 1,
            new_start: 1,
            old: Text::new(old),
            new: Text::new(new),
        };
        let patch = Patch {
            segments: vec![segment],
            binary: false,
        };
        Self::of(patch, true, options)
    }

    /// True if both sides are here whole.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// True if the file is binary.
    pub fn is_binary(&self) -> bool {
        self.binary
    }

    /// Bytes that this takes in memory, without the change of a line here and there.
    pub fn size(&self) -> usize {
        let line = size_of::<usize>();
        let sides = self.segments.iter().flat_map(|one| [&one.old, &one.new]);
        let texts: usize = sides
            .map(|text| text.bytes().len() + text.len() * line)
            .sum();
        texts + self.changes().count() * size_of::<Change>()
    }

    /// All changes in order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().flatten()
    }

    /// What is known of the file, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The line with this number before, from 1, with its end.
    pub fn old(&self, number: usize) -> Option<&[u8]> {
        let starts = self.segments.iter().rev();
        let segment = { starts }.find(|one| one.old_start <= number)?;
        segment.old.line(number - segment.old_start)
    }

    /// The line with this number after, from 1, with its end.
    pub fn new_line(&self, number: usize) -> Option<&[u8]> {
        let starts = self.segments.iter().rev();
        let segment = { starts }.find(|one| one.new_start <= number)?;
        segment.new.line(number - segment.new_start)
    }

    /// How lines end before and after, if nothing else changed.
    pub fn line_ends_only(&self) -> Option<(Option<LineEnd>, Option<LineEnd>)> {
        let [segment] = &*self.segments else {
            return None;
        };
        let (old, new) = (&segment.old, &segment.new);
        let same = old.len() == new.len()
            && old != new
            && old
                .lines()
                .map(without_end)
                .eq(new.lines().map(without_end));
        same.then(|| (old.line_end(), new.line_end()))
    }

    /// The hunks with this many lines around each change, and what is not shown after the last one.
    pub fn hunks(&self, context: usize) -> (Vec<Hunk>, Option<Gap>) {
        let mut hunks = Vec::new();
        // Numbers of the first lines that are not shown yet.
        let (mut old, mut new) = (1, 1);
        let mut after = None;
        for (segment, changes) in self.segments.iter().zip(&self.changes) {
            let ends = (
                segment.old_start + segment.old.len(),
                segment.new_start + segment.new.len(),
            );
            // Lines between this segment and the one before are not known.
            let mut known = old >= segment.old_start;
            if !known {
                // Both sides lack as many lines: no line among them changed.
                let shift = segment.old_start - old;
                new = segment.new_start.saturating_sub(shift).max(1);
            }
            for group in groups(changes, context) {
                let from = (old.max(segment.old_start), new.max(segment.new_start));
                let (begin, next, rows) = hunk(group, context, from, ends);
                let lines = begin - old;
                let before = (lines > 0).then_some(Gap {
                    old,
                    new,
                    lines,
                    known,
                });
                hunks.push(Hunk { before, rows });
                (old, new) = next;
                known = true;
            }
            after = (ends.0 > old).then(|| Gap {
                old,
                new,
                lines: ends.0 - old,
                known,
            });
        }
        (hunks, after)
    }
}

/// Changes with at most twice the context between one and the next.
fn groups(changes: &[Change], context: usize) -> impl Iterator<Item = &[Change]> {
    let near = move |a: &Change, b: &Change| b.old.start - a.old.end <= context.saturating_mul(2);
    changes.chunk_by(near)
}

/// Where a hunk begins before, where what follows it begins, and its rows.
type HunkRows = (usize, (usize, usize), Vec<Row>);

fn hunk(group: &[Change], context: usize, shown: (usize, usize), ends: (usize, usize)) -> HunkRows {
    let first = group.first().map_or(shown.0, |one| one.old.start);
    let above = context.min(first - shown.0);
    let begin = first - above;
    let (mut old, mut new) = (begin, shown.1 + (begin - shown.0));
    let mut rows = Vec::new();
    let same = |rows: &mut Vec<Row>, old: &mut usize, new: &mut usize, lines: usize| {
        for _ in 0..lines {
            rows.push(Row {
                kind: RowKind::Same,
                old: Some(*old),
                new: Some(*new),
            });
            (*old, *new) = (*old + 1, *new + 1);
        }
    };
    for change in group {
        let lines = change.old.start - old;
        same(&mut rows, &mut old, &mut new, lines);
        let gone = change.old.clone().map(|at| Row {
            kind: RowKind::Gone,
            old: Some(at),
            new: None,
        });
        let come = change.new.clone().map(|at| Row {
            kind: RowKind::Come,
            old: None,
            new: Some(at),
        });
        rows.extend(gone.chain(come));
        (old, new) = (change.old.end, change.new.end);
    }
    let below = context.min(ends.0 - old);
    same(&mut rows, &mut old, &mut new, below);
    (begin, (old, new), rows)
}

fn compare(segment: &Segment, options: Options) -> Vec<Change> {
    let (old, new) = (&segment.old, &segment.new);
    let mut changes: Vec<Change> = match options.ignore_space {
        false => {
            let mut input: InternedInput<&[u8]> = InternedInput::default();
            input.update_before(old.lines());
            input.update_after(new.lines());
            let mut diff = Diff::compute(algorithm(old, new), &input);
            diff.postprocess_lines(&input);
            changes_of(&diff)
        }
        true => {
            let inked = |line: &[u8]| -> Vec<u8> {
                line.iter()
                    .copied()
                    .filter(|byte| !byte.is_ascii_whitespace())
                    .collect()
            };
            let mut input: InternedInput<Vec<u8>> = InternedInput::default();
            input.update_before(old.lines().map(inked));
            input.update_after(new.lines().map(inked));
            let mut diff = Diff::compute(algorithm(old, new), &input);
            diff.postprocess_no_heuristic(&input);
            changes_of(&diff)
        }
    };
    for change in &mut changes {
        let moved = |at: &Range<usize>, by: usize| at.start + by..at.end + by;
        change.old = moved(&change.old, segment.old_start);
        change.new = moved(&change.new, segment.new_start);
    }
    changes
}

/// The histogram reads better, and takes quadratic time where many lines moved.
fn algorithm(old: &Text, new: &Text) -> Algorithm {
    match old.len().max(new.len()) <= limits::HISTOGRAM_LINES {
        true => Algorithm::Histogram,
        false => Algorithm::Myers,
    }
}

fn changes_of(diff: &Diff) -> Vec<Change> {
    let range = |at: Range<u32>| at.start as usize..at.end as usize;
    let hunks = diff.hunks();
    hunks
        .map(|hunk| Change {
            old: range(hunk.before),
            new: range(hunk.after),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(old: &str, new: &str) -> FileDiff {
        FileDiff::of_texts(old.into(), new.into(), Options::default())
    }

    fn shown(diff: &FileDiff, context: usize) -> Vec<String> {
        let (hunks, after) = diff.hunks(context);
        let gap = |gap: &Gap| {
            format!(
                "{}…{}{}",
                gap.old,
                gap.lines,
                if gap.known { "" } else { "?" }
            )
        };
        let text = |line: Option<&[u8]>| {
            String::from_utf8_lossy(line.unwrap_or_default())
                .trim_end()
                .to_owned()
        };
        let row = |row: &Row| match row.kind {
            RowKind::Same => format!(" {}", text(diff.old(row.old.unwrap_or(0)))),
            RowKind::Gone => format!("-{}", text(diff.old(row.old.unwrap_or(0)))),
            RowKind::Come => format!("+{}", text(diff.new_line(row.new.unwrap_or(0)))),
        };
        let hunks = hunks.iter().flat_map(|hunk| {
            hunk.before
                .iter()
                .map(gap)
                .chain(hunk.rows.iter().map(row))
                .collect::<Vec<_>>()
        });
        hunks.chain(after.iter().map(gap)).collect()
    }

    #[test]
    fn changes_have_context_and_gaps() {
        let old: String = (1..=20).map(|n| format!("{n}\n")).collect();
        let new = old.replace("10\n", "ten\n").replace("12\n", "");
        let diff = texts(&old, &new);
        assert_eq!(
            shown(&diff, 1),
            ["1…8", " 9", "-10", "+ten", " 11", "-12", " 13", "14…7"]
        );
        assert_eq!(
            shown(&diff, 0),
            ["1…9", "-10", "+ten", "11…1", "-12", "13…8"]
        );
    }

    #[test]
    fn a_patch_without_all_lines_has_gaps_of_unknown_lines() {
        let patch = Patch::parse(b"@@ -5,2 +5,3 @@\n a\n+b\n c\n@@ -20 +21 @@\n-x\n+y\n");
        let diff = FileDiff::of(patch, false, Options::default());
        assert_eq!(
            shown(&diff, 3),
            ["1…4?", " a", "+b", " c", "7…13?", "-x", "+y"]
        );
        assert!(!diff.is_whole());
    }

    #[test]
    fn white_space_and_line_ends_are_told() {
        let diff = FileDiff::of_texts(
            b"a b\nc\n".to_vec(),
            b"a  b\nd\n".to_vec(),
            Options { ignore_space: true },
        );
        assert_eq!(shown(&diff, 0), ["1…1", "-c", "+d"]);
        let ends = texts("a\nb\n", "a\r\nb\r\n").line_ends_only();
        assert_eq!(ends, Some((Some(LineEnd::Lf), Some(LineEnd::CrLf))));
        assert_eq!(texts("a\nb\n", "a\r\nc\r\n").line_ends_only(), None);
        assert!(texts("a\n", "a").line_ends_only().is_some());
    }

    #[test]
    fn two_hundred_thousand_lines_are_compared() {
        let old: String = (0..200_000).map(|n| format!("line {n}\n")).collect();
        let new: String = (0..200_000)
            .map(|n| format!("line {}\n", n * 7 % 200_001))
            .collect();
        assert!(texts(&old, &new).changes().count() > 0);
    }

    proptest! {
        /// Both sides come out of the rows and gaps, whatever the context.
        #[test]
        fn rows_and_gaps_are_the_file(old in "[ab\n]{0,40}", new in "[ab\n]{0,40}", context in 0usize..4) {
            let diff = texts(&old, &new);
            let (hunks, after) = diff.hunks(context);
            let (mut before, mut now) = (Vec::new(), Vec::new());
            let gap = |gap: &Gap, before: &mut Vec<u8>, now: &mut Vec<u8>| {
                for nth in 0..gap.lines {
                    before.extend_from_slice(diff.old(gap.old + nth).unwrap_or(b"?"));
                    now.extend_from_slice(diff.new_line(gap.new + nth).unwrap_or(b"?"));
                }
            };
            for hunk in &hunks {
                if let Some(one) = &hunk.before { gap(one, &mut before, &mut now); }
                for row in &hunk.rows {
                    if let Some(at) = row.old { before.extend_from_slice(diff.old(at).unwrap_or(b"?")); }
                    if let Some(at) = row.new { now.extend_from_slice(diff.new_line(at).unwrap_or(b"?")); }
                }
            }
            if let Some(one) = &after { gap(one, &mut before, &mut now); }
            // A file without changes has no hunk, and one gap.
            prop_assert_eq!(String::from_utf8_lossy(&before), old.as_str());
            prop_assert_eq!(String::from_utf8_lossy(&now), new.as_str());
        }
    }
}
