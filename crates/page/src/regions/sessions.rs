//! The tabs around the session in front.

use maud::html;
use model::ids::InstanceId;
use model::view::{Mark, SessionRow, Viewport};

use super::{item, list, shape};
use crate::fragment::{Block, Fragment};
use crate::language::{sentence, t};
use crate::words::{session_path, title};

/// The title in full, and why it is as it is where that is not its usual state.
pub(super) fn hint(row: &SessionRow) -> String {
    let reason = row.reason.as_deref();
    let reason = reason
        .filter(|_| row.mark > Mark::ToReview)
        .map(str::to_owned);
    let clashes = row.clashes.iter().map(|clash| clash.sentence());
    let said: Vec<_> = reason.into_iter().chain(clashes).collect();
    let said: Vec<_> = said.iter().map(|one| sentence(one)).collect();
    match said.is_empty() {
        true => title(&row.title).to_owned(),
        false => format!("{}: {}", title(&row.title), said.join(" ")),
    }
}

pub(super) fn strip(look: &Viewport, rows: &[SessionRow]) -> Fragment {
    let id = look.instance.as_ref().map_or("", InstanceId::as_str);
    let open = format!(
        "<nav class=\"strip\" data-k=\"strip\" aria-label=\"{}\"><ul data-k=\"strip-list\">",
        t("Open sessions")
    );
    let mut folded = None;
    let mut tabs = Vec::with_capacity(rows.len());
    let mut folder = None;
    for row in rows {
        if row.depth == 0 {
            tabs.extend(folded.take());
            if let Some(of) = row.folder.as_ref().filter(|of| folder != Some(*of)) {
                tabs.push(place(of, row));
                folder = Some(of);
            }
            folded = (row.folded > 0).then(|| more(row));
        }
        tabs.push(tab(look, id, row));
    }
    tabs.extend(folded);
    list("strip", open, tabs, "</ul></nav>")
}

/// What stands behind a family of which the strip leaves out some: it leads to the list of sessions, which has all.
fn more(root: &SessionRow) -> Block {
    let these = t!(
        "{n} more subagent, which is quiet: see the list of sessions",
        "{n} more subagents, which are quiet: see the list of sessions",
        n = root.folded
    );
    item(
        format!("x+:{}", root.id),
        "child more",
        html! {
            button type="button" data-do="sessions" title=(these) { (t!("+{n} more", "+{n} more", n = root.folded)) }
        },
    )
}

/// The name of a folder before the tabs of its sessions, where the instance has no folder of its own.
fn place(folder: &str, row: &SessionRow) -> Block {
    item(
        format!("xf:{}", row.directory),
        "place",
        html! { span title=(row.directory) { (folder) @if let Some(branch) = &row.branch { " · " (branch) } } },
    )
}

fn tab(look: &Viewport, id: &str, row: &SessionRow) -> Block {
    let class = if row.depth > 0 { "child" } else { "root" };
    item(
        format!("x:{}", row.id),
        class,
        html! {
            a href=(session_path(id, row.id.as_str())) title=(hint(row))
                aria-current=[(look.session.as_ref() == Some(&row.id)).then_some("page")] {
                (shape(row.mark)) span.name { (title(&row.title)) }
                @if row.depth == 0 && row.needs > 0 { span.count.need { (row.needs) } }
            }
        },
    )
}
