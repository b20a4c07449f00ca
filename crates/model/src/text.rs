//! Text that is still being written.
//!
//! OpenCode streams increments without an offset and keeps none of them: what was missed stays unknown until the
//! part's closing update. So an open text is a list of known pieces with gaps between, and nothing is ever appended
//! across a gap. Increments may cut a character in two (UTF-16 halves travel alone), so the halves are joined here.

use crate::limits;

/// One increment. `body` is whole; a half character at either end is kept apart until its other half is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// A low surrogate before the body, whose high half came with the increment before.
    pub lead_low: Option<u16>,
    /// Whole characters.
    pub body: String,
    /// A high surrogate after the body, whose low half comes with the next increment.
    pub trail_high: Option<u16>,
}

impl From<&str> for Delta {
    fn from(body: &str) -> Self {
        Self {
            body: body.to_owned(),
            ..Self::default()
        }
    }
}

/// A piece of an open text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text that arrived without interruption.
    Known(String),
    /// Something may be missing here.
    Gap,
}

/// A text that is still being written, as far as it was received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenText {
    segments: Vec<Segment>,
    pending_high: Option<u16>,
    bytes: usize,
    grown: u64,
}

impl OpenText {
    /// A text received from its beginning.
    pub fn starting_with(text: &str) -> Self {
        let mut open = Self::default();
        open.push_str(text);
        open
    }

    /// A text whose beginning is missing.
    pub fn after_gap() -> Self {
        Self {
            segments: vec![Segment::Gap],
            ..Self::default()
        }
    }

    /// The pieces in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// True if no text was received.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Bytes of known text.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if text may be missing.
    pub fn has_gap(&self) -> bool {
        self.segments.contains(&Segment::Gap)
    }

    /// The received text, without the gaps.
    pub fn received(&self) -> String {
        self.segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Known(text) => Some(text.as_str()),
                Segment::Gap => None,
            })
            .collect()
    }

    /// When it last grew, by its session's count.
    pub(crate) fn grown(&self) -> u64 {
        self.grown
    }

    pub(crate) fn grew_at(&mut self, growth: u64) {
        self.grown = growth;
    }

    /// Marks that increments may have been missed here.
    pub fn mark_gap(&mut self) {
        self.pending_high = None;
        if self.segments.last() != Some(&Segment::Gap) {
            self.segments.push(Segment::Gap);
        }
    }

    /// Removes a gap at the very beginning, once the beginning is proven to be complete.
    pub fn begin_proven(&mut self) {
        if self.segments.first() == Some(&Segment::Gap) {
            self.segments.remove(0);
        }
    }

    /// Appends an increment.
    pub fn push(&mut self, delta: &Delta) {
        match (self.pending_high.take(), delta.lead_low) {
            (Some(high), Some(low)) => self.push_char(join(high, low)),
            (Some(_), None) | (None, Some(_)) => self.push_char(char::REPLACEMENT_CHARACTER),
            (None, None) => {}
        }
        self.push_str(&delta.body);
        self.pending_high = delta.trail_high;
        self.keep_within_bound();
    }

    fn push_char(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    fn push_str(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.bytes += text.len();
        match self.segments.last_mut() {
            Some(Segment::Known(known)) => known.push_str(text),
            _ => self.segments.push(Segment::Known(text.to_owned())),
        }
    }

    /// Drops the older half of a text beyond its bound; the closing update brings the whole.
    fn keep_within_bound(&mut self) {
        if self.bytes <= limits::OPEN_TEXT_BYTES {
            return;
        }
        let received = self.received();
        let mut cut = received.len() - limits::OPEN_TEXT_BYTES / 2;
        while !received.is_char_boundary(cut) {
            cut += 1;
        }
        let kept = received[cut..].to_owned();
        self.bytes = kept.len();
        self.segments = vec![Segment::Gap, Segment::Known(kept)];
    }
}

fn join(high: u16, low: u16) -> char {
    char::decode_utf16([high, low])
        .next()
        .and_then(Result::ok)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_a_character_are_joined() {
        let mut text = OpenText::default();
        text.push(&Delta {
            trail_high: Some(0xd83e),
            ..Delta::from("a")
        });
        assert_eq!(text.received(), "a");
        text.push(&Delta {
            lead_low: Some(0xddd1),
            ..Delta::from("b")
        });
        assert_eq!(text.received(), "a\u{1f9d1}b");
    }

    #[test]
    fn a_half_without_its_other_half_is_marked() {
        let mut text = OpenText::default();
        text.push(&Delta {
            trail_high: Some(0xd83e),
            ..Delta::from("a")
        });
        text.push(&Delta::from("b"));
        text.push(&Delta {
            lead_low: Some(0xddd1),
            ..Delta::from("c")
        });
        assert_eq!(text.received(), "a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn nothing_is_appended_across_a_gap() {
        let mut text = OpenText::starting_with("known");
        text.mark_gap();
        text.mark_gap();
        text.push(&Delta::from("later"));
        assert_eq!(
            text.segments(),
            [
                Segment::Known("known".into()),
                Segment::Gap,
                Segment::Known("later".into())
            ]
        );
    }

    #[test]
    fn a_text_beyond_its_bound_keeps_its_end_and_says_so() {
        let mut text = OpenText::default();
        let chunk = "é".repeat(limits::OPEN_TEXT_BYTES / 4);
        for _ in 0..5 {
            text.push(&Delta::from(chunk.as_str()));
        }
        assert!(text.bytes() <= limits::OPEN_TEXT_BYTES);
        assert!(text.has_gap());
    }
}
