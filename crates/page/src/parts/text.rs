//! Prose and thoughts, complete or as far as they were received.

use std::borrow::Cow;
use std::sync::Arc;

use maud::html;
use model::state::{PartKind, Role};
use model::text::{OpenText, Segment};
use model::view::PartRow;

use super::{PartContext, StartTag, assemble, block, nothing, summary};
use crate::fragment::{Block, Fragment, fragment_url};
use crate::language::t;
use crate::limits;
use crate::markdown::{self, Memo};
use crate::words::{duration, linked};

pub(super) fn prose(
    place: &PartContext<'_>,
    row: &PartRow,
    memo: Option<&Memo>,
    whole: bool,
) -> Fragment {
    let user = place.message.info.role != Role::Assistant;
    let key = format!("p:{}", row.id);
    if !user {
        let (blocks, memo) = blocks(place, row, memo, whole);
        return Fragment {
            memo,
            ..assemble(
                row,
                html! { (StartTag("div", &key, "text")) },
                blocks,
                "</div>",
            )
        };
    }
    let blocks = said(place, row, whole);
    assemble(
        row,
        html! { (StartTag("div", &key, "said")) },
        blocks,
        "</div>",
    )
}

/// A text that is not part of what a person and a model say to each other: a row that opens.
pub(super) fn folded(place: &PartContext<'_>, row: &PartRow, title: &str, whole: bool) -> Fragment {
    let mut blocks = vec![summary(row, html! { (title) })];
    blocks.extend(said(place, row, whole));
    let key = format!("p:{}", row.id);
    let open = html! { (StartTag("details", &key, "aside said")) };
    assemble(row, open, blocks, "</details>")
}

/// A text as it was written.
fn said(place: &PartContext<'_>, row: &PartRow, whole: bool) -> Vec<Block> {
    let text = heard(row);
    let seen = shown(&text, whole);
    let cut = (seen.len() < text.len()).then(|| cut_note(place, row));
    cut.into_iter()
        .chain([block(row, "0", linked(seen))])
        .collect()
}

/// A text as far as it is known.
fn heard(row: &PartRow) -> Cow<'_, str> {
    match &row.open {
        Some(open) => Cow::Owned(open.received()),
        None => Cow::Borrowed(row.kind.text().unwrap_or_default()),
    }
}

/// Placeholder that some providers send in place of hidden reasoning.
const REDACTED: &str = "[REDACTED]";

/// True if the known reasoning has no readable text.
fn is_blank(row: &PartRow) -> bool {
    let text = heard(row);
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix(REDACTED) {
        rest = after.trim_start();
    }
    REDACTED.starts_with(rest) && !row.open.as_ref().is_some_and(OpenText::has_gap)
}

pub(super) fn reasoning(
    place: &PartContext<'_>,
    row: &PartRow,
    memo: Option<&Memo>,
    whole: bool,
) -> Fragment {
    let PartKind::Reasoning { started, ended, .. } = &row.kind else {
        return nothing(row);
    };
    if is_blank(row) {
        return nothing(row);
    }
    let title = match (started, ended) {
        (Some(started), Some(ended)) => {
            t!("Thought for {time}", time = duration(ended.since(*started)))
        }
        (None, Some(_)) => t("Thought").to_owned(),
        (_, None) if row.cut_off => t("Thought, cut off").to_owned(),
        (_, None) => t("Thinking").to_owned(),
    };
    let mut all = vec![summary(row, html! { (title) })];
    let (blocks, memo) = blocks(place, row, memo, whole);
    all.extend(blocks);
    let key = format!("p:{}", row.id);
    Fragment {
        memo,
        ..assemble(
            row,
            html! { (StartTag("details", &key, "aside thought")) },
            all,
            "</details>",
        )
    }
}

/// The markdown blocks of a part, its gaps between them.
fn blocks(
    place: &PartContext<'_>,
    row: &PartRow,
    memo: Option<&Memo>,
    whole: bool,
) -> (Vec<Block>, Memo) {
    let mut htmls: Vec<Arc<str>> = Vec::new();
    let mut next = Memo::default();
    let mut cut = false;
    match &row.open {
        None => {
            let text = row.kind.text().unwrap_or_default();
            let seen = shown(text, whole);
            cut = seen.len() < text.len();
            htmls.extend(markdown::whole(seen));
        }
        Some(open) => {
            let known: Vec<&str> = open
                .segments()
                .iter()
                .filter_map(known)
                .map(|text| shown(text, whole))
                .collect();
            let (drawn, memo) = markdown::open(&known, memo);
            next = memo;
            let mut drawn = drawn.into_iter();
            for segment in open.segments() {
                match segment {
                    Segment::Known(_) => htmls.extend(drawn.next().into_iter().flatten()),
                    Segment::Gap => htmls.push(
                        format!(
                            "<span class=\"chip\">⟨{}⟩</span>",
                            t("some text is missing here")
                        )
                        .into(),
                    ),
                }
            }
        }
    }
    let mut blocks: Vec<Block> = htmls
        .into_iter()
        .enumerate()
        .map(|(at, html)| block(row, &at.to_string(), html))
        .collect();
    if cut {
        blocks.insert(0, cut_note(place, row));
    }
    if row.cut_off {
        blocks.push(block(row, "cut", "<span class=\"chip\">cut off</span>"));
    }
    (blocks, next)
}

fn known(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Known(text) => Some(text),
        Segment::Gap => None,
    }
}

fn cut_note(place: &PartContext<'_>, row: &PartRow) -> Block {
    let url = fragment_url(place.look, &format!("p:{}", row.id), row.rev) + "&whole=1";
    let html =
        html! { a.more href=(url) data-do="whole" { (t("Only the end is shown. Show all")) } };
    Block {
        streams: false,
        ..block(row, "more", html.into_string())
    }
}

/// The end of a long text, from a paragraph on; its beginning moves on in steps.
fn shown(text: &str, whole: bool) -> &str {
    if whole || text.len() <= limits::TEXT_BYTES {
        return text;
    }
    let least = text.len() - limits::TEXT_BYTES;
    let mut from = least.next_multiple_of(limits::TEXT_STEP).min(text.len());
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let tail = &text[from..];
    tail.find("\n\n").map_or(tail, |at| &tail[at + 2..])
}
