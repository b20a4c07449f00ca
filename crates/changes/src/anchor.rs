//! The place of a comment, found again after edits.

use crate::limits;
use crate::text::{Text, without_end};

/// Lines that a comment is about, as they were, with the lines around them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Number of the first line, from 1.
    pub line: usize,
    /// The lines without their ends, as text.
    pub lines: Vec<String>,
    /// Lines before the first, in order.
    pub before: Vec<String>,
    /// Lines after the last, in order.
    pub after: Vec<String>,
}

impl Anchor {
    /// The lines from `first` to `last`, by their numbers from 1; `None` if the text does not have them.
    pub fn new(text: &Text, first: usize, last: usize) -> Option<Self> {
        let last = last.min(first.saturating_add(limits::ANCHOR_LINES - 1));
        let at = |number: usize| text.line(number.checked_sub(1)?).map(shown);
        let lines: Vec<String> = (first..=last).map_while(at).collect();
        if lines.is_empty() || lines.len() <= last.saturating_sub(first) {
            return None;
        }
        let above = first.saturating_sub(limits::ANCHOR_CONTEXT).max(1)..first;
        let below = last + 1..last + 1 + limits::ANCHOR_CONTEXT;
        Some(Self {
            line: first,
            lines,
            before: above.filter_map(at).collect(),
            after: below.filter_map(at).collect(),
        })
    }

    /// The number of the first line in another text, from 1; `None` if the lines are not there any more. Of several places, the one whose
    /// surroundings fit best is meant, and of those the nearest.
    pub fn find(&self, text: &Text) -> Option<usize> {
        let lines: Vec<String> = text.lines().map(shown).collect();
        let places = lines.windows(self.lines.len().max(1)).enumerate();
        let places = places.filter(|(_, window)| *window == self.lines);
        let best = places.max_by_key(|(at, _)| {
            let above = lines[..*at].iter().rev();
            let below = lines.get(at + self.lines.len()..).unwrap_or_default();
            let fits =
                common(above, self.before.iter().rev()) + common(below.iter(), self.after.iter());
            (fits, std::cmp::Reverse((at + 1).abs_diff(self.line)))
        });
        best.map(|(at, _)| at + 1)
    }

    /// The number of the last line, where the first has this number.
    pub fn last(&self, first: usize) -> usize {
        first + self.lines.len().saturating_sub(1)
    }
}

/// How many lines two texts have in common from their beginning on.
fn common<'a>(
    one: impl Iterator<Item = &'a String>,
    other: impl Iterator<Item = &'a String>,
) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).count()
}

fn shown(line: &[u8]) -> String {
    let line = without_end(line);
    let line = &line[..line.len().min(limits::ANCHOR_LINE_BYTES)];
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn text(lines: &[String]) -> Text {
        Text::new(lines.join("\n").into_bytes())
    }

    #[test]
    fn equal_lines_are_told_apart_by_their_surroundings() {
        let old = Text::new(b"a\n}\nb\n}\nc\n".to_vec());
        let anchor = Anchor::new(&old, 4, 4).unwrap();
        let new = Text::new(b"x\ny\na\n}\nz\nb\n}\nc\n".to_vec());
        assert_eq!(anchor.find(&new), Some(7));
        assert_eq!(anchor.find(&Text::new(b"a\nb\n".to_vec())), None);
        assert_eq!(Anchor::new(&old, 6, 6), None);
        assert_eq!(Anchor::new(&old, 0, 1), None);
    }

    proptest! {
        /// Edits elsewhere move a comment with its line; an edit of the line itself takes its place away.
        #[test]
        fn a_comment_keeps_its_line_or_says_that_it_is_gone(
            many in 1usize..30, at in 0usize..30, edits in proptest::collection::vec((any::<bool>(), 0usize..40), 0..10)
        ) {
            let at = at % many;
            let mut lines: Vec<String> = (0..many).map(|n| format!("line {n}")).collect();
            let wanted = lines[at].clone();
            let anchor = Anchor::new(&text(&lines), at + 1, at + 1).unwrap();
            for (nth, (insert, place)) in edits.into_iter().enumerate() {
                let place = place % (lines.len() + 1);
                if insert {
                    lines.insert(place, format!("new {nth}"));
                } else if lines.get(place).is_some_and(|line| *line != wanted) {
                    lines.remove(place);
                }
            }
            let now = lines.iter().position(|line| *line == wanted).unwrap();
            prop_assert_eq!(anchor.find(&text(&lines)), Some(now + 1));
            lines[now] = "edited".into();
            prop_assert_eq!(anchor.find(&text(&lines)), None);
        }
    }
}
