//! Markdown to safe HTML, one top-level block at a time.
//!
//! A text that streams is drawn again only from its last unsealed block. A block is sealed once a later block begins
//! on a complete line: then no later line can change it. (A link definition that comes after its use can: a text is
//! drawn whole once more when it ends.) Raw HTML stays text, images become links, and everything passes a sanitiser
//! at the end. Nothing here decides which text is drawn.

mod code;
mod scan;
mod wall;
mod write;

use std::sync::Arc;

use pulldown_cmark::{Event, Options, Parser};

pub(crate) use code::{highlight, language_of_path};

/// A block that can no longer change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sealed {
    source: Arc<str>,
    html: Arc<str>,
}

/// What the next render of the same text can be spared: its sealed blocks, by known piece of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    pieces: Vec<Vec<Sealed>>,
}

impl Memo {
    /// Bytes it holds that the blocks drawn from it do not.
    pub(crate) fn bytes(&self) -> usize {
        self.pieces
            .iter()
            .flatten()
            .map(|sealed| sealed.source.len())
            .sum()
    }
}

/// Draws a text that streams: one list of blocks for each of its known pieces.
pub(crate) fn open(pieces: &[&str], memo: Option<&Memo>) -> (Vec<Vec<Arc<str>>>, Memo) {
    let mut drawn = Vec::new();
    let mut next = Memo::default();
    for (at, piece) in pieces.iter().enumerate() {
        let known = memo
            .and_then(|memo| memo.pieces.get(at))
            .map_or(&[][..], Vec::as_slice);
        let (blocks, sealed) = open_piece(piece, known);
        drawn.push(blocks);
        next.pieces.push(sealed);
    }
    (drawn, next)
}

/// Draws a text that is whole.
pub(crate) fn whole(text: &str) -> Vec<Arc<str>> {
    blocks(text, false)
        .into_iter()
        .map(|(_, html)| html.into())
        .collect()
}

fn open_piece(text: &str, known: &[Sealed]) -> (Vec<Arc<str>>, Vec<Sealed>) {
    let mut sealed: Vec<Sealed> = Vec::new();
    let mut rest = text;
    for block in known {
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
            let html: String = blocks(source, false)
                .into_iter()
                .map(|(_, html)| html)
                .collect();
            sealed.push(Sealed {
                source: source.into(),
                html: html.into(),
            });
            from = to;
        }
        rest = open;
    }
    let mut drawn: Vec<Arc<str>> = sealed.iter().map(|block| block.html.clone()).collect();
    drawn.extend(
        blocks(rest, true)
            .into_iter()
            .map(|(_, html)| Arc::from(html)),
    );
    (drawn, sealed)
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

/// Top-level blocks, each with where it begins.
fn blocks(text: &str, growing: bool) -> Vec<(usize, String)> {
    let mut depth = 0_usize;
    let mut group: Vec<Event<'_>> = Vec::new();
    let mut from = 0;
    let mut groups: Vec<(usize, Vec<Event<'_>>)> = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        if group.is_empty() {
            from = range.start;
        }
        match &event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        group.push(event);
        if depth == 0 {
            groups.push((from, std::mem::take(&mut group)));
        }
    }
    let last = groups.len().saturating_sub(1);
    groups
        .into_iter()
        .enumerate()
        .map(|(at, (from, events))| {
            (
                from,
                wall::clean(&write::html(events, growing && at == last)),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
