//! Whether a page shows what one that is drawn afresh would show.

use model::State;
use model::state::Rev;
use model::view;
use page::{Context, Renderer};

use super::super::core::Invariant;
use super::super::hub::HubLife;
use super::super::page::Page;
use super::super::viewer::{Shown, name};
use super::{Found, wrong};

/// A page that is linked and seen is what it should be.
pub(super) fn same_page(shown: &Shown, state: &State, hub: &HubLife) -> Found {
    if shown.hidden || !shown.linked {
        return wrong(Invariant::Convergence, "is not linked, or not seen");
    }
    if shown.epoch != **hub.engine.epoch() {
        return wrong(Invariant::Convergence, "is of another life of the hub");
    }
    let seen = view::delta(state, &shown.look, Rev(0));
    let context = Context {
        epoch: &shown.epoch,
        version: "sim",
        now: hub.engine.now(),
        recent: &[],
        notices: &[],
        found: &[],
        settings: &page::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    let fresh = Page::of(&Renderer::new().document(&seen, &context));
    let (has, should) = (masked(&shown.page.html()), masked(&fresh.html()));
    if has == should {
        return Ok(());
    }
    let at = has
        .bytes()
        .zip(should.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let show = |html: &str| {
        let mut from = at.saturating_sub(80);
        while !html.is_char_boundary(from) {
            from -= 1;
        }
        html[from..].chars().take(260).collect::<String>()
    };
    wrong(
        Invariant::View,
        format!(
            "at {} (rev {} of {}) shows …{}… instead of …{}…",
            name(&shown.look),
            shown.rev,
            state.rev.0,
            show(&has),
            show(&should)
        ),
    )
}

/// What changes without a revision is not compared: the time of the last event, and counters.
fn masked(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let begin = "<dt>Last event</dt>";
    if let Some(at) = rest.find(begin) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = rest.find("</dd>").map_or("", |end| &rest[end + 5..]);
    }
    for counted in ["<dt>Unknown events</dt>", "<dt>Unreadable events</dt>"] {
        if let Some(at) = rest.find(counted) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = rest.find("</dd>").map_or("", |end| &rest[end + 5..]);
        }
    }
    out.push_str(rest);
    out
}
