//! Markdown to safe HTML, one top-level block at a time.
//!
//! A streaming text is drawn again only from its last unsealed block. A block is sealed once a later block begins
//! on a complete line: then no later line can change it. (A link definition after its use can: a text is
//! drawn whole once more when it ends.) Raw HTML stays text, images become links, and all output passes a sanitizer
//! at the end. Where drawing would take too long, the rest is plain ([`budget`]); how much of a text is drawn depends on the text
//! alone, and not on its increments.

mod budget;
mod cjk;
mod code;
mod lex;
mod sanitizer;
mod write;

use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser};

use budget::Work;
use cjk::Prepared;
use code::{Coloured, Growing};
pub(crate) use lex::{highlight, language_of_path};

/// A block that no later line can change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sealed {
    source: Arc<str>,
    html: Arc<str>,
    /// The work that it took of the text's budget.
    work: usize,
}

/// State that the next render of the same text reuses, by known piece of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    pieces: Vec<CachedPiece>,
}

/// The state of a piece: its sealed blocks, and the code in the open block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CachedPiece {
    sealed: Vec<Sealed>,
    code: Vec<Coloured>,
}

impl Memo {
    /// Bytes of this state beside the drawn blocks.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(CachedPiece::bytes).sum()
    }
}

impl CachedPiece {
    fn bytes(&self) -> usize {
        let sealed = self.sealed.iter();
        let sealed = sealed.map(|sealed| size_of::<Sealed>() + sealed.source.len());
        let code = self.code.iter().map(Coloured::bytes);
        size_of::<Self>() + sealed.chain(code).sum::<usize>()
    }
}

/// Draws a streaming text: one list of blocks for each of its known pieces.
pub(crate) fn open(pieces: &[&str], memo: Option<&Memo>) -> (Vec<Vec<Arc<str>>>, Memo) {
    let mut drawn = Vec::new();
    let mut next = Memo::default();
    let mut work = Work::default();
    for (at, piece) in pieces.iter().enumerate() {
        let known = memo.and_then(|memo| memo.pieces.get(at));
        let (blocks, known) =
            open_piece(piece, known.unwrap_or(&CachedPiece::default()), &mut work);
        drawn.push(blocks);
        next.pieces.push(known);
    }
    (drawn, next)
}

/// Draws a complete text.
pub(crate) fn whole(text: &str) -> Vec<Arc<str>> {
    let mut work = Work::default();
    let head = work.head(text);
    let drawn = blocks(head, None, &mut work);
    let mut htmls: Vec<Arc<str>> = drawn.htmls.into_iter().map(Into::into).collect();
    htmls.extend(budget::plain(&text[drawn.end..]));
    htmls
}

fn open_piece(text: &str, known: &CachedPiece, work: &mut Work) -> (Vec<Arc<str>>, CachedPiece) {
    let head = work.head(text);
    let mut sealed: Vec<Sealed> = Vec::new();
    let mut from = 0;
    for block in &known.sealed {
        if !head[from..].starts_with(&*block.source) || !work.spend(block.work) {
            break;
        }
        from += block.source.len();
        sealed.push(block.clone());
    }
    let complete = head.rfind('\n').map_or(0, |at| at + 1).max(from);
    let begins = from;
    let mut spent = false;
    // Each block but the last is drawn from its own source, as if it were the first.
    for start in starts(&head[begins..complete]).into_iter().skip(1) {
        let to = begins + start;
        let Some(block) = seal(&head[from..to], work) else {
            spent = true;
            break;
        };
        sealed.push(block);
        from = to;
    }
    let mut htmls: Vec<Arc<str>> = sealed.iter().map(|block| block.html.clone()).collect();
    let mut code = Vec::new();
    if !spent {
        let mut growing = Growing::new(&known.code);
        let drawn = blocks(&head[from..], Some(&mut growing), work);
        htmls.extend(drawn.htmls.into_iter().map(Arc::from));
        from += drawn.end;
        code = growing.into_drawn();
    }
    htmls.extend(budget::plain(&text[from..]));
    (htmls, CachedPiece { sealed, code })
}

/// Draws a sealed block, if the budget allows.
fn seal(source: &str, work: &mut Work) -> Option<Sealed> {
    let before = work.spent();
    let drawn = blocks(source, None, work);
    (drawn.end == source.len()).then(|| Sealed {
        source: source.into(),
        html: drawn.htmls.concat().into(),
        work: work.spent() - before,
    })
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// The beginnings of top-level blocks, each at the start of a line.
fn starts(text: &str) -> Vec<usize> {
    let mut depth = 0_usize;
    let mut starts = Vec::new();
    let prepared = Prepared::new(text);
    for (event, range) in Parser::new_ext(prepared.text(), options()).into_offset_iter() {
        if depth == 0 && !matches!(event, Event::End(_)) {
            let line = line_start(text, prepared.place(range.start));
            if starts.last() != Some(&line) {
                starts.push(line);
            }
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if let Some(first) = starts.first_mut() {
        *first = 0;
    }
    starts
}

/// Top-level blocks of the drawn part of a text.
struct Blocks {
    htmls: Vec<String>,
    /// The end of the drawn part.
    end: usize,
}

/// A parsed top-level block.
struct ParsedBlock<'a> {
    start: usize,
    events: Vec<Event<'a>>,
}

/// Draws top-level blocks as far as the budget allows; the last of them may grow if `growing` is present.
fn blocks(text: &str, growing: Option<&mut Growing<'_>>, work: &mut Work) -> Blocks {
    let mut htmls = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    let mut group: Vec<Event<'_>> = Vec::new();
    // The last one is drawn in another way, so one is always held back.
    let mut held: Option<ParsedBlock<'_>> = None;
    let prepared = Prepared::new(text);
    for (event, range) in Parser::new_ext(prepared.text(), options()).into_offset_iter() {
        if group.is_empty() {
            start = prepared.place(range.start);
        }
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        group.push(prepared.read(event));
        if depth > 0 && !budget::is_too_much(depth, group.len()) {
            continue;
        }
        if let Some(before) = held.take() {
            match draw(before.events, None, work) {
                Some(html) => htmls.push(html),
                None => {
                    return Blocks {
                        htmls,
                        end: line_start(text, before.start),
                    };
                }
            }
        }
        if depth > 0 {
            return Blocks {
                htmls,
                end: line_start(text, start),
            };
        }
        held = Some(ParsedBlock {
            start,
            events: std::mem::take(&mut group),
        });
    }
    let mut end = text.len();
    if let Some(last) = held {
        match draw(last.events, growing, work) {
            Some(html) => htmls.push(html),
            None => end = line_start(text, last.start),
        }
    }
    Blocks { htmls, end }
}

/// Draws a block, if the budget allows.
fn draw(
    events: Vec<Event<'_>>,
    growing: Option<&mut Growing<'_>>,
    work: &mut Work,
) -> Option<String> {
    let Some(growing) = growing else {
        let html = write::html(events, None);
        return work
            .spend(budget::work(&html))
            .then(|| sanitizer::clean(&html));
    };
    let html = write::html(events, Some(growing));
    let needs = budget::work(&html) + growing.work();
    work.spend(needs)
        .then(|| growing.fill(&sanitizer::clean(&html)))
}

/// The beginning of the line that contains this position.
fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |line| line + 1)
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod long;
#[cfg(test)]
mod tests;
