//! The regions around a conversation, each a keyed element.
//!
//! Only what was given is drawn. Times are left to the page's clock: they are elements with the moment in `data-at`.

mod cards;
mod composer;
pub(crate) mod found;
mod head;
mod log;
mod notices;
mod overview;
pub(crate) mod parallel;
mod queue;
mod sessions;
mod side;
pub(crate) mod since;
mod tabs;
mod tree;

use maud::{Markup, html};
use model::time::Timestamp;
use model::view::{Mark, ViewDelta};

pub(crate) use overview::why;
pub(crate) use tree::archived;

use crate::fragment::{Block, Child, Fragment};
use crate::language::t;
use crate::markdown::Memo;
use crate::words;

/// Every region that `seen` has news of.
pub(crate) fn all(seen: &ViewDelta) -> Vec<Fragment> {
    let look = &seen.viewport;
    let mut all = Vec::new();
    if let Some(rows) = &seen.overview {
        all.push(overview::head(rows));
        all.push(overview::overview(look, rows));
    }
    if let Some(page) = &seen.parallel {
        all.extend(parallel::parallel(look, page));
    }
    if let Some(rows) = &seen.tabs {
        all.push(tabs::tabs(look, rows));
        all.push(tabs::calm(rows));
    }
    all.extend(seen.notices.as_deref().map(notices::notices));
    if let Some(rows) = &seen.needs {
        let attention = seen.attention.as_deref();
        all.extend(attention.map(|attention| cards::needs(rows, attention)));
        all.push(cards::asks(look, rows));
    }
    all.extend(seen.tree.as_ref().map(|rows| tree::tree(seen, rows)));
    all.extend(seen.strip.as_ref().map(|rows| sessions::strip(look, rows)));
    if let Some(row) = &seen.head {
        all.push(head::head(look, row));
        all.push(head::trouble(row));
    }
    let standing = seen.standing.as_ref().map(overview::standing);
    all.extend(standing.or_else(|| seen.head.as_ref().map(|_| overview::standing_of_none())));
    if let Some(rows) = &seen.log {
        if rows.order.is_some() {
            all.push(log::before(look, rows));
        }
        all.push(log::after(look, rows));
    }
    all.extend(seen.queue.as_ref().map(|row| queue::queue(look, row)));
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

use head::login;
use overview::tool;

/// Shape of a state, with its label for screen readers.
fn shape(mark: Mark) -> Markup {
    html! { span.mark.(words::colour(mark)) aria-hidden="true" { (mark.shape()) } span.hear { (t(mark.word())) " " } }
}

/// Relative time, in steps of a minute.
pub(crate) fn ago(at: Timestamp) -> Markup {
    html! { time data-at=(at.0) data-form="ago" {} }
}
