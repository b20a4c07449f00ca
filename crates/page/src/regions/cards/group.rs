//! Permission requests of several sessions with the same tool, content, scope and folder, as one card. Each is listed with a tick box
//! and, for a shell command, the description that its model gave; one act answers those that are ticked. No *Always*: its reach is not
//! shown here. Requests of different folders stay apart: the same command does something else there
//! (`docs/adr/0019-what-is-granted-together.md`).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use maud::{Markup, html};
use model::plain;
use model::state::{Permission, Piece};
use model::view::{NeedKind, NeedRow};

use super::{Size, content, permission_url};
use crate::fragment::Block;
use crate::language::{m, t};
use crate::limits;
use crate::regions::{ago, item};
use crate::words::session_path;

/// A request with the rows whose requests are equal, itself included; oldest first.
pub(super) struct Equal<'a> {
    permission: &'a Permission,
    rows: Vec<&'a NeedRow>,
    /// Its number among the groups of the same content.
    nth: usize,
}

/// What requests have in common that can be answered together: the tool, its whole content without descriptions, its scope and its
/// folder.
type Sameness<'a> = (
    &'a str,
    Vec<&'a Piece>,
    &'a [Arc<str>],
    &'a [Arc<str>],
    &'a str,
);

fn sameness<'a>(row: &'a NeedRow, permission: &'a Permission) -> Sameness<'a> {
    let pieces = permission.content.pieces.iter();
    let runs = pieces.filter(|piece| content::description(permission, piece).is_none());
    (
        &permission.permission,
        runs.collect(),
        &permission.patterns,
        &permission.always,
        &row.directory,
    )
}

fn permission(row: &NeedRow) -> Option<&Permission> {
    match &row.kind {
        NeedKind::Permission(permission) => Some(permission),
        NeedKind::Question(_) => None,
    }
}

/// True for a request that a small card can allow.
fn grants(row: &NeedRow) -> Option<&Permission> {
    let can = |one: &&Permission| content::why_not(one, Size::Small).is_none();
    permission(row)
        .filter(can)
        .filter(|_| !row.stopped && row.live)
}

/// Groups of equal requests by the place of their first among `rows`; the places of the others are in the second set.
pub(super) fn equal(rows: &[NeedRow]) -> (HashMap<usize, Equal<'_>>, Vec<usize>) {
    let mut first: Vec<(Sameness<'_>, usize)> = Vec::new();
    let mut groups: HashMap<usize, Equal<'_>> = HashMap::new();
    let mut places: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut known: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(permission) = grants(row) else {
            continue;
        };
        let same = sameness(row, permission);
        let alike = known.entry(hash(&same)).or_default();
        let open = alike.iter().copied().find(|nth| {
            let (other, begin) = &first[*nth];
            let full = groups[begin].rows.len() >= limits::EQUAL_REQUESTS;
            *other == same && !full && other_sessions(&groups[begin], row)
        });
        match open {
            Some(nth) => {
                let begin = first[nth].1;
                if let Some(group) = groups.get_mut(&begin) {
                    group.rows.push(row);
                    places.entry(begin).or_default().push(at);
                }
            }
            None => {
                let nth = alike.len();
                alike.push(first.len());
                first.push((same, at));
                let rows = vec![row];
                groups.insert(
                    at,
                    Equal {
                        permission,
                        rows,
                        nth,
                    },
                );
            }
        }
    }
    groups.retain(|_, group| group.rows.len() > 1);
    let others = places.into_values().flatten().collect();
    (groups, others)
}

/// True if no request of the group is of the same session.
fn other_sessions(group: &Equal<'_>, row: &NeedRow) -> bool {
    let same = |one: &&NeedRow| one.instance == row.instance && one.session == row.session;
    !group.rows.iter().any(same)
}

fn hash(same: &Sameness<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (kind, pieces, patterns, always, directory) = same;
    (kind, patterns, always, directory).hash(&mut hasher);
    for piece in pieces {
        match piece {
            Piece::Command(text) => text.hash(&mut hasher),
            Piece::Diff { path, diff } => (path, diff).hash(&mut hasher),
            Piece::Field { name, value } => (name, value).hash(&mut hasher),
        }
    }
    hasher.finish()
}

impl Equal<'_> {
    /// The card. Its form names all of its requests with their content, so that it counts as another card once one comes or goes.
    pub(super) fn block(&self) -> Block {
        let first = self.rows[0];
        let same = hash(&sameness(first, self.permission));
        let key = format!("q:{same:016x}-{}", self.nth);
        let what = format!("{key}:what");
        let members: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| Some((*row, permission(row)?)))
            .collect();
        let mut hasher = DefaultHasher::new();
        for (row, one) in &members {
            (
                row.instance.as_str(),
                one.id.as_str(),
                &one.content.fingerprint,
            )
                .hash(&mut hasher);
        }
        let all = format!("{:016x}", hasher.finish());
        item(
            key.clone(),
            "card",
            html! {
                form data-k={ "f:" (key) } data-do="permission" data-group data-url={ "group:" (key) } data-fingerprint=(all)
                    autocomplete="off" role="group" aria-labelledby=(what) {
                    div.ask {
                        p.what id=(what) {
                            span.mark.need aria-hidden="true" { "◆" } " "
                            (m!("{what}, the same in {many} sessions", what = content::verb(self.permission), many = members.len()))
                        }
                        p.from { (plain::line(&first.instance_name, limits::TITLE_CHARS)) " · " (ago(first.asked)) }
                        @if !first.directory.is_empty() { p.in { (m!("In {folder}", folder = html! { code { (plain::line(&first.directory, usize::MAX)) } })) } }
                        div.whole role="region" aria-label=(t("What would run, and for whom")) tabindex="0" {
                            (content::pieces(self.permission, |piece| content::description(self.permission, piece).is_none()))
                            ul.same { @for (row, one) in &members { (member(row, one)) } }
                        }
                        p.unread { (t("Scroll to the end to allow this.")) }
                        div.row {
                            button.main type="button" data-do="reply" value="once" { (t("Allow once")) kbd.key aria-hidden="true" { "a" } }
                            button type="button" data-do="reply" value="reject" { (t("Reject")) kbd.key aria-hidden="true" { "x" } }
                        }
                    }
                }
                p.problem role="alert" hidden {}
            },
        )
    }
}

/// One request of the group: ticked at first.
fn member(row: &NeedRow, permission: &Permission) -> Markup {
    let session = row.way.last().unwrap_or(&row.title);
    let title = plain::line(session, limits::TITLE_CHARS);
    let url = permission_url(row, permission);
    let pieces = permission.content.pieces.iter();
    let described = pieces.filter_map(|piece| content::description(permission, piece));
    html! {
        li data-k={ "e:" (permission.id) } {
            label.option {
                input type="checkbox" checked autocomplete="off" data-url=(url) data-fingerprint=(permission.content.fingerprint)
                    data-title=(title);
                span {
                    (title)
                    @if !row.way.is_empty() { span.quiet { (t!(", subagent of {titles}", titles = t!("“{title}”", title = plain::line(&row.title, limits::TITLE_CHARS)))) } }
                    @if let Some(agent) = &row.agent { span.quiet { " · " (t!("agent {name}", name = plain::line(agent, limits::TITLE_CHARS))) } }
                    @for text in described { span.quiet { ": " (content::marked(text)) } }
                }
            }
            a href=(session_path(row.instance.as_str(), row.session.as_str())) { (t("Open")) }
        }
    }
}
