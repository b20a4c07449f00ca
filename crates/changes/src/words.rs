//! Which words of a changed line differ.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::limits;

/// Changed stretches of two lines, in bytes, at borders of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// Of the line before.
    pub old: Vec<Range<usize>>,
    /// Of the line after.
    pub new: Vec<Range<usize>>,
}

/// Compares two lines word by word; `None` if they are too long, or have too little in common to be one line that was edited.
pub fn words(old: &str, new: &str) -> Option<Spans> {
    if old.len().max(new.len()) > limits::WORDS_BYTES {
        return None;
    }
    let (before, after) = (split(old), split(new));
    let mut input: InternedInput<&str> = InternedInput::default();
    input.update_before(before.iter().map(|at| &old[at.clone()]));
    input.update_after(after.iter().map(|at| &new[at.clone()]));
    let diff = Diff::compute(Algorithm::Myers, &input);
    let mut spans = Spans::default();
    for hunk in diff.hunks() {
        push(&mut spans.old, &before, hunk.before);
        push(&mut spans.new, &after, hunk.after);
    }
    let ink = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let inked = |text: &str, spans: &[Range<usize>]| -> usize {
        spans.iter().map(|at| ink(&text[at.clone()])).sum()
    };
    let (all, changed) = (
        ink(old) + ink(new),
        inked(old, &spans.old) + inked(new, &spans.new),
    );
    let same = (all - changed) * 100;
    (same >= all * limits::WORDS_SAME_PERCENT).then_some(spans)
}

/// Adds the stretch of these words; one that touches the last becomes part of it.
fn push(spans: &mut Vec<Range<usize>>, words: &[Range<usize>], at: Range<u32>) {
    let (begin, end) = (at.start as usize, at.end as usize);
    let (Some(first), Some(last)) = (words.get(begin), words[..end].last()) else {
        return;
    };
    if begin == end {
        return;
    }
    match spans.last_mut() {
        Some(before) if before.end == first.start => before.end = last.end,
        _ => spans.push(first.start..last.end),
    }
}

/// The words of a line: letters and digits together, white space together, everything else alone.
fn split(line: &str) -> Vec<Range<usize>> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut before = 0;
    for (at, c) in line.char_indices() {
        let end = at + c.len_utf8();
        match words.last_mut() {
            Some(word) if kind(c) != 0 && kind(c) == before => word.end = end,
            _ => words.push(at..end),
        }
        before = kind(c);
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_word_is_marked() {
        let spans = words("let total = price * 2;", "let total = price * count;").unwrap();
        assert_eq!(spans.old, [20..21]);
        assert_eq!(spans.new, [20..25]);
        assert_eq!(words("alpha beta", "gamma, delta"), None);
        assert_eq!(words(&"x".repeat(3000), "x"), None);
    }

    proptest! {
        #[test]
        fn what_is_not_marked_is_the_same(old in "[ab é.]{0,30}", new in "[ab é.]{0,30}") {
            let Some(spans) = words(&old, &new) else { return Ok(()) };
            let rest = |text: &str, spans: &[Range<usize>]| {
                let mut rest = text.to_owned();
                for at in spans.iter().rev() {
                    rest.replace_range(at.clone(), "");
                }
                rest
            };
            prop_assert_eq!(rest(&old, &spans.old), rest(&new, &spans.new));
        }
    }
}
