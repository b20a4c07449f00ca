//! Markdown to safe HTML, one top-level block at a time.
//!
//! A text that streams is drawn again only from its last unsealed block. A block is sealed once a later block begins
//! on a complete line: then no later line can change it. (A link definition that comes after its use can: a text is
//! drawn whole once more when it ends.) Raw HTML stays text, images become links, and everything passes a sanitiser
//! at the end. Nothing here decides which text is drawn.

mod code;
mod lex;
mod wall;
mod write;

use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser};

use code::{Coloured, Growing};
pub(crate) use lex::{highlight, language_of_path};

/// A block that can no longer change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sealed {
    source: Arc<str>,
    html: Arc<str>,
}

/// What the next render of the same text can be spared, by known piece of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    pieces: Vec<Known>,
}

/// What is known of a piece: its sealed blocks, and the code in the one that is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    sealed: Vec<Sealed>,
    code: Vec<Coloured>,
}

impl Memo {
    /// Bytes it holds that the blocks drawn from it do not.
    pub(crate) fn bytes(&self) -> usize {
        let of = |known: &Known| {
            let sealed = known.sealed.iter().map(|sealed| sealed.source.len());
            sealed
                .chain(known.code.iter().map(Coloured::bytes))
                .sum::<usize>()
        };
        self.pieces.iter().map(of).sum()
    }
}

/// Draws a text that streams: one list of blocks for each of its known pieces.
pub(crate) fn open(pieces: &[&str], memo: Option<&Memo>) -> (Vec<Vec<Arc<str>>>, Memo) {
    let mut drawn = Vec::new();
    let mut next = Memo::default();
    for (at, piece) in pieces.iter().enumerate() {
        let known = memo.and_then(|memo| memo.pieces.get(at));
        let (blocks, known) = open_piece(piece, known.unwrap_or(&Known::default()));
        drawn.push(blocks);
        next.pieces.push(known);
    }
    (drawn, next)
}

/// Draws a text that is whole.
pub(crate) fn whole(text: &str) -> Vec<Arc<str>> {
    blocks(text, None).into_iter().map(Into::into).collect()
}

fn open_piece(text: &str, known: &Known) -> (Vec<Arc<str>>, Known) {
    let mut sealed: Vec<Sealed> = Vec::new();
    let mut rest = text;
    for block in &known.sealed {
        let Some(after) = rest.strip_prefix(&*block.source) else {
            break;
        };
        rest = after;
        sealed.push(block.clone());
    }
    let complete = rest.rfind('\n').map_or(0, |at| at + 1);
    let starts = starts(&rest[..complete]);
    if let Some(last) = starts.last().copied().filter(|last| *last > 0) {
        let (now_sealed, open) = rest.split_at(last);
        let bounds = starts.iter().copied().skip(1);
        let mut from = 0;
        // Each block is drawn from its own source, as it would be if it were the first.
        for to in bounds {
            let source = &now_sealed[from..to];
            let html = blocks(source, None).concat();
            sealed.push(Sealed {
                source: source.into(),
                html: html.into(),
            });
            from = to;
        }
        rest = open;
    }
    let mut drawn: Vec<Arc<str>> = sealed.iter().map(|block| block.html.clone()).collect();
    let mut growing = Growing::new(&known.code);
    let open = blocks(rest, Some(&mut growing));
    drawn.extend(open.into_iter().map(Arc::from));
    let code = growing.into_drawn();
    (drawn, Known { sealed, code })
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Where top-level blocks begin: at the start of a line each.
fn starts(text: &str) -> Vec<usize> {
    let mut depth = 0_usize;
    let mut starts = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if depth == 0 && !matches!(event, Event::End(_)) {
            let line = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
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

/// Top-level blocks; the last of them may grow if `growing` is there.
fn blocks(text: &str, mut growing: Option<&mut Growing<'_>>) -> Vec<String> {
    let mut depth = 0_usize;
    let mut group: Vec<Event<'_>> = Vec::new();
    let mut groups: Vec<Vec<Event<'_>>> = Vec::new();
    for event in Parser::new_ext(text, options()) {
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        group.push(event);
        if depth == 0 {
            groups.push(std::mem::take(&mut group));
        }
    }
    let last = groups.len().saturating_sub(1);
    groups
        .into_iter()
        .enumerate()
        .map(|(at, events)| {
            let Some(growing) = growing.as_deref_mut().filter(|_| at == last) else {
                return wall::clean(&write::html(events, None));
            };
            let html = write::html(events, Some(growing));
            growing.fill(&wall::clean(&html))
        })
        .collect()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
