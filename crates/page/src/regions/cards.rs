//! What waits for a person, as cards that can be answered: all of it at the side, and what the session in front asks
//! below its conversation.
//!
//! No card has a button that grants as its form's default, and what cannot be shown whole has none at all.

mod content;
mod covers;
mod question;

use maud::{Markup, html};
use model::state::Permission;
use model::view::{Look, NeedKind, NeedRow};

use super::{ago, item, list};
use crate::fragment::{Block, Fragment};
use crate::words::{encode, session_path};

/// Where a card is: below the conversation, where there is room to write, or at the side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Large,
    Small,
}

/// One card: a request, where it is shown, and the beginning of its keys.
#[derive(Clone, Copy)]
struct Card<'a> {
    row: &'a NeedRow,
    size: Size,
}

pub(super) fn needs(rows: &[NeedRow]) -> Fragment {
    let size = Size::Small;
    let cards = rows.iter().map(|row| Card { row, size }.block()).collect();
    let hidden = if rows.is_empty() { " hidden" } else { "" };
    let open = format!(
        "<section class=\"needs\" data-k=\"needs\" aria-label=\"Needs you\"{hidden}><h2>Needs you <span class=\"count \
         need\">{}</span></h2><ul data-k=\"needs-list\" aria-live=\"polite\">",
        rows.len()
    );
    list("needs", open, cards, "</ul></section>")
}

pub(super) fn asks(look: &Look, rows: &[NeedRow]) -> Fragment {
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
    let open = "<section class=\"asks\" data-k=\"asks\" aria-label=\"Waiting for you\"><ul data-k=\"asks-list\">";
    list("asks", open.to_owned(), cards, "</ul></section>")
}

impl Card<'_> {
    fn block(self) -> Block {
        let body = match &self.row.kind {
            NeedKind::Permission(permission) => self.permission(permission),
            NeedKind::Question(question) => self.question(question),
        };
        let class = if self.row.live { "card" } else { "card off" };
        item(
            self.key(),
            class,
            html! {
                (body)
                @if !self.row.live { p.quiet.away { "Its server cannot be heard. Your answer is kept, and sent once it is back; it may have been answered meanwhile." } }
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

    /// Who asks: the session, whose subagent it is up to the root, the agent, the instance.
    fn from(self) -> Markup {
        let row = self.row;
        let line = |text: &str| model::plain::line(text, crate::limits::TITLE_CHARS);
        let mut above: Vec<_> = std::iter::once(&row.title).chain(&row.way).collect();
        let asking = above.pop().unwrap_or(&row.title);
        html! {
            p.from {
                a href=(self.session()) { (line(asking)) }
                @if !above.is_empty() {
                    ", subagent of "
                    @for (at, title) in above.iter().enumerate() { @if at > 0 { " › " } "“" (line(title)) "”" }
                }
                @if let Some(agent) = &row.agent { " · agent " (line(agent)) }
                " · " (line(&row.instance_name)) " · " (ago(row.asked))
            }
        }
    }

    fn permission(self, permission: &Permission) -> Markup {
        let row = self.row;
        let url = format!(
            "/api/instances/{}/permissions/{}",
            encode(row.instance.as_str()),
            encode(permission.id.as_str())
        );
        let why_not = self.why_not(permission);
        let covers = covers::words(&permission.permission, &permission.always);
        html! {
            form data-k={ "f:" (self.key()) } data-do="permission" data-url=(url) autocomplete="off" role="group"
                aria-labelledby=(self.what_id()) data-fingerprint=[why_not.is_none().then_some(&permission.content.fingerprint)] {
                div.ask {
                    p.what id=(self.what_id()) { span.mark.need aria-hidden="true" { "◆" } " " (content::verb(permission)) }
                    (self.from())
                    @if !row.directory.is_empty() { p.in { "In " code { (model::plain::line(&row.directory, usize::MAX)) } } }
                    @match &why_not {
                        Some(why) => p.why { (why) " " a href=(self.session()) { "Look at the session" } },
                        None => {
                            (content::whole(permission))
                            @if let Some(covers) = &covers { p.covers.quiet { "Always: " (covers) } }
                            p.unread { "Scroll to the end to allow it." }
                        },
                    }
                    (buttons(why_not.is_none(), covers.is_some()))
                }
                @if self.size == Size::Large {
                    input type="text" name="message" dir="auto" autocomplete="off" enterkeyhint="send"
                        aria-label="What to do instead; Enter rejects with it" placeholder="Reject, and say what to do instead";
                }
            }
        }
    }

    /// Why a request cannot be allowed from this card.
    fn why_not(self, permission: &Permission) -> Option<&'static str> {
        if self.row.stopped {
            return Some("Its run was stopped, so it is being refused.");
        }
        content::why_not(permission, self.size)
    }
}

/// None of them sends the form: what Enter in a field does is no button's.
fn buttons(grants: bool, always: bool) -> Markup {
    html! {
        div.row {
            @if grants {
                button.main type="button" data-do="reply" value="once" { "Allow once" kbd.key aria-hidden="true" { "a" } }
                @if always { button type="button" data-do="reply" value="always" { "Always" } }
            }
            button type="button" data-do="reply" value="reject" { "Reject" }
        }
    }
}
