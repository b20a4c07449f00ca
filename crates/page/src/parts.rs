//! Messages and their parts.
//!
//! A message is a keyed article with a list of parts that travel apart; a part is a keyed element with keyed blocks, so
//! that a text which grows sends its last block only.

mod diff;
mod files;
mod given;
mod message;
mod output;
mod small;
mod text;
mod tool;

use maud::{Markup, html};
use model::state::PartKind;
use model::view::{MessageRow, PartRow, Viewport};

pub(crate) use diff::patch;
pub(crate) use message::{ended, message, messages};

use crate::fragment::{Block, Child, Fragment};
use crate::language::t;
use crate::markdown::Memo;

/// Location of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartContext<'a> {
    /// Viewport that is drawn.
    pub(crate) look: &'a Viewport,
    /// Message of the part.
    pub(crate) message: &'a MessageRow,
}

/// Draws a part. `memo` is that of an earlier render of it; `whole` shows long texts uncut.
pub(crate) fn part(
    place: &PartContext<'_>,
    row: &PartRow,
    memo: Option<&Memo>,
    whole: bool,
) -> Fragment {
    match &row.kind {
        PartKind::Text { ignored: true, .. } => {
            text::folded(place, row, t("Not sent to the model"), whole)
        }
        PartKind::Text {
            synthetic: true, ..
        } => text::folded(place, row, t("Added for the model"), whole),
        PartKind::Text { .. } => text::prose(place, row, memo, whole),
        PartKind::Reasoning { .. } => text::reasoning(place, row, memo, whole),
        PartKind::Tool(tool) => tool::part(place, row, tool, whole),
        PartKind::File(file) => files::part(place, row, file),
        _ => small::part(row),
    }
}

/// Puts a part together from its start tag, blocks and end tag.
fn assemble(row: &PartRow, open: Markup, blocks: Vec<Block>, close: &str) -> Fragment {
    let key = format!("p:{}", row.id);
    Fragment {
        list: key.clone(),
        key,
        tag: open.into_string(),
        open: String::new(),
        children: blocks.into_iter().map(Child::Block).collect(),
        close: close.to_owned(),
        apart: false,
        memo: Memo::default(),
    }
}

/// A part that nothing is shown of.
fn nothing(row: &PartRow) -> Fragment {
    let key = format!("p:{}", row.id);
    assemble(
        row,
        html! { (StartTag("div", &key, "none")) },
        Vec::new(),
        "</div>",
    )
}

/// A block of a part, named by `name` inside of it.
fn block(row: &PartRow, name: &str, html: impl Into<std::sync::Arc<str>>) -> Block {
    let key = format!("b:{}:{name}", row.id);
    let open = html! { (StartTag("div", &key, "")) }.into_string();
    Block {
        key,
        open,
        html: html.into(),
        close: "</div>",
        streams: true,
    }
}

/// The row that opens and closes a folded part.
fn summary(row: &PartRow, html: Markup) -> Block {
    let key = format!("b:{}:head", row.id);
    let open = html! { (StartTag("summary", &key, "")) }.into_string();
    Block {
        key,
        open,
        html: html.into_string().into(),
        close: "</summary>",
        streams: false,
    }
}

/// A start tag with a key and a class: maud itself only writes whole elements.
struct StartTag<'a>(&'static str, &'a str, &'a str);

impl maud::Render for StartTag<'_> {
    fn render_to(&self, buffer: &mut String) {
        let StartTag(tag, key, class) = self;
        buffer.push('<');
        buffer.push_str(tag);
        buffer.push_str(" data-k=\"");
        key.render_to(buffer);
        if !class.is_empty() {
            buffer.push_str("\" class=\"");
            class.render_to(buffer);
        }
        buffer.push('"');
        if *tag == "pre" {
            // What is longer than its box can be moved by keyboard as well.
            buffer.push_str(" tabindex=\"0\"");
        }
        if *tag == "div" && key.starts_with("b:") {
            // What a block begins with says whether it goes from right to left.
            buffer.push_str(" dir=\"auto\"");
        }
        buffer.push('>');
    }
}
