//! Lines of code: highlighted, with the changed words marked.

use std::collections::BTreeMap;
use std::ops::Range;

use changes::{FileDiff, Text};

use crate::limits;
use crate::markdown::highlight;
use crate::words::{escape, shown};

/// One side of a diff, drawn line by line.
pub(super) struct Side {
    /// Highlighted lines by number.
    lines: BTreeMap<usize, String>,
}

/// A line of code as it is shown: what hides in it visible, without its end.
pub(super) fn plain_line(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let text = match text.char_indices().nth(limits::REVIEW_LINE_CHARS) {
        Some((at, _)) => &text[..at],
        None => text,
    };
    shown(text).replace('\n', " ")
}

impl Side {
    /// Highlights lines of one side: `wanted` has their numbers, in order. Of a short file the lines before are read as well, so that a
    /// comment or string that begins above is known.
    pub(super) fn draw(diff: &FileDiff, new: bool, language: &str, wanted: &[usize]) -> Self {
        let mut lines = BTreeMap::new();
        let of = |number| {
            if new {
                diff.new_line(number)
            } else {
                diff.old(number)
            }
        };
        let whole = diff.is_whole()
            && diff.segments().first().is_some_and(|one| {
                let text: &Text = if new { &one.new } else { &one.old };
                text.bytes().len() <= limits::CODE_BYTES
            });
        let runs = wanted.chunk_by(|a, b| *b == a + 1);
        let runs = runs.filter_map(|run| Some((*run.first()?, *run.last()?)));
        let runs: Vec<(usize, usize)> = match (whole, wanted.last()) {
            (true, Some(last)) => vec![(1, *last)],
            _ => runs.collect(),
        };
        for (first, last) in runs {
            let text: String = (first..=last)
                .map(|number| plain_line(of(number).unwrap_or_default()) + "\n")
                .collect();
            let drawn = highlight(language, &text);
            for (number, line) in (first..=last).zip(drawn.split('\n')) {
                lines.insert(number, line.to_owned());
            }
        }
        Self { lines }
    }

    /// The line with this number, with the changed stretches marked. They are those of [`plain_line`].
    pub(super) fn line(&self, number: usize, text: &str, changed: &[Range<usize>]) -> String {
        let html = self.lines.get(&number);
        let html = html.map_or_else(|| escape(text), String::clone);
        match changed.is_empty() {
            true => html,
            false => marked(&html, text, changed),
        }
    }
}

/// HTML of a line in which stretches of its text are in `<b>` elements, which no other element crosses.
fn marked(html: &str, text: &str, changed: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(html.len() + changed.len() * 8);
    let mut chars = text.char_indices();
    let mut inside = false;
    let mut rest = html;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '<' => rest.find('>').map_or(rest.len(), |at| at + 1),
            '&' => rest.find(';').map_or(rest.len(), |at| at + 1),
            c => c.len_utf8(),
        };
        let (piece, after) = rest.split_at(length);
        rest = after;
        if first == '<' {
            if inside {
                out.push_str("</b>");
            }
            out.push_str(piece);
            if inside {
                out.push_str("<b>");
            }
            continue;
        }
        let at = chars.next().map_or(text.len(), |(at, _)| at);
        let within = changed.iter().any(|span| span.contains(&at));
        if within != inside {
            out.push_str(if within { "<b>" } else { "</b>" });
            inside = within;
        }
        out.push_str(piece);
    }
    if inside {
        out.push_str("</b>");
    }
    out.replace("<b></b>", "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init)]

    use super::*;

    #[test]
    fn marks_cross_no_element() {
        let html = "<span class=\"h-k\">let</span> a &lt; b";
        let drawn = marked(html, "let a < b", &[1..5, 6..7]);
        assert_eq!(
            drawn,
            "<span class=\"h-k\">l<b>et</b></span><b> a</b> <b>&lt;</b> b"
        );
    }

    #[test]
    fn what_hides_is_shown_and_markup_is_text() {
        let line = plain_line("a\u{202e}<b>\r\n".as_bytes());
        assert_eq!(line, "a\\u{202e}<b>");
        let diff = FileDiff::of_texts(Vec::new(), b"<script>\n".to_vec(), Default::default());
        let side = Side::draw(&diff, true, "html", &[1]);
        assert!(!side.line(1, "<script>", &[0..3]).contains("<script"));
    }
}
