//! The lines of one file: unified or side by side, with gaps that open and comments in their places.

use std::collections::BTreeMap;
use std::ops::Range;

use changes::{FileDiff, Gap, Hunk, Row, RowKind, words};
use maud::{Markup, PreEscaped, html};

use super::code::{Side, plain_line};
use super::comments::{CommentSide, ReviewComment, comment};
use super::in_words;
use crate::language::{key, t};
use crate::limits;
use crate::markdown::language_of_path;
use crate::words::bytes;

/// The two sides of an image.
#[derive(Clone, Debug, Default)]
pub struct ReviewPicture {
    /// The address before.
    pub old: Option<String>,
    /// The address after.
    pub new: Option<String>,
}

/// What is drawn of a file.
#[derive(Clone, Debug)]
pub struct FileView<'a> {
    /// Its path as text.
    pub path: &'a str,
    /// Its sides.
    pub diff: &'a FileDiff,
    /// Identifies both sides, so that nothing else is staged than what was seen.
    pub seen: &'a str,
    /// True for both sides beside each other.
    pub split: bool,
    /// How many rows were drawn already; the next ones follow.
    pub from: usize,
    /// Comments on this file.
    pub comments: Vec<ReviewComment>,
    /// The image, if it is one.
    pub picture: Option<ReviewPicture>,
    /// The size of a binary file after, in bytes.
    pub size: Option<u64>,
    /// Why there are no lines, in sentences.
    pub trouble: Vec<String>,
    /// True if a merge left both sides in it.
    pub conflicted: bool,
    /// True if it is a repository of its own.
    pub repository: bool,
}

/// Stretches of lines that changed, by side and number.
#[derive(Default)]
struct Marks {
    old: BTreeMap<usize, Vec<Range<usize>>>,
    new: BTreeMap<usize, Vec<Range<usize>>>,
}

/// A line of the drawing.
enum Item<'a> {
    Gap(&'a Gap),
    Row(&'a Row),
    Pair(Option<&'a Row>, Option<&'a Row>),
    HunkStart(usize),
}

/// Draws a file, or the next part of one.
pub fn review_file(view: &FileView<'_>) -> String {
    let (hunks, after) = view.diff.hunks(limits::REVIEW_CONTEXT);
    let items = items(&hunks, after.as_ref(), view.split);
    let end = (view.from + limits::REVIEW_ROWS).min(items.len());
    let part = items.get(view.from..end).unwrap_or_default();
    let drawing = Drawing::new(view, part);
    let left = items.len() - end;
    let html = html! {
        div.difflines.split[view.split] data-seen=(view.seen) data-whole[view.diff.is_whole()] {
            @if view.from == 0 { (notes(view)) (drawing.apart(view, &items)) }
            @for item in part { (drawing.item(item, view)) }
            @if left > 0 {
                button.gap type="button" data-do="review-more" data-from=(end) { (t!("{n} more line", "{n} more lines", n = left)) }
            }
        }
    };
    html.into_string()
}

/// Draws lines of a gap: as many as asked for, from these numbers on.
pub fn review_lines(path: &str, diff: &FileDiff, split: bool, gap: Gap) -> String {
    let rows: Vec<Row> = (0..gap.lines.min(limits::REVIEW_ROWS))
        .map(|nth| Row {
            kind: RowKind::Same,
            old: Some(gap.old + nth),
            new: Some(gap.new + nth),
        })
        .filter(|row| row.new.and_then(|at| diff.new_line(at)).is_some())
        .collect();
    let view = FileView {
        path,
        diff,
        seen: "",
        split,
        from: 0,
        comments: Vec::new(),
        picture: None,
        size: None,
        trouble: Vec::new(),
        conflicted: false,
        repository: false,
    };
    let items: Vec<Item<'_>> = match split {
        true => rows
            .iter()
            .map(|row| Item::Pair(Some(row), Some(row)))
            .collect(),
        false => rows.iter().map(Item::Row).collect(),
    };
    let drawing = Drawing::new(&view, &items);
    let left = gap.lines - rows.len().min(gap.lines);
    let rest = Gap {
        old: gap.old + rows.len(),
        new: gap.new + rows.len(),
        lines: left,
        known: true,
    };
    let html = html! {
        @for item in &items { (drawing.item(item, &view)) }
        @if left > 0 && !rows.is_empty() { (drawing.item(&Item::Gap(&rest), &view)) }
    };
    html.into_string()
}

fn notes(view: &FileView<'_>) -> Markup {
    html! {
        @if !view.trouble.is_empty() { p.note { (in_words(&view.trouble)) } }
        @if let Some((old, new)) = view.diff.line_ends_only() {
            p.note {
                @match (old, new) {
                    (Some(old), Some(new)) if old != new => { (t!("Only line ends changed: {old} → {new}.", old = old.word(), new = new.word())) },
                    _ => (t("Only the end of the last line changed.")),
                }
            }
        }
        @if let Some(picture) = &view.picture {
            div.pictures {
                @for (url, word) in [(&picture.old, t("Before")), (&picture.new, t("After"))] {
                    @if let Some(url) = url { figure { img src=(url) alt=(word) loading="lazy"; figcaption { (word) } } }
                }
            }
        } @else if view.diff.is_binary() {
            p.note { @match view.size {
                Some(size) => (t!("A binary file of {size}. Its content is not shown.", size = bytes(size))),
                None => (t("A binary file. Its content is not shown.")),
            } }
        } @else if view.trouble.is_empty() && view.diff.changes().next().is_none() {
            p.note { (t(unchanged(view))) }
        }
    }
}

/// Why a file is listed of which no line changed.
fn unchanged(view: &FileView<'_>) -> &'static str {
    match (view.conflicted, view.repository) {
        (true, _) => key(
            "It is in conflict, and no line differs: one side deleted or moved it. Press s to keep it as it is, or delete it.",
        ),
        (_, true) => key("A repository of its own. Its files are not listed here."),
        _ => key("No line changed."),
    }
}

fn items<'a>(hunks: &'a [Hunk], after: Option<&'a Gap>, split: bool) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    for (nth, hunk) in hunks.iter().enumerate() {
        items.extend(hunk.before.iter().map(Item::Gap));
        items.push(Item::HunkStart(nth));
        match split {
            false => items.extend(hunk.rows.iter().map(Item::Row)),
            true => pairs(&hunk.rows, &mut items),
        }
    }
    items.extend(after.map(Item::Gap));
    items
}

/// Lines that go beside those that come in their place.
fn pairs<'a>(rows: &'a [Row], items: &mut Vec<Item<'a>>) {
    let kind = |row: &Row| row.kind == RowKind::Same;
    for run in rows.chunk_by(|a, b| kind(a) == kind(b)) {
        if run.first().is_some_and(kind) {
            items.extend(run.iter().map(|row| Item::Pair(Some(row), Some(row))));
            continue;
        }
        for (gone, come) in changes_of(run) {
            let lines = gone.len().max(come.len());
            items.extend((0..lines).map(|nth| Item::Pair(gone.get(nth), come.get(nth))));
        }
    }
}

/// The changes of rows that follow each other: what goes, then what comes.
fn changes_of(rows: &[Row]) -> Vec<(&[Row], &[Row])> {
    let mut changes = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let of = |rest: &[Row], kind| rest.iter().take_while(|row| row.kind == kind).count();
        let gone = of(rest, RowKind::Gone);
        let come = of(&rest[gone..], RowKind::Come);
        if gone + come == 0 {
            rest = &rest[1..];
            continue;
        }
        changes.push((&rest[..gone], &rest[gone..gone + come]));
        rest = &rest[gone + come..];
    }
    changes
}

struct Drawing {
    old: Side,
    new: Side,
    marks: Marks,
}

impl Drawing {
    fn new(view: &FileView<'_>, items: &[Item<'_>]) -> Self {
        let rows: Vec<&Row> = items
            .iter()
            .flat_map(|item| match item {
                Item::Row(row) => [Some(*row), None],
                Item::Pair(old, new) => [*old, *new],
                Item::Gap(_) | Item::HunkStart(_) => [None, None],
            })
            .flatten()
            .collect();
        let language = language_of_path(view.path);
        let numbers = |of: fn(&Row) -> Option<usize>| {
            let mut numbers: Vec<usize> = rows.iter().filter_map(|row| of(row)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        let gone = numbers(|row| row.old.filter(|_| row.kind == RowKind::Gone));
        let come = numbers(|row| row.new);
        Self {
            old: Side::draw(view.diff, false, language, &gone),
            new: Side::draw(view.diff, true, language, &come),
            marks: Marks::of(view.diff, &gone, &come),
        }
    }

    fn item(&self, item: &Item<'_>, view: &FileView<'_>) -> Markup {
        html! {
            @match item {
                Item::HunkStart(nth) => div.hunk data-hunk=(nth) {},
                Item::Gap(gap) => (gap_line(gap)),
                Item::Row(row) => {
                    div.r.(class(row.kind)) data-o=[row.old] data-n=[row.new] {
                        i { @if let Some(number) = row.old { (number) } } i { @if let Some(number) = row.new { (number) } }
                        (self.code(row, view))
                    }
                    (beside(view, row.old.filter(|_| row.kind == RowKind::Gone), row.new))
                },
                Item::Pair(old, new) => {
                    @let old_number = old.and_then(|row| row.old);
                    @let new_number = new.and_then(|row| row.new);
                    div.r.pair data-o=[old_number] data-n=[new_number] data-changed[!is_same(*old)] {
                        i { @if let Some(number) = old_number { (number) } }
                        div.half.(old.map_or("none", |row| class(row.kind))) { @if let Some(row) = old { (self.code(row, view)) } }
                        i { @if let Some(number) = new_number { (number) } }
                        div.half.(new.map_or("none", |row| class(row.kind))) { @if let Some(row) = new { (self.code(row, view)) } }
                    }
                    (beside(view, old_number.filter(|_| !is_same(*old)), new_number))
                },
            }
        }
    }

    fn code(&self, row: &Row, view: &FileView<'_>) -> Markup {
        let (line, number, side, marks) = match (row.kind, row.old, row.new) {
            (RowKind::Gone, Some(at), _) => {
                (view.diff.old(at), at, &self.old, self.marks.old.get(&at))
            }
            (_, _, Some(at)) => (
                view.diff.new_line(at),
                at,
                &self.new,
                self.marks.new.get(&at),
            ),
            _ => return html! {},
        };
        let line = line.unwrap_or_default();
        let text = plain_line(line);
        let marks = marks.map_or(&[][..], Vec::as_slice);
        html! {
            code { (PreEscaped(side.line(number, &text, marks))) }
            @if !line.ends_with(b"\n") { span.noend title=(t("No line end at the end of the file")) { "⏎̸" } }
        }
    }

    /// Comments whose lines are not among those that are drawn.
    fn apart(&self, view: &FileView<'_>, items: &[Item<'_>]) -> Markup {
        let drawn = |one: &&ReviewComment| {
            items.iter().any(|item| match item {
                Item::Row(row) => {
                    ends_at(one, row.old.filter(|_| row.kind == RowKind::Gone), row.new)
                }
                Item::Pair(old, new) => {
                    let gone = old.filter(|row| row.kind == RowKind::Gone);
                    ends_at(
                        one,
                        gone.and_then(|row| row.old),
                        new.and_then(|row| row.new),
                    )
                }
                Item::Gap(_) | Item::HunkStart(_) => false,
            })
        };
        html! { @for one in view.comments.iter().filter(|one| !drawn(one)) { (comment(one, true)) } }
    }
}

impl Marks {
    /// Compares the lines of each change that replaces as many lines as it brings, where one of a pair is drawn. `gone` and `come` are the
    /// numbers of what is drawn, in order.
    fn of(diff: &FileDiff, gone: &[usize], come: &[usize]) -> Self {
        let within = |range: &Range<usize>, drawn: &[usize]| {
            let from = drawn.partition_point(|at| *at < range.start);
            drawn.get(from).is_some_and(|at| *at < range.end)
        };
        let is_drawn =
            |old, new| gone.binary_search(&old).is_ok() || come.binary_search(&new).is_ok();
        let mut marks = Self::default();
        for change in diff.changes() {
            let paired = change.old.len() == change.new.len();
            if !paired || !(within(&change.old, gone) || within(&change.new, come)) {
                continue;
            }
            let pairs = change.old.clone().zip(change.new.clone());
            for (old, new) in pairs.filter(|(old, new)| is_drawn(*old, *new)) {
                let text = |line: Option<&[u8]>| plain_line(line.unwrap_or_default());
                if let Some(spans) = words(&text(diff.old(old)), &text(diff.new_line(new))) {
                    marks.old.insert(old, spans.old);
                    marks.new.insert(new, spans.new);
                }
            }
        }
        marks
    }
}

/// True if a comment ends at a row with these numbers.
fn ends_at(comment: &ReviewComment, old: Option<usize>, new: Option<usize>) -> bool {
    let last = comment.lines.map(|(_, last)| last);
    match comment.side {
        CommentSide::Old => last.is_some() && last == old,
        CommentSide::New => last.is_some() && last == new,
        CommentSide::File => false,
    }
}

fn beside(view: &FileView<'_>, old: Option<usize>, new: Option<usize>) -> Markup {
    let here = view.comments.iter().filter(|one| ends_at(one, old, new));
    html! { @for one in here { (comment(one, false)) } }
}

fn gap_line(gap: &Gap) -> Markup {
    html! {
        @if gap.known {
            button.gap type="button" data-do="review-gap" data-o=(gap.old) data-n=(gap.new) data-lines=(gap.lines) {
                (t!("Show {n} line", "Show {n} lines", n = gap.lines))
            }
        } @else { div.gap { (t!("{n} line is not in the patch", "{n} lines are not in the patch", n = gap.lines)) } }
    }
}

fn is_same(row: Option<&Row>) -> bool {
    row.is_some_and(|row| row.kind == RowKind::Same)
}

fn class(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Same => "same",
        RowKind::Gone => "del",
        RowKind::Come => "add",
    }
}
