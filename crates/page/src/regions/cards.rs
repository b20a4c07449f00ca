//! What waits for a person, as cards: all of it at the side, and what the session in front asks below its conversation.
//!
//! No card has a button that grants as its form's default, and what cannot be shown whole has none at all.

mod attention;
mod content;
mod covers;
mod group;
mod question;

use std::collections::HashSet;

use maud::{Markup, html};
use model::state::Permission;
use model::view::{Attention, AttentionRow, AttentionRows, NeedKind, NeedRow, Viewport};

use super::{ago, list};
use crate::fragment::{Block, Fragment};
use crate::language::{m, t};
use crate::words::{encode, session_path};

/// Size of a card: large below the conversation, small in the side column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Large,
    Small,
}

/// One card: the request, its size, and the prefix of its keys.
#[derive(Clone, Copy)]
struct Card<'a> {
    row: &'a NeedRow,
    size: Size,
}

/// Everything that waits for a person, the most urgent first, then the oldest: requests, equal ones as one card, then what stands still,
/// what runs and goes wrong, and finished turns.
pub(super) fn needs(rows: &[NeedRow], attention: &AttentionRows) -> Fragment {
    let size = Size::Small;
    let (groups, others) = group::equal(rows);
    let others: HashSet<usize> = others.into_iter().collect();
    let requests = rows.iter().enumerate();
    let requests = requests.filter(|(at, _)| !others.contains(at));
    let requests = requests.map(|(at, row)| match groups.get(&at) {
        Some(group) => group.block(),
        None => Card { row, size }.block(),
    });
    let cards = requests.chain(attention.rows.iter().map(attention::card));
    let none = rows.is_empty() && attention.rows.is_empty();
    let hidden = if none { " hidden" } else { "" };
    let open = format!(
        "<section class=\"needs\" data-k=\"needs\" aria-label=\"{}\"{hidden}>{}<ul data-k=\"needs-list\" \
         aria-live=\"polite\">",
        t("Needs you"),
        head(rows.len() + attention.urgent(), attention).into_string()
    );
    let close = match attention.left_out {
        0 => "</ul></section>".to_owned(),
        more => format!(
            "</ul><p class=\"quiet\">{}</p></section>",
            t!(
                "{n} more is in the overview.",
                "{n} more are in the overview.",
                n = more
            )
        ),
    };
    list("needs", open, cards.collect(), &close)
}

/// How many need a person, as the title of the page counts them, how many are to review, and the button that resumes all that was
/// interrupted.
fn head(needs: usize, attention: &AttentionRows) -> Markup {
    let rows = attention.rows.iter();
    let cut: Vec<_> = rows
        .filter(|row| row.kind == Attention::Interrupted)
        .collect();
    let reviews = attention.reviews;
    html! {
        header {
            h2 {
                @if needs > 0 {
                    (t("Needs you")) " " span.count.need { (needs) }
                    @if reviews > 0 { span { (t!("{n} to review", "{n} to review", n = reviews)) } }
                } @else { (t("To review")) " " span.count { (reviews) } }
            }
            // On a phone, which shows one card at a time: which one it is, and the way to the more urgent ones.
            button type="button" data-do="first-need" hidden {}
            @if cut.len() > 1 {
                button type="button" data-do="continue-all" data-ask=(ask_all(&cut)) { (t!("Continue all ({many})", many = cut.len())) }
            }
        }
        p.problem role="alert" hidden {}
    }
}

/// Question of the dialog before all interrupted sessions are resumed.
fn ask_all(rows: &[&AttentionRow]) -> String {
    let away = rows.iter().filter(|row| !row.live).count();
    let all = t!("Continue {many} interrupted sessions?", many = rows.len());
    match away {
        0 => all,
        1 => [
            &all,
            t("The server of one of them is unreachable; that session stays interrupted."),
        ]
        .join(" "),
        away => [
            all,
            t!(
                "The servers of {many} of them are unreachable; those sessions stay interrupted.",
                many = away
            ),
        ]
        .join(" "),
    }
}

/// The address of a session's commands.
fn session_api(instance: &str, session: &str) -> String {
    format!(
        "/api/instances/{}/sessions/{}",
        encode(instance),
        encode(session)
    )
}

/// The address that answers a permission request.
fn permission_url(row: &NeedRow, permission: &Permission) -> String {
    format!(
        "/api/instances/{}/permissions/{}",
        encode(row.instance.as_str()),
        encode(permission.id.as_str())
    )
}

/// A keyed item whose start tag has attributes of its own.
fn block(key: String, open: Markup, html: Markup) -> Block {
    let open = open.into_string();
    Block {
        key,
        open: open.trim_end_matches("</li>").to_owned(),
        html: html.into_string().into(),
        close: "</li>",
        streams: false,
    }
}

pub(super) fn asks(look: &Viewport, rows: &[NeedRow]) -> Fragment {
    let front = |row: &&NeedRow| {
        look.instance.as_ref() == Some(&row.instance)
            && look
                .session
                .as_ref()
                .is_some_and(|front| *front == row.session || *front == row.root)
    };
    let size = Size::Large;
    let cards = rows.iter().filter(front);
    let cards = cards.map(|row| Card { row, size }.block()).collect();
    let open = format!(
        "<section class=\"asks\" data-k=\"asks\" aria-label=\"{}\"><ul data-k=\"asks-list\">",
        t("Waiting for you")
    );
    list("asks", open, cards, "</ul></section>")
}

impl Card<'_> {
    fn block(self) -> Block {
        let body = match &self.row.kind {
            NeedKind::Permission(permission) => self.permission(permission),
            NeedKind::Question(question) => self.question(question),
        };
        let class = if self.row.live { "card" } else { "card off" };
        let root = session_api(self.row.instance.as_str(), self.row.root.as_str());
        let title = model::plain::line(&self.row.title, crate::limits::TITLE_CHARS);
        let open = html! { li data-k=(self.key()) class=(class) data-triage=(root) data-title=(title) data-asks {} };
        block(
            self.key(),
            open,
            html! {
                (body)
                @if !self.row.live { p.quiet.away { (t("The server is unreachable. Your answer is queued and sent once it is back. Someone else may answer first.")) } }
                p.problem role="alert" hidden {}
            },
        )
    }

    /// Names the card among all of the page.
    fn key(self) -> String {
        let prefix = match self.size {
            Size::Large => "a",
            Size::Small => "n",
        };
        let id = match &self.row.kind {
            NeedKind::Permission(permission) => permission.id.as_str(),
            NeedKind::Question(question) => question.id.as_str(),
        };
        format!("{prefix}:{id}")
    }

    /// The id of the line that says what is asked: it names the card to those who do not see it.
    fn what_id(self) -> String {
        encode(&self.key()) + ":what"
    }

    fn session(self) -> String {
        session_path(self.row.instance.as_str(), self.row.session.as_str())
    }

    /// Origin of the request: session, ancestors up to the root, agent, instance.
    fn from(self) -> Markup {
        let row = self.row;
        let line = |text: &str| model::plain::line(text, crate::limits::TITLE_CHARS);
        let mut above: Vec<_> = std::iter::once(&row.title).chain(&row.way).collect();
        let asking = above.pop().unwrap_or(&row.title);
        html! {
            p.from {
                a href=(self.session()) { (line(asking)) }
                @if !above.is_empty() {
                    (m!(", subagent of {titles}", titles = html! {
                        @for (at, title) in above.iter().enumerate() { @if at > 0 { " › " } (t!("“{title}”", title = line(title))) }
                    }))
                }
                @if let Some(agent) = &row.agent { " · " (t!("agent {name}", name = line(agent))) }
                " · " (line(&row.instance_name)) " · " (ago(row.asked))
            }
        }
    }

    fn permission(self, permission: &Permission) -> Markup {
        let row = self.row;
        let url = permission_url(row, permission);
        let why_not = self.why_not(permission);
        let covers = covers::words(&permission.permission, &permission.always);
        html! {
            form data-k={ "f:" (self.key()) } data-do="permission" data-url=(url) autocomplete="off" role="group"
                aria-labelledby=(self.what_id()) data-fingerprint=[why_not.is_none().then_some(&permission.content.fingerprint)] {
                div.ask {
                    p.what id=(self.what_id()) { span.mark.need aria-hidden="true" { "◆" } " " (content::verb(permission)) }
                    (self.from())
                    @if !row.directory.is_empty() { p.in { (m!("In {folder}", folder = html! { code { (model::plain::line(&row.directory, usize::MAX)) } })) } }
                    @match &why_not {
                        Some(why) => p.why { (why) " " a href=(self.session()) { (t("Open the session")) } },
                        None => {
                            (content::whole(permission))
                            @if let Some(covers) = &covers { p.covers.quiet { (m!("Always: {covers}", covers = covers)) } }
                            p.unread { (t("Scroll to the end to allow this.")) }
                        },
                    }
                    (buttons(why_not.is_none(), covers.is_some()))
                }
                @if self.size == Size::Large {
                    input type="text" name="message" dir="auto" autocomplete="off" enterkeyhint="send"
                        aria-label=(t("What to do instead; press Enter to reject with this message")) placeholder=(t("Reject, and say what to do instead"));
                }
            }
        }
    }

    /// Why a request cannot be allowed from this card.
    fn why_not(self, permission: &Permission) -> Option<&'static str> {
        if self.row.stopped {
            return Some(t(
                "The session was stopped, so this request is being rejected.",
            ));
        }
        content::why_not(permission, self.size)
    }
}

/// None of them sends the form: what Enter in a field does is no button's.
fn buttons(grants: bool, always: bool) -> Markup {
    html! {
        div.row {
            @if grants {
                button.main type="button" data-do="reply" value="once" { (t("Allow once")) kbd.key aria-hidden="true" { "a" } }
                @if always { button type="button" data-do="reply" value="always" { (t("Always")) kbd.key aria-hidden="true" { "A" } } }
            }
            button type="button" data-do="reply" value="reject" { (t("Reject")) kbd.key aria-hidden="true" { "x" } }
        }
    }
}
