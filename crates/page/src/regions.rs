//! The regions around a conversation, each a keyed element.
//!
//! Only what was given is drawn. Times are left to the page's clock: they are elements with the moment in `data-at`.

mod cards;
mod composer;
mod head;
mod interrupted;
mod log;
mod notices;
mod sessions;
mod side;
mod tabs;

use maud::{Markup, html};
use model::time::Timestamp;
use model::view::{Mark, Seen};

use crate::fragment::{Block, Child, Fragment};
use crate::markdown::Memo;
use crate::words;

/// Every region that `seen` has news of.
pub(crate) fn all(seen: &Seen) -> Vec<Fragment> {
    let look = &seen.look;
    let mut all = Vec::new();
    if let Some(rows) = &seen.tabs {
        all.push(tabs::tabs(look, rows));
        all.push(tabs::calm(rows));
    }
    all.extend(seen.notices.as_deref().map(notices::notices));
    if let Some(rows) = &seen.needs {
        all.push(cards::needs(rows));
        all.push(cards::asks(look, rows));
    }
    all.extend(
        seen.interrupted
            .as_deref()
            .map(|rows| interrupted::interrupted(rows)),
    );
    all.extend(
        seen.tree
            .as_ref()
            .map(|rows| sessions::tree(look, seen.listed, seen.older, rows)),
    );
    all.extend(seen.strip.as_ref().map(|rows| sessions::strip(look, rows)));
    all.extend(seen.head.as_ref().map(head::head));
    if let Some(rows) = &seen.log {
        if rows.order.is_some() {
            all.push(log::before(look, rows));
        }
        all.push(log::after(look, rows));
    }
    all.extend(
        seen.composer
            .as_ref()
            .map(|row| composer::composer(look, row)),
    );
    all.extend(seen.side.as_ref().map(side::side));
    all
}

/// A region made of keyed blocks.
fn list(key: &str, open: String, blocks: Vec<Block>, close: &str) -> Fragment {
    Fragment {
        key: key.to_owned(),
        list: format!("{key}-list"),
        tag: String::new(),
        open,
        children: blocks.into_iter().map(Child::Block).collect(),
        close: close.to_owned(),
        apart: false,
        memo: Memo::default(),
    }
}

/// A keyed item of such a region.
fn item(key: String, class: &str, html: Markup) -> Block {
    let open = maud::html! { (Item(&key, class)) }.into_string();
    Block {
        key,
        open,
        html: html.into_string().into(),
        close: "</li>",
        streams: false,
    }
}

struct Item<'a>(&'a str, &'a str);

impl maud::Render for Item<'_> {
    fn render_to(&self, buffer: &mut String) {
        buffer.push_str("<li data-k=\"");
        self.0.render_to(buffer);
        buffer.push_str("\" class=\"");
        self.1.render_to(buffer);
        buffer.push_str("\">");
    }
}

/// A state's shape, with its word for those who cannot see it.
fn shape(mark: Mark) -> Markup {
    html! { span.mark.(words::colour(mark)) aria-hidden="true" { (mark.shape()) } span.hear { (mark.word()) " " } }
}

/// How long ago something was, in steps of a minute.
fn ago(at: Timestamp) -> Markup {
    html! { time data-at=(at.0) data-form="ago" {} }
}
